/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key destroy; and key retire before a witness: the end of what was imported, with the transport key
 * that it came under. What is destroyed is destroyed on every HSM of the site.
 */
#include "ops/doom.h"
#include "ops/impact.h"
#include "ops/key_change.h"
#include "ops/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct destroy_args {
	struct key_change change; /* first: the common steps see only this */
	struct op_doom doom;
	struct store_key transport; /* goes with them; empty: none */
	const char *witness;
	char *proved; /* the witness's name, as enrolled */
};

static void destroy_clear(struct destroy_args *a)
{
	key_change_clear(&a->change);
	op_doom_free(&a->doom);
	store_key_free(&a->transport);
	free(a->proved);
}

/* Gone already, or lost with its HSM: what remains is to say so. Anything else stops it. */
static enum kms_status is_that_object(
	struct op *op, const struct store_key *row, struct kms_err *err)
{
	struct hsm_key object;
	enum kms_status st;

	if (strcmp(row->location, KEY_LOST) == 0)
		return KMS_OK;
	st = op_key_object(op->site, row, &object, err);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status doom_all(struct op *op, struct kms_err *err)
{
	struct destroy_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->change.keys.count; i++) {
		st = is_that_object(op, &a->change.keys.items[i], err);
		if (!st)
			st = op_doom_key(op->site, &a->doom, &a->change.keys.items[i], err);
	}
	if (!st && a->transport.cka_id)
		st = is_that_object(op, &a->transport, err);
	if (!st && a->transport.cka_id)
		st = op_doom_key(op->site, &a->doom, &a->transport, err);
	if (!st)
		st = op_doom_note(op, &a->doom, err);
	return st ? st : op_doom_login(op->site, &a->doom, err);
}

static enum kms_status note_check_value(
	struct op *op, const struct store_key *row, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (row->check_value)
		st = op_detail(op, "check_value", json_string(row->check_value), err);
	if (!st && row->check_method)
		st = op_detail(op, "check_method", json_string(row->check_method), err);
	return st;
}

static enum kms_status confirm(struct op *op, struct kms_err *err)
{
	const struct destroy_args *a = op->args;
	const struct store_key *row = &a->change.keys.items[0];
	char question[300];

	if (op->site->dry_run)
		return KMS_OK;
	if (a->change.keyset)
		snprintf(question, sizeof(question),
			"Destroy %zu keys of key set '%s'%s%s%s for good", a->change.keys.count,
			a->change.in->name, a->transport.label ? " and the transport key '" : "",
			a->transport.label ? a->transport.label : "",
			a->transport.label ? "'" : "");
	else
		snprintf(question, sizeof(question), "Destroy '%s' (%s, check value %s) for good",
			row->label, row->algorithm, row->check_value ? row->check_value : "-");
	return op_ask_confirm(op->site, question, err);
}

/* Into all HSMs that hold the keys, before anything is looked at: what was interrupted there ends now. */
static enum kms_status enter_all(struct op *op, const char *name, struct kms_err *err)
{
	struct op_doom doom __attribute__((cleanup(op_doom_free))) = {0};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	bool keyset;
	enum kms_status st = op_keys_named(op->site, name, &keys, &keyset, err);

	for (size_t i = 0; !st && i < keys.count; i++)
		st = op_doom_key(op->site, &doom, &keys.items[i], err);
	if (!st)
		st = op_doom_login(op->site, &doom, err);
	return st ? st : op_reconcile(op->site, false, NULL, err);
}

static enum kms_status destroy_validate(struct op *op, struct kms_err *err)
{
	struct destroy_args *a = op->args;
	enum kms_status st = enter_all(op, a->change.in->name, err);

	if (!st)
		st = key_change_validate(op, err);

	if (!st && !a->change.keyset)
		st = note_check_value(op, &a->change.keys.items[0], err);
	if (!st)
		st = doom_all(op, err);
	if (!st)
		st = op_report(op, "destroyed", json_integer((json_int_t)a->doom.count), err);
	return st ? st : confirm(op, err);
}

static enum kms_status destroy_act(struct op *op, struct kms_err *err)
{
	const struct destroy_args *a = op->args;

	return op_doom_objects(op->site, &a->doom, err);
}

static enum kms_status destroy_commit(struct op *op, struct kms_err *err)
{
	const struct destroy_args *a = op->args;

	return op_doom_rows(op->site, &a->doom, a->change.in->reason, op->now, err);
}

enum kms_status op_key_destroy(struct op_site *site, const struct op_key_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = OP_KEY_DESTROY,
		.needs = OP_NEED_LOGIN,
		.dual = DUAL_DESTROY,
		.check = key_change_check,
		.validate = destroy_validate,
		.act = destroy_act,
		.commit = destroy_commit,
	};
	struct destroy_args args __attribute__((cleanup(destroy_clear))) = {
		.change = {.in = in, .to = KEY_DESTROYED}};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- key retire --witness ---- */

/* Another live key set that came under that transport key still needs it. */
static enum kms_status still_needed(struct op *op, const char *transport_key, const char *keyset,
	bool *ret_needed, struct kms_err *err)
{
	STORE_AUTO(keyset_list) struct store_keyset_list sets = {0};
	enum kms_status st = store_keysets(op->site->store, &sets, err);

	*ret_needed = false;
	for (size_t i = 0; !st && i < sets.count; i++) {
		const struct store_key_filter live = {.keyset = sets.items[i].name, .live = true};
		STORE_AUTO(key_list) struct store_key_list keys = {0};
		FREE_AUTO char *under = NULL;

		if (strcmp(sets.items[i].name, keyset) == 0)
			continue;
		st = op_came_under(op->site, &sets.items[i], &under, err);
		if (!st && under && key_label_same(under, transport_key))
			st = store_keys(op->site->store, &live, &keys, err);
		*ret_needed |= keys.count > 0;
	}
	return st;
}

/* The transport key that an imported key set came under goes with the last set that did. */
static enum kms_status find_transport(struct op *op, struct kms_err *err)
{
	struct destroy_args *a = op->args;
	STORE_AUTO(keyset) struct store_keyset set = {0};
	FREE_AUTO char *under = NULL;
	bool needed = false;
	enum kms_status st = store_keyset_get(op->site->store, a->change.in->name, &set, err);

	if (!st)
		st = op_came_under(op->site, &set, &under, err);
	if (!st && under)
		st = still_needed(op, under, set.name, &needed, err);
	if (st || !under)
		return st;
	if (needed)
		return op_report(op, "transport_key_stays", json_string(under), err);
	st = store_key_by_label(op->site->store, under, &a->transport, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	return st ? st : op_report(op, "transport_key", json_string(under), err);
}

static enum kms_status retire_validate(struct op *op, struct kms_err *err)
{
	struct destroy_args *a = op->args;
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	bool keyset = false;
	enum kms_status st = op_witness_prove(op, a->witness, &a->proved, err);

	if (!st)
		st = op_detail(op, "witness", json_string(a->proved), err);
	if (!st)
		st = op_report(op, "witness", json_string(a->proved), err);
	if (!st)
		st = enter_all(op, a->change.in->name, err);
	if (!st)
		st = op_keys_named(op->site, a->change.in->name, &keys, &keyset, err);
	if (!st && keyset)
		st = find_transport(op, err);
	return st ? st : destroy_validate(op, err);
}

enum kms_status op_key_retire(struct op_site *site, const struct op_key_change *in,
	const char *witness, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = OP_KEY_RETIRE,
		.needs = OP_NEED_LOGIN,
		.dual = DUAL_DESTROY,
		.check = key_change_check,
		.validate = retire_validate,
		.act = destroy_act,
		.commit = destroy_commit,
	};
	struct destroy_args args __attribute__((cleanup(destroy_clear))) = {
		.change = {.in = in, .to = KEY_DESTROYED}, .witness = witness};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- hsm remove ---- */

struct remove_args {
	const char *name;
	bool lost;
	struct store_hsm row;
	struct op_doom doom;
};

static void remove_clear(struct remove_args *a)
{
	store_hsm_free(&a->row);
	op_doom_free(&a->doom);
}

static enum kms_status remove_validate(struct op *op, struct kms_err *err)
{
	struct remove_args *a = op->args;
	char question[300];
	struct op_hsm *h = NULL;
	enum kms_status st = op_subject(op, err, "%s", a->name);

	if (!st && !a->lost)
		st = op_hsm_enter(op->site, a->name, &h, err);
	/* What was interrupted there never ends otherwise. */
	if (!st && a->lost) {
		op->site->gone = a->name;
		st = op_reconcile(op->site, false, NULL, err);
	}
	if (!st)
		st = store_hsm_get(op->site->store, a->name, &a->row, err);
	if (!st)
		st = op_doom_hsm(op->site, &a->doom, a->name, err);
	a->doom.rows_only = a->lost;
	if (!st)
		st = op_doom_note(op, &a->doom, err);
	if (!st)
		st = op_detail(op, "hsm", json_string(a->name), err);
	if (!st)
		st = op_report(op, "name", json_string(a->name), err);
	if (!st)
		st = op_report(op, a->lost ? "given_up" : "destroyed",
			json_integer((json_int_t)a->doom.count), err);
	if (st || op->site->dry_run)
		return st;
	snprintf(question, sizeof(question), "%s %zu copies on the HSM '%s' for good",
		a->lost ? "Give up" : "Destroy", a->doom.count, a->name);
	return op_ask_confirm(op->site, question, err);
}

static enum kms_status remove_act(struct op *op, struct kms_err *err)
{
	const struct remove_args *a = op->args;

	return op_doom_objects(op->site, &a->doom, err);
}

static enum kms_status remove_commit(struct op *op, struct kms_err *err)
{
	const struct remove_args *a = op->args;
	struct store_hsm row = a->row;
	enum kms_status st = op_doom_rows(op->site, &a->doom, NULL, op->now, err);

	row.state = "removed";
	row.changed = op->now;
	return st ? st : store_hsm_update(op->site->store, &row, a->row.state, err);
}

enum kms_status op_hsm_remove(
	struct op_site *site, const char *name, bool lost, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = OP_HSM_REMOVE,
		.dual = DUAL_DESTROY,
		.validate = remove_validate,
		.act = remove_act,
		.commit = remove_commit,
	};
	struct remove_args args
		__attribute__((cleanup(remove_clear))) = {.name = name, .lost = lost};

	return op_run(site, &kind, &args, ret_report, err);
}
