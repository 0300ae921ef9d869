/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/room.h"

#include "base/clock.h"
#include "ceremony/component.h"

#include <stdio.h>

enum {
	LINE_TRIES = 3,
	CHECK_TEXT_MAX =
		12, /* of a check value or ceremony id: no room for a component typed by mistake */
};

static void say_problem(struct term *t, const struct kms_err *err)
{
	term_say(t, "\n** %s\n", err->msg);
	if (err->hint[0])
		term_say(t, "   %s.\n", err->hint);
}

static void say_step(struct term *t, const struct cer_step *step)
{
	term_say(t, "\n%s\n\n%s\n", step->title, step->text);
}

/* ---- the component, line by line ---- */

/* What was found of the lines so far. */
struct entry {
	struct secret text; /* as typed, a newline after each line */
	bool first_checked; /* line 1 had check digits */
};

/* Judges one line at once, while the pair is still looking at it. */
static enum kms_status check_line(const struct secret *digits, const struct cer_step *step,
	unsigned line, struct entry *entry, struct kms_err *err)
{
	unsigned char bytes[CER_LINE_BYTES];
	bool checked = false;
	enum kms_status st;

	st = cer_line_parse((const char *)digits->data, digits->len, step->component, line, bytes,
		&checked, err);
	secret_wipe(bytes, sizeof(bytes));
	if (st)
		return st;
	if (line == 1)
		entry->first_checked = checked;
	if (checked == entry->first_checked)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID, "component %u: line %u has %s check digits, line 1 has %s",
		step->component, line, checked ? "its" : "no", checked ? "none" : "them");
	return kms_hint(err, "type the check digits of all lines, or of none");
}

/* One line; *ret_again when the pair gave up on it and starts the component anew. */
static enum kms_status ask_line(struct term *t, const struct cer_step *step, unsigned line,
	struct entry *entry, bool *ret_again, struct kms_err *err)
{
	SECRET_AUTO struct secret digits = {0};
	struct kms_err wrong;
	char prompt[16];
	enum kms_status st;

	snprintf(prompt, sizeof(prompt), "line %u:  ", line);
	for (int i = 0; i < LINE_TRIES; i++) {
		st = term_ask_digits(t, prompt, CER_LINE_DIGITS + CER_CHECK_DIGITS, &digits, err);
		if (st)
			return st;
		if (!check_line(&digits, step, line, entry, &wrong)) {
			st = secret_append(&entry->text, digits.data, digits.len, err);
			return st ? st : secret_append(&entry->text, "\n", 1, err);
		}
		say_problem(t, &wrong);
	}
	st = term_ask_yes(t, "Start this component again at line 1?", ret_again, err);
	if (!st && !*ret_again)
		st = kms_fail(err, KMS_ERR_CANCELLED, "component %u was given up at line %u",
			step->component, line);
	return st;
}

static enum kms_status ask_component(
	struct term *t, const struct cer_step *step, struct secret *ret_text, struct kms_err *err)
{
	struct entry entry = {0};
	unsigned lines = (unsigned)cer_component_lines(step->key_len);
	enum kms_status st = KMS_OK;

	for (unsigned line = 1; line <= lines && !st; line++) {
		bool again = false;

		st = ask_line(t, step, line, &entry, &again, err);
		if (again) {
			secret_free(&entry.text);
			line = 0;
		}
	}
	if (!st)
		secret_take(ret_text, &entry.text);
	secret_free(&entry.text);
	return st;
}

/* ---- steps ---- */

/*
 * What a step came to: a problem of the terminal ends the ceremony; an answer that the machine
 * refused may be given again.
 */
struct outcome {
	enum kms_status refused;
	struct kms_err why;
};

static enum kms_status ask_ok(
	struct term *t, struct cer *c, const char *prompt, struct outcome *o, struct kms_err *err)
{
	enum kms_status st = term_wait_enter(t, prompt, err);

	if (!st)
		o->refused = cer_answer_ok(c, clock_now(), &o->why);
	return st;
}

static enum kms_status ask_agree(
	struct term *t, struct cer *c, const char *question, struct outcome *o, struct kms_err *err)
{
	bool yes = false;
	enum kms_status st = term_ask_yes(t, question, &yes, err);

	if (st)
		return st;
	o->refused = yes ? cer_answer_ok(c, clock_now(), &o->why)
			 : cer_answer_refuse(c, clock_now(), &o->why);
	return KMS_OK;
}

static enum kms_status ask_text(
	struct term *t, struct cer *c, const char *prompt, struct outcome *o, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = term_ask_text(t, prompt, CHECK_TEXT_MAX, &text, err);

	if (!st)
		o->refused = cer_answer_text(c, buf_text(&text), clock_now(), &o->why);
	return st;
}

static enum kms_status ask_secret(struct term *t, struct cer *c, const struct cer_step *step,
	struct outcome *o, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	enum kms_status st = ask_component(t, step, &text, err);

	if (!st)
		o->refused = cer_answer_secret(c, &text, clock_now(), &o->why);
	return st;
}

static enum kms_status show(struct term *t, struct cer *c, const struct cer_step *step,
	struct outcome *o, struct kms_err *err)
{
	enum kms_status st = term_show(t, step->sheet, err);

	if (st)
		return st;
	return ask_ok(t, c, "\nPress Enter when it is copied and compared. ", o, err);
}

static enum kms_status take_step(struct term *t, struct cer *c, const struct cer_step *step,
	struct outcome *o, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	/* Nothing of one step stays on the screen in the next, but for the sheet while its check
	 * value is typed back, and what a pair is told about a wrong answer. */
	if (step->kind == CER_STEP_INTRODUCE || step->kind == CER_STEP_ROOM ||
		step->kind == CER_STEP_CALL || step->kind == CER_STEP_SHOW ||
		step->kind == CER_STEP_CLEAR)
		st = term_clear(t, err);
	if (st)
		return st;
	say_step(t, step);
	switch (step->kind) {
	case CER_STEP_INTRODUCE:
		return ask_ok(t, c, "Press Enter to begin, Ctrl-C to stop at any time. ", o, err);
	case CER_STEP_ROOM:
		return ask_agree(t, c,
			"Are these people here, and do both sites' fingerprints agree?", o, err);
	case CER_STEP_CALL:
		term_drop_input(t);
		return ask_ok(
			t, c, "Press Enter when only the two of you see the screen. ", o, err);
	case CER_STEP_COMPARE:
		return ask_agree(t, c, "Does your sheet say the same?", o, err);
	case CER_STEP_SHOW:
		return show(t, c, step, o, err);
	case CER_STEP_RETYPE:
	case CER_STEP_ASK_CHECK:
		return ask_text(t, c, "check value:  ", o, err);
	case CER_STEP_ASK_ID:
		return ask_text(t, c, "ceremony id:  ", o, err);
	case CER_STEP_ASK_COMPONENT:
		return ask_secret(t, c, step, o, err);
	case CER_STEP_CLEAR:
		term_drop_input(t);
		return ask_ok(t, c, "Press Enter when it is done. ", o, err);
	default:
		return kms_fail(err, KMS_ERR_INTERNAL, "the ceremony has no more steps");
	}
}

static bool has_steps(const struct cer *c, struct cer_step *ret_step)
{
	cer_next(c, ret_step);
	return cer_state(c) == CER_RUNNING && ret_step->kind != CER_STEP_COMBINE;
}

static enum kms_status run_steps(struct term *t, struct cer *c, struct kms_err *err)
{
	struct cer_step step;
	enum kms_status st;

	while (has_steps(c, &step)) {
		struct outcome o = {0};

		st = take_step(t, c, &step, &o, err);
		if (st)
			return st;
		if (o.refused && cer_state(c) == CER_RUNNING) {
			cer_next(c, &step);
			say_problem(t, &o.why);
			term_say(t, "   %u %s left.\n", step.tries_left,
				step.tries_left == 1 ? "try" : "tries");
		} else if (o.refused) {
			if (err)
				*err = o.why;
			return o.refused;
		}
	}
	if (cer_state(c) == CER_FAILED)
		return kms_fail(err, KMS_ERR_STATE, "the ceremony has stopped");
	return KMS_OK;
}

enum kms_status room_run(struct term *t, struct cer *c, struct kms_err *err)
{
	struct kms_err own, off;
	enum kms_status st;

	err = err ? err : &own;
	st = term_screen_on(t, err);
	if (!st)
		st = run_steps(t, c, err);
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
	while (has_steps(c, &step)) {
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
