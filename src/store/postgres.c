/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/db.h over libpq: a registry that several machines work on.
 *
 * One change at a time, as with SQLite: begin locks a row that every registry has (a lock that ends
 * with the connection), so what reads before it writes, such as the audit log's next number, sees all
 * that was committed before. Readers wait for nobody.
 *
 * A lost connection ends the transaction that was open; the next begin connects again, to whichever
 * of the hosts takes changes by then.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "store/db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PARAMS_MAX = 32,
	OID_INT8 = 20, /* pg_type.dat of PostgreSQL; stable by its wire protocol */
	OID_TEXT = 25,
	RECONNECT_SECONDS = 30,
	QUEUE_MAX = 500, /* what they answer must fit into the buffers of a socket */
};

struct pg {
	PGconn *db;
	int busy_ms;
	int prepared;	/* statements so far, for their names */
	int generation; /* connections so far: a statement is prepared on each anew */
	bool has_row;	/* the row that writers lock is there */
	int queued;	/* statements that were sent and not answered yet */
};

struct pg_stmt {
	struct pg *conn;
	const char *sql;
	char name[16];
	int generation;
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
	{"40P01", KMS_ERR_BUSY},
};

static const char DISK_FULL[] = "53100";

bool store_url_is(const char *path)
{
	return strncmp(path, "postgresql://", 13) == 0 || strncmp(path, "postgres://", 11) == 0;
}

enum kms_status store_url_check(const char *url, struct kms_err *err)
{
	PQconninfoOption *options = store_url_is(url) ? PQconninfoParse(url, NULL) : NULL;
	bool secret = false;

	/* libpq's own message would repeat the text, which may hold a password. */
	if (!options) {
		kms_fail(err, KMS_ERR_INVALID, "the store is no PostgreSQL connection URI");
		return kms_hint(
			err, "it is written postgresql://USER@HOST:PORT,HOST:PORT/DATABASE");
	}
	for (PQconninfoOption *o = options; o->keyword; o++)
		if (o->val && strstr(o->keyword, "password")) {
			secret |= strcmp(o->keyword, "passfile") != 0;
			secret_wipe(o->val, strlen(o->val));
		}
	PQconninfoFree(options);
	if (!secret)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID,
		"the store's URI holds a password, but a configuration holds no secret");
	return kms_hint(err, "leave it out, and put it into ~/.pgpass (mode 0600)");
}

static enum kms_status pg_lost(struct pg *conn, struct kms_err *err)
{
	kms_fail(
		err, KMS_ERR_STORE, "the database cannot be reached: %s", PQerrorMessage(conn->db));
	return kms_hint(err, "see that it runs and takes changes, then run 'cardkms doctor', "
			     "which settles what was interrupted");
}

/* Reports a failed result and clears it. */
static enum kms_status pg_fail(struct pg *conn, PGresult *result, struct kms_err *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *name = result ? PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME) : NULL;
	const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	enum kms_status st = KMS_ERR_STORE;

	for (size_t i = 0; state && i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(state, states[i].state) == 0)
			st = states[i].st;
	if (PQstatus(conn->db) != CONNECTION_OK) {
		st = pg_lost(conn, err);
	} else if (st == KMS_ERR_EXISTS) {
		kms_fail(err, st, "there is one already with this %s", name ? name : "?");
	} else if (st == KMS_ERR_NOT_FOUND) {
		kms_fail(err, st, "it refers to something that the store lacks");
	} else if (st == KMS_ERR_BUSY) {
		kms_fail(err, st, "the store is busy: another process held it for %d ms",
			conn->busy_ms);
		kms_hint(err, "try again; nothing was changed");
	} else if (state && strcmp(state, DISK_FULL) == 0) {
		kms_fail(err, st, "the database's disk is full: %s", text ? text : "-");
		kms_hint(err, "make room on its machine, then try again; "
			      "'cardkms doctor' settles what was interrupted");
	} else {
		kms_fail(err, st, "%s", text ? text : PQerrorMessage(conn->db));
	}
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

static void no_notice(void *context, const char *message)
{
	(void)context;
	(void)message;
}

/* ORDER BY on text must be by bytes, as store/db.h says. */
static enum kms_status check_database(struct pg *conn, struct kms_err *err)
{
	PGresult *result = PQexec(conn->db,
		"SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database "
		"WHERE datname = current_database()");
	bool fits;

	if (!good(result))
		return pg_fail(conn, result, err);
	fits = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 1), "UTF8") == 0 &&
	       (strcmp(PQgetvalue(result, 0, 0), "C") == 0 ||
		       strcmp(PQgetvalue(result, 0, 0), "POSIX") == 0);
	PQclear(result);
	if (fits)
		return KMS_OK;
	kms_fail(err, KMS_ERR_STORE,
		"database '%s' does not sort by bytes: its collation must be C, its encoding UTF8",
		PQdb(conn->db));
	return kms_hint(err, "make one with: createdb --template=template0 --locale=C "
			     "--encoding=UTF8 NAME");
}

/* What each connection needs, before anything runs on it. */
static enum kms_status set_up(struct pg *conn, struct kms_err *err)
{
	char sql[320];

	if (PQstatus(conn->db) != CONNECTION_OK)
		return pg_lost(conn, err);
	conn->generation++;
	/* A commit is acknowledged when it is durable; what a server sets beyond `on` stays. */
	snprintf(sql, sizeof(sql),
		"SET lock_timeout = %d; SELECT set_config('synchronous_commit', 'on', false) "
		"WHERE current_setting('synchronous_commit') IN ('off', 'local')",
		conn->busy_ms);
	return pg_exec(conn, sql, err);
}

static enum kms_status pg_open(
	const struct store_options *options, void **ret_conn, struct kms_err *err)
{
	/* What precedes the URI is a default that it can override; what follows is not. */
	const char *const names[] = {"target_session_attrs", "connect_timeout", "application_name",
		"dbname", "client_encoding", NULL};
	const char *const values[] = {options->readonly ? "any" : "read-write", "10", "cardkms",
		options->path, "UTF8", NULL};
	struct pg *conn;
	enum kms_status st = store_url_check(options->path, err);

	if (st)
		return st;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return kms_nomem(err);
	conn->busy_ms = options->busy_ms;
	conn->db = PQconnectdbParams(names, values, 1);
	PQsetNoticeProcessor(conn->db, no_notice, NULL);
	st = set_up(conn, err);
	if (!st)
		st = check_database(conn, err);
	if (st) {
		pg_close(conn);
		return st;
	}
	*ret_conn = conn;
	return KMS_OK;
}

/* While a standby takes over, no host accepts changes: tried again until the time is up. */
static enum kms_status reconnect(struct pg *conn, struct kms_err *err)
{
	const struct timespec pause = {.tv_nsec = 250 * 1000000L};
	const int64_t until = clock_since_start() + RECONNECT_SECONDS;

	for (;;) {
		PQreset(conn->db);
		if (PQstatus(conn->db) == CONNECTION_OK)
			return set_up(conn, err);
		if (clock_since_start() >= until)
			return pg_lost(conn, err);
		nanosleep(&pause, NULL);
	}
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
	/* Its first row comes with the table, in one transaction. */
	if (strcmp(name, "schema_migration") == 0 && PQtransactionStatus(conn->db) == PQTRANS_IDLE)
		conn->has_row = *ret_found;
	return KMS_OK;
}

static enum kms_status pg_clock(void *c, int64_t *ret_now, struct kms_err *err)
{
	struct pg *conn = c;
	PGresult *result = PQexec(
		conn->db, "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT)");

	if (!good(result))
		return pg_fail(conn, result, err);
	*ret_now = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return KMS_OK;
}

static enum kms_status pg_begin(void *c, bool write, struct kms_err *err)
{
	struct pg *conn = c;
	const char *sql = write ? "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
				: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
	PGresult *result = PQexec(conn->db, sql);
	enum kms_status st = KMS_OK;

	if (!good(result) && PQstatus(conn->db) != CONNECTION_OK) {
		PQclear(result);
		st = reconnect(conn, err);
		if (st)
			return st;
		result = PQexec(conn->db, sql);
	}
	if (!good(result))
		return pg_fail(conn, result, err);
	PQclear(result);
	if (write && conn->has_row)
		st = pg_exec(conn,
			"SELECT number FROM schema_migration WHERE number = 1 FOR UPDATE", err);
	if (st)
		PQclear(PQexec(conn->db, "ROLLBACK"));
	return st;
}

/* A server that is asked to commit what has failed answers ROLLBACK, and no error. */
static enum kms_status pg_commit(void *c, struct kms_err *err)
{
	struct pg *conn = c;
	PGresult *result = PQexec(conn->db, "COMMIT");
	bool committed = good(result) && strcmp(PQcmdStatus(result), "COMMIT") == 0;

	if (!good(result)) {
		enum kms_status st = pg_fail(conn, result, err);

		kms_prefix(err, "whether the last change was kept is not known: ");
		return st;
	}
	PQclear(result);
	return committed ? KMS_OK
			 : kms_fail(err, KMS_ERR_STORE, "the database rolled the change back");
}

/*
 * Waits for all that was sent. The server leaves out what comes after the first that fails. A connection that is
 * lost gives no more results, not even that of the end.
 */
static enum kms_status gather(struct pg *conn, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	bool end = false;

	if (!PQpipelineSync(conn->db))
		return pg_lost(conn, err);
	while (!end) {
		PGresult *result = PQgetResult(conn->db);
		ExecStatusType status = PQresultStatus(result);

		end = status == PGRES_PIPELINE_SYNC ||
		      (!result && PQstatus(conn->db) != CONNECTION_OK);
		if (result && !end && !st && status != PGRES_COMMAND_OK)
			st = pg_fail(conn, result, err);
		else
			PQclear(result);
	}
	conn->queued = 0;
	if (!st && PQstatus(conn->db) != CONNECTION_OK)
		st = pg_lost(conn, err);
	return st;
}

static enum kms_status pg_drain(void *c, struct kms_err *err)
{
	struct pg *conn = c;
	enum kms_status st = KMS_OK;

	if (PQpipelineStatus(conn->db) == PQ_PIPELINE_OFF)
		return KMS_OK;
	st = gather(conn, err);
	if (!PQexitPipelineMode(conn->db) && !st)
		st = pg_lost(conn, err);
	return st;
}

static void pg_rollback(void *c)
{
	struct pg *conn = c;
	struct kms_err ignored = {0};

	(void)!pg_drain(conn, &ignored);
	PQclear(PQexec(conn->db, "ROLLBACK"));
}

static enum kms_status prepare_now(struct pg_stmt *stmt, struct kms_err *err)
{
	PGresult *result = PQprepare(stmt->conn->db, stmt->name, stmt->sql, 0, NULL);

	if (!good(result))
		return pg_fail(stmt->conn, result, err);
	PQclear(result);
	stmt->generation = stmt->conn->generation;
	return KMS_OK;
}

/* sql is a text of store/sql.c, which outlives the connection. */
static enum kms_status pg_prepare(void *c, const char *sql, void **ret_stmt, struct kms_err *err)
{
	struct pg *conn = c;
	struct pg_stmt *stmt = calloc(1, sizeof(*stmt));
	enum kms_status st;

	if (!stmt)
		return kms_nomem(err);
	stmt->conn = conn;
	stmt->sql = sql;
	snprintf(stmt->name, sizeof(stmt->name), "s%d", conn->prepared++);
	st = prepare_now(stmt, err);
	if (st) {
		free(stmt);
		return st;
	}
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
		enum kms_status st = KMS_OK;
		PGresult *result;

		if (stmt->generation != stmt->conn->generation)
			st = prepare_now(stmt, err);
		if (st)
			return st;
		result = PQexecPrepared(
			stmt->conn->db, stmt->name, stmt->count, stmt->values, NULL, NULL, 0);
		if (!good(result))
			return pg_fail(stmt->conn, result, err);
		stmt->result = result;
		stmt->row = 0;
	}
	*ret_row = stmt->row < PQntuples(stmt->result);
	return KMS_OK;
}

static enum kms_status pg_queue(void *p, struct kms_err *err)
{
	struct pg_stmt *stmt = p;
	struct pg *conn = stmt->conn;

	if (!PQenterPipelineMode(conn->db) || !PQsendQueryPrepared(conn->db, stmt->name,
						      stmt->count, stmt->values, NULL, NULL, 0))
		return pg_lost(conn, err);
	return ++conn->queued < QUEUE_MAX ? KMS_OK : gather(conn, err);
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

#define HOLD_ROW "SELECT number FROM schema_migration WHERE number = 2"

/* A row lock cannot be lowered, but what was locked after a savepoint is given up with it. */
static enum kms_status pg_share(void *hold, struct kms_err *err)
{
	return pg_exec(hold, "ROLLBACK TO SAVEPOINT free; " HOLD_ROW " FOR SHARE", err);
}

static enum kms_status hold_row(struct pg *conn, bool shared, bool *io_alone, struct kms_err *err)
{
	enum kms_status st = pg_exec(
		conn, "SET idle_in_transaction_session_timeout = 0; BEGIN; SAVEPOINT free", err);

	if (st)
		return st;
	if (!shared)
		return pg_exec(conn, HOLD_ROW " FOR UPDATE", err);
	if (*io_alone) {
		st = pg_exec(conn, HOLD_ROW " FOR UPDATE NOWAIT", err);
		if (st != KMS_ERR_BUSY)
			return st;
		kms_err_clear(err);
		*io_alone = false;
	}
	return pg_share(conn, err);
}

/* Ends with its connection, as a flock does with its process: a row that is locked by a transaction
 * which does nothing else. */
static enum kms_status pg_hold(const char *path, bool shared, int wait_ms, bool *io_alone,
	void **ret_hold, struct kms_err *err)
{
	const struct store_options options = {.path = path, .busy_ms = wait_ms ? wait_ms : 1};
	void *conn = NULL;
	enum kms_status st = pg_open(&options, &conn, err);

	if (!st)
		st = hold_row(conn, shared, io_alone, err);
	if (st && conn)
		pg_close(conn);
	if (st == KMS_ERR_BUSY) {
		kms_fail(err, st, "another operation on this site is running, on another machine");
		return kms_hint(
			err, "try again when it is done; the lock ends with its connection");
	}
	if (!st)
		*ret_hold = conn;
	return st;
}

const struct store_backend store_postgres = {
	.name = "PostgreSQL",
	.splits = true,
	.open = pg_open,
	.close = pg_close,
	.exec = pg_exec,
	.clock = pg_clock,
	.has_table = pg_has_table,
	.begin = pg_begin,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.hold = pg_hold,
	.share = pg_share,
	.unhold = pg_close,
	.prepare = pg_prepare,
	.finalize = pg_finalize,
	.bind_text = pg_bind_text,
	.bind_int = pg_bind_int,
	.step = pg_step,
	.queue = pg_queue,
	.drain = pg_drain,
	.reset = pg_reset,
	.changes = pg_changes,
	.columns = pg_columns,
	.type = pg_type,
	.get_int = pg_get_int,
	.get_text = pg_get_text,
};
