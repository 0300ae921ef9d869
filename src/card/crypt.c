/* SPDX-License-Identifier: Apache-2.0 */
#include "card/crypt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum { DATA_MAX = 1 << 20, FULL_MAC_MAX = 256 };

static enum kms_status openssl_failed(const char *what, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed in %s", what);
}

static const EVP_CIPHER *cipher_for(enum card_key_type type, enum card_mode mode, size_t key_len)
{
	bool ecb = mode == CARD_ECB;

	if (type == CARD_KEY_DES)
		return key_len != 16 ? NULL : ecb ? EVP_des_ede_ecb() : EVP_des_ede_cbc();
	switch (key_len) {
	case 16:
		return ecb ? EVP_aes_128_ecb() : EVP_aes_128_cbc();
	case 24:
		return ecb ? EVP_aes_192_ecb() : EVP_aes_192_cbc();
	case 32:
		return ecb ? EVP_aes_256_ecb() : EVP_aes_256_cbc();
	default:
		return NULL;
	}
}

static enum kms_status run(const EVP_CIPHER *cipher, bool encrypt, const unsigned char *key,
	const unsigned char *iv, const void *data, size_t len, void *out, struct kms_err *err)
{
	static const unsigned char zero[CARD_AES_BLOCK];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok;

	if (!ctx)
		return kms_nomem(err);
	ok = EVP_CipherInit_ex(ctx, cipher, NULL, key, iv ? iv : zero, encrypt) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_CipherUpdate(ctx, out, &n, data, (int)len) == 1 && (size_t)n == len;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? KMS_OK : openssl_failed("a cipher", err);
}

enum kms_status card_cipher(enum card_key_type type, enum card_mode mode, bool encrypt,
	const struct secret *key, const unsigned char *iv, const void *data, size_t len, void *out,
	struct kms_err *err)
{
	const EVP_CIPHER *cipher = cipher_for(type, mode, key->len);
	size_t block = type == CARD_KEY_DES ? CARD_DES_BLOCK : CARD_AES_BLOCK;

	if (!cipher)
		return kms_fail(err, KMS_ERR_INVALID, "a key of %zu bytes is no %s key", key->len,
			type == CARD_KEY_DES ? "2TDEA" : "AES");
	if (len % block || len > DATA_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "%zu bytes are no whole blocks", len);
	return run(cipher, encrypt, key->data, iv, data, len, out, err);
}

static enum kms_status des_key_check(const struct secret *key, struct kms_err *err)
{
	if (key->len != 16)
		return kms_fail(
			err, KMS_ERR_INVALID, "a key of %zu bytes is no 2TDEA key", key->len);
	return KMS_OK;
}

/* Single DES as EDE3 with K, K, K: single DES is not in OpenSSL's default provider. */
static enum kms_status single_des(const struct secret *key, bool cbc, const unsigned char *iv,
	const void *data, size_t len, void *out, struct kms_err *err)
{
	unsigned char thrice[24];
	enum kms_status st;

	for (size_t i = 0; i < 3; i++)
		memcpy(thrice + 8 * i, key->data, 8);
	st = run(cbc ? EVP_des_ede3_cbc() : EVP_des_ede3_ecb(), true, thrice, iv, data, len, out,
		err);
	secret_wipe(thrice, sizeof(thrice));
	return st;
}

enum kms_status card_des_block(const struct secret *key, const unsigned char in[CARD_DES_BLOCK],
	unsigned char out[CARD_DES_BLOCK], struct kms_err *err)
{
	enum kms_status st = des_key_check(key, err);

	return st ? st : single_des(key, false, NULL, in, CARD_DES_BLOCK, out, err);
}

enum kms_status card_retail_mac(const struct secret *key, const unsigned char icv[CARD_DES_BLOCK],
	const void *data, size_t len, unsigned char ret_mac[CARD_DES_BLOCK], struct kms_err *err)
{
	SECRET_AUTO struct secret work = {0};
	const unsigned char *last_iv = icv;
	size_t padded;
	enum kms_status st = des_key_check(key, err);

	if (!st)
		st = secret_alloc(&work, len + CARD_DES_BLOCK, err);
	if (st)
		return st;
	if (len)
		memcpy(work.data, data, len);
	padded = card_pad(work.data, len, CARD_DES_BLOCK);
	if (padded > CARD_DES_BLOCK) {
		st = single_des(key, true, icv, work.data, padded - CARD_DES_BLOCK, work.data, err);
		last_iv = work.data + padded - 2 * CARD_DES_BLOCK;
	}
	return st ? st
		  : run(EVP_des_ede_cbc(), true, key->data, last_iv,
			    work.data + padded - CARD_DES_BLOCK, CARD_DES_BLOCK, ret_mac, err);
}

enum kms_status card_full_mac(const struct secret *key, const void *data, size_t len,
	unsigned char ret_mac[CARD_DES_BLOCK], struct kms_err *err)
{
	unsigned char work[FULL_MAC_MAX + CARD_DES_BLOCK];
	size_t padded;
	enum kms_status st = des_key_check(key, err);

	if (!st && len > FULL_MAC_MAX)
		st = kms_fail(err, KMS_ERR_INTERNAL, "too much data for a MAC");
	if (st)
		return st;
	memcpy(work, data, len);
	padded = card_pad(work, len, CARD_DES_BLOCK);
	st = run(EVP_des_ede_cbc(), true, key->data, NULL, work, padded, work, err);
	if (!st)
		memcpy(ret_mac, work + padded - CARD_DES_BLOCK, CARD_DES_BLOCK);
	return st;
}

static const char *cmac_cipher(size_t key_len)
{
	switch (key_len) {
	case 16:
		return "AES-128-CBC";
	case 24:
		return "AES-192-CBC";
	case 32:
		return "AES-256-CBC";
	default:
		return NULL;
	}
}

static bool cmac_run(EVP_MAC_CTX *ctx, const struct secret *key, const struct card_part *parts,
	size_t count, unsigned char *out)
{
	char name[16];
	OSSL_PARAM params[2];
	size_t len = 0;
	bool ok;

	strcpy(name, cmac_cipher(key->len));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	ok = EVP_MAC_init(ctx, key->data, key->len, params) == 1;
	for (size_t i = 0; ok && i < count; i++)
		ok = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
	return ok && EVP_MAC_final(ctx, out, &len, CARD_AES_BLOCK) == 1 && len == CARD_AES_BLOCK;
}

enum kms_status card_cmac(const struct secret *key, const struct card_part *parts, size_t count,
	unsigned char ret_mac[CARD_AES_BLOCK], struct kms_err *err)
{
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx;
	bool ok;

	if (!cmac_cipher(key->len))
		return kms_fail(err, KMS_ERR_INVALID, "a key of %zu bytes is no AES key", key->len);
	mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	ok = ctx && cmac_run(ctx, key, parts, count, ret_mac);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok ? KMS_OK : openssl_failed("CMAC", err);
}

enum kms_status card_kdf(const struct secret *key, const unsigned char fixed[CARD_KDF_FIXED],
	const unsigned char *context, size_t context_len, size_t len, struct secret *ret_out,
	struct kms_err *err)
{
	SECRET_AUTO struct secret out = {0};
	size_t blocks = (len + CARD_AES_BLOCK - 1) / CARD_AES_BLOCK;
	enum kms_status st = secret_alloc(&out, blocks * CARD_AES_BLOCK, err);

	for (size_t i = 0; !st && i < blocks; i++) {
		const unsigned char counter = (unsigned char)(i + 1);
		const struct card_part parts[] = {
			{fixed, CARD_KDF_FIXED}, {&counter, 1}, {context, context_len}};

		st = card_cmac(key, parts, 3, out.data + i * CARD_AES_BLOCK, err);
	}
	return st ? st : secret_copy(ret_out, out.data, len, err);
}

size_t card_pad(unsigned char *data, size_t len, size_t block)
{
	data[len++] = 0x80;
	while (len % block)
		data[len++] = 0;
	return len;
}

bool card_unpad(const unsigned char *data, size_t len, size_t *ret_len)
{
	while (len > 0 && data[len - 1] == 0)
		len--;
	if (len == 0 || data[len - 1] != 0x80)
		return false;
	*ret_len = len - 1;
	return true;
}

bool card_same(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
