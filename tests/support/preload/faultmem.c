/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD for tests: memory runs out.
 *
 *   FAULTMEM_AT    "17": the process's 17th allocation fails, with ENOMEM; "17+": and all after it
 *   FAULTMEM_LOG   a file that gets, at the end, a line for each allocation there was: a word that stands
 *                  for the program's calls that led to it
 *
 * The word is the same for the same NEAREST innermost calls of the program itself, whatever a library
 * does beneath them: to have each place where memory can run out once, take the first line of each word.
 *
 * Counted is what main() does, in whatever library: malloc, calloc, realloc, and what libc makes of them
 * (strdup, fopen …). Locked memory for secrets is set aside at the start and does not count.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { MANY = 1 << 18, DEEP = 64, NEAREST = 5 };

static struct {
	bool counting, set, onward, logging;
	unsigned long calls, nth;
	uintptr_t start, end; /* of the program in memory */
	uint32_t paths[MANY];
} mem;

typedef int main_fn(int, char **, char **);

static main_fn *real_main;
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);

/* dlsym itself may allocate before there is an allocator: never given back. */
static void *early(size_t len)
{
	static _Alignas(max_align_t) char room[4096];
	static size_t used;
	void *here = room + used;

	used += (len + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (used > sizeof(room))
		_exit(99);
	return here;
}

static bool found(void)
{
	static bool looking;

	if (real_realloc)
		return true;
	if (looking)
		return false;
	looking = true;
	*(void **)&real_malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
	looking = false;
	return true;
}

static void find_program(void)
{
	const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	uintptr_t base = 0;

	for (size_t i = 0; i < getauxval(AT_PHNUM); i++) {
		if (header[i].p_type == PT_PHDR)
			base = (uintptr_t)header - header[i].p_vaddr;
		if (header[i].p_type == PT_LOAD)
			mem.end = base + header[i].p_vaddr + header[i].p_memsz;
	}
	mem.start = base;
}

/* FNV-1a over where in the program the nearest calls came from. */
static uint32_t path_here(void)
{
	void *frames[DEEP];
	int count = backtrace(frames, DEEP), near = 0;
	uint32_t hash = 2166136261u;

	for (int i = 0; i < count && near < NEAREST; i++) {
		uintptr_t at = (uintptr_t)frames[i];

		if (at < mem.start || at >= mem.end)
			continue;
		near++;
		for (at -= mem.start; at; at >>= 8)
			hash = (hash ^ (at & 0xFF)) * 16777619u;
	}
	return hash;
}

static bool fails(void)
{
	if (!mem.counting)
		return false;
	if (mem.logging && mem.calls < MANY) {
		mem.counting = false;
		mem.paths[mem.calls] = path_here();
		mem.counting = true;
	}
	mem.calls++;
	if (!mem.set || (mem.calls != mem.nth && !(mem.onward && mem.calls > mem.nth)))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t len)
{
	if (!found())
		return early(len);
	return fails() ? NULL : real_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	if (!found())
		return early(count * len);
	return fails() ? NULL : real_calloc(count, len);
}

void *realloc(void *old, size_t len)
{
	return !found() || fails() ? NULL : real_realloc(old, len);
}

static void stop(void)
{
	const char *path = getenv("FAULTMEM_LOG");
	int fd;

	mem.counting = false;
	fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	FILE *log = fdopen(fd, "w");
	for (unsigned long i = 0; log && i < mem.calls && i < MANY; i++)
		fprintf(log, "%08X\n", (unsigned)mem.paths[i]);
	if (log)
		fclose(log);
}

static int counted_main(int argc, char **argv, char **envp)
{
	const char *at = getenv("FAULTMEM_AT");
	char *end = NULL;

	if (at && *at) {
		mem.nth = strtoul(at, &end, 10);
		mem.onward = *end == '+';
		mem.set = true;
		if (mem.nth == 0 || end[mem.onward] != 0) {
			fprintf(stderr, "faultmem: '%s' makes no sense\n", at);
			_exit(99);
		}
	}
	/* The last to be registered comes first: what libraries do at the end (gcov) has its memory. */
	if (atexit(stop))
		_exit(99);
	mem.logging = getenv("FAULTMEM_LOG") != NULL;
	if (mem.logging) {
		find_program();
		path_here(); /* loads the unwinder */
	}
	mem.counting = true;
	return real_main(argc, argv, envp);
}

/* libc's own way into main(), by which main() can be found. */
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
	void (*rtld_fini)(void), void *stack_end)
{
	int (*real)(
		main_fn *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

	*(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = main;
	return real(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
