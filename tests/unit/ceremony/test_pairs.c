/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GOOD                                    \
	"[component 1]\n"                       \
	"custodians = A. Ortiz, B. Lindqvist\n" \
	"[component 2]\n"                       \
	"custodians = C. Haddad, D. Novak\n"    \
	"[component 3]\n"                       \
	"custodians = E. Sato, F. Okafor\n"

static void test_contract_example(void **state)
{
	struct cer_pairs pairs;

	(void)state;
	assert_int_equal(cer_pairs_parse("pairs.ini", GOOD, strlen(GOOD), 3, &pairs, NULL), KMS_OK);
	assert_int_equal(pairs.count, 3);
	assert_string_equal(pairs.pairs[0].names[0], "A. Ortiz");
	assert_string_equal(pairs.pairs[2].names[1], "F. Okafor");
	assert_int_equal(cer_pairs_find(&pairs, "d novak"), 2);
	assert_int_equal(cer_pairs_find(&pairs, "D. Nowak"), 0);
}

static void test_order_of_sections_does_not_matter(void **state)
{
	static const char text[] = "[component 2]\ncustodians = C, D\n"
				   "; a comment\n[component 1]\ncustodians =   A  ,B\n";
	struct cer_pairs pairs;

	(void)state;
	assert_int_equal(cer_pairs_parse("p", text, strlen(text), 2, &pairs, NULL), KMS_OK);
	assert_string_equal(pairs.pairs[0].names[0], "A");
	assert_string_equal(pairs.pairs[0].names[1], "B");
	assert_string_equal(pairs.pairs[1].names[0], "C");
}

struct bad {
	const char *text;
	size_t count;
	const char *message; /* a part of it */
	const char *hint;    /* a part of it, or NULL */
};

static void test_refusals(void **state)
{
	static const struct bad cases[] = {
		{GOOD, 2, "pairs.ini, line 6: component 3, but this ceremony has 2 components",
			"--components"},
		{GOOD, 4, "pairs.ini: no custodians for component 4 of 4", "[component 4]"},
		{GOOD, 1, "a key has 2 to 9 components, not 1", NULL},
		{GOOD, 10, "a key has 2 to 9 components, not 10", NULL},
		{"", 2, "pairs.ini: no custodians for component 1 of 2", NULL},
		{"[component 1]\ncustodian = A, B\n", 2,
			"pairs.ini, line 2: unknown value 'custodian' in [component 1]",
			"did you mean 'custodians'?"},
		{"[component 1]\ncolour = red\n", 2, "line 2: unknown value 'colour'",
			"custodians = NAME, NAME"},
		{"[componet 1]\ncustodians = A, B\n", 2,
			"pairs.ini, line 2: unknown section [componet 1]",
			"did you mean [component N]?"},
		{"[component 01]\ncustodians = A, B\n", 2, "unknown section [component 01]", NULL},
		{"[component 0]\ncustodians = A, B\n", 2, "unknown section [component 0]", NULL},
		{"[component 1]\ncustodians = A\n", 2,
			"line 2: [component 1] must have exactly 2 custodians",
			"A. Ortiz, B. Lindqvist"},
		{"[component 1]\ncustodians = A, B, C\n", 2, "must have exactly 2 custodians",
			NULL},
		{"[component 1]\ncustodians = A,\n", 2,
			"line 2: a custodian's name in [component 1] is empty", NULL},
		{"[component 1]\ncustodians = A, \"B\"\n", 2, "double quote", NULL},
		{"[component 1]\ncustodians = A. Ortiz, a ortiz\n", 2,
			"line 2: a ortiz stands twice in [component 1]", "named once"},
		{"[component 1]\ncustodians = A, B\n[component 2]\ncustodians = C, a.\n", 2,
			"line 4: a. stands in [component 2] and in [component 1]",
			"nobody may hold two components"},
		{"[component 1]\ncustodians = A, B\n[component 1]\ncustodians = C, D\n", 2,
			"line 4", NULL},
		{"[component 1]\n[component 2]\ncustodians = C, D\n", 2, "line 1", NULL},
		{"custodians = A, B\n", 2, "before the first [section]", NULL},
		{"[component 1]\ncustodians = A\x01, B\n", 2, "control character", NULL},
		{"[component 1]\ncustodians = A\xFF, B\n", 2, "not a text file in UTF-8", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cer_pairs pairs = {.count = 77};
		struct kms_err err = {0};
		enum kms_status st = cer_pairs_parse("pairs.ini", cases[i].text,
			strlen(cases[i].text), cases[i].count, &pairs, &err);

		if (st != KMS_ERR_INVALID || !strstr(err.msg, cases[i].message) ||
			(cases[i].hint && !strstr(err.hint, cases[i].hint)))
			fail_msg("case %zu: %d '%s' hint '%s'", i, (int)st, err.msg, err.hint);
		assert_int_equal(pairs.count, 77);
	}
}

static void test_long_name(void **state)
{
	char text[300];
	struct cer_pairs pairs;
	struct kms_err err = {0};
	int len;

	(void)state;
	len = snprintf(text, sizeof(text), "[component 1]\ncustodians = %0101d, B\n", 0);
	assert_int_equal(cer_pairs_parse("p", text, (size_t)len, 2, &pairs, &err), KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, "longer than 100 bytes"));
}

static void test_missing_file(void **state)
{
	struct cer_pairs pairs;
	struct kms_err err = {0};

	(void)state;
	assert_int_not_equal(cer_pairs_load("/nonexistent/pairs.ini", 3, &pairs, &err), KMS_OK);
	assert_non_null(strstr(err.msg, "/nonexistent/pairs.ini"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract_example),
		cmocka_unit_test(test_order_of_sections_does_not_matter),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
