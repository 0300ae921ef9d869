/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hsm replicate: copies of the masters on another HSM of the site.
 *
 * A key goes from token to token wrapped by AES key wrap under a key that both have, each from its own
 * ceremony with the same components: the site key to another vault, a zone key (which opens no backup)
 * to a production HSM. The wrapped form lives in this process's memory for one key at a time, and no
 * longer. At a production HSM the copy is not extractable any more.
 */
#include "ops/replicate.h"

#include "base/hex.h"
#include "ops/backup.h"
#include "ops/ceremony.h"
#include "ops/incoming.h"
#include "ops/ops.h"
#include "ops/outgoing.h"
#include "ops/period.h"

#include <stdlib.h>
#include <string.h>

struct replica {
	const struct store_key *row;
	struct incoming_set set;
	struct incoming_key in;
};

struct replicate_args {
	const struct op_replicate *args;
	struct op_hsm *to;
	struct store_key under;	      /* the key that both have: its row */
	struct store_key_list keys;   /* live ones */
	struct store_copy_list there; /* active copies on that HSM */
	struct replica *replicas;
	size_t count;
	size_t there_already;
};

static void replicate_clear(struct replicate_args *a)
{
	store_key_free(&a->under);
	store_key_list_free(&a->keys);
	store_copy_list_free(&a->there);
	free(a->replicas);
}

enum kms_status op_copy_role(const struct op_hsm *hsm, const struct store_key *row,
	enum hsm_role *ret_role, struct kms_err *err)
{
	enum key_role role;
	enum kms_status st = key_role_parse(row->role, &role, err);

	if (st)
		return st;
	if (key_role_is_master(role))
		*ret_role = op_hsm_is_production(hsm) ? HSM_MASTER_PRODUCTION : HSM_MASTER_VAULT;
	else if (key_role_is_content(role))
		*ret_role = HSM_CARD_SIGN;
	else if (role == KEY_ROLE_SITE)
		*ret_role = HSM_SITE;
	else if (role == KEY_ROLE_ZONE)
		*ret_role = HSM_ZONE;
	else
		return kms_fail(err, KMS_ERR_STORE, "there can be no copy of '%s' (role %s)",
			row->label, row->role);
	return KMS_OK;
}

enum kms_status op_copy_verify(struct op_hsm *hsm, const struct store_key *row, struct kms_err *err)
{
	enum hsm_role role = HSM_ROLE_NONE;
	enum kms_status st = op_copy_role(hsm, row, &role, err);

	return st ? st : op_key_verify_at(hsm->hsm, row, role, err);
}

static enum kms_status replicate_check(struct op *op, struct kms_err *err)
{
	const struct replicate_args *a = op->args;

	return op_subject(op, err, "%s", a->args->hsm);
}

/* ---- validate ---- */

static bool is_there(const struct replicate_args *a, const struct store_key *row)
{
	for (size_t i = 0; i < a->there.count; i++)
		if (strcmp(a->there.items[i].cka_id, row->cka_id) == 0)
			return true;
	return false;
}

/* The key that both have: of the right role here, active, and with a copy there. */
static enum kms_status find_common_key(struct op *op, struct kms_err *err)
{
	struct replicate_args *a = op->args;
	const bool production = op_hsm_is_production(a->to);
	const enum key_role role = production ? KEY_ROLE_ZONE : KEY_ROLE_SITE;
	const char *word = production ? "zone" : "site";
	struct store_key *found = NULL;

	for (size_t i = 0; i < a->keys.count; i++) {
		struct store_key *row = &a->keys.items[i];

		if (strcmp(row->role, key_role_name(role)) != 0 ||
			strcmp(row->state, key_state_name(KEY_ACTIVE)) != 0 || !row->wrapping ||
			strcmp(row->wrapping, key_wrapping_name(KEY_WRAP_AES_KW)) != 0 ||
			(a->args->under && !key_label_same(a->args->under, row->label)) ||
			!is_there(a, row))
			continue;
		if (found) {
			kms_fail(err, KMS_ERR_INVALID, "'%s' and '%s' are both on the HSM '%s'",
				found->label, row->label, a->args->hsm);
			return kms_hint(err, "name the one to use: --under LABEL");
		}
		found = row;
	}
	if (!found) {
		kms_fail(err, KMS_ERR_STATE,
			"there is no %s key%s%s%s that both this site's principal HSM and '%s' "
			"have",
			word, a->args->under ? " '" : "", a->args->under ? a->args->under : "",
			a->args->under ? "'" : "", a->args->hsm);
		return kms_hint(err,
			"make one here ('%s-key create LABEL …') and bring its components to the "
			"other ('%s-key restore LABEL --hsm %s …')",
			word, word, a->args->hsm);
	}
	a->under = *found;
	*found = (struct store_key){0};
	return KMS_OK;
}

static bool wanted(const struct replicate_args *a, const struct store_key *row)
{
	if (!row->label || !op_backup_takes(row) ||
		strcmp(row->state, key_state_name(KEY_ACTIVE)) != 0)
		return false;
	if (a->args->keyset_count == 0)
		return true;
	for (size_t i = 0; i < a->args->keyset_count; i++)
		if (row->keyset && strcmp(row->keyset, a->args->keysets[i]) == 0)
			return true;
	return false;
}

static enum kms_status add_replica(struct op *op, const struct store_key *row, struct kms_err *err)
{
	struct replicate_args *a = op->args;
	struct replica *r = &a->replicas[a->count];
	enum key_kcv_method method;
	struct kms_err why = {0};
	enum key_alg under;
	enum kms_status st = op_key_is_here(row, err);

	if (!st)
		st = op_period_check(op, row, "copy", err);
	*r = (struct replica){.row = row, .in = {.sent_as = row->label}};
	if (!st)
		st = key_alg_parse(row->algorithm, &r->set.alg, err);
	if (!st)
		st = key_role_parse(row->role, &r->in.role, err);
	if (!st)
		st = key_kcv_method_parse(row->check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, row->check_value, &r->in.expected, err);
	if (!st)
		st = key_alg_parse(a->under.algorithm, &under, err);
	if (!st && key_wrap_allowed(under, r->set.alg, &why))
		st = op_override(op, err, "'%s': %s", row->label, why.msg);
	if (st)
		return st;
	strncpy(r->in.label, row->label, sizeof(r->in.label) - 1);
	strncpy(r->in.id, row->cka_id, sizeof(r->in.id) - 1);
	a->count++;
	return KMS_OK;
}

static enum kms_status plan(struct op *op, struct kms_err *err)
{
	struct replicate_args *a = op->args;
	enum kms_status st = KMS_OK;

	a->replicas = calloc(a->keys.count + 1, sizeof(*a->replicas));
	if (!a->replicas)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < a->args->keyset_count; i++) {
		STORE_AUTO(keyset) struct store_keyset set = {0};

		st = store_keyset_get(op->site->store, a->args->keysets[i], &set, err);
	}
	for (size_t i = 0; !st && i < a->keys.count; i++) {
		const struct store_key *row = &a->keys.items[i];

		if (!wanted(a, row))
			continue;
		if (is_there(a, row))
			a->there_already++;
		else
			st = add_replica(op, row, err);
	}
	for (size_t i = 0; i < a->count; i++)
		a->replicas[i].in.set = &a->replicas[i].set;
	return st;
}

static enum kms_status replicate_validate(struct op *op, struct kms_err *err)
{
	const struct store_key_filter live = {.live = true};
	struct replicate_args *a = op->args;
	const struct store_copy_filter there = {.hsm = a->args->hsm, .state = "active"};
	enum kms_status st = op_hsm_enter(op->site, a->args->hsm, &a->to, err);

	if (!st)
		st = store_keys(op->site->store, &live, &a->keys, err);
	if (!st)
		st = store_copies(op->site->store, &there, &a->there, err);
	if (!st)
		st = find_common_key(op, err);
	if (!st)
		st = op_separation(op, a->under.label, "copy keys", NULL, err);
	if (!st)
		st = plan(op, err);
	if (!st)
		st = op_caps_save_at(op->site, a->to->hsm, err);
	if (!st)
		st = op_detail(op, "under", json_string(a->under.label), err);
	if (!st)
		st = op_report(op, "hsm", json_string(a->args->hsm), err);
	if (!st)
		st = op_report(op, "kind", json_string(a->to->row.kind), err);
	if (!st)
		st = op_report(op, "under", json_string(a->under.label), err);
	if (!st)
		st = op_report(op, "copied", json_integer((json_int_t)a->count), err);
	return st ? st
		  : op_report(op, "there_already", json_integer((json_int_t)a->there_already), err);
}

/* ---- intend to commit ---- */

static enum kms_status write_copy(
	struct op *op, const struct replica *r, bool active, struct kms_err *err)
{
	const struct replicate_args *a = op->args;
	char proof[2 * HSM_PROOF_MAX + 1];
	struct store_copy row = {.hsm = a->args->hsm,
		.cka_id = r->row->cka_id,
		.state = active ? "active" : "pending",
		.via = a->under.label,
		.op_id = op->id,
		.created = op->now,
		.changed = op->now};

	if (!active)
		return store_copy_add(op->site->store, &row, err);
	hex_encode(r->in.made.proof, r->in.made.proof_len, proof);
	row.proof = proof;
	return store_copy_update(op->site->store, &row, "pending", err);
}

static enum kms_status replicate_intend(struct op *op, struct kms_err *err)
{
	const struct replicate_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->count; i++)
		st = write_copy(op, &a->replicas[i], false, err);
	return st;
}

static struct incoming_place copied_to(const struct replicate_args *a, const struct replica *r)
{
	return (struct incoming_place){.hsm = a->to->hsm,
		.role = key_role_is_content(r->in.role) ? HSM_CARD_SIGN
			: op_hsm_is_production(a->to)	? HSM_MASTER_PRODUCTION
							: HSM_MASTER_VAULT,
		.verb = "copy",
		.done = "copied",
		.said_by = "the principal HSM"};
}

/* Out of one token and into the other; the block is this function's, and wiped. */
static enum kms_status copy_one(struct op *op, struct replica *r, struct hsm_key *here,
	struct hsm_key *there, struct kms_err *err)
{
	const struct incoming_place place = copied_to(op->args, r);
	struct doc_key wrapped;
	enum kms_status st = outgoing_key(op, r->row, here, KEY_WRAP_AES_KW, NULL, &wrapped, err);

	if (!st) {
		r->in.block = wrapped.block;
		r->in.block_len = wrapped.block_len;
		st = incoming_unwrap_key(op, &place, there, KEY_WRAP_AES_KW, &r->in, err);
	}
	secret_wipe(&wrapped, sizeof(wrapped));
	r->in.block = NULL;
	return st;
}

static enum kms_status replicate_act(struct op *op, struct kms_err *err)
{
	struct replicate_args *a = op->args;
	struct hsm_key here, there;
	enum kms_status st = op_key_verify(op->site, &a->under, err);

	/* By its proof: the two tokens hold the same wrapping key, not only three bytes alike. */
	if (!st)
		st = op_copy_verify(a->to, &a->under, err);
	if (!st)
		st = op_key_object(op->site, &a->under, &here, err);
	if (!st)
		st = op_key_object_at(a->to->hsm, &a->under, &there, err);
	for (size_t i = 0; !st && i < a->count; i++)
		if ((st = copy_one(op, &a->replicas[i], &here, &there, err)))
			kms_prefix(err, "cannot copy '%s' to '%s': ", a->replicas[i].row->label,
				a->args->hsm);
	return st;
}

static enum kms_status replicate_verify(struct op *op, struct kms_err *err)
{
	struct replicate_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->count; i++) {
		const struct incoming_place place = copied_to(a, &a->replicas[i]);

		st = incoming_verify_key(&place, &a->replicas[i].in, err);
		if (!st)
			st = op_copy_verify(a->to, a->replicas[i].row, err);
	}
	return st;
}

static enum kms_status replicate_commit(struct op *op, struct kms_err *err)
{
	const struct replicate_args *a = op->args;
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->count; i++) {
		const struct replica *r = &a->replicas[i];

		st = write_copy(op, r, true, err);
		if (!st)
			st = op_checked_json(keys, r->in.label, r->set.alg, &r->in.kcv, err);
	}
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_report(op, "keys", json_incref(keys), err);
	return st ? st
		  : op_report(op, "where",
			    json_string(hsm_where_name(
				    op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			    err);
}

enum kms_status op_hsm_replicate(struct op_site *site, const struct op_replicate *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "hsm.replicate",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_EXPORT,
		.check = replicate_check,
		.validate = replicate_validate,
		.intend = replicate_intend,
		.act = replicate_act,
		.verify = replicate_verify,
		.commit = replicate_commit,
	};
	struct replicate_args args __attribute__((cleanup(replicate_clear))) = {.args = in};

	return op_run(site, &kind, &args, ret_report, err);
}
