/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/file.h"
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* In the header of every database of ours (PRAGMA application_id): "CKMS". */
enum { APPLICATION_ID = 0x434B4D53 };

struct sqlite {
	sqlite3 *db;
	char *path;
	int busy_ms;
};

struct statement {
	struct sqlite *conn;
	sqlite3_stmt *stmt;
	int64_t changes;
};

static const struct {
	int code;
	const char *name;
} code_names[] = {
	{SQLITE_ERROR, "SQLITE_ERROR"},
	{SQLITE_BUSY, "SQLITE_BUSY"},
	{SQLITE_LOCKED, "SQLITE_LOCKED"},
	{SQLITE_READONLY, "SQLITE_READONLY"},
	{SQLITE_IOERR, "SQLITE_IOERR"},
	{SQLITE_CORRUPT, "SQLITE_CORRUPT"},
	{SQLITE_FULL, "SQLITE_FULL"},
	{SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
	{SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
	{SQLITE_NOTADB, "SQLITE_NOTADB"},
	{SQLITE_PERM, "SQLITE_PERM"},
	{SQLITE_PROTOCOL, "SQLITE_PROTOCOL"},
};

static void name_code(struct kms_err *err, int code)
{
	for (size_t i = 0; i < sizeof(code_names) / sizeof(code_names[0]); i++)
		if (code_names[i].code == (code & 0xFF)) {
			kms_native(err, "%s", code_names[i].name);
			return;
		}
	kms_native(err, "SQLITE %d", code);
}

static enum kms_status fail_readonly(const char *path, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_STORE, "store '%s' is read-only: it cannot be written", path);
	kms_hint(err, "check the rights on the file and its folder, and whether the file "
		      "system is mounted read-only");
	return KMS_ERR_STORE;
}

static enum kms_status fail_full(const char *path, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_STORE, "store '%s' cannot be written: disk full", path);
	kms_hint(err, "make room, then try again; nothing was changed");
	return KMS_ERR_STORE;
}

static enum kms_status fail_damaged(const char *path, const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_STORE, "store '%s' is damaged: %s", path, why);
	kms_hint(err, "keep the file as it is and restore the store from a backup");
	return KMS_ERR_STORE;
}

/* "UNIQUE constraint failed: key_object.label" names the columns after the colon. */
static enum kms_status fail_constraint(
	const struct sqlite *conn, int code, const char *message, struct kms_err *err)
{
	const char *colon = strstr(message, ": ");
	const char *what = colon ? colon + 2 : message;

	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return kms_fail(err, KMS_ERR_EXISTS, "there is one already with this %s", what);
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"it refers to something that store '%s' lacks", conn->path);
	default:
		return kms_fail(err, KMS_ERR_INVALID, "the schema does not allow it: %s", what);
	}
}

static enum kms_status fail_io(const struct sqlite *conn, struct kms_err *err)
{
	int number = sqlite3_system_errno(conn->db);

	if (number == ENOSPC || number == EDQUOT)
		return fail_full(conn->path, err);
	if (number == EROFS)
		return fail_readonly(conn->path, err);
	kms_fail(err, KMS_ERR_STORE, "store '%s': reading or writing failed: %s", conn->path,
		number ? strerror(number) : sqlite3_errmsg(conn->db));
	kms_hint(err, "look at the machine's log for disk errors");
	return KMS_ERR_STORE;
}

static enum kms_status fail_open(const struct sqlite *conn, struct kms_err *err)
{
	int number = sqlite3_system_errno(conn->db);

	if (number == EROFS)
		return fail_readonly(conn->path, err);
	kms_fail(err, KMS_ERR_STORE, "store '%s' cannot be opened: %s", conn->path,
		number ? strerror(number) : sqlite3_errmsg(conn->db));
	kms_hint(err, "check the rights on the file and its folder");
	return KMS_ERR_STORE;
}

static enum kms_status fail_locked(const struct sqlite *conn, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_BUSY, "store '%s' is locked by another process", conn->path);
	kms_hint(err, "try again when it is done; 'fuser %s' names it", conn->path);
	return KMS_ERR_BUSY;
}

static enum kms_status classify(
	const struct sqlite *conn, int code, const char *message, struct kms_err *err)
{
	switch (code & 0xFF) {
	case SQLITE_NOMEM:
		return kms_nomem(err);
	case SQLITE_CONSTRAINT:
		return fail_constraint(conn, code, message, err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail_locked(conn, err);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return fail_readonly(conn->path, err);
	case SQLITE_FULL:
		return fail_full(conn->path, err);
	case SQLITE_CANTOPEN:
		return fail_open(conn, err);
	case SQLITE_IOERR:
		return fail_io(conn, err);
	case SQLITE_CORRUPT:
		return fail_damaged(conn->path, message, err);
	case SQLITE_NOTADB:
		return fail_damaged(conn->path, "it is no SQLite database", err);
	default:
		return kms_fail(err, KMS_ERR_STORE, "store '%s': %s", conn->path, message);
	}
}

static enum kms_status fail(const struct sqlite *conn, struct kms_err *err)
{
	int code = sqlite3_extended_errcode(conn->db);
	enum kms_status st = classify(conn, code, sqlite3_errmsg(conn->db), err);

	name_code(err, code);
	return st;
}

static enum kms_status sqlite_exec(void *c, const char *sql, struct kms_err *err)
{
	struct sqlite *conn = c;

	return sqlite3_exec(conn->db, sql, NULL, NULL, NULL) == SQLITE_OK ? KMS_OK
									  : fail(conn, err);
}

/* The first value of the first row as text; *ret_text is "" if there is none. */
static enum kms_status ask(
	struct sqlite *conn, const char *sql, char *ret_text, size_t size, struct kms_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *text;
	int rc;

	if (sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return fail(conn, err);
	rc = sqlite3_step(stmt);
	text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		snprintf(ret_text, size, "%s", text ? text : "");
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? KMS_OK : fail(conn, err);
}

static void sqlite_close(void *c)
{
	struct sqlite *conn = c;

	if (!conn)
		return;
	sqlite3_close(conn->db);
	free(conn->path);
	free(conn);
}

static void close_auto(struct sqlite **conn)
{
	sqlite_close(*conn);
}

/* Makes the file, so that SQLite's own umask-given mode never applies, and its name durable. */
static enum kms_status create_file(const char *path, struct kms_err *err)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return KMS_OK;
	if (fd < 0 && errno == EROFS)
		return fail_readonly(path, err);
	if (fd < 0 && errno == ENOSPC)
		return fail_full(path, err);
	if (fd < 0)
		return kms_fail(err, KMS_ERR_STORE, "store '%s' cannot be created: %s", path,
			strerror(errno));
	close(fd);
	return file_sync_folder(path, err);
}

static enum kms_status check_file(const struct store_options *o, struct kms_err *err)
{
	struct stat info;

	if (o->create)
		return create_file(o->path, err);
	if (stat(o->path, &info) == 0)
		return KMS_OK;
	if (errno != ENOENT)
		return kms_fail(err, KMS_ERR_STORE, "store '%s' cannot be opened: %s", o->path,
			strerror(errno));
	kms_fail(err, KMS_ERR_NOT_FOUND, "there is no store '%s'", o->path);
	kms_hint(err, "name the folder of a site with -s; 'cardkms site init' makes one");
	return KMS_ERR_NOT_FOUND;
}

/* "file:" URI with the characters escaped that mean something in one. */
static enum kms_status uri(
	const char *path, const char *query, struct buf *ret, struct kms_err *err)
{
	enum kms_status st = buf_puts(ret, "file:", err);

	for (const char *p = path; *p && !st; p++)
		st = strchr("%?#", *p) ? buf_printf(ret, err, "%%%02X", (unsigned char)*p)
				       : buf_append(ret, p, 1, err);
	return st ? st : buf_puts(ret, query, err);
}

/* Opens conn->db, closing what was open before. */
static enum kms_status open_db(
	struct sqlite *conn, int flags, const char *query, struct kms_err *err)
{
	BUF_AUTO struct buf name = {0};
	enum kms_status st;

	st = uri(conn->path, query, &name, err);
	if (st)
		return st;
	sqlite3_close(conn->db);
	conn->db = NULL;
	flags |= SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	if (sqlite3_open_v2(buf_text(&name), &conn->db, flags, NULL) != SQLITE_OK)
		return conn->db ? fail(conn, err) : kms_nomem(err);
	sqlite3_busy_timeout(conn->db, conn->busy_ms);
	return KMS_OK;
}

static bool has_journal(const char *path)
{
	FREE_AUTO char *wal = NULL;
	struct stat info;

	if (asprintf(&wal, "%s-wal", path) < 0) {
		wal = NULL;
		return true;
	}
	return stat(wal, &info) == 0 && info.st_size > 0;
}

static bool on_readonly_medium(const char *path)
{
	struct statvfs info;

	return statvfs(path, &info) == 0 && (info.f_flag & ST_RDONLY);
}

/* After a failure to read a database that is itself readable. */
static bool lacks_shared_memory(const struct sqlite *conn)
{
	int code = sqlite3_errcode(conn->db) & 0xFF;

	return (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) &&
	       access(conn->path, R_OK) == 0;
}

/*
 * SQLite reads a WAL database through a shared-memory file beside it, which cannot be made on a
 * read-only medium. There nobody writes either: with no journal left over, the database file alone
 * is complete. Where only this user may not write, others may: then it stays an error.
 */
static enum kms_status open_readonly(struct sqlite *conn, struct kms_err *err)
{
	char text[32];
	enum kms_status st;

	st = open_db(conn, SQLITE_OPEN_READONLY, "", err);
	if (!st)
		st = ask(conn, "PRAGMA schema_version", text, sizeof(text), err);
	if (!st || !conn->db || !lacks_shared_memory(conn))
		return st;
	if (!on_readonly_medium(conn->path)) {
		kms_fail(err, KMS_ERR_STORE,
			"store '%s' cannot be read: this user may not make '%s-shm' beside it",
			conn->path, conn->path);
		kms_hint(err, "work as the user that owns the site, or on a copy of its folder");
		return KMS_ERR_STORE;
	}
	if (has_journal(conn->path)) {
		kms_fail(err, KMS_ERR_STORE,
			"store '%s' cannot be read: the changes in '%s-wal' must be taken in first",
			conn->path, conn->path);
		kms_hint(err, "copy the folder to where it can be written and read it there");
		return KMS_ERR_STORE;
	}
	return open_db(conn, SQLITE_OPEN_READONLY, "?immutable=1", err);
}

static enum kms_status configure(struct sqlite *conn, struct kms_err *err)
{
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return sqlite_exec(conn,
		"PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON",
		err);
}

/* Refuses databases of other programs; marks an empty one as ours. */
static enum kms_status check_owner(struct sqlite *conn, bool readonly, struct kms_err *err)
{
	char id[32], tables[32], pragma[64];
	enum kms_status st;

	st = ask(conn, "PRAGMA application_id", id, sizeof(id), err);
	if (!st)
		st = ask(conn, "SELECT COUNT(*) FROM sqlite_master", tables, sizeof(tables), err);
	if (st || atol(id) == APPLICATION_ID)
		return st;
	if (atol(id) != 0 || strcmp(tables, "0") != 0 || readonly)
		return kms_fail(err, KMS_ERR_STORE,
			"'%s' is no cardkms store, but a database of another program", conn->path);
	snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d", APPLICATION_ID);
	return sqlite_exec(conn, pragma, err);
}

static enum kms_status use_wal(struct sqlite *conn, struct kms_err *err)
{
	char mode[32];
	enum kms_status st;

	st = ask(conn, "PRAGMA journal_mode = WAL", mode, sizeof(mode), err);
	if (st || strcmp(mode, "wal") == 0)
		return st;
	kms_fail(err, KMS_ERR_STORE, "store '%s': its file system cannot do write-ahead logging",
		conn->path);
	kms_hint(err, "put the site on a local file system");
	return KMS_ERR_STORE;
}

static enum kms_status sqlite_open(
	const struct store_options *o, void **ret_conn, struct kms_err *err)
{
	__attribute__((cleanup(close_auto))) struct sqlite *conn = calloc(1, sizeof(*conn));
	enum kms_status st;

	if (!conn)
		return kms_nomem(err);
	conn->busy_ms = o->busy_ms;
	conn->path = strdup(o->path);
	if (!conn->path)
		return kms_nomem(err);
	st = check_file(o, err);
	if (!st)
		st = o->readonly ? open_readonly(conn, err)
				 : open_db(conn, SQLITE_OPEN_READWRITE, "", err);
	if (!st && !o->readonly && sqlite3_db_readonly(conn->db, "main") == 1)
		st = fail_readonly(conn->path, err);
	if (!st)
		st = configure(conn, err);
	if (!st)
		st = check_owner(conn, o->readonly, err);
	if (!st && !o->readonly)
		st = use_wal(conn, err);
	if (st)
		return st;
	*ret_conn = conn;
	conn = NULL;
	return KMS_OK;
}

static enum kms_status sqlite_has_table(
	void *c, const char *name, bool *ret_found, struct kms_err *err)
{
	struct sqlite *conn = c;
	FREE_AUTO char *sql = NULL;
	char count[32];
	enum kms_status st;

	if (asprintf(&sql,
		    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '%s'",
		    name) < 0) {
		sql = NULL;
		return kms_nomem(err);
	}
	st = ask(conn, sql, count, sizeof(count), err);
	if (!st)
		*ret_found = strcmp(count, "0") != 0;
	return st;
}

static enum kms_status sqlite_begin(void *c, bool write, struct kms_err *err)
{
	return sqlite_exec(c, write ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

static enum kms_status sqlite_commit(void *c, struct kms_err *err)
{
	return sqlite_exec(c, "COMMIT", err);
}

static void sqlite_rollback(void *c)
{
	struct sqlite *conn = c;

	if (!sqlite3_get_autocommit(conn->db))
		sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
}

static enum kms_status sqlite_prepare(
	void *c, const char *sql, void **ret_stmt, struct kms_err *err)
{
	struct sqlite *conn = c;
	struct statement *stmt = calloc(1, sizeof(*stmt));

	if (!stmt)
		return kms_nomem(err);
	stmt->conn = conn;
	if (sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->stmt, NULL) !=
		SQLITE_OK) {
		free(stmt);
		return fail(conn, err);
	}
	*ret_stmt = stmt;
	return KMS_OK;
}

static void sqlite_finalize(void *p)
{
	struct statement *stmt = p;

	sqlite3_finalize(stmt->stmt);
	free(stmt);
}

/* SQLite numbers $1, $2, … by first appearance in the text: only their names say which is which. */
static int position(const struct statement *stmt, int index)
{
	char name[16];

	snprintf(name, sizeof(name), "$%d", index);
	return sqlite3_bind_parameter_index(stmt->stmt, name);
}

static enum kms_status sqlite_bind_text(void *p, int index, const char *text, struct kms_err *err)
{
	struct statement *stmt = p;
	int rc =
		text ? sqlite3_bind_text(stmt->stmt, position(stmt, index), text, -1, SQLITE_STATIC)
		     : sqlite3_bind_null(stmt->stmt, position(stmt, index));

	return rc == SQLITE_OK ? KMS_OK : fail(stmt->conn, err);
}

static enum kms_status sqlite_bind_int(void *p, int index, int64_t value, struct kms_err *err)
{
	struct statement *stmt = p;

	return sqlite3_bind_int64(stmt->stmt, position(stmt, index), value) == SQLITE_OK
		       ? KMS_OK
		       : fail(stmt->conn, err);
}

static enum kms_status sqlite_step(void *p, bool *ret_row, struct kms_err *err)
{
	struct statement *stmt = p;
	int rc = sqlite3_step(stmt->stmt);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(stmt->conn, err);
	stmt->changes = sqlite3_changes64(stmt->conn->db);
	*ret_row = rc == SQLITE_ROW;
	return KMS_OK;
}

static void sqlite_reset(void *p)
{
	struct statement *stmt = p;

	sqlite3_reset(stmt->stmt);
	sqlite3_clear_bindings(stmt->stmt);
}

static int64_t sqlite_changes(void *p)
{
	return ((struct statement *)p)->changes;
}

static int sqlite_columns(void *p)
{
	return sqlite3_column_count(((struct statement *)p)->stmt);
}

static enum store_type sqlite_type(void *p, int column)
{
	switch (sqlite3_column_type(((struct statement *)p)->stmt, column)) {
	case SQLITE_NULL:
		return STORE_TYPE_NULL;
	case SQLITE_INTEGER:
		return STORE_TYPE_INT;
	case SQLITE_TEXT:
		return STORE_TYPE_TEXT;
	default:
		return STORE_TYPE_OTHER;
	}
}

static int64_t sqlite_get_int(void *p, int column)
{
	return sqlite3_column_int64(((struct statement *)p)->stmt, column);
}

static const char *sqlite_get_text(void *p, int column, size_t *ret_len)
{
	sqlite3_stmt *stmt = ((struct statement *)p)->stmt;
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	*ret_len = (size_t)sqlite3_column_bytes(stmt, column);
	return text;
}

const struct store_backend store_sqlite = {
	.name = "SQLite",
	.open = sqlite_open,
	.close = sqlite_close,
	.exec = sqlite_exec,
	.has_table = sqlite_has_table,
	.begin = sqlite_begin,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.prepare = sqlite_prepare,
	.finalize = sqlite_finalize,
	.bind_text = sqlite_bind_text,
	.bind_int = sqlite_bind_int,
	.step = sqlite_step,
	.reset = sqlite_reset,
	.changes = sqlite_changes,
	.columns = sqlite_columns,
	.type = sqlite_type,
	.get_int = sqlite_get_int,
	.get_text = sqlite_get_text,
};
