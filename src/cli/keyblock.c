/* SPDX-License-Identifier: Apache-2.0 */
/* key export, key import, key block show: keys in X9.143 key blocks. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

static void print_keys(struct cli *cli, const char *fields)
{
	if (!cli->result)
		return;
	cli_print_fields(cli, cli->result, fields);
	cli_print_table(cli, json_object_get(cli->result, "keys"),
		"label algorithm check_value check_method");
	if (cli->dry_run)
		cli_print(cli, "dry run: everything was checked, nothing was changed");
}

enum kms_status cli_key_export(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const struct op_key_export args = {.name = cli->positional[0],
		.transport_key = cli_value(cli, "--transport-key"),
		.path = cli_value(cli, "-o"),
		.usage = cli_value(cli, "--usage"),
		.exportability = cli_value(cli, "--exportability"),
		.carrier = cli_value(cli, "--carrier")};
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_key_export(site, &args, &cli->result, err);
	print_keys(cli, "partner wrapping where sha256 file");
	return st;
}

enum kms_status cli_key_import(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	struct op_key_import args = {.path = cli->positional[0],
		.transport_key = cli_value(cli, "--transport-key"),
		.plan_path = cli_value(cli, "--plan"),
		.usage = cli_value(cli, "--usage"),
		.carrier = cli_value(cli, "--carrier")};
	char **check_values = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = cli_values(cli, "--check-value", &check_values, &args.check_value_count, err);
	args.check_values = check_values;
	if (!st)
		st = op_key_import(site, &args, &cli->result, err);
	cli_values_free(check_values, args.check_value_count);
	print_keys(cli, "partner where sha256");
	return st;
}

static void print_code(
	struct cli *cli, const json_t *block, const char *name, const char *code, const char *text)
{
	cli_print(cli, "%-18s  %s  %s", name, json_string_value(json_object_get(block, code)),
		json_string_value(json_object_get(block, text)));
}

enum kms_status cli_key_block_show(struct cli *cli, struct kms_err *err)
{
	enum kms_status st = op_key_block_show(cli->positional[0], &cli->result, err);
	const json_t *block;
	size_t i;

	json_array_foreach(cli->result, i, block)
	{
		if (i)
			cli_print(cli, "%s", "");
		cli_print_fields(cli, block, "line length");
		print_code(cli, block, "version", "version", "version_text");
		print_code(cli, block, "usage", "usage", "usage_text");
		print_code(cli, block, "algorithm", "algorithm", "algorithm_text");
		print_code(cli, block, "mode of use", "mode", "mode_text");
		print_code(cli, block, "key version number", "key_version_number",
			"key_version_number_text");
		print_code(cli, block, "exportability", "exportability", "exportability_text");
		print_code(cli, block, "key context", "context", "context_text");
		cli_print_fields(cli, block, "encrypted_bytes mac_bytes");
		cli_print_table(cli, json_object_get(block, "optional_blocks"), "id what data");
	}
	return st;
}
