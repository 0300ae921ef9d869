/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt: the issuer says which keys of a package are in its HSM, with their check values. */
#ifndef EXCHANGE_RECEIPT_H
#define EXCHANGE_RECEIPT_H

#include "exchange/doc.h"
#include "exchange/package.h"
#include "exchange/witness.h"

struct doc_receipt {
	const char *id;
	const char *package_id;
	unsigned char package_hash[HASH_SIZE]; /* SHA-256 of its file */
	unsigned char nonce[DOC_NONCE_SIZE];   /* of the request */
	struct doc_party sender;	       /* who imported */
	struct doc_party recipient;	       /* who exported */
	const char *hsm_serial;		       /* of the importing HSM */
	const struct doc_checked_key *keys;    /* 1 … DOC_KEYS_MAX, as measured in that HSM */
	size_t key_count;
	const char *checkpoint; /* the sender's signed audit checkpoint, the note's text */
	struct doc_witness witness;
	int64_t created;

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_RECEIPT_AUTO __attribute__((cleanup(doc_receipt_free)))

KMS_CHECKED enum kms_status doc_receipt_write(const struct doc_receipt *receipt,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_receipt_parse(
	const char *text, size_t len, struct doc_receipt *ret_receipt, struct kms_err *err);
KMS_CHECKED enum kms_status doc_receipt_verify(const struct doc_receipt *receipt,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);

/*
 * Whether it closes that package: id, hash, nonce, the two sites the other way round, the HSM, and
 * exactly its keys with equal check values.
 */
KMS_CHECKED enum kms_status doc_receipt_closes(const struct doc_receipt *receipt,
	const struct doc_package *package, const unsigned char package_hash[HASH_SIZE],
	struct kms_err *err);
void doc_receipt_free(struct doc_receipt *receipt);

#endif
