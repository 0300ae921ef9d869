/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A throw-away SoftHSM token store: a folder under mktemp and SOFTHSM2_CONF pointing at it.
 *
 * SoftHSM reads its configuration once per C_Initialize, so a test that opens the next store closes
 * the HSM first.
 */
#ifndef SUPPORT_SOFTHSM_H
#define SUPPORT_SOFTHSM_H

#include <stdbool.h>

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFTOKN_MODULE "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"

struct softhsm {
	char dir[64];
};

/* Aborts the program on failure: without a store no test here means anything. */
void softhsm_open(struct softhsm *s);
/* Points SOFTHSM2_CONF at this store again. */
void softhsm_use(const struct softhsm *s);
/* Removes every token file, as if the device were gone; the folder stays. */
void softhsm_lose_tokens(const struct softhsm *s);
void softhsm_close(struct softhsm *s);

/* The same for NSS softokn: a folder, and the init-args that name it. */
struct softokn {
	char dir[64];
	char init_args[160];
};

bool softokn_installed(void);
void softokn_open(struct softokn *s);
void softokn_close(struct softokn *s);

#endif
