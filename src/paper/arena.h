/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for a PDF that holds a component: one block, locked, left out of core dumps, wiped when it
 * is closed. libharu asks for memory by a function without context, so there is one arena in a
 * process; it belongs to the short-lived child that draws one sheet (paper/child.h).
 */
#ifndef PAPER_ARENA_H
#define PAPER_ARENA_H

#include "base/err.h"

#include <stddef.h>

/*
 * Where the block cannot be locked (RLIMIT_MEMLOCK) it is used all the same if the machine has no
 * swap that is on; else KMS_ERR_IO.
 */
KMS_CHECKED enum kms_status arena_open(size_t size, struct kms_err *err);
void arena_close(void);

/* NULL when the block is used up. Nothing is given back before arena_close. */
void *arena_alloc(size_t size);

#endif
