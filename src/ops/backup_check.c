/* SPDX-License-Identifier: Apache-2.0 */
/* backup verify, and what it has in common with making and restoring one. */
#include "ops/backup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "exchange/identity.h"
#include "hsm/crypto.h"
#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kms_status op_backup_read(struct op_backup *backup, const char *path, struct kms_err *err)
{
	enum kms_status st = op_file_read_most(&backup->file, path, DOC_BACKUP_MAX, err);

	if (!st)
		st = doc_backup_parse(
			backup->file.text.data, backup->file.text.len, &backup->doc, err);
	if (st)
		kms_prefix(err, "'%s': ", path);
	return st;
}

void op_backup_free(struct op_backup *backup)
{
	op_file_free(&backup->file);
	doc_backup_free(&backup->doc);
}

bool op_backup_takes(const struct store_key *row)
{
	enum key_role role;
	enum key_alg alg;

	if (key_role_parse(row->role, &role, NULL) || key_alg_parse(row->algorithm, &alg, NULL))
		return false;
	return key_role_is_master(role) || (key_role_is_content(role) && alg != KEY_P256);
}

size_t op_backup_key_count(const struct doc_backup *doc)
{
	return doc->keys.key_count + doc->content_count;
}

/* Masters first. */
static const struct doc_key *key_at(const struct doc_backup *doc, size_t i)
{
	return i < doc->keys.key_count ? &doc->keys.keys[i]
				       : &doc->content[i - doc->keys.key_count].key;
}

/* ---- the site key ---- */

static enum kms_status take_row(struct store_key_list *keys, size_t i, struct store_key *ret_row)
{
	*ret_row = keys->items[i];
	keys->items[i] = (struct store_key){0};
	return KMS_OK;
}

static enum kms_status active_site_keys(
	struct op_site *site, struct store_key_list *ret_keys, struct kms_err *err)
{
	const struct store_key_filter active = {
		.role = key_role_name(KEY_ROLE_SITE), .state = key_state_name(KEY_ACTIVE)};
	enum kms_status st = store_keys(site->store, &active, ret_keys, err);

	if (st || ret_keys->count > 0)
		return st;
	kms_fail(err, KMS_ERR_STATE, "this site has no site key");
	return kms_hint(err, "'cardkms site-key create LABEL …' makes one, in a ceremony; "
			     "'site-key restore' brings one back from its components");
}

enum kms_status op_backup_site_key(
	struct op_site *site, const char *label, struct store_key *ret_row, struct kms_err *err)
{
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	BUF_AUTO struct buf labels = {0};
	enum kms_status st = active_site_keys(site, &keys, err);

	if (st)
		return st;
	for (size_t i = 0; i < keys.count; i++)
		if (label ? key_label_same(keys.items[i].label, label) : keys.count == 1)
			return take_row(&keys, i, ret_row);
	for (size_t i = 0; !st && i < keys.count; i++)
		st = buf_printf(&labels, err, "%s'%s'", i ? ", " : "", keys.items[i].label);
	if (st)
		return st;
	if (label)
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"there is no active site key '%s'; there is %s", label, buf_text(&labels));
	kms_fail(err, KMS_ERR_INVALID, "there are several site keys: %s", buf_text(&labels));
	return kms_hint(err, "name the one to use: --site-key LABEL");
}

enum kms_status op_backup_matching_key(struct op_site *site, const struct doc_backup *doc,
	struct store_key *ret_row, struct kms_err *err)
{
	const struct doc_checked_key *said = &doc->keys.transport;
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = active_site_keys(site, &keys, err);

	if (st)
		return st;
	key_kcv_print(&said->kcv, check);
	for (size_t i = 0; i < keys.count; i++) {
		const struct store_key *row = &keys.items[i];

		if (strcmp(row->algorithm, key_alg_name(said->alg)) == 0 && row->check_value &&
			strcmp(row->check_value, check) == 0)
			return take_row(&keys, i, ret_row);
	}
	kms_fail(err, KMS_ERR_MISMATCH,
		"the site key '%s' has the check value %s (%s, %s); the backup is under '%s' with "
		"%s (%s, %s)",
		keys.items[0].label, keys.items[0].check_value ? keys.items[0].check_value : "-",
		keys.items[0].check_method ? keys.items[0].check_method : "-",
		keys.items[0].algorithm, said->label, check, key_kcv_method_name(said->kcv.method),
		key_alg_name(said->alg));
	return kms_hint(err,
		"restore that key first, from its components: 'cardkms site-key restore %s …'; "
		"nothing was unwrapped",
		said->label);
}

/* ---- who vouches for it ---- */

static enum kms_status is_former(
	struct op_site *site, const char *fingerprint, bool *ret_is, struct kms_err *err)
{
	STORE_AUTO(former_list) struct store_former_list list = {0};
	enum kms_status st = store_formers(site->store, &list, err);

	*ret_is = false;
	for (size_t i = 0; !st && i < list.count; i++)
		*ret_is |= strcmp(list.items[i].fingerprint, fingerprint) == 0;
	return st;
}

enum kms_status op_backup_signed_by(struct op_site *site, const struct doc_backup *doc,
	const char *fingerprint, enum op_backup_signer *ret_signer, struct kms_err *err)
{
	FREE_AUTO char *self = NULL;
	bool former = false;
	enum kms_status st = doc_backup_verify(doc, fingerprint, err);

	if (!st && site)
		st = op_meta_find(site, META_FINGERPRINT, &self, err);
	if (!st && site)
		st = is_former(site, doc->site.fingerprint, &former, err);
	if (st)
		return st;
	*ret_signer = self && strcmp(self, doc->site.fingerprint) == 0 ? OP_SIGNER_SELF
		      : former					       ? OP_SIGNER_FORMER
		      : fingerprint				       ? OP_SIGNER_NAMED
								       : OP_SIGNER_UNKNOWN;
	return KMS_OK;
}

const char *op_backup_signer_text(enum op_backup_signer signer)
{
	switch (signer) {
	case OP_SIGNER_SELF:
		return "by this site's identity";
	case OP_SIGNER_FORMER:
		return "by an identity that this site had";
	case OP_SIGNER_NAMED:
		return "by the identity named";
	case OP_SIGNER_UNKNOWN:
		break;
	}
	return "by an identity that is not known here";
}

enum kms_status op_backup_check_seal(struct op_site *site, const struct doc_backup *doc,
	struct hsm_key *site_key, struct kms_err *err)
{
	unsigned char seal[HSM_SEAL_LEN];
	enum kms_status st = hsm_seal(site->hsm, site_key, doc->sealed, seal, err);

	if (st || memcmp(seal, doc->seal, sizeof(seal)) == 0)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH, "the seal of the backup is not by the site key '%s'",
		site_key->label);
	return kms_hint(err, "the file was changed, or made up; nothing was unwrapped");
}

enum kms_status op_backup_try_keys(struct op_site *site, const struct doc_backup *doc,
	struct hsm_key *site_key, struct kms_err *err)
{
	for (size_t i = 0; i < op_backup_key_count(doc); i++) {
		const struct doc_key *key = key_at(doc, i);
		struct hsm_made made = {0};
		struct key_kcv kcv;
		char what[80];
		enum kms_status st = hsm_unwrap_check(site->hsm, site_key, HSM_WRAP_AES_KW,
			key->block, key->block_len, key_alg_to_hsm(key->alg), key->label,
			key_kcv_to_hsm(key->kcv.method), made.check, &made.check_len, err);

		if (!st)
			st = key_kcv_of_made(&made, key->kcv.method, &kcv, err);
		snprintf(what, sizeof(what), "'%.50s', unwrapped: its", key->label);
		if (!st)
			st = key_kcv_check(what, &kcv, "the backup", &key->kcv, err);
		if (st)
			return st;
	}
	return KMS_OK;
}

/* ---- what it holds, against the registry ---- */

enum kms_status op_backup_facts(const struct op_backup *backup, json_t *report, struct kms_err *err)
{
	const struct doc_backup *d = &backup->doc;
	char check[KEY_KCV_TEXT_SIZE], created[CLOCK_TEXT_SIZE];
	JS_AUTO json_t *facts = NULL;

	key_kcv_print(&d->keys.transport.kcv, check);
	clock_format(d->created, created);
	facts = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}",
		"backup", d->id, "site", d->site.name, "fingerprint", d->site.fingerprint,
		"hsm_serial", d->hsm_serial, "created", created, "site_key",
		d->keys.transport.label, "site_key_check_value", check, "site_key_check_method",
		key_kcv_method_name(d->keys.transport.kcv.method), "keyset_count",
		(json_int_t)d->keys.keyset_count, "key_count", (json_int_t)op_backup_key_count(d),
		"content_key_count", (json_int_t)d->content_count, "partner_count",
		(json_int_t)d->partner_count, "sha256", backup->file.hash_text);
	return facts && !json_object_update(report, facts) ? KMS_OK : kms_nomem(err);
}

static bool holds(const struct doc_backup *doc, const struct store_key *row)
{
	for (size_t i = 0; i < op_backup_key_count(doc); i++)
		if (key_label_same(key_at(doc, i)->label, row->label))
			return true;
	return false;
}

/* What the registry has and the backup has not, and the other way round; backups that are newer. */
static enum kms_status coverage(
	struct op_site *site, const struct doc_backup *doc, json_t *report, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	STORE_AUTO(backup_list) struct store_backup_list backups = {0};
	JS_AUTO json_t *missing = json_array(), *gone = json_array(), *newer = json_array();
	enum kms_status st = store_keys(site->store, &live, &keys, err);

	if (!st)
		st = store_backups(site->store, &backups, err);
	for (size_t i = 0; !st && i < keys.count; i++)
		if (op_backup_takes(&keys.items[i]) && !holds(doc, &keys.items[i]) &&
			json_array_append_new(missing, json_string(keys.items[i].label)))
			st = kms_nomem(err);
	for (size_t i = 0; !st && i < op_backup_key_count(doc); i++) {
		const char *label = key_at(doc, i)->label;
		bool there = false;

		for (size_t k = 0; !there && k < keys.count; k++)
			there = key_label_same(keys.items[k].label, label);
		if (!there && json_array_append_new(gone, json_string(label)))
			st = kms_nomem(err);
	}
	for (size_t i = 0; !st && i < backups.count; i++)
		if (backups.items[i].created > doc->created &&
			json_array_append_new(newer, json_string(backups.items[i].id)))
			st = kms_nomem(err);
	if (!st && (json_object_set(report, "not_in_it", missing) ||
			   json_object_set(report, "not_in_registry", gone) ||
			   json_object_set(report, "newer_backups", newer)))
		st = kms_nomem(err);
	return st;
}

/* ---- backup verify ---- */

static enum kms_status unwrap_in_hsm(
	struct op_site *site, const struct doc_backup *doc, json_t *report, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	struct hsm_key site_key;
	enum kms_status st = op_site_login(site, err);

	if (!st)
		st = op_backup_matching_key(site, doc, &row, err);
	if (!st)
		st = op_key_verify(site, &row, err);
	if (!st)
		st = op_key_object(site, &row, &site_key, err);
	if (!st)
		st = op_backup_check_seal(site, doc, &site_key, err);
	if (!st)
		st = op_backup_try_keys(site, doc, &site_key, err);
	if (!st && (json_object_set_new(report, "seal", json_string("good")) ||
			   json_object_set_new(report, "unwrapped",
				   json_integer((json_int_t)op_backup_key_count(doc)))))
		st = kms_nomem(err);
	return st;
}

static enum kms_status fingerprint_of(
	const char *identity_path, char ret_fingerprint[DOC_FINGERPRINT_SIZE], struct kms_err *err)
{
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(identity_path, DOC_MAX, &text, err);

	if (!st)
		st = doc_identity_parse(text.data, text.len, &identity, err);
	if (!st)
		st = doc_identity_verify(&identity, NULL, err);
	if (st) {
		kms_prefix(err, "cannot use the identity '%s': ", identity_path);
		return st;
	}
	snprintf(ret_fingerprint, DOC_FINGERPRINT_SIZE, "%s", identity.fingerprint);
	return KMS_OK;
}

static enum kms_status vouched_for(
	enum op_backup_signer signer, const struct doc_backup *doc, struct kms_err *err)
{
	if (signer != OP_SIGNER_UNKNOWN)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH,
		"the backup is signed by the identity %.16s… of '%s', which is not known here",
		doc->site.fingerprint, doc->site.name);
	return kms_hint(err, "name that identity (--identity F), or let the HSM with the site key "
			     "check the seal");
}

enum kms_status op_backup_verify(struct op_site *site, const char *path, const char *identity_path,
	bool offline, json_t **ret_report, struct kms_err *err)
{
	struct op_backup backup __attribute__((cleanup(op_backup_free))) = {0};
	char fingerprint[DOC_FINGERPRINT_SIZE];
	enum op_backup_signer signer;
	JS_AUTO json_t *report = json_object();
	enum kms_status st = op_backup_read(&backup, path, err);

	if (!st && identity_path)
		st = fingerprint_of(identity_path, fingerprint, err);
	if (!st)
		st = op_backup_signed_by(
			site, &backup.doc, identity_path ? fingerprint : NULL, &signer, err);
	if (!st)
		st = op_backup_facts(&backup, report, err);
	if (!st && json_object_set_new(
			   report, "signature", json_string(op_backup_signer_text(signer))))
		st = kms_nomem(err);
	if (!st && site)
		st = coverage(site, &backup.doc, report, err);
	if (!st)
		st = site && !offline ? unwrap_in_hsm(site, &backup.doc, report, err)
				      : vouched_for(signer, &backup.doc, err);
	if (!st)
		*ret_report = json_incref(report);
	return st;
}
