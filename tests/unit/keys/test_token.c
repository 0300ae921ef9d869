/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diversification and check values on handles of real tokens equal the computation on clear bytes:
 * the derived key is wrapped under a known key on the token and unwrapped in the host.
 */
#include "keys/token.h"
#include "keys/wrap.h"
#include "support/expect.h"
#include "support/softhsm.h"
#include "unit/keys/tokens.h"

#include <stdio.h>

/* Odd parity, so that what the token makes of a TDEA master is what was given. */
static const unsigned char master_bytes[32] = {0x40, 0x43, 0x45, 0x46, 0x49, 0x4A, 0x4C, 0x4F, 0x51,
	0x52, 0x54, 0x57, 0x58, 0x5B, 0x5D, 0x5E, 0x61, 0x62, 0x64, 0x67, 0x68, 0x6B, 0x6D, 0x6E,
	0x70, 0x73, 0x75, 0x76, 0x79, 0x7A, 0x7C, 0x7F};
static const unsigned char kdd_bytes[32] = {0x00, 0x00, 0x41, 0x81, 0x11, 0x66, 0x65, 0xF5, 0xB8,
	0x30, 0x5A, 0xC3, 0x11, 0x07, 0x99, 0x21, 0x0F, 0x10, 0x42};

static const struct {
	const char *method;
	size_t kdd_len;
} methods[] = {
	{"none", 0}, {"emv", 10}, {"visa2", 10}, {"visa", 10}, {"kdf3", 10},
	{"an10922", 1},	 /* one block and a bit: filled up, K2 */
	{"an10922", 7},	 /* TDEA: constant and input are exactly one block */
	{"an10922", 15}, /* AES: the same; TDEA: nothing to fill, K1 */
	{"an10922", 31}, /* AES: nothing to fill */
	{"v(an10922 kdd=7 version=55)", 7},
	{"e(tdes-ecb kdd=8 $kdd F00F $k 0000000000 0102030405060708)", 8},
	{"a(aes-ecb kdd=16 $kdd)", 16},
	{"b(aes-ecb kdd=15 $kdd $k 000102030405060708090A0B0C0D0E0F)", 15},
	{"t(tdes-cmac kdd=10 $i 000000 $k 00 $kdd $L)", 10},
	{"d(aes-cmac kdd=10 $i 000000 $k 00 0000 $6 $7 $8 $9 $4 $5 $L)", 10},
	{"s(aes-cmac kdd=8 0000000000000000000000 $k+0F 00 $L $i $kdd)", 8},
	{"l(aes-cmac kdd=31 $i $kdd $kdd 01)", 31}, /* the longest message: 64 bytes */
};

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

struct bench {
	struct hsm *hsm;
	bool nss;
	struct hsm_key kek;
	struct secret kek_bytes;
	struct hsm_made masters[KEY_AES256 + 1];
	struct secret clear[KEY_AES256 + 1];
	size_t compared;
};

/* A token object on SoftHSM, a session key on NSS: the two kinds of master that workers have. */
static void make_master(struct bench *b, enum key_alg alg)
{
	const struct hsm_temp temp = {key_alg_to_hsm(alg), 0, HSM_TEMP_DERIVE};
	struct hsm_new spec = {.alg = key_alg_to_hsm(alg),
		.role = HSM_MASTER_VAULT,
		.check = key_kcv_to_hsm(key_alg_info(alg)->kcv),
		.id = {0xC0, (unsigned char)alg},
		.label = key_alg_name(alg)};

	put_secret(&b->clear[alg], master_bytes, key_alg_info(alg)->length);
	if (b->nss)
		expect_ok(&err,
			hsm_temp_import(b->hsm, &temp, &b->clear[alg], &b->masters[alg].key, &err));
	else
		expect_ok(&err,
			hsm_key_import(b->hsm, &spec, &b->clear[alg], &b->masters[alg], &err));
}

static void make_keys(struct bench *b)
{
	const struct hsm_temp temp = {HSM_AES256, 0, HSM_TEMP_KEK};

	put_secret(&b->kek_bytes, "a KEK that this test program has", 32);
	expect_ok(&err, hsm_temp_import(b->hsm, &temp, &b->kek_bytes, &b->kek, &err));
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++)
		make_master(b, alg);
}

static void close_bench(struct bench *b)
{
	hsm_key_drop(b->hsm, &b->kek);
	hsm_close(b->hsm);
	secret_free(&b->kek_bytes);
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++)
		secret_free(&b->clear[alg]);
}

/* What the token holds, brought out under the known KEK. */
static void read_back(struct bench *b, struct hsm_key *key, size_t len, struct secret *ret)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	size_t wrapped_len = 0;

	expect_ok(&err, hsm_wrap(b->hsm, &b->kek, key, HSM_WRAP_AES_KW, false, wrapped,
				sizeof(wrapped), &wrapped_len, NULL, &err));
	expect_ok(&err, key_unwrap(KEY_WRAP_AES_KW, KEY_AES256, &b->kek_bytes, wrapped, wrapped_len,
				len, ret, &err));
}

static bool needs_host(const struct key_recipe *r)
{
	return r->kind == KEY_RECIPE_MIX || r->des_version >= 0;
}

static void compare_raw(struct bench *b, const struct key_recipe *r, struct hsm_key *master,
	const struct secret *expected, const char *what)
{
	SECRET_AUTO struct secret actual = {0};
	enum hsm_where where = HSM_IN_HSM;
	struct hsm_key key = {0};

	if (needs_host(r))
		expect_err(&err,
			key_div_hsm(
				r, b->hsm, master, NULL, HSM_TEMP_CARD, false, &key, &where, &err),
			KMS_ERR_DENIED, "keys may not pass through this host");
	expect_ok(&err, key_div_hsm(r, b->hsm, master, NULL, HSM_TEMP_CARD, needs_host(r), &key,
				&where, &err));
	assert_int_equal(where, needs_host(r) ? HSM_HOST_ASSISTED : HSM_IN_HSM);
	read_back(b, &key, r->out_len, &actual);
	if (!secret_equal(&actual, expected))
		fail_msg("%s: the token derives another key", what);
	hsm_key_drop(b->hsm, &key);
	b->compared++;
}

/* The same as a key that can be used: by its check value. */
static void compare_usable(struct bench *b, const struct key_recipe *r, struct hsm_key *master,
	const struct secret *expected, const char *what)
{
	bool host = r->kind == KEY_RECIPE_MIX;
	struct key_kcv actual, want;
	enum hsm_where where;
	struct hsm_key key = {0};

	expect_ok(&err, key_kcv_default(r->alg, expected, &want, &err));
	expect_ok(&err,
		key_div_hsm(r, b->hsm, master, NULL, HSM_TEMP_CIPHER, host, &key, &where, &err));
	assert_int_equal(where, host ? HSM_HOST_ASSISTED : HSM_IN_HSM);
	expect_ok(&err, key_kcv_hsm(b->hsm, &key, want.method, &actual, &err));
	if (!key_kcv_same(&actual, &want))
		fail_msg("%s: the derived key has another check value", what);
	hsm_key_drop(b->hsm, &key);
}

static void compare_methods(struct bench *b)
{
	for (size_t i = 0; i < METHODS; i++) {
		struct key_div div;
		unsigned tried = 0;

		expect_ok(&err, key_div_parse(methods[i].method, &div, &err));
		for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
			enum key_role role = (enum key_role)(KEY_ROLE_ENC + (i + alg) % 3);
			SECRET_AUTO struct secret expected = {0};
			struct key_recipe r;
			char what[120];

			if (key_div_fits(&div, alg, &err) ||
				key_div_recipe(
					&div, alg, role, kdd_bytes, methods[i].kdd_len, &r, &err))
				continue;
			tried++;
			snprintf(what, sizeof(what), "%s with %s", methods[i].method,
				key_alg_name(alg));
			expect_ok(&err, key_div_clear(&r, &b->clear[alg], &expected, &err));
			compare_raw(b, &r, &b->masters[alg].key, &expected, what);
			if (r.kind != KEY_RECIPE_COPY)
				compare_usable(b, &r, &b->masters[alg].key, &expected, what);
		}
		if (!tried)
			fail_msg("%s was tried with no algorithm", methods[i].method);
	}
}

static void check_made(const struct bench *b, enum key_alg alg, const struct key_kcv *want)
{
	struct key_kcv made;

	expect_ok(&err, key_kcv_of_made(&b->masters[alg], want->method, &made, &err));
	assert_true(key_kcv_same(&made, want));
	expect_err(&err, key_kcv_of_made(&b->masters[alg], KEY_KCV_CMAC, &made, &err),
		KMS_ERR_INTERNAL, "3 bytes by method cmac");
}

static void compare_check_values(struct bench *b)
{
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
		struct key_kcv want;

		expect_ok(&err, key_kcv_default(alg, &b->clear[alg], &want, &err));
		if (!b->nss)
			check_made(b, alg, &want);
		for (enum key_kcv_method m = KEY_KCV_TDES_ZERO; m <= KEY_KCV_CMAC; m++) {
			struct key_kcv actual;

			if (!key_kcv_method_fits(m, alg))
				continue;
			expect_ok(&err, key_kcv(alg, m, &b->clear[alg], &want, &err));
			expect_ok(
				&err, key_kcv_hsm(b->hsm, &b->masters[alg].key, m, &actual, &err));
			if (!key_kcv_same(&actual, &want))
				fail_msg("check value %s of %s differs", key_kcv_method_name(m),
					key_alg_name(alg));
		}
	}
}

static void wrong_master(struct bench *b)
{
	struct hsm_key key = {0};
	enum hsm_where where;
	struct key_recipe r;

	expect_ok(&err, key_div_recipe(key_div_find("kdf3"), KEY_AES128, KEY_ROLE_ENC, kdd_bytes,
				10, &r, &err));
	expect_err(&err,
		key_div_hsm(&r, b->hsm, &b->masters[KEY_AES256].key, NULL, HSM_TEMP_CARD, true,
			&key, &where, &err),
		KMS_ERR_INVALID, "is of algorithm aes256, the diversification is for aes128");
}

static void run_all(struct bench *b)
{
	make_keys(b);
	compare_check_values(b);
	compare_methods(b);
	wrong_master(b);
	printf("%zu derivations compared\n", b->compared);
	/* none 5, emv visa2 visa 3, kdf3 3, an10922 5+5+5+3, version 2, declared 8 or more */
	assert_true(b->compared >= 39);
	close_bench(b);
}

static void test_softhsm(void **state)
{
	struct bench b = {0};
	struct softhsm s;

	(void)state;
	softhsm_open(&s);
	open_token(&b.hsm, SOFT_URI, NULL, "keys-test", "12345678");
	run_all(&b);
	softhsm_close(&s);
}

static void test_softokn(void **state)
{
	struct bench b = {.nss = true};
	struct softokn s;

	(void)state;
	if (!softokn_installed())
		skip();
	softokn_open(&s);
	open_token(&b.hsm, NSS_URI, s.init_args, "NSS Certificate DB", "");
	run_all(&b);
	softokn_close(&s);
}

static void test_words(void **state)
{
	(void)state;
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_P256; alg++) {
		assert_int_equal(key_alg_from_hsm(key_alg_to_hsm(alg)), alg);
		assert_string_equal(hsm_alg_name(key_alg_to_hsm(alg)), key_alg_name(alg));
	}
	assert_int_equal(key_alg_to_hsm(KEY_ALG_NONE), HSM_ALG_NONE);
	assert_int_equal(key_alg_from_hsm(HSM_RAW), KEY_ALG_NONE);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_AES_KW), HSM_WRAP_AES_KW);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_AES_KWP), HSM_WRAP_AES_KWP);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_ECB), HSM_WRAP_ECB);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_CBC), HSM_WRAP_CBC);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_X9143_B), HSM_WRAP_BLOCK);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_X9143_D), HSM_WRAP_BLOCK);
	assert_int_equal(key_wrapping_to_hsm(KEY_WRAP_NONE), HSM_WRAP_NONE);
	assert_int_equal(key_kcv_to_hsm(KEY_KCV_NONE), HSM_CHECK_NONE);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_softhsm),
		cmocka_unit_test(test_softokn),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
