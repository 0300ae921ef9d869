/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key wrapping on clear bytes: for tests, offline verification and host-assisted paths. In-HSM
 * wrapping is hsm/.
 */
#ifndef KEYS_WRAP_H
#define KEYS_WRAP_H

#include "base/buf.h"
#include "base/secret.h"
#include "keys/key.h"

enum key_wrapping {
	KEY_WRAP_NONE,
	KEY_WRAP_AES_KW,  /* "aes-kw": RFC 3394 */
	KEY_WRAP_AES_KWP, /* "aes-kwp": RFC 5649 */
	KEY_WRAP_ECB,	  /* "raw-ecb": no integrity; by override only */
	KEY_WRAP_CBC,	  /* "raw-cbc": IV 0, no integrity; by override only */
	KEY_WRAP_X9143_B, /* "x9143-b": key blocks under a TDEA key (keys/keyblock.h) */
	KEY_WRAP_X9143_D, /* "x9143-d": the same under an AES key */
};

const char *key_wrapping_name(enum key_wrapping wrapping);
KMS_CHECKED enum kms_status key_wrapping_parse(
	const char *text, enum key_wrapping *ret_wrapping, struct kms_err *err);

/* Whether a wrapped blob that was altered is refused by the unwrapping itself. */
bool key_wrapping_has_integrity(enum key_wrapping wrapping);

/* Whether keys travel as key blocks, which are text and made by keys/keyblock.h and blocktoken.h. */
static inline bool key_wrapping_is_block(enum key_wrapping wrapping)
{
	return wrapping == KEY_WRAP_X9143_B || wrapping == KEY_WRAP_X9143_D;
}

/* The wrapping by key blocks under such a key: KEY_WRAP_NONE if there is none. */
enum key_wrapping key_wrapping_block(enum key_alg kek_alg);

/* Length of the wrapped form of len bytes, 0 where that length cannot be wrapped so (and for key
 * blocks). */
size_t key_wrapped_len(enum key_wrapping wrapping, enum key_alg kek_alg, size_t len);

/*
 * ECB and CBC with AES pad a 24-byte key with eight bytes 00 to whole blocks, which unwrap takes
 * off by out_len. Lengths that do not fit are KMS_ERR_INVALID.
 */
KMS_CHECKED enum kms_status key_wrap(enum key_wrapping wrapping, enum key_alg kek_alg,
	const struct secret *kek, const struct secret *plain, struct buf *ret_wrapped,
	struct kms_err *err);

/*
 * out_len is the length that the key must have. KMS_ERR_MISMATCH if the integrity check fails
 * (wrong KEK or altered), without saying more: nothing of the plain text leaves then.
 */
KMS_CHECKED enum kms_status key_unwrap(enum key_wrapping wrapping, enum key_alg kek_alg,
	const struct secret *kek, const void *wrapped, size_t wrapped_len, size_t out_len,
	struct secret *ret_plain, struct kms_err *err);

#endif
