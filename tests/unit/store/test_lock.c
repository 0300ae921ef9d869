/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a site, against real processes. */
#include "unit/store/folder.h"

#include "base/file.h"
#include "store/lock.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* A child that takes the lock, says so, and holds it until it is killed. */
static pid_t holder(const char *path)
{
	pid_t child;
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		struct store_lock *lock = NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (store_lock_take(path, 0, &lock, NULL) || write(ready[1], "y", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return child;
}

static void end(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void one_holder_who_is_named(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct store_lock *lock = NULL;
	struct kms_err err = {0};
	char path[128], words[64];
	struct stat info;
	pid_t child;

	(void)state;
	snprintf(path, sizeof(path), "%s/cardkms.lock", f.path);
	child = holder(path);
	snprintf(words, sizeof(words), "process %ld holds", (long)child);
	FAILS(KMS_ERR_BUSY, words, store_lock_take(path, 0, &lock, &err));
	assert_null(lock);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	end(child);
	OK(store_lock_take(path, 0, &lock, &err));
	store_lock_release(lock);
	store_lock_release(NULL);
	OK(store_lock_take(path, 0, &lock, &err));
	store_lock_release(lock);
}

static void it_can_be_waited_for(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct store_lock *lock = NULL;
	struct timespec before, after;
	struct kms_err err = {0};
	char path[128];
	pid_t child, killer;

	(void)state;
	snprintf(path, sizeof(path), "%s/cardkms.lock", f.path);
	child = holder(path);
	clock_gettime(CLOCK_MONOTONIC, &before);
	FAILS(KMS_ERR_BUSY, "holds", store_lock_take(path, 1, &lock, &err));
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9 > 0.9);
	killer = fork();
	if (killer == 0) {
		usleep(200000);
		kill(child, SIGKILL);
		_exit(0);
	}
	OK(store_lock_take(path, 10, &lock, &err));
	store_lock_release(lock);
	end(child);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
}

static void shared(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct store_lock *first = NULL, *second = NULL, *third = NULL;
	struct kms_err err = {0};
	bool alone = false;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/cardkms.lock", f.path);
	OK(store_lock_take_shared(path, 0, &first, &alone, &err));
	assert_true(alone);
	/* Until the first one shares it, it is as any other. */
	FAILS(KMS_ERR_BUSY, "holds", store_lock_take_shared(path, 0, &second, &alone, &err));
	OK(store_lock_share(first, 0, &err));
	OK(store_lock_take_shared(path, 0, &second, &alone, &err));
	assert_false(alone);
	FAILS(KMS_ERR_BUSY, "holds", store_lock_take(path, 0, &third, &err));
	store_lock_release(first);
	FAILS(KMS_ERR_BUSY, "holds", store_lock_take(path, 0, &third, &err));
	store_lock_release(second);
	OK(store_lock_take(path, 0, &third, &err));
	FAILS(KMS_ERR_BUSY, "holds", store_lock_take_shared(path, 0, &first, &alone, &err));
	store_lock_release(third);
}

static void what_is_no_lock_file(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct store_lock *lock = NULL;
	struct kms_err err = {0};
	BUF_AUTO struct buf content = {0};
	char path[128], target[128];

	(void)state;
	FAILS(KMS_ERR_STORE, "cannot lock the site", store_lock_take(f.path, 0, &lock, &err));
	snprintf(path, sizeof(path), "%s/none/cardkms.lock", f.path);
	FAILS(KMS_ERR_STORE, "No such file", store_lock_take(path, 0, &lock, &err));

	/* A link is not followed: what it points to would be emptied. */
	snprintf(target, sizeof(target), "%s/target", f.path);
	OK(file_write(target, 0600, "kept", 4, &err));
	snprintf(path, sizeof(path), "%s/link", f.path);
	assert_int_equal(symlink(target, path), 0);
	FAILS(KMS_ERR_STORE, "cannot lock the site", store_lock_take(path, 0, &lock, &err));
	OK(file_read(target, 100, &content, &err));
	assert_string_equal(buf_text(&content), "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holder_who_is_named),
		cmocka_unit_test(it_can_be_waited_for),
		cmocka_unit_test(shared),
		cmocka_unit_test(what_is_no_lock_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
