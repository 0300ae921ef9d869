/* SPDX-License-Identifier: Apache-2.0 */
/* The ceremony commands, but for those that hold one (ceremony_run.c). */
#include "cli/ceremony.h"
#include "cli/commands.h"
#include "cli/front.h"

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
	if (json_array_size(json_object_get(cli->result, "void_sheets")))
		cli_print_table(cli, json_object_get(cli->result, "void_sheets"),
			"serial component time reason");
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

enum kms_status cli_ceremony_look(
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

enum kms_status cli_ceremony_printer(struct cli *cli, struct cer_plan *plan, struct kms_err *err)
{
	const char *option = cli_value(cli, "--print");

	if (option && !cer_plan_may_say(plan->kind, CER_PLAN_PRINT))
		return kms_fail(err, KMS_ERR_USAGE,
			"--print: a ceremony of the kind %s has no sheets to print",
			cer_plan_kind_name(plan->kind));
	if (option)
		plan->fields[CER_PLAN_PRINT] = option;
	cli->print = plan->fields[CER_PLAN_PRINT];
	return KMS_OK;
}

enum kms_status cli_ceremony_check(struct cli *cli, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	OPEN_SITE;

	st = cer_plan_load(cli->positional[0], &plan, err);
	if (!st)
		st = cli_ceremony_look(cli, site, &plan, err);
	if (cli->result) {
		cli_print_fields(
			cli, cli->result, "kind title date place key components sha256 words");
		cli_print_table(
			cli, json_object_get(cli->result, "conditions"), "condition state detail");
	}
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
