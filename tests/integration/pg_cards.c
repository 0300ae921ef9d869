/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept for each card is split on PostgreSQL: what a registry of schema 10 becomes, what a fresh one
 * is, and how the statements of store/sql.c are planned on it. pg_statements.sh starts the server;
 * PG_SOCKET says where.
 */
#include "base/hash.h"
#include "base/hex.h"
#include "store/db.h"
#include "store/migration.h"
#include "unit/store/check.h"

#include <libpq-fe.h>

enum { BEFORE = 10, PARTS = 16, CARDS = 20000 };

#define TABLES "('card', 'card_domain', 'card_change', 'card_event', 'card_issue', 'shipment_card')"

/* Of several results, the last one's first value; the caller frees it. */
static char *ask(PGconn *db, const char *sql)
{
	PGresult *result = PQexec(db, sql);
	ExecStatusType status = PQresultStatus(result);
	char *value;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %.200s", PQerrorMessage(db), sql);
	value = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return value;
}

static void run(PGconn *db, const char *sql)
{
	free(ask(db, sql));
}

static void is(PGconn *db, const char *sql, const char *want)
{
	char *value = ask(db, sql);

	if (strcmp(value, want) != 0)
		fail_msg("'%s' is not '%s': %s", value, want, sql);
	free(value);
}

static PGconn *connect_to(const char *name, char ret_url[256])
{
	PGconn *db;

	snprintf(ret_url, 256, "postgresql:///%s?host=%s&user=postgres", name, getenv("PG_SOCKET"));
	db = PQconnectdb(ret_url);
	assert_int_equal(PQstatus(db), CONNECTION_OK);
	return db;
}

static void create(const char *name)
{
	char url[256], sql[64];
	PGconn *db = connect_to("postgres", url);

	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
	run(db, sql);
	PQfinish(db);
}

/* ---- a registry as the program before made it ---- */

static void apply(PGconn *db, size_t number)
{
	const struct store_migration *m = &store_migrations[number - 1];
	unsigned char hash[HASH_SIZE];
	char sha256[2 * HASH_SIZE + 1], record[256];
	struct kms_err err = {0};

	OK(hash_sha256(m->sql, strlen(m->sql), hash, &err));
	hex_encode(hash, sizeof(hash), sha256);
	snprintf(record, sizeof(record),
		"INSERT INTO schema_migration VALUES (%zu, '%s', %zu, '%s', 5)", number, m->name,
		strlen(m->sql), sha256);
	run(db, m->sql);
	run(db, record);
}

/* Rows in every table that is split, and in the one that refers to them. */
static const char fill[] =
	"INSERT INTO keyset SELECT 'Set' || n, 'Bank', 'aes128', 'kdf3', NULL, 48, 'partner', NULL,"
	" 'generated', NULL, 'active', NULL, 1 FROM generate_series(0, 99) n;"
	"INSERT INTO operation SELECT 'OP' || n, 'card.replace', 'x', 'ann', n, 'done', NULL, n, "
	"'ok'"
	" FROM generate_series(1, 2000) n;"
	"INSERT INTO shipment SELECT 'S' || n, 'out', 'Bank', 10, 'AB', 'text', NULL, n"
	" FROM generate_series(1, 10) n;"
	"INSERT INTO card SELECT 'C' || n, 'cplc', 'p' || n % 3, NULL, NULL, '12', 'active', NULL, "
	"n, n"
	" FROM generate_series(1, 20000) n;"
	"INSERT INTO card_domain SELECT 'C' || n, 'A0', NULL, 'Set' || n % 4, 48, 3, 112, 'D' || "
	"n,"
	" 'active', 0, 0, n FROM generate_series(1, 20000) n;"
	"INSERT INTO card_event SELECT 'C' || n % 20000 + 1, n, n, NULL, 'ann', 'seen', NULL"
	" FROM generate_series(1, 30000) n;"
	"INSERT INTO card_issue SELECT 'C' || n, 'secured', 1, n, n FROM generate_series(1, 9000) "
	"n;"
	"INSERT INTO card_change SELECT 'OP' || n, 'C' || n, 'A0', 'replace', 'replace', 'proven',"
	" 'Set1', 48, NULL, 'Set2', 48, NULL, n, n, n, 'done', NULL FROM generate_series(1, 2000) "
	"n;"
	"INSERT INTO shipment_card SELECT 'C' || n, 'S' || n % 10 + 1, 'cplc', 'p', NULL, NULL, "
	"NULL,"
	" 'A0', 'Set1', 48, 3, 112, NULL FROM generate_series(1, 20000) n;";

#define ROWS(table)                                                                          \
	"(SELECT count(*) || ' ' || md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM " \
	"" table " t) || E'\\n' || "
static const char all_rows[] = "SELECT " ROWS("card") ROWS("card_domain") ROWS("card_change")
	ROWS("card_event") ROWS("card_issue") ROWS("shipment_card") "''";

/* Constraints and indexes, which must read the same before and after. */
static const char all_rules[] =
	"SELECT string_agg(rule, E'\\n' ORDER BY rule) FROM ("
	"SELECT conname || ' of ' || conrelid::regclass || ': ' || pg_get_constraintdef(oid) AS "
	"rule"
	" FROM pg_constraint WHERE conparentid = 0 AND conrelid::regclass::text IN " TABLES
	" UNION SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE tablename "
	"IN " TABLES " UNION SELECT format('%s.%s %s %s %s', attrelid::regclass, attnum, attname,"
	" atttypid::regtype, attnotnull) FROM pg_attribute WHERE attnum > 0"
	" AND attrelid::regclass::text IN " TABLES ") AS rules";

static const char split_tables[] =
	"SELECT string_agg(partrelid::regclass || ' ' || (SELECT count(*) FROM pg_inherits i "
	"WHERE i.inhparent = p.partrelid), ', ' ORDER BY partrelid::regclass::text) "
	"FROM pg_partitioned_table p WHERE partstrat = 'h'";
#define SPLIT "card 16, card_domain 16, card_event 16, card_issue 16, shipment_card 16"

static enum kms_status open_it(const char *url, bool fresh, struct kms_err *err)
{
	const struct store_options options = {.path = url, .create = fresh};
	struct store *s = NULL;
	enum kms_status st = store_open(&options, &s, err);

	if (!st)
		assert_int_equal(store_schema(s), store_schema_newest());
	store_close(s);
	return st;
}

static void a_registry_of_schema_10_is_split_without_loss(void **state)
{
	struct kms_err err = {0};
	char url[256], *rows, *rules;
	PGconn *db;

	(void)state;
	create("before");
	db = connect_to("before", url);
	run(db, store_migration_table);
	for (size_t n = 1; n <= BEFORE; n++)
		apply(db, n);
	run(db, fill);
	rows = ask(db, all_rows);
	rules = ask(db, all_rules);
	is(db, split_tables, "");

	/* A step that fails at its end leaves all as it was. */
	run(db, "ALTER TABLE shipment_card DROP CONSTRAINT shipment_card_shipment_fkey;"
		"UPDATE shipment_card SET shipment = 'lost' WHERE card_id = 'C7'");
	FAILS(KMS_ERR_NOT_FOUND, "to schema 11", open_it(url, false, &err));
	kms_err_clear(&err);
	is(db, "SELECT max(number) FROM schema_migration", "10");
	is(db, split_tables, "");
	run(db, "UPDATE shipment_card SET shipment = 'S8' WHERE card_id = 'C7';"
		"ALTER TABLE shipment_card ADD FOREIGN KEY (shipment) REFERENCES shipment (id)");
	is(db, all_rows, rows);

	OK(open_it(url, false, &err));
	is(db, split_tables, SPLIT);
	is(db, all_rows, rows);
	is(db, all_rules, rules);
	OK(open_it(url, false, &err));
	free(rows);
	free(rules);
	PQfinish(db);
}

/* ---- plans ---- */

struct planned {
	enum store_sql which;
	const char *values;
};

/* EXPLAIN's text for a statement of the product; the caller frees it. */
static char *plan_of(PGconn *db, const struct planned *p)
{
	PGresult *result = PQprepare(db, "it", store_statements[p->which].text, 0, NULL);
	char sql[256], *plan = strdup("");

	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
	snprintf(sql, sizeof(sql), "EXPLAIN (COSTS OFF) EXECUTE it (%s)", p->values);
	result = PQexec(db, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", PQerrorMessage(db), store_statements[p->which].text);
	for (int i = 0; plan && i < PQntuples(result); i++) {
		char *longer = NULL;

		assert_true(asprintf(&longer, "%s%s\n", plan, PQgetvalue(result, i, 0)) > 0);
		free(plan);
		plan = longer;
	}
	PQclear(result);
	run(db, "DEALLOCATE it");
	return plan;
}

/* How many parts of split tables the plan reads or writes: relations are named TABLE_PART. */
static int parts_in(const char *plan)
{
	static const char *const tables[] = {" on card_", " on card_domain_", " on card_event_",
		" on card_issue_", " on shipment_card_"};
	bool seen[PARTS] = {false};
	int count = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const char *p = plan; (p = strstr(p, tables[i]));) {
			char *end;
			long part;

			p += strlen(tables[i]);
			part = strtol(p, &end, 10);
			if (end == p || (*end != ' ' && *end != '\n') || part < 0 || part >= PARTS)
				continue;
			count += !seen[part];
			seen[part] = true;
		}
	return count;
}

static void plans(void **state)
{
	static const struct planned by_id[] = {
		{SQL_CARD_GET, "'C5'"},
		{SQL_CARD_UPDATE, "'C5', 'cplc', 'p', '', '', '', 'active', '', 1, 2, 'known'"},
		{SQL_CARD_SET_STATE, "'C5', 'known', 'active', '', 1"},
		{SQL_CARD_EVENT_ADD, "'C5', 0, 1, NULL, 'ann', 'seen', NULL"},
		{SQL_CARD_EVENT_LIST, "'C5', 0, 100"},
		{SQL_ISSUE_GET, "'C5'"},
		{SQL_DOMAIN_GET, "'C5', 'A0'"},
		{SQL_DOMAIN_LIST, "'C5'"},
		{SQL_DOMAIN_SET_COUNTERS, "'C5', 'A0', 1, 2, 3"},
		{SQL_SHIPMENT_OF_CARD, "'C5'"},
		{SQL_SHIPMENT_READY_CARD, "'C5'"},
	};
	static const struct planned in_order[] = {
		{SQL_CARD_LIST, "'C5', 100"},
		{SQL_CARD_LIST_STATE, "'active', NULL, 'C5', 100"},
		{SQL_CARD_LIST_PROFILE, "'p1', NULL, 'C5', 100"},
		{SQL_DEPENDANT_LIST, "'Set1', 'C5', 'A0', 100"},
		{SQL_DOMAIN_TWINS, "'C5', 'Set1', 'D5', 10"},
	};
	struct kms_err err = {0};
	char url[256];
	PGconn *db;

	(void)state;
	create("fresh");
	db = connect_to("fresh", url);
	OK(open_it(url, true, &err));
	is(db, split_tables, SPLIT);
	run(db, fill);
	run(db, "ANALYZE");
	is(db,
		"SELECT count(*) FROM (SELECT tableoid FROM card GROUP BY tableoid HAVING count(*) "
		"> 1000) AS even",
		"16");
	for (size_t i = 0; i < sizeof(by_id) / sizeof(by_id[0]); i++) {
		char *plan = plan_of(db, &by_id[i]);

		if (parts_in(plan) != 1 || strstr(plan, "Seq Scan on card"))
			fail_msg("%d parts: %.200s\n%.700s", parts_in(plan),
				store_statements[by_id[i].which].text, plan);
		free(plan);
	}
	for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
		char *plan = plan_of(db, &in_order[i]);

		if (!strstr(plan, "Merge Append") || strstr(plan, "Seq Scan on card_"))
			fail_msg("not by the order of its indexes: %.200s\n%.700s",
				store_statements[in_order[i].which].text, plan);
		free(plan);
	}
	PQfinish(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registry_of_schema_10_is_split_without_loss),
		cmocka_unit_test(plans),
	};

	if (!getenv("PG_SOCKET"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
