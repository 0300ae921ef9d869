/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of a site: one SQL database behind a small connection interface (store/db.h): SQLite,
 * or PostgreSQL by the same SQL text.
 *
 * Invariants of the folder
 * - Every change runs inside a transaction that the caller began with store_begin; a change outside
 *   one, and a transaction inside another, is KMS_ERR_INTERNAL. store_counter_take alone runs
 *   outside of any, because what it gives out must never come back.
 * - After a failed change the transaction can only be rolled back: store_commit refuses. What was
 *   not there to find (KMS_ERR_NOT_FOUND from a get) is no failed change. So SQLite behaves as
 *   PostgreSQL does, and an overlooked error can't commit half of an operation.
 * - store_commit returns KMS_OK only when the data is durable (WAL with synchronous=FULL).
 * - Nothing is believed that is read: each column's type and, where the store knows it, vocabulary
 *   is checked; a damaged row is KMS_ERR_STORE naming table, row and column.
 * - All SQL is in store/sql.c and runs unchanged on SQLite and PostgreSQL.
 * - A store is used by one thread, and not by a child after fork.
 *
 * Rows are plain structs. Their strings are const so that literals can be passed in; in a row that
 * the store returned they are owned by the row and released by its _free function (safe on a zeroed
 * row and twice). Fields marked "opt" may be NULL; integers marked "opt" are NULL in SQL when 0.
 * Times are seconds of UTC since 1970 (base/clock.h). Hex is upper case. A ret_ row is overwritten
 * without being freed: pass a zeroed one.
 *
 * Statuses common to all functions: KMS_ERR_NOT_FOUND (what was named, or a row that a new row
 * refers to), KMS_ERR_EXISTS (unique name, id or label taken), KMS_ERR_STATE (the row is not in the
 * state that the change starts from), KMS_ERR_INVALID (a word the schema does not know),
 * KMS_ERR_BUSY (locked by another process longer than busy_ms), KMS_ERR_STORE (read-only, disk full,
 * damaged, newer than the program, I/O), KMS_ERR_INTERNAL (misuse).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_backend;

/* For `STORE_AUTO(key) struct store_key key = {0};`: freed on every way out. */
#define STORE_AUTO(type) __attribute__((cleanup(store_##type##_free)))

enum {
	STORE_BUSY_MS = 5000,
	STORE_PAGE = 500, /* rows of a page, where the caller does not say how many */
};

struct store_options {
	const char *path; /* the database file, or the URI of a PostgreSQL database */
	bool create;	  /* make it if absent (mode 0600), fill it if empty; else an error */
	bool readonly;	  /* never writes, and works on read-only media */
	int busy_ms;	  /* how long to wait for another process; 0 is STORE_BUSY_MS */
	const struct store_backend *backend; /* NULL: by the path */
};

/* Whether a path is the URI of a PostgreSQL database. */
bool store_url_is(const char *path);
/* KMS_ERR_INVALID for what libpq cannot read, and for a URI that holds a password. */
KMS_CHECKED enum kms_status store_url_check(const char *url, struct kms_err *err);

/*
 * Opens, checks that it is a cardkms store, and applies the migrations it lacks, each in one
 * transaction. A store that holds a migration unknown to this program is refused.
 */
KMS_CHECKED enum kms_status store_open(
	const struct store_options *options, struct store **ret_store, struct kms_err *err);

/* Rolls back an open transaction. NULL-safe. */
void store_close(struct store *s);

#define STORE_CLOSE_AUTO __attribute__((cleanup(store_close_pointer)))
static inline void store_close_pointer(struct store **s)
{
	store_close(*s);
}

/* Number of the last migration applied, and of the last one that this program has. */
int store_schema(const struct store *s);
int store_schema_newest(void);

/* Takes the write lock at once (BEGIN IMMEDIATE): waits up to busy_ms, then KMS_ERR_BUSY. */
KMS_CHECKED enum kms_status store_begin(struct store *s, struct kms_err *err);

/* A consistent view for several reads; changes within it are KMS_ERR_INTERNAL. End it either way. */
KMS_CHECKED enum kms_status store_begin_read(struct store *s, struct kms_err *err);

/* After a failure the transaction has been rolled back. */
KMS_CHECKED enum kms_status store_commit(struct store *s, struct kms_err *err);

/* Does nothing if no transaction is open. */
void store_rollback(struct store *s);

/*
 * Ends a transaction by the outcome of what ran in it: commits if st is KMS_OK, else rolls back and
 * returns st with err untouched. `return store_end(s, st, err);`
 */
KMS_CHECKED enum kms_status store_end(struct store *s, enum kms_status st, struct kms_err *err);

/* The time where the data are, in seconds, UTC. */
KMS_CHECKED enum kms_status store_clock(struct store *s, int64_t *ret_now, struct kms_err *err);
/* Whether that is a server's, by which all machines go that share it. */
bool store_has_clock(const struct store *s);

bool store_in_transaction(const struct store *s);

/* Site facts: name, role, created, identity-key, … The words are the caller's. */
struct store_meta {
	const char *name;
	const char *value;
};

struct store_meta_list {
	struct store_meta *items; /* by name */
	size_t count;
};

/* Adds or replaces. */
KMS_CHECKED enum kms_status store_meta_set(
	struct store *s, const char *name, const char *value, struct kms_err *err);
/* *ret_value is for free(). */
KMS_CHECKED enum kms_status store_meta_get(
	struct store *s, const char *name, char **ret_value, struct kms_err *err);
KMS_CHECKED enum kms_status store_metas(
	struct store *s, struct store_meta_list *ret_list, struct kms_err *err);
void store_meta_free(struct store_meta *meta);
void store_meta_list_free(struct store_meta_list *list);

/* What a token was found to do, so that not every start probes it again. */
struct store_caps {
	const char *serial; /* of the token */
	const char *firmware;
	const char *caps; /* the probe's own text */
	int64_t probed;
};

/* Adds or replaces. */
KMS_CHECKED enum kms_status store_caps_set(
	struct store *s, const struct store_caps *caps, struct kms_err *err);
KMS_CHECKED enum kms_status store_caps_get(struct store *s, const char *serial,
	const char *firmware, struct store_caps *ret_caps, struct kms_err *err);
void store_caps_free(struct store_caps *caps);

/* The counter of component sheet serials. */
#define STORE_COUNTER_SHEET "sheet-serial"

/*
 * Gives out `count` consecutive numbers, the first ever being 1, in a transaction of its own that is
 * durable before this returns: a number is never given twice, whatever fails later. Call it before
 * store_begin; inside a transaction it is KMS_ERR_INTERNAL.
 */
KMS_CHECKED enum kms_status store_counter_take(
	struct store *s, const char *name, int count, int64_t *ret_first, struct kms_err *err);

/* The last number given out; 0 if none was. */
KMS_CHECKED enum kms_status store_counter_last(
	struct store *s, const char *name, int64_t *ret_last, struct kms_err *err);

#endif
