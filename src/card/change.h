/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replacement of the three keys of one security domain of one card, so that no card is lost.
 * Inject, replace and a domain's first own keys are all this. docs/card-takeover.md has the state
 * machine, tests/model/takeover.pml its model.
 *
 *   card_change_open       from the two sets, and a record: a new one, or one that waits
 *   card_change_check      which set is on the card; nothing is written, nothing authenticated
 *   card_change_intend     intent durable, with the first EXTERNAL AUTHENTICATE counted as spent
 *   card_change_run        EXTERNAL AUTHENTICATE, PUT KEY, proof, deletion
 *   card_change_resume     settles a change that a tear left open, and goes on with it
 *
 * The engine knows no HSM and no store: keys are asked through card/keys.h, and what must survive
 * goes out by the journal of card/guard.h, which is durable before it returns.
 *
 * What holds:
 *   - No PUT KEY before the intent is durable.
 *   - No EXTERNAL AUTHENTICATE but with a set whose cryptogram matched; at most 2 that failed.
 *   - No DELETE before the new set has authenticated and that is durable.
 *   - What the card does, not what it says, decides: a refusal by status word closes a change only
 *     when the old set has matched again. An answer that is none (KMS_ERR_IO) ends the call and
 *     leaves the change open.
 *   - A change is closed as quarantined only if no known set made the card's cryptogram, asked twice
 *     with a reset between, or if the card confirmed other check values than those of the new keys.
 *
 * A whole replacement in place under the same version is, with SELECT and GET DATA of the caller,
 * seven commands and two journal writes beside the intent.
 */
#ifndef CARD_CHANGE_H
#define CARD_CHANGE_H

#include "card/guard.h"

enum card_change_step {
	CHANGE_NEW,	 /* nothing is durable yet */
	CHANGE_INTENDED, /* PUT KEY may have been sent, or not */
	CHANGE_DOUBTED,	 /* PUT KEY was confirmed with other check values than ours */
	CHANGE_PUT,	 /* the new set has matched; EXTERNAL AUTHENTICATE may have been sent */
	CHANGE_PROVEN,	 /* the new set has authenticated; DELETE may have been sent */
	/* Closed: */
	CHANGE_DONE,	    /* the new set opens the card, and the old one no longer does */
	CHANGE_OLD_STAYS,   /* the new set opens the card, and so does the old one */
	CHANGE_REFUSED,	    /* the card refused; the old set opens it as before */
	CHANGE_ABANDONED,   /* settled, not gone on with: the old set opens it as before */
	CHANGE_QUARANTINED, /* no known set opens it, or one is in doubt: reason */
	CHANGE_STEPS,
};

/* "intended", "old-stays", … as the registry has them; never NULL. */
const char *card_change_step_name(enum card_change_step step);
/* CHANGE_STEPS if it is none. */
enum card_change_step card_change_step_parse(const char *name);
/* INTENDED to PROVEN: the card is to be resumed. */
bool card_change_is_open(enum card_change_step step);

/* What was seen last of one set. */
enum card_seen {
	CARD_SEEN_UNKNOWN, /* not asked, or no answer */
	CARD_SEEN_MATCH,   /* the card made the cryptogram that these keys make */
	CARD_SEEN_OTHER,   /* it answered for that version, with another cryptogram */
	CARD_SEEN_ABSENT,  /* INITIALIZE UPDATE of that version was refused: 6A88, or twice */
};

/* What the journal keeps, beside the names of the two sets, which are the caller's. Plain values. */
struct card_change_record {
	enum card_change_step step;
	enum card_initial_set rule;
	unsigned old_version, new_version;
	/* For people and the registry; not needed to resume. */
	enum card_seen seen_old, seen_new;
	char reason[256]; /* of a closed step other than DONE: what was seen; else "" */
};

struct card_change_config {
	struct card_set old, fresh; /* fresh.version: 01 to 7F */
	enum card_initial_set rule;
	enum gp_key_block key_block;
	bool no_delete;			   /* the card has no DELETE [key] */
	unsigned version_min, version_max; /* that the card takes; 0: 01, 7F */
	/*
	 * The card is known (recognition data) to open with sets of the type of `fresh`, too. Otherwise
	 * a set of another type or length than the old one is refused before the intent; for replacing
	 * in place it always is (GPCS 2.3.1 clause 11.8.2.3.3).
	 */
	bool takes_other_type;
};

struct card_change {
	struct card_guard *guard; /* borrowed */
	struct card_change_config config;
	struct card_change_record record; /* step: what is durable */
	uint16_t sw_old, sw_new;	  /* with which a version was refused */
};

/* The fields of a profile: rule, key_block, no_delete, version_min, version_max. */
void card_change_configure(struct card_change_config *config, const struct card_profile *profile);

/*
 * guard: opened for the domain; an answer to INITIALIZE UPDATE that it has is used. record NULL: a new
 * change. Otherwise what the journal has; its versions must be those of the sets.
 * Refused here, before anything is sent: another type where that cannot be, versions out of range, a
 * version that is taken already by the rule (add-delete under the old version), AES-192 with a plain
 * key block. guard and keys are borrowed. guard->change points into ret_change afterwards.
 */
KMS_CHECKED enum kms_status card_change_open(struct card_change *ret_change,
	struct card_guard *guard, const struct card_change_config *config,
	const struct card_change_record *record, struct kms_err *err);

/*
 * Which set is on the card that has been selected: one INITIALIZE UPDATE if it is the old one.
 * KMS_OK:
 *   record.seen_old is MATCH   the change can begin; an old.version of 0 is now the card's
 *   record.seen_new is MATCH   it was taken over already: nothing is to be done (a result, no error)
 * KMS_ERR_MISMATCH: neither set; or it is another card than recorded. KMS_ERR_NOT_FOUND: the card
 * has neither key version. KMS_ERR_CARD: locked, blocked, terminated.
 */
KMS_CHECKED enum kms_status card_change_check(struct card_change *change, struct kms_err *err);

/*
 * journal.write with CHANGE_INTENDED and counts.auths one higher. May be left out: card_change_run
 * does it. An operation that has a transaction of its own for the intent calls it there.
 */
KMS_CHECKED enum kms_status card_change_intend(struct card_change *change, struct kms_err *err);

/*
 * The rest, after a check that saw the old set. KMS_OK: record.step is CHANGE_DONE or
 * CHANGE_OLD_STAYS. Otherwise look at record.step: closed (REFUSED, QUARANTINED), or open: the line
 * was lost, the limit of tries is reached, the HSM or the journal failed.
 */
KMS_CHECKED enum kms_status card_change_run(struct card_change *change, struct kms_err *err);

enum card_resume {
	CARD_ROLL_FORWARD, /* with the old set still on the card, PUT KEY is sent again */
	CARD_SETTLE,	   /* … the change is closed as abandoned, without authenticating */
};

/*
 * Settles a change that is open, after SELECT and identity by the caller, and goes on with it.
 * KMS_OK: CHANGE_DONE, CHANGE_OLD_STAYS or, if only to be settled, CHANGE_ABANDONED. Otherwise as
 * card_change_run. The set in use afterwards is in record.seen_old and seen_new even where an error
 * left the change open.
 */
KMS_CHECKED enum kms_status card_change_resume(
	struct card_change *change, enum card_resume how, struct kms_err *err);

#endif
