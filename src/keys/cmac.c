/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/cmac.h"

#include "keys/cipher.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

enum { COUNTER_MAX = 255 };

/* One contiguous message, or (for the KDF) before ‖ counter ‖ after. */
struct message {
	const void *before;
	size_t before_len;
	const unsigned char *counter; /* one byte, or NULL */
	const void *after;
	size_t after_len;
};

static const char *cipher_name(enum key_alg alg)
{
	switch (alg) {
	case KEY_TDEA2:
		return "DES-EDE-CBC";
	case KEY_TDEA3:
		return "DES-EDE3-CBC";
	case KEY_AES128:
		return "AES-128-CBC";
	case KEY_AES192:
		return "AES-192-CBC";
	case KEY_AES256:
		return "AES-256-CBC";
	default:
		return NULL;
	}
}

static EVP_MAC_CTX *mac_new(void)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	return ctx;
}

static bool mac_run(EVP_MAC_CTX *ctx, const struct secret *key, const OSSL_PARAM *params,
	const struct message *m, unsigned char *out, size_t block)
{
	size_t len = 0;

	return EVP_MAC_init(ctx, key->data, key->len, params) == 1 &&
	       (!m->before_len || EVP_MAC_update(ctx, m->before, m->before_len) == 1) &&
	       (!m->counter || EVP_MAC_update(ctx, m->counter, 1) == 1) &&
	       (!m->after_len || EVP_MAC_update(ctx, m->after, m->after_len) == 1) &&
	       EVP_MAC_final(ctx, out, &len, block) == 1 && len == block;
}

static enum kms_status cmac(enum key_alg alg, const struct secret *key, const struct message *m,
	unsigned char *out, struct kms_err *err)
{
	OSSL_PARAM params[2];
	char name[16];
	EVP_MAC_CTX *ctx;
	enum kms_status st;
	bool ok;

	st = key_cipher_check(alg, key, err);
	if (st)
		return st;
	strcpy(name, cipher_name(alg));
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	ctx = mac_new();
	if (!ctx)
		return kms_nomem(err);
	ok = mac_run(ctx, key, params, m, out, key_alg_info(alg)->block);
	EVP_MAC_CTX_free(ctx);
	return ok ? KMS_OK
		  : kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed in CMAC with %s",
			    key_alg_name(alg));
}

enum kms_status key_cmac(enum key_alg alg, const struct secret *key, const void *data, size_t len,
	unsigned char ret_mac[KEY_CMAC_MAX], struct kms_err *err)
{
	const struct message m = {.before = data, .before_len = len};
	unsigned char mac[KEY_CMAC_MAX];
	enum kms_status st;

	st = cmac(alg, key, &m, mac, err);
	if (!st)
		memcpy(ret_mac, mac, key_alg_info(alg)->block);
	return st;
}

enum kms_status key_cmac_secret(enum key_alg alg, const struct secret *key, const void *data,
	size_t len, struct secret *ret_mac, struct kms_err *err)
{
	const struct message m = {.before = data, .before_len = len};
	SECRET_AUTO struct secret mac = {0};
	enum kms_status st;

	st = key_cipher_check(alg, key, err);
	if (!st)
		st = secret_alloc(&mac, key_alg_info(alg)->block, err);
	if (!st)
		st = cmac(alg, key, &m, mac.data, err);
	if (!st)
		secret_take(ret_mac, &mac);
	return st;
}

enum kms_status key_kdf_counter(enum key_alg alg, const struct secret *key, const void *before,
	size_t before_len, const void *after, size_t after_len, size_t out_len,
	struct secret *ret_out, struct kms_err *err)
{
	SECRET_AUTO struct secret blocks = {0};
	unsigned char counter = 1;
	const struct message m = {before, before_len, &counter, after, after_len};
	enum kms_status st;
	size_t block, count;

	st = key_cipher_check(alg, key, err);
	if (st)
		return st;
	block = key_alg_info(alg)->block;
	count = (out_len + block - 1) / block;
	if (out_len == 0 || count > COUNTER_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"%zu bytes cannot be derived with a counter of eight bits", out_len);
	st = secret_alloc(&blocks, count * block, err);
	for (size_t i = 0; !st && i < count; i++, counter++)
		st = cmac(alg, key, &m, blocks.data + i * block, err);
	if (st)
		return st;
	return secret_copy(ret_out, blocks.data, out_len, err);
}

/* Doubling in GF(2^n) without a branch on the bits. */
static void dbl(const unsigned char *in, size_t len, unsigned char *out)
{
	unsigned char carry = (unsigned char)(in[0] >> 7);
	unsigned char rb = len == 16 ? 0x87 : 0x1B;

	for (size_t i = 0; i + 1 < len; i++)
		out[i] = (unsigned char)(in[i] << 1 | in[i + 1] >> 7);
	out[len - 1] = (unsigned char)(in[len - 1] << 1 ^ (rb & -carry));
}

void key_cmac_subkeys(
	const unsigned char *l, size_t len, unsigned char *ret_k1, unsigned char *ret_k2)
{
	dbl(l, len, ret_k1);
	dbl(ret_k1, len, ret_k2);
}
