/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection interface that a database backend implements. Only store/store.c and
 * store/query.c call it.
 *
 * Rules for all SQL, so that one text serves SQLite and PostgreSQL
 * - Parameters are $1, $2, …, each used at least once, and where the context does not give the type
 *   (`$1 IS NULL`), cast: CAST($1 AS TEXT), CAST($2 AS BIGINT).
 * - Columns are TEXT or BIGINT; bytes are upper-case hex in TEXT. So no type name needs a mapping.
 * - No AUTOINCREMENT, SERIAL, sequence, rowid, LISTEN or advisory lock: a sharded PostgreSQL must
 *   do. Ids come from the caller; numbers from table `counter`.
 * - ON CONFLICT … DO UPDATE, RETURNING and partial indexes mean the same in both.
 * - ORDER BY on text is by bytes: a PostgreSQL database is made with LC_COLLATE "C".
 *
 * A connection runs one statement at a time: store/query.c resets each before it starts another, so
 * a backend may fetch the whole result at the first step.
 *
 * A backend reports through err and these codes: KMS_ERR_EXISTS (unique violation), KMS_ERR_NOT_FOUND
 * (foreign key violation), KMS_ERR_INVALID (check or not-null violation), KMS_ERR_BUSY,
 * KMS_ERR_NOMEM, and KMS_ERR_STORE for the rest; native is its own name of the failure.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "store/sql.h"
#include "store/store.h"

enum store_type { STORE_TYPE_NULL, STORE_TYPE_INT, STORE_TYPE_TEXT, STORE_TYPE_OTHER };

struct store_backend {
	const char *name;
	bool splits; /* has tables that are split by a hash: migrations may have a text for it */

	KMS_CHECKED enum kms_status (*open)(
		const struct store_options *options, void **ret_conn, struct kms_err *err);
	void (*close)(void *conn);

	/* Runs statements separated by semicolons, without parameters or results. */
	KMS_CHECKED enum kms_status (*exec)(void *conn, const char *sql, struct kms_err *err);
	/* The time where the data are, seconds of UTC: what all who work on them agree on. NULL: all of
	 * them are on this machine, and have its clock. */
	KMS_CHECKED enum kms_status (*clock)(void *conn, int64_t *ret_now, struct kms_err *err);
	KMS_CHECKED enum kms_status (*has_table)(
		void *conn, const char *name, bool *ret_found, struct kms_err *err);

	/* write: takes the write lock now, if the database has one; any wait for a lock in the
	 * transaction is no longer than busy_ms. Not write: one view for all reads. */
	KMS_CHECKED enum kms_status (*begin)(void *conn, bool write, struct kms_err *err);
	KMS_CHECKED enum kms_status (*commit)(void *conn, struct kms_err *err);
	/* Also when the database has already rolled back by itself. */
	void (*rollback)(void *conn);

	/* The site's lock where the lock file keeps out one machine only; all three NULL where it
	 * does. *io_alone: whether it may be taken alone, and was. */
	KMS_CHECKED enum kms_status (*hold)(const char *path, bool shared, int wait_ms,
		bool *io_alone, void **ret_hold, struct kms_err *err);
	KMS_CHECKED enum kms_status (*share)(void *hold, struct kms_err *err);
	void (*unhold)(void *hold);

	KMS_CHECKED enum kms_status (*prepare)(
		void *conn, const char *sql, void **ret_stmt, struct kms_err *err);
	void (*finalize)(void *stmt);

	/* index is the number in $1, $2, …. The text stays the caller's until reset; NULL is NULL. */
	KMS_CHECKED enum kms_status (*bind_text)(
		void *stmt, int index, const char *text, struct kms_err *err);
	KMS_CHECKED enum kms_status (*bind_int)(
		void *stmt, int index, int64_t value, struct kms_err *err);

	KMS_CHECKED enum kms_status (*step)(void *stmt, bool *ret_row, struct kms_err *err);
	/*
	 * For many changes of which none needs its answer: runs the statement without waiting. What goes
	 * wrong is said by a later one, or by drain, which waits for all; nothing else may be run before
	 * that, but rollback. Both NULL where there is nothing to wait for.
	 */
	KMS_CHECKED enum kms_status (*queue)(void *stmt, struct kms_err *err);
	KMS_CHECKED enum kms_status (*drain)(void *conn, struct kms_err *err);
	/* Ends the run and forgets what was bound. */
	void (*reset)(void *stmt);
	/* Rows that the last run changed. */
	int64_t (*changes)(void *stmt);

	/* Columns of the current row count from 0. Texts are valid until the next step or reset. */
	int (*columns)(void *stmt);
	enum store_type (*type)(void *stmt, int column);
	int64_t (*get_int)(void *stmt, int column);
	const char *(*get_text)(void *stmt, int column, size_t *ret_len);
};

extern const struct store_backend store_sqlite;
extern const struct store_backend store_postgres;

enum store_tx { STORE_TX_NONE, STORE_TX_READ, STORE_TX_WRITE };

struct store {
	const struct store_backend *backend;
	void *conn;
	char *path; /* for messages */
	bool readonly;
	int schema;
	enum store_tx tx;
	bool doomed;		      /* something failed: the transaction can't commit */
	void *stmts[STORE_SQL_COUNT]; /* prepared when first used */
};

#endif
