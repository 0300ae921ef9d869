/* SPDX-License-Identifier: Apache-2.0 */
/* app show. */
#include "cli/commands.h"

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
