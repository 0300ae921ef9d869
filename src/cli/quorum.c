/* SPDX-License-Identifier: Apache-2.0 */
/* The quorum of officers: commands. */
#include "cli/commands.h"
#include "cli/front.h"
#include "cli/sheets.h"

#include "ops/ops.h"

#include <stdlib.h>

static const char set_fields[] = "generation threshold officers";

static enum kms_status threshold(struct cli *cli, unsigned *ret_threshold, struct kms_err *err)
{
	const char *text = cli_value(cli, "--threshold");
	char *end = NULL;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;

	if (text && (*text < '0' || *text > '9' || *end || n == 0 || n > 1000))
		return kms_fail(err, KMS_ERR_USAGE, "--threshold takes a number, not '%s'", text);
	*ret_threshold = (unsigned)n;
	return KMS_OK;
}

/* Whom --officers names here are the members; who approves is said by passphrases. */
static enum kms_status set(struct cli *cli, enum op_quorum_how how, struct kms_err *err)
{
	struct op_quorum_set in = {.how = how, .names = cli->officers};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = threshold(cli, &in.threshold, err);

	if (!st && !in.names)
		st = kms_fail(err, KMS_ERR_USAGE, "whose quorum? --officers A,B,C");
	if (!st && !in.threshold)
		st = kms_fail(err, KMS_ERR_USAGE, "how many of them open the HSM? --threshold M");
	if (!st)
		st = cli_open_site(cli, &site, err);
	if (st)
		return st;
	site->officers = NULL;
	st = op_quorum_set(site, &in, &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result, set_fields);
	return st;
}

enum kms_status cli_quorum_set(struct cli *cli, struct kms_err *err)
{
	return set(cli, OP_QUORUM_SET, err);
}

enum kms_status cli_quorum_change(struct cli *cli, struct kms_err *err)
{
	return set(cli, OP_QUORUM_CHANGE, err);
}

static enum kms_status one(struct cli *cli, enum op_quorum_how how, struct kms_err *err)
{
	const struct op_quorum_set in = {.how = how, .officer = cli->positional[0]};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_quorum_set(site, &in, &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result, set_fields);
	return st;
}

enum kms_status cli_officer_enrol(struct cli *cli, struct kms_err *err)
{
	return one(cli, OP_QUORUM_ENROL, err);
}

enum kms_status cli_officer_revoke(struct cli *cli, struct kms_err *err)
{
	return one(cli, OP_QUORUM_REVOKE, err);
}

enum kms_status cli_officer_rekey(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_officer_rekey(site, cli->positional[0], &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name");
	return st;
}

enum kms_status cli_quorum_show(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_quorum_show(site, &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"generation threshold officers serial created break_glass_sheets");
	cli_print_table(cli, json_object_get(cli->result, "members"), "index name role state");
	cli_print_table(cli, json_object_get(cli->result, "pins"), "pin number state sealed");
	return KMS_OK;
}

enum kms_status cli_quorum_open(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st;

	if (cli_switch(cli, "--break-glass"))
		return set(cli, OP_QUORUM_GLASS, err);
	st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_quorum_open(site, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "serial generation opened_by");
	return st;
}

enum kms_status cli_quorum_break_glass(struct cli *cli, struct kms_err *err)
{
	struct sheets sheets = {
		.dir = cli_value(cli, "--sheets"), .label = "break-glass", .count = 2};
	const struct op_break_glass in = {.pairs_path = cli_value(cli, "--pairs"),
		.ctx = &sheets,
		.prepare = sheets_prepare,
		.write = sheets_write};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_quorum_break_glass(site, &in, &cli->result, err);
	if (st)
		sheets_remove(&sheets);
	sheets_close(&sheets);
	if (!st)
		cli_print_fields(cli, cli->result, "generation ceremony");
	return st;
}
