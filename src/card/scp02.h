/* SPDX-License-Identifier: Apache-2.0 */
/* SCP02 (GPCS 2.3.1 appendix E), explicit initiation with three keys: for scp.c. */
#ifndef CARD_SCP02_H
#define CARD_SCP02_H

#include "card/scp.h"

enum { SCP02_MAC_SIZE = 8 };

/* "i", table E-1. */
enum {
	SCP02_THREE_KEYS = 0x01,
	SCP02_UNMODIFIED = 0x02, /* C-MAC on the unmodified APDU */
	SCP02_EXPLICIT = 0x04,
	SCP02_ICV_AID = 0x08,
	SCP02_ICV_ENCRYPTED = 0x10,
	SCP02_R_MAC = 0x20,
	SCP02_PSEUDO_RANDOM = 0x40,
};

KMS_CHECKED enum kms_status scp02_option_check(unsigned i, struct kms_err *err);
KMS_CHECKED enum kms_status scp02_parse(
	const unsigned char *data, size_t len, struct scp_init *init, struct kms_err *err);

/* The card cryptogram that these keys make (clause E.4.2.1). */
KMS_CHECKED enum kms_status scp02_card_cryptogram(const struct scp_init *init,
	struct card_keys *keys, unsigned char ret_cryptogram[SCP_CHALLENGE_MAX],
	struct kms_err *err);

/* Session keys, host cryptogram, derivation data of the DEK. */
/* The session keys, and the card cryptogram that they make: the caller compares. */
KMS_CHECKED enum kms_status scp02_derive(struct scp *scp, const struct scp_init *init,
	struct card_keys *keys, unsigned char ret_cryptogram[SCP_CHALLENGE_MAX],
	struct kms_err *err);

/* Clauses E.4.4 and E.4.6. encrypt: EXTERNAL AUTHENTICATE itself never is. */
KMS_CHECKED enum kms_status scp02_wrap(struct scp *scp, const struct apdu *plain, bool encrypt,
	struct scp_wrapped *w, struct kms_err *err);

/* Clause E.4.5. */
KMS_CHECKED enum kms_status scp02_unwrap(
	struct scp *scp, struct apdu_response *response, struct kms_err *err);

#endif
