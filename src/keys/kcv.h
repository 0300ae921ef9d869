/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check values: a few bytes that show that two people hold the same key. They always carry their
 * method, and never identify a key: three bytes collide.
 */
#ifndef KEYS_KCV_H
#define KEYS_KCV_H

#include "base/secret.h"
#include "keys/key.h"

enum { KEY_KCV_MAX = 5, KEY_KCV_TEXT_SIZE = 2 * KEY_KCV_MAX + 1 };

struct key_kcv {
	enum key_kcv_method method;
	unsigned char bytes[KEY_KCV_MAX];
	size_t len; /* 3, for cmac 5 */
};

/* Bytes of a check value by that method; 0 for KEY_KCV_NONE. */
size_t key_kcv_len(enum key_kcv_method method);

/* key->len must be the algorithm's; the parity bits of TDEA keys do not matter. */
KMS_CHECKED enum kms_status key_kcv(enum key_alg alg, enum key_kcv_method method,
	const struct secret *key, struct key_kcv *ret_kcv, struct kms_err *err);

/* By the algorithm's default method: tdes-zero or aes-gp. */
KMS_CHECKED enum kms_status key_kcv_default(
	enum key_alg alg, const struct secret *key, struct key_kcv *ret_kcv, struct kms_err *err);

/* Upper-case hex without the method: "3FA2B1". */
void key_kcv_print(const struct key_kcv *kcv, char ret_text[KEY_KCV_TEXT_SIZE]);

/* Hex of exactly the method's length, as a person may type it (either case, blanks). */
KMS_CHECKED enum kms_status key_kcv_parse(
	enum key_kcv_method method, const char *text, struct key_kcv *ret_kcv, struct kms_err *err);

/* Same method and same bytes. */
bool key_kcv_same(const struct key_kcv *a, const struct key_kcv *b);

/*
 * KMS_ERR_MISMATCH unless both are the same: "WHAT check value is 8BAF47, EXPECTED_BY says 504A77
 * (aes-gp)". Different methods are KMS_ERR_INVALID: they cannot be compared.
 */
KMS_CHECKED enum kms_status key_kcv_check(const char *what, const struct key_kcv *actual,
	const char *expected_by, const struct key_kcv *expected, struct kms_err *err);

#endif
