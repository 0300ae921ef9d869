/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/component.h"

#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* CRC-8/AUTOSAR by long division of the message's bits, to compare with. */
static unsigned crc_by_division(const unsigned char *data, size_t len)
{
	unsigned rest = 0;

	/* The initial value FF is an XOR on the first eight bits, the final one on the result. */
	for (size_t bit = 0; bit < 8 * len + 8; bit++) {
		unsigned in = bit < 8 * len ? data[bit / 8] >> (7 - bit % 8) & 1 : 0;

		if (bit < 8)
			in ^= 1;
		rest = rest << 1 | in;
		if (rest & 0x100)
			rest ^= 0x12F;
	}
	return rest ^ 0xFF;
}

static void test_line_check_is_crc8_autosar(void **state)
{
	unsigned char line[2 + CER_LINE_BYTES];
	unsigned x = 1;

	(void)state;
	/* The catalogue's check value (docs/sources.md) proves the comparison itself. */
	assert_int_equal(crc_by_division((const unsigned char *)"123456789", 9), 0xDF);
	for (unsigned round = 0; round < 2000; round++) {
		line[0] = (unsigned char)(round % 9 + 1);
		line[1] = (unsigned char)(round % 4 + 1);
		for (size_t i = 0; i < CER_LINE_BYTES; i++)
			line[2 + i] = (unsigned char)((x = x * 1103515245 + 12345) >> 16);
		assert_int_equal(cer_line_check(line[0], line[1], line + 2),
			crc_by_division(line, sizeof(line)));
	}
}

/* What one wrong bit of the 72 of a line does to the check byte; the CRC is linear, so the effect of
 * several is the XOR. */
static unsigned bit_effect(unsigned bit)
{
	unsigned char line[CER_LINE_BYTES] = {0};
	unsigned none = cer_line_check(1, 1, line);

	if (bit >= 64)
		return 1u << (bit - 64); /* of the check byte itself */
	line[bit / 8] = (unsigned char)(0x80 >> bit % 8);
	return none ^ cer_line_check(1, 1, line);
}

static void test_three_wrong_bits_are_found(void **state)
{
	unsigned effect[72];

	(void)state;
	for (unsigned i = 0; i < 72; i++) {
		effect[i] = bit_effect(i);
		assert_int_not_equal(effect[i], 0);
	}
	for (unsigned i = 0; i < 72; i++)
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(effect[i] ^ effect[j], 0);
			for (unsigned k = 0; k < j; k++)
				assert_int_not_equal(effect[i] ^ effect[j] ^ effect[k], 0);
		}
}

/* Every line of every component, taken for every other. */
static void test_places_are_told_apart(void **state)
{
	static const unsigned char line[CER_LINE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
	unsigned char seen[9 * 4];

	(void)state;
	for (unsigned i = 0; i < sizeof(seen); i++) {
		seen[i] = cer_line_check(i / 4 + 1, i % 4 + 1, line);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
}

/* The worked example of docs/formats/sheet.md. */
#define LINE1	 "8D1F 04C2 77AB 90E3"
#define LINE2	 "0123 4567 89AB CDEF"
#define EXAMPLE	 "1:  " LINE1 "   B0\n2:  " LINE2 "   09\n"
#define SQUEEZED "8D1F04C277AB90E3B00123456789ABCDEF09"
#define PLAIN	 "8D1F04C277AB90E30123456789ABCDEF"

static void read_ok(const char *text, bool checked)
{
	SECRET_AUTO struct secret component = {0};
	struct kms_err err = {0};
	bool has = !checked;
	char hex[33];

	if (cer_component_parse(text, strlen(text), 16, 2, &component, &has, &err))
		fail_msg("'%s': %s", text, err.msg);
	assert_int_equal(component.len, 16);
	hex_encode(component.data, component.len, hex);
	assert_string_equal(hex, PLAIN);
	assert_int_equal(has, checked);
}

static void test_render_example(void **state)
{
	SECRET_AUTO struct secret component = {0};
	SECRET_AUTO struct secret text = {0};

	(void)state;
	assert_int_equal(secret_alloc(&component, 16, NULL), KMS_OK);
	assert_true(hex_decode_strict(PLAIN, component.data, 16));
	assert_int_equal(cer_component_render(&component, 2, &text, NULL), KMS_OK);
	assert_string_equal((const char *)text.data, EXAMPLE);
}

static void test_spellings(void **state)
{
	(void)state;
	read_ok(EXAMPLE, true);
	read_ok(SQUEEZED, true);
	read_ok("8d1f 04c2 77ab 90e3 b0 0123 4567 89ab cdef 09", true);
	read_ok("1: 8D1F04C277AB90E3B0 2: 0123456789ABCDEF09", true);
	read_ok("1:8D1F04C277AB90E3B0\r\n2:0123456789ABCDEF09\r\n\r\n", true);
	read_ok("8 D 1F 0 4C277AB90E3B\n0\n0123456789ABCDEF09", true);
	read_ok(PLAIN, false);
	read_ok("\t1: " LINE1 "\n2: " LINE2, false);
}

struct bad {
	const char *text;
	enum kms_status status;
	const char *message;
	const char *hint;
};

static void test_refusals(void **state)
{
	static const struct bad cases[] = {
		{"", KMS_ERR_INVALID, "component 2: 0 digits, expected 32, or 36 with all check",
			NULL},
		{"8D1F04C277AB90E30123456789ABCDE", KMS_ERR_INVALID,
			"31 digits (an odd number), expected 32, or 36", NULL},
		{PLAIN PLAIN PLAIN, KMS_ERR_INVALID, "96 digits, expected 32", NULL},
		{LINE1 " B0\n" LINE2, KMS_ERR_INVALID, "34 digits, expected 32, or 36",
			"of all lines, or of none"},
		{"8D1F 04C2 77AB 90E\n" LINE2, KMS_ERR_INVALID,
			"line 1 has 15 digits, expected 16, or 18", "four groups of four"},
		{"1: " LINE1 " B0\n2: 0123 4567 89AB CD", KMS_ERR_INVALID, "line 2 has 14 digits",
			NULL},
		{"1: " LINE1 " F\n2: " LINE2 " 09", KMS_ERR_INVALID, "line 1 has 17 digits", NULL},
		{"1: " LINE1 " B0", KMS_ERR_INVALID, "only 1 of 2 lines", NULL},
		{"2: " LINE2 " 09\n1: " LINE1 " B0", KMS_ERR_INVALID,
			"line number 2 where line 1 was expected", NULL},
		{EXAMPLE "3: " LINE1 " B0", KMS_ERR_INVALID,
			"line number 3 where line 2 was expected", NULL},
		{"8D1F 04C2 77AX 90E3 B0 " LINE2 " 09", KMS_ERR_INVALID,
			"character 14 (after 11 digits, in line 1) is not a hexadecimal digit",
			NULL},
		{LINE1 " B0 O123 4567 89AB CDEF 09", KMS_ERR_INVALID,
			"(after 18 digits, in line 2)", "0 to 9 and A to F"},
		{"8D1F 04C2 77AB 90E4 B0 " LINE2 " 09", KMS_ERR_MISMATCH,
			"component 2: line 1 (groups 1 to 4) does not agree", "compare line 1"},
		{LINE1 " B0 0123 4567 98AB CDEF 09", KMS_ERR_MISMATCH,
			"component 2: line 2 (groups 5 to 8) does not agree with its check digits",
			NULL},
		{"9D1F 04C2 77AB 90E3 B0 0123 4567 98AB CDEF 09", KMS_ERR_MISMATCH,
			"line 1 (groups 1 to 4) does not agree with its check digits, nor do other",
			NULL},
		{LINE2 " 09 " LINE1 " B0", KMS_ERR_MISMATCH, "line 1 (groups 1 to 4)",
			"it would agree as line 2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		SECRET_AUTO struct secret component = {0};
		struct kms_err err = {0};
		enum kms_status st = cer_component_parse(
			cases[i].text, strlen(cases[i].text), 16, 2, &component, NULL, &err);

		if (st != cases[i].status || !strstr(err.msg, cases[i].message) ||
			(cases[i].hint && !strstr(err.hint, cases[i].hint)))
			fail_msg("case %zu: %d '%s' hint '%s'", i, (int)st, err.msg, err.hint);
		assert_null(component.data);
	}
}

static void test_other_component(void **state)
{
	SECRET_AUTO struct secret component = {0};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(
		cer_component_parse(SQUEEZED, strlen(SQUEEZED), 16, 3, &component, NULL, &err),
		KMS_ERR_MISMATCH);
	assert_string_equal(err.msg, "component 3: these are the lines of component 2");
	assert_non_null(strstr(err.hint, "right sheet"));
}

static void test_long_text_is_refused_unread(void **state)
{
	SECRET_AUTO struct secret component = {0};
	struct kms_err err = {0};
	char text[CER_COMPONENT_TEXT_MAX + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, PLAIN, strlen(PLAIN));
	assert_int_equal(cer_component_parse(text, sizeof(text), 16, 1, &component, NULL, &err),
		KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, "longer than 1024"));
	assert_int_equal(
		cer_component_parse(text, sizeof(text) - 1, 16, 1, &component, NULL, &err), KMS_OK);
}

static void test_zero_byte_is_no_digit(void **state)
{
	SECRET_AUTO struct secret component = {0};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(
		cer_component_parse("8D\0", 3, 16, 1, &component, NULL, &err), KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, "character 3 (after 2 digits"));
}

static void test_single_lines(void **state)
{
	unsigned char bytes[CER_LINE_BYTES];
	struct kms_err err = {0};
	bool checked = false;

	(void)state;
	assert_int_equal(
		cer_line_parse("0123456789ABCDEF09", 18, 2, 2, bytes, &checked, &err), KMS_OK);
	assert_true(checked);
	assert_int_equal(bytes[7], 0xEF);
	assert_int_equal(
		cer_line_parse(" 2: " LINE2, strlen(" 2: " LINE2), 2, 2, bytes, &checked, &err),
		KMS_OK);
	assert_false(checked);
	assert_int_equal(cer_line_parse("0123456789ABCDEF0A", 18, 2, 2, bytes, &checked, &err),
		KMS_ERR_MISMATCH);
	assert_string_equal(err.msg, "component 2: line 2 (groups 5 to 8) does not agree with its "
				     "check digits");
	assert_int_equal(cer_line_parse("0123456789ABCDEF09", 18, 3, 2, bytes, &checked, &err),
		KMS_ERR_MISMATCH);
	assert_string_equal(
		err.hint, "it would agree as line 2 of component 2: is this the right sheet?");
	assert_int_equal(cer_line_parse("0123456789ABCDEF7", 17, 2, 2, bytes, &checked, &err),
		KMS_ERR_INVALID);
	assert_string_equal(err.msg,
		"component 2: line 2 has 17 digits, expected 16, or 18 with its check digits");
	assert_int_equal(cer_line_parse("0123456789ABCDEF7G", 18, 2, 2, bytes, &checked, &err),
		KMS_ERR_INVALID);
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_check_is_crc8_autosar),
		cmocka_unit_test(test_three_wrong_bits_are_found),
		cmocka_unit_test(test_places_are_told_apart),
		cmocka_unit_test(test_render_example),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_other_component),
		cmocka_unit_test(test_long_text_is_refused_unread),
		cmocka_unit_test(test_zero_byte_is_no_digit),
		cmocka_unit_test(test_single_lines),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
