/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9162 sections 2.1.3.2 and 2.1.4.2: fn, sn, fr, sr are the names used there. */
#include "audit/tree.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static bool same(const unsigned char a[HASH_SIZE], const unsigned char b[HASH_SIZE])
{
	return memcmp(a, b, HASH_SIZE) == 0;
}

static bool is_left_edge(uint64_t fn, uint64_t sn)
{
	return (fn & 1) || fn == sn;
}

/* One level up, and over the levels at which the node has no sibling. */
static void climb(uint64_t *fn, uint64_t *sn)
{
	if (is_left_edge(*fn, *sn))
		while (!(*fn & 1) && *fn != 0) {
			*fn >>= 1;
			*sn >>= 1;
		}
	*fn >>= 1;
	*sn >>= 1;
}

enum kms_status audit_check_inclusion(const unsigned char leaf[HASH_SIZE], uint64_t index,
	uint64_t size, const struct audit_path *path, const unsigned char root[HASH_SIZE],
	struct kms_err *err)
{
	uint64_t fn = index, sn = size - 1;
	unsigned char r[HASH_SIZE];
	enum kms_status st = KMS_OK;
	size_t i;

	if (index >= size || path->count > AUDIT_PATH_MAX)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"entry %" PRIu64 " is not in a log of %" PRIu64 " entries", index, size);
	memcpy(r, leaf, HASH_SIZE);
	for (i = 0; !st && i < path->count && sn != 0; i++) {
		st = is_left_edge(fn, sn) ? audit_node_hash(path->hash[i], r, r, err)
					  : audit_node_hash(r, path->hash[i], r, err);
		climb(&fn, &sn);
	}
	if (st)
		return st;
	if (i != path->count || sn != 0 || !same(r, root))
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the path does not prove that entry %" PRIu64 " is in the log of %" PRIu64
			" entries",
			index, size);
	return KMS_OK;
}

static enum kms_status inconsistent(uint64_t old_size, uint64_t size, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_MISMATCH,
		"the log of %" PRIu64 " entries does not continue the one of %" PRIu64, size,
		old_size);
}

static enum kms_status check_trivial(uint64_t old_size, const unsigned char old_root[HASH_SIZE],
	uint64_t size, const unsigned char root[HASH_SIZE], const struct audit_path *path,
	struct kms_err *err)
{
	unsigned char empty[HASH_SIZE];
	enum kms_status st = hash_sha256("", 0, empty, err);

	if (st)
		return st;
	if (path->count != 0 || old_size > size || (old_size == 0 && !same(old_root, empty)) ||
		(old_size == size && !same(old_root, root)))
		return inconsistent(old_size, size, err);
	return KMS_OK;
}

enum kms_status audit_check_consistency(uint64_t old_size, const unsigned char old_root[HASH_SIZE],
	uint64_t size, const unsigned char root[HASH_SIZE], const struct audit_path *path,
	struct kms_err *err)
{
	uint64_t fn = old_size - 1, sn = size - 1;
	unsigned char fr[HASH_SIZE], sr[HASH_SIZE];
	enum kms_status st = KMS_OK;
	size_t i = 0;

	if (old_size == 0 || old_size >= size)
		return check_trivial(old_size, old_root, size, root, path, err);
	if (path->count == 0 || path->count > AUDIT_PATH_MAX)
		return inconsistent(old_size, size, err);
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* A power of two: the old root is itself a node, and left out of the path. */
	memcpy(fr, (old_size & (old_size - 1)) == 0 ? old_root : path->hash[i++], HASH_SIZE);
	memcpy(sr, fr, HASH_SIZE);
	for (; !st && i < path->count && sn != 0; i++) {
		if (is_left_edge(fn, sn)) {
			st = audit_node_hash(path->hash[i], fr, fr, err);
			if (!st)
				st = audit_node_hash(path->hash[i], sr, sr, err);
		} else {
			st = audit_node_hash(sr, path->hash[i], sr, err);
		}
		climb(&fn, &sn);
	}
	if (st)
		return st;
	if (i != path->count || sn != 0 || !same(fr, old_root) || !same(sr, root))
		return inconsistent(old_size, size, err);
	return KMS_OK;
}
