/* SPDX-License-Identifier: Apache-2.0 */
/* A request: the issuer asks for key sets, to be imported into one HSM, once. */
#ifndef EXCHANGE_REQUEST_H
#define EXCHANGE_REQUEST_H

#include "exchange/doc.h"
#include "exchange/witness.h"

struct doc_request {
	const char *id;
	unsigned char nonce[DOC_NONCE_SIZE]; /* random; used up by the import */
	struct doc_party sender;	     /* who asks */
	struct doc_party recipient;	     /* who is asked */
	const char *hsm_serial;	    /* of the sender's HSM: where the package may be imported */
	const char *const *keysets; /* 1 … DOC_KEYSETS_MAX names, no two the same */
	size_t keyset_count;
	int64_t created;
	struct doc_witness witness; /* `seen` only */

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_REQUEST_AUTO __attribute__((cleanup(doc_request_free)))

KMS_CHECKED enum kms_status doc_request_write(const struct doc_request *request,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_request_parse(
	const char *text, size_t len, struct doc_request *ret_request, struct kms_err *err);

/* `point` and `fingerprint` are those of the enrolled site that must have signed. */
KMS_CHECKED enum kms_status doc_request_verify(const struct doc_request *request,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);
void doc_request_free(struct doc_request *request);

#endif
