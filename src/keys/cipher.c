/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/cipher.h"

#include <openssl/evp.h>

static const EVP_CIPHER *cipher_of(enum key_alg alg, enum key_cipher_mode mode)
{
	bool ecb = mode == KEY_CIPHER_ECB;

	switch (alg) {
	case KEY_TDEA2:
		return ecb ? EVP_des_ede_ecb() : EVP_des_ede_cbc();
	case KEY_TDEA3:
		return ecb ? EVP_des_ede3_ecb() : EVP_des_ede3_cbc();
	case KEY_AES128:
		return ecb ? EVP_aes_128_ecb() : EVP_aes_128_cbc();
	case KEY_AES192:
		return ecb ? EVP_aes_192_ecb() : EVP_aes_192_cbc();
	case KEY_AES256:
		return ecb ? EVP_aes_256_ecb() : EVP_aes_256_cbc();
	default:
		return NULL;
	}
}

enum kms_status key_cipher_check(enum key_alg alg, const struct secret *key, struct kms_err *err)
{
	const struct key_alg_info *info = key_alg_info(alg);

	if (!info->length)
		return kms_fail(err, KMS_ERR_INVALID, "%s is no cipher", info->name);
	if (key->len != info->length)
		return kms_fail(err, KMS_ERR_INVALID, "%s keys have %zu bytes, not %zu", info->name,
			info->length, key->len);
	return KMS_OK;
}

static enum kms_status run(enum key_alg alg, enum key_cipher_mode mode, bool encrypt,
	const struct secret *key, const unsigned char *iv, const void *data, size_t len, void *out,
	struct kms_err *err)
{
	EVP_CIPHER_CTX *ctx;
	enum kms_status st;
	int n = 0;
	bool ok;

	st = key_cipher_check(alg, key, err);
	if (st)
		return st;
	if (len % key_alg_info(alg)->block || len > 1024 * 1024)
		return kms_fail(err, KMS_ERR_INVALID, "%zu bytes are no whole blocks of %s", len,
			key_alg_name(alg));
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return kms_nomem(err);
	ok = EVP_CipherInit_ex(ctx, cipher_of(alg, mode), NULL, key->data, iv, encrypt) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_CipherUpdate(ctx, out, &n, data, (int)len) == 1 && (size_t)n == len;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? KMS_OK
		  : kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed in %s", key_alg_name(alg));
}

enum kms_status key_cipher(enum key_alg alg, enum key_cipher_mode mode, bool encrypt,
	const struct secret *key, const void *data, size_t len, void *out, struct kms_err *err)
{
	static const unsigned char zeros[16];

	return run(alg, mode, encrypt, key, zeros, data, len, out, err);
}

enum kms_status key_cipher_iv(enum key_alg alg, bool encrypt, const struct secret *key,
	const unsigned char *iv, const void *data, size_t len, void *out, struct kms_err *err)
{
	return run(alg, KEY_CIPHER_CBC, encrypt, key, iv, data, len, out, err);
}
