/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What taking over a card costs: whole operations (op_card_replace) on SoftHSM and on cardsim over TCP,
 * replacement in place under the same version, with the proof, one card after the other in one login.
 *
 *   takeover.apdus             commands to a card, the most of all
 *   takeover.host_ms           our own time a card: all of it, less what the card and the token took
 *   takeover.card_ms, .token_ms, .total_ms   the parts
 *   takeover.cpu_ms            CPU time of the process a card, token included
 *   takeover.cards_per_s       of one process
 *   takeover.cards_per_s.two   of two at once, on one site, each with a box of cards of its own
 *
 * Our own time is mostly waiting for the disk: four durable transactions a card (intent, new keys
 * confirmed, outcome, checkpoint). takeover.disk_ms is what four of them cost when bare.
 */
#include "base/file.h"
#include "ops/ops.h"
#include "support/bench.h"
#include "support/box.h"
#include "support/site.h"

#include "../tests/support/p11forward/faults.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CARDS = 20, ROUNDS = 15, SYNCS = 4, PAGES = ROUNDS * SYNCS };

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"

static const char *const sets[] = {"Maker1", "Issuer1"};

static const char plan[] = "[plan]\nname = bench\n"
			   "[keyset \"Maker1\"]\nalgorithm = aes128\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n"
			   "[keyset \"Issuer1\"]\nalgorithm = aes128\ndiversification = kdf3\n"
			   "customer = Bank\nkey-version = 0x20\nexport = never\n";

/* ---- a line of cards ---- */

struct desk {
	struct op_site *site;
	struct op_card_line *line;
	const char *reader;
	unsigned turn;	       /* which of the sets is on the cards */
	double card_us;	       /* of the last round */
	json_int_t most_apdus; /* of all */
};

static enum kms_status one_card(struct desk *desk, bool inject, struct kms_err *err)
{
	const struct op_card_change in = {.where = {.reader = desk->reader},
		.keyset = sets[desk->turn],
		.customer = "Bank",
		.line = desk->line};
	JS_AUTO json_t *report = NULL;
	json_int_t apdus;
	enum kms_status st = inject ? op_card_inject(desk->site, &in, &report, err)
				    : op_card_replace(desk->site, &in, &report, err);

	if (st || inject)
		return st;
	apdus = json_integer_value(json_object_get(report, "commands"));
	if (apdus > desk->most_apdus)
		desk->most_apdus = apdus;
	desk->card_us += (double)json_integer_value(json_object_get(report, "card_us"));
	return KMS_OK;
}

/* Every card of the box gets the other set. */
static enum kms_status one_round(struct desk *desk, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	desk->turn = !desk->turn;
	desk->card_us = 0;
	for (size_t i = 0; !st && i < CARDS; i++)
		st = one_card(desk, false, err);
	return st;
}

static enum kms_status desk_open(
	struct desk *desk, const struct bench_place *place, const char *reader, struct kms_err *err)
{
	enum kms_status st = bench_site_open(place, &desk->site, err);
	static char profiles[PATH_MAX];

	desk->reader = reader;
	if (!st)
		st = op_card_line_open(&desk->line, err);
	if (st)
		return st;
	snprintf(profiles, sizeof(profiles), "%s/../share/cardkms/profiles", bench_bin());
	desk->site->profiles = profiles;
	for (size_t i = 0; !st && i < CARDS; i++)
		st = one_card(desk, true, err);
	/* Not counted: lazy binding, caches, the probe. */
	return st ? st : one_round(desk, err);
}

static void desk_close(struct desk *desk)
{
	op_card_line_close(desk->line);
	op_site_close(desk->site);
}

/* ---- the parts of a card ---- */

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum kms_status take_parts(
	struct desk *desk, const struct faults_time *token, struct kms_err *err)
{
	double total[ROUNDS], card[ROUNDS], hsm[ROUNDS], host[ROUNDS], cpu[ROUNDS];
	enum kms_status st = KMS_OK;

	for (size_t r = 0; !st && r < ROUNDS; r++) {
		uint64_t before = token->ns;
		double start = bench_now(), used = cpu_s();

		st = one_round(desk, err);
		cpu[r] = (cpu_s() - used) * 1e3 / CARDS;
		total[r] = (bench_now() - start) * 1e3 / CARDS;
		card[r] = desk->card_us / 1e3 / CARDS;
		hsm[r] = (double)(token->ns - before) / 1e6 / CARDS;
		host[r] = total[r] - card[r] - hsm[r];
	}
	if (st)
		return st;
	bench_print("takeover.apdus", NULL, (double)desk->most_apdus, "commands");
	bench_print("takeover.host_ms", NULL, bench_median(host, ROUNDS), "ms");
	bench_print("takeover.card_ms", NULL, bench_median(card, ROUNDS), "ms");
	bench_print("takeover.token_ms", NULL, bench_median(hsm, ROUNDS), "ms");
	bench_print("takeover.cpu_ms", NULL, bench_median(cpu, ROUNDS), "ms");
	bench_print("takeover.total_ms", NULL, bench_median(total, ROUNDS), "ms");
	return KMS_OK;
}

/* For comparison: as many fdatasyncs as a card has transactions, in a file that has its size. */
static enum kms_status disk(const struct bench_place *place, struct kms_err *err)
{
	static const char page[4096];
	double ms[ROUNDS];
	char path[PATH_MAX];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/syncs", place->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	good = fd >= 0;
	for (off_t at = 0; good && at < PAGES; at++)
		good = pwrite(fd, page, sizeof(page), at * (off_t)sizeof(page)) == sizeof(page);
	good = good && fdatasync(fd) == 0;
	for (size_t r = 0; good && r < ROUNDS; r++) {
		double start = bench_now();

		for (size_t i = 0; good && i < SYNCS; i++)
			good = pwrite(fd, page, sizeof(page),
				       (off_t)(r * SYNCS + i) * (off_t)sizeof(page)) ==
				       sizeof(page) &&
			       fdatasync(fd) == 0;
		ms[r] = (bench_now() - start) * 1e3;
	}
	if (fd >= 0)
		close(fd);
	if (!good)
		return kms_fail(err, KMS_ERR_IO, "cannot write '%s'", path);
	bench_print("takeover.disk_ms", NULL, bench_median(ms, ROUNDS), "ms");
	return KMS_OK;
}

static enum kms_status parts(struct kms_err *err)
{
	BENCH_PLACE_AUTO struct bench_place place = {{0}};
	char module[PATH_MAX], times[PATH_MAX];
	struct bench_box box = {.sim = 0};
	struct desk desk = {.turn = 0};
	const struct faults_time *token = MAP_FAILED;
	int fd;
	enum kms_status st = bench_place_open(&place, err);

	if (st)
		return st;
	snprintf(module, sizeof(module), "%s/libp11forward.so", bench_bin());
	snprintf(times, sizeof(times), "%s/times", place.dir);
	setenv("KILLP11_MODULE", MODULE, 1);
	setenv("KILLP11_TIME", times, 1);
	st = bench_site_make(&place, module, plan, err);
	if (!st)
		st = bench_box_open(&box, CARDS, 1000, NULL, err);
	if (!st)
		st = desk_open(&desk, &place, box.reader, err);
	fd = open(times, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		token = mmap(NULL, sizeof(*token), PROT_READ, MAP_SHARED, fd, 0);
	if (!st && token == MAP_FAILED)
		st = kms_fail(err, KMS_ERR_IO, "the token's time was not taken");
	if (!st)
		st = take_parts(&desk, token, err);
	if (!st)
		st = disk(&place, err);
	desk_close(&desk);
	bench_box_close(&box);
	return st;
}

/* ---- cards per second, by processes ---- */

/* A worker says that it is ready, waits for the start, runs, and says that it is done. */
static int worker(const struct bench_place *place, const char *reader, int ready, int start)
{
	struct desk desk = {.turn = 0};
	struct kms_err err = {0};
	char byte = 0;
	enum kms_status st = desk_open(&desk, place, reader, &err);

	if (write(ready, &byte, 1) != 1 || read(start, &byte, 1) != 1)
		return 1;
	for (size_t r = 0; !st && r < ROUNDS; r++)
		st = one_round(&desk, &err);
	desk_close(&desk);
	return bench_exit(st, &err);
}

static enum kms_status measure(const struct bench_place *place, struct bench_box *boxes,
	size_t count, const char *what, struct kms_err *err)
{
	pid_t pids[2];
	int ready[2], start[2], status;
	bool good = true;
	double begun;
	char byte = 0;

	if (pipe(ready) < 0 || pipe(start) < 0)
		return kms_fail(err, KMS_ERR_IO, "no pipes");
	/* One by one: SoftHSM may see no token while another process logs in to it. */
	for (size_t i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(worker(place, boxes[i].reader, ready[1], start[0]));
		good &= read(ready[0], &byte, 1) == 1;
	}
	begun = bench_now();
	for (size_t i = 0; i < count; i++)
		good &= write(start[1], &byte, 1) == 1;
	for (size_t i = 0; i < count; i++)
		good &= waitpid(pids[i], &status, 0) == pids[i] && status == 0;
	if (!good)
		return kms_fail(err, KMS_ERR_INTERNAL, "a worker failed");
	bench_print("takeover.cards_per_s", what,
		(double)(count * CARDS * ROUNDS) / (bench_now() - begun), "cards/s");
	return KMS_OK;
}

/* New cards for each: a worker begins by injecting. */
static enum kms_status measure_new(const struct bench_place *place, size_t count, const char *what,
	unsigned number, struct kms_err *err)
{
	struct bench_box boxes[2] = {{.sim = 0}, {.sim = 0}};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < count; i++)
		st = bench_box_open(&boxes[i], CARDS, (number + (unsigned)i) * 1000, NULL, err);
	if (!st)
		st = measure(place, boxes, count, what, err);
	for (size_t i = 0; i < count; i++)
		bench_box_close(&boxes[i]);
	return st;
}

static enum kms_status rates(struct kms_err *err)
{
	BENCH_PLACE_AUTO struct bench_place place = {{0}};
	enum kms_status st = bench_place_open(&place, err);

	if (!st)
		st = bench_site_make(&place, MODULE, plan, err);
	if (!st)
		st = measure_new(&place, 1, NULL, 1, err);
	return st ? st : measure_new(&place, 2, "two", 2, err);
}

/* The module with the clock stays loaded: its half is another process. */
static enum kms_status apart(
	enum kms_status (*half)(struct kms_err *err), const char *what, struct kms_err *err)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0) {
		enum kms_status st = half(err);

		fflush(stdout);
		_exit(bench_exit(st, err));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return kms_fail(err, KMS_ERR_INTERNAL, "%s could not be measured", what);
	return KMS_OK;
}

int main(void)
{
	struct kms_err err = {0};
	enum kms_status st = KMS_OK;

	if (secret_heap_open(&err))
		return bench_exit(err.code, &err);
	st = apart(parts, "the parts of a card", &err);
	if (!st)
		st = apart(rates, "cards per second", &err);
	return bench_exit(st, &err);
}
