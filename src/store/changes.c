/* SPDX-License-Identifier: Apache-2.0 */
/* The replacement journal: which keys of which card are being replaced, and how far that got. */
#include "store/cards.h"
#include "store/query.h"

static const char *const kinds[] = {"inject", "replace", "domain-keys", NULL};
static const char *const rules[] = {"ff-consumed", "replace", "add-delete", NULL};
static const char *const steps[] = {"intended", "doubted", "put", "proven", NULL};
static const char *const outcomes[] = {
	"done", "old-stays", "refused", "abandoned", "quarantined", NULL};

static const struct store_field change_fields[] = {
	STORE_HEX(struct store_change, op_id, 32),
	STORE_HEX(struct store_change, card_id, 0),
	STORE_HEX(struct store_change, aid, 0),
	STORE_WORD(struct store_change, kind, kinds),
	STORE_WORD(struct store_change, rule, rules),
	STORE_WORD(struct store_change, step, steps),
	STORE_TEXT_OPT(struct store_change, old_keyset),
	STORE_INT(struct store_change, old_version),
	STORE_HEX_OPT(struct store_change, old_kdd, 0),
	STORE_TEXT(struct store_change, new_keyset),
	STORE_INT(struct store_change, new_version),
	STORE_HEX_OPT(struct store_change, new_kdd, 0),
	STORE_INT(struct store_change, started),
	STORE_INT(struct store_change, changed),
	STORE_INT_OPT(struct store_change, finished),
	STORE_WORD_OPT(struct store_change, outcome, outcomes),
	STORE_TEXT_OPT(struct store_change, reason),
};

static const struct store_row_type change_type =
	STORE_ROW_TYPE("card_change", "change of card", struct store_change, change_fields);

enum kms_status store_change_add(
	struct store *s, const struct store_change *change, struct kms_err *err)
{
	return store_row_add(s, SQL_CHANGE_ADD, &change_type, change, change->card_id, err);
}

enum kms_status store_change_get(
	struct store *s, const char *op_id, struct store_change *ret_change, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, op_id);
	st = store_fetch(&q, &change_type, ret_change, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no change of a card by operation %s", op_id);
}

enum kms_status store_change_open(struct store *s, const char *card_id, const char *aid,
	struct store_change *ret_change, bool *ret_found, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_OPEN, err);

	store_put_text(&q, card_id);
	store_put_text(&q, aid);
	return store_fetch(&q, &change_type, ret_change, ret_found);
}

static enum kms_status fetch_list(struct store_query *q, struct store_change_list *ret_list)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(q, &change_type, &items, &count);

	if (!st)
		*ret_list = (struct store_change_list){items, count};
	return st;
}

enum kms_status store_changes_open(
	struct store *s, int64_t limit, struct store_change_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_OPEN_LIST, err);

	store_put_limit(&q, limit);
	return fetch_list(&q, ret_list);
}

enum kms_status store_changes(struct store *s, const char *card_id,
	struct store_change_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_LIST, err);

	store_put_text(&q, card_id);
	return fetch_list(&q, ret_list);
}

/* Runs a change of an open row; why it found none. */
static enum kms_status run_open(struct store_query *q, const char *op_id, struct kms_err *err)
{
	STORE_AUTO(change) struct store_change change = {0};
	int64_t changes = 0;
	enum kms_status st = store_run(q, &changes);

	if (st || changes)
		return st;
	st = store_change_get(q->s, op_id, &change, err);
	if (!st)
		st = kms_fail(err, KMS_ERR_STATE,
			"the change of card '%s' by operation %s has ended already: %s",
			change.card_id, op_id, change.outcome);
	return store_doom(q->s, st);
}

enum kms_status store_change_set_step(
	struct store *s, const char *op_id, const char *step, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_SET_STEP, err);

	store_put_text(&q, op_id);
	store_put_word(&q, "step of a change", step, steps);
	store_put_int(&q, when);
	return run_open(&q, op_id, err);
}

enum kms_status store_change_finish(struct store *s, const char *op_id, const char *outcome,
	const char *reason, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHANGE_FINISH, err);

	store_put_text(&q, op_id);
	store_put_word(&q, "outcome of a change", outcome, outcomes);
	store_put_text(&q, reason);
	store_put_int(&q, when);
	return run_open(&q, op_id, err);
}

void store_change_free(struct store_change *change)
{
	store_row_free(&change_type, change);
}

void store_change_list_free(struct store_change_list *list)
{
	store_row_list_free(&change_type, list->items, list->count);
	*list = (struct store_change_list){0};
}
