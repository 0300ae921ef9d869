/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA on P-256 over SHA-256: signatures of identities and audit checkpoints.
 *
 * A private key is never here: who signs is a callback, which in the product is the HSM.
 *
 * (r, s) and (r, n - s) verify alike, so whoever carries a signed text could respell its signature.
 * Here a signature counts only with the lower of the two s, so that a text has one spelling.
 */
#ifndef BASE_P256_H
#define BASE_P256_H

#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	P256_POINT_SIZE = 65, /* 04 ‖ X ‖ Y */
	P256_SIG_SIZE = 64,   /* r ‖ s, each 32 bytes, big endian */
	P256_SPKI_SIZE = 91,  /* DER SubjectPublicKeyInfo */
	P256_DER_SIG_MAX = 72,
};

struct p256_signer {
	unsigned char point[P256_POINT_SIZE]; /* the public key that belongs to sign */
	void *ctx;
	/* Signs a digest, as CKM_ECDSA does. Either s will do. */
	enum kms_status (*sign)(void *ctx, const unsigned char digest[HASH_SIZE],
		unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err);
};

/* Whether it is an uncompressed point of the curve, and not the one at infinity. */
bool p256_point_valid(const unsigned char point[P256_POINT_SIZE]);

/*
 * Signs, takes the lower s, and verifies with signer->point before the signature is used:
 * KMS_ERR_HSM if what came back does not verify.
 */
KMS_CHECKED enum kms_status p256_sign(const struct p256_signer *signer,
	const unsigned char digest[HASH_SIZE], unsigned char ret_sig[P256_SIG_SIZE],
	struct kms_err *err);

/*
 * KMS_ERR_MISMATCH for a signature that is not good, for a higher s too, and for a point that is not on the
 * curve; KMS_ERR_NOMEM if it could not be found out.
 */
KMS_CHECKED enum kms_status p256_verify(const unsigned char point[P256_POINT_SIZE],
	const unsigned char digest[HASH_SIZE], const unsigned char sig[P256_SIG_SIZE],
	struct kms_err *err);

/* The one DER spelling of SubjectPublicKeyInfo with an uncompressed point (RFC 5480 section 2.2). */
void p256_spki(const unsigned char point[P256_POINT_SIZE], unsigned char ret_spki[P256_SPKI_SIZE]);

/* DER SEQUENCE { r, s }, and back; only the spelling that p256_der_from_sig gives is read. */
size_t p256_der_from_sig(
	const unsigned char sig[P256_SIG_SIZE], unsigned char ret_der[P256_DER_SIG_MAX]);
bool p256_sig_from_der(const unsigned char *der, size_t len, unsigned char ret_sig[P256_SIG_SIZE]);

#endif
