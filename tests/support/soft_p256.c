/* SPDX-License-Identifier: Apache-2.0 */
#include "support/soft_p256.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(x)                                                        \
	do {                                                           \
		if (!(x)) {                                            \
			fprintf(stderr, "soft_p256: %s failed\n", #x); \
			abort();                                       \
		}                                                      \
	} while (0)

static enum kms_status sign(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	EVP_PKEY_CTX *op = EVP_PKEY_CTX_new(ctx, NULL);
	unsigned char der[P256_DER_SIG_MAX];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	(void)err;
	MUST(op && EVP_PKEY_sign_init(op) == 1 &&
		EVP_PKEY_sign(op, der, &len, digest, HASH_SIZE) == 1);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
	MUST(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_sig, 32) == 32 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_sig + 32, 32) == 32);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(op);
	return KMS_OK;
}

void soft_p256_open(struct soft_p256 *soft)
{
	size_t len = 0;

	soft->key = EVP_EC_gen("P-256");
	MUST(soft->key);
	MUST(EVP_PKEY_get_octet_string_param(
		     soft->key, "pub", soft->signer.point, P256_POINT_SIZE, &len) == 1);
	MUST(len == P256_POINT_SIZE && soft->signer.point[0] == 0x04);
	soft->signer.ctx = soft->key;
	soft->signer.sign = sign;
}

void soft_p256_close(struct soft_p256 *soft)
{
	EVP_PKEY_free(soft->key);
	soft->key = NULL;
}

void soft_p256_other_s(unsigned char sig[P256_SIG_SIZE])
{
	BIGNUM *n = NULL, *s = BN_bin2bn(sig + 32, 32, NULL);

	MUST(s && BN_hex2bn(&n, "FFFFFFFF00000000FFFFFFFFFFFFFFFF"
				"BCE6FAADA7179E84F3B9CAC2FC632551"));
	MUST(BN_sub(s, n, s) && BN_bn2binpad(s, sig + 32, 32) == 32);
	BN_free(n);
	BN_free(s);
}
