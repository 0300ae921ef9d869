/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A p11forwardd of this test: a module served behind a socket in a process of its own, for
 * libp11forward.so in this one (KILLP11_SOCKET). Options and faults: p11forward/server.c, faults.h.
 */
#ifndef SUPPORT_FORWARD_H
#define SUPPORT_FORWARD_H

#include <sys/types.h>

struct forward {
	char dir[64]; /* socket, state and faults */
	pid_t pid;
};

/* where: NULL for a socket in dir. options: "-p 3 -t" and the like. Waits until it serves; aborts the program if it does not. */
void forward_start(struct forward *f, const char *module, const char *options);
void forward_start_at(
	struct forward *f, const char *where, const char *module, const char *options);
/* What goes wrong in connections from now on: a NAME=VALUE a line; "" for nothing. */
void forward_faults(const struct forward *f, const char *faults);
void forward_stop(struct forward *f); /* safe on a stopped one */

#endif
