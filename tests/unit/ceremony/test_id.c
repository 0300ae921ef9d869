/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_make(void **state)
{
	static const struct {
		unsigned char random[CER_ID_RANDOM];
		const char *id;
	} cases[] = {
		{{0, 0, 0, 0, 0}, "0000-0000"},
		{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, "ZZZZ-ZZZZ"},
		/* 7 F 3 K - 2 2 Q D is 00111 01111 00011 10011 - 00010 00010 10111 01101 */
		{{0x3B, 0xC7, 0x31, 0x0A, 0xED}, "7F3K-22QD"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[CER_ID_SIZE];

		cer_id_make(cases[i].random, id);
		assert_string_equal(id, cases[i].id);
	}
}

static void test_parse_is_tolerant(void **state)
{
	static const char *const spellings[] = {
		"7F3K-22QD", "7f3k22qd", " 7f3k 22qd ", "7F3K 22QD", "7-f-3-k-2-2-q-d"};
	char id[CER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		assert_int_equal(cer_id_parse(spellings[i], id, NULL), KMS_OK);
		assert_string_equal(id, "7F3K-22QD");
	}
	assert_int_equal(cer_id_parse("OoIi-Ll00", id, NULL), KMS_OK);
	assert_string_equal(id, "0011-1100");
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {"", "-", "7F3K-22Q", "7F3K-22QDA", "7F3K-22QU",
		"7F3K_22QD", "7F3K-22Q\xC3\x84", "7F3K-22QD7F3K-22QD"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char id[CER_ID_SIZE] = "before";
		struct kms_err err = {0};

		assert_int_equal(cer_id_parse(bad[i], id, &err), KMS_ERR_INVALID);
		assert_non_null(strstr(err.msg, "like 7F3K-22QD"));
		assert_string_equal(id, "before");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_parse_is_tolerant),
		cmocka_unit_test(test_parse_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
