/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cards that one process has: one state file, or a folder of them. A slot is a card whether or
 * not it is in a reader; it counts its commands, so that faults know which is the n-th.
 */
#ifndef SIM_BOX_H
#define SIM_BOX_H

#include "sim/card.h"
#include "sim/fault.h"

struct sim_slot {
	char *name; /* of the card: the file without folder and .json */
	char *path;
	uint32_t serial; /* of a card that has still to be made */
	bool busy;	 /* in a reader */
	uint32_t commands;
	uint32_t writes;
};

struct sim_box {
	struct sim_slot **slots;
	size_t count;
	size_t next; /* where the search for a free card goes on */
	char *profile;
	bool sync;
	int lock; /* file descriptors, -1 */
	int folder_lock;
};

/*
 * path names a state file, or a folder (it ends with '/' or is one, or cards > 0). cards: how many
 * the folder has, card-000001 and so on; 0: those whose files are there.
 */
KMS_CHECKED enum kms_status sim_box_open(struct sim_box *box, const char *path, const char *profile,
	uint32_t cards, uint32_t serial, bool sync, struct kms_err *err);
void sim_box_close(struct sim_box *box);

/* Makes the state files that are missing. */
KMS_CHECKED enum kms_status sim_box_make(struct sim_box *box, struct kms_err *err);

/* The next free card, in turn; NULL: all are taken. */
struct sim_slot *sim_box_next(struct sim_box *box);
struct sim_slot *sim_box_find(struct sim_box *box, const char *name);
/* The card that comes instead of this one: the next free, or a twin made for the purpose. */
KMS_CHECKED enum kms_status sim_box_other(struct sim_box *box, struct sim_slot *slot,
	struct sim_slot **ret_other, struct kms_err *err);

/* Takes the card out of the box, made from the profile if it is new, and powers it on. */
KMS_CHECKED enum kms_status sim_box_take(struct sim_box *box, struct sim_slot *slot,
	struct sim_card **ret_card, struct kms_err *err);

#endif
