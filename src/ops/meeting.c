/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/meeting.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ops/meta.h"
#include "ops/op.h"
#include "store/journal.h"
#include "store/meetings.h"

#include <openssl/rand.h>
#include <string.h>

#define KIND_BEGIN "ceremony.begin"
#define KIND_END   "ceremony.end"

/* ---- log entries and rows ---- */

static enum kms_status log_meeting(struct op_site *site, const char *kind, enum audit_phase phase,
	const char *id, const char *outcome, const json_t *details, struct kms_err *err)
{
	const struct op_kind as_kind = {.name = kind};
	struct op op = {.site = site, .kind = &as_kind};
	enum kms_status st = op_new_id(op.id, err);

	return st ? st : op_log(site, &op, kind, phase, id, outcome, details, err);
}

enum kms_status op_meeting_begin(struct op_site *site, const struct cer_plan *plan,
	const char *plan_text, const json_t *conditions, struct op_meeting *ret_meeting,
	struct kms_err *err)
{
	struct op_meeting m = {.plan = plan, .plan_text = plan_text, .conditions = conditions};
	unsigned char random[CER_ID_RANDOM];
	char hash[2 * HASH_SIZE + 1];
	JS_AUTO json_t *details = NULL;
	int64_t now;
	enum kms_status st = op_log_clock(site, &now, err);

	if (st)
		return st;
	if (RAND_bytes(random, sizeof(random)) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "no random bytes for an id");
	cer_id_make(random, m.id);
	hex_encode(plan->hash, HASH_SIZE, hash);
	details = json_pack("{s:s, s:s, s:s}", "kind", cer_plan_kind_name(plan->kind), "title",
		plan->fields[CER_PLAN_TITLE], "file_sha256", hash);
	if (!details)
		return kms_nomem(err);
	st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_meeting_add(site->store,
		&(struct store_meeting){.id = m.id,
			.kind = cer_plan_kind_name(plan->kind),
			.title = plan->fields[CER_PLAN_TITLE],
			.file_sha256 = hash,
			.file_text = plan_text,
			.state = "started",
			.started = now},
		err);
	if (!st)
		st = log_meeting(site, KIND_BEGIN, AUDIT_INTENT, m.id, "", details, err);
	st = store_end(site->store, st, err);
	if (st)
		return st;
	*ret_meeting = m;
	memcpy(site->meeting, m.id, sizeof(m.id));
	return KMS_OK;
}

/* ---- the end ---- */

static enum kms_status finish(struct op_site *site, const char *id, const char *word,
	const char *op_id, const json_t *minutes, struct kms_err *err)
{
	const bool done = strcmp(word, "done") == 0;
	JS_AUTO json_t *details = *op_id ? json_pack("{s:s}", "operation", op_id) : json_object();
	BUF_AUTO struct buf text = {0};
	int64_t now = 0;
	enum kms_status st = details ? KMS_OK : kms_nomem(err);

	if (!st && minutes)
		st = js_line(minutes, &text, err);
	if (!st)
		st = op_log_clock(site, &now, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_meeting_finish(site->store, id, word, *op_id ? op_id : NULL,
		minutes ? buf_text(&text) : NULL, now, err);
	if (!st)
		st = log_meeting(site, KIND_END, done ? AUDIT_OUTCOME : AUDIT_FAILURE, id, word,
			details, err);
	return store_end(site->store, st, err);
}

enum kms_status op_meeting_end(struct op_site *site, const struct op_meeting *m,
	enum kms_status outcome, const struct kms_err *why, const json_t *result,
	struct kms_err *err)
{
	const char *word = outcome ? "failed" : "done";
	JS_AUTO json_t *minutes = NULL;
	char exception[sizeof(why->msg) + 16], op_id[OP_ID_TEXT];
	enum kms_status st;

	if (outcome)
		snprintf(exception, sizeof(exception), "it failed: %s", why->msg);
	st = op_minutes_make(site, m, word, outcome ? exception : NULL, site->last_op, result,
		op_id, &minutes, err);
	site->meeting[0] = 0;
	return st ? st : finish(site, m->id, word, op_id, minutes, err);
}

/* ---- one that never came to its end ---- */

/* The last operation whose journal row names the meeting. */
static enum kms_status operation_of(struct op_site *site, const struct store_meeting *row,
	char ret_op_id[OP_ID_TEXT], bool *ret_open, struct kms_err *err)
{
	STORE_AUTO(op_list) struct store_op_list ops = {0};
	enum kms_status st = store_ops_since(site->store, row->started, &ops, err);

	ret_op_id[0] = 0;
	*ret_open = false;
	for (size_t i = 0; !st && i < ops.count; i++) {
		const struct store_op *op = &ops.items[i];
		JS_AUTO json_t *detail = NULL;
		const char *meeting;

		if (!op->detail)
			continue;
		st = js_parse_object("journal row", op->detail, strlen(op->detail), &detail, err);
		meeting = json_string_value(json_object_get(detail, "meeting"));
		if (st || !meeting || strcmp(meeting, row->id) != 0)
			continue;
		snprintf(ret_op_id, OP_ID_TEXT, "%s", op->id);
		*ret_open = *ret_open || strcmp(op->state, "intent") == 0;
	}
	return st;
}

/* What can still be told of it. A ceremony file that this program cannot read leaves it without minutes. */
static enum kms_status late_minutes(struct op_site *site, const struct store_meeting *row,
	const char *op_id, json_t **ret_minutes, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	struct op_meeting m = {.plan = &plan, .plan_text = row->file_text};
	char noted[OP_ID_TEXT];
	enum kms_status st = cer_plan_parse(
		"the ceremony file", row->file_text, strlen(row->file_text), &plan, err);

	if (kms_is_answer(st)) {
		kms_err_clear(err);
		return KMS_OK;
	}
	return st ? st
		  : op_minutes_make(site, &m, "interrupted",
			    "it was cut off; these minutes were made afterwards", op_id, NULL,
			    noted, ret_minutes, err);
}

enum kms_status op_meetings_settle(struct op_site *site, struct kms_err *err)
{
	STORE_AUTO(meeting_list) struct store_meeting_list open = {0};
	enum kms_status st = store_meetings(site->store, "started", &open, err);

	for (size_t i = 0; !st && i < open.count; i++) {
		const struct store_meeting *row = &open.items[i];
		JS_AUTO json_t *minutes = NULL;
		char op_id[OP_ID_TEXT];
		bool waits = false;

		if (strcmp(row->id, site->meeting) == 0)
			continue;
		st = operation_of(site, row, op_id, &waits, err);
		if (!st && waits)
			continue;
		if (!st)
			st = late_minutes(site, row, op_id, &minutes, err);
		if (!st)
			st = finish(site, row->id, "interrupted", op_id, minutes, err);
	}
	return st;
}

/* ---- looking back ---- */

static json_t *meeting_json(const struct store_meeting *row)
{
	char started[CLOCK_TEXT_SIZE], ended[CLOCK_TEXT_SIZE] = "-";

	clock_format(row->started, started);
	if (row->ended)
		clock_format(row->ended, ended);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "meeting", row->id, "kind",
		row->kind, "title", row->title, "state", row->state, "started", started, "ended",
		ended, "file_sha256", row->file_sha256);
}

enum kms_status op_meetings(struct op_site *site, json_t **ret_rows, struct kms_err *err)
{
	STORE_AUTO(meeting_list) struct store_meeting_list all = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_meetings(site->store, NULL, &all, err);

	for (size_t i = 0; !st && i < all.count; i++)
		if (json_array_append_new(rows, meeting_json(&all.items[i])))
			st = kms_nomem(err);
	if (!st)
		*ret_rows = json_incref(rows);
	return st;
}
