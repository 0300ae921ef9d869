/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to a handler: class byte, channel, secure messaging, chaining (GPCS 11.1). */
#ifndef SIM_DISPATCH_H
#define SIM_DISPATCH_H

#include "sim/apdu.h"

/* ISO 7816-4 cases 1 to 4, short lengths; the class byte as in GPCS 11.1.4. */
uint16_t sim_apdu_parse(const unsigned char *command, size_t len, struct sim_apdu *ret_apdu);

/* Runs the command. *apdu becomes the stripped one, its data in memory of the card. */
uint16_t sim_dispatch(struct sim_card *card, struct sim_apdu *apdu, struct sim_out *out);

#endif
