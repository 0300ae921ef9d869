/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sheets.h"

#include "base/file.h"
#include "ceremony/sheet.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

void sheets_close(struct sheets *s)
{
	for (size_t i = 0; i < s->made; i++)
		if (s->fd[i] >= 0)
			close(s->fd[i]);
	for (size_t i = 0; i < s->made; i++)
		s->fd[i] = -1;
}

/* Of a ceremony that came to nothing: overwritten, then removed. */
void sheets_remove(struct sheets *s)
{
	static const char blank[CER_SHEET_MAX];

	for (size_t i = 0; i < s->made; i++) {
		struct stat info;

		if (s->fd[i] >= 0 && fstat(s->fd[i], &info) == 0 && info.st_size > 0 &&
			info.st_size <= CER_SHEET_MAX) {
			(void)!pwrite(s->fd[i], blank, (size_t)info.st_size, 0);
			fsync(s->fd[i]);
		}
		unlink(s->path[i]);
	}
	sheets_close(s);
	s->made = 0;
}

static void warn_if_on_disk(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		cli_say("warning: '%s' is not on a tmpfs: the components will be on a disk, where "
			"deleting does not erase",
			dir);
}

enum kms_status sheets_prepare(void *ctx, struct kms_err *err)
{
	struct sheets *s = ctx;

	warn_if_on_disk(s->dir);
	for (size_t i = 0; i < s->count; i++) {
		int n = snprintf(
			s->path[i], sizeof(s->path[i]), "%s/%s-%zu.txt", s->dir, s->label, i + 1);

		if (n < 0 || (size_t)n >= sizeof(s->path[i]))
			return kms_fail(err, KMS_ERR_IO, "the path of the sheets is too long");
		s->fd[i] =
			open(s->path[i], O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd[i] < 0 && errno == EEXIST) {
			kms_fail(err, KMS_ERR_EXISTS, "the sheet file '%s' exists already",
				s->path[i]);
			return kms_hint(err,
				"it may hold a component of another key: choose an empty "
				"folder; no component was drawn");
		}
		if (s->fd[i] < 0) {
			kms_fail(err, KMS_ERR_IO, "cannot make the sheet file '%s': %s", s->path[i],
				strerror(errno));
			return kms_hint(err, "no component was drawn");
		}
		s->made++;
	}
	return KMS_OK;
}

enum kms_status sheets_write(
	void *ctx, unsigned number, const struct secret *sheet, struct kms_err *err)
{
	struct sheets *s = ctx;
	const size_t i = number - 1;
	enum kms_status st;

	if (i >= s->made)
		return kms_fail(err, KMS_ERR_INTERNAL, "no file for sheet %u", number);
	st = file_write_fd(s->fd[i], s->path[i], sheet->data, sheet->len, err);
	if (!st && fsync(s->fd[i]))
		st = kms_fail(
			err, KMS_ERR_IO, "cannot write '%s': %s", s->path[i], strerror(errno));
	return st;
}
