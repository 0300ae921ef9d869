/* SPDX-License-Identifier: Apache-2.0 */
/* Random trees: proofs verify, and no changed proof does. */
#include "audit/tree.h"
#include "support/audit_memory.h"
#include "support/forall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE_MAX_HERE = AUDIT_MEMORY_LEAVES };

struct tree {
	struct audit_memory memory;
	uint64_t size;
	unsigned char root[HASH_SIZE];
};

static bool grow(struct forall *f, struct tree *tree)
{
	unsigned char leaf[HASH_SIZE];

	audit_memory_open(&tree->memory);
	tree->size = forall_between(f, 1, forall_coin(f) ? 40 : SIZE_MAX_HERE);
	for (uint64_t i = 0; i < tree->size; i++) {
		forall_bytes(f, leaf, sizeof(leaf));
		if (audit_tree_append(&tree->memory.nodes, i, leaf, NULL))
			return false;
	}
	return !audit_tree_root(&tree->memory.nodes, tree->size, tree->root, NULL);
}

/* One change to a path, always a real one. */
static void change_path(struct forall *f, struct audit_path *path)
{
	size_t at = path->count ? forall_below(f, path->count) : 0;

	switch (path->count ? forall_below(f, 4) : 0) {
	case 0: /* one hash too many */
		memmove(path->hash[at + 1], path->hash[at], (path->count - at) * HASH_SIZE);
		forall_bytes(f, path->hash[at], HASH_SIZE);
		path->count++;
		break;
	case 1: /* one too few */
		memmove(path->hash[at], path->hash[at + 1], (path->count - at - 1) * HASH_SIZE);
		path->count--;
		break;
	case 2: /* one bit */
		path->hash[at][forall_below(f, HASH_SIZE)] ^=
			(unsigned char)(1u << forall_below(f, 8));
		break;
	default: /* one of them twice */
		memmove(path->hash[at + 1], path->hash[at], (path->count - at) * HASH_SIZE);
		path->count++;
		break;
	}
}

static bool inclusion(struct forall *f, const struct tree *tree)
{
	uint64_t index = forall_below(f, tree->size), other = forall_below(f, tree->size);
	unsigned char leaf[HASH_SIZE];
	struct audit_path path;

	forall_note(f, "leaf %lu of %lu", (unsigned long)index, (unsigned long)tree->size);
	memcpy(leaf, tree->memory.hash[0][index], HASH_SIZE);
	if (audit_tree_inclusion(&tree->memory.nodes, index, tree->size, &path, NULL) ||
		audit_check_inclusion(leaf, index, tree->size, &path, tree->root, NULL))
		return false;
	if (other != index &&
		!audit_check_inclusion(leaf, other, tree->size, &path, tree->root, NULL))
		return false;
	leaf[forall_below(f, HASH_SIZE)] ^= 0x10;
	if (!audit_check_inclusion(leaf, index, tree->size, &path, tree->root, NULL))
		return false;
	memcpy(leaf, tree->memory.hash[0][index], HASH_SIZE);
	change_path(f, &path);
	return audit_check_inclusion(leaf, index, tree->size, &path, tree->root, NULL) ==
	       KMS_ERR_MISMATCH;
}

static bool consistency(struct forall *f, const struct tree *tree)
{
	uint64_t old_size = forall_between(f, 1, tree->size);
	unsigned char old_root[HASH_SIZE];
	struct audit_path path;

	forall_note(f, "%lu of %lu", (unsigned long)old_size, (unsigned long)tree->size);
	if (audit_tree_root(&tree->memory.nodes, old_size, old_root, NULL) ||
		audit_tree_consistency(&tree->memory.nodes, old_size, tree->size, &path, NULL) ||
		audit_check_consistency(old_size, old_root, tree->size, tree->root, &path, NULL))
		return false;
	old_root[0] ^= 1;
	if (!audit_check_consistency(old_size, old_root, tree->size, tree->root, &path, NULL))
		return false;
	old_root[0] ^= 1;
	change_path(f, &path);
	return audit_check_consistency(old_size, old_root, tree->size, tree->root, &path, NULL) ==
	       KMS_ERR_MISMATCH;
}

static bool proofs_prove(struct forall *f)
{
	struct tree tree;
	bool good = grow(f, &tree);

	for (int i = 0; good && i < 30; i++)
		good = inclusion(f, &tree) && consistency(f, &tree);
	audit_memory_close(&tree.memory);
	return good;
}

/* A tree's roots are those of the same leaves added to a frontier from anywhere on. */
static bool frontier_goes_on(struct forall *f)
{
	struct audit_frontier frontier = {0};
	unsigned char root[HASH_SIZE];
	struct tree tree;
	bool good = grow(f, &tree);
	uint64_t from = forall_below(f, tree.size + 1);

	forall_note(f, "from %lu of %lu", (unsigned long)from, (unsigned long)tree.size);
	good = good && !audit_frontier_load(&tree.memory.nodes, from, &frontier, NULL);
	for (uint64_t i = from; good && i < tree.size; i++)
		good = !audit_frontier_add(&frontier, tree.memory.hash[0][i], NULL, NULL);
	good = good && !audit_frontier_root(&frontier, root, NULL) &&
	       memcmp(root, tree.root, HASH_SIZE) == 0;
	audit_memory_close(&tree.memory);
	return good;
}

static void test_proofs(void **state)
{
	(void)state;
	forall("proofs prove", 40, proofs_prove);
}

static void test_frontier(void **state)
{
	(void)state;
	forall("frontier goes on", 40, frontier_goes_on);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_frontier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
