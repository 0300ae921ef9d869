/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/hex.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

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

enum kms_status hash_file(const char *path, char ret_hex[2 * HASH_SIZE + 1], struct kms_err *err)
{
	unsigned char block[1 << 14], hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (ctx && fd >= 0 && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
		while ((n = read(fd, block, sizeof(block))) > 0)
			if (EVP_DigestUpdate(ctx, block, (size_t)n) != 1)
				break;
	if (n == 0 && EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		n = -1;
	EVP_MD_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	if (n != 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s' to compute its hash", path);
	hex_encode(hash, HASH_SIZE, ret_hex);
	return KMS_OK;
}
