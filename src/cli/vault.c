/* SPDX-License-Identifier: Apache-2.0 */
/* Backups and further HSMs: commands. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

#include <stdlib.h>

static const char checked_columns[] = "label algorithm check_value check_method";

enum kms_status cli_backup_create(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_backup_create(site, cli_value(cli, "-o"), cli_value(cli, "--site-key"),
			&cli->result, err);
	if (!st)
		cli_print_fields(
			cli, cli->result, "backup site_key key_count left_out sha256 file");
	return st;
}

enum kms_status cli_backup_list(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_backup_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "backup site_key keys created sha256");
	return st;
}

static const char facts[] =
	"backup site fingerprint hsm_serial created site_key site_key_check_value keyset_count "
	"key_count content_key_count partner_count sha256 signature seal unwrapped not_in_it "
	"not_in_registry "
	"newer_backups restored there_already destroyed_since still_lost partners where";

enum kms_status cli_backup_verify(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const char *by_environment = getenv("CARDKMS_SITE");
	const char *identity = cli_value(cli, "--identity");
	enum kms_status st = KMS_OK;

	if (cli->site || (by_environment && *by_environment) || !identity)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_backup_verify(site, cli->positional[0], identity,
			cli_switch(cli, "--offline"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, facts);
	return st;
}

enum kms_status cli_backup_restore(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_backup_restore(site, cli->positional[0], cli_value(cli, "--fingerprint"),
			&cli->result, err);
	if (!st) {
		cli_print_fields(cli, cli->result, facts);
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
	}
	return st;
}

/* ---- further HSMs ---- */

enum kms_status cli_hsm_add(struct cli *cli, struct kms_err *err)
{
	const struct op_hsm_add in = {.name = cli->positional[0],
		.uri = cli_value(cli, "--hsm"),
		.init_args = cli_value(cli, "--init-args"),
		.kind = cli_value(cli, "--kind")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_hsm_add(site, &in, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name kind token serial");
	return st;
}

enum kms_status cli_hsm_remove(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_hsm_remove(
			site, cli->positional[0], cli_switch(cli, "--lost"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name destroyed given_up");
	return st;
}

enum kms_status cli_hsm_list(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_hsm_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "name kind state serial copies added uri");
	return st;
}

enum kms_status cli_hsm_replicate(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	struct op_replicate in = {.hsm = cli->positional[0], .under = cli_value(cli, "--under")};
	char **sets = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = cli_values(cli, "--keyset", &sets, &in.keyset_count, err);
	in.keysets = (const char *const *)sets;
	if (!st)
		st = op_hsm_replicate(site, &in, &cli->result, err);
	cli_values_free(sets, in.keyset_count);
	if (!st) {
		cli_print_fields(cli, cli->result, "hsm kind under copied there_already where");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
	}
	return st;
}

enum kms_status cli_hsm_compare(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_hsm_compare(site, cli->positional[0], &cli->result, err);
	if (cli->result) {
		cli_print_fields(cli, cli->result, "hsm kind serial drift");
		cli_print_table(cli, json_object_get(cli->result, "keys"),
			"label role algorithm state check_value check_method principal via result");
	}
	return st;
}
