/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the audit log: entries, inner nodes of its tree, checkpoints. store/store.h. */
#ifndef STORE_AUDITLOG_H
#define STORE_AUDITLOG_H

#include "store/store.h"

struct store_entry {
	int64_t seq; /* 0 is the first; no gaps */
	int64_t time;
	const char *actor;
	const char *operation;
	const char *text; /* the exact line whose bytes are hashed */
	const char *leaf; /* its leaf hash, 64 hex digits */
};

/* Entries in the log: the seq of the next one. */
KMS_CHECKED enum kms_status store_audit_size(
	struct store *s, int64_t *ret_size, struct kms_err *err);
/* Adds entries whose seq continue the log, else KMS_ERR_STATE. Quick for many at once. */
KMS_CHECKED enum kms_status store_audit_append(
	struct store *s, const struct store_entry *entries, size_t count, struct kms_err *err);
KMS_CHECKED enum kms_status store_audit_get(
	struct store *s, int64_t seq, struct store_entry *ret_entry, struct kms_err *err);

/* The entry is valid during the call only. A status other than KMS_OK ends the walk with it. */
typedef enum kms_status store_entry_fn(
	void *context, const struct store_entry *entry, struct kms_err *err);

/* Calls fn for each entry with from <= seq < to, in order, in constant memory. */
KMS_CHECKED enum kms_status store_audit_each(struct store *s, int64_t from, int64_t to,
	store_entry_fn *fn, void *context, struct kms_err *err);
void store_entry_free(struct store_entry *entry);

/* A node of the tree that will never change: of 2^level leaves from idx * 2^level on. */
struct store_node {
	int64_t level;
	int64_t idx;
	const char *hash; /* 64 hex digits */
};

KMS_CHECKED enum kms_status store_audit_node_add(
	struct store *s, const struct store_node *nodes, size_t count, struct kms_err *err);
KMS_CHECKED enum kms_status store_audit_node_get(struct store *s, int64_t level, int64_t idx,
	struct store_node *ret_node, struct kms_err *err);
void store_node_free(struct store_node *node);

struct store_checkpoint {
	int64_t size; /* entries that it covers */
	const char *root;
	const char *note; /* the signed text */
	int64_t time;
};

struct store_checkpoint_list {
	struct store_checkpoint *items; /* by size */
	size_t count;
};

KMS_CHECKED enum kms_status store_checkpoint_add(
	struct store *s, const struct store_checkpoint *checkpoint, struct kms_err *err);
/* The largest; KMS_ERR_NOT_FOUND if there is none. */
KMS_CHECKED enum kms_status store_checkpoint_last(
	struct store *s, struct store_checkpoint *ret_checkpoint, struct kms_err *err);
KMS_CHECKED enum kms_status store_checkpoints(
	struct store *s, struct store_checkpoint_list *ret_list, struct kms_err *err);
void store_checkpoint_free(struct store_checkpoint *checkpoint);
void store_checkpoint_list_free(struct store_checkpoint_list *list);

#endif
