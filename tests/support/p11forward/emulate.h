/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SoftHSM lacks and real HSMs have, in front of it.
 *
 * PIN lock-out: wrong PINs are counted for each token and each of its two users, in files of the
 * state folder, so across processes; the last allowed one locks. A right PIN sets the count to 0,
 * C_InitPIN unlocks the user, C_InitToken both. Flags of C_GetTokenInfo as PKCS#11 has them.
 *
 * Private TRUSTED keys (trusted.h).
 */
#ifndef P11FORWARD_EMULATE_H
#define P11FORWARD_EMULATE_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>

struct emulate {
	const char *state;  /* folder for what must outlive a process */
	unsigned pin_tries; /* 0: as the real module does it */
	bool trusted;
};

/* The list to call instead of real. One in a process. */
CK_FUNCTION_LIST *emulate_around(CK_FUNCTION_LIST *real, const struct emulate *options);

#endif
