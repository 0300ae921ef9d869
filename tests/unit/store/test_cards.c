/* SPDX-License-Identifier: Apache-2.0 */
/* Cards in the store: how statements find their rows, damaged rows, stores made before cards. */
#include "store/migration.h"
#include "unit/store/folder.h"
#include "unit/store/scenario.h"

#include "base/hash.h"
#include "base/hex.h"

/* What a plan may walk whole: the open changes, and the two pages that a list is merged from. */
static bool may_walk(const char *line)
{
	static const char *const known[] = {"SCAN card_change USING INDEX card_change_oldest",
		"SCAN CONSTANT ROW", "SCAN known", "SCAN possible"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(line, known[i]) == 0)
			return true;
	return strncmp(line, "SCAN ", 5) != 0;
}

static void plan_is_by_index(sqlite3 *db, enum store_sql sql, bool may_sort)
{
	sqlite3_stmt *stmt = NULL;
	char explain[4096];
	int lines = 0;

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", store_statements[sql].text);
	assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
	for (; sqlite3_step(stmt) == SQLITE_ROW; lines++) {
		const char *line = (const char *)sqlite3_column_text(stmt, 3);

		if (!may_walk(line) || (!may_sort && strstr(line, "TEMP B-TREE")))
			fail_msg("%s\n%s", line, store_statements[sql].text);
	}
	sqlite3_finalize(stmt);
	/* An insertion of values has no plan. */
	if (lines == 0)
		assert_non_null(strstr(store_statements[sql].text, "VALUES"));
}

static void every_row_of_a_card_is_found_by_an_index(void **state)
{
	FOLDER_AUTO struct folder f = folder_make();
	sqlite3 *db = NULL;

	(void)state;
	store_close(folder_open(&f));
	assert_int_equal(sqlite3_open(f.db, &db), SQLITE_OK);
	for (enum store_sql sql = SQL_CARD_ADD; sql <= SQL_CHANGE_FINISH; sql++)
		plan_is_by_index(db, sql,
			sql == SQL_DOMAIN_TWINS || sql == SQL_DEPENDANT_LIST ||
				sql == SQL_DEPENDANT_COUNT);
	sqlite3_close(db);
}

/* One good row of each kind, to be damaged. */
static void fill(struct store *s)
{
	struct store_card card = scenario_card(CARD_1);
	struct store_domain domain = scenario_domain(CARD_1);
	struct store_change change = scenario_change(OP_C1, CARD_1);
	struct store_card_event event = {CARD_1, 0, 1, OP_C1, "A", "replaced", NULL};
	struct kms_err err = {0};

	scenario_card_base(s);
	OK(store_begin(s, &err));
	OK(store_card_add(s, &card, &err));
	OK(store_domain_put(s, &domain, &err));
	OK(store_change_add(s, &change, &err));
	OK(store_card_event_add(s, &event, &err));
	OK(store_commit(s, &err));
}

static enum kms_status read_all(struct store *s, struct kms_err *err)
{
	STORE_AUTO(card_list) struct store_card_list cards = {0};
	STORE_AUTO(domain_list) struct store_domain_list domains = {0};
	STORE_AUTO(change_list) struct store_change_list changes = {0};
	STORE_AUTO(card_event_list) struct store_card_event_list events = {0};
	enum kms_status st;

	st = store_cards(s, NULL, &cards, err);
	if (!st)
		st = store_domains(s, CARD_1, &domains, err);
	if (!st)
		st = store_changes(s, CARD_1, &changes, err);
	if (!st)
		st = store_card_events(s, CARD_1, 0, 0, &events, err);
	return st;
}

static void damage(const char *sql, const char *words)
{
	FOLDER_AUTO struct folder f = folder_make();
	STORE_CLOSE_AUTO struct store *s = folder_open(&f);
	char unchecked[512];
	struct kms_err err = {0};

	fill(s);
	OK(read_all(s, &err));
	snprintf(unchecked, sizeof(unchecked), "PRAGMA ignore_check_constraints = 1; %s", sql);
	folder_sql(&f, unchecked);
	FAILS(KMS_ERR_STORE, words, read_all(s, &err));
	assert_non_null(strstr(err.msg, "is damaged"));
}

static void damaged_rows_are_named(void **state)
{
	(void)state;
	damage("UPDATE card SET state = 'asleep'", "table card, row '" CARD_1 "': state");
	damage("UPDATE card SET id_source = 'uid'", "table card, row '" CARD_1 "': id_source");
	damage("UPDATE card SET cplc = '00'", "cplc is no upper-case hex of the right length");
	damage("UPDATE card SET created = 'then'", "created is no integer");
	damage("UPDATE card_domain SET kdd = 'XY'",
		"table card_domain, row '" CARD_1 "': kdd is no upper-case hex");
	damage("UPDATE card_domain SET state = 'changed'", "table card_domain, row");
	damage("UPDATE card_domain SET auth_failures = 'two'", "auth_failures is no integer");
	damage("UPDATE card_change SET step = 'sent'",
		"table card_change, row '" OP_C1 "': step is no word known here");
	damage("UPDATE card_change SET rule = 'hope'", "row '" OP_C1 "': rule");
	damage("UPDATE card_change SET kind = 'x'", "row '" OP_C1 "': kind");
	damage("UPDATE card_change SET outcome = 'lost', finished = 1", "outcome is no word");
	damage("UPDATE card_change SET new_kdd = 'aa'", "new_kdd is no upper-case hex");
	damage("UPDATE card_event SET detail = x'00'",
		"table card_event, row '" CARD_1 "': detail is no text");
}

/* A store as the first release made it: migration 1, and nothing after it. */
static void make_old(const struct folder *f)
{
	unsigned char hash[HASH_SIZE];
	char sha256[2 * HASH_SIZE + 1], record[256];
	struct kms_err err = {0};

	OK(hash_sha256(store_migration_0001, strlen(store_migration_0001), hash, &err));
	hex_encode(hash, sizeof(hash), sha256);
	snprintf(record, sizeof(record),
		"INSERT INTO schema_migration VALUES (1, '%s', %zu, '%s', 5)",
		store_migrations[0].name, strlen(store_migration_0001), sha256);
	folder_sql(f, "PRAGMA application_id = 0x434B4D53");
	folder_sql(f, store_migration_table);
	folder_sql(f, store_migration_0001);
	folder_sql(f, record);
}

static const char *const old_tables[] = {"site_meta", "counter", "token_caps", "officer", "partner",
	"operation", "ceremony", "custodian", "keyset", "key_object", "exchange_doc", "audit_entry",
	"audit_node", "audit_checkpoint"};
enum { OLD_TABLES = sizeof(old_tables) / sizeof(old_tables[0]) };

static sqlite3 *open_both(const struct folder *f, const struct folder *other)
{
	char attach[256];
	sqlite3 *db = NULL;

	snprintf(attach, sizeof(attach), "ATTACH '%s' AS other", other->db);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, attach, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

/* "name, role, …": what the table has in the database that is open first. */
static void columns_of(sqlite3 *db, const char *table, char *ret_names, size_t size)
{
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT group_concat(name) FROM pragma_table_info(?1, 'main')", -1,
				 &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	snprintf(ret_names, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
}

/* Later columns stay behind. */
static void copy_old_tables(const struct folder *to, const struct folder *from)
{
	sqlite3 *db = open_both(to, from);
	char columns[512], sql[1200];

	for (int i = 0; i < OLD_TABLES; i++) {
		columns_of(db, old_tables[i], columns, sizeof(columns));
		snprintf(sql, sizeof(sql), "INSERT INTO main.%s (%s) SELECT %s FROM other.%s",
			old_tables[i], columns, columns, old_tables[i]);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	}
	sqlite3_close(db);
}

/* Returns how many rows they have. */
static int64_t old_tables_are_the_same(const struct folder *a, const struct folder *b)
{
	sqlite3 *db = open_both(a, b);
	int64_t rows = 0;
	char sql[512];

	for (int i = 0; i < OLD_TABLES; i++) {
		const char *table = old_tables[i];
		sqlite3_stmt *stmt = NULL;

		snprintf(sql, sizeof(sql),
			"SELECT (SELECT COUNT(*) FROM main.%s), (SELECT COUNT(*) FROM other.%s), "
			"(SELECT COUNT(*) FROM (SELECT * FROM main.%s INTERSECT "
			"SELECT * FROM other.%s))",
			table, table, table, table);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		if (sqlite3_column_int64(stmt, 0) == 0)
			fail_msg("no row of table %s to compare", table);
		assert_int_equal(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1));
		assert_int_equal(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 2));
		rows += sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
	return rows;
}

static void a_store_from_before_cards_keeps_everything(void **state)
{
	struct store_backend counting = scenario_count(&store_sqlite);
	FOLDER_AUTO struct folder full = folder_make();
	FOLDER_AUTO struct folder old = folder_make();
	STORE_CLOSE_AUTO struct store *s = NULL;
	struct store_options options = {.path = full.db, .create = true, .backend = &counting};
	struct kms_err err = {0};

	(void)state;
	OK(store_open(&options, &s, &err));
	scenario_all(s);
	store_close(s);
	s = NULL;
	make_old(&old);
	copy_old_tables(&old, &full);

	options = (struct store_options){.path = old.db};
	OK(store_open(&options, &s, &err));
	assert_int_equal(store_schema(s), store_schema_newest());
	printf("%lld rows of %d tables kept\n", (long long)old_tables_are_the_same(&old, &full),
		OLD_TABLES);
	/* And cards can be added to what was there. */
	folder_sql(&old, "DELETE FROM operation WHERE id LIKE '0C%'");
	folder_sql(&old, "DELETE FROM keyset WHERE name IN ('" MAKER "', '" ISSUER "')");
	fill(s);
	OK(read_all(s, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_a_card_is_found_by_an_index),
		cmocka_unit_test(damaged_rows_are_named),
		cmocka_unit_test(a_store_from_before_cards_keeps_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
