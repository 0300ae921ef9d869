/* SPDX-License-Identifier: Apache-2.0 */
/* A P-256 key in memory where the product has the HSM's, for tests of what is signed. */
#ifndef SUPPORT_SOFT_P256_H
#define SUPPORT_SOFT_P256_H

#include "base/p256.h"

#include <openssl/evp.h>

struct soft_p256 {
	EVP_PKEY *key;
	struct p256_signer signer; /* signer.ctx is the key */
};

/* A new random key. Aborts on failure. */
void soft_p256_open(struct soft_p256 *soft);
void soft_p256_close(struct soft_p256 *soft);

/* The other of the two spellings of a signature: n - s. */
void soft_p256_other_s(unsigned char sig[P256_SIG_SIZE]);

#endif
