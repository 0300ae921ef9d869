/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/derive_file.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_EVERY_MS = 500, READ_AHEAD = 1 << 16, PROGRESS_MAX = 4096 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_there(const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0;
}

static enum kms_status name_beside(
	const char *path, const char *ending, char **ret_name, struct kms_err *err)
{
	if (asprintf(ret_name, "%s.%s", path, ending) >= 0)
		return KMS_OK;
	*ret_name = NULL;
	return kms_nomem(err);
}

static enum kms_status names(struct derive_file *f, const char *path, struct kms_err *err)
{
	enum kms_status st = name_beside(path, "part", &f->part, err);

	f->path = path;
	if (!st)
		st = name_beside(path, "progress", &f->progress, err);
	return st ? st : name_beside(path, "manifest", &f->manifest, err);
}

static enum kms_status refuse_names(const struct derive_file *f, struct kms_err *err)
{
	if (is_there(f->path)) {
		kms_fail(err, KMS_ERR_EXISTS, "'%s' exists: it is not overwritten", f->path);
		return kms_hint(err, "name another file, or check what this one is: 'cardkms key "
				     "derive-verify F'");
	}
	if (is_there(f->progress))
		return KMS_OK;
	if (is_there(f->part) || is_there(f->manifest)) {
		kms_fail(err, KMS_ERR_EXISTS,
			"'%s' exists, but '%s' does not: nothing is known of it",
			is_there(f->part) ? f->part : f->manifest, f->progress);
		return kms_hint(err, "name another file, or remove it");
	}
	return KMS_OK;
}

enum kms_status derive_file_check(const char *path, struct kms_err *err)
{
	struct derive_file f = DERIVE_FILE_NONE;
	enum kms_status st = names(&f, path, err);

	if (!st)
		st = refuse_names(&f, err);
	derive_file_close(&f);
	return st;
}

/* ---- going on ---- */

static enum kms_status start_over_hint(const struct derive_file *f, struct kms_err *err)
{
	return kms_hint(err, "to start anew, remove '%.150s' and '%.150s', or name another file",
		f->part, f->progress);
}

static enum kms_status read_progress(struct derive_file *f, struct kms_err *err)
{
	DOC_PROGRESS_AUTO struct doc_progress there = {0};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(f->progress, PROGRESS_MAX, &text, err);

	if (!st)
		st = doc_progress_parse(text.data, text.len, &there, err);
	if (!st)
		st = doc_progress_verify(&there, f->at.sender.fingerprint, f->signer->point, err);
	if (st) {
		kms_prefix(err, "cannot go on with '%s': ", f->part);
		return start_over_hint(f, err);
	}
	if (memcmp(there.job, f->at.job, HASH_SIZE) != 0) {
		kms_fail(err, KMS_ERR_STATE,
			"cannot go on with '%s': it was begun with other cards, keys, or another "
			"HSM",
			f->part);
		return start_over_hint(f, err);
	}
	f->at.chunks = there.chunks;
	f->at.bytes = there.bytes;
	memcpy(f->at.hash, there.hash, HASH_SIZE);
	return KMS_OK;
}

static enum kms_status hash_durable(struct derive_file *f, struct kms_err *err)
{
	FREE_AUTO char *data = malloc(READ_AHEAD);
	unsigned char hash[HASH_SIZE];
	int64_t left = f->at.bytes;
	enum kms_status st = data ? KMS_OK : kms_nomem(err);

	while (!st && left > 0) {
		ssize_t n = read(f->fd, data, left < READ_AHEAD ? (size_t)left : READ_AHEAD);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kms_fail(
				err, KMS_ERR_IO, "cannot read '%s': %s", f->part, strerror(errno));
		if (n == 0)
			break;
		left -= n;
		st = hash_more(&f->hash, data, (size_t)n, err);
	}
	if (!st)
		st = hash_now(&f->hash, hash, err);
	if (st)
		return st;
	if (left > 0 || memcmp(hash, f->at.hash, HASH_SIZE) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"cannot go on with '%s': it is not what was written there", f->part);
		return start_over_hint(f, err);
	}
	return KMS_OK;
}

/* Opens F.part alone, cut to what is durable. */
static enum kms_status open_part(struct derive_file *f, struct kms_err *err)
{
	enum kms_status st;

	f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", f->part, strerror(errno));
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
		close(f->fd);
		f->fd = -1;
		return kms_fail(err, KMS_ERR_BUSY, "another process writes '%s'", f->part);
	}
	st = hash_begin(&f->hash, err);
	if (!st)
		st = hash_durable(f, err);
	if (!st && (ftruncate(f->fd, f->at.bytes) != 0 ||
			   lseek(f->fd, f->at.bytes, SEEK_SET) != f->at.bytes))
		st = kms_fail(err, KMS_ERR_IO, "cannot cut '%s': %s", f->part, strerror(errno));
	f->chunks = f->at.chunks;
	f->bytes = f->at.bytes;
	return st;
}

static enum kms_status write_progress(struct derive_file *f, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = doc_progress_write(&f->at, f->signer, &text, err);

	return st ? st : file_write(f->progress, 0600, text.data, text.len, err);
}

enum kms_status derive_file_begin(struct derive_file *f, const char *path,
	const struct doc_derived_job *job, const struct p256_signer *signer, struct kms_err *err)
{
	enum kms_status st = names(f, path, err);
	bool fresh;

	f->signer = signer;
	f->at.sender = job->sender;
	if (!st)
		st = refuse_names(f, err);
	if (!st)
		st = doc_derived_job_hash(job, f->at.job, err);
	if (st)
		return st;
	fresh = !is_there(f->progress);
	st = fresh ? hash_sha256("", 0, f->at.hash, err) : read_progress(f, err);
	/* First the record: an F.part without one is somebody else's. */
	if (!st && fresh)
		st = write_progress(f, err);
	if (!st)
		st = open_part(f, err);
	if (!st && f->bytes == 0) {
		st = file_write_fd(f->fd, f->part, DOC_DERIVED_MAGIC, DOC_DERIVED_MAGIC_SIZE, err);
		if (!st)
			st = hash_more(&f->hash, DOC_DERIVED_MAGIC, DOC_DERIVED_MAGIC_SIZE, err);
		f->bytes = DOC_DERIVED_MAGIC_SIZE;
	}
	return st;
}

/* ---- growing ---- */

enum kms_status derive_file_sync(struct derive_file *f, struct kms_err *err)
{
	struct doc_progress before = f->at;
	enum kms_status st;

	if (f->chunks == f->at.chunks)
		return KMS_OK;
	if (fdatasync(f->fd) != 0)
		return kms_fail(err, KMS_ERR_IO, "cannot write '%s': %s", f->part, strerror(errno));
	f->at.chunks = f->chunks;
	f->at.bytes = f->bytes;
	st = hash_now(&f->hash, f->at.hash, err);
	if (!st)
		st = write_progress(f, err);
	if (st)
		f->at = before;
	f->synced = now_ms();
	return st;
}

enum kms_status derive_file_put(
	struct derive_file *f, const void *data, size_t len, struct kms_err *err)
{
	enum kms_status st = file_write_fd(f->fd, f->part, data, len, err);

	if (!st)
		st = hash_more(&f->hash, data, len, err);
	if (st)
		return st;
	f->chunks++;
	f->bytes += (int64_t)len;
	return now_ms() - f->synced < SYNC_EVERY_MS ? KMS_OK : derive_file_sync(f, err);
}

enum kms_status derive_file_end(
	struct derive_file *f, const void *manifest, size_t manifest_len, struct kms_err *err)
{
	enum kms_status st = file_write(f->manifest, 0644, manifest, manifest_len, err);

	if (st)
		return st;
	/* Not over what came there meanwhile. */
	if (renameat2(AT_FDCWD, f->part, AT_FDCWD, f->path, RENAME_NOREPLACE) != 0)
		return kms_fail(err, errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO,
			"cannot make '%s' of '%s': %s", f->path, f->part, strerror(errno));
	st = file_sync_folder(f->path, err);
	if (!st)
		unlink(f->progress);
	return st;
}

void derive_file_close(struct derive_file *f)
{
	if (f->fd >= 0) {
		close(f->fd);
		if (f->at.chunks == 0 && is_there(f->progress)) {
			unlink(f->part);
			unlink(f->progress);
		}
	}
	hash_free(&f->hash);
	free(f->part);
	free(f->progress);
	free(f->manifest);
	*f = (struct derive_file)DERIVE_FILE_NONE;
}
