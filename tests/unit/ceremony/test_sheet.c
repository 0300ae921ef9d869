/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/sheet.h"

#include "ceremony/component.h"
#include "support/cer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void make(struct cer_sheet *sheet)
{
	struct cer_pairs pairs = cer_fixture_pairs(3);
	struct cer_setup setup = cer_fixture_setup(CER_CREATE, KEY_AES128, &pairs);

	*sheet = (struct cer_sheet){
		.serial = 17,
		.alg = KEY_AES128,
		.component = 2,
		.components = 3,
		.custodians = pairs.pairs[1],
		.here = setup.here,
		.partner = setup.partner_identity,
		.has_partner = true,
	};
	strcpy(sheet->ceremony, "7F3K-22QD");
	strcpy(sheet->purpose, "transport key");
	strcpy(sheet->label, "TK-EXAMPLE-2026");
	assert_int_equal(secret_alloc(&sheet->bytes, 16, NULL), KMS_OK);
	assert_true(hex_decode_strict(
		"8D1F04C277AB90E30123456789ABCDEF", sheet->bytes.data, sheet->bytes.len));
	assert_int_equal(key_kcv_default(sheet->alg, &sheet->bytes, &sheet->kcv, NULL), KMS_OK);
}

/* The contract's sheet, and the worked example of docs/formats/sheet.md. */
static const char expected[] =
	"cardkms component sheet        serial 000017\n"
	"ceremony  7F3K-22QD            transport key  TK-EXAMPLE-2026   aes128   component 2 of "
	"3\n"
	"custodians  C. Haddad, D. Novak\n"
	"1:  8D1F 04C2 77AB 90E3   B0\n"
	"2:  0123 4567 89AB CDEF   09\n"
	"check value  440F01  (aes-gp)\n"
	"identity  this site  "
	"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n"
	"          aardvark adviser accrue aggregate adrift almighty afflict amusement\n"
	"          aimless applicant allow armistice ammo asteroid apple atmosphere\n"
	"          assume Babylon atlas barbecue baboon bifocals backward bookseller\n"
	"          beaming bottomless beehive bravado befriend breakaway berserk businessman\n"
	"          partner    "
	"FFFEFDFCFBFAF9F8F7F6F5F4F3F2F1F0EFEEEDECEBEAE9E8E7E6E5E4E3E2E1E0\n"
	"          Zulu yesteryear willow Wilmington watchword whimsical waffle warranty\n"
	"          virus vocalist vapor Virginia upset vagabond unwind upcoming\n"
	"          uncut universe tunnel unicorn trouble undaunted treadmill typewriter\n"
	"          transit trombonist topmost tradition tissue tomorrow tempest tobacco\n"
	"bag number  ";

static void test_text(void **state)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	SECRET_AUTO struct secret text = {0};

	(void)state;
	make(&sheet);
	assert_int_equal(cer_sheet_render(&sheet, &text, NULL), KMS_OK);
	assert_memory_equal(text.data, expected, sizeof(expected) - 1);
	assert_non_null(strstr((const char *)text.data, "\nissued "));
	assert_non_null(strstr((const char *)text.data, "\nreturned "));
}

static void assert_same(const struct cer_sheet *a, const struct cer_sheet *b)
{
	assert_int_equal(a->serial, b->serial);
	assert_string_equal(a->ceremony, b->ceremony);
	assert_string_equal(a->purpose, b->purpose);
	assert_string_equal(a->label, b->label);
	assert_int_equal(a->alg, b->alg);
	assert_int_equal(a->component, b->component);
	assert_int_equal(a->components, b->components);
	assert_string_equal(a->custodians.names[0], b->custodians.names[0]);
	assert_string_equal(a->custodians.names[1], b->custodians.names[1]);
	assert_true(secret_equal(&a->bytes, &b->bytes));
	assert_true(key_kcv_same(&a->kcv, &b->kcv));
	assert_memory_equal(&a->here, &b->here, sizeof(a->here));
	assert_int_equal(a->has_partner, b->has_partner);
	assert_memory_equal(&a->partner, &b->partner, sizeof(a->partner));
}

static void test_parse_back(void **state)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CER_SHEET_AUTO struct cer_sheet back = {0};
	SECRET_AUTO struct secret text = {0};

	(void)state;
	make(&sheet);
	assert_int_equal(cer_sheet_render(&sheet, &text, NULL), KMS_OK);
	assert_int_equal(cer_sheet_parse((const char *)text.data, text.len, &back, NULL), KMS_OK);
	assert_same(&sheet, &back);
}

/* A site key has no partner; then the word after the fingerprint is that of the record. */
static void test_without_partner(void **state)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CER_SHEET_AUTO struct cer_sheet back = {0};
	SECRET_AUTO struct secret text = {0};

	(void)state;
	make(&sheet);
	strcpy(sheet.purpose, "site key");
	sheet.has_partner = false;
	memset(&sheet.partner, 0, sizeof(sheet.partner));
	assert_int_equal(cer_sheet_render(&sheet, &text, NULL), KMS_OK);
	assert_null(strstr((const char *)text.data, "partner"));
	assert_int_equal(cer_sheet_parse((const char *)text.data, text.len, &back, NULL), KMS_OK);
	assert_same(&sheet, &back);
}

/* Replaces one occurrence in a copy of the good sheet and reads it. */
static enum kms_status parse_changed(
	const char *from, const char *to, struct cer_sheet *back, struct kms_err *err)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	SECRET_AUTO struct secret text = {0};
	char *changed, *at;
	size_t len;
	enum kms_status st;

	make(&sheet);
	assert_int_equal(cer_sheet_render(&sheet, &text, err), KMS_OK);
	changed = calloc(1, text.len + strlen(to) + 1);
	memcpy(changed, text.data, text.len);
	at = strstr(changed, from);
	assert_non_null(at);
	len = strlen(at + strlen(from));
	memmove(at + strlen(to), at + strlen(from), len + 1);
	memcpy(at, to, strlen(to));
	st = cer_sheet_parse(changed, strlen(changed), back, err);
	free(changed);
	return st;
}

static void test_filled_in_and_respaced(void **state)
{
	static const char *const changes[][2] = {
		{"bag number  ______", "bag number  TE-4711"},
		{"            transport key", "\n\ttransport key"},
		{"aardvark adviser", "AARDVARK\n  adviser"},
		{"7F3K-22QD", "7f3k22qd"},
		{"0123 4567 89AB CDEF   09", "0123456789abcdef 09"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		CER_SHEET_AUTO struct cer_sheet back = {0};
		CER_SHEET_AUTO struct cer_sheet sheet = {0};
		struct kms_err err = {0};

		if (parse_changed(changes[i][0], changes[i][1], &back, &err))
			fail_msg("'%s': %s", changes[i][1], err.msg);
		make(&sheet);
		assert_same(&sheet, &back);
	}
}

struct change {
	const char *from, *to;
	enum kms_status status;
	const char *message;
};

static void test_refusals(void **state)
{
	static const struct change cases[] = {
		{"cardkms component", "cardkms", KMS_ERR_INVALID,
			"component sheet, line 1: expected cardkms component sheet serial"},
		{"serial 000017", "serial 00x017", KMS_ERR_INVALID, "line 1: expected the serial"},
		{"7F3K-22QD", "7F3K-22Q", KMS_ERR_INVALID, "not a ceremony id"},
		{"transport key", "trading key", KMS_ERR_INVALID,
			"line 2: expected 'transport key', 'site key' or 'zone key'"},
		{"aes128", "aes129", KMS_ERR_INVALID, "line 2: expected an algorithm"},
		{"aes128", "p256", KMS_ERR_INVALID, "line 2: expected an algorithm"},
		{"aes128", "aes256", KMS_ERR_INVALID, "only 2 of 4 lines"},
		{"component 2 of 3", "component 3 of 2", KMS_ERR_INVALID,
			"line 2: expected the number of components"},
		{"component 2 of 3", "component 0 of 3", KMS_ERR_INVALID,
			"line 2: expected the component's number"},
		{"component 2 of 3", "component 3 of 3", KMS_ERR_MISMATCH,
			"component 3: these are the lines of component 2"},
		{"C. Haddad, D. Novak", "C. Haddad and D. Novak", KMS_ERR_INVALID,
			"line 3: expected two custodians"},
		{"C. Haddad, D. Novak", "C. Haddad,", KMS_ERR_INVALID,
			"line 3: expected a custodian's name"},
		{"8D1F 04C2", "8D1F 04C3", KMS_ERR_MISMATCH, "line 1 (groups 1 to 4)"},
		{"   B0", "", KMS_ERR_INVALID, "component sheet: component 2: 34 digits"},
		{"check value", "check", KMS_ERR_INVALID, "expected the component, then 'check"},
		{"(aes-gp)", "(tdes-zero)", KMS_ERR_INVALID, "expected a check value method"},
		{"(aes-gp)", "aes-gp", KMS_ERR_INVALID, "method in brackets"},
		{"identity  this site  0001", "identity  this site  0002", KMS_ERR_MISMATCH,
			"word 2 of the fingerprint does not agree"},
		{"identity  this site  0001", "identity  this site  01", KMS_ERR_INVALID,
			"expected a fingerprint of 64"},
		{"Zulu yesteryear", "yesteryear Zulu", KMS_ERR_MISMATCH, "word 1 of the finger"},
		{"tempest tobacco", "tempest", KMS_ERR_MISMATCH, "word 32 of the fingerprint"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CER_SHEET_AUTO struct cer_sheet back = {0};
		struct kms_err err = {0};
		enum kms_status st = parse_changed(cases[i].from, cases[i].to, &back, &err);

		if (st != cases[i].status || !strstr(err.msg, cases[i].message))
			fail_msg("case %zu: %d '%s'", i, (int)st, err.msg);
		assert_null(back.bytes.data);
	}
}

/* Both lines without check digits is a component that import takes, but no sheet of ours. */
static void test_sheet_needs_check_digits(void **state)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CER_SHEET_AUTO struct cer_sheet back = {0};
	SECRET_AUTO struct secret text = {0};
	struct kms_err err = {0};

	(void)state;
	make(&sheet);
	assert_int_equal(cer_sheet_render(&sheet, &text, &err), KMS_OK);
	memcpy(strstr((char *)text.data, "   B0"), "     ", 5);
	memcpy(strstr((char *)text.data, "   09"), "     ", 5);
	assert_int_equal(
		cer_sheet_parse((const char *)text.data, text.len, &back, &err), KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, "expected check digits"));
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_parse_back),
		cmocka_unit_test(test_without_partner),
		cmocka_unit_test(test_filled_in_and_respaced),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_sheet_needs_check_digits),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
