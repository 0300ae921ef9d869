/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of signatures: a session pair signs, OpenSSL verifies. */
#include "hsm/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

static const unsigned char digest[32] = "thirty-two bytes that are signed";

struct curve {
	CK_MECHANISM_TYPE generate;
	CK_MECHANISM_TYPE sign;
	CK_KEY_TYPE type;
	const unsigned char *params;
	size_t params_len;
	size_t point_len;
};

/* Generates a pair, signs digest, reads the point (out of its OCTET STRING). */
static CK_RV sign_once(struct hsm *hsm, CK_SESSION_HANDLE session, const struct curve *curve,
	unsigned char *point, unsigned char *sig)
{
	static const CK_BBOOL yes = CK_TRUE;
	static const CK_BBOOL no = CK_FALSE;
	CK_MECHANISM generate = {curve->generate, NULL, 0};
	CK_MECHANISM sign = {curve->sign, NULL, 0};
	struct hsm_template pub = {.count = 0};
	struct hsm_template priv = {.count = 0};
	unsigned char der[80];
	CK_ATTRIBUTE point_attr = {CKA_EC_POINT, der, sizeof(der)};
	CK_OBJECT_HANDLE public_key;
	CK_OBJECT_HANDLE private_key;
	CK_ULONG sig_len = 64;
	CK_RV rv;

	hsm_template_add(&pub, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&pub, CKA_KEY_TYPE, &curve->type, sizeof(curve->type));
	hsm_template_add(&pub, CKA_VERIFY, &yes, sizeof(yes));
	hsm_template_add(&pub, CKA_EC_PARAMS, curve->params, curve->params_len);
	hsm_template_add(&priv, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&priv, CKA_KEY_TYPE, &curve->type, sizeof(curve->type));
	hsm_template_add(&priv, CKA_PRIVATE, &yes, sizeof(yes));
	hsm_template_add(&priv, CKA_SENSITIVE, &yes, sizeof(yes));
	hsm_template_add(&priv, CKA_SIGN, &yes, sizeof(yes));
	rv = hsm->p11->C_GenerateKeyPair(session, &generate, pub.attr, pub.count, priv.attr,
		priv.count, &public_key, &private_key);
	if (rv == CKR_OK)
		rv = hsm->p11->C_SignInit(session, &sign, private_key);
	if (rv == CKR_OK)
		rv = hsm->p11->C_Sign(
			session, (CK_BYTE *)(uintptr_t)digest, sizeof(digest), sig, &sig_len);
	if (rv == CKR_OK)
		rv = hsm->p11->C_GetAttributeValue(session, public_key, &point_attr, 1);
	if (rv != CKR_OK)
		return rv;
	if (sig_len != 64 || point_attr.ulValueLen < curve->point_len ||
		point_attr.ulValueLen > curve->point_len + 2)
		return HSM_RV_WRONG;
	memcpy(point, der + point_attr.ulValueLen - curve->point_len, curve->point_len);
	return CKR_OK;
}

static bool ecdsa_verify(const unsigned char *point, const unsigned char *sig)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t) "prime256v1", 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, HSM_POINT_LEN),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *from = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *key = NULL;
	ECDSA_SIG *rs = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL);
	BIGNUM *s = BN_bin2bn(sig + 32, 32, NULL);
	unsigned char *der = NULL;
	int der_len = -1;
	bool good = false;

	if (rs && r && s && ECDSA_SIG_set0(rs, r, s) == 1) {
		r = s = NULL; /* rs owns them */
		der_len = i2d_ECDSA_SIG(rs, &der);
	}
	if (der_len > 0 && from && EVP_PKEY_fromdata_init(from) == 1 &&
		EVP_PKEY_fromdata(from, &key, EVP_PKEY_PUBLIC_KEY, params) == 1)
		ctx = EVP_PKEY_CTX_new(key, NULL);
	if (ctx && EVP_PKEY_verify_init(ctx) == 1)
		good = EVP_PKEY_verify(ctx, der, (size_t)der_len, digest, sizeof(digest)) == 1;
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(rs);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_CTX_free(from);
	EVP_PKEY_free(key);
	return good;
}

CK_RV hsm_try_ecdsa(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	static const unsigned char p256[] = {
		0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	static const struct curve curve = {
		CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKK_EC, p256, sizeof(p256), HSM_POINT_LEN};
	unsigned char point[HSM_POINT_LEN];
	unsigned char sig[64];
	CK_RV rv = sign_once(hsm, session, &curve, point, sig);

	(void)arg;
	return rv == CKR_OK && !ecdsa_verify(point, sig) ? HSM_RV_WRONG : rv;
}
