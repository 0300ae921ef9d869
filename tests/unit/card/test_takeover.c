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
			take_over_whole(&(struct lab_card){2, options[i], 16, rule, 1, 0, 0, 0, 0});
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scp02),
		cmocka_unit_test(test_scp03),
	};

	if (secret_heap_open(NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
