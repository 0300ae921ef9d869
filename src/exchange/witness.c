/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/witness.h"

#include "base/hex.h"
#include "exchange/internal.h"

static const char seen_name[] = "seen_checkpoint", continues_name[] = "continues";

static enum kms_status read_path(
	const json_t *list, const char *what, struct doc_witness *w, struct kms_err *err)
{
	json_t *member;
	size_t i;

	json_array_foreach(list, i, member)
	{
		const char *text = json_string_value(member);

		if (!text || !hex_decode_strict(text, w->path[i], HASH_SIZE))
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: 'path' of '%s' holds what is no hash", what, continues_name);
	}
	w->count = json_array_size(list);
	return KMS_OK;
}

static enum kms_status read_continues(
	const json_t *object, const char *what, struct doc_witness *w, struct kms_err *err)
{
	static const char *const members[] = {"path", "size", NULL};
	json_t *proof, *list;
	int64_t size;
	enum kms_status st;

	if ((st = js_get_object(object, what, continues_name, &proof, err)) ||
		(st = js_only(proof, what, members, err)) ||
		(st = js_get_int(proof, what, "size", 0, INT64_MAX / 2, &size, err)) ||
		(st = doc_read_list(proof, what, "path", 0, DOC_PATH_MAX, &list, err)) ||
		(st = read_path(list, what, w, err)))
		return st;
	w->continues = true;
	w->size = (uint64_t)size;
	return KMS_OK;
}

enum kms_status doc_read_witness(const json_t *object, const char *what,
	struct doc_witness *ret_witness, struct kms_err *err)
{
	struct doc_witness w = {0};
	enum kms_status st = KMS_OK;

	if (json_object_get(object, seen_name))
		st = doc_read_note(object, what, seen_name, &w.seen, err);
	if (!st && json_object_get(object, continues_name))
		st = read_continues(object, what, &w, err);
	if (!st)
		*ret_witness = w;
	return st;
}

bool doc_put_witness(json_t *object, const struct doc_witness *w)
{
	json_t *list;
	int bad = w->seen ? json_object_set_new(object, seen_name, json_string(w->seen)) : 0;

	if (bad || !w->continues)
		return !bad;
	list = json_array();
	for (size_t i = 0; i < w->count; i++)
		bad |= json_array_append_new(list, doc_hex(w->path[i], HASH_SIZE));
	return !(json_object_set_new(object, continues_name,
			 json_pack("{s:I, s:o}", "size", (json_int_t)w->size, "path", list)) |
		 bad);
}
