/* SPDX-License-Identifier: Apache-2.0 */
/* SCP03 (Amendment D 1.2): for scp.c. */
#ifndef CARD_SCP03_H
#define CARD_SCP03_H

#include "card/scp.h"

/* "i", table 5-1. */
enum {
	SCP03_S16 = 0x01,
	SCP03_PSEUDO_RANDOM = 0x10,
	SCP03_R_MAC = 0x20,
	SCP03_R_ENC = 0x40, /* only with SCP03_R_MAC */
};

/* Data derivation constants, table 4-1. */
enum scp03_constant {
	SCP03_CARD_CRYPTOGRAM = 0x00,
	SCP03_HOST_CRYPTOGRAM = 0x01,
	SCP03_CARD_CHALLENGE = 0x02,
	SCP03_S_ENC = 0x04,
	SCP03_S_MAC = 0x06,
	SCP03_S_RMAC = 0x07,
};

/* What stands before the counter (clause 4.1.5) for len bytes of output. */
void scp03_fixed(enum scp03_constant constant, size_t len, unsigned char ret_fixed[CARD_KDF_FIXED]);

KMS_CHECKED enum kms_status scp03_option_check(unsigned i, struct kms_err *err);
KMS_CHECKED enum kms_status scp03_parse(
	const unsigned char *data, size_t len, struct scp_init *init, struct kms_err *err);
KMS_CHECKED enum kms_status scp03_card_cryptogram(const struct scp_init *init,
	struct card_keys *keys, unsigned char ret_cryptogram[SCP_CHALLENGE_MAX],
	struct kms_err *err);
/* The session keys, and the card cryptogram that they make: the caller compares. */
KMS_CHECKED enum kms_status scp03_derive(struct scp *scp, const struct scp_init *init,
	struct card_keys *keys, unsigned char ret_cryptogram[SCP_CHALLENGE_MAX],
	struct kms_err *err);

/*
 * The challenge that a card with pseudo-random challenges makes of a sequence counter (clause
 * 6.2.2.1): 8 or 16 bytes, from the static ENC key. What the card will say next can so be foretold.
 */
KMS_CHECKED enum kms_status scp03_card_challenge(struct card_keys *keys,
	const unsigned char sequence[3], const unsigned char *aid, size_t aid_len, size_t len,
	unsigned char ret_challenge[SCP_CHALLENGE_MAX], struct kms_err *err);

/* Clauses 6.2.4 and 6.2.6. */
KMS_CHECKED enum kms_status scp03_wrap(struct scp *scp, const struct apdu *plain, bool encrypt,
	struct scp_wrapped *w, struct kms_err *err);

/* Clauses 6.2.5 and 6.2.7. */
KMS_CHECKED enum kms_status scp03_unwrap(
	struct scp *scp, struct apdu_response *response, struct kms_err *err);

#endif
