/* SPDX-License-Identifier: Apache-2.0 */
/* Shipments of cards: commands. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

static const char list_columns[] = "id direction partner cards created";

enum kms_status cli_shipment_send(struct cli *cli, struct kms_err *err)
{
	const struct op_shipment_send in = {.partner = cli->positional[0],
		.cards_path = cli->positional[1],
		.keyset = cli_value(cli, "--keyset"),
		.path = cli_value(cli, "-o")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_send(site, &in, &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result, "shipment partner cards cards_sha256 file");
	return st;
}

enum kms_status cli_shipment_receive(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_receive(site, cli->positional[0], &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result, "shipment partner cards known_before");
	return st;
}

enum kms_status cli_shipment_reconcile(struct cli *cli, struct kms_err *err)
{
	static const char columns[] = "card shipment keyset key_version kdd has_keyset "
				      "has_key_version has_kdd";
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_reconcile(site, cli->positional[0], &cli->result, err);
	if (!cli->result)
		return st;
	cli_print_fields(cli, json_object_get(cli->result, "counts"),
		"announced missing different unexpected");
	cli_print_table(cli, json_object_get(cli->result, "missing"), "card shipment keyset");
	cli_print_table(cli, json_object_get(cli->result, "different"), columns);
	cli_print_table(cli, json_object_get(cli->result, "unexpected"),
		"card has_keyset has_key_version has_kdd");
	return st;
}

enum kms_status cli_shipment_list(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, list_columns);
	return st;
}

enum kms_status cli_shipment_show(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_show(site, cli->positional[0], &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result, list_columns);
	cli_print_table(cli, json_object_get(cli->result, "listed"),
		"card profile domain keyset key_version kdd");
	return KMS_OK;
}

enum kms_status cli_shipment_reissue(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_shipment_reissue(
			site, cli->positional[0], cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "id file");
	return st;
}
