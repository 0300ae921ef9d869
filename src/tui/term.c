/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/term.h"

#include "base/hex.h"
#include "base/text.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	KEY_CTRL_C = 0x03,
	KEY_CTRL_D = 0x04,
	KEY_BACKSPACE = 0x08,
	KEY_CTRL_U = 0x15,
	KEY_CTRL_BACKSLASH = 0x1C,
	KEY_ESCAPE = 0x1B,
	KEY_DELETE = 0x7F,
	GROUP = 4,
	ESCAPE_WAIT_MS = 50, /* a terminal sends the rest of a key's sequence at once */
	NEW_SECRET_TRIES = 3,
};

#define SCREEN_ON  "\033[?1049h"
#define SCREEN_OFF "\033[?1049l"
#define WIPE	   "\033[2J\033[3J\033[H"
#define ERASE_LEFT "\b \b"
#define BELL	   "\a"
#define BULLET	   "\xE2\x80\xA2"

/* ---- opening and closing ---- */

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

bool term_available(void)
{
	int fd = open_terminal();
	bool yes = fd >= 0 && isatty(fd);

	if (fd >= 0)
		close(fd);
	return yes;
}

static enum kms_status block_signals(struct term *t, struct kms_err *err)
{
	static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (t->signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, &t->saved_mask))
		return kms_fail(err, KMS_ERR_IO, "cannot watch for signals: %s", strerror(errno));
	return KMS_OK;
}

static enum kms_status quiet(struct term *t, struct kms_err *err)
{
	struct termios raw = t->saved;

	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | IGNCR);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(t->fd, TCSAFLUSH, &raw))
		return kms_fail(err, KMS_ERR_IO, "cannot switch the terminal's echo off: %s",
			strerror(errno));
	return KMS_OK;
}

enum kms_status term_open(struct term *ret_term, struct kms_err *err)
{
	struct term t = TERM_CLOSED;
	enum kms_status st;

	t.fd = open_terminal();
	if (t.fd < 0 || tcgetattr(t.fd, &t.saved)) {
		if (t.fd >= 0)
			close(t.fd);
		kms_fail(err, KMS_ERR_IO, "there is no terminal to ask on");
		return kms_hint(err, "run it on a terminal, or give the answers by --pin-fd");
	}
	st = block_signals(&t, err);
	if (st) {
		if (t.signal_fd >= 0)
			close(t.signal_fd);
		close(t.fd);
		return st;
	}
	st = quiet(&t, err);
	if (st)
		term_close(&t);
	else
		*ret_term = t;
	return st;
}

static bool put(struct term *t, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(t->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool put_text(struct term *t, const char *text)
{
	return put(t, text, strlen(text));
}

void term_close(struct term *t)
{
	if (t->fd < 0)
		return;
	if (t->screen)
		put_text(t, WIPE SCREEN_OFF);
	/* Flushes: the rest of a paste must not end up on the shell's command line. */
	tcsetattr(t->fd, TCSAFLUSH, &t->saved);
	close(t->signal_fd);
	close(t->fd);
	t->fd = t->signal_fd = -1;
	t->screen = false;
	sigprocmask(SIG_SETMASK, &t->saved_mask, NULL);
}

/* ---- writing ---- */

static enum kms_status gone(struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_CANCELLED, "the terminal has gone");
}

/* Names and labels of others come this way too: nothing of it may move the cursor. */
void term_say(struct term *t, const char *fmt, ...)
{
	FREE_AUTO char *clean = NULL;
	FREE_AUTO char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	clean = text ? text_clean_lines(text) : NULL;
	if (clean)
		put_text(t, clean);
}

void term_put(struct term *t, const void *data, size_t len)
{
	put(t, data, len);
}

enum kms_status term_show(struct term *t, const struct secret *text, struct kms_err *err)
{
	return put(t, text->data, text->len) ? KMS_OK : gone(err);
}

enum kms_status term_screen_on(struct term *t, struct kms_err *err)
{
	const char *type = getenv("TERM");

	t->screen = true;
	if (!put_text(t, SCREEN_ON WIPE))
		return gone(err);
	if (!type || !*type || strcmp(type, "dumb") == 0)
		term_say(t, "This terminal does not say that it can be wiped (TERM is not set): "
			    "close its window\nafter the ceremony.\n\n");
	return KMS_OK;
}

enum kms_status term_clear(struct term *t, struct kms_err *err)
{
	return put_text(t, WIPE) ? KMS_OK : gone(err);
}

enum kms_status term_screen_off(struct term *t, struct kms_err *err)
{
	if (!t->screen)
		return KMS_OK;
	t->screen = false;
	return put_text(t, WIPE SCREEN_OFF) ? KMS_OK : gone(err);
}

/* ---- reading keys ---- */

void term_drop_input(struct term *t)
{
	tcflush(t->fd, TCIFLUSH);
}

/* A signal that was blocked: SIGTSTP is passed over, SIGWINCH noted, the others end the prompt. */
static enum kms_status take_signal(struct term *t, struct kms_err *err)
{
	struct signalfd_siginfo info;

	if (read(t->signal_fd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGTSTP)
		return KMS_OK;
	if (info.ssi_signo == SIGWINCH) {
		t->resized = true;
		return KMS_OK;
	}
	return kms_fail(err, KMS_ERR_CANCELLED, "stopped by signal SIG%s",
		sigabbrev_np((int)info.ssi_signo));
}

/* Waits for a byte; with a timeout in ms (-1: none), *ret_c is 0 when it has passed. */
static enum kms_status read_byte(
	struct term *t, int timeout, unsigned char *ret_c, struct kms_err *err)
{
	struct pollfd fds[] = {{t->fd, POLLIN, 0}, {t->signal_fd, POLLIN, 0}};
	enum kms_status st;

	for (;;) {
		int ready = poll(fds, 2, timeout);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			*ret_c = 0;
			return KMS_OK;
		}
		if (fds[1].revents) {
			st = take_signal(t, err);
			if (st)
				return st;
			continue;
		}
		n = read(t->fd, ret_c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return n == 1 ? KMS_OK : gone(err);
	}
}

/* Arrow and function keys: ESC [ … or ESC O …, up to a byte from 40 to 7E; with Alt, ESC before it. */
static enum kms_status skip_escape(struct term *t, struct kms_err *err)
{
	unsigned char c;
	enum kms_status st;

	do
		st = read_byte(t, ESCAPE_WAIT_MS, &c, err);
	while (!st && c == KEY_ESCAPE);
	if (st || (c != '[' && c != 'O'))
		return st;
	do
		st = read_byte(t, ESCAPE_WAIT_MS, &c, err);
	while (!st && c && (c < 0x40 || c > 0x7E));
	return st;
}

/* A byte that has come: keys that end everything are errors, Enter is '\n', an arrow key nothing (0). */
static enum kms_status judge_key(struct term *t, unsigned char *key, struct kms_err *err)
{
	switch (*key) {
	case KEY_CTRL_C:
	case KEY_CTRL_BACKSLASH:
		return kms_fail(err, KMS_ERR_CANCELLED, "stopped at the keyboard");
	case KEY_CTRL_D:
		return kms_fail(err, KMS_ERR_CANCELLED, "stopped at the keyboard (Ctrl-D)");
	case KEY_ESCAPE:
		*key = 0;
		return skip_escape(t, err);
	case '\r':
		*key = '\n';
		return KMS_OK;
	case KEY_DELETE:
		*key = KEY_BACKSPACE;
		return KMS_OK;
	default:
		return KMS_OK;
	}
}

static enum kms_status read_key(struct term *t, unsigned char *ret_key, struct kms_err *err)
{
	enum kms_status st;

	do {
		st = read_byte(t, -1, ret_key, err);
		if (!st)
			st = judge_key(t, ret_key, err);
	} while (!st && *ret_key == 0);
	return st;
}

enum kms_status term_key(
	struct term *t, int timeout_ms, unsigned char *ret_key, struct kms_err *err)
{
	struct pollfd fds[] = {{t->fd, POLLIN, 0}, {t->signal_fd, POLLIN, 0}};
	enum kms_status st;

	*ret_key = 0;
	if (poll(fds, 2, timeout_ms) <= 0)
		return KMS_OK;
	if (fds[1].revents)
		return take_signal(t, err);
	st = read_byte(t, 0, ret_key, err);
	return st ? st : judge_key(t, ret_key, err);
}

/* ---- lines ---- */

enum echo { ECHO_NOTHING, ECHO_TEXT, ECHO_BULLETS };

/* A line being typed: at most line->cap bytes of text, which is never moved. */
struct line {
	struct term *t;
	enum echo echo;
	struct secret text;
};

static bool is_continuation(unsigned char c)
{
	return c >> 6 == 2;
}

static void take_back(struct line *l)
{
	unsigned char gone_byte;

	if (l->text.len == 0)
		return;
	if (l->echo == ECHO_BULLETS && l->text.len % GROUP == 0)
		put_text(l->t, ERASE_LEFT);
	do {
		gone_byte = l->text.data[--l->text.len];
		l->text.data[l->text.len] = 0;
	} while (l->text.len && is_continuation(gone_byte));
	secret_wipe(&gone_byte, sizeof(gone_byte));
	if (l->echo != ECHO_NOTHING)
		put_text(l->t, ERASE_LEFT);
}

static void add(struct line *l, unsigned char c)
{
	if (l->text.len == l->text.cap) {
		put_text(l->t, BELL);
		return;
	}
	l->text.data[l->text.len++] = c;
	if (l->echo == ECHO_TEXT)
		put(l->t, &c, 1);
	if (l->echo == ECHO_BULLETS)
		put_text(l->t, l->text.len % GROUP ? BULLET : BULLET " ");
}

/* In a line of digits, blanks and the "1:" that the sheet prints before them are passed over. */
static void add_digit(struct line *l, unsigned char c)
{
	if (c == ':' && l->text.len == 1)
		take_back(l);
	else if (hex_digit(c) >= 0)
		add(l, c);
	else if (c != ' ' && c != '\t')
		put_text(l->t, BELL);
}

static void take_key(struct line *l, unsigned char c)
{
	if (c == KEY_BACKSPACE)
		take_back(l);
	else if (c == KEY_CTRL_U)
		while (l->text.len)
			take_back(l);
	else if (l->echo == ECHO_BULLETS)
		add_digit(l, c);
	else if (c >= 0x20)
		add(l, c);
}

static enum kms_status read_line(struct term *t, const char *prompt, enum echo echo, size_t max,
	struct secret *ret_text, struct kms_err *err)
{
	struct line l = {.t = t, .echo = echo};
	unsigned char key = 0;
	enum kms_status st;

	st = secret_alloc(&l.text, max, err);
	if (st)
		return st;
	l.text.len = 0;
	term_say(t, "%s", prompt);
	while (!(st = read_key(t, &key, err)) && key != '\n')
		take_key(&l, key);
	secret_wipe(&key, sizeof(key));
	put_text(t, "\n");
	if (st)
		secret_free(&l.text);
	else
		secret_take(ret_text, &l.text);
	return st;
}

/* ---- prompts ---- */

enum kms_status term_ask_text(
	struct term *t, const char *prompt, size_t max, struct buf *ret_text, struct kms_err *err)
{
	SECRET_AUTO struct secret line = {0};
	enum kms_status st;

	for (;;) {
		const char *start, *end;

		st = read_line(t, prompt, ECHO_TEXT, max, &line, err);
		if (st)
			return st;
		start = (const char *)line.data;
		end = start + line.len;
		if (utf8_valid(start, line.len)) {
			while (start < end && *start == ' ')
				start++;
			while (end > start && end[-1] == ' ')
				end--;
			buf_free(ret_text);
			return buf_append(ret_text, start, (size_t)(end - start), err);
		}
		term_say(t, "That is not UTF-8 text; please type it again.\n");
	}
}

enum kms_status term_ask_secret(struct term *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err)
{
	return read_line(t, prompt, ECHO_NOTHING, max, ret_secret, err);
}

enum kms_status term_ask_new_secret(struct term *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err)
{
	SECRET_AUTO struct secret first = {0};
	SECRET_AUTO struct secret second = {0};
	enum kms_status st;

	for (int i = 0; i < NEW_SECRET_TRIES; i++) {
		st = read_line(t, prompt, ECHO_NOTHING, max, &first, err);
		if (!st)
			st = read_line(t, "the same again: ", ECHO_NOTHING, max, &second, err);
		if (st)
			return st;
		if (secret_equal(&first, &second)) {
			secret_take(ret_secret, &first);
			return KMS_OK;
		}
		term_say(t, "The two were not the same.\n");
	}
	return kms_fail(err, KMS_ERR_CANCELLED, "a new secret was typed differently %d times",
		NEW_SECRET_TRIES);
}

enum kms_status term_ask_digits(struct term *t, const char *prompt, size_t max,
	struct secret *ret_digits, struct kms_err *err)
{
	return read_line(t, prompt, ECHO_BULLETS, max, ret_digits, err);
}

enum kms_status term_ask_yes(
	struct term *t, const char *question, bool *ret_yes, struct kms_err *err)
{
	BUF_AUTO struct buf answer = {0};
	BUF_AUTO struct buf prompt = {0};
	enum kms_status st;

	st = buf_printf(&prompt, err, "%s [y/n] ", question);
	while (!st) {
		st = term_ask_text(t, buf_text(&prompt), 8, &answer, err);
		if (st)
			break;
		*ret_yes = strcasecmp(buf_text(&answer), "y") == 0 ||
			   strcasecmp(buf_text(&answer), "yes") == 0;
		if (*ret_yes || strcasecmp(buf_text(&answer), "n") == 0 ||
			strcasecmp(buf_text(&answer), "no") == 0)
			break;
		term_say(t, "Please type y or n.\n");
	}
	return st;
}

enum kms_status term_confirm_typed(struct term *t, const char *question, const char *expected,
	const char *what, struct kms_err *err)
{
	BUF_AUTO struct buf answer = {0};
	enum kms_status st;

	st = term_ask_text(t, question, 256, &answer, err);
	if (!st && strcmp(buf_text(&answer), expected) != 0)
		st = kms_fail(err, KMS_ERR_CANCELLED, "%s was not confirmed", what);
	return st;
}

enum kms_status term_wait_enter(struct term *t, const char *prompt, struct kms_err *err)
{
	SECRET_AUTO struct secret nothing = {0};

	return read_line(t, prompt, ECHO_NOTHING, 1, &nothing, err);
}
