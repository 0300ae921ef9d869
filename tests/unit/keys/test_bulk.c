/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of many cards in one wrapping are those that the computation on clear bytes gives, card by
 * card; tokens that cannot do it are found by trying.
 */
#include "keys/bulk.h"
#include "keys/wrap.h"
#include "support/expect.h"
#include "support/softhsm.h"
#include "unit/keys/tokens.h"

#include <stdlib.h>

enum { CARDS = 37, COMBINATIONS = 18 };

/* Odd parity: what the token makes of a TDEA master is what was given. */
static const unsigned char master_bytes[32] = {0x40, 0x43, 0x45, 0x46, 0x49, 0x4A, 0x4C, 0x4F, 0x51,
	0x52, 0x54, 0x57, 0x58, 0x5B, 0x5D, 0x5E, 0x61, 0x62, 0x64, 0x67, 0x68, 0x6B, 0x6D, 0x6E,
	0x70, 0x73, 0x75, 0x76, 0x79, 0x7A, 0x7C, 0x7F};

static const struct {
	const char *method;
	bool bulk; /* of all algorithms that it fits, but an10922 with AES-192 */
} methods[] = {
	{"none", false},
	{"emv", true},
	{"visa2", true},
	{"visa", true},
	{"kdf3", true},
	{"an10922", true}, /* inputs of different lengths in one chunk */
	{"v(an10922 kdd=7 version=55)", false},
	{"e(tdes-ecb kdd=8 $kdd F00F $k 0000000000 0102030405060708)", true},
	{"b(aes-ecb kdd=15 $kdd $k 000102030405060708090A0B0C0D0E0F)", true},
	{"t(tdes-cmac kdd=10 $i 000000 $k 00 $kdd $L)", true},
	{"l(aes-cmac kdd=31 $i $kdd $kdd 01)", true},
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

struct bench {
	struct hsm *hsm;
	struct hsm_key master, kek;
	struct secret clear, kek_bytes;
	size_t compared;
};

static void import(struct bench *b, enum key_alg alg, enum hsm_role role, struct secret *value,
	struct hsm_key *ret)
{
	const struct hsm_temp temp = {key_alg_to_hsm(alg), 0, role};

	expect_ok(&err, hsm_temp_import(b->hsm, &temp, value, ret, &err));
}

/* AN10922 pads to whole blocks, of which TDEA has shorter ones. */
static size_t alg_takes(const struct key_div *div, enum key_alg alg)
{
	return div->primitive == KEY_DIV_AN10922 && key_alg_is_tdes(alg) ? 15 : div->kdd_max;
}

static void make_cards(
	const struct key_div *div, enum key_alg alg, struct key_bulk_card cards[CARDS])
{
	const size_t most = alg_takes(div, alg), spread = most - div->kdd_min + 1;

	for (size_t i = 0; i < CARDS; i++) {
		cards[i] = (struct key_bulk_card){
			.kdd_len = (unsigned char)(div->kdd_min + i % spread)};
		for (size_t k = 0; k < cards[i].kdd_len; k++)
			cards[i].kdd[k] = (unsigned char)(i * 7 + k * 31);
	}
}

/* Card by card, from what came out. */
static void compare(struct bench *b, const struct key_bulk *bulk, const struct key_bulk_card *cards,
	const struct buf *wrapped, size_t stride)
{
	SECRET_AUTO struct secret plain = {0};

	expect_ok(&err, key_unwrap(bulk->wrap == HSM_WRAP_CBC ? KEY_WRAP_CBC : KEY_WRAP_AES_KW,
				KEY_AES256, &b->kek_bytes, wrapped->data, wrapped->len,
				key_bulk_padded(CARDS * stride, bulk->wrap), &plain, &err));
	for (size_t i = 0; i < CARDS; i++) {
		SECRET_AUTO struct secret key = {0};
		struct key_recipe recipe;

		expect_ok(&err, key_div_recipe(bulk->div, bulk->alg, bulk->role, cards[i].kdd,
					cards[i].kdd_len, &recipe, &err));
		expect_ok(&err, key_div_clear(&recipe, &b->clear, &key, &err));
		if (memcmp(plain.data + i * stride, key.data, key.len) != 0)
			fail_msg("%s with %s: another key for card %zu", bulk->div->name,
				key_alg_name(bulk->alg), i);
		b->compared++;
	}
}

static void one_method(struct bench *b, size_t method, enum key_alg alg, enum hsm_wrap wrap)
{
	SECRET_AUTO struct secret zero = {0};
	struct key_bulk_card cards[CARDS];
	struct key_div div;
	struct key_bulk bulk = {.hsm = b->hsm,
		.div = &div,
		.alg = alg,
		.role = (enum key_role)(KEY_ROLE_ENC + (method + alg) % 3),
		.made_as = wrap == HSM_WRAP_CBC ? HSM_TEMP_BULK : HSM_TEMP_CARD,
		.master = &b->master,
		.zero = &zero,
		.under = &b->kek,
		.wrap = wrap};
	size_t stride;

	expect_ok(&err, key_div_parse(methods[method].method, &div, &err));
	if (key_div_fits(&div, alg, &err))
		return;
	make_cards(&div, alg, cards);
	stride = key_bulk_stride(&div, alg);
	assert_int_equal(stride != 0,
		methods[method].bulk && !(div.primitive == KEY_DIV_AN10922 && alg == KEY_AES192));
	put_secret(&b->clear, master_bytes, key_alg_info(alg)->length);
	import(b, alg, HSM_TEMP_DERIVE, &b->clear, &b->master);
	/* Twice: E_K(0) is kept from the first to the second. */
	for (int round = 0; round < 2; round++) {
		BUF_AUTO struct buf wrapped = {0};

		if (!stride) {
			expect_err(&err, key_bulk_wrap(&bulk, cards, CARDS, &wrapped, &err),
				KMS_ERR_UNSUPPORTED, "cannot be derived many at a time");
			continue;
		}
		expect_ok(&err, key_bulk_wrap(&bulk, cards, CARDS, &wrapped, &err));
		assert_int_equal(wrapped.len,
			key_bulk_padded(CARDS * stride, wrap) + (wrap == HSM_WRAP_CBC ? 0 : 8));
		compare(b, &bulk, cards, &wrapped, stride);
	}
	hsm_key_drop(b->hsm, &b->master);
}

static void limits(struct bench *b)
{
	SECRET_AUTO struct secret zero = {0};
	struct key_bulk_card card = {.kdd_len = 9};
	struct key_bulk bulk = {.hsm = b->hsm,
		.div = key_div_find("kdf3"),
		.alg = KEY_AES128,
		.role = KEY_ROLE_ENC,
		.zero = &zero};
	BUF_AUTO struct buf wrapped = {0};

	expect_err(&err, key_bulk_wrap(&bulk, &card, 0, &wrapped, &err), KMS_ERR_INTERNAL,
		"a chunk of 0 cards");
	expect_err(&err, key_bulk_wrap(&bulk, &card, KEY_BULK_MAX + 1, &wrapped, &err),
		KMS_ERR_INTERNAL, "a chunk of 4097 cards");
	expect_err(&err, key_bulk_wrap(&bulk, &card, 1, &wrapped, &err), KMS_ERR_INVALID, "kdf3");
	assert_int_equal(wrapped.len, 0);
}

/* most: bytes at once, or 0: a whole chunk. */
static void limit_of_token(struct bench *b, size_t most)
{
	static const struct {
		const char *method;
		enum key_alg alg;
		size_t stride; /* 0: never many at once */
	} cases[] = {{"visa2", KEY_TDEA2, 16}, {"an10922", KEY_TDEA3, 24}, {"kdf3", KEY_AES256, 32},
		{"an10922", KEY_AES128, 16}, {"an10922", KEY_AES192, 0}, {"none", KEY_AES128, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int cbc = 0; cbc < 2; cbc++) {
			size_t keys = 0, stride = cases[i].stride;

			expect_ok(&err,
				key_bulk_limit(b->hsm, key_div_find(cases[i].method), cases[i].alg,
					cbc ? HSM_WRAP_CBC : HSM_WRAP_AES_KW, &keys, &err));
			assert_int_equal(keys, !stride ? 1 : most ? most / stride : KEY_BULK_MAX);
		}
}

static void test_softhsm(void **state)
{
	struct bench b = {0};
	struct softhsm s;

	(void)state;
	softhsm_open(&s);
	open_token(&b.hsm, SOFT_URI, NULL, "keys-test", "12345678");
	put_secret(&b.kek_bytes, "a KEK that this test program has", 32);
	import(&b, KEY_AES256, HSM_TEMP_KEK, &b.kek_bytes, &b.kek);
	for (size_t i = 0; i < METHODS; i++)
		for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
			one_method(&b, i, alg, HSM_WRAP_AES_KW);
			one_method(&b, i, alg, HSM_WRAP_CBC);
		}
	assert_int_equal(b.compared, (size_t)4 * CARDS * COMBINATIONS);
	limits(&b);
	limit_of_token(&b, 0);
	secret_free(&b.clear);
	secret_free(&b.kek_bytes);
	hsm_close(b.hsm);
	softhsm_close(&s);
}

/* It takes 64 bytes a call. */
static void test_softokn(void **state)
{
	struct bench b = {0};
	struct softokn s;

	(void)state;
	if (!softokn_installed())
		skip();
	softokn_open(&s);
	open_token(&b.hsm, NSS_URI, s.init_args, "NSS Certificate DB", "");
	limit_of_token(&b, 64);
	hsm_close(b.hsm);
	softokn_close(&s);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_softhsm),
		cmocka_unit_test(test_softokn),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
