/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector files of tests/vectors: an array of entries with `source`, `algorithm`, `inputs` and
 * `expected`. Each call fails the cmocka test, naming the entry, if what it needs is not there.
 */
#ifndef SUPPORT_VECTORS_H
#define SUPPORT_VECTORS_H

#include "base/secret.h"

#include <jansson.h>
#include <stdbool.h>

enum { VEC_MAX = 512 };

struct vec {
	const json_t *entry;
	const char *algorithm;
	char name[200]; /* id or source, for messages */
};

struct vec_bytes {
	unsigned char data[VEC_MAX];
	size_t len;
};

/* The whole file; the caller json_decref()s it. */
json_t *vec_load(const char *path);
struct vec vec_at(const json_t *file, size_t index);

/* "inputs.kdd", "expected", "expected.kcv.ENC": NULL if there is none. */
const json_t *vec_find(const struct vec *v, const char *path);
bool vec_has(const struct vec *v, const char *path);
const char *vec_text(const struct vec *v, const char *path);
struct vec_bytes vec_hex(const struct vec *v, const char *path);
struct vec_bytes vec_hex_of(const struct vec *v, const json_t *text);
void vec_secret(const struct vec *v, const char *path, struct secret *ret_secret);

void vec_equal(const struct vec *v, const char *what, const void *actual, size_t len,
	const struct vec_bytes *expected);

#endif
