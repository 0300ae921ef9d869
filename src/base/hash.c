/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <openssl/evp.h>

enum kms_status hash_sha256_parts(const struct hash_part *parts, size_t count,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char hash[HASH_SIZE];
	unsigned len = 0;
	int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, hash, &len) == 1 && len == HASH_SIZE;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return kms_fail(err, KMS_ERR_INTERNAL, "cannot compute SHA-256");
	for (size_t i = 0; i < HASH_SIZE; i++)
		ret_hash[i] = hash[i];
	return KMS_OK;
}

enum kms_status hash_sha256(
	const void *data, size_t len, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	struct hash_part part = {data, len};

	return hash_sha256_parts(&part, 1, ret_hash, err);
}

enum kms_status hash_begin(struct hash *h, struct kms_err *err)
{
	hash_free(h);
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "cannot compute SHA-256");
	return KMS_OK;
}

enum kms_status hash_more(struct hash *h, const void *data, size_t len, struct kms_err *err)
{
	return EVP_DigestUpdate(h->ctx, data, len) == 1
		       ? KMS_OK
		       : kms_fail(err, KMS_ERR_INTERNAL, "cannot compute SHA-256");
}

enum kms_status hash_now(
	const struct hash *h, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	unsigned len = 0;
	int ok = copy && EVP_MD_CTX_copy_ex(copy, h->ctx) == 1 &&
		 EVP_DigestFinal_ex(copy, ret_hash, &len) == 1;

	EVP_MD_CTX_free(copy);
	return ok ? KMS_OK : kms_fail(err, KMS_ERR_INTERNAL, "cannot compute SHA-256");
}

void hash_free(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}
