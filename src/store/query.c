/* SPDX-License-Identifier: Apache-2.0 */
#include "store/query.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kms_status store_doom(struct store *s, enum kms_status st)
{
	if (s->tx != STORE_TX_NONE)
		s->doomed = true;
	return st;
}

static void stick(struct store_query *q, enum kms_status st)
{
	if (!st || q->st)
		return;
	q->st = store_doom(q->s, st);
	if (q->stmt)
		q->s->backend->reset(q->stmt);
	q->stmt = NULL;
}

static enum kms_status may_run(struct store *s, enum store_sql sql, struct kms_err *err)
{
	if (s->doomed)
		return kms_fail(err, KMS_ERR_INTERNAL,
			"store '%s': an earlier step of this transaction failed", s->path);
	if (store_statements[sql].write && s->tx != STORE_TX_WRITE)
		return kms_fail(err, KMS_ERR_INTERNAL,
			"store '%s': a change outside of a transaction for changes", s->path);
	return KMS_OK;
}

struct store_query store_query(struct store *s, enum store_sql sql, struct kms_err *err)
{
	struct store_query q = {.s = s, .sql = sql, .err = err};
	enum kms_status st = may_run(s, sql, err);

	if (!st && !s->stmts[sql])
		st = s->backend->prepare(s->conn, store_statements[sql].text, &s->stmts[sql], err);
	if (!st)
		q.stmt = s->stmts[sql];
	stick(&q, st);
	return q;
}

void store_put_text(struct store_query *q, const char *text)
{
	if (!q->st)
		stick(q, q->s->backend->bind_text(q->stmt, ++q->bound, text, q->err));
}

void store_put_int(struct store_query *q, int64_t value)
{
	if (!q->st)
		stick(q, q->s->backend->bind_int(q->stmt, ++q->bound, value, q->err));
}

void store_put_limit(struct store_query *q, int64_t limit)
{
	store_put_int(q, limit > 0 ? limit : STORE_PAGE);
}

static bool in_words(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool hex_fits(const char *text, size_t len, int digits)
{
	if (len == 0 || len % 2 || (digits && len != (size_t)digits))
		return false;
	for (size_t i = 0; i < len; i++)
		if (hex_digit((unsigned char)text[i]) < 0 || (text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return true;
}

/* NULL, or what is wrong with the text. */
static const char *text_fault(const struct store_field *field, const char *text, size_t len)
{
	if (strlen(text) != len || !utf8_valid(text, len))
		return "is no UTF-8 text";
	if (field->kind == STORE_FIELD_HEX && !hex_fits(text, len, field->digits))
		return "is no upper-case hex of the right length";
	if (field->words && !in_words(text, field->words))
		return "is no word known here";
	return NULL;
}

static const char *field_text(const struct store_field *field, const void *row)
{
	return *(const char *const *)((const char *)row + field->offset);
}

static int64_t field_int(const struct store_field *field, const void *row)
{
	return *(const int64_t *)(const void *)((const char *)row + field->offset);
}

static void put_field(struct store_query *q, const struct store_row_type *type,
	const struct store_field *field, const void *row)
{
	const char *text, *fault;

	if (q->st)
		return;
	if (field->kind == STORE_FIELD_INT) {
		int64_t value = field_int(field, row);

		if (field->optional && value == 0)
			store_put_text(q, NULL);
		else
			store_put_int(q, value);
		return;
	}
	text = field_text(field, row);
	fault = text		  ? text_fault(field, text, strlen(text))
		: field->optional ? NULL
				  : "is missing";
	if (fault)
		stick(q, kms_fail(q->err, KMS_ERR_INVALID, "%s of the %s %s", field->column,
				 type->noun, fault));
	else
		store_put_text(q, text);
}

void store_put_row(struct store_query *q, const struct store_row_type *type, const void *row)
{
	for (int i = 0; i < type->count; i++)
		put_field(q, type, &type->fields[i], row);
}

void store_put_word(
	struct store_query *q, const char *what, const char *text, const char *const *words)
{
	if (!q->st && !in_words(text, words))
		stick(q, kms_fail(q->err, KMS_ERR_INVALID, "'%s' is no %s known here", text, what));
	store_put_text(q, text);
}

static void step(struct store_query *q, bool *ret_row)
{
	*ret_row = false;
	if (!q->st)
		stick(q, q->s->backend->step(q->stmt, ret_row, q->err));
}

static enum kms_status end(struct store_query *q)
{
	if (q->stmt)
		q->s->backend->reset(q->stmt);
	q->stmt = NULL;
	return q->st;
}

enum kms_status store_run(struct store_query *q, int64_t *ret_changes)
{
	bool row;

	step(q, &row);
	if (!q->st && ret_changes)
		*ret_changes = q->s->backend->changes(q->stmt);
	return end(q);
}

/* The id of the current row, for the message about what is wrong in it. */
static const char *row_id(struct store_query *q, char *number, size_t size)
{
	const struct store_backend *be = q->s->backend;
	size_t len;

	if (be->type(q->stmt, 0) == STORE_TYPE_INT) {
		snprintf(number, size, "%lld", (long long)be->get_int(q->stmt, 0));
		return number;
	}
	if (be->type(q->stmt, 0) == STORE_TYPE_TEXT)
		return be->get_text(q->stmt, 0, &len);
	return "?";
}

static void damaged(struct store_query *q, const char *table, const char *column, const char *why)
{
	char number[24];

	kms_fail(q->err, KMS_ERR_STORE, "store '%s' is damaged: table %s, row '%.100s': %s %s",
		q->s->path, table, row_id(q, number, sizeof(number)), column, why);
	kms_hint(q->err, "restore the store from a backup; nothing was changed");
	stick(q, KMS_ERR_STORE);
}

static void get_int(struct store_query *q, const struct store_row_type *type,
	const struct store_field *field, int column, int64_t *ret_value)
{
	const struct store_backend *be = q->s->backend;
	enum store_type found = be->type(q->stmt, column);

	if (found == STORE_TYPE_INT)
		*ret_value = be->get_int(q->stmt, column);
	else if (found != STORE_TYPE_NULL || !field->optional)
		damaged(q, type->table, field->column, "is no integer");
}

static void get_text(struct store_query *q, const struct store_row_type *type,
	const struct store_field *field, int column, const char **ret_text)
{
	const struct store_backend *be = q->s->backend;
	enum store_type found = be->type(q->stmt, column);
	const char *text, *fault;
	size_t len;

	if (found == STORE_TYPE_NULL && field->optional)
		return;
	if (found != STORE_TYPE_TEXT) {
		damaged(q, type->table, field->column, "is no text");
		return;
	}
	text = be->get_text(q->stmt, column, &len);
	fault = text ? text_fault(field, text, len) : NULL;
	if (fault) {
		damaged(q, type->table, field->column, fault);
		return;
	}
	*ret_text = text ? strndup(text, len) : NULL;
	if (!*ret_text)
		stick(q, kms_nomem(q->err));
}

/* Reads the current row into zeroed memory; what was read before a failure is freed. */
static void get_row(struct store_query *q, const struct store_row_type *type, void *row)
{
	if (!q->st && q->s->backend->columns(q->stmt) != type->count)
		stick(q, kms_fail(q->err, KMS_ERR_INTERNAL,
				 "statement of table %s has another number of columns",
				 type->table));
	for (int i = 0; i < type->count && !q->st; i++) {
		const struct store_field *field = &type->fields[i];
		void *member = (char *)row + field->offset;

		if (field->kind == STORE_FIELD_INT)
			get_int(q, type, field, i, member);
		else
			get_text(q, type, field, i, member);
	}
	if (q->st)
		store_row_free(type, row);
}

static void no_second_row(struct store_query *q, const char *table)
{
	bool more = false;

	step(q, &more);
	if (more)
		damaged(q, table, "the row", "is there twice");
}

enum kms_status store_fetch(
	struct store_query *q, const struct store_row_type *type, void *ret_row, bool *ret_found)
{
	FREE_AUTO void *row = calloc(1, type->size);
	bool found;

	if (!row)
		stick(q, kms_nomem(q->err));
	step(q, &found);
	if (found) {
		get_row(q, type, row);
		if (!q->st) {
			no_second_row(q, type->table);
			if (q->st)
				store_row_free(type, row);
		}
	}
	if (q->st)
		return end(q);
	if (found)
		memcpy(ret_row, row, type->size);
	*ret_found = found;
	return end(q);
}

enum kms_status store_fetch_int(
	struct store_query *q, const char *what, int64_t *ret_value, bool *ret_found)
{
	int64_t value = 0;
	bool found;

	step(q, &found);
	if (found && q->s->backend->type(q->stmt, 0) != STORE_TYPE_INT)
		damaged(q, what, "value", "is no integer");
	if (found && !q->st)
		value = q->s->backend->get_int(q->stmt, 0);
	if (q->st)
		return end(q);
	if (found)
		*ret_value = value;
	*ret_found = found;
	return end(q);
}

struct growing {
	char *items;
	size_t count, cap;
};

static void *grow(struct growing *g, size_t size)
{
	if (g->count == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		char *items = reallocarray(g->items, cap, size);

		if (!items)
			return NULL;
		g->items = items;
		g->cap = cap;
	}
	return memset(g->items + g->count * size, 0, size);
}

enum kms_status store_fetch_all(struct store_query *q, const struct store_row_type *type,
	void **ret_items, size_t *ret_count)
{
	struct growing g = {0};
	bool found;

	for (step(q, &found); found && !q->st; step(q, &found)) {
		void *row = grow(&g, type->size);

		if (!row)
			stick(q, kms_nomem(q->err));
		else
			get_row(q, type, row);
		if (!q->st)
			g.count++;
	}
	if (q->st) {
		store_row_list_free(type, g.items, g.count);
		return end(q);
	}
	*ret_items = g.items;
	*ret_count = g.count;
	return end(q);
}

enum kms_status store_row_add(struct store *s, enum store_sql sql,
	const struct store_row_type *type, const void *row, const char *name, struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);
	enum kms_status st;

	store_put_row(&q, type, row);
	st = store_run(&q, NULL);
	if (st)
		kms_prefix(err, "cannot add %s '%.200s': ", type->noun, name ? name : "");
	return st;
}

enum kms_status store_row_put(struct store *s, enum store_sql sql,
	const struct store_row_type *type, const void *row, const char *name, struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_row(&q, type, row);
	st = store_run(&q, &changes);
	if (!st && !changes)
		st = store_doom(s, kms_fail(err, KMS_ERR_EXISTS, "there is one already"));
	if (st)
		kms_prefix(err, "cannot add %s '%.200s': ", type->noun, name ? name : "");
	return st;
}

void store_row_free(const struct store_row_type *type, void *row)
{
	for (int i = 0; i < type->count; i++) {
		const struct store_field *field = &type->fields[i];

		if (field->kind != STORE_FIELD_INT)
			free((void *)*(const char **)(void *)((char *)row + field->offset));
	}
	memset(row, 0, type->size);
}

void store_row_list_free(const struct store_row_type *type, void *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		store_row_free(type, (char *)items + i * type->size);
	free(items);
}
