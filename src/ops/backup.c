/* SPDX-License-Identifier: Apache-2.0 */
/* backup create: the masters and content keys under the site key, wrapped in the HSM, sealed and signed. */
#include "ops/backup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "hsm/crypto.h"
#include "ops/ceremony.h"
#include "ops/ops.h"
#include "ops/outgoing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct create_args {
	const char *path, *label;
	struct store_key site_key;
	struct store_keyset_list sets; /* all; those without a key in it are passed over */
	struct store_key_list keys;    /* all live ones */
	struct store_partner_list partners;
	struct op_self self;
	char *identity, *checkpoint;
	char id[DOC_ID_MAX + 1];

	/* Of the document; arrays of ours, texts of the rows. */
	struct doc_backup doc;
	struct doc_keyset *doc_sets;
	struct doc_backup_set *doc_set_facts;
	struct doc_key *doc_keys;
	const struct store_key **rows; /* doc_keys[i] is of rows[i] */
	struct doc_backup_key *records;
	struct doc_backup_content *content;
	const struct store_key **content_rows; /* content[i] is of content_rows[i] */
	struct doc_backup_out *left_out;
	const char **partner_texts;
	struct op_file file;
	bool written; /* at path, and not recorded yet */
};

static void create_clear(struct create_args *a)
{
	if (a->written)
		unlink(a->path);
	store_key_free(&a->site_key);
	store_keyset_list_free(&a->sets);
	store_key_list_free(&a->keys);
	store_partner_list_free(&a->partners);
	op_self_free(&a->self);
	free(a->identity);
	free(a->checkpoint);
	free(a->doc_sets);
	free(a->doc_set_facts);
	free(a->doc_keys);
	free(a->rows);
	free(a->records);
	free(a->content);
	free(a->content_rows);
	free(a->left_out);
	free(a->partner_texts);
	op_file_free(&a->file);
}

/* ---- validate: what is to be in it ---- */

static enum kms_status path_is_free(const char *path, struct kms_err *err)
{
	if (access(path, F_OK) != 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_EXISTS, "there is a file '%s' already", path);
	return kms_hint(err, "a backup takes no other file's place: choose another name");
}

static enum kms_status find_site_key(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct doc_checked_key *doc = &a->doc.keys.transport;
	enum key_kcv_method method;
	enum kms_status st = op_backup_site_key(op->site, a->label, &a->site_key, err);

	if (!st)
		st = op_separation(op, a->site_key.label, "back up", NULL, err);
	if (!st)
		st = key_alg_parse(a->site_key.algorithm, &doc->alg, err);
	if (!st)
		st = key_kcv_method_parse(a->site_key.check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, a->site_key.check_value, &doc->kcv, err);
	doc->label = a->site_key.label;
	a->doc.keys.wrapping = KEY_WRAP_AES_KW;
	a->doc.keys.ceremony = a->site_key.ceremony_id ? a->site_key.ceremony_id : "";
	return st ? st : op_detail(op, "site_key", json_string(a->site_key.label), err);
}

static enum kms_status take_record(struct op *op, const struct store_key *row,
	struct doc_backup_key *record, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct kms_err why = {0};
	enum key_alg alg;
	enum kms_status st;

	if (strcmp(row->location, KEY_LOST) == 0) {
		kms_fail(err, KMS_ERR_STATE,
			"'%s' was lost with its HSM: a backup now would "
			"not have it",
			row->label);
		return kms_hint(err, "restore it first ('cardkms backup restore F'), or give it "
				     "up ('cardkms key destroy')");
	}
	*record = (struct doc_backup_key){.reason = row->state_reason ? row->state_reason : "",
		.created = row->created,
		.changed = row->state_changed,
		.activated = row->activated,
		.expires = row->deactivate_after};
	if (!hex_decode_strict(row->cka_id, record->id, sizeof(record->id)))
		return kms_fail(
			err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", row->label);
	st = key_state_parse(row->state, &record->state, err);
	if (!st)
		st = key_alg_parse(row->algorithm, &alg, err);
	if (!st && key_wrap_allowed(a->doc.keys.transport.alg, alg, &why))
		st = op_override(op, err, "'%s': %s", row->label, why.msg);
	return st;
}

static enum kms_status take_key(struct op *op, const struct store_key *row, struct kms_err *err)
{
	struct create_args *a = op->args;
	const size_t at = a->doc.keys.key_count, content_at = a->doc.content_count;
	enum key_role role;
	enum kms_status st = key_role_parse(row->role, &role, err);

	if (st)
		return st;
	if (key_role_is_content(role)) {
		a->content_rows[content_at] = row;
		a->doc.content_count++;
		return take_record(op, row, &a->content[content_at].record, err);
	}
	a->rows[at] = row;
	a->doc.keys.key_count++;
	return take_record(op, row, &a->records[at], err);
}

static enum kms_status take_keys(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	const size_t count = a->keys.count + 1;
	enum kms_status st = KMS_OK;

	a->doc_keys = calloc(count, sizeof(*a->doc_keys));
	a->rows = calloc(count, sizeof(*a->rows));
	a->records = calloc(count, sizeof(*a->records));
	a->content = calloc(count, sizeof(*a->content));
	a->content_rows = calloc(count, sizeof(*a->content_rows));
	a->left_out = calloc(count, sizeof(*a->left_out));
	if (!a->doc_keys || !a->rows || !a->records || !a->content || !a->content_rows ||
		!a->left_out)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < a->keys.count; i++) {
		const struct store_key *row = &a->keys.items[i];
		struct doc_backup_out *out = &a->left_out[a->doc.left_out_count];

		if (strcmp(row->state, key_state_name(KEY_PENDING)) == 0)
			continue;
		if (op_backup_takes(row)) {
			st = take_key(op, row, err);
			continue;
		}
		out->label = row->label;
		st = key_role_parse(row->role, &out->role, err);
		a->doc.left_out_count++;
	}
	if (!st && a->doc.keys.key_count == 0) {
		kms_fail(err, KMS_ERR_STATE, "there is no master key to back up");
		st = kms_hint(err, "'cardkms hsm update --plan F' makes some");
	}
	return st;
}

static bool has_key_of(const struct create_args *a, const char *keyset)
{
	for (size_t i = 0; i < a->doc.keys.key_count; i++)
		if (a->rows[i]->keyset && strcmp(a->rows[i]->keyset, keyset) == 0)
			return true;
	return false;
}

static enum kms_status take_sets(struct create_args *a, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	a->doc_sets = calloc(a->sets.count + 1, sizeof(*a->doc_sets));
	a->doc_set_facts = calloc(a->sets.count + 1, sizeof(*a->doc_set_facts));
	if (!a->doc_sets || !a->doc_set_facts)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < a->sets.count; i++) {
		const struct store_keyset *row = &a->sets.items[i];
		const size_t at = a->doc.keys.keyset_count;

		if (!has_key_of(a, row->name))
			continue;
		st = outgoing_keyset(row, &a->doc_sets[at], err);
		a->doc_set_facts[at] = (struct doc_backup_set){row->origin, row->created};
		a->doc.keys.keyset_count++;
	}
	return st;
}

static enum kms_status take_partners(struct create_args *a, struct kms_err *err)
{
	a->partner_texts = calloc(a->partners.count + 1, sizeof(*a->partner_texts));
	if (!a->partner_texts)
		return kms_nomem(err);
	for (size_t i = 0; i < a->partners.count; i++)
		if (strcmp(a->partners.items[i].state, "active") == 0)
			a->partner_texts[a->doc.partner_count++] = a->partners.items[i].document;
	return KMS_OK;
}

static enum kms_status create_validate(struct op *op, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	struct create_args *a = op->args;
	struct store *store = op->site->store;
	enum kms_status st = path_is_free(a->path, err);

	if (!st)
		st = find_site_key(op, err);
	if (!st)
		st = store_keys(store, &live, &a->keys, err);
	if (!st)
		st = store_keysets(store, &a->sets, err);
	if (!st)
		st = store_partners(store, &a->partners, err);
	if (!st)
		st = take_keys(op, err);
	if (!st)
		st = take_sets(a, err);
	if (!st)
		st = take_partners(a, err);
	if (!st)
		st = op_self(op->site, &a->self, err);
	if (!st)
		st = op_meta_find(op->site, META_IDENTITY, &a->identity, err);
	if (!st)
		st = op_doc_id("BK", a->id, err);
	if (!st)
		st = op_subject(op, err, "%s", a->id);
	return st ? st
		  : op_report(op, "key_count",
			    json_integer((json_int_t)op_backup_key_count(&a->doc)), err);
}

/* ---- act, verify ---- */

static enum kms_status wrap_one(struct op *op, const struct store_key *row,
	struct hsm_key *site_key, struct doc_key *doc, struct kms_err *err)
{
	enum kms_status st = outgoing_key(op, row, site_key, KEY_WRAP_AES_KW, NULL, doc, err);

	return st ? kms_prefix(err, "cannot back up '%s': ", row->label) : KMS_OK;
}

static enum kms_status wrap_all(struct op *op, struct hsm_key *site_key, struct kms_err *err)
{
	struct create_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->doc.keys.key_count; i++)
		st = wrap_one(op, a->rows[i], site_key, &a->doc_keys[i], err);
	for (size_t i = 0; !st && i < a->doc.content_count; i++)
		st = wrap_one(op, a->content_rows[i], site_key, &a->content[i].key, err);
	return st;
}

static enum kms_status seal_and_sign(struct op *op, struct hsm_key *site_key, struct kms_err *err)
{
	struct create_args *a = op->args;
	unsigned char digest[HASH_SIZE];
	struct p256_signer signer;
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	a->doc.id = a->id;
	a->doc.site = a->self.party;
	a->doc.identity = a->identity;
	a->doc.hsm_serial = a->self.serial;
	a->doc.keys.keysets = a->doc_sets;
	a->doc.keys.keys = a->doc_keys;
	a->doc.sets = a->doc_set_facts;
	a->doc.records = a->records;
	a->doc.content = a->content;
	a->doc.left_out = a->left_out;
	a->doc.partners = a->partner_texts;
	a->doc.checkpoint = a->checkpoint;
	a->doc.created = op->now;
	st = doc_backup_digest(&a->doc, digest, err);
	if (!st)
		st = hsm_seal(op->site->hsm, site_key, digest, a->doc.seal, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_backup_write(&a->doc, &signer, &text, err);
	return st ? st : op_file_take(&a->file, &text, err);
}

static enum kms_status create_act(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct hsm_key site_key;
	enum kms_status st = op_key_verify(op->site, &a->site_key, err);

	if (!st)
		st = op_key_object(op->site, &a->site_key, &site_key, err);
	if (!st)
		st = wrap_all(op, &site_key, err);
	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	return st ? st : seal_and_sign(op, &site_key, err);
}

/* Read as a restore would read it, before it may be called a backup; then the file. */
static enum kms_status create_verify(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	DOC_BACKUP_AUTO struct doc_backup again = {0};
	struct hsm_key site_key;
	enum kms_status st = doc_backup_parse(a->file.text.data, a->file.text.len, &again, err);

	if (!st)
		st = doc_backup_verify(&again, a->self.fingerprint, err);
	if (!st)
		st = op_key_object(op->site, &a->site_key, &site_key, err);
	if (!st)
		st = op_backup_check_seal(op->site, &again, &site_key, err);
	if (!st)
		st = op_backup_try_keys(op->site, &again, &site_key, err);
	if (!st)
		st = file_write(a->path, 0600, a->file.text.data, a->file.text.len, err);
	if (!st)
		a->written = true;
	return st;
}

static enum kms_status report_left_out(struct op *op, struct kms_err *err)
{
	const struct create_args *a = op->args;
	JS_AUTO json_t *rows = json_array();

	for (size_t i = 0; i < a->doc.left_out_count; i++)
		if (json_array_append_new(rows, json_sprintf("%s (%s)", a->left_out[i].label,
							key_role_name(a->left_out[i].role))))
			return kms_nomem(err);
	return op_report(op, "left_out", json_incref(rows), err);
}

static enum kms_status create_commit(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct store *store = op->site->store;
	const struct store_backup row = {.id = a->id,
		.sha256 = a->file.hash_text,
		.site_key = a->site_key.label,
		.keys = (int64_t)op_backup_key_count(&a->doc),
		.op_id = op->id,
		.created = op->now};
	enum kms_status st = store_backup_add(store, &row, err);

	for (size_t i = 0; !st && i < a->doc.keys.key_count; i++)
		st = store_backup_add_key(store, a->id, a->rows[i]->cka_id, err);
	for (size_t i = 0; !st && i < a->doc.content_count; i++)
		st = store_backup_add_key(store, a->id, a->content_rows[i]->cka_id, err);
	if (!st)
		st = op_detail(op, "backup", json_string(a->id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = op_detail(op, "keys", json_integer(row.keys), err);
	if (!st)
		st = op_report(op, "backup", json_string(a->id), err);
	if (!st)
		st = op_report(op, "site_key", json_string(row.site_key), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = op_report(op, "file", json_string(a->path), err);
	return st ? st : report_left_out(op, err);
}

enum kms_status op_backup_create(struct op_site *site, const char *path, const char *site_key,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "backup.create",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_BACKUP,
		.validate = create_validate,
		.act = create_act,
		.verify = create_verify,
		.commit = create_commit,
	};
	struct create_args args
		__attribute__((cleanup(create_clear))) = {.path = path, .label = site_key};
	STORE_AUTO(backup_list) struct store_backup_list list = {0};
	enum kms_status st = op_run(site, &kind, &args, ret_report, err);

	/* Recorded is recorded, whatever came after it: then the file stays. */
	if (st && args.written && store_backups(site->store, &list, NULL) == KMS_OK)
		for (size_t i = 0; i < list.count; i++)
			args.written &= strcmp(list.items[i].id, args.id) != 0;
	args.written &= st != KMS_OK;
	return st;
}

enum kms_status op_backup_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(backup_list) struct store_backup_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_backups(site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_backup *b = &list.items[i];
		char created[CLOCK_TEXT_SIZE];

		clock_format(b->created, created);
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:s, s:I, s:s, s:s}", "backup", b->id,
					  "site_key", b->site_key, "keys", (json_int_t)b->keys,
					  "created", created, "sha256", b->sha256)))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
