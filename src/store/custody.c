/* SPDX-License-Identifier: Apache-2.0 */
#include "store/custody.h"

#include "store/query.h"

static const char *const events[] = {"moved", "issued", "returned", "sent", "destroyed", NULL};
static const char *const states[] = {"held", "returned", "sent", "destroyed", NULL};

static const struct store_field custody_fields[] = {
	STORE_TEXT(struct store_custody, ceremony_id),
	STORE_INT(struct store_custody, component),
	STORE_INT(struct store_custody, seq),
	STORE_WORD(struct store_custody, event, events),
	STORE_WORD(struct store_custody, state, states),
	STORE_TEXT(struct store_custody, custodian_a),
	STORE_TEXT(struct store_custody, custodian_b),
	STORE_TEXT_OPT(struct store_custody, deputies),
	STORE_INT_OPT(struct store_custody, sheet_serial),
	STORE_TEXT_OPT(struct store_custody, bag),
	STORE_TEXT_OPT(struct store_custody, safe),
	STORE_TEXT_OPT(struct store_custody, channel),
	STORE_TEXT_OPT(struct store_custody, carrier),
	STORE_INT_OPT(struct store_custody, conveyed),
	STORE_INT_OPT(struct store_custody, issued),
	STORE_INT_OPT(struct store_custody, due),
	STORE_INT_OPT(struct store_custody, returned),
	STORE_INT_OPT(struct store_custody, accepted),
	STORE_INT(struct store_custody, recorded),
	STORE_HEX(struct store_custody, op_id, 32),
};

static const struct store_row_type custody_type =
	STORE_ROW_TYPE("custody", "custody row", struct store_custody, custody_fields);

enum kms_status store_custody_add(
	struct store *s, const struct store_custody *row, struct kms_err *err)
{
	return store_row_add(s, SQL_CUSTODY_ADD, &custody_type, row, row->ceremony_id, err);
}

enum kms_status store_custodies(
	struct store *s, struct store_custody_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CUSTODY_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &custody_type, &items, &count);

	if (!st)
		*ret_list = (struct store_custody_list){items, count};
	return st;
}

void store_custody_free(struct store_custody *row)
{
	store_row_free(&custody_type, row);
}

void store_custody_list_free(struct store_custody_list *list)
{
	store_row_list_free(&custody_type, list->items, list->count);
	*list = (struct store_custody_list){0};
}

static const struct store_field void_sheet_fields[] = {
	STORE_INT(struct store_void_sheet, serial),
	STORE_TEXT(struct store_void_sheet, ceremony_id),
	STORE_INT(struct store_void_sheet, component),
	STORE_TEXT(struct store_void_sheet, reason),
	STORE_INT(struct store_void_sheet, recorded),
};

static const struct store_row_type void_sheet_type =
	STORE_ROW_TYPE("void_sheet", "void sheet", struct store_void_sheet, void_sheet_fields);

enum kms_status store_void_sheet_add(
	struct store *s, const struct store_void_sheet *row, struct kms_err *err)
{
	return store_row_add(s, SQL_VOID_SHEET_ADD, &void_sheet_type, row, row->ceremony_id, err);
}

enum kms_status store_void_sheets(
	struct store *s, struct store_void_sheet_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_VOID_SHEET_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &void_sheet_type, &items, &count);

	if (!st)
		*ret_list = (struct store_void_sheet_list){items, count};
	return st;
}

void store_void_sheet_free(struct store_void_sheet *row)
{
	store_row_free(&void_sheet_type, row);
}

void store_void_sheet_list_free(struct store_void_sheet_list *list)
{
	store_row_list_free(&void_sheet_type, list->items, list->count);
	*list = (struct store_void_sheet_list){0};
}

static const struct store_field leaver_fields[] = {
	STORE_TEXT(struct store_leaver, folded),
	STORE_TEXT(struct store_leaver, person),
	STORE_INT(struct store_leaver, left_on),
	STORE_TEXT_OPT(struct store_leaver, reason),
	STORE_HEX(struct store_leaver, op_id, 32),
};

static const struct store_row_type leaver_type =
	STORE_ROW_TYPE("leaver", "leaver", struct store_leaver, leaver_fields);

enum kms_status store_leaver_add(
	struct store *s, const struct store_leaver *row, struct kms_err *err)
{
	return store_row_add(s, SQL_LEAVER_ADD, &leaver_type, row, row->person, err);
}

enum kms_status store_leavers(
	struct store *s, struct store_leaver_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_LEAVER_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &leaver_type, &items, &count);

	if (!st)
		*ret_list = (struct store_leaver_list){items, count};
	return st;
}

void store_leaver_free(struct store_leaver *row)
{
	store_row_free(&leaver_type, row);
}

void store_leaver_list_free(struct store_leaver_list *list)
{
	store_row_list_free(&leaver_type, list->items, list->count);
	*list = (struct store_leaver_list){0};
}
