/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup restore: into the HSM that took the place of a lost one, or into that of a new site.
 *
 * A site that still has its registry knows better than the backup what became of each key since: a
 * key that was lost comes back into its own row, in the state that the row has; one that was
 * destroyed on purpose stays destroyed. A new site takes everything as the backup has it.
 */
#include "ops/backup.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "exchange/identity.h"
#include "ops/ceremony.h"
#include "ops/incoming.h"
#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct restore_key {
	struct incoming_key in;
	const struct doc_backup_key *record;
	struct store_key lost;	       /* the row that it comes back into; empty: a new one */
	const struct restore_set *set; /* NULL: a key behind content, which is in none */
	struct incoming_set own;       /* of such a key: its algorithm, and nothing else */
};

struct restore_set {
	struct incoming_set in;
	bool fresh; /* this site has none of that name */
	const struct doc_backup_set *facts;
};

struct restore_args {
	const char *path, *fingerprint;
	struct op_backup backup;
	struct store_key site_key;
	enum op_backup_signer signer;
	char *serial;
	struct restore_set *sets; /* as in the backup */
	struct restore_key *keys; /* those that are to come back */
	size_t key_count;
	json_t *there, *destroyed,
		*still_lost; /* labels: there already; destroyed since; not in it */
	json_t *partners;    /* names of those that are enrolled with it */
};

static void restore_clear(struct restore_args *a)
{
	op_backup_free(&a->backup);
	store_key_free(&a->site_key);
	free(a->serial);
	free(a->sets);
	for (size_t i = 0; a->keys && i < a->key_count; i++)
		store_key_free(&a->keys[i].lost);
	free(a->keys);
	json_decref(a->there);
	json_decref(a->destroyed);
	json_decref(a->still_lost);
	json_decref(a->partners);
}

static enum kms_status restore_check(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	char fingerprint[DOC_FINGERPRINT_SIZE];
	enum kms_status st = op_backup_read(&a->backup, a->path, err);

	if (!st && a->fingerprint)
		st = doc_fingerprint_parse(a->fingerprint, fingerprint, err);
	return st ? st : op_subject(op, err, "%s", a->backup.doc.id);
}

/* ---- validate: whether to believe it ---- */

static enum kms_status of_this_site(struct op *op, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	const char *name = a->backup.doc.site.name;

	if (name_same(name, op->site->name))
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED, "the backup is of '%s', this site is '%s'", name,
		op->site->name);
	return kms_hint(err, "keys go to another organisation by an exchange, not by a backup");
}

static enum kms_status vouched_for(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	const struct doc_backup *doc = &a->backup.doc;
	char fingerprint[DOC_FINGERPRINT_SIZE];
	struct hsm_key site_key;
	enum kms_status st = KMS_OK;

	if (a->fingerprint)
		st = doc_fingerprint_parse(a->fingerprint, fingerprint, err);
	if (!st)
		st = op_backup_signed_by(
			op->site, doc, a->fingerprint ? fingerprint : NULL, &a->signer, err);
	/* By check value first: nothing is unwrapped under another key. */
	if (!st)
		st = op_backup_matching_key(op->site, doc, &a->site_key, err);
	if (!st)
		st = op_separation(op, a->site_key.label, "restore", NULL, err);
	if (!st)
		st = op_key_verify(op->site, &a->site_key, err);
	if (!st)
		st = op_key_object(op->site, &a->site_key, &site_key, err);
	return st ? st : op_backup_check_seal(op->site, doc, &site_key, err);
}

/* ---- validate: what is to be done ---- */

static enum kms_status add_text(json_t *array, const char *text, struct kms_err *err)
{
	return json_array_append_new(array, json_string(text)) ? kms_nomem(err) : KMS_OK;
}

/* The row of a key of the backup: the one with its CKA_ID, else the one with its label. */
static enum kms_status find_row(struct op *op, const char *id, const char *label,
	struct store_key *ret_row, bool *ret_found, struct kms_err *err)
{
	enum kms_status st = store_key_get(op->site->store, id, ret_row, err);

	if (!st && strcmp(ret_row->state, key_state_name(KEY_VOID)) != 0) {
		*ret_found = true;
		return KMS_OK;
	}
	store_key_free(ret_row);
	if (!st || st == KMS_ERR_NOT_FOUND)
		st = store_key_by_label(op->site->store, label, ret_row, err);
	*ret_found = st == KMS_OK;
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status same_key(
	const struct store_key *row, const struct doc_key *key, struct kms_err *err)
{
	char check[KEY_KCV_TEXT_SIZE];

	key_kcv_print(&key->kcv, check);
	if (key_label_same(row->label, key->label) &&
		strcmp(row->role, key_role_name(key->role)) == 0 &&
		strcmp(row->algorithm, key_alg_name(key->alg)) == 0 && row->check_value &&
		strcmp(row->check_value, check) == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH,
		"'%s' of this site (%s %s, check value %s) is not '%s' of the backup (%s %s, %s)",
		row->label, row->algorithm, row->role, row->check_value ? row->check_value : "-",
		key->label, key_alg_name(key->alg), key_role_name(key->role), check);
	return kms_hint(err, "nothing was restored");
}

/* Its CKA_ID as before, unless an operation that was rolled back has used that up here. */
static enum kms_status choose_id(
	struct op *op, const char *before, char ret_id[OP_ID_HEX], struct kms_err *err)
{
	STORE_AUTO(key) struct store_key used = {0};
	enum kms_status st = store_key_get(op->site->store, before, &used, err);

	if (!st)
		return op_new_id(ret_id, err);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	snprintf(ret_id, OP_ID_HEX, "%s", before);
	return KMS_OK;
}

static const struct restore_set *set_of(const struct restore_args *a, const char *name)
{
	for (size_t i = 0; i < a->backup.doc.keys.keyset_count; i++)
		if (strcmp(a->sets[i].in.name, name) == 0)
			return &a->sets[i];
	return NULL;
}

/* set: NULL of a key that is in none. */
static enum kms_status plan_key(struct op *op, const struct doc_key *key,
	const struct doc_backup_key *record, const struct restore_set *set, struct kms_err *err)
{
	struct restore_args *a = op->args;
	struct restore_key *plan = &a->keys[a->key_count];
	STORE_AUTO(key) struct store_key row = {0};
	char id[OP_ID_HEX];
	bool found = false;
	enum kms_status st;

	hex_encode(record->id, DOC_OBJECT_ID_SIZE, id);
	st = find_row(op, id, key->label, &row, &found, err);
	if (!st && found && strcmp(row.state, key_state_name(KEY_DESTROYED)) == 0)
		return add_text(a->destroyed, key->label, err);
	if (!st && found)
		st = same_key(&row, key, err);
	if (!st && found && strcmp(row.location, KEY_LOST) != 0)
		return add_text(a->there, key->label, err);
	if (st)
		return st;
	*plan = (struct restore_key){.record = record,
		.set = set,
		.own = {.alg = key->alg},
		.in = {.set = set ? &set->in : &plan->own,
			.role = key->role,
			.sent_as = key->label,
			.expected = key->kcv,
			.block = key->block,
			.block_len = key->block_len}};
	snprintf(plan->in.label, sizeof(plan->in.label), "%s", found ? row.label : key->label);
	if (found)
		snprintf(plan->in.id, sizeof(plan->in.id), "%s", row.cka_id);
	else
		st = choose_id(op, id, plan->in.id, err);
	plan->lost = row;
	row = (struct store_key){0};
	a->key_count++;
	return st;
}

static enum kms_status plan_master(struct op *op, size_t i, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	const struct doc_backup *doc = &a->backup.doc;
	const struct restore_set *set = set_of(a, doc->keys.keys[i].keyset);

	return set ? plan_key(op, &doc->keys.keys[i], &doc->records[i], set, err)
		   : kms_fail(err, KMS_ERR_INTERNAL, "a key without its key set");
}

static enum key_alg alg_of(const struct doc_package *keys, const char *keyset)
{
	for (size_t i = 0; i < keys->key_count; i++)
		if (strcmp(keys->keys[i].keyset, keyset) == 0)
			return keys->keys[i].alg;
	return KEY_ALG_NONE;
}

/* A key set of that name that is here must be the same one. */
static enum kms_status plan_set(struct op *op, size_t i, struct kms_err *err)
{
	struct restore_args *a = op->args;
	const struct doc_keyset *doc = &a->backup.doc.keys.keysets[i];
	struct restore_set *set = &a->sets[i];
	STORE_AUTO(keyset) struct store_keyset row = {0};
	char div[KEY_DIV_TEXT_SIZE];
	enum kms_status st;

	*set = (struct restore_set){.facts = &a->backup.doc.sets[i],
		.in = {.customer = doc->customer,
			.order = *doc->order ? doc->order : NULL,
			.div = &doc->div,
			.alg = alg_of(&a->backup.doc.keys, doc->name),
			.kvn = doc->kvn,
			.exportable = doc->exportable,
			.period = doc->period}};
	snprintf(set->in.name, sizeof(set->in.name), "%s", doc->name);
	key_div_print(&doc->div, div);
	st = store_keyset_get(op->site->store, doc->name, &row, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		set->fresh = true;
		return KMS_OK;
	}
	if (!st &&
		(strcmp(row.customer, doc->customer) != 0 || row.kvn != doc->kvn ||
			strcmp(row.algorithm, key_alg_name(set->in.alg)) != 0 ||
			strcmp(row.definition ? row.definition : row.diversification, div) != 0)) {
		kms_fail(err, KMS_ERR_EXISTS,
			"the key set '%s' of this site is not that of the backup (customer '%s', "
			"%s, %s, key version %u)",
			row.name, doc->customer, key_alg_name(set->in.alg), div, doc->kvn);
		st = kms_hint(err, "nothing was restored");
	}
	return st;
}

static enum kms_status plan_all(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	const struct doc_package *keys = &a->backup.doc.keys;
	enum kms_status st = KMS_OK;

	a->sets = calloc(keys->keyset_count, sizeof(*a->sets));
	a->keys = calloc(op_backup_key_count(&a->backup.doc), sizeof(*a->keys));
	a->there = json_array();
	a->destroyed = json_array();
	a->still_lost = json_array();
	a->partners = json_array();
	if (!a->sets || !a->keys || !a->there || !a->destroyed || !a->still_lost || !a->partners)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < keys->keyset_count; i++)
		st = plan_set(op, i, err);
	for (size_t i = 0; !st && i < keys->key_count; i++)
		st = plan_master(op, i, err);
	for (size_t i = 0; !st && i < a->backup.doc.content_count; i++)
		st = plan_key(op, &a->backup.doc.content[i].key, &a->backup.doc.content[i].record,
			NULL, err);
	if (!st && a->key_count == 0) {
		kms_fail(err, KMS_ERR_EXISTS,
			"there is nothing to restore: of %zu keys %zu are there already and %zu "
			"were "
			"destroyed since",
			op_backup_key_count(&a->backup.doc), json_array_size(a->there),
			json_array_size(a->destroyed));
		st = kms_hint(err, "'cardkms key list' shows them");
	}
	return st;
}

/* What was lost and is not in this backup stays lost: its owner wants to know before. */
static enum kms_status find_still_lost(struct op *op, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	struct restore_args *a = op->args;
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	enum kms_status st = store_keys(op->site->store, &live, &keys, err);

	for (size_t i = 0; !st && i < keys.count; i++) {
		const struct store_key *row = &keys.items[i];
		bool comes = !op_backup_takes(row) || strcmp(row->location, KEY_LOST) != 0;

		for (size_t k = 0; !comes && k < a->key_count; k++)
			comes = strcmp(a->keys[k].in.id, row->cka_id) == 0;
		if (!comes)
			st = add_text(a->still_lost, row->label, err);
	}
	return st;
}

static enum kms_status ask_if_older(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	STORE_AUTO(backup_list) struct store_backup_list backups = {0};
	const size_t lost = json_array_size(a->still_lost);
	const char *newer = NULL;
	char created[CLOCK_TEXT_SIZE], question[400];
	enum kms_status st = store_backups(op->site->store, &backups, err);

	for (size_t i = 0; !st && i < backups.count; i++)
		if (backups.items[i].created > a->backup.doc.created)
			newer = backups.items[i].id;
	if (st || (!newer && lost == 0))
		return st;
	clock_format(a->backup.doc.created, created);
	snprintf(question, sizeof(question),
		"The backup %s is of %s%s%.60s%s; %zu lost key%s not in it%s%.60s. Restore it all "
		"the same",
		a->backup.doc.id, created, newer ? ", and " : "", newer ? newer : "",
		newer ? " is newer" : "", lost, lost == 1 ? " is" : "s are", lost ? ", as " : "",
		lost ? json_string_value(json_array_get(a->still_lost, 0)) : "");
	op_say(op->site, "note: %s", question);
	return op->site->dry_run ? KMS_OK : op_ask_confirm(op->site, question, err);
}

/* Partners that are not enrolled here, under whatever spelling. */
static enum kms_status plan_partners(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	STORE_AUTO(partner_list) struct store_partner_list list = {0};
	enum kms_status st = store_partners(op->site->store, &list, err);

	for (size_t i = 0; !st && i < a->backup.doc.partner_count; i++) {
		DOC_IDENTITY_AUTO struct doc_identity id = {0};
		const char *text = a->backup.doc.partners[i];
		bool known = false;

		st = doc_identity_parse(text, strlen(text), &id, err);
		if (!st)
			st = doc_identity_verify(&id, NULL, err);
		for (size_t k = 0; !st && !known && k < list.count; k++)
			known = name_same(list.items[k].name, id.name) ||
				strcmp(list.items[k].fingerprint, id.fingerprint) == 0;
		if (!st && !known)
			st = add_text(a->partners, text, err);
	}
	return st;
}

static enum kms_status restore_validate(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	enum kms_status st = of_this_site(op, err);

	if (!st)
		st = vouched_for(op, err);
	if (!st)
		st = plan_all(op, err);
	if (!st)
		st = find_still_lost(op, err);
	if (!st)
		st = plan_partners(op, err);
	if (!st)
		st = ask_if_older(op, err);
	if (!st)
		st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);
	if (!st)
		st = op_detail(op, "backup", json_string(a->backup.doc.id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->backup.file.hash_text), err);
	if (!st)
		st = op_detail(op, "site_key", json_string(a->site_key.label), err);
	if (!st)
		st = op_detail(op, "signed", json_string(op_backup_signer_text(a->signer)), err);
	return st ? st
		  : op_detail(op, "fingerprint", json_string(a->backup.doc.site.fingerprint), err);
}

/* ---- intend ---- */

static enum kms_status add_set(struct op *op, const struct restore_set *set, struct kms_err *err)
{
	char div[KEY_DIV_TEXT_SIZE], period[KEY_PERIOD_TEXT_SIZE];

	key_div_print(set->in.div, div);
	key_period_print(&set->in.period, period);
	return store_keyset_add(op->site->store,
		&(struct store_keyset){.name = set->in.name,
			.customer = set->in.customer,
			.algorithm = key_alg_name(set->in.alg),
			.diversification = set->in.div->name,
			.definition = div,
			.kvn = set->in.kvn,
			.exportable = set->in.exportable ? "partner" : "never",
			.cryptoperiod = set->in.period.unit == KEY_PERIOD_NONE ? NULL : period,
			.origin = set->facts->origin,
			.order_ref = set->in.order,
			.state = "pending",
			.op_id = op->id,
			.created = set->facts->created},
		err);
}

/* A new row: PENDING, or as the backup has the key. */
static enum kms_status write_new(
	struct op *op, const struct restore_key *key, bool done, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	const struct doc_backup_key *record = key->record;
	const struct restore_set *set = key->set;
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	struct store_key row = {.cka_id = key->in.id,
		.label = key->in.label,
		.keyset = set ? set->in.name : NULL,
		.role = key_role_name(key->in.role),
		.algorithm = key_alg_name(key->in.set->alg),
		.kvn = set ? set->in.kvn : 0,
		.state = done ? key_state_name(record->state) : "pending",
		.location = KEY_IN_VAULT,
		.origin = set ? set->facts->origin : "generated",
		.exportable = set && set->in.exportable ? "partner" : "never",
		.hsm_serial = a->serial,
		.op_id = op->id,
		.created = record->created,
		.activated = record->activated,
		.deactivate_after = record->expires,
		.state_changed = record->changed,
		.state_reason = *record->reason ? record->reason : NULL};

	if (!done)
		return store_key_add(op->site->store, &row, err);
	key_kcv_print(&key->in.kcv, check);
	hex_encode(key->in.made.proof, key->in.made.proof_len, proof);
	row.check_value = check;
	row.check_method = key_kcv_method_name(key->in.kcv.method);
	row.proof = proof;
	return store_key_update(op->site->store, &row, "pending", err);
}

/* The row that the key had: everything as it is there, but where it is. */
static enum kms_status write_lost(
	struct op *op, const struct restore_key *key, bool done, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	struct store_key row = key->lost;

	row.location = done ? KEY_IN_VAULT : KEY_RESTORING;
	row.op_id = op->id;
	if (done)
		row.hsm_serial = a->serial;
	return store_key_update(op->site->store, &row, row.state, err);
}

static enum kms_status write_rows(struct op *op, bool done, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->key_count; i++)
		st = a->keys[i].lost.cka_id ? write_lost(op, &a->keys[i], done, err)
					    : write_new(op, &a->keys[i], done, err);
	return st;
}

static enum kms_status restore_intend(struct op *op, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->backup.doc.keys.keyset_count; i++)
		if (a->sets[i].fresh)
			st = add_set(op, &a->sets[i], err);
	return st ? st : write_rows(op, false, err);
}

/* ---- act, verify ---- */

static struct incoming_place restored_to(const struct op *op, const struct restore_key *key)
{
	return (struct incoming_place){op->site->hsm, key->set ? HSM_MASTER_VAULT : HSM_CARD_SIGN,
		"restore", "restored", "the backup"};
}

static enum kms_status restore_act(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	struct hsm_key site_key;
	enum kms_status st = op_key_object(op->site, &a->site_key, &site_key, err);

	for (size_t i = 0; !st && i < a->key_count; i++) {
		const struct incoming_place place = restored_to(op, &a->keys[i]);

		st = incoming_unwrap_key(
			op, &place, &site_key, KEY_WRAP_AES_KW, &a->keys[i].in, err);
	}
	return st;
}

/* Sixteen bytes where a check value has three: what came back is what was lost. */
static enum kms_status same_proof(const struct restore_key *key, struct kms_err *err)
{
	char proof[2 * HSM_PROOF_MAX + 1];

	hex_encode(key->in.made.proof, key->in.made.proof_len, proof);
	if (!key->lost.proof || strcmp(key->lost.proof, proof) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"'%s' of the backup is not the key of that name that this site had", key->in.label);
}

static enum kms_status restore_verify(struct op *op, struct kms_err *err)
{
	struct restore_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->key_count; i++) {
		const struct incoming_place place = restored_to(op, &a->keys[i]);

		st = incoming_verify_key(&place, &a->keys[i].in, err);
		if (!st)
			st = same_proof(&a->keys[i], err);
	}
	return st;
}

/* ---- commit ---- */

static enum kms_status enrol_partners(struct op *op, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	JS_AUTO json_t *names = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < json_array_size(a->partners); i++) {
		const char *text = json_string_value(json_array_get(a->partners, i));
		DOC_IDENTITY_AUTO struct doc_identity id = {0};

		st = doc_identity_parse(text, strlen(text), &id, err);
		if (!st)
			st = op_partner_write(op, &id, text, false, err);
		if (!st)
			st = add_text(names, id.name, err);
	}
	if (!st)
		st = op_detail(op, "partners", json_incref(names), err);
	return st ? st : op_report(op, "partners", json_incref(names), err);
}

static enum kms_status report(struct op *op, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->key_count; i++)
		st = op_checked_json(
			keys, a->keys[i].in.label, a->keys[i].in.set->alg, &a->keys[i].in.kcv, err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_backup_facts(&a->backup, op->report, err);
	if (!st)
		st = op_report(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_report(op, "restored", json_integer((json_int_t)a->key_count), err);
	if (!st)
		st = op_report(op, "signature", json_string(op_backup_signer_text(a->signer)), err);
	if (!st)
		st = op_report(op, "there_already", json_incref(a->there), err);
	if (!st)
		st = op_report(op, "destroyed_since", json_incref(a->destroyed), err);
	if (!st)
		st = op_report(op, "still_lost", json_incref(a->still_lost), err);
	return st ? st
		  : op_report(op, "where",
			    json_string(hsm_where_name(
				    op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			    err);
}

static enum kms_status restore_commit(struct op *op, struct kms_err *err)
{
	const struct restore_args *a = op->args;
	enum kms_status st = write_rows(op, true, err);

	for (size_t i = 0; !st && i < a->backup.doc.keys.keyset_count; i++)
		if (a->sets[i].fresh)
			st = store_keyset_set_state(
				op->site->store, a->sets[i].in.name, "pending", "active", err);
	if (!st)
		st = enrol_partners(op, err);
	return st ? st : report(op, err);
}

enum kms_status op_backup_restore(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "backup.restore",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_IMPORT,
		.check = restore_check,
		.validate = restore_validate,
		.intend = restore_intend,
		.act = restore_act,
		.verify = restore_verify,
		.commit = restore_commit,
	};
	struct restore_args args __attribute__((cleanup(restore_clear))) = {
		.path = path, .fingerprint = fingerprint};

	return op_run(site, &kind, &args, ret_report, err);
}
