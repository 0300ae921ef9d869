/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/backup.h"

#include "exchange/backuprecord.h"
#include "exchange/identity.h"
#include "exchange/internal.h"
#include "exchange/packagekeys.h"

#include <stdlib.h>
#include <string.h>

static const char what[] = "backup", key_what[] = "backup's key", set_what[] = "backup's key set";

static const char *const set_members[] = {"created", "origin", NULL};

static const struct doc_keys_form form = {.what = what,
	.set_what = set_what,
	.key_what = key_what,
	.sets_max = DOC_BACKUP_SETS_MAX,
	.keys_max = DOC_BACKUP_KEYS_MAX,
	.set_members = set_members,
	.key_members = doc_backup_key_members};

static void free_lists(struct doc_backup *backup)
{
	free((void *)backup->keys.keysets);
	free((void *)backup->keys.keys);
	free((void *)backup->sets);
	free((void *)backup->records);
	free((void *)backup->content);
	free((void *)backup->left_out);
	free((void *)backup->partners);
}

/* ---- reading ---- */

static enum kms_status read_site_key(
	const json_t *object, struct doc_package *keys, struct kms_err *err)
{
	static const char *const members[] = {
		"algorithm", "ceremony", "check_method", "check_value", "label", NULL};
	static const char name[] = "backup's site key";
	json_t *key;
	enum kms_status st;

	if ((st = js_get_object(object, what, "site_key", &key, err)) ||
		(st = js_only(key, name, members, err)) ||
		(st = doc_read_label(key, name, "label", &keys->transport.label, err)) ||
		(st = doc_read_alg(key, name, &keys->transport.alg, err)) ||
		(st = doc_read_kcv(key, name, keys->transport.alg, &keys->transport.kcv, err)))
		return st;
	keys->wrapping = KEY_WRAP_AES_KW;
	return doc_read_id(key, name, "ceremony", &keys->ceremony, err);
}

static enum kms_status read_sets(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	struct doc_backup_set *sets = calloc(backup->keys.keyset_count, sizeof(*sets));
	enum kms_status st = KMS_OK;
	const json_t *member;
	size_t i;

	backup->sets = sets;
	if (!sets)
		return kms_nomem(err);
	json_array_foreach(json_object_get(object, "keysets"), i, member)
	{
		if (!st)
			st = doc_read_name(member, set_what, "origin", false, &sets[i].origin, err);
		if (!st)
			st = doc_read_time(member, set_what, "created", &sets[i].created, err);
	}
	return st;
}

static enum kms_status read_records(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	struct doc_backup_key *records = calloc(backup->keys.key_count, sizeof(*records));
	const json_t *member;
	size_t i;

	backup->records = records;
	if (!records)
		return kms_nomem(err);
	json_array_foreach(json_object_get(object, "keys"), i, member)
	{
		enum kms_status st = doc_read_backup_key(member, key_what, &records[i], err);

		if (st)
			return st;
	}
	return KMS_OK;
}

static int by_id(const void *a, const void *b)
{
	const struct doc_backup_key *const *x = a, *const *y = b;

	return memcmp((*x)->id, (*y)->id, DOC_OBJECT_ID_SIZE);
}

static enum kms_status ids_differ(const struct doc_backup *backup, struct kms_err *err)
{
	const size_t masters = backup->keys.key_count, count = masters + backup->content_count;
	FREE_AUTO const struct doc_backup_key **sorted = calloc(count, sizeof(*sorted));

	if (!sorted)
		return kms_nomem(err);
	for (size_t i = 0; i < masters; i++)
		sorted[i] = &backup->records[i];
	for (size_t i = 0; i < backup->content_count; i++)
		sorted[masters + i] = &backup->content[i].record;
	qsort(sorted, count, sizeof(*sorted), by_id);
	for (size_t i = 1; i < count; i++)
		if (by_id(&sorted[i - 1], &sorted[i]) == 0)
			return kms_fail(err, KMS_ERR_INVALID, "%s: two keys have one CKA_ID", what);
	return KMS_OK;
}

static enum kms_status read_left_out(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	static const char *const members[] = {"label", "role", NULL};
	static const char name[] = "backup's list of what is left out";
	struct doc_backup_out *out;
	json_t *list, *member;
	size_t i;
	enum kms_status st =
		doc_read_list(object, what, "left_out", 0, DOC_BACKUP_OUT_MAX, &list, err);

	if (st)
		return st;
	out = calloc(json_array_size(list) + 1, sizeof(*out));
	backup->left_out = out;
	if (!out)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		const char *role;

		if ((st = js_only(member, name, members, err)) ||
			(st = doc_read_label(member, name, "label", &out[i].label, err)) ||
			(st = js_get_text(member, name, "role", &role, err)) ||
			(st = key_role_parse(role, &out[i].role, err)))
			return st;
	}
	backup->left_out_count = json_array_size(list);
	return KMS_OK;
}

/* A key without a key set may have any label: none that another key of the backup has. */
static enum kms_status labels_differ(const struct doc_backup *backup, struct kms_err *err)
{
	const size_t count =
		backup->keys.key_count + backup->content_count + backup->left_out_count;
	FREE_AUTO const char **labels = NULL;
	size_t used = 0;

	if (backup->content_count == 0)
		return KMS_OK;
	labels = calloc(count, sizeof(*labels));
	if (!labels)
		return kms_nomem(err);
	for (size_t i = 0; i < backup->keys.key_count; i++)
		labels[used++] = backup->keys.keys[i].label;
	for (size_t i = 0; i < backup->content_count; i++)
		labels[used++] = backup->content[i].key.label;
	for (size_t i = 0; i < backup->left_out_count; i++)
		labels[used++] = backup->left_out[i].label;
	return doc_check_distinct(what, labels, used, err);
}

static enum kms_status read_partners(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	const char **partners;
	json_t *list, *member;
	size_t i;
	enum kms_status st =
		doc_read_list(object, what, "partners", 0, DOC_BACKUP_PARTNERS_MAX, &list, err);

	if (st)
		return st;
	partners = calloc(json_array_size(list) + 1, sizeof(*partners));
	backup->partners = partners;
	if (!partners)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		DOC_IDENTITY_AUTO struct doc_identity identity = {0};
		const char *text = json_string_value(member);

		if (!text)
			return kms_fail(err, KMS_ERR_INVALID, "%s: a partner is no text", what);
		st = doc_identity_parse(text, json_string_length(member), &identity, err);
		if (st) {
			kms_prefix(err, "%s, partner %zu: ", what, i + 1);
			return st;
		}
		partners[i] = text;
	}
	backup->partner_count = json_array_size(list);
	return KMS_OK;
}

/* After a failure the lists read so far are for the caller to free. */
static enum kms_status read_backup(
	const json_t *object, struct doc_backup *backup, struct kms_err *err)
{
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &backup->id, err)) ||
		(st = doc_read_party(object, what, "site", &backup->site, err)) ||
		(st = js_get_text(object, what, "identity", &backup->identity, err)) ||
		(st = doc_read_text(object, what, "hsm_serial", 1, &backup->hsm_serial, err)) ||
		(st = read_site_key(object, &backup->keys, err)) ||
		(st = doc_read_checkpoint(object, what, &backup->checkpoint, err)) ||
		(st = doc_read_time(object, what, "created", &backup->created, err)) ||
		(st = doc_read_package_keys(object, &form, &backup->keys, err)) ||
		(st = read_sets(object, backup, err)) || (st = read_records(object, backup, err)) ||
		(st = doc_read_content_keys(object, backup, err)) ||
		(st = ids_differ(backup, err)) || (st = read_left_out(object, backup, err)) ||
		(st = labels_differ(backup, err)))
		return st;
	return read_partners(object, backup, err);
}

enum kms_status doc_backup_parse(
	const char *text, size_t len, struct doc_backup *ret_backup, struct kms_err *err)
{
	static const char *const members[] = {"audit_checkpoint", "content_keys", "created",
		"hsm_serial", "id", "identity", "keys", "keysets", "left_out", "partners", "seal",
		"site", "site_key", NULL};
	struct doc_backup backup = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	st = doc_open(DOC_BACKUP, text, len, members, &object, &backup.sig, err);
	if (!st)
		st = doc_read_hex(object, what, "seal", backup.seal, sizeof(backup.seal), err);
	if (!st) {
		json_object_del(object, "seal");
		st = doc_digest(object, backup.sealed, err);
	}
	if (!st)
		st = read_backup(object, &backup, err);
	if (st) {
		free_lists(&backup);
		return st;
	}
	backup.owner = object;
	object = NULL;
	*ret_backup = backup;
	return KMS_OK;
}

/* ---- writing ---- */

static bool add_more(json_t *keysets, json_t *keys, const struct doc_backup *backup)
{
	bool bad = !keysets || !keys;

	for (size_t i = 0; !bad && i < backup->keys.keyset_count; i++) {
		json_t *object = json_array_get(keysets, i);

		bad |= json_object_set_new(object, "origin", json_string(backup->sets[i].origin)) ||
		       json_object_set_new(object, "created", doc_time(backup->sets[i].created));
	}
	for (size_t i = 0; !bad && i < backup->keys.key_count; i++)
		bad |= !doc_add_backup_key(json_array_get(keys, i), &backup->records[i]);
	return !bad;
}

static json_t *lists_json(const struct doc_backup *backup, json_t *object)
{
	json_t *keysets = doc_keysets_json(&backup->keys), *keys = doc_keys_json(&backup->keys);
	json_t *out = json_array(), *partners = json_array();
	bool good = add_more(keysets, keys, backup) && out && partners;

	for (size_t i = 0; good && i < backup->left_out_count; i++)
		good = !json_array_append_new(
			out, json_pack("{s:s, s:s}", "label", backup->left_out[i].label, "role",
				     key_role_name(backup->left_out[i].role)));
	for (size_t i = 0; good && i < backup->partner_count; i++)
		good = !json_array_append_new(partners, json_string(backup->partners[i]));
	good = good && !json_object_set(object, "keysets", keysets) &&
	       !json_object_set(object, "keys", keys) &&
	       !json_object_set(object, "left_out", out) &&
	       !json_object_set(object, "partners", partners) &&
	       doc_add_content_keys(object, backup);
	json_decref(keysets);
	json_decref(keys);
	json_decref(out);
	json_decref(partners);
	return good ? json_incref(object) : NULL;
}

/* Without seal and signature. */
static enum kms_status backup_json(
	const struct doc_backup *backup, json_t **ret_object, struct kms_err *err)
{
	const struct doc_checked_key *site_key = &backup->keys.transport;
	struct doc_backup read = {0};
	JS_AUTO json_t *whole = NULL;
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	object = json_pack("{s:s, s:o, s:s, s:s, s:s, s:o, s:{s:s, s:s, s:o, s:s, s:s}}", "id",
		backup->id, "site", doc_party_json(&backup->site), "identity", backup->identity,
		"hsm_serial", backup->hsm_serial, "audit_checkpoint", backup->checkpoint, "created",
		doc_time(backup->created), "site_key", "label", site_key->label, "algorithm",
		key_alg_name(site_key->alg), "check_value", doc_kcv_hex(&site_key->kcv),
		"check_method", key_kcv_method_name(site_key->kcv.method), "ceremony",
		backup->keys.ceremony);
	whole = object ? lists_json(backup, object) : NULL;
	if (!whole)
		return doc_bad_input(DOC_BACKUP, err);
	st = read_backup(whole, &read, err);
	free_lists(&read);
	if (!st)
		st = doc_tag(whole, DOC_BACKUP, err);
	if (!st)
		*ret_object = json_incref(whole);
	return st;
}

enum kms_status doc_backup_digest(
	const struct doc_backup *backup, unsigned char ret_digest[HASH_SIZE], struct kms_err *err)
{
	JS_AUTO json_t *object = NULL;
	enum kms_status st = backup_json(backup, &object, err);

	return st ? st : doc_digest(object, ret_digest, err);
}

enum kms_status doc_backup_write(const struct doc_backup *backup, const struct p256_signer *signer,
	struct buf *ret_text, struct kms_err *err)
{
	JS_AUTO json_t *object = NULL;
	enum kms_status st = backup_json(backup, &object, err);

	if (st)
		return st;
	if (json_object_set_new(object, "seal", doc_hex(backup->seal, sizeof(backup->seal))))
		return kms_nomem(err);
	return doc_seal(object, DOC_BACKUP, signer, ret_text, err);
}

/* ---- verifying ---- */

enum kms_status doc_backup_verify(
	const struct doc_backup *backup, const char *fingerprint, struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	enum kms_status st =
		doc_identity_parse(backup->identity, strlen(backup->identity), &identity, err);

	if (!st)
		st = doc_identity_verify(&identity, backup->site.fingerprint, err);
	if (st) {
		kms_prefix(err, "%s, the identity in it: ", what);
		return st;
	}
	st = doc_same_text(what, backup->site.name, "identity in it", identity.name, "site", err);
	if (!st)
		st = doc_check_sig(DOC_BACKUP, &backup->sig, &backup->site,
			fingerprint ? fingerprint : backup->site.fingerprint, identity.identity_key,
			err);
	return st;
}

void doc_backup_free(struct doc_backup *backup)
{
	if (!backup->owner)
		return;
	free_lists(backup);
	json_decref(backup->owner);
	*backup = (struct doc_backup){0};
}
