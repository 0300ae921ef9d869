/* SPDX-License-Identifier: Apache-2.0 */
/* What both ways of running a recipe do to CMAC blocks in clear memory. */
#ifndef KEYS_MIX_H
#define KEYS_MIX_H

#include "keys/div.h"

/*
 * From the concatenated CMACs to the key: cut to length, or (KEY_RECIPE_MIX) AN10922's AES-192:
 * A[0..7] ‖ (A[8..15] ⊕ B[0..7]) ‖ B[8..15]; then the DES key version. In place.
 */
void key_recipe_finish(const struct key_recipe *recipe, struct secret *blocks);

#endif
