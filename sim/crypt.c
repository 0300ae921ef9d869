/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/crypt.h"

#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

enum { MAC_INPUT_MAX = 8192 };

size_t sim_block_size(enum sim_alg alg)
{
	return alg == SIM_AES ? 16 : 8;
}

static const EVP_CIPHER *cipher_of(enum sim_alg alg, bool cbc, size_t key_len)
{
	if (alg == SIM_TDES)
		return cbc ? EVP_des_ede3_cbc() : EVP_des_ede3_ecb();
	switch (key_len) {
	case 16:
		return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
	case 24:
		return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
	case 32:
		return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
	default:
		return NULL;
	}
}

/* K for single DES becomes K K K, K1 K2 becomes K1 K2 K1. */
static bool tdes_key(const unsigned char *key, size_t key_len, unsigned char out[24])
{
	if (key_len != 8 && key_len != 16 && key_len != 24)
		return false;
	for (size_t i = 0; i < 24; i++)
		out[i] = key[i % key_len];
	return true;
}

static bool run(const EVP_CIPHER *cipher, const unsigned char *key, const unsigned char *iv,
	bool encrypt, const unsigned char *in, size_t len, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0, rest = 0;
	bool ok;

	ok = ctx && EVP_CipherInit_ex(ctx, cipher, NULL, key, iv, encrypt) == 1 &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	     EVP_CipherUpdate(ctx, out, &done, in, (int)len) == 1 &&
	     EVP_CipherFinal_ex(ctx, out + done, &rest) == 1 && (size_t)done + (size_t)rest == len;
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static bool crypt(enum sim_alg alg, bool cbc, const unsigned char *key, size_t key_len,
	const unsigned char *iv, bool encrypt, const unsigned char *in, size_t len,
	unsigned char *out)
{
	static const unsigned char zeros[16];
	const EVP_CIPHER *cipher = cipher_of(alg, cbc, key_len);
	unsigned char wide[24];
	bool ok;

	if (!cipher || len % sim_block_size(alg) != 0)
		return false;
	if (alg == SIM_AES)
		return run(cipher, key, cbc ? (iv ? iv : zeros) : NULL, encrypt, in, len, out);
	ok = tdes_key(key, key_len, wide) &&
	     run(cipher, wide, cbc ? (iv ? iv : zeros) : NULL, encrypt, in, len, out);
	secret_wipe(wide, sizeof(wide));
	return ok;
}

bool sim_cbc(enum sim_alg alg, const unsigned char *key, size_t key_len, const unsigned char *iv,
	bool encrypt, const unsigned char *in, size_t len, unsigned char *out)
{
	return crypt(alg, true, key, key_len, iv, encrypt, in, len, out);
}

bool sim_ecb(enum sim_alg alg, const unsigned char *key, size_t key_len, bool encrypt,
	const unsigned char *in, size_t len, unsigned char *out)
{
	return crypt(alg, false, key, key_len, NULL, encrypt, in, len, out);
}

size_t sim_pad(unsigned char *data, size_t len, size_t block)
{
	data[len++] = 0x80;
	while (len % block != 0)
		data[len++] = 0;
	return len;
}

long sim_unpad(const unsigned char *data, size_t len, size_t block)
{
	size_t end = len;

	if (len == 0 || len % block != 0)
		return -1;
	while (end > 0 && data[end - 1] == 0)
		end--;
	if (end == 0 || data[end - 1] != 0x80 || len - end >= block)
		return -1;
	return (long)(end - 1);
}

/* Joins and pads; 0 if it is too long. */
static size_t gather(const struct sim_part *parts, size_t count, unsigned char *out, size_t block)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > MAC_INPUT_MAX - 16 - len)
			return 0;
		if (parts[i].len > 0)
			memcpy(out + len, parts[i].data, parts[i].len);
		len += parts[i].len;
	}
	return sim_pad(out, len, block);
}

bool sim_retail_mac(const unsigned char key[16], const unsigned char *iv,
	const struct sim_part *parts, size_t count, unsigned char out[8])
{
	unsigned char text[MAC_INPUT_MAX], chained[MAC_INPUT_MAX], last[8];
	size_t len = gather(parts, count, text, 8);
	const unsigned char *before = iv;
	bool ok = len > 0;

	/* Single DES under the first half over all blocks but the last … */
	if (ok && len > 8) {
		ok = sim_cbc(SIM_TDES, key, 8, iv, true, text, len - 8, chained);
		before = chained + len - 16;
	}
	/* … which gets triple DES. */
	if (ok) {
		memcpy(last, text + len - 8, 8);
		for (size_t i = 0; before && i < 8; i++)
			last[i] ^= before[i];
		ok = sim_ecb(SIM_TDES, key, 16, true, last, 8, out);
	}
	secret_wipe(text, sizeof(text));
	secret_wipe(chained, sizeof(chained));
	secret_wipe(last, sizeof(last));
	return ok;
}

bool sim_full_mac(
	const unsigned char key[16], const unsigned char *data, size_t len, unsigned char out[8])
{
	const struct sim_part part = {data, len};
	unsigned char text[MAC_INPUT_MAX], chained[MAC_INPUT_MAX];
	size_t padded = gather(&part, 1, text, 8);
	bool ok = padded > 0 && sim_cbc(SIM_TDES, key, 16, NULL, true, text, padded, chained);

	if (ok)
		memcpy(out, chained + padded - 8, 8);
	return ok;
}

bool sim_cmac(const unsigned char *key, size_t key_len, const struct sim_part *parts, size_t count,
	unsigned char out[16])
{
	const char *name = key_len == 16   ? "AES-128-CBC"
			   : key_len == 24 ? "AES-192-CBC"
					   : "AES-256-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)name, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t len = 0;
	bool ok = ctx && EVP_MAC_init(ctx, key, key_len, params) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = parts[i].len == 0 || EVP_MAC_update(ctx, parts[i].data, parts[i].len) == 1;
	ok = ok && EVP_MAC_final(ctx, out, &len, 16) == 1 && len == 16;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

bool sim_kdf(const unsigned char *key, size_t key_len, unsigned char constant,
	const unsigned char *context, size_t context_len, unsigned char *out, size_t bytes)
{
	/* Label (11 zeros and the constant), separation indicator, L in bits, counter. */
	unsigned char fixed[16] = {0}, block[16];
	const struct sim_part parts[] = {{fixed, sizeof(fixed)}, {context, context_len}};
	bool ok = true;

	fixed[11] = constant;
	fixed[13] = (unsigned char)(bytes * 8 >> 8);
	fixed[14] = (unsigned char)(bytes * 8);
	for (size_t done = 0; ok && done < bytes; done += 16) {
		fixed[15]++;
		ok = sim_cmac(key, key_len, parts, 2, block);
		if (ok)
			memcpy(out + done, block, bytes - done < 16 ? bytes - done : 16);
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

bool sim_check_value(
	enum sim_alg alg, const unsigned char *key, size_t key_len, unsigned char out[3])
{
	unsigned char in[16], enciphered[16];

	memset(in, alg == SIM_AES ? 1 : 0, sizeof(in));
	if (!sim_ecb(alg, key, key_len, true, in, sim_block_size(alg), enciphered))
		return false;
	memcpy(out, enciphered, 3);
	return true;
}

bool sim_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

bool sim_random(unsigned char *out, size_t len)
{
	return RAND_bytes(out, (int)len) == 1;
}
