/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
	if (*fd > STDERR_FILENO)
		close(*fd);
}

#define FD_AUTO __attribute__((cleanup(close_fd)))

enum kms_status file_read(const char *path, size_t max, struct buf *ret_data, struct kms_err *err)
{
	bool standard_input = strcmp(path, "-") == 0;
	FD_AUTO int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	BUF_AUTO struct buf data = {0};
	char block[4096];
	enum kms_status st;
	struct stat info;

	if (fd < 0)
		return kms_fail(err, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO,
			"cannot read '%s': %s", path, strerror(errno));
	if (!standard_input && (fstat(fd, &info) || S_ISDIR(info.st_mode)))
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s': it is a folder", path);
	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kms_fail(
				err, KMS_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
		if (n == 0)
			break;
		if (data.len + (size_t)n > max)
			return kms_fail(err, KMS_ERR_INVALID,
				"'%s' is larger than the %zu bytes such a file may have", path,
				max);
		st = buf_append(&data, block, (size_t)n, err);
		if (st)
			return st;
	}
	st = buf_append(&data, "", 0, err); /* so that an empty file is "" and not NULL */
	if (st)
		return st;
	buf_free(ret_data);
	*ret_data = data;
	data = (struct buf){0};
	return KMS_OK;
}

enum kms_status file_write_fd(
	int fd, const char *path, const void *data, size_t len, struct kms_err *err)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path,
				strerror(n < 0 ? errno : EIO));
		p += n;
		len -= (size_t)n;
	}
	return KMS_OK;
}

enum kms_status file_sync_folder(const char *path, struct kms_err *err)
{
	const char *slash = strrchr(path, '/');
	FREE_AUTO char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	FD_AUTO int fd = -1;

	if (!folder)
		return kms_nomem(err);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* EINVAL: a file system (some FUSE ones) that cannot sync folders has nothing to offer. */
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		return kms_fail(err, KMS_ERR_IO, "cannot sync the folder of '%s': %s", path,
			strerror(errno));
	return KMS_OK;
}

static enum kms_status write_and_sync(
	int fd, const char *path, const void *data, size_t len, struct kms_err *err)
{
	enum kms_status st = file_write_fd(fd, path, data, len, err);

	/* EINVAL: a pipe or /dev/stdout, which has nothing to sync. */
	if (!st && fsync(fd) && errno != EINVAL && errno != EROFS)
		st = kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	return st;
}

static enum kms_status write_failed(const char *path, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
}

enum kms_status file_out_begin(
	struct file_out *out, const char *path, mode_t mode, struct kms_err *err)
{
	struct stat info;

	file_out_abandon(out);
	out->path = strdup(path);
	if (!out->path)
		return kms_nomem(err);
	/* A device or pipe is written to, not replaced. */
	if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
		out->fd = open(path, O_WRONLY | O_CLOEXEC);
		return out->fd < 0 ? write_failed(path, err) : KMS_OK;
	}
	if (asprintf(&out->temp, "%s.new-%ld", path, (long)getpid()) < 0) {
		out->temp = NULL;
		return kms_nomem(err);
	}
	unlink(out->temp);
	out->fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return out->fd < 0 ? write_failed(path, err) : KMS_OK;
}

enum kms_status file_out_put(
	struct file_out *out, const void *data, size_t len, struct kms_err *err)
{
	return file_write_fd(out->fd, out->path, data, len, err);
}

enum kms_status file_out_commit(struct file_out *out, struct kms_err *err)
{
	int fd = out->fd;

	/* EINVAL, EROFS: a pipe or a device, which has nothing to sync. */
	if (fsync(fd) && (out->temp || (errno != EINVAL && errno != EROFS)))
		return write_failed(out->path, err);
	out->fd = -1;
	if (close(fd))
		return write_failed(out->path, err);
	if (!out->temp)
		return KMS_OK;
	if (rename(out->temp, out->path))
		return write_failed(out->path, err);
	free(out->temp);
	out->temp = NULL;
	return file_sync_folder(out->path, err);
}

void file_out_abandon(struct file_out *out)
{
	if (out->fd >= 0)
		close(out->fd);
	if (out->temp)
		unlink(out->temp);
	free(out->temp);
	free(out->path);
	*out = (struct file_out)FILE_OUT_NONE;
}

enum kms_status file_write(
	const char *path, mode_t mode, const void *data, size_t len, struct kms_err *err)
{
	FILE_OUT_AUTO struct file_out out = FILE_OUT_NONE;
	enum kms_status st = file_out_begin(&out, path, mode, err);

	if (!st)
		st = file_out_put(&out, data, len, err);
	return st ? st : file_out_commit(&out, err);
}

enum kms_status file_create(
	const char *path, mode_t mode, const void *data, size_t len, struct kms_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	enum kms_status st;

	if (fd < 0)
		return kms_fail(err, errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO,
			"cannot create '%s': %s", path, strerror(errno));
	st = write_and_sync(fd, path, data, len, err);
	if (close(fd) && !st)
		st = kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
	if (st) {
		unlink(path);
		return st;
	}
	return file_sync_folder(path, err);
}
