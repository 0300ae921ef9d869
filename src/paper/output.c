/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/output.h"

#include "paper/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* A printer that is switched on, or a reader that comes back for the next sheet. */
enum { WAIT_MILLISECONDS = 5000, STEP_MILLISECONDS = 50, GAP_MILLISECONDS = 250 };

static void pause_for(long milliseconds)
{
	const struct timespec time = {0, milliseconds * 1000000L};

	nanosleep(&time, NULL);
}

static enum kms_status cannot(const char *where, const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_IO, "cannot print component sheets to '%s': %s", where, why);
	return kms_hint(err, "name a printer's device, or a folder on a tmpfs like /dev/shm");
}

static enum kms_status folder_is_memory(const char *where, struct kms_err *err)
{
	struct statfs fs;

	if (statfs(where, &fs))
		return cannot(where, strerror(errno), err);
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		return cannot(where,
			"the folder is on a disk, where a component would stay when its file is "
			"gone",
			err);
	return access(where, W_OK | X_OK) ? cannot(where, strerror(errno), err) : KMS_OK;
}

enum kms_status paper_output_open(
	const char *where, struct paper_output *ret_output, struct kms_err *err)
{
	struct stat info;
	enum kms_status st;

	if (stat(where, &info))
		return cannot(where, strerror(errno), err);
	if (S_ISDIR(info.st_mode))
		st = folder_is_memory(where, err);
	else if (!S_ISCHR(info.st_mode) && !S_ISFIFO(info.st_mode))
		st = cannot(where, "it is neither a device nor a folder", err);
	else
		st = access(where, W_OK) ? cannot(where, strerror(errno), err) : KMS_OK;
	if (!st)
		*ret_output = (struct paper_output){where, S_ISDIR(info.st_mode)};
	return st;
}

/* Without O_NONBLOCK the opening of a pipe without reader would never end. */
static int open_device(const char *where)
{
	int fd;

	for (int waited = 0;; waited += STEP_MILLISECONDS) {
		fd = open(where, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 || (errno != ENXIO && errno != EBUSY) || waited >= WAIT_MILLISECONDS)
			break;
		pause_for(STEP_MILLISECONDS);
	}
	if (fd >= 0 && fcntl(fd, F_SETFL, 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum kms_status to_device(const char *where, const struct secret *text, struct kms_err *err)
{
	int fd = open_device(where);
	enum kms_status st;

	if (fd < 0)
		return cannot(where,
			errno == ENXIO ? "no printer is there, or nobody reads" : strerror(errno),
			err);
	if (isatty(fd))
		st = cannot(where, "it is a terminal", err);
	else
		st = paper_sheet(text, fd, where, err);
	if (close(fd) && !st)
		st = cannot(where, strerror(errno), err);
	/* The reader of a pipe sees the end of this sheet before the next one begins. */
	pause_for(GAP_MILLISECONDS);
	return st;
}

static enum kms_status to_file(const char *path, const struct secret *text, struct kms_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum kms_status st;

	if (fd < 0)
		return cannot(path, strerror(errno), err);
	st = paper_sheet(text, fd, path, err);
	if (close(fd) && !st)
		st = cannot(path, strerror(errno), err);
	if (st)
		paper_output_forget(path);
	return st;
}

enum kms_status paper_output_sheet(const struct paper_output *output, const char *name,
	const struct secret *text, char ret_path[PATH_MAX], struct kms_err *err)
{
	char path[PATH_MAX];
	enum kms_status st;
	int n;

	ret_path[0] = 0;
	if (!output->folder)
		return to_device(output->where, text, err);
	n = snprintf(path, sizeof(path), "%s/%s.pdf", output->where, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return cannot(output->where, "the path is too long", err);
	st = to_file(path, text, err);
	if (!st)
		memcpy(ret_path, path, sizeof(path));
	return st;
}

void paper_output_forget(const char *path)
{
	static const char blank[4096];
	struct stat info;
	int fd;

	if (!*path)
		return;
	fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &info) == 0)
		for (off_t at = 0; at < info.st_size; at += (off_t)sizeof(blank))
			if (pwrite(fd, blank, sizeof(blank), at) < 0)
				break;
	if (fd >= 0)
		close(fd);
	unlink(path);
}
