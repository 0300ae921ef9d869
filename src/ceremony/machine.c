/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/machine.h"

#include "ceremony/component.h"
#include "ceremony/machine_int.h"
#include "ceremony/rehearsal.h"
#include "keys/component.h"
#include "keys/des.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- record ---- */

KMS_CHECKED static enum kms_status record(struct cer *c, int64_t now, const char *what,
	struct kms_err *err, const char *fmt, ...) KMS_PRINTF(5, 6);

static enum kms_status record(
	struct cer *c, int64_t now, const char *what, struct kms_err *err, const char *fmt, ...)
{
	struct cer_event *grown = reallocarray(c->events, c->event_count + 1, sizeof(*grown));
	struct cer_event *e;
	va_list args;

	if (!grown)
		return kms_nomem(err);
	c->events = grown;
	e = &grown[c->event_count++];
	*e = (struct cer_event){.time = now, .component = c->at, .what = what};
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return KMS_OK;
}

static void wipe(struct cer *c)
{
	for (size_t i = 0; i < CER_COMPONENTS_MAX; i++)
		secret_free(&c->components[i]);
	secret_free(&c->sheet);
}

/* The end without a key. Must work when memory has run out: then only the record is shorter. */
static void stop(struct cer *c, const char *why, int64_t now)
{
	if (c->state != CER_RUNNING)
		return;
	wipe(c);
	c->state = CER_FAILED;
	c->step = CER_STEP_FAILED;
	snprintf(c->title, sizeof(c->title), "The ceremony has stopped");
	buf_free(&c->text);
	if (buf_printf(&c->text, NULL, "%s\nNo key was made.\n", why) ||
		record(c, now, "failed", NULL, "%s", why))
		snprintf(c->title, sizeof(c->title), "The ceremony has stopped: out of memory");
}

void cer_abort(struct cer *c, const char *why, int64_t now)
{
	stop(c, why, now);
}

/* ---- steps ---- */

static enum kms_status render_sheet(struct cer *c, struct kms_err *err)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {
		.serial = c->serials[c->at - 1],
		.alg = c->alg,
		.component = c->at,
		.components = (unsigned)c->pairs.count,
		.custodians = *cer_pair_at(c),
		.kcv = c->kcvs[c->at - 1],
		.here = c->here,
		.partner = c->partner_identity,
		.has_partner = c->partner[0] != 0,
	};
	enum kms_status st;

	snprintf(sheet.ceremony, sizeof(sheet.ceremony), "%s", c->ceremony);
	snprintf(sheet.purpose, sizeof(sheet.purpose), "%.15s", c->purpose);
	snprintf(sheet.label, sizeof(sheet.label), "%s", c->label);
	st = secret_copy(
		&sheet.bytes, c->components[c->at - 1].data, c->components[c->at - 1].len, err);
	return st ? st : cer_sheet_render(&sheet, &c->sheet, err);
}

static enum kms_status go(
	struct cer *c, enum cer_step_kind step, unsigned component, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	secret_free(&c->sheet);
	if (component != c->at)
		c->tries_left = c->tries;
	c->step = step;
	c->at = component;
	c->check_text[0] = 0;
	if (step == CER_STEP_SHOW || step == CER_STEP_RETYPE)
		key_kcv_print(&c->kcvs[component - 1], c->check_text);
	if (step == CER_STEP_SHOW)
		st = render_sheet(c, err);
	buf_free(&c->text);
	return st ? st : cer_write_text(c, err);
}

/* The first step of a pair. */
static enum kms_status go_pair(struct cer *c, unsigned component, struct kms_err *err)
{
	if (!c->unattended)
		return go(c, CER_STEP_CALL, component, err);
	return go(c, c->kind == CER_CREATE ? CER_STEP_SHOW : CER_STEP_ASK_ID, component, err);
}

/* The pair is through and, where there are people, the screen is clear. */
static enum kms_status go_next_pair(struct cer *c, struct kms_err *err)
{
	if (c->at < c->pairs.count)
		return go_pair(c, c->at + 1, err);
	return go(c, CER_STEP_COMBINE, 0, err);
}

static enum kms_status pair_done(struct cer *c, struct kms_err *err)
{
	c->accepted[c->at] = true;
	if (c->unattended)
		return go_next_pair(c, err);
	return go(c, CER_STEP_CLEAR, c->at, err);
}

/* ---- refusals ---- */

/* A wrong answer, described in err: another try if there is one. */
static enum kms_status refuse(struct cer *c, int64_t now, struct kms_err *err)
{
	enum kms_status status = err->code;
	struct kms_err inner = {0};

	if (c->tries_left)
		c->tries_left--;
	if (record(c, now, "refused", &inner, "%s", err->msg) || c->tries_left == 0)
		stop(c, err->msg, now);
	return status;
}

/* A wrong answer after which nothing can be saved. */
static enum kms_status refuse_all(struct cer *c, int64_t now, struct kms_err *err)
{
	enum kms_status status = err->code;

	stop(c, err->msg, now);
	return status;
}

static enum kms_status wrong_step(struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_STATE, "the ceremony did not ask for that answer now");
}

/* An answer was taken but the next step could not be reached: out of memory, in the main. */
static enum kms_status settle(struct cer *c, enum kms_status st, int64_t now, struct kms_err *err)
{
	if (st)
		stop(c, err->msg, now);
	return st;
}

/* ---- answers ---- */

static enum kms_status take_ok(struct cer *c, int64_t now, struct kms_err *err)
{
	enum kms_status st;

	switch (c->step) {
	case CER_STEP_INTRODUCE:
		return go(c, CER_STEP_ROOM, 0, err);
	case CER_STEP_ROOM:
		st = record(c, now, "room", err, "people and fingerprints confirmed");
		return st ? st : go_pair(c, 1, err);
	case CER_STEP_CALL:
		st = record(c, now, "called", err, "%s and %s", cer_pair_at(c)->names[0],
			cer_pair_at(c)->names[1]);
		if (st)
			return st;
		return go(c, c->kind == CER_CREATE ? CER_STEP_SHOW : CER_STEP_COMPARE, c->at, err);
	case CER_STEP_COMPARE:
		st = record(c, now, "compared", err, "fingerprints on the sheet confirmed");
		return st ? st : go(c, CER_STEP_ASK_ID, c->at, err);
	case CER_STEP_SHOW:
		st = record(c, now, c->printed ? "printed" : "shown", err,
			"sheet %06u, check value %s (%s)", c->serials[c->at - 1], c->check_text,
			key_kcv_method_name(c->method));
		if (st)
			return st;
		return c->unattended ? pair_done(c, err) : go(c, CER_STEP_RETYPE, c->at, err);
	case CER_STEP_CLEAR:
		st = record(c, now, "cleared", err, "screen and scrollback wiped");
		return st ? st : go_next_pair(c, err);
	default:
		return KMS_ERR_INTERNAL;
	}
}

enum kms_status cer_answer_ok(struct cer *c, int64_t now, struct kms_err *err)
{
	static const bool wants_ok[] = {
		[CER_STEP_INTRODUCE] = true,
		[CER_STEP_ROOM] = true,
		[CER_STEP_CALL] = true,
		[CER_STEP_COMPARE] = true,
		[CER_STEP_SHOW] = true,
		[CER_STEP_CLEAR] = true,
		[CER_STEP_FAILED] = false,
	};
	struct kms_err own;

	err = err ? err : &own;
	if (!wants_ok[c->step])
		return wrong_step(err);
	return settle(c, take_ok(c, now, err), now, err);
}

enum kms_status cer_answer_refuse(struct cer *c, int64_t now, struct kms_err *err)
{
	struct kms_err own;

	err = err ? err : &own;
	if (c->step != CER_STEP_ROOM && c->step != CER_STEP_COMPARE)
		return wrong_step(err);
	if (c->step == CER_STEP_ROOM)
		kms_fail(err, KMS_ERR_CANCELLED,
			"the people in the room or the fingerprints were not confirmed");
	else
		kms_fail(err, KMS_ERR_CANCELLED,
			"the custodians of component %u say that the fingerprints on their sheet "
			"differ",
			c->at);
	return refuse_all(c, now, err);
}

enum kms_status cer_answer_void(
	struct cer *c, uint32_t serial, const char *why, int64_t now, struct kms_err *err)
{
	struct kms_err own;
	enum kms_status st;

	err = err ? err : &own;
	if (c->step != CER_STEP_SHOW || !c->printed)
		return wrong_step(err);
	st = record(c, now, "void", err, "sheet %06u is void, sheet %06u takes its place: %s",
		c->serials[c->at - 1], serial, why);
	c->serials[c->at - 1] = serial;
	return settle(c, st ? st : go(c, CER_STEP_SHOW, c->at, err), now, err);
}

/*
 * A check value as typed. What it is not is not repeated: minutes and audit log keep messages, and
 * whoever types digits of the component here by mistake must not find them there.
 */
static enum kms_status parse_typed(
	const struct cer *c, const char *text, struct key_kcv *ret_typed, struct kms_err *err)
{
	if (!key_kcv_parse(c->method, text, ret_typed, NULL))
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID,
		"component %u: what was typed is no check value: by %s they have %zu hexadecimal "
		"digits",
		c->at, key_kcv_method_name(c->method), 2 * key_kcv_len(c->method));
	return kms_hint(err, "type the check value only, not the component");
}

static enum kms_status take_retyped(
	struct cer *c, const char *text, int64_t now, struct kms_err *err)
{
	struct key_kcv typed;
	enum kms_status st;

	st = parse_typed(c, text, &typed, err);
	if (!st && !key_kcv_same(&typed, &c->kcvs[c->at - 1])) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"component %u: the check value typed is not that of the component shown",
			c->at);
		st = kms_hint(err, "type it from the sheet again; if the sheet is wrong, Ctrl-C: a "
				   "new one is made");
	}
	if (st)
		return refuse(c, now, err);
	st = record(c, now, "confirmed", err, "check value %s (%s)", c->check_text,
		key_kcv_method_name(c->method));
	return settle(c, st ? st : pair_done(c, err), now, err);
}

static enum kms_status check_id(const struct cer *c, const char *id, struct kms_err *err)
{
	if (!c->id_settled || strcmp(id, c->ceremony) == 0)
		return KMS_OK;
	if (!id[0])
		kms_fail(err, KMS_ERR_MISMATCH,
			"component %u: no ceremony id, but the ceremony is %s", c->at, c->ceremony);
	else if (!c->ceremony[0])
		kms_fail(err, KMS_ERR_MISMATCH,
			"component %u is from ceremony %s, but component 1 came without a "
			"ceremony id",
			c->at, id);
	else
		kms_fail(err, KMS_ERR_MISMATCH,
			"component %u is from another ceremony: its sheet says %s, expected %s",
			c->at, id, c->ceremony);
	return kms_hint(err, "all sheets of one key bear the same ceremony id");
}

static enum kms_status take_id(struct cer *c, const char *text, int64_t now, struct kms_err *err)
{
	char id[CER_ID_SIZE] = "";
	enum kms_status st = KMS_OK;

	if (text[strspn(text, " ")])
		st = cer_id_parse(text, id, err);
	if (!st)
		st = check_id(c, id, err);
	if (st)
		return refuse(c, now, err);
	memcpy(c->ceremony, id, sizeof(id));
	c->id_settled = true;
	return settle(c, go(c, CER_STEP_ASK_COMPONENT, c->at, err), now, err);
}

static enum kms_status take_check(struct cer *c, const char *text, int64_t now, struct kms_err *err)
{
	struct key_kcv typed;
	enum kms_status st, st2;
	bool again;

	st = parse_typed(c, text, &typed, err);
	if (st)
		return refuse(c, now, err);
	if (!key_kcv_same(&typed, &c->kcvs[c->at - 1])) {
		/* The computed value is not told: typing it in would let a wrong component pass. */
		kms_fail(err, KMS_ERR_MISMATCH,
			"component %u: the digits entered do not give the check value typed (%s)",
			c->at, key_kcv_method_name(c->method));
		/* Digits with line check digits are hardly wrong: first the check value again. */
		again = !c->had_check_digits || c->check_failures++ > 0;
		kms_hint(err, again ? "enter the component again, digit by digit from the sheet"
				    : "compare the check value with the sheet");
		st = refuse(c, now, err);
		if (again && c->state == CER_RUNNING) {
			struct kms_err inner;

			secret_free(&c->components[c->at - 1]);
			st2 = go(c, CER_STEP_ASK_COMPONENT, c->at, &inner);
			if (st2)
				stop(c, inner.msg, now);
		}
		return st;
	}
	key_kcv_print(&typed, c->check_text);
	st = record(c, now, "accepted", err, "check value %s (%s)%s%s", c->check_text,
		key_kcv_method_name(c->method), c->ceremony[0] ? ", ceremony " : "", c->ceremony);
	return settle(c, st ? st : pair_done(c, err), now, err);
}

enum kms_status cer_answer_text(struct cer *c, const char *text, int64_t now, struct kms_err *err)
{
	struct kms_err own;

	err = err ? err : &own;
	switch (c->step) {
	case CER_STEP_RETYPE:
		return take_retyped(c, text, now, err);
	case CER_STEP_ASK_ID:
		return take_id(c, text, now, err);
	case CER_STEP_ASK_CHECK:
		return take_check(c, text, now, err);
	default:
		return wrong_step(err);
	}
}

/* Right length, not zero, not one that was seen before; TDEA parity does not count. */
static enum kms_status check_new(
	const struct cer *c, const struct secret *component, unsigned index, struct kms_err *err)
{
	enum kms_status st = key_component_check(c->alg, component, index, err);

	if (!st)
		st = cer_rehearsal_check(component, c->rehearsal, index, err);
	if (st)
		return st;
	for (unsigned i = 1; i < index; i++) {
		if (!key_same(c->alg, component, &c->components[i - 1]))
			continue;
		kms_fail(err, KMS_ERR_INVALID,
			"component %u is refused: it is the same as component %u", index, i);
		return kms_hint(err, "is this the right sheet?");
	}
	return KMS_OK;
}

static enum kms_status take_component(
	struct cer *c, const struct secret *text, int64_t now, struct kms_err *err)
{
	SECRET_AUTO struct secret component = {0};
	struct key_kcv kcv;
	enum kms_status st;

	st = cer_component_parse((const char *)text->data, text->len, key_alg_info(c->alg)->length,
		c->at, &component, &c->had_check_digits, err);
	if (!st)
		st = check_new(c, &component, c->at, err);
	if (!st)
		st = key_kcv(c->alg, c->method, &component, &kcv, err);
	if (st)
		return refuse(c, now, err);
	secret_take(&c->components[c->at - 1], &component);
	c->kcvs[c->at - 1] = kcv;
	c->check_failures = 0;
	st = record(c, now, "entered", err, "%s line check digits",
		c->had_check_digits ? "with" : "without");
	return settle(c, st ? st : go(c, CER_STEP_ASK_CHECK, c->at, err), now, err);
}

enum kms_status cer_answer_secret(
	struct cer *c, const struct secret *text, int64_t now, struct kms_err *err)
{
	struct kms_err own;

	err = err ? err : &own;
	if (c->step != CER_STEP_ASK_COMPONENT)
		return wrong_step(err);
	return take_component(c, text, now, err);
}

enum kms_status cer_answer_combined(
	struct cer *c, const struct key_kcv *kcv, int64_t now, struct kms_err *err)
{
	char value[KEY_KCV_TEXT_SIZE];
	struct kms_err own;
	enum kms_status st;

	err = err ? err : &own;
	if (c->step != CER_STEP_COMBINE)
		return wrong_step(err);
	if (kcv->method != c->method || kcv->len != key_kcv_len(c->method)) {
		kms_fail(err, KMS_ERR_INTERNAL, "the combined check value is not by method %s",
			key_kcv_method_name(c->method));
		return refuse_all(c, now, err);
	}
	if (c->has_expected &&
		key_kcv_check(c->label, kcv, "what was announced", &c->expected, err)) {
		kms_prefix(err, "the components do not give the %s expected: ", c->purpose);
		kms_hint(err, "a component belongs to another key, or the announced check value "
			      "is wrong; the ceremony starts again at component 1");
		return refuse_all(c, now, err);
	}
	key_kcv_print(kcv, value);
	st = record(c, now, "combined", err, "check value %s (%s)", value,
		key_kcv_method_name(c->method));
	if (!st)
		st = record(c, now, "done", err, "%s %s", c->purpose, c->label);
	if (!st) {
		c->combined = *kcv;
		c->accepted[0] = true;
		st = go(c, CER_STEP_DONE, 0, err);
	}
	if (st)
		return refuse_all(c, now, err);
	wipe(c);
	c->state = CER_DONE;
	return KMS_OK;
}

/* ---- questions ---- */

enum cer_state cer_state(const struct cer *c)
{
	return c->state;
}

/* The order of the steps, of all and of each pair. */
static const enum cer_step_kind first_steps[] = {CER_STEP_INTRODUCE, CER_STEP_ROOM};
static const enum cer_step_kind create_steps[] = {
	CER_STEP_CALL, CER_STEP_SHOW, CER_STEP_RETYPE, CER_STEP_CLEAR};
static const enum cer_step_kind import_steps[] = {CER_STEP_CALL, CER_STEP_COMPARE, CER_STEP_ASK_ID,
	CER_STEP_ASK_COMPONENT, CER_STEP_ASK_CHECK, CER_STEP_CLEAR};

enum { FIRST_STEPS = sizeof(first_steps) / sizeof(*first_steps) };

static void count_steps(const struct cer *c, struct cer_step *step)
{
	const enum cer_step_kind *mine = c->kind == CER_CREATE ? create_steps : import_steps;
	size_t each = c->kind == CER_CREATE ? sizeof(create_steps) / sizeof(*create_steps)
					    : sizeof(import_steps) / sizeof(*import_steps);
	size_t done = FIRST_STEPS + each * c->pairs.count;

	step->steps = (unsigned)done;
	for (size_t i = 0; i < FIRST_STEPS; i++)
		if (first_steps[i] == c->step)
			done = i;
	for (size_t i = 0; i < each && c->at; i++)
		if (mine[i] == c->step)
			done = FIRST_STEPS + each * (c->at - 1) + i;
	step->done = (unsigned)done;
}

void cer_next(const struct cer *c, struct cer_step *ret_step)
{
	*ret_step = (struct cer_step){
		.kind = c->step,
		.component = c->at,
		.components = (unsigned)c->pairs.count,
		.pair = cer_pair_at(c),
		.key_len = key_alg_info(c->alg)->length,
		.tries_left = c->tries_left,
		.serial = c->at ? c->serials[c->at - 1] : 0,
		.printed = c->printed,
		.title = c->title,
		.text = buf_text(&c->text),
		.sheet = c->step == CER_STEP_SHOW ? &c->sheet : NULL,
		.check_value = c->check_text,
	};
	count_steps(c, ret_step);
}

const struct secret *cer_component(const struct cer *c, unsigned component)
{
	if (c->step != CER_STEP_COMBINE || component == 0 || component > c->pairs.count)
		return NULL;
	return &c->components[component - 1];
}

const struct key_kcv *cer_check_value(const struct cer *c, unsigned component)
{
	if (component > c->pairs.count || !c->accepted[component])
		return NULL;
	return component ? &c->kcvs[component - 1] : &c->combined;
}

uint32_t cer_serial(const struct cer *c, unsigned component)
{
	return component && component <= c->pairs.count ? c->serials[component - 1] : 0;
}

const char *cer_ceremony_id(const struct cer *c)
{
	return c->ceremony;
}

size_t cer_event_count(const struct cer *c)
{
	return c->event_count;
}

const struct cer_event *cer_event(const struct cer *c, size_t index)
{
	return index < c->event_count ? &c->events[index] : NULL;
}

/* ---- beginning and end ---- */

static enum kms_status check_people(const struct cer_pairs *pairs, struct kms_err *err)
{
	struct cer_pairs seen = {0};

	if (pairs->count < CER_COMPONENTS_MIN || pairs->count > CER_COMPONENTS_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "a key has %d to %d components, not %zu",
			CER_COMPONENTS_MIN, CER_COMPONENTS_MAX, pairs->count);
	for (size_t i = 0; i < pairs->count; i++) {
		for (size_t j = 0; j < CER_PAIR_SIZE; j++) {
			const char *name = pairs->pairs[i].names[j];
			enum kms_status st = name_check(name, "a custodian's name", err);
			size_t other;

			if (st)
				return st;
			seen.count = i + 1;
			other = cer_pairs_find(&seen, name);
			if (other)
				return kms_fail(err, KMS_ERR_DENIED,
					"%s is named for component %zu and for component %zu: "
					"nobody may hold two",
					name, other, i + 1);
			memcpy(seen.pairs[i].names[j], name, strlen(name) + 1);
		}
	}
	return KMS_OK;
}

static enum kms_status check_setup(const struct cer_setup *s, struct kms_err *err)
{
	enum kms_status st;

	if (!key_alg_info(s->alg)->length)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s keys have no components", key_alg_name(s->alg));
	if (s->method && !key_kcv_method_fits(s->method, s->alg))
		return kms_fail(err, KMS_ERR_INVALID, "%s is no check value of %s keys",
			key_kcv_method_name(s->method), key_alg_name(s->alg));
	if (s->tries < 1 || s->tries > 9 || (s->kind == CER_IMPORT && !s->expected) ||
		(s->kind == CER_CREATE && !s->ceremony) || !cer_purpose_known(s->purpose))
		return kms_fail(err, KMS_ERR_INTERNAL, "the ceremony's setup is incomplete");
	if (s->kind == CER_CREATE && s->first_serial > CER_SERIAL_MAX - CER_COMPONENTS_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "the serial numbers of component sheets are used up");
	st = key_label_check(s->label, "label", err);
	if (!st)
		st = name_check(s->site, "the site's name", err);
	if (!st && s->partner)
		st = name_check(s->partner, "the partner's name", err);
	return st ? st : check_people(s->pairs, err);
}

static enum kms_status take_setup(struct cer *c, const struct cer_setup *s, struct kms_err *err)
{
	enum kms_status st;

	c->kind = s->kind;
	c->alg = s->alg;
	c->method = s->method ? s->method : key_alg_info(s->alg)->kcv;
	snprintf(c->purpose, sizeof(c->purpose), "%s", s->purpose);
	snprintf(c->label, sizeof(c->label), "%s", s->label);
	snprintf(c->site, sizeof(c->site), "%s", s->site);
	snprintf(c->partner, sizeof(c->partner), "%s", s->partner ? s->partner : "");
	c->here = s->here;
	c->partner_identity = s->partner_identity;
	c->pairs = *s->pairs;
	for (uint32_t i = 0; i < c->pairs.count && c->kind == CER_CREATE; i++)
		c->serials[i] = s->first_serial + i;
	c->tries = c->tries_left = s->tries;
	c->printed = s->printed;
	c->unattended = s->unattended;
	c->rehearsal = s->rehearsal;
	c->has_expected = s->expected != NULL;
	if (s->expected) {
		c->expected = *s->expected;
		if (c->expected.method != c->method)
			return kms_fail(err, KMS_ERR_INVALID,
				"the expected check value is by method %s, this ceremony's are by "
				"%s",
				key_kcv_method_name(c->expected.method),
				key_kcv_method_name(c->method));
	}
	if (s->ceremony) {
		st = cer_id_parse(s->ceremony, c->ceremony, err);
		if (st)
			return st;
		c->id_settled = true;
	}
	return KMS_OK;
}

static enum kms_status take_components(
	struct cer *c, struct secret *components, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (unsigned i = 1; i <= c->pairs.count && !st; i++) {
		secret_take(&c->components[i - 1], &components[i - 1]);
		st = check_new(c, &c->components[i - 1], i, err);
		if (!st)
			st = key_kcv(
				c->alg, c->method, &c->components[i - 1], &c->kcvs[i - 1], err);
	}
	return st;
}

enum kms_status cer_new(const struct cer_setup *setup, struct secret *components,
	struct cer **ret_cer, struct kms_err *err)
{
	CER_AUTO struct cer *c = NULL;
	enum kms_status st;

	if ((setup->kind == CER_CREATE) != (components != NULL))
		return kms_fail(err, KMS_ERR_INTERNAL, "create needs components, import none");
	st = check_setup(setup, err);
	if (st)
		return st;
	c = calloc(1, sizeof(*c));
	if (!c)
		return kms_nomem(err);
	st = take_setup(c, setup, err);
	if (!st && components)
		st = take_components(c, components, err);
	if (!st)
		st = record(c, setup->now, "opened", err, "%s %s %s (%s, %zu components)%s%s",
			c->kind == CER_CREATE ? "create" : "import", c->purpose, c->label,
			key_alg_name(c->alg), c->pairs.count, c->ceremony[0] ? ", ceremony " : "",
			c->ceremony);
	if (!st)
		st = c->unattended ? go_pair(c, 1, err) : go(c, CER_STEP_INTRODUCE, 0, err);
	if (st)
		return st;
	*ret_cer = c;
	c = NULL;
	return KMS_OK;
}

void cer_free(struct cer *c)
{
	if (!c)
		return;
	wipe(c);
	buf_free(&c->text);
	free(c->events);
	free(c);
}
