/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/key_change.h"

#include "base/text.h"
#include "ops/impact.h"
#include "ops/meta.h"
#include "store/cards.h"

#include <inttypes.h>
#include <string.h>

enum { REASON_MAX = 500 };

void key_change_clear(struct key_change *change)
{
	store_key_list_free(&change->keys);
	json_decref(change->impact);
}

enum kms_status key_change_check(struct op *op, struct kms_err *err)
{
	const struct key_change *a = op->args;

	if (a->in->reason && !text_printable(a->in->reason, REASON_MAX)) {
		kms_fail(err, KMS_ERR_INVALID, "cannot note that reason for '%s'", a->in->name);
		return kms_hint(err,
			"a reason is one line of at most %d bytes, without control characters",
			REASON_MAX);
	}
	return op_subject(op, err, "%s", a->in->name);
}

static enum kms_status check_key(
	const struct key_change *a, const struct store_key *row, struct kms_err *err)
{
	enum key_state from;
	enum key_role role;
	enum kms_status st = key_state_parse(row->state, &from, err);

	if (!st)
		st = key_role_parse(row->role, &role, err);
	if (!st && (role == KEY_ROLE_IDENTITY || role == KEY_ROLE_AUDIT)) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' is what this site signs with", row->label);
		st = kms_hint(err, "it ends with the site");
	}
	if (!st && from == KEY_PENDING) {
		kms_fail(err, KMS_ERR_STATE, "'%s' belongs to an operation that has not ended",
			row->label);
		st = kms_hint(err, "run 'cardkms doctor'");
	}
	return st ? st : key_state_check(row->label, from, a->to, err);
}

/* Of a key set, those that can become so; there must be one. */
static enum kms_status choose(struct key_change *a, struct kms_err *err)
{
	struct kms_err first = {0};
	size_t kept = 0;

	if (!a->keyset)
		return check_key(a, &a->keys.items[0], err);
	for (size_t i = 0; i < a->keys.count; i++) {
		struct store_key row = a->keys.items[i];
		struct kms_err why = {0};

		if (check_key(a, &row, &why)) {
			first = first.msg[0] ? first : why;
			continue;
		}
		a->keys.items[i] = a->keys.items[kept];
		a->keys.items[kept++] = row;
	}
	for (size_t i = kept; i < a->keys.count; i++)
		store_key_free(&a->keys.items[i]);
	a->keys.count = kept;
	if (kept > 0)
		return KMS_OK;
	if (!first.msg[0])
		return kms_fail(
			err, KMS_ERR_STATE, "key set '%s' has no keys any more", a->in->name);
	*err = first;
	return first.code;
}

/*
 * Cards that carry keys of its set, or may: without the set nobody opens them again. Who says that it
 * is compromised is not stopped, but told how many are to be taken over.
 */
static enum kms_status check_cards(struct op *op, const struct key_change *a, struct kms_err *err)
{
	const struct store_key *row = &a->keys.items[0]; /* all are of one set */
	int64_t cards = 0;
	enum kms_status st = KMS_OK;

	if (row->keyset &&
		(a->to == KEY_DEACTIVATED || a->to == KEY_DESTROYED || a->to == KEY_COMPROMISED))
		st = store_dependants_count(op->site->store, row->keyset, &cards, err);
	if (st || cards == 0)
		return st;
	st = op_detail(op, "cards", json_integer(cards), err);
	if (!st)
		st = op_report(op, "cards", json_integer(cards), err);
	if (st || a->to == KEY_COMPROMISED)
		return st;
	return op_override(op, err,
		"%" PRId64 " security domain%s of cards still depend%s on '%s' of key set '%s'",
		cards, cards == 1 ? "" : "s", cards == 1 ? "s" : "",
		a->keyset ? "the keys" : row->label, row->keyset);
}

/* Reports and logs one key as ever, several as a list. */
static enum kms_status note_keys(struct op *op, const struct key_change *a, struct kms_err *err)
{
	const struct store_key *row = &a->keys.items[0];
	JS_AUTO json_t *labels = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < a->keys.count; i++)
		if (json_array_append_new(labels, json_string(a->keys.items[i].label)))
			return kms_nomem(err);
	if (a->keyset) {
		st = op_detail(op, "keyset", json_string(a->in->name), err);
		if (!st)
			st = op_detail(op, "keys", json_incref(labels), err);
		if (!st)
			st = op_report(op, "keyset", json_string(a->in->name), err);
		return st ? st : op_report(op, "keys", json_incref(labels), err);
	}
	st = op_detail(op, "id", json_string(row->cka_id), err);
	if (!st)
		st = op_detail(op, "from", json_string(row->state), err);
	return st ? st : op_report(op, "label", json_string(row->label), err);
}

enum kms_status key_change_validate(struct op *op, struct kms_err *err)
{
	struct key_change *a = op->args;
	enum kms_status st = op_keys_named(op->site, a->in->name, &a->keys, &a->keyset, err);

	if (!st)
		st = choose(a, err);
	if (!st)
		st = check_cards(op, a, err);
	if (!st)
		st = note_keys(op, a, err);
	if (!st)
		st = op_detail(op, "to", json_string(key_state_name(a->to)), err);
	if (!st && a->in->reason)
		st = op_detail(op, "reason", json_string(a->in->reason), err);
	return st ? st : op_report(op, "state", json_string(key_state_name(a->to)), err);
}

/* ---- key suspend, resume, retire, compromise ---- */

static enum kms_status state_validate(struct op *op, struct kms_err *err)
{
	struct key_change *a = op->args;
	const char *member;
	json_t *value;
	enum kms_status st = key_change_validate(op, err);

	if (!st && a->to == KEY_COMPROMISED)
		st = op_impact(op->site, &a->keys, &a->impact, err);
	json_object_foreach(a->impact, member, value)
	{
		if (!st)
			st = op_report(op, member, json_incref(value), err);
	}
	return st;
}

static enum kms_status state_commit(struct op *op, struct kms_err *err)
{
	const struct key_change *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->keys.count; i++)
		st = store_key_set_state(op->site->store, a->keys.items[i].cka_id,
			a->keys.items[i].state, key_state_name(a->to), a->in->reason, op->now, err);
	return st;
}

/* The list is made from the registry, any time again. */
static enum kms_status state_deliver(struct op *op, struct kms_err *err)
{
	const struct key_change *a = op->args;
	enum kms_status st = KMS_OK;

	if (!a->in->cards_path)
		return KMS_OK;
	st = op_impact_cards(op->site, a->impact, a->in->cards_path, err);
	if (st) {
		kms_hint(err,
			"the key is marked; 'cardkms key impact %s --cards F' writes the list",
			a->in->name);
		return st;
	}
	return op_report(op, "cards_file", json_string(a->in->cards_path), err);
}

enum kms_status op_key_change(struct op_site *site, const struct op_key_change *in,
	enum key_state state, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.state",
		.dual = DUAL_STATE,
		.check = key_change_check,
		.validate = state_validate,
		.commit = state_commit,
		.deliver = state_deliver,
	};
	struct key_change args __attribute__((cleanup(key_change_clear))) = {.in = in, .to = state};

	return op_run(site, &kind, &args, ret_report, err);
}

enum kms_status op_key_impact(struct op_site *site, const char *name, const char *cards_path,
	json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	JS_AUTO json_t *report = NULL;
	bool keyset;
	enum kms_status st = op_keys_named(site, name, &keys, &keyset, err);

	if (!st)
		st = op_impact(site, &keys, &report, err);
	if (!st && cards_path)
		st = op_impact_cards(site, report, cards_path, err);
	if (!st && json_object_set_new(report, "name", json_string(name)))
		st = kms_nomem(err);
	if (!st && cards_path && json_object_set_new(report, "cards_file", json_string(cards_path)))
		st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(report);
	return st;
}
