/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, by OpenSSL, of bytes that are no secret. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/err.h"

#include <stddef.h>

enum { HASH_SIZE = 32 };

struct hash_part {
	const void *data;
	size_t len;
};

KMS_CHECKED enum kms_status hash_sha256(
	const void *data, size_t len, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);

/* Of the parts one after the other, without copying them together. */
KMS_CHECKED enum kms_status hash_sha256_parts(const struct hash_part *parts, size_t count,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err);

/*
 * The same of what comes a piece at a time; hash_now gives the hash so far, and more may follow.
 * `HASH_AUTO struct hash h = {0};`
 */
struct hash {
	void *ctx;
};

#define HASH_AUTO __attribute__((cleanup(hash_free)))

KMS_CHECKED enum kms_status hash_begin(struct hash *h, struct kms_err *err);
KMS_CHECKED enum kms_status hash_more(
	struct hash *h, const void *data, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status hash_now(
	const struct hash *h, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);
void hash_free(struct hash *h);

#endif
