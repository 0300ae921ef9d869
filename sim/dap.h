/* SPDX-License-Identifier: Apache-2.0 */
/* DAP verification: GPCS 9.2.1, 9.3.5, C.3. */
#ifndef SIM_DAP_H
#define SIM_DAP_H

#include "sim/apdu.h"

/*
 * Reads the DAP blocks at the beginning of a load file (Table 11-58), leaving *in behind them, and checks
 * that each is right and that none that a domain demands is missing. '6A80': malformed; '6985': missing, for
 * a domain that verifies none, or without the hash they are over; '6982': wrong.
 */
uint16_t sim_dap_check(struct sim_card *card, const struct sim_channel *channel, struct sim_in *in);

#endif
