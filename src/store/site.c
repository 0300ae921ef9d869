/* SPDX-License-Identifier: Apache-2.0 */
/* Site facts, token capabilities, counters. */
#include "store/query.h"
#include "store/store.h"

static const struct store_field meta_fields[] = {
	STORE_TEXT(struct store_meta, name),
	STORE_TEXT(struct store_meta, value),
};

static const struct store_row_type meta_type =
	STORE_ROW_TYPE("site_meta", "site fact", struct store_meta, meta_fields);

enum kms_status store_meta_set(
	struct store *s, const char *name, const char *value, struct kms_err *err)
{
	const struct store_meta meta = {name, value};

	return store_row_add(s, SQL_META_SET, &meta_type, &meta, name, err);
}

enum kms_status store_meta_get(
	struct store *s, const char *name, char **ret_value, struct kms_err *err)
{
	STORE_AUTO(meta) struct store_meta meta = {0};
	struct store_query q = store_query(s, SQL_META_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch(&q, &meta_type, &meta, &found);
	if (st)
		return st;
	if (!found)
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"store '%s' says nothing about the site's %s", s->path, name);
	*ret_value = (char *)meta.value;
	meta.value = NULL;
	return KMS_OK;
}

enum kms_status store_metas(struct store *s, struct store_meta_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_META_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(&q, &meta_type, &items, &count);

	if (!st)
		*ret_list = (struct store_meta_list){items, count};
	return st;
}

void store_meta_free(struct store_meta *meta)
{
	store_row_free(&meta_type, meta);
}

void store_meta_list_free(struct store_meta_list *list)
{
	store_row_list_free(&meta_type, list->items, list->count);
	*list = (struct store_meta_list){0};
}

static const struct store_field caps_fields[] = {
	STORE_TEXT(struct store_caps, serial),
	STORE_TEXT(struct store_caps, firmware),
	STORE_TEXT(struct store_caps, caps),
	STORE_INT(struct store_caps, probed),
};

static const struct store_row_type caps_type =
	STORE_ROW_TYPE("token_caps", "token", struct store_caps, caps_fields);

enum kms_status store_caps_set(struct store *s, const struct store_caps *caps, struct kms_err *err)
{
	return store_row_add(s, SQL_CAPS_SET, &caps_type, caps, caps->serial, err);
}

enum kms_status store_caps_get(struct store *s, const char *serial, const char *firmware,
	struct store_caps *ret_caps, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CAPS_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, serial);
	store_put_text(&q, firmware);
	st = store_fetch(&q, &caps_type, ret_caps, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "token '%s' with firmware '%s' was never probed",
		serial, firmware);
}

void store_caps_free(struct store_caps *caps)
{
	store_row_free(&caps_type, caps);
}

static enum kms_status take(
	struct store *s, const char *name, int count, int64_t *ret_first, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_COUNTER_TAKE, err);
	int64_t last = 0;
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	store_put_int(&q, count);
	st = store_fetch_int(&q, "counter", &last, &found);
	if (!st && (!found || last < count))
		st = kms_fail(err, KMS_ERR_STORE, "store '%s' is damaged: table counter, row '%s'",
			s->path, name);
	if (!st)
		*ret_first = last - count + 1;
	return st;
}

enum kms_status store_counter_take(
	struct store *s, const char *name, int count, int64_t *ret_first, struct kms_err *err)
{
	int64_t first = 0;
	enum kms_status st;

	if (count < 1)
		return kms_fail(
			err, KMS_ERR_INTERNAL, "cannot take %d numbers of '%s'", count, name);
	st = store_begin(s, err); /* refuses inside a transaction, which could be rolled back */
	if (st)
		return st;
	st = store_end(s, take(s, name, count, &first, err), err);
	if (!st)
		*ret_first = first;
	return st;
}

enum kms_status store_counter_last(
	struct store *s, const char *name, int64_t *ret_last, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_COUNTER_GET, err);
	int64_t last = 0;
	enum kms_status st;
	bool found;

	store_put_text(&q, name);
	st = store_fetch_int(&q, "counter", &last, &found);
	if (!st)
		*ret_last = last;
	return st;
}
