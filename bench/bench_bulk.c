/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of cards (VISA2, DES2 master), 4096 at once against one after the other, each derived on
 * handles and wrapped under an AES-256 key: how many times as many keys a second.
 *
 *   derive.bulk.aeskw, derive.bulk.cbc           VISA2
 *   derive.bulk.kdf3.aeskw, derive.bulk.kdf3.cbc KDF3, AES-256 master
 *
 * `bench_bulk tdea` prints how many TDEA blocks a second OpenSSL encrypts on one core (for bulk.sh).
 */
#include "keys/bulk.h"
#include "support/bench.h"
#include "support/place.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 15, SINGLE = 512, KDD_LEN = 10, BLOCKS = 8192 };

struct line {
	struct key_bulk bulk;
	struct hsm_key master, under;
	struct secret zero;
	struct key_bulk_card *cards;
};

static enum kms_status import(struct hsm *hsm, enum hsm_alg alg, enum hsm_role role,
	struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_temp temp = {alg, 0, role};
	SECRET_AUTO struct secret value = {0};
	enum kms_status st = hsm_random(hsm, hsm_alg_len(alg), &value, err);

	return st ? st : hsm_temp_import(hsm, &temp, &value, ret_key, err);
}

static enum kms_status line_open(struct line *l, struct hsm *hsm, const char *method,
	enum key_alg alg, enum hsm_wrap wrap, struct kms_err *err)
{
	enum kms_status st = import(hsm, key_alg_to_hsm(alg), HSM_TEMP_DERIVE, &l->master, err);

	if (!st)
		st = import(hsm, HSM_AES256, HSM_TEMP_KEK, &l->under, err);
	l->bulk = (struct key_bulk){.hsm = hsm,
		.div = key_div_find(method),
		.alg = alg,
		.role = KEY_ROLE_ENC,
		.made_as = HSM_TEMP_CARD,
		.master = &l->master,
		.zero = &l->zero,
		.under = &l->under,
		.wrap = wrap};
	l->cards = calloc(KEY_BULK_MAX, sizeof(*l->cards));
	if (!l->cards)
		return kms_nomem(err);
	for (size_t i = 0; i < KEY_BULK_MAX; i++) {
		l->cards[i].kdd_len = KDD_LEN;
		for (size_t k = 0; k < KDD_LEN; k++)
			l->cards[i].kdd[k] = (unsigned char)(i >> k % 2 * 8 ^ 7 * k);
	}
	return st;
}

static void line_close(struct line *l)
{
	hsm_key_drop(l->bulk.hsm, &l->master);
	hsm_key_drop(l->bulk.hsm, &l->under);
	secret_free(&l->zero);
	free(l->cards);
}

/* One key as key derive makes it where no more than one can be made. */
static enum kms_status one(struct line *l, const struct key_bulk_card *card,
	unsigned char out[HSM_WRAPPED_MAX], size_t *ret_len, struct kms_err *err)
{
	const struct key_bulk *b = &l->bulk;
	struct hsm_key key = {0};
	struct key_recipe recipe;
	enum hsm_where where;
	enum kms_status st =
		key_div_recipe(b->div, b->alg, b->role, card->kdd, card->kdd_len, &recipe, err);

	if (!st)
		st = key_div_hsm(
			&recipe, b->hsm, b->master, b->zero, b->made_as, false, &key, &where, err);
	if (!st)
		st = hsm_wrap(b->hsm, b->under, &key, b->wrap, false, out, HSM_WRAPPED_MAX, ret_len,
			NULL, err);
	hsm_key_drop(b->hsm, &key);
	return st;
}

static enum kms_status round_of(struct line *l, double *many, double *single, struct kms_err *err)
{
	BUF_AUTO struct buf wrapped = {0};
	unsigned char out[HSM_WRAPPED_MAX];
	size_t len;
	double start = bench_now(), middle;
	enum kms_status st = key_bulk_wrap(&l->bulk, l->cards, KEY_BULK_MAX, &wrapped, err);

	middle = bench_now();
	*many = KEY_BULK_MAX / (middle - start);
	for (size_t i = 0; !st && i < SINGLE; i++)
		st = one(l, &l->cards[i], out, &len, err);
	*single = SINGLE / (bench_now() - middle);
	return st;
}

static enum kms_status run(const char *name, struct hsm *hsm, const char *method, enum key_alg alg,
	enum hsm_wrap wrap, struct kms_err *err)
{
	double many[ROUNDS], single[ROUNDS], ratio[ROUNDS];
	struct line l = {0};
	enum kms_status st = line_open(&l, hsm, method, alg, wrap, err);

	if (!st)
		st = round_of(&l, many, single, err);
	for (size_t i = 0; !st && i < ROUNDS; i++) {
		st = round_of(&l, &many[i], &single[i], err);
		ratio[i] = many[i] / single[i];
	}
	line_close(&l);
	if (st)
		return st;
	bench_print(name, "ratio", bench_median(ratio, ROUNDS), "ratio");
	bench_print(name, "keys_per_s", bench_median(many, ROUNDS), "keys/s");
	bench_print(name, "single_keys_per_s", bench_median(single, ROUNDS), "keys/s");
	return KMS_OK;
}

static int bare_tdea(void)
{
	static unsigned char data[BLOCKS * 8], key[24] = "one key of three parts.";
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	double start = bench_now(), took;
	size_t count = 0;
	int len, ok = ctx && EVP_EncryptInit_ex(ctx, EVP_des_ede3_ecb(), NULL, key, NULL) == 1;

	do {
		ok = ok && EVP_EncryptUpdate(ctx, data, &len, data, sizeof(data)) == 1;
		count += BLOCKS;
		took = bench_now() - start;
	} while (ok && took < 1.0);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		return 1;
	printf("%.0f\n", (double)count / took);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *method;
		enum key_alg alg;
		enum hsm_wrap wrap;
	} lines[] = {{"derive.bulk.aeskw", "visa2", KEY_TDEA2, HSM_WRAP_AES_KW},
		{"derive.bulk.cbc", "visa2", KEY_TDEA2, HSM_WRAP_CBC},
		{"derive.bulk.kdf3.aeskw", "kdf3", KEY_AES256, HSM_WRAP_AES_KW},
		{"derive.bulk.kdf3.cbc", "kdf3", KEY_AES256, HSM_WRAP_CBC}};
	BENCH_TOKEN_AUTO struct bench_token token = {0};
	struct kms_err err = {0};
	enum kms_status st;

	if (argc == 2 && strcmp(argv[1], "tdea") == 0)
		return bare_tdea();
	st = secret_heap_open(&err);
	if (!st)
		st = bench_token_open(&token, &err);
	for (size_t i = 0; !st && i < sizeof(lines) / sizeof(lines[0]); i++)
		st = run(lines[i].name, token.hsm, lines[i].method, lines[i].alg, lines[i].wrap,
			&err);
	return bench_exit(st, &err);
}
