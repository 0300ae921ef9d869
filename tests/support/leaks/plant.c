/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program that leakwatch searches: leaves a key behind, so that the search is seen
 * to find what it looks for.
 *
 *   PLANT_KEY    a file with the key in hex digits
 *   PLANT_FORM   raw, words, hex, HEX, grouped, utf16, utf32, cells; default raw
 *   PLANT_PLACE  heap, stack, data, anon: there before main() begins;
 *                freed: in a block of the heap that was released without being wiped;
 *                stdout, stderr, or the path of a file: written there;
 *                unwiped: nothing is planted, but what the program wipes when it releases secret
 *                memory stays in the heap, as if it had never been wiped
 *
 * It keeps pointers to what it left, so that a leak checker has nothing to say.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	KEY_MAX = 32,
	TEXT_MAX = 3 * KEY_MAX,
	CELL = 28,
	KEPT_MAX = 4096,
	DEEP = 1 << 18,
	FREED = 96 << 10
};

static unsigned char data_place[CELL * TEXT_MAX];
static void *volatile kept[KEPT_MAX]; /* volatile: never read, and yet to be kept */
static size_t kept_count;
static bool keeps;

void CRYPTO_secure_clear_free(void *p, size_t len, const char *file, int line);

static void keep(const void *bytes, size_t len)
{
	void *copy = malloc(len);

	if (!copy || kept_count == KEPT_MAX)
		abort();
	kept[kept_count++] = memcpy(copy, bytes, len);
}

/* libcrypto's, in front of which this library stands. */
void CRYPTO_secure_clear_free(void *p, size_t len, const char *file, int line)
{
	void (*real)(void *, size_t, const char *, int) = NULL;

	*(void **)&real = dlsym(RTLD_NEXT, "CRYPTO_secure_clear_free");
	if (keeps && p && len)
		keep(p, len);
	real(p, len, file, line);
}

/* libc's, in front of which this library stands. */
int prctl(int option, ...)
{
	int (*real)(int, ...) = NULL;
	unsigned long words[4];
	va_list args;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		words[i] = va_arg(args, unsigned long);
	va_end(args);
	*(void **)&real = dlsym(RTLD_NEXT, "prctl");
	if (option == PR_SET_DUMPABLE && getenv("PLANT_DUMPABLE"))
		return 0;
	return real(option, words[0], words[1], words[2], words[3]);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	int (*real)(__rlimit_resource_t, const struct rlimit *) = NULL;

	*(void **)&real = dlsym(RTLD_NEXT, "setrlimit");
	return resource == RLIMIT_CORE && getenv("PLANT_DUMPABLE") ? 0 : real(resource, limit);
}

static size_t spread(const char *text, size_t stride, unsigned char *ret)
{
	size_t len = strlen(text);

	memset(ret, 0, len * stride);
	for (size_t i = 0; i < len; i++)
		ret[i * stride] = (unsigned char)text[i];
	return len * stride;
}

static size_t in_form(const char *form, const unsigned char *key, size_t len, unsigned char *ret)
{
	char text[TEXT_MAX + 1] = "";
	bool lower = strcmp(form, "hex") == 0;
	bool grouped = strcmp(form, "HEX") != 0 && !lower;

	for (size_t i = 0; i < len; i++)
		snprintf(text + strlen(text), 4, lower ? "%02x" : "%02X%s", key[i],
			grouped && i % 2 && i + 1 < len ? " " : "");
	if (strcmp(form, "raw") == 0)
		return memcpy(ret, key, len), len;
	if (strcmp(form, "words") == 0) {
		for (size_t i = 0; i < len; i++)
			ret[i] = key[i ^ 3];
		return len;
	}
	return spread(text,
		strcmp(form, "utf16") == 0   ? 2
		: strcmp(form, "utf32") == 0 ? 4
		: strcmp(form, "cells") == 0 ? CELL
					     : 1,
		ret);
}

/* Far below what main() will use of the stack. */
__attribute__((noinline)) static void leave_on_stack(const unsigned char *bytes, size_t len)
{
	unsigned char deep[DEEP];

	memcpy(deep, bytes, len);
	__asm__ volatile("" ::"r"(deep) : "memory");
}

/* At the end of a block that is too large to be the next one given out, and is not the last. */
static void leave_freed(const unsigned char *bytes, size_t len)
{
	unsigned char *block = malloc(FREED);

	kept[kept_count++] = malloc(FREED);
	if (!block)
		abort();
	memcpy(block + FREED - len, bytes, len);
	__asm__ volatile("" ::"r"(block) : "memory");
	free(block);
}

static void leave_in_file(const char *path, const unsigned char *bytes, size_t len)
{
	int fd = strcmp(path, "stdout") == 0   ? dup(1)
		 : strcmp(path, "stderr") == 0 ? dup(2)
					       : open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void leave(const char *place, const unsigned char *bytes, size_t len)
{
	if (strcmp(place, "unwiped") == 0)
		keeps = true;
	else if (strcmp(place, "heap") == 0)
		keep(bytes, len);
	else if (strcmp(place, "freed") == 0)
		leave_freed(bytes, len);
	else if (strcmp(place, "stack") == 0)
		leave_on_stack(bytes, len);
	else if (strcmp(place, "data") == 0)
		memcpy(data_place, bytes, len);
	else if (strcmp(place, "anon") == 0)
		memcpy(mmap(NULL, TEXT_MAX * CELL, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			bytes, len);
	else
		leave_in_file(place, bytes, len);
}

static size_t read_key(const char *path, unsigned char *key)
{
	unsigned char text[2 * KEY_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text));
	size_t len = 0;

	while (got >= 2 && len < (size_t)got / 2 &&
		sscanf((char *)text + 2 * len, "%2hhx", &key[len]) == 1)
		len++;
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, sizeof(text));
	return len;
}

__attribute__((constructor)) static void plant(void)
{
	const char *path = getenv("PLANT_KEY"), *form = getenv("PLANT_FORM");
	const char *place = getenv("PLANT_PLACE");
	unsigned char key[KEY_MAX], bytes[CELL * TEXT_MAX];

	if (!path || !place)
		return;
	leave(place, bytes, in_form(form ? form : "raw", key, read_key(path, key), bytes));
	explicit_bzero(key, sizeof(key));
	explicit_bzero(bytes, sizeof(bytes));
}
