/* SPDX-License-Identifier: Apache-2.0 */
/* The keys: listed, shown, moved from state to state, destroyed. */
#include "ops/ops.h"

#include "base/hex.h"
#include "base/text.h"
#include "ops/meta.h"
#include "ops/reconcile.h"
#include "store/cards.h"
#include "store/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REASON_MAX = 500 };

enum kms_status op_key_list(struct op_site *site, const char *keyset, const char *state,
	json_t **ret_report, struct kms_err *err)
{
	/* Without a filter: the keys there are. Void and destroyed ones are shown on request. */
	const struct store_key_filter filter = {
		.keyset = keyset, .state = state, .live = state == NULL};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	JS_AUTO json_t *rows = json_array();
	enum key_state known;
	enum kms_status st = state ? key_state_parse(state, &known, err) : KMS_OK;

	if (!st && keyset) {
		STORE_AUTO(keyset) struct store_keyset set = {0};

		st = store_keyset_get(site->store, keyset, &set, err);
	}
	if (!st)
		st = store_keys(site->store, &filter, &keys, err);
	for (size_t i = 0; !st && i < keys.count; i++) {
		json_t *object;

		st = op_key_json(&keys.items[i], &object, err);
		if (!st && json_array_append_new(rows, object))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

static enum kms_status add_keyset_facts(
	struct op_site *site, const char *name, json_t *object, struct kms_err *err)
{
	STORE_AUTO(keyset) struct store_keyset set = {0};
	enum kms_status st = store_keyset_get(site->store, name, &set, err);
	int bad;

	if (st)
		return st;
	bad = json_object_set_new(object, "customer", json_string(set.customer));
	bad |= json_object_set_new(object, "diversification", json_string(set.diversification));
	if (set.definition && strcmp(set.definition, set.diversification) != 0)
		bad |= json_object_set_new(object, "definition", json_string(set.definition));
	if (set.cryptoperiod)
		bad |= json_object_set_new(object, "cryptoperiod", json_string(set.cryptoperiod));
	return bad ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_key_show(
	struct op_site *site, const char *label, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	JS_AUTO json_t *object = NULL;
	int64_t cards = 0;
	enum kms_status st = store_key_by_label(site->store, label, &row, err);

	if (!st)
		st = op_key_json(&row, &object, err);
	if (!st && row.keyset)
		st = add_keyset_facts(site, row.keyset, object, err);
	if (!st && row.keyset)
		st = store_dependants_count(site->store, row.keyset, &cards, err);
	if (!st && row.keyset && json_object_set_new(object, "cards", json_integer(cards)))
		st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(object);
	return st;
}

/* ---- states ---- */

struct change_args {
	const char *label, *reason;
	enum key_state state;
	struct store_key row;
};

static void change_clear(struct change_args *a)
{
	store_key_free(&a->row);
}

static enum kms_status change_check(struct op *op, struct kms_err *err)
{
	const struct change_args *a = op->args;

	if (a->reason && !text_printable(a->reason, REASON_MAX)) {
		kms_fail(err, KMS_ERR_INVALID, "cannot note that reason for '%s'", a->label);
		return kms_hint(err,
			"a reason is one line of at most %d bytes, without control characters",
			REASON_MAX);
	}
	return op_subject(op, err, "%s", a->label);
}

/*
 * Cards that carry keys of its set, or may: without the set nobody opens them again. Who says that it
 * is compromised is not stopped, but told how many are to be taken over.
 */
static enum kms_status check_cards(struct op *op, const struct change_args *a, struct kms_err *err)
{
	int64_t cards = 0;
	enum kms_status st = KMS_OK;

	if (a->row.keyset && (a->state == KEY_DEACTIVATED || a->state == KEY_DESTROYED ||
				     a->state == KEY_COMPROMISED))
		st = store_dependants_count(op->site->store, a->row.keyset, &cards, err);
	if (st || cards == 0)
		return st;
	st = op_detail(op, "cards", json_integer(cards), err);
	if (!st)
		st = op_report(op, "cards", json_integer(cards), err);
	if (st || a->state == KEY_COMPROMISED)
		return st;
	return op_override(op, err,
		"%" PRId64 " security domain%s of cards still depend%s on '%s' of key set '%s'",
		cards, cards == 1 ? "" : "s", cards == 1 ? "s" : "", a->row.label, a->row.keyset);
}

static enum kms_status change_validate(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum key_state from;
	enum key_role role;
	enum kms_status st;

	st = store_key_by_label(op->site->store, a->label, &a->row, err);
	if (!st)
		st = key_state_parse(a->row.state, &from, err);
	if (!st)
		st = key_role_parse(a->row.role, &role, err);
	if (!st && (role == KEY_ROLE_IDENTITY || role == KEY_ROLE_AUDIT)) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' is what this site signs with", a->row.label);
		st = kms_hint(err, "it ends with the site");
	}
	if (!st && from == KEY_PENDING) {
		kms_fail(err, KMS_ERR_STATE, "'%s' belongs to an operation that has not ended",
			a->row.label);
		st = kms_hint(err, "run 'cardkms doctor'");
	}
	if (!st)
		st = key_state_check(a->row.label, from, a->state, err);
	if (!st)
		st = check_cards(op, a, err);
	if (!st)
		st = op_detail(op, "id", json_string(a->row.cka_id), err);
	if (!st)
		st = op_detail(op, "from", json_string(a->row.state), err);
	if (!st)
		st = op_detail(op, "to", json_string(key_state_name(a->state)), err);
	if (!st && a->reason)
		st = op_detail(op, "reason", json_string(a->reason), err);
	if (!st)
		st = op_report(op, "label", json_string(a->row.label), err);
	return st ? st : op_report(op, "state", json_string(key_state_name(a->state)), err);
}

static enum kms_status change_commit(struct op *op, struct kms_err *err)
{
	const struct change_args *a = op->args;

	return store_key_set_state(op->site->store, a->row.cka_id, a->row.state,
		key_state_name(a->state), a->reason, op->now, err);
}

enum kms_status op_key_change(struct op_site *site, const char *label, enum key_state state,
	const char *reason, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.state",
		.check = change_check,
		.validate = change_validate,
		.commit = change_commit,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {
		.label = label, .state = state, .reason = reason};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- key destroy ---- */

static enum kms_status destroy_validate(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	char question[200];
	struct hsm_key object;
	enum kms_status st = change_validate(op, err);

	if (!st && a->row.check_value)
		st = op_detail(op, "check_value", json_string(a->row.check_value), err);
	if (!st && a->row.check_method)
		st = op_detail(op, "check_method", json_string(a->row.check_method), err);
	if (st)
		return st;
	st = op_key_object(op->site, &a->row, &object, err);
	/* Gone already: what remains is to say so. Anything else stops it. */
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (st || op->site->dry_run)
		return st;
	snprintf(question, sizeof(question), "Destroy '%s' (%s, check value %s) for good",
		a->row.label, a->row.algorithm, a->row.check_value ? a->row.check_value : "-");
	return op_ask_confirm(op->site, question, err);
}

static enum kms_status destroy_act(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	unsigned char id[HSM_ID_LEN];
	size_t left;
	enum kms_status st;

	if (!hex_decode_strict(a->row.cka_id, id, sizeof(id)))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", a->label);
	st = hsm_key_count(op->site->hsm, id, &left, err);
	return st || left == 0 ? st : hsm_key_destroy(op->site->hsm, id, a->row.label, err);
}

static enum kms_status destroy_verify(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	unsigned char id[HSM_ID_LEN];
	size_t left;
	enum kms_status st;

	if (!hex_decode_strict(a->row.cka_id, id, sizeof(id)))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", a->label);
	st = hsm_key_count(op->site->hsm, id, &left, err);
	if (!st && left > 0)
		st = kms_fail(err, KMS_ERR_HSM, "the HSM still holds '%s'", a->row.label);
	return st;
}

enum kms_status op_key_destroy(struct op_site *site, const char *label, const char *reason,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = OP_KEY_DESTROY,
		.needs = OP_NEED_LOGIN,
		.dual = DUAL_DESTROY,
		.check = change_check,
		.validate = destroy_validate,
		.act = destroy_act,
		.verify = destroy_verify,
		.commit = change_commit,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {
		.label = label, .state = KEY_DESTROYED, .reason = reason};

	return op_run(site, &kind, &args, ret_report, err);
}
