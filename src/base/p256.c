/* SPDX-License-Identifier: Apache-2.0 */
#include "base/p256.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

enum { HALF = P256_SIG_SIZE / 2 };

/* The order n of the group (as OpenSSL prints it for prime256v1), and n / 2 rounded down. */
static const unsigned char order[HALF] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84,
	0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};
static const unsigned char half_order[HALF] = {0x7F, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0x00, 0x00, 0x7F,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xDE, 0x73, 0x7D, 0x56, 0xD3, 0x8B, 0xCF, 0x42,
	0x79, 0xDC, 0xE5, 0x61, 0x7E, 0x31, 0x92, 0xA8};

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 66 bytes }, as OpenSSL writes
 * it. */
static const unsigned char spki_head[P256_SPKI_SIZE - P256_POINT_SIZE] = {0x30, 0x59, 0x30, 0x13,
	0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
	0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

void p256_spki(const unsigned char point[P256_POINT_SIZE], unsigned char ret_spki[P256_SPKI_SIZE])
{
	memcpy(ret_spki, spki_head, sizeof(spki_head));
	memcpy(ret_spki + sizeof(spki_head), point, P256_POINT_SIZE);
}

/* NULL unless the point is one of the curve, which the decoder checks. */
static EVP_PKEY *public_key(const unsigned char point[P256_POINT_SIZE])
{
	unsigned char spki[P256_SPKI_SIZE];
	const unsigned char *p = spki;

	if (point[0] != 0x04)
		return NULL;
	p256_spki(point, spki);
	return d2i_PUBKEY(NULL, &p, sizeof(spki));
}

bool p256_point_valid(const unsigned char point[P256_POINT_SIZE])
{
	EVP_PKEY *key = public_key(point);
	bool valid = key != NULL;

	EVP_PKEY_free(key);
	return valid;
}

static size_t der_integer(const unsigned char value[HALF], unsigned char *out)
{
	size_t skip = 0, pad;

	while (skip < HALF - 1 && value[skip] == 0)
		skip++;
	pad = value[skip] >> 7;
	out[0] = 0x02;
	out[1] = (unsigned char)(HALF - skip + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, value + skip, HALF - skip);
	return 2 + pad + HALF - skip;
}

size_t p256_der_from_sig(
	const unsigned char sig[P256_SIG_SIZE], unsigned char ret_der[P256_DER_SIG_MAX])
{
	size_t len = 2;

	len += der_integer(sig, ret_der + len);
	len += der_integer(sig + HALF, ret_der + len);
	ret_der[0] = 0x30;
	ret_der[1] = (unsigned char)(len - 2);
	return len;
}

static bool read_integer(const unsigned char **p, const unsigned char *end, unsigned char out[HALF])
{
	const unsigned char *value = *p + 2;
	size_t len;

	if (end - *p < 3 || (*p)[0] != 0x02 || (*p)[1] == 0 || (*p)[1] > end - value)
		return false;
	len = (*p)[1];
	*p = value + len;
	if (len == HALF + 1 && value[0] == 0) {
		value++;
		len--;
	}
	if (len > HALF)
		return false;
	memset(out, 0, HALF - len);
	memcpy(out + HALF - len, value, len);
	return true;
}

bool p256_sig_from_der(const unsigned char *der, size_t len, unsigned char ret_sig[P256_SIG_SIZE])
{
	unsigned char sig[P256_SIG_SIZE], again[P256_DER_SIG_MAX];
	const unsigned char *p = der + 2;

	if (len < 8 || len > P256_DER_SIG_MAX || der[0] != 0x30 || der[1] != len - 2 ||
		!read_integer(&p, der + len, sig) || !read_integer(&p, der + len, sig + HALF) ||
		p256_der_from_sig(sig, again) != len || memcmp(again, der, len) != 0)
		return false;
	memcpy(ret_sig, sig, sizeof(sig));
	return true;
}

static bool s_is_low(const unsigned char sig[P256_SIG_SIZE])
{
	return memcmp(sig + HALF, half_order, HALF) <= 0;
}

enum kms_status p256_verify(const unsigned char point[P256_POINT_SIZE],
	const unsigned char digest[HASH_SIZE], const unsigned char sig[P256_SIG_SIZE],
	struct kms_err *err)
{
	unsigned char der[P256_DER_SIG_MAX];
	size_t len = p256_der_from_sig(sig, der);
	EVP_PKEY *key;
	EVP_PKEY_CTX *ctx;
	int good;

	ERR_clear_error();
	key = public_key(point);
	ctx = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	if (ctx && EVP_PKEY_verify_init(ctx) == 1)
		good = EVP_PKEY_verify(ctx, der, len, digest, HASH_SIZE);
	else /* a point that is none is no want of memory */
		good = key || ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE ? -1 : 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (good < 0)
		return kms_nomem(err);
	if (good != 1 || !s_is_low(sig))
		return kms_fail(err, KMS_ERR_MISMATCH, "the signature does not verify");
	return KMS_OK;
}

/* s = n - s where that is the lower one. */
static void lower_s(unsigned char sig[P256_SIG_SIZE])
{
	unsigned borrow = 0;

	if (s_is_low(sig))
		return;
	for (size_t i = HALF; i-- > 0;) {
		unsigned diff = 0x100u + order[i] - sig[HALF + i] - borrow;

		sig[HALF + i] = (unsigned char)diff;
		borrow = diff < 0x100;
	}
}

enum kms_status p256_sign(const struct p256_signer *signer, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	unsigned char sig[P256_SIG_SIZE];
	enum kms_status st;

	st = signer->sign(signer->ctx, digest, sig, err);
	if (st)
		return st;
	lower_s(sig);
	st = p256_verify(signer->point, digest, sig, err);
	if (st == KMS_ERR_MISMATCH) {
		kms_fail(err, KMS_ERR_HSM,
			"the signature that the HSM made does not verify with its public key");
		return kms_hint(err, "the signing key in the HSM is not the one on record");
	}
	if (st)
		return st;
	memcpy(ret_sig, sig, sizeof(sig));
	return KMS_OK;
}
