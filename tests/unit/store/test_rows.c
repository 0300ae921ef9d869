/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of store/ on a real SQLite file; damaged rows; sizes of a real site. */
#include "unit/store/folder.h"
#include "unit/store/scenario.h"

#include <time.h>

static void every_function_and_statement(void **state)
{
	struct store_backend counting = scenario_count(&store_sqlite);
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	struct store_options options = {.path = f.db, .create = true, .backend = &counting};
	struct kms_err err = {0};

	(void)state;
	OK(store_open(&options, &s, &err));
	printf("SQLite: %d statements run\n", scenario_all(s));
}

/* Puts a good officer, key set and key into the store, to be damaged. */
static void fill(struct store *s)
{
	struct store_officer officer = {"A", "a", "operator", "$h", "active", 1, 1, 0, 0};
	struct store_key key = scenario_key();
	struct kms_err err = {0};

	key.keyset = key.ceremony_id = key.op_id = NULL;
	OK(store_begin(s, &err));
	OK(store_officer_add(s, &officer, &err));
	OK(store_key_add(s, &key, &err));
	OK(store_commit(s, &err));
}

static void damage(const char *sql, const char *words)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	STORE_AUTO(officer_list) struct store_officer_list officers = {0};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	struct kms_err err = {0};
	enum kms_status st;

	fill(s);
	folder_sql(&f, sql);
	st = store_officers(s, &officers, &err);
	if (!st)
		st = store_keys(s, NULL, &keys, &err);
	FAILS(KMS_ERR_STORE, words, st);
	assert_non_null(strstr(err.msg, "is damaged"));
	assert_int_equal(officers.count * keys.count, 0);
}

static void damaged_rows_are_named(void **state)
{
	(void)state;
	damage("UPDATE officer SET added = 'yesterday'", "table officer, row 'A': added");
	damage("UPDATE officer SET passphrase_hash = x'00FF'",
		"table officer, row 'A': passphrase_hash");
	damage("UPDATE officer SET role = CAST(x'FF41' AS TEXT)", "row 'A': role is no UTF-8");
	damage("UPDATE officer SET role = CAST(x'410042' AS TEXT)", "row 'A': role is no UTF-8");
	damage("PRAGMA ignore_check_constraints = 1; UPDATE officer SET state = 'asleep'",
		"row 'A': state");
	damage("UPDATE key_object SET check_value = '8BAF4'",
		"table key_object, row '" ID_1 "': check_value");
	damage("UPDATE key_object SET check_value = '8baf47'", "check_value is no upper-case hex");
	damage("UPDATE key_object SET cka_id = 'ABCD'", "row 'ABCD': cka_id");
	damage("UPDATE key_object SET created = 1.5", "created is no integer");
	damage("UPDATE key_object SET label = x'4142'", "label is no text");
}

/* Outputs are written only on success; no record of the error is needed to tell its kind. */
static void failures_leave_outputs_alone(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	struct store_officer officer = {.name = "before"};
	struct store_key_list keys = {.count = 7};
	int64_t version = 7;

	(void)state;
	fill(s);
	assert_int_equal(store_officer_get(s, "b", "B", &officer, NULL), KMS_ERR_NOT_FOUND);
	assert_int_equal(store_partner_revoke(s, "B", 1, NULL), KMS_ERR_INTERNAL);
	assert_int_equal(store_partner_add(s, &(struct store_partner){.name = "B"}, &version, NULL),
		KMS_ERR_INTERNAL);
	folder_sql(&f, "UPDATE officer SET role = x'00'; UPDATE key_object SET role = x'00'");
	assert_int_equal(store_officer_get(s, "a", "A", &officer, NULL), KMS_ERR_STORE);
	assert_int_equal(store_keys(s, NULL, &keys, NULL), KMS_ERR_STORE);
	assert_string_equal(officer.name, "before");
	assert_int_equal(keys.count, 7);
	assert_int_equal(version, 7);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void add_keys(struct store *s, int count)
{
	struct store_key key = scenario_key();
	char id[33], label[32];
	struct kms_err err = {0};

	key.keyset = key.ceremony_id = key.op_id = NULL;
	key.cka_id = id;
	key.label = label;
	OK(store_begin(s, &err));
	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%032X", i);
		snprintf(label, sizeof(label), "Key%04d", count - 1 - i);
		OK(store_key_add(s, &key, &err));
	}
	OK(store_commit(s, &err));
}

static void a_thousand_keys_list_fast(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	STORE_AUTO(key_list) struct store_key_list list = {0};
	struct timespec start;
	struct kms_err err = {0};
	double took;

	(void)state;
	add_keys(s, 1000);
	clock_gettime(CLOCK_MONOTONIC, &start);
	OK(store_keys(s, NULL, &list, &err));
	took = seconds_since(&start);
	assert_int_equal(list.count, 1000);
	assert_string_equal(list.items[0].label, "Key0000");
	assert_string_equal(list.items[999].label, "Key0999");
	printf("1000 keys listed in %.1f ms\n", took * 1000);
	assert_true(took < 0.5); /* under ASan and a busy machine; some 5 ms without */
}

static void many_audit_entries_in_one_transaction(void **state)
{
	enum { COUNT = 5000 };
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	struct store_entry *entries = calloc(COUNT, sizeof(*entries));
	struct timespec start;
	struct kms_err err = {0};
	int64_t size = 0;

	(void)state;
	assert_non_null(entries);
	for (int i = 0; i < COUNT; i++)
		entries[i] = (struct store_entry){i, i, "a", "b", "text", HEX_32};
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHANGE(store_audit_append(s, entries, COUNT, &err));
	printf("%d audit entries appended durably, %.0f/s\n", COUNT, COUNT / seconds_since(&start));
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, COUNT);
	free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_and_statement),
		cmocka_unit_test(damaged_rows_are_named),
		cmocka_unit_test(failures_leave_outputs_alone),
		cmocka_unit_test(a_thousand_keys_list_fast),
		cmocka_unit_test(many_audit_entries_in_one_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
