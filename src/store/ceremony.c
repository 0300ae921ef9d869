/* SPDX-License-Identifier: Apache-2.0 */
/* Ceremonies and their custodians. */
#include "store/journal.h"
#include "store/query.h"

static const char *const ceremony_states[] = {"started", "done", "failed", "interrupted", NULL};
static const char *const ceremony_ends[] = {"done", "failed", "interrupted", NULL};

static const struct store_field ceremony_fields[] = {
	STORE_TEXT(struct store_ceremony, id),
	STORE_TEXT(struct store_ceremony, kind),
	STORE_TEXT(struct store_ceremony, key_label),
	STORE_TEXT(struct store_ceremony, algorithm),
	STORE_INT(struct store_ceremony, components),
	STORE_TEXT_OPT(struct store_ceremony, partner),
	STORE_HEX_OPT(struct store_ceremony, op_id, 32),
	STORE_WORD(struct store_ceremony, state, ceremony_states),
	STORE_INT(struct store_ceremony, started),
	STORE_INT_OPT(struct store_ceremony, ended),
	STORE_TEXT_OPT(struct store_ceremony, minutes),
};

static const struct store_row_type ceremony_type =
	STORE_ROW_TYPE("ceremony", "ceremony", struct store_ceremony, ceremony_fields);

enum kms_status store_ceremony_add(
	struct store *s, const struct store_ceremony *ceremony, struct kms_err *err)
{
	return store_row_add(s, SQL_CEREMONY_ADD, &ceremony_type, ceremony, ceremony->id, err);
}

enum kms_status store_ceremony_get(
	struct store *s, const char *id, struct store_ceremony *ret_ceremony, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CEREMONY_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, id);
	st = store_fetch(&q, &ceremony_type, ret_ceremony, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no ceremony '%s'", id);
	kms_hint(err, "'cardkms ceremony list' shows them");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_ceremonies(struct store *s, const char *state,
	struct store_ceremony_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CEREMONY_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, state);
	st = store_fetch_all(&q, &ceremony_type, &items, &count);
	if (!st)
		*ret_list = (struct store_ceremony_list){items, count};
	return st;
}

static enum kms_status ended_already(struct store *s, const char *id, struct kms_err *err)
{
	STORE_AUTO(ceremony) struct store_ceremony ceremony = {0};
	enum kms_status st = store_ceremony_get(s, id, &ceremony, err);

	if (!st)
		st = kms_fail(err, KMS_ERR_STATE, "ceremony %s has ended already: %s", id,
			ceremony.state);
	return store_doom(s, st);
}

enum kms_status store_ceremony_finish(struct store *s, const char *id, const char *state,
	const char *minutes, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CEREMONY_FINISH, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, id);
	store_put_word(&q, "outcome of a ceremony", state, ceremony_ends);
	store_put_text(&q, minutes);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	return st || changes ? st : ended_already(s, id, err);
}

void store_ceremony_free(struct store_ceremony *ceremony)
{
	store_row_free(&ceremony_type, ceremony);
}

void store_ceremony_list_free(struct store_ceremony_list *list)
{
	store_row_list_free(&ceremony_type, list->items, list->count);
	*list = (struct store_ceremony_list){0};
}

static const struct store_field custodian_fields[] = {
	STORE_TEXT(struct store_custodian, ceremony_id),
	STORE_INT(struct store_custodian, component),
	STORE_INT(struct store_custodian, position),
	STORE_TEXT(struct store_custodian, person),
	STORE_TEXT(struct store_custodian, folded),
	STORE_INT_OPT(struct store_custodian, sheet_serial),
	STORE_HEX_OPT(struct store_custodian, check_value, 0),
	STORE_TEXT(struct store_custodian, sheet_state),
};

static const struct store_row_type custodian_type =
	STORE_ROW_TYPE("custodian", "custodian", struct store_custodian, custodian_fields);

enum kms_status store_custodian_add(
	struct store *s, const struct store_custodian *custodian, struct kms_err *err)
{
	return store_row_add(
		s, SQL_CUSTODIAN_ADD, &custodian_type, custodian, custodian->person, err);
}

enum kms_status store_component_set(struct store *s, const char *ceremony_id, int64_t component,
	int64_t sheet_serial, const char *check_value, const char *sheet_state, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CUSTODIAN_SET, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, ceremony_id);
	store_put_int(&q, component);
	if (sheet_serial)
		store_put_int(&q, sheet_serial);
	else
		store_put_text(&q, NULL);
	store_put_text(&q, check_value);
	store_put_text(&q, sheet_state);
	st = store_run(&q, &changes);
	if (st || changes)
		return st;
	return store_doom(s, kms_fail(err, KMS_ERR_NOT_FOUND,
				     "ceremony '%s' has no custodian for component %lld",
				     ceremony_id, (long long)component));
}

enum kms_status store_custodians(struct store *s, const char *ceremony_id,
	struct store_custodian_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CUSTODIAN_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, ceremony_id);
	st = store_fetch_all(&q, &custodian_type, &items, &count);
	if (!st)
		*ret_list = (struct store_custodian_list){items, count};
	return st;
}

void store_custodian_free(struct store_custodian *custodian)
{
	store_row_free(&custodian_type, custodian);
}

void store_custodian_list_free(struct store_custodian_list *list)
{
	store_row_list_free(&custodian_type, list->items, list->count);
	*list = (struct store_custodian_list){0};
}
