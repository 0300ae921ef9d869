/* SPDX-License-Identifier: Apache-2.0 */
/* A package: master keys under a transport key, in answer to one request. */
#ifndef EXCHANGE_PACKAGE_H
#define EXCHANGE_PACKAGE_H

#include "exchange/doc.h"
#include "exchange/request.h"
#include "exchange/witness.h"
#include "keys/div.h"
#include "keys/keyblock.h"
#include "keys/plan.h"
#include "keys/wrap.h"

enum { DOC_OVERRIDES_MAX = 32, DOC_BLOCK_MAX = KEY_BLOCK_MASTER_MAX };

struct doc_keyset {
	const char *name;
	const char *customer; /* name_check, or "": the sender's own */
	const char *order;    /* name_check, or "" */
	struct key_div div;   /* written as key_div_print */
	unsigned kvn;	      /* KEY_VERSION_MIN … KEY_VERSION_MAX */
	bool exportable;      /* may the recipient pass it on ("partner") or not ("never") */
	struct key_period period;
};

struct doc_key {
	const char *label;  /* key_label(keyset, role) */
	const char *keyset; /* one of the package's */
	enum key_role role; /* enc, mac, kek */
	enum key_alg alg;
	struct key_kcv kcv;
	/* The wrapped key: key_wrapped_len(wrapping, transport.alg, length) bytes, or, where keys
	 * travel as key blocks, the text of one. */
	unsigned char block[DOC_BLOCK_MAX];
	size_t block_len;
};

struct doc_package {
	const char *id;
	/* The request that this answers. */
	const char *request_id;
	unsigned char request_hash[HASH_SIZE]; /* SHA-256 of its file */
	unsigned char nonce[DOC_NONCE_SIZE];
	struct doc_party sender;
	struct doc_party recipient;
	const char *hsm_serial; /* of the recipient's HSM, as in the request */

	struct doc_checked_key transport;
	const char *ceremony;	    /* in which the transport key was made */
	enum key_wrapping wrapping; /* aes-kw, raw-ecb, raw-cbc (IV of zeros), x9143-b or -d */

	const struct doc_keyset *keysets; /* 1 … DOC_KEYSETS_MAX, each with keys */
	size_t keyset_count;
	const struct doc_key *keys; /* 1 … DOC_KEYS_MAX */
	size_t key_count;

	const char *carrier; /* who carries it: name_check, or "" */
	const char *const
		*overrides; /* what two officers allowed, in words; each name_check-able text */
	size_t override_count;
	const char *checkpoint; /* the sender's signed audit checkpoint, the note's text */
	struct doc_witness witness;
	int64_t created;

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_PACKAGE_AUTO __attribute__((cleanup(doc_package_free)))

KMS_CHECKED enum kms_status doc_package_write(const struct doc_package *package,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_package_parse(
	const char *text, size_t len, struct doc_package *ret_package, struct kms_err *err);
KMS_CHECKED enum kms_status doc_package_verify(const struct doc_package *package,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);

/*
 * Whether it answers that request: id, hash, nonce, the two sites the other way round, the HSM, and
 * no key set that was not asked for. A key set that was asked for may be missing.
 */
KMS_CHECKED enum kms_status doc_package_answers(const struct doc_package *package,
	const struct doc_request *request, const unsigned char request_hash[HASH_SIZE],
	struct kms_err *err);
void doc_package_free(struct doc_package *package);

#endif
