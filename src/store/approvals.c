/* SPDX-License-Identifier: Apache-2.0 */
#include "store/approvals.h"

#include "store/query.h"

static const char *const states[] = {"open", "used", "revoked", NULL};

static const struct store_field approval_fields[] = {
	STORE_HEX(struct store_approval, id, 32),
	STORE_TEXT(struct store_approval, officer),
	STORE_HEX(struct store_approval, digest, 64),
	STORE_WORD(struct store_approval, state, states),
	STORE_INT(struct store_approval, given),
	STORE_INT(struct store_approval, expires),
	STORE_INT_OPT(struct store_approval, ended),
	STORE_HEX_OPT(struct store_approval, op_id, 32),
};

static const struct store_row_type approval_type =
	STORE_ROW_TYPE("approval", "approval", struct store_approval, approval_fields);

enum kms_status store_approval_add(
	struct store *s, const struct store_approval *approval, struct kms_err *err)
{
	return store_row_add(s, SQL_APPROVAL_ADD, &approval_type, approval, approval->id, err);
}

enum kms_status store_approvals(struct store *s, const char *digest,
	struct store_approval_list *ret_list, struct kms_err *err)
{
	struct store_query q =
		store_query(s, digest ? SQL_APPROVAL_OF_DIGEST : SQL_APPROVAL_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	if (digest)
		store_put_text(&q, digest);
	st = store_fetch_all(&q, &approval_type, &items, &count);
	if (!st)
		*ret_list = (struct store_approval_list){items, count};
	return st;
}

enum kms_status store_approval_end(
	struct store *s, const struct store_approval *approval, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_APPROVAL_END, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, approval->id);
	store_put_word(&q, "state of an approval", approval->state, states);
	store_put_int(&q, approval->ended);
	store_put_text(&q, approval->op_id);
	st = store_run(&q, &changes);
	if (st || changes)
		return st;
	return store_doom(s,
		kms_fail(err, KMS_ERR_STATE, "approval '%s' is not open (any more)", approval->id));
}

void store_approval_free(struct store_approval *approval)
{
	store_row_free(&approval_type, approval);
}

void store_approval_list_free(struct store_approval_list *list)
{
	store_row_list_free(&approval_type, list->items, list->count);
	*list = (struct store_approval_list){0};
}
