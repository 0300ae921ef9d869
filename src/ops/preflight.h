/* SPDX-License-Identifier: Apache-2.0 */
/* Is this room fit for that ceremony? What the machine can tell of it, looked at and told. */
#ifndef OPS_PREFLIGHT_H
#define OPS_PREFLIGHT_H

#include "base/js.h"
#include "ceremony/plan.h"
#include "ops/site.h"

/*
 * Fills an array of {"condition", "state": "ok" | "failed" | "not asked", "detail"}. KMS_ERR_MISMATCH,
 * with the array set, if a condition that the plan asks for fails. Changes nothing; opens the token,
 * but does not log in.
 */
KMS_CHECKED enum kms_status op_preflight(
	struct op_site *site, const struct cer_plan *plan, json_t **ret_rows, struct kms_err *err);

#endif
