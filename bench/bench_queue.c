/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of batches on SQLite, without cards: ten jobs taken in one transaction, each ended in one of its
 * own with an entry in the audit log, as a worker does it.
 *
 *   queue.jobs_per_s     durable jobs
 *   queue.append.ratio   that, against entries alone (audit.append.single), in turn
 */
#include "ops/op.h"
#include "store/batches.h"
#include "support/bench.h"
#include "support/site.h"

#include <stdio.h>

enum { JOBS = 20000, BLOCK = 10, ROUNDS = 20 };

static enum kms_status append(struct op_site *site, struct kms_err *err)
{
	JS_AUTO json_t *details = json_pack("{s:s}", "keyset", "OPMasterKey2");

	return details ? op_log(site, NULL, "bench.job", AUDIT_NOTE, "card", "done", details, err)
		       : kms_nomem(err);
}

static enum kms_status fill(struct op_site *site, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	st = store_batch_add(site->store,
		&(struct store_batch){.name = "B",
			.action = "verify",
			.options = "{}",
			.file_sha256 = "00112233445566778899AABBCCDDEEFF"
				       "00112233445566778899AABBCCDDEEFF",
			.state = "running",
			.created = 1,
			.changed = 1},
		err);
	for (int64_t line = 2; !st && line < JOBS + 2; line++) {
		char reader[40];

		snprintf(reader, sizeof(reader), "reader %lld", (long long)line);
		st = store_job_add(site->store,
			&(struct store_job){.batch = "B",
				.line = line,
				.reader = reader,
				.state = "queued",
				.changed = 1},
			err);
	}
	return store_end(site->store, st, err);
}

static enum kms_status end_job(
	struct op_site *site, struct store_job *job, bool queued, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	job->state = "done";
	if (queued)
		st = store_job_finish(site->store, job, err);
	if (!st && queued)
		st = store_batch_no_failure(site->store, job->batch, err);
	if (!st)
		st = append(site, err);
	return store_end(site->store, st, err);
}

/* BLOCK jobs, as a worker; or as many entries alone. */
static enum kms_status block(struct op_site *site, bool queued, struct kms_err *err)
{
	const struct store_lease lease = {2, 100, 1000, 2};
	STORE_AUTO(job_list) struct store_job_list list = {0};
	enum kms_status st = queued ? store_begin(site->store, err) : KMS_OK;

	if (!st && queued)
		st = store_end(site->store,
			store_job_claim(site->store, "B", "w", false, &lease, BLOCK, &list, err),
			err);
	for (size_t i = 0; !st && i < BLOCK; i++) {
		struct store_job job = {0};

		if (queued)
			job = list.items[i];
		st = end_job(site, &job, queued, err);
	}
	return st;
}

static enum kms_status measure(struct op_site *site, struct kms_err *err)
{
	double ours[ROUNDS], ratio[ROUNDS];
	enum kms_status st = fill(site, err);

	if (!st)
		st = block(site, true, err);
	for (size_t i = 0; !st && i < ROUNDS; i++) {
		double start = bench_now(), half;

		st = block(site, true, err);
		half = bench_now();
		if (!st)
			st = block(site, false, err);
		ours[i] = BLOCK / (half - start);
		ratio[i] = (bench_now() - half) / (half - start);
	}
	if (st)
		return st;
	bench_print("queue.jobs_per_s", NULL, bench_median(ours, ROUNDS), "jobs/s");
	bench_print("queue.append", "ratio", bench_median(ratio, ROUNDS), "ratio");
	return KMS_OK;
}

int main(void)
{
	BENCH_PLACE_AUTO struct bench_place place = {0};
	struct op_site *site = NULL;
	struct kms_err err = {0};
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = bench_place_open(&place, &err);
	if (!st)
		st = bench_site_bare(&place, &site, &err);
	if (!st)
		st = measure(site, &err);
	op_site_close(site);
	return bench_exit(st, &err);
}
