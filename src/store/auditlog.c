/* SPDX-License-Identifier: Apache-2.0 */
#include "store/auditlog.h"

#include "store/query.h"

#include <stdlib.h>

/* Entries that store_audit_each holds in memory at a time. */
enum { PAGE = 256 };

static const struct store_field entry_fields[] = {
	STORE_INT(struct store_entry, seq),
	STORE_INT(struct store_entry, time),
	STORE_TEXT(struct store_entry, actor),
	STORE_TEXT(struct store_entry, operation),
	STORE_TEXT(struct store_entry, text),
	STORE_HEX(struct store_entry, leaf, 64),
};

static const struct store_row_type entry_type =
	STORE_ROW_TYPE("audit_entry", "audit entry", struct store_entry, entry_fields);

enum kms_status store_audit_size(struct store *s, int64_t *ret_size, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_AUDIT_SIZE, err);
	bool found;

	return store_fetch_int(&q, "audit_entry", ret_size, &found);
}

static enum kms_status add_entry(
	struct store *s, const struct store_entry *entry, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_AUDIT_ADD, err);
	enum kms_status st;

	store_put_row(&q, &entry_type, entry);
	st = store_run(&q, NULL);
	if (st)
		kms_prefix(err, "cannot add audit entry %lld: ", (long long)entry->seq);
	return st;
}

enum kms_status store_audit_append(
	struct store *s, const struct store_entry *entries, size_t count, struct kms_err *err)
{
	int64_t size = 0;
	enum kms_status st = store_audit_size(s, &size, err);

	for (size_t i = 0; i < count && !st; i++) {
		if (entries[i].seq != size + (int64_t)i)
			return store_doom(s,
				kms_fail(err, KMS_ERR_STATE,
					"cannot add audit entry %lld: the next one is "
					"%lld",
					(long long)entries[i].seq, (long long)(size + (int64_t)i)));
		st = add_entry(s, &entries[i], err);
	}
	return st;
}

enum kms_status store_audit_get(
	struct store *s, int64_t seq, struct store_entry *ret_entry, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_AUDIT_GET, err);
	enum kms_status st;
	bool found;

	store_put_int(&q, seq);
	st = store_fetch(&q, &entry_type, ret_entry, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no audit entry %lld", (long long)seq);
}

static enum kms_status read_page(struct store *s, int64_t from, int64_t to,
	struct store_entry **ret_items, size_t *ret_count, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_AUDIT_RANGE, err);
	void *items = NULL;
	enum kms_status st;

	store_put_int(&q, from);
	store_put_int(&q, to);
	store_put_int(&q, PAGE);
	st = store_fetch_all(&q, &entry_type, &items, ret_count);
	if (!st)
		*ret_items = items;
	return st;
}

enum kms_status store_audit_each(struct store *s, int64_t from, int64_t to, store_entry_fn *fn,
	void *context, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	size_t count = PAGE;

	while (!st && count == PAGE) {
		struct store_entry *items = NULL;

		st = read_page(s, from, to, &items, &count, err);
		if (st)
			return st;
		for (size_t i = 0; i < count && !st; i++) {
			from = items[i].seq + 1;
			st = fn(context, &items[i], err);
		}
		store_row_list_free(&entry_type, items, count);
	}
	return st;
}

void store_entry_free(struct store_entry *entry)
{
	store_row_free(&entry_type, entry);
}

static const struct store_field node_fields[] = {
	STORE_INT(struct store_node, level),
	STORE_INT(struct store_node, idx),
	STORE_HEX(struct store_node, hash, 64),
};

static const struct store_row_type node_type =
	STORE_ROW_TYPE("audit_node", "audit node", struct store_node, node_fields);

enum kms_status store_audit_node_add(
	struct store *s, const struct store_node *nodes, size_t count, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < count && !st; i++) {
		struct store_query q = store_query(s, SQL_NODE_ADD, err);

		store_put_row(&q, &node_type, &nodes[i]);
		st = store_run(&q, NULL);
		if (st)
			kms_prefix(err,
				"cannot add audit node %lld/%lld: ", (long long)nodes[i].level,
				(long long)nodes[i].idx);
	}
	return st;
}

enum kms_status store_audit_node_get(struct store *s, int64_t level, int64_t idx,
	struct store_node *ret_node, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_NODE_GET, err);
	enum kms_status st;
	bool found;

	store_put_int(&q, level);
	store_put_int(&q, idx);
	st = store_fetch(&q, &node_type, ret_node, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no audit node %lld/%lld", (long long)level,
		(long long)idx);
}

void store_node_free(struct store_node *node)
{
	store_row_free(&node_type, node);
}

static const struct store_field checkpoint_fields[] = {
	STORE_INT(struct store_checkpoint, size),
	STORE_HEX(struct store_checkpoint, root, 64),
	STORE_TEXT(struct store_checkpoint, note),
	STORE_INT(struct store_checkpoint, time),
};

static const struct store_row_type checkpoint_type = STORE_ROW_TYPE(
	"audit_checkpoint", "audit checkpoint", struct store_checkpoint, checkpoint_fields);

enum kms_status store_checkpoint_add(
	struct store *s, const struct store_checkpoint *checkpoint, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHECKPOINT_ADD, err);
	enum kms_status st;

	store_put_row(&q, &checkpoint_type, checkpoint);
	st = store_run(&q, NULL);
	if (st)
		kms_prefix(err, "cannot add the checkpoint of %lld audit entries: ",
			(long long)checkpoint->size);
	return st;
}

enum kms_status store_checkpoint_last(
	struct store *s, struct store_checkpoint *ret_checkpoint, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHECKPOINT_LAST, err);
	enum kms_status st;
	bool found;

	st = store_fetch(&q, &checkpoint_type, ret_checkpoint, &found);
	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "the audit log has no checkpoint yet");
	kms_hint(err, "'cardkms audit checkpoint' signs one");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_checkpoints(
	struct store *s, struct store_checkpoint_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_CHECKPOINT_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	st = store_fetch_all(&q, &checkpoint_type, &items, &count);
	if (!st)
		*ret_list = (struct store_checkpoint_list){items, count};
	return st;
}

void store_checkpoint_free(struct store_checkpoint *checkpoint)
{
	store_row_free(&checkpoint_type, checkpoint);
}

void store_checkpoint_list_free(struct store_checkpoint_list *list)
{
	store_row_list_free(&checkpoint_type, list->items, list->count);
	*list = (struct store_checkpoint_list){0};
}
