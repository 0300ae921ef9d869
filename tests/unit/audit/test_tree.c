/* SPDX-License-Identifier: Apache-2.0 */
/* The tree against the definitions of RFC 9162, every size up to 64, and published vectors. */
#include "audit/tree.h"
#include "base/hex.h"
#include "support/audit_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SIZES = 64, WRONG_SIZES = 24 /* up to here every wrong root and index is tried */ };

static void unhex(const char *hex, unsigned char *out)
{
	char upper[2 * HASH_SIZE + 1] = {0};

	for (size_t i = 0; hex[i]; i++)
		upper[i] = (char)(hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
	assert_true(hex_decode_strict(upper, out, strlen(hex) / 2));
}

static void leaf_at(size_t i, unsigned char out[HASH_SIZE])
{
	char text[32];
	int len = snprintf(text, sizeof(text), "leaf %zu", i);

	assert_int_equal(audit_leaf_hash(text, (size_t)len, out, NULL), KMS_OK);
}

/* MTH, straight from the definition in section 2.1.1. */
static void mth(size_t begin, size_t end, unsigned char out[HASH_SIZE])
{
	unsigned char pair[1 + 2 * HASH_SIZE] = {0x01};
	size_t k = 1;

	if (end == begin) {
		assert_int_equal(hash_sha256("", 0, out, NULL), KMS_OK);
		return;
	}
	if (end - begin == 1) {
		leaf_at(begin, out);
		return;
	}
	while (2 * k < end - begin)
		k *= 2;
	mth(begin, begin + k, pair + 1);
	mth(begin + k, end, pair + 1 + HASH_SIZE);
	assert_int_equal(hash_sha256(pair, sizeof(pair), out, NULL), KMS_OK);
}

static void grow(struct audit_memory *memory, size_t size)
{
	unsigned char leaf[HASH_SIZE];

	audit_memory_open(memory);
	for (size_t i = 0; i < size; i++) {
		leaf_at(i, leaf);
		assert_int_equal(audit_tree_append(&memory->nodes, i, leaf, NULL), KMS_OK);
	}
}

static const char *const ct_leaves[] = {"", "00", "10", "2021", "3031", "40414243",
	"5051525354555657", "606162636465666768696a6b6c6d6e6f"};
static const char *const ct_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void ct_tree(struct audit_memory *memory)
{
	unsigned char data[16], leaf[HASH_SIZE];

	audit_memory_open(memory);
	for (size_t i = 0; i < 8; i++) {
		unhex(ct_leaves[i], data);
		assert_int_equal(
			audit_leaf_hash(data, strlen(ct_leaves[i]) / 2, leaf, NULL), KMS_OK);
		assert_int_equal(audit_tree_append(&memory->nodes, i, leaf, NULL), KMS_OK);
	}
}

static void assert_path(const struct audit_path *path, const char *const *want)
{
	unsigned char hash[HASH_SIZE];
	size_t count = 0;

	for (; want[count]; count++) {
		unhex(want[count], hash);
		assert_true(count < path->count);
		assert_memory_equal(path->hash[count], hash, HASH_SIZE);
	}
	assert_int_equal(path->count, count);
}

/* Leaves, roots and proofs of the Certificate Transparency reference implementation. */
static void ct_reference(void **state)
{
	static const char *const in0of8[] = {
		"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4", NULL};
	static const char *const in5of8[] = {
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", NULL};
	static const char *const from6to8[] = {
		"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
		"ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7", NULL};
	static const char *const from2to5[] = {
		"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", NULL};
	unsigned char root[HASH_SIZE], want[HASH_SIZE];
	struct audit_memory memory;
	struct audit_path path;

	(void)state;
	ct_tree(&memory);
	for (size_t n = 0; n <= 8; n++) {
		unhex(ct_roots[n], want);
		assert_int_equal(audit_tree_root(&memory.nodes, n, root, NULL), KMS_OK);
		assert_memory_equal(root, want, HASH_SIZE);
	}
	assert_int_equal(audit_tree_inclusion(&memory.nodes, 0, 8, &path, NULL), KMS_OK);
	assert_path(&path, in0of8);
	assert_int_equal(audit_tree_inclusion(&memory.nodes, 5, 8, &path, NULL), KMS_OK);
	assert_path(&path, in5of8);
	assert_int_equal(audit_tree_consistency(&memory.nodes, 6, 8, &path, NULL), KMS_OK);
	assert_path(&path, from6to8);
	assert_int_equal(audit_tree_consistency(&memory.nodes, 2, 5, &path, NULL), KMS_OK);
	assert_path(&path, from2to5);
	audit_memory_close(&memory);
}

static void roots_follow_the_definition(void **state)
{
	struct audit_frontier frontier = {0}, loaded;
	unsigned char want[HASH_SIZE], got[HASH_SIZE], leaf[HASH_SIZE];
	struct audit_memory memory;

	(void)state;
	grow(&memory, SIZES);
	for (size_t n = 0; n <= SIZES; n++) {
		mth(0, n, want);
		assert_int_equal(audit_tree_root(&memory.nodes, n, got, NULL), KMS_OK);
		assert_memory_equal(got, want, HASH_SIZE);
		assert_int_equal(audit_frontier_root(&frontier, got, NULL), KMS_OK);
		assert_memory_equal(got, want, HASH_SIZE);
		assert_int_equal(audit_frontier_load(&memory.nodes, n, &loaded, NULL), KMS_OK);
		assert_int_equal(audit_frontier_root(&loaded, got, NULL), KMS_OK);
		assert_memory_equal(got, want, HASH_SIZE);
		leaf_at(n, leaf);
		assert_int_equal(audit_frontier_add(&frontier, leaf, NULL, NULL), KMS_OK);
	}
	audit_memory_close(&memory);
}

/* PATH of section 2.1.3.1, from the definition. */
static void path_of(size_t m, size_t begin, size_t end, struct audit_path *path)
{
	size_t k = 1;

	if (end - begin == 1)
		return;
	while (2 * k < end - begin)
		k *= 2;
	if (m < begin + k) {
		path_of(m, begin, begin + k, path);
		mth(begin + k, end, path->hash[path->count++]);
	} else {
		path_of(m, begin + k, end, path);
		mth(begin, begin + k, path->hash[path->count++]);
	}
}

/* SUBPROOF of section 2.1.4.1. */
static void subproof(size_t m, size_t begin, size_t end, bool known, struct audit_path *path)
{
	size_t k = 1;

	if (m == end) {
		if (!known)
			mth(begin, end, path->hash[path->count++]);
		return;
	}
	while (2 * k < end - begin)
		k *= 2;
	if (m <= begin + k) {
		subproof(m, begin, begin + k, known, path);
		mth(begin + k, end, path->hash[path->count++]);
	} else {
		subproof(m, begin + k, end, false, path);
		mth(begin, begin + k, path->hash[path->count++]);
	}
}

static void assert_same_path(const struct audit_path *a, const struct audit_path *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_memory_equal(a->hash[i], b->hash[i], HASH_SIZE);
}

static void inclusion_of_every_leaf(void **state)
{
	unsigned char root[HASH_SIZE], leaf[HASH_SIZE];
	struct audit_memory memory;
	struct audit_path path, wrong;

	(void)state;
	grow(&memory, SIZES);
	for (size_t n = 1; n <= SIZES; n++) {
		assert_int_equal(audit_tree_root(&memory.nodes, n, root, NULL), KMS_OK);
		for (size_t m = 0; m < n; m++) {
			struct audit_path want = {0};

			path_of(m, 0, n, &want);
			assert_int_equal(
				audit_tree_inclusion(&memory.nodes, m, n, &path, NULL), KMS_OK);
			assert_same_path(&path, &want);
			leaf_at(m, leaf);
			assert_int_equal(
				audit_check_inclusion(leaf, m, n, &path, root, NULL), KMS_OK);

			/* Another index, a longer and a shorter path prove nothing. */
			for (size_t other = 0; other < n && n <= WRONG_SIZES; other++)
				if (other != m)
					assert_int_equal(audit_check_inclusion(
								 leaf, other, n, &path, root, NULL),
						KMS_ERR_MISMATCH);
			wrong = path;
			memset(wrong.hash[wrong.count++], 0x55, HASH_SIZE);
			assert_int_equal(audit_check_inclusion(leaf, m, n, &wrong, root, NULL),
				KMS_ERR_MISMATCH);
			if (path.count == 0)
				continue;
			wrong.count = path.count - 1;
			assert_int_equal(audit_check_inclusion(leaf, m, n, &wrong, root, NULL),
				KMS_ERR_MISMATCH);
		}
		assert_int_equal(
			audit_tree_inclusion(&memory.nodes, n, n, &path, NULL), KMS_ERR_INVALID);
		assert_int_equal(
			audit_check_inclusion(leaf, n, n, &path, root, NULL), KMS_ERR_MISMATCH);
	}
	assert_int_equal(audit_check_inclusion(leaf, 0, 0, &path, root, NULL), KMS_ERR_MISMATCH);
	audit_memory_close(&memory);
}

static void consistency_of_every_pair(void **state)
{
	unsigned char roots[SIZES + 1][HASH_SIZE];
	struct audit_memory memory;
	struct audit_path path, wrong;

	(void)state;
	grow(&memory, SIZES);
	for (size_t n = 0; n <= SIZES; n++)
		assert_int_equal(audit_tree_root(&memory.nodes, n, roots[n], NULL), KMS_OK);
	for (size_t n = 0; n <= SIZES; n++) {
		for (size_t m = 0; m <= n; m++) {
			struct audit_path want = {0};

			if (m > 0)
				subproof(m, 0, n, true, &want);
			assert_int_equal(
				audit_tree_consistency(&memory.nodes, m, n, &path, NULL), KMS_OK);
			assert_same_path(&path, &want);
			assert_int_equal(
				audit_check_consistency(m, roots[m], n, roots[n], &path, NULL),
				KMS_OK);

			for (size_t other = 0; other <= n && n <= WRONG_SIZES; other++) {
				if (other != m)
					assert_int_equal(audit_check_consistency(m, roots[other], n,
								 roots[n], &path, NULL),
						KMS_ERR_MISMATCH);
				/* Of an empty log nothing is claimed about what follows. */
				if (other != n && m > 0)
					assert_int_equal(audit_check_consistency(m, roots[m], n,
								 roots[other], &path, NULL),
						KMS_ERR_MISMATCH);
			}
			wrong = path;
			memset(wrong.hash[wrong.count++], 0x55, HASH_SIZE);
			assert_int_equal(
				audit_check_consistency(m, roots[m], n, roots[n], &wrong, NULL),
				KMS_ERR_MISMATCH);
			if (path.count == 0)
				continue;
			wrong.count = path.count - 1;
			assert_int_equal(
				audit_check_consistency(m, roots[m], n, roots[n], &wrong, NULL),
				KMS_ERR_MISMATCH);
		}
		assert_int_equal(audit_tree_consistency(&memory.nodes, n + 1, n, &path, NULL),
			KMS_ERR_INVALID);
		assert_int_equal(audit_check_consistency(n + 1, roots[n], n, roots[n], &path, NULL),
			KMS_ERR_MISMATCH);
	}
	audit_memory_close(&memory);
}

static void append_costs_two_writes(void **state)
{
	struct audit_memory memory;

	(void)state;
	grow(&memory, 1024);
	assert_int_equal(memory.puts, 2047);
	assert_int_equal(memory.gets, 1023);
	audit_memory_close(&memory);
}

static void frontier_writes_the_same_nodes(void **state)
{
	struct audit_frontier frontier = {0};
	struct audit_memory memory, other;
	unsigned char leaf[HASH_SIZE];

	(void)state;
	grow(&memory, 100);
	audit_memory_open(&other);
	for (size_t i = 0; i < 100; i++) {
		leaf_at(i, leaf);
		assert_int_equal(audit_frontier_add(&frontier, leaf, &other.nodes, NULL), KMS_OK);
	}
	for (unsigned level = 0; level < AUDIT_MEMORY_LEVELS; level++) {
		size_t count = AUDIT_MEMORY_LEAVES >> level;

		assert_memory_equal(memory.there[level], other.there[level], count);
		assert_memory_equal(memory.hash[level], other.hash[level], count * HASH_SIZE);
	}
	audit_memory_close(&memory);
	audit_memory_close(&other);
}

/* Storage that fails: the failure comes out, and a failed append is not a written root. */
static enum kms_status fail_get(void *ctx, unsigned level, uint64_t index,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	(void)ctx, (void)level, (void)index, (void)ret_hash;
	return kms_fail(err, KMS_ERR_STORE, "the disk is gone");
}

static void storage_failure_comes_out(void **state)
{
	unsigned char hash[HASH_SIZE] = {0};
	struct audit_memory memory;
	struct audit_path path;
	struct audit_frontier frontier;
	struct kms_err err = {0};

	(void)state;
	grow(&memory, 3);
	memory.nodes.get = fail_get;
	assert_int_equal(audit_tree_append(&memory.nodes, 3, hash, &err), KMS_ERR_STORE);
	assert_string_equal(err.msg, "the disk is gone");
	assert_int_equal(audit_tree_root(&memory.nodes, 3, hash, &err), KMS_ERR_STORE);
	assert_int_equal(audit_tree_inclusion(&memory.nodes, 1, 3, &path, &err), KMS_ERR_STORE);
	assert_int_equal(audit_tree_consistency(&memory.nodes, 1, 3, &path, &err), KMS_ERR_STORE);
	assert_int_equal(audit_frontier_load(&memory.nodes, 3, &frontier, &err), KMS_ERR_STORE);
	audit_memory_close(&memory);
}

static void sizes_are_bounded(void **state)
{
	unsigned char hash[HASH_SIZE] = {0};
	struct audit_nodes nodes = {NULL, fail_get, NULL};
	struct audit_frontier frontier = {.size = AUDIT_SIZE_MAX};
	struct audit_path path;
	uint64_t big = (uint64_t)AUDIT_SIZE_MAX + 1;

	(void)state;
	assert_int_equal(audit_tree_append(&nodes, big, hash, NULL), KMS_ERR_INVALID);
	assert_int_equal(audit_tree_root(&nodes, big, hash, NULL), KMS_ERR_INVALID);
	assert_int_equal(audit_tree_inclusion(&nodes, 1, big, &path, NULL), KMS_ERR_INVALID);
	assert_int_equal(audit_tree_consistency(&nodes, 1, big, &path, NULL), KMS_ERR_INVALID);
	assert_int_equal(audit_frontier_load(&nodes, big, &frontier, NULL), KMS_ERR_INVALID);
	assert_int_equal(audit_frontier_add(&frontier, hash, NULL, NULL), KMS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ct_reference),
		cmocka_unit_test(roots_follow_the_definition),
		cmocka_unit_test(inclusion_of_every_leaf),
		cmocka_unit_test(consistency_of_every_pair),
		cmocka_unit_test(append_costs_two_writes),
		cmocka_unit_test(frontier_writes_the_same_nodes),
		cmocka_unit_test(storage_failure_comes_out),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
