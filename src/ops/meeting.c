/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/meeting.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ops/meta.h"
#include "ops/op.h"
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

enum kms_status op_meetings_settle(struct op_site *site, struct kms_err *err)
{
	STORE_AUTO(meeting_list) struct store_meeting_list open = {0};
	JS_AUTO json_t *none = json_object();
	int64_t now = 0;
	enum kms_status st = store_meetings(site->store, "started", &open, err);

	for (size_t i = 0; !st && i < open.count; i++) {
		const char *id = open.items[i].id;

		if (strcmp(id, site->meeting) == 0)
			continue;
		st = op_log_clock(site, &now, err);
		if (!st)
			st = store_begin(site->store, err);
		if (st)
			return st;
		st = store_meeting_finish(site->store, id, "interrupted", NULL, NULL, now, err);
		if (!st)
			st = log_meeting(
				site, KIND_END, AUDIT_FAILURE, id, "interrupted", none, err);
		st = store_end(site->store, st, err);
	}
	return st;
}

enum kms_status op_meeting_end(struct op_site *site, const struct op_meeting *m,
	enum kms_status outcome, const struct kms_err *why, const json_t *result,
	struct kms_err *err)
{
	const char *word = outcome ? "failed" : "done";
	JS_AUTO json_t *minutes = NULL;
	JS_AUTO json_t *details = NULL;
	BUF_AUTO struct buf text = {0};
	char op_id[OP_ID_TEXT];
	int64_t now = 0;
	enum kms_status st = op_minutes_make(site, m, outcome, why, result, op_id, &minutes, err);

	site->meeting[0] = 0;
	if (!st)
		st = js_line(minutes, &text, err);
	if (!st)
		st = op_log_clock(site, &now, err);
	details = json_pack("{s:s}", "operation", op_id);
	if (!st && !details)
		st = kms_nomem(err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_meeting_finish(
		site->store, m->id, word, *op_id ? op_id : NULL, buf_text(&text), now, err);
	if (!st)
		st = log_meeting(site, KIND_END, outcome ? AUDIT_FAILURE : AUDIT_OUTCOME, m->id,
			word, details, err);
	return store_end(site->store, st, err);
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
