/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit/: an append-only log as a Merkle tree, its signed checkpoints, and proofs about both.
 *
 * Invariants of the folder:
 * - Pure: no files, no database, no token. Nodes, text and signatures come and go by callbacks.
 * - Entry number `seq` starts at 0 and is its leaf's index; a tree of size n holds entries 0 to
 *   n - 1. A leaf is the entry's line, byte for byte, without its newline.
 * - Node (level, index) is the root of the complete subtree over the leaves index * 2^level up to
 *   (index + 1) * 2^level - 1. It is written once and never changes; level 0 are the leaf hashes.
 * - What a checkpoint signs is the root. Anything not yet under a checkpoint is only as good as
 *   its storage, and every verdict says how many entries that are.
 * - No line, message or proof ever holds key bytes: what goes into an entry is the caller's to
 *   choose (identifiers, labels, check values, file hashes).
 *
 * Hashing and proofs: RFC 9162 section 2.1 (leaf 00, node 01, SHA-256).
 */
#ifndef AUDIT_TREE_H
#define AUDIT_TREE_H

#include "base/err.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

enum {
	AUDIT_LEVELS = 63,
	AUDIT_PATH_MAX = AUDIT_LEVELS + 2,
};

#define AUDIT_SIZE_MAX (INT64_MAX / 2)

/* Where complete subtrees are kept. */
struct audit_nodes {
	void *ctx;
	enum kms_status (*get)(void *ctx, unsigned level, uint64_t index,
		unsigned char ret_hash[HASH_SIZE], struct kms_err *err);
	enum kms_status (*put)(void *ctx, unsigned level, uint64_t index,
		const unsigned char hash[HASH_SIZE], struct kms_err *err);
};

/* Hashes in the order of RFC 9162: from the leaf's level upwards. */
struct audit_path {
	size_t count;
	unsigned char hash[AUDIT_PATH_MAX][HASH_SIZE];
};

KMS_CHECKED enum kms_status audit_leaf_hash(
	const void *data, size_t len, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);
KMS_CHECKED enum kms_status audit_node_hash(const unsigned char left[HASH_SIZE],
	const unsigned char right[HASH_SIZE], unsigned char ret_hash[HASH_SIZE],
	struct kms_err *err);

/*
 * Appends leaf number `size` (counted from 0) to a tree of `size` leaves: puts it and every
 * subtree that it completes, two nodes on average, and gets as many less one. All puts of one
 * append belong in one transaction.
 */
KMS_CHECKED enum kms_status audit_tree_append(const struct audit_nodes *nodes, uint64_t size,
	const unsigned char leaf[HASH_SIZE], struct kms_err *err);

/* The root over the first `size` leaves, for any size up to that of the tree; at most 63 gets. */
KMS_CHECKED enum kms_status audit_tree_root(const struct audit_nodes *nodes, uint64_t size,
	unsigned char ret_root[HASH_SIZE], struct kms_err *err);

/* RFC 9162 section 2.1.3.1 and 2.1.4.1. KMS_ERR_INVALID unless index < size, old_size <= size. */
KMS_CHECKED enum kms_status audit_tree_inclusion(const struct audit_nodes *nodes, uint64_t index,
	uint64_t size, struct audit_path *ret_path, struct kms_err *err);
KMS_CHECKED enum kms_status audit_tree_consistency(const struct audit_nodes *nodes,
	uint64_t old_size, uint64_t size, struct audit_path *ret_path, struct kms_err *err);

/* RFC 9162 section 2.1.3.2 and 2.1.4.2. KMS_ERR_MISMATCH if the path does not prove it. */
KMS_CHECKED enum kms_status audit_check_inclusion(const unsigned char leaf[HASH_SIZE],
	uint64_t index, uint64_t size, const struct audit_path *path,
	const unsigned char root[HASH_SIZE], struct kms_err *err);
KMS_CHECKED enum kms_status audit_check_consistency(uint64_t old_size,
	const unsigned char old_root[HASH_SIZE], uint64_t size, const unsigned char root[HASH_SIZE],
	const struct audit_path *path, struct kms_err *err);

/*
 * The right edge of a tree: enough to append and to know the root, without any storage. One hash
 * for each bit set in size; hash[level] is meaningful where that bit is set.
 */
struct audit_frontier {
	uint64_t size;
	unsigned char hash[AUDIT_LEVELS][HASH_SIZE];
};

/* `nodes` may be NULL; otherwise nodes->put is told of every subtree that leaf completes. */
KMS_CHECKED enum kms_status audit_frontier_add(struct audit_frontier *frontier,
	const unsigned char leaf[HASH_SIZE], const struct audit_nodes *nodes, struct kms_err *err);
KMS_CHECKED enum kms_status audit_frontier_root(const struct audit_frontier *frontier,
	unsigned char ret_root[HASH_SIZE], struct kms_err *err);
KMS_CHECKED enum kms_status audit_frontier_load(const struct audit_nodes *nodes, uint64_t size,
	struct audit_frontier *ret_frontier, struct kms_err *err);

#endif
