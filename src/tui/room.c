/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/room.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ceremony/component.h"
#include "ceremony/drive.h"
#include "ceremony/words.h"

#include <stdio.h>
#include <string.h>

/* What goes on the page from one prompt of a step to the next. */
struct room {
	struct tui *t;
	struct cer_step step;
};

/* ---- the head of the screen ---- */

static void put_people(struct tui *t, const struct cer_step *step)
{
	char pair[2 * NAME_MAX_BYTES + 8];

	if (!step->pair) {
		tui_people(t, "the security officer; everybody is in the room", "nobody");
		return;
	}
	snprintf(pair, sizeof(pair), "%s and %s", step->pair->names[0], step->pair->names[1]);
	tui_people(t, pair,
		step->kind == CER_STEP_CLEAR ? "nobody any longer, when the sheet is sealed"
					     : "everybody else: leave, or turn away");
}

static const char *name_of(const struct cer_step *step)
{
	switch (step->kind) {
	case CER_STEP_INTRODUCE:
		return "introduction";
	case CER_STEP_ROOM:
		return "people";
	case CER_STEP_CALL:
		return "called";
	case CER_STEP_COMPARE:
		return "fingerprints";
	case CER_STEP_SHOW:
		return step->printed ? "printing" : "copying";
	case CER_STEP_RETYPE:
	case CER_STEP_ASK_CHECK:
		return "check value";
	case CER_STEP_ASK_ID:
		return "ceremony id";
	case CER_STEP_ASK_COMPONENT:
		return "typing";
	default:
		return "sealing";
	}
}

static enum kms_status add_numbers(struct buf *text, unsigned from, unsigned to)
{
	enum kms_status st = KMS_OK;

	for (unsigned i = from; i <= to && !st; i++)
		st = buf_printf(text, NULL, "%u ", i);
	return st;
}

/* "Step 7 of 14  done: people 1  now: 2 copying  to come: 3 key": nine components fit too. */
static void put_progress(struct tui *t, const struct cer_step *step)
{
	unsigned at = step->component;
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	st = buf_printf(&text, NULL, "Step %u of %u  done: %s ", step->done + 1, step->steps,
		at			      ? "people"
		: step->kind == CER_STEP_ROOM ? "introduction"
					      : "nothing yet");
	if (!st && at)
		st = add_numbers(&text, 1, at - 1);
	if (!st)
		st = buf_puts(&text, " now: ", NULL);
	if (!st && at)
		st = buf_printf(&text, NULL, "%u ", at);
	if (!st)
		st = buf_printf(&text, NULL, "%s  to come: ", name_of(step));
	if (!st)
		st = add_numbers(&text, at + 1, step->components);
	if (!st)
		st = buf_puts(&text, "key", NULL);
	tui_progress(t, st ? "" : buf_text(&text));
}

/* ---- the face ---- */

static enum kms_status face_step(void *ctx, const struct cer_step *step, struct kms_err *err)
{
	struct room *r = ctx;
	/* After a wrong answer the same step comes again: what was wrong stays below it. */
	bool again = r->step.kind == step->kind && r->step.component == step->component &&
		     r->step.serial == step->serial;
	enum kms_status st = KMS_OK;

	r->step = *step;
	if (again)
		return KMS_OK;
	if (step->kind == CER_STEP_CALL || step->kind == CER_STEP_CLEAR)
		st = tui_wipe(r->t, err);
	put_people(r->t, step);
	put_progress(r->t, step);
	if (step->kind == CER_STEP_INTRODUCE)
		tui_title(r->t, step->title);
	tui_page(r->t, step->title, step->text);
	return st;
}

static void face_problem(void *ctx, const struct kms_err *why, unsigned tries_left)
{
	struct room *r = ctx;
	BUF_AUTO struct buf text = {0};
	enum kms_status st = buf_printf(&text, NULL, "%s\n", why->msg);

	if (!st && why->hint[0])
		st = buf_printf(&text, NULL, "%s.", why->hint);
	if (!st && tries_left)
		st = buf_printf(
			&text, NULL, " %u %s left.", tries_left, tries_left == 1 ? "try" : "tries");
	tui_drop_input(r->t);
	tui_problem(r->t, st ? why->msg : buf_text(&text));
}

static void face_drop_input(void *ctx)
{
	const struct room *r = ctx;

	tui_drop_input(r->t);
}

static enum kms_status face_wait(void *ctx, const char *prompt, struct kms_err *err)
{
	const struct room *r = ctx;

	return tui_wait(r->t, prompt, err);
}

static enum kms_status face_agree(
	void *ctx, const char *question, bool *ret_yes, struct kms_err *err)
{
	const struct room *r = ctx;

	return tui_ask_yes(r->t, question, ret_yes, err);
}

static enum kms_status face_text(
	void *ctx, const char *prompt, size_t max, struct secret *ret_text, struct kms_err *err)
{
	const struct room *r = ctx;

	return tui_ask_text(r->t, prompt, max, ret_text, err);
}

/* The lines that are done stay on the page, as such. */
static enum kms_status put_lines(const struct room *r, unsigned line, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	unsigned lines = (unsigned)cer_component_lines(r->step.key_len);
	enum kms_status st = buf_printf(&text, err, "%s\n", r->step.text);

	for (unsigned i = 1; i <= lines && !st; i++)
		st = buf_printf(&text, err, "  line %u   %s\n", i,
			i < line    ? "**** **** **** ****  taken"
			: i == line ? "<- type this line"
				    : "");
	if (!st)
		tui_text(r->t, buf_text(&text));
	return st;
}

static enum kms_status face_line(void *ctx, const struct cer_step *step, unsigned line,
	struct secret *ret_digits, bool *ret_back, struct kms_err *err)
{
	const struct room *r = ctx;
	char prompt[16];
	enum kms_status st = put_lines(r, line, err);

	(void)step;
	snprintf(prompt, sizeof(prompt), "line %u:  ", line);
	return st ? st
		  : tui_ask_digits(r->t, prompt, CER_LINE_DIGITS + CER_CHECK_DIGITS, line > 1,
			    ret_digits, ret_back, err);
}

/* All of the sheet that is no secret. */
static enum kms_status put_sheet(
	const struct room *r, const struct cer_sheet *sheet, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st;

	key_kcv_print(&sheet->kcv, check);
	st = buf_printf(&text, err,
		"%sserial %06u    ceremony %s    component %u of %u\n"
		"%s %s, %s\ncheck value  %s  (%s)\n",
		r->step.text, sheet->serial, sheet->ceremony, sheet->component, sheet->components,
		sheet->purpose, sheet->label, key_alg_name(sheet->alg), check,
		key_kcv_method_name(sheet->kcv.method));
	if (!st)
		tui_text(r->t, buf_text(&text));
	return st;
}

static enum kms_status put_identity(
	struct buf *text, const char *whose, const struct cer_identity *id, struct kms_err *err)
{
	char hex[2 * CER_FINGERPRINT_BYTES + 1];
	enum kms_status st;

	hex_encode(id->fingerprint, CER_FINGERPRINT_BYTES, hex);
	st = buf_printf(text, err, "%s\n  %s\n  ", whose, hex);
	if (!st)
		st = cer_words(id->fingerprint, CER_FINGERPRINT_BYTES, text, err);
	return st ? st : buf_puts(text, "\n", err);
}

/* The end of the sheet, when its secret part is off the screen again. */
static enum kms_status show_identities(
	const struct room *r, const struct cer_sheet *sheet, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = put_identity(&text, "identity: this site", &sheet->here, err);

	if (!st && sheet->has_partner)
		st = put_identity(&text, "identity: partner", &sheet->partner, err);
	if (st)
		return st;
	tui_text(r->t, buf_text(&text));
	return tui_wait(r->t, "Press Enter when these are on the sheet too. ", err);
}

static enum kms_status face_show(void *ctx, const struct cer_step *step, struct kms_err *err)
{
	const struct room *r = ctx;
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	SECRET_AUTO struct secret lines = {0};
	enum kms_status st =
		cer_sheet_parse((const char *)step->sheet->data, step->sheet->len, &sheet, err);

	if (!st)
		st = cer_component_render(&sheet.bytes, sheet.component, &lines, err);
	if (!st)
		st = put_sheet(r, &sheet, err);
	if (!st)
		st = tui_reveal(r->t, &lines, TUI_REVEAL_SECONDS,
			"Enter when it is copied and compared. ", err);
	secret_free(&lines);
	cer_sheet_free(&sheet);
	return st ? st : show_identities(r, &sheet, err);
}

enum kms_status tui_room_run(
	struct tui *t, const struct cer_printer *printer, struct cer *c, struct kms_err *err)
{
	struct room room = {.t = t, .step = {.kind = CER_STEP_FAILED}};
	const struct cer_face face = {.ctx = &room,
		.now = clock_now,
		.step = face_step,
		.problem = face_problem,
		.drop_input = face_drop_input,
		.wait = face_wait,
		.agree = face_agree,
		.text = face_text,
		.line = face_line,
		.show = face_show,
		.printer = printer};
	struct kms_err own, wiped;
	enum kms_status st;

	err = err ? err : &own;
	st = cer_drive(&face, c, err);
	if (tui_wipe(t, &wiped) && !st) {
		*err = wiped;
		st = wiped.code;
	}
	if (st)
		cer_abort(c, err->msg, clock_now());
	tui_people(t, NULL, NULL);
	tui_page(t, st ? "The ceremony has stopped" : "The components are put together", "");
	return st;
}
