/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/doc.h"

#include "base/hex.h"
#include "exchange/internal.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[DOC_NONE] = "none",
	[DOC_IDENTITY] = "identity",
	[DOC_REQUEST] = "request",
	[DOC_PACKAGE] = "package",
	[DOC_RECEIPT] = "receipt",
	[DOC_BACKUP] = "backup",
	[DOC_DERIVED] = "derived-keys",
	[DOC_PROGRESS] = "derivation",
	[DOC_SHIPMENT] = "shipment",
	[DOC_DAP] = "dap",
	[DOC_TOKEN] = "card-token",
	[DOC_CARD_RECEIPT] = "card-receipt",
};
enum { KINDS = sizeof(kind_names) / sizeof(kind_names[0]), TAG_SIZE = 24, VERSION = 1 };

const char *doc_kind_name(enum doc_kind kind)
{
	return (unsigned)kind < KINDS ? kind_names[kind] : kind_names[DOC_NONE];
}

static void tag_print(enum doc_kind kind, char out[TAG_SIZE])
{
	snprintf(out, TAG_SIZE, "%s/%d", doc_kind_name(kind), VERSION);
}

static enum kms_status check_size(
	enum doc_kind kind, const char *what, size_t len, struct kms_err *err)
{
	const size_t most = kind == DOC_BACKUP ? DOC_BACKUP_MAX : DOC_MAX;

	if (len > most)
		return kms_fail(err, KMS_ERR_INVALID, "%s: longer than %zu bytes", what, most);
	return KMS_OK;
}

static enum kms_status kind_of(
	const json_t *object, const char *what, enum doc_kind *ret_kind, struct kms_err *err)
{
	char tag[TAG_SIZE];
	const char *text;
	enum kms_status st = js_get_text(object, what, "cardkms", &text, err);

	if (st)
		return st;
	for (unsigned kind = DOC_NONE + 1; kind < KINDS; kind++) {
		tag_print((enum doc_kind)kind, tag);
		if (strcmp(text, tag) == 0) {
			*ret_kind = (enum doc_kind)kind;
			return KMS_OK;
		}
	}
	kms_fail(err, KMS_ERR_INVALID, "%s: of a kind or version that this cardkms does not know",
		what);
	return kms_hint(err, "a newer cardkms may have written it");
}

enum kms_status doc_kind(const char *text, size_t len, enum doc_kind *ret_kind, struct kms_err *err)
{
	static const char what[] = "document";
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if ((st = check_size(DOC_NONE, what, len, err)) ||
		(st = js_parse_object(what, text, len, &object, err)))
		return st;
	return kind_of(object, what, ret_kind, err);
}

enum kms_status doc_id_check(const char *id, const char *what, struct kms_err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-";
	size_t len = strnlen(id, DOC_ID_MAX + 1);

	if (len == 0 || len > DOC_ID_MAX || id[0] == '-' || strspn(id, allowed) != len)
		return kms_fail(err, KMS_ERR_INVALID, "%s is not 1 to %d letters, digits and '-'",
			what, DOC_ID_MAX);
	return KMS_OK;
}

enum kms_status doc_fingerprint_parse(
	const char *text, char ret_fingerprint[DOC_FINGERPRINT_SIZE], struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];
	size_t len;
	enum kms_status st;

	st = hex_decode(text, strlen(text), "fingerprint", hash, sizeof(hash), &len, err);
	if (st)
		return st;
	if (len != HASH_SIZE)
		return kms_fail(err, KMS_ERR_INVALID,
			"a fingerprint has %d hex digits, this one %zu", 2 * HASH_SIZE, 2 * len);
	hex_encode(hash, HASH_SIZE, ret_fingerprint);
	return KMS_OK;
}

enum kms_status doc_digest(
	const json_t *object, unsigned char ret_digest[HASH_SIZE], struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = js_canonical(object, &text, err);

	return st ? st : hash_sha256(text.data, text.len, ret_digest, err);
}

static enum kms_status check_members(
	const json_t *object, const char *what, const char *const *members, struct kms_err *err)
{
	static const char *const common[] = {"cardkms", "signature"};
	const char *all[32];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		all[count++] = common[i];
	while (*members)
		all[count++] = *members++;
	all[count] = NULL;
	return js_only(object, what, all, err);
}

enum kms_status doc_open(enum doc_kind kind, const char *text, size_t len,
	const char *const *members, json_t **ret_object, struct doc_sig *ret_sig,
	struct kms_err *err)
{
	const char *what = doc_kind_name(kind);
	JS_AUTO json_t *object = NULL;
	enum doc_kind found;
	struct doc_sig sig;
	enum kms_status st;

	if ((st = check_size(kind, what, len, err)) ||
		(st = js_parse_canonical(what, text, len, &object, err)) ||
		(st = kind_of(object, what, &found, err)))
		return st;
	if (found != kind)
		return kms_fail(err, KMS_ERR_INVALID, "not a %s: the document is a %s", what,
			doc_kind_name(found));
	if ((st = check_members(object, what, members, err)) ||
		(st = doc_read_hex(object, what, "signature", sig.sig, sizeof(sig.sig), err)))
		return st;
	json_object_del(object, "signature");
	st = doc_digest(object, sig.digest, err);
	if (st)
		return st;
	*ret_sig = sig;
	*ret_object = object;
	object = NULL;
	return KMS_OK;
}

enum kms_status doc_tag(json_t *object, enum doc_kind kind, struct kms_err *err)
{
	char tag[TAG_SIZE];

	tag_print(kind, tag);
	if (json_object_set_new(object, "cardkms", json_string(tag)))
		return kms_nomem(err);
	return KMS_OK;
}

enum kms_status doc_seal(json_t *object, enum doc_kind kind, const struct p256_signer *signer,
	struct buf *ret_text, struct kms_err *err)
{
	unsigned char digest[HASH_SIZE], sig[P256_SIG_SIZE];
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if ((st = doc_digest(object, digest, err)) || (st = p256_sign(signer, digest, sig, err)))
		return st;
	if (json_object_set_new(object, "signature", doc_hex(sig, sizeof(sig))))
		return kms_nomem(err);
	if ((st = js_canonical(object, &text, err)) ||
		(st = check_size(kind, doc_kind_name(kind), text.len, err)))
		return st;
	buf_free(ret_text);
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

enum kms_status doc_check_sig(enum doc_kind kind, const struct doc_sig *sig,
	const struct doc_party *party, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	const char *what = doc_kind_name(kind);
	enum kms_status st;

	if (strcmp(party->fingerprint, fingerprint) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the %s is of '%s' with the identity %.16s…, not of the identity %.16s…",
			what, party->name, party->fingerprint, fingerprint);
		return kms_hint(err, "if that site has a new identity, enrol it first");
	}
	st = p256_verify(point, sig->digest, sig->sig, err);
	if (st == KMS_ERR_MISMATCH) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the signature of the %s does not verify with the key of '%s'", what,
			party->name);
		return kms_hint(err, "it was changed on the way: get the original file");
	}
	return st;
}

enum kms_status doc_bad_input(enum doc_kind kind, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INVALID, "cannot write the %s: a text is missing or not UTF-8",
		doc_kind_name(kind));
}

enum kms_status doc_same_text(const char *what, const char *a, const char *other, const char *b,
	const char *member, struct kms_err *err)
{
	if (strcmp(a, b) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH, "the %s names the %s '%s', the %s '%s'",
			what, member, a, other, b);
	return KMS_OK;
}

enum kms_status doc_same_bytes(const char *what, const void *a, const char *other, const void *b,
	size_t len, const char *member, struct kms_err *err)
{
	if (memcmp(a, b, len) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the %s belongs to another %s: the %s differs", what, other, member);
	return KMS_OK;
}
