/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both databases were made by the same migrations, so the columns of a table stand in the same order in
 * both. A table's digest is the sum of its rows' SHA-256: it does not depend on the order in which a
 * database gives rows.
 */
#include "store/copy.h"

#include "base/buf.h"
#include "base/hash.h"
#include "store/db.h"

#include <stdio.h>
#include <string.h>

enum { FETCH_ROWS = 2000, SQL_MAX = 1024 };

const char *const store_tables[] = {"site_meta", "counter", "token_caps", "officer", "partner",
	"operation", "ceremony", "custodian", "keyset", "key_object", "exchange_doc", "audit_entry",
	"audit_node", "audit_checkpoint", "card", "card_domain", "card_change", "card_event", "hsm",
	"key_copy", "backup", "backup_key", "former_identity", "meeting", "custody", "leaver",
	"quorum", "quorum_member", "officer_key", "sealed_pin", "void_sheet", "approval",
	"card_issue", "batch", "batch_card", "shipment", "shipment_card", NULL};

struct digest {
	unsigned char sum[HASH_SIZE];
	int64_t rows;
};

/* Modulo 2^256. */
static void add(struct digest *d, const unsigned char hash[HASH_SIZE])
{
	unsigned carry = 0;

	for (size_t i = HASH_SIZE; i-- > 0;) {
		carry += d->sum[i] + hash[i];
		d->sum[i] = (unsigned char)carry;
		carry >>= 8;
	}
	d->rows++;
}

/* Type, length and bytes of each column: no two rows look the same. */
static enum kms_status add_row(
	struct digest *d, const struct store_backend *backend, void *stmt, struct kms_err *err)
{
	BUF_AUTO struct buf row = {0};
	unsigned char hash[HASH_SIZE];
	enum kms_status st = KMS_OK;
	int count = backend->columns(stmt);

	for (int i = 0; !st && i < count; i++) {
		enum store_type type = backend->type(stmt, i);
		size_t len = 0;
		const char *text;

		if (type == STORE_TYPE_NULL) {
			st = buf_puts(&row, "-", err);
		} else if (type == STORE_TYPE_INT) {
			st = buf_printf(&row, err, "i%lld;", (long long)backend->get_int(stmt, i));
		} else if (type == STORE_TYPE_TEXT) {
			text = backend->get_text(stmt, i, &len);
			st = buf_printf(&row, err, "t%zu:", len);
			if (!st)
				st = buf_append(&row, text, len, err);
		} else {
			st = kms_fail(
				err, KMS_ERR_STORE, "column %d is neither text nor number", i);
		}
	}
	if (!st)
		st = hash_sha256(row.data, row.len, hash, err);
	if (!st)
		add(d, hash);
	return st;
}

static enum kms_status prepare(
	struct store *s, const char *sql, void **ret_stmt, struct kms_err *err)
{
	return s->backend->prepare(s->conn, sql, ret_stmt, err);
}

/* ---- one table ---- */

static enum kms_status insert_row(
	struct store *from, void *row, struct store *to, void *insert, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	int count = from->backend->columns(row);
	bool more;

	for (int i = 0; !st && i < count; i++) {
		enum store_type type = from->backend->type(row, i);
		size_t len;

		if (type == STORE_TYPE_INT)
			st = to->backend->bind_int(
				insert, i + 1, from->backend->get_int(row, i), err);
		else
			st = to->backend->bind_text(insert, i + 1,
				type == STORE_TYPE_NULL ? NULL
							: from->backend->get_text(row, i, &len),
				err);
	}
	if (!st)
		st = to->backend->queue ? to->backend->queue(insert, err)
					: to->backend->step(insert, &more, err);
	to->backend->reset(insert);
	return st;
}

static void insert_text(const char *table, int columns, char sql[SQL_MAX])
{
	size_t len = (size_t)snprintf(sql, SQL_MAX, "INSERT INTO %s VALUES (", table);

	for (int i = 1; i <= columns && len < SQL_MAX; i++)
		len += (size_t)snprintf(sql + len, SQL_MAX - len, "%s$%d", i > 1 ? ", " : "", i);
	if (len < SQL_MAX)
		snprintf(sql + len, SQL_MAX - len, ")");
}

/* to NULL: only the digest. */
static enum kms_status walk(struct store *from, void *select, const char *table, struct store *to,
	void **insert, struct digest *d, int64_t *ret_rows, struct kms_err *err)
{
	char sql[SQL_MAX];
	bool more = true;
	enum kms_status st = KMS_OK;

	for (*ret_rows = 0; !st; (*ret_rows)++) {
		st = from->backend->step(select, &more, err);
		if (st || !more)
			break;
		if (to && !*insert) {
			insert_text(table, from->backend->columns(select), sql);
			st = prepare(to, sql, insert, err);
		}
		if (!st)
			st = add_row(d, from->backend, select, err);
		if (!st && to)
			st = insert_row(from, select, to, *insert, err);
	}
	from->backend->reset(select);
	return st;
}

static enum kms_status copy_table(struct store *from, const char *table, struct store *to,
	struct digest *ret_digest, struct kms_err *err)
{
	char sql[SQL_MAX];
	void *select = NULL, *insert = NULL;
	int64_t rows;
	enum kms_status st;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s", table);
	st = prepare(from, sql, &select, err);
	if (!st)
		st = walk(from, select, table, to, &insert, ret_digest, &rows, err);
	if (!st && to->backend->drain)
		st = to->backend->drain(to->conn, err);
	if (select)
		from->backend->finalize(select);
	if (insert)
		to->backend->finalize(insert);
	return st;
}

/* By a cursor, since a backend may fetch a whole result at once. */
static enum kms_status read_back(
	struct store *s, const char *table, struct digest *ret_digest, struct kms_err *err)
{
	char declare[SQL_MAX], fetch[SQL_MAX], shut[SQL_MAX];
	void *stmt = NULL;
	int64_t rows = FETCH_ROWS;
	enum kms_status st;

	snprintf(declare, sizeof(declare), "DECLARE read_%s CURSOR FOR SELECT * FROM %s", table,
		table);
	snprintf(fetch, sizeof(fetch), "FETCH %d FROM read_%s", FETCH_ROWS, table);
	snprintf(shut, sizeof(shut), "CLOSE read_%s", table);
	st = s->backend->exec(s->conn, declare, err);
	if (!st)
		st = prepare(s, fetch, &stmt, err);
	while (!st && rows == FETCH_ROWS)
		st = walk(s, stmt, table, NULL, NULL, ret_digest, &rows, err);
	if (stmt)
		s->backend->finalize(stmt);
	return st ? st : s->backend->exec(s->conn, shut, err);
}

static enum kms_status same(const char *table, const struct digest *one, const struct digest *other,
	struct kms_err *err)
{
	if (one->rows == other->rows && memcmp(one->sum, other->sum, HASH_SIZE) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"table %s: %lld rows were written, and %lld read back differ", table,
		(long long)one->rows, (long long)other->rows);
}

/* ---- all ---- */

static enum kms_status must_be_empty(struct store *s, const char *table, struct kms_err *err)
{
	char sql[SQL_MAX];
	void *stmt = NULL;
	bool row = false;
	enum kms_status st;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s LIMIT 1", table);
	st = prepare(s, sql, &stmt, err);
	if (!st)
		st = s->backend->step(stmt, &row, err);
	if (stmt)
		s->backend->finalize(stmt);
	if (st || !row)
		return st;
	kms_fail(err, KMS_ERR_EXISTS, "the database holds a registry already (table %s)", table);
	return kms_hint(err, "name an empty one, or make this one anew");
}

static enum kms_status copy_all(
	struct store *from, struct store *to, struct store_copied *c, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (const char *const *table = store_tables; !st && *table; table++)
		st = must_be_empty(to, *table, err);
	for (const char *const *table = store_tables; !st && *table; table++) {
		struct digest ours = {0}, theirs = {0};

		st = copy_table(from, *table, to, &ours, err);
		if (!st)
			st = read_back(to, *table, &theirs, err);
		if (!st)
			st = same(*table, &ours, &theirs, err);
		c->tables++;
		c->rows += ours.rows;
	}
	return st;
}

enum kms_status store_copy(
	struct store *from, struct store *to, struct store_copied *ret_copied, struct kms_err *err)
{
	struct store_copied c = {0};
	enum kms_status st = store_begin_read(from, err);

	if (st)
		return st;
	st = store_begin(to, err);
	if (!st)
		st = store_end(to, copy_all(from, to, &c, err), err);
	store_rollback(from);
	if (!st)
		*ret_copied = c;
	return st;
}
