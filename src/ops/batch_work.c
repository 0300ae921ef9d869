/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker of a batch: takes some cards at a time, works on one after the other, and says of each what
 * became of it. It may be killed at any time: its leases end, and who takes such a card next first settles
 * what the card's own journal says is open, then finds it done or does it.
 */
#include "ops/batch.h"

#include "base/csv.h"
#include "base/hash.h"
#include "ops/cardkeys.h"
#include "ops/job.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MAX = 5, IDLE_MS = 500, AGAIN_MS = 1000, GIVE_BACK_SECONDS = 60 };

_Static_assert((int)OP_BATCH_LEASE_SECONDS <= (int)STORE_LEASE_MAX,
	"else it is taken for one of another clock");

struct work {
	struct op_site *site;
	const struct op_batch_work *in;
	struct op_batch_how how;
	struct op_card_line *line;
	struct csv *fields; /* personalise: the batch's file, read on as cards come; else NULL */
	int64_t lease_until;
	json_int_t ended;
	int waited; /* seconds, for a store that takes no change: to give cards back */
};

static void work_clear(struct work *w)
{
	op_batch_how_clear(&w->how);
	op_card_line_close(w->line);
	csv_close(&w->fields);
	w->site->job = NULL;
}

/* ---- one card ---- */

static struct op_card_where where_of(const struct work *w, const struct store_job *row)
{
	return (struct op_card_where){.reader = row->reader,
		.profile = row->profile,
		.initial_given = w->how.in.initial_given};
}

static enum kms_status change(
	struct work *w, const struct store_job *row, json_t **ret_report, struct kms_err *err)
{
	const struct op_batch *how = &w->how.in;
	const struct op_card_change in = {.where = where_of(w, row),
		.keyset = how->keyset,
		.from = how->from,
		.customer = how->customer,
		.old_version = how->old_version,
		.version = how->version,
		.line = w->line};

	return strcmp(how->action, "inject") == 0 ? op_card_inject(w->site, &in, ret_report, err)
						  : op_card_replace(w->site, &in, ret_report, err);
}

static enum kms_status act(
	struct work *w, const struct store_job *row, json_t **ret_report, struct kms_err *err)
{
	const struct op_batch *how = &w->how.in;
	const struct op_app_where app = {
		.card = where_of(w, row), .keyset = how->keyset, .line = w->line};

	if (strcmp(how->action, "verify") == 0)
		return op_card_verify(w->site,
			&(struct op_card_verify){.where = app.card,
				.keyset = how->keyset,
				.version = how->version,
				.line = w->line},
			ret_report, err);
	if (strcmp(how->action, "issue") == 0)
		return op_card_life(w->site,
			&(struct op_card_life){.where = app, .what = OP_CARD_ISSUE}, ret_report,
			err);
	if (strcmp(how->action, "personalise") == 0)
		return op_app_personalise(w->site,
			&(struct op_app_personalise){.where = app,
				.script = how->script,
				.table = w->fields,
				.line = row->line},
			ret_report, err);
	return change(w, row, ret_report, err);
}

/* Somebody had this card before and did not come to an end with it. */
static enum kms_status settle(struct work *w, const struct store_job *row, struct kms_err *err)
{
	const struct op_card_where where = where_of(w, row);
	JS_AUTO json_t *report = NULL;
	enum kms_status st = op_card_resume(w->site, &where, false, w->line, &report, err);

	if (st != KMS_ERR_STATE)
		return st;
	kms_err_clear(err); /* nothing was open */
	return KMS_OK;
}

/*
 * Whether a failure is that of this card. What is not, is that of the HSM, the store, the clock or the whole batch:
 * it would meet every other card as well. Before a card is known, a wrong passphrase is the HSM's, and wrong
 * words are the batch's; after that they are too few for this card: which keys it has, say.
 */
static bool is_of_the_card(const struct work *w, enum kms_status st, const struct op_job *job)
{
	if (w->site->clock_behind || w->site->other_masters)
		return false;
	switch (st) {
	case KMS_ERR_HSM:
	case KMS_ERR_STORE:
	case KMS_ERR_BUSY:
	case KMS_ERR_NOMEM:
	case KMS_ERR_INTERNAL:
		return false;
	case KMS_ERR_AUTH:
	case KMS_ERR_DENIED:
	case KMS_ERR_USAGE:
		return job->card[0] != 0;
	default:
		return true;
	}
}

static bool told_to_end(const struct work *w)
{
	return w->in->end && *w->in->end;
}

static enum kms_status give_back_now(
	struct work *w, const struct store_job *row, bool uncounted, struct kms_err *err)
{
	enum kms_status st = store_begin(w->site->store, err);

	return st ? st
		  : store_end(w->site->store,
			    store_job_give_back(w->site->store, row, uncounted, err), err);
}

/* While the store's disk is full, say, it waits: a card that is not given back has had a try for nothing. */
static enum kms_status give_back(
	struct work *w, const struct store_job *row, bool uncounted, struct kms_err *err)
{
	for (;;) {
		const enum kms_status st = give_back_now(w, row, uncounted, err);

		if ((st != KMS_ERR_STORE && st != KMS_ERR_BUSY) || told_to_end(w) ||
			w->waited >= GIVE_BACK_SECONDS)
			return st;
		w->waited++;
		kms_err_clear(err);
		(void)poll(NULL, 0, AGAIN_MS);
	}
}

static enum kms_status failed(
	struct work *w, struct op_job *job, enum kms_status why, struct kms_err *err)
{
	struct kms_err told = *err, ignored = {0};
	enum kms_status st;

	if (!is_of_the_card(w, why, job)) {
		/*
		 * It is no try of the card's, but once it was known one stands, so that who comes next
		 * settles it. If that cannot be said, the lease ends by itself.
		 */
		(void)!give_back(w, job->row, !job->card[0] || job->row->tries > 1, &ignored);
		return why;
	}
	kms_err_clear(err);
	st = op_job_failed(w->site, job, why, told.msg, err);
	if (st == KMS_ERR_STATE) { /* the lease had ended: it is another's card */
		kms_err_clear(err);
		return KMS_OK;
	}
	op_say(w->site, "line %lld, %s: %s", (long long)job->row->line,
		job->card[0] ? job->card : job->row->reader, told.msg);
	return st;
}

static enum kms_status one(struct work *w, const struct store_job *row, struct kms_err *err)
{
	struct op_job job = {.row = row};
	JS_AUTO json_t *report = NULL;
	enum kms_status st = KMS_OK;

	if (row->tries > TRIES_MAX)
		return op_job_failed(w->site, &job, KMS_ERR_STATE,
			"given up: workers ended again and again while they had it", err);
	if (row->turn > 0)
		st = op_card_next(w->site, row->reader, err);
	if (!st && row->tries > 1 && !w->fields)
		st = settle(w, row, err);
	w->site->job = &job;
	if (!st)
		st = act(w, row, &report, err);
	w->site->job = NULL;
	if (st && job.ended) { /* done, with a no for an answer */
		kms_err_clear(err);
		st = KMS_OK;
	}
	return st ? failed(w, &job, st, err) : KMS_OK;
}

/* ---- the queue ---- */

static int by_line(const void *a, const void *b)
{
	const struct store_job *one = a, *other = b;

	return (one->line > other->line) - (one->line < other->line);
}

/* In the order of the file, which is read on and on where a card's fields are in it. */
static enum kms_status claim(struct work *w, struct store_job_list *ret_list, struct kms_err *err)
{
	struct store *store = w->site->store;
	struct store_lease lease;
	enum kms_status st = store_begin(store, err);

	if (st)
		return st;
	st = store_lease(store, OP_BATCH_LEASE_SECONDS, &lease, err);
	w->lease_until = lease.until;
	if (!st)
		st = store_job_claim(store, w->in->name, w->in->worker, false, &lease,
			OP_BATCH_BLOCK, ret_list, err);
	if (!st && ret_list->count == 0)
		st = store_job_claim(store, w->in->name, w->in->worker, true, &lease,
			OP_BATCH_BLOCK, ret_list, err);
	if (!st && ret_list->count)
		qsort(ret_list->items, ret_list->count, sizeof(*ret_list->items), by_line);
	return store_end(store, st, err);
}

static enum kms_status renew(struct work *w, struct kms_err *err)
{
	struct store *store = w->site->store;
	struct store_lease lease;
	enum kms_status st = store_lease(store, OP_BATCH_LEASE_SECONDS, &lease, err);

	if (st || lease.now + OP_BATCH_LEASE_SECONDS / 2 < w->lease_until)
		return st;
	w->lease_until = lease.until;
	st = store_begin(store, err);
	if (!st)
		st = store_end(store,
			store_job_renew(store, w->in->name, w->in->worker, w->lease_until, err),
			err);
	return st;
}

static enum kms_status goes_on(struct work *w, bool *ret_on, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	enum kms_status st = store_batch_get(w->site->store, w->in->name, &batch, err);

	*ret_on = !st && strcmp(batch.state, "running") == 0 && !told_to_end(w);
	return st;
}

/* Those that were taken and not begun go back. */
static enum kms_status some(
	struct work *w, const struct store_job_list *list, bool *ret_on, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < list->count; i++) {
		if (*ret_on)
			st = goes_on(w, ret_on, err);
		if (!st && !*ret_on) {
			st = give_back(w, &list->items[i], true, err);
			continue;
		}
		if (!st)
			st = renew(w, err);
		if (!st)
			st = one(w, &list->items[i], err);
		w->ended += !st;
		for (size_t k = i + 1; st && k < list->count; k++) {
			struct kms_err ignored = {0};

			(void)!give_back(w, &list->items[k], true, &ignored);
		}
	}
	return st;
}

/* Nothing to take: all is done, or others have the rest. */
static enum kms_status rest(struct work *w, bool *ret_on, struct kms_err *err)
{
	int64_t now = 0;
	bool ended = false;
	enum kms_status st = store_begin(w->site->store, err);

	if (st)
		return st;
	st = store_clock(w->site->store, &now, err);
	if (!st)
		st = store_batch_end(w->site->store, w->in->name, now, &ended, err);
	st = store_end(w->site->store, st, err);
	if (!st && !ended)
		(void)poll(NULL, 0, IDLE_MS);
	return st ? st : goes_on(w, ret_on, err);
}

/* The fields of the cards are read from the file itself, which must still be the one. */
static enum kms_status open_fields(
	struct work *w, const struct store_batch *batch, struct kms_err *err)
{
	const char *path = w->how.in.path;
	char now[2 * HASH_SIZE + 1];
	enum kms_status st = hash_file(path, now, err);

	if (!st && strcmp(now, batch->file_sha256) != 0)
		st = kms_fail(err, KMS_ERR_MISMATCH,
			"'%s' is not the file any more that batch '%s' was made from", path,
			batch->name);
	return st ? st : csv_open(path, &w->fields, err);
}

/* The masters of the batch, on the HSM that this worker has: there, and the keys that the registry means. */
static enum kms_status check_masters(struct work *w, struct kms_err *err)
{
	const char *const keysets[] = {w->how.in.keyset, w->how.in.from};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < sizeof(keysets) / sizeof(keysets[0]); i++) {
		OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;

		if (keysets[i])
			st = op_card_masters_open(
				w->site, NULL, keysets[i], OP_CARD_OLD, &masters, err);
	}
	return st;
}

static enum kms_status begin(struct work *w, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	enum kms_status st = store_batch_get(w->site->store, w->in->name, &batch, err);

	if (!st && strcmp(batch.state, "running") != 0) {
		st = kms_fail(err, KMS_ERR_STATE, "batch '%s' is %s", batch.name, batch.state);
		kms_hint(err, "'cardkms batch run %s' has it worked on", batch.name);
	}
	if (!st)
		st = op_batch_how(&batch, &w->how, err);
	/* Before any card is taken: an HSM that is not there, or has other keys, is no fault of theirs. */
	if (!st)
		st = op_site_cards_hsm(w->site, err);
	if (!st)
		st = check_masters(w, err);
	if (st)
		return st;
	return w->how.in.script ? open_fields(w, &batch, err) : KMS_OK;
}

enum kms_status op_batch_work(struct op_site *site, const struct op_batch_work *in,
	json_t **ret_report, struct kms_err *err)
{
	struct work w __attribute__((cleanup(work_clear))) = {.site = site, .in = in};
	bool on = true;
	enum kms_status st = begin(&w, err);

	if (!st)
		st = op_card_line_open(&w.line, err);
	while (!st && on) {
		STORE_AUTO(job_list) struct store_job_list list = {0};

		st = claim(&w, &list, err);
		if (!st)
			st = list.count ? some(&w, &list, &on, err) : rest(&w, &on, err);
		if (!st && on)
			st = goes_on(&w, &on, err);
	}
	*ret_report = json_pack(
		"{s:s, s:s, s:I}", "batch", in->name, "worker", in->worker, "ended", w.ended);
	return st || *ret_report ? st : kms_nomem(err);
}
