/* SPDX-License-Identifier: Apache-2.0 */
/* GPCS appendix B and AmdD 4.1.5 over OpenSSL. False: OpenSSL failed; nothing may be used. */
#ifndef SIM_CRYPT_H
#define SIM_CRYPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum sim_alg { SIM_TDES, SIM_AES };

struct sim_part {
	const unsigned char *data;
	size_t len;
};

size_t sim_block_size(enum sim_alg alg);

/* len must be a multiple of the block size; iv NULL is zeros. TDES keys: 8 (single), 16 or 24. */
KMS_CHECKED bool sim_cbc(enum sim_alg alg, const unsigned char *key, size_t key_len,
	const unsigned char *iv, bool encrypt, const unsigned char *in, size_t len,
	unsigned char *out);
KMS_CHECKED bool sim_ecb(enum sim_alg alg, const unsigned char *key, size_t key_len, bool encrypt,
	const unsigned char *in, size_t len, unsigned char *out);

/* GPCS B.1.2.2 over the parts, padded; iv NULL is zeros. */
KMS_CHECKED bool sim_retail_mac(const unsigned char key[16], const unsigned char *iv,
	const struct sim_part *parts, size_t count, unsigned char out[8]);
/* GPCS B.1.2.1, padded, zero ICV. */
KMS_CHECKED bool sim_full_mac(
	const unsigned char key[16], const unsigned char *data, size_t len, unsigned char out[8]);

KMS_CHECKED bool sim_cmac(const unsigned char *key, size_t key_len, const struct sim_part *parts,
	size_t count, unsigned char out[16]);

/* AmdD 4.1.5: bytes (8, 16, 24 or 32) derived with a constant of Table 4-1. */
KMS_CHECKED bool sim_kdf(const unsigned char *key, size_t key_len, unsigned char constant,
	const unsigned char *context, size_t context_len, unsigned char *out, size_t bytes);

/* GPCS B.6. */
KMS_CHECKED bool sim_check_value(
	enum sim_alg alg, const unsigned char *key, size_t key_len, unsigned char out[3]);

/* Appends '80' and zeros (B.1.3, B.2.3) in place; returns the new length. */
size_t sim_pad(unsigned char *data, size_t len, size_t block);
/* Length without the padding, or -1 if there is none. */
long sim_unpad(const unsigned char *data, size_t len, size_t block);

/* In constant time. */
bool sim_equal(const void *a, const void *b, size_t len);
KMS_CHECKED bool sim_random(unsigned char *out, size_t len);

#endif
