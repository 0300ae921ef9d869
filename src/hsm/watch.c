/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for a token learns so: a thread that tells when a unit of work takes long. */
#include "hsm/internal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct hsm_watcher {
	struct hsm_watch watch;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t change;
	bool stop;
	unsigned depth;	 /* units of work that run, one within another or in several threads */
	unsigned number; /* of the outermost, to tell one from the next */
	struct timespec begun;
	const char *doing;
	char what[HSM_LABEL_SIZE];
};

static void tell(struct hsm_watcher *w, unsigned long seconds)
{
	char text[160];

	snprintf(text, sizeof(text), "the HSM has not answered for %lu s: %s%s%s%s", seconds,
		w->doing, *w->what ? " '" : "", w->what, *w->what ? "'" : "");
	w->watch.tell(w->watch.ctx, text);
}

/* Until the work that runs now has ended; with the lock held. */
static void watch_one(struct hsm_watcher *w)
{
	struct timespec due = w->begun;
	const unsigned number = w->number;

	while (!w->stop && w->depth && w->number == number) {
		due.tv_sec += w->watch.seconds;
		while (!w->stop && w->depth && w->number == number)
			if (pthread_cond_timedwait(&w->change, &w->lock, &due))
				break;
		if (!w->stop && w->depth && w->number == number)
			tell(w, (unsigned long)(due.tv_sec - w->begun.tv_sec));
	}
}

static void *run(void *arg)
{
	struct hsm_watcher *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->depth)
			watch_one(w);
		else
			pthread_cond_wait(&w->change, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals go to the threads that work. */
static int start_thread(struct hsm_watcher *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

enum kms_status hsm_watch_start(struct hsm *hsm, const struct hsm_watch *watch, struct kms_err *err)
{
	struct hsm_watcher *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return kms_nomem(err);
	w->watch = *watch;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->change, &attr);
	pthread_condattr_destroy(&attr);
	if (start_thread(w)) {
		pthread_cond_destroy(&w->change);
		pthread_mutex_destroy(&w->lock);
		free(w);
		return kms_fail(err, KMS_ERR_INTERNAL, "cannot start a thread");
	}
	hsm->watcher = w;
	return KMS_OK;
}

void hsm_watch_stop(struct hsm *hsm)
{
	struct hsm_watcher *w = hsm->watcher;

	if (!w)
		return;
	/* In a forked child there is no such thread, and the lock may be held by it. */
	if (*hsm->alive) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->change);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
		pthread_cond_destroy(&w->change);
		pthread_mutex_destroy(&w->lock);
	}
	free(w);
	hsm->watcher = NULL;
}

void hsm_work_begins(struct hsm *hsm, const char *doing, const char *what)
{
	struct hsm_watcher *w = hsm->watcher;

	if (!w || !*hsm->alive)
		return;
	pthread_mutex_lock(&w->lock);
	if (!w->depth++) {
		clock_gettime(CLOCK_MONOTONIC, &w->begun);
		w->doing = doing;
		snprintf(w->what, sizeof(w->what), "%s", what ? what : "");
		w->number++;
		pthread_cond_signal(&w->change);
	}
	pthread_mutex_unlock(&w->lock);
}

void hsm_work_ends(struct hsm *hsm)
{
	struct hsm_watcher *w = hsm->watcher;

	if (!w || !*hsm->alive)
		return;
	pthread_mutex_lock(&w->lock);
	w->depth--;
	pthread_mutex_unlock(&w->lock);
}
