/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of components at the command line: who brings them to people, or to files and pipes. */
#ifndef CLI_COMPONENTS_H
#define CLI_COMPONENTS_H

#include "cli/cli.h"
#include "ops/ops.h"

/* One of the four operations; args is an op_transport or an op_site_key. */
typedef enum kms_status component_op(
	struct op_site *site, const void *args, json_t **ret_report, struct kms_err *err);
component_op cli_op_transport_create, cli_op_transport_import;
component_op cli_op_site_key_create, cli_op_site_key_restore;

/* Whether there is a way to bring new components to people; asked before anything is made. */
KMS_CHECKED enum kms_status cli_components_can_show(struct cli *cli, struct kms_err *err);

/* What is printed of the report. */
extern const char cli_component_fields[];

/*
 * Runs it with a room: the full screen if it is on, else a terminal; to create also --sheets DIR
 * or --print WHERE (the command has these options, cli->print goes before); to type in also the
 * components of --pin-fd to type in. `key` is part of args. Prints what came of it.
 */
KMS_CHECKED enum kms_status cli_components(struct cli *cli, struct op_site *site,
	struct op_components *key, const void *args, component_op *op, bool create,
	struct kms_err *err);

#endif
