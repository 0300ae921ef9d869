/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: the journal of intents and outcomes. */
#include "store/journal.h"
#include "store/query.h"

static const char *const op_states[] = {"intent", "done", "failed", "rolled-back", NULL};
static const char *const op_ends[] = {"done", "failed", "rolled-back", NULL};

static const struct store_field op_fields[] = {
	STORE_HEX(struct store_op, id, 32),
	STORE_TEXT(struct store_op, kind),
	STORE_TEXT(struct store_op, subject),
	STORE_TEXT(struct store_op, actor),
	STORE_INT(struct store_op, started),
	STORE_WORD(struct store_op, state, op_states),
	STORE_TEXT_OPT(struct store_op, detail),
	STORE_INT_OPT(struct store_op, finished),
	STORE_TEXT_OPT(struct store_op, outcome),
};

static const struct store_row_type op_type =
	STORE_ROW_TYPE("operation", "operation", struct store_op, op_fields);

enum kms_status store_op_add(struct store *s, const struct store_op *op, struct kms_err *err)
{
	return store_row_add(s, SQL_OP_ADD, &op_type, op, op->id, err);
}

enum kms_status store_op_get(
	struct store *s, const char *id, struct store_op *ret_op, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, id);
	st = store_fetch(&q, &op_type, ret_op, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no operation '%s'", id);
}

static enum kms_status fetch_ops(struct store_query *q, struct store_op_list *ret_list)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(q, &op_type, &items, &count);

	if (!st)
		*ret_list = (struct store_op_list){items, count};
	return st;
}

enum kms_status store_ops(
	struct store *s, const char *state, struct store_op_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_LIST, err);

	store_put_text(&q, state);
	return fetch_ops(&q, ret_list);
}

enum kms_status store_ops_exchange(
	struct store *s, struct store_op_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_LIST_EXCHANGE, err);

	return fetch_ops(&q, ret_list);
}

enum kms_status store_ops_since(
	struct store *s, int64_t started, struct store_op_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_LIST_SINCE, err);

	store_put_int(&q, started);
	return fetch_ops(&q, ret_list);
}

static enum kms_status ended_already(struct store *s, const char *id, struct kms_err *err)
{
	STORE_AUTO(op) struct store_op op = {0};
	enum kms_status st = store_op_get(s, id, &op, err);

	if (!st)
		st = kms_fail(err, KMS_ERR_STATE, "operation %s (%s '%s') has ended already: %s",
			id, op.kind, op.subject, op.state);
	return store_doom(s, st);
}

enum kms_status store_op_set_detail(
	struct store *s, const char *id, const char *detail, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_SET_DETAIL, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, id);
	store_put_text(&q, detail);
	st = store_run(&q, &changes);
	return st || changes ? st : ended_already(s, id, err);
}

enum kms_status store_op_finish(struct store *s, const char *id, const char *state,
	const char *outcome, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_OP_FINISH, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, id);
	store_put_word(&q, "outcome of an operation", state, op_ends);
	store_put_text(&q, outcome);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	return st || changes ? st : ended_already(s, id, err);
}

void store_op_free(struct store_op *op)
{
	store_row_free(&op_type, op);
}

void store_op_list_free(struct store_op_list *list)
{
	store_row_list_free(&op_type, list->items, list->count);
	*list = (struct store_op_list){0};
}
