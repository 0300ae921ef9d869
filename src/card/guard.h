/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening one security domain of one card so that neither a wrong key nor a torn card can lock it.
 *
 *   card_guard_select        SELECT, and whether it still is the same chip
 *   card_guard_ask           one INITIALIZE UPDATE, and whether it still is the same card
 *   card_guard_match         whose cryptogram it was, offline
 *   card_guard_authenticate  EXTERNAL AUTHENTICATE, with a set that has matched
 *
 * What holds after every call:
 *   - EXTERNAL AUTHENTICATE is only ever sent with the set whose cryptogram the card has just given,
 *     and only after a durable record counts it as spent. Success takes the count back to 0.
 *   - At most config.auth_limit (2) that failed, or were never answered, since the last success:
 *     then KMS_ERR_STATE and nothing is sent. Two officers may raise the limit.
 *   - Where the profile says that the card counts INITIALIZE UPDATEs, each is counted durably before
 *     it is sent, and config.init_limit holds in the same way.
 *   - Another card (other key diversification data, another chip) is KMS_ERR_MISMATCH, and it gets
 *     nothing but SELECT, GET DATA and that one INITIALIZE UPDATE.
 *
 * Errors are those of card/reader.h; KMS_ERR_IO leaves open what the card did.
 */
#ifndef CARD_GUARD_H
#define CARD_GUARD_H

#include "card/profile.h"

enum { CARD_AUTH_LIMIT = 2 };

/* A key set as it may be on the card. */
struct card_set {
	struct card_keys *keys; /* borrowed */
	unsigned version;	/* 01 to 7F, FF: the factory's; 0: whichever the card takes */
	size_t challenge_len;	/* of the host's; 0 is 8; 16 in S16 mode of SCP03 */
};

/* What has been spent on the card since it last took an EXTERNAL AUTHENTICATE. */
struct card_counts {
	unsigned auths; /* EXTERNAL AUTHENTICATEs sent, or about to be */
	unsigned inits; /* INITIALIZE UPDATEs; counted only where the card counts them */
};

struct card_change_record;

struct card_journal {
	void *ctx;
	/*
	 * Durable before it returns KMS_OK; anything else, and the command that waits for it is not
	 * sent. `change` is NULL where there is none (a look at the card, or before the intent): then
	 * only the domain's counts are to be kept.
	 */
	enum kms_status (*write)(void *ctx, const struct card_counts *counts,
		const struct card_change_record *change, struct kms_err *err);
};

struct card_guard_config {
	struct gp_aid aid;    /* len 0: the issuer security domain by default */
	unsigned scp02_i;     /* "i" of a set under SCP02, whose answer has none */
	unsigned level;	      /* security level; 0: the best that "i" has */
	unsigned auth_limit;  /* 0: CARD_AUTH_LIMIT */
	unsigned init_limit;  /* 0: any number */
	bool counts_inits;    /* the card counts INITIALIZE UPDATEs */
	bool no_key_template; /* GET DATA E0 is not worth asking */
	/* What the registry knows: bytes of the key diversification data, and the chip. */
	unsigned char kdd[SCP_KDD_SIZE];
	unsigned kdd_offset, kdd_len; /* len 0: not known */
	bool has_chip;
	unsigned char chip[GP_CHIP_ID_SIZE]; /* gp_cplc_chip_id: read again after a SELECT */
	const struct card_journal *journal;  /* borrowed; NULL: nothing is kept (tests) */
};

/* How the card knows its factory set: see card_guard_ask. */
enum card_factory { CARD_FACTORY_UNKNOWN, CARD_FACTORY_BY_VERSION, CARD_FACTORY_BY_DEFAULT };

struct card_guard {
	struct gp *gp; /* borrowed; open */
	struct card_guard_config config;
	struct card_counts counts;		 /* as they are */
	struct card_counts durable;		 /* as the journal has them */
	const struct card_change_record *change; /* what goes into the journal with them, or NULL */
	bool spent; /* the next EXTERNAL AUTHENTICATE is counted already */
	/*
	 * Why nothing more may be sent, whatever the error's code is: another card is there, a limit is
	 * reached, the journal failed.
	 */
	bool stopped;
	/* The last answer to INITIALIZE UPDATE, until something else is sent. */
	bool asked;
	unsigned asked_version;
	struct scp_init init;
	const struct card_keys *matched; /* made its cryptogram */
	bool seen; /* kdd_seen is set: every later answer must have the same */
	unsigned char kdd_seen[SCP_KDD_SIZE];
	enum card_factory factory;
};

/* The fields of a profile: aid, scp02_i (profile->i, if it is for SCP02), init_limit, quirks. */
void card_guard_configure(struct card_guard_config *config, const struct card_profile *profile);

void card_guard_open(struct card_guard *guard, struct gp *gp,
	const struct card_guard_config *config, const struct card_counts *counts);

/* Writes the counts, and guard->change, to the journal. */
KMS_CHECKED enum kms_status card_guard_save(struct card_guard *guard, struct kms_err *err);

/*
 * SELECT of the domain; then, if the chip is known, GET DATA 9F7F, of the issuer security domain if
 * this one does not have it. Not needed by a caller who has just done both.
 */
KMS_CHECKED enum kms_status card_guard_select(struct card_guard *guard, struct kms_err *err);

/* Power off and on, then card_guard_select: after an answer that left open where the card is. */
KMS_CHECKED enum kms_status card_guard_reset(struct card_guard *guard, struct kms_err *err);

/*
 * INITIALIZE UPDATE for this version. KMS_ERR_NOT_FOUND: the card has no such set. Version FF is
 * asked for as FF and, if the card refuses, as 00: an answer of another version is then NOT_FOUND.
 * On KMS_OK guard->init is the answer. Diversification data for keys may be taken from it; then go
 * on with this guard, and the card is not asked twice.
 */
KMS_CHECKED enum kms_status card_guard_ask(
	struct card_guard *guard, unsigned version, size_t challenge_len, struct kms_err *err);

/* The last answer is not to be used: the next question is sent. */
void card_guard_forget(struct card_guard *guard);

/* Whether the last answer came from these keys. KMS_ERR_MISMATCH if not. No byte to the card. */
KMS_CHECKED enum kms_status card_guard_match(
	struct card_guard *guard, struct card_keys *keys, struct kms_err *err);

/*
 * Whether the card holds this set, as card_guard_authenticate needs it: asks, unless the last answer
 * was this set's. KMS_ERR_MISMATCH, KMS_ERR_NOT_FOUND: it does not.
 */
KMS_CHECKED enum kms_status card_guard_ready(
	struct card_guard *guard, const struct card_set *set, struct kms_err *err);

/*
 * Counts one EXTERNAL AUTHENTICATE as spent, durably; guard->change goes with it. For a caller who
 * writes something at this point anyway: card_guard_authenticate does not count it again.
 */
KMS_CHECKED enum kms_status card_guard_spend(struct card_guard *guard, struct kms_err *err);

/*
 * EXTERNAL AUTHENTICATE with this set, after card_guard_ready and card_guard_spend as far as they are
 * not done. On KMS_OK the secure channel is open. KMS_ERR_MISMATCH: the card does not hold it, and nothing was spent;
 * KMS_ERR_AUTH: the card refused, and one is spent.
 */
KMS_CHECKED enum kms_status card_guard_authenticate(
	struct card_guard *guard, const struct card_set *set, struct kms_err *err);

#endif
