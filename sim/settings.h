/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a card by name and text: what a profile writes under [card] and what the state
 * file keeps. docs/cardsim.md describes each.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include "sim/types.h"

#include "base/err.h"

enum { SIM_SETTING_MAX = 128 };

void sim_settings_default(struct sim_config *config);
/* The name of setting number i; NULL: no more. */
const char *sim_setting_name(size_t i);
/* KMS_ERR_INVALID: no such setting, or not one of its values. */
KMS_CHECKED enum kms_status sim_setting_set(
	struct sim_config *config, const char *name, const char *text, struct kms_err *err);
void sim_setting_get(const struct sim_config *config, size_t i, char text[SIM_SETTING_MAX]);

#endif
