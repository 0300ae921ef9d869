/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include "store/db.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 50, POLL_SHARED_MS = 2 /* who shares it holds it alone for a moment only */ };

struct store_lock {
	int fd;
	char *path;
	const struct store_backend *backend; /* of what keeps out other machines, or NULL */
	void *hold;
};

/* What the holder wrote: its process id. "?" if it has not got so far. */
static void read_holder(int fd, char *ret_pid, size_t size)
{
	ssize_t n = pread(fd, ret_pid, size - 1, 0);
	size_t digits = 0;

	ret_pid[n > 0 ? n : 0] = 0;
	while (isdigit((unsigned char)ret_pid[digits]))
		digits++;
	ret_pid[digits] = 0;
	if (digits == 0)
		snprintf(ret_pid, size, "?");
}

static enum kms_status held(int fd, const char *path, struct kms_err *err)
{
	char pid[16];

	read_holder(fd, pid, sizeof(pid));
	kms_fail(err, KMS_ERR_BUSY,
		"another operation on this site is running: process %s holds '%s'", pid, path);
	kms_hint(err, "try again when it is done; the lock ends with the process");
	return KMS_ERR_BUSY;
}

static enum kms_status open_file(const char *path, int *ret_fd, struct kms_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		kms_fail(err, KMS_ERR_STORE, "cannot lock the site: '%s': %s", path,
			strerror(errno));
		kms_hint(err, "check the rights on the folder, and whether its file system "
			      "is mounted read-only");
		return KMS_ERR_STORE;
	}
	*ret_fd = fd;
	return KMS_OK;
}

/* how: LOCK_EX or LOCK_SH */
static enum kms_status wait_for(
	int fd, int how, const char *path, int wait_seconds, struct kms_err *err)
{
	const int poll_ms = how == LOCK_SH ? POLL_SHARED_MS : POLL_MS;
	const struct timespec pause = {.tv_nsec = poll_ms * 1000000L};
	int64_t left = (int64_t)wait_seconds * 1000;

	for (;;) {
		if (flock(fd, how | LOCK_NB) == 0)
			return KMS_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return kms_fail(err, KMS_ERR_STORE, "cannot lock the site: '%s': %s", path,
				strerror(errno));
		if (left <= 0)
			return held(fd, path, err);
		nanosleep(&pause, NULL);
		left -= poll_ms;
	}
}

/* Only for the message of the next one: a disk too full for it is no reason not to work. */
static void write_holder(int fd)
{
	char pid[16];
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) != n)
		(void)!ftruncate(fd, 0);
}

static enum kms_status open_lock(
	const char *path, struct store_lock **ret_lock, struct kms_err *err)
{
	struct store_lock *lock = calloc(1, sizeof(*lock));
	enum kms_status st;

	if (!lock)
		return kms_nomem(err);
	lock->path = strdup(path);
	st = lock->path ? open_file(path, &lock->fd, err) : kms_nomem(err);
	if (st) {
		free(lock->path);
		free(lock);
		return st;
	}
	*ret_lock = lock;
	return KMS_OK;
}

static void close_lock(struct store_lock *lock)
{
	close(lock->fd);
	free(lock->path);
	free(lock);
}

/* Takes an open lock, or closes it. */
static enum kms_status take(struct store_lock *lock, int how, int wait_seconds,
	struct store_lock **ret_lock, struct kms_err *err)
{
	enum kms_status st = wait_for(lock->fd, how, lock->path, wait_seconds, err);

	if (st) {
		close_lock(lock);
		return st;
	}
	write_holder(lock->fd);
	*ret_lock = lock;
	return KMS_OK;
}

enum kms_status store_lock_take(
	const char *path, int wait_seconds, struct store_lock **ret_lock, struct kms_err *err)
{
	struct store_lock *lock = NULL;
	enum kms_status st = open_lock(path, &lock, err);

	return st ? st : take(lock, LOCK_EX, wait_seconds, ret_lock, err);
}

enum kms_status store_lock_take_shared(const char *path, int wait_seconds,
	struct store_lock **ret_lock, bool *ret_alone, struct kms_err *err)
{
	struct store_lock *lock = NULL;
	enum kms_status st = open_lock(path, &lock, err);

	if (st)
		return st;
	*ret_alone = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
	return take(lock, *ret_alone ? LOCK_EX : LOCK_SH, wait_seconds, ret_lock, err);
}

/* flock converts by giving up first: somebody may come between, who is waited for. */
enum kms_status store_lock_share(struct store_lock *lock, int wait_seconds, struct kms_err *err)
{
	enum kms_status st = lock->backend ? lock->backend->share(lock->hold, err) : KMS_OK;

	return st ? st : wait_for(lock->fd, LOCK_SH, lock->path, wait_seconds, err);
}

enum kms_status store_lock_extend(struct store_lock *lock, struct store *s, bool shared,
	int wait_seconds, bool *io_alone, struct kms_err *err)
{
	const bool was_alone = *io_alone;
	enum kms_status st;

	if (!s->backend->hold)
		return KMS_OK;
	st = s->backend->hold(s->path, shared, wait_seconds * 1000, io_alone, &lock->hold, err);
	if (st)
		return st;
	lock->backend = s->backend;
	if (shared && was_alone && !*io_alone)
		st = wait_for(lock->fd, LOCK_SH, lock->path, wait_seconds, err);
	return st;
}

void store_lock_release(struct store_lock *lock)
{
	if (!lock)
		return;
	if (lock->backend)
		lock->backend->unhold(lock->hold);
	if (ftruncate(lock->fd, 0) != 0)
		errno = 0; /* an old number stays behind: only a message would show it */
	flock(lock->fd, LOCK_UN);
	close_lock(lock);
}
