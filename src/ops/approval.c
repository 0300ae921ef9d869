/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/approval.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "ceremony/words.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/approvals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WORDS = 8, SECONDS_PER_HOUR = 3600 };

/* ---- the digest ---- */

/* Drawn at random by each validation: not what is approved. */
static const char *const drawn[] = {"ceremony"};

/* What is approved, as one object: new reference. */
static json_t *what(const struct op *op)
{
	json_t *detail = json_deep_copy(op->detail);
	json_t *all;

	for (size_t i = 0; detail && i < sizeof(drawn) / sizeof(*drawn); i++)
		json_object_del(detail, drawn[i]);
	all = json_pack("{s:i, s:s, s:s, s:s, s:o, s:O, s:s?}", "approval", 1, "site",
		op->site->name, "operation", op->kind->name, "subject", op->subject, "detail",
		detail, "overrides", op->overrides, "override_reason",
		json_array_size(op->overrides) ? op->site->override_reason : NULL);
	return all;
}

static enum kms_status put_words(const struct op *op, struct buf *text, struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];

	if (!hex_decode_strict(op->digest, hash, sizeof(hash)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a digest is no hex");
	return cer_words(hash, WORDS, text, err);
}

enum kms_status op_approval_digest(struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *all = what(op);
	BUF_AUTO struct buf text = {0}, words = {0};
	unsigned char hash[HASH_SIZE];
	enum kms_status st = all ? js_line(all, &text, err) : kms_nomem(err);

	if (!st)
		st = hash_sha256(text.data, text.len, hash, err);
	if (st)
		return st;
	hex_encode(hash, sizeof(hash), op->digest);
	if (op->site->digest && strcasecmp(op->site->digest, op->digest) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH, "what was agreed on is %.64s, and this is %s",
			op->site->digest, op->digest);
		return kms_hint(err, "--dry-run shows what would be done; nothing was changed");
	}
	if (!op->site->dry_run)
		return KMS_OK;
	st = put_words(op, &words, err);
	if (!st)
		st = op_report(op, "approves", json_incref(all), err);
	if (!st)
		st = op_report(op, "digest", json_string(op->digest), err);
	return st ? st : op_report(op, "digest_words", json_string(buf_text(&words)), err);
}

/* "A. Ortiz, B. Lindqvist": of an array of texts, for people. */
static enum kms_status put_list(const json_t *array, struct buf *text)
{
	enum kms_status st = KMS_OK;
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (!st)
			st = buf_printf(text, NULL, "%s%s", i ? ", " : "", json_string_value(item));
	}
	return st;
}

static bool is_list(const json_t *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach(value, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return json_array_size(value) > 0;
}

/* One line for each detail; long ones are cut, as the digest stands for them. */
static void show_detail(struct op_site *site, const char *name, const json_t *value)
{
	enum { SHOWN = 160 };
	BUF_AUTO struct buf list = {0};
	FREE_AUTO char *json = NULL;
	const char *shown = json_string_value(value);

	if (is_list(value) && put_list(value, &list) == KMS_OK)
		shown = buf_text(&list);
	if (!shown)
		shown = json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (shown)
		op_say(site, "  %-16s %.*s%s", name, SHOWN, shown,
			strlen(shown) > SHOWN ? " …" : "");
}

void op_approval_show(const struct op *op)
{
	BUF_AUTO struct buf words = {0};
	const char *name;
	json_t *value;
	size_t i;

	op_say(op->site, "to be approved: %s of '%s'", op->kind->name, op->subject);
	json_object_foreach(op->detail, name, value) show_detail(op->site, name, value);
	json_array_foreach(op->overrides, i, value) show_detail(op->site, "sets aside", value);
	if (put_words(op, &words, NULL) == KMS_OK)
		op_say(op->site, "  digest           %s\n                   %s", op->digest,
			buf_text(&words));
}

/* ---- what was approved beforehand ---- */

static bool open_now(const struct store_approval *a, int64_t now)
{
	return strcmp(a->state, "open") == 0 && now < a->expires;
}

enum kms_status op_approval_find(struct op *op, const char *officer, char ret_id[OP_ID_TEXT],
	bool *ret_others, struct kms_err *err)
{
	STORE_AUTO(approval_list) struct store_approval_list list = {0};
	enum kms_status st = store_approvals(op->site->store, NULL, &list, err);

	ret_id[0] = 0;
	*ret_others = false;
	for (size_t i = 0; !st && i < list.count && !ret_id[0]; i++) {
		const struct store_approval *a = &list.items[i];

		if (!open_now(a, op->now) || strcmp(a->officer, officer) != 0)
			continue;
		if (strcmp(a->digest, op->digest) == 0)
			snprintf(ret_id, OP_ID_TEXT, "%s", a->id);
		else
			*ret_others = true;
	}
	return st;
}

enum kms_status op_approval_use(struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < OP_OFFICERS; i++)
		if (op->approval[i][0])
			st = store_approval_end(op->site->store,
				&(struct store_approval){.id = op->approval[i],
					.state = "used",
					.ended = op->now,
					.op_id = op->id},
				err);
	return st;
}

/* ---- approval create, list, revoke ---- */

struct approval_args {
	const char *digest; /* or, to revoke, an approval's id */
	const char *officer;
	unsigned hours;
	char hex[2 * HASH_SIZE + 1];
	char *proved;
};

/* Upper case, of the right length. */
static enum kms_status take_hex(
	struct approval_args *a, const char *noun, size_t bytes, struct kms_err *err)
{
	unsigned char raw[HASH_SIZE];

	if (strlen(a->digest) != 2 * bytes || !hex_decode_strict(a->digest, raw, bytes))
		return kms_fail(err, KMS_ERR_INVALID,
			"'%.80s' is no %s: it has %zu hexadecimal digits", a->digest, noun,
			2 * bytes);
	hex_encode(raw, bytes, a->hex);
	return KMS_OK;
}

static enum kms_status create_check(struct op *op, struct kms_err *err)
{
	struct approval_args *a = op->args;
	enum kms_status st = take_hex(a, "digest", HASH_SIZE, err);

	if (st == KMS_ERR_INVALID)
		kms_hint(err, "--dry-run of what is to be approved prints it");
	return st ? st : op_subject(op, err, "%s", a->hex);
}

static enum kms_status create_validate(struct op *op, struct kms_err *err)
{
	struct approval_args *a = op->args;
	char until[CLOCK_TEXT_SIZE];
	enum kms_status st = op_officer_prove(op, a->officer, &a->proved, err);

	clock_format(op->now + (int64_t)a->hours * SECONDS_PER_HOUR, until);
	if (!st)
		st = op_detail(op, "officer", json_string(a->proved), err);
	if (!st)
		st = op_detail(op, "until", json_string(until), err);
	if (!st)
		st = op_report(op, "id", json_string(op->id), err);
	if (!st)
		st = op_report(op, "officer", json_string(a->proved), err);
	return st ? st : op_report(op, "until", json_string(until), err);
}

static enum kms_status create_commit(struct op *op, struct kms_err *err)
{
	const struct approval_args *a = op->args;

	return store_approval_add(op->site->store,
		&(struct store_approval){.id = op->id,
			.officer = a->proved,
			.digest = a->hex,
			.state = "open",
			.given = op->now,
			.expires = op->now + (int64_t)a->hours * SECONDS_PER_HOUR},
		err);
}

enum kms_status op_approval_create(struct op_site *site, const char *digest, const char *officer,
	unsigned hours, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "approval.create",
		.check = create_check,
		.validate = create_validate,
		.commit = create_commit};
	struct approval_args args = {.digest = digest, .officer = officer, .hours = hours};
	enum kms_status st = op_run(site, &kind, &args, ret_report, err);

	free(args.proved);
	return st;
}

static enum kms_status revoke_check(struct op *op, struct kms_err *err)
{
	struct approval_args *a = op->args;
	enum kms_status st = take_hex(a, "approval", (OP_ID_TEXT - 1) / 2, err);

	return st ? st : op_subject(op, err, "%s", a->hex);
}

static enum kms_status revoke_validate(struct op *op, struct kms_err *err)
{
	struct approval_args *a = op->args;
	STORE_AUTO(approval_list) struct store_approval_list list = {0};
	const struct store_approval *found = NULL;
	enum kms_status st = store_approvals(op->site->store, NULL, &list, err);

	for (size_t i = 0; !st && i < list.count; i++)
		if (strcmp(list.items[i].id, a->hex) == 0)
			found = &list.items[i];
	if (!st && !found) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "no approval '%s'", a->hex);
		st = kms_hint(err, "'cardkms approval list' shows them");
	}
	if (!st && strcmp(found->state, "open") != 0)
		st = kms_fail(
			err, KMS_ERR_STATE, "approval '%s' is %s already", a->hex, found->state);
	if (!st)
		st = op_officer_prove(op, a->officer, &a->proved, err);
	if (!st)
		st = op_detail(op, "officer", json_string(a->proved), err);
	if (!st)
		st = op_report(op, "id", json_string(a->hex), err);
	return st ? st : op_report(op, "officer", json_string(found->officer), err);
}

static enum kms_status revoke_commit(struct op *op, struct kms_err *err)
{
	const struct approval_args *a = op->args;

	return store_approval_end(op->site->store,
		&(struct store_approval){
			.id = a->hex, .state = "revoked", .ended = op->now, .op_id = op->id},
		err);
}

enum kms_status op_approval_revoke(struct op_site *site, const char *id, const char *officer,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "approval.revoke",
		.check = revoke_check,
		.validate = revoke_validate,
		.commit = revoke_commit};
	struct approval_args args = {.digest = id, .officer = officer};
	enum kms_status st = op_run(site, &kind, &args, ret_report, err);

	free(args.proved);
	return st;
}

enum kms_status op_approval_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(approval_list) struct store_approval_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_approvals(site->store, NULL, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_approval *a = &list.items[i];
		const bool over = strcmp(a->state, "open") == 0 && !open_now(a, site->now());
		char given[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];

		clock_format(a->given, given);
		clock_format(a->expires, until);
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?}", "id", a->id,
					  "officer", a->officer, "digest", a->digest, "state",
					  over ? "expired" : a->state, "given", given, "until",
					  until, "operation_id", a->op_id)))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
