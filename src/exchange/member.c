/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/hex.h"
#include "base/text.h"
#include "base/utf8.h"
#include "exchange/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static enum kms_status not_that(
	const char *what, const char *name, const char *should_be, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' is not %s", what, name, should_be);
}

enum kms_status doc_read_text(const json_t *object, const char *what, const char *name, size_t min,
	const char **ret_text, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (st)
		return st;
	if (strlen(text) < min || !text_printable(text, DOC_TEXT_MAX))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is not %zu to %d bytes of printable text", what, name, min,
			DOC_TEXT_MAX);
	*ret_text = text;
	return KMS_OK;
}

enum kms_status doc_read_name(const json_t *object, const char *what, const char *name,
	bool may_be_empty, const char **ret_name, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st && (*text || !may_be_empty)) {
		st = name_check(text, name, err);
		if (st)
			kms_prefix(err, "%s: ", what);
	}
	if (!st)
		*ret_name = text;
	return st;
}

enum kms_status doc_read_id(const json_t *object, const char *what, const char *name,
	const char **ret_id, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st) {
		st = doc_id_check(text, name, err);
		if (st)
			kms_prefix(err, "%s: ", what);
	}
	if (!st)
		*ret_id = text;
	return st;
}

enum kms_status doc_read_label(const json_t *object, const char *what, const char *name,
	const char **ret_label, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st) {
		st = key_label_check(text, name, err);
		if (st)
			kms_prefix(err, "%s: ", what);
	}
	if (!st)
		*ret_label = text;
	return st;
}

enum kms_status doc_read_hex(const json_t *object, const char *what, const char *name, void *out,
	size_t len, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st && !hex_decode_strict(text, out, len))
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' is not %zu upper-case hex digits",
			what, name, 2 * len);
	return st;
}

enum kms_status doc_read_time(const json_t *object, const char *what, const char *name,
	int64_t *ret_time, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st && !clock_parse(text, ret_time))
		return not_that(what, name, "a time like 2026-11-23T17:25:00Z", err);
	return st;
}

enum kms_status doc_read_note(const json_t *object, const char *what, const char *name,
	const char **ret_note, struct kms_err *err)
{
	char line[DOC_NOTE_MAX + 1], *end;
	const char *text;
	size_t len;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (st)
		return st;
	len = strlen(text);
	if (len == 0 || len > DOC_NOTE_MAX || text[len - 1] != '\n')
		return not_that(what, name, "a signed checkpoint", err);
	memcpy(line, text, len + 1);
	for (end = line; (end = strchr(end, '\n')) != NULL;)
		*end = ' ';
	if (!text_printable(line, DOC_NOTE_MAX))
		return not_that(what, name, "a signed checkpoint", err);
	*ret_note = text;
	return KMS_OK;
}

enum kms_status doc_read_alg(
	const json_t *object, const char *what, enum key_alg *ret_alg, struct kms_err *err)
{
	enum key_alg alg = KEY_ALG_NONE;
	const char *text;
	enum kms_status st = js_get_text(object, what, "algorithm", &text, err);

	if (!st) {
		st = key_alg_parse(text, &alg, err);
		if (st)
			kms_prefix(err, "%s: ", what);
	}
	if (!st && !key_alg_is_tdes(alg) && !key_alg_is_aes(alg))
		return not_that(what, "algorithm", "a symmetric one", err);
	if (!st)
		*ret_alg = alg;
	return st;
}

enum kms_status doc_read_kcv(const json_t *object, const char *what, enum key_alg alg,
	struct key_kcv *ret_kcv, struct kms_err *err)
{
	struct key_kcv kcv = {0};
	const char *text;
	enum kms_status st = js_get_text(object, what, "check_method", &text, err);

	if (!st) {
		st = key_kcv_method_parse(text, &kcv.method, err);
		if (st)
			kms_prefix(err, "%s: ", what);
	}
	if (st)
		return st;
	kcv.len = key_kcv_len(kcv.method);
	if (!key_kcv_method_fits(kcv.method, alg) || kcv.len == 0 || kcv.len > sizeof(kcv.bytes))
		return kms_fail(err, KMS_ERR_INVALID, "%s: an %s key has no check value by %s",
			what, key_alg_name(alg), key_kcv_method_name(kcv.method));
	st = doc_read_hex(object, what, "check_value", kcv.bytes, kcv.len, err);
	if (!st)
		*ret_kcv = kcv;
	return st;
}

enum kms_status doc_read_list(const json_t *object, const char *what, const char *name, size_t min,
	size_t max, json_t **ret_list, struct kms_err *err)
{
	json_t *list;
	enum kms_status st = js_get_array(object, what, name, &list, err);

	if (st)
		return st;
	if (json_array_size(list) < min || json_array_size(list) > max)
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' has %zu members, not %zu to %zu",
			what, name, json_array_size(list), min, max);
	*ret_list = list;
	return KMS_OK;
}

enum kms_status doc_read_party(const json_t *object, const char *what, const char *name,
	struct doc_party *ret_party, struct kms_err *err)
{
	static const char *const members[] = {"fingerprint", "name", NULL};
	unsigned char hash[HASH_SIZE];
	struct doc_party party;
	json_t *member;
	enum kms_status st;

	if ((st = js_get_object(object, what, name, &member, err)) ||
		(st = js_only(member, what, members, err)) ||
		(st = doc_read_name(member, what, "name", false, &party.name, err)) ||
		(st = doc_read_hex(member, what, "fingerprint", hash, sizeof(hash), err)) ||
		(st = js_get_text(member, what, "fingerprint", &party.fingerprint, err)))
		return st;
	*ret_party = party;
	return KMS_OK;
}

enum kms_status doc_read_parties(const json_t *object, const char *what,
	struct doc_party *ret_sender, struct doc_party *ret_recipient, struct kms_err *err)
{
	struct doc_party sender, recipient;
	enum kms_status st;

	if ((st = doc_read_party(object, what, "sender", &sender, err)) ||
		(st = doc_read_party(object, what, "recipient", &recipient, err)))
		return st;
	if (strcmp(sender.fingerprint, recipient.fingerprint) == 0)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: sender and recipient are one site", what);
	*ret_sender = sender;
	*ret_recipient = recipient;
	return KMS_OK;
}

static int by_label(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

enum kms_status doc_check_distinct(
	const char *what, const char *const *labels, size_t count, struct kms_err *err)
{
	FREE_AUTO const char **sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return kms_nomem(err);
	memcpy(sorted, labels, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_label);
	for (size_t i = 1; i < count; i++)
		if (strcasecmp(sorted[i - 1], sorted[i]) == 0)
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: '%s' is named twice", what, sorted[i]);
	return KMS_OK;
}

json_t *doc_hex(const void *data, size_t len)
{
	char text[2 * 256 + 1];

	if (len > 256)
		return NULL;
	hex_encode(data, len, text);
	return json_string(text);
}

json_t *doc_time(int64_t time)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time, text);
	return json_string(text);
}

json_t *doc_party_json(const struct doc_party *party)
{
	return json_pack("{s:s, s:s}", "name", party->name, "fingerprint", party->fingerprint);
}

json_t *doc_kcv_hex(const struct key_kcv *kcv)
{
	return doc_hex(kcv->bytes, kcv->len <= sizeof(kcv->bytes) ? kcv->len : 0);
}
