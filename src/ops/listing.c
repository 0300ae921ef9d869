/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange export-listing and import-listing: key sets to and from a site that runs a legacy KMS.
 *
 * Such a site has no identity here and signs nothing: what travels is a listing of encrypted keys
 * and check values, short enough to be typed by hand, under a transport key that came by components.
 * Always by override: ECB and CBC have no integrity, and nobody signs.
 */
#include "ops/keygen.h"
#include "ops/ops.h"

#include "base/file.h"
#include "base/utf8.h"
#include "exchange/rawhex.h"
#include "keys/plan.h"
#include "ops/incoming.h"
#include "ops/outgoing.h"

#include <stdlib.h>
#include <string.h>

enum { LISTING_MAX = 256 * 1024 };

/* Whom the transport key is shared with says whose listing it is. */
static enum kms_status partner_of(
	struct op *op, const char *transport_key, char **ret_partner, struct kms_err *err)
{
	enum key_wrapping wrapping = KEY_WRAP_NONE;
	enum kms_status st = op_transport_partner(op, transport_key, ret_partner, &wrapping, err);

	if (st || op_wrapping_is_raw(wrapping))
		return st;
	kms_fail(err, KMS_ERR_INVALID,
		"transport key '%s' is bound to %s: there is no listing to type by hand",
		transport_key, key_wrapping_name(wrapping));
	return kms_hint(
		err, "listings are for transport keys made with --wrapping raw-hex or raw-cbc");
}

/* ---- export ---- */

struct export_args {
	const struct op_export_listing *in;
	char *partner;
	struct outgoing out;
	char id[DOC_ID_MAX + 1];
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
	const struct export_args *a = op->args;
	enum kms_status st = KMS_OK;

	if (a->in->keyset_count == 0)
		return kms_fail(err, KMS_ERR_USAGE, "no key set is named: --keyset K");
	for (size_t i = 0; !st && i < a->in->keyset_count; i++)
		for (size_t j = 0; !st && j < i; j++)
			if (key_label_same(a->in->keysets[i], a->in->keysets[j]))
				st = kms_fail(err, KMS_ERR_INVALID, "key set '%s' is named twice",
					a->in->keysets[i]);
	if (!st && a->in->carrier)
		st = name_check(a->in->carrier, "the carrier's name", err);
	return st ? st : op_subject(op, err, "%s", a->in->transport_key);
}

static enum kms_status export_validate(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = partner_of(op, a->in->transport_key, &a->partner, err);

	if (!st)
		st = outgoing_transport(
			&a->out, op, a->in->transport_key, a->partner, a->in->carrier, err);
	if (!st)
		st = outgoing_sets(&a->out, op, (const char *const *)a->in->keysets,
			a->in->keyset_count, a->partner, err);
	if (!st)
		st = op_doc_id("LS", a->id, err);
	return st ? st : op_report(op, "partner", json_string(a->partner), err);
}

static enum kms_status export_act(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	struct doc_package p = {.id = a->id,
		.wrapping = a->out.wrapping,
		.keys = a->out.doc_keys,
		.key_count = a->out.key_count};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = outgoing_wrap(&a->out, op, err);

	if (!st)
		st = outgoing_transport_doc(&a->out, &p.transport, err);
	if (!st)
		st = doc_rawhex_write(&p, &text, err);
	return st ? st : op_file_take(&a->file, &text, err);
}

/* Read it as the other side will type it. */
static enum kms_status export_verify(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	DOC_RAWHEX_AUTO struct doc_rawhex again = {0};

	return doc_rawhex_parse(a->file.text.data, a->file.text.len, &again, err);
}

static enum kms_status export_commit(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = outgoing_report(&a->out, op, err);

	if (!st)
		st = op_detail(op, "listing", json_string(a->id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = op_report(op, "listing", json_string(a->id), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->file.hash_text), err);
	return st ? st : op_report(op, "file", json_string(a->in->path), err);
}

static enum kms_status export_deliver(struct op *op, struct kms_err *err)
{
	const struct export_args *a = op->args;

	return op_deliver_unkept(a->in->path, &a->file, err);
}

enum kms_status op_exchange_export_listing(struct op_site *site, const struct op_export_listing *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.export-listing",
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

struct import_args {
	struct incoming in; /* the first: incoming_step_… */
	const struct op_import_listing *args;
	char *partner;
	struct op_file file;
	struct doc_rawhex listing;
	struct key_plan plan;
};

static void import_clear(struct import_args *a)
{
	incoming_free(&a->in);
	free(a->partner);
	op_file_free(&a->file);
	doc_rawhex_free(&a->listing);
	key_plan_free(&a->plan);
}

static enum kms_status import_check(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(a->args->listing_path, LISTING_MAX, &text, err);

	if (!st)
		st = op_file_take(&a->file, &text, err);
	if (!st)
		st = doc_rawhex_parse(a->file.text.data, a->file.text.len, &a->listing, err);
	if (st) {
		kms_prefix(err, "cannot import '%s': ", a->args->listing_path);
		return st;
	}
	st = key_plan_load(a->args->plan_path, &a->plan, err);
	if (!st && a->args->carrier)
		st = name_check(a->args->carrier, "the carrier's name", err);
	return st ? st : op_subject(op, err, "%s", a->args->transport_key);
}

static const struct doc_rawhex_key *find_listed(const struct doc_rawhex *listing, const char *label)
{
	for (size_t i = 0; i < listing->key_count; i++)
		if (key_label_same(listing->keys[i].label, label))
			return &listing->keys[i];
	return NULL;
}

static enum kms_status take_key(struct import_args *a, const struct key_plan_set *plan,
	struct incoming_set *set, enum key_role role, struct incoming_key *key, struct kms_err *err)
{
	const struct doc_rawhex_key *listed;
	char label[KEY_LABEL_MAX + 1];
	enum kms_status st = key_label(plan->name, role, label, err);

	if (st)
		return st;
	listed = find_listed(&a->listing, label);
	if (!listed)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: the listing has no key '%s' for key set '%s'", a->plan.source,
			plan->line, label, plan->name);
	if (listed->alg != plan->alg)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: '%s' is %s in the plan, %s in the listing", a->plan.source,
			plan->line, label, key_alg_name(plan->alg), key_alg_name(listed->alg));
	*key = (struct incoming_key){.set = set,
		.role = role,
		.sent_as = listed->label,
		.expected = listed->kcv,
		.block = listed->block,
		.block_len = listed->block_len};
	return KMS_OK;
}

/* The plan says what the key sets are; the listing has three keys for each of them, and no other. */
static enum kms_status take_keys(struct op *op, struct kms_err *err)
{
	static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
	enum { ROLES = sizeof(roles) / sizeof(roles[0]) };
	struct import_args *a = op->args;
	enum kms_status st = incoming_alloc(&a->in, a->plan.count, a->plan.count * ROLES, err);

	for (size_t i = 0; !st && i < a->plan.count; i++) {
		const struct key_plan_set *plan = &a->plan.sets[i];
		struct incoming_set *set = &a->in.sets[i];

		incoming_set_from_plan(set, plan, op->site);
		for (size_t r = 0; !st && r < ROLES; r++)
			st = take_key(a, plan, set, roles[r], &a->in.keys[i * ROLES + r], err);
	}
	if (!st && a->listing.key_count != a->in.key_count)
		st = kms_fail(err, KMS_ERR_INVALID,
			"the listing has %zu keys, the plan's key sets have %zu",
			a->listing.key_count, a->in.key_count);
	return st ? st : incoming_validate(&a->in, op, err);
}

static enum kms_status import_validate(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_checked_key transport = {.label = a->listing.transport_label,
		.alg = a->listing.transport_alg,
		.kcv = a->listing.transport_kcv};
	enum kms_status st = partner_of(op, a->args->transport_key, &a->partner, err);

	if (!st)
		st = incoming_transport(&a->in, op, a->args->transport_key, a->partner,
			a->listing.wrapping, &transport, a->args->carrier, err);
	if (!st)
		st = take_keys(op, err);
	if (!st)
		st = op_detail(op, "listing", json_string(a->listing.package_id), err);
	if (!st)
		st = op_detail(op, "listing_sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = keygen_note_plan(op, &a->plan, err);
	return st ? st : op_report(op, "partner", json_string(a->partner), err);
}

enum kms_status op_exchange_import_listing(struct op_site *site,
	const struct op_import_listing *import, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.import-listing",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_IMPORT,
		.check = import_check,
		.validate = import_validate,
		.intend = incoming_step_intend,
		.act = incoming_step_act,
		.verify = incoming_step_verify,
		.commit = incoming_step_commit,
	};
	struct import_args run __attribute__((cleanup(import_clear))) = {.args = import};

	return op_run(site, &kind, &run, ret_report, err);
}
