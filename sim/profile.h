/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what a new card is made from. INI, built in or from a file; docs/cardsim.md. */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include "sim/types.h"

#include "base/err.h"

/* Names of the built-in profiles; NULL: no more. */
const char *sim_profile_name(size_t i);
/* Its text; NULL: there is none of that name. */
const char *sim_profile_text(const char *name);

/* A built-in name or a path. */
KMS_CHECKED enum kms_status sim_profile_load(
	const char *name, struct sim_nv *ret_nv, struct kms_err *err);
KMS_CHECKED enum kms_status sim_profile_parse(const char *source, const char *text, size_t len,
	struct sim_nv *ret_nv, struct kms_err *err);

/*
 * Makes card number `serial` of a profile: it is added to the last four bytes of the CIN, to the
 * serial number in the CPLC (bytes 12 to 15) and to bytes 4 to 7 of the diversification data.
 */
void sim_profile_number(struct sim_nv *nv, uint32_t serial);

#endif
