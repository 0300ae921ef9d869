/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions, other processes, crashes, and files that are not what they should be. */
#include "store/db.h"
#include "store/keys.h"
#include "store/people.h"
#include "unit/store/folder.h"
#include "unit/store/scenario_audit.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static enum kms_status open_as(const char *path, bool create, bool readonly, struct kms_err *err)
{
	const struct store_options options = {
		.path = path, .create = create, .readonly = readonly, .busy_ms = 100};
	struct store *s = NULL;
	enum kms_status st = store_open(&options, &s, err);

	if (st)
		assert_null(s);
	store_close(s);
	return st;
}

static void a_new_store_is_private_and_migrated(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	char wal[128];
	struct stat info;

	(void)state;
	umask(0);
	s = folder_open(&f);
	assert_int_equal(store_schema(s), store_schema_newest());
	assert_true(store_schema_newest() >= 1);
	assert_int_equal(stat(f.db, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	snprintf(wal, sizeof(wal), "%s-wal", f.db);
	assert_int_equal(stat(wal, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
}

static void pragma_is(const char *path, const char *pragma, int want)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, pragma, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), want);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void the_file_says_whose_it_is_and_what_was_applied(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();

	(void)state;
	store_close(folder_open(&f));
	pragma_is(f.db, "PRAGMA application_id", 0x434B4D53);
	pragma_is(f.db, "SELECT COUNT(*) FROM schema_migration", store_schema_newest());
	pragma_is(f.db,
		"SELECT size > 1000 AND length(sha256) = 64 AND applied > 1500000000 "
		"FROM schema_migration WHERE number = 1",
		1);
	pragma_is(f.db, "PRAGMA integrity_check", 0); /* "ok" is 0 as a number */
}

static void setting_is(struct store *s, const char *pragma, int64_t want)
{
	struct kms_err err = {0};
	void *stmt = NULL;
	bool row = false;

	OK(s->backend->prepare(s->conn, pragma, &stmt, &err));
	OK(s->backend->step(stmt, &row, &err));
	assert_true(row);
	assert_int_equal(s->backend->get_int(stmt, 0), want);
	s->backend->finalize(stmt);
}

static void a_connection_is_durable_and_strict(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);

	(void)state;
	setting_is(s, "PRAGMA synchronous", 2); /* FULL */
	setting_is(s, "PRAGMA foreign_keys", 1);
	setting_is(s, "PRAGMA busy_timeout", STORE_BUSY_MS);
	setting_is(s, "PRAGMA trusted_schema", 0);
}

static void what_cannot_be_opened_is_said(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};
	char path[128];

	(void)state;
	FAILS(KMS_ERR_NOT_FOUND, "there is no store", open_as(f.db, false, false, &err));
	assert_non_null(strstr(err.hint, "site init"));
	FAILS(KMS_ERR_NOT_FOUND, "there is no store", open_as(f.db, false, true, &err));
	assert_int_equal(access(f.db, F_OK), -1);
	FAILS(KMS_ERR_STORE, "cannot be opened", open_as(f.path, false, false, &err));
	snprintf(path, sizeof(path), "%s/none/cardkms.db", f.path);
	FAILS(KMS_ERR_STORE, "cannot be created: No such file", open_as(path, true, false, &err));
	snprintf(path, sizeof(path), "%s/odd ?name#100%%.db", f.path);
	OK(open_as(path, true, false, &err));
	assert_int_equal(access(path, F_OK), 0);
	OK(open_as(path, false, true, &err));
}

static void databases_of_others_are_refused(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};

	(void)state;
	folder_sql(&f, "CREATE TABLE cats (name TEXT)");
	FAILS(KMS_ERR_STORE, "database of another program", open_as(f.db, true, false, &err));
	FAILS(KMS_ERR_STORE, "database of another program", open_as(f.db, false, true, &err));
	pragma_is(f.db, "PRAGMA application_id", 0);
	pragma_is(f.db, "SELECT COUNT(*) FROM sqlite_master", 1);
}

static void damaged_files_are_said_to_be(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	struct kms_err err = {0};
	char noise[8192];
	int fd;

	(void)state;
	memset(noise, 0x5A, sizeof(noise));
	OK(file_write(f.db, 0600, noise, sizeof(noise), &err));
	FAILS(KMS_ERR_STORE, "is damaged", open_as(f.db, true, false, &err));
	assert_string_equal(err.native, "SQLITE_NOTADB");
	FAILS(KMS_ERR_STORE, "is damaged", open_as(f.db, false, true, &err));

	/* The header and the schema are whole, all later pages are not. */
	assert_int_equal(unlink(f.db), 0);
	store_close(folder_open(&f));
	fd = open(f.db, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t at = 5 * 4096; at < 60 * 4096; at += 4096)
		assert_int_equal(pwrite(fd, noise, 4096, at), 4096);
	close(fd);
	const struct store_options options = {.path = f.db};
	enum kms_status st = store_open(&options, &s, &err);

	if (!st)
		st = store_keys(s, NULL, &keys, &err);
	FAILS(KMS_ERR_STORE, "is damaged", st);
	assert_string_equal(err.native, "SQLITE_CORRUPT");
	assert_non_null(strstr(err.hint, "backup"));
}

static void a_newer_or_other_schema_is_refused(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};

	(void)state;
	store_close(folder_open(&f));
	folder_sql(&f, "INSERT INTO schema_migration SELECT MAX(number) + 1, 'future', 1, "
		       "MAX(sha256), 1 FROM schema_migration");
	FAILS(KMS_ERR_STORE, "this program knows up to", open_as(f.db, false, false, &err));
	assert_non_null(strstr(err.hint, "newer cardkms"));
	FAILS(KMS_ERR_STORE, "this program knows up to", open_as(f.db, false, true, &err));
	folder_sql(&f, "DELETE FROM schema_migration WHERE name = 'future'");
	OK(open_as(f.db, false, false, &err));
	folder_sql(&f, "UPDATE schema_migration SET sha256 = '" HEX_32 "' WHERE number = 1");
	FAILS(KMS_ERR_STORE, "schema step 1 is not the one", open_as(f.db, false, false, &err));
}

static void an_older_schema_needs_writing_once(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};

	(void)state;
	folder_sql(&f, "PRAGMA application_id = 0x434B4D53; CREATE TABLE schema_migration "
		       "(number BIGINT, name TEXT, size BIGINT, sha256 TEXT, applied BIGINT)");
	FAILS(KMS_ERR_STORE, "has schema 0, this program needs", open_as(f.db, false, true, &err));
	OK(open_as(f.db, false, false, &err));
	OK(open_as(f.db, false, true, &err));
}

static void a_migration_that_fails_leaves_nothing(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};

	(void)state;
	/* The tables that migration 1 makes before `partner` must not be there afterwards. */
	folder_sql(&f, "PRAGMA application_id = 0x434B4D53; CREATE TABLE partner (x TEXT)");
	FAILS(KMS_ERR_STORE, "to schema 1", open_as(f.db, true, false, &err));
	assert_non_null(strstr(err.msg, "partner"));
	pragma_is(f.db, "SELECT COUNT(*) FROM sqlite_master", 1);
	folder_sql(&f, "DROP TABLE partner");
	OK(open_as(f.db, true, false, &err));
}

static void an_emptied_store_is_not_made_anew(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct kms_err err = {0};

	(void)state;
	folder_sql(&f, "PRAGMA application_id = 0x434B4D53");
	FAILS(KMS_ERR_STORE, "is empty", open_as(f.db, false, false, &err));
	assert_non_null(strstr(err.hint, "backup"));
	FAILS(KMS_ERR_STORE, "is empty", open_as(f.db, false, true, &err));
	pragma_is(f.db, "SELECT COUNT(*) FROM sqlite_master", 0);
	OK(open_as(f.db, true, false, &err));
}

static void transactions_do_not_nest(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	struct kms_err err = {0};
	char *value = NULL;

	(void)state;
	FAILS(KMS_ERR_INTERNAL, "outside of a transaction", store_meta_set(s, "name", "x", &err));
	FAILS(KMS_ERR_INTERNAL, "no transaction", store_commit(s, &err));
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "name", "x", &err));
	FAILS(KMS_ERR_INTERNAL, "open already", store_begin(s, &err));
	FAILS(KMS_ERR_INTERNAL, "rolled back", store_commit(s, &err));
	FAILS(KMS_ERR_NOT_FOUND, "name", store_meta_get(s, "name", &value, &err));
	store_rollback(s); /* none is open: nothing happens */

	OK(store_begin_read(s, &err));
	FAILS(KMS_ERR_INTERNAL, "outside of a transaction for changes",
		store_meta_set(s, "name", "x", &err));
	store_rollback(s);
	OK(store_begin_read(s, &err));
	FAILS(KMS_ERR_NOT_FOUND, "name", store_meta_get(s, "name", &value, &err));
	OK(store_commit(s, &err));
}

static void a_failed_step_dooms_the_transaction(void **state)
{
	struct store_officer officer = {"A", "a", "operator", "$h", "active", 1, 1, 0, 0};
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	struct kms_err err = {0}, first = {0};
	char *value = NULL;

	(void)state;
	CHANGE(store_officer_add(s, &officer, &err));
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "name", "x", &err));
	assert_int_equal(store_officer_add(s, &officer, &first), KMS_ERR_EXISTS);
	FAILS(KMS_ERR_INTERNAL, "earlier step", store_meta_set(s, "role", "x", &err));
	FAILS(KMS_ERR_INTERNAL, "earlier step", store_meta_get(s, "name", &value, &err));
	/* store_end rolls back and keeps the first error. */
	err = first;
	assert_int_equal(store_end(s, KMS_ERR_EXISTS, &err), KMS_ERR_EXISTS);
	assert_string_equal(err.msg, first.msg);
	FAILS(KMS_ERR_NOT_FOUND, "name", store_meta_get(s, "name", &value, &err));

	/* A get that finds nothing is an answer, no failure. */
	OK(store_begin(s, &err));
	FAILS(KMS_ERR_NOT_FOUND, "name", store_meta_get(s, "name", &value, &err));
	OK(store_end(s, store_meta_set(s, "name", "y", &err), &err));
	OK(store_meta_get(s, "name", &value, &err));
	assert_string_equal(value, "y");
	free(value);
}

static void another_process_holds_the_lock(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	STORE_CLOSE_AUTO struct store *other = NULL;
	const struct store_options options = {.path = f.db, .busy_ms = 150};
	struct timespec before, after;
	struct kms_err err = {0};
	char *value = NULL;
	long waited;

	(void)state;
	CHANGE(store_meta_set(s, "name", "old", &err));
	OK(store_open(&options, &other, &err));
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "name", "new", &err));
	clock_gettime(CLOCK_MONOTONIC, &before);
	FAILS(KMS_ERR_BUSY, "locked by another process", store_begin(other, &err));
	clock_gettime(CLOCK_MONOTONIC, &after);
	waited = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_in_range(waited, 100, 2000);
	assert_false(store_in_transaction(other));
	/* Reading goes on, and sees what was committed. */
	OK(store_meta_get(other, "name", &value, &err));
	assert_string_equal(value, "old");
	free(value);
	OK(store_commit(s, &err));
	OK(store_begin(other, &err));
	OK(store_commit(other, &err));
}

static void a_read_transaction_is_one_view(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	STORE_CLOSE_AUTO struct store *reader = NULL;
	const struct store_options options = {.path = f.db, .readonly = true};
	struct kms_err err = {0};
	int64_t size = -1;

	(void)state;
	OK(store_open(&options, &reader, &err));
	OK(store_begin_read(reader, &err));
	OK(store_audit_size(reader, &size, &err));
	scenario_append(s, 0, 5);
	OK(store_audit_size(reader, &size, &err));
	assert_int_equal(size, 0);
	OK(store_commit(reader, &err));
	OK(store_audit_size(reader, &size, &err));
	assert_int_equal(size, 5);
	FAILS(KMS_ERR_INTERNAL, "only to read", store_begin(reader, &err));
}

/* What a child does before it is killed. */
static void crash(const struct folder *f, bool commit, int entries)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct store *s = folder_open(f);
		struct kms_err err = {0};
		static char text[4096];
		struct store_entry entry = {0, 1, "a", "b", text, HEX_32};

		memset(text, 'x', sizeof(text) - 1);
		OK(store_begin(s, &err));
		OK(store_meta_set(s, "crashed", "yes", &err));
		for (; entry.seq < entries; entry.seq++)
			OK(store_audit_append(s, &entry, 1, &err));
		if (commit)
			OK(store_commit(s, &err));
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_crash_leaves_all_or_nothing(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	struct kms_err err = {0};
	char *value = NULL;
	int64_t size = -1;

	(void)state;
	store_close(folder_open(&f));
	crash(&f, false, 3);
	crash(&f, false, 1500); /* more than the page cache: part of it is in the journal file */
	s = folder_open(&f);
	FAILS(KMS_ERR_NOT_FOUND, "crashed", store_meta_get(s, "crashed", &value, &err));
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 0);
	store_close(s);
	s = NULL;
	crash(&f, true, 1500);
	s = folder_open(&f);
	OK(store_meta_get(s, "crashed", &value, &err));
	free(value);
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 1500);
}

static void a_crash_after_the_counter_gives_no_number_twice(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	struct kms_err err = {0};
	int64_t first = 0;
	int status;
	pid_t child;

	(void)state;
	store_close(folder_open(&f));
	child = fork();
	if (child == 0) {
		s = folder_open(&f);
		OK(store_counter_take(s, STORE_COUNTER_SHEET, 9, &first, &err));
		OK(store_begin(s, &err));
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	s = folder_open(&f);
	OK(store_counter_take(s, STORE_COUNTER_SHEET, 1, &first, &err));
	assert_int_equal(first, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_store_is_private_and_migrated),
		cmocka_unit_test(the_file_says_whose_it_is_and_what_was_applied),
		cmocka_unit_test(a_connection_is_durable_and_strict),
		cmocka_unit_test(what_cannot_be_opened_is_said),
		cmocka_unit_test(databases_of_others_are_refused),
		cmocka_unit_test(damaged_files_are_said_to_be),
		cmocka_unit_test(a_newer_or_other_schema_is_refused),
		cmocka_unit_test(an_older_schema_needs_writing_once),
		cmocka_unit_test(a_migration_that_fails_leaves_nothing),
		cmocka_unit_test(an_emptied_store_is_not_made_anew),
		cmocka_unit_test(transactions_do_not_nest),
		cmocka_unit_test(a_failed_step_dooms_the_transaction),
		cmocka_unit_test(another_process_holds_the_lock),
		cmocka_unit_test(a_read_transaction_is_one_view),
		cmocka_unit_test(a_crash_leaves_all_or_nothing),
		cmocka_unit_test(a_crash_after_the_counter_gives_no_number_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
