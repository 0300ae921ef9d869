/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batches.h"

#include "base/clock.h"
#include "store/query.h"

static const char *const actions[] = {"inject", "replace", "verify", "issue", "personalise", NULL};
static const char *const batch_states[] = {"ready", "running", "paused", "stopped", "done", NULL};
static const char *const job_states[] = {
	"queued", "leased", "done", "failed", "quarantined", "unknown", NULL};
static const char *const job_ends[] = {"done", "failed", "quarantined", "unknown", NULL};

static const struct store_field batch_fields[] = {
	STORE_TEXT(struct store_batch, name),
	STORE_WORD(struct store_batch, action, actions),
	STORE_TEXT(struct store_batch, options),
	STORE_HEX(struct store_batch, file_sha256, 64),
	STORE_WORD(struct store_batch, state, batch_states),
	STORE_TEXT_OPT(struct store_batch, reason),
	STORE_INT(struct store_batch, stop_after),
	STORE_INT(struct store_batch, failures),
	STORE_TEXT_OPT(struct store_batch, runner),
	STORE_INT_OPT(struct store_batch, runner_until),
	STORE_INT(struct store_batch, created),
	STORE_INT(struct store_batch, changed),
};

static const struct store_field job_fields[] = {
	STORE_TEXT(struct store_job, batch),
	STORE_INT(struct store_job, line),
	STORE_INT(struct store_job, turn),
	STORE_TEXT(struct store_job, reader),
	STORE_TEXT_OPT(struct store_job, card),
	STORE_TEXT_OPT(struct store_job, profile),
	STORE_HEX_OPT(struct store_job, kdd, 0),
	STORE_WORD(struct store_job, state, job_states),
	STORE_INT(struct store_job, tries),
	STORE_TEXT_OPT(struct store_job, worker),
	STORE_INT_OPT(struct store_job, lease_until),
	STORE_HEX_OPT(struct store_job, card_id, 0),
	STORE_HEX_OPT(struct store_job, op_id, 32),
	STORE_TEXT_OPT(struct store_job, detail),
	STORE_INT(struct store_job, changed),
};

static const struct store_field count_fields[] = {
	STORE_WORD(struct store_job_count, state, job_states),
	STORE_INT(struct store_job_count, count),
};

static const struct store_row_type batch_type =
	STORE_ROW_TYPE("batch", "batch", struct store_batch, batch_fields);
static const struct store_row_type job_type =
	STORE_ROW_TYPE("batch_card", "card of batch", struct store_job, job_fields);
static const struct store_row_type count_type =
	STORE_ROW_TYPE("batch_card", "cards of batch", struct store_job_count, count_fields);

/*
 * A machine's time of day can be set while its processes work, but not the time since its start; a lease of before
 * that seems to end later than any can, and is over.
 */
enum kms_status store_lease(
	struct store *s, int64_t seconds, struct store_lease *ret_lease, struct kms_err *err)
{
	struct store_lease lease = {0};
	enum kms_status st = store_clock(s, &lease.when, err);

	if (st)
		return st;
	lease.now = store_has_clock(s) ? lease.when : clock_since_start();
	lease.until = lease.now + seconds;
	lease.latest = store_has_clock(s) ? INT64_MAX : lease.now + STORE_LEASE_MAX;
	*ret_lease = lease;
	return KMS_OK;
}

/* ---- batches ---- */

enum kms_status store_batch_add(
	struct store *s, const struct store_batch *batch, struct kms_err *err)
{
	return store_row_add(s, SQL_BATCH_ADD, &batch_type, batch, batch->name, err);
}

enum kms_status store_batch_get(
	struct store *s, const char *name, struct store_batch *ret_batch, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &batch_type, ret_batch, &found);
	return st || found ? st : kms_fail(err, KMS_ERR_NOT_FOUND, "no batch '%s'", name);
}

enum kms_status store_batches(
	struct store *s, struct store_batch_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &batch_type, &items, &count);

	if (!st)
		*ret_list = (struct store_batch_list){items, count};
	return st;
}

/* Which state it is in instead. */
static enum kms_status not_that_state(
	struct store *s, const char *name, const char *from, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	enum kms_status st = store_batch_get(s, name, &batch, err);

	if (!st)
		st = kms_fail(
			err, KMS_ERR_STATE, "batch '%s' is %s, not %s", name, batch.state, from);
	return store_doom(s, st);
}

enum kms_status store_batch_set_state(struct store *s, const char *name, const char *from,
	const char *to, const char *reason, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_STATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, name);
	store_put_word(&q, "state of a batch", from, batch_states);
	store_put_word(&q, "state of a batch", to, batch_states);
	store_put_text(&q, reason);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	return st || changes ? st : not_that_state(s, name, from, err);
}

enum kms_status store_batch_end(
	struct store *s, const char *name, int64_t when, bool *ret_ended, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_END, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, name);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	if (!st)
		*ret_ended = changes > 0;
	return st;
}

enum kms_status store_batch_hold(struct store *s, const char *name, const char *runner,
	const struct store_lease *lease, bool *ret_held, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_HOLD, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, name);
	store_put_text(&q, runner);
	store_put_int(&q, lease->now);
	store_put_int(&q, lease->until);
	store_put_int(&q, lease->latest);
	st = store_run(&q, &changes);
	if (!st)
		*ret_held = changes > 0;
	return st;
}

enum kms_status store_batch_failed(
	struct store *s, const char *name, int64_t *ret_failures, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_FAILED, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch_int(&q, "failures in a row", ret_failures, &found);
	if (!st && !found)
		st = store_doom(s, kms_fail(err, KMS_ERR_NOT_FOUND, "no batch '%s'", name));
	return st;
}

enum kms_status store_batch_no_failure(struct store *s, const char *name, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_BATCH_NO_FAILURE, err);

	store_put_text(&q, name);
	return store_run(&q, NULL);
}

/* ---- jobs ---- */

enum kms_status store_job_add(struct store *s, const struct store_job *job, struct kms_err *err)
{
	return store_row_add(s, SQL_JOB_ADD, &job_type, job, job->batch, err);
}

static enum kms_status fetch_jobs(struct store_query *q, struct store_job_list *ret_list)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(q, &job_type, &items, &count);

	if (!st)
		*ret_list = (struct store_job_list){items, count};
	return st;
}

enum kms_status store_jobs(struct store *s, const char *batch, int64_t after, const char *state,
	int64_t limit, struct store_job_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_LIST, err);

	store_put_text(&q, batch);
	store_put_int(&q, after);
	store_put_text(&q, state);
	store_put_limit(&q, limit);
	return fetch_jobs(&q, ret_list);
}

enum kms_status store_job_count(struct store *s, const char *batch,
	struct store_job_counts *ret_counts, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_COUNTS, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, batch);
	st = store_fetch_all(&q, &count_type, &items, &count);
	if (!st)
		*ret_counts = (struct store_job_counts){items, count};
	return st;
}

enum kms_status store_job_elsewhere(struct store *s, const char *card, struct store_job *ret_job,
	bool *ret_found, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_ELSEWHERE, err);

	store_put_text(&q, card);
	return store_fetch(&q, &job_type, ret_job, ret_found);
}

enum kms_status store_job_claim(struct store *s, const char *batch, const char *worker,
	bool expired, const struct store_lease *lease, int64_t limit,
	struct store_job_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, expired ? SQL_JOB_CLAIM_EXPIRED : SQL_JOB_CLAIM, err);

	store_put_text(&q, batch);
	store_put_text(&q, worker);
	store_put_int(&q, lease->when);
	store_put_int(&q, lease->until);
	store_put_limit(&q, limit);
	if (expired) {
		store_put_int(&q, lease->now);
		store_put_int(&q, lease->latest);
	}
	return fetch_jobs(&q, ret_list);
}

enum kms_status store_job_renew(
	struct store *s, const char *batch, const char *worker, int64_t until, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_RENEW, err);

	store_put_text(&q, batch);
	store_put_text(&q, worker);
	store_put_int(&q, until);
	return store_run(&q, NULL);
}

enum kms_status store_job_release(struct store *s, const char *batch, const char *worker,
	int64_t *ret_count, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_FREE, err);

	store_put_text(&q, batch);
	store_put_text(&q, worker);
	return store_run(&q, ret_count);
}

static enum kms_status not_held(struct store *s, const struct store_job *job, struct kms_err *err)
{
	return store_doom(s, kms_fail(err, KMS_ERR_STATE,
				     "the card of line %lld of batch '%s' is another worker's now",
				     (long long)job->line, job->batch));
}

enum kms_status store_job_finish(struct store *s, const struct store_job *job, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_FINISH, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, job->batch);
	store_put_int(&q, job->line);
	store_put_text(&q, job->worker);
	store_put_word(&q, "outcome of a card", job->state, job_ends);
	store_put_text(&q, job->card_id);
	store_put_text(&q, job->op_id);
	store_put_text(&q, job->detail);
	store_put_int(&q, job->changed);
	st = store_run(&q, &changes);
	return st || changes ? st : not_held(s, job, err);
}

enum kms_status store_job_give_back(
	struct store *s, const struct store_job *job, bool untouched, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_GIVE_BACK, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, job->batch);
	store_put_int(&q, job->line);
	store_put_text(&q, job->worker);
	store_put_int(&q, untouched);
	st = store_run(&q, &changes);
	return st || changes ? st : not_held(s, job, err);
}

enum kms_status store_job_retry(struct store *s, const char *batch, const char *state, int64_t when,
	int64_t *ret_count, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_JOB_RETRY, err);

	store_put_text(&q, batch);
	store_put_word(&q, "outcome of a card", state, job_ends);
	store_put_int(&q, when);
	return store_run(&q, ret_count);
}

/* ---- rows ---- */

void store_batch_free(struct store_batch *batch)
{
	store_row_free(&batch_type, batch);
}

void store_batch_list_free(struct store_batch_list *list)
{
	store_row_list_free(&batch_type, list->items, list->count);
	*list = (struct store_batch_list){0};
}

void store_job_free(struct store_job *job)
{
	store_row_free(&job_type, job);
}

void store_job_list_free(struct store_job_list *list)
{
	store_row_list_free(&job_type, list->items, list->count);
	*list = (struct store_job_list){0};
}

void store_job_counts_free(struct store_job_counts *counts)
{
	store_row_list_free(&count_type, counts->items, counts->count);
	*counts = (struct store_job_counts){0};
}
