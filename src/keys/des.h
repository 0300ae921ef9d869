/* SPDX-License-Identifier: Apache-2.0 */
/* DES parity, DES keys that must not be used, and the check of any new key's bytes. */
#ifndef KEYS_DES_H
#define KEYS_DES_H

#include "base/secret.h"
#include "keys/key.h"

enum { DES_KEY_LEN = 8 };

/* Sets the lowest bit of each byte so that the byte has an odd number of ones. */
void key_des_set_parity(unsigned char *key, size_t len);
bool key_des_parity_ok(const unsigned char *key, size_t len);

/* Equal but for parity bits; constant time. */
bool key_des_same(const unsigned char *a, const unsigned char *b, size_t len);

/* One of the 4 weak and 12 semi-weak keys; parity does not matter. */
bool key_des_weak(const unsigned char key[DES_KEY_LEN]);

/* Equal, for TDEA ignoring parity. False for different lengths. */
bool key_same(enum key_alg alg, const struct secret *a, const struct secret *b);

/*
 * Refuses (KMS_ERR_INVALID) a key of the wrong length, one that is all zero, and a TDEA key with a
 * weak or semi-weak part or two equal parts. `what` is the key in the message. TDEA parity is not
 * asked for: it is set by key_combine and before import.
 */
KMS_CHECKED enum kms_status key_check_material(
	enum key_alg alg, const struct secret *key, const char *what, struct kms_err *err);

#endif
