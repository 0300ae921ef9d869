/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk full and read-only media: a small tmpfs of the test's own in a mount namespace of its own,
 * because permissions do not bind root. Where neither root nor user namespaces are to be had, the
 * test is skipped, in CI it fails.
 */
#include "unit/store/folder.h"
#include "unit/store/scenario_audit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void mount_small(const struct folder *f)
{
	assert_int_equal(mount("tmpfs", f->path, "tmpfs", 0, "size=2m,mode=0700"), 0);
}

static void set_readonly(const struct folder *f, bool readonly)
{
	assert_int_equal(
		mount(NULL, f->path, NULL, MS_REMOUNT | (readonly ? MS_RDONLY : 0), NULL), 0);
}

static void unmount(const struct folder *f)
{
	assert_int_equal(umount(f->path), 0);
}

/* Transactions of 32 KiB until one fails. */
static enum kms_status write_until_full(struct store *s, int *ret_done, struct kms_err *err)
{
	static char text[32768];
	struct store_entry entry = {0, 1, "a", "b", text, HEX_32};
	enum kms_status st = KMS_OK;

	memset(text, 'x', sizeof(text) - 1);
	for (; !st && entry.seq < 100; entry.seq++) {
		*ret_done = (int)entry.seq;
		st = store_begin(s, err);
		if (!st)
			st = store_end(s, store_audit_append(s, &entry, 1, err), err);
	}
	return st;
}

static void disk_full(void **state)
{
	struct folder f = folder_make();
	struct store *s = NULL;
	struct kms_err err = {0};
	int64_t size = -1;
	char filler[96];
	int done = 0, fd;

	(void)state;
	mount_small(&f);
	s = folder_open(&f);
	snprintf(filler, sizeof(filler), "%s/filler", f.path);
	fd = open(filler, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 1200 * 1024), 0);
	close(fd);
	FAILS(KMS_ERR_STORE, "disk full", write_until_full(s, &done, &err));
	assert_string_equal(err.native, "SQLITE_FULL");
	assert_true(done > 0);
	assert_false(store_in_transaction(s));
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, done);

	/* What was durable is there after a new start, and with room it goes on. */
	assert_int_equal(unlink(filler), 0);
	store_close(s);
	s = folder_open(&f);
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, done);
	CHANGE(store_meta_set(s, "name", "x", &err));
	store_close(s);
	unmount(&f);
	folder_remove(&f);
}

static void no_room_for_a_new_store(void **state)
{
	const struct folder f = folder_make();
	struct store_options options = {.path = f.db, .create = true};
	struct store *s = NULL;
	struct kms_err err = {0};
	char filler[96];
	struct folder gone = f;
	int fd;

	(void)state;
	mount_small(&f);
	snprintf(filler, sizeof(filler), "%s/filler", f.path);
	fd = open(filler, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 2044 * 1024), 0);
	close(fd);
	FAILS(KMS_ERR_STORE, "disk full", store_open(&options, &s, &err));
	assert_int_equal(unlink(filler), 0);
	OK(store_open(&options, &s, &err)); /* the empty file left behind is no obstacle */
	store_close(s);
	unmount(&f);
	folder_remove(&gone);
}

static void read_only_medium(void **state)
{
	struct folder f = folder_make();
	struct store_options options = {.path = f.db};
	struct store *s = NULL;
	struct kms_err err = {0};
	char *value = NULL;

	(void)state;
	mount_small(&f);
	s = folder_open(&f);
	CHANGE(store_meta_set(s, "name", "Example", &err));
	store_close(s);
	set_readonly(&f, true);
	s = NULL;
	FAILS(KMS_ERR_STORE, "is read-only", store_open(&options, &s, &err));
	assert_non_null(strstr(err.hint, "mounted read-only"));
	options.create = true;
	FAILS(KMS_ERR_STORE, "is read-only", store_open(&options, &s, &err));
	options.create = false;
	options.readonly = true;
	OK(store_open(&options, &s, &err));
	OK(store_meta_get(s, "name", &value, &err));
	assert_string_equal(value, "Example");
	free(value);
	FAILS(KMS_ERR_INTERNAL, "only to read", store_begin(s, &err));
	store_close(s);
	unmount(&f);
	folder_remove(&f);
}

static void no_store_on_a_read_only_medium(void **state)
{
	struct folder f = folder_make();
	const struct store_options options = {.path = f.db, .create = true};
	struct store *s = NULL;
	struct kms_err err = {0};

	(void)state;
	mount_small(&f);
	set_readonly(&f, true);
	FAILS(KMS_ERR_STORE, "is read-only", store_open(&options, &s, &err));
	unmount(&f);
	folder_remove(&f);
}

/* After a kill the last changes are only in the journal beside the file: never left out silently. */
static void read_only_medium_with_a_journal(void **state)
{
	struct folder f = folder_make();
	const struct store_options options = {.path = f.db, .readonly = true};
	struct store *s = NULL;
	struct kms_err err = {0};
	char *value = NULL;
	char shm[128];
	pid_t child;

	(void)state;
	mount_small(&f);
	store_close(folder_open(&f));
	child = fork();
	if (child == 0) {
		s = folder_open(&f);
		CHANGE(store_meta_set(s, "name", "last", &err));
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	set_readonly(&f, true);
	OK(store_open(&options, &s, &err));
	OK(store_meta_get(s, "name", &value, &err));
	assert_string_equal(value, "last");
	free(value);
	store_close(s);

	/* A copy of the folder without the shared-memory file, as backups make it. */
	set_readonly(&f, false);
	snprintf(shm, sizeof(shm), "%s-shm", f.db);
	assert_int_equal(unlink(shm), 0);
	set_readonly(&f, true);
	s = NULL;
	FAILS(KMS_ERR_STORE, "-wal' must be taken in first", store_open(&options, &s, &err));
	assert_non_null(strstr(err.hint, "copy the folder"));
	unmount(&f);
	folder_remove(&f);
}

/* What a user may not write, others may: reading it as if nobody could would see torn data. */
static void read_only_for_this_user_only(void **state)
{
	struct folder f = folder_make();
	const struct store_options options = {.path = f.db, .readonly = true};
	struct store *s = NULL;
	struct kms_err err = {0};
	int status;
	pid_t child;

	(void)state;
	store_close(folder_open(&f));
	assert_int_equal(chmod(f.path, 0755), 0);
	assert_int_equal(chmod(f.db, 0644), 0);
	child = fork();
	if (child == 0) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(77);
		if (store_open(&options, &s, &err) != KMS_ERR_STORE)
			_exit(1);
		_exit(strstr(err.msg, "may not make") && strstr(err.hint, "a copy") ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	folder_remove(&f);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* in a user namespace there is no second user */
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool own_mounts(void)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_full),
		cmocka_unit_test(no_room_for_a_new_store),
		cmocka_unit_test(read_only_medium),
		cmocka_unit_test(no_store_on_a_read_only_medium),
		cmocka_unit_test(read_only_medium_with_a_journal),
		cmocka_unit_test(read_only_for_this_user_only),
	};

	if (!own_mounts()) {
		fprintf(stderr, "no mount namespace to be had: %s\n", strerror(errno));
		return getenv("CI") ? 1 : 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
