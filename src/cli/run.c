/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each calls one operation and says which of its report is shown as text. */
#include "cli/commands.h"
#include "cli/front.h"

#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void dry_run_note(struct cli *cli)
{
	if (cli->dry_run)
		cli_print(cli, "dry run: everything was checked, nothing was changed");
}

/* ---- site ---- */

enum kms_status cli_site_init(struct cli *cli, struct kms_err *err)
{
	const struct op_site_options options = {.name = cli_value(cli, "--name"),
		.role = cli_value(cli, "--role"),
		.hsm_uri = cli_value(cli, "--hsm"),
		.init_args = cli_value(cli, "--init-args"),
		.store_url = cli_value(cli, "--store")};
	const struct op_front front = cli_front(cli);
	enum kms_status st =
		op_site_init(cli->positional[0], &options, &front, cli->dry_run, &cli->result, err);

	if (!st) {
		cli_print_fields(cli, cli->result, "site name role hsm");
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_site_status(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_site_status(site, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result,
			"name role site hsm hsm_serial created fingerprint keys officers partners "
			"audit_entries unfinished_operations periods_end_soon periods_over");
	return st;
}

enum kms_status cli_store_migrate(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_store_migrate(site, cli->positional[0], &cli->result, err);
	cli_print_fields(cli, cli->result, "store tables rows");
	return st;
}

static const char identity_fields[] = "name role fingerprint words hsm_serial file";

enum kms_status cli_site_identity(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_identity_show(site, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, identity_fields);
	return st;
}

enum kms_status cli_site_identity_export(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_identity_export(site, cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, identity_fields);
	return st;
}

/* ---- partner ---- */

enum kms_status cli_partner_add(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_partner_add(
		site, cli->positional[0], cli_value(cli, "--fingerprint"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name role fingerprint");
	return st;
}

enum kms_status cli_partner_rotate(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_partner_rotate(
		site, cli->positional[0], cli_value(cli, "--fingerprint"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name role fingerprint");
	return st;
}

enum kms_status cli_partner_revoke(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_partner_revoke(
		site, cli->positional[0], cli_value(cli, "--reason"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name fingerprint");
	return st;
}

enum kms_status cli_partner_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_partner_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "name role state version added fingerprint");
	return st;
}

/* ---- officer ---- */

enum kms_status cli_officer_add(struct cli *cli, struct kms_err *err)
{
	const char *role = cli_value(cli, "--role");
	OPEN_SITE;

	st = op_officer_add(
		site, cli->positional[0], role ? role : "security-officer", &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name role");
	return st;
}

enum kms_status cli_officer_disable(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_officer_disable(site, cli->positional[0], &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name");
	return st;
}

enum kms_status cli_officer_unlock(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_officer_unlock(site, cli->positional[0], &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "name");
	return st;
}

enum kms_status cli_officer_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_officer_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "name role state added failures locked");
	return st;
}

/* ---- hsm ---- */

static const char key_columns[] =
	"label keyset role algorithm state kvn check_value check_method location origin expires";

enum kms_status cli_hsm_setup(struct cli *cli, struct kms_err *err)
{
	const struct op_hsm_setup in = {.plan_path = cli_value(cli, "--plan"),
		.erase = cli_switch(cli, "--erase"),
		.rebuild = cli_switch(cli, "--rebuild")};
	OPEN_SITE;

	st = op_hsm_setup(site, &in, &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result, "token serial fingerprint new_keys lost ended");
	if (json_array_size(json_object_get(cli->result, "keys")))
		cli_print_table(cli, json_object_get(cli->result, "keys"), key_columns);
	dry_run_note(cli);
	return KMS_OK;
}

enum kms_status cli_hsm_update(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_hsm_update(site, cli_value(cli, "--plan"), &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result, "new_keys sets_already_there");
	if (json_array_size(json_object_get(cli->result, "keys")))
		cli_print_table(cli, json_object_get(cli->result, "keys"), key_columns);
	dry_run_note(cli);
	return KMS_OK;
}

enum kms_status cli_hsm_status(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_hsm_status(site, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result,
			"token serial manufacturer model firmware hardware module initialised "
			"user_pin_set user_pin so_pin set_up keys");
	return st;
}

static void print_capabilities(struct cli *cli)
{
	cli_print_fields(cli, cli->result, "token manufacturer model firmware serial");
	cli_print(cli, " ");
	cli_print_table(
		cli, json_object_get(cli->result, "mechanisms"), "capability answer native what");
	cli_print(cli, " ");
	cli_print_table(
		cli, json_object_get(cli->result, "operations"), "operation where strategy");
}

enum kms_status cli_hsm_capabilities(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_hsm_capabilities(site, &cli->result, err);
	if (!st)
		print_capabilities(cli);
	return st;
}

enum kms_status cli_hsm_qualify(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_hsm_qualify(site, cli_value(cli, "-o"), &cli->result, err);
	if (!cli->result)
		return st;
	print_capabilities(cli);
	cli_print(cli, " ");
	cli_print_table(cli, json_object_get(cli->result, "roles"), "role attributes");
	cli_print(cli, " ");
	cli_print_table(
		cli, json_object_get(cli->result, "attacks"), "attack target outcome native what");
	cli_print(cli, " ");
	cli_print_fields(cli, cli->result, "result findings");
	return st;
}

enum kms_status cli_hsm_check(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_hsm_check(site, &cli->result, err);
	if (cli->result) {
		cli_print_table(cli, json_object_get(cli->result, "keys"),
			"label role state check_value check_method result");
		cli_print_fields(cli, cli->result, "checked findings");
	}
	return st;
}

/* ---- key ---- */

enum kms_status cli_key_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_key_list(
		site, cli_value(cli, "--keyset"), cli_value(cli, "--state"), &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, key_columns);
	return st;
}

enum kms_status cli_key_show(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_key_show(site, cli->positional[0], &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result,
			"label keyset customer role algorithm state kvn check_value check_method "
			"diversification definition exportable cryptoperiod expires location "
			"origin "
			"partner wrapping direction ceremony hsm_serial id created activated cards "
			"state_reason");
	return st;
}

static enum kms_status change_state(struct cli *cli, enum key_state state, struct kms_err *err)
{
	const struct op_key_change in = {
		.name = cli->positional[0], .reason = cli_value(cli, "--reason")};
	OPEN_SITE;

	st = op_key_change(site, &in, state, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "label keyset keys state cards");
	return st;
}

enum kms_status cli_key_suspend(struct cli *cli, struct kms_err *err)
{
	return change_state(cli, KEY_SUSPENDED, err);
}

enum kms_status cli_key_resume(struct cli *cli, struct kms_err *err)
{
	return change_state(cli, KEY_ACTIVE, err);
}

static const char end_fields[] =
	"label keyset keys state cards destroyed transport_key transport_key_stays witness";

enum kms_status cli_key_retire(struct cli *cli, struct kms_err *err)
{
	const struct op_key_change in = {
		.name = cli->positional[0], .reason = cli_value(cli, "--reason")};
	const char *witness = cli_value(cli, "--witness");

	if (!witness)
		return change_state(cli, KEY_DEACTIVATED, err);
	OPEN_SITE;
	st = op_key_retire(site, &in, witness, &cli->result, err);
	if (!st) {
		cli_print_fields(cli, cli->result, end_fields);
		dry_run_note(cli);
	}
	return st;
}

static void print_impact(struct cli *cli)
{
	const json_t *line;
	size_t i;

	cli_print_fields(cli, cli->result,
		"name label keyset keys state cards cards_file transport_keys backups");
	cli_print_table(cli, json_object_get(cli->result, "keysets"),
		"keyset customer origin cards partners hsms");
	json_array_foreach(json_object_get(cli->result, "todo"), i, line)
		cli_print(cli, "to do  %s", json_string_value(line));
}

enum kms_status cli_key_compromise(struct cli *cli, struct kms_err *err)
{
	const struct op_key_change in = {.name = cli->positional[0],
		.reason = cli_value(cli, "--reason"),
		.cards_path = cli_value(cli, "--cards")};
	OPEN_SITE;

	st = op_key_change(site, &in, KEY_COMPROMISED, &cli->result, err);
	if (cli->result)
		print_impact(cli);
	return st;
}

enum kms_status cli_key_impact(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_key_impact(site, cli->positional[0], cli_value(cli, "--cards"), &cli->result, err);
	if (!st)
		print_impact(cli);
	return st;
}

enum kms_status cli_key_destroy(struct cli *cli, struct kms_err *err)
{
	const struct op_key_change in = {
		.name = cli->positional[0], .reason = cli_value(cli, "--reason")};
	OPEN_SITE;

	st = op_key_destroy(site, &in, &cli->result, err);
	if (!st) {
		cli_print_fields(cli, cli->result, end_fields);
		dry_run_note(cli);
	}
	return st;
}

/* ---- exchange ---- */

enum kms_status cli_exchange_request(struct cli *cli, struct kms_err *err)
{
	char **sets = NULL;
	size_t count = 0;
	OPEN_SITE;

	st = cli_values(cli, "--keyset", &sets, &count, err);
	if (!st)
		st = op_exchange_request(site, cli_value(cli, "--from"), sets, count,
			cli_value(cli, "-o"), &cli->result, err);
	cli_values_free(sets, count);
	if (cli->result) {
		cli_print_fields(
			cli, cli->result, "request partner keysets hsm_serial sha256 file");
		dry_run_note(cli);
	}
	return st;
}

static const char checked_columns[] = "label algorithm check_value check_method";

enum kms_status cli_exchange_export(struct cli *cli, struct kms_err *err)
{
	const struct op_export args = {.request_path = cli_value(cli, "--request"),
		.transport_key = cli_value(cli, "--transport-key"),
		.path = cli_value(cli, "-o"),
		.listing_path = cli_value(cli, "--listing"),
		.carrier = cli_value(cli, "--carrier")};
	OPEN_SITE;

	st = op_exchange_export(site, &args, &cli->result, err);
	if (cli->result) {
		cli_print_fields(cli, cli->result,
			"package request partner wrapping where sha256 file listing");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_exchange_import(struct cli *cli, struct kms_err *err)
{
	struct op_import args = {.package_path = cli->positional[0],
		.transport_key = cli_value(cli, "--transport-key"),
		.receipt_path = cli_value(cli, "--receipt"),
		.carrier = cli_value(cli, "--carrier")};
	char **renames = NULL;
	OPEN_SITE;

	st = cli_values(cli, "--rename", &renames, &args.rename_count, err);
	args.renames = renames;
	if (!st)
		st = op_exchange_import(site, &args, &cli->result, err);
	cli_values_free(renames, args.rename_count);
	if (cli->result) {
		cli_print_fields(cli, cli->result, "package partner where receipt receipt_file");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_exchange_receipt(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_exchange_receipt(site, cli->positional[0], &cli->result, err);
	if (!st) {
		cli_print_fields(cli, cli->result, "receipt package partner hsm_serial");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_exchange_export_listing(struct cli *cli, struct kms_err *err)
{
	struct op_export_listing args = {.transport_key = cli_value(cli, "--transport-key"),
		.path = cli_value(cli, "-o"),
		.carrier = cli_value(cli, "--carrier")};
	char **sets = NULL;
	OPEN_SITE;

	st = cli_values(cli, "--keyset", &sets, &args.keyset_count, err);
	args.keysets = sets;
	if (!st)
		st = op_exchange_export_listing(site, &args, &cli->result, err);
	cli_values_free(sets, args.keyset_count);
	if (cli->result) {
		cli_print_fields(cli, cli->result, "listing partner wrapping where sha256 file");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_exchange_import_listing(struct cli *cli, struct kms_err *err)
{
	const struct op_import_listing args = {.listing_path = cli->positional[0],
		.transport_key = cli_value(cli, "--transport-key"),
		.plan_path = cli_value(cli, "--plan"),
		.carrier = cli_value(cli, "--carrier")};
	OPEN_SITE;

	st = op_exchange_import_listing(site, &args, &cli->result, err);
	if (cli->result) {
		cli_print_fields(cli, cli->result, "partner where");
		cli_print_table(cli, json_object_get(cli->result, "keys"), checked_columns);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_exchange_show(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const char *by_environment = getenv("CARDKMS_SITE");
	const json_t *keys, *transport;
	enum kms_status st = KMS_OK;

	if (cli->site || (by_environment && *by_environment))
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_exchange_show(site, cli->positional[0], &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"kind id name role fingerprint request package hsm_serial ceremony wrapping "
		"carrier "
		"overrides created signature sha256");
	for (const char *const *who = (const char *const[]){"sender", "recipient", NULL}; *who;
		who++) {
		const json_t *party = json_object_get(cli->result, *who);

		if (party)
			cli_print(cli, "%-18s  %s (%s)", *who,
				json_string_value(json_object_get(party, "name")),
				json_string_value(json_object_get(party, "fingerprint")));
	}
	transport = json_object_get(cli->result, "transport_key");
	if (transport)
		cli_print(cli, "%-18s  %s, %s, check value %s (%s)", "transport key",
			json_string_value(json_object_get(transport, "label")),
			json_string_value(json_object_get(transport, "algorithm")),
			json_string_value(json_object_get(transport, "check_value")),
			json_string_value(json_object_get(transport, "check_method")));
	keys = json_object_get(cli->result, "keysets");
	if (keys && json_is_object(json_array_get(keys, 0)))
		cli_print_table(cli, keys, "keyset customer kvn diversification cryptoperiod");
	else if (keys)
		cli_print_fields(cli, cli->result, "keysets");
	keys = json_object_get(cli->result, "keys");
	if (keys)
		cli_print_table(cli, keys, checked_columns);
	return KMS_OK;
}

enum kms_status cli_exchange_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_exchange_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result,
			"id kind direction partner state answers transport_key created");
	return st;
}

enum kms_status cli_exchange_reissue(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_exchange_reissue(site, cli->positional[0], cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "id kind state sha256 file");
	return st;
}

/* ---- audit ---- */

enum kms_status cli_audit_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_audit_list(site, &cli->result, err);
	if (!st)
		cli_print_table(
			cli, cli->result, "entry time operation phase actor subject outcome");
	return st;
}

static const char verdict_fields[] =
	"log_of fingerprint verified entries checkpoints signed_entries not_yet_signed witnessed "
	"first_bad_entry last_bad_entry entry time operation phase actor subject outcome log_size";

enum kms_status cli_audit_verify(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const char *file = cli->positional[0], *witness = cli_value(cli, "--witness");
	const char *by_environment = getenv("CARDKMS_SITE");
	size_t count;
	const char *const *identities = cli_words(cli, "--identity", &count);
	const bool identity = count > 0;
	enum kms_status st = KMS_OK;

	if (identity && !file)
		return kms_fail(err, KMS_ERR_USAGE,
			"--identity goes with a file: audit verify F --identity F");
	/* A site holds checkpoints with which the file is compared; without one it stands alone. */
	if (!identity || cli->site || (by_environment && *by_environment))
		st = cli_open_site(cli, &site, err);
	if (!st && identity)
		st = op_audit_verify_file(
			site, file, identities, count, witness, &cli->result, err);
	else if (!st && file)
		st = op_audit_verify_known(site, file, witness, &cli->result, err);
	else if (!st)
		st = op_audit_verify(site, witness, &cli->result, err);
	if (cli->result)
		cli_print_fields(cli, cli->result, verdict_fields);
	return st;
}

enum kms_status cli_audit_witnesses(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_audit_witnesses(
		site, cli_value(cli, "--of"), cli_value(cli, "-o"), &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "log_of entries time how partner document root");
	return st;
}

enum kms_status cli_audit_checkpoint(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_audit_checkpoint(site, &cli->result, err);
	if (!st)
		cli_print(cli, "%s", json_string_value(json_object_get(cli->result, "note")));
	return st;
}

enum kms_status cli_audit_export(struct cli *cli, struct kms_err *err)
{
	/* A checkpoint of now needs the HSM: made where its PIN was given. */
	bool sign = pinfd_get(&cli->secrets, "pin") != NULL || cli_switch(cli, "--sign");
	OPEN_SITE;

	st = op_audit_export(site, cli_value(cli, "-o"), sign, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, "file entries not_yet_signed");
	return st;
}

enum kms_status cli_audit_prove(struct cli *cli, struct kms_err *err)
{
	const char *path = cli_value(cli, "-o");
	char *end;
	long long entry = strtoll(cli->positional[0], &end, 10);

	if (!*cli->positional[0] || *end || entry < 0)
		return kms_fail(err, KMS_ERR_USAGE,
			"ENTRY is a number, as in 'audit list', not '%s'", cli->positional[0]);
	OPEN_SITE;
	st = op_audit_prove(site, entry, path, &cli->result, err);
	if (!st && path)
		cli_print_fields(cli, cli->result, "entry log_size file");
	else if (!st)
		cli_print(cli, "%s", json_string_value(json_object_get(cli->result, "proof")));
	return st;
}

/* ---- the rest ---- */

enum kms_status cli_doctor(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_doctor(site, &cli->result, err);
	if (!cli->result)
		return st;
	for (const char *const *list = (const char *const[]){"settled", "findings", NULL}; *list;
		list++) {
		const json_t *line;
		size_t i;

		json_array_foreach(json_object_get(cli->result, *list), i, line)
			cli_print(cli, "%-8s  %s", *list, json_string_value(line));
	}
	if (!st)
		cli_print(cli, "store, HSM and audit log agree");
	return st;
}

enum kms_status cli_help_command(struct cli *cli, struct kms_err *err)
{
	char path[128] = "";
	size_t used = 0;

	if (cli_switch(cli, "--man")) {
		cli_help_man();
		return KMS_OK;
	}
	if (cli_switch(cli, "--bash-completion")) {
		cli_help_bash();
		return KMS_OK;
	}
	for (size_t i = 0; i < CLI_POSITIONAL_MAX && cli->positional[i]; i++)
		used += (size_t)snprintf(
			path + used, sizeof(path) - used, "%s%s", i ? " " : "", cli->positional[i]);
	if (used >= sizeof(path) || !cli_help(path)) {
		kms_fail(err, KMS_ERR_USAGE, "there is no command '%s' to help with", path);
		return kms_hint(err, "see 'cardkms help'");
	}
	return KMS_OK;
}

enum kms_status cli_version(struct cli *cli, struct kms_err *err)
{
	cli->result = json_pack("{s:s}", "version", CARDKMS_VERSION);
	if (!cli->result)
		return kms_nomem(err);
	cli_print(cli, "cardkms %s", CARDKMS_VERSION);
	return KMS_OK;
}
