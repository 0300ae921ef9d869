/* SPDX-License-Identifier: Apache-2.0 */
/* The card commands: which card, which keys, and what is shown of it. */
#include "cli/commands.h"
#include "cli/front.h"

#include "base/hex.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000000000 };

struct op_card_where cli_card_where(struct cli *cli)
{
	return (struct op_card_where){.reader = cli_value(cli, "--reader"),
		.profile = cli_value(cli, "--profile"),
		.trace_path = cli_value(cli, "--trace")};
}

/* All three are asked for, so that none is called unused where the command ends before it needs them. */
static bool initial_given(struct cli *cli)
{
	bool enc = pinfd_get(&cli->secrets, "initial.enc") != NULL;
	bool mac = pinfd_get(&cli->secrets, "initial.mac") != NULL;
	bool kek = pinfd_get(&cli->secrets, "initial.kek") != NULL;

	return enc || mac || kek;
}

static void dry_run_note(struct cli *cli)
{
	if (cli->dry_run)
		cli_print(cli, "dry run: the card was asked and matches; nothing was changed");
}

/* ---- what there is ---- */

static const char domain_columns[] =
	"domain keyset key_version protocol kdd state failed_authentications same_keys_as";

/* Without a smart card service the registry is shown all the same; a reader that is named must be there. */
static enum kms_status add_readers(
	struct cli *cli, struct op_site *site, const char *reader, struct kms_err *err)
{
	json_t *readers = NULL;
	struct kms_err why = {0};
	enum kms_status st = op_card_readers(site, reader, &readers, &why);

	if (st && reader) {
		*err = why;
		return st;
	}
	if (st)
		cli_say("note: no reader is shown: %s", why.msg);
	if (json_object_set_new(cli->result, "readers", readers ? readers : json_array()))
		return kms_nomem(err);
	return KMS_OK;
}

enum kms_status cli_card_list(struct cli *cli, struct kms_err *err)
{
	const char *reader = cli_value(cli, "--reader");
	struct op_card_list filter = {.state = cli_value(cli, "--state"),
		.profile = cli_value(cli, "--profile"),
		.after = cli_value(cli, "--after")};
	long limit = 0;
	CLI_SITE_AUTO struct op_site *site = NULL;
	json_t *cards = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = cli_number(cli, "--limit", 1, COUNT_MAX, 0, &limit, err);
	filter.limit = limit;
	if (!st)
		st = op_card_list(site, &filter, &cards, err);
	if (st)
		return st;
	cli->result = json_pack("{s:o}", "cards", cards);
	if (!cli->result)
		return kms_nomem(err);
	st = add_readers(cli, site, reader, err);
	if (st)
		return st;
	cli_print_table(cli, cards,
		"card profile state life keyset key_version domains state_reason same_keys_as");
	if (json_array_size(json_object_get(cli->result, "readers"))) {
		cli_print(cli, " ");
		cli_print_table(cli, json_object_get(cli->result, "readers"), "reader holds atr");
	}
	return KMS_OK;
}

static void print_registry(struct cli *cli, const json_t *registry)
{
	if (!json_is_object(registry)) {
		cli_print(cli, "%-18s  %s", "registry", "this card is not in it");
		return;
	}
	cli_print_fields(cli, registry, "state state_reason life issued issues since changed");
	cli_print_table(cli, json_object_get(registry, "domains"), domain_columns);
}

/* The card named, or the one in the reader. */
static enum kms_status need_one(struct cli *cli, struct kms_err *err)
{
	if (!cli->positional[0] || (!cli_value(cli, "--reader") && !cli_value(cli, "--profile")))
		return KMS_OK;
	return kms_fail(err, KMS_ERR_USAGE, "name a card of the registry or a reader, not both");
}

enum kms_status cli_card_info(struct cli *cli, struct kms_err *err)
{
	const struct op_card_where where = cli_card_where(cli);
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = need_one(cli, err);

	if (!st)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_card_info(site, cli->positional[0] ? NULL : &where, cli->positional[0],
			&cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"card id_source reader atr isd profile profile_title globalplatform protocols "
		"locked");
	if (json_object_get(cli->result, "keys_it_says"))
		cli_print_table(cli, json_object_get(cli->result, "keys_it_says"),
			"key_version id type length");
	print_registry(cli, json_object_get(cli->result, "registry"));
	return KMS_OK;
}

enum kms_status cli_card_history(struct cli *cli, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	const json_t *event;
	size_t i;
	enum kms_status st = cli_open_site(cli, &site, err);

	if (!st)
		st = op_card_history(site, cli->positional[0], &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result, "card id_source profile");
	print_registry(cli, cli->result);
	json_array_foreach(json_object_get(cli->result, "events"), i, event)
	{
		char *detail = json_dumps(json_object_get(event, "detail"), JSON_SORT_KEYS);

		cli_print(cli, "%s  %-20s  %s  %s",
			json_string_value(json_object_get(event, "time")),
			json_string_value(json_object_get(event, "event")),
			json_string_value(json_object_get(event, "actor")), detail ? detail : "");
		free(detail);
	}
	return KMS_OK;
}

/* ---- changes ---- */

static const char change_fields[] =
	"card profile reader domain protocol from keyset key_version rule result reason commands "
	"host_assisted same_keys_as";

static enum kms_status change_options(
	struct cli *cli, struct op_card_change *ret_change, struct kms_err *err)
{
	ret_change->where = cli_card_where(cli);
	ret_change->keyset = cli_value(cli, "--keyset");
	return cli_key_version(cli, "--key-version", 0x7F, &ret_change->version, err);
}

/* One card: `run` calls the operation with what `in` points to. */
struct job {
	enum kms_status (*run)(
		struct op_site *site, const void *in, json_t **ret_report, struct kms_err *err);
	const void *in;
	const char *reader;
	const char *fields;  /* of the report of one card */
	const char *columns; /* of those of several */
};

static void print_one(struct cli *cli, const struct job *job)
{
	const json_t *not_sets = json_object_get(cli->result, "not");

	if (!cli->result)
		return;
	cli_print_fields(cli, cli->result, job->fields);
	if (not_sets)
		cli_print_table(cli, not_sets, "keyset opens seen");
	dry_run_note(cli);
}

/* One card after the other in one login; the first that fails ends it. */
static enum kms_status run_many(struct cli *cli, struct op_site *site, const struct job *job,
	long count, struct kms_err *err)
{
	json_t *cards = json_array();
	long done = 0;
	enum kms_status st = KMS_OK;

	cli->result = json_pack("{s:o}", "cards", cards);
	if (!cli->result)
		return kms_nomem(err);
	for (long i = 0; !st && i < count; i++) {
		json_t *report = NULL;

		if (i > 0)
			st = op_card_next(site, job->reader, err);
		if (!st)
			st = job->run(site, job->in, &report, err);
		done += !st;
		if (report && json_array_append_new(cards, report))
			st = kms_nomem(err);
	}
	cli_print_table(cli, cards, job->columns);
	cli_say("%ld of %ld cards done", done, count);
	return st;
}

static enum kms_status run_job(
	struct cli *cli, const struct job *job, struct op_card_line **line, struct kms_err *err)
{
	CLI_SITE_AUTO struct op_site *site = NULL;
	bool several = cli_value(cli, "--count") != NULL;
	long count;
	enum kms_status st = cli_number(cli, "--count", 1, COUNT_MAX, 1, &count, err);

	if (!st)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_card_line_open(line, err);
	if (!st && several)
		st = run_many(cli, site, job, count, err);
	else if (!st)
		st = job->run(site, job->in, &cli->result, err);
	op_card_line_close(*line);
	if (!several)
		print_one(cli, job);
	return st;
}

static const char change_columns[] =
	"card profile protocol from keyset key_version rule result commands same_keys_as";

static enum kms_status change(struct cli *cli, struct op_card_change *in,
	enum kms_status (*run)(struct op_site *, const void *, json_t **, struct kms_err *),
	struct kms_err *err)
{
	const struct job job = {run, in, in->where.reader, change_fields, change_columns};

	return run_job(cli, &job, &in->line, err);
}

#define RUN(operation)                                                                          \
	static enum kms_status run_##operation(                                                 \
		struct op_site *site, const void *in, json_t **ret_report, struct kms_err *err) \
	{                                                                                       \
		return op_card_##operation(site, in, ret_report, err);                          \
	}
RUN(inject)
RUN(replace)
RUN(domain_keys)
RUN(verify)
#undef RUN

enum kms_status cli_card_inject(struct cli *cli, struct kms_err *err)
{
	struct op_card_change in = {.customer = cli_value(cli, "--customer")};
	enum kms_status st = change_options(cli, &in, err);

	in.where.initial_given = initial_given(cli);
	if (!st)
		st = cli_key_version(cli, "--from-version", 0xFF, &in.old_version, err);
	return st ? st : change(cli, &in, run_inject, err);
}

enum kms_status cli_card_replace(struct cli *cli, struct kms_err *err)
{
	struct op_card_change in = {
		.customer = cli_value(cli, "--customer"), .from = cli_value(cli, "--from")};
	enum kms_status st = change_options(cli, &in, err);

	if (!st)
		st = cli_key_version(cli, "--from-version", 0xFF, &in.old_version, err);
	return st ? st : change(cli, &in, run_replace, err);
}

enum kms_status cli_card_domain_keys(struct cli *cli, struct kms_err *err)
{
	struct op_card_change in = {.customer = NULL};
	enum kms_status st = change_options(cli, &in, err);

	in.where.aid = cli_value(cli, "--aid");
	return st ? st : change(cli, &in, run_domain_keys, err);
}

enum kms_status cli_card_resume(struct cli *cli, struct kms_err *err)
{
	struct op_card_where where = cli_card_where(cli);
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = cli_open_site(cli, &site, err);

	where.aid = cli_value(cli, "--aid");
	where.initial_given = initial_given(cli);
	if (!st)
		st = op_card_resume(
			site, &where, cli_switch(cli, "--settle"), NULL, &cli->result, err);
	if (cli->result) {
		cli_print_fields(cli, cli->result, change_fields);
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_card_verify(struct cli *cli, struct kms_err *err)
{
	struct op_card_verify in = {
		.where = cli_card_where(cli), .keyset = cli_value(cli, "--keyset")};
	const struct job job = {run_verify, &in, in.where.reader,
		"card profile reader domain protocol keyset key_version opened commands "
		"same_keys_as",
		"card profile keyset key_version opened verified commands"};
	char **not_sets = NULL;
	enum kms_status st = cli_key_version(cli, "--key-version", 0xFF, &in.version, err);

	in.where.aid = cli_value(cli, "--aid");
	if (!st)
		st = cli_values(cli, "--not", &not_sets, &in.not_count, err);
	in.not_sets = not_sets;
	if (!st)
		st = run_job(cli, &job, &in.line, err);
	cli_values_free(not_sets, in.not_count);
	return st;
}

/* ---- security domains ---- */

/* Six hex digits, or two: the first byte. 0 if it is not given. */
static enum kms_status privileges_of(struct cli *cli, unsigned *ret_privileges, struct kms_err *err)
{
	const char *text = cli_value(cli, "--privileges");
	unsigned value = 0;

	*ret_privileges = 0;
	if (!text)
		return KMS_OK;
	for (size_t i = 0; text[i]; i++) {
		if (hex_digit(text[i]) < 0 || i == 6)
			return kms_fail(err, KMS_ERR_USAGE,
				"--privileges are 2 or 6 hex digits, not '%s'", text);
		value = value << 4 | (unsigned)hex_digit(text[i]);
	}
	if (strlen(text) != 2 && strlen(text) != 6)
		return kms_fail(
			err, KMS_ERR_USAGE, "--privileges are 2 or 6 hex digits, not '%s'", text);
	*ret_privileges = strlen(text) == 2 ? value << 16 : value;
	return KMS_OK;
}

enum kms_status cli_card_domain_create(struct cli *cli, struct kms_err *err)
{
	struct op_card_domain_create in = {.where = cli_card_where(cli),
		.file = cli_value(cli, "--file"),
		.module = cli_value(cli, "--module")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = privileges_of(cli, &in.privileges, err);

	in.where.aid = cli_value(cli, "--aid");
	if (!st)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_card_domain_create(site, &in, &cli->result, err);
	if (cli->result) {
		cli_print_fields(cli, cli->result, "card profile reader domain commands");
		dry_run_note(cli);
	}
	return st;
}

enum kms_status cli_card_domain_list(struct cli *cli, struct kms_err *err)
{
	const struct op_card_where where = cli_card_where(cli);
	CLI_SITE_AUTO struct op_site *site = NULL;
	enum kms_status st = need_one(cli, err);

	if (!st)
		st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_card_domain_list(site, cli->positional[0] ? NULL : &where,
			cli->positional[0], &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, domain_columns);
	return st;
}
