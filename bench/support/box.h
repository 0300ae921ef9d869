/* SPDX-License-Identifier: Apache-2.0 */
/* A cardsim of a benchmark's own. */
#ifndef SUPPORT_BOX_H
#define SUPPORT_BOX_H

#include "support/place.h"

#include <sys/types.h>

struct bench_box {
	struct bench_place place; /* in /dev/shm */
	char reader[64];
	pid_t sim;
};

/* The folder of the programs: CARDKMS_BIN, else build. */
const char *bench_bin(void);

/*
 * New cards, numbered from `serial` on, in memory: what a card takes to write is not ours. fault: as cardsim has
 * it ("slow:10"), or NULL.
 */
KMS_CHECKED enum kms_status bench_box_open(struct bench_box *box, unsigned cards, unsigned serial,
	const char *fault, struct kms_err *err);
/* Safe on one that was never opened (all zero). */
void bench_box_close(struct bench_box *box);

#endif
