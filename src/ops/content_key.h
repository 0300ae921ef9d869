/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: the keys behind the content of cards (GPCS 2.3.1 appendix C.1): dap signs load files,
 * token permits what is done in a security domain with delegated management, receipt verifies what a
 * card confirms of it. AES keys make CMACs inside the HSM, and cards hold the same key; of a P-256 pair
 * cards hold the public half. A receipt key is an AES key: a card has no private key of ours.
 */
#ifndef OPS_CONTENT_KEY_H
#define OPS_CONTENT_KEY_H

#include "ops/meta.h"

enum {
	CONTENT_MAC_SIZE = 16,	    /* clause B.2.2 */
	CONTENT_SIGNATURE_MAX = 64, /* clause B.4.3: r ‖ s */
	CONTENT_KEY_VERSION_DAP = 0x73,
	CONTENT_KEY_VERSION_TOKEN = 0x70,
	CONTENT_KEY_VERSION_RECEIPT = 0x71,
};

struct content_key {
	struct store_key row;
	enum key_role role;
	enum key_alg alg;
	struct hsm *hsm; /* where `key` is; NULL until it is opened */
	struct hsm_key key;
};

/* "signs load files (dap)", for messages; NULL for roles that are no such key's. */
const char *content_key_does(enum key_role role);

/*
 * The active key of that label, from the registry alone. role KEY_ROLE_NONE: whatever it is for, as long
 * as it is such a key.
 */
KMS_CHECKED enum kms_status content_key_find(struct op_site *site, const char *label,
	enum key_role role, struct content_key *ret_key, struct kms_err *err);
void content_key_free(struct content_key *key);

/* Its object on the principal HSM, or where card work is done: it must have the value it was made with. */
KMS_CHECKED enum kms_status content_key_open(
	struct op_site *site, struct content_key *key, struct kms_err *err);
KMS_CHECKED enum kms_status content_key_open_for_cards(
	struct op_site *site, struct content_key *key, struct kms_err *err);

/* CMAC, or ECDSA over SHA-256 of the data (clause C.3 says it of DAP: that digest is another one). */
KMS_CHECKED enum kms_status content_key_sign(struct content_key *key, const void *data, size_t len,
	unsigned char ret_signature[CONTENT_SIGNATURE_MAX], size_t *ret_len, struct kms_err *err);

/* KMS_ERR_MISMATCH if the MAC is another one. It is made again in the HSM, and compared. */
KMS_CHECKED enum kms_status content_key_verify(struct content_key *key, const void *data,
	size_t len, const unsigned char *mac, size_t mac_len, struct kms_err *err);

#endif
