/* SPDX-License-Identifier: Apache-2.0 */
/* CMAC (NIST SP 800-38B) with AES and TDEA, and the SP 800-108 counter-mode KDF over it. */
#ifndef KEYS_CMAC_H
#define KEYS_CMAC_H

#include "base/secret.h"
#include "keys/key.h"

enum { KEY_CMAC_MAX = 16 };

/* ret_mac gets one block of the cipher: 16 bytes for AES, 8 for TDEA. */
KMS_CHECKED enum kms_status key_cmac(enum key_alg alg, const struct secret *key, const void *data,
	size_t len, unsigned char ret_mac[KEY_CMAC_MAX], struct kms_err *err);

/* CMAC whose output is itself a key: it stays in a secret. */
KMS_CHECKED enum kms_status key_cmac_secret(enum key_alg alg, const struct secret *key,
	const void *data, size_t len, struct secret *ret_mac, struct kms_err *err);

/*
 * SP 800-108 counter mode with an eight-bit counter i = 1, 2, …: out_len bytes of
 * CMAC(before ‖ i ‖ after) ‖ … At most 255 blocks. SCP03 and KDF3 are this.
 */
KMS_CHECKED enum kms_status key_kdf_counter(enum key_alg alg, const struct secret *key,
	const void *before, size_t before_len, const void *after, size_t after_len, size_t out_len,
	struct secret *ret_out, struct kms_err *err);

/* The subkeys K1, K2 of SP 800-38B from L = E(zero block); len is 8 or 16. */
void key_cmac_subkeys(
	const unsigned char *l, size_t len, unsigned char *ret_k1, unsigned char *ret_k2);

#endif
