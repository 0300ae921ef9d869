/* SPDX-License-Identifier: Apache-2.0 */
/* Cards and what happened to them. */
#include "store/cards.h"

#include "store/query.h"

#include <string.h>

static const char *const id_sources[] = {"cplc", "iin-cin", "kdd", NULL};
static const char *const card_states[] = {
	"known", "changing", "active", "quarantined", "terminated", NULL};

static const struct store_field card_fields[] = {
	STORE_HEX(struct store_card, id, 0),
	STORE_WORD(struct store_card, id_source, id_sources),
	STORE_TEXT(struct store_card, profile),
	STORE_HEX_OPT(struct store_card, cplc, 84),
	STORE_HEX_OPT(struct store_card, iin, 0),
	STORE_HEX_OPT(struct store_card, cin, 0),
	STORE_WORD(struct store_card, state, card_states),
	STORE_TEXT_OPT(struct store_card, state_reason),
	STORE_INT(struct store_card, created),
	STORE_INT(struct store_card, changed),
};

static const struct store_row_type card_type =
	STORE_ROW_TYPE("card", "card", struct store_card, card_fields);

enum kms_status store_card_add(struct store *s, const struct store_card *card, struct kms_err *err)
{
	return store_row_add(s, SQL_CARD_ADD, &card_type, card, card->id, err);
}

enum kms_status store_card_get(
	struct store *s, const char *id, struct store_card *ret_card, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CARD_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, id);
	st = store_fetch(&q, &card_type, ret_card, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no card '%s'", id);
	kms_hint(err, "'cardkms card list' shows the cards of this site");
	return KMS_ERR_NOT_FOUND;
}

/*
 * By the index that leaves few rows to pass over: most cards are active, so that state tells less
 * than a profile does, and any other state more.
 */
static bool state_leads(const struct store_card_filter *filter)
{
	return filter->state && (!filter->profile || strcmp(filter->state, "active") != 0);
}

enum kms_status store_cards(struct store *s, const struct store_card_filter *filter,
	struct store_card_list *ret_list, struct kms_err *err)
{
	static const struct store_card_filter all = {0};
	struct store_query q;
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	if (!filter)
		filter = &all;
	if (state_leads(filter)) {
		q = store_query(s, SQL_CARD_LIST_STATE, err);
		store_put_word(&q, "state of a card", filter->state, card_states);
		store_put_text(&q, filter->profile);
	} else if (filter->profile) {
		q = store_query(s, SQL_CARD_LIST_PROFILE, err);
		store_put_text(&q, filter->profile);
		store_put_text(&q, filter->state);
	} else {
		q = store_query(s, SQL_CARD_LIST, err);
	}
	store_put_text(&q, filter->after ? filter->after : "");
	store_put_limit(&q, filter->limit);
	st = store_fetch_all(&q, &card_type, &items, &count);
	if (!st)
		*ret_list = (struct store_card_list){items, count};
	return st;
}

/* Why a change from a state found no row. */
static enum kms_status not_in_state(
	struct store *s, const char *id, const char *from, struct kms_err *err)
{
	STORE_AUTO(card) struct store_card card = {0};
	enum kms_status st = store_card_get(s, id, &card, err);

	if (!st)
		st = kms_fail(err, KMS_ERR_STATE, "card '%s' cannot be changed: it is %s, not %s",
			id, card.state, from);
	return store_doom(s, st);
}

static enum kms_status run_from(
	struct store_query *q, const char *id, const char *from, struct kms_err *err)
{
	int64_t changes = 0;
	enum kms_status st = store_run(q, &changes);

	if (st) {
		kms_prefix(err, "cannot change card '%.200s': ", id);
		return st;
	}
	return changes ? KMS_OK : not_in_state(q->s, id, from, err);
}

enum kms_status store_card_update(
	struct store *s, const struct store_card *card, const char *from, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CARD_UPDATE, err);

	store_put_row(&q, &card_type, card);
	store_put_word(&q, "state of a card", from, card_states);
	return run_from(&q, card->id, from, err);
}

enum kms_status store_card_set_state(struct store *s, const char *id, const char *from,
	const char *to, const char *reason, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CARD_SET_STATE, err);

	store_put_text(&q, id);
	store_put_word(&q, "state of a card", from, card_states);
	store_put_word(&q, "state of a card", to, card_states);
	store_put_text(&q, reason);
	store_put_int(&q, when);
	return run_from(&q, id, from, err);
}

void store_card_free(struct store_card *card)
{
	store_row_free(&card_type, card);
}

void store_card_list_free(struct store_card_list *list)
{
	store_row_list_free(&card_type, list->items, list->count);
	*list = (struct store_card_list){0};
}

static const struct store_field event_fields[] = {
	STORE_HEX(struct store_card_event, card_id, 0),
	STORE_INT(struct store_card_event, seq),
	STORE_INT(struct store_card_event, time),
	STORE_HEX_OPT(struct store_card_event, op_id, 32),
	STORE_TEXT(struct store_card_event, actor),
	STORE_TEXT(struct store_card_event, event),
	STORE_TEXT_OPT(struct store_card_event, detail),
};

static const struct store_row_type event_type =
	STORE_ROW_TYPE("card_event", "event of card", struct store_card_event, event_fields);

enum kms_status store_card_event_add(
	struct store *s, const struct store_card_event *event, struct kms_err *err)
{
	struct store_card_event row = *event;

	row.seq = 0; /* what the first one follows */
	return store_row_add(s, SQL_CARD_EVENT_ADD, &event_type, &row, row.card_id, err);
}

enum kms_status store_card_events(struct store *s, const char *card_id, int64_t after,
	int64_t limit, struct store_card_event_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CARD_EVENT_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, card_id);
	store_put_int(&q, after);
	store_put_limit(&q, limit);
	st = store_fetch_all(&q, &event_type, &items, &count);
	if (!st)
		*ret_list = (struct store_card_event_list){items, count};
	return st;
}

void store_card_event_free(struct store_card_event *event)
{
	store_row_free(&event_type, event);
}

void store_card_event_list_free(struct store_card_event_list *list)
{
	store_row_list_free(&event_type, list->items, list->count);
	*list = (struct store_card_event_list){0};
}
