/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keys of a replacement cost: everything that the secure channel and PUT KEY ask of the
 * token for one card, with the proof that the old set no longer opens it, and no card beside it.
 *
 *   takeover.hsm_calls        calls of PKCS#11 a card, SCP03, KDF3 with AES-128 masters
 *   takeover.hsm_calls.aes256 the same with AES-256 masters
 *   takeover.hsm_calls.scp02  VISA2 with 2TDEA masters
 *   takeover.keys_ms…         milliseconds for the same
 *
 * Calls are counted by libp11forward.so in a process of their own, times are taken without it.
 */
#include "base/file.h"
#include "card/gp.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "ops/cardkeys.h"
#include "ops/ops.h"
#include "support/bench.h"
#include "support/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 15, CARDS = 20, KDD_LEN = 10 };

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static const struct line {
	const char *name, *old, *fresh;
} lines[] = {
	{NULL, "Maker1", "Issuer1"},
	{"aes256", "Maker2", "Issuer2"},
	{"scp02", "Maker3", "Issuer3"},
};

enum { LINES = sizeof(lines) / sizeof(lines[0]) };

static const char plan[] = "[plan]\nname = bench\n"
			   "[keyset \"Maker1\"]\nalgorithm = aes128\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Issuer1\"]\nalgorithm = aes128\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Maker2\"]\nalgorithm = aes256\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Issuer2\"]\nalgorithm = aes256\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Maker3\"]\nalgorithm = tdea2\ndiversification = visa2\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Issuer3\"]\nalgorithm = tdea2\ndiversification = visa2\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n";

/* ---- a site ---- */

static enum kms_status site_open(const struct bench_place *place, const char *module,
	struct op_site **ret_site, struct kms_err *err)
{
	enum kms_status st = bench_site_make(place, module, plan, err);

	if (!st)
		st = bench_site_open(place, ret_site, err);
	return st ? st : op_site_login(*ret_site, err);
}

/* ---- one card ---- */

struct work {
	struct op_card_masters *old, *fresh;
};

static void card_kdd(size_t card, unsigned char kdd[KDD_LEN])
{
	for (size_t i = 0; i < KDD_LEN; i++)
		kdd[i] = (unsigned char)(card >> i % 4 * 8) ^ (unsigned char)(7 * i);
}

/* What the card with these keys would answer. Made with sets of its own, before anything counts. */
static enum kms_status answer(struct op_card_masters *masters, const unsigned char *kdd,
	unsigned char number, struct scp_init *init, struct kms_err *err)
{
	CARD_KEYS_AUTO struct card_keys *keys = NULL;
	enum kms_status st = op_card_keys_derive(masters, kdd, KDD_LEN, &keys, err);

	if (st)
		return st;
	*init = (struct scp_init){.scp = keys->type == CARD_KEY_DES ? 2 : 3,
		.key_version = 0x20,
		.challenge_len = 8,
		.card_challenge = {0, number, 3, 4, 5, 6, 7, 8},
		.sequence = {0, number},
		.sequence_len = 2};
	init->i = init->scp == 2 ? 0x55 : 0x70;
	return init->scp == 2 ? scp02_card_cryptogram(init, keys, init->cryptogram, err)
			      : scp03_card_cryptogram(init, keys, init->cryptogram, err);
}

/* The old set no longer answers for the card: an error is what is wanted. */
static enum kms_status old_is_off(
	const struct scp_init *after, struct card_keys *old, struct kms_err *err)
{
	size_t index;
	enum kms_status st = scp_match(after, &old, 1, &index, err);

	if (st == KMS_OK)
		return kms_fail(err, KMS_ERR_INTERNAL, "the old keys match");
	if (st != KMS_ERR_MISMATCH)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status run_card(struct work *w, const unsigned char *kdd,
	const struct scp_init *before, const struct scp_init *after, struct kms_err *err)
{
	const struct gp_put_keys how = {.version = 0x20, .replace = 0x20};
	CARD_KEYS_AUTO struct card_keys *old = NULL, *fresh = NULL;
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	BUF_AUTO struct buf data = {0};
	struct scp scp = {0};
	size_t index;
	enum kms_status st = op_card_keys_derive(w->old, kdd, KDD_LEN, &old, err);

	if (!st)
		st = op_card_keys_derive(w->fresh, kdd, KDD_LEN, &fresh, err);
	if (!st)
		st = scp_match(before, (struct card_keys *[]){old, fresh}, 2, &index, err);
	if (!st)
		st = scp_open(&scp, before, old, scp_level_best(before->scp, before->i), err);
	if (!st)
		st = gp_put_keys_data(&how, &scp.dek, old, fresh, &data, kcvs, err);
	if (!st)
		st = scp_match(after, (struct card_keys *[]){fresh, old}, 2, &index, err);
	if (!st)
		st = old_is_off(after, old, err);
	if (!st)
		st = scp_open(&scp, after, fresh, scp_level_best(after->scp, after->i), err);
	scp_close(&scp);
	return st;
}

static enum kms_status work_open(
	struct op_site *site, const struct line *line, struct work *w, struct kms_err *err)
{
	enum kms_status st = op_card_masters_open(site, NULL, line->old, OP_CARD_OLD, &w->old, err);

	return st ? st : op_card_masters_open(site, NULL, line->fresh, OP_CARD_NEW, &w->fresh, err);
}

static void work_close(struct work *w)
{
	op_card_masters_free(w->old);
	op_card_masters_free(w->fresh);
}

/* ---- calls ---- */

static enum kms_status log_lines(const char *path, size_t *ret_lines, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, 64 << 20, &text, err);

	*ret_lines = 0;
	for (size_t i = 0; !st && i < text.len; i++)
		*ret_lines += ((const char *)text.data)[i] == '\n';
	return st;
}

static enum kms_status count_line(
	struct op_site *site, const struct line *line, const char *log, struct kms_err *err)
{
	char name[64];
	struct work w = {0};
	size_t before = 0, after = 0;
	enum kms_status st = work_open(site, line, &w, err);

	/* The first card reads what the series keeps. */
	for (unsigned char card = 1; !st && card <= 2; card++) {
		struct scp_init first, second;
		unsigned char kdd[KDD_LEN];

		card_kdd(card, kdd);
		st = answer(w.old, kdd, card, &first, err);
		if (!st)
			st = answer(w.fresh, kdd, card, &second, err);
		if (!st)
			st = log_lines(log, &before, err);
		if (!st)
			st = run_card(&w, kdd, &first, &second, err);
		if (!st)
			st = log_lines(log, &after, err);
	}
	work_close(&w);
	snprintf(name, sizeof(name), "takeover.hsm_calls%s%s", line->name ? "." : "",
		line->name ? line->name : "");
	if (!st)
		bench_print(name, NULL, (double)(after - before), "calls");
	return st;
}

static enum kms_status count_calls(struct kms_err *err)
{
	const char *bin = getenv("CARDKMS_BIN");
	BENCH_PLACE_AUTO struct bench_place place = {{0}};
	char module[PATH_MAX], log[PATH_MAX];
	struct op_site *site = NULL;
	enum kms_status st = bench_place_open(&place, err);

	if (st)
		return st;
	snprintf(module, sizeof(module), "%s/libp11forward.so", bin ? bin : "build");
	snprintf(log, sizeof(log), "%s/calls", place.dir);
	setenv("KILLP11_MODULE", MODULE, 1);
	setenv("KILLP11_LOG", log, 1);
	st = site_open(&place, module, &site, err);
	for (size_t i = 0; !st && i < LINES; i++)
		st = count_line(site, &lines[i], log, err);
	op_site_close(site);
	return st;
}

/* ---- times ---- */

static enum kms_status round_ms(struct work *w, size_t round, double *ret_ms, struct kms_err *err)
{
	double spent = 0;
	enum kms_status st = KMS_OK;

	for (size_t card = round * CARDS; !st && card < (round + 1) * CARDS; card++) {
		struct scp_init first, second;
		unsigned char kdd[KDD_LEN];
		double start;

		card_kdd(card, kdd);
		st = answer(w->old, kdd, 1, &first, err);
		if (!st)
			st = answer(w->fresh, kdd, 2, &second, err);
		start = bench_now();
		if (!st)
			st = run_card(w, kdd, &first, &second, err);
		spent += bench_now() - start;
	}
	*ret_ms = spent * 1000 / CARDS;
	return st;
}

static enum kms_status time_line(struct op_site *site, const struct line *line, struct kms_err *err)
{
	double ms[ROUNDS + 1];
	char name[64];
	struct work w = {0};
	enum kms_status st = work_open(site, line, &w, err);

	/* Round 0 is not counted: lazy binding, caches, the probe. */
	for (size_t round = 0; !st && round <= ROUNDS; round++)
		st = round_ms(&w, round, &ms[round], err);
	work_close(&w);
	snprintf(name, sizeof(name), "takeover.keys_ms%s%s", line->name ? "." : "",
		line->name ? line->name : "");
	if (!st)
		bench_print(name, NULL, bench_median(ms + 1, ROUNDS), "ms");
	return st;
}

static enum kms_status take_times(struct kms_err *err)
{
	BENCH_PLACE_AUTO struct bench_place place = {{0}};
	struct op_site *site = NULL;
	enum kms_status st = bench_place_open(&place, err);

	if (!st)
		st = site_open(&place, MODULE, &site, err);
	for (size_t i = 0; !st && i < LINES; i++)
		st = time_line(site, &lines[i], err);
	op_site_close(site);
	return st;
}

/* Another process: the forwarder stays loaded. */
static enum kms_status count_apart(struct kms_err *err)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0) {
		enum kms_status st = count_calls(err);

		fflush(stdout);
		_exit(bench_exit(st, err));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return kms_fail(err, KMS_ERR_INTERNAL, "the calls could not be counted");
	return KMS_OK;
}

int main(void)
{
	struct kms_err err = {0};
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = count_apart(&err);
	if (!st)
		st = take_times(&err);
	return bench_exit(st, &err);
}
