/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/tree.h"

#include <inttypes.h>
#include <string.h>

enum kms_status audit_frontier_add(struct audit_frontier *frontier,
	const unsigned char leaf[HASH_SIZE], const struct audit_nodes *nodes, struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];
	enum kms_status st = KMS_OK;
	uint64_t size = frontier->size;
	unsigned level = 0;

	if (size >= AUDIT_SIZE_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"a log cannot hold more than %" PRId64 " entries", (int64_t)AUDIT_SIZE_MAX);
	memcpy(hash, leaf, HASH_SIZE);
	if (nodes)
		st = nodes->put(nodes->ctx, 0, size, hash, err);
	for (; !st && (size >> level & 1); level++) {
		st = audit_node_hash(frontier->hash[level], hash, hash, err);
		if (!st && nodes)
			st = nodes->put(nodes->ctx, level + 1, size >> (level + 1), hash, err);
	}
	if (st)
		return st;
	memcpy(frontier->hash[level], hash, HASH_SIZE);
	frontier->size++;
	return KMS_OK;
}

enum kms_status audit_frontier_root(const struct audit_frontier *frontier,
	unsigned char ret_root[HASH_SIZE], struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];
	enum kms_status st = KMS_OK;
	uint64_t rest = frontier->size;
	unsigned level;

	if (rest == 0)
		return hash_sha256("", 0, ret_root, err);
	level = (unsigned)__builtin_ctzll(rest);
	memcpy(hash, frontier->hash[level], HASH_SIZE);
	for (rest &= rest - 1; !st && rest; rest &= rest - 1) {
		level = (unsigned)__builtin_ctzll(rest);
		st = audit_node_hash(frontier->hash[level], hash, hash, err);
	}
	if (!st)
		memcpy(ret_root, hash, HASH_SIZE);
	return st;
}

enum kms_status audit_frontier_load(const struct audit_nodes *nodes, uint64_t size,
	struct audit_frontier *ret_frontier, struct kms_err *err)
{
	struct audit_frontier frontier = {.size = size};
	enum kms_status st = KMS_OK;

	if (size > AUDIT_SIZE_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "a log cannot hold %" PRIu64 " entries", size);
	for (unsigned level = 0; !st && level < AUDIT_LEVELS; level++)
		if (size >> level & 1)
			/* The complete subtree left of this bit's: all lower bits are after it. */
			st = nodes->get(
				nodes->ctx, level, (size >> level) - 1, frontier.hash[level], err);
	if (!st)
		*ret_frontier = frontier;
	return st;
}
