/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/request.h"

#include "exchange/internal.h"

#include <stdlib.h>

static const char what[] = "request";

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
	return doc_read_set_names(object, what, &request->keysets, &request->keyset_count, err);
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

enum kms_status doc_request_write(const struct doc_request *request,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err)
{
	struct doc_request read = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	object = json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o}", "id", request->id, "nonce",
		doc_hex(request->nonce, DOC_NONCE_SIZE), "sender", doc_party_json(&request->sender),
		"recipient", doc_party_json(&request->recipient), "hsm_serial", request->hsm_serial,
		"keysets", doc_set_names_json(request->keysets, request->keyset_count), "created",
		doc_time(request->created));
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
