/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cardsim of one card as a child process, reached over TCP. Its state lies in a folder of its own
 * under TMPDIR. What cannot be set up aborts the program: without a card no test here means anything.
 */
#ifndef SUPPORT_CARDSIM_H
#define SUPPORT_CARDSIM_H

#include <stddef.h>
#include <sys/types.h>

struct cardsim {
	pid_t pid; /* 0: not running */
	char folder[128];
	char address[64]; /* for card_tcp_open */
};

enum { CARDSIM_FAULTS_MAX = 8 };

/* profile: the text of one. faults: words for --fault, ended by NULL; may be NULL itself. */
void cardsim_start(struct cardsim *sim, const char *profile, const char *const *faults);
/* The process ends, and another one goes on with the card. */
void cardsim_restart(struct cardsim *sim, const char *const *faults);
void cardsim_stop(struct cardsim *sim);

/* The most failed authentications that a key set of the card has counted, by its state. */
unsigned cardsim_fails(const struct cardsim *sim);

#endif
