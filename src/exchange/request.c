/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/request.h"

#include "exchange/internal.h"

#include <stdlib.h>

static const char what[] = "request";

static enum kms_status read_keysets(
	const json_t *object, struct doc_request *request, struct kms_err *err)
{
	FREE_AUTO const char **names = NULL;
	json_t *list, *member;
	size_t i;
	enum kms_status st;

	st = doc_read_list(object, what, "keysets", 1, DOC_KEYSETS_MAX, &list, err);
	if (st)
		return st;
	names = calloc(json_array_size(list), sizeof(*names));
	if (!names)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		/* Strings from a parser or json_string hold no zero byte but the last. */
		names[i] = json_string_value(member);
		if (!names[i])
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: a key set's name is no text", what);
		st = key_set_name_check(names[i], err);
		if (st) {
			kms_prefix(err, "%s: ", what);
			return st;
		}
	}
	st = doc_check_distinct(what, names, json_array_size(list), err);
	if (st)
		return st;
	request->keyset_count = json_array_size(list);
	request->keysets = names;
	names = NULL;
	return KMS_OK;
}

/* Allocates request->keysets as the last step. */
static enum kms_status read_request(
	const json_t *object, struct doc_request *request, struct kms_err *err)
{
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &request->id, err)) ||
		(st = doc_read_hex(object, what, "nonce", request->nonce, DOC_NONCE_SIZE, err)) ||
		(st = doc_read_parties(object, what, &request->sender, &request->recipient, err)) ||
		(st = doc_read_text(object, what, "hsm_serial", 1, &request->hsm_serial, err)) ||
		(st = doc_read_witness(object, what, &request->witness, err)) ||
		(st = doc_read_time(object, what, "created", &request->created, err)))
		return st;
	return read_keysets(object, request, err);
}

enum kms_status doc_request_parse(
	const char *text, size_t len, struct doc_request *ret_request, struct kms_err *err)
{
	static const char *const members[] = {"created", "hsm_serial", "id", "keysets", "nonce",
		"recipient", "seen_checkpoint", "sender", NULL};
	struct doc_request request = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if ((st = doc_open(DOC_REQUEST, text, len, members, &object, &request.sig, err)) ||
		(st = read_request(object, &request, err)))
		return st;
	request.owner = object;
	object = NULL;
	*ret_request = request;
	return KMS_OK;
}

static json_t *keysets_json(const struct doc_request *request)
{
	json_t *list = json_array();

	for (size_t i = 0; i < request->keyset_count; i++)
		if (json_array_append_new(list, json_string(request->keysets[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

enum kms_status doc_request_write(const struct doc_request *request,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err)
{
	struct doc_request read = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	object = json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o}", "id", request->id, "nonce",
		doc_hex(request->nonce, DOC_NONCE_SIZE), "sender", doc_party_json(&request->sender),
		"recipient", doc_party_json(&request->recipient), "hsm_serial", request->hsm_serial,
		"keysets", keysets_json(request), "created", doc_time(request->created));
	if (!object || !doc_put_witness(object, &request->witness))
		return doc_bad_input(DOC_REQUEST, err);
	st = read_request(object, &read, err);
	if (st)
		return st;
	free((void *)read.keysets);
	st = doc_tag(object, DOC_REQUEST, err);
	return st ? st : doc_seal(object, DOC_REQUEST, signer, ret_text, err);
}

enum kms_status doc_request_verify(const struct doc_request *request, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_REQUEST, &request->sig, &request->sender, fingerprint, point, err);
}

void doc_request_free(struct doc_request *request)
{
	if (!request->owner)
		return;
	free((void *)request->keysets);
	json_decref(request->owner);
	*request = (struct doc_request){0};
}
