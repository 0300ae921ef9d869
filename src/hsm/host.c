/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of host-assisted work, and known answers: OpenSSL, contexts freed at once. */
#include "hsm/internal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

static void ctx_free_pointer(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx); /* wipes the key schedule */
}

enum kms_status hsm_host_kw_unwrap(const struct secret *kek, const unsigned char *wrapped,
	size_t len, struct secret *ret_value, struct kms_err *err)
{
	__attribute__((cleanup(ctx_free_pointer))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	SECRET_AUTO struct secret value = {0};
	enum kms_status st;
	int got = 0;

	if (!ctx)
		return kms_nomem(err);
	st = secret_alloc(&value, len, err);
	if (st)
		return st;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (kek->len != 32 ||
		EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, kek->data, NULL) != 1 ||
		EVP_DecryptUpdate(ctx, value.data, &got, wrapped, (int)len) != 1 || got <= 0)
		return kms_fail(err, KMS_ERR_HSM,
			"the token's AES key wrap is not that of RFC 3394: OpenSSL cannot unwrap "
			"it");
	value.len = (size_t)got;
	secret_take(ret_value, &value);
	return KMS_OK;
}

static const EVP_CIPHER *ecb_cipher(enum hsm_alg alg)
{
	switch (alg) {
	case HSM_TDEA2:
		return EVP_des_ede_ecb();
	case HSM_TDEA3:
		return EVP_des_ede3_ecb();
	case HSM_AES128:
		return EVP_aes_128_ecb();
	case HSM_AES192:
		return EVP_aes_192_ecb();
	case HSM_AES256:
		return EVP_aes_256_ecb();
	default:
		return NULL;
	}
}

bool hsm_host_ecb(enum hsm_alg alg, const unsigned char *key, const unsigned char *data, size_t len,
	unsigned char *out)
{
	__attribute__((cleanup(ctx_free_pointer))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = ecb_cipher(alg);
	int got = 0;

	return ctx && cipher && EVP_EncryptInit_ex(ctx, cipher, NULL, key, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &got, data, (int)len) == 1 && (size_t)got == len;
}

bool hsm_host_cmac(enum hsm_alg alg, const unsigned char *key, const unsigned char *data,
	size_t len, unsigned char *mac)
{
	static const char *const ciphers[] = {
		[HSM_TDEA3] = "DES-EDE3-CBC",
		[HSM_AES128] = "AES-128-CBC",
		[HSM_AES192] = "AES-192-CBC",
		[HSM_AES256] = "AES-256-CBC",
	};
	unsigned char three[24]; /* OpenSSL's CMAC takes three keys: K1, K2, K1 */
	const char *name = ciphers[alg == HSM_TDEA2 ? HSM_TDEA3 : alg];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)(uintptr_t)name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = cmac ? EVP_MAC_CTX_new(cmac) : NULL;
	size_t key_len = hsm_alg_len(alg);
	size_t got = 0;
	bool good;

	if (alg == HSM_TDEA2) {
		memcpy(three, key, 16);
		memcpy(three + 16, key, 8);
		key = three;
		key_len = sizeof(three);
	}
	good = ctx && EVP_MAC_init(ctx, key, key_len, params) == 1 &&
	       EVP_MAC_update(ctx, data, len) == 1 &&
	       EVP_MAC_final(ctx, mac, &got, hsm_block_len(alg)) == 1 && got == hsm_block_len(alg);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(cmac);
	secret_wipe(three, sizeof(three));
	return good;
}

static const EVP_CIPHER *kw_cipher(enum hsm_alg alg, bool pad)
{
	switch (alg) {
	case HSM_AES128:
		return pad ? EVP_aes_128_wrap_pad() : EVP_aes_128_wrap();
	case HSM_AES192:
		return pad ? EVP_aes_192_wrap_pad() : EVP_aes_192_wrap();
	case HSM_AES256:
		return pad ? EVP_aes_256_wrap_pad() : EVP_aes_256_wrap();
	default:
		return NULL;
	}
}

static bool kw_wrap(enum hsm_alg kek_alg, const unsigned char *kek, bool pad,
	const unsigned char *value, size_t len, unsigned char *out, size_t *out_len)
{
	__attribute__((cleanup(ctx_free_pointer))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = kw_cipher(kek_alg, pad);
	int got = 0;

	if (!ctx || !cipher)
		return false;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_EncryptInit_ex(ctx, cipher, NULL, kek, NULL) != 1 ||
		EVP_EncryptUpdate(ctx, out, &got, value, (int)len) != 1)
		return false;
	*out_len = (size_t)got;
	return true;
}

bool hsm_host_wrap(enum hsm_alg kek_alg, const unsigned char *kek, enum hsm_wrap how,
	const unsigned char *value, size_t len, unsigned char *out, size_t *out_len)
{
	size_t block = hsm_block_len(kek_alg);
	unsigned char padded[32] = {0};
	unsigned char chain[16] = {0};

	if (how == HSM_WRAP_AES_KW || how == HSM_WRAP_AES_KWP)
		return kw_wrap(kek_alg, kek, how == HSM_WRAP_AES_KWP, value, len, out, out_len);
	memcpy(padded, value, len);
	*out_len = (len + block - 1) / block * block;
	for (size_t at = 0; at < *out_len; at += block) {
		for (size_t i = 0; how == HSM_WRAP_CBC && i < block; i++)
			padded[at + i] ^= chain[i];
		if (!hsm_host_ecb(kek_alg, kek, padded + at, block, out + at))
			return false;
		memcpy(chain, out + at, block);
	}
	return true;
}

void hsm_host_set_parity(unsigned char *key, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char odd = 1;

		for (unsigned bit = 1; bit < 8; bit++)
			odd ^= key[i] >> bit & 1;
		key[i] = (unsigned char)((key[i] & 0xfe) | odd);
	}
}
