/* SPDX-License-Identifier: Apache-2.0 */
#include "support/vectors.h"

#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

json_t *vec_load(const char *path)
{
	json_error_t error;
	json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (!json_is_array(file) || json_array_size(file) == 0)
		fail_msg("%s: %s", path, file ? "no array of vectors" : error.text);
	return file;
}

struct vec vec_at(const json_t *file, size_t index)
{
	struct vec v = {.entry = json_array_get(file, index)};
	const json_t *id = json_object_get(v.entry, "id");

	if (!id)
		id = json_object_get(v.entry, "source");
	snprintf(v.name, sizeof(v.name), "%zu: %s", index, json_string_value(id));
	v.algorithm = vec_text(&v, "algorithm");
	return v;
}

const json_t *vec_find(const struct vec *v, const char *path)
{
	const json_t *at = v->entry;
	char part[64];

	while (at && *path) {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(part))
			return NULL;
		memcpy(part, path, len);
		part[len] = 0;
		at = json_object_get(at, part);
		path += len + (path[len] == '.');
	}
	return at;
}

bool vec_has(const struct vec *v, const char *path)
{
	return vec_find(v, path) != NULL;
}

const char *vec_text(const struct vec *v, const char *path)
{
	const char *text = json_string_value(vec_find(v, path));

	if (!text)
		fail_msg("vector %s has no text '%s'", v->name, path);
	return text;
}

struct vec_bytes vec_hex_of(const struct vec *v, const json_t *text)
{
	const char *hex = json_string_value(text);
	struct vec_bytes bytes = {.len = 0};

	if (!hex || hex_decode(hex, strlen(hex), "vector", bytes.data, VEC_MAX, &bytes.len, NULL))
		fail_msg("vector %s: a value is not hex", v->name);
	return bytes;
}

struct vec_bytes vec_hex(const struct vec *v, const char *path)
{
	const json_t *text = vec_find(v, path);

	if (!text)
		fail_msg("vector %s has no '%s'", v->name, path);
	return vec_hex_of(v, text);
}

void vec_secret(const struct vec *v, const char *path, struct secret *ret_secret)
{
	struct vec_bytes bytes = vec_hex(v, path);
	struct kms_err err = {0};

	if (secret_copy(ret_secret, bytes.data, bytes.len, &err))
		fail_msg("%s", err.msg);
}

void vec_equal(const struct vec *v, const char *what, const void *actual, size_t len,
	const struct vec_bytes *expected)
{
	char is[2 * VEC_MAX + 1], want[2 * VEC_MAX + 1];

	if (len == expected->len && memcmp(actual, expected->data, len) == 0)
		return;
	hex_encode(actual, len, is);
	hex_encode(expected->data, expected->len, want);
	fail_msg("vector %s: %s is %s, not %s", v->name, what, is, want);
}
