/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of keys on cardsim, which was written apart from src/card: every protocol option, key
 * length, key block and rule; refusals; what a card that lies or disappears leaves. The engine's
 * links can be tapped: the n-th answer is another one than the card's.
 */
#include "support/card_lab.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>

static struct kms_err err;

static void expect_step(const struct lab *lab, enum card_change_step step)
{
	if (lab->record.step != step)
		fail_msg("the change is %s (%s), not %s", card_change_step_name(lab->record.step),
			lab->record.reason, card_change_step_name(step));
}

/* ---- all that cards speak ---- */

static void take_over_whole(const struct lab_card *card)
{
	bool in_place;
	struct lab lab;

	lab_open(&lab, card, NULL);
	in_place = card->rule == CARD_REPLACE && lab.card.old_version == lab.card.new_version;
	print_message("SCP%02u i=%02X, %zu bytes, %s, block %d\n", card->scp, card->i,
		lab.fresh->key_len, card_initial_set_name(card->rule), card->block);
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	assert_int_equal(lab.counts.auths, 0);
	if (in_place)
		assert_int_equal(lab.writes, 3);
	assert_true(lab_opens(&lab, &lab.config.fresh));
	assert_false(lab_opens(&lab, &lab.config.old));
	lab_close(&lab);
}

static void test_scp02(void **state)
{
	static const unsigned options[] = {0x05, 0x15, 0x35, 0x55, 0x75};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (enum card_initial_set rule = CARD_FF_CONSUMED; rule <= CARD_ADD_DELETE; rule++)
			take_over_whole(
				&(struct lab_card){.scp = 2, .i = options[i], .rule = rule});
}

static void test_scp03(void **state)
{
	static const unsigned options[] = {0x00, 0x10, 0x20, 0x30, 0x60, 0x70};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		for (size_t len = 16; len <= 32; len += 8) {
			for (unsigned s16 = 0; s16 < 2; s16++) {
				struct lab_card card = {.scp = 3,
					.i = options[i] | s16,
					.key_len = len,
					.rule = (enum card_initial_set)(i % 3)};

				take_over_whole(&card);
				card.block = GP_BLOCK_PLAIN;
				if (len != 24)
					take_over_whole(&card);
			}
		}
	}
}

static void expect_untouched(struct lab *lab)
{
	assert_int_equal(lab->sent[GP_EXTERNAL_AUTHENTICATE], 0);
	assert_int_equal(lab->sent[GP_PUT_KEY], 0);
	assert_int_equal(lab->writes, 0);
	assert_int_equal(lab->record.step, CHANGE_NEW);
	assert_int_equal(cardsim_fails(&lab->sim), 0);
}

/* ---- what it costs, and when there is nothing to do ---- */

static void expect_cost(const struct lab_card *card, const char *fault, unsigned commands)
{
	struct lab lab;

	lab_with(&lab, card, fault);
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	assert_int_equal(lab.commands, commands);
	assert_int_equal(lab.writes, card->rule == CARD_ADD_DELETE ? 4 : 3);
	lab_close(&lab);
}

static void test_commands(void **state)
{
	struct lab_card other_version = *lab_card_of(CARD_REPLACE);

	(void)state;
	expect_cost(lab_card_of(CARD_REPLACE), NULL, 7);
	/* The old version is asked for; DELETE, and then it is. */
	other_version.new_version = 2;
	expect_cost(&other_version, NULL, 8);
	expect_cost(lab_card_of(CARD_FF_CONSUMED), NULL, 8);
	expect_cost(lab_card_of(CARD_ADD_DELETE), NULL, 9);
	/* A card that knows its factory set only as its default: FF is asked for once, in vain. */
	expect_cost(lab_card_of(CARD_FF_CONSUMED), "sw:3:6A86", 9);
}

/* The same keys once more are no change. */
static void test_same_keys(void **state)
{
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), NULL);
	lab.config.fresh.keys = lab.old;
	expect_ok(&err, lab_take_over(&lab, &err));
	assert_int_equal(lab.change.record.seen_new, CARD_SEEN_MATCH);
	expect_untouched(&lab);
	lab_close(&lab);
}

/* A caller who derives the keys from the card's diversification data has asked already. */
static void test_asked_before(void **state)
{
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), NULL);
	expect_ok(&err, lab_insert(&lab, &err));
	card_guard_open(&lab.guard, &lab.gp, &lab.guard_config, &lab.counts);
	expect_ok(&err, card_guard_ask(&lab.guard, 1, 8, &err));
	assert_memory_equal(lab.guard.init.kdd, "\x00\x11\x22", 3);
	expect_ok(&err, card_change_open(&lab.change, &lab.guard, &lab.config, NULL, &err));
	expect_ok(&err, card_change_check(&lab.change, &err));
	expect_ok(&err, card_change_run(&lab.change, &err));
	assert_int_equal(lab.commands, 7);
	expect_step(&lab, CHANGE_DONE);
	lab_close(&lab);
}

static void test_already(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		unsigned writes;

		lab_with(&lab, lab_card_of(i), NULL);
		expect_ok(&err, lab_take_over(&lab, &err));
		writes = lab.writes;
		lab.sent[GP_EXTERNAL_AUTHENTICATE] = 0;
		expect_ok(&err, lab_take_over(&lab, &err));
		assert_int_equal(lab.change.record.seen_new, CARD_SEEN_MATCH);
		assert_int_equal(lab.change.record.step, CHANGE_NEW);
		assert_int_equal(lab.writes, writes);
		assert_int_equal(lab.sent[GP_EXTERNAL_AUTHENTICATE], 0);
		lab_close(&lab);
	}
}

/* The card's own choice of version, and what it is then replaced as. */
static void test_unknown_version(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		lab_with(&lab, lab_card_of(i), NULL);
		lab.config.old.version = 0;
		expect_ok(&err, lab_take_over(&lab, &err));
		expect_step(&lab, CHANGE_DONE);
		assert_int_equal(lab.record.old_version, lab.card.old_version);
		expect_ok(&err, lab_take_over(&lab, &err)); /* already, by default version */
		assert_int_equal(lab.change.record.step, CHANGE_NEW);
		lab_close(&lab);
	}
}

/* ---- refused before anything is authenticated ---- */

static void test_wrong_keys(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		CARD_KEYS_AUTO struct card_keys *wrong = NULL;

		lab_with(&lab, lab_card_of(i), NULL);
		wrong = lab_keys("a stranger's keys", lab.old->type, 0x22, 16);
		lab.config.old.keys = wrong;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH,
			"'a stranger's keys' does not open the card");
		assert_non_null(strstr(err.hint, "no try was spent"));
		expect_untouched(&lab);
		lab_close(&lab);
	}
}

static void test_absent_version(void **state)
{
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), NULL);
	lab.config.old.version = 0x33;
	lab.config.fresh.version = 0x34;
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_NOT_FOUND,
		"no key set of version 33, which 'the maker's keys' should open: version 33 was "
		"refused (SW 6A88), version 34 was refused (SW 6A88)");
	expect_untouched(&lab);
	lab_close(&lab);
}

static void test_blocked(void **state)
{
	const char *const faults[] = {"sw:3:6983", "sw:4:6983", NULL};
	struct lab lab;

	(void)state;
	lab_open(&lab, lab_card_of(CARD_REPLACE), faults);
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_CARD,
		"INITIALIZE UPDATE was refused: SW 6983");
	assert_string_equal(err.native, "SW 6983");
	assert_non_null(strstr(err.hint, "blocked after failed authentications"));
	expect_untouched(&lab);
	/* A status word that comes once is no state of the card. */
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	lab_close(&lab);
}

static void test_other_card(void **state)
{
	static const unsigned char recorded[] = {0x22, 0x34};
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_REPLACE), NULL);
	memcpy(lab.guard_config.kdd, recorded, sizeof(recorded));
	lab.guard_config.kdd_offset = 2;
	lab.guard_config.kdd_len = sizeof(recorded);
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH,
		"its key diversification data is 2233, not 2234; nothing was written to it");
	expect_untouched(&lab);
	lab_close(&lab);
}

static void test_plan_refused(void **state)
{
	static const struct {
		struct lab_card card;
		bool other;
		const char *text;
	} rows[] = {
		{{.scp = 3, .rule = CARD_REPLACE, .other_type = true}, true,
			"cannot replace 2TDEA keys by AES-128 keys in place"},
		{{.scp = 3, .rule = CARD_ADD_DELETE, .other_type = true}, false,
			"cannot put AES-128 keys beside 2TDEA keys"},
		{{.scp = 3, .rule = CARD_REPLACE, .old_version = 0xFF}, false,
			"cannot replace the factory set in place"},
		{{.scp = 3, .rule = CARD_ADD_DELETE, .old_version = 2}, false,
			"cannot add keys of version 02 beside"},
		{{.scp = 3, .rule = CARD_REPLACE, .new_version = 0x80}, false,
			"keys of version 80 on this card: it takes 01 to 7F"},
		{{.scp = 3, .rule = CARD_REPLACE, .key_len = 24, .block = GP_BLOCK_PLAIN}, false,
			"AES-192 keys need"},
	};
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lab_open(&lab, &rows[i].card, NULL);
		lab.config.takes_other_type = rows[i].other;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_INVALID, rows[i].text);
		expect_untouched(&lab);
		lab_close(&lab);
	}
}

/* From SCP02 to SCP03 by the first set that is added, where the card is known to speak both. */
static void test_other_type(void **state)
{
	struct lab_card card = {.scp = 3, .i = 0x10, .rule = CARD_FF_CONSUMED, .other_type = true};

	(void)state;
	take_over_whole(&card);
	card.rule = CARD_ADD_DELETE;
	card.key_len = 32;
	take_over_whole(&card);
}

/* ---- refused by the card: what it does counts ---- */

static void test_put_refused(void **state)
{
	static const struct {
		const char *fault, *text, *hint;
	} rows[] = {
		{"sw:5:6A80", "SW 6A80, wrong data", "did not like the key data"},
		{"sw:5:6982", "SW 6982, security status", "another check value than it was sent"},
		{"sw:5:6985", "SW 6985, conditions", "this version may exist already"},
		{"sw:5:6A84", "SW 6A84, not enough memory", "replace one, or delete"},
		{"sw:4:6300", "SW 6300, authentication failed", "has counted"},
	};
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lab_with(&lab, lab_card_of(i % 3), rows[i].fault);
		expect_err(&err, lab_take_over(&lab, &err), i == 4 ? KMS_ERR_AUTH : KMS_ERR_CARD,
			rows[i].text);
		assert_non_null(strstr(err.hint, rows[i].hint));
		expect_step(&lab, CHANGE_REFUSED);
		assert_non_null(strstr(lab.record.reason, rows[i].text));
		assert_int_equal(lab.counts.auths, i == 4 ? 1 : 0);
		assert_true(lab_opens(&lab, &lab.config.old));
		assert_false(lab_opens(&lab, &lab.config.fresh));
		lab_close(&lab);
	}
}

/* It says no, and has done it. */
static void test_put_lies(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		lab_with(&lab, lab_card_of(i), "sw-after:5:6A80");
		expect_ok(&err, lab_take_over(&lab, &err));
		expect_step(&lab, CHANGE_DONE);
		assert_true(lab_opens(&lab, &lab.config.fresh));
		assert_false(lab_opens(&lab, &lab.config.old));
		lab_close(&lab);
	}
}

static size_t pretend_put(struct lab *lab, const unsigned char *command, size_t len,
	unsigned char *answer, size_t answer_len)
{
	(void)len;
	if (command[1] != GP_PUT_KEY || answer_len != 2)
		return answer_len;
	answer[0] = (unsigned char)lab->card.new_version;
	for (enum card_role role = 0; role < CARD_ROLES; role++)
		expect_ok(&err, lab->fresh->ops->kcv(
					lab->fresh, role, answer + 1 + role * CARD_KCV_SIZE, &err));
	memcpy(answer + 10, "\x90\x00", 2);
	return 12;
}

/* It says yes, and has not. */
static void test_put_pretended(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		lab_with(&lab, lab_card_of(i), "sw:5:9000");
		lab.guard_config.level = SCP_C_MAC | SCP_C_DEC;
		lab.tap = pretend_put;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH,
			"PUT KEY was answered with success, but the old key set is still");
		expect_step(&lab, CHANGE_REFUSED);
		assert_true(lab_opens(&lab, &lab.config.old));
		lab_close(&lab);
	}
}

static size_t other_check_value(struct lab *lab, const unsigned char *command, size_t len,
	unsigned char *answer, size_t answer_len)
{
	(void)lab;
	(void)len;
	if (command[1] == GP_PUT_KEY && answer_len == 12)
		answer[9] ^= 1;
	return answer_len;
}

static void test_other_check_values(void **state)
{
	struct lab lab;

	(void)state;
	for (enum card_initial_set i = 0; i <= CARD_ADD_DELETE; i++) {
		lab_with(&lab, lab_card_of(i), NULL);
		lab.guard_config.level = SCP_C_MAC;
		lab.tap = other_check_value;
		expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_MISMATCH,
			"the card confirmed other check values than those of the new keys");
		expect_step(&lab, CHANGE_QUARANTINED);
		assert_int_equal(lab.record.seen_new, CARD_SEEN_MATCH);
		assert_int_equal(lab.sent[GP_DELETE], 0);
		lab_close(&lab);
	}
	/* The doubt is durable: a tear right after it does not lose it. */
	lab_with(&lab, lab_card_of(CARD_REPLACE), "drop-before:6");
	lab.guard_config.level = SCP_C_MAC;
	lab.tap = other_check_value;
	expect_err(&err, lab_take_over(&lab, &err), KMS_ERR_IO, "");
	expect_step(&lab, CHANGE_DOUBTED);
	expect_err(
		&err, lab_resume(&lab, CARD_ROLL_FORWARD, &err), KMS_ERR_MISMATCH, "quarantined");
	expect_step(&lab, CHANGE_QUARANTINED);
	lab_close(&lab);
}

/* ---- deletion ---- */

static void test_old_stays(void **state)
{
	struct lab lab;

	(void)state;
	/* SELECT, GET DATA, two times two to open, PUT KEY: DELETE is the eighth. */
	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "sw:8:6985");
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	assert_non_null(strstr(lab.record.reason, "still opens the card: DELETE [key] was refused: "
						  "SW 6985"));
	assert_int_equal(lab.record.seen_old, CARD_SEEN_MATCH);
	assert_true(lab_opens(&lab, &lab.config.fresh));
	assert_true(lab_opens(&lab, &lab.config.old));
	lab_close(&lab);

	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "sw:8:9000");
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	assert_non_null(strstr(lab.record.reason, "answered with success, but had no effect"));
	lab_close(&lab);

	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "sw-after:8:6F00");
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	assert_false(lab_opens(&lab, &lab.config.old));
	lab_close(&lab);

	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), NULL);
	lab.config.no_delete = true;
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	assert_int_equal(lab.sent[GP_DELETE], 0);
	assert_int_equal(lab.counts.auths, 0);
	lab_close(&lab);
}

/* A card that keeps its factory set, other than its profile says. */
static void test_not_consumed(void **state)
{
	struct lab_card card = *lab_card_of(CARD_FF_CONSUMED);
	struct lab lab;

	(void)state;
	card.sim_rule = "add";
	lab_with(&lab, &card, NULL);
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	assert_non_null(
		strstr(lab.record.reason, "does not follow its profile's initial-set rule"));
	lab_close(&lab);
}

/* The new set was put on by a change that no journal knows of. */
static void test_found_beside(void **state)
{
	struct lab lab;

	(void)state;
	lab_with(&lab, lab_card_of(CARD_ADD_DELETE), "sw:8:6985");
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_OLD_STAYS);
	expect_ok(&err, lab_take_over(&lab, &err));
	expect_step(&lab, CHANGE_DONE);
	assert_false(lab_opens(&lab, &lab.config.old));
	lab_close(&lab);
}

/* ---- a domain of its own ---- */

/* CPLC is the issuer domain's alone. */
static size_t cplc_of_issuer(struct lab *lab, const unsigned char *command, size_t len,
	unsigned char *answer, size_t answer_len)
{
	(void)len;
	if (command[1] == GP_SELECT)
		lab->other_selected = command[4] > 0;
	if (command[1] != GP_GET_DATA || command[2] != 0x9F || !lab->other_selected)
		return answer_len;
	memcpy(answer, "\x6A\x88", 2);
	return 2;
}

static void test_domain(void **state)
{
	static const char domain[] = "[isd]\naid = A000000151000000\n"
				     "[load-file A0000001515350]\nmodules = A000000151535041\n"
				     "[application A00000015153504101]\nlife = 07\n"
				     "privileges = 808000\nload-file = A0000001515350\n"
				     "module = A000000151535041\n";
	struct lab_card card = {.scp = 3,
		.i = 0x30,
		.rule = CARD_FF_CONSUMED,
		.old_version = 1,
		.new_version = 1,
		.sim_rule = "add",
		.sections = domain,
		.aid = "A00000015153504101"};
	struct lab lab;

	(void)state;
	/* First the keys of the domain above it open it; then its own, and those no more. */
	for (unsigned version = 1; version <= 2; version++) {
		card.new_version = version;
		lab_open(&lab, &card, NULL);
		expect_ok(&err, lab_take_over(&lab, &err));
		expect_step(&lab, CHANGE_DONE);
		assert_true(lab_opens(&lab, &lab.config.fresh));
		assert_false(lab_opens(&lab, &lab.config.old));
		memset(&lab.guard_config.aid, 0, sizeof(lab.guard_config.aid));
		assert_true(lab_opens(&lab, &lab.config.old));
		lab_close(&lab);
	}
	/* A tear, and the domain is selected again. */
	for (unsigned i = 0; i < 2; i++) {
		lab_with(&lab, &card, "sw-after:4:6F00");
		lab.tap = i ? cplc_of_issuer : NULL;
		expect_ok(&err, lab_take_over(&lab, &err));
		expect_step(&lab, CHANGE_DONE);
		assert_true(lab_opens(&lab, &lab.config.fresh));
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scp02),
		cmocka_unit_test(test_scp03),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_same_keys),
		cmocka_unit_test(test_asked_before),
		cmocka_unit_test(test_already),
		cmocka_unit_test(test_unknown_version),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_absent_version),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_other_card),
		cmocka_unit_test(test_plan_refused),
		cmocka_unit_test(test_other_type),
		cmocka_unit_test(test_put_refused),
		cmocka_unit_test(test_put_lies),
		cmocka_unit_test(test_put_pretended),
		cmocka_unit_test(test_other_check_values),
		cmocka_unit_test(test_old_stays),
		cmocka_unit_test(test_not_consumed),
		cmocka_unit_test(test_found_beside),
		cmocka_unit_test(test_domain),
	};

	if (secret_heap_open(NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
