/* SPDX-License-Identifier: Apache-2.0 */
/* Connections: out to vpcd, as a card that is put into its reader, or in, as many readers. */
#ifndef SIM_SERVE_H
#define SIM_SERVE_H

#include "sim/reader.h"

struct sim_serve {
	struct sim_box *box;
	const struct sim_faults *faults;
	const char *address; /* HOST:PORT, :PORT or PORT */
	bool trace;
};

enum { SIM_VPCD_PORT = 35963 };

/*
 * Both run until SIGTERM or SIGINT (KMS_OK). Cards stay in order whenever they are ended: the state
 * file is written before a command is answered.
 */

/* Connects to vpcd; a card that lost power is put in again after a moment. Gives up (KMS_ERR_IO)
 * when nothing has listened there for ten seconds. */
KMS_CHECKED enum kms_status sim_serve_vpcd(const struct sim_serve *serve, struct kms_err *err);
/* Listens; prints "listening HOST PORT" to standard output when it does. */
KMS_CHECKED enum kms_status sim_serve_listen(const struct sim_serve *serve, struct kms_err *err);

#endif
