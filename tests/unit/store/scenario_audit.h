/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the walk of scenario.h: the audit log. */
#ifndef STORE_SCENARIO_AUDIT_H
#define STORE_SCENARIO_AUDIT_H

#include "store/auditlog.h"
#include "unit/store/check.h"

struct scenario_walk {
	int64_t next;
	int64_t stop; /* the callback fails there */
};

static inline enum kms_status scenario_visit(
	void *context, const struct store_entry *entry, struct kms_err *err)
{
	struct scenario_walk *walk = context;
	char text[32];

	snprintf(text, sizeof(text), "entry %lld", (long long)walk->next);
	assert_int_equal(entry->seq, walk->next);
	assert_string_equal(entry->text, text);
	assert_int_equal(entry->time, 1000 + walk->next);
	if (walk->next++ == walk->stop)
		return kms_fail(err, KMS_ERR_MISMATCH, "stopped at %lld", (long long)entry->seq);
	return KMS_OK;
}

static inline void scenario_audit_walk(struct store *s)
{
	struct scenario_walk walk = {.stop = -1};
	struct kms_err err = {0};

	OK(store_audit_each(s, 0, 600, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
	walk.next = 250;
	OK(store_audit_each(s, 250, 300, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 300);
	walk.next = 0;
	walk.stop = 270;
	FAILS(KMS_ERR_MISMATCH, "stopped at 270",
		store_audit_each(s, 0, 600, scenario_visit, &walk, &err));
	walk.next = 512;
	walk.stop = -1;
	OK(store_audit_each(s, 512, 9999, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
	OK(store_audit_each(s, 600, 9999, scenario_visit, &walk, &err));
	assert_int_equal(walk.next, 600);
}

static inline void scenario_append(struct store *s, int64_t from, int64_t to)
{
	static char texts[600][32];
	static struct store_entry entries[600];
	struct kms_err err = {0};

	for (int64_t i = from; i < to; i++) {
		snprintf(texts[i], sizeof(texts[i]), "entry %lld", (long long)i);
		entries[i] = (struct store_entry){
			i, 1000 + i, "A. Ortiz", "key-create", texts[i], HEX_32};
	}
	CHANGE(store_audit_append(s, entries + from, (size_t)(to - from), &err));
}

static inline void scenario_audit_entries(struct store *s)
{
	struct store_entry gap = {601, 1, "x", "y", "z", HEX_32};
	STORE_AUTO(entry) struct store_entry got = {0};
	struct kms_err err = {0};
	int64_t size = -1;

	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 0);
	scenario_append(s, 0, 1);
	scenario_append(s, 1, 600);
	OK(store_audit_size(s, &size, &err));
	assert_int_equal(size, 600);
	OK(store_audit_get(s, 599, &got, &err));
	assert_string_equal(got.actor, "A. Ortiz");
	assert_string_equal(got.operation, "key-create");
	assert_string_equal(got.leaf, HEX_32);
	store_entry_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "no audit entry 600", store_audit_get(s, 600, &got, &err));
	CHANGE_FAILS(KMS_ERR_STATE, "the next one is 600", store_audit_append(s, &gap, 1, &err));
	gap.seq = 599;
	CHANGE_FAILS(KMS_ERR_STATE, "the next one is 600", store_audit_append(s, &gap, 1, &err));
	gap.seq = 600;
	gap.leaf = "00";
	CHANGE_FAILS(KMS_ERR_INVALID, "audit entry 600", store_audit_append(s, &gap, 1, &err));
	scenario_audit_walk(s);
}

static inline void scenario_audit_tree(struct store *s)
{
	struct store_node nodes[] = {{0, 0, HEX_32}, {0, 1, HEX_32}, {1, 0, HEX_32}};
	struct store_checkpoint point = {600, HEX_32, "site\n600\n\n— sig\n", 700};
	STORE_AUTO(checkpoint_list) struct store_checkpoint_list points = {0};
	STORE_AUTO(checkpoint) struct store_checkpoint last = {0};
	STORE_AUTO(node) struct store_node got = {0};
	struct kms_err err = {0};

	CHANGE(store_audit_node_add(s, nodes, 3, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "audit node 1/0", store_audit_node_add(s, nodes + 2, 1, &err));
	OK(store_audit_node_get(s, 0, 1, &got, &err));
	assert_string_equal(got.hash, HEX_32);
	assert_int_equal(got.idx, 1);
	store_node_free(&got);
	FAILS(KMS_ERR_NOT_FOUND, "audit node 1/1", store_audit_node_get(s, 1, 1, &got, &err));

	FAILS(KMS_ERR_NOT_FOUND, "no checkpoint", store_checkpoint_last(s, &last, &err));
	CHANGE(store_checkpoint_add(s, &point, &err));
	CHANGE_FAILS(KMS_ERR_EXISTS, "600 audit entries", store_checkpoint_add(s, &point, &err));
	point.size = 1000;
	CHANGE(store_checkpoint_add(s, &point, &err));
	OK(store_checkpoint_last(s, &last, &err));
	assert_int_equal(last.size, 1000);
	assert_string_equal(last.root, HEX_32);
	assert_string_equal(last.note, point.note);
	assert_int_equal(last.time, 700);
	OK(store_checkpoints(s, &points, &err));
	assert_int_equal(points.count, 2);
	assert_int_equal(points.items[0].size, 600);
}

#endif
