/* SPDX-License-Identifier: Apache-2.0 */
/* The custody commands. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

#include <stdlib.h>

/* 0 if the option was not given. */
static enum kms_status small_number(
	const struct cli *cli, const char *option, int64_t most, int64_t *ret, struct kms_err *err)
{
	const char *text = cli_value(cli, option);
	char *end;
	long long value;

	*ret = 0;
	if (!text)
		return KMS_OK;
	value = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || value < 1 || value > most)
		return kms_fail(err, KMS_ERR_USAGE, "%s takes a number from 1 to %lld, not '%s'",
			option, (long long)most, text);
	*ret = value;
	return KMS_OK;
}

enum { COMPONENT_MOST = 9, SERIAL_MOST = 999999999 };

enum kms_status cli_custody_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_custody_list(
		site, cli_value(cli, "--key"), cli_value(cli, "--person"), &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result,
			"key component state custodians deputies serial bag safe issued due "
			"accepted");
	return st;
}

enum kms_status cli_custody_history(struct cli *cli, struct kms_err *err)
{
	int64_t component;
	OPEN_SITE;

	st = small_number(cli, "--component", COMPONENT_MOST, &component, err);
	if (!st)
		st = op_custody_history(site, cli->positional[0], component, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result,
			"time event state custodians serial bag safe channel carrier conveyed");
	return st;
}

static const char move_fields[] =
	"key component event state custodians deputies serial bag safe channel carrier conveyed "
	"issued due returned accepted";

enum kms_status cli_custody_move(struct cli *cli, struct kms_err *err)
{
	struct op_custody_move in = {.key = cli->positional[0],
		.pair = cli_value(cli, "--pair"),
		.deputies = cli_value(cli, "--deputies"),
		.bag = cli_value(cli, "--bag"),
		.safe = cli_value(cli, "--safe"),
		.channel = cli_value(cli, "--by"),
		.carrier = cli_value(cli, "--carrier"),
		.on = cli_value(cli, "--on"),
		.due = cli_value(cli, "--due"),
		.accepted = cli_value(cli, "--accepted"),
		.issue = cli_switch(cli, "--issue"),
		.giveback = cli_switch(cli, "--return"),
		.send = cli_switch(cli, "--sent"),
		.destroyed = cli_switch(cli, "--destroyed")};
	OPEN_SITE;

	st = small_number(cli, "--component", COMPONENT_MOST, &in.component, err);
	if (!st)
		st = small_number(cli, "--sheet", SERIAL_MOST, &in.serial, err);
	if (!st)
		st = op_custody_move(site, &in, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, move_fields);
	return st;
}

static void print_rekey(struct cli *cli, const json_t *rows)
{
	const json_t *row, *todo;
	size_t i, k;

	json_array_foreach(rows, i, row)
	{
		cli_print(
			cli, "to be replaced: %s", json_string_value(json_object_get(row, "key")));
		json_array_foreach(json_object_get(row, "todo"), k, todo)
		{
			cli_print(cli, "  %s", json_string_value(todo));
		}
	}
}

enum kms_status cli_custody_audit(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_custody_audit(site, &cli->result, err);
	if (st && st != KMS_ERR_MISMATCH)
		return st;
	cli_print_table(
		cli, json_object_get(cli->result, "findings"), "finding key component detail");
	print_rekey(cli, json_object_get(cli->result, "rekey"));
	if (!st)
		cli_print(cli, "custody is in order");
	return st;
}

enum kms_status cli_custody_leave(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_custody_leave(site, cli->positional[0], cli_value(cli, "--on"),
		cli_value(cli, "--reason"), &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result, "person left");
	print_rekey(cli, json_object_get(cli->result, "rekey"));
	return KMS_OK;
}

enum kms_status cli_custody_register(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_custody_register(site, cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "file");
	return st;
}

enum kms_status cli_custody_acceptance(struct cli *cli, struct kms_err *err)
{
	int64_t component;
	OPEN_SITE;

	st = small_number(cli, "--component", COMPONENT_MOST, &component, err);
	if (!st)
		st = op_custody_acceptance(site, cli_value(cli, "--key"), component,
			cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "file");
	return st;
}
