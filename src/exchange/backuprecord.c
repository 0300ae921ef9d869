/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/backuprecord.h"

#include "base/hex.h"
#include "base/text.h"
#include "exchange/internal.h"

#include <stdlib.h>

enum { REASON_MAX = 500 };

const char *const doc_backup_key_members[] = {
	"activated", "changed", "created", "expires", "id", "state", "state_reason", NULL};

/* ---- what is said of each key ---- */

/* "" is none: not yet activated, no end. */
static enum kms_status read_time_or_none(const json_t *object, const char *key_what,
	const char *name, int64_t *ret_time, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, key_what, name, &text, err);

	if (st)
		return st;
	if (*text)
		return doc_read_time(object, key_what, name, ret_time, err);
	*ret_time = 0;
	return KMS_OK;
}

static enum kms_status read_state(const json_t *object, const char *key_what,
	struct doc_backup_key *record, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, key_what, "state", &text, err);

	if (!st)
		st = key_state_parse(text, &record->state, err);
	if (st)
		return st;
	switch (record->state) {
	case KEY_PREACTIVE:
	case KEY_ACTIVE:
	case KEY_SUSPENDED:
	case KEY_DEACTIVATED:
	case KEY_COMPROMISED:
		break;
	default:
		return kms_fail(err, KMS_ERR_INVALID, "%s: nothing that is %s is in a backup",
			key_what, text);
	}
	st = js_get_text(object, key_what, "state_reason", &record->reason, err);
	if (!st && *record->reason && !text_printable(record->reason, REASON_MAX))
		st = kms_fail(err, KMS_ERR_INVALID,
			"%s: 'state_reason' is not one line of at most %d bytes", key_what,
			REASON_MAX);
	return st;
}

enum kms_status doc_read_backup_key(const json_t *object, const char *key_what,
	struct doc_backup_key *ret_record, struct kms_err *err)
{
	struct doc_backup_key *r = ret_record;
	enum kms_status st;

	if ((st = doc_read_hex(object, key_what, "id", r->id, sizeof(r->id), err)) ||
		(st = read_state(object, key_what, r, err)) ||
		(st = doc_read_time(object, key_what, "created", &r->created, err)) ||
		(st = doc_read_time(object, key_what, "changed", &r->changed, err)) ||
		(st = read_time_or_none(object, key_what, "activated", &r->activated, err)))
		return st;
	return read_time_or_none(object, key_what, "expires", &r->expires, err);
}

static json_t *time_or_none(int64_t time)
{
	return time ? doc_time(time) : json_string("");
}

bool doc_add_backup_key(json_t *object, const struct doc_backup_key *r)
{
	return !json_object_set_new(object, "id", doc_hex(r->id, sizeof(r->id))) &&
	       !json_object_set_new(object, "state", json_string(key_state_name(r->state))) &&
	       !json_object_set_new(object, "state_reason", json_string(r->reason)) &&
	       !json_object_set_new(object, "created", doc_time(r->created)) &&
	       !json_object_set_new(object, "changed", doc_time(r->changed)) &&
	       !json_object_set_new(object, "activated", time_or_none(r->activated)) &&
	       !json_object_set_new(object, "expires", time_or_none(r->expires));
}

/* ---- keys without a key set ---- */

static const char content_what[] = "backup's content key", list_name[] = "content_keys";

/* Pairs are in no backup: no HSM gives out the private half. */
static enum kms_status read_kind(const json_t *object, struct doc_key *key, struct kms_err *err)
{
	const char *role;
	enum kms_status st;

	if ((st = js_get_text(object, content_what, "role", &role, err)) ||
		(st = key_role_parse(role, &key->role, err)) ||
		(st = doc_read_alg(object, content_what, &key->alg, err)))
		return st;
	if (!key_role_is_content(key->role))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is a key of role %s; '%s' holds dap, token and receipt",
			content_what, key->label, role, list_name);
	if (key->alg != KEY_AES128 && key->alg != KEY_AES256)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is an %s key; '%s' holds aes128 and aes256", content_what,
			key->label, key_alg_name(key->alg), list_name);
	return KMS_OK;
}

static enum kms_status read_block(const json_t *object, const struct doc_package *keys,
	struct doc_key *key, struct kms_err *err)
{
	const size_t length = key_alg_info(key->alg)->length;
	const size_t len = key_wrapped_len(keys->wrapping, keys->transport.alg, length);
	int64_t said;
	enum kms_status st = js_get_int(
		object, content_what, "length", (int64_t)length, (int64_t)length, &said, err);

	if (!st && (len == 0 || len > sizeof(key->block)))
		st = kms_fail(err, KMS_ERR_INVALID,
			"%s: an %s key cannot be wrapped under an %s key by %s", content_what,
			key_alg_name(key->alg), key_alg_name(keys->transport.alg),
			key_wrapping_name(keys->wrapping));
	if (!st)
		st = doc_read_hex(object, content_what, "block", key->block, len, err);
	key->block_len = len;
	return st;
}

static enum kms_status read_content_key(const json_t *object, const struct doc_package *keys,
	struct doc_backup_content *content, struct kms_err *err)
{
	static const char *const members[] = {"activated", "algorithm", "block", "changed",
		"check_method", "check_value", "created", "expires", "id", "label", "length",
		"role", "state", "state_reason", NULL};
	struct doc_key *key = &content->key;
	enum kms_status st;

	if ((st = js_only(object, content_what, members, err)) ||
		(st = doc_read_label(object, content_what, "label", &key->label, err)) ||
		(st = read_kind(object, key, err)) ||
		(st = doc_read_kcv(object, content_what, key->alg, &key->kcv, err)) ||
		(st = read_block(object, keys, key, err)))
		return st;
	return doc_read_backup_key(object, content_what, &content->record, err);
}

/* Missing, or with at least one: no two spellings of "none". */
enum kms_status doc_read_content_keys(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	struct doc_backup_content *content;
	json_t *list, *member;
	size_t i;
	enum kms_status st;

	if (!json_object_get(object, list_name))
		return KMS_OK;
	st = doc_read_list(object, "backup", list_name, 1, DOC_BACKUP_CONTENT_MAX, &list, err);
	if (st)
		return st;
	content = calloc(json_array_size(list), sizeof(*content));
	backup->content = content;
	if (!content)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		st = read_content_key(member, &backup->keys, &content[i], err);
		if (st)
			return st;
	}
	backup->content_count = json_array_size(list);
	return KMS_OK;
}

static json_t *content_json(const struct doc_backup_content *content)
{
	const struct doc_key *key = &content->key;
	const size_t len = key->block_len <= sizeof(key->block) ? key->block_len : 0;
	json_t *object = json_pack("{s:s, s:s, s:s, s:i, s:o, s:s, s:o}", "label", key->label,
		"role", key_role_name(key->role), "algorithm", key_alg_name(key->alg), "length",
		(int)key_alg_info(key->alg)->length, "check_value", doc_kcv_hex(&key->kcv),
		"check_method", key_kcv_method_name(key->kcv.method), "block",
		doc_hex(key->block, len));

	if (object && doc_add_backup_key(object, &content->record))
		return object;
	json_decref(object);
	return NULL;
}

bool doc_add_content_keys(json_t *object, const struct doc_backup *backup)
{
	json_t *list;
	bool good;

	if (backup->content_count == 0)
		return true;
	list = json_array();
	good = list != NULL;
	for (size_t i = 0; good && i < backup->content_count; i++)
		good = !json_array_append_new(list, content_json(&backup->content[i]));
	good = good && !json_object_set(object, list_name, list);
	json_decref(list);
	return good;
}
