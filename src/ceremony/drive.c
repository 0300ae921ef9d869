/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/drive.h"

#include "ceremony/component.h"

enum {
	LINE_TRIES = 3,
	CHECK_TEXT_MAX =
		12, /* of a check value or ceremony id: no room for a component typed by mistake */
};

/* ---- the component, line by line ---- */

/* The lines that were found good. */
struct entry {
	struct secret lines[CER_LINES_MAX];
	bool first_checked; /* line 1 had check digits */
	unsigned wrong;	    /* tries at this line that were not */
};

static void entry_clear(struct entry *entry)
{
	for (size_t i = 0; i < CER_LINES_MAX; i++)
		secret_free(&entry->lines[i]);
	entry->wrong = 0;
}

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

/* Too many wrong tries at one line: the component anew, or not at all. */
static enum kms_status give_up(const struct cer_face *face, const struct cer_step *step,
	unsigned line, struct kms_err *err)
{
	bool again = false;
	enum kms_status st =
		face->agree(face->ctx, "Start this component again at line 1?", &again, err);

	if (!st && !again)
		st = kms_fail(err, KMS_ERR_CANCELLED, "component %u was given up at line %u",
			step->component, line);
	return st;
}

/* One try at a line; *line moves to the one that is to be typed next. */
static enum kms_status ask_line(const struct cer_face *face, const struct cer_step *step,
	struct entry *entry, unsigned *line, struct kms_err *err)
{
	SECRET_AUTO struct secret digits = {0};
	struct kms_err wrong;
	bool back = false;
	enum kms_status st;

	st = face->line(face->ctx, step, *line, &digits, &back, err);
	if (st)
		return st;
	if (back) {
		if (*line > 1)
			--*line;
		secret_free(&entry->lines[*line - 1]);
		entry->wrong = 0;
		return KMS_OK;
	}
	if (!check_line(&digits, step, *line, entry, &wrong)) {
		secret_take(&entry->lines[*line - 1], &digits);
		entry->wrong = 0;
		++*line;
		return KMS_OK;
	}
	face->problem(face->ctx, &wrong, 0);
	if (++entry->wrong < LINE_TRIES)
		return KMS_OK;
	st = give_up(face, step, *line, err);
	entry_clear(entry);
	*line = 1;
	return st;
}

static enum kms_status ask_lines(const struct cer_face *face, const struct cer_step *step,
	struct secret *ret_text, struct kms_err *err)
{
	struct entry entry __attribute__((cleanup(entry_clear))) = {0};
	unsigned lines = (unsigned)cer_component_lines(step->key_len), line = 1;
	enum kms_status st = KMS_OK;

	while (line <= lines && !st)
		st = ask_line(face, step, &entry, &line, err);
	for (line = 0; line < lines && !st; line++) {
		st = secret_append(ret_text, entry.lines[line].data, entry.lines[line].len, err);
		if (!st)
			st = secret_append(ret_text, "\n", 1, err);
	}
	return st;
}

/* ---- steps ---- */

/*
 * What a step came to: a problem of the face ends the ceremony; an answer that the machine refused
 * may be given again.
 */
struct outcome {
	enum kms_status refused;
	struct kms_err why;
};

static enum kms_status ask_ok(const struct cer_face *face, struct cer *c, const char *prompt,
	struct outcome *o, struct kms_err *err)
{
	enum kms_status st = face->wait(face->ctx, prompt, err);

	if (!st)
		o->refused = cer_answer_ok(c, face->now(), &o->why);
	return st;
}

static enum kms_status ask_agree(const struct cer_face *face, struct cer *c, const char *question,
	struct outcome *o, struct kms_err *err)
{
	bool yes = false;
	enum kms_status st = face->agree(face->ctx, question, &yes, err);

	if (st)
		return st;
	o->refused = yes ? cer_answer_ok(c, face->now(), &o->why)
			 : cer_answer_refuse(c, face->now(), &o->why);
	return KMS_OK;
}

static enum kms_status ask_text(const struct cer_face *face, struct cer *c, const char *prompt,
	struct outcome *o, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	enum kms_status st = face->text(face->ctx, prompt, CHECK_TEXT_MAX, &text, err);

	if (!st)
		o->refused = cer_answer_text(
			c, text.data ? (const char *)text.data : "", face->now(), &o->why);
	return st;
}

static enum kms_status ask_component(const struct cer_face *face, struct cer *c,
	const struct cer_step *step, struct outcome *o, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	enum kms_status st = ask_lines(face, step, &text, err);

	if (!st)
		o->refused = cer_answer_secret(c, &text, face->now(), &o->why);
	return st;
}

static enum kms_status show(const struct cer_face *face, struct cer *c, const struct cer_step *step,
	struct outcome *o, struct kms_err *err)
{
	enum kms_status st = face->show(face->ctx, step, err);

	if (!st)
		o->refused = cer_answer_ok(c, face->now(), &o->why);
	return st;
}

/* *ret_good: the pair has the sheet in its hands; else `why` says what is wrong with it. */
static enum kms_status print(const struct cer_face *face, const struct cer_step *step,
	bool *ret_good, struct kms_err *why, struct kms_err *err)
{
	const struct cer_printer *p = face->printer;
	enum kms_status st = KMS_OK;

	if (p->print(p->ctx, step, why)) {
		face->problem(face->ctx, why, 0);
	} else {
		st = face->agree(face->ctx,
			"Do the two of you hold the sheet, complete and easy to read?", ret_good,
			err);
		if (!*ret_good)
			kms_fail(why, KMS_ERR_IO, "the custodians say that the sheet is not fit");
	}
	p->forget(p->ctx, step);
	return st;
}

static enum kms_status print_sheet(const struct cer_face *face, struct cer *c,
	const struct cer_step *step, struct outcome *o, struct kms_err *err)
{
	struct kms_err why = {0};
	uint32_t serial = 0;
	bool good = false;
	enum kms_status st = print(face, step, &good, &why, err);

	if (!st && good) {
		o->refused = cer_answer_ok(c, face->now(), &o->why);
		return KMS_OK;
	}
	if (!st)
		st = face->printer->replace(face->printer->ctx, step, why.msg, &serial, err);
	if (!st)
		st = cer_answer_void(c, serial, why.msg, face->now(), err);
	if (!st)
		st = face->agree(face->ctx,
			"That sheet is void: destroy what came out. Is the printer ready for "
			"another?",
			&good, err);
	if (!st && !good)
		st = kms_fail(err, KMS_ERR_CANCELLED, "component %u could not be printed: %s",
			step->component, why.msg);
	return st;
}

static enum kms_status take_step(const struct cer_face *face, struct cer *c,
	const struct cer_step *step, struct outcome *o, struct kms_err *err)
{
	enum kms_status st = face->step(face->ctx, step, err);

	if (st)
		return st;
	switch (step->kind) {
	case CER_STEP_INTRODUCE:
		return ask_ok(
			face, c, "Press Enter to begin, Ctrl-C to stop at any time. ", o, err);
	case CER_STEP_ROOM:
		return ask_agree(face, c,
			"Are these people here, and do both sites' fingerprints agree?", o, err);
	case CER_STEP_CALL:
		face->drop_input(face->ctx);
		return ask_ok(
			face, c, "Press Enter when only the two of you see the screen. ", o, err);
	case CER_STEP_COMPARE:
		return ask_agree(face, c, "Does your sheet say the same?", o, err);
	case CER_STEP_SHOW:
		return face->printer ? print_sheet(face, c, step, o, err)
				     : show(face, c, step, o, err);
	case CER_STEP_RETYPE:
	case CER_STEP_ASK_CHECK:
		return ask_text(face, c, "check value:  ", o, err);
	case CER_STEP_ASK_ID:
		return ask_text(face, c, "ceremony id:  ", o, err);
	case CER_STEP_ASK_COMPONENT:
		return ask_component(face, c, step, o, err);
	case CER_STEP_CLEAR:
		face->drop_input(face->ctx);
		return ask_ok(face, c, "Press Enter when it is done. ", o, err);
	default:
		return kms_fail(err, KMS_ERR_INTERNAL, "the ceremony has no more steps");
	}
}

bool cer_has_steps(const struct cer *c, struct cer_step *ret_step)
{
	cer_next(c, ret_step);
	return cer_state(c) == CER_RUNNING && ret_step->kind != CER_STEP_COMBINE;
}

enum kms_status cer_drive(const struct cer_face *face, struct cer *c, struct kms_err *err)
{
	struct cer_step step;
	enum kms_status st;

	while (cer_has_steps(c, &step)) {
		struct outcome o = {0};

		st = take_step(face, c, &step, &o, err);
		if (st)
			return st;
		if (o.refused && cer_state(c) == CER_RUNNING) {
			cer_next(c, &step);
			face->problem(face->ctx, &o.why, step.tries_left);
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
