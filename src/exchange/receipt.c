/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/receipt.h"

#include "exchange/internal.h"

#include <stdlib.h>
#include <string.h>

static const char what[] = "receipt", key_what[] = "receipt's key";

/* Allocates receipt->keys as the last step. */
static enum kms_status read_receipt(
	const json_t *object, struct doc_receipt *receipt, struct kms_err *err)
{
	static const char *const members[] = {"id", "sha256", NULL};
	json_t *package;
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &receipt->id, err)) ||
		(st = js_get_object(object, what, "package", &package, err)) ||
		(st = js_only(package, what, members, err)) ||
		(st = doc_read_id(package, what, "id", &receipt->package_id, err)) ||
		(st = doc_read_hex(
			 package, what, "sha256", receipt->package_hash, HASH_SIZE, err)) ||
		(st = doc_read_hex(object, what, "nonce", receipt->nonce, DOC_NONCE_SIZE, err)) ||
		(st = doc_read_parties(object, what, &receipt->sender, &receipt->recipient, err)) ||
		(st = doc_read_text(object, what, "hsm_serial", 1, &receipt->hsm_serial, err)) ||
		(st = doc_read_checkpoint(object, what, &receipt->checkpoint, err)) ||
		(st = doc_read_witness(object, what, &receipt->witness, err)) ||
		(st = doc_read_time(object, what, "created", &receipt->created, err)))
		return st;
	return doc_read_checked_keys(
		object, what, key_what, &receipt->keys, &receipt->key_count, err);
}

enum kms_status doc_receipt_parse(
	const char *text, size_t len, struct doc_receipt *ret_receipt, struct kms_err *err)
{
	static const char *const members[] = {"audit_checkpoint", "continues", "created",
		"hsm_serial", "id", "keys", "nonce", "package", "recipient", "seen_checkpoint",
		"sender", NULL};
	struct doc_receipt receipt = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if ((st = doc_open(DOC_RECEIPT, text, len, members, &object, &receipt.sig, err)) ||
		(st = read_receipt(object, &receipt, err)))
		return st;
	receipt.owner = object;
	object = NULL;
	*ret_receipt = receipt;
	return KMS_OK;
}

enum kms_status doc_receipt_write(const struct doc_receipt *receipt,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err)
{
	struct doc_receipt read = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if (receipt->key_count > DOC_KEYS_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "a receipt lists at most %d keys", DOC_KEYS_MAX);
	object = json_pack("{s:s, s:{s:s, s:o}, s:o, s:o, s:o, s:s, s:s, s:o, s:o}", "id",
		receipt->id, "package", "id", receipt->package_id, "sha256",
		doc_hex(receipt->package_hash, HASH_SIZE), "nonce",
		doc_hex(receipt->nonce, DOC_NONCE_SIZE), "sender", doc_party_json(&receipt->sender),
		"recipient", doc_party_json(&receipt->recipient), "hsm_serial", receipt->hsm_serial,
		"audit_checkpoint", receipt->checkpoint, "created", doc_time(receipt->created),
		"keys", doc_checked_keys_json(receipt->keys, receipt->key_count));
	if (!object || !doc_put_witness(object, &receipt->witness))
		return doc_bad_input(DOC_RECEIPT, err);
	st = read_receipt(object, &read, err);
	if (st)
		return st;
	free((void *)read.keys);
	st = doc_tag(object, DOC_RECEIPT, err);
	return st ? st : doc_seal(object, DOC_RECEIPT, signer, ret_text, err);
}

enum kms_status doc_receipt_verify(const struct doc_receipt *receipt, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_RECEIPT, &receipt->sig, &receipt->sender, fingerprint, point, err);
}

static const struct doc_key *find_key(const struct doc_package *package, const char *label)
{
	for (size_t i = 0; i < package->key_count; i++)
		if (strcmp(package->keys[i].label, label) == 0)
			return &package->keys[i];
	return NULL;
}

static enum kms_status check_keys(
	const struct doc_receipt *receipt, const struct doc_package *package, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < receipt->key_count; i++) {
		const struct doc_checked_key *got = &receipt->keys[i];
		const struct doc_key *sent = find_key(package, got->label);
		char what_key[KEY_LABEL_MAX + 40];

		if (!sent || sent->alg != got->alg)
			return kms_fail(err, KMS_ERR_MISMATCH,
				"the receipt lists '%s' (%s), which package %s does not hold",
				got->label, key_alg_name(got->alg), package->id);
		snprintf(what_key, sizeof(what_key), "'%s' at the recipient", got->label);
		st = key_kcv_check(what_key, &got->kcv, "the package", &sent->kcv, err);
	}
	if (!st && receipt->key_count != package->key_count)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the receipt lists %zu keys, package %s holds %zu", receipt->key_count,
			package->id, package->key_count);
	return st;
}

enum kms_status doc_receipt_closes(const struct doc_receipt *receipt,
	const struct doc_package *package, const unsigned char package_hash[HASH_SIZE],
	struct kms_err *err)
{
	static const char other[] = "package";
	enum kms_status st;

	if ((st = doc_same_text(what, receipt->package_id, other, package->id, "package", err)) ||
		(st = doc_same_text(what, receipt->sender.fingerprint, other,
			 package->recipient.fingerprint, "importing site", err)) ||
		(st = doc_same_text(what, receipt->recipient.fingerprint, other,
			 package->sender.fingerprint, "exporting site", err)) ||
		(st = doc_same_text(
			 what, receipt->hsm_serial, other, package->hsm_serial, "HSM", err)) ||
		(st = doc_same_bytes(what, receipt->nonce, other, package->nonce, DOC_NONCE_SIZE,
			 "nonce", err)) ||
		(st = doc_same_bytes(what, receipt->package_hash, other, package_hash, HASH_SIZE,
			 "SHA-256 of the file", err)))
		return st;
	return check_keys(receipt, package, err);
}

void doc_receipt_free(struct doc_receipt *receipt)
{
	if (!receipt->owner)
		return;
	free((void *)receipt->keys);
	json_decref(receipt->owner);
	*receipt = (struct doc_receipt){0};
}
