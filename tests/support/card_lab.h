/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Take-overs in a laboratory: one simulated card (cardsim over TCP), its old keys and the new ones,
 * and a journal in memory that stays when the card is pulled and the engine's structs are gone.
 *
 * A lab is one trial. What the engine is asked is returned; what is not its business aborts.
 */
#ifndef SUPPORT_CARD_LAB_H
#define SUPPORT_CARD_LAB_H

#include "card/change.h"
#include "support/cardsim.h"

/* The commands of lab_take_over, counted from 1, as far as they are those of every rule. */
enum { LAB_SELECT = 1, LAB_CHIP, LAB_INIT, LAB_AUTH, LAB_PUT };

struct lab_card {
	unsigned scp, i;
	size_t key_len; /* 0: 16 */
	enum card_initial_set rule;
	enum gp_key_block block;
	unsigned old_version, new_version; /* 0: FF if consumed, else 1; and 1 or 2 by the rule */
	const char *sim_rule;		   /* the card's own rule, if it is another one */
	const char *card_lines;		   /* more lines for [card] of the simulator's profile */
	const char *sections;		   /* and more sections */
	const char *aid;		   /* hex, of the domain; NULL: the ISD */
	bool other_type;		   /* the old keys are DES, the new ones of scp, key_len */
};

struct lab;

/* Sees each answer, and may make another one of it: the new length (0 is a mute card). */
typedef size_t lab_tap(struct lab *lab, const unsigned char *command, size_t len,
	unsigned char *answer, size_t answer_len);

struct lab {
	struct lab_card card;
	struct cardsim sim;
	struct card_keys *old, *fresh;
	struct card_guard_config guard_config;
	struct card_change_config config;
	struct card_system *system; /* of the card in the reader */
	struct card_link *link;
	struct gp gp;
	lab_tap *tap;
	bool other_selected;	 /* for taps: a domain other than the issuer's */
	unsigned commands;	 /* since it was inserted */
	unsigned sent[0x100];	 /* by instruction, since the lab was opened */
	struct card_guard guard; /* of the last run, as */
	struct card_change change;
	/* The journal. */
	struct card_journal journal;
	bool journal_off;    /* nothing is kept: a control */
	unsigned fail_write; /* the n-th write fails; 0: none */
	unsigned writes;
	struct card_counts counts;
	struct card_change_record record;
};

/* Keys (0x40 + i) ^ flip, for all three roles. */
struct card_keys *lab_keys(
	const char *name, enum card_key_type type, unsigned char flip, size_t len);

/* One card for each rule: SCP03 i=70 in place, SCP02 i=15 beside, SCP03 i=60 with a factory set. */
const struct lab_card *lab_card_of(enum card_initial_set rule);

void lab_open(struct lab *lab, const struct lab_card *card, const char *const *faults);
/* With one fault, or none if it is NULL. */
void lab_with(struct lab *lab, const struct lab_card *card, const char *fault);
void lab_close(struct lab *lab);

/* Connects, SELECT, and GET DATA for the chip: what a caller of the engine has done before. */
KMS_CHECKED enum kms_status lab_insert(struct lab *lab, struct kms_err *err);
void lab_remove(struct lab *lab);

/* Insert, check, intend, run, remove. A card that was taken over already is KMS_OK. */
KMS_CHECKED enum kms_status lab_take_over(struct lab *lab, struct kms_err *err);
/* Insert, resume with what the journal has, remove. KMS_OK if there is nothing to resume. */
KMS_CHECKED enum kms_status lab_resume(struct lab *lab, enum card_resume how, struct kms_err *err);

/* The judge, who does not ask the engine: does this set open the card (now, without any fault)? */
bool lab_opens(struct lab *lab, const struct card_set *set);

#endif
