/* SPDX-License-Identifier: Apache-2.0 */
/* Parity, weak keys, components, check values and wrapping beyond what the vectors show. */
#include "base/hex.h"
#include "keys/cipher.h"
#include "keys/cmac.h"
#include "keys/component.h"
#include "keys/des.h"
#include "keys/kcv.h"
#include "keys/wrap.h"
#include "support/expect.h"

#include <stdio.h>

static struct kms_err err;

static void secret_hex(struct secret *s, const char *hex)
{
	expect_ok(&err, secret_alloc(s, strlen(hex) / 2, &err));
	assert_true(hex_decode_strict(hex, s->data, s->len));
}

static const char *const weak[4] = {
	"0101010101010101", "FEFEFEFEFEFEFEFE", "1F1F1F1F0E0E0E0E", "E0E0E0E0F1F1F1F1"};
static const char *const semi_weak[6][2] = {
	{"01FE01FE01FE01FE", "FE01FE01FE01FE01"},
	{"1FE01FE00EF10EF1", "E01FE01FF10EF10E"},
	{"01E001E001F101F1", "E001E001F101F101"},
	{"1FFE1FFE0EFE0EFE", "FE1FFE1FFE0EFE0E"},
	{"011F011F010E010E", "1F011F010E010E01"},
	{"E0FEE0FEF1FEF1FE", "FEE0FEE0FEF1FEF1"},
};

/* Single DES is EDE with one key three times. */
static void des(const char *key, const unsigned char *in, unsigned char *out)
{
	SECRET_AUTO struct secret k = {0};
	char three[49];

	snprintf(three, sizeof(three), "%s%s%s", key, key, key);
	secret_hex(&k, three);
	expect_ok(&err, key_cipher(KEY_TDEA3, KEY_CIPHER_ECB, true, &k, in, 8, out, &err));
}

static void test_weak_keys_are_weak(void **state)
{
	static const unsigned char plain[8] = "cardkms!";
	unsigned char once[8], twice[8], key[8];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		des(weak[i], plain, once);
		assert_memory_not_equal(once, plain, 8);
		des(weak[i], once, twice);
		assert_memory_equal(twice, plain, 8);
		assert_true(hex_decode_strict(weak[i], key, 8));
		assert_true(key_des_weak(key));
		assert_true(key_des_parity_ok(key, 8));
	}
	for (size_t i = 0; i < 12; i++) {
		des(semi_weak[i / 2][i % 2], plain, once);
		des(semi_weak[i / 2][1 - i % 2], once, twice);
		assert_memory_equal(twice, plain, 8);
		assert_true(hex_decode_strict(semi_weak[i / 2][i % 2], key, 8));
		assert_true(key_des_weak(key));
		for (size_t j = 0; j < 8; j++)
			key[j] ^= 1;
		assert_true(key_des_weak(key));
		assert_false(key_des_parity_ok(key, 8));
		key[3] ^= 0x10;
		assert_false(key_des_weak(key));
	}
}

static void test_parity(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		unsigned char byte = (unsigned char)v;

		assert_int_equal(key_des_parity_ok(&byte, 1), __builtin_popcount(v) % 2 == 1);
		key_des_set_parity(&byte, 1);
		assert_int_equal(__builtin_popcount(byte) % 2, 1);
		assert_int_equal(byte & 0xFE, v & 0xFE);
		assert_true(key_des_parity_ok(&byte, 1));
	}
}

static void test_check_material(void **state)
{
	static const struct {
		enum key_alg alg;
		const char *hex, *says; /* NULL: fine */
	} rows[] = {
		{KEY_TDEA2, "404142434445464748494A4B4C4D4E4F", NULL},
		{KEY_TDEA2, "40414243444546474140434245444746", "DES parts 1 and 2 are equal"},
		{KEY_TDEA2, "00000000000000000000000000000000", "it is all zero"},
		{KEY_TDEA2, "01010101010101010101010101010101", "it is all zero"},
		{KEY_TDEA2, "4041424344454647FEFEFEFEFEFEFEFE", "part 2 is a weak"},
		{KEY_TDEA2, "1EE01EE00EF10EF1404142434445464F", "part 1 is a weak"},
		{KEY_TDEA3, "404142434445464748494A4B4C4D4E4F5051525354555657", NULL},
		{KEY_TDEA3, "404142434445464748494A4B4C4D4E4F4041424344454647",
			"DES parts 1 and 3 are equal"},
		{KEY_TDEA3, "404142434445464748494A4B4C4D4E4F48494A4B4C4D4E4F",
			"DES parts 2 and 3 are equal"},
		{KEY_TDEA3, "404142434445464748494A4B4C4D4E4F", "16 bytes, tdea3 keys have 24"},
		{KEY_AES128, "00000000000000000000000000000001", NULL},
		{KEY_AES128, "01010101010101010101010101010101", NULL},
		{KEY_AES128, "00000000000000000000000000000000", "it is all zero"},
		{KEY_AES256, "00000000000000000000000000000000", "16 bytes, aes256 keys have 32"},
		{KEY_P256, "00", "are not made of bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SECRET_AUTO struct secret key = {0};

		secret_hex(&key, rows[i].hex);
		if (!rows[i].says)
			expect_ok(&err, key_check_material(rows[i].alg, &key, "key 'K'", &err));
		else
			expect_err(&err, key_check_material(rows[i].alg, &key, "key 'K'", &err),
				KMS_ERR_INVALID, rows[i].says);
	}
}

static void combine(enum key_alg alg, const char *const *hex, size_t count, enum kms_status status,
	const char *says)
{
	struct secret parts[KEY_COMPONENTS_MAX + 1] = {{0}};
	SECRET_AUTO struct secret key = {0};

	for (size_t i = 0; i < count; i++)
		secret_hex(&parts[i], hex[i]);
	if (status == KMS_OK) {
		SECRET_AUTO struct secret want = {0};

		expect_ok(&err, key_combine(alg, parts, count, &key, &err));
		expect_ok(&err, key_components_check(alg, parts, count, &err));
		secret_hex(&want, says);
		assert_true(secret_equal(&want, &key));
	} else {
		expect_err(&err, key_combine(alg, parts, count, &key, &err), status, says);
		expect_err(&err, key_components_check(alg, parts, count, &err), status, says);
		assert_null(key.data);
	}
	for (size_t i = 0; i < count; i++)
		secret_free(&parts[i]);
}

#define A1 "5D9CA4E1F0233A7B8E11C0DE7754AA19"
#define A2 "0123456789ABCDEFFEDCBA9876543210"
#define A3 "A1B2C3D4E5F60718293A4B5C6D7E8F90"
#define A4 "404142434445464748494A4B4C4D4E4F"

static void test_components(void **state)
{
	static const char *const two[] = {A1, A2}, *const three[] = {A1, A2, A3};
	static const char *const four[] = {A1, A2, A3, A4};
	static const char *const twice[] = {A1, A2, A1};
	static const char *const parity_twin[] = {A4, "414043424544474648494A4B4C4D4E4F"};
	static const char *const zero[] = {A1, "00000000000000000000000000000000"};
	static const char *const zero_parity[] = {A1, "01010101010101010101010101010101"};
	static const char *const cancel[] = {A1, A2, "5CBFE1867988F79470CD7A4601009809"};
	static const char *const weak_sum[] = {A4, "BEBFBCBDBABBB8B948494A4B4C4D4E4F"};
	static const char *const short_one[] = {A1, "0011"};
	static const char *const ten[] = {A1, A2, A3, A4, A1, A2, A3, A4, A1, A2};

	(void)state;
	/* AES: the XOR as it is. TDEA: with odd parity, from 2, 3 and 4 components. */
	combine(KEY_AES128, two, 2, KMS_OK, "5CBFE1867988F79470CD7A4601009809");
	combine(KEY_AES128, three, 3, KMS_OK, "FD0D22529C7EF08C59F7311A6C7E1799");
	combine(KEY_TDEA2, two, 2, KMS_OK, "5DBFE0867989F79470CD7A4601019808");
	combine(KEY_TDEA2, three, 3, KMS_OK, "FD0D23529D7FF18C58F7311A6D7F1698");
	combine(KEY_TDEA2, four, 4, KMS_OK, "BC4C6110D93BB6CB10BF7A51203258D6");
	combine(KEY_AES128, twice, 3, KMS_ERR_INVALID, "components 1 and 3 are refused");
	combine(KEY_TDEA2, parity_twin, 2, KMS_ERR_INVALID, "components 1 and 2 are refused");
	combine(KEY_AES128, zero, 2, KMS_ERR_INVALID, "component 2 is refused: it is all zero");
	combine(KEY_TDEA2, zero_parity, 2, KMS_ERR_INVALID, "component 2 is refused");
	combine(KEY_AES128, cancel, 3, KMS_ERR_INVALID, "together they give zero");
	combine(KEY_TDEA2, weak_sum, 2, KMS_ERR_INVALID, "the combined key is refused: part 1");
	combine(KEY_AES128, short_one, 2, KMS_ERR_INVALID, "component 2 has 2 bytes");
	combine(KEY_AES128, two, 1, KMS_ERR_INVALID, "a key has 2 to 9 of them");
	combine(KEY_AES128, ten, 10, KMS_ERR_INVALID, "10 components");
	combine(KEY_P256, two, 2, KMS_ERR_INVALID, "have no components");
}

static void test_kcv(void **state)
{
	SECRET_AUTO struct secret key = {0}, other_parity = {0};
	struct key_kcv a, b;
	char text[KEY_KCV_TEXT_SIZE];

	(void)state;
	secret_hex(&key, A4);
	secret_hex(&other_parity, "41404243444546474849"
				  "4A4B4C4D4E4F");
	expect_ok(&err, key_kcv_default(KEY_TDEA2, &key, &a, &err));
	expect_ok(&err, key_kcv_default(KEY_TDEA2, &other_parity, &b, &err));
	assert_true(key_kcv_same(&a, &b));
	key_kcv_print(&a, text);
	assert_string_equal(text, "8BAF47");
	expect_ok(&err, key_kcv_parse(KEY_KCV_TDES_ZERO, "8b af 47", &b, &err));
	assert_true(key_kcv_same(&a, &b));
	expect_ok(&err, key_kcv_check("transport key", &a, "package", &b, &err));
	expect_ok(&err, key_kcv_parse(KEY_KCV_TDES_ZERO, "504A77", &b, &err));
	expect_err(&err, key_kcv_check("transport key", &a, "package", &b, &err), KMS_ERR_MISMATCH,
		"transport key check value is 8BAF47, package says 504A77 (tdes-zero)");
	b.method = KEY_KCV_AES_GP;
	memcpy(b.bytes, a.bytes, 3);
	assert_false(key_kcv_same(&a, &b));
	expect_err(&err, key_kcv_check("transport key", &a, "package", &b, &err), KMS_ERR_INVALID,
		"cannot be compared");
	expect_err(&err, key_kcv_parse(KEY_KCV_CMAC, "8BAF47", &b, &err), KMS_ERR_INVALID,
		"cmac check values have 10");
	expect_err(&err, key_kcv_parse(KEY_KCV_AES_GP, "8BAF4", &b, &err), KMS_ERR_INVALID, "odd");
	expect_err(&err, key_kcv_parse(KEY_KCV_NONE, "8BAF47", &b, &err), KMS_ERR_INVALID,
		"needs its method");
	expect_err(&err, key_kcv(KEY_AES128, KEY_KCV_TDES_ZERO, &key, &a, &err), KMS_ERR_INVALID,
		"have no check value by method tdes-zero");
	expect_err(&err, key_kcv(KEY_AES256, KEY_KCV_AES_GP, &key, &a, &err), KMS_ERR_INVALID,
		"aes256 keys have 32 bytes, not 16");
	b = (struct key_kcv){0};
	assert_false(key_kcv_same(&b, &b)); /* no check value equals no check value */
}

static void test_wrap_refuses(void **state)
{
	SECRET_AUTO struct secret kek = {0}, key = {0}, odd = {0}, back = {0};
	BUF_AUTO struct buf out = {0};
	enum key_wrapping wrapping = KEY_WRAP_NONE;

	(void)state;
	secret_hex(&kek, A1);
	secret_hex(&key, A4);
	secret_hex(&odd, "00112233445566");
	expect_err(&err, key_wrap(KEY_WRAP_AES_KW, KEY_TDEA2, &kek, &key, &out, &err),
		KMS_ERR_INVALID, "cannot be wrapped by aes-kw with tdea2");
	expect_err(&err, key_wrap(KEY_WRAP_AES_KW, KEY_AES128, &kek, &odd, &out, &err),
		KMS_ERR_INVALID, "7 bytes cannot be wrapped");
	expect_err(&err, key_wrap(KEY_WRAP_ECB, KEY_AES128, &kek, &odd, &out, &err),
		KMS_ERR_INVALID, "7 bytes");
	expect_err(&err, key_wrap(KEY_WRAP_NONE, KEY_AES128, &kek, &key, &out, &err),
		KMS_ERR_INVALID, "by none");
	expect_err(&err, key_wrap(KEY_WRAP_AES_KW, KEY_AES256, &kek, &key, &out, &err),
		KMS_ERR_INVALID, "aes256 keys have 32 bytes");
	assert_null(out.data);
	expect_ok(&err, key_wrap(KEY_WRAP_AES_KW, KEY_AES128, &kek, &key, &out, &err));
	for (size_t i = 0; i < out.len; i++) {
		out.data[i] ^= 0x20;
		expect_err(&err,
			key_unwrap(KEY_WRAP_AES_KW, KEY_AES128, &kek, out.data, out.len, 16, &back,
				&err),
			KMS_ERR_MISMATCH, "not intact");
		out.data[i] ^= 0x20;
	}
	expect_err(&err,
		key_unwrap(KEY_WRAP_AES_KW, KEY_AES128, &key, out.data, out.len, 16, &back, &err),
		KMS_ERR_MISMATCH, "wrapped under another key");
	expect_err(&err,
		key_unwrap(
			KEY_WRAP_AES_KW, KEY_AES128, &kek, out.data, out.len - 1, 16, &back, &err),
		KMS_ERR_INVALID, "23 bytes are not a key of 16 bytes");
	assert_null(back.data);
	expect_err(&err, key_wrapping_parse("aes", &wrapping, &err), KMS_ERR_INVALID, "aes-kwp");
	expect_ok(&err, key_wrapping_parse("raw-cbc", &wrapping, &err));
	assert_int_equal(wrapping, KEY_WRAP_CBC);
	assert_false(key_wrapping_has_integrity(KEY_WRAP_CBC));
	assert_true(key_wrapping_has_integrity(KEY_WRAP_AES_KWP));
	assert_string_equal(key_wrapping_name(KEY_WRAP_AES_KW), "aes-kw");
}

/* AES-192 in raw blocks: eight bytes of zero behind it, which must be there when it comes back. */
static void test_raw_padding(void **state)
{
	static const enum key_wrapping raw[] = {KEY_WRAP_ECB, KEY_WRAP_CBC};
	SECRET_AUTO struct secret kek = {0}, other = {0}, key = {0}, back = {0};

	(void)state;
	secret_hex(&kek, A1);
	secret_hex(&other, A2);
	secret_hex(&key, A4 "5051525354555657");
	for (size_t i = 0; i < 2; i++) {
		BUF_AUTO struct buf out = {0};

		expect_ok(&err, key_wrap(raw[i], KEY_AES128, &kek, &key, &out, &err));
		assert_int_equal(out.len, 32);
		expect_ok(
			&err, key_unwrap(raw[i], KEY_AES128, &kek, out.data, 32, 24, &back, &err));
		assert_true(secret_equal(&key, &back));
		expect_err(&err,
			key_unwrap(raw[i], KEY_AES128, &other, out.data, 32, 24, &back, &err),
			KMS_ERR_MISMATCH, "not intact");
		buf_free(&out);
		expect_ok(&err, key_wrap(raw[i], KEY_TDEA2, &kek, &key, &out, &err));
		assert_int_equal(out.len, 24);
	}
}

static void test_kdf_bounds(void **state)
{
	SECRET_AUTO struct secret key = {0}, out = {0};

	(void)state;
	secret_hex(&key, A4);
	expect_err(&err, key_kdf_counter(KEY_AES128, &key, "", 0, "", 0, 0, &out, &err),
		KMS_ERR_INVALID, "0 bytes");
	expect_err(&err, key_kdf_counter(KEY_AES128, &key, "", 0, "", 0, 256 * 16, &out, &err),
		KMS_ERR_INVALID, "4096 bytes cannot be derived");
	expect_ok(&err, key_kdf_counter(KEY_AES128, &key, "", 0, "", 0, 255 * 16, &out, &err));
	assert_int_equal(out.len, 4080);
	expect_err(&err, key_kdf_counter(KEY_P256, &key, "", 0, "", 0, 16, &out, &err),
		KMS_ERR_INVALID, "p256 is no cipher");
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weak_keys_are_weak),
		cmocka_unit_test(test_parity),
		cmocka_unit_test(test_check_material),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_kcv),
		cmocka_unit_test(test_wrap_refuses),
		cmocka_unit_test(test_raw_padding),
		cmocka_unit_test(test_kdf_bounds),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
