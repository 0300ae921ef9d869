/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk through every function of store/, for a fresh store on any backend: test_rows.c runs it
 * on SQLite, integration/pg_statements.c on PostgreSQL. scenario_all ends by checking that every
 * statement of store/sql.c was run.
 */
#ifndef STORE_SCENARIO_H
#define STORE_SCENARIO_H

#include "store/db.h"
#include "unit/store/scenario_audit.h"
#include "unit/store/scenario_cards.h"
#include "unit/store/scenario_custody.h"
#include "unit/store/scenario_journal.h"
#include "unit/store/scenario_keys.h"
#include "unit/store/scenario_people.h"
#include "unit/store/scenario_quorum.h"
#include "unit/store/scenario_vault.h"

/* The statements that a store opened through scenario_count has run. */
static bool scenario_ran[STORE_SQL_COUNT];
static const struct store_backend *scenario_inner;

static inline enum kms_status scenario_prepare(
	void *conn, const char *sql, void **ret_stmt, struct kms_err *err)
{
	for (int i = 0; i < STORE_SQL_COUNT; i++)
		if (store_statements[i].text == sql)
			scenario_ran[i] = true;
	return scenario_inner->prepare(conn, sql, ret_stmt, err);
}

/* A backend that notes which statements are prepared, which is when they are first run. */
static inline struct store_backend scenario_count(const struct store_backend *backend)
{
	struct store_backend counting = *backend;

	scenario_inner = backend;
	memset(scenario_ran, 0, sizeof(scenario_ran));
	counting.prepare = scenario_prepare;
	return counting;
}

/* The store must be fresh, and opened through a backend from scenario_count. */
static inline int scenario_all(struct store *s)
{
	scenario_site(s);
	scenario_counter(s);
	scenario_officers(s);
	scenario_partners(s);
	scenario_ops(s);
	scenario_approvals(s);
	scenario_ceremonies(s);
	scenario_meetings(s);
	scenario_custody(s);
	scenario_leavers(s);
	scenario_void_sheets(s);
	scenario_keysets(s);
	scenario_keys(s);
	scenario_docs(s);
	scenario_all_of_cards(s);
	scenario_hsms(s);
	scenario_copies(s);
	scenario_backups(s);
	scenario_formers(s);
	scenario_quorum(s);
	scenario_audit_entries(s);
	scenario_audit_tree(s);
	for (int i = 0; i < STORE_SQL_COUNT; i++)
		if (!scenario_ran[i])
			fail_msg("statement %d was never run: %s", i, store_statements[i].text);
	return STORE_SQL_COUNT;
}

#endif
