/* SPDX-License-Identifier: Apache-2.0 */
/* card key …: keys behind the content of cards. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

enum kms_status cli_card_key_create(struct cli *cli, struct kms_err *err)
{
	const struct op_card_key_create in = {.label = cli->positional[0],
		.use = cli_value(cli, "--use"),
		.algorithm = cli_value(cli, "--algorithm")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_card_key_create(site, &in, &cli->result, err);
	if (cli->result)
		cli_print_fields(
			cli, cli->result, "label role algorithm check_value check_method location");
	return st;
}

enum kms_status cli_card_key_put(struct cli *cli, struct kms_err *err)
{
	struct op_card_key_put in = {.where = cli_card_where(cli),
		.key = cli_value(cli, "--key"),
		.replace = cli_switch(cli, "--replace")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_key_version(cli, "--key-version", 0x7F, &in.version, err);

	in.where.aid = cli_value(cli, "--domain");
	if (!st)
		st = cli_key_version(cli, "--key-id", 0x7F, &in.id, err);
	if (!st)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_card_key_put(site, &in, &cli->result, err);
	if (!cli->result)
		return st;
	cli_print_fields(
		cli, cli->result, "card domain key role key_version key_id already commands");
	if (cli->dry_run)
		cli_print(cli, "dry run: the card was asked and matches; nothing was changed");
	return st;
}
