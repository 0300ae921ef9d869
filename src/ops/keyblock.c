/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key export and key import: masters in X9.143 key blocks, for payment HSMs and clouds.
 *
 * Such a partner signs nothing here. What a block says of its key is proved by the MAC under the
 * transport key, which came by components; what it does not say (diversification, customer) is in
 * a key plan.
 */
#include "ops/keygen.h"
#include "ops/ops.h"

#include "base/utf8.h"
#include "ops/blockfile.h"
#include "ops/incoming.h"
#include "ops/outgoing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kms_status partner_of(struct op *op, const char *transport_key, char **ret_partner,
	enum key_wrapping *ret_wrapping, struct kms_err *err)
{
	enum kms_status st =
		op_transport_partner(op, transport_key, ret_partner, ret_wrapping, err);

	if (st || key_wrapping_is_block(*ret_wrapping))
		return st;
	kms_fail(err, KMS_ERR_INVALID, "transport key '%s' is bound to %s, not to key blocks",
		transport_key, key_wrapping_name(*ret_wrapping));
	return kms_hint(err, "key blocks need a transport key made with --wrapping x9143");
}

/* The 16 characters of each header, for the audit log and the report. */
static enum kms_status note_header(json_t *list, const void *block, struct kms_err *err)
{
	return json_array_append_new(list, json_stringn(block, KEY_BLOCK_HEADER)) ? kms_nomem(err)
										  : KMS_OK;
}

static enum kms_status note_headers(
	struct op *op, json_t *list, const char *sha256, struct kms_err *err)
{
	enum kms_status st = op_detail(op, "headers", json_incref(list), err);

	if (!st)
		st = op_detail(op, "sha256", json_string(sha256), err);
	if (!st)
		st = op_report(op, "headers", json_incref(list), err);
	return st ? st : op_report(op, "sha256", json_string(sha256), err);
}

/* ---- export ---- */

struct export_args {
	const struct op_key_export *in;
	char *partner;
	struct outgoing out;
	struct op_file file;
};

static void export_clear(struct export_args *a)
{
	free(a->partner);
	outgoing_free(&a->out);
	op_file_free(&a->file);
}

static enum kms_status export_check(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	const char *letter = a->in->exportability;
	enum kms_status st = KMS_OK;

	if (letter && (strlen(letter) != 1 || !key_block_exportability_text(*letter)))
		return kms_fail(
			err, KMS_ERR_USAGE, "--exportability is N, E or S, not '%s'", letter);
	a->out.header.exportability = letter ? *letter : 'N';
	a->out.header.usage = a->in->usage;
	if (a->in->usage)
		st = key_block_usage_check(a->in->usage, err);
	if (!st && a->in->carrier)
		st = name_check(a->in->carrier, "the carrier's name", err);
	return st ? st : op_subject(op, err, "%s", a->in->name);
}

/* A key set's name, or the label of one of its keys. */
static enum kms_status find_set(struct op *op, char ret_set[KEY_SET_NAME_MAX + 1],
	enum key_role *ret_only, struct kms_err *err)
{
	const struct export_args *a = op->args;
	STORE_AUTO(keyset) struct store_keyset row = {0};
	enum kms_status st = store_keyset_get(op->site->store, a->in->name, &row, err);

	*ret_only = KEY_ROLE_NONE;
	if (!st)
		snprintf(ret_set, KEY_SET_NAME_MAX + 1, "%s", row.name);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	if (key_label_split(a->in->name, ret_set, ret_only)) {
		kms_err_clear(err);
		return KMS_OK;
	}
	return kms_fail(
		err, KMS_ERR_NOT_FOUND, "there is no key set or master key '%s'", a->in->name);
}

static enum kms_status export_validate(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	char set[KEY_SET_NAME_MAX + 1];
	const char *const sets[] = {set};
	enum key_wrapping wrapping;
	enum kms_status st = partner_of(op, a->in->transport_key, &a->partner, &wrapping, err);

	if (!st)
		st = outgoing_transport(
			&a->out, op, a->in->transport_key, a->partner, a->in->carrier, err);
	if (!st)
		st = find_set(op, set, &a->out.only, err);
	if (!st)
		st = outgoing_sets(&a->out, op, sets, 1, a->partner, err);
	if (!st && a->out.header.exportability == 'S')
		st = op_override(op, err,
			"exportability S lets the recipient pass the key on in forms that are "
			"weaker than key blocks");
	if (!st && a->in->usage)
		st = op_detail(op, "usage", json_string(a->in->usage), err);
	if (!st && a->in->exportability)
		st = op_detail(op, "exportability", json_string(a->in->exportability), err);
	return st ? st : op_report(op, "partner", json_string(a->partner), err);
}

static enum kms_status export_act(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	BUF_AUTO struct buf text = {0};
	enum kms_status st = outgoing_wrap(&a->out, op, err);

	for (size_t i = 0; !st && i < a->out.key_count; i++) {
		st = buf_append(&text, a->out.doc_keys[i].block, a->out.doc_keys[i].block_len, err);
		if (!st)
			st = buf_puts(&text, "\n", err);
	}
	return st ? st : op_file_take(&a->file, &text, err);
}

/* Read it as the other side will, and as the other side's rules would have it. */
static enum kms_status export_verify(struct op *op, struct kms_err *err)
{
	const struct export_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->out.key_count; i++) {
		const struct doc_key *key = &a->out.doc_keys[i];
		struct key_block block;

		st = key_block_parse((const char *)key->block, key->block_len, &block, err);
		if (!st)
			st = key_block_is_master(&block, a->out.transport_alg, key->alg,
				(unsigned)a->out.rows[i].kvn, a->in->usage, err);
	}
	return st;
}

static enum kms_status export_commit(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	JS_AUTO json_t *headers = json_array();
	enum kms_status st = outgoing_report(&a->out, op, err);

	for (size_t i = 0; !st && i < a->out.key_count; i++)
		st = note_header(headers, a->out.doc_keys[i].block, err);
	if (!st)
		st = note_headers(op, headers, a->file.hash_text, err);
	return st ? st : op_report(op, "file", json_string(a->in->path), err);
}

static enum kms_status export_deliver(struct op *op, struct kms_err *err)
{
	const struct export_args *a = op->args;

	return op_deliver_unkept(a->in->path, &a->file, err);
}

enum kms_status op_key_export(struct op_site *site, const struct op_key_export *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.export",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_EXPORT,
		.check = export_check,
		.validate = export_validate,
		.act = export_act,
		.verify = export_verify,
		.commit = export_commit,
		.deliver = export_deliver,
	};
	struct export_args args __attribute__((cleanup(export_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- import ---- */

static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

struct import_args {
	struct incoming in; /* the first: incoming_step_… */
	const struct op_key_import *args;
	char *partner;
	struct blockfile file;
	struct key_plan plan;
	char sent_as[BLOCKFILE_LINES][KEY_LABEL_MAX + 24];
};

static void import_clear(struct import_args *a)
{
	incoming_free(&a->in);
	free(a->partner);
	blockfile_free(&a->file);
	key_plan_free(&a->plan);
}

static enum kms_status check_counts(const struct import_args *a, struct kms_err *err)
{
	const size_t keys = a->plan.count * ROLES;

	if (a->file.count != keys) {
		kms_fail(err, KMS_ERR_INVALID,
			"the file has %zu key blocks, the plan's key sets have %zu keys",
			a->file.count, keys);
		return kms_hint(err, "enc, mac and kek of each key set, in the plan's order");
	}
	if (a->args->check_value_count && a->args->check_value_count != keys)
		return kms_fail(err, KMS_ERR_USAGE,
			"--check-value: %zu are given, the file has %zu key blocks",
			a->args->check_value_count, keys);
	return KMS_OK;
}

static enum kms_status import_check(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = blockfile_read(&a->file, a->args->path, err);

	if (st)
		return kms_prefix(err, "cannot import ");
	st = key_plan_load(a->args->plan_path, &a->plan, err);
	if (!st && a->args->usage)
		st = key_block_usage_check(a->args->usage, err);
	if (!st && a->args->carrier)
		st = name_check(a->args->carrier, "the carrier's name", err);
	if (!st)
		st = check_counts(a, err);
	a->in.usage = a->args->usage;
	return st ? st : op_subject(op, err, "%s", a->args->transport_key);
}

/* A label in the block (LB) is the key's here; its place alone would not tell enc from mac. */
static enum kms_status check_label(
	const struct blockfile_line *line, const char *label, bool *ret_named, struct kms_err *err)
{
	const struct key_block_option *lb;
	struct key_block block;
	enum kms_status st = key_block_parse(line->text, line->len, &block, err);

	*ret_named = false;
	if (st || !(lb = key_block_option(&block, "LB")))
		return st;
	*ret_named = true;
	if (lb->len == strlen(label) && memcmp(lb->data, label, lb->len) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_DENIED,
		"line %d: the key block is labelled '%.*s'; in this place the plan has '%s'",
		line->number, lb->len > 64 ? 64 : (int)lb->len, lb->data, label);
}

static enum kms_status take_key(
	struct import_args *a, size_t place, bool *anonymous, struct kms_err *err)
{
	struct incoming_set *set = &a->in.sets[place / ROLES];
	const struct blockfile_line *line = &a->file.lines[place];
	const enum key_role role = roles[place % ROLES];
	struct key_kcv expected = {.method = key_alg_info(set->alg)->kcv};
	char label[KEY_LABEL_MAX + 1];
	bool named = false;
	enum kms_status st = key_label(set->name, role, label, err);

	if (!st)
		st = check_label(line, label, &named, err);
	if (!st && a->args->check_value_count)
		st = key_kcv_parse(expected.method, a->args->check_values[place], &expected, err);
	if (st)
		return st;
	*anonymous |= !named && !a->args->check_value_count;
	snprintf(a->sent_as[place], sizeof(a->sent_as[place]), "%s (line %d)", label, line->number);
	a->in.keys[place] = (struct incoming_key){.set = set,
		.role = role,
		.sent_as = a->sent_as[place],
		.expected = expected,
		.block = (const unsigned char *)line->text,
		.block_len = line->len};
	return KMS_OK;
}

static enum kms_status take_keys(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	bool anonymous = false;
	enum kms_status st = incoming_alloc(&a->in, a->plan.count, a->file.count, err);

	for (size_t i = 0; !st && i < a->plan.count; i++)
		incoming_set_from_plan(&a->in.sets[i], &a->plan.sets[i], op->site);
	for (size_t i = 0; !st && i < a->file.count; i++)
		st = take_key(a, i, &anonymous, err);
	if (!st && anonymous)
		op_say(op->site, "warning: only the order of the lines says which of the keys is "
				 "enc, mac or "
				 "kek: compare the check values with the sender's");
	return st ? st : incoming_validate(&a->in, op, err);
}

static enum kms_status import_validate(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	JS_AUTO json_t *headers = json_array();
	enum key_wrapping wrapping;
	enum kms_status st = partner_of(op, a->args->transport_key, &a->partner, &wrapping, err);

	if (!st)
		st = incoming_transport(&a->in, op, a->args->transport_key, a->partner, wrapping,
			NULL, a->args->carrier, err);
	if (!st)
		st = take_keys(op, err);
	for (size_t i = 0; !st && i < a->file.count; i++)
		st = note_header(headers, a->file.lines[i].text, err);
	if (!st)
		st = note_headers(op, headers, a->file.file.hash_text, err);
	if (!st)
		st = keygen_note_plan(op, &a->plan, err);
	return st ? st : op_report(op, "partner", json_string(a->partner), err);
}

enum kms_status op_key_import(struct op_site *site, const struct op_key_import *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.import",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_IMPORT,
		.check = import_check,
		.validate = import_validate,
		.intend = incoming_step_intend,
		.act = incoming_step_act,
		.verify = incoming_step_verify,
		.commit = incoming_step_commit,
	};
	struct import_args run __attribute__((cleanup(import_clear))) = {.args = in};

	return op_run(site, &kind, &run, ret_report, err);
}
