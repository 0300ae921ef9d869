/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about ceremony files share. */
#ifndef CLI_CEREMONY_H
#define CLI_CEREMONY_H

#include "ceremony/plan.h"
#include "cli/cli.h"
#include "ops/site.h"

/*
 * What a run of a file begins with, and check ends with: cli->result says what it is and whether the
 * room is fit for it. KMS_ERR_MISMATCH, with the result set, if not.
 */
KMS_CHECKED enum kms_status cli_ceremony_look(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err);

#endif
