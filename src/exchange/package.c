/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/package.h"

#include "exchange/internal.h"
#include "exchange/packagekeys.h"

#include <stdlib.h>
#include <string.h>

static const char what[] = "package";

static void free_lists(struct doc_package *package)
{
	free((void *)package->keysets);
	free((void *)package->keys);
	free((void *)package->overrides);
}

static enum kms_status read_answered(
	const json_t *object, struct doc_package *package, struct kms_err *err)
{
	static const char *const members[] = {"id", "nonce", "sha256", NULL};
	json_t *request;
	enum kms_status st;

	if ((st = js_get_object(object, what, "request", &request, err)) ||
		(st = js_only(request, what, members, err)) ||
		(st = doc_read_id(request, what, "id", &package->request_id, err)) ||
		(st = doc_read_hex(request, what, "sha256", package->request_hash, HASH_SIZE, err)))
		return st;
	return doc_read_hex(request, what, "nonce", package->nonce, DOC_NONCE_SIZE, err);
}

static enum kms_status read_transport(
	const json_t *object, struct doc_package *package, struct kms_err *err)
{
	static const char *const members[] = {
		"algorithm", "ceremony", "check_method", "check_value", "label", NULL};
	static const char name[] = "package's transport key";
	const char *wrapping;
	json_t *key;
	enum kms_status st;

	if ((st = js_get_object(object, what, "transport_key", &key, err)) ||
		(st = js_only(key, name, members, err)) ||
		(st = doc_read_label(key, name, "label", &package->transport.label, err)) ||
		(st = doc_read_alg(key, name, &package->transport.alg, err)) ||
		(st = doc_read_kcv(
			 key, name, package->transport.alg, &package->transport.kcv, err)) ||
		(st = doc_read_id(key, name, "ceremony", &package->ceremony, err)) ||
		(st = js_get_text(object, what, "wrapping", &wrapping, err)) ||
		(st = key_wrapping_parse(wrapping, &package->wrapping, err)))
		return st;
	if (package->wrapping == KEY_WRAP_AES_KWP)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: 'wrapping' is none of aes-kw, raw-ecb, raw-cbc, x9143-b, x9143-d",
			what);
	return KMS_OK;
}

static enum kms_status read_overrides(
	const json_t *object, struct doc_package *package, struct kms_err *err)
{
	FREE_AUTO const char **texts = NULL;
	json_t *list, *member;
	size_t i;
	enum kms_status st;

	st = doc_read_list(object, what, "overrides", 0, DOC_OVERRIDES_MAX, &list, err);
	if (st)
		return st;
	texts = calloc(json_array_size(list) + 1, sizeof(*texts));
	if (!texts)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		JS_AUTO json_t *holder = json_pack("{s:O}", "overrides", member);

		if (!holder)
			return kms_nomem(err);
		st = doc_read_text(holder, what, "overrides", 1, &texts[i], err);
		if (st)
			return st;
	}
	package->override_count = json_array_size(list);
	package->overrides = texts;
	texts = NULL;
	return KMS_OK;
}

/* After a failure the lists read so far are for the caller to free. */
static enum kms_status read_package(
	const json_t *object, struct doc_package *package, struct kms_err *err)
{
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &package->id, err)) ||
		(st = read_answered(object, package, err)) ||
		(st = doc_read_parties(object, what, &package->sender, &package->recipient, err)) ||
		(st = doc_read_text(object, what, "hsm_serial", 1, &package->hsm_serial, err)) ||
		(st = read_transport(object, package, err)) ||
		(st = doc_read_name(object, what, "carrier", true, &package->carrier, err)) ||
		(st = doc_read_checkpoint(object, what, &package->checkpoint, err)) ||
		(st = doc_read_witness(object, what, &package->witness, err)) ||
		(st = doc_read_time(object, what, "created", &package->created, err)) ||
		(st = read_overrides(object, package, err)))
		return st;
	return doc_read_package_keys(object, &doc_package_form, package, err);
}

enum kms_status doc_package_parse(
	const char *text, size_t len, struct doc_package *ret_package, struct kms_err *err)
{
	static const char *const members[] = {"audit_checkpoint", "carrier", "continues", "created",
		"hsm_serial", "id", "keys", "keysets", "overrides", "recipient", "request",
		"seen_checkpoint", "sender", "transport_key", "wrapping", NULL};
	struct doc_package package = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	st = doc_open(DOC_PACKAGE, text, len, members, &object, &package.sig, err);
	if (!st)
		st = read_package(object, &package, err);
	if (st) {
		free_lists(&package);
		return st;
	}
	package.owner = object;
	object = NULL;
	*ret_package = package;
	return KMS_OK;
}

static json_t *texts_json(const char *const *texts, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(list, json_string(texts[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *package_json(const struct doc_package *package)
{
	JS_AUTO json_t *object = NULL;

	object = json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id",
		package->id, "sender", doc_party_json(&package->sender), "recipient",
		doc_party_json(&package->recipient), "hsm_serial", package->hsm_serial, "wrapping",
		key_wrapping_name(package->wrapping), "carrier", package->carrier,
		"audit_checkpoint", package->checkpoint, "created", doc_time(package->created),
		"overrides", texts_json(package->overrides, package->override_count), "keysets",
		doc_keysets_json(package), "keys", doc_keys_json(package));
	if (!object || !doc_put_witness(object, &package->witness) ||
		json_object_set_new(object, "request",
			json_pack("{s:s, s:o, s:o}", "id", package->request_id, "sha256",
				doc_hex(package->request_hash, HASH_SIZE), "nonce",
				doc_hex(package->nonce, DOC_NONCE_SIZE))) ||
		json_object_set_new(object, "transport_key",
			json_pack("{s:s, s:s, s:o, s:s, s:s}", "label", package->transport.label,
				"algorithm", key_alg_name(package->transport.alg), "check_value",
				doc_kcv_hex(&package->transport.kcv), "check_method",
				key_kcv_method_name(package->transport.kcv.method), "ceremony",
				package->ceremony)))
		return NULL;
	return json_incref(object);
}

enum kms_status doc_package_write(const struct doc_package *package,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err)
{
	struct doc_package read = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if (package->key_count > DOC_KEYS_MAX || package->keyset_count > DOC_KEYSETS_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"a package holds at most %d keys of %d key sets", DOC_KEYS_MAX,
			DOC_KEYSETS_MAX);
	object = package_json(package);
	if (!object)
		return doc_bad_input(DOC_PACKAGE, err);
	st = read_package(object, &read, err);
	free_lists(&read);
	if (st || (st = doc_tag(object, DOC_PACKAGE, err)))
		return st;
	return doc_seal(object, DOC_PACKAGE, signer, ret_text, err);
}

enum kms_status doc_package_verify(const struct doc_package *package, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_PACKAGE, &package->sig, &package->sender, fingerprint, point, err);
}

static bool was_asked_for(const struct doc_request *request, const char *keyset)
{
	for (size_t i = 0; i < request->keyset_count; i++)
		if (strcmp(request->keysets[i], keyset) == 0)
			return true;
	return false;
}

enum kms_status doc_package_answers(const struct doc_package *package,
	const struct doc_request *request, const unsigned char request_hash[HASH_SIZE],
	struct kms_err *err)
{
	static const char other[] = "request";
	enum kms_status st;

	if ((st = doc_same_text(what, package->request_id, other, request->id, "request", err)) ||
		(st = doc_same_text(what, package->recipient.fingerprint, other,
			 request->sender.fingerprint, "requesting site", err)) ||
		(st = doc_same_text(what, package->sender.fingerprint, other,
			 request->recipient.fingerprint, "asked site", err)) ||
		(st = doc_same_text(
			 what, package->hsm_serial, other, request->hsm_serial, "HSM", err)) ||
		(st = doc_same_bytes(what, package->nonce, other, request->nonce, DOC_NONCE_SIZE,
			 "nonce", err)) ||
		(st = doc_same_bytes(what, package->request_hash, other, request_hash, HASH_SIZE,
			 "SHA-256 of the file", err)))
		return st;
	for (size_t i = 0; i < package->keyset_count; i++)
		if (!was_asked_for(request, package->keysets[i].name))
			return kms_fail(err, KMS_ERR_MISMATCH,
				"the package holds the key set '%s', which request %s did not ask "
				"for",
				package->keysets[i].name, request->id);
	return KMS_OK;
}

void doc_package_free(struct doc_package *package)
{
	if (!package->owner)
		return;
	free_lists(package);
	json_decref(package->owner);
	*package = (struct doc_package){0};
}
