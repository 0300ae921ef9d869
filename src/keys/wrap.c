/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/wrap.h"

#include "keys/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum {
	WRAP_MAX = 32 * 1024, /* plain bytes in one block */
	SEMIBLOCK = 8,
};

static const char *const names[] = {
	[KEY_WRAP_NONE] = "none",
	[KEY_WRAP_AES_KW] = "aes-kw",
	[KEY_WRAP_AES_KWP] = "aes-kwp",
	[KEY_WRAP_ECB] = "raw-ecb",
	[KEY_WRAP_CBC] = "raw-cbc",
	[KEY_WRAP_X9143_B] = "x9143-b",
	[KEY_WRAP_X9143_D] = "x9143-d",
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

const char *key_wrapping_name(enum key_wrapping wrapping)
{
	return names[(size_t)wrapping < NAMES ? wrapping : KEY_WRAP_NONE];
}

enum kms_status key_wrapping_parse(
	const char *text, enum key_wrapping *ret_wrapping, struct kms_err *err)
{
	for (size_t i = 1; i < NAMES; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_wrapping = (enum key_wrapping)i;
			return KMS_OK;
		}
	}
	kms_fail(err, KMS_ERR_INVALID, "'%.40s' is no wrapping method", text);
	return kms_hint(err, "one of: aes-kw, aes-kwp, raw-ecb, raw-cbc, x9143-b, x9143-d");
}

bool key_wrapping_has_integrity(enum key_wrapping wrapping)
{
	return wrapping == KEY_WRAP_AES_KW || wrapping == KEY_WRAP_AES_KWP ||
	       key_wrapping_is_block(wrapping);
}

enum key_wrapping key_wrapping_block(enum key_alg kek_alg)
{
	return key_alg_is_aes(kek_alg)	  ? KEY_WRAP_X9143_D
	       : key_alg_is_tdes(kek_alg) ? KEY_WRAP_X9143_B
					  : KEY_WRAP_NONE;
}

static size_t round_up(size_t len, size_t block)
{
	return (len + block - 1) / block * block;
}

size_t key_wrapped_len(enum key_wrapping wrapping, enum key_alg kek_alg, size_t len)
{
	bool aes = key_alg_is_aes(kek_alg);

	if (len == 0 || len > WRAP_MAX)
		return 0;
	switch (wrapping) {
	case KEY_WRAP_AES_KW: /* RFC 3394 section 2: at least two semiblocks */
		return aes && len % SEMIBLOCK == 0 && len >= 2 * SEMIBLOCK ? len + SEMIBLOCK : 0;
	case KEY_WRAP_AES_KWP: /* RFC 5649 */
		return aes ? round_up(len, SEMIBLOCK) + SEMIBLOCK : 0;
	case KEY_WRAP_ECB:
	case KEY_WRAP_CBC:
		if (!aes && !key_alg_is_tdes(kek_alg))
			return 0;
		return len % SEMIBLOCK == 0 ? round_up(len, key_alg_info(kek_alg)->block) : 0;
	case KEY_WRAP_X9143_B:
	case KEY_WRAP_X9143_D:
	case KEY_WRAP_NONE:
		break;
	}
	return 0;
}

static const EVP_CIPHER *wrap_cipher(enum key_alg alg, bool pad)
{
	switch (alg) {
	case KEY_AES128:
		return pad ? EVP_aes_128_wrap_pad() : EVP_aes_128_wrap();
	case KEY_AES192:
		return pad ? EVP_aes_192_wrap_pad() : EVP_aes_192_wrap();
	default:
		return pad ? EVP_aes_256_wrap_pad() : EVP_aes_256_wrap();
	}
}

/* out has room for len + 16 bytes. False if OpenSSL says no, for unwrapping: not intact. */
static bool aes_wrap(enum key_alg alg, bool pad, bool encrypt, const struct secret *kek,
	const void *data, size_t len, unsigned char *out, size_t *ret_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool ok;

	if (!ctx)
		return false;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = EVP_CipherInit_ex(ctx, wrap_cipher(alg, pad), NULL, kek->data, NULL, encrypt) == 1 &&
	     EVP_CipherUpdate(ctx, out, &n, data, (int)len) == 1 && n > 0;
	EVP_CIPHER_CTX_free(ctx);
	*ret_len = ok ? (size_t)n : 0;
	return ok;
}

static enum kms_status raw_wrap(enum key_wrapping wrapping, enum key_alg kek_alg,
	const struct secret *kek, const struct secret *plain, unsigned char *out, size_t out_len,
	struct kms_err *err)
{
	SECRET_AUTO struct secret padded = {0};
	enum kms_status st;

	st = secret_alloc(&padded, out_len, err);
	if (st)
		return st;
	memcpy(padded.data, plain->data, plain->len);
	return key_cipher(kek_alg, wrapping == KEY_WRAP_ECB ? KEY_CIPHER_ECB : KEY_CIPHER_CBC, true,
		kek, padded.data, out_len, out, err);
}

enum kms_status key_wrap(enum key_wrapping wrapping, enum key_alg kek_alg, const struct secret *kek,
	const struct secret *plain, struct buf *ret_wrapped, struct kms_err *err)
{
	size_t want = key_wrapped_len(wrapping, kek_alg, plain->len), got = want;
	BUF_AUTO struct buf out = {0};
	enum kms_status st;

	st = key_cipher_check(kek_alg, kek, err);
	if (st)
		return st;
	if (!want)
		return kms_fail(err, KMS_ERR_INVALID, "%zu bytes cannot be wrapped by %s with %s",
			plain->len, key_wrapping_name(wrapping), key_alg_name(kek_alg));
	out.data = calloc(1, want + 2 * SEMIBLOCK + 1);
	if (!out.data)
		return kms_nomem(err);
	out.cap = want + 2 * SEMIBLOCK + 1;
	if (!key_wrapping_has_integrity(wrapping))
		st = raw_wrap(wrapping, kek_alg, kek, plain, (unsigned char *)out.data, want, err);
	else if (!aes_wrap(kek_alg, wrapping == KEY_WRAP_AES_KWP, true, kek, plain->data,
			 plain->len, (unsigned char *)out.data, &got) ||
		 got != want)
		st = kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed to wrap by %s",
			key_wrapping_name(wrapping));
	if (st)
		return st;
	out.len = want;
	out.data[want] = 0;
	buf_free(ret_wrapped);
	*ret_wrapped = out;
	out = (struct buf){0};
	return KMS_OK;
}

/* The bytes after the key in a raw block are zero; anything else is another key's block. */
static bool padding_ok(const struct secret *plain, size_t out_len)
{
	unsigned char rest = 0;

	for (size_t i = out_len; i < plain->len; i++)
		rest |= plain->data[i];
	return rest == 0;
}

enum kms_status key_unwrap(enum key_wrapping wrapping, enum key_alg kek_alg,
	const struct secret *kek, const void *wrapped, size_t wrapped_len, size_t out_len,
	struct secret *ret_plain, struct kms_err *err)
{
	SECRET_AUTO struct secret plain = {0};
	size_t got = wrapped_len;
	enum kms_status st;
	bool intact;

	st = key_cipher_check(kek_alg, kek, err);
	if (st)
		return st;
	if (key_wrapped_len(wrapping, kek_alg, out_len) != wrapped_len || wrapped_len == 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"%zu bytes are not a key of %zu bytes wrapped by %s with %s", wrapped_len,
			out_len, key_wrapping_name(wrapping), key_alg_name(kek_alg));
	st = secret_alloc(&plain, wrapped_len + 2 * SEMIBLOCK, err);
	if (st)
		return st;
	if (key_wrapping_has_integrity(wrapping)) {
		intact = aes_wrap(kek_alg, wrapping == KEY_WRAP_AES_KWP, false, kek, wrapped,
				 wrapped_len, plain.data, &got) &&
			 got == out_len;
	} else {
		st = key_cipher(kek_alg, wrapping == KEY_WRAP_ECB ? KEY_CIPHER_ECB : KEY_CIPHER_CBC,
			false, kek, wrapped, wrapped_len, plain.data, err);
		if (st)
			return st;
		plain.len = wrapped_len;
		intact = padding_ok(&plain, out_len);
	}
	if (!intact)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the wrapped key is not intact, or was wrapped under another key (%s)",
			key_wrapping_name(wrapping));
	return secret_copy(ret_plain, plain.data, out_len, err);
}
