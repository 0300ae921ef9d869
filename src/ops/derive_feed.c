/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/derive_feed.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = 2 };

struct slot {
	struct key_bulk_card *rows;
	size_t count;
	enum kms_status status;
	struct kms_err err;
};

struct derive_feed {
	struct derive_cards cards;
	size_t chunk;
	struct slot slots[SLOTS];
	size_t taken; /* chunks that the caller has had */
	sem_t empty, full;
	pthread_t thread;
	bool running;
	atomic_bool quit;
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0 && errno == EINTR)
		;
}

static void fill(struct derive_feed *f, struct slot *s)
{
	enum kms_status st = KMS_OK;

	s->count = 0;
	while (s->count < f->chunk && (st = derive_cards_next(&f->cards, &s->err)) == KMS_OK)
		s->rows[s->count++] = f->cards.row;
	s->status = st == KMS_ERR_NOT_FOUND ? KMS_OK : st;
}

static void *feed(void *arg)
{
	struct derive_feed *f = arg;
	bool more = true;

	for (size_t i = 0; more; i = (i + 1) % SLOTS) {
		wait_for(&f->empty);
		if (atomic_load(&f->quit))
			break;
		fill(f, &f->slots[i]);
		more = !f->slots[i].status && f->slots[i].count > 0;
		sem_post(&f->full);
	}
	return NULL;
}

/* Signals are the other thread's. */
static enum kms_status start_thread(struct derive_feed *f, struct kms_err *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&f->thread, NULL, feed, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return kms_fail(err, KMS_ERR_INTERNAL, "cannot start a thread (error %d)", rc);
	f->running = true;
	return KMS_OK;
}

enum kms_status derive_feed_start(const char *path, const struct derive_fit *fit, size_t chunk,
	struct derive_feed **ret_feed, struct kms_err *err)
{
	DERIVE_FEED_AUTO struct derive_feed *f = calloc(1, sizeof(*f));
	enum kms_status st;

	if (!f)
		return kms_nomem(err);
	f->chunk = chunk;
	sem_init(&f->empty, 0, SLOTS);
	sem_init(&f->full, 0, 0);
	for (size_t i = 0; i < SLOTS; i++)
		if (!(f->slots[i].rows = calloc(chunk, sizeof(*f->slots[i].rows))))
			return kms_nomem(err);
	st = derive_cards_open(path, fit, &f->cards, err);
	if (!st)
		st = start_thread(f, err);
	if (st)
		return st;
	*ret_feed = f;
	f = NULL;
	return KMS_OK;
}

enum kms_status derive_feed_next(struct derive_feed *f, const struct key_bulk_card **ret_rows,
	size_t *ret_count, struct kms_err *err)
{
	const struct slot *s = &f->slots[f->taken % SLOTS];

	/* The caller is done with the one before. */
	if (f->taken)
		sem_post(&f->empty);
	wait_for(&f->full);
	f->taken++;
	*ret_rows = s->rows;
	*ret_count = s->count;
	if (s->status)
		*err = s->err;
	return s->status;
}

enum kms_status derive_feed_hash(
	const struct derive_feed *f, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	return derive_cards_hash(&f->cards, ret_hash, err);
}

void derive_feed_stop(struct derive_feed **feed)
{
	struct derive_feed *f = *feed;

	if (!f)
		return;
	if (f->running) {
		atomic_store(&f->quit, true);
		sem_post(&f->empty);
		pthread_join(f->thread, NULL);
	}
	derive_cards_close(&f->cards);
	for (size_t i = 0; i < SLOTS; i++)
		free(f->slots[i].rows);
	sem_destroy(&f->empty);
	sem_destroy(&f->full);
	free(f);
	*feed = NULL;
}
