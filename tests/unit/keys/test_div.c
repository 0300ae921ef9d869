/* SPDX-License-Identifier: Apache-2.0 */
/* Diversification: what is refused, and the text form. The values are in test_vectors. */
#include "keys/div.h"
#include "support/expect.h"

#include <stdio.h>

static struct kms_err err;
static const unsigned char kdd[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void test_methods(void **state)
{
	static const struct {
		const char *name, *algs;
	} rows[] = {
		{"none", "tdea2 tdea3 aes128 aes192 aes256"},
		{"emv", "tdea2"},
		{"visa2", "tdea2"},
		{"visa", "tdea2"},
		{"kdf3", "aes128 aes192 aes256"},
		{"an10922", "tdea2 tdea3 aes128 aes192 aes256"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct key_div *div = key_div_find(rows[i].name);
		struct key_div parsed;
		char text[KEY_DIV_TEXT_SIZE];

		assert_non_null(div);
		assert_ptr_equal(div, key_div_at(i));
		for (enum key_alg alg = KEY_ALG_NONE; alg <= KEY_P256; alg++) {
			bool fits = key_alg_info(alg)->length &&
				    strstr(rows[i].algs, key_alg_name(alg)) != NULL;

			assert_int_equal(
				key_div_fits(div, alg, &err), fits ? KMS_OK : KMS_ERR_INVALID);
		}
		key_div_print(div, text);
		assert_string_equal(text, rows[i].name);
		expect_ok(&err, key_div_parse(text, &parsed, &err));
		assert_memory_equal(&parsed, div, sizeof(parsed));
	}
	assert_null(key_div_at(6));
	assert_null(key_div_find("KDF3"));
	expect_err(&err, key_div_fits(key_div_find("visa2"), KEY_AES256, &err), KMS_ERR_INVALID,
		"aes256 masters cannot be diversified by 'visa2'");
	assert_string_equal(err.hint, "it goes with tdea2");
}

static void recipe(const char *text, enum key_alg alg, enum key_role role, size_t kdd_len,
	enum kms_status status, const char *says)
{
	struct key_recipe r;
	struct key_div div;

	expect_ok(&err, key_div_parse(text, &div, &err));
	if (status == KMS_OK)
		expect_ok(&err, key_div_recipe(&div, alg, role, kdd, kdd_len, &r, &err));
	else
		expect_err(&err, key_div_recipe(&div, alg, role, kdd, kdd_len, &r, &err), status,
			says);
}

static void test_recipe_refuses(void **state)
{
	(void)state;
	recipe("visa2", KEY_TDEA2, KEY_ROLE_ENC, 10, KMS_OK, NULL);
	recipe("visa2", KEY_TDEA2, KEY_ROLE_ENC, 9, KMS_ERR_INVALID,
		"has 9 bytes, 'visa2' takes exactly 10");
	recipe("kdf3", KEY_AES128, KEY_ROLE_KEK, 11, KMS_ERR_INVALID,
		"has 11 bytes, 'kdf3' takes exactly 10");
	recipe("kdf3", KEY_AES128, KEY_ROLE_TRANSPORT, 10, KMS_ERR_INVALID,
		"role transport is not diversified");
	recipe("emv", KEY_TDEA3, KEY_ROLE_ENC, 10, KMS_ERR_INVALID, "tdea3 masters cannot");
	recipe("an10922", KEY_AES128, KEY_ROLE_ENC, 0, KMS_ERR_INVALID,
		"'an10922' with aes128 takes 1 to 31");
	recipe("an10922", KEY_AES128, KEY_ROLE_ENC, 31, KMS_OK, NULL);
	recipe("an10922", KEY_AES128, KEY_ROLE_ENC, 32, KMS_ERR_INVALID, "has 32 bytes");
	recipe("an10922", KEY_TDEA2, KEY_ROLE_ENC, 15, KMS_OK, NULL);
	recipe("an10922", KEY_TDEA3, KEY_ROLE_ENC, 16, KMS_ERR_INVALID,
		"'an10922' with tdea3 takes 1 to 15");
	recipe("x(an10922 kdd=7)", KEY_AES256, KEY_ROLE_ENC, 8, KMS_ERR_INVALID,
		"'x' takes exactly 7");
	recipe("x(an10922 kdd=20)", KEY_TDEA2, KEY_ROLE_ENC, 20, KMS_ERR_INVALID,
		"tdea2 masters cannot");
	recipe("x(an10922 version=55)", KEY_AES128, KEY_ROLE_ENC, 8, KMS_ERR_INVALID,
		"it goes with tdea2, tdea3");
	/* Twice the same plain block would be single DES. */
	recipe("x(tdes-ecb kdd=8 $kdd $kdd)", KEY_TDEA2, KEY_ROLE_ENC, 8, KMS_ERR_INVALID,
		"a key of equal parts");
	recipe("x(aes-ecb kdd=16 $kdd $kdd)", KEY_AES256, KEY_ROLE_ENC, 16, KMS_ERR_INVALID,
		"a key of equal parts");
	recipe("none", KEY_AES128, KEY_ROLE_MAC, 10, KMS_OK, NULL);
}

static void test_recipe_shapes(void **state)
{
	struct key_recipe r;
	struct key_div div;

	(void)state;
	expect_ok(&err, key_div_parse("x(aes-cmac kdd=2 $i $k+0F $1 $kdd $L aa)", &div, &err));
	expect_ok(&err, key_div_recipe(&div, KEY_AES192, KEY_ROLE_KEK, "\x11\x22", 2, &r, &err));
	assert_int_equal(r.kind, KEY_RECIPE_CMAC);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.out_len, 24);
	assert_int_equal(r.len, 8);
	assert_memory_equal(r.data[0], "\x01\x12\x22\x11\x22\x00\xC0\xAA", 8);
	assert_memory_equal(r.data[1], "\x02\x12\x22\x11\x22\x00\xC0\xAA", 8);
	expect_ok(&err, key_div_recipe(key_div_find("an10922"), KEY_AES128, KEY_ROLE_ENC, kdd, 31,
				&r, &err));
	assert_false(r.padded);
	expect_ok(&err, key_div_recipe(key_div_find("an10922"), KEY_TDEA3, KEY_ROLE_ENC, kdd, 14,
				&r, &err));
	assert_true(r.padded);
	assert_int_equal(r.count, 3);
	assert_int_equal(r.data[2][0], 0x33);
	assert_int_equal(r.data[2][15], 0x80);
}

static void test_text_refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "is no diversification method"},
		{"visa3", "one of: none, emv, visa2, visa, kdf3, an10922"},
		{"acme(tdes-ecb kdd=10 $0", "lacks its ')'"},
		{"acme()", "no primitive"},
		{"acme(des-ecb kdd=10 $kdd)", "'des-ecb' is no primitive"},
		{"kdf3(aes-cmac kdd=10 $i $kdd)", "is built in and cannot be declared"},
		{"KDF3(aes-cmac kdd=10 $i $kdd)", "is built in"},
		{"(aes-cmac kdd=10 $i $kdd)", "no name"},
		{"-x(aes-cmac kdd=10 $i $kdd)", "no name"},
		{"a b(aes-cmac kdd=10 $i $kdd)", "no name"},
		{"x(aes-cmac kdd=0 $i $kdd)", "1 to 32 can be"},
		{"x(aes-cmac kdd=33 $i $kdd)", "1 to 32 can be"},
		{"x(aes-cmac kdd=1x $i $kdd)", "1 to 32 can be"},
		{"x(an10922 kdd=32)", "1 to 31 can be"},
		{"x(an10922 kdd=8 $kdd)", "makes its own data"},
		{"x(an10922 version=5)", "a DES key version is one byte"},
		{"x(an10922 version=G5)", "a DES key version is one byte"},
		{"x(aes-cmac kdd=10 version=55 $i $kdd)", "goes with an10922 only"},
		{"x(aes-cmac kdd=10 $i 0102 $k)", "all cards would get the same keys"},
		{"x(aes-cmac kdd=10)", "all cards would get the same keys"},
		{"x(aes-cmac kdd=10 $i $10)", "$10 is past the end"},
		{"x(aes-cmac kdd=10 $i $01)", "'$01' means nothing here"},
		{"x(aes-cmac kdd=10 $i $100)", "'$100' means nothing here"},
		{"x(aes-cmac kdd=10 $i $)", "'$' means nothing here"},
		{"x(aes-cmac kdd=10 $i $K)", "'$K' means nothing here"},
		{"x(aes-cmac kdd=10 $i $k+FD)", "'$k+FD' means nothing here"},
		{"x(aes-cmac kdd=10 $i $k+1)", "'$k+1' means nothing here"},
		{"x(aes-cmac kdd=10 $i $kdd 0)", "'0' means nothing here"},
		{"x(aes-cmac kdd=10 $i $kdd 0G)", "'0G' means nothing here"},
		{"x(aes-cmac kdd=10 $i $kdd 0x)", "'0x' means nothing here"},
		{"x(tdes-ecb kdd=10 $i $kdd 0000000000)", "$i has no meaning with tdes-ecb"},
		{"x(tdes-ecb kdd=10 $kdd)", "16 bytes of data for tdea2, 24 for tdea3"},
		{"x(aes-ecb kdd=10 $kdd)", "16 bytes of data for aes128"},
		{"x(tdes-cmac kdd=10 $kdd)", "needs $i"},
		{"x(aes-cmac kdd=32 $kdd $kdd $k)", "65 bytes of data, at most 64 fit"},
		{"x(aes-cmac kdd=10 $kdd "
		 "000000000000000000000000000000000000000000000000000000000000000000000000000000"
		 "00000000000000000000000000000000000000000000000000)",
			"more than 64 items"},
	};
	struct key_div div = {.name = "untouched"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum kms_status st = key_div_parse(rows[i].text, &div, &err);

		if (st != KMS_ERR_INVALID && st != KMS_ERR_EXISTS)
			fail_msg("'%s' gives %s", rows[i].text, kms_status_name(st));
		if (!strstr(err.msg, rows[i].says) && !strstr(err.hint, rows[i].says))
			fail_msg("'%s': %s | %s", rows[i].text, err.msg, err.hint);
	}
	assert_string_equal(div.name, "untouched");
}

static void test_text_form(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"acme(tdes-ecb kdd=10 $0 $1 $2 $3 $8 $9 0xf0 $k $0 $1 $2 $3 $8 $9 0F $k)",
			"acme(tdes-ecb kdd=10 $0 $1 $2 $3 $8 $9 F0 $k $0 $1 $2 $3 $8 $9 0F $k)"},
		{"v1(aes-cmac kdd=8 00000000 $k+0f 00 $L $i $kdd)",
			"v1(aes-cmac kdd=8 00 00 00 00 $k+0F 00 $L $i $kdd)"},
		{"x(aes-cmac $i $kdd)", "x(aes-cmac kdd=10 $i $kdd)"},
		{"x(an10922)", "x(an10922)"},
		{"x(an10922 kdd=7 version=0A)", "x(an10922 kdd=7 version=0A)"},
		{"x(tdes-cmac kdd=4 $i $kdd)", "x(tdes-cmac kdd=4 $i $kdd)"},
		{"x(aes-ecb kdd=16 $kdd)", "x(aes-ecb kdd=16 $kdd)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[KEY_DIV_TEXT_SIZE];
		struct key_div div, again;

		expect_ok(&err, key_div_parse(rows[i].in, &div, &err));
		key_div_print(&div, text);
		assert_string_equal(text, rows[i].out);
		expect_ok(&err, key_div_parse(text, &again, &err));
		assert_memory_equal(&div, &again, sizeof(div));
	}
}

static void test_clear_refuses(void **state)
{
	SECRET_AUTO struct secret master = {0}, key = {0};
	struct key_recipe r;

	(void)state;
	expect_ok(&err, secret_copy(&master, kdd, 24, &err));
	expect_ok(&err,
		key_div_recipe(key_div_find("kdf3"), KEY_AES128, KEY_ROLE_ENC, kdd, 10, &r, &err));
	expect_err(&err, key_div_clear(&r, &master, &key, &err), KMS_ERR_INVALID,
		"aes128 keys have 16 bytes, not 24");
	assert_null(key.data);
	expect_ok(&err,
		key_div_recipe(key_div_find("none"), KEY_AES192, KEY_ROLE_ENC, NULL, 0, &r, &err));
	expect_ok(&err, key_div_clear(&r, &master, &key, &err));
	assert_true(secret_equal(&master, &key));
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_recipe_refuses),
		cmocka_unit_test(test_recipe_shapes),
		cmocka_unit_test(test_text_refuses),
		cmocka_unit_test(test_text_form),
		cmocka_unit_test(test_clear_refuses),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
