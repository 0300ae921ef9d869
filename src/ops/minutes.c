/* SPDX-License-Identifier: Apache-2.0 */
/* The minutes of a meeting: what the store, the HSM and the ceremony file know of it, as one object. */
#include "ops/meeting.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ops/ceremony.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/auditlog.h"
#include "store/journal.h"
#include "store/meetings.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum kms_status put(json_t *object, const char *name, json_t *value, struct kms_err *err)
{
	return json_object_set_new(object, name, value) ? kms_nomem(err) : KMS_OK;
}

static enum kms_status add_person(
	json_t *rows, const char *name, const char *part, struct kms_err *err)
{
	return json_array_append_new(rows, json_pack("{s:s, s:s}", "name", name, "part", part))
		       ? kms_nomem(err)
		       : KMS_OK;
}

static enum kms_status add_people(
	json_t *rows, const struct cer_people *people, const char *part, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < people->count; i++)
		st = add_person(rows, people->names[i], part, err);
	return st;
}

static enum kms_status everybody(const struct cer_plan *plan, json_t *rows, struct kms_err *err)
{
	enum kms_status st = add_people(rows, &plan->officers, "officer", err);

	if (!st)
		st = add_people(rows, &plan->witnesses, "witness", err);
	for (size_t i = 0; !st && i < plan->pairs.count; i++)
		for (size_t who = 0; !st && who < CER_PAIR_SIZE; who++) {
			char part[48];

			snprintf(part, sizeof(part), "custodian of component %zu", i + 1);
			st = add_person(rows, plan->pairs.pairs[i].names[who], part, err);
		}
	return st ? st : add_people(rows, &plan->attendees, "attendee", err);
}

/* SHA-256 of a file of any size. */
static enum kms_status hash_file(
	const char *path, char ret_hex[2 * HASH_SIZE + 1], struct kms_err *err)
{
	unsigned char block[1 << 14], hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (ctx && fd >= 0 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		while ((n = read(fd, block, sizeof(block))) > 0)
			if (EVP_DigestUpdate(ctx, block, (size_t)n) != 1)
				break;
	if (n == 0 && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		n = -1;
	EVP_MD_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	if (n != 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s' to note its hash", path);
	hex_encode(hash, HASH_SIZE, ret_hex);
	return KMS_OK;
}

/* Every file that the ceremony file names and that is there now. */
static enum kms_status add_files(const struct cer_plan *plan, json_t *rows, struct kms_err *err)
{
	static const enum cer_plan_field files[] = {CER_PLAN_KEY_PLAN, CER_PLAN_REQUEST,
		CER_PLAN_PACKAGE, CER_PLAN_RECEIPT, CER_PLAN_BACKUP_FILE};
	char hex[2 * HASH_SIZE + 1];
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < sizeof(files) / sizeof(*files); i++) {
		const char *path = plan->fields[files[i]];

		if (!path || access(path, R_OK))
			continue;
		st = hash_file(path, hex, err);
		if (!st && json_array_append_new(
				   rows, json_pack("{s:s, s:s}", "file", path, "sha256", hex)))
			st = kms_nomem(err);
	}
	return st;
}

static enum kms_status add_token(struct op_site *site, json_t *minutes, struct kms_err *err)
{
	struct hsm_token_info info;
	struct kms_err ignored = {0};

	/* A ceremony may have failed for want of a token. */
	if (!site->hsm || hsm_token_info(site->hsm, &info, &ignored))
		return ignored.code == KMS_ERR_NOMEM ? kms_nomem(err) : KMS_OK;
	return put(minutes, "hsm",
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "label", info.label, "serial", info.serial,
			"manufacturer", info.manufacturer, "model", info.model, "firmware",
			info.firmware),
		err);
}

static enum kms_status note(json_t *exceptions, struct kms_err *err, const char *fmt, ...)
	KMS_PRINTF(3, 4);
static enum kms_status note(json_t *exceptions, struct kms_err *err, const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return json_array_append_new(exceptions, json_string(text)) ? kms_nomem(err) : KMS_OK;
}

/* Rules that were set aside: they stand in the operation's journal row. */
static enum kms_status overrides(const struct store_op *op, json_t *exceptions, struct kms_err *err)
{
	JS_AUTO json_t *detail = NULL;
	const json_t *rule;
	const char *reason;
	size_t i;
	enum kms_status st;

	if (!op->detail)
		return KMS_OK;
	st = js_parse_object("journal row", op->detail, strlen(op->detail), &detail, err);
	if (st)
		return st;
	reason = json_string_value(json_object_get(detail, "override_reason"));
	json_array_foreach(json_object_get(detail, "overrides"), i, rule)
	{
		st = note(exceptions, err, "override (%s): %s", reason ? reason : "-",
			json_string_value(rule));
		if (st)
			return st;
	}
	if (json_is_true(json_object_get(detail, "host_assisted")))
		st = note(exceptions, err, "a key passed through this machine's locked memory");
	return st;
}

/* Wrong answers and refusals in the room, and sheets that are void. */
static enum kms_status room_exceptions(
	const json_t *ceremony, json_t *exceptions, struct kms_err *err)
{
	const json_t *events = json_object_get(json_object_get(ceremony, "minutes"), "events");
	static const char *const told[] = {"refused", "failed", "void"};
	const json_t *row;
	size_t i;
	enum kms_status st = KMS_OK;

	json_array_foreach(events, i, row)
	{
		const char *what = json_string_value(json_object_get(row, "what"));
		bool tell = false;

		for (size_t k = 0; what && k < sizeof(told) / sizeof(*told); k++)
			tell = tell || strcmp(what, told[k]) == 0;
		if (!st && tell)
			st = note(exceptions, err, "%s: %s",
				json_string_value(json_object_get(row, "time")),
				json_string_value(json_object_get(row, "text")));
	}
	json_array_foreach(json_object_get(ceremony, "custodians"), i, row)
	{
		const char *sheet = json_string_value(json_object_get(row, "sheet"));

		if (!st && sheet && strcmp(sheet, "void") == 0)
			st = note(exceptions, err, "sheet %06lld (%s) is void",
				(long long)json_integer_value(json_object_get(row, "serial")),
				json_string_value(json_object_get(row, "custodian")));
	}
	return st;
}

/* The key ceremony that belongs to this operation, if there was one. */
static enum kms_status add_ceremony(struct op_site *site, const char *op_id, json_t *minutes,
	json_t *exceptions, struct kms_err *err)
{
	STORE_AUTO(ceremony_list) struct store_ceremony_list all = {0};
	json_t *object = NULL;
	enum kms_status st = store_ceremonies(site->store, NULL, &all, err);

	for (size_t i = 0; !st && i < all.count; i++) {
		if (!all.items[i].op_id || strcmp(all.items[i].op_id, op_id) != 0)
			continue;
		st = op_ceremony_show(site, all.items[i].id, &object, err);
		if (!st)
			st = put(minutes, "ceremony", object, err);
		if (!st)
			st = room_exceptions(object, exceptions, err);
	}
	return st;
}

/* *ret_op_id: of the operation if it got as far as the journal, else "". */
static enum kms_status add_operation(struct op_site *site, const char *op_id, json_t *minutes,
	json_t *exceptions, char ret_op_id[OP_ID_TEXT], struct kms_err *err)
{
	STORE_AUTO(op) struct store_op op = {0};
	enum kms_status st;

	ret_op_id[0] = 0;
	if (!*op_id)
		return KMS_OK;
	st = store_op_get(site->store, op_id, &op, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (st)
		return st;
	snprintf(ret_op_id, OP_ID_TEXT, "%s", op.id);
	st = put(minutes, "operation",
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", op.id, "kind", op.kind, "subject",
			op.subject, "approved_by", op.actor, "state", op.state),
		err);
	if (!st)
		st = overrides(&op, exceptions, err);
	return st ? st : add_ceremony(site, op.id, minutes, exceptions, err);
}

static enum kms_status add_checkpoint(struct op_site *site, json_t *minutes, struct kms_err *err)
{
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	char time[CLOCK_TEXT_SIZE];
	enum kms_status st = store_checkpoint_last(site->store, &last, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (st)
		return st;
	clock_format(last.time, time);
	return put(minutes, "checkpoint",
		json_pack("{s:I, s:s, s:s}", "entries", (json_int_t)last.size, "root", last.root,
			"time", time),
		err);
}

enum kms_status op_minutes_make(struct op_site *site, const struct op_meeting *m,
	const char *outcome, const char *exception, const char *op_id, const json_t *result,
	char ret_op_id[OP_ID_TEXT], json_t **ret_minutes, struct kms_err *err)
{
	char file[2 * HASH_SIZE + 1], program[2 * HASH_SIZE + 1];
	JS_AUTO json_t *people = json_array();
	JS_AUTO json_t *files = json_array();
	JS_AUTO json_t *exceptions = json_array();
	JS_AUTO json_t *minutes = NULL;
	enum kms_status st;

	hex_encode(m->plan->hash, HASH_SIZE, file);
	if (!people || !files || !exceptions)
		return kms_nomem(err);
	st = hash_file("/proc/self/exe", program, err);
	if (!st)
		st = everybody(m->plan, people, err);
	if (!st)
		st = add_files(m->plan, files, err);
	if (st)
		return st;
	minutes = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:O, s:O, s:O*, s:O, s:O*, s:s}",
		"site", site->name, "title", m->plan->fields[CER_PLAN_TITLE], "date",
		m->plan->fields[CER_PLAN_DATE], "place", m->plan->fields[CER_PLAN_PLACE], "kind",
		cer_plan_kind_name(m->plan->kind), "file_sha256", file, "program_sha256", program,
		"people", people, "files", files, "conditions", m->conditions, "exceptions",
		exceptions, "result", result, "outcome", outcome);
	if (!minutes)
		return kms_nomem(err);
	if (exception)
		st = note(exceptions, err, "%s", exception);
	if (!st)
		st = add_token(site, minutes, err);
	if (!st)
		st = add_operation(site, op_id, minutes, exceptions, ret_op_id, err);
	if (!st)
		st = add_checkpoint(site, minutes, err);
	if (!st)
		*ret_minutes = json_incref(minutes);
	return st;
}

/* ---- looking back ---- */

/* A key ceremony that was held without a file has less to tell. */
static enum kms_status of_ceremony(
	struct op_site *site, const char *id, json_t **ret_minutes, struct kms_err *err)
{
	JS_AUTO json_t *ceremony = NULL;
	JS_AUTO json_t *exceptions = json_array();
	JS_AUTO json_t *minutes = NULL;
	enum kms_status st = op_ceremony_show(site, id, &ceremony, err);

	if (!st)
		st = exceptions ? room_exceptions(ceremony, exceptions, err) : kms_nomem(err);
	if (st)
		return st;
	minutes = json_pack("{s:s, s:s, s:s, s:O, s:O, s:O}", "id", id, "site", site->name, "title",
		"Key ceremony", "kind", json_object_get(ceremony, "kind"), "ceremony", ceremony,
		"exceptions", exceptions);
	if (!minutes)
		return kms_nomem(err);
	*ret_minutes = json_incref(minutes);
	return KMS_OK;
}

enum kms_status op_minutes_get(
	struct op_site *site, const char *id, json_t **ret_minutes, struct kms_err *err)
{
	STORE_AUTO(meeting) struct store_meeting row = {0};
	JS_AUTO json_t *minutes = NULL;
	char canonical[CER_ID_SIZE], started[CLOCK_TEXT_SIZE];
	enum kms_status st = cer_id_parse(id, canonical, err);

	if (!st)
		st = store_meeting_get(site->store, canonical, &row, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return of_ceremony(site, canonical, ret_minutes, err);
	}
	if (st)
		return st;
	if (!row.minutes) {
		kms_fail(err, KMS_ERR_STATE, "the meeting %s has no minutes: it is %s", canonical,
			row.state);
		return kms_hint(
			err, "if it was cut off, 'cardkms doctor' settles it and makes them");
	}
	st = js_parse_object("the minutes", row.minutes, strlen(row.minutes), &minutes, err);
	clock_format(row.started, started);
	if (!st)
		st = put(minutes, "id", json_string(row.id), err);
	if (!st)
		st = put(minutes, "started", json_string(started), err);
	clock_format(row.ended, started);
	if (!st)
		st = put(minutes, "ended", json_string(started), err);
	if (!st)
		*ret_minutes = json_incref(minutes);
	return st;
}
