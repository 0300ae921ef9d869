/* SPDX-License-Identifier: Apache-2.0 */
#include "base/js.h"

#include <inttypes.h>
#include <string.h>

static int put(const char *data, size_t len, void *user)
{
	return buf_append(user, data, len, NULL) ? -1 : 0;
}

static enum kms_status dump(const json_t *value, size_t flags, const char *end,
	struct buf *ret_text, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};

	if (!value || json_dump_callback(value, put, &text, flags) || buf_puts(&text, end, NULL))
		return kms_fail(err, KMS_ERR_INTERNAL, "cannot write JSON");
	buf_free(ret_text);
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

enum kms_status js_canonical(const json_t *value, struct buf *ret_text, struct kms_err *err)
{
	return dump(value, JSON_SORT_KEYS | JSON_INDENT(2), "\n", ret_text, err);
}

enum kms_status js_line(const json_t *value, struct buf *ret_text, struct kms_err *err)
{
	return dump(value, JSON_SORT_KEYS | JSON_COMPACT, "", ret_text, err);
}

static bool has_float(const json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_real(value))
		return true;
	json_array_foreach(value, i, member) if (has_float(member)) return true;
	json_object_foreach((json_t *)value, key, member) if (has_float(member)) return true;
	return false;
}

enum kms_status js_parse_object(
	const char *what, const char *text, size_t len, json_t **ret_object, struct kms_err *err)
{
	JS_AUTO json_t *value = NULL;
	json_error_t bad;

	value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &bad);
	/* Where jansson found no fault in the text, it had no memory. */
	if (!value && (json_error_code(&bad) == json_error_unknown ||
			      json_error_code(&bad) == json_error_out_of_memory))
		return kms_nomem(err);
	if (!value)
		return kms_fail(err, KMS_ERR_INVALID, "%s: not readable, line %d column %d: %s",
			what, bad.line, bad.column, bad.text);
	if (!json_is_object(value) || has_float(value))
		return kms_fail(err, KMS_ERR_INVALID, "%s: %s", what,
			json_is_object(value) ? "holds a number that is not whole"
					      : "not an object");
	json_decref(*ret_object);
	*ret_object = value;
	value = NULL;
	return KMS_OK;
}

enum kms_status js_parse_canonical(
	const char *what, const char *text, size_t len, json_t **ret_object, struct kms_err *err)
{
	JS_AUTO json_t *value = NULL;
	BUF_AUTO struct buf again = {0};
	enum kms_status st;

	st = js_parse_object(what, text, len, &value, err);
	if (st)
		return st;
	st = js_canonical(value, &again, err);
	if (st)
		return st;
	if (again.len != len || memcmp(again.data, text, len) != 0) {
		kms_fail(err, KMS_ERR_INVALID, "%s: not in the form cardkms writes", what);
		return kms_hint(
			err, "it was edited or re-formatted on the way: get the original file");
	}
	json_decref(*ret_object);
	*ret_object = value;
	value = NULL;
	return KMS_OK;
}

enum kms_status js_get_text(const json_t *object, const char *what, const char *name,
	const char **ret_text, struct kms_err *err)
{
	const json_t *member = json_object_get(object, name);

	/* A zero byte inside would cut the text short for every strcmp that follows. */
	if (!json_is_string(member) ||
		strlen(json_string_value(member)) != json_string_length(member))
		return kms_fail(err, KMS_ERR_INVALID, "%s: no text '%s'", what, name);
	*ret_text = json_string_value(member);
	return KMS_OK;
}

enum kms_status js_get_int(const json_t *object, const char *what, const char *name, int64_t min,
	int64_t max, int64_t *ret_value, struct kms_err *err)
{
	const json_t *member = json_object_get(object, name);
	json_int_t value = json_integer_value(member);

	if (!json_is_integer(member) || value < min || value > max)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: no number '%s' from %" PRId64 " to %" PRId64, what, name, min, max);
	*ret_value = value;
	return KMS_OK;
}

enum kms_status js_get_array(const json_t *object, const char *what, const char *name,
	json_t **ret_borrowed, struct kms_err *err)
{
	json_t *member = json_object_get(object, name);

	if (!json_is_array(member))
		return kms_fail(err, KMS_ERR_INVALID, "%s: no list '%s'", what, name);
	*ret_borrowed = member;
	return KMS_OK;
}

enum kms_status js_get_object(const json_t *object, const char *what, const char *name,
	json_t **ret_borrowed, struct kms_err *err)
{
	json_t *member = json_object_get(object, name);

	if (!json_is_object(member))
		return kms_fail(err, KMS_ERR_INVALID, "%s: no object '%s'", what, name);
	*ret_borrowed = member;
	return KMS_OK;
}

enum kms_status js_only(
	const json_t *object, const char *what, const char *const *names, struct kms_err *err)
{
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)object, key, member)
	{
		const char *const *name = names;

		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name)
			return kms_fail(err, KMS_ERR_INVALID, "%s: unknown member '%s'", what, key);
	}
	return KMS_OK;
}
