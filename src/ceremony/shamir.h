/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret for a quorum: N shares, of which any M give it back and fewer say nothing about it.
 *
 * Shamir's scheme over GF(2^8), each byte by itself. What is shared is the secret and 32 random
 * bytes behind it; these are the key of an HMAC over each share. So a changed share, a share of another
 * set under this one's name, or fewer shares whose headers were rewritten, are found out before the
 * secret is used; and a short secret (a PIN) cannot be guessed from M - 1 shares and a tag.
 *
 * A share is bytes in secret memory:
 *
 *   "CKS1" │ M │ N │ index (1 … N) │ 00 │ set (16) │ data (secret's length + 32) │ tag (32)
 *
 * Work on secret bytes takes the same time and touches the same memory whatever they are. Nothing
 * here draws random bytes, asks, or stores.
 */
#ifndef CEREMONY_SHAMIR_H
#define CEREMONY_SHAMIR_H

#include "base/secret.h"

enum {
	CER_SHARES_MIN = 2,
	CER_SHARES_MAX = 16,
	CER_SHARED_MAX = 1024, /* bytes of a secret */
	CER_SHARE_SET = 16,
	CER_SHARE_KEY = 32,
	CER_SHARE_TAG = 32,
	CER_SHARE_HEAD = 24,
};

/* Random bytes, as hsm_random gives them. */
struct cer_random {
	void *ctx;
	enum kms_status (*draw)(
		void *ctx, size_t len, struct secret *ret_bytes, struct kms_err *err);
};

/* What a share says of itself, which is proved only by cer_shares_combine. No secret. */
struct cer_share_info {
	unsigned threshold, count, index;
	unsigned char set[CER_SHARE_SET];
	size_t secret_len;
};

/*
 * ret_shares: count of them, empty before; on an error they are empty again. 2 ≤ threshold ≤ count
 * ≤ 16, else KMS_ERR_INVALID. Draws set, key and coefficients, in this order.
 */
KMS_CHECKED enum kms_status cer_shares_split(const struct secret *secret, unsigned threshold,
	unsigned count, const struct cer_random *random, struct secret *ret_shares,
	struct kms_err *err);

/*
 * The secret of at least M shares of one set, in any order. KMS_ERR_INVALID: one is malformed, of
 * another set, or there twice; KMS_ERR_DENIED: fewer than M; KMS_ERR_MISMATCH: one is not what was
 * handed out. ret_secret is untouched then.
 */
KMS_CHECKED enum kms_status cer_shares_combine(
	const struct secret *shares, size_t count, struct secret *ret_secret, struct kms_err *err);

KMS_CHECKED enum kms_status cer_share_read(
	const struct secret *share, struct cer_share_info *ret_info, struct kms_err *err);

#endif
