/* SPDX-License-Identifier: Apache-2.0 */
/* agent, unlock, lock. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/agent.h"
#include "ops/ops.h"

static void say(void *ctx, const char *text)
{
	(void)ctx;
	cli_say("%s", text);
}

enum kms_status cli_agent(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	if (!cli_switch(cli, "--status"))
		return agent_serve(site->dir, say, NULL, err);
	st = op_agent_status(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "pin seconds_left given");
	return st;
}

enum kms_status cli_unlock(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_unlock(site, cli_value(cli, "--hsm"), cli_value(cli, "--for"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "hsm seconds");
	return st;
}

enum kms_status cli_lock(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_lock(site, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "forgotten");
	return st;
}
