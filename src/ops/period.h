/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: cryptoperiods. A key set whose period is over is put to no new use without an override
 * by two officers; that it ends soon is said at each login. What it opened it still opens: cards keep
 * their keys until they carry others.
 */
#ifndef OPS_PERIOD_H
#define OPS_PERIOD_H

#include "base/js.h"
#include "ops/op.h"
#include "store/keys.h"

/* "none", "running", "ends-soon", "over" */
const char *op_period_word(const struct store_key *row, int64_t now);

/* KMS_ERR_DENIED, or an override, if the key's period is over. verb: "export", "copy". */
KMS_CHECKED enum kms_status op_period_check(
	struct op *op, const struct store_key *row, const char *verb, struct kms_err *err);

/* Active key sets whose period ends soon, and is over: "NAME (until …)". */
KMS_CHECKED enum kms_status op_period_list(
	struct op_site *site, json_t *soon, json_t *over, struct kms_err *err);

/* Says so, one line each. Nothing depends on it: what goes wrong is let go. */
void op_period_warn(struct op_site *site);

#endif
