/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a short command costs: `cardkms key list` in a site with 1,000 keys. No PIN is asked for, so
 * no token login is in it.
 *
 *   cli.start       ms from fork to exit, output to a file
 *   cli.start.json  the same with --json
 *   cli.help        for comparison: `cardkms help`, which opens no site
 *   cli.rss         MiB, the most that any of the listings ever had resident
 */
#include "base/file.h"
#include "ops/site.h"
#include "store/keys.h"
#include "support/bench.h"
#include "support/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETS = 333, ROLES = 3, KEYS = SETS * ROLES + 1, NOW = 1795454700 };

/* ---- a site with keys ---- */

static enum kms_status add_key(struct store *store, const char *label, const char *keyset,
	const char *role, unsigned number, struct kms_err *err)
{
	char id[33];
	struct store_key key = {
		.cka_id = id,
		.label = label,
		.keyset = keyset,
		.role = role,
		.algorithm = "aes256",
		.kvn = keyset ? 0x20 : 0,
		.state = "active",
		.check_value = "3FA2B1",
		.check_method = "aes-gp",
		.location = "vault",
		.origin = keyset ? "generated" : "components",
		.partner = keyset ? NULL : "Example Bank",
		.wrapping = keyset ? NULL : "aes-kw",
		.direction = keyset ? NULL : "wrap",
		.proof = "00112233445566778899AABBCCDDEEFF0011223344556677",
		.exportable = keyset ? "partner" : "never",
		.hsm_serial = "0123456789abcdef",
		.created = NOW,
		.activated = NOW,
		.deactivate_after = NOW + 36 * 30 * 86400,
		.state_changed = NOW,
	};

	snprintf(id, sizeof(id), "%032X", number);
	return store_key_add(store, &key, err);
}

static enum kms_status add_set(struct store *store, unsigned set, struct kms_err *err)
{
	static const char *const roles[ROLES][2] = {{"enc", "ENC"}, {"mac", "MAC"}, {"kek", "KEK"}};
	char name[32], label[40];
	enum kms_status st;

	snprintf(name, sizeof(name), "OPMasterKey%u", set);
	st = store_keyset_add(store,
		&(struct store_keyset){.name = name,
			.customer = "Example Bank",
			.algorithm = "aes256",
			.diversification = "kdf3",
			.kvn = 0x20,
			.exportable = "partner",
			.cryptoperiod = "36 months",
			.origin = "generated",
			.state = "active",
			.created = NOW},
		err);
	for (unsigned i = 0; !st && i < ROLES; i++) {
		snprintf(label, sizeof(label), "OPMasterKey%s%u", roles[i][1], set);
		st = add_key(store, label, name, roles[i][0], set * ROLES + i, err);
	}
	return st;
}

static enum kms_status fill(struct store *store, struct kms_err *err)
{
	enum kms_status st = store_begin(store, err);

	if (st)
		return st;
	for (unsigned set = 0; !st && set < SETS; set++)
		st = add_set(store, set, err);
	if (!st)
		st = add_key(store, "TK-EXAMPLE-2026", NULL, "transport", SETS * ROLES, err);
	return store_end(store, st, err);
}

static enum kms_status make_site(const char *dir, struct kms_err *err)
{
	const struct op_site_options options = {.name = "Bench",
		.role = "manufacturer",
		.hsm_uri = "pkcs11:token=bench?module-path=/usr/lib/softhsm/libsofthsm2.so"};
	JS_AUTO json_t *report = NULL;
	struct op_site *site = NULL;
	enum kms_status st = secret_heap_open(err);

	if (!st)
		st = op_site_init(dir, &options, NULL, false, &report, err);
	if (!st)
		st = op_site_open(dir, NULL, &site, err);
	if (!st)
		st = fill(site->store, err);
	op_site_close(site);
	return st;
}

/* In a child, so that what this process ever had resident stays small: Linux counts that of the
 * image before exec into ru_maxrss too. */
static enum kms_status make_site_apart(const char *dir, struct kms_err *err)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(bench_exit(make_site(dir, err), err));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return kms_fail(err, KMS_ERR_IO, "cannot fork: %s", strerror(errno));
	return status == 0 ? KMS_OK : kms_fail(err, KMS_ERR_INTERNAL, "no site to measure");
}

/* ---- runs of the program ---- */

struct command {
	const char *program, *out;
	const char *argv[8];
};

struct cost {
	double ms, mib;
};

static enum kms_status run(const struct command *c, struct cost *ret_cost, struct kms_err *err)
{
	double start = bench_now();
	struct rusage used;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(c->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
			execv(c->program, (char *const *)(uintptr_t)c->argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return kms_fail(err, KMS_ERR_IO, "cannot fork: %s", strerror(errno));
	*ret_cost = (struct cost){(bench_now() - start) * 1e3, (double)used.ru_maxrss / 1024};
	return status == 0 ? KMS_OK
			   : kms_fail(err, KMS_ERR_INTERNAL, "'%s %s' ended with status 0x%x",
				     c->program, c->argv[1], (unsigned)status);
}

/* How often `word` occurs in what the command wrote. */
static enum kms_status count_word(
	const struct command *c, const char *word, size_t *ret_count, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	const char *p;
	enum kms_status st = file_read(c->out, 1 << 24, &text, err);

	if (st)
		return st;
	*ret_count = 0;
	for (p = buf_text(&text); (p = strstr(p, word)); p += strlen(word))
		++*ret_count;
	return KMS_OK;
}

/* One run, not measured: the listing must be the whole one. */
static enum kms_status check_listing(const struct command *c, struct kms_err *err)
{
	struct cost cost;
	size_t count = 0;
	enum kms_status st = run(c, &cost, err);

	if (!st)
		st = count_word(c, "OPMasterKeyMAC", &count, err);
	if (!st && count != SETS)
		st = kms_fail(err, KMS_ERR_INTERNAL, "the listing names %zu MAC keys, not %d",
			count, SETS);
	return st;
}

static enum kms_status measure(const struct command *text, const struct command *json,
	const struct command *help, struct kms_err *err)
{
	double ms[3][BENCH_PAIRS], mib = 0;
	const struct command *commands[] = {text, json, help};
	struct rusage own;
	struct cost cost;
	enum kms_status st = check_listing(text, err);

	if (!st)
		st = check_listing(json, err);
	if (!st)
		st = run(help, &cost, err);
	for (size_t i = 0; !st && i < BENCH_PAIRS; i++) {
		for (size_t j = 0; !st && j < 3; j++) {
			st = run(commands[j], &cost, err);
			ms[j][i] = cost.ms;
			if (cost.mib > mib)
				mib = cost.mib;
		}
	}
	if (st)
		return st;
	bench_print("cli.start", NULL, bench_median(ms[0], BENCH_PAIRS), "ms");
	bench_print("cli.start", "json", bench_median(ms[1], BENCH_PAIRS), "ms");
	bench_print("cli.help", NULL, bench_median(ms[2], BENCH_PAIRS), "ms");
	bench_print("cli.rss", NULL, mib, "MiB");
	/* A figure no larger than that of this process would say nothing (make_site_apart). */
	getrusage(RUSAGE_SELF, &own);
	bench_say("  cli: %d keys; text %.1f to %.1f ms, JSON %.1f to %.1f ms; this process %.1f "
		  "MiB",
		KEYS, ms[0][0], ms[0][BENCH_PAIRS - 1], ms[1][0], ms[1][BENCH_PAIRS - 1],
		(double)own.ru_maxrss / 1024);
	return KMS_OK;
}

int main(void)
{
	BENCH_PLACE_AUTO struct bench_place place = {0};
	const char *bin = getenv("CARDKMS_BIN");
	char program[PATH_MAX], dir[PATH_MAX], out[PATH_MAX];
	struct kms_err err = {0};
	enum kms_status st = KMS_OK;

	if (!bin)
		st = kms_fail(&err, KMS_ERR_USAGE, "CARDKMS_BIN names the folder of cardkms");
	if (!st)
		st = bench_place_open(&place, &err);
	if (!st) {
		snprintf(program, sizeof(program), "%s/cardkms", bin);
		snprintf(dir, sizeof(dir), "%s/site", place.dir);
		snprintf(out, sizeof(out), "%s/out", place.dir);
		st = make_site_apart(dir, &err);
	}
	if (!st)
		st = measure(
			&(struct command){program, out, {program, "-s", dir, "key", "list", NULL}},
			&(struct command){
				program, out, {program, "-s", dir, "--json", "key", "list", NULL}},
			&(struct command){program, out, {program, "help", NULL}}, &err);
	return bench_exit(st, &err);
}
