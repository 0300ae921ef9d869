/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/screen_int.h"

#include "base/text.h"
#include "tui/terminfo.h"

#include <curses.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROW_AT = 1, ROW_LEAVING, ROW_PROGRESS, ROW_RULE, ROW_HEADING, ROW_TEXT = 7 };

/* ---- opening and closing ---- */

bool tui_possible(void)
{
	const char *type = getenv("TERM");

	return type && *type && terminfo_can_move(type);
}

/*
 * Characters beyond ASCII are drawn where the environment says that the terminal takes UTF-8; nothing
 * else of a language is taken over, or digits and letter case would depend on it.
 */
static void choose_characters(void)
{
	locale_t user = newlocale(LC_CTYPE_MASK, "", NULL);

	if (user && strcmp(nl_langinfo_l(CODESET, user), "UTF-8") == 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	if (user)
		freelocale(user);
}

/* Curses would exit at a signal by a handler of its own; signals are term.h's. */
static SCREEN *start_curses(FILE *out, FILE *in)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
	struct sigaction before[sizeof(numbers) / sizeof(*numbers)];
	SCREEN *screen;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], NULL, &before[i]);
	screen = newterm(NULL, out, in);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &before[i], NULL);
	if (!screen)
		return NULL;
	raw(); /* as term.h has set it: no key makes a signal */
	/* Drawing is not put off because somebody types: it would go over what is raw. */
	typeahead(-1);
	return screen;
}

static FILE *stream(int fd, const char *mode)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *file = copy < 0 ? NULL : fdopen(copy, mode);

	if (!file && copy >= 0)
		close(copy);
	return file;
}

static void measure(struct tui *t)
{
	struct winsize size;

	/* A serial line knows no size: then it is what terminfo says of the terminal. */
	if (ioctl(t->term.fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	getmaxyx(stdscr, t->rows, t->columns);
	t->small = t->rows < TUI_LINES || t->columns < TUI_COLUMNS;
	clearok(curscr, TRUE);
}

enum kms_status tui_open(struct tui **ret_tui, struct kms_err *err)
{
	struct tui *t = calloc(1, sizeof(*t));
	enum kms_status st;

	if (!t)
		return kms_nomem(err);
	t->term = (struct term)TERM_CLOSED;
	st = term_open(&t->term, err);
	if (!st)
		st = term_screen_on(&t->term, err);
	if (!st) {
		choose_characters();
		t->in = stream(t->term.fd, "r");
		t->out = stream(t->term.fd, "w");
		if (t->in && t->out)
			t->screen = start_curses(t->out, t->in);
		if (!t->screen) {
			kms_fail(err, KMS_ERR_IO, "this terminal cannot show a full screen");
			st = kms_hint(err, "say with TERM what it is, or use --plain");
		}
	}
	if (st) {
		tui_close(t);
		return st;
	}
	measure(t);
	*ret_tui = t;
	return KMS_OK;
}

void tui_close(struct tui *t)
{
	if (!t)
		return;
	if (t->screen) {
		(void)!term_clear(&t->term, NULL);
		endwin();
		delscreen(t->screen);
	}
	if (t->in)
		fclose(t->in);
	if (t->out)
		fclose(t->out);
	term_close(&t->term);
	buf_free(&t->text);
	buf_free(&t->problem);
	free(t);
}

/* ---- what is on the screen ---- */

static void set(char *to, size_t size, const char *text)
{
	text_clean(text ? text : "", to, size);
}

void tui_title(struct tui *t, const char *title)
{
	set(t->title, sizeof(t->title), title);
}

void tui_banner(struct tui *t, const char *banner)
{
	t->banner = banner;
}

void tui_people(struct tui *t, const char *at, const char *leaving)
{
	set(t->at, sizeof(t->at), at);
	set(t->leaving, sizeof(t->leaving), leaving);
}

void tui_progress(struct tui *t, const char *text)
{
	set(t->progress, sizeof(t->progress), text);
}

void tui_text(struct tui *t, const char *text)
{
	buf_free(&t->text);
	t->part = 0;
	t->growing = false;
	(void)!buf_puts(&t->text, text, NULL);
}

void tui_page(struct tui *t, const char *heading, const char *text)
{
	set(t->heading, sizeof(t->heading), heading);
	tui_problem(t, NULL);
	tui_text(t, text);
	tui_draw(t);
}

void tui_say(struct tui *t, const char *text)
{
	(void)!buf_puts(&t->text, text, NULL);
	(void)!buf_puts(&t->text, "\n", NULL);
	t->growing = true;
	tui_draw(t);
}

void tui_problem(struct tui *t, const char *text)
{
	buf_free(&t->problem);
	if (text)
		(void)!buf_puts(&t->problem, text, NULL);
}

enum kms_status tui_wipe(struct tui *t, struct kms_err *err)
{
	enum kms_status st;

	erase();
	refresh();
	st = term_clear(&t->term, err);
	clearok(curscr, TRUE);
	return st;
}

void tui_drop_input(struct tui *t)
{
	term_drop_input(&t->term);
}

/* ---- drawing ---- */

size_t tui_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xC0) != 0x80;
	return width;
}

/* The bytes of at most `columns` characters. */
static size_t bytes_of(const char *text, size_t len, size_t columns)
{
	size_t i = 0;

	for (; i < len; i++)
		if (((unsigned char)text[i] & 0xC0) != 0x80 && columns-- == 0)
			break;
	return i;
}

static bool takes_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void put(int row, int column, const char *text, size_t len)
{
	if (takes_utf8()) {
		mvaddnstr(row, column, text, (int)len);
		return;
	}
	move(row, column);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xC0) != 0x80)
			addch((unsigned char)text[i] < 0x80 ? (chtype)text[i] : '?');
}

static void put_row(const struct tui *t, int row, const char *text)
{
	put(row, 1, text, bytes_of(text, strlen(text), (size_t)t->columns - 2));
}

struct row {
	const char *text;
	size_t len;
	size_t indent;
};

/* The next row of a text at *at: a line of it, or as many of its words as fit. */
static struct row next_row(const char **at, size_t indent, size_t columns)
{
	size_t line = strcspn(*at, "\n"), fits = bytes_of(*at, line, columns - indent);
	struct row row = {*at, line, indent};

	if (fits < line) {
		size_t cut = fits;

		while (cut && (*at)[cut] != ' ')
			cut--;
		row.len = cut ? cut : fits;
		*at += row.len;
		*at += strspn(*at, " ");
		return row;
	}
	*at += line + ((*at)[line] == '\n');
	return row;
}

/* Cuts a clean text into rows; further rows of a line are indented like its first. */
static size_t wrap(const char *text, size_t columns, struct row *rows, size_t max)
{
	size_t n = 0;

	while (*text && n < max) {
		size_t own = strspn(text, " "), left = strcspn(text, "\n");
		const char *end = text + left;

		own = own < columns / 2 ? own : 0;
		rows[n++] = next_row(&text, 0, columns);
		while (text < end && n < max)
			rows[n++] = next_row(&text, own, columns);
	}
	return n;
}

static size_t draw_problem(struct tui *t, int bottom)
{
	FREE_AUTO char *clean = text_clean_lines(buf_text(&t->problem));
	struct row rows[6];
	size_t n = clean ? wrap(clean, (size_t)t->columns - 5, rows, 6) : 0;

	for (size_t i = 0; i < n; i++) {
		int row = bottom - (int)(n - i);

		if (i == 0)
			mvaddstr(row, 1, "**");
		attron(A_BOLD);
		put(row, 4 + (int)rows[i].indent, rows[i].text, rows[i].len);
		attroff(A_BOLD);
	}
	return n;
}

static void draw_text(struct tui *t, int bottom)
{
	FREE_AUTO char *clean = text_clean_lines(buf_text(&t->text));
	FREE_AUTO struct row *rows = calloc(TUI_ROWS_MAX, sizeof(*rows));
	size_t fits = (size_t)(bottom - ROW_TEXT), from, n;

	t->last_part = true;
	t->page_end = ROW_TEXT;
	if (!clean || !rows)
		return;
	n = wrap(clean, (size_t)t->columns - 2, rows, TUI_ROWS_MAX);
	/* Where nobody asks, the end is what is new. */
	from = t->growing && !t->prompt && n > fits ? n - fits : t->part * fits;
	for (size_t i = from; i < n && i < from + fits; i++)
		put(t->page_end++, 1 + (int)rows[i].indent, rows[i].text, rows[i].len);
	t->last_part = n <= from + fits;
}

static void draw_bar(const struct tui *t, int row, const char *text)
{
	attron(A_REVERSE);
	mvhline(row, 0, ' ', t->columns);
	put_row(t, row, text);
	attroff(A_REVERSE);
}

static void draw_person(const struct tui *t, int row, const char *label, const char *who)
{
	if (!*who)
		return;
	put(row, 1, label, strlen(label));
	attron(A_BOLD);
	put(row, 18, who, bytes_of(who, strlen(who), (size_t)t->columns - 19));
	attroff(A_BOLD);
}

static void draw_small(const struct tui *t)
{
	mvprintw(0, 0, "Too small: %dx%d.", t->columns, t->rows);
	if (t->rows > 1)
		mvprintw(1, 0, "Needs %dx%d.", TUI_COLUMNS, TUI_LINES);
	if (t->rows > 2)
		mvaddstr(2, 0, "Make it larger:");
	if (t->rows > 3)
		mvaddstr(3, 0, "then it goes on.");
}

static void draw_asking(struct tui *t)
{
	const char *keys = t->keys ? t->keys : "";

	if (t->prompt && t->last_part)
		put_row(t, tui_prompt_row(t), t->prompt);
	else if (t->prompt) {
		put_row(t, tui_prompt_row(t), "There is more: Enter shows it. ");
		keys = "Enter: next part   Backspace: part before   Ctrl-C: stop the ceremony";
	}
	draw_bar(t, t->rows - 1, t->prompt ? keys : "Please wait");
}

void tui_draw(struct tui *t)
{
	int bottom = t->rows - 4;

	erase();
	if (t->small) {
		draw_small(t);
		refresh();
		return;
	}
	draw_bar(t, 0, t->title);
	if (t->banner) {
		attron(A_REVERSE | A_BOLD);
		mvaddstr(0, t->columns - (int)strlen(t->banner) - 2, t->banner);
		attroff(A_REVERSE | A_BOLD);
	}
	draw_person(t, ROW_AT, "At the keyboard", t->at);
	draw_person(t, ROW_LEAVING, "Must leave", t->leaving);
	put_row(t, ROW_PROGRESS, t->progress);
	mvhline(ROW_RULE, 0, '-', t->columns);
	attron(A_BOLD);
	put_row(t, ROW_HEADING, t->heading);
	attroff(A_BOLD);
	bottom -= (int)draw_problem(t, bottom);
	draw_text(t, bottom);
	draw_asking(t);
	refresh();
}

/* ---- around curses ---- */

void tui_cursor(struct tui *t, int row, int column)
{
	(void)t;
	move(row, column);
	refresh();
}

static void go_to(struct tui *t, int row, int column)
{
	char to[64];

	term_put(&t->term, to, terminfo_move(row, column, to, sizeof(to)));
}

void tui_raw(struct tui *t, int row, int column, const void *data, size_t len)
{
	int back_row, back_column;

	if (t->small)
		return;
	/* Curses moves from where it left the cursor. */
	getyx(curscr, back_row, back_column);
	go_to(t, row, column);
	term_put(&t->term, data, len);
	go_to(t, back_row, back_column);
}

void tui_blank(struct tui *t, int row, int column, size_t columns)
{
	static const char blanks[TUI_COLUMNS + 1] =
		"                                                                                ";

	tui_raw(t, row, column, blanks, columns < TUI_COLUMNS ? columns : TUI_COLUMNS);
}

/* ---- keys ---- */

enum kms_status tui_key(struct tui *t, unsigned char *ret_key, bool *ret_drawn, struct kms_err *err)
{
	enum kms_status st = term_key(&t->term, TUI_TICK_MS, ret_key, err);

	*ret_drawn = false;
	if (st)
		return st;
	if (t->term.resized) {
		t->term.resized = false;
		/* What was raw may have been moved anywhere by the terminal. */
		st = term_clear(&t->term, err);
		measure(t);
		tui_draw(t);
		*ret_drawn = true;
	}
	if (t->small)
		*ret_key = 0;
	return st;
}

enum kms_status tui_through_page(
	struct tui *t, const char *prompt, const char *keys, struct kms_err *err)
{
	unsigned char key = 0;
	bool drawn;
	enum kms_status st = KMS_OK;

	t->prompt = prompt;
	t->keys = keys;
	tui_draw(t);
	while (!st && (!t->last_part || t->small)) {
		st = tui_key(t, &key, &drawn, err);
		if (key == '\n')
			t->part++;
		else if (key == '\b' && t->part)
			t->part--;
		if (key)
			tui_draw(t);
	}
	return st;
}

void tui_asked(struct tui *t)
{
	t->prompt = t->keys = NULL;
}
