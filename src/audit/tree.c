/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/tree.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum kms_status audit_leaf_hash(
	const void *data, size_t len, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	struct hash_part parts[] = {{"\x00", 1}, {data, len}};

	return hash_sha256_parts(parts, 2, ret_hash, err);
}

enum kms_status audit_node_hash(const unsigned char left[HASH_SIZE],
	const unsigned char right[HASH_SIZE], unsigned char ret_hash[HASH_SIZE],
	struct kms_err *err)
{
	struct hash_part parts[] = {{"\x01", 1}, {left, HASH_SIZE}, {right, HASH_SIZE}};

	return hash_sha256_parts(parts, 3, ret_hash, err);
}

static enum kms_status size_check(uint64_t size, struct kms_err *err)
{
	if (size > AUDIT_SIZE_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "a log cannot hold %" PRIu64 " entries", size);
	return KMS_OK;
}

enum kms_status audit_tree_append(const struct audit_nodes *nodes, uint64_t size,
	const unsigned char leaf[HASH_SIZE], struct kms_err *err)
{
	unsigned char hash[HASH_SIZE], left[HASH_SIZE];
	enum kms_status st = size_check(size, err);
	unsigned level = 0;

	if (st)
		return st;
	memcpy(hash, leaf, HASH_SIZE);
	st = nodes->put(nodes->ctx, 0, size, hash, err);
	for (uint64_t index = size; !st && (index & 1); index >>= 1, level++) {
		st = nodes->get(nodes->ctx, level, index - 1, left, err);
		if (!st)
			st = audit_node_hash(left, hash, hash, err);
		if (!st)
			st = nodes->put(nodes->ctx, level + 1, index >> 1, hash, err);
	}
	return st;
}

/*
 * MTH(D[begin:end]). `begin` is a multiple of a power of two not less than end - begin, as in every
 * subtree of the definition, so the complete parts are stored nodes: one for each bit of the length,
 * the longest leftmost. They are joined from the right.
 */
static enum kms_status range_hash(const struct audit_nodes *nodes, uint64_t begin, uint64_t end,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	unsigned char hash[HASH_SIZE], left[HASH_SIZE];
	bool first = true;
	enum kms_status st = KMS_OK;

	for (unsigned level = 0; !st && begin < end; level++) {
		uint64_t length = (uint64_t)1 << level;

		if (!((end - begin) & length))
			continue;
		end -= length;
		st = nodes->get(nodes->ctx, level, end >> level, first ? hash : left, err);
		if (!st && !first)
			st = audit_node_hash(left, hash, hash, err);
		first = false;
	}
	if (!st)
		memcpy(ret_hash, hash, HASH_SIZE);
	return st;
}

enum kms_status audit_tree_root(const struct audit_nodes *nodes, uint64_t size,
	unsigned char ret_root[HASH_SIZE], struct kms_err *err)
{
	enum kms_status st = size_check(size, err);

	if (st)
		return st;
	if (size == 0)
		return hash_sha256("", 0, ret_root, err);
	return range_hash(nodes, 0, size, ret_root, err);
}

/* The largest power of two smaller than n, for n > 1. */
static uint64_t split(uint64_t n)
{
	return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

static enum kms_status path_add(const struct audit_nodes *nodes, uint64_t begin, uint64_t end,
	struct audit_path *path, struct kms_err *err)
{
	return range_hash(nodes, begin, end, path->hash[path->count++], err);
}

/* The recursions of the definitions, unrolled: ranges are noted going down, hashed coming up. */
struct range {
	uint64_t begin, end;
};

static enum kms_status path_from(const struct audit_nodes *nodes, const struct range *ranges,
	size_t count, struct audit_path *path, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st && count-- > 0)
		st = path_add(nodes, ranges[count].begin, ranges[count].end, path, err);
	return st;
}

enum kms_status audit_tree_inclusion(const struct audit_nodes *nodes, uint64_t index, uint64_t size,
	struct audit_path *ret_path, struct kms_err *err)
{
	struct range ranges[AUDIT_PATH_MAX], node = {0, size};
	struct audit_path path = {0};
	enum kms_status st = size_check(size, err);
	size_t count = 0;

	if (st)
		return st;
	if (index >= size)
		return kms_fail(err, KMS_ERR_INVALID,
			"entry %" PRIu64 " is not in a log of %" PRIu64 " entries", index, size);
	while (node.end - node.begin > 1) {
		uint64_t middle = node.begin + split(node.end - node.begin);

		if (index < middle) {
			ranges[count++] = (struct range){middle, node.end};
			node.end = middle;
		} else {
			ranges[count++] = (struct range){node.begin, middle};
			node.begin = middle;
		}
	}
	st = path_from(nodes, ranges, count, &path, err);
	if (!st)
		*ret_path = path;
	return st;
}

enum kms_status audit_tree_consistency(const struct audit_nodes *nodes, uint64_t old_size,
	uint64_t size, struct audit_path *ret_path, struct kms_err *err)
{
	struct range ranges[AUDIT_PATH_MAX], node = {0, size};
	struct audit_path path = {0};
	enum kms_status st = size_check(size, err);
	size_t count = 0;

	if (st)
		return st;
	if (old_size > size)
		return kms_fail(err, KMS_ERR_INVALID,
			"a log of %" PRIu64 " entries has no state with %" PRIu64, size, old_size);
	/* Nothing to prove about an empty log, nor about the same one. */
	if (old_size == 0 || old_size == size) {
		*ret_path = path;
		return KMS_OK;
	}
	while (node.end != old_size) {
		uint64_t middle = node.begin + split(node.end - node.begin);

		if (old_size <= middle) {
			ranges[count++] = (struct range){middle, node.end};
			node.end = middle;
		} else {
			ranges[count++] = (struct range){node.begin, middle};
			node.begin = middle;
		}
	}
	/* Known to the verifier only if it is the whole old tree. */
	if (node.begin != 0)
		ranges[count++] = node;
	st = path_from(nodes, ranges, count, &path, err);
	if (!st)
		*ret_path = path;
	return st;
}
