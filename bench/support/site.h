/* SPDX-License-Identifier: Apache-2.0 */
/* A site for benchmarks: its folder, its token and the key sets of a plan. */
#ifndef SUPPORT_SITE_H
#define SUPPORT_SITE_H

#include "ops/ops.h"
#include "support/place.h"

/* Gives the PINs, and says yes. */
struct op_front bench_front(void);

/* PLACE/site, set up on a new SoftHSM token that is reached through this module. */
KMS_CHECKED enum kms_status bench_site_make(
	const struct bench_place *place, const char *module, const char *plan, struct kms_err *err);

/* That site, opened. */
KMS_CHECKED enum kms_status bench_site_open(
	const struct bench_place *place, struct op_site **ret_site, struct kms_err *err);

/* Another PLACE/site, without a token, opened: for registry and log alone. */
KMS_CHECKED enum kms_status bench_site_bare(
	const struct bench_place *place, struct op_site **ret_site, struct kms_err *err);

#endif
