/* SPDX-License-Identifier: Apache-2.0 */
/* The ceremony commands. */
#include "cli/commands.h"
#include "cli/components.h"
#include "cli/front.h"

#include "base/file.h"
#include "base/hex.h"
#include "ceremony/plan.h"
#include "ceremony/words.h"
#include "ops/meeting.h"
#include "ops/ops.h"
#include "ops/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 };

enum kms_status cli_ceremony_list(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_ceremony_list(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result,
			"ceremony kind key algorithm components partner state started ended");
	return st;
}

enum kms_status cli_ceremony_show(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_ceremony_show(site, cli->positional[0], &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"ceremony kind key algorithm components partner state started ended");
	cli_print_table(cli, json_object_get(cli->result, "custodians"),
		"component custodian serial check_value sheet");
	cli_print_table(cli, json_object_get(json_object_get(cli->result, "minutes"), "events"),
		"time component what text");
	return KMS_OK;
}

/* The hash of the file, in full and its first bytes as words to read aloud. */
static enum kms_status add_hash(json_t *result, const struct cer_plan *plan, struct kms_err *err)
{
	enum { WORDS = 8 };
	char hex[2 * HASH_SIZE + 1];
	BUF_AUTO struct buf words = {0};
	enum kms_status st = cer_words(plan->hash, WORDS, &words, err);

	hex_encode(plan->hash, HASH_SIZE, hex);
	if (!st && (json_object_set_new(result, "sha256", json_string(hex)) ||
			   json_object_set_new(result, "words", json_string(buf_text(&words)))))
		st = kms_nomem(err);
	return st;
}

static enum kms_status describe(
	const struct cer_plan *plan, json_t **ret_result, struct kms_err *err)
{
	JS_AUTO json_t *result = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:i}", "kind",
		cer_plan_kind_name(plan->kind), "title", plan->fields[CER_PLAN_TITLE], "date",
		plan->fields[CER_PLAN_DATE], "place", plan->fields[CER_PLAN_PLACE], "key",
		plan->fields[CER_PLAN_LABEL], "components", (int)plan->pairs.count);
	enum kms_status st = result ? add_hash(result, plan, err) : kms_nomem(err);

	if (!st)
		*ret_result = json_incref(result);
	return st;
}

/* What a run of the file begins with, and check ends with: what it is, and whether the room is fit. */
static enum kms_status look(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err)
{
	json_t *rows = NULL;
	enum kms_status st = describe(plan, &cli->result, err);

	if (st)
		return st;
	st = op_preflight(site, plan, &rows, err);
	if (!rows)
		return st;
	if (json_object_set_new(cli->result, "conditions", rows))
		return kms_nomem(err);
	return st;
}

enum kms_status cli_ceremony_check(struct cli *cli, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	OPEN_SITE;

	st = cer_plan_load(cli->positional[0], &plan, err);
	if (!st)
		st = look(cli, site, &plan, err);
	if (cli->result) {
		cli_print_fields(
			cli, cli->result, "kind title date place key components sha256 words");
		cli_print_table(
			cli, json_object_get(cli->result, "conditions"), "condition state detail");
	}
	return st;
}

/* ---- run ---- */

static enum kms_status run_components(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err)
{
	const struct op_components key = {.label = plan->fields[CER_PLAN_LABEL],
		.algorithm = plan->fields[CER_PLAN_ALGORITHM],
		.check_value = plan->fields[CER_PLAN_CHECK_VALUE],
		.components = plan->pairs.count,
		.pairs = &plan->pairs};
	struct op_transport transport = {.key = key,
		.partner = plan->fields[CER_PLAN_PARTNER],
		.wrapping = plan->fields[CER_PLAN_WRAPPING]};
	struct op_site_key site_key = {.key = key};

	switch (plan->kind) {
	case CER_PLAN_TRANSPORT_CREATE:
		return cli_components(
			cli, site, &transport.key, &transport, cli_op_transport_create, true, err);
	case CER_PLAN_TRANSPORT_IMPORT:
		return cli_components(
			cli, site, &transport.key, &transport, cli_op_transport_import, false, err);
	case CER_PLAN_SITE_KEY_CREATE:
		return cli_components(
			cli, site, &site_key.key, &site_key, cli_op_site_key_create, true, err);
	default:
		return cli_components(
			cli, site, &site_key.key, &site_key, cli_op_site_key_restore, false, err);
	}
}

static enum kms_status carry_out(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err)
{
	const char *const *f = plan->fields;

	switch (plan->kind) {
	case CER_PLAN_HSM_SETUP:
		return op_hsm_setup(site, &(struct op_hsm_setup){.plan_path = f[CER_PLAN_KEY_PLAN]},
			&cli->result, err);
	case CER_PLAN_HSM_UPDATE:
		return op_hsm_update(site, f[CER_PLAN_KEY_PLAN], &cli->result, err);
	case CER_PLAN_EXPORT:
		return op_exchange_export(site,
			&(struct op_export){.request_path = f[CER_PLAN_REQUEST],
				.transport_key = f[CER_PLAN_LABEL],
				.path = f[CER_PLAN_PACKAGE]},
			&cli->result, err);
	case CER_PLAN_IMPORT:
		return op_exchange_import(site,
			&(struct op_import){.package_path = f[CER_PLAN_PACKAGE],
				.transport_key = f[CER_PLAN_LABEL],
				.receipt_path = f[CER_PLAN_RECEIPT]},
			&cli->result, err);
	case CER_PLAN_BACKUP:
		return op_backup_create(site, f[CER_PLAN_BACKUP_FILE], NULL, &cli->result, err);
	case CER_PLAN_RESTORE:
		return op_backup_restore(site, f[CER_PLAN_BACKUP_FILE], NULL, &cli->result, err);
	case CER_PLAN_DESTROY:
		return op_key_destroy(site,
			&(struct op_key_change){
				.name = f[CER_PLAN_LABEL], .reason = f[CER_PLAN_TITLE]},
			&cli->result, err);
	default:
		return run_components(cli, site, plan, err);
	}
}

/* Everybody in the room knows which file this is: its words are read aloud before anything begins. */
static enum kms_status agree(struct cli *cli, struct op_site *site, struct kms_err *err)
{
	char question[400];

	snprintf(question, sizeof(question),
		"%s: '%s'. The file's words are: %s. Is this what was agreed on",
		json_string_value(json_object_get(cli->result, "kind")),
		json_string_value(json_object_get(cli->result, "title")),
		json_string_value(json_object_get(cli->result, "words")));
	return site->front.confirm(site->front.ctx, question, err);
}

static enum kms_status in_a_meeting(struct cli *cli, struct op_site *site,
	const struct cer_plan *plan, const char *text, const json_t *conditions,
	struct kms_err *err)
{
	struct op_meeting meeting;
	struct kms_err bad = {0};
	enum kms_status st = op_meeting_begin(site, plan, text, conditions, &meeting, err);

	if (st)
		return st;
	cli_say("meeting %s has begun", meeting.id);
	st = carry_out(cli, site, plan, err);
	if (op_meeting_end(site, &meeting, st, err, cli->result, &bad)) {
		cli_say("warning: the minutes of meeting %s could not be kept: %s", meeting.id,
			bad.msg);
		return st;
	}
	cli_say("meeting %s is over: 'cardkms ceremony report %s -o F' writes its minutes",
		meeting.id, meeting.id);
	if (json_is_object(cli->result) &&
		json_object_set_new(cli->result, "meeting", json_string(meeting.id)))
		return kms_nomem(err);
	if (!st)
		cli_print(cli, "%-18s  %s", "meeting", meeting.id);
	return st;
}

enum kms_status cli_ceremony_run(struct cli *cli, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	BUF_AUTO struct buf text = {0};
	FREE_AUTO char *officers = NULL;
	JS_AUTO json_t *looked = NULL;
	OPEN_SITE;

	st = file_read(cli->positional[0], FILE_MAX, &text, err);
	if (!st)
		st = cer_plan_parse(cli->positional[0], buf_text(&text), text.len, &plan, err);
	if (st)
		return st;
	if (asprintf(&officers, "%s,%s", plan.officers.names[0], plan.officers.names[1]) < 0) {
		officers = NULL;
		return kms_nomem(err);
	}
	if (site->officers && strcmp(site->officers, officers) != 0) {
		kms_fail(
			err, KMS_ERR_USAGE, "the ceremony file names other officers: %s", officers);
		return kms_hint(err, "leave --officers out");
	}
	site->officers = officers;
	st = look(cli, site, &plan, err);
	if (st && cli->result)
		cli_print_table(
			cli, json_object_get(cli->result, "conditions"), "condition state detail");
	if (!st)
		st = agree(cli, site, err);
	if (!st) {
		/* From here on the result is the operation's. */
		looked = cli->result;
		cli->result = NULL;
		st = cli->dry_run ? carry_out(cli, site, &plan, err)
				  : in_a_meeting(cli, site, &plan, buf_text(&text),
					    json_object_get(looked, "conditions"), err);
	}
	site->officers = cli->officers;
	return st;
}

/* ---- looking back ---- */

enum kms_status cli_ceremony_meetings(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_meetings(site, &cli->result, err);
	if (!st)
		cli_print_table(cli, cli->result, "meeting kind title state started ended");
	return st;
}

/* The PDF is public, and never takes the place of another file. */
static enum kms_status write_pdf(const json_t *minutes, const char *path, struct kms_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	enum kms_status st;

	if (fd < 0) {
		kms_fail(err, errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO, "cannot make '%s': %s",
			path, strerror(errno));
		return kms_hint(err, "name a file that is not there yet");
	}
	st = op_minutes_pdf(minutes, fd, path, err);
	if (close(fd) && !st)
		st = kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	if (st)
		unlink(path);
	return st;
}

enum kms_status cli_ceremony_report(struct cli *cli, struct kms_err *err)
{
	const char *path = cli_value(cli, "-o");
	OPEN_SITE;

	st = op_minutes_get(site, cli->positional[0], &cli->result, err);
	if (!st)
		st = write_pdf(cli->result, path, err);
	if (!st && json_object_set_new(cli->result, "file", json_string(path)))
		st = kms_nomem(err);
	if (!st)
		cli_print_fields(cli, cli->result, "id kind title outcome file");
	return st;
}
