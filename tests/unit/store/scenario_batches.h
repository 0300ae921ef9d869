/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: batches, and the queue of their cards. */
#ifndef STORE_SCENARIO_BATCHES_H
#define STORE_SCENARIO_BATCHES_H

#include "store/batches.h"
#include "unit/store/check.h"

#define LEASE(now, until) (&(const struct store_lease){now, until, 5000, now})

/* "line line …" of what a worker gets now, in any order given; limit of them at most. */
static inline void claim_is(struct store *s, const char *worker, bool expired, int64_t now,
	int64_t limit, const char *lines)
{
	STORE_AUTO(job_list) struct store_job_list list = {0};
	struct kms_err err = {0};
	char got[100] = "";

	CHANGE(store_job_claim(s, "B", worker, expired, LEASE(now, now + 60), limit, &list, &err));
	for (int64_t line = 1; line < 10; line++)
		for (size_t i = 0; i < list.count; i++)
			if (list.items[i].line == line)
				snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%lld",
					got[0] ? " " : "", (long long)line);
	assert_string_equal(got, lines);
}

static inline int64_t jobs_that_are(struct store *s, const char *state)
{
	STORE_AUTO(job_counts) struct store_job_counts counts = {0};
	struct kms_err err = {0};

	OK(store_job_count(s, "B", &counts, &err));
	for (size_t i = 0; i < counts.count; i++)
		if (strcmp(counts.items[i].state, state) == 0)
			return counts.items[i].count;
	return 0;
}

static inline void scenario_queue(struct store *s)
{
	struct store_job job = {
		.batch = "B", .line = 2, .reader = "r1", .card = "AA01", .state = "queued"};
	STORE_AUTO(job_list) struct store_job_list list = {0};
	STORE_AUTO(job) struct store_job other = {0};
	struct kms_err err = {0};
	int64_t count = 0;
	bool found = false;

	CHANGE(store_job_add(s, &job, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "B", store_job_add(s, &job, &err));
	job = (struct store_job){
		.batch = "B", .line = 3, .reader = "r1", .turn = 1, .state = "queued"};
	CHANGE(store_job_add(s, &job, &err));
	job = (struct store_job){.batch = "B", .line = 4, .reader = "r2", .state = "queued"};
	CHANGE(store_job_add(s, &job, &err));
	job = (struct store_job){
		.batch = "B", .line = 5, .reader = "", .state = "failed", .detail = "bad"};
	CHANGE(store_job_add(s, &job, &err));

	OK(store_job_elsewhere(s, "AA01", &other, &found, &err));
	assert_true(found);
	store_job_free(&other);
	OK(store_job_elsewhere(s, "AA02", &other, &found, &err));
	assert_false(found);

	/* A reader's second card waits for its first; what is taken is taken, until its time is over. */
	claim_is(s, "w1", false, 1000, 1, "2");
	claim_is(s, "w2", false, 1000, 9, "4");
	claim_is(s, "w3", false, 1000, 9, "");
	claim_is(s, "w3", true, 1060, 9, "");
	CHANGE(store_job_renew(s, "B", "w1", 2000, &err));
	claim_is(s, "w3", true, 1061, 9, "4");
	CHANGE(store_job_renew(s, "B", "w1", 5001, &err));
	claim_is(s, "w1", true, 1061, 9, "2");
	CHANGE(store_job_release(s, "B", "w1", &count, &err));
	assert_int_equal(count, 1);
	claim_is(s, "w3", true, 1061, 9, "2");

	/* Only who has it ends it, once; then the reader's next card comes. */
	job = (struct store_job){
		.batch = "B", .line = 2, .worker = "w1", .state = "done", .changed = 5};
	CHANGE_FAILS(KMS_ERR_STATE, "another worker's", store_job_finish(s, &job, &err));
	job.worker = "w3";
	job.state = "leased";
	CHANGE_FAILS(KMS_ERR_INVALID, "outcome of a card", store_job_finish(s, &job, &err));
	job.state = "done";
	job.op_id = OP_1;
	job.card_id = "AA01";
	CHANGE(store_job_finish(s, &job, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "another worker's", store_job_finish(s, &job, &err));
	claim_is(s, "w3", false, 1061, 9, "3");
	job = (struct store_job){.batch = "B", .line = 3, .worker = "w3"};
	CHANGE(store_job_give_back(s, &job, true, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "another worker's", store_job_give_back(s, &job, true, &err));
	claim_is(s, "w4", false, 1061, 9, "3");
	OK(store_jobs(s, "B", 2, "leased", 0, &list, &err));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.items[0].line, 3);
	assert_int_equal(list.items[0].tries, 1);
	assert_int_equal(list.items[1].tries, 2);

	job = (struct store_job){.batch = "B", .line = 3, .worker = "w4", .state = "unknown"};
	CHANGE(store_job_give_back(s, &job, false, &err));
	claim_is(s, "w4", false, 1061, 9, "3");
	CHANGE(store_job_finish(s, &job, &err));
	CHANGE(store_job_retry(s, "B", "unknown", 9, &count, &err));
	assert_int_equal(count, 1);
	/* Once tried, however often it was. */
	store_job_list_free(&list);
	OK(store_jobs(s, "B", 2, "queued", 0, &list, &err));
	assert_int_equal(list.items[0].line, 3);
	assert_int_equal(list.items[0].tries, 1);
	/* A line that was malformed is no work. */
	CHANGE(store_job_retry(s, "B", "failed", 9, &count, &err));
	assert_int_equal(count, 0);
	CHANGE_FAILS(KMS_ERR_INVALID, "outcome of a card",
		store_job_retry(s, "B", "queued", 9, &count, &err));
	assert_int_equal(jobs_that_are(s, "done"), 1);
	assert_int_equal(jobs_that_are(s, "queued"), 1);
	assert_int_equal(jobs_that_are(s, "leased"), 1);
	assert_int_equal(jobs_that_are(s, "failed"), 1);
}

static inline void scenario_batches(struct store *s)
{
	struct store_batch batch = {
		"B", "replace", "{}", HEX_32, "ready", NULL, 3, 0, NULL, 0, 100, 100};
	STORE_AUTO(batch_list) struct store_batch_list list = {0};
	STORE_AUTO(batch) struct store_batch got = {0};
	struct kms_err err = {0};
	int64_t now = 0, failures = 0;
	bool yes = true;

	OK(store_clock(s, &now, &err));
	assert_true(now > 1700000000);
	CHANGE(store_batch_add(s, &batch, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "B", store_batch_add(s, &batch, &err));
	batch.name = "C";
	batch.action = "melt";
	CHANGE_FAILS(KMS_ERR_INVALID, "action", store_batch_add(s, &batch, &err));
	FAILS(KMS_ERR_NOT_FOUND, "no batch 'C'", store_batch_get(s, "C", &got, &err));
	OK(store_batches(s, &list, &err));
	assert_int_equal(list.count, 1);

	CHANGE(store_batch_set_state(s, "B", "ready", "running", NULL, 200, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "is running, not ready",
		store_batch_set_state(s, "B", "ready", "running", NULL, 200, &err));
	/* One leader, until its time is over. */
	CHANGE(store_batch_hold(s, "B", "r1", LEASE(200, 230), &yes, &err));
	assert_true(yes);
	CHANGE(store_batch_hold(s, "B", "r2", LEASE(230, 260), &yes, &err));
	assert_false(yes);
	CHANGE(store_batch_hold(s, "B", "r1", LEASE(230, 260), &yes, &err));
	assert_true(yes);
	CHANGE(store_batch_hold(s, "B", "r2", LEASE(261, 290), &yes, &err));
	assert_true(yes);
	/* The end of a lease that was given by another clock. */
	CHANGE(store_batch_hold(s, "B", "r2", LEASE(261, 9000), &yes, &err));
	CHANGE(store_batch_hold(s, "B", "r1", LEASE(262, 292), &yes, &err));
	assert_true(yes);
	CHANGE(store_batch_hold(s, "B", "r2", LEASE(293, 323), &yes, &err));

	CHANGE(store_batch_failed(s, "B", &failures, &err));
	CHANGE(store_batch_failed(s, "B", &failures, &err));
	assert_int_equal(failures, 2);
	CHANGE_FAILS(
		KMS_ERR_NOT_FOUND, "no batch 'C'", store_batch_failed(s, "C", &failures, &err));
	CHANGE(store_batch_no_failure(s, "B", &err));
	CHANGE(store_batch_failed(s, "B", &failures, &err));
	assert_int_equal(failures, 1);

	scenario_queue(s);
	CHANGE(store_batch_end(s, "B", 300, &yes, &err));
	assert_false(yes);
	for (int i = 0; i < 2; i++) {
		struct store_job job = {
			.batch = "B", .line = 3 + i, .worker = i ? "w3" : "w5", .state = "done"};

		if (i == 0)
			claim_is(s, "w5", false, 1061, 9, "3");
		CHANGE(store_job_finish(s, &job, &err));
	}
	CHANGE(store_batch_end(s, "B", 300, &yes, &err));
	assert_true(yes);
	OK(store_batch_get(s, "B", &got, &err));
	assert_string_equal(got.state, "done");
	assert_string_equal(got.runner, "r2");
}

#endif
