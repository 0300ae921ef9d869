/* SPDX-License-Identifier: Apache-2.0 */
/* key derive, key derive-verify: keys of many cards. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

#include <stdlib.h>

enum kms_status cli_key_derive(struct cli *cli, struct kms_err *err)
{
	const struct op_key_derive args = {.cards = cli_value(cli, "--cards"),
		.keyset = cli_value(cli, "--keyset"),
		.under = cli_value(cli, "--wrap-under"),
		.path = cli_value(cli, "-o")};
	OPEN_SITE;

	st = op_key_derive(site, &args, &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result,
			"manifest keyset cards keys under wrapping where keys_at_once "
			"resumed_after sha256 manifest_sha256 file");
	if (!st && cli->dry_run)
		cli_print(cli, "dry run: everything was checked, nothing was changed");
	return st;
}

enum kms_status cli_key_derive_verify(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const struct op_derive_verify args = {.path = cli->positional[0],
		.manifest = cli_value(cli, "--manifest"),
		.identity = cli_value(cli, "--identity"),
		.cards = cli_value(cli, "--cards")};
	enum kms_status st = KMS_OK;

	if (!args.identity)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_derive_verify(site, &args, &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"manifest sender fingerprint keyset customer algorithm diversification cards keys "
		"chunks under check_value wrapping recipient cards_sha256 sha256 manifest_sha256 "
		"created overrides signature");
	cli_print_table(cli, json_object_get(cli->result, "masters"),
		"label algorithm check_value check_method");
	return KMS_OK;
}
