/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file: what the card keeps without power, as JSON. Written beside and renamed over, so
 * it holds one commit or the next. The keys in it are test keys; it is mode 0600 all the same.
 */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "sim/types.h"

#include "base/err.h"

/* sync: with fsync, for a power cut of the machine; without it survives the death of cardsim. */
KMS_CHECKED enum kms_status sim_state_save(
	const char *path, const struct sim_nv *nv, bool sync, struct kms_err *err);
KMS_CHECKED enum kms_status sim_state_parse(const char *source, const void *text, size_t len,
	struct sim_nv *ret_nv, struct kms_err *err);
KMS_CHECKED enum kms_status sim_state_load(
	const char *path, struct sim_nv *ret_nv, struct kms_err *err);

#endif
