/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry with many cards, by the store's own functions: each a card and its issuer security domain.
 *
 *   registry.load.cards_per_s     loaded in transactions of a thousand cards
 *   registry.bytes_per_card       of the database, indexes included, over an empty one
 *   registry.lookup.p50, .p99     ms to find a random card and its domains
 *   registry.dependants           ms to count the cards that depend on one of a hundred key sets
 *
 *   registry.copy.cards_per_s     with REGISTRY_FROM_FILE=1: loaded into a file, and from there into REGISTRY_URI as
 *                                 `store migrate` does, read back and compared
 *
 * REGISTRY_CARDS (100000); REGISTRY_URI: an empty PostgreSQL database, else SQLite in TMPDIR.
 */
#include "store/cards.h"
#include "store/copy.h"
#include "store/keys.h"
#include "support/bench.h"
#include "support/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 1000, KEYSETS = 100, LOOKUPS = 2000 };

static void keyset_name(long n, char ret_name[32])
{
	snprintf(ret_name, 32, "Set%ld", n % KEYSETS);
}

static void card_id(long n, char ret_id[40])
{
	snprintf(ret_id, 40, "4790%08lX%08lX", n, n * 2654435761UL & 0xFFFFFFFF);
}

static enum kms_status add_card(struct store *s, long n, struct kms_err *err)
{
	char id[40], keyset[32], kdd[21];
	enum kms_status st;

	card_id(n, id);
	keyset_name(n, keyset);
	snprintf(kdd, sizeof(kdd), "0000%016lX", n);
	st = store_card_add(s,
		&(struct store_card){.id = id,
			.id_source = "cplc",
			.profile = "gp23-scp03",
			.state = "active",
			.created = 1700000000,
			.changed = 1700000000},
		err);
	return st ? st
		  : store_domain_put(s,
			    &(struct store_domain){.card_id = id,
				    .aid = "A000000151000000",
				    .keyset = keyset,
				    .version = 0x30,
				    .scp = 3,
				    .scp_i = 0x70,
				    .kdd = kdd,
				    .state = "active",
				    .changed = 1700000000},
			    err);
}

static enum kms_status add_keysets(struct store *s, struct kms_err *err)
{
	enum kms_status st = store_begin(s, err);

	if (st)
		return st;
	for (long n = 0; !st && n < KEYSETS; n++) {
		char name[32];

		keyset_name(n, name);
		st = store_keyset_add(s,
			&(struct store_keyset){.name = name,
				.customer = "Bank",
				.algorithm = "aes128",
				.diversification = "kdf3",
				.kvn = 0x30,
				.exportable = "partner",
				.origin = "generated",
				.state = "active",
				.created = 1700000000},
			err);
	}
	return store_end(s, st, err);
}

static enum kms_status load(struct store *s, long cards, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (long n = 0; !st && n < cards; n += BLOCK) {
		st = store_begin(s, err);
		if (st)
			return st;
		for (long i = n; !st && i < n + BLOCK && i < cards; i++)
			st = add_card(s, i, err);
		st = store_end(s, st, err);
	}
	return st;
}

static enum kms_status look_up(struct store *s, long n, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list domains = {0};
	STORE_AUTO(card) struct store_card card = {0};
	char id[40];
	enum kms_status st;

	card_id(n, id);
	st = store_card_get(s, id, &card, err);
	return st ? st : store_domains(s, id, &domains, err);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What `store migrate` does with the rows. */
static enum kms_status load_by_file(
	const char *path, long cards, struct store *s, struct kms_err *err)
{
	struct store_copied copied;
	struct store *file = NULL;
	double start;
	enum kms_status st =
		store_open(&(struct store_options){.path = path, .create = true}, &file, err);

	if (!st)
		st = add_keysets(file, err);
	if (!st)
		st = load(file, cards, err);
	start = bench_now();
	if (!st)
		st = store_copy(file, s, &copied, err);
	if (!st)
		bench_print("registry.copy", "cards_per_s", (double)cards / (bench_now() - start),
			"cards/s");
	store_close(file);
	return st;
}

static enum kms_status load_here(long cards, struct store *s, struct kms_err *err)
{
	double start = bench_now();
	enum kms_status st = add_keysets(s, err);

	if (!st)
		st = load(s, cards, err);
	if (!st)
		bench_print("registry.load", "cards_per_s", (double)cards / (bench_now() - start),
			"cards/s");
	return st;
}

static enum kms_status measure(struct store *s, long cards, struct kms_err *err)
{
	static double times[LOOKUPS];
	int64_t count = 0;
	double start;
	enum kms_status st = KMS_OK;

	srandom(1);
	for (size_t i = 0; !st && i < LOOKUPS; i++) {
		start = bench_now();
		st = look_up(s, random() % cards, err);
		times[i] = (bench_now() - start) * 1000;
	}
	if (st)
		return st;
	qsort(times, LOOKUPS, sizeof(times[0]), compare);
	bench_print("registry.lookup", "p50", times[LOOKUPS / 2], "ms");
	bench_print("registry.lookup", "p99", times[LOOKUPS * 99 / 100], "ms");
	start = bench_now();
	st = store_dependants_count(s, "Set7", &count, err);
	if (!st)
		bench_print("registry", "dependants", (bench_now() - start) * 1000, "ms");
	if (!st && count < cards / KEYSETS)
		st = kms_fail(err, KMS_ERR_INTERNAL, "%lld cards depend on a key set of %ld",
			(long long)count, cards / KEYSETS);
	return st;
}

static long long size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? (long long)info.st_size : 0;
}

int main(void)
{
	const char *url = getenv("REGISTRY_URI"), *wanted = getenv("REGISTRY_CARDS");
	const long cards = wanted ? strtol(wanted, NULL, 10) : 100000;
	BENCH_PLACE_AUTO struct bench_place place = {0};
	struct store *s = NULL;
	struct kms_err err = {0};
	char path[PATH_MAX];
	long long empty = 0;
	enum kms_status st = bench_place_open(&place, &err);

	snprintf(path, sizeof(path), "%s/registry.db", place.dir);
	if (!st)
		st = store_open(&(struct store_options){.path = url ? url : path, .create = true},
			&s, &err);
	empty = size_of(path);
	if (!st)
		st = url && getenv("REGISTRY_FROM_FILE") ? load_by_file(path, cards, s, &err)
							 : load_here(cards, s, &err);
	if (!st)
		st = measure(s, cards, &err);
	store_close(s); /* with its write-ahead log */
	if (!st && !url)
		bench_print("registry.bytes_per_card", NULL,
			(double)(size_of(path) - empty) / (double)cards, "bytes");
	return bench_exit(st, &err);
}
