/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that do not go through: torn cards, swapped cards, answers that are none, a journal that
 * fails, and the limits of tries. tests/crash/takeover.sh tears at every command; here are those
 * with something to be said or counted.
 */
#include "support/card_lab.h"
#include "support/expect.h"

static struct kms_err err;

static void expect_step(const struct lab *lab, enum card_change_step step)
{
	if (lab->record.step != step)
		fail_msg("the change is %s (%s), not %s", card_change_step_name(lab->record.step),
			lab->record.reason, card_change_step_name(step));
}

static void expect_torn(struct lab *lab)
{
	expect_err(&err, lab_take_over(lab, &err), KMS_ERR_IO, "");
}

static void finish_in_order(struct lab *lab)
{
	expect_ok(&err, lab_resume(lab, CARD_ROLL_FORWARD, &err));
	expect_step(lab, CHANGE_DONE);
	assert_int_equal(lab->counts.auths, 0);
	assert_true(lab_opens(lab, &lab->config.fresh));
	assert_false(lab_opens(lab, &lab->config.old));
	lab_close(lab);
}

/* ---- torn ---- */

static void test_put_torn(void **state)
{
	static const char *const faults[] = {
		"drop-before:5", "drop-after:5", "short:5:1", "short:5:5", "drop-write:3"};
	struct lab lab;

	(void)state;
	for (enum card_initial_set rule = 0; rule <= CARD_ADD_DELETE; rule++) {
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			lab_with(&lab, lab_card_of(rule), faults[i]);
			(void)!lab_take_over(&lab, &err);
			/* Half an answer ends in two bytes that say no: the card is asked. */
			if (i != 3) {
				expect_step(&lab, CHANGE_INTENDED);
				assert_int_equal(err.code, KMS_ERR_IO);
				assert_non_null(strstr(err.hint, "card resume"));
			}
			finish_in_order(&lab);
		}
	}
}

static void test_settle(void **state)
{
	struct lab lab;
	unsigned auths;

	(void)state;
	for (enum card_initial_set rule = 0; rule <= CARD_ADD_DELETE; rule++) {
		lab_with(&lab, lab_card_of(rule), "drop-before:5");
		expect_torn(&lab);
		auths = lab.sent[GP_EXTERNAL_AUTHENTICATE];
		expect_ok(&err, lab_resume(&lab, CARD_SETTLE, &err));
		expect_step(&lab, CHANGE_ABANDONED);
		assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], auths);
		assert_true(lab_opens(&lab, &lab.config.old));
		assert_false(lab_opens(&lab, &lab.config.fresh));
		lab_close(&lab);

		lab_with(&lab, lab_card_of(rule), "drop-after:5");
		expect_torn(&lab);
		expect_ok(&err, lab_resume(&lab, CARD_SETTLE, &err));
		expect_step(&lab, CHANGE_DONE);
		lab_close(&lab);
	}
}

/* No template E0 to guess by. */
static void test_without_template(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set rule = 0; rule <= CARD_ADD_DELETE; rule++) {
		for (unsigned known = 0; known < 2; known++) {
			struct lab_card card = *lab_card_of(rule);

			card.card_lines = "key-template = no";
			lab_with(&lab, &card, rule == 1 ? "drop-after:5" : "drop-before:5");
			lab.guard_config.no_key_template = known;
			expect_torn(&lab);
			finish_in_order(&lab);
		}
	}
}

/* What is on the card, as the template says, is asked for last: it can be authenticated on. */
static void test_guess(void **state)
{
	struct lab lab;

	(void)state;
	for (unsigned known = 0; known < 2; known++) {
		lab_with(&lab, lab_card_of(CARD_FF_CONSUMED), "drop-before:5");
		lab.guard_config.no_key_template = !known;
		expect_torn(&lab);
		lab.sent[GP_INITIALIZE_UPDATE] = 0;
		expect_ok(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err));
		/* Both; the old one again, if it was not the last; and both after PUT KEY. */
		assert_int_equal(lab.sent[GP_INITIALIZE_UPDATE], known ? 4 : 5);
		finish_in_order(&lab);
	}
}

static void test_delete_torn(void **state)
{
	static const char *const faults[] = {
		"drop-before:8", "drop-after:8", "drop-before:9", "drop-after:9"};
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		unsigned auths;

		lab_with(&lab, lab_card_of(CARD_ADD_DELETE), faults[i]);
		expect_torn(&lab);
		expect_step(&lab, CHANGE_PROVEN);
		auths = lab.sent[GP_EXTERNAL_AUTHENTICATE];
		expect_ok(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err));
		expect_step(&lab, CHANGE_DONE);
		/* Only for a DELETE that is still to be sent is it authenticated again. */
		assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE] - auths, i == 0 ? 1 : 0);
		finish_in_order(&lab);
	}
}

/* ---- quarantined, or not ---- */

static void test_neither(void **state)
{
	CARD_KEYS_AUTO struct card_keys *stranger = NULL;
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), "drop-after:5");
	expect_torn(&lab);
	stranger = lab_keys("a stranger's keys", CARD_KEY_AES, 0x11, 16);
	lab.config.fresh.keys = stranger;
	lab.sent[GP_INITIALIZE_UPDATE] = lab.sent[GP_EXTERNAL_AUTHENTICATE] = 0;
	expect_err(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err), KMS_ERR_MISMATCH,
		"the card is quarantined: neither the old nor the new key set opens it: version 01 "
		"answers with unknown keys");
	expect_step(&lab, CHANGE_QUARANTINED);
	assert_int_equal(lab.sent[GP_INITIALIZE_UPDATE], 2);
	assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 0);
	/* Closed is closed. */
	expect_err(&err, card_change_open(&lab.change, &lab.guard, &lab.config, &lab.record, &err),
		KMS_ERR_STATE, "it is quarantined");
	lab_close(&lab);
}

/* A bit that falls over on the line is no reason to give up a card. */
static void test_noise(void **state)
{
	const char *const faults[] = {"drop-after:5", "corrupt:8", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	expect_torn(&lab);
	finish_in_order(&lab);
	/* Nor is a status word that comes once, in the two places where it would look like an end. */
	lab_with(&lab, lab_card_of(CARD_FF_CONSUMED), "sw:7:6F00");
	expect_ok(&err, lab_take_over(&lab, &err));
	finish_in_order(&lab);
	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "sw:9:6982");
	expect_ok(&err, lab_take_over(&lab, &err));
	finish_in_order(&lab);
	/* DELETE is refused, and then the old set seems to be another one. */
	lab_open(&lab, lab_card_of(CARD_ADD_DELETE),
		(const char *const[]){"sw:8:6985", "corrupt:11", NULL});
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	lab_close(&lab);
	/* Both are on the card, and the new one seems not to be: it is not given up for that. */
	lab_open(&lab, lab_card_of(CARD_ADD_DELETE),
		(const char *const[]){"drop-after:5", "corrupt:10", NULL});
	expect_torn(&lab);
	expect_ok(&err, lab_resume(&lab, CARD_SETTLE, &err));
	finish_in_order(&lab);
}

/* ---- another card ---- */

static void swap_at(enum card_initial_set rule, const char *fault, bool has_chip)
{
	struct lab lab;

	lab_with(&lab, lab_card_of(rule), fault);
	lab.guard_config.has_chip = has_chip;
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH, "another card is in");
	assert_non_null(strstr(err.msg, has_chip ? "its " : "its key diversification data is"));
	assert_non_null(strstr(err.msg, "nothing was written to it"));
	assert_true(card_change_is_open(lab.record.step));
	/* The first one comes back. */
	cardsim_restart(&lab.sim, NULL);
	finish_in_order(&lab);
}

static void test_swapped(void **state)
{
	static const char *const faults[] = {"swap:4", "swap:5", "swap:6", "swap:7"};

	(void)state;
	for (enum card_initial_set rule = 0; rule <= CARD_ADD_DELETE; rule++) {
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			swap_at(rule, faults[i], true);
			swap_at(rule, faults[i], false);
		}
	}
}

/* Both with the same diversification data: the chip tells them apart. */
static size_t same_kdd(struct lab *lab, const unsigned char *command, size_t len,
	unsigned char *answer, size_t answer_len)
{
	(void)lab;
	(void)len;
	if (command[1] == GP_INITIALIZE_UPDATE && answer_len > 10)
		memset(answer, 0x5A, SCP_KDD_SIZE);
	return answer_len;
}

static void test_swapped_twin(void **state)
{
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), "swap:6");
	lab.tap = same_kdd;
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH,
		"its chip is 47905040000000020102, not 47905040000000010102");
	expect_step(&lab, CHANGE_INTENDED);
	cardsim_restart(&lab.sim, NULL);
	finish_in_order(&lab);
	/* Its refusal of DELETE is not the first card's. */
	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "swap:8");
	lab.tap = same_kdd;
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH, "its chip is");
	expect_step(&lab, CHANGE_PROVEN);
	cardsim_restart(&lab.sim, NULL);
	finish_in_order(&lab);
}

/* ---- the HSM ---- */

/* The holder of the old keys, as a token that is lost for one call. */
struct flaky {
	struct card_keys base;
	struct card_keys *inner;
	unsigned left; /* calls until then */
};

static enum kms_status flaky_kdf(struct card_keys *keys, enum card_role role,
	const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context, size_t context_len,
	size_t len, struct secret *ret_key, struct kms_err *e)
{
	struct flaky *f = (struct flaky *)keys;

	if (f->left && --f->left == 0)
		return kms_fail(e, KMS_ERR_HSM, "the HSM is gone");
	return f->inner->ops->session_kdf(
		f->inner, role, fixed, context, context_len, len, ret_key, e);
}

static enum kms_status flaky_wrap(struct card_keys *keys, const struct card_dek *dek,
	struct card_keys *fresh, enum card_role role, struct card_key_block *ret_block,
	struct kms_err *e)
{
	struct flaky *f = (struct flaky *)keys;

	if (f->left && --f->left == 0)
		return kms_fail(e, KMS_ERR_HSM, "the HSM is gone");
	return f->inner->ops->wrap(f->inner, dek, fresh, role, ret_block, e);
}

/*
 * Between the intent and EXTERNAL AUTHENTICATE, or between that and PUT KEY: nothing is on the card.
 * Or in the proof after it: then the change waits.
 */
static void test_hsm_fails(void **state)
{
	static const struct card_keys_ops ops = {.session_kdf = flaky_kdf, .wrap = flaky_wrap};
	struct lab lab;

	(void)state;
	for (unsigned call = 2; call <= 8; call++) {
		struct flaky flaky;

		lab_with(&lab, lab_card_of(CARD_REPLACE), NULL);
		flaky = (struct flaky){*lab.old, lab.old, call};
		flaky.base.ops = &ops;
		lab.config.old.keys = &flaky.base;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_HSM, "the HSM is gone");
		if (lab.sent[GP_PUT_KEY]) {
			assert_int_equal(call, 8);
			expect_step(&lab, CHANGE_INTENDED);
			finish_in_order(&lab);
			break;
		}
		expect_step(&lab, CHANGE_REFUSED);
		/* What was not sent, or succeeded, is not spent. */
		assert_int_equal(lab.counts.auths, 0);
		assert_true(lab_opens(&lab, &lab.config.old));
		lab_close(&lab);
	}
}

/* ---- the journal ---- */

static void test_journal_fails(void **state)
{
	static const unsigned sent[][3] = {/* EXTERNAL AUTHENTICATE, PUT KEY, DELETE */
		{0, 0, 0}, {1, 1, 0}, {2, 1, 0}, {2, 1, 1}};
	struct lab lab;

	(void)state;
	for (unsigned n = 1; n <= 4; n++) {
		lab_with(&lab, lab_card_of(CARD_ADD_DELETE), NULL);
		lab.fail_write = n;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_STORE, "journal is full");
		assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], sent[n - 1][0]);
		assert_int_equal(lab.sent[GP_PUT_KEY], sent[n - 1][1]);
		assert_int_equal(lab.sent[GP_DELETE], sent[n - 1][2]);
		/* What the engine says is what is durable. */
		assert_int_equal(lab.change.record.step, lab.record.step);
		if (n == 1)
			expect_ok(&err, lab_take_over(&lab, &err));
		finish_in_order(&lab);
	}
}

/* ---- tries ---- */

static void test_auth_limit(void **state)
{
	const char *const faults[] = {"drop-before:4", "drop-before:8", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	expect_torn(&lab);
	assert_int_equal(lab.counts.auths, 1);
	/* SELECT, GET DATA, INITIALIZE UPDATE, and again torn at EXTERNAL AUTHENTICATE. */
	expect_err(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err), KMS_ERR_IO, "");
	assert_int_equal(lab.counts.auths, 2);
	expect_err(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err), KMS_ERR_STATE,
		"the change is open, and 'the maker's keys' are on the card: cannot authenticate "
		"to the card: 2 EXTERNAL AUTHENTICATEs failed or were not answered since the last "
		"success, and 2 is the limit");
	assert_non_null(strstr(err.hint, "--override"));
	assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 2);
	expect_step(&lab, CHANGE_INTENDED);
	assert_int_equal(lab.change.record.seen_old, CARD_SEEN_MATCH);
	assert_true(cardsim_fails(&lab.sim) <= 2);
	/* Two officers allow one more. */
	lab.guard_config.auth_limit = 3;
	finish_in_order(&lab);
}

/* PUT KEY torn again and again costs no tries: each time the card was opened. */
static void test_success_counts(void **state)
{
	const char *const faults[] = {"drop-before:5", "drop-before:10", "drop-before:15", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	expect_torn(&lab);
	for (unsigned i = 0; i < 2; i++) {
		expect_err(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err), KMS_ERR_IO, "");
		assert_int_equal(lab.sent[GP_PUT_KEY], 2 + i);
	}
	finish_in_order(&lab);
}

/* The counts are the card's, not the change's: a new change begins with them. */
static void test_counts_stay(void **state)
{
	const char *const faults[] = {"sw:4:6300", "sw:11:6300", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_AUTH, "SW 6300");
	expect_step(&lab, CHANGE_REFUSED);
	/* The first ended with SELECT, GET DATA, INITIALIZE UPDATE to see that the old set is there. */
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_AUTH, "SW 6300");
	assert_int_equal(lab.counts.auths, 2);
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_STATE, "is the limit");
	assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 2);
	lab_close(&lab);
}

/* Whoever opens a card without changing its keys counts in the same way. */
static void test_guard_alone(void **state)
{
	const char *const faults[] = {"sw:4:6300", "drop-before:8", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	for (unsigned i = 0; i < 4; i++) {
		static const enum kms_status expected[] = {
			KMS_ERR_AUTH, KMS_ERR_IO, KMS_ERR_STATE, KMS_OK};

		expect_ok(&err, lab_insert(&lab, &err));
		lab.guard_config.auth_limit = i == 3 ? 3 : 0;
		card_guard_open(&lab.guard, &lab.gp, &lab.guard_config, &lab.counts);
		assert_int_equal(
			card_guard_authenticate(&lab.guard, &lab.config.old, &err), expected[i]);
		assert_int_equal(lab.counts.auths, i == 0 ? 1 : i == 3 ? 0 : 2);
		assert_int_equal(lab.record.step, CHANGE_NEW);
	}
	assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 3);
	assert_true(lab.gp.scp.authenticated);
	/* Keys that do not match cost nothing. */
	expect_err(&err, card_guard_authenticate(&lab.guard, &lab.config.fresh, &err),
		KMS_ERR_MISMATCH, "");
	assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 3);
	assert_int_equal(lab.counts.auths, 0);
	lab_close(&lab);
}

/* ---- cards that count INITIALIZE UPDATEs ---- */

static void test_counted_updates(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set rule = 0; rule <= CARD_ADD_DELETE; rule++) {
		struct lab_card card = *lab_card_of(rule);

		card.card_lines = "count-updates = yes";
		lab_with(&lab, &card, "drop-after:5");
		lab.guard_config.counts_inits = true;
		lab.guard_config.init_limit = 2;
		expect_torn(&lab);
		expect_ok(&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err));
		expect_step(&lab, CHANGE_DONE);
		/* The one that add-delete ends with is refused, so it does not count either. */
		assert_int_equal(lab.counts.inits, 0);
		assert_int_equal(cardsim_fails(&lab.sim), 0);
		finish_in_order(&lab);
	}
}

static void test_init_limit(void **state)
{
	const char *const faults[] = {"drop-after:3", "drop-after:6", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	lab.guard_config.counts_inits = true;
	lab.guard_config.init_limit = 2;
	for (unsigned i = 0; i < 2; i++) {
		expect_torn(&lab);
		assert_int_equal(lab.counts.inits, i + 1);
		assert_int_equal(lab.record.step, CHANGE_NEW);
	}
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_STATE,
		"it counts INITIALIZE UPDATEs, and 2 were sent since it last was authenticated to");
	assert_int_equal(lab.sent[GP_INITIALIZE_UPDATE], 2);
	lab.guard_config.init_limit = 3;
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	assert_int_equal(lab.counts.inits, 0);
	lab_close(&lab);
}

static void test_names(void **state)
{
	(void)state;
	for (enum card_change_step step = CHANGE_NEW; step < CHANGE_STEPS; step++)
		assert_int_equal(card_change_step_parse(card_change_step_name(step)), step);
	assert_int_equal(card_change_step_parse("gone"), CHANGE_STEPS);
	assert_string_equal(card_change_step_name(CHANGE_OLD_STAYS), "old-stays");
	assert_true(card_change_is_open(CHANGE_INTENDED) && card_change_is_open(CHANGE_PROVEN));
	assert_false(card_change_is_open(CHANGE_NEW) || card_change_is_open(CHANGE_DONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_torn),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_without_template),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_delete_torn),
		cmocka_unit_test(test_neither),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_swapped_twin),
		cmocka_unit_test(test_hsm_fails),
		cmocka_unit_test(test_journal_fails),
		cmocka_unit_test(test_auth_limit),
		cmocka_unit_test(test_success_counts),
		cmocka_unit_test(test_counts_stay),
		cmocka_unit_test(test_guard_alone),
		cmocka_unit_test(test_counted_updates),
		cmocka_unit_test(test_init_limit),
		cmocka_unit_test(test_names),
	};

	if (secret_heap_open(NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
