/* SPDX-License-Identifier: Apache-2.0 */
#include "integration/pg_backend.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PARAMS_MAX = 32,
	OID_INT8 = 20, /* pg_type.dat of PostgreSQL; stable by its wire protocol */
	OID_TEXT = 25,
};

struct pg {
	PGconn *db;
	int prepared; /* statements so far, for their names */
};

struct pg_stmt {
	struct pg *conn;
	char name[16];
	int count; /* highest parameter bound */
	const char *values[PARAMS_MAX];
	char numbers[PARAMS_MAX][24];
	PGresult *result; /* NULL before the first step */
	int row;
};

static const struct {
	const char *state;
	enum kms_status st;
} states[] = {
	{"23505", KMS_ERR_EXISTS},
	{"23503", KMS_ERR_NOT_FOUND},
	{"23514", KMS_ERR_INVALID},
	{"23502", KMS_ERR_INVALID},
	{"55P03", KMS_ERR_BUSY},
};

/* Reports a failed result and clears it. */
static enum kms_status pg_fail(struct pg *conn, PGresult *result, struct kms_err *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *name = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
	enum kms_status st = KMS_ERR_STORE;

	for (size_t i = 0; state && i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i].state) == 0)
			st = states[i].st;
	if (st == KMS_ERR_EXISTS)
		kms_fail(err, st, "there is one already with this %s", name ? name : "?");
	else if (st == KMS_ERR_NOT_FOUND)
		kms_fail(err, st, "it refers to something that the store lacks");
	else
		kms_fail(err, st, "%s", PQerrorMessage(conn->db));
	kms_native(err, "SQLSTATE %s", state ? state : "?");
	PQclear(result);
	return st;
}

static bool good(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static enum kms_status pg_exec(void *c, const char *sql, struct kms_err *err)
{
	struct pg *conn = c;
	PGresult *result = PQexec(conn->db, sql);

	if (!good(result))
		return pg_fail(conn, result, err);
	PQclear(result);
	return KMS_OK;
}

static void pg_close(void *c)
{
	struct pg *conn = c;

	PQfinish(conn->db);
	free(conn);
}

static enum kms_status pg_open(
	const struct store_options *options, void **ret_conn, struct kms_err *err)
{
	struct pg *conn = calloc(1, sizeof(*conn));
	char timeout[64];
	enum kms_status st;

	if (!conn)
		return kms_nomem(err);
	conn->db = PQconnectdb(options->path);
	if (PQstatus(conn->db) != CONNECTION_OK) {
		st = kms_fail(err, KMS_ERR_STORE, "%s", PQerrorMessage(conn->db));
		pg_close(conn);
		return st;
	}
	snprintf(timeout, sizeof(timeout), "SET lock_timeout = %d", options->busy_ms);
	st = pg_exec(conn, timeout, err);
	if (st) {
		pg_close(conn);
		return st;
	}
	*ret_conn = conn;
	return KMS_OK;
}

static enum kms_status pg_has_table(void *c, const char *name, bool *ret_found, struct kms_err *err)
{
	struct pg *conn = c;
	PGresult *result =
		PQexecParams(conn->db, "SELECT to_regclass($1)", 1, NULL, &name, NULL, NULL, 0);

	if (!good(result))
		return pg_fail(conn, result, err);
	*ret_found = !PQgetisnull(result, 0, 0);
	PQclear(result);
	return KMS_OK;
}

static enum kms_status pg_begin(void *c, bool write, struct kms_err *err)
{
	return pg_exec(c, write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

static enum kms_status pg_commit(void *c, struct kms_err *err)
{
	return pg_exec(c, "COMMIT", err);
}

static void pg_rollback(void *c)
{
	PQclear(PQexec(((struct pg *)c)->db, "ROLLBACK"));
}

static enum kms_status pg_prepare(void *c, const char *sql, void **ret_stmt, struct kms_err *err)
{
	struct pg *conn = c;
	struct pg_stmt *stmt = calloc(1, sizeof(*stmt));
	PGresult *result;

	if (!stmt)
		return kms_nomem(err);
	stmt->conn = conn;
	snprintf(stmt->name, sizeof(stmt->name), "s%d", conn->prepared++);
	result = PQprepare(conn->db, stmt->name, sql, 0, NULL);
	if (!good(result)) {
		free(stmt);
		return pg_fail(conn, result, err);
	}
	PQclear(result);
	*ret_stmt = stmt;
	return KMS_OK;
}

static void pg_reset(void *p)
{
	struct pg_stmt *stmt = p;

	PQclear(stmt->result);
	stmt->result = NULL;
	stmt->count = 0;
	memset(stmt->values, 0, sizeof(stmt->values));
}

static void pg_finalize(void *p)
{
	pg_reset(p);
	free(p);
}

static enum kms_status pg_bind_text(void *p, int index, const char *text, struct kms_err *err)
{
	struct pg_stmt *stmt = p;

	if (index < 1 || index > PARAMS_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "parameter $%d", index);
	stmt->values[index - 1] = text;
	if (stmt->count < index)
		stmt->count = index;
	return KMS_OK;
}

static enum kms_status pg_bind_int(void *p, int index, int64_t value, struct kms_err *err)
{
	struct pg_stmt *stmt = p;

	if (index < 1 || index > PARAMS_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "parameter $%d", index);
	snprintf(stmt->numbers[index - 1], sizeof(stmt->numbers[0]), "%lld", (long long)value);
	return pg_bind_text(p, index, stmt->numbers[index - 1], err);
}

static enum kms_status pg_step(void *p, bool *ret_row, struct kms_err *err)
{
	struct pg_stmt *stmt = p;

	if (stmt->result) {
		stmt->row++;
	} else {
		PGresult *result = PQexecPrepared(
			stmt->conn->db, stmt->name, stmt->count, stmt->values, NULL, NULL, 0);

		if (!good(result))
			return pg_fail(stmt->conn, result, err);
		stmt->result = result;
		stmt->row = 0;
	}
	*ret_row = stmt->row < PQntuples(stmt->result);
	return KMS_OK;
}

static int64_t pg_changes(void *p)
{
	return atoll(PQcmdTuples(((struct pg_stmt *)p)->result));
}

static int pg_columns(void *p)
{
	return PQnfields(((struct pg_stmt *)p)->result);
}

static enum store_type pg_type(void *p, int column)
{
	struct pg_stmt *stmt = p;

	if (PQgetisnull(stmt->result, stmt->row, column))
		return STORE_TYPE_NULL;
	switch (PQftype(stmt->result, column)) {
	case OID_INT8:
		return STORE_TYPE_INT;
	case OID_TEXT:
		return STORE_TYPE_TEXT;
	default:
		return STORE_TYPE_OTHER;
	}
}

static const char *pg_get_text(void *p, int column, size_t *ret_len)
{
	struct pg_stmt *stmt = p;

	*ret_len = (size_t)PQgetlength(stmt->result, stmt->row, column);
	return PQgetvalue(stmt->result, stmt->row, column);
}

static int64_t pg_get_int(void *p, int column)
{
	size_t len;

	return strtoll(pg_get_text(p, column, &len), NULL, 10);
}

const struct store_backend pg_backend = {
	.name = "PostgreSQL",
	.open = pg_open,
	.close = pg_close,
	.exec = pg_exec,
	.has_table = pg_has_table,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.prepare = pg_prepare,
	.finalize = pg_finalize,
	.bind_text = pg_bind_text,
	.bind_int = pg_bind_int,
	.step = pg_step,
	.reset = pg_reset,
	.changes = pg_changes,
	.columns = pg_columns,
	.type = pg_type,
	.get_int = pg_get_int,
	.get_text = pg_get_text,
};
