/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, UTF-8, names, near words, errors, buffers, time. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/near.h"
#include "base/utf8.h"
#include "support/expect.h"

#include <limits.h>

static struct kms_err err;

static void test_hex(void **state)
{
	unsigned char out[4] = {0};
	char text[9];
	size_t len = 99;

	(void)state;
	hex_encode("\x00\x0F\xA5\xFF", 4, text);
	assert_string_equal(text, "000FA5FF");
	assert_true(hex_decode_strict("000FA5FF", out, 4));
	assert_memory_equal(out, "\x00\x0F\xA5\xFF", 4);
	assert_false(hex_decode_strict("000fa5ff", out, 4));
	assert_false(hex_decode_strict("000FA5F", out, 4));
	assert_false(hex_decode_strict("000FA5FF0", out, 4));
	assert_false(hex_decode_strict("000FA5F ", out, 4));
	assert_true(hex_decode_strict("", out, 0));
	expect_ok(&err, hex_decode("00:0f a5\tFF", 11, "key", out, 4, &len, &err));
	assert_int_equal(len, 4);
	expect_ok(&err, hex_decode("AB junk", 2, "key", out, 4, &len, &err));
	assert_int_equal(len, 1);
	expect_err(&err, hex_decode("00 0x", 5, "component 2", out, 4, &len, &err), KMS_ERR_INVALID,
		"component 2: character 5 is not a hexadecimal digit");
	expect_err(&err, hex_decode("000", 3, "key", out, 4, &len, &err), KMS_ERR_INVALID,
		"odd number of hexadecimal digits (3)");
	expect_err(&err, hex_decode("0011223344", 10, "key", out, 4, &len, &err), KMS_ERR_INVALID,
		"longer than the 8");
	assert_memory_equal(out, "\0\0\0\0", 4); /* wiped after a failure */
	expect_err(&err, hex_decode("0\0", 2, "key", out, 4, &len, &err), KMS_ERR_INVALID,
		"character 2");
	assert_int_equal(len, 1);
	for (int c = -1; c < 256; c++)
		assert_int_equal(
			hex_digit(c) >= 0, c > 0 && strchr("0123456789abcdefABCDEF", c) != NULL);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{"", true},
		{"plain", true},
		{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x91", true},
		{"\xEF\xBF\xBF", true},
		{"\xF4\x8F\xBF\xBF", true},
		{"\xF4\x90\x80\x80", false}, /* above U+10FFFF */
		{"\xC0\xAF", false},	     /* a longer spelling of '/' */
		{"\xC1\xBF", false},
		{"\xE0\x9F\xBF", false},
		{"\xF0\x8F\xBF\xBF", false},
		{"\xED\xA0\x80", false}, /* a surrogate */
		{"\xED\xBF\xBF", false},
		{"\xC3", false}, /* cut short */
		{"\xE2\x82", false},
		{"\xE2\x28\xA1", false},
		{"\x80", false},
		{"\xBF", false},
		{"\xF8\x88\x80\x80\x80", false},
		{"\xFE", false},
		{"\xFF", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (utf8_valid(rows[i].text, strlen(rows[i].text)) != rows[i].valid)
			fail_msg("row %zu", i);
}

static void test_name_check(void **state)
{
	static const char *const good[] = {
		"A. Ortiz", "Åsa Öberg-Lind", "Example Bank (Zürich)", "x", "'"};
	static const struct {
		const char *name, *says;
	} bad[] = {
		{"", "is empty"}, {" a", "starts or ends with a blank"},
		{"a ", "starts or ends with a blank"}, {"a,b", "comma"}, {"a=b", "comma, '='"},
		{"a\"b", "double quote"}, {"a\nb", "control character"},
		{"a\x1B[2J", "control character"}, {"a\x7F", "control character"},
		{"a\xC2\x9B", "control character"}, {"a\xC3", "not UTF-8"},
		{"an\xE2\x80\x8B"
		 "a",
			"not seen"}, /* zero width space */
		{"\xE2\x80\xAE"
		 "ana",
			"not seen"},			     /* right-to-left override */
		{"a\xEF\xB8\x8F", "not seen"},		     /* variation selector */
		{"a\xF3\xA0\x81\xA1", "not seen"},	     /* tag */
		{"A.\xC2\xA0Ortiz", "blank other than"},     /* no-break space */
		{"A.\xE3\x80\x80Ortiz", "blank other than"}, /* ideographic space */
	};
	char hundred[102];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_ok(&err, name_check(good[i], "officer", &err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_err(&err, name_check(bad[i].name, "officer", &err), KMS_ERR_INVALID,
			bad[i].says);
	memset(hundred, 'n', sizeof(hundred));
	hundred[100] = 0;
	expect_ok(&err, name_check(hundred, "officer", &err));
	hundred[100] = 'n';
	hundred[101] = 0;
	expect_err(&err, name_check(hundred, "officer", &err), KMS_ERR_INVALID,
		"longer than 100 bytes");
}

static void test_name_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"A. Ortiz", "a ortiz", true},
		{"A. Ortiz", "A.Ortiz", true},
		{"A. Ortiz", "  a.  ORTIZ. ", true},
		{"A. Ortiz", "B. Ortiz", false},
		{"A. Ortiz", "A. Orti", false},
		{"A. Ortiz", "A. Ortizz", false},
		{"Ann Ortiz", "AnnOrtiz", false},
		{"Åsa", "Åsa", true},
		{"Åsa", "åsa", false}, /* other scripts byte by byte */
		{"", "", true},
		{"", "x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(name_same(rows[i].a, rows[i].b), rows[i].same);
		assert_int_equal(name_same(rows[i].b, rows[i].a), rows[i].same);
	}
}

static void test_near(void **state)
{
	static const char *const words[] = {"algorithm", "export", "key-version", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	assert_string_equal(near_name("algoritm", words), "algorithm");
	assert_string_equal(near_name("EXPROT", words), "export");
	assert_string_equal(near_name("key_version", words), "key-version");
	assert_null(near_name("banana", words));
	assert_null(near_name("algorithm", none));
}

static void test_near_person(void **state)
{
	static const struct {
		const char *a, *b;
		bool near;
	} rows[] = {
		{"A. Ortiz", "Ortiz A", true},
		{"A. Ortiz", "Anna Ortiz", true},
		{"anna ORTIZ", "A Ortiz", true},
		{"B. Lindqvist", "B. Lindquist", true},
		{"B. Lindqvist", "B. Lndqvist", true},
		{"B. Lindqvist", "Lindquist B", true},
		{"Maria Ma\u010Dek", "Maria Macek", true},
		{"D. Nov\u00E1k", "D. Novak", true},
		{"A. Ortiz", "B. Ortiz", false},
		{"Anna Ortiz", "Bert Ortiz", false},
		{"Anna Ortiz", "Anna Haddad", false},
		{"E. Sato", "E. Suto", false},	 /* four letters are too few to judge by */
		{"D. Novak", "D. Novac", false}, /* the last letter: lists are numbered so */
		{"CustodianA", "CustodianB", false},
		{"Custodian 1", "Custodian 2", false},
		{"Custodian1", "Custodlan1", false},
		{"A", "Anna", false},
		{"Anna Ortiz", "Anna Maria Ortiz", false},
		{"A B C D E F G H I", "I A B C D E F G H", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (near_person(rows[i].a, rows[i].b) != rows[i].near ||
			near_person(rows[i].b, rows[i].a) != rows[i].near)
			fail_msg("'%s' and '%s'", rows[i].a, rows[i].b);
}

static void test_err(void **state)
{
	struct kms_err e = {0};

	(void)state;
	assert_int_equal(kms_fail(&e, KMS_ERR_DENIED, "cannot %s", "export"), KMS_ERR_DENIED);
	assert_int_equal(e.code, KMS_ERR_DENIED);
	assert_string_equal(e.msg, "cannot export");
	assert_string_equal(e.hint, "");
	assert_non_null(strstr(e.where, "test_text.c:"));
	assert_int_equal(kms_hint(&e, "ask %d officers", 2), KMS_ERR_DENIED);
	assert_string_equal(e.hint, "ask 2 officers");
	kms_native(&e, "CKR_%s", "PIN_INCORRECT");
	assert_string_equal(e.native, "CKR_PIN_INCORRECT");
	assert_int_equal(kms_prefix(&e, "key '%s': ", "K"), KMS_ERR_DENIED);
	assert_string_equal(e.msg, "key 'K': cannot export");
	/* A new failure leaves nothing of the one before. */
	assert_int_equal(kms_fail(&e, KMS_ERR_IO, "%2000s", "x"), KMS_ERR_IO);
	assert_string_equal(e.hint, "");
	assert_string_equal(e.native, "");
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	kms_err_clear(&e);
	assert_int_equal(e.code, KMS_OK);
	assert_string_equal(e.msg, "");
	assert_int_equal(kms_fail(NULL, KMS_ERR_AUTH, "nobody listens"), KMS_ERR_AUTH);
	assert_int_equal(kms_nomem(&e), KMS_ERR_NOMEM);
	kms_native(NULL, "x");
	kms_err_clear(NULL);
	for (enum kms_status st = KMS_OK; st <= KMS_ERR_INTERNAL; st++)
		for (enum kms_status other = KMS_OK; other < st; other++)
			assert_string_not_equal(kms_status_name(st), kms_status_name(other));
	assert_string_equal(kms_status_name(KMS_ERR_MISMATCH), "mismatch");
}

static void test_buf(void **state)
{
	BUF_AUTO struct buf b = {0};
	char big[5000];

	(void)state;
	assert_string_equal(buf_text(&b), "");
	expect_ok(&err, buf_puts(&b, "one", &err));
	expect_ok(&err, buf_printf(&b, &err, " %d %s", 2, "three"));
	assert_string_equal(buf_text(&b), "one 2 three");
	assert_int_equal(b.len, 11);
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 20; i++)
		expect_ok(&err, buf_append(&b, big, sizeof(big), &err));
	assert_int_equal(b.len, 11 + 20 * sizeof(big));
	assert_int_equal(b.data[b.len], 0);
	big[sizeof(big) - 1] = 0;
	expect_ok(&err, buf_printf(&b, &err, "%s", big));
	assert_int_equal(b.len, 11 + 21 * sizeof(big) - 1);
	expect_ok(&err, buf_append(&b, "", 0, &err));
	buf_free(&b);
	assert_null(b.data);
	buf_free(&b);
}

static void test_clock(void **state)
{
	static const char *const good[] = {"1970-01-01T00:00:00Z", "2026-11-23T17:25:00Z",
		"2024-02-29T23:59:59Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"};
	static const char *const bad[] = {"", "2026-11-23", "2026-11-23T17:25:00",
		"2026-11-23 17:25:00Z", "2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-11-23T24:00:00Z", "2026-11-23T17:25:60Z", "2026-11-23T17:25:00Zx",
		" 2026-11-23T17:25:00Z", "2026-1-23T17:25:00Z", "2026-11-23t17:25:00z"};
	static const struct {
		const char *from;
		int months;
		const char *to;
	} months[] = {
		{"2024-01-31T10:00:00Z", 1, "2024-02-29T10:00:00Z"},
		{"2023-01-31T10:00:00Z", 1, "2023-02-28T10:00:00Z"},
		{"2024-12-15T00:00:00Z", 1, "2025-01-15T00:00:00Z"},
		{"2024-03-31T00:00:00Z", -1, "2024-02-29T00:00:00Z"},
		{"2024-01-10T00:00:00Z", -1, "2023-12-10T00:00:00Z"},
		{"2024-02-29T00:00:00Z", 12, "2025-02-28T00:00:00Z"},
		{"2024-02-29T00:00:00Z", 48, "2028-02-29T00:00:00Z"},
		{"1996-02-29T00:00:00Z", 48, "2000-02-29T00:00:00Z"},
		{"2024-05-31T00:00:00Z", 0, "2024-05-31T00:00:00Z"},
	};
	char text[CLOCK_TEXT_SIZE];
	int64_t t, want;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(clock_parse(good[i], &t));
		clock_format(t, text);
		assert_string_equal(text, good[i]);
	}
	assert_int_equal(t, -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (clock_parse(bad[i], &t))
			fail_msg("'%s' is taken for a time", bad[i]);
	for (size_t i = 0; i < sizeof(months) / sizeof(months[0]); i++) {
		assert_true(clock_parse(months[i].from, &t));
		assert_true(clock_parse(months[i].to, &want));
		assert_int_equal(clock_add_months(t, months[i].months), want);
	}
	clock_format(INT64_MAX, text);
	assert_string_equal(text, "-");
	clock_format(INT64_MIN, text);
	assert_string_equal(text, "-");
	assert_true(clock_parse("2026-01-01T00:00:00Z", &t));
	assert_true(clock_now() > t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_name_check),
		cmocka_unit_test(test_name_same),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_near_person),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
