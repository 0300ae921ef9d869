/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/hex.h"
#include "store/db.h"
#include "store/migration.h"
#include "store/query.h"

#include <stdlib.h>
#include <string.h>

int store_schema(const struct store *s)
{
	return s->schema;
}

int store_schema_newest(void)
{
	return (int)store_migration_count;
}

bool store_in_transaction(const struct store *s)
{
	return s->tx != STORE_TX_NONE;
}

static enum kms_status begin(struct store *s, enum store_tx tx, struct kms_err *err)
{
	enum kms_status st;

	if (s->tx != STORE_TX_NONE)
		return store_doom(s, kms_fail(err, KMS_ERR_INTERNAL,
					     "store '%s': a transaction is open already", s->path));
	if (tx == STORE_TX_WRITE && s->readonly)
		return kms_fail(
			err, KMS_ERR_INTERNAL, "store '%s' was opened only to read it", s->path);
	st = s->backend->begin(s->conn, tx == STORE_TX_WRITE, err);
	if (st)
		return st;
	s->tx = tx;
	s->doomed = false;
	return KMS_OK;
}

enum kms_status store_begin(struct store *s, struct kms_err *err)
{
	return begin(s, STORE_TX_WRITE, err);
}

enum kms_status store_begin_read(struct store *s, struct kms_err *err)
{
	return begin(s, STORE_TX_READ, err);
}

enum kms_status store_clock(struct store *s, int64_t *ret_now, struct kms_err *err)
{
	if (s->backend->clock)
		return s->backend->clock(s->conn, ret_now, err);
	*ret_now = clock_now();
	return KMS_OK;
}

bool store_has_clock(const struct store *s)
{
	return s->backend->clock != NULL;
}

void store_rollback(struct store *s)
{
	if (s->tx == STORE_TX_NONE)
		return;
	s->backend->rollback(s->conn);
	s->tx = STORE_TX_NONE;
	s->doomed = false;
}

enum kms_status store_commit(struct store *s, struct kms_err *err)
{
	enum kms_status st;

	if (s->tx == STORE_TX_NONE)
		return kms_fail(
			err, KMS_ERR_INTERNAL, "store '%s': no transaction is open", s->path);
	if (s->doomed) {
		store_rollback(s);
		return kms_fail(err, KMS_ERR_INTERNAL,
			"store '%s': a step of this transaction failed; it was rolled back",
			s->path);
	}
	st = s->backend->commit(s->conn, err);
	if (st) {
		store_rollback(s);
		return st;
	}
	s->tx = STORE_TX_NONE;
	return KMS_OK;
}

enum kms_status store_end(struct store *s, enum kms_status st, struct kms_err *err)
{
	if (!st)
		return store_commit(s, err);
	store_rollback(s);
	return st;
}

struct applied {
	int64_t number;
	const char *sha256;
};

static const struct store_field applied_fields[] = {
	STORE_INT(struct applied, number),
	STORE_HEX(struct applied, sha256, 64),
};

static const struct store_row_type applied_type =
	STORE_ROW_TYPE("schema_migration", "migration", struct applied, applied_fields);

static const char *migration_text(const struct store *s, size_t number)
{
	const struct store_migration *m = &store_migrations[number - 1];

	return s->backend->splits && m->split ? m->split : m->sql;
}

static enum kms_status migration_hash(
	const struct store *s, size_t number, char ret_hex[2 * HASH_SIZE + 1], struct kms_err *err)
{
	const char *sql = migration_text(s, number);
	unsigned char hash[HASH_SIZE];
	enum kms_status st;

	st = hash_sha256(sql, strlen(sql), hash, err);
	if (!st)
		hex_encode(hash, sizeof(hash), ret_hex);
	return st;
}

static enum kms_status check_applied(
	struct store *s, const struct applied *items, size_t count, struct kms_err *err)
{
	char sha256[2 * HASH_SIZE + 1];
	enum kms_status st;

	if (count > store_migration_count) {
		kms_fail(err, KMS_ERR_STORE,
			"store '%s' has schema %zu, this program knows up to %zu", s->path, count,
			store_migration_count);
		kms_hint(err, "use the newer cardkms that made it");
		return KMS_ERR_STORE;
	}
	for (size_t i = 0; i < count; i++) {
		st = migration_hash(s, i + 1, sha256, err);
		if (st)
			return st;
		if (items[i].number == (int64_t)i + 1 && strcmp(items[i].sha256, sha256) == 0)
			continue;
		kms_fail(err, KMS_ERR_STORE,
			"store '%s': its schema step %zu is not the one of this program", s->path,
			i + 1);
		kms_hint(err, "use the cardkms build that made it");
		return KMS_ERR_STORE;
	}
	return KMS_OK;
}

/* Sets s->schema from what the store says was applied. */
static enum kms_status read_schema(struct store *s, struct kms_err *err)
{
	struct store_query q;
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;
	bool found;

	st = s->backend->has_table(s->conn, "schema_migration", &found, err);
	if (st)
		return st;
	if (found) {
		q = store_query(s, SQL_MIGRATION_LIST, err);
		st = store_fetch_all(&q, &applied_type, &items, &count);
		if (!st)
			st = check_applied(s, items, count, err);
		store_row_list_free(&applied_type, items, count);
		if (st)
			return st;
	}
	s->schema = (int)count;
	return KMS_OK;
}

static enum kms_status record(struct store *s, size_t number, struct kms_err *err)
{
	char sha256[2 * HASH_SIZE + 1];
	struct store_query q;
	enum kms_status st;

	st = migration_hash(s, number, sha256, err);
	if (st)
		return st;
	q = store_query(s, SQL_MIGRATION_ADD, err);
	store_put_int(&q, (int64_t)number);
	store_put_text(&q, store_migrations[number - 1].name);
	store_put_int(&q, (int64_t)strlen(migration_text(s, number)));
	store_put_text(&q, sha256);
	store_put_int(&q, clock_now());
	return store_run(&q, NULL);
}

/* Inside a transaction: the next step, unless another process took it in the meantime. */
static enum kms_status apply_next(struct store *s, struct kms_err *err)
{
	enum kms_status st;
	bool found;

	st = s->backend->has_table(s->conn, "schema_migration", &found, err);
	if (!st && !found)
		st = s->backend->exec(s->conn, store_migration_table, err);
	if (!st)
		st = read_schema(s, err);
	if (st || s->schema == store_schema_newest())
		return st;
	st = s->backend->exec(s->conn, migration_text(s, (size_t)s->schema + 1), err);
	if (!st)
		st = record(s, (size_t)s->schema + 1, err);
	if (st)
		kms_prefix(err, "cannot bring store '%s' to schema %d: ", s->path, s->schema + 1);
	return st;
}

static enum kms_status migrate(struct store *s, bool create, struct kms_err *err)
{
	bool found = true;
	enum kms_status st;

	st = read_schema(s, err);
	if (!st && !create)
		st = s->backend->has_table(s->conn, "schema_migration", &found, err);
	if (!st && !found) {
		kms_fail(err, KMS_ERR_STORE,
			"store '%s' is empty: it has never held a registry, or "
			"has lost it",
			s->path);
		kms_hint(err,
			"put it back from a backup; it is not made anew, for that would forget "
			"officers, keys and audit log");
		return KMS_ERR_STORE;
	}
	if (!st && s->readonly && s->schema != store_schema_newest()) {
		kms_fail(err, KMS_ERR_STORE, "store '%s' has schema %d, this program needs %d",
			s->path, s->schema, store_schema_newest());
		kms_hint(err, "open it once without read-only, so that it is migrated");
		return KMS_ERR_STORE;
	}
	while (!st && s->schema != store_schema_newest()) {
		st = store_begin(s, err);
		if (!st)
			st = store_end(s, apply_next(s, err), err);
		if (!st)
			st = read_schema(s, err);
	}
	return st;
}

enum kms_status store_open(
	const struct store_options *options, struct store **ret_store, struct kms_err *err)
{
	STORE_CLOSE_AUTO struct store *s = calloc(1, sizeof(*s));
	struct store_options o = *options;
	enum kms_status st;

	if (!s)
		return kms_nomem(err);
	if (!o.busy_ms)
		o.busy_ms = STORE_BUSY_MS;
	s->backend = o.backend ? o.backend : store_url_is(o.path) ? &store_postgres : &store_sqlite;
	s->readonly = o.readonly;
	s->path = strdup(o.path);
	if (!s->path)
		return kms_nomem(err);
	st = s->backend->open(&o, &s->conn, err);
	if (!st)
		st = migrate(s, o.create, err);
	if (st)
		return st;
	*ret_store = s;
	s = NULL;
	return KMS_OK;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->conn) {
		store_rollback(s);
		for (int i = 0; i < STORE_SQL_COUNT; i++)
			if (s->stmts[i])
				s->backend->finalize(s->stmts[i]);
		s->backend->close(s->conn);
	}
	free(s->path);
	free(s);
}
