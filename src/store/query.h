/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one statement of the table and moving rows between it and structs.
 *
 *	struct store_query q = store_query(s, SQL_KEY_GET, err);
 *	store_put_text(&q, cka_id);
 *	st = store_fetch(&q, &key_type, ret_key, &found);
 *
 * The first failure sticks, so that only the last call is checked. Exactly one of store_run,
 * store_fetch, store_fetch_int and store_fetch_all ends a query.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "store/db.h"

enum store_field_kind {
	STORE_FIELD_TEXT,
	STORE_FIELD_HEX, /* text of upper-case hex digits, an even number and not none */
	STORE_FIELD_INT,
};

/* One column of a row struct. Optional texts may be NULL; optional integers are NULL when 0. */
struct store_field {
	const char *column;
	size_t offset;
	enum store_field_kind kind;
	bool optional;
	int digits;		  /* of hex: exactly so many; 0 is any even number */
	const char *const *words; /* the only texts allowed, NULL-terminated; NULL is any */
};

struct store_row_type {
	const char *table;
	const char *noun; /* for messages: "key" */
	size_t size;
	const struct store_field *fields; /* the first is the id that messages name */
	int count;
};

/* clang-format off */
#define STORE_FIELD(type, member, kind, optional, digits, words) \
	{#member, offsetof(type, member), kind, optional, digits, words}
#define STORE_TEXT(type, member) STORE_FIELD(type, member, STORE_FIELD_TEXT, false, 0, NULL)
#define STORE_TEXT_OPT(type, member) STORE_FIELD(type, member, STORE_FIELD_TEXT, true, 0, NULL)
#define STORE_WORD(type, member, words) STORE_FIELD(type, member, STORE_FIELD_TEXT, false, 0, words)
#define STORE_WORD_OPT(type, member, words) \
	STORE_FIELD(type, member, STORE_FIELD_TEXT, true, 0, words)
#define STORE_HEX(type, member, n) STORE_FIELD(type, member, STORE_FIELD_HEX, false, n, NULL)
#define STORE_HEX_OPT(type, member, n) STORE_FIELD(type, member, STORE_FIELD_HEX, true, n, NULL)
#define STORE_INT(type, member) STORE_FIELD(type, member, STORE_FIELD_INT, false, 0, NULL)
#define STORE_INT_OPT(type, member) STORE_FIELD(type, member, STORE_FIELD_INT, true, 0, NULL)
#define STORE_ROW_TYPE(table, noun, type, fields) \
	{table, noun, sizeof(type), fields, (int)(sizeof(fields) / sizeof((fields)[0]))}
/* clang-format on */

struct store_query {
	struct store *s;
	enum store_sql sql;
	void *stmt; /* NULL once a failure stuck */
	int bound;
	enum kms_status st;
	struct kms_err *err;
};

struct store_query store_query(struct store *s, enum store_sql sql, struct kms_err *err);
void store_put_text(struct store_query *q, const char *text); /* NULL is NULL */
void store_put_int(struct store_query *q, int64_t value);
void store_put_limit(struct store_query *q, int64_t limit); /* 0 is STORE_PAGE */
/* All fields, in order, each checked: KMS_ERR_INVALID names what the schema does not allow. */
void store_put_row(struct store_query *q, const struct store_row_type *type, const void *row);
/* One text that must be of the words, as a field would be checked. */
void store_put_word(
	struct store_query *q, const char *what, const char *text, const char *const *words);

/* ret_changes may be NULL. */
KMS_CHECKED enum kms_status store_run(struct store_query *q, int64_t *ret_changes);
/* *ret_row is written only if a row was found. More than one row is KMS_ERR_STORE. */
KMS_CHECKED enum kms_status store_fetch(
	struct store_query *q, const struct store_row_type *type, void *ret_row, bool *ret_found);
KMS_CHECKED enum kms_status store_fetch_int(
	struct store_query *q, const char *what, int64_t *ret_value, bool *ret_found);
/* An array of type->size each for store_row_list_free; NULL and 0 if there are none. */
KMS_CHECKED enum kms_status store_fetch_all(struct store_query *q,
	const struct store_row_type *type, void **ret_items, size_t *ret_count);

/* Inserts one row. Failures are prefixed with "cannot add NOUN 'NAME': ". */
KMS_CHECKED enum kms_status store_row_add(struct store *s, enum store_sql sql,
	const struct store_row_type *type, const void *row, const char *name, struct kms_err *err);

/*
 * The same for a statement that replaces a row which has come to its end, and changes nothing where
 * there is a living one: KMS_ERR_EXISTS.
 */
KMS_CHECKED enum kms_status store_row_put(struct store *s, enum store_sql sql,
	const struct store_row_type *type, const void *row, const char *name, struct kms_err *err);

void store_row_free(const struct store_row_type *type, void *row);
void store_row_list_free(const struct store_row_type *type, void *items, size_t count);

/*
 * What is wrong in the caller's use of a transaction, or in what a change found, is a failed change
 * too: the transaction can't commit any more.
 */
enum kms_status store_doom(struct store *s, enum kms_status st);

#endif
