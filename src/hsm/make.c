/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one path by which token keys come to be: created, check value taken, proof made, narrowed,
 * read back, or gone.
 *
 * A key that may DERIVE is created as it shall stay. Any other is created as a session object
 * without usage; copies of it with one usage each give check value and proof. The token object is
 * then created from the same source once more, or, if the source gives another key each time, is
 * the last copy (without COPYABLE and ALLOWED_MECHANISMS, which SoftHSM's copies cannot gain). So no object ever holds
 * two usages that attack each other.
 */
#include "hsm/internal.h"

#include <string.h>

struct make_ctx {
	const struct hsm_new *spec;
	const struct hsm_source *source;
	struct hsm_made *made;
	char diff[256];
	CK_OBJECT_HANDLE object;
};

enum kms_status hsm_new_check(const struct hsm_new *spec, struct kms_err *err)
{
	const struct hsm_role_row *row = hsm_role_row(spec->role);
	bool bound = row && row->bound;

	if (!row || !row->token || !spec->label || !*spec->label ||
		strlen(spec->label) >= HSM_LABEL_SIZE)
		return kms_fail(err, KMS_ERR_INVALID, "cannot create a key: bad role or label");
	if (row->object_class == CKO_SECRET_KEY ? !hsm_alg_len(spec->alg)
						: spec->alg != HSM_EC_P256)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot create '%s': role %s is not for %s keys", spec->label, row->name,
			hsm_alg_name(spec->alg));
	if (bound && !spec->wrap)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot create '%s': role %s needs a wrapping method", spec->label,
			row->name);
	if (hsm_is_tdea(spec->alg) &&
		(spec->wrap == HSM_WRAP_AES_KW || spec->wrap == HSM_WRAP_AES_KWP))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot create '%s': AES key wrap needs an AES key, not %s", spec->label,
			hsm_alg_name(spec->alg));
	return KMS_OK;
}

static CK_RV copy(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, unsigned role,
	const struct hsm_new *spec, CK_OBJECT_HANDLE *ret_object)
{
	struct hsm_template t;

	hsm_template_fill(&t, hsm, role, spec->alg, 0, HSM_FOR_COPY, spec);
	return hsm->p11->C_CopyObject(session, from, t.attr, t.count, ret_object);
}

/* c->object is set only if the token said yes: what it did after an error is not known here. */
static CK_RV create_final(struct hsm *hsm, CK_SESSION_HANDLE session, struct make_ctx *c)
{
	const struct hsm_new *spec = c->spec;
	CK_OBJECT_HANDLE object;
	struct hsm_template t;
	CK_RV rv;

	hsm_template_fill(&t, hsm, spec->role, spec->alg, 0, c->source->purpose, spec);
	rv = c->source->create(hsm, session, &t, &object, c->source->ctx);
	if (rv == CKR_OK)
		c->object = object;
	return rv;
}

static CK_RV direct(struct hsm *hsm, CK_SESSION_HANDLE session, struct make_ctx *c)
{
	const struct hsm_new *spec = c->spec;
	struct hsm_made *made = c->made;
	CK_RV rv;

	rv = create_final(hsm, session, c);
	if (rv == CKR_OK)
		rv = hsm_raw_proof(hsm, session, c->object, spec->alg, HSM_CAN_DERIVE, spec->wrap,
			made->proof, &made->proof_len);
	if (rv == CKR_OK && spec->check)
		rv = hsm_raw_check(hsm, session, c->object, spec->alg, HSM_CAN_DERIVE, spec->check,
			made->check, &made->check_len);
	return rv;
}

/* Check value and proof, each from a copy with the usage that it takes. */
static CK_RV facts(
	struct hsm *hsm, CK_SESSION_HANDLE session, struct make_ctx *c, CK_OBJECT_HANDLE blank)
{
	const struct hsm_new *spec = c->spec;
	const unsigned usage = hsm_role_row(spec->role)->usage;
	bool ciphers = usage & (HSM_CAN_ENCRYPT | HSM_CAN_DECRYPT), signs = usage & HSM_CAN_SIGN;
	struct hsm_made *made = c->made;
	CK_OBJECT_HANDLE scratch;
	CK_RV rv;

	rv = copy(hsm, session, blank, HSM_TEMP_ENCRYPT, spec, &scratch);
	if (rv != CKR_OK)
		return rv;
	if (spec->check)
		rv = hsm_raw_check(hsm, session, scratch, spec->alg, HSM_CAN_ENCRYPT, spec->check,
			made->check, &made->check_len);
	if (rv == CKR_OK && ciphers)
		rv = hsm_raw_proof(hsm, session, scratch, spec->alg, HSM_CAN_ENCRYPT, spec->wrap,
			made->proof, &made->proof_len);
	hsm->p11->C_DestroyObject(session, scratch);
	if (rv != CKR_OK || ciphers)
		return rv;
	rv = copy(hsm, session, blank, signs ? HSM_TEMP_MAC : HSM_TEMP_KEK, spec, &scratch);
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_proof(hsm, session, scratch, spec->alg, signs ? HSM_CAN_SIGN : HSM_CAN_WRAP,
		spec->wrap, made->proof, &made->proof_len);
	hsm->p11->C_DestroyObject(session, scratch);
	return rv;
}

static CK_RV narrowed(struct hsm *hsm, CK_SESSION_HANDLE session, struct make_ctx *c)
{
	const struct hsm_new *spec = c->spec;
	struct hsm_template t;
	CK_OBJECT_HANDLE blank;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	hsm_template_fill(&t, hsm,
		hsm_role_row(spec->role)->extractable ? HSM_BLANK_OUT : HSM_BLANK, spec->alg, 0,
		c->source->purpose, NULL);
	rv = c->source->create(hsm, session, &t, &blank, c->source->ctx);
	if (rv != CKR_OK)
		return rv;
	rv = facts(hsm, session, c, blank);
	if (rv == CKR_OK && c->source->repeatable) {
		rv = create_final(hsm, session, c);
	} else if (rv == CKR_OK) {
		rv = copy(hsm, session, blank, spec->role, spec, &object);
		if (rv == CKR_OK)
			c->object = object;
	}
	hsm->p11->C_DestroyObject(session, blank);
	if (rv != CKR_OK)
		return rv;
	return hsm_raw_unproof(hsm, session, c->object, spec->alg, hsm_role_row(spec->role)->usage,
		spec->wrap, c->made->proof, c->made->proof_len);
}

static CK_RV run_make(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct make_ctx *c = arg;
	CK_RV rv;

	c->object = CK_INVALID_HANDLE;
	rv = hsm_role_row(c->spec->role)->usage & HSM_CAN_DERIVE ? direct(hsm, session, c)
								 : narrowed(hsm, session, c);
	if (rv == CKR_OK)
		rv = hsm_raw_verify(
			hsm, session, c->object, c->spec->role, c->spec, c->diff, sizeof(c->diff));
	if (rv == CKR_OK)
		rv = hsm_read_usage(hsm, session, c->object, CKO_SECRET_KEY, &c->made->key.usage);
	if (rv != CKR_OK && c->object != CK_INVALID_HANDLE &&
		hsm->p11->C_DestroyObject(session, c->object) == CKR_OK)
		c->object = CK_INVALID_HANDLE;
	return rv;
}

static enum kms_status not_as_asked(struct hsm *hsm, const struct make_ctx *c, struct kms_err *err)
{
	bool gone = c->object == CK_INVALID_HANDLE;

	kms_fail(err, KMS_ERR_HSM,
		"cannot %s '%s': token '%s' made it other than asked (%s); it was %s",
		c->source->doing, c->spec->label, hsm->label,
		c->diff[0] ? c->diff : "another value",
		gone ? "destroyed" : "not destroyed, because the token refused that");
	kms_hint(err, gone ? "this token cannot hold such keys safely"
			   : "run 'cardkms doctor'; this token cannot hold such keys safely");
	return KMS_ERR_HSM;
}

enum kms_status hsm_make(struct hsm *hsm, const struct hsm_new *spec,
	const struct hsm_source *source, struct hsm_made *ret_made, CK_RV *ret_rv,
	struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = source->doing, .what = spec->label, .key = {source->key}, .changes = true};
	struct hsm_made made = {.where = source->where};
	struct make_ctx c = {.spec = spec, .source = source, .made = &made};
	enum kms_status st;
	size_t count = 0;
	CK_RV rv = CKR_OK;

	st = hsm_new_check(spec, err);
	if (!st)
		st = hsm_template_prepare(hsm, spec->role, err);
	if (!st)
		st = hsm_key_count(hsm, spec->id, &count, err);
	if (st)
		return st;
	if (count)
		return kms_fail(err, KMS_ERR_EXISTS,
			"cannot %s '%s' on token '%s': an object with its CKA_ID is there already",
			source->doing, spec->label, hsm->label);
	st = hsm_do(hsm, &work, run_make, &c, &rv, err);
	if (ret_rv)
		*ret_rv = rv;
	if (rv == HSM_RV_WRONG)
		return not_as_asked(hsm, &c, err);
	if (st)
		return st;
	made.key.handle = c.object;
	made.key.generation = hsm->generation;
	made.key.alg = spec->alg;
	made.key.token = true;
	memcpy(made.key.id, spec->id, HSM_ID_LEN);
	strcpy(made.key.label, spec->label);
	*ret_made = made;
	return KMS_OK;
}
