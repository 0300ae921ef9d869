/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

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

enum { POLL_MS = 50 };

struct store_lock {
	int fd;
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

static enum kms_status wait_for(int fd, const char *path, int wait_seconds, struct kms_err *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int64_t left = (int64_t)wait_seconds * 1000;

	for (;;) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return KMS_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return kms_fail(err, KMS_ERR_STORE, "cannot lock the site: '%s': %s", path,
				strerror(errno));
		if (left <= 0)
			return held(fd, path, err);
		nanosleep(&pause, NULL);
		left -= POLL_MS;
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

enum kms_status store_lock_take(
	const char *path, int wait_seconds, struct store_lock **ret_lock, struct kms_err *err)
{
	struct store_lock *lock = calloc(1, sizeof(*lock));
	enum kms_status st;

	if (!lock)
		return kms_nomem(err);
	st = open_file(path, &lock->fd, err);
	if (st) {
		free(lock);
		return st;
	}
	st = wait_for(lock->fd, path, wait_seconds, err);
	if (st) {
		close(lock->fd);
		free(lock);
		return st;
	}
	write_holder(lock->fd);
	*ret_lock = lock;
	return KMS_OK;
}

void store_lock_release(struct store_lock *lock)
{
	if (!lock)
		return;
	if (ftruncate(lock->fd, 0) != 0)
		errno = 0; /* an old number stays behind: only a message would show it */
	flock(lock->fd, LOCK_UN);
	close(lock->fd);
	free(lock);
}
