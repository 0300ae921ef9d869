/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operation left that has an intent and no outcome.
 *
 * Nothing of it was acknowledged, so what it made is taken back: every object whose row is PENDING
 * under that operation is destroyed and its row becomes void. Only a destruction goes the other
 * way: it is completed. Objects without a row are never touched here (doctor reports them).
 *
 * An operation on a card is only closed: which keys are on the card nobody knows until it is in a
 * reader again. Its change stays open and waits for `card resume`; other work goes on.
 */
#include "ops/op.h"

#include "base/hex.h"
#include "ops/doom.h"
#include "ops/meeting.h"
#include "ops/meta.h"
#include "ops/reconcile.h"
#include "store/cards.h"
#include "store/journal.h"
#include "store/keys.h"

#include <string.h>

static bool is_destruction(const struct store_op *op)
{
	return strcmp(op->kind, OP_KEY_DESTROY) == 0 || strcmp(op->kind, OP_KEY_RETIRE) == 0 ||
	       strcmp(op->kind, OP_HSM_REMOVE) == 0;
}

static bool is_of_card(const struct store_op *op)
{
	return strncmp(op->kind, OP_CARD_PREFIX, strlen(OP_CARD_PREFIX)) == 0;
}

static enum kms_status destroy_object(
	struct hsm *hsm, const char *cka_id, const char *label, struct kms_err *err)
{
	unsigned char id[HSM_ID_LEN];
	size_t count;
	enum kms_status st;

	if (!hex_decode_strict(cka_id, id, sizeof(id)))
		return kms_fail(err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", label);
	st = hsm_key_count(hsm, id, &count, err);
	if (st || count == 0)
		return st;
	return hsm_key_destroy(hsm, id, label, err);
}

static bool is_pending(const struct store_key *row)
{
	return strcmp(row->state, "pending") == 0;
}

/* The rows that an operation made, or was bringing back, and that were never acknowledged. */
static enum kms_status pending_keys(struct op_site *site, const char *op_id,
	struct store_key_list *ret_keys, struct kms_err *err)
{
	const struct store_key_filter filter = {.op_id = op_id};
	size_t kept = 0;
	enum kms_status st = store_keys(site->store, &filter, ret_keys, err);

	for (size_t i = 0; !st && i < ret_keys->count; i++) {
		struct store_key *row = &ret_keys->items[i];

		if (is_pending(row) || strcmp(row->location, KEY_RESTORING) == 0) {
			struct store_key moved = *row;

			*row = ret_keys->items[kept];
			ret_keys->items[kept++] = moved;
		}
	}
	for (size_t i = kept; !st && i < ret_keys->count; i++)
		store_key_free(&ret_keys->items[i]);
	if (!st)
		ret_keys->count = kept;
	return st;
}

static enum kms_status pending_copies(struct op_site *site, const char *op_id,
	struct store_copy_list *ret_copies, struct kms_err *err)
{
	const struct store_copy_filter filter = {.op_id = op_id, .state = "pending"};

	return store_copies(site->store, &filter, ret_copies, err);
}

/* A key that was to be made never was; one that was to come back is lost as before. */
static enum kms_status take_back(struct op_site *site, const struct store_key *row, const char *why,
	int64_t now, struct kms_err *err)
{
	struct store_key lost = *row;

	if (is_pending(row))
		return store_key_set_state(
			site->store, row->cka_id, "pending", "void", why, now, err);
	lost.location = KEY_LOST;
	return store_key_update(site->store, &lost, row->state, err);
}

static enum kms_status void_keysets(struct op_site *site, const char *op_id, struct kms_err *err)
{
	STORE_AUTO(keyset_list) struct store_keyset_list sets = {0};
	enum kms_status st = store_keysets(site->store, &sets, err);

	for (size_t i = 0; !st && i < sets.count; i++) {
		const struct store_keyset *set = &sets.items[i];

		if (set->op_id && strcmp(set->op_id, op_id) == 0 &&
			strcmp(set->state, "pending") == 0)
			st = store_keyset_set_state(site->store, set->name, "pending", "void", err);
	}
	return st;
}

static enum kms_status void_sheets(
	struct op_site *site, const struct store_ceremony *ceremony, struct kms_err *err)
{
	STORE_AUTO(custodian_list) struct store_custodian_list people = {0};
	enum kms_status st = store_custodians(site->store, ceremony->id, &people, err);

	for (size_t i = 0; !st && i < people.count; i++)
		if (people.items[i].position == 1)
			st = store_component_set(site->store, ceremony->id,
				people.items[i].component, people.items[i].sheet_serial,
				people.items[i].check_value, SHEET_VOID, err);
	return st;
}

static enum kms_status interrupt_ceremonies(
	struct op_site *site, const char *op_id, int64_t now, struct kms_err *err)
{
	STORE_AUTO(ceremony_list) struct store_ceremony_list list = {0};
	enum kms_status st = store_ceremonies(site->store, "started", &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_ceremony *c = &list.items[i];

		if (!c->op_id || strcmp(c->op_id, op_id) != 0)
			continue;
		st = void_sheets(site, c, err);
		if (!st)
			st = store_ceremony_finish(
				site->store, c->id, "interrupted", NULL, now, err);
	}
	return st;
}

/* The operation as op_log and op_actor want it. */
static void name_op(struct op *op, struct op_site *site, const struct op_kind *kind, const char *id)
{
	*op = (struct op){.site = site, .kind = kind};
	memcpy(op->id, id, OP_ID_TEXT - 1);
}

static enum kms_status log_settled(struct op_site *site, const struct store_op *row,
	const char *outcome, const char *why, struct kms_err *err)
{
	const struct op_kind kind = {.name = row->kind};
	JS_AUTO json_t *details = json_pack("{s:s}", "reason", why);
	struct op op;

	if (strlen(row->id) != OP_ID_TEXT - 1 || !details)
		return kms_fail(err, KMS_ERR_STORE, "the journal row '%s' is damaged", row->id);
	name_op(&op, site, &kind, row->id);
	return op_log(site, &op, row->kind, AUDIT_FAILURE, row->subject, outcome, details, err);
}

/* What it made on the HSMs, the principal one and others. */
static enum kms_status destroy_made(struct op_site *site, const struct store_key_list *keys,
	const struct store_copy_list *copies, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (keys->count > 0 && !site->token_blank)
		st = op_site_login(site, err);
	for (size_t i = 0; !st && !site->token_blank && i < keys->count; i++)
		st = destroy_object(site->hsm, keys->items[i].cka_id, keys->items[i].label, err);
	for (size_t i = 0; !st && i < copies->count; i++) {
		struct op_hsm *other = NULL;

		if (op_hsm_is_gone(site, copies->items[i].hsm))
			continue;
		st = op_hsm_login(site, copies->items[i].hsm, &other, err);
		if (!st)
			st = destroy_object(other->hsm, copies->items[i].cka_id, "the copy", err);
	}
	return st;
}

static enum kms_status void_copies(struct op_site *site, const struct store_copy_list *copies,
	int64_t now, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < copies->count; i++) {
		struct store_copy row = copies->items[i];

		row.state = "void";
		row.changed = now;
		st = store_copy_update(site->store, &row, "pending", err);
	}
	return st;
}

static enum kms_status remove_hsms(
	struct op_site *site, const char *op_id, int64_t now, struct kms_err *err)
{
	STORE_AUTO(hsm_list) struct store_hsm_list list = {0};
	enum kms_status st = store_hsms(site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		struct store_hsm row = list.items[i];

		if (!row.op_id || strcmp(row.op_id, op_id) != 0 ||
			strcmp(row.state, "pending") != 0)
			continue;
		row.state = "removed";
		row.changed = now;
		st = store_hsm_update(site->store, &row, "pending", err);
	}
	return st;
}

static enum kms_status roll_back(
	struct op_site *site, const struct store_op *op, const char *why, struct kms_err *err)
{
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	int64_t now = 0;
	enum kms_status st;

	st = pending_keys(site, op->id, &keys, err);
	if (!st)
		st = pending_copies(site, op->id, &copies, err);
	if (!st)
		st = destroy_made(site, &keys, &copies, err);
	if (!st)
		st = op_log_clock(site, &now, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	for (size_t i = 0; !st && i < keys.count; i++)
		st = take_back(site, &keys.items[i], why, now, err);
	if (!st)
		st = void_copies(site, &copies, now, err);
	if (!st)
		st = remove_hsms(site, op->id, now, err);
	if (!st)
		st = void_keysets(site, op->id, err);
	if (!st)
		st = interrupt_ceremonies(site, op->id, now, err);
	if (!st)
		st = store_op_finish(site->store, op->id, "rolled-back", why, now, err);
	if (!st)
		st = log_settled(site, op, "rolled back", why, err);
	return store_end(site->store, st, err);
}

/* The HSM whose removal was interrupted. */
static enum kms_status end_hsm(
	struct op_site *site, const struct store_op *op, int64_t now, struct kms_err *err)
{
	STORE_AUTO(hsm) struct store_hsm row = {0};
	struct store_hsm ended;
	enum kms_status st = store_hsm_get(site->store, op->subject, &row, err);

	if (st)
		return st;
	ended = row;
	ended.state = "removed";
	ended.changed = now;
	return store_hsm_update(site->store, &ended, row.state, err);
}

static enum kms_status roll_forward(
	struct op_site *site, const struct store_op *op, const char *why, struct kms_err *err)
{
	struct op_doom doom __attribute__((cleanup(op_doom_free))) = {0};
	int64_t now = 0;
	enum kms_status st = op_doom_read(op->detail, &doom, err);

	if (!st)
		st = op_doom_objects(site, &doom, err);
	if (!st)
		st = op_log_clock(site, &now, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = op_doom_rows(site, &doom, why, now, err);
	if (!st && strcmp(op->kind, OP_HSM_REMOVE) == 0)
		st = end_hsm(site, op, now, err);
	if (!st)
		st = store_op_finish(site->store, op->id, "done", "completed later", now, err);
	if (!st)
		st = log_settled(site, op, "completed: what was to be destroyed is", why, err);
	return store_end(site->store, st, err);
}

/* The change that the operation began, if that is still open. */
static enum kms_status waiting_card(struct op_site *site, const struct store_op *op,
	struct store_change *change, bool *ret_waits, struct kms_err *err)
{
	enum kms_status st = store_change_get(site->store, op->id, change, err);

	*ret_waits = st == KMS_OK && !change->outcome;
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status close_card_op(
	struct op_site *site, const struct store_op *op, const char *why, struct kms_err *err)
{
	STORE_AUTO(change) struct store_change change = {0};
	int64_t now = 0;
	const char *outcome = "not done";
	bool waits;
	enum kms_status st = waiting_card(site, op, &change, &waits, err);

	if (waits)
		outcome = "interrupted: the card waits";
	else if (!st && change.outcome)
		outcome = change.outcome;
	if (!st)
		st = op_log_clock(site, &now, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_op_finish(site->store, op->id, "failed", why, now, err);
	if (!st)
		st = log_settled(site, op, outcome, why, err);
	st = store_end(site->store, st, err);
	if (!st && waits)
		op_say(site, "card %s waits: cardkms card resume", change.card_id);
	return st;
}

enum kms_status op_settle(
	struct op_site *site, const char *op_id, const char *why, struct kms_err *err)
{
	STORE_AUTO(op) struct store_op op = {0};
	enum kms_status st;

	store_rollback(site->store);
	st = store_op_get(site->store, op_id, &op, err);
	if (st)
		return st;
	/* The commit may have become durable although it reported an error. */
	if (strcmp(op.state, "intent") != 0)
		return KMS_OK;
	if (is_of_card(&op))
		return close_card_op(site, &op, why, err);
	return is_destruction(&op) ? roll_forward(site, &op, why, err)
				   : roll_back(site, &op, why, err);
}

/* Whether a login is missing without which it cannot be settled: here, or at another HSM. */
static enum kms_status lacks_login(
	struct op_site *site, const struct store_op *op, bool *ret_lacks, struct kms_err *err)
{
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	enum kms_status st = pending_keys(site, op->id, &keys, err);
	struct op_doom doom __attribute__((cleanup(op_doom_free))) = {0};
	bool lacks = !site->logged_in && keys.count > 0;

	if (!st && is_destruction(op))
		st = op_doom_read(op->detail, &doom, err);
	lacks |= op_doom_lacks_login(site, &doom);
	if (!st)
		st = pending_copies(site, op->id, &copies, err);
	for (size_t i = 0; !st && i < copies.count; i++)
		lacks |= !op_hsm_logged_in(site, copies.items[i].hsm) &&
			 !op_hsm_is_gone(site, copies.items[i].hsm);
	if (!st)
		*ret_lacks = lacks;
	return st;
}

enum kms_status op_reconcile(struct op_site *site, bool must, json_t *lines, struct kms_err *err)
{
	STORE_AUTO(op_list) struct store_op_list ops = {0};
	enum kms_status st = store_ops(site->store, "intent", &ops, err);

	for (size_t i = 0; !st && i < ops.count; i++) {
		const struct store_op *op = &ops.items[i];
		const char *done = is_destruction(op) ? "completed"
				   : is_of_card(op)   ? "closed"
						      : "rolled back";
		bool lacks = false;

		st = lacks_login(site, op, &lacks, err);
		if (!st && lacks && !must)
			continue;
		if (!st && !site->dry_run)
			st = op_settle(site, op->id, "the program ended before its outcome", err);
		if (st)
			break;
		op_say(site, "%s %s: an earlier '%s' of '%s' had been interrupted",
			site->dry_run ? "to be" : "note:", done, op->kind, op->subject);
		if (lines && json_array_append_new(lines,
				     json_sprintf("%s: %s (%s)", done, op->kind, op->subject)))
			st = kms_nomem(err);
	}
	/* Their minutes tell how their operations ended. */
	return st || site->dry_run ? st : op_meetings_settle(site, err);
}
