/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a ceremony by its file, on the full screen where there is one. */
#include "cli/ceremony.h"
#include "cli/commands.h"
#include "cli/components.h"
#include "cli/front.h"

#include "base/file.h"
#include "base/hex.h"
#include "ceremony/words.h"
#include "ops/meeting.h"
#include "ops/ops.h"
#include "tui/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 * 1024 };

/* ---- what the file says is done ---- */

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
	case CER_PLAN_SITE_KEY_RESTORE:
		return cli_components(
			cli, site, &site_key.key, &site_key, cli_op_site_key_restore, false, err);
	default:
		return cli_components(
			cli, site, &site_key.key, &site_key, cli_op_site_key_create, true, err);
	}
}

/* The HSM, and where the file names one the site key that it is backed up under. */
static enum kms_status set_up(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err)
{
	JS_AUTO json_t *setup = NULL;
	enum kms_status st = plan->pairs.count ? cli_components_can_show(cli, err) : KMS_OK;

	if (!st)
		st = op_hsm_setup(site,
			&(struct op_hsm_setup){.plan_path = plan->fields[CER_PLAN_KEY_PLAN]},
			&setup, err);
	if (st == KMS_ERR_STATE && plan->pairs.count)
		return kms_hint(err,
			"where a ceremony ended before its site key was made, hold one "
			"of the kind site-key-create");
	if (!st && plan->pairs.count && !cli->dry_run) {
		st = run_components(cli, site, plan, err);
		if (st) {
			kms_prefix(err, "the HSM is set up, but without its site key: ");
			return kms_hint(err, "hold a ceremony of the kind site-key-create");
		}
		if (json_object_set(cli->result, "setup", setup))
			return kms_nomem(err);
		return KMS_OK;
	}
	cli->result = json_incref(setup);
	return st;
}

static enum kms_status carry_out(
	struct cli *cli, struct op_site *site, const struct cer_plan *plan, struct kms_err *err)
{
	const char *const *f = plan->fields;

	switch (plan->kind) {
	case CER_PLAN_HSM_SETUP:
		return set_up(cli, site, plan, err);
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
		return op_backup_create(
			site, f[CER_PLAN_BACKUP_FILE], f[CER_PLAN_LABEL], &cli->result, err);
	case CER_PLAN_RESTORE:
		return op_backup_restore(site, f[CER_PLAN_BACKUP_FILE], NULL, &cli->result, err);
	case CER_PLAN_REPLICATE:
		return op_hsm_replicate(site,
			&(struct op_replicate){.hsm = f[CER_PLAN_HSM], .under = f[CER_PLAN_LABEL]},
			&cli->result, err);
	case CER_PLAN_DESTROY:
		return op_key_destroy(site,
			&(struct op_key_change){
				.name = f[CER_PLAN_LABEL], .reason = f[CER_PLAN_TITLE]},
			&cli->result, err);
	default:
		return run_components(cli, site, plan, err);
	}
}

/* ---- the full screen ---- */

enum kms_status cli_ceremony_screen_on(struct cli *cli, struct kms_err *err)
{
	if (cli_switch(cli, "--plain") || !term_available() || !tui_possible())
		return KMS_OK;
	return tui_open(&cli->screen, err);
}

void cli_ceremony_screen_off(struct cli *cli)
{
	tui_close(cli->screen);
	cli->screen = NULL;
}

static void everybody(struct tui *screen)
{
	tui_people(screen, "the security officer; everybody is in the room", "nobody");
}

/* What was looked at in the room: long values on a line of their own. */
static enum kms_status show_conditions(struct cli *cli, struct kms_err *err)
{
	enum { SHORT = 50 };
	const json_t *row, *rows = json_object_get(cli->result, "conditions");
	BUF_AUTO struct buf text = {0};
	enum kms_status st = KMS_OK;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *detail = json_string_value(json_object_get(row, "detail"));

		if (!st)
			st = buf_printf(&text, err, "%-14s %-10s %s%s\n",
				json_string_value(json_object_get(row, "condition")),
				json_string_value(json_object_get(row, "state")),
				detail && strlen(detail) > SHORT ? "\n    " : "",
				detail ? detail : "");
	}
	if (st)
		return st;
	tui_title(cli->screen, json_string_value(json_object_get(cli->result, "title")));
	everybody(cli->screen);
	tui_progress(cli->screen, json_string_value(json_object_get(cli->result, "kind")));
	tui_page(cli->screen, "Is this room fit for the ceremony?", buf_text(&text));
	return tui_wait(cli->screen, "Press Enter to go on. ", err);
}

/* The file, in words to be read aloud: everybody knows that this, and nothing else, will happen. */
static enum kms_status agree_on_screen(struct cli *cli, struct kms_err *err)
{
	static const char *const said[] = {"title", "kind", "key", "date", "place"};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < sizeof(said) / sizeof(*said) && !st; i++) {
		const char *value = json_string_value(json_object_get(cli->result, said[i]));

		if (value)
			st = buf_printf(&text, err, "%-8s  %s\n", said[i], value);
	}
	if (!st)
		st = buf_printf(&text, err, "sha256\n    %s\n    %s\n",
			json_string_value(json_object_get(cli->result, "sha256")),
			json_string_value(json_object_get(cli->result, "words")));
	if (st || cli->yes)
		return st;
	tui_page(cli->screen, "The ceremony file", buf_text(&text));
	return tui_confirm(
		cli->screen, "\nRead the words aloud. Is this what was agreed on?", "Yes", err);
}

/* What is read aloud of a key: its check value, also as words. */
static enum kms_status put_check_value(const json_t *key, struct buf *text, struct kms_err *err)
{
	const char *label = json_string_value(json_object_get(key, "label"));
	const char *value = json_string_value(json_object_get(key, "check_value"));
	const char *method = json_string_value(json_object_get(key, "check_method"));
	unsigned char bytes[KEY_KCV_TEXT_SIZE];
	size_t len = value ? strlen(value) / 2 : 0;
	enum kms_status st;

	if (!label || !value || len > sizeof(bytes) || !hex_decode_strict(value, bytes, len))
		return KMS_OK;
	st = buf_printf(text, err, "%-24s  %s  (%s)\n    ", label, value, method ? method : "-");
	if (!st)
		st = cer_words(bytes, len, text, err);
	return st ? st : buf_puts(text, "\n", err);
}

static enum kms_status put_result(const json_t *result, struct buf *text, struct kms_err *err)
{
	const char *meeting = json_string_value(json_object_get(result, "meeting"));
	const json_t *key, *keys = json_object_get(result, "keys");
	enum kms_status st = put_check_value(result, text, err);
	size_t i;

	json_array_foreach(keys, i, key)
	{
		if (!st)
			st = put_check_value(key, text, err);
	}
	if (!st && text->len)
		st = buf_puts(text,
			"\nRead the check values aloud, compare them, and write them into the "
			"record.\n",
			err);
	else if (!st)
		st = buf_puts(text, "All that the file says was done.\n", err);
	if (!st && meeting)
		st = buf_printf(text, err,
			"\nThe minutes of meeting %s are written by\n    cardkms ceremony report "
			"%s -o "
			"FILE\n",
			meeting, meeting);
	return st;
}

/* The last page: how it ended. Its own failure changes nothing of that. */
static void show_end(struct cli *cli, enum kms_status st, const struct kms_err *why)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status said = st ? buf_printf(&text, NULL, "%s\n\n%s\n", why->msg, why->hint)
				  : put_result(cli->result, &text, NULL);

	everybody(cli->screen);
	tui_progress(cli->screen, st ? "Stopped" : "All steps are done");
	tui_page(cli->screen, st ? "The ceremony has stopped" : "The ceremony is over",
		said ? "" : buf_text(&text));
	(void)!tui_wait(cli->screen, "Press Enter to leave the room. ", NULL);
}

/* ---- holding it ---- */

/* Everybody in the room knows which file this is: its words are read aloud before anything begins. */
static enum kms_status agree(struct cli *cli, struct op_site *site, struct kms_err *err)
{
	if (cli->screen)
		return agree_on_screen(cli, err);
	op_say(site, "%s: '%s'", json_string_value(json_object_get(cli->result, "kind")),
		json_string_value(json_object_get(cli->result, "title")));
	op_say(site, "the file's words: %s",
		json_string_value(json_object_get(cli->result, "words")));
	return site->front.confirm(site->front.ctx, "Is this what was agreed on", err);
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
	op_say(site, "meeting %s has begun", meeting.id);
	st = carry_out(cli, site, plan, err);
	if (op_meeting_end(site, &meeting, st, err, cli->result, &bad)) {
		op_say(site, "warning: the minutes of meeting %s could not be kept: %s", meeting.id,
			bad.msg);
		return st;
	}
	if (site->rehearsal)
		return st; /* minutes, too, are thrown away */
	op_say(site, "meeting %s is over: 'cardkms ceremony report %s -o F' writes its minutes",
		meeting.id, meeting.id);
	if (json_is_object(cli->result) &&
		json_object_set_new(cli->result, "meeting", json_string(meeting.id)))
		return kms_nomem(err);
	return st;
}

static enum kms_status hold(struct cli *cli, struct op_site *site, const struct cer_plan *plan,
	const char *text, struct kms_err *err)
{
	JS_AUTO json_t *looked = NULL;
	enum kms_status st = cli_ceremony_look(cli, site, plan, err);

	if (cli->screen && cli->result) {
		enum kms_status shown = show_conditions(cli, st ? NULL : err);

		st = st ? st : shown;
	} else if (st && cli->result)
		cli_print_table(
			cli, json_object_get(cli->result, "conditions"), "condition state detail");
	if (!st)
		st = agree(cli, site, err);
	if (st)
		return st;
	if (cli->screen)
		tui_page(cli->screen, "The ceremony", "");
	/* From here on the result is the operation's. */
	looked = cli->result;
	cli->result = NULL;
	return cli->dry_run ? carry_out(cli, site, plan, err)
			    : in_a_meeting(cli, site, plan, text,
				      json_object_get(looked, "conditions"), err);
}

/* After the full screen has gone; without it, what was done has printed its own. */
static void print_end(struct cli *cli, bool on_screen)
{
	if (on_screen)
		cli_print_fields(cli, cli->result, cli_component_fields);
	cli_print_fields(cli, cli->result, "meeting");
}

enum kms_status cli_ceremony_hold(struct cli *cli, struct op_site *site,
	const struct cer_plan *plan, const char *text, struct kms_err *err)
{
	const bool on_screen = cli->screen;
	enum kms_status st = hold(cli, site, plan, text, err);

	if (on_screen && st != KMS_ERR_CANCELLED)
		show_end(cli, st, err);
	cli_ceremony_screen_off(cli);
	if (!st)
		print_end(cli, on_screen);
	return st;
}

enum kms_status cli_ceremony_read(
	const char *path, struct buf *ret_text, struct cer_plan *ret_plan, struct kms_err *err)
{
	enum kms_status st = file_read(path, FILE_MAX, ret_text, err);

	return st ? st : cer_plan_parse(path, buf_text(ret_text), ret_text->len, ret_plan, err);
}

char *cli_ceremony_officers(const struct cer_plan *plan, struct kms_err *err)
{
	char *officers;

	if (asprintf(&officers, "%s,%s", plan->officers.names[0], plan->officers.names[1]) >= 0)
		return officers;
	(void)kms_nomem(err);
	return NULL;
}

enum kms_status cli_ceremony_run(struct cli *cli, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	BUF_AUTO struct buf text = {0};
	FREE_AUTO char *officers = NULL;
	OPEN_SITE;

	st = cli_ceremony_read(cli->positional[0], &text, &plan, err);
	if (!st)
		st = cli_ceremony_printer(cli, &plan, err);
	if (st)
		return st;
	officers = cli_ceremony_officers(&plan, err);
	if (!officers)
		return err->code;
	if (site->officers && strcmp(site->officers, officers) != 0) {
		kms_fail(
			err, KMS_ERR_USAGE, "the ceremony file names other officers: %s", officers);
		return kms_hint(err, "leave --officers out");
	}
	site->officers = officers;
	if (!cli_value(cli, "--sheets"))
		st = cli_ceremony_screen_on(cli, err);
	if (!st)
		st = cli_ceremony_hold(cli, site, &plan, buf_text(&text), err);
	site->officers = cli->officers;
	return st;
}
