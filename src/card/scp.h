/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secure channel, SCP02 or SCP03, from the answer to INITIALIZE UPDATE on.
 *
 *   scp_init_parse   what the card said
 *   scp_match        which of many key sets it holds, offline: no byte goes to the card
 *   scp_open         session keys, card cryptogram verified
 *   scp_external_authenticate, then scp_wrap / scp_unwrap for each command
 *   scp_close        keys wiped
 *
 * Session keys lie in secret memory from scp_open to scp_close; an EVP context lives for one
 * command. After any error of scp_wrap or scp_unwrap the session is over: begin with INITIALIZE
 * UPDATE again.
 */
#ifndef CARD_SCP_H
#define CARD_SCP_H

#include "card/apdu.h"
#include "card/keys.h"

enum {
	SCP_KDD_SIZE = 10,
	SCP_CHALLENGE_MAX = 16,
	SCP_MAC_MAX = 16,

	/* Security level: P1 of EXTERNAL AUTHENTICATE. */
	SCP_C_MAC = 0x01,
	SCP_C_DEC = 0x02,
	SCP_R_MAC = 0x10,
	SCP_R_ENC = 0x20,
};

/* The answer to INITIALIZE UPDATE with the challenge it answers. No secret in it. */
struct scp_init {
	unsigned scp; /* 2 or 3 */
	unsigned i;   /* SCP03: as the card says. SCP02: as recognition data or profile say */
	unsigned key_version;
	unsigned char kdd[SCP_KDD_SIZE];
	size_t challenge_len; /* 8, or 16 in S16 mode */
	unsigned char host_challenge[SCP_CHALLENGE_MAX];
	unsigned char card_challenge[SCP_CHALLENGE_MAX]; /* SCP02: sequence counter ‖ 6 bytes */
	unsigned char cryptogram[SCP_CHALLENGE_MAX];
	unsigned char sequence[3];
	size_t sequence_len; /* SCP02: 2; SCP03: 3 with pseudo-random challenges, else 0 */
};

/*
 * Response data of INITIALIZE UPDATE (GPCS 2.3.1 table E-8, Amendment D 1.2 table 7-3), of exactly
 * the length that its i asks for. scp02_i: "i" to take for SCP02, whose answer has none.
 */
KMS_CHECKED enum kms_status scp_init_parse(const unsigned char *host_challenge,
	size_t challenge_len, unsigned scp02_i, const unsigned char *data, size_t len,
	struct scp_init *ret_init, struct kms_err *err);

/* "i" is one that this program speaks: KMS_ERR_UNSUPPORTED says which bit it does not. */
KMS_CHECKED enum kms_status scp_option_check(unsigned scp, unsigned i, struct kms_err *err);

/*
 * The security level that fits "i": C-MAC needed by C-DEC and R-ENC, R-MAC only if i has it.
 * scp_level_best is the highest that does.
 */
KMS_CHECKED enum kms_status scp_level_check(
	unsigned scp, unsigned i, unsigned level, struct kms_err *err);
unsigned scp_level_best(unsigned scp, unsigned i);

/*
 * The first of the candidates that makes this card cryptogram, tried one after the other without
 * a byte to the card. Candidates of another type or length than can be are passed over.
 * KMS_ERR_MISMATCH if none does. A holder's error ends the search: it is no mismatch.
 */
KMS_CHECKED enum kms_status scp_match(const struct scp_init *init,
	struct card_keys *const *candidates, size_t count, size_t *ret_index, struct kms_err *err);

struct scp {
	unsigned protocol; /* 0: closed; 2, 3 */
	unsigned i;
	unsigned level;
	bool authenticated;
	unsigned key_version;
	size_t mac_len; /* 8, or 16 in S16 mode */
	struct secret enc, mac, rmac;
	unsigned char host_cryptogram[SCP_CHALLENGE_MAX];
	unsigned char chain[SCP_MAC_MAX]; /* last C-MAC: SCP02's ICV, SCP03's MAC chaining value */
	unsigned char rchain[8];	  /* SCP02: last R-MAC */
	unsigned char counter[16];	  /* SCP03: encryption counter as a block */
	struct card_dek dek;
	struct card_keys *keys; /* borrowed: the static set of this session */
	struct secret last;	/* SCP02: the command that the next R-MAC covers */
};

/*
 * Derives the session keys and verifies the card cryptogram: KMS_ERR_MISMATCH, with nothing sent,
 * if the card does not hold these keys. `keys` must outlive the session. scp is zeroed or closed.
 */
KMS_CHECKED enum kms_status scp_open(struct scp *scp, const struct scp_init *init,
	struct card_keys *keys, unsigned level, struct kms_err *err);

/* Room for a command and all that secure messaging adds. */
struct scp_wrapped {
	struct apdu apdu; /* data points to bytes */
	unsigned char bytes[APDU_DATA_MAX];
};

/* EXTERNAL AUTHENTICATE for this session; call scp_authenticated once the card has said 9000. */
KMS_CHECKED enum kms_status scp_external_authenticate(
	struct scp *scp, unsigned channel, struct scp_wrapped *ret_wrapped, struct kms_err *err);
void scp_authenticated(struct scp *scp);

/*
 * Secures a command to the level of the session. KMS_ERR_INVALID if it becomes too long (more than
 * 255 bytes of data, unless plain->extended).
 */
KMS_CHECKED enum kms_status scp_wrap(struct scp *scp, const struct apdu *plain,
	struct scp_wrapped *ret_wrapped, struct kms_err *err);

/* Verifies and decrypts the response to the command last wrapped, in place. */
KMS_CHECKED enum kms_status scp_unwrap(
	struct scp *scp, struct apdu_response *response, struct kms_err *err);

/* Wipes. Safe when closed; the struct may be used again. */
void scp_close(struct scp *scp);

#endif
