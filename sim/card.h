/* SPDX-License-Identifier: Apache-2.0 */
/* A card as a reader sees it: power, ATR, commands. */
#ifndef SIM_CARD_H
#define SIM_CARD_H

#include "sim/types.h"

#include "base/err.h"

enum { SIM_RESPONSE_MAX = 65535 };

/*
 * Opens the card whose state `path` holds (NULL: *nv, kept in memory only), powered off. Takes no
 * ownership of nv; the card is wiped and freed by sim_card_free.
 */
KMS_CHECKED enum kms_status sim_card_new(const char *path, const struct sim_nv *nv, bool sync,
	struct sim_card **ret_card, struct kms_err *err);
void sim_card_free(struct sim_card *card);

/* What was not committed is gone, and every session with it. */
KMS_CHECKED enum kms_status sim_card_power_on(struct sim_card *card, struct kms_err *err);
void sim_card_power_off(struct sim_card *card);

/*
 * Runs one command; the response (data and status word) goes to `response`, of SIM_RESPONSE_MAX
 * bytes. 0: power was lost in the middle (sim_card.tear_at, or the state could not be written).
 */
size_t sim_card_command(
	struct sim_card *card, const unsigned char *command, size_t len, unsigned char *response);

#endif
