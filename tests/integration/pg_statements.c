/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a real PostgreSQL: all migrations and every SQL statement by the same walk that
 * tests/unit/store/test_rows.c does on SQLite; its locks, and a connection that is lost.
 * pg_statements.sh starts the server; PG_SOCKET says where.
 */
#include "store/lock.h"
#include "unit/store/folder.h"
#include "unit/store/scenario.h"

#include <libpq-fe.h>

static char url[256];

static struct store *open_store(bool create, int busy_ms)
{
	const struct store_options options = {.path = url, .create = create, .busy_ms = busy_ms};
	struct store *s = NULL;
	struct kms_err err = {0};

	OK(store_open(&options, &s, &err));
	return s;
}

static void every_function_and_statement(void **state)
{
	struct store_backend counting = scenario_count(&store_postgres);
	struct store_options options = {.path = url, .create = false, .backend = &counting};
	STORE_CLOSE_AUTO struct store *s = NULL;
	STORE_CLOSE_AUTO struct store *again = NULL;
	struct kms_err err = {0};

	(void)state;
	FAILS(KMS_ERR_STORE, "is empty", store_open(&options, &s, &err));
	options.create = true;
	OK(store_open(&options, &s, &err));
	assert_int_equal(store_schema(s), store_schema_newest());
	printf("PostgreSQL: %d migrations, ", store_schema(s));
	printf("%d statements run\n", scenario_all(s));
	again = open_store(false, 0); /* finds the migrations recorded */
}

static void uris(void **state)
{
	struct store_options options = {.path = "postgresql://[::1/x"};
	struct store *s = NULL;
	struct kms_err err = {0};
	char other[256];

	(void)state;
	FAILS(KMS_ERR_INVALID, "no PostgreSQL connection URI", store_open(&options, &s, &err));
	FAILS(KMS_ERR_INVALID, "no PostgreSQL connection URI",
		store_url_check("/var/lib/cardkms.db", &err));
	FAILS(KMS_ERR_INVALID, "holds a password",
		store_url_check("postgresql://me:sesame@host/x", &err));
	assert_null(strstr(err.msg, "sesame"));
	FAILS(KMS_ERR_INVALID, "holds a password",
		store_url_check("postgres://host/x?sslpassword=sesame", &err));
	OK(store_url_check("postgresql://me@one:5432,two:5433/x?passfile=/etc/pass", &err));
	snprintf(other, sizeof(other), "postgresql:///sorts_otherwise?host=%s&user=postgres",
		getenv("PG_SOCKET"));
	options.path = other;
	options.create = true;
	FAILS(KMS_ERR_STORE, "does not sort by bytes", store_open(&options, &s, &err));
	options.path = "postgresql:///x?host=/var/empty/nobody";
	FAILS(KMS_ERR_STORE, "cannot be reached", store_open(&options, &s, &err));
	kms_err_clear(&err);
}

/* What SQLite's BEGIN IMMEDIATE gives: the audit log's next number depends on it. */
static void one_change_at_a_time(void **state)
{
	STORE_CLOSE_AUTO struct store *one = open_store(false, 0);
	STORE_CLOSE_AUTO struct store *two = open_store(false, 50);
	STORE_AUTO(meta_list) struct store_meta_list metas = {0};
	char *value = NULL;
	struct kms_err err = {0};

	(void)state;
	OK(store_begin(one, &err));
	OK(store_meta_set(one, "who", "one", &err));
	FAILS(KMS_ERR_BUSY, "store is busy", store_begin(two, &err));
	OK(store_metas(two, &metas, &err)); /* readers wait for nobody */
	OK(store_commit(one, &err));
	OK(store_begin(two, &err));
	OK(store_meta_get(two, "who", &value, &err));
	assert_string_equal(value, "one");
	free(value);
	store_rollback(two);
	kms_err_clear(&err);
}

static void end_other_connections(void)
{
	PGconn *db = PQconnectdb(url);
	PGresult *result =
		PQexec(db, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
			   "WHERE application_name = 'cardkms'");

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	assert_true(PQntuples(result) > 0);
	PQclear(result);
	PQfinish(db);
}

/* The change is not kept, the next one connects again and prepares its statements anew. */
static void a_lost_connection(void **state)
{
	STORE_CLOSE_AUTO struct store *s = open_store(false, 0);
	char *value = NULL;
	struct kms_err err = {0};

	(void)state;
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "lost", "before", &err));
	OK(store_commit(s, &err));
	OK(store_begin(s, &err));
	OK(store_meta_set(s, "lost", "never", &err));
	end_other_connections();
	FAILS(KMS_ERR_STORE, "cannot be reached", store_meta_set(s, "lost", "never", &err));
	FAILS(KMS_ERR_INTERNAL, "rolled back", store_commit(s, &err));
	OK(store_begin(s, &err));
	OK(store_meta_get(s, "lost", &value, &err));
	assert_string_equal(value, "before");
	free(value);
	OK(store_meta_set(s, "lost", "after", &err));
	end_other_connections();
	FAILS(KMS_ERR_STORE, "whether the last change was kept is not known",
		store_commit(s, &err));
	kms_err_clear(&err);
}

struct machine {
	struct store *s;
	struct store_lock *lock;
	bool alone;
};

/* Each machine has a lock file of its own; what it shares is the database. */
static enum kms_status take(
	struct machine *m, const char *folder, const char *name, bool shared, struct kms_err *err)
{
	char path[160];
	enum kms_status st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	m->alone = false;
	st = shared ? store_lock_take_shared(path, 0, &m->lock, &m->alone, err)
		    : store_lock_take(path, 0, &m->lock, err);
	if (!st)
		st = store_lock_extend(m->lock, m->s, shared, 0, &m->alone, err);
	if (st) {
		store_lock_release(m->lock);
		m->lock = NULL;
	}
	return st;
}

static void drop(struct machine *m)
{
	store_lock_release(m->lock);
	m->lock = NULL;
}

static void the_lock_of_a_site_on_two_machines(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	struct machine a = {.s = open_store(false, 0)}, b = {.s = open_store(false, 0)};
	struct kms_err err = {0};

	(void)state;
	OK(take(&a, f.path, "a", false, &err));
	FAILS(KMS_ERR_BUSY, "on another machine", take(&b, f.path, "b", false, &err));
	FAILS(KMS_ERR_BUSY, "on another machine", take(&b, f.path, "b", true, &err));
	drop(&a);

	OK(take(&a, f.path, "a", true, &err));
	assert_true(a.alone);
	FAILS(KMS_ERR_BUSY, "on another machine", take(&b, f.path, "b", true, &err));
	OK(store_lock_share(a.lock, 0, &err));
	OK(take(&b, f.path, "b", true, &err));
	assert_false(b.alone);
	drop(&a);
	FAILS(KMS_ERR_BUSY, "on another machine", take(&a, f.path, "a", false, &err));
	end_other_connections(); /* the machine dies: so does its lock */
	OK(take(&a, f.path, "a", false, &err));
	drop(&a);
	drop(&b);
	store_close(a.s);
	store_close(b.s);
	kms_err_clear(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_and_statement),
		cmocka_unit_test(uris),
		cmocka_unit_test(one_change_at_a_time),
		cmocka_unit_test(a_lost_connection),
		cmocka_unit_test(the_lock_of_a_site_on_two_machines),
	};

	if (!getenv("PG_SOCKET"))
		return 1;
	snprintf(url, sizeof(url), "postgresql:///postgres?host=%s&user=postgres",
		getenv("PG_SOCKET"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
