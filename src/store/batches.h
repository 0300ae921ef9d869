/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of cards and the queue of their work. General rules: store/store.h.
 *
 * A job is one card. Who works on it holds a lease: a state, a name, and a time after which anybody may
 * take it. All times of leases are of store_lease, so that no worker's own clock matters. What becomes of
 * a job is written by its holder alone, in the transaction in which the card's own rows change.
 */
#ifndef STORE_BATCHES_H
#define STORE_BATCHES_H

#include "store/store.h"

struct store_batch {
	const char *name;
	const char *action;	 /* inject, replace, verify, issue, personalise */
	const char *options;	 /* JSON of the caller's */
	const char *file_sha256; /* hex */
	const char *state;	 /* ready, running, paused, stopped, done */
	const char *reason;	 /* opt: why it was stopped */
	int64_t stop_after;	 /* authentication failures in a row; 0: never */
	int64_t failures;	 /* in a row, now */
	const char *runner;	 /* opt: who leads it */
	int64_t runner_until;	 /* opt */
	int64_t created;
	int64_t changed;
};

struct store_batch_list {
	struct store_batch *items; /* oldest first */
	size_t count;
};

struct store_job {
	const char *batch;
	int64_t line;	     /* of the file */
	int64_t turn;	     /* the how-manieth card of its reader, from 0 */
	const char *reader;  /* "": the line was malformed, and is no work */
	const char *card;    /* opt: which it must be */
	const char *profile; /* opt */
	const char *kdd;     /* opt, hex: which it must present */
	const char *state;   /* queued, leased, done, failed, quarantined, unknown */
	int64_t tries;
	const char *worker;  /* opt: who has it, or had it last */
	int64_t lease_until; /* opt */
	const char *card_id; /* opt: which it was */
	const char *op_id;   /* opt: the operation that ended it */
	const char *detail;  /* opt: what there is to say */
	int64_t changed;
};

struct store_job_list {
	struct store_job *items; /* by line */
	size_t count;
};

struct store_job_count {
	const char *state;
	int64_t count;
};

struct store_job_counts {
	struct store_job_count *items;
	size_t count;
};

enum { STORE_LEASE_MAX = 600 /* no lease is given for more seconds */ };

/* A lease that begins now: a server's time, or since the start of the machine that all are on. */
struct store_lease {
	int64_t now, until;
	int64_t latest; /* one that ends after this is of no clock that runs */
	int64_t when;	/* now, of UTC */
};
KMS_CHECKED enum kms_status store_lease(
	struct store *s, int64_t seconds, struct store_lease *ret_lease, struct kms_err *err);

KMS_CHECKED enum kms_status store_batch_add(
	struct store *s, const struct store_batch *batch, struct kms_err *err);
KMS_CHECKED enum kms_status store_batch_get(
	struct store *s, const char *name, struct store_batch *ret_batch, struct kms_err *err);
KMS_CHECKED enum kms_status store_batches(
	struct store *s, struct store_batch_list *ret_list, struct kms_err *err);
/* From one state to another, else KMS_ERR_STATE; no failure in a row is remembered. reason may be NULL. */
KMS_CHECKED enum kms_status store_batch_set_state(struct store *s, const char *name,
	const char *from, const char *to, const char *reason, int64_t when, struct kms_err *err);
/* From running to done, if no job is queued or leased. */
KMS_CHECKED enum kms_status store_batch_end(
	struct store *s, const char *name, int64_t when, bool *ret_ended, struct kms_err *err);
/* Leads it as long as the lease, if nobody else does now. */
KMS_CHECKED enum kms_status store_batch_hold(struct store *s, const char *name, const char *runner,
	const struct store_lease *lease, bool *ret_held, struct kms_err *err);
/* An authentication failed: how many in a row that makes; or none did. */
KMS_CHECKED enum kms_status store_batch_failed(
	struct store *s, const char *name, int64_t *ret_failures, struct kms_err *err);
KMS_CHECKED enum kms_status store_batch_no_failure(
	struct store *s, const char *name, struct kms_err *err);

KMS_CHECKED enum kms_status store_job_add(
	struct store *s, const struct store_job *job, struct kms_err *err);
/* After that line, of one state or of all (NULL), at most limit (0: STORE_PAGE). */
KMS_CHECKED enum kms_status store_jobs(struct store *s, const char *batch, int64_t after,
	const char *state, int64_t limit, struct store_job_list *ret_list, struct kms_err *err);
/* Only states that occur. */
KMS_CHECKED enum kms_status store_job_count(struct store *s, const char *batch,
	struct store_job_counts *ret_counts, struct kms_err *err);
/* The job that waits or is worked on, in any batch, for this card; *ret_found false: none. */
KMS_CHECKED enum kms_status store_job_elsewhere(struct store *s, const char *card,
	struct store_job *ret_job, bool *ret_found, struct kms_err *err);

/*
 * At most limit jobs for worker, as long as the lease: queued ones, or (expired) those whose lease has ended.
 * Their tries count this one. In no order.
 */
KMS_CHECKED enum kms_status store_job_claim(struct store *s, const char *batch, const char *worker,
	bool expired, const struct store_lease *lease, int64_t limit,
	struct store_job_list *ret_list, struct kms_err *err);
KMS_CHECKED enum kms_status store_job_renew(
	struct store *s, const char *batch, const char *worker, int64_t until, struct kms_err *err);
/* The worker is dead: its leases end now. */
KMS_CHECKED enum kms_status store_job_release(struct store *s, const char *batch,
	const char *worker, int64_t *ret_count, struct kms_err *err);

/* batch, line and worker say which; state, card_id, op_id, detail and changed what becomes of it.
 * KMS_ERR_STATE if the worker does not hold it any more. */
KMS_CHECKED enum kms_status store_job_finish(
	struct store *s, const struct store_job *job, struct kms_err *err);
/* Back into the queue; untouched: the try does not count. KMS_ERR_STATE as above. */
KMS_CHECKED enum kms_status store_job_give_back(
	struct store *s, const struct store_job *job, bool untouched, struct kms_err *err);
/* All that ended in this state, into the queue again. */
KMS_CHECKED enum kms_status store_job_retry(struct store *s, const char *batch, const char *state,
	int64_t when, int64_t *ret_count, struct kms_err *err);

void store_batch_free(struct store_batch *batch);
void store_batch_list_free(struct store_batch_list *list);
void store_job_free(struct store_job *job);
void store_job_list_free(struct store_job_list *list);
void store_job_counts_free(struct store_job_counts *counts);

#endif
