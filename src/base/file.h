/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold no secret: read whole with a bound, written whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

/* Reads a regular file (or, for "-", standard input) of at most max bytes. */
KMS_CHECKED enum kms_status file_read(
	const char *path, size_t max, struct buf *ret_data, struct kms_err *err);

/*
 * Replaces path durably: a new file beside it, fsync, rename, fsync of the folder. After a failure
 * or a power cut path holds either what it held before or all of data.
 */
KMS_CHECKED enum kms_status file_write(
	const char *path, mode_t mode, const void *data, size_t len, struct kms_err *err);

/*
 * The same a piece at a time, for what is too large to hold: begin, put…, then commit; anything
 * else on the way out leaves path as it was. `FILE_OUT_AUTO struct file_out out = FILE_OUT_NONE;`
 */
struct file_out {
	char *path;
	char *temp; /* NULL: path is a device or pipe and is written to directly */
	int fd;
};

#define FILE_OUT_NONE    \
	{                \
		.fd = -1 \
	}
#define FILE_OUT_AUTO __attribute__((cleanup(file_out_abandon)))

KMS_CHECKED enum kms_status file_out_begin(
	struct file_out *out, const char *path, mode_t mode, struct kms_err *err);
KMS_CHECKED enum kms_status file_out_put(
	struct file_out *out, const void *data, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status file_out_commit(struct file_out *out, struct kms_err *err);
void file_out_abandon(struct file_out *out);

/* Creates path, which must not exist, and writes it durably. */
KMS_CHECKED enum kms_status file_create(
	const char *path, mode_t mode, const void *data, size_t len, struct kms_err *err);

/* Writes all of data to fd, going on after EINTR and short writes. `path` is for the message. */
KMS_CHECKED enum kms_status file_write_fd(
	int fd, const char *path, const void *data, size_t len, struct kms_err *err);

/* fsync of the folder that path lies in, so that a rename or a new name survives a power cut. */
KMS_CHECKED enum kms_status file_sync_folder(const char *path, struct kms_err *err);

#endif
