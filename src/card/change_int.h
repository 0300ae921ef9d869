/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a change share. */
#ifndef CARD_CHANGE_INT_H
#define CARD_CHANGE_INT_H

#include "card/change.h"

/* change_plan.c: whether the two sets can follow each other on the card, by the rule. */
KMS_CHECKED enum kms_status card_change_allowed(
	const struct card_change *change, struct kms_err *err);

enum card_which { CARD_OLD, CARD_NEW };

/*
 * change_look.c: one INITIALIZE UPDATE for the version of that set (two, if the answer is not one of
 * those to be expected); seen_old, seen_new. One answer is tried with both sets.
 */
KMS_CHECKED enum kms_status card_change_look_for(
	struct card_change *change, enum card_which which, struct kms_err *err);

/*
 * Both versions; the one that the card has, as far as can be guessed, last, so that its answer can
 * be authenticated on. With neither seen: reset, and once more. Nothing is concluded here.
 */
KMS_CHECKED enum kms_status card_change_look(struct card_change *change, struct kms_err *err);

/* "version 01 was refused (SW 6A88), version 20 answers with unknown keys" */
void card_change_describe(const struct card_change *change, char *ret_text, size_t size);

#endif
