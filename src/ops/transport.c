/* SPDX-License-Identifier: Apache-2.0 */
/* Transport keys: what is shared with a partner, and bound to one wrapping and one direction. */
#include "ops/component_key.h"

#include "base/utf8.h"
#include "ops/ceremony.h"
#include "store/people.h"

#include <string.h>

struct transport_args {
	struct component_key key; /* first: the common steps see only this */
	const struct op_transport *in;
	struct store_partner partner;
};

static void transport_clear(struct transport_args *a)
{
	component_key_clear(&a->key);
	store_partner_free(&a->partner);
}

/* ---- check ---- */

static enum kms_status check_wrapping(struct transport_args *a, struct kms_err *err)
{
	const bool aes = key_alg_is_aes(a->key.alg);
	enum kms_status st = KMS_OK;

	a->key.wrapping = aes ? KEY_WRAP_AES_KW : KEY_WRAP_ECB;
	if (a->in->wrapping && strcmp(a->in->wrapping, "x9143") == 0)
		a->key.wrapping = key_wrapping_block(a->key.alg);
	else if (a->in->wrapping)
		st = op_wrapping_parse(a->in->wrapping, &a->key.wrapping, err);
	if (st)
		return st;
	if (key_wrapping_is_block(a->key.wrapping) &&
		a->key.wrapping != key_wrapping_block(a->key.alg))
		return kms_fail(err, KMS_ERR_INVALID, "%s is not for a transport key of %s: %s is",
			key_wrapping_name(a->key.wrapping), key_alg_name(a->key.alg),
			key_wrapping_name(key_wrapping_block(a->key.alg)));
	if (a->key.wrapping == KEY_WRAP_AES_KW && !aes) {
		kms_fail(err, KMS_ERR_INVALID, "aes-kw needs an AES transport key, not %s",
			key_alg_name(a->key.alg));
		return kms_hint(err,
			"choose aes128, aes192 or aes256, or --wrapping raw-hex for a site "
			"that still runs a legacy KMS");
	}
	return KMS_OK;
}

static enum kms_status transport_check(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st = component_key_check(op, err);

	if (!st)
		st = check_wrapping(a, err);
	if (!st && a->in->legacy && !op_wrapping_is_raw(a->key.wrapping) &&
		!key_wrapping_is_block(a->key.wrapping)) {
		kms_fail(err, KMS_ERR_INVALID,
			"a partner without identity takes raw wrapping or key blocks only, not %s",
			key_wrapping_name(a->key.wrapping));
		st = kms_hint(err, "--legacy goes with --wrapping raw-hex, raw-cbc or x9143");
	}
	return st;
}

/* ---- validate ---- */

/* The partner that the key is shared with: enrolled, or, with a legacy KMS, known by name only. */
static enum kms_status find_partner(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st = store_partner_get(op->site->store, a->in->partner, &a->partner, err);

	if (!a->in->legacy) {
		if (st == KMS_ERR_NOT_FOUND)
			kms_hint(err, "enrol the partner first: 'cardkms partner add F "
				      "--fingerprint HEX'");
		return st;
	}
	if (!st)
		return kms_fail(err, KMS_ERR_INVALID,
			"'%s' is enrolled with an identity: leave --legacy out", a->in->partner);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	st = name_check(a->in->partner, "the partner's name", err);
	if (!st)
		st = op_partner_spelling(op->site, a->in->partner, err);
	if (!st && !(a->partner.name = strdup(a->in->partner)))
		st = kms_nomem(err);
	return st;
}

static enum kms_status warn_tdea2(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;

	if (a->key.alg != KEY_TDEA2)
		return KMS_OK;
	if (op->site->policy.tdea2 == TDEA2_FORBID)
		return op_override(
			op, err, "a 2TDEA transport key is forbidden by the site's policy");
	op_say(op->site, "warning: 2TDEA is deprecated (80 bits of strength)");
	return KMS_OK;
}

static enum kms_status token_can_wrap(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum hsm_where where;
	enum kms_status st;

	st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(a->key.alg),
		key_wrapping_to_hsm(a->key.wrapping), a->key.kind == CER_CREATE, &a->key.hsm_role,
		&where, err);
	if (!st && key_wrapping_is_block(a->key.wrapping))
		st = op_key_blocks(op, "each key under this one", err);
	if (!st && where == HSM_HOST_ASSISTED)
		op_say(op->site,
			"note: on this token '%s' will wrap through this machine's locked memory "
			"(%s with %s): each use is logged",
			a->key.in->label, key_wrapping_name(a->key.wrapping),
			key_alg_name(a->key.alg));
	return st;
}

static enum kms_status transport_validate(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st = find_partner(op, err);

	if (!st)
		st = warn_tdea2(op, err);
	if (!st)
		st = token_can_wrap(op, err);
	if (st)
		return st;
	a->key.partner = a->partner.name;
	a->key.partner_identity = a->partner.fingerprint;
	a->key.direction = a->key.kind == CER_CREATE ? "wrap" : "unwrap";
	return component_key_validate(op, err);
}

static const struct op_kind create_kind = {
	.name = "transport-key.create",
	.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
	.dual = DUAL_GENERATE,
	.check = transport_check,
	.validate = transport_validate,
	.intend = component_key_intend,
	.act = component_key_act,
	.verify = component_key_verify,
	.commit = component_key_commit,
};

static const struct op_kind import_kind = {
	.name = OP_TRANSPORT_IMPORT,
	.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
	.dual = DUAL_IMPORT,
	.check = transport_check,
	.validate = transport_validate,
	.intend = component_key_intend,
	.act = component_key_act,
	.verify = component_key_verify,
	.commit = component_key_commit,
};

static enum kms_status run(struct op_site *site, const struct op_kind *kind, enum cer_kind which,
	const struct op_transport *transport, json_t **ret_report, struct kms_err *err)
{
	struct transport_args args __attribute__((cleanup(transport_clear))) = {.in = transport,
		.key = {.in = &transport->key, .kind = which, .role = KEY_ROLE_TRANSPORT}};

	return op_run(site, kind, &args, ret_report, err);
}

enum kms_status op_transport_create(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err)
{
	return run(site, &create_kind, CER_CREATE, transport, ret_report, err);
}

enum kms_status op_transport_import(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err)
{
	return run(site, &import_kind, CER_IMPORT, transport, ret_report, err);
}
