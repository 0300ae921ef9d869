/* SPDX-License-Identifier: Apache-2.0 */
/* Whole ceremonies on a pseudo terminal. cli/ is a program, not a library: its files are compiled
 * in here. */
#include "cli/pinfd.c"
#include "cli/room.c"
#include "tui/term.c"

#include "keys/component.h"
#include "support/cer_fixture.h"
#include "support/pty.h"

enum { COUNT = 3 };

static const char room_left[] = "(the room is left)\n";
static const char wipe_all[] = "\033[2J\033[3J";

/* What a ceremony is about; made before the child is, so that both know it. */
struct game {
	enum cer_kind kind;
	enum key_alg alg;
	struct secret parts[COUNT];
	char lines[COUNT][CER_LINES_MAX][20]; /* 18 digits each */
	char kcvs[COUNT][KEY_KCV_TEXT_SIZE];
	struct key_kcv combined;
	unsigned tries;
};

static void game_make(struct game *g, enum cer_kind kind)
{
	SECRET_AUTO struct secret whole = {0};

	*g = (struct game){.kind = kind, .alg = KEY_AES128, .tries = 3};
	for (unsigned i = 0; i < COUNT; i++) {
		cer_fixture_component(g->alg, 77, i + 1, &g->parts[i]);
		cer_fixture_kcv(g->alg, &g->parts[i], g->kcvs[i]);
		for (unsigned line = 0; line < 2; line++) {
			const unsigned char *bytes = g->parts[i].data + line * CER_LINE_BYTES;
			unsigned char check = cer_line_check(i + 1, line + 1, bytes);

			hex_encode(bytes, CER_LINE_BYTES, g->lines[i][line]);
			hex_encode(&check, 1, g->lines[i][line] + CER_LINE_DIGITS);
		}
	}
	assert_int_equal(key_combine(g->alg, g->parts, COUNT, &whole, NULL), KMS_OK);
	assert_int_equal(key_kcv_default(g->alg, &whole, &g->combined, NULL), KMS_OK);
}

static void game_free(struct game *g)
{
	for (unsigned i = 0; i < COUNT; i++)
		secret_free(&g->parts[i]);
}

static enum kms_status combine(struct cer *c, const struct game *g, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	struct secret parts[COUNT] = {0};
	struct key_kcv kcv;
	enum kms_status st = KMS_OK;

	for (unsigned i = 0; i < COUNT && !st; i++) {
		const struct secret *part = cer_component(c, i + 1);

		st = secret_copy(&parts[i], part->data, part->len, err);
	}
	if (!st)
		st = key_combine(g->alg, parts, COUNT, &key, err);
	if (!st)
		st = key_kcv_default(g->alg, &key, &kcv, err);
	if (!st)
		st = cer_answer_combined(c, &kcv, CER_FIXTURE_TIME, err);
	for (unsigned i = 0; i < COUNT; i++)
		secret_free(&parts[i]);
	return st;
}

static struct cer *game_open(struct game *g, bool unattended)
{
	struct cer_pairs pairs = cer_fixture_pairs(COUNT);
	struct cer_setup setup = cer_fixture_setup(g->kind, g->alg, &pairs);
	struct secret drawn[COUNT] = {0};
	struct kms_err err = {0};
	struct cer *c = NULL;

	setup.tries = g->tries;
	setup.unattended = unattended;
	if (g->kind == CER_IMPORT)
		setup.expected = &g->combined;
	else
		for (unsigned i = 0; i < COUNT; i++)
			cer_fixture_must(
				secret_copy(&drawn[i], g->parts[i].data, g->parts[i].len, &err),
				&err);
	cer_fixture_must(cer_new(&setup, g->kind == CER_CREATE ? drawn : NULL, &c, &err), &err);
	return c;
}

/* The child: the ceremony as the program runs it. Reports the outcome. */
static int body(void *arg, int fd)
{
	struct game *g = arg;
	TERM_AUTO struct term t = TERM_CLOSED;
	CER_AUTO struct cer *c = game_open(g, false);
	struct kms_err err = {0};
	enum kms_status st = term_open(&t, &err);

	if (!st)
		st = room_run(&t, NULL, c, &err);
	/* From here on the program talks on the ordinary screen again. */
	term_say(&t, "%s", room_left);
	if (!st)
		st = combine(c, g, &err);
	if (!st)
		st = room_run(&t, NULL, c, &err);
	dprintf(fd, "%s: %s (state %d)", kms_status_name(st), err.msg, (int)cer_state(c));
	return 0;
}

static void ended(struct pty *p, const char *result)
{
	char got[1500];

	assert_int_equal(pty_end(p, got, sizeof(got)), 0);
	if (!strstr(got, result))
		fail_msg("the ceremony ended with '%s', not '%s'", got, result);
	/* The screen is wiped and given back before anything else is said. */
	assert_non_null(strstr(p->out.data, WIPE SCREEN_OFF "(the room is left)"));
}

/* In how many stretches between two wipes (screen and scrollback) the component can be read. */
static unsigned stretches_with(const struct pty *p, const struct secret *component)
{
	char *copy = strdup(p->out.data);
	char *at = copy;
	unsigned count = 0;

	assert_int_equal(strlen(copy), p->out.len);
	while (at) {
		char *wipe = strstr(at, wipe_all);

		if (wipe)
			*wipe = 0;
		count += cer_fixture_leaks(at, component);
		/* A stretch that no wipe ends is what stays on the screen. */
		if (!wipe)
			assert_false(cer_fixture_leaks(at, component));
		at = wipe ? wipe + strlen(wipe_all) : NULL;
	}
	free(copy);
	return count;
}

static void begin(struct pty *p)
{
	pty_answer(p, "Press Enter to begin", "\r");
	pty_answer(p, "fingerprints agree? [y/n] ", "y\r");
}

/* ---- create ---- */

static void test_create(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_CREATE);
	pty_start(&p, body, &g);
	begin(&p);
	for (unsigned i = 0; i < COUNT; i++) {
		pty_expect(&p, i == 0	? "Call A. Ortiz and B. Lindqvist"
			       : i == 1 ? "Call C. Haddad and D. Novak"
					: "Call E. Sato and F. Okafor");
		pty_answer(&p, "only the two of you see the screen. ", "\r");
		pty_expect(&p, "cardkms component sheet        serial 00001");
		pty_answer(&p, "copied and compared. ", "\r");
		pty_expect(&p, wipe_all); /* before the fingerprints, which have room then */
		pty_answer(&p, "on the sheet too. ", "\r");
		if (i == 1) {
			pty_answer(&p, "check value:  ", "000000\r");
			pty_expect(&p, "** component 2: the check value typed is not that");
			pty_expect(&p, "2 tries left");
		}
		pty_answer(&p, "check value:  ", g.kcvs[i]);
		pty_type(&p, "\r");
		pty_expect(&p, wipe_all);
		pty_answer(&p, "when it is done. ", "\r");
	}
	ended(&p, "ok:  (state 1)");
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(stretches_with(&p, &g.parts[i]), 1);
	pty_free(&p);
	game_free(&g);
}

/* Stopped with a component on the screen: it is wiped all the same. */
static void test_create_stopped_while_shown(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_CREATE);
	pty_start(&p, body, &g);
	begin(&p);
	pty_answer(&p, "only the two of you see the screen. ", "\r");
	pty_expect(&p, "copied and compared. ");
	pty_type(&p, "\x03");
	ended(&p, "cancelled: stopped at the keyboard (state 2)");
	assert_int_equal(stretches_with(&p, &g.parts[0]), 1);
	assert_int_equal(stretches_with(&p, &g.parts[1]), 0);
	pty_free(&p);
	game_free(&g);
}

static void test_create_room_refused(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_CREATE);
	pty_start(&p, body, &g);
	pty_answer(&p, "Press Enter to begin", "\r");
	pty_expect(&p, "aardvark adviser accrue aggregate");
	pty_answer(&p, "fingerprints agree? [y/n] ", "n\r");
	ended(&p, "cancelled: the people in the room or the fingerprints were not confirmed");
	assert_int_equal(stretches_with(&p, &g.parts[0]), 0);
	pty_free(&p);
	game_free(&g);
}

/* ---- import ---- */

static void to_entry(struct pty *p)
{
	pty_answer(p, "only the two of you see the screen. ", "\r");
	pty_answer(p, "Does your sheet say the same? [y/n] ", "y\r");
	pty_answer(p, "ceremony id:  ", "7f3k22qd\r");
}

static void type_line(struct pty *p, unsigned line, const char *digits)
{
	char prompt[16];

	snprintf(prompt, sizeof(prompt), "line %u:  ", line);
	pty_answer(p, prompt, digits);
	pty_type(p, "\r");
}

static void good_pair(struct pty *p, const struct game *g, unsigned i)
{
	to_entry(p);
	type_line(p, 1, g->lines[i][0]);
	type_line(p, 2, g->lines[i][1]);
	pty_answer(p, "check value:  ", g->kcvs[i]);
	pty_type(p, "\r");
	pty_expect(p, wipe_all);
	pty_answer(p, "when it is done. ", "\r");
}

static void assert_nothing_shown(const struct pty *p, const struct game *g)
{
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(stretches_with(p, &g->parts[i]), 0);
}

static void test_import(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	pty_start(&p, body, &g);
	begin(&p);
	for (unsigned i = 0; i < COUNT; i++)
		good_pair(&p, &g, i);
	ended(&p, "ok:  (state 1)");
	assert_nothing_shown(&p, &g);
	pty_free(&p);
	game_free(&g);
}

static void test_import_with_mistakes(void **state)
{
	char wrong[20];
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	pty_start(&p, body, &g);
	begin(&p);
	good_pair(&p, &g, 0);
	pty_answer(&p, "only the two of you see the screen. ", "\r");
	pty_answer(&p, "Does your sheet say the same? [y/n] ", "yes\r");
	pty_answer(&p, "ceremony id:  ", "7F3K-22QE\r");
	pty_expect(&p, "component 2 is from another ceremony");
	pty_answer(&p, "ceremony id:  ", "7F3K-22QD\r");
	/* A wrong digit, an odd number of digits, the sheet of component 3: each at its own line. */
	strcpy(wrong, g.lines[1][0]);
	wrong[5] = wrong[5] == '0' ? '1' : '0';
	type_line(&p, 1, wrong);
	pty_expect(&p, "** component 2: line 1 (groups 1 to 4) does not agree");
	wrong[17] = 0;
	type_line(&p, 1, wrong);
	pty_expect(&p, "** component 2: line 1 has 17 digits, expected 16, or 18");
	type_line(&p, 1, g.lines[2][0]);
	pty_expect(&p, "would agree as line 1 of component 3: is this the right sheet?");
	pty_answer(&p, "again at line 1? [y/n] ", "y\r");
	type_line(&p, 1, g.lines[1][0]);
	/* Line 2 without its check digits, where line 1 had them. */
	strcpy(wrong, g.lines[1][1]);
	wrong[16] = 0;
	type_line(&p, 2, wrong);
	pty_expect(&p, "line 2 has no check digits, line 1 has them");
	type_line(&p, 2, g.lines[1][1]);
	pty_answer(&p, "check value:  ", "000000\r");
	pty_expect(&p, "the digits entered do not give the check value typed (aes-gp)");
	pty_expect(&p, "1 try left");
	pty_answer(&p, "check value:  ", g.kcvs[1]);
	pty_type(&p, "\r");
	pty_answer(&p, "when it is done. ", "\r");
	good_pair(&p, &g, 2);
	ended(&p, "ok:  (state 1)");
	assert_nothing_shown(&p, &g);
	pty_free(&p);
	game_free(&g);
}

static void test_import_wrong_check_value_to_the_end(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	g.tries = 1;
	pty_start(&p, body, &g);
	begin(&p);
	to_entry(&p);
	type_line(&p, 1, g.lines[0][0]);
	type_line(&p, 2, g.lines[0][1]);
	pty_answer(&p, "check value:  ", "123456\r");
	ended(&p, "mismatch: component 1: the digits entered do not give the check value typed "
		  "(aes-gp) (state 2)");
	assert_nothing_shown(&p, &g);
	pty_free(&p);
	game_free(&g);
}

static void test_import_ctrl_c_in_the_middle(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	pty_start(&p, body, &g);
	begin(&p);
	to_entry(&p);
	type_line(&p, 1, g.lines[0][0]);
	pty_answer(&p, "line 2:  ", "0123");
	pty_type(&p, "\x03");
	/* pty_end proves that echo is back. */
	ended(&p, "cancelled: stopped at the keyboard (state 2)");
	assert_nothing_shown(&p, &g);
	pty_free(&p);
	game_free(&g);
}

static void test_import_given_up(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	pty_start(&p, body, &g);
	begin(&p);
	to_entry(&p);
	for (int i = 0; i < 3; i++)
		type_line(&p, 1, "00");
	pty_answer(&p, "again at line 1? [y/n] ", "n\r");
	ended(&p, "cancelled: component 1 was given up at line 1 (state 2)");
	pty_free(&p);
	game_free(&g);
}

static void test_import_sigterm(void **state)
{
	struct game g;
	struct pty p;

	(void)state;
	game_make(&g, CER_IMPORT);
	pty_start(&p, body, &g);
	begin(&p);
	to_entry(&p);
	pty_expect(&p, "line 1:  ");
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	ended(&p, "cancelled: stopped by signal SIGTERM (state 2)");
	pty_free(&p);
	game_free(&g);
}

/* ---- without people ---- */

static void secrets_make(const struct game *g, const char *extra, struct pinfd *secrets)
{
	char text[1000];
	int len = 0, fds[2];

	for (unsigned i = 0; i < COUNT; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
			"component.%u=%s %s\ncheck-value.%u=%s\n", i + 1, g->lines[i][0],
			g->lines[i][1], i + 1, g->kcvs[i]);
	len += snprintf(text + len, sizeof(text) - (size_t)len, "%s", extra);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], text, (size_t)len), len);
	close(fds[1]);
	assert_int_equal(pinfd_read(fds[0], secrets, NULL), KMS_OK);
	close(fds[0]);
}

static void test_secrets(void **state)
{
	PINFD_AUTO struct pinfd secrets = {0};
	struct kms_err err = {0};
	size_t pos = 0;
	struct game g;
	struct cer *c;

	(void)state;
	game_make(&g, CER_IMPORT);
	c = game_open(&g, true);
	secrets_make(
		&g, "ceremony.1=7F3K-22QD\nceremony.2=7F3K-22QD\nceremony.3=7F3K-22QD\n", &secrets);
	assert_int_equal(room_run_secrets(&secrets, c, &err), KMS_OK);
	assert_int_equal(combine(c, &g, &err), KMS_OK);
	assert_int_equal(room_run_secrets(&secrets, c, &err), KMS_OK);
	assert_int_equal(cer_state(c), CER_DONE);
	assert_string_equal(cer_ceremony_id(c), "7F3K-22QD");
	assert_null(pinfd_unused(&secrets, &pos));
	cer_free(c);
	game_free(&g);
}

static void test_secrets_refused(void **state)
{
	struct game g;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		PINFD_AUTO struct pinfd secrets = {0};
		struct kms_err err = {0};
		enum kms_status st;
		struct cer *c;

		game_make(&g, CER_IMPORT);
		c = game_open(&g, true);
		if (kind == 0)
			strcpy(g.kcvs[1], "000000");
		secrets_make(&g, kind == 1 ? "ceremony.3=7F3K-22QD\n" : "", &secrets);
		if (kind == 2)
			strcpy(secrets.entries[4].name, "component.4");
		st = room_run_secrets(&secrets, c, &err);
		assert_int_equal(st, kind == 2 ? KMS_ERR_INVALID : KMS_ERR_MISMATCH);
		assert_non_null(strstr(err.msg,
			kind == 0   ? "component 2: the digits entered do not give"
			: kind == 1 ? "component 3 is from ceremony 7F3K-22QD, but component 1 came"
				    : "--pin-fd has no line 'component.3=...'"));
		assert_int_equal(cer_state(c), CER_FAILED);
		cer_free(c);
		game_free(&g);
	}
}

static int open_heap(void **state)
{
	(void)state;
	setenv("TERM", "xterm", 1);
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_create_stopped_while_shown),
		cmocka_unit_test(test_create_room_refused),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_import_with_mistakes),
		cmocka_unit_test(test_import_wrong_check_value_to_the_end),
		cmocka_unit_test(test_import_ctrl_c_in_the_middle),
		cmocka_unit_test(test_import_given_up),
		cmocka_unit_test(test_import_sigterm),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_secrets_refused),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
