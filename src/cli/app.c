/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about what is on a card and how it stands: app …, card contents, issue, lock, … */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

enum kms_status cli_app_show(struct cli *cli, struct kms_err *err)
{
	enum kms_status st = op_app_show(cli->positional[0], &cli->result, err);

	if (st)
		return st;
	cli_print_fields(cli, cli->result, "package version load_bytes sha256");
	cli_print_table(cli, json_object_get(cli->result, "applets"), "applet");
	cli_print_table(cli, json_object_get(cli->result, "imports"), "aid version");
	cli_print_table(cli, json_object_get(cli->result, "components"), "component bytes");
	return KMS_OK;
}

static struct op_app_where where_of(struct cli *cli)
{
	struct op_app_where where = {
		.card = cli_card_where(cli), .keyset = cli_value(cli, "--keyset")};

	where.card.aid = cli_value(cli, "--domain");
	return where;
}

/* The same for the commands that take delegated management. */
static struct op_app_where delegated_where(struct cli *cli)
{
	struct op_app_where where = where_of(cli);

	where.delegated = (struct op_app_delegated){.token = cli_value(cli, "--token"),
		.receipt_key = cli_value(cli, "--receipt-key"),
		.receipt = cli_value(cli, "--receipt")};
	return where;
}

static void print_change(struct cli *cli, const char *fields)
{
	if (!cli->result)
		return;
	cli_print_fields(cli, cli->result, fields);
	if (cli->dry_run)
		cli_print(cli, "dry run: the card was asked and matches; nothing was changed");
}

static void print_receipt(struct cli *cli)
{
	const json_t *receipt = json_object_get(cli->result, "receipt");

	if (receipt)
		cli_print_fields(cli, receipt, "counter key verified");
}

enum kms_status cli_card_contents(struct cli *cli, struct kms_err *err)
{
	const struct op_app_where in = where_of(cli);
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_card_contents(site, &in, &cli->result, err);
	if (!st)
		cli_print_table(cli, json_object_get(cli->result, "contents"),
			"content kind state version domain privileges");
	return st;
}

enum kms_status cli_app_load(struct cli *cli, struct kms_err *err)
{
	struct op_app_load in = {.where = delegated_where(cli),
		.path = cli->positional[0],
		.with_hash = cli_switch(cli, "--hash")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	in.daps = cli_words(cli, "--dap", &in.dap_count);
	if (!st)
		st = op_app_load(site, &in, &cli->result, err);
	print_change(cli, "card domain file bytes sha256 already commands");
	print_receipt(cli);
	return st;
}

/* The three that change one application. */
static enum kms_status change(struct cli *cli,
	enum kms_status (*run)(struct op_site *site, const struct op_app_change *in,
		json_t **ret_report, struct kms_err *err),
	const struct op_app_change *in, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = run(site, in, &cli->result, err);
	print_change(cli, "card domain application already commands");
	print_receipt(cli);
	return st;
}

enum kms_status cli_app_install(struct cli *cli, struct kms_err *err)
{
	const struct op_app_change in = {.where = delegated_where(cli),
		.path = cli->positional[0],
		.file = cli_value(cli, "--file"),
		.module = cli_value(cli, "--module"),
		.aid = cli_value(cli, "--aid"),
		.privileges = cli_value(cli, "--privileges"),
		.params = cli_value(cli, "--params")};

	return change(cli, op_app_install, &in, err);
}

enum kms_status cli_app_delete(struct cli *cli, struct kms_err *err)
{
	const struct op_app_change in = {.where = delegated_where(cli),
		.aid = cli->positional[0],
		.related = cli_switch(cli, "--related")};

	return change(cli, op_app_delete, &in, err);
}

enum kms_status cli_app_extradite(struct cli *cli, struct kms_err *err)
{
	const struct op_app_change in = {.where = delegated_where(cli),
		.aid = cli->positional[0],
		.to = cli_value(cli, "--to")};

	return change(cli, op_app_extradite, &in, err);
}

enum kms_status cli_app_personalise(struct cli *cli, struct kms_err *err)
{
	const struct op_app_personalise in = {.where = where_of(cli),
		.script = cli->positional[0],
		.fields = cli_value(cli, "--fields")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_app_personalise(site, &in, &cli->result, err);
	print_change(cli, "card domain application script groups commands");
	return st;
}

/* ---- the life of a card ---- */

static enum kms_status life(struct cli *cli, enum op_card_life_change what, struct kms_err *err)
{
	const bool issue = what == OP_CARD_ISSUE, end = what == OP_CARD_TERMINATE;
	const struct op_card_life in = {.where = where_of(cli),
		.what = what,
		.application = issue || end ? NULL : cli_value(cli, "--application"),
		.reissue = issue ? cli_value(cli, "--again") : NULL};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_card_life(site, &in, &cli->result, err);
	print_change(cli, "card domain life issues already commands");
	return st;
}

enum kms_status cli_card_issue(struct cli *cli, struct kms_err *err)
{
	return life(cli, OP_CARD_ISSUE, err);
}

enum kms_status cli_card_lock(struct cli *cli, struct kms_err *err)
{
	return life(cli, OP_CARD_LOCK, err);
}

enum kms_status cli_card_unlock(struct cli *cli, struct kms_err *err)
{
	return life(cli, OP_CARD_UNLOCK, err);
}

enum kms_status cli_card_terminate(struct cli *cli, struct kms_err *err)
{
	return life(cli, OP_CARD_TERMINATE, err);
}
