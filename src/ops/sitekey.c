/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site key, under which backups are wrapped, and zone keys, under which copies go to another
 * HSM: both wrap and unwrap by AES key wrap, inside the HSM, and do nothing else.
 */
#include "ops/component_key.h"

#include "base/hex.h"
#include "ops/ceremony.h"

#include <stdio.h>
#include <string.h>

struct site_key_args {
	struct component_key key; /* first: the common steps see only this */
	const struct op_site_key *in;
};

static void site_key_clear(struct site_key_args *a)
{
	component_key_clear(&a->key);
}

/* Masters go by AES key wrap; a zone key for cards' keys alone may do something else. */
static enum kms_status choose_wrapping(struct site_key_args *a, struct kms_err *err)
{
	const char *name = a->in->wrapping;
	enum kms_status st = KMS_OK;

	a->key.wrapping = KEY_WRAP_AES_KW;
	if (name)
		st = key_wrapping_parse(name, &a->key.wrapping, err);
	if (st || a->key.wrapping == KEY_WRAP_AES_KW ||
		(a->in->zone && a->key.wrapping == KEY_WRAP_CBC))
		return st;
	return kms_fail(err, KMS_ERR_INVALID, "a %s wraps by aes-kw%s, not by %s",
		component_key_noun(a->key.role), a->in->zone ? " or raw-cbc" : "", name);
}

static enum kms_status site_key_check(struct op *op, struct kms_err *err)
{
	struct site_key_args *a = op->args;
	const struct op_site_key *in = a->in;
	const char *noun = component_key_noun(a->key.role);
	enum kms_status st = component_key_check(op, err);

	if (!st && !key_alg_is_aes(a->key.alg)) {
		kms_fail(err, KMS_ERR_INVALID, "a %s wraps by AES key wrap: it cannot be %s", noun,
			key_alg_name(a->key.alg));
		st = kms_hint(
			err, "choose aes256, or aes128, aes192 if nothing stronger is wrapped");
	}
	if (!st)
		st = choose_wrapping(a, err);
	return st || !in->fingerprint ? st
				      : doc_fingerprint_parse(in->fingerprint, a->key.here, err);
}

/* The identity that the site had when the key was made is on the sheets. */
static enum kms_status identity_on_sheets(struct op *op, struct kms_err *err)
{
	struct site_key_args *a = op->args;
	STORE_AUTO(former_list) struct store_former_list formers = {0};
	enum kms_status st = KMS_OK;

	if (a->key.kind == CER_IMPORT && !*a->key.here)
		st = store_formers(op->site->store, &formers, err);
	if (!st && formers.count)
		snprintf(a->key.here, sizeof(a->key.here), "%s",
			formers.items[formers.count - 1].fingerprint);
	return st;
}

/* A key that this site has had: the components must make that one, not another of its name. */
static enum kms_status as_recorded(struct op *op, struct kms_err *err)
{
	struct site_key_args *a = op->args;
	const struct store_key_filter of_role = {.role = key_role_name(a->key.role)};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = store_keys(op->site->store, &of_role, &keys, err);

	key_kcv_print(&a->key.expected, check);
	for (size_t i = 0; !st && i < keys.count; i++) {
		const struct store_key *row = &keys.items[i];

		if (!key_label_same(row->label, a->key.in->label) || !row->check_value ||
			strcmp(row->check_value, check) == 0)
			continue;
		kms_fail(err, KMS_ERR_MISMATCH,
			"the %s '%s' of this site had the check value %s (%s), not %s",
			component_key_noun(a->key.role), row->label, row->check_value,
			row->check_method, check);
		st = kms_hint(err, "these are components of another key; nothing was created");
	}
	return st;
}

/* What comes out under it has no integrity; and no master may come out so. */
static enum kms_status raw_zone_key(struct op *op, struct kms_err *err)
{
	struct site_key_args *a = op->args;
	bool guarded = false;
	enum kms_status st;

	a->key.hsm_role = HSM_ZONE;
	st = hsm_exports_guarded(component_key_hsm(op), &guarded, err);
	if (!st && guarded)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the HSM guards its masters by what it trusts, and would trust this key as "
			"well: no zone key of raw-cbc there");
	return st ? st
		  : op_override(op, err,
			    "raw-cbc wrapping has no integrity: cards' keys under '%s' could be "
			    "changed unseen",
			    a->key.in->label);
}

static enum kms_status token_can(struct op *op, struct kms_err *err)
{
	static const enum hsm_op needed[] = {HSM_OP_WRAP_AES_KW, HSM_OP_UNWRAP_AES_KW};
	struct site_key_args *a = op->args;

	if (a->key.wrapping == KEY_WRAP_CBC)
		return raw_zone_key(op, err);
	a->key.hsm_role = a->in->zone ? HSM_ZONE : HSM_SITE;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		struct hsm_way way;
		enum kms_status st = hsm_way(component_key_hsm(op), needed[i], &way, err);

		if (st)
			return st;
		if (way.available && way.where == HSM_IN_HSM)
			continue;
		kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the token cannot wrap and unwrap keys by AES key wrap inside (%s)",
			way.op);
		return kms_hint(err, "'cardkms hsm capabilities' shows what it can do");
	}
	return KMS_OK;
}

static enum kms_status site_key_validate(struct op *op, struct kms_err *err)
{
	struct site_key_args *a = op->args;
	enum kms_status st = KMS_OK;

	if (a->in->hsm)
		st = op_hsm_enter(op->site, a->in->hsm, &a->key.at, err);
	if (!st && a->key.at && a->in->zone != op_hsm_is_production(a->key.at)) {
		kms_fail(err, KMS_ERR_DENIED, "the HSM '%s' is a %s HSM: it gets no %s", a->in->hsm,
			a->key.at->row.kind, component_key_noun(a->key.role));
		st = kms_hint(err, a->in->zone ? "another vault gets the site key: site-key restore"
					       : "a production HSM gets a zone key, which opens no "
						 "backup: zone-key create, zone-key restore");
	}
	if (!st)
		st = identity_on_sheets(op, err);
	if (!st && a->key.kind == CER_IMPORT && !a->key.at)
		st = as_recorded(op, err);
	if (!st)
		st = token_can(op, err);
	return st ? st : component_key_validate(op, err);
}

#define KIND(kind_name, two)                                                                   \
	{                                                                                      \
		.name = (kind_name), .needs = OP_NEED_IDENTITY | OP_NEED_LOGIN, .dual = (two), \
		.check = site_key_check, .validate = site_key_validate,                        \
		.intend = component_key_intend, .act = component_key_act,                      \
		.verify = component_key_verify, .commit = component_key_commit,                \
	}

static const struct op_kind site_create = KIND("site-key.create", DUAL_GENERATE);
static const struct op_kind site_restore = KIND(OP_SITE_RESTORE, DUAL_IMPORT);
static const struct op_kind zone_create = KIND("zone-key.create", DUAL_GENERATE);
static const struct op_kind zone_restore = KIND(OP_ZONE_RESTORE, DUAL_IMPORT);

static enum kms_status run(struct op_site *site, const struct op_kind *kind, enum cer_kind which,
	const struct op_site_key *in, json_t **ret_report, struct kms_err *err)
{
	struct site_key_args args __attribute__((cleanup(site_key_clear))) = {.in = in,
		.key = {.in = &in->key,
			.kind = which,
			.role = in->zone ? KEY_ROLE_ZONE : KEY_ROLE_SITE}};

	return op_run(site, kind, &args, ret_report, err);
}

enum kms_status op_site_key_create(struct op_site *site, const struct op_site_key *in,
	json_t **ret_report, struct kms_err *err)
{
	return run(site, in->zone ? &zone_create : &site_create, CER_CREATE, in, ret_report, err);
}

enum kms_status op_site_key_restore(struct op_site *site, const struct op_site_key *in,
	json_t **ret_report, struct kms_err *err)
{
	return run(site, in->zone ? &zone_restore : &site_restore, CER_IMPORT, in, ret_report, err);
}
