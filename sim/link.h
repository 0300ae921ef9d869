/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection and the reader at its end. Nothing here waits: what the other side does not take,
 * or is not to have yet, stays in the link, so that no client holds up another card or a signal.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/reader.h"

struct pollfd;

struct sim_link;

/* Takes fd. NULL: no memory; fd is closed then, too. */
struct sim_link *sim_link_new(
	struct sim_box *box, const struct sim_faults *faults, bool trace, int fd);
void sim_link_free(struct sim_link *link);
struct sim_reader *sim_link_reader(struct sim_link *link);

/*
 * How long a mute card may keep the other side waiting (milliseconds; 0, as it begins: for ever).
 * After that sim_link_over is true, and the connection is to be ended.
 */
void sim_link_patience(struct sim_link *link, int ms);
bool sim_link_over(const struct sim_link *link);

/* What to poll for; *timeout (milliseconds, -1 is none) becomes less if the link must go on then. */
void sim_link_poll(const struct sim_link *link, struct pollfd *ret_wait, int *timeout);
/* After poll found something: reads or sends what there is. False: the connection is over. */
bool sim_link_turn(struct sim_link *link);

/* Linux acknowledges late; without this a reader gets some 20 commands a second. */
void sim_link_hurry(int fd);

#endif
