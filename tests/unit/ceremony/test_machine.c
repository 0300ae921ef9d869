/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/machine.h"

#include "ceremony/component.h"
#include "keys/component.h"
#include "support/cer_fixture.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { COUNT = 3, NOW = CER_FIXTURE_TIME };

/* The components of one key, their texts and check values, and the key's check value. */
struct key {
	enum key_alg alg;
	struct secret parts[COUNT];
	struct secret texts[COUNT];
	char kcvs[COUNT][KEY_KCV_TEXT_SIZE];
	struct key_kcv combined;
};

static void key_make(struct key *k, enum key_alg alg, unsigned seed)
{
	SECRET_AUTO struct secret whole = {0};

	*k = (struct key){.alg = alg};
	for (unsigned i = 0; i < COUNT; i++) {
		cer_fixture_component(alg, seed, i + 1, &k->parts[i]);
		cer_fixture_kcv(alg, &k->parts[i], k->kcvs[i]);
		assert_int_equal(
			cer_component_render(&k->parts[i], i + 1, &k->texts[i], NULL), KMS_OK);
	}
	assert_int_equal(key_combine(alg, k->parts, COUNT, &whole, NULL), KMS_OK);
	assert_int_equal(key_kcv_default(alg, &whole, &k->combined, NULL), KMS_OK);
}

static void key_free(struct key *k)
{
	for (unsigned i = 0; i < COUNT; i++) {
		secret_free(&k->parts[i]);
		secret_free(&k->texts[i]);
	}
}

static struct cer *open_import(const struct key *k, bool unattended, unsigned tries)
{
	struct cer_pairs pairs = cer_fixture_pairs(COUNT);
	struct cer_setup setup = cer_fixture_setup(CER_IMPORT, k->alg, &pairs);
	struct cer *c = NULL;
	struct kms_err err = {0};

	setup.expected = &k->combined;
	setup.unattended = unattended;
	setup.tries = tries;
	if (cer_new(&setup, NULL, &c, &err))
		fail_msg("%s", err.msg);
	return c;
}

static struct cer *open_create(const struct key *k, bool unattended)
{
	struct cer_pairs pairs = cer_fixture_pairs(COUNT);
	struct cer_setup setup = cer_fixture_setup(CER_CREATE, k->alg, &pairs);
	struct secret drawn[COUNT] = {0};
	struct cer *c = NULL;
	struct kms_err err = {0};

	setup.unattended = unattended;
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(
			secret_copy(&drawn[i], k->parts[i].data, k->parts[i].len, NULL), KMS_OK);
	if (cer_new(&setup, drawn, &c, &err))
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < COUNT; i++)
		assert_null(drawn[i].data);
	return c;
}

static void at(const struct cer *c, enum cer_step_kind kind, unsigned component)
{
	struct cer_step step;

	cer_next(c, &step);
	assert_int_equal(step.kind, kind);
	assert_int_equal(step.component, component);
	assert_int_equal(step.sheet != NULL, kind == CER_STEP_SHOW);
	assert_true(step.title[0] != 0);
}

static void ok(struct cer *c)
{
	struct kms_err err = {0};

	if (cer_answer_ok(c, NOW, &err))
		fail_msg("%s", err.msg);
}

static void say(struct cer *c, const char *text)
{
	struct kms_err err = {0};

	if (cer_answer_text(c, text, NOW, &err))
		fail_msg("%s", err.msg);
}

static void enter(struct cer *c, const struct secret *text)
{
	struct kms_err err = {0};

	if (cer_answer_secret(c, text, NOW, &err))
		fail_msg("%s", err.msg);
}

/* Nothing that the machine says to people or to the record holds digits of the key. */
static void assert_silent(const struct cer *c, const struct key *k)
{
	struct cer_step step;

	cer_next(c, &step);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_false(cer_fixture_leaks(step.title, &k->parts[i]));
		assert_false(cer_fixture_leaks(step.text, &k->parts[i]));
		for (size_t e = 0; e < cer_event_count(c); e++)
			assert_false(cer_fixture_leaks(cer_event(c, e)->text, &k->parts[i]));
	}
}

static void assert_failed(const struct cer *c, const struct key *k, const char *reason)
{
	struct cer_step step;

	assert_int_equal(cer_state(c), CER_FAILED);
	at(c, CER_STEP_FAILED, cer_event(c, cer_event_count(c) - 1)->component);
	cer_next(c, &step);
	if (!strstr(step.text, reason))
		fail_msg("reason is '%s'", step.text);
	assert_string_equal(cer_event(c, cer_event_count(c) - 1)->what, "failed");
	assert_silent(c, k);
	for (unsigned i = 1; i <= COUNT; i++)
		assert_null(cer_component(c, i));
	assert_null(cer_check_value(c, 0));
	assert_int_equal(cer_answer_ok((struct cer *)c, NOW, NULL), KMS_ERR_STATE);
}

/* ---- create ---- */

static void test_create(void **state)
{
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES256, 1);
	c = open_create(&k, false);
	at(c, CER_STEP_INTRODUCE, 0);
	ok(c);
	at(c, CER_STEP_ROOM, 0);
	ok(c);
	for (unsigned i = 1; i <= COUNT; i++) {
		CER_SHEET_AUTO struct cer_sheet sheet = {0};
		struct cer_step step;

		at(c, CER_STEP_CALL, i);
		ok(c);
		at(c, CER_STEP_SHOW, i);
		cer_next(c, &step);
		assert_int_equal(cer_sheet_parse((const char *)step.sheet->data, step.sheet->len,
					 &sheet, NULL),
			KMS_OK);
		assert_true(secret_equal(&sheet.bytes, &k.parts[i - 1]));
		assert_int_equal(sheet.component, i);
		assert_int_equal(sheet.components, COUNT);
		assert_int_equal(sheet.serial, 16 + i);
		assert_string_equal(sheet.ceremony, "7F3K-22QD");
		assert_string_equal(step.check_value, k.kcvs[i - 1]);
		ok(c);
		at(c, CER_STEP_RETYPE, i);
		assert_null(cer_check_value(c, i));
		say(c, k.kcvs[i - 1]);
		at(c, CER_STEP_CLEAR, i);
		assert_non_null(cer_check_value(c, i));
		assert_silent(c, &k);
		ok(c);
	}
	at(c, CER_STEP_COMBINE, 0);
	for (unsigned i = 1; i <= COUNT; i++)
		assert_true(secret_equal(cer_component(c, i), &k.parts[i - 1]));
	assert_null(cer_component(c, 0));
	assert_null(cer_component(c, COUNT + 1));
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW + 60, NULL), KMS_OK);
	assert_int_equal(cer_state(c), CER_DONE);
	at(c, CER_STEP_DONE, 0);
	assert_true(key_kcv_same(cer_check_value(c, 0), &k.combined));
	assert_null(cer_component(c, 1));
	assert_int_equal(cer_event(c, cer_event_count(c) - 1)->time, NOW + 60);
	assert_string_equal(cer_event(c, cer_event_count(c) - 1)->what, "done");
	assert_null(cer_event(c, cer_event_count(c)));
	cer_free(c);
	key_free(&k);
}

static void test_create_unattended(void **state)
{
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_TDEA2, 2);
	c = open_create(&k, true);
	for (unsigned i = 1; i <= COUNT; i++) {
		at(c, CER_STEP_SHOW, i);
		ok(c);
	}
	at(c, CER_STEP_COMBINE, 0);
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW, NULL), KMS_OK);
	assert_int_equal(cer_state(c), CER_DONE);
	cer_free(c);
	key_free(&k);
}

static void test_create_three_wrong_check_values(void **state)
{
	struct kms_err err = {0};
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES256, 3);
	c = open_create(&k, false);
	for (int i = 0; i < 4; i++)
		ok(c);
	at(c, CER_STEP_RETYPE, 1);
	assert_int_equal(cer_answer_text(c, k.kcvs[1], NOW, &err), KMS_ERR_MISMATCH);
	assert_non_null(strstr(err.msg, "component 1: the check value typed is not that"));
	assert_int_equal(cer_answer_text(c, "12", NOW, &err), KMS_ERR_INVALID);
	at(c, CER_STEP_RETYPE, 1);
	assert_int_equal(cer_answer_text(c, k.kcvs[2], NOW, &err), KMS_ERR_MISMATCH);
	assert_failed(c, &k, "component 1: the check value typed");
	cer_free(c);
	key_free(&k);
}

/* Two wrong ones and then the right one: the next pair has all its tries again. */
static void test_create_tries_are_per_pair(void **state)
{
	struct cer_step step;
	struct kms_err err;
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES256, 4);
	c = open_create(&k, false);
	for (int i = 0; i < 4; i++)
		ok(c);
	for (unsigned left = 3; left > 1; left--) {
		cer_next(c, &step);
		assert_int_equal(step.tries_left, left);
		assert_int_equal(cer_answer_text(c, "000000", NOW, &err), KMS_ERR_MISMATCH);
	}
	say(c, k.kcvs[0]);
	ok(c);
	at(c, CER_STEP_CALL, 2);
	cer_next(c, &step);
	assert_int_equal(step.tries_left, 3);
	cer_free(c);
	key_free(&k);
}

static void test_create_refuses_bad_components(void **state)
{
	struct cer_pairs pairs = cer_fixture_pairs(COUNT);
	struct cer_setup setup = cer_fixture_setup(CER_CREATE, KEY_TDEA2, &pairs);
	struct key k;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		struct secret drawn[COUNT] = {0};
		struct cer *c = NULL;
		struct kms_err err = {0};

		key_make(&k, KEY_TDEA2, 5);
		for (unsigned i = 0; i < COUNT; i++)
			secret_take(&drawn[i], &k.parts[i]);
		if (kind == 0) /* the same but for parity */
			for (size_t i = 0; i < 16; i++)
				drawn[2].data[i] = drawn[0].data[i] ^ 1;
		if (kind == 1) /* zero but for parity */
			memset(drawn[1].data, 1, 16);
		if (kind == 2)
			drawn[1].len = 15;
		assert_int_equal(cer_new(&setup, drawn, &c, &err), KMS_ERR_INVALID);
		assert_non_null(strstr(
			err.msg, kind == 0 ? "component 3 is refused: it is the same as component 1"
				 : kind == 1 ? "component 2 is refused: it is all zero"
					     : "component 2 has 15 bytes"));
		assert_null(c);
		for (unsigned i = 0; i < COUNT; i++)
			secret_free(&drawn[i]);
		key_free(&k);
	}
}

/* ---- import ---- */

static void to_pair(struct cer *c, unsigned component)
{
	if (component == 1) {
		ok(c);
		ok(c);
	}
	at(c, CER_STEP_CALL, component);
	ok(c);
	at(c, CER_STEP_COMPARE, component);
	ok(c);
	at(c, CER_STEP_ASK_ID, component);
}

static void good_pair(struct cer *c, const struct key *k, unsigned component, const char *id)
{
	to_pair(c, component);
	say(c, id);
	at(c, CER_STEP_ASK_COMPONENT, component);
	enter(c, &k->texts[component - 1]);
	at(c, CER_STEP_ASK_CHECK, component);
	assert_silent(c, k);
	say(c, k->kcvs[component - 1]);
	at(c, CER_STEP_CLEAR, component);
	assert_null(cer_component(c, component));
	ok(c);
}

static void test_import(void **state)
{
	static const enum key_alg algs[] = {
		KEY_TDEA2, KEY_TDEA3, KEY_AES128, KEY_AES192, KEY_AES256};

	(void)state;
	for (size_t a = 0; a < sizeof(algs) / sizeof(algs[0]); a++) {
		struct key k;
		struct cer *c;

		key_make(&k, algs[a], 6);
		c = open_import(&k, false, 3);
		for (unsigned i = 1; i <= COUNT; i++)
			good_pair(c, &k, i, i == 2 ? "7f3k22qd" : "7F3K-22QD");
		at(c, CER_STEP_COMBINE, 0);
		for (unsigned i = 1; i <= COUNT; i++)
			assert_true(secret_equal(cer_component(c, i), &k.parts[i - 1]));
		assert_int_equal(cer_answer_combined(c, &k.combined, NOW, NULL), KMS_OK);
		assert_int_equal(cer_state(c), CER_DONE);
		assert_string_equal(cer_ceremony_id(c), "7F3K-22QD");
		assert_silent(c, &k);
		cer_free(c);
		key_free(&k);
	}
}

static void test_import_unattended(void **state)
{
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES128, 7);
	c = open_import(&k, true, 1);
	for (unsigned i = 1; i <= COUNT; i++) {
		at(c, CER_STEP_ASK_ID, i);
		say(c, "");
		enter(c, &k.texts[i - 1]);
		say(c, k.kcvs[i - 1]);
	}
	at(c, CER_STEP_COMBINE, 0);
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW, NULL), KMS_OK);
	assert_string_equal(cer_ceremony_id(c), "");
	cer_free(c);
	key_free(&k);
}

/* One wrong answer to the pair of component 2 (unattended, one try), and what must come of it. */
struct wrong {
	const char *name;
	enum { WRONG_ID, WRONG_TEXT, WRONG_CHECK } where;
	const char *id;	  /* of component 2; component 1 says 7F3K-22QD */
	unsigned text_of; /* whose text is entered, 0: `text` */
	const char *text;
	const char *check; /* NULL: the right one */
	enum kms_status status;
	const char *message;
};

static void test_import_refusals(void **state)
{
	static const struct wrong cases[] = {
		{"another ceremony", WRONG_ID, "7F3K-22QE", 0, NULL, NULL, KMS_ERR_MISMATCH,
			"component 2 is from another ceremony: its sheet says 7F3K-22QE, expected "
			"7F3K-22QD"},
		{"no id", WRONG_ID, "", 0, NULL, NULL, KMS_ERR_MISMATCH,
			"component 2: no ceremony id, but the ceremony is 7F3K-22QD"},
		{"malformed id", WRONG_ID, "hello", 0, NULL, NULL, KMS_ERR_INVALID,
			"not a ceremony id"},
		{"odd digits", WRONG_TEXT, NULL, 0, "8D1F04C277AB90E30123456789ABCDE", NULL,
			KMS_ERR_INVALID, "31 digits (an odd number)"},
		{"wrong length", WRONG_TEXT, NULL, 0, "8D1F04C277AB90E3", NULL, KMS_ERR_INVALID,
			"16 digits, expected 32, or 36"},
		{"wrong line digits", WRONG_TEXT, NULL, 0, "8D1F04C277AB90E3B0 0123456789ABCDEE09",
			NULL, KMS_ERR_MISMATCH, "component 2: line 2 (groups 5 to 8)"},
		{"wrong index", WRONG_TEXT, NULL, 3, NULL, NULL, KMS_ERR_MISMATCH,
			"component 2: these are the lines of component 3"},
		{"all zero", WRONG_TEXT, NULL, 0, "00000000000000000000000000000000", NULL,
			KMS_ERR_INVALID, "component 2 is refused: it is all zero"},
		{"wrong check value", WRONG_CHECK, NULL, 2, NULL, "000000", KMS_ERR_MISMATCH,
			"component 2: the digits entered do not give the check value typed "
			"(aes-gp)"},
		{"malformed check value", WRONG_CHECK, NULL, 2, NULL, "12345", KMS_ERR_INVALID,
			"component 2: what was typed is no check value: by aes-gp they have 6 "
			"hexadecimal digits"},
		{"component digits as check value", WRONG_CHECK, NULL, 2, NULL, "8D1F 04C2 77",
			KMS_ERR_INVALID,
			"component 2: what was typed is no check value: by aes-gp they have 6 "
			"hexadecimal digits"},
	};
	struct key k;

	(void)state;
	key_make(&k, KEY_AES128, 8);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wrong *w = &cases[i];
		SECRET_AUTO struct secret typed = {0};
		struct kms_err err = {0};
		enum kms_status st = KMS_OK;
		struct cer *c = open_import(&k, true, 1);
		const struct secret *text = &typed;

		say(c, "7F3K-22QD");
		enter(c, &k.texts[0]);
		say(c, k.kcvs[0]);
		if (w->text)
			st = secret_copy(&typed, w->text, strlen(w->text), &err);
		else if (w->text_of)
			text = &k.texts[w->text_of - 1];
		assert_int_equal(st, KMS_OK);
		if (w->where == WRONG_ID) {
			st = cer_answer_text(c, w->id, NOW, &err);
		} else {
			say(c, "7F3K-22QD");
			st = cer_answer_secret(c, text, NOW, &err);
			if (w->where == WRONG_CHECK && !st)
				st = cer_answer_text(c, w->check, NOW, &err);
		}
		if (st != w->status || !strstr(err.msg, w->message))
			fail_msg("%s: %d '%s'", w->name, (int)st, err.msg);
		assert_failed(c, &k, w->message);
		cer_free(c);
	}
	key_free(&k);
}

static void test_import_equal_components_ignoring_parity(void **state)
{
	SECRET_AUTO struct secret twin = {0};
	SECRET_AUTO struct secret text = {0};
	struct kms_err err = {0};
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_TDEA2, 9);
	assert_int_equal(secret_copy(&twin, k.parts[0].data, 16, NULL), KMS_OK);
	for (size_t i = 0; i < 16; i++)
		twin.data[i] ^= 1;
	assert_int_equal(cer_component_render(&twin, 2, &text, NULL), KMS_OK);
	c = open_import(&k, true, 1);
	say(c, "");
	enter(c, &k.texts[0]);
	say(c, k.kcvs[0]);
	say(c, "");
	assert_int_equal(cer_answer_secret(c, &text, NOW, &err), KMS_ERR_INVALID);
	assert_string_equal(err.msg, "component 2 is refused: it is the same as component 1");
	assert_failed(c, &k, "same as component 1");
	cer_free(c);
	key_free(&k);
}

/* With check digits the check value is asked for again first, then the component; without them the
 * component at once. */
static void test_import_second_chance(void **state)
{
	SECRET_AUTO struct secret plain = {0};
	struct kms_err err = {0};
	struct key k;
	struct cer *c;
	char digits[65];

	(void)state;
	key_make(&k, KEY_AES128, 10);
	c = open_import(&k, false, 4);
	to_pair(c, 1);
	say(c, "");
	enter(c, &k.texts[0]);
	assert_int_equal(cer_answer_text(c, "000000", NOW, &err), KMS_ERR_MISMATCH);
	at(c, CER_STEP_ASK_CHECK, 1);
	assert_int_equal(cer_answer_text(c, "000000", NOW, &err), KMS_ERR_MISMATCH);
	at(c, CER_STEP_ASK_COMPONENT, 1);
	hex_encode(k.parts[0].data, k.parts[0].len, digits);
	assert_int_equal(secret_copy(&plain, digits, 32, NULL), KMS_OK);
	enter(c, &plain);
	assert_int_equal(cer_answer_text(c, "000000", NOW, &err), KMS_ERR_MISMATCH);
	at(c, CER_STEP_ASK_COMPONENT, 1);
	enter(c, &plain);
	say(c, k.kcvs[0]);
	at(c, CER_STEP_CLEAR, 1);
	cer_free(c);
	key_free(&k);
}

static void test_import_combined_differs(void **state)
{
	struct kms_err err = {0};
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES256, 11);
	c = open_import(&k, false, 3);
	for (unsigned i = 1; i <= COUNT; i++)
		good_pair(c, &k, i, "");
	k.combined.bytes[2] ^= 1;
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW, &err), KMS_ERR_MISMATCH);
	assert_non_null(strstr(err.msg, "the components do not give the transport key expected: "
					"TK-EXAMPLE-2026 check value"));
	assert_failed(c, &k, "do not give the transport key expected");
	cer_free(c);
	key_free(&k);
}

static void test_refused_fingerprints(void **state)
{
	struct kms_err err = {0};
	struct key k;
	struct cer *c;

	(void)state;
	key_make(&k, KEY_AES256, 12);
	c = open_import(&k, false, 3);
	ok(c);
	assert_int_equal(cer_answer_refuse(c, NOW, &err), KMS_ERR_CANCELLED);
	assert_failed(c, &k, "were not confirmed");
	cer_free(c);
	c = open_import(&k, false, 3);
	good_pair(c, &k, 1, "");
	ok(c);
	assert_int_equal(cer_answer_refuse(c, NOW, &err), KMS_ERR_CANCELLED);
	assert_failed(c, &k, "component 2 say that the fingerprints on their sheet differ");
	cer_free(c);
	key_free(&k);
}

/* ---- both ---- */

static void test_wrong_kind_of_answer_changes_nothing(void **state)
{
	struct kms_err err = {0};
	struct key k;
	struct cer *c;
	size_t events;

	(void)state;
	key_make(&k, KEY_AES256, 13);
	c = open_import(&k, false, 3);
	events = cer_event_count(c);
	assert_int_equal(cer_answer_text(c, "x", NOW, &err), KMS_ERR_STATE);
	assert_int_equal(cer_answer_secret(c, &k.texts[0], NOW, &err), KMS_ERR_STATE);
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW, &err), KMS_ERR_STATE);
	assert_int_equal(cer_answer_refuse(c, NOW, &err), KMS_ERR_STATE);
	at(c, CER_STEP_INTRODUCE, 0);
	assert_int_equal(cer_event_count(c), events);
	cer_free(c);
	key_free(&k);
}

static void test_abort_wipes(void **state)
{
	struct key k;
	struct cer *c;
	size_t before;

	(void)state;
	key_make(&k, KEY_AES256, 14);
	before = CRYPTO_secure_used();
	c = open_create(&k, true);
	assert_true(CRYPTO_secure_used() > before);
	cer_abort(c, "stopped at the keyboard", NOW + 5);
	/* Not only on cer_free: a failed ceremony holds no secret any more. */
	assert_int_equal(CRYPTO_secure_used(), before);
	assert_failed(c, &k, "stopped at the keyboard");
	cer_abort(c, "again", NOW + 6);
	assert_int_equal(cer_event(c, cer_event_count(c) - 1)->time, NOW + 5);
	cer_free(c);
	assert_int_equal(CRYPTO_secure_used(), before);
	key_free(&k);
}

static void test_done_wipes(void **state)
{
	struct key k;
	struct cer *c;
	size_t before;

	(void)state;
	key_make(&k, KEY_AES256, 15);
	before = CRYPTO_secure_used();
	c = open_create(&k, true);
	for (unsigned i = 0; i < COUNT; i++)
		ok(c);
	assert_int_equal(cer_answer_combined(c, &k.combined, NOW, NULL), KMS_OK);
	assert_int_equal(CRYPTO_secure_used(), before);
	cer_free(c);
	key_free(&k);
}

static void setup_refused(struct cer_setup *setup, enum kms_status status, const char *message)
{
	struct kms_err err = {0};
	struct cer *c = NULL;
	enum kms_status st = cer_new(setup, NULL, &c, &err);

	if (st != status || !strstr(err.msg, message))
		fail_msg("%d '%s'", (int)st, err.msg);
	assert_null(c);
}

static void test_setup_is_checked(void **state)
{
	struct key_kcv expected = {.method = KEY_KCV_AES_GP, .len = 3};
	struct cer_pairs pairs = cer_fixture_pairs(COUNT);
	struct cer_setup good = cer_fixture_setup(CER_IMPORT, KEY_AES256, &pairs);
	struct cer_setup bad;

	(void)state;
	good.expected = &expected;
	bad = good;
	bad.expected = NULL;
	setup_refused(&bad, KMS_ERR_INTERNAL, "incomplete");
	bad = good;
	bad.tries = 0;
	setup_refused(&bad, KMS_ERR_INTERNAL, "incomplete");
	bad = good;
	bad.alg = KEY_P256;
	setup_refused(&bad, KMS_ERR_INVALID, "have no components");
	bad = good;
	bad.method = KEY_KCV_TDES_ZERO;
	setup_refused(&bad, KMS_ERR_INVALID, "tdes-zero is no check value of aes256 keys");
	bad = good;
	bad.method = KEY_KCV_CMAC;
	setup_refused(&bad, KMS_ERR_INVALID, "is by method aes-gp, this ceremony's are by cmac");
	bad = good;
	bad.ceremony = "no such id";
	setup_refused(&bad, KMS_ERR_INVALID, "not a ceremony id");
	/* One person twice: the machine does not rely on the file's parser. */
	strcpy(pairs.pairs[2].names[1], "a. ortiz");
	setup_refused(
		&good, KMS_ERR_DENIED, "a. ortiz is named for component 1 and for component 3");
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_create_unattended),
		cmocka_unit_test(test_create_three_wrong_check_values),
		cmocka_unit_test(test_create_tries_are_per_pair),
		cmocka_unit_test(test_create_refuses_bad_components),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_import_unattended),
		cmocka_unit_test(test_import_refusals),
		cmocka_unit_test(test_import_equal_components_ignoring_parity),
		cmocka_unit_test(test_import_second_chance),
		cmocka_unit_test(test_import_combined_differs),
		cmocka_unit_test(test_refused_fingerprints),
		cmocka_unit_test(test_wrong_kind_of_answer_changes_nothing),
		cmocka_unit_test(test_abort_wipes),
		cmocka_unit_test(test_done_wipes),
		cmocka_unit_test(test_setup_is_checked),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
