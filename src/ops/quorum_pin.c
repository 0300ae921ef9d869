/* SPDX-License-Identifier: Apache-2.0 */
/* The HSM's PINs under a quorum: opened, found to hold, rotated. */
#include "ops/meta.h"
#include "ops/quorum.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What PKCS#11 has for one kind of PIN. */
struct pin_kind {
	const char *name;
	enum kms_status (*login)(struct hsm *hsm, const struct secret *pin, struct kms_err *err);
	enum kms_status (*change)(struct hsm *hsm, const struct secret *old,
		const struct secret *fresh, struct kms_err *err);
};

static const struct pin_kind user_pin = {PIN_USER, hsm_login, hsm_change_pin};
static const struct pin_kind so_pin = {PIN_SO, hsm_check_so_pin, hsm_change_so_pin};

static enum kms_status unseal(struct op_quorum *q, const struct store_pin *row,
	struct secret *ret_pin, struct kms_err *err)
{
	BUF_AUTO struct buf context = {0};
	enum kms_status st = op_pin_context(q, row->kind, row->number, &context, err);

	if (!st)
		st = cer_pin_open(row->sealed, &q->key, buf_text(&context), ret_pin, err);
	if (st == KMS_ERR_MISMATCH)
		kms_hint(err, "no PIN was tried; restore the registry from a copy");
	return st;
}

static const struct store_pin *in_state(const struct store_pin_list *list, const char *state)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].state, state) == 0)
			return &list->items[i];
	return NULL;
}

static enum kms_status no_pin(const char *kind, struct kms_err *err)
{
	return kms_fail(
		err, KMS_ERR_NOT_FOUND, "the quorum has no sealed PIN of the kind '%s'", kind);
}

enum kms_status op_quorum_pin(struct op_site *site, struct op_quorum *quorum, const char *kind,
	struct secret *ret_pin, struct kms_err *err)
{
	STORE_AUTO(pin_list) struct store_pin_list list = {0};
	const struct store_pin *current;
	enum kms_status st = store_pins(site->store, kind, &list, err);

	if (st)
		return st;
	current = in_state(&list, "current");
	return current ? unseal(quorum, current, ret_pin, err) : no_pin(kind, err);
}

/* ---- the log ---- */

static enum kms_status log_opening(struct op_site *site, const struct op_quorum *q,
	const char *op_id, const struct store_pin *pin, enum audit_phase phase, const char *outcome,
	struct kms_err *err)
{
	const struct op_kind kind = {.name = "quorum.open"};
	struct op op = {.site = site, .kind = &kind};
	JS_AUTO json_t *details = json_pack("{s:I, s:O, s:s, s:I}", "generation",
		(json_int_t)q->row.generation, "officers", q->openers, "pin", pin->kind, "number",
		(json_int_t)pin->number);

	if (!details)
		return kms_nomem(err);
	memcpy(op.id, op_id, OP_ID_TEXT);
	return op_log(site, &op, kind.name, phase, q->row.hsm_serial, outcome, details, err);
}

/* ---- which of them holds ---- */

struct found {
	struct secret pin;
	bool is_next, is_old;
};

static void found_clear(struct found *f)
{
	secret_free(&f->pin);
}

static bool may_try_another(const struct kms_err *why)
{
	return why->code == KMS_ERR_AUTH && strcmp(why->native, "CKR_PIN_INCORRECT") == 0;
}

/* All are proved by their tags before the first is tried. */
static enum kms_status find_holding(struct op_site *site, struct op_quorum *q,
	const struct pin_kind *kind, struct found *found, struct kms_err *err)
{
	STORE_AUTO(pin_list) struct store_pin_list list = {0};
	SECRET_AUTO struct secret other_pin = {0};
	const struct store_pin *current, *other;
	enum kms_status st = store_pins(site->store, kind->name, &list, err);

	if (st)
		return st;
	current = in_state(&list, "current");
	other = in_state(&list, "next");
	if (!other)
		other = in_state(&list, "old");
	if (!current)
		return no_pin(kind->name, err);
	st = unseal(q, current, &found->pin, err);
	if (!st && other)
		st = unseal(q, other, &other_pin, err);
	if (!st)
		st = kind->login(site->hsm, &found->pin, err);
	if (!st || !other || !may_try_another(err))
		return st;
	op_say(site, "note: the PIN's last rotation was cut short; the other one is tried");
	kms_err_clear(err);
	st = kind->login(site->hsm, &other_pin, err);
	if (st)
		return st;
	secret_take(&found->pin, &other_pin);
	found->is_next = strcmp(other->state, "next") == 0;
	found->is_old = !found->is_next;
	return KMS_OK;
}

/* The store agrees with the token: only `current` is there, and it holds. */
static enum kms_status settle(struct op_site *site, const struct pin_kind *kind,
	const struct found *found, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	if (found->is_next)
		st = store_pin_promote(site->store, kind->name, err);
	else if (found->is_old)
		st = store_pin_go_back(site->store, kind->name, err);
	if (!st)
		st = store_pin_drop(site->store, kind->name, "next", err);
	if (!st)
		st = store_pin_drop(site->store, kind->name, "old", err);
	return store_end(site->store, st, err);
}

/* ---- rotation ---- */

static enum kms_status seal_next(struct op_site *site, struct op_quorum *q, const char *op_id,
	const struct secret *fresh, struct store_pin *row, struct kms_err *err)
{
	BUF_AUTO struct buf context = {0}, sealed = {0};
	enum kms_status st = store_pin_last(site->store, row->kind, &row->number, err);

	row->number++;
	if (!st)
		st = op_pin_context(q, row->kind, row->number, &context, err);
	if (!st)
		st = cer_pin_seal(fresh, &q->key, buf_text(&context), &sealed, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	row->sealed = buf_text(&sealed);
	st = store_pin_add(site->store, row, err);
	if (!st)
		st = log_opening(site, q, op_id, row, AUDIT_INTENT, "", err);
	row->sealed = NULL;
	return store_end(site->store, st, err);
}

/* The new PIN has opened the token, or the one before has and stays. */
static enum kms_status conclude(struct op_site *site, struct op_quorum *q, const char *op_id,
	const struct store_pin *row, bool rotated, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	st = rotated ? store_pin_promote(site->store, row->kind, err)
		     : store_pin_drop(site->store, row->kind, "next", err);
	if (!st)
		st = log_opening(site, q, op_id, row, rotated ? AUDIT_OUTCOME : AUDIT_FAILURE,
			rotated ? "done" : "not rotated", err);
	return store_end(site->store, st, err);
}

/* The token did not take the new PIN: where the old one still opens it, work goes on with that. */
static enum kms_status not_changed(struct op_site *site, struct op_quorum *q,
	const struct pin_kind *kind, const char *op_id, const struct store_pin *row,
	const struct secret *pin, struct kms_err *err)
{
	struct kms_err why = *err;
	enum kms_status st;

	kms_err_clear(err);
	st = kind->login(site->hsm, pin, err);
	if (!st)
		st = conclude(site, q, op_id, row, false, err);
	if (!st)
		op_say(site, "warning: the PIN was not rotated: %s", why.msg);
	return st;
}

/* *pin holds, and is replaced by the new one. */
static enum kms_status rotate(struct op_site *site, struct op_quorum *q,
	const struct pin_kind *kind, struct secret *pin, struct kms_err *err)
{
	SECRET_AUTO struct secret fresh = {0};
	struct store_pin row = {.kind = kind->name,
		.generation = q->row.generation,
		.state = "next",
		.created = site->now()};
	struct hsm_token_info info;
	char op_id[OP_ID_HEX];
	enum kms_status st = op_new_id(op_id, err);

	if (!st)
		st = hsm_token_info(site->hsm, &info, err);
	if (!st)
		st = cer_pin_draw(info.pin_min, info.pin_max, &fresh, err);
	if (!st)
		st = seal_next(site, q, op_id, &fresh, &row, err);
	if (st)
		return st;
	st = kind->change(site->hsm, pin, &fresh, err);
	if (st)
		return not_changed(site, q, kind, op_id, &row, pin, err);
	st = kind->login(site->hsm, &fresh, err);
	if (!st)
		st = conclude(site, q, op_id, &row, true, err);
	if (!st)
		secret_take(pin, &fresh);
	return st;
}

/* A dry run opens, and changes nothing. */
static enum kms_status open_pin(struct op_site *site, struct op_quorum *q,
	const struct pin_kind *kind, struct secret *ret_pin, struct kms_err *err)
{
	struct found found __attribute__((cleanup(found_clear))) = {0};
	enum kms_status st = find_holding(site, q, kind, &found, err);

	if (!st && !site->dry_run)
		st = settle(site, kind, &found, err);
	if (!st && !site->dry_run)
		st = rotate(site, q, kind, &found.pin, err);
	if (!st)
		secret_take(ret_pin, &found.pin);
	return st;
}

static enum kms_status is_taken_over(
	struct op_site *site, const char *kind, bool *ret_taken_over, struct kms_err *err)
{
	STORE_AUTO(pin_list) struct store_pin_list list = {0};
	const struct store_pin *current;
	enum kms_status st = store_pins(site->store, kind, &list, err);

	if (st)
		return st;
	current = in_state(&list, "current");
	*ret_taken_over = current && current->number == 1;
	return KMS_OK;
}

/* Somebody outside of this quorum may know an administrator PIN that it has never rotated. */
static enum kms_status renew_so_pin(struct op_site *site, struct op_quorum *q, struct kms_err *err)
{
	SECRET_AUTO struct secret pin = {0};
	bool taken_over = false;
	enum kms_status st = is_taken_over(site, PIN_SO, &taken_over, err);

	if (st || !taken_over)
		return st;
	st = open_pin(site, q, &so_pin, &pin, err);
	return st ? st : hsm_login_again(site->hsm, err);
}

enum kms_status op_quorum_renew(struct op_site *site, struct kms_err *err)
{
	SECRET_AUTO struct secret pin = {0};
	struct op_quorum *q = NULL;
	bool taken_over = false;
	enum kms_status st = op_quorum_need(site, &q, err);

	if (!st)
		st = is_taken_over(site, PIN_USER, &taken_over, err);
	if (!st && taken_over)
		st = open_pin(site, q, &user_pin, &pin, err);
	return st ? st : renew_so_pin(site, q, err);
}

static enum kms_status the_same_token(
	struct op_site *site, const struct op_quorum *q, struct kms_err *err)
{
	struct hsm_token_info info;
	enum kms_status st = hsm_token_info(site->hsm, &info, err);

	if (st || strcmp(info.serial, q->row.hsm_serial) == 0)
		return st;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"the quorum's PINs are those of the token with serial %s, not %s",
		q->row.hsm_serial, info.serial);
}

static enum kms_status log_in(struct op_site *site, struct op_quorum *q, struct kms_err *err)
{
	SECRET_AUTO struct secret pin = {0};
	struct hsm_token_info info;
	enum kms_status st = the_same_token(site, q, err);

	if (!st)
		st = op_quorum_gather(site, q, err);
	if (!st)
		st = hsm_token_info(site->hsm, &info, err);
	if (!st)
		st = op_ask_last_try(site, &info, err);
	if (!st)
		st = open_pin(site, q, &user_pin, &pin, err);
	if (!st && !site->dry_run)
		st = renew_so_pin(site, q, err);
	return st ? st : op_caps_restore(site, site->hsm, &info, err);
}

/* Whatever command it is: the audit log shows that it was tried. */
static void log_refusal(struct op_site *site, const struct op_quorum *q, const struct kms_err *why)
{
	static const struct op_kind kind = {.name = "quorum.open"};
	char serial[64];
	struct op op = {.site = site, .kind = &kind, .subject = serial};

	snprintf(serial, sizeof(serial), "%s", q->row.hsm_serial);
	if (!op_new_id(op.id, NULL))
		op_log_failure(site, &op, why);
}

enum kms_status op_quorum_login(struct op_site *site, bool *ret_done, struct kms_err *err)
{
	struct op_quorum *q = NULL;
	bool held = false;
	enum kms_status st = op_quorum_find(site, &q, err);

	*ret_done = q != NULL;
	if (st || !q)
		return st;
	st = op_quorum_hold(site, &held, err);
	if (!st)
		st = op_quorum_need(site, &q, err);
	if (!st)
		st = log_in(site, q, err);
	if (st && !site->in_operation && site->quorum->loaded &&
		(st == KMS_ERR_AUTH || st == KMS_ERR_MISMATCH || st == KMS_ERR_DENIED))
		log_refusal(site, site->quorum, err);
	op_quorum_release(site, held);
	return st;
}

enum kms_status op_quorum_so_pin(
	struct op_site *site, struct secret *ret_pin, bool *ret_done, struct kms_err *err)
{
	struct op_quorum *q = NULL;
	bool held = false;
	enum kms_status st = op_quorum_find(site, &q, err);

	*ret_done = q != NULL;
	if (st || !q)
		return st;
	if (!q->key.len) {
		st = op_quorum_hold(site, &held, err);
	} else {
		/* Opened in this run: what the store says now counts, by the key that is known. */
		SECRET_AUTO struct secret key = {0};

		secret_take(&key, &q->key);
		st = op_quorum_hold(site, &held, err);
		if (!st)
			st = op_quorum_need(site, &q, err);
		if (!st)
			st = op_quorum_take_key(q, &key, err);
	}
	if (!st)
		st = op_quorum_need(site, &q, err);
	if (!st)
		st = op_quorum_gather(site, q, err);
	if (!st)
		st = site->dry_run ? op_quorum_pin(site, q, PIN_SO, ret_pin, err)
				   : open_pin(site, q, &so_pin, ret_pin, err);
	op_quorum_release(site, held);
	return st;
}
