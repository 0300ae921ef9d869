/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All migrations and every SQL statement of the store on a real PostgreSQL, by the same walk that
 * tests/unit/store/test_rows.c does on SQLite. pg_statements.sh starts the server; PG_CONNINFO says
 * where it is.
 */
#include "integration/pg_backend.h"
#include "unit/store/scenario.h"

static void every_function_and_statement(void **state)
{
	struct store_backend counting = scenario_count(&pg_backend);
	struct store_options options = {
		.path = getenv("PG_CONNINFO"), .create = true, .backend = &counting};
	STORE_CLOSE_AUTO struct store *s = NULL;
	STORE_CLOSE_AUTO struct store *again = NULL;
	struct kms_err err = {0};

	(void)state;
	assert_non_null(options.path);
	OK(store_open(&options, &s, &err));
	assert_int_equal(store_schema(s), store_schema_newest());
	printf("PostgreSQL: %d migrations, ", store_schema(s));
	printf("%d statements run\n", scenario_all(s));
	/* A second opening finds the migrations recorded. */
	options.backend = &pg_backend;
	options.create = false;
	OK(store_open(&options, &again, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_and_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
