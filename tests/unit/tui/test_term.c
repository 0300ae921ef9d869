/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal front on a real pseudo terminal; compiled in for its sequences. */
#include "tui/term.c"

#include "support/pty.h"

#include <sys/ioctl.h>

/* Runs `ask` on an open terminal and reports what came of it: "ok: TEXT" or the error. */
struct job {
	enum kms_status (*ask)(struct term *t, struct secret *ret, struct kms_err *err);
};

static void report(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(98);
}

static int body(void *arg, int fd)
{
	const struct job *job = arg;
	SECRET_AUTO struct secret got = {0};
	TERM_AUTO struct term t = TERM_CLOSED;
	struct kms_err err = {0};
	enum kms_status st = term_open(&t, &err);

	if (!st)
		st = job->ask(&t, &got, &err);
	term_close(&t);
	report(fd, st ? kms_status_name(st) : "ok");
	report(fd, ": ");
	report(fd, st ? err.msg : got.data ? (const char *)got.data : "");
	return 0;
}

static enum kms_status ask_digits(struct term *t, struct secret *ret, struct kms_err *err)
{
	return term_ask_digits(t, "line 1:  ", 18, ret, err);
}

static enum kms_status ask_pin(struct term *t, struct secret *ret, struct kms_err *err)
{
	return term_ask_secret(t, "PIN: ", 16, ret, err);
}

static enum kms_status ask_new(struct term *t, struct secret *ret, struct kms_err *err)
{
	return term_ask_new_secret(t, "new: ", 16, ret, err);
}

static enum kms_status ask_text(struct term *t, struct secret *ret, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = term_ask_text(t, "name: ", 20, &text, err);

	return st ? st : secret_copy(ret, buf_text(&text), text.len, err);
}

static enum kms_status ask_yes(struct term *t, struct secret *ret, struct kms_err *err)
{
	bool yes = false;
	enum kms_status st = term_ask_yes(t, "Sure?", &yes, err);

	return st ? st : secret_copy(ret, yes ? "yes" : "no", yes ? 3 : 2, err);
}

static enum kms_status ask_confirm(struct term *t, struct secret *ret, struct kms_err *err)
{
	(void)ret;
	return term_confirm_typed(t, "Type its label: ", "TOKEN-1", "wiping the token", err);
}

struct dialog {
	enum kms_status (*ask)(struct term *t, struct secret *ret, struct kms_err *err);
	const char *prompt;
	const char *type;
	const char *result;
	const char *shown;  /* the terminal must show it, or NULL */
	const char *hidden; /* it must not, or NULL */
};

static void run_dialog(const struct dialog *d)
{
	struct job job = {d->ask};
	struct pty p;
	char result[400];

	pty_start(&p, body, &job);
	pty_answer(&p, d->prompt, d->type);
	assert_int_equal(pty_end(&p, result, sizeof(result)), 0);
	if (strcmp(result, d->result) != 0)
		fail_msg("typed '%s': got '%s', not '%s'", d->type, result, d->result);
	if (d->shown && !strstr(buf_text(&p.out), d->shown))
		fail_msg("typed '%s': '%s' not shown in '%s'", d->type, d->shown, p.out.data);
	if (d->hidden && strstr(buf_text(&p.out), d->hidden))
		fail_msg("typed '%s': '%s' shown in '%s'", d->type, d->hidden, p.out.data);
	pty_free(&p);
}

#define FOUR BULLET BULLET BULLET BULLET " "

static void test_dialogs(void **state)
{
	static const struct dialog dialogs[] = {
		{ask_digits, "line 1:  ", "8D1F04C277AB90E35C\r", "ok: 8D1F04C277AB90E35C",
			"line 1:  " FOUR FOUR FOUR FOUR BULLET BULLET, "8D1F"},
		{ask_digits, "line 1:  ", "8d1f 04c2\t77AB 90E3\r", "ok: 8d1f04c277AB90E3",
			FOUR FOUR FOUR FOUR, "8d1f"},
		/* As pasted from a sheet, with the line's number. */
		{ask_digits, "line 1:  ", "1:  8D1F 04C2   5C\n", "ok: 8D1F04C25C", NULL, "8D1F"},
		/* Backspace over the end of a group, and all of it. */
		{ask_digits, "line 1:  ",
			"8D1F0\x7F\x7F\x7F"
			"23\r",
			"ok: 8D23", FOUR BULLET ERASE_LEFT ERASE_LEFT ERASE_LEFT ERASE_LEFT BULLET,
			NULL},
		{ask_digits, "line 1:  ",
			"8D1F\x15"
			"AB\r",
			"ok: AB", NULL, NULL},
		{ask_digits, "line 1:  ", "\x7F\x15\b1\r", "ok: 1", NULL, NULL},
		/* No digit, and too many: the bell, and nothing taken. */
		{ask_digits, "line 1:  ", "8Dg1x\r", "ok: 8D1", BELL, NULL},
		{ask_digits, "line 1:  ", "00000000000000000012\r", "ok: 000000000000000000", BELL,
			NULL},
		/* Arrows, Home, F1 and Delete leave nothing behind. */
		{ask_digits, "line 1:  ", "1\033[A\033[1;5C\033OP\033[3~2\r", "ok: 12", NULL, NULL},
		{ask_pin, "PIN: ", "geheim 1=2\r", "ok: geheim 1=2", NULL, "g"},
		{ask_pin, "PIN: ",
			"a\xC3\xA4\x7F"
			"b\r",
			"ok: ab", NULL, BULLET},
		{ask_pin, "PIN: ", "0123456789ABCDEFGH\r", "ok: 0123456789ABCDEF", BELL, NULL},
		{ask_text, "name: ", "  J. M\xC3\xBCller \r", "ok: J. M\xC3\xBCller",
			"J. M\xC3\xBCller", NULL},
		{ask_text, "name: ", "\xC3\xBC\x7Fu\r", "ok: u", ERASE_LEFT "u", NULL},
		{ask_text, "name: ", "\xFF\rfine\r", "ok: fine", "not UTF-8", NULL},
		{ask_yes, "Sure? [y/n] ", "y\r", "ok: yes", NULL, NULL},
		{ask_yes, "Sure? [y/n] ", "maybe\rNO\r", "ok: no", "Please type y or n", NULL},
		{ask_new, "new: ", "abc\rabc\r", "ok: abc", NULL, "abc"},
		{ask_new, "new: ", "abc\rabd\rx\rx\r", "ok: x", "not the same", NULL},
		{ask_new, "new: ", "1\r2\r3\r4\r5\r6\r",
			"cancelled: a new secret was typed differently 3 times", NULL, NULL},
		{ask_confirm, "label: ", "TOKEN-1\r", "ok: ", NULL, NULL},
		{ask_confirm, "label: ", "token-1\r",
			"cancelled: wiping the token was not confirmed", NULL, NULL},
		{ask_digits, "line 1:  ", "8D1F\x03", "cancelled: stopped at the keyboard", NULL,
			"8D1F"},
		{ask_pin, "PIN: ", "12\x04", "cancelled: stopped at the keyboard (Ctrl-D)", NULL,
			NULL},
		{ask_pin, "PIN: ", "12\x1C", "cancelled: stopped at the keyboard", NULL, NULL},
		/* Ctrl-Z does not leave a terminal without echo behind. */
		{ask_pin, "PIN: ",
			"1\x1A"
			"2\r",
			"ok: 12", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dialogs) / sizeof(dialogs[0]); i++)
		run_dialog(&dialogs[i]);
}

/* A signal from outside ends the prompt; the program itself goes on to its own end. */
static void test_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	static const char *const results[] = {"cancelled: stopped by signal SIGINT",
		"cancelled: stopped by signal SIGTERM", "cancelled: stopped by signal SIGHUP",
		"cancelled: stopped by signal SIGQUIT"};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct job job = {ask_digits};
		struct pty p;
		char result[400];

		pty_start(&p, body, &job);
		pty_answer(&p, "line 1:  ", "8D1F");
		pty_expect(&p, FOUR);
		assert_int_equal(kill(p.pid, SIGTSTP), 0);
		assert_int_equal(kill(p.pid, signals[i]), 0);
		assert_int_equal(pty_end(&p, result, sizeof(result)), 0);
		assert_string_equal(result, results[i]);
		pty_free(&p);
	}
}

/* A signal that comes between prompts waits, and has its usual effect when the terminal is back. */
static int body_late_signal(void *arg, int fd)
{
	TERM_AUTO struct term t = TERM_CLOSED;
	struct kms_err err;

	(void)arg;
	if (term_open(&t, &err) || term_screen_on(&t, &err))
		return 1;
	raise(SIGTERM);
	report(fd, "still here");
	term_close(&t);
	report(fd, ", and even now");
	return 0;
}

static void test_late_signal(void **state)
{
	struct pty p;
	char result[400];
	int status;

	(void)state;
	pty_start(&p, body_late_signal, NULL);
	status = pty_end(&p, result, sizeof(result));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_string_equal(result, "still here");
	assert_non_null(strstr(buf_text(&p.out), WIPE SCREEN_OFF));
	pty_free(&p);
}

/* What was typed ahead is thrown away when the terminal is given back: not for the shell. */
static int body_leftover(void *arg, int fd)
{
	TERM_AUTO struct term t = TERM_CLOSED;
	SECRET_AUTO struct secret s = {0};
	struct kms_err err;
	int waiting = -1;

	(void)arg;
	if (term_open(&t, &err) || term_ask_secret(&t, "PIN: ", 8, &s, &err))
		return 1;
	term_close(&t);
	if (ioctl(0, FIONREAD, &waiting))
		return 2;
	report(fd, waiting ? "left" : "nothing left");
	return 0;
}

static void test_leftover_is_dropped(void **state)
{
	struct pty p;
	char result[400];

	(void)state;
	pty_start(&p, body_leftover, NULL);
	pty_answer(&p, "PIN: ", "1234\rrm -rf\rmore\r");
	assert_int_equal(pty_end(&p, result, sizeof(result)), 0);
	assert_string_equal(result, "nothing left");
	pty_free(&p);
}

/* The terminal goes away while it is asked. */
static void test_hangup(void **state)
{
	struct job job = {ask_pin};
	char result[400] = "";
	struct pty p;
	int status = 0;

	(void)state;
	pty_start(&p, body, &job);
	pty_expect(&p, "PIN: ");
	close(p.slave);
	close(p.master);
	assert_true(read(p.result, result, sizeof(result) - 1) > 0);
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	assert_memory_equal(result, "cancelled", 9);
	close(p.result);
	pty_free(&p);
}

static void test_no_terminal(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		TERM_AUTO struct term t = TERM_CLOSED;
		struct kms_err err = {0};

		setsid();
		if (term_available() || term_open(&t, &err) != KMS_ERR_IO || t.fd != -1 ||
			strcmp(err.msg, "there is no terminal to ask on") != 0 ||
			!strstr(err.hint, "--pin-fd"))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_late_signal),
		cmocka_unit_test(test_leftover_is_dropped),
		cmocka_unit_test(test_hangup),
		cmocka_unit_test(test_no_terminal),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
