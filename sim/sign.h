/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, receipts and DAPs as signatures: the schemes of GPCS Table C-1 but for RSA. AES: CMAC of 16 bytes
 * (B.2.2). DES: the MAC of B.1.2.2. A point of P-256: ECDSA with SHA-256, the signature r and s (B.4.3).
 */
#ifndef SIM_SIGN_H
#define SIM_SIGN_H

#include "sim/crypt.h"
#include "sim/types.h"

enum { SIM_MAC_MAX = 16 };

/* On the curve, uncompressed. */
KMS_CHECKED bool sim_point_is_good(const unsigned char point[SIM_POINT_LEN]);

KMS_CHECKED bool sim_verify(const struct sim_key *key, const struct sim_part *parts, size_t count,
	const unsigned char *signature, size_t len);

/* With a secret key. */
KMS_CHECKED bool sim_sign(const struct sim_key *key, const struct sim_part *parts, size_t count,
	unsigned char ret_mac[SIM_MAC_MAX], size_t *ret_len);

#endif
