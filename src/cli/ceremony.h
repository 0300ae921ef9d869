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

/* The file, as text and as a plan. */
KMS_CHECKED enum kms_status cli_ceremony_read(
	const char *path, struct buf *ret_text, struct cer_plan *ret_plan, struct kms_err *err);
/* "A,B" as --officers takes them, to be freed; NULL: out of memory. */
char *cli_ceremony_officers(const struct cer_plan *plan, struct kms_err *err);

/* Where its sheets are printed, of --print or the file: cli->print, or NULL. */
KMS_CHECKED enum kms_status cli_ceremony_printer(
	struct cli *cli, struct cer_plan *plan, struct kms_err *err);

/* The full screen, where the terminal can do it and --plain is not given: cli->screen. */
KMS_CHECKED enum kms_status cli_ceremony_screen_on(struct cli *cli, struct kms_err *err);
void cli_ceremony_screen_off(struct cli *cli); /* safe without one */

/* From the look at the room to the last page; the screen is off afterwards, and what came of it printed. */
KMS_CHECKED enum kms_status cli_ceremony_hold(struct cli *cli, struct op_site *site,
	const struct cer_plan *plan, const char *text, struct kms_err *err);

#endif
