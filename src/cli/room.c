/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room.h"

#include "base/clock.h"
#include "ceremony/component.h"
#include "ceremony/drive.h"

#include <stdio.h>
#include <string.h>

/* ---- the face of a plain terminal ---- */

static enum kms_status face_step(void *ctx, const struct cer_step *step, struct kms_err *err)
{
	struct term *t = ctx;
	enum kms_status st = KMS_OK;

	/* What a pair is told about a wrong answer stays while it answers again. */
	if (step->kind == CER_STEP_INTRODUCE || step->kind == CER_STEP_ROOM ||
		step->kind == CER_STEP_CALL || step->kind == CER_STEP_SHOW ||
		step->kind == CER_STEP_CLEAR)
		st = term_clear(t, err);
	if (!st)
		term_say(t, "\n%s\n\n%s\n", step->title, step->text);
	return st;
}

static void face_problem(void *ctx, const struct kms_err *why, unsigned tries_left)
{
	term_say(ctx, "\n** %s\n", why->msg);
	if (why->hint[0])
		term_say(ctx, "   %s.\n", why->hint);
	if (tries_left)
		term_say(ctx, "   %u %s left.\n", tries_left, tries_left == 1 ? "try" : "tries");
}

static void face_drop_input(void *ctx)
{
	term_drop_input(ctx);
}

static enum kms_status face_wait(void *ctx, const char *prompt, struct kms_err *err)
{
	return term_wait_enter(ctx, prompt, err);
}

static enum kms_status face_agree(
	void *ctx, const char *question, bool *ret_yes, struct kms_err *err)
{
	return term_ask_yes(ctx, question, ret_yes, err);
}

static enum kms_status face_text(
	void *ctx, const char *prompt, size_t max, struct secret *ret_text, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = term_ask_text(ctx, prompt, max, &text, err);

	return st ? st : secret_copy(ret_text, buf_text(&text), text.len, err);
}

/* On a screen that only grows there is no way back to a line. */
static enum kms_status face_line(void *ctx, const struct cer_step *step, unsigned line,
	struct secret *ret_digits, bool *ret_back, struct kms_err *err)
{
	char prompt[16];

	(void)step;
	*ret_back = false;
	snprintf(prompt, sizeof(prompt), "line %u:  ", line);
	return term_ask_digits(ctx, prompt, CER_LINE_DIGITS + CER_CHECK_DIGITS, ret_digits, err);
}

/* How much of a sheet's text comes before its fingerprints: all that is secret, and what goes with it. */
static size_t before_identity(const struct secret *sheet)
{
	static const char mark[] = "\nidentity ";
	const unsigned char *at = memmem(sheet->data, sheet->len, mark, strlen(mark));

	return at ? (size_t)(at - sheet->data) + 1 : sheet->len;
}

/* In two parts, since a terminal of 24 lines has room for no more, and nothing can be scrolled back. */
static enum kms_status face_show(void *ctx, const struct cer_step *step, struct kms_err *err)
{
	struct secret component = *step->sheet, rest = *step->sheet; /* views: not to be freed */
	enum kms_status st;

	component.len = before_identity(step->sheet);
	rest.data += component.len;
	rest.len -= component.len;
	st = term_show(ctx, &component, err);
	if (!st)
		st = term_wait_enter(ctx, "\nPress Enter when it is copied and compared. ", err);
	if (!st)
		st = term_clear(ctx, err);
	if (!st)
		st = term_show(ctx, &rest, err);
	return st ? st : term_wait_enter(ctx, "\nPress Enter when this is on the sheet too. ", err);
}

enum kms_status room_run(
	struct term *t, const struct cer_printer *printer, struct cer *c, struct kms_err *err)
{
	const struct cer_face face = {.ctx = t,
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
	struct kms_err own, off;
	enum kms_status st;

	err = err ? err : &own;
	st = term_screen_on(t, err);
	if (!st)
		st = cer_drive(&face, c, err);
	if (st)
		cer_abort(c, err->msg, clock_now());
	if (term_screen_off(t, &off) && !st) {
		*err = off;
		cer_abort(c, off.msg, clock_now());
		st = off.code;
	}
	return st;
}

/* ---- without people ---- */

static enum kms_status answer_text(struct pinfd *secrets, const char *name, struct cer *c,
	unsigned component, bool required, struct kms_err *err)
{
	const struct secret *value = NULL;
	char full[40];
	enum kms_status st;

	snprintf(full, sizeof(full), "%s.%u", name, component);
	value = pinfd_get(secrets, full);
	if (!value && required) {
		st = pinfd_need(secrets, full, &value, err);
		if (st)
			return st;
	}
	return cer_answer_text(c, value ? (const char *)value->data : "", clock_now(), err);
}

static enum kms_status answer_component(
	struct pinfd *secrets, struct cer *c, unsigned component, struct kms_err *err)
{
	const struct secret *value = NULL;
	char full[40];
	enum kms_status st;

	snprintf(full, sizeof(full), "component.%u", component);
	st = pinfd_need(secrets, full, &value, err);
	return st ? st : cer_answer_secret(c, value, clock_now(), err);
}

static enum kms_status answer_step(
	struct pinfd *secrets, struct cer *c, const struct cer_step *step, struct kms_err *err)
{
	switch (step->kind) {
	case CER_STEP_ASK_ID:
		return answer_text(secrets, "ceremony", c, step->component, false, err);
	case CER_STEP_ASK_COMPONENT:
		return answer_component(secrets, c, step->component, err);
	case CER_STEP_ASK_CHECK:
		return answer_text(secrets, "check-value", c, step->component, true, err);
	default:
		return kms_fail(err, KMS_ERR_INTERNAL, "a ceremony step needs people");
	}
}

enum kms_status room_run_secrets(struct pinfd *secrets, struct cer *c, struct kms_err *err)
{
	struct cer_step step;
	struct kms_err own;
	enum kms_status st;

	err = err ? err : &own;
	while (cer_has_steps(c, &step)) {
		st = answer_step(secrets, c, &step, err);
		if (st) {
			cer_abort(c, err->msg, clock_now());
			return st;
		}
	}
	if (cer_state(c) == CER_FAILED)
		return kms_fail(err, KMS_ERR_STATE, "the ceremony has stopped");
	return KMS_OK;
}
