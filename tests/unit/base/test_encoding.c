/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64, SHA-256, printable text, folded names. P-256 is tested with what it signs (unit/audit). */
#include "base/base64.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/text.h"
#include "base/utf8.h"
#include "support/expect.h"

static struct kms_err err;

/* RFC 4648 section 10. */
static void test_base64(void **state)
{
	static const struct {
		const char *plain, *text;
	} rows[] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	char out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BUF_AUTO struct buf text = {0};

		expect_ok(&err, base64_append(&text, rows[i].plain, strlen(rows[i].plain), &err));
		assert_string_equal(buf_text(&text), rows[i].text);
		assert_true(
			base64_decode(rows[i].text, strlen(rows[i].text), out, sizeof(out), &len));
		assert_int_equal(len, strlen(rows[i].plain));
		assert_memory_equal(out, rows[i].plain, len);
		/* Exactly the room it takes, and one byte less. */
		assert_true(base64_decode(rows[i].text, strlen(rows[i].text), out, len, &len));
		if (len)
			assert_false(base64_decode(
				rows[i].text, strlen(rows[i].text), out, len - 1, &len));
	}
	assert_true(base64_decode("/+8=", 4, out, sizeof(out), &len));
	assert_memory_equal(out, "\xFF\xEF", 2);
}

static void test_base64_refuses(void **state)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg=g",
		"Zh==", "Zm9=", "=g==", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9",
		"Zm9v====", "Zm-_", "Zm9\xC3"};
	char out[16];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len))
			fail_msg("'%s' is taken for base 64", bad[i]);
	assert_false(base64_decode("Zm\0v", 4, out, sizeof(out), &len));
	assert_int_equal(len, 77);
}

/* Messages that are published everywhere with their digests (and agree with sha256sum). */
static void test_sha256(void **state)
{
	static const struct {
		const char *message, *digest;
	} rows[] = {
		{"", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"},
		{"abc", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248D6A61D20638B8E5C026930C3E6039A33CE45964FF2167F6ECEDD419DB06C1"},
	};
	unsigned char hash[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].message), half = len / 2;
		const struct hash_part parts[] = {
			{rows[i].message, half}, {NULL, 0}, {rows[i].message + half, len - half}};

		expect_ok(&err, hash_sha256(rows[i].message, len, hash, &err));
		hex_encode(hash, sizeof(hash), hex);
		assert_string_equal(hex, rows[i].digest);
		memset(hash, 0, sizeof(hash));
		expect_ok(&err, hash_sha256_parts(parts, 3, hash, &err));
		hex_encode(hash, sizeof(hash), hex);
		assert_string_equal(hex, rows[i].digest);
	}
}

static void test_printable(void **state)
{
	static const struct {
		const char *text, *clean;
	} rows[] = {
		{"", ""},
		{"SoftHSM v2", "SoftHSM v2"},
		{"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\x91",
			"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\x91"},
		{"a\x1B[2Jb", "a?[2Jb"},
		{"a\tb\nc\x7F", "a?b?c?"},
		{"\xC2\x9B.", "??."},
		{"\xC2\xA0", "\xC2\xA0"},
		{"a\xE2\x80\xAE"
		 "b",
			"a???b"},
		{"\xE2\x80\xA2", "\xE2\x80\xA2"},
		{"\xE2\x82", "??"},
		{"\xFF\xFE", "??"},
		{"\xC0\xAF", "??"},
	};
	char out[64], *lines;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);

		text_clean(rows[i].text, out, sizeof(out));
		assert_string_equal(out, rows[i].clean);
		assert_int_equal(text_printable(rows[i].text, len),
			strcmp(rows[i].text, rows[i].clean) == 0);
		if (len)
			assert_false(text_printable(rows[i].text, len - 1));
	}
	/* Cut between characters, never within one. */
	text_clean("ab\xE2\x82\xAC"
		   "c",
		out, 5);
	assert_string_equal(out, "ab");
	text_clean("ab\xE2\x82\xAC"
		   "c",
		out, 6);
	assert_string_equal(out, "ab\xE2\x82\xAC");
	text_clean("abc", out, 1);
	assert_string_equal(out, "");
	lines = text_clean_lines("one\n\x1B]0;two\x07\n\tthree\xC2\x9B\n");
	assert_non_null(lines);
	assert_string_equal(lines, "one\n?]0;two?\n\tthree??\n");
	free(lines);
}

static void test_name_fold(void **state)
{
	static const char *const names[] = {
		"A. Ortiz", "a ortiz", "A.Ortiz", "A.  ORTIZ.", "AOrtiz", "B. Ortiz", "Åsa", "åsa"};
	char a[NAME_MAX_BYTES + 1], b[NAME_MAX_BYTES + 1];
	char longest[NAME_MAX_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			name_fold(names[i], a);
			name_fold(names[j], b);
			assert_int_equal(strcmp(a, b) == 0, name_same(names[i], names[j]));
		}
	name_fold(" A..  Ortiz ", a);
	assert_string_equal(a, "a ortiz");
	memset(longest, 'N', NAME_MAX_BYTES);
	longest[NAME_MAX_BYTES] = 0;
	name_fold(longest, a);
	assert_int_equal(strlen(a), NAME_MAX_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_refuses),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_name_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
