/* SPDX-License-Identifier: Apache-2.0 */
/* Approvals that are given beforehand: commands. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

#include <stdlib.h>

enum { HOURS_USUAL = 24, HOURS_MAX = 168 };

static enum kms_status parse_hours(const char *text, unsigned *ret, struct kms_err *err)
{
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : HOURS_USUAL;

	if (text && (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > HOURS_MAX))
		return kms_fail(err, KMS_ERR_USAGE, "--hours takes a number from 1 to %d, not '%s'",
			HOURS_MAX, text);
	*ret = (unsigned)n;
	return KMS_OK;
}

enum kms_status cli_approval_create(struct cli *cli, struct kms_err *err)
{
	unsigned hours = 0;
	OPEN_SITE;

	st = parse_hours(cli_value(cli, "--hours"), &hours, err);
	if (!st)
		st = op_approval_create(site, cli->positional[0], cli_value(cli, "--officer"),
			hours, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "id officer until");
	return st;
}

enum kms_status cli_approval_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_approval_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "id officer state until digest");
	return st;
}

enum kms_status cli_approval_revoke(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_approval_revoke(
		site, cli->positional[0], cli_value(cli, "--officer"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "id officer");
	return st;
}
