/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include "store/query.h"

static const char *const export_words[] = {"never", "partner", NULL};
static const char *const keyset_states[] = {"pending", "active", "void", NULL};
static const char *const key_states[] = {"pending", "pre-activation", "active", "suspended",
	"deactivated", "compromised", "destroyed", "void", NULL};

static const struct store_field keyset_fields[] = {
	STORE_TEXT(struct store_keyset, name),
	STORE_TEXT(struct store_keyset, customer),
	STORE_TEXT(struct store_keyset, algorithm),
	STORE_TEXT(struct store_keyset, diversification),
	STORE_TEXT_OPT(struct store_keyset, definition),
	STORE_INT_OPT(struct store_keyset, kvn),
	STORE_WORD(struct store_keyset, exportable, export_words),
	STORE_TEXT_OPT(struct store_keyset, cryptoperiod),
	STORE_TEXT(struct store_keyset, origin),
	STORE_TEXT_OPT(struct store_keyset, order_ref),
	STORE_WORD(struct store_keyset, state, keyset_states),
	STORE_HEX_OPT(struct store_keyset, op_id, 32),
	STORE_INT(struct store_keyset, created),
};

static const struct store_row_type keyset_type =
	STORE_ROW_TYPE("keyset", "key set", struct store_keyset, keyset_fields);

enum kms_status store_keyset_add(
	struct store *s, const struct store_keyset *keyset, struct kms_err *err)
{
	return store_row_put(s, SQL_KEYSET_ADD, &keyset_type, keyset, keyset->name, err);
}

static enum kms_status no_keyset(const char *name, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_NOT_FOUND, "no key set '%s'", name);
	kms_hint(err, "'cardkms key list' shows all keys and their key sets");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_keyset_get(
	struct store *s, const char *name, struct store_keyset *ret_keyset, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_KEYSET_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &keyset_type, ret_keyset, &found);
	return st || found ? st : no_keyset(name, err);
}

enum kms_status store_keysets(
	struct store *s, struct store_keyset_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_KEYSET_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &keyset_type, &items, &count);
	if (!st)
		*ret_list = (struct store_keyset_list){items, count};
	return st;
}

enum kms_status store_keyset_set_state(
	struct store *s, const char *name, const char *from, const char *to, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_KEYSET_SET_STATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, name);
	store_put_word(&q, "state of a key set", from, keyset_states);
	store_put_word(&q, "state of a key set", to, keyset_states);
	st = store_run(&q, &changes);
	if (st || changes)
		return st;
	return store_doom(
		s, kms_fail(err, KMS_ERR_STATE, "key set '%s' cannot become %s: it is not %s", name,
			   to, from));
}

void store_keyset_free(struct store_keyset *keyset)
{
	store_row_free(&keyset_type, keyset);
}

void store_keyset_list_free(struct store_keyset_list *list)
{
	store_row_list_free(&keyset_type, list->items, list->count);
	*list = (struct store_keyset_list){0};
}

static const struct store_field key_fields[] = {
	STORE_HEX(struct store_key, cka_id, 32),
	STORE_TEXT(struct store_key, label),
	STORE_TEXT_OPT(struct store_key, keyset),
	STORE_TEXT(struct store_key, role),
	STORE_TEXT(struct store_key, algorithm),
	STORE_INT_OPT(struct store_key, kvn),
	STORE_WORD(struct store_key, state, key_states),
	STORE_HEX_OPT(struct store_key, check_value, 0),
	STORE_TEXT_OPT(struct store_key, check_method),
	STORE_TEXT(struct store_key, location),
	STORE_TEXT(struct store_key, origin),
	STORE_TEXT_OPT(struct store_key, partner),
	STORE_TEXT_OPT(struct store_key, wrapping),
	STORE_TEXT_OPT(struct store_key, direction),
	STORE_HEX_OPT(struct store_key, proof, 0),
	STORE_HEX_OPT(struct store_key, public_key, 0),
	STORE_WORD(struct store_key, exportable, export_words),
	STORE_TEXT_OPT(struct store_key, ceremony_id),
	STORE_TEXT(struct store_key, hsm_serial),
	STORE_HEX_OPT(struct store_key, op_id, 32),
	STORE_INT(struct store_key, created),
	STORE_INT_OPT(struct store_key, activated),
	STORE_INT_OPT(struct store_key, deactivate_after),
	STORE_INT(struct store_key, state_changed),
	STORE_TEXT_OPT(struct store_key, state_reason),
};

static const struct store_row_type key_type =
	STORE_ROW_TYPE("key_object", "key", struct store_key, key_fields);

enum kms_status store_key_add(struct store *s, const struct store_key *key, struct kms_err *err)
{
	return store_row_add(s, SQL_KEY_ADD, &key_type, key, key->label, err);
}

static enum kms_status get(struct store *s, enum store_sql sql, const char *word, const char *what,
	struct store_key *ret_key, struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, word);
	st = store_fetch(&q, &key_type, ret_key, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no key %s'%s'", what, word);
	kms_hint(err, "'cardkms key list' shows all keys");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_key_get(
	struct store *s, const char *cka_id, struct store_key *ret_key, struct kms_err *err)
{
	return get(s, SQL_KEY_GET, cka_id, "with CKA_ID ", ret_key, err);
}

enum kms_status store_key_by_label(
	struct store *s, const char *label, struct store_key *ret_key, struct kms_err *err)
{
	return get(s, SQL_KEY_BY_LABEL, label, "", ret_key, err);
}

enum kms_status store_keys(struct store *s, const struct store_key_filter *filter,
	struct store_key_list *ret_list, struct kms_err *err)
{
	static const struct store_key_filter all = {0};
	struct store_query q = store_query(s, SQL_KEY_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	if (!filter)
		filter = &all;
	store_put_text(&q, filter->keyset);
	store_put_text(&q, filter->state);
	store_put_text(&q, filter->role);
	store_put_text(&q, filter->op_id);
	store_put_int(&q, filter->live);
	st = store_fetch_all(&q, &key_type, &items, &count);
	if (!st)
		*ret_list = (struct store_key_list){items, count};
	return st;
}

/* Why a change from a state found no row. */
static enum kms_status not_in_state(
	struct store *s, const char *cka_id, const char *from, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key key = {0};
	enum kms_status st = store_key_get(s, cka_id, &key, err);

	if (!st)
		st = kms_fail(err, KMS_ERR_STATE, "key '%s' cannot be changed: it is %s, not %s",
			key.label, key.state, from);
	return store_doom(s, st);
}

enum kms_status store_key_update(
	struct store *s, const struct store_key *key, const char *from, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_KEY_UPDATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_row(&q, &key_type, key);
	store_put_word(&q, "state of a key", from, key_states);
	st = store_run(&q, &changes);
	if (st) {
		kms_prefix(err, "cannot change key '%.200s': ", key->label);
		return st;
	}
	return changes ? KMS_OK : not_in_state(s, key->cka_id, from, err);
}

enum kms_status store_key_set_state(struct store *s, const char *cka_id, const char *from,
	const char *to, const char *reason, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_KEY_SET_STATE, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, cka_id);
	store_put_word(&q, "state of a key", from, key_states);
	store_put_word(&q, "state of a key", to, key_states);
	store_put_text(&q, reason);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	if (st) {
		kms_prefix(err, "cannot change key %s: ", cka_id);
		return st;
	}
	return changes ? KMS_OK : not_in_state(s, cka_id, from, err);
}

void store_key_free(struct store_key *key)
{
	store_row_free(&key_type, key);
}

void store_key_list_free(struct store_key_list *list)
{
	store_row_list_free(&key_type, list->items, list->count);
	*list = (struct store_key_list){0};
}
