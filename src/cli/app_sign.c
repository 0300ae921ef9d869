/* SPDX-License-Identifier: Apache-2.0 */
/* app dap, app token …: what is made in the HSM for changes of cards' content. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

static enum kms_status sign(struct cli *cli, struct op_app_sign *in, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	in->key = cli_value(cli, "--key");
	in->output = cli_value(cli, "-o");
	if (!st)
		st = op_app_sign(site, in, &cli->result, err);
	if (cli->result)
		cli_print_fields(
			cli, cli->result, "operation load_file domain key algorithm output");
	return st;
}

static enum kms_status sign_cap(struct cli *cli, const char *operation, struct kms_err *err)
{
	struct op_app_sign in = {.operation = operation,
		.domain = cli_value(cli, "--domain"),
		.what = {.path = cli->positional[0]}};

	return sign(cli, &in, err);
}

enum kms_status cli_app_dap(struct cli *cli, struct kms_err *err)
{
	return sign_cap(cli, NULL, err);
}

enum kms_status cli_app_token_load(struct cli *cli, struct kms_err *err)
{
	return sign_cap(cli, "load", err);
}

enum kms_status cli_app_token_install(struct cli *cli, struct kms_err *err)
{
	struct op_app_sign in = {.operation = "install",
		.what = {.path = cli->positional[0],
			.file = cli_value(cli, "--file"),
			.module = cli_value(cli, "--module"),
			.aid = cli_value(cli, "--aid"),
			.privileges = cli_value(cli, "--privileges"),
			.params = cli_value(cli, "--params")}};

	return sign(cli, &in, err);
}

enum kms_status cli_app_token_selectable(struct cli *cli, struct kms_err *err)
{
	struct op_app_sign in = {.operation = "make-selectable",
		.what = {.aid = cli->positional[0], .privileges = cli_value(cli, "--privileges")}};

	return sign(cli, &in, err);
}

enum kms_status cli_app_token_extradite(struct cli *cli, struct kms_err *err)
{
	struct op_app_sign in = {.operation = "extradite",
		.what = {.aid = cli->positional[0], .to = cli_value(cli, "--to")}};

	return sign(cli, &in, err);
}

enum kms_status cli_app_token_delete(struct cli *cli, struct kms_err *err)
{
	struct op_app_sign in = {.operation = "delete",
		.what = {.aid = cli->positional[0], .related = cli_switch(cli, "--related")}};

	return sign(cli, &in, err);
}
