/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of an audit tree in memory, counted, and a second opinion on its hashes. */
#ifndef SUPPORT_AUDIT_MEMORY_H
#define SUPPORT_AUDIT_MEMORY_H

#include "audit/tree.h"

enum { AUDIT_MEMORY_LEVELS = 12, AUDIT_MEMORY_LEAVES = 1 << (AUDIT_MEMORY_LEVELS - 1) };

struct audit_memory {
	unsigned char (*hash[AUDIT_MEMORY_LEVELS])[HASH_SIZE];
	unsigned char *there[AUDIT_MEMORY_LEVELS];
	unsigned long gets, puts;
	struct audit_nodes nodes;
};

void audit_memory_open(struct audit_memory *memory);
void audit_memory_close(struct audit_memory *memory);

#endif
