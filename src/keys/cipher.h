/* SPDX-License-Identifier: Apache-2.0 */
/* Block encryption of whole blocks with a clear key: for the other files of this folder. */
#ifndef KEYS_CIPHER_H
#define KEYS_CIPHER_H

#include "base/secret.h"
#include "keys/key.h"

enum key_cipher_mode {
	KEY_CIPHER_ECB,
	KEY_CIPHER_CBC, /* IV 0 */
};

/*
 * out: len bytes, may be data; whoever calls knows whether it is a secret. len: whole blocks. The
 * key's length must be the algorithm's: KMS_ERR_INVALID otherwise.
 */
KMS_CHECKED enum kms_status key_cipher(enum key_alg alg, enum key_cipher_mode mode, bool encrypt,
	const struct secret *key, const void *data, size_t len, void *out, struct kms_err *err);

/* The same in CBC under an IV of one block. */
KMS_CHECKED enum kms_status key_cipher_iv(enum key_alg alg, bool encrypt, const struct secret *key,
	const unsigned char *iv, const void *data, size_t len, void *out, struct kms_err *err);

/* KMS_ERR_INVALID unless the algorithm is a cipher and the key has its length. */
KMS_CHECKED enum kms_status key_cipher_check(
	enum key_alg alg, const struct secret *key, struct kms_err *err);

#endif
