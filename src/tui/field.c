/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed on the full screen, and digits that are shown. All of it is raw (tui_raw). */
#include "tui/screen_int.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	KEY_BACKSPACE = 0x08,
	KEY_CTRL_U = 0x15,
	KEY_CTRL_W = 0x17,
	GROUP = 4,
	NEW_SECRET_TRIES = 3,
	SHOWN_MAX = 50, /* columns of a line that shows */
};

enum field_kind { FIELD_TEXT, FIELD_SECRET, FIELD_DIGITS };

struct field {
	struct tui *t;
	enum field_kind kind;
	size_t max;
	struct secret text; /* of max bytes, never moved */
	size_t too_many;    /* that did not fit */
	bool strange;	    /* something was typed that cannot stand here */
};

static const char keys_text[] = "Enter: go on   Backspace: take back   Ctrl-U: all   Ctrl-C: stop";
static const char keys_digits[] =
	"Backspace: digit back   Ctrl-W: group   Ctrl-U: line   Ctrl-C: stop the ceremony";
static const char keys_digits_back[] =
	"Backspace: digit, line back   Ctrl-W: group   Ctrl-U: line   Ctrl-C: stop";
static const char keys_enter[] = "Enter: go on   Ctrl-C: stop the ceremony";

static bool is_continuation(unsigned char c)
{
	return c >> 6 == 2;
}

/* ---- on the screen ---- */

static int start_column(const struct field *f)
{
	return 1 + (int)tui_width(f->t->prompt);
}

/* Bullets for digits, which tell how many there are and no more. */
static size_t masked(size_t digits, char out[2 * SHOWN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < digits; i++) {
		if (i && i % GROUP == 0)
			out[n++] = ' ';
		out[n++] = '*';
	}
	return n;
}

static void show(const struct field *f)
{
	int row = tui_prompt_row(f->t), column = start_column(f);
	char bullets[2 * SHOWN_MAX];
	const void *text = bullets;
	size_t len = 0, columns;

	if (f->t->small)
		return;
	if (f->kind == FIELD_DIGITS)
		len = masked(f->text.len, bullets);
	columns = len;
	/* A character that is not whole yet is shown when it is. */
	if (f->kind == FIELD_TEXT && utf8_valid((const char *)f->text.data, f->text.len)) {
		text = f->text.data;
		len = f->text.len;
		columns = tui_width(text);
	}
	tui_blank(f->t, row, column, (size_t)(f->t->columns - column));
	tui_cursor(f->t, row, column + (int)columns);
	tui_raw(f->t, row, column, text, len);
}

static void hide(const struct field *f)
{
	int column = start_column(f);

	if (!f->t->small)
		tui_blank(f->t, tui_prompt_row(f->t), column, (size_t)(f->t->columns - column));
}

/* ---- typing ---- */

static void take_back(struct field *f)
{
	unsigned char gone;

	if (f->too_many) {
		f->too_many--;
		return;
	}
	if (f->text.len == 0)
		return;
	do {
		gone = f->text.data[--f->text.len];
		f->text.data[f->text.len] = 0;
	} while (f->text.len && is_continuation(gone));
	secret_wipe(&gone, sizeof(gone));
}

static void take_all_back(struct field *f)
{
	memset(f->text.data, 0, f->max);
	f->text.len = f->too_many = 0;
	f->strange = false;
}

static void take_group_back(struct field *f)
{
	do
		take_back(f);
	while (f->text.len % GROUP || f->too_many);
}

static void add(struct field *f, unsigned char c)
{
	if (f->text.len == f->max)
		f->too_many++;
	else
		f->text.data[f->text.len++] = c;
}

static void add_digit(struct field *f, unsigned char c)
{
	if (c == ':' && f->text.len == 1) /* the "1:" that the sheet prints before a line */
		take_back(f);
	else if (hex_digit(c) >= 0)
		add(f, c);
	else if (c != ' ' && c != '\t')
		f->strange = true;
}

static void take_key(struct field *f, unsigned char c)
{
	if (c == KEY_BACKSPACE)
		take_back(f);
	else if (c == KEY_CTRL_U)
		take_all_back(f);
	else if (c == KEY_CTRL_W && f->kind == FIELD_DIGITS)
		take_group_back(f);
	else if (f->kind == FIELD_DIGITS && c >= 0x20)
		add_digit(f, c);
	else if (c >= 0x20)
		add(f, c);
	else if (c && f->kind == FIELD_TEXT)
		f->strange = true;
}

/* What is wrong with the line as it stands, or NULL. */
static const char *wrong_with(const struct field *f)
{
	if (f->too_many && f->kind == FIELD_DIGITS)
		return "That was more than one line: nothing of it was taken. Type the sheet line "
		       "by "
		       "line.";
	if (f->too_many)
		return "That was too long: nothing of it was taken. Type it again.";
	if (f->strange && f->kind == FIELD_DIGITS)
		return "Something was typed that is no hexadecimal digit (0 to 9, A to F): nothing "
		       "of "
		       "it was taken. Type the line again.";
	if (f->strange || !utf8_valid((const char *)f->text.data, f->text.len))
		return "That holds what is no text: nothing of it was taken. Type it again.";
	return NULL;
}

static bool is_good(struct field *f)
{
	const char *wrong = wrong_with(f);

	if (!wrong)
		return true;
	hide(f);
	take_all_back(f);
	/* The rest of a paste is no answer to what comes next. */
	tui_drop_input(f->t);
	tui_problem(f->t, wrong);
	tui_draw(f->t);
	return false;
}

/* Until Enter; ret_back may be NULL: then there is no way back. */
static enum kms_status type(struct field *f, bool *ret_back, struct kms_err *err)
{
	unsigned char key = 0;
	bool drawn;
	enum kms_status st;

	show(f);
	for (;;) {
		st = tui_key(f->t, &key, &drawn, err);
		if (st)
			break;
		if (key == '\n' && is_good(f))
			break;
		if (key == KEY_BACKSPACE && ret_back && f->text.len == 0) {
			*ret_back = true;
			break;
		}
		if (key && key != '\n')
			take_key(f, key);
		if (key || drawn)
			show(f);
	}
	secret_wipe(&key, sizeof(key));
	hide(f);
	return st;
}

static enum kms_status ask(struct tui *t, enum field_kind kind, const char *prompt,
	const char *keys, size_t max, struct secret *ret_text, bool *ret_back, struct kms_err *err)
{
	struct field f = {.t = t, .kind = kind, .max = max};
	enum kms_status st = secret_alloc(&f.text, max, err);

	if (st)
		return st;
	f.text.len = 0;
	st = tui_through_page(t, prompt, keys, err);
	if (!st)
		st = type(&f, ret_back, err);
	if (st)
		secret_free(&f.text);
	else
		secret_take(ret_text, &f.text);
	tui_problem(t, NULL);
	tui_asked(t);
	return st;
}

/* ---- questions ---- */

enum kms_status tui_wait(struct tui *t, const char *prompt, struct kms_err *err)
{
	unsigned char key = 0;
	bool drawn;
	enum kms_status st = tui_through_page(t, prompt, keys_enter, err);

	if (!st)
		tui_cursor(t, tui_prompt_row(t), 1 + (int)tui_width(prompt));
	while (!st && key != '\n')
		st = tui_key(t, &key, &drawn, err);
	tui_problem(t, NULL);
	tui_asked(t);
	return st;
}

static void trim(struct secret *s)
{
	size_t start = 0;

	while (s->len && s->data[s->len - 1] == ' ')
		s->data[--s->len] = 0;
	while (start < s->len && s->data[start] == ' ')
		start++;
	memmove(s->data, s->data + start, s->len - start + 1);
	s->len -= start;
}

enum kms_status tui_ask_text(
	struct tui *t, const char *prompt, size_t max, struct secret *ret_text, struct kms_err *err)
{
	size_t fits = max < SHOWN_MAX ? max : SHOWN_MAX;
	enum kms_status st = ask(t, FIELD_TEXT, prompt, keys_text, fits, ret_text, NULL, err);

	if (!st)
		trim(ret_text);
	return st;
}

enum kms_status tui_ask_secret(struct tui *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err)
{
	return ask(t, FIELD_SECRET, prompt, "Nothing of it shows.   Enter: go on   Ctrl-C: stop",
		max, ret_secret, NULL, err);
}

enum kms_status tui_ask_new_secret(struct tui *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err)
{
	SECRET_AUTO struct secret first = {0};
	SECRET_AUTO struct secret second = {0};
	enum kms_status st;

	for (int i = 0; i < NEW_SECRET_TRIES; i++) {
		st = tui_ask_secret(t, prompt, max, &first, err);
		if (!st)
			st = tui_ask_secret(t, "the same again: ", max, &second, err);
		if (st)
			return st;
		if (secret_equal(&first, &second)) {
			secret_take(ret_secret, &first);
			return KMS_OK;
		}
		tui_problem(t, "The two were not the same.");
	}
	return kms_fail(err, KMS_ERR_CANCELLED, "a new secret was typed differently %d times",
		NEW_SECRET_TRIES);
}

static bool is(const struct secret *text, const char *a, const char *b)
{
	const char *typed = (const char *)text->data;

	return strcasecmp(typed, a) == 0 || strcasecmp(typed, b) == 0;
}

enum kms_status tui_ask_yes(struct tui *t, const char *question, bool *ret_yes, struct kms_err *err)
{
	FREE_AUTO char *prompt = NULL;
	bool said_no = false;
	enum kms_status st;

	if (asprintf(&prompt, "%s [y/n] ", question) < 0) {
		prompt = NULL;
		return kms_nomem(err);
	}
	for (;;) {
		SECRET_AUTO struct secret answer = {0};

		st = tui_ask_text(t, prompt, 8, &answer, err);
		if (st)
			return st;
		*ret_yes = is(&answer, "y", "yes");
		if (*ret_yes || (said_no && is(&answer, "n", "no")))
			return KMS_OK;
		said_no = is(&answer, "n", "no");
		tui_problem(t,
			said_no ? "You said no. If that is so, say n once more; if it was a slip, "
				  "say y."
				: "Please type y or n.");
	}
}

enum kms_status tui_confirm(
	struct tui *t, const char *question, const char *expected, struct kms_err *err)
{
	FREE_AUTO char *prompt = NULL;
	SECRET_AUTO struct secret answer = {0};
	enum kms_status st;

	tui_say(t, question);
	if (asprintf(&prompt, "Type %s to go on: ", expected) < 0) {
		prompt = NULL;
		return kms_nomem(err);
	}
	st = tui_ask_text(t, prompt, SHOWN_MAX, &answer, err);
	if (!st && strcmp((const char *)answer.data, expected) != 0)
		st = kms_fail(err, KMS_ERR_CANCELLED, "not confirmed: nothing was changed");
	return st;
}

enum kms_status tui_ask_digits(struct tui *t, const char *prompt, size_t max, bool can_back,
	struct secret *ret_digits, bool *ret_back, struct kms_err *err)
{
	*ret_back = false;
	return ask(t, FIELD_DIGITS, prompt, can_back ? keys_digits_back : keys_digits, max,
		ret_digits, can_back ? ret_back : NULL, err);
}

/* ---- a component ---- */

struct reveal {
	struct tui *t;
	const struct secret *lines;
	int row; /* of the first line */
	bool on, seen;
	int64_t until;
};

/* Each line at its place, or blanks there. */
static void paint(const struct reveal *r)
{
	const unsigned char *at = r->lines->data, *end = at + r->lines->len;

	for (int row = r->row; at < end; row++) {
		const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		if (r->on)
			tui_raw(r->t, row, 4, at, len);
		else
			tui_blank(r->t, row, 4, len);
		at += len + (newline != NULL);
	}
}

static void set_reveal(struct reveal *r, bool on, int seconds)
{
	r->on = on && !r->t->small;
	r->seen |= r->on;
	r->until = clock_now() + seconds;
	paint(r);
}

static void say_reveal(const struct reveal *r, const char *prompt)
{
	char text[128];
	int64_t left = r->until - clock_now();

	if (r->on)
		snprintf(text, sizeof(text), "%s(hidden in %d s) ", prompt,
			left < 0 ? 0 : (int)left);
	else
		snprintf(
			text, sizeof(text), "%s", r->seen ? prompt : "Space shows the component. ");
	r->t->prompt = text;
	r->t->keys = r->on ? "Space: hide   Enter: it is copied and compared   Ctrl-C: stop"
			   : "Space: show   Enter: it is copied and compared   Ctrl-C: stop";
	tui_draw(r->t);
	tui_asked(r->t);
	if (r->on)
		paint(r);
}

enum kms_status tui_reveal(struct tui *t, const struct secret *lines, int seconds,
	const char *prompt, struct kms_err *err)
{
	struct reveal r = {.t = t, .lines = lines};
	unsigned char key = 0;
	bool drawn;
	enum kms_status st = tui_through_page(t, "Space shows the component. ", "", err);

	r.row = t->page_end + 1;
	while (!st && !(key == '\n' && r.seen)) {
		say_reveal(&r, prompt);
		st = tui_key(t, &key, &drawn, err);
		if (drawn) {
			/* Wiped already, and the page may stand elsewhere now. */
			r.on = false;
			say_reveal(&r, prompt);
			r.row = t->page_end + 1;
		} else if (r.on && clock_now() >= r.until)
			set_reveal(&r, false, 0);
		else if (key == ' ')
			set_reveal(&r, !r.on, seconds);
	}
	set_reveal(&r, false, 0);
	tui_asked(t);
	return st;
}
