/* SPDX-License-Identifier: Apache-2.0 */
/* The session keys that an INITIALIZE UPDATE makes of known static keys, as further needles. */
#ifndef LEAKS_SESSION_H
#define LEAKS_SESSION_H

#include "support/leaks/needles.h"

/*
 * command and response as on the line, without the two bytes of length. For each X of which X.enc,
 * X.mac and X.dek are known, session.X.enc, .mac, .rmac and (SCP02) .dek are added: those of the
 * set on the card, and those that a program makes to find out which set that is. Whatever is no
 * INITIALIZE UPDATE, or was refused, adds nothing.
 */
void session_needles(struct needles *n, const unsigned char *command, size_t command_len,
	const unsigned char *response, size_t response_len);

#endif
