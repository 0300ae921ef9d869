/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durable entries of the audit log per second, by op_log in a site of its own.
 *
 *   audit.append.single      a transaction for each entry
 *   audit.append.batched     BATCH entries in one transaction
 *   audit.append.disk_syncs  for comparison: 4 KiB appended to a file and fdatasync, in that folder
 */
#include "ops/op.h"
#include "support/bench.h"
#include "support/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { SINGLE = 40, BATCH = 500, SYNCS = 40, TMPFS = 0x01021994 };

struct sample {
	double single, batched, syncs; /* per second */
};

static enum kms_status append(struct op_site *site, unsigned number, struct kms_err *err)
{
	JS_AUTO json_t *details = json_pack("{s:i, s:s, s:s, s:s}", "number", (int)number, "label",
		"OPMasterKeyENC2", "check_value", "3FA2B1", "check_method", "aes-gp");

	if (!details)
		return kms_nomem(err);
	return op_log(
		site, NULL, "bench.append", AUDIT_NOTE, "OPMasterKeyENC2", "done", details, err);
}

static enum kms_status transaction(struct op_site *site, unsigned count, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	for (unsigned i = 0; !st && i < count; i++)
		st = append(site, i, err);
	return store_end(site->store, st, err);
}

static enum kms_status disk(const char *path, double *ret_rate, struct kms_err *err)
{
	static const char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	bool bad = fd < 0;
	double start = bench_now();

	for (int i = 0; !bad && i < SYNCS; i++)
		bad = write(fd, block, sizeof(block)) != sizeof(block) || fdatasync(fd);
	*ret_rate = SYNCS / (bench_now() - start);
	if (bad)
		kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return bad ? KMS_ERR_IO : KMS_OK;
}

static enum kms_status take(
	struct op_site *site, const char *file, struct sample *ret_sample, struct kms_err *err)
{
	struct sample s = {0};
	double start = bench_now();
	enum kms_status st = KMS_OK;

	for (unsigned i = 0; !st && i < SINGLE; i++)
		st = transaction(site, 1, err);
	s.single = SINGLE / (bench_now() - start);
	start = bench_now();
	if (!st)
		st = transaction(site, BATCH, err);
	s.batched = BATCH / (bench_now() - start);
	if (!st)
		st = disk(file, &s.syncs, err);
	if (!st)
		*ret_sample = s;
	return st;
}

static enum kms_status measure(struct op_site *site, const char *file, struct kms_err *err)
{
	double single[BENCH_PAIRS], batched[BENCH_PAIRS], syncs[BENCH_PAIRS];
	struct sample s;
	enum kms_status st = take(site, file, &s, err);

	for (size_t i = 0; !st && i < BENCH_PAIRS; i++) {
		st = take(site, file, &s, err);
		single[i] = s.single;
		batched[i] = s.batched;
		syncs[i] = s.syncs;
	}
	if (st)
		return st;
	bench_print("audit.append", "single", bench_median(single, BENCH_PAIRS), "entries/s");
	bench_print("audit.append", "batched", bench_median(batched, BENCH_PAIRS), "entries/s");
	bench_print("audit.append", "disk_syncs", bench_median(syncs, BENCH_PAIRS), "syncs/s");
	bench_say("  audit.append: single %.0f to %.0f, batched %.0f to %.0f, fdatasync %.0f to "
		  "%.0f a second",
		single[0], single[BENCH_PAIRS - 1], batched[0], batched[BENCH_PAIRS - 1], syncs[0],
		syncs[BENCH_PAIRS - 1]);
	return KMS_OK;
}

int main(void)
{
	BENCH_PLACE_AUTO struct bench_place place = {0};
	struct op_site *site = NULL;
	struct kms_err err = {0};
	struct statfs fs;
	char dir[PATH_MAX], file[PATH_MAX];
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = bench_place_open(&place, &err);
	snprintf(dir, sizeof(dir), "%s/site", place.dir);
	snprintf(file, sizeof(file), "%s/syncs", place.dir);
	if (!st)
		st = bench_site_bare(&place, &site, &err);
	if (!st && !statfs(dir, &fs) && fs.f_type == TMPFS)
		bench_say(
			"  audit.append: %s is a tmpfs, where nothing is durable; set TMPDIR to a "
			"folder on a disk",
			dir);
	if (!st)
		st = measure(site, file, &err);
	op_site_close(site);
	return bench_exit(st, &err);
}
