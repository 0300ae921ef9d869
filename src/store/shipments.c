/* SPDX-License-Identifier: Apache-2.0 */
#include "store/shipments.h"

#include "store/query.h"

static const char *const directions[] = {"in", "out", NULL};

static const struct store_field shipment_fields[] = {
	STORE_TEXT(struct store_shipment, id),
	STORE_WORD(struct store_shipment, direction, directions),
	STORE_TEXT(struct store_shipment, partner),
	STORE_INT(struct store_shipment, cards),
	STORE_HEX(struct store_shipment, sha256, 64),
	STORE_TEXT(struct store_shipment, text),
	STORE_HEX_OPT(struct store_shipment, op_id, 32),
	STORE_INT(struct store_shipment, created),
};

static const struct store_row_type shipment_type =
	STORE_ROW_TYPE("shipment", "shipment", struct store_shipment, shipment_fields);

enum kms_status store_shipment_add(
	struct store *s, const struct store_shipment *shipment, struct kms_err *err)
{
	return store_row_add(s, SQL_SHIPMENT_ADD, &shipment_type, shipment, shipment->id, err);
}

static enum kms_status find_shipment(struct store *s, enum store_sql sql, const char *id,
	struct store_shipment *ret_shipment, bool *ret_found, struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);

	store_put_text(&q, id);
	return store_fetch(&q, &shipment_type, ret_shipment, ret_found);
}

enum kms_status store_shipment_get(struct store *s, const char *id,
	struct store_shipment *ret_shipment, bool *ret_found, struct kms_err *err)
{
	return find_shipment(s, SQL_SHIPMENT_GET, id, ret_shipment, ret_found, err);
}

enum kms_status store_shipment_of_card(struct store *s, const char *card_id,
	struct store_shipment *ret_shipment, bool *ret_found, struct kms_err *err)
{
	return find_shipment(s, SQL_SHIPMENT_OF_CARD, card_id, ret_shipment, ret_found, err);
}

enum kms_status store_shipments(
	struct store *s, struct store_shipment_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_SHIPMENT_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &shipment_type, &items, &count);

	if (!st)
		*ret_list = (struct store_shipment_list){items, count};
	return st;
}

void store_shipment_free(struct store_shipment *shipment)
{
	store_row_free(&shipment_type, shipment);
}

void store_shipment_list_free(struct store_shipment_list *list)
{
	store_row_list_free(&shipment_type, list->items, list->count);
	*list = (struct store_shipment_list){0};
}

/* ---- cards ---- */

static const struct store_field card_fields[] = {
	STORE_HEX(struct store_shipment_card, card_id, 0),
	STORE_TEXT(struct store_shipment_card, shipment),
	STORE_TEXT(struct store_shipment_card, id_source),
	STORE_TEXT(struct store_shipment_card, profile),
	STORE_HEX_OPT(struct store_shipment_card, cplc, 84),
	STORE_HEX_OPT(struct store_shipment_card, iin, 0),
	STORE_HEX_OPT(struct store_shipment_card, cin, 0),
	STORE_HEX(struct store_shipment_card, aid, 0),
	STORE_TEXT(struct store_shipment_card, keyset),
	STORE_INT(struct store_shipment_card, version),
	STORE_INT(struct store_shipment_card, scp),
	STORE_INT(struct store_shipment_card, scp_i),
	STORE_HEX_OPT(struct store_shipment_card, kdd, 0),
};

static const struct store_row_type card_type =
	STORE_ROW_TYPE("shipment_card", "shipped card", struct store_shipment_card, card_fields);

enum kms_status store_shipment_card_add(
	struct store *s, const struct store_shipment_card *card, struct kms_err *err)
{
	return store_row_add(s, SQL_SHIPMENT_CARD_ADD, &card_type, card, card->card_id, err);
}

static enum kms_status page(struct store *s, enum store_sql sql, const char *of, const char *after,
	int64_t limit, const struct store_row_type *type, void **ret_items, size_t *ret_count,
	struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);

	store_put_text(&q, of);
	store_put_text(&q, after ? after : "");
	store_put_limit(&q, limit);
	return store_fetch_all(&q, type, ret_items, ret_count);
}

static enum kms_status card_page(struct store *s, enum store_sql sql, const char *of,
	const char *after, int64_t limit, struct store_shipment_card_list *ret_list,
	struct kms_err *err)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = page(s, sql, of, after, limit, &card_type, &items, &count, err);

	if (!st)
		*ret_list = (struct store_shipment_card_list){items, count};
	return st;
}

enum kms_status store_shipment_cards(struct store *s, const char *shipment, const char *after,
	int64_t limit, struct store_shipment_card_list *ret_list, struct kms_err *err)
{
	return card_page(s, SQL_SHIPMENT_CARD_LIST, shipment, after, limit, ret_list, err);
}

enum kms_status store_shipment_ready(struct store *s, const char *keyset, const char *after,
	int64_t limit, struct store_shipment_card_list *ret_list, struct kms_err *err)
{
	return card_page(s, SQL_SHIPMENT_READY, keyset, after, limit, ret_list, err);
}

enum kms_status store_shipment_ready_card(struct store *s, const char *card_id,
	struct store_shipment_card *ret_card, bool *ret_found, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_SHIPMENT_READY_CARD, err);

	store_put_text(&q, card_id);
	return store_fetch(&q, &card_type, ret_card, ret_found);
}

void store_shipment_card_free(struct store_shipment_card *card)
{
	store_row_free(&card_type, card);
}

void store_shipment_card_list_free(struct store_shipment_card_list *list)
{
	store_row_list_free(&card_type, list->items, list->count);
	*list = (struct store_shipment_card_list){0};
}

/* ---- gaps ---- */

static const struct store_field gap_fields[] = {
	STORE_HEX(struct store_shipment_gap, card_id, 0),
	STORE_TEXT_OPT(struct store_shipment_gap, shipment),
	STORE_TEXT_OPT(struct store_shipment_gap, keyset),
	STORE_INT(struct store_shipment_gap, version),
	STORE_HEX_OPT(struct store_shipment_gap, kdd, 0),
	STORE_TEXT_OPT(struct store_shipment_gap, has_keyset),
	STORE_INT(struct store_shipment_gap, has_version),
	STORE_HEX_OPT(struct store_shipment_gap, has_kdd, 0),
};

static const struct store_row_type gap_type =
	STORE_ROW_TYPE("shipment_card", "shipped card", struct store_shipment_gap, gap_fields);

enum kms_status store_shipment_announced(
	struct store *s, const char *partner, int64_t *ret_count, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_SHIPMENT_ANNOUNCED, err);
	bool found;

	store_put_text(&q, partner);
	return store_fetch_int(&q, "number of announced cards", ret_count, &found);
}

enum kms_status store_shipment_gaps(struct store *s, enum store_shipment_gaps which,
	const char *partner, const char *after, int64_t limit,
	struct store_shipment_gap_list *ret_list, struct kms_err *err)
{
	static const enum store_sql statements[] = {
		[STORE_MISSING] = SQL_SHIPMENT_MISSING,
		[STORE_DIFFERENT] = SQL_SHIPMENT_DIFFERENT,
		[STORE_UNEXPECTED] = SQL_SHIPMENT_UNEXPECTED,
	};
	void *items = NULL;
	size_t count = 0;
	enum kms_status st =
		page(s, statements[which], partner, after, limit, &gap_type, &items, &count, err);

	if (!st)
		*ret_list = (struct store_shipment_gap_list){items, count};
	return st;
}

void store_shipment_gap_list_free(struct store_shipment_gap_list *list)
{
	store_row_list_free(&gap_type, list->items, list->count);
	*list = (struct store_shipment_gap_list){0};
}
