/* SPDX-License-Identifier: Apache-2.0 */
#include "support/audit_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop(const char *why, unsigned level, uint64_t index)
{
	fprintf(stderr, "audit_memory: node %u.%lu %s\n", level, (unsigned long)index, why);
	abort();
}

static void check_range(unsigned level, uint64_t index)
{
	if (level >= AUDIT_MEMORY_LEVELS || index >= (uint64_t)AUDIT_MEMORY_LEAVES >> level)
		stop("is out of range", level, index);
}

static enum kms_status get(void *ctx, unsigned level, uint64_t index,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	struct audit_memory *memory = ctx;

	(void)err;
	check_range(level, index);
	if (!memory->there[level][index])
		stop("is not complete yet", level, index);
	memory->gets++;
	memcpy(ret_hash, memory->hash[level][index], HASH_SIZE);
	return KMS_OK;
}

static enum kms_status put(void *ctx, unsigned level, uint64_t index,
	const unsigned char hash[HASH_SIZE], struct kms_err *err)
{
	struct audit_memory *memory = ctx;

	(void)err;
	check_range(level, index);
	if (memory->there[level][index])
		stop("is written a second time", level, index);
	memory->puts++;
	memory->there[level][index] = 1;
	memcpy(memory->hash[level][index], hash, HASH_SIZE);
	return KMS_OK;
}

void audit_memory_open(struct audit_memory *memory)
{
	*memory = (struct audit_memory){.nodes = {memory, get, put}};
	for (unsigned level = 0; level < AUDIT_MEMORY_LEVELS; level++) {
		size_t count = AUDIT_MEMORY_LEAVES >> level;

		memory->hash[level] = calloc(count, HASH_SIZE);
		memory->there[level] = calloc(count, 1);
		if (!memory->hash[level] || !memory->there[level])
			abort();
	}
}

void audit_memory_close(struct audit_memory *memory)
{
	for (unsigned level = 0; level < AUDIT_MEMORY_LEVELS; level++) {
		free(memory->hash[level]);
		free(memory->there[level]);
	}
}
