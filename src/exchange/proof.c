/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/proof.h"

#include "base/hex.h"
#include "exchange/internal.h"

#include <string.h>

static const char *const members[] = {"algorithm", "card", "cardkms", "created", "data", "domain",
	"file", "key", "operation", "sha256", "value", NULL};

/* A DAP is over SHA-256 of the load file data block. */
enum { DAP_DATA = HASH_SIZE, AID_DIGITS_MIN = 10, AID_DIGITS_MAX = 32 };

/* doc_hex is for what is short. */
static json_t *data_hex(const struct doc_proof *p)
{
	char text[2 * DOC_PROOF_DATA_MAX + 1];

	if (p->data_len > sizeof(p->data))
		return NULL;
	hex_encode(p->data, p->data_len, text);
	return json_string(text);
}

static enum kms_status read_bytes(const json_t *object, const char *what, const char *name,
	size_t max, unsigned char *out, size_t *ret_len, struct kms_err *err)
{
	const char *text;
	size_t len;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (st)
		return st;
	len = strlen(text) / 2;
	if (len == 0 || len > max || !hex_decode_strict(text, out, len))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is not 1 to %zu bytes in upper-case hex", what, name, max);
	*ret_len = len;
	return KMS_OK;
}

static enum kms_status read_aid(const json_t *object, const char *what, const char *name,
	bool needed, const char **ret_aid, struct kms_err *err)
{
	unsigned char bytes[AID_DIGITS_MAX / 2];
	const char *text;
	size_t len;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (st)
		return st;
	len = strlen(text);
	if ((needed || len) && (len < AID_DIGITS_MIN || len > AID_DIGITS_MAX ||
				       !hex_decode_strict(text, bytes, len / 2)))
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: '%s' is no AID in upper-case hex", what, name);
	*ret_aid = text;
	return KMS_OK;
}

/* The key that a value is by: a receipt need not have been verified. */
static enum kms_status read_key(const json_t *object, struct doc_proof *p, struct kms_err *err)
{
	const char *what = doc_kind_name(p->kind), *alg;
	enum kms_status st;

	if ((st = js_get_text(object, what, "key", &p->key, err)) ||
		(st = js_get_text(object, what, "algorithm", &alg, err)))
		return st;
	if (p->kind == DOC_CARD_RECEIPT && !*p->key && !*alg)
		return KMS_OK;
	if ((st = key_label_check(p->key, "key", err)) || (st = key_alg_parse(alg, &p->alg, err))) {
		(void)kms_prefix(err, "%s: ", what);
		return st;
	}
	if (!key_alg_is_aes(p->alg) && p->alg != KEY_P256)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: no such value is made with %s", what, alg);
	return KMS_OK;
}

static bool is_operation(const char *text, bool dap)
{
	static const char *const words[] = {
		"load", "install", "make-selectable", "extradite", "delete"};

	for (size_t i = 0; i < (dap ? 1 : sizeof(words) / sizeof(words[0])); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static enum kms_status check_digest(const json_t *object, const char *what, struct kms_err *err)
{
	unsigned char said[HASH_SIZE], digest[HASH_SIZE];
	JS_AUTO json_t *rest = json_copy((json_t *)(uintptr_t)object);
	enum kms_status st = doc_read_hex(object, what, "sha256", said, sizeof(said), err);

	if (st)
		return st;
	if (!rest)
		return kms_nomem(err);
	json_object_del(rest, "sha256");
	st = doc_digest(rest, digest, err);
	if (!st && memcmp(said, digest, sizeof(said)) != 0)
		st = kms_fail(err, KMS_ERR_INVALID,
			"%s: 'sha256' is not that of the rest: the file was damaged or changed",
			what);
	return st;
}

static enum kms_status read_proof(const json_t *object, struct doc_proof *p, struct kms_err *err)
{
	const char *what = doc_kind_name(p->kind);
	const bool dap = p->kind == DOC_DAP, receipt = p->kind == DOC_CARD_RECEIPT;
	enum kms_status st;

	if ((st = js_only(object, what, members, err)) || (st = check_digest(object, what, err)) ||
		(st = js_get_text(object, what, "operation", &p->operation, err)))
		return st;
	if (!is_operation(p->operation, dap))
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%.40s' is no operation of it", what,
			p->operation);
	if ((st = read_key(object, p, err)) ||
		(st = read_aid(object, what, "file", dap, &p->file, err)) ||
		(st = read_aid(object, what, "domain", dap || receipt, &p->domain, err)) ||
		(st = doc_read_text(object, what, "card", receipt ? 1 : 0, &p->card, err)) ||
		(st = doc_read_time(object, what, "created", &p->created, err)) ||
		(st = read_bytes(
			 object, what, "data", sizeof(p->data), p->data, &p->data_len, err)) ||
		(st = read_bytes(
			 object, what, "value", sizeof(p->value), p->value, &p->value_len, err)))
		return st;
	if (dap && p->data_len != DAP_DATA)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: 'data' is not the SHA-256 of a load file", what);
	if (*p->card && !receipt)
		return kms_fail(err, KMS_ERR_INVALID, "%s: it is for no single 'card'", what);
	return KMS_OK;
}

enum kms_status doc_proof_parse(enum doc_kind kind, const char *text, size_t len,
	struct doc_proof *ret_proof, struct kms_err *err)
{
	const char *what = doc_kind_name(kind);
	struct doc_proof proof = {.kind = kind};
	JS_AUTO json_t *object = NULL;
	enum doc_kind found;
	enum kms_status st;

	if ((st = doc_kind(text, len, &found, err)))
		return st;
	if (found != kind)
		return kms_fail(err, KMS_ERR_INVALID, "not a %s: the document is a %s", what,
			doc_kind_name(found));
	if ((st = js_parse_canonical(what, text, len, &object, err)) ||
		(st = read_proof(object, &proof, err)))
		return st;
	proof.owner = object;
	object = NULL;
	*ret_proof = proof;
	return KMS_OK;
}

enum kms_status doc_proof_write(
	const struct doc_proof *p, struct buf *ret_text, struct kms_err *err)
{
	struct doc_proof again = {.kind = p->kind};
	unsigned char digest[HASH_SIZE];
	BUF_AUTO struct buf text = {0};
	JS_AUTO json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}",
		"operation", p->operation, "key", p->key, "algorithm",
		p->alg ? key_alg_name(p->alg) : "", "file", p->file, "domain", p->domain, "card",
		p->card, "created", doc_time(p->created), "data", data_hex(p), "value",
		doc_hex(p->value, p->value_len));
	enum kms_status st;

	if (!object)
		return doc_bad_input(p->kind, err);
	if ((st = doc_tag(object, p->kind, err)) || (st = doc_digest(object, digest, err)))
		return st;
	if (json_object_set_new(object, "sha256", doc_hex(digest, sizeof(digest))))
		return kms_nomem(err);
	if ((st = read_proof(object, &again, err)) || (st = js_canonical(object, &text, err)))
		return st;
	buf_free(ret_text);
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

json_t *doc_proof_json(const struct doc_proof *p)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "operation", p->operation, "key", p->key,
		"algorithm", p->alg ? key_alg_name(p->alg) : "", "data", data_hex(p), "value",
		doc_hex(p->value, p->value_len));
}

void doc_proof_free(struct doc_proof *proof)
{
	if (proof->owner)
		json_decref(proof->owner);
	*proof = (struct doc_proof){.kind = DOC_NONE};
}
