/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that several documents have: key sets by name, keys with their check values. */
#include "exchange/internal.h"

#include <stdlib.h>

enum kms_status doc_read_set_names(const json_t *object, const char *what,
	const char *const **ret_names, size_t *ret_count, struct kms_err *err)
{
	FREE_AUTO const char **names = NULL;
	json_t *list, *member;
	size_t i;
	enum kms_status st;

	st = doc_read_list(object, what, "keysets", 1, DOC_KEYSETS_MAX, &list, err);
	if (st)
		return st;
	names = calloc(json_array_size(list), sizeof(*names));
	if (!names)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		/* Strings from a parser or json_string hold no zero byte but the last. */
		names[i] = json_string_value(member);
		if (!names[i])
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: a key set's name is no text", what);
		st = key_set_name_check(names[i], err);
		if (st) {
			kms_prefix(err, "%s: ", what);
			return st;
		}
	}
	st = doc_check_distinct(what, names, json_array_size(list), err);
	if (st)
		return st;
	*ret_count = json_array_size(list);
	*ret_names = names;
	names = NULL;
	return KMS_OK;
}

json_t *doc_set_names_json(const char *const *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(list, json_string(names[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static enum kms_status read_key(
	const json_t *object, const char *what, struct doc_checked_key *key, struct kms_err *err)
{
	static const char *const members[] = {
		"algorithm", "check_method", "check_value", "label", NULL};
	enum kms_status st;

	if ((st = js_only(object, what, members, err)) ||
		(st = doc_read_label(object, what, "label", &key->label, err)) ||
		(st = doc_read_alg(object, what, &key->alg, err)))
		return st;
	return doc_read_kcv(object, what, key->alg, &key->kcv, err);
}

enum kms_status doc_read_checked_keys(const json_t *object, const char *what, const char *key_what,
	const struct doc_checked_key **ret_keys, size_t *ret_count, struct kms_err *err)
{
	FREE_AUTO struct doc_checked_key *keys = NULL;
	FREE_AUTO const char **labels = NULL;
	json_t *list, *member;
	size_t i, count;
	enum kms_status st;

	st = doc_read_list(object, what, "keys", 1, DOC_KEYS_MAX, &list, err);
	if (st)
		return st;
	count = json_array_size(list);
	keys = calloc(count, sizeof(*keys));
	labels = calloc(count, sizeof(*labels));
	if (!keys || !labels)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		st = read_key(member, key_what, &keys[i], err);
		if (st)
			return st;
		labels[i] = keys[i].label;
	}
	st = doc_check_distinct(what, labels, count, err);
	if (st)
		return st;
	*ret_keys = keys;
	*ret_count = count;
	keys = NULL;
	return KMS_OK;
}

json_t *doc_checked_keys_json(const struct doc_checked_key *keys, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *member =
			json_pack("{s:s, s:s, s:o, s:s}", "label", keys[i].label, "algorithm",
				key_alg_name(keys[i].alg), "check_value", doc_kcv_hex(&keys[i].kcv),
				"check_method", key_kcv_method_name(keys[i].kcv.method));

		if (json_array_append_new(list, member)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
