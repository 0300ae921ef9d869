/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a quorum keeps of an HSM's PINs, sealed so that it can lie in the registry. libsodium does the work.
 *
 *   PIN          XChaCha20-Poly1305 under the quorum key
 *   quorum key   32 random bytes, shared by ceremony/shamir.h
 *   share        crypto_box_seal to its officer's public key (X25519, XSalsa20-Poly1305)
 *   secret half  XChaCha20-Poly1305 under Argon2id of the officer's passphrase
 *
 * So a quorum can be sealed anew to officers who are not there. That their public keys are theirs is
 * proved by the commitment: a MAC under the quorum key over the list of members.
 *
 * `context` says what something was sealed for (site, token, generation, officer, index …): it must be
 * the same when it is opened. Sealed things are texts of upper-case hex. Nothing here asks or stores.
 */
#ifndef CEREMONY_SEAL_H
#define CEREMONY_SEAL_H

#include "base/buf.h"
#include "base/secret.h"
#include "ceremony/shamir.h"

enum {
	CER_QUORUM_KEY = 32,
	CER_PUBLIC_KEY = 32,
	CER_COMMITMENT = 32,
	CER_PIN_LENGTH = 32, /* drawn, where the token takes so long a one */
	CER_PIN_SHORTEST = 8,
};

/* From the kernel: for cer_shares_split. */
extern const struct cer_random cer_kernel_random;

KMS_CHECKED enum kms_status cer_quorum_key_draw(struct secret *ret_key, struct kms_err *err);

/*
 * Letters, digits, '+' and '-', with each of the three kinds. min and max are the token's (max 0: no limit);
 * KMS_ERR_UNSUPPORTED if it takes no PIN as long as CER_PIN_SHORTEST.
 */
KMS_CHECKED enum kms_status cer_pin_draw(
	unsigned long min, unsigned long max, struct secret *ret_pin, struct kms_err *err);

/* ret_text holds what it held, and the sealed text behind it. */
KMS_CHECKED enum kms_status cer_pin_seal(const struct secret *pin, const struct secret *quorum_key,
	const char *context, struct buf *ret_text, struct kms_err *err);
/* KMS_ERR_MISMATCH: it is not what was sealed, under this key, for this. */
KMS_CHECKED enum kms_status cer_pin_open(const char *text, const struct secret *quorum_key,
	const char *context, struct secret *ret_pin, struct kms_err *err);

/* A fresh key pair of an officer. */
KMS_CHECKED enum kms_status cer_officer_key_make(const struct secret *passphrase,
	const char *context, unsigned char ret_public[CER_PUBLIC_KEY], struct buf *ret_text,
	struct kms_err *err);
/* KMS_ERR_AUTH: not this passphrase, or damaged. The public half is made from the secret one. */
KMS_CHECKED enum kms_status cer_officer_key_open(const char *text, const struct secret *passphrase,
	const char *context, unsigned char ret_public[CER_PUBLIC_KEY], struct secret *ret_key,
	struct kms_err *err);
/* The same pair under another passphrase. */
KMS_CHECKED enum kms_status cer_officer_key_seal(const struct secret *key,
	const struct secret *passphrase, const char *context, struct buf *ret_text,
	struct kms_err *err);

KMS_CHECKED enum kms_status cer_share_seal(const struct secret *share,
	const unsigned char public_key[CER_PUBLIC_KEY], const char *context, struct buf *ret_text,
	struct kms_err *err);
/* KMS_ERR_MISMATCH: it is not what was sealed, to this key, for this. */
KMS_CHECKED enum kms_status cer_share_open(const char *text, const struct secret *key,
	const char *context, struct secret *ret_share, struct kms_err *err);

/* The MAC of `members` (public text) under the quorum key. */
KMS_CHECKED enum kms_status cer_quorum_commit(const struct secret *quorum_key, const char *members,
	unsigned char ret_mac[CER_COMMITMENT], struct kms_err *err);

#endif
