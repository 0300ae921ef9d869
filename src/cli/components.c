/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceremonies of transport, site and zone keys: the room on a terminal, or sheet files and --pin-fd
 * without.
 */
#include "cli/components.h"
#include "cli/commands.h"
#include "cli/front.h"
#include "cli/printer.h"
#include "cli/room.h"
#include "cli/sheets.h"

#include "base/clock.h"
#include "base/file.h"
#include "ops/ops.h"
#include "tui/room.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static enum kms_status write_sheet(
	struct sheets *s, const struct cer_step *step, struct kms_err *err)
{
	return sheets_write(s, step->component, step->sheet, err);
}

static enum kms_status sheets_room(void *ctx, struct cer *cer, struct kms_err *err)
{
	struct sheets *s = ctx;
	struct cer_step step;
	enum kms_status st = KMS_OK;

	for (;;) {
		cer_next(cer, &step);
		if (step.kind == CER_STEP_COMBINE)
			return KMS_OK;
		if (step.kind != CER_STEP_SHOW)
			return kms_fail(err, KMS_ERR_INTERNAL, "the ceremony asks for people");
		st = write_sheet(s, &step, err);
		if (!st)
			st = cer_answer_ok(cer, clock_now(), err);
		if (st)
			return st;
	}
}

static enum kms_status terminal_room(void *ctx, struct cer *cer, struct kms_err *err)
{
	TERM_AUTO struct term term = TERM_CLOSED;
	enum kms_status st = term_open(&term, err);

	(void)ctx;
	return st ? st : room_run(&term, NULL, cer, err);
}

static enum kms_status screen_room(void *ctx, struct cer *cer, struct kms_err *err)
{
	return tui_room_run(ctx, NULL, cer, err);
}

/* Sheets come out of a printer, with people or without. */
struct print_shop {
	struct printer printer;
	struct tui *screen; /* or NULL */
	bool people;
};

static enum kms_status printing_room(void *ctx, struct cer *cer, struct kms_err *err)
{
	struct print_shop *shop = ctx;
	TERM_AUTO struct term term = TERM_CLOSED;
	enum kms_status st;

	shop->printer.cer = cer;
	if (!shop->people)
		return printer_run(&shop->printer, cer, err);
	if (shop->screen)
		return tui_room_run(shop->screen, &shop->printer.face, cer, err);
	st = term_open(&term, err);
	return st ? st : room_run(&term, &shop->printer.face, cer, err);
}

static enum kms_status secrets_room(void *ctx, struct cer *cer, struct kms_err *err)
{
	return room_run_secrets(ctx, cer, err);
}

static enum kms_status parse_count(const char *text, size_t *ret, struct kms_err *err)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!*text || *end || text[0] == '-' || n > 99)
		return kms_fail(err, KMS_ERR_USAGE,
			"--components takes a number from %d to %d, not '%s'", KEY_COMPONENTS_MIN,
			KEY_COMPONENTS_MAX, text);
	*ret = n;
	return KMS_OK;
}

/* What --components and --algorithm are where they may be left out. */
static const char usual_components[] = "3", usual_algorithm[] = "aes256";

static enum kms_status common(struct cli *cli, struct op_components *key, struct kms_err *err)
{
	const char *algorithm = cli_value(cli, "--algorithm");
	const char *count = cli_value(cli, "--components");

	key->label = cli->positional[0];
	key->algorithm = algorithm ? algorithm : usual_algorithm;
	key->pairs_path = cli_value(cli, "--pairs");
	return parse_count(count ? count : usual_components, &key->components, err);
}

static void typed_words(struct cli *cli, struct op_components *key)
{
	key->check_value = cli_value(cli, "--check-value");
	key->ceremony = cli_value(cli, "--ceremony");
}

static enum kms_status transport_words(struct cli *cli, struct op_transport *t, struct kms_err *err)
{
	t->partner = cli_value(cli, "--partner");
	t->wrapping = cli_value(cli, "--wrapping");
	t->legacy = cli_switch(cli, "--legacy");
	return common(cli, &t->key, err);
}

const char cli_component_fields[] =
	"label role algorithm check_value check_method ceremony "
	"sheets_ceremony partner wrapping direction hsm where printed_to";

static enum kms_status report_sheets(
	struct cli *cli, const struct sheets *sheets, struct kms_err *err)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < sheets->made; i++)
		if (json_array_append_new(paths, json_string(sheets->path[i])))
			return kms_nomem(err);
	if (json_object_set_new(cli->result, "sheets", paths))
		return kms_nomem(err);
	cli_print_fields(cli, cli->result, cli_component_fields);
	for (size_t i = 0; i < sheets->made; i++)
		cli_print(cli, "%-18s  %s", "sheet", sheets->path[i]);
	return KMS_OK;
}

/* Where the sheets are printed, or NULL. */
static const char *printed_to(const struct cli *cli)
{
	return cli->print ? cli->print : cli_value(cli, "--print");
}

enum kms_status cli_components_can_show(struct cli *cli, struct kms_err *err)
{
	if (cli_value(cli, "--sheets") && printed_to(cli))
		return kms_fail(err, KMS_ERR_USAGE,
			"--sheets and --print: sheets are written or printed, not both");
	if (cli_value(cli, "--sheets") || printed_to(cli) || cli->dry_run || term_available())
		return KMS_OK;
	kms_fail(err, KMS_ERR_IO, "there is no terminal to show the components on");
	return kms_hint(err, "give a folder for the sheets, --sheets DIR, or a printer, --print");
}

static enum kms_status report_printed(
	struct cli *cli, const struct printer *printer, struct kms_err *err)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < KEY_COMPONENTS_MAX; i++)
		if (printer->paths[i][0] &&
			json_array_append_new(paths, json_string(printer->paths[i])))
			return kms_nomem(err);
	if (json_object_set_new(cli->result, "sheets", paths) ||
		json_object_set_new(cli->result, "printed_to", json_string(printer->output.where)))
		return kms_nomem(err);
	cli_print_fields(cli, cli->result, cli_component_fields);
	for (size_t i = 0; i < KEY_COMPONENTS_MAX; i++)
		if (printer->paths[i][0])
			cli_print(cli, "%-18s  %s (print it, then wipe it)", "sheet",
				printer->paths[i]);
	return KMS_OK;
}

static enum kms_status show_on_paper(struct cli *cli, struct op_site *site,
	struct op_components *key, const void *args, component_op *op, struct kms_err *err)
{
	struct print_shop shop = {.screen = cli->screen, .people = term_available()};
	struct cer_pairs pairs = {0};
	enum kms_status st = KMS_OK;

	if (!key->pairs)
		st = cer_pairs_load(key->pairs_path, key->components, &pairs, err);
	if (!st)
		st = printer_open(&shop.printer, site, printed_to(cli), key->label,
			key->pairs ? key->pairs : &pairs, err);
	if (st)
		return st;
	key->room = printing_room;
	key->room_ctx = &shop;
	key->printed = true;
	key->unattended = !shop.people;
	st = op(site, args, &cli->result, err);
	key->room_ctx = NULL;
	if (st || shop.people)
		printer_forget(&shop.printer);
	return st ? st : report_printed(cli, &shop.printer, err);
}

static enum kms_status show(struct cli *cli, struct op_site *site, struct op_components *key,
	const void *args, component_op *op, struct kms_err *err)
{
	struct sheets sheets = {
		.dir = cli_value(cli, "--sheets"), .label = key->label, .count = key->components};
	enum kms_status st;

	st = cli_components_can_show(cli, err);
	if (st)
		return st;
	if (printed_to(cli))
		return show_on_paper(cli, site, key, args, op, err);
	key->prepare = sheets.dir ? sheets_prepare : NULL;
	key->room = sheets.dir ? sheets_room : terminal_room;
	key->unattended = sheets.dir != NULL;
	key->room_ctx = &sheets;
	if (cli->screen && !sheets.dir) {
		key->room = screen_room;
		key->room_ctx = cli->screen;
	}
	st = op(site, args, &cli->result, err);
	key->room_ctx = NULL;
	if (st)
		sheets_remove(&sheets);
	sheets_close(&sheets);
	if (st)
		return st;
	return report_sheets(cli, &sheets, err);
}

static enum kms_status type_in(struct cli *cli, struct op_site *site, struct op_components *key,
	const void *args, component_op *op, struct kms_err *err)
{
	bool piped = pinfd_get(&cli->secrets, "component.1") != NULL;
	enum kms_status st;

	key->room = piped ? secrets_room : terminal_room;
	key->room_ctx = &cli->secrets;
	key->unattended = piped;
	if (cli->screen && !piped) {
		key->room = screen_room;
		key->room_ctx = cli->screen;
	}
	if (!piped && !cli->dry_run && !term_available()) {
		kms_fail(err, KMS_ERR_IO, "there is no terminal to type the components on");
		return kms_hint(
			err, "give them by --pin-fd N, as lines component.1=… check-value.1=…");
	}
	st = op(site, args, &cli->result, err);
	if (!st)
		cli_print_fields(cli, cli->result, cli_component_fields);
	return st;
}

enum kms_status cli_components(struct cli *cli, struct op_site *site, struct op_components *key,
	const void *args, component_op *op, bool create, struct kms_err *err)
{
	return create ? show(cli, site, key, args, op, err)
		      : type_in(cli, site, key, args, op, err);
}

/* ---- transport keys ---- */

enum kms_status cli_op_transport_create(
	struct op_site *site, const void *args, json_t **ret_report, struct kms_err *err)
{
	return op_transport_create(site, args, ret_report, err);
}

enum kms_status cli_op_transport_import(
	struct op_site *site, const void *args, json_t **ret_report, struct kms_err *err)
{
	return op_transport_import(site, args, ret_report, err);
}

enum kms_status cli_transport_create(struct cli *cli, struct kms_err *err)
{
	struct op_transport t = {0};
	OPEN_SITE;

	st = transport_words(cli, &t, err);
	return st ? st : cli_components(cli, site, &t.key, &t, cli_op_transport_create, true, err);
}

enum kms_status cli_transport_import(struct cli *cli, struct kms_err *err)
{
	struct op_transport t = {0};
	OPEN_SITE;

	typed_words(cli, &t.key);
	st = transport_words(cli, &t, err);
	return st ? st : cli_components(cli, site, &t.key, &t, cli_op_transport_import, false, err);
}

/* ---- site and zone keys ---- */

enum kms_status cli_op_site_key_create(
	struct op_site *site, const void *args, json_t **ret_report, struct kms_err *err)
{
	return op_site_key_create(site, args, ret_report, err);
}

enum kms_status cli_op_site_key_restore(
	struct op_site *site, const void *args, json_t **ret_report, struct kms_err *err)
{
	return op_site_key_restore(site, args, ret_report, err);
}

static enum kms_status create_here(struct cli *cli, bool zone, struct kms_err *err)
{
	struct op_site_key k = {
		.zone = zone, .wrapping = zone ? cli_value(cli, "--wrapping") : NULL};
	OPEN_SITE;

	st = common(cli, &k.key, err);
	return st ? st : cli_components(cli, site, &k.key, &k, cli_op_site_key_create, true, err);
}

static enum kms_status restore_here(struct cli *cli, bool zone, struct kms_err *err)
{
	struct op_site_key k = {.zone = zone,
		.wrapping = zone ? cli_value(cli, "--wrapping") : NULL,
		.hsm = cli_value(cli, "--hsm"),
		.fingerprint = cli_value(cli, "--fingerprint")};
	OPEN_SITE;

	typed_words(cli, &k.key);
	st = common(cli, &k.key, err);
	return st ? st : cli_components(cli, site, &k.key, &k, cli_op_site_key_restore, false, err);
}

enum kms_status cli_site_key_create(struct cli *cli, struct kms_err *err)
{
	return create_here(cli, false, err);
}

enum kms_status cli_site_key_restore(struct cli *cli, struct kms_err *err)
{
	return restore_here(cli, false, err);
}

enum kms_status cli_zone_key_create(struct cli *cli, struct kms_err *err)
{
	return create_here(cli, true, err);
}

enum kms_status cli_zone_key_restore(struct cli *cli, struct kms_err *err)
{
	return restore_here(cli, true, err);
}
