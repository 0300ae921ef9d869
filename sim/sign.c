/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sign.h"

#include "base/secret.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>

enum { HALF = 32 }; /* of a signature: as long as the order of P-256 */

static EVP_PKEY *key_of(const unsigned char *point)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, (unsigned char *)point, SIM_POINT_LEN),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool sim_point_is_good(const unsigned char point[SIM_POINT_LEN])
{
	EVP_PKEY *key = point[0] == 0x04 ? key_of(point) : NULL;
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	bool good = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

/* The plain format of B.4.3 as the DER that OpenSSL wants; NULL: it cannot be made. */
static unsigned char *der_of(const unsigned char signature[2 * HALF], int *ret_len)
{
	BIGNUM *r = BN_bin2bn(signature, HALF, NULL), *s = BN_bin2bn(signature + HALF, HALF, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;

	if (r && s && sig && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* they are its own */
		*ret_len = i2d_ECDSA_SIG(sig, &der);
	}
	ECDSA_SIG_free(sig);
	BN_free(r);
	BN_free(s);
	return der;
}

static bool ecdsa(const struct sim_key *key, const struct sim_part *parts, size_t count,
	const unsigned char signature[2 * HALF])
{
	int der_len = 0;
	unsigned char *der = der_of(signature, &der_len);
	EVP_PKEY *verifier = key->len == SIM_POINT_LEN ? key_of(key->value) : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = der && der_len > 0 && verifier && ctx &&
		  EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, verifier) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = parts[i].len == 0 ||
		     EVP_DigestVerifyUpdate(ctx, parts[i].data, parts[i].len) == 1;
	ok = ok && EVP_DigestVerifyFinal(ctx, der, (size_t)der_len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(verifier);
	OPENSSL_free(der);
	return ok;
}

bool sim_sign(const struct sim_key *key, const struct sim_part *parts, size_t count,
	unsigned char ret_mac[SIM_MAC_MAX], size_t *ret_len)
{
	if (key->type == SIM_TYPE_AES) {
		*ret_len = 16;
		return sim_cmac(key->value, key->len, parts, count, ret_mac);
	}
	if (key->type == SIM_TYPE_DES && key->len == 16) {
		*ret_len = 8;
		return sim_retail_mac(key->value, NULL, parts, count, ret_mac);
	}
	return false;
}

bool sim_verify(const struct sim_key *key, const struct sim_part *parts, size_t count,
	const unsigned char *signature, size_t len)
{
	unsigned char own[SIM_MAC_MAX];
	size_t own_len;
	bool equal;

	if (key->type == SIM_TYPE_EC_PUBLIC)
		return len == (size_t)2 * HALF && ecdsa(key, parts, count, signature);
	equal = sim_sign(key, parts, count, own, &own_len) && len == own_len &&
		sim_equal(own, signature, len);
	secret_wipe(own, sizeof(own)); /* what would have been right */
	return equal;
}
