/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/arena.h"

#include "base/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* The one global of this program: see arena.h for why. */
static struct {
	unsigned char *data;
	size_t size, used;
} arena;

/* Whether any swap is on: /proc/swaps has a line beyond its heading. What can't be read is a yes. */
static bool swap_is_on(void)
{
	char line[256];
	FILE *f = fopen("/proc/swaps", "re");
	int lines = 0;

	if (!f)
		return true;
	while (fgets(line, sizeof(line), f))
		lines++;
	fclose(f);
	return lines != 1;
}

enum kms_status arena_open(size_t size, struct kms_err *err)
{
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return kms_nomem(err);
	if (mlock(data, size) && swap_is_on()) {
		munmap(data, size);
		kms_fail(err, KMS_ERR_IO,
			"cannot draw a component sheet: its memory cannot be locked and this "
			"machine swaps");
		return kms_hint(err,
			"turn swap off (swapoff -a), or allow %zu KiB of locked memory "
			"(ulimit -l)",
			size / 1024);
	}
	if (madvise(data, size, MADV_DONTDUMP)) {
		munmap(data, size);
		return kms_fail(err, KMS_ERR_IO, "cannot keep a sheet out of core dumps: %s",
			strerror(errno));
	}
	arena.data = data;
	arena.size = size;
	arena.used = 0;
	return KMS_OK;
}

void arena_close(void)
{
	if (!arena.data)
		return;
	secret_wipe(arena.data, arena.used);
	munmap(arena.data, arena.size);
	arena.data = NULL;
	arena.size = arena.used = 0;
}

void *arena_alloc(size_t size)
{
	enum { ALIGN = 16 };
	void *p;

	if (size > SIZE_MAX - ALIGN || (size + ALIGN - 1) / ALIGN * ALIGN > arena.size - arena.used)
		return NULL;
	p = arena.data + arena.used;
	arena.used += (size + ALIGN - 1) / ALIGN * ALIGN;
	return p;
}
