/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private TRUSTED wrapping keys: made by the operator, marked by the administrator.
 *
 * PKCS#11 lets CKA_TRUSTED be set by the administrator only, and lets him see no private object.
 * Tokens that take export control seriously make an exception for wrapping keys; SoftHSM does not.
 */
#include "hsm/internal.h"

#include <stdio.h>
#include <string.h>

/* Known, so that an interrupted probe can be tidied up. */
static const unsigned char probe_id[HSM_ID_LEN] = "cardkms trusted?";

static CK_RV set_trusted(struct hsm *hsm, CK_SESSION_HANDLE session, const unsigned char *id)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE trusted = {CKA_TRUSTED, &yes, sizeof(yes)};
	CK_ATTRIBUTE match = {CKA_ID, (void *)(uintptr_t)id, HSM_ID_LEN};
	CK_OBJECT_HANDLE found[2];
	size_t count = 0;
	CK_RV rv = hsm_raw_find(hsm, session, &match, 1, found, COUNT_OF(found), &count);

	if (rv == CKR_OK && count != 1)
		rv = CKR_OBJECT_HANDLE_INVALID;
	return rv == CKR_OK ? hsm->p11->C_SetAttributeValue(session, found[0], &trusted, 1) : rv;
}

/* As administrator, then the operator again. *ret_rv is the token's answer to the marking itself. */
static enum kms_status mark(struct hsm *hsm, const unsigned char *id, const struct secret *so_pin,
	CK_RV *ret_rv, struct kms_err *err)
{
	CK_SESSION_HANDLE session = 0;
	enum kms_status st = hsm_so_session(hsm, so_pin, &session, err);
	enum kms_status again;

	if (!st) {
		*ret_rv = set_trusted(hsm, session, id);
		hsm->p11->C_Logout(session);
		hsm->p11->C_CloseSession(session);
	}
	again = hsm_login_again(hsm, st ? NULL : err);
	return st ? st : again;
}

static bool is_trusted(const struct hsm_key *key)
{
	return (key->usage & HSM_IS_TRUSTED) && (key->usage & HSM_IS_PRIVATE);
}

enum kms_status hsm_key_trust(struct hsm *hsm, const unsigned char id[HSM_ID_LEN], const char *name,
	const struct secret *so_pin, struct kms_err *err)
{
	CK_RV rv = CKR_OK;
	struct hsm_key key;
	enum kms_status st = mark(hsm, id, so_pin, &rv, err);

	if (!st && rv != CKR_OK)
		st = hsm_fail_rv(hsm, rv, err, "mark as TRUSTED", name);
	if (!st)
		st = hsm_key_find(hsm, id, name, &key, err);
	if (!st && !is_trusted(&key))
		st = kms_fail(err, KMS_ERR_HSM,
			"cannot mark '%s' as TRUSTED: token '%s' said yes, but it is not so", name,
			hsm->label);
	return st;
}

enum kms_status hsm_probe_tidy(struct hsm *hsm, struct kms_err *err)
{
	size_t count = 0;
	enum kms_status st = hsm_key_count(hsm, probe_id, &count, err);

	return st || !count ? st : hsm_key_destroy(hsm, probe_id, "cardkms probe", err);
}

enum kms_status hsm_exports_guarded(struct hsm *hsm, bool *ret_guarded, struct kms_err *err)
{
	bool works = false;
	enum kms_status st = hsm_cap_works(hsm, CAP_WRAP_TRUSTED, &works, err);

	if (!st && works)
		st = hsm_cap_works(hsm, CAP_TRUSTED_RESERVED, &works, err);
	if (!st)
		*ret_guarded = works && hsm_guards_exports(hsm);
	return st;
}

static enum kms_status try_trusted(
	struct hsm *hsm, const struct secret *so_pin, CK_RV *ret_rv, struct kms_err *err)
{
	struct hsm_new spec = {.alg = HSM_AES256,
		.role = HSM_TRANSPORT_WRAP,
		.wrap = HSM_WRAP_AES_KW,
		.label = "cardkms probe"};
	struct hsm_made made;
	struct hsm_key key;
	enum kms_status st;

	memcpy(spec.id, probe_id, sizeof(spec.id));
	st = hsm_key_generate(hsm, &spec, &made, err);
	if (st)
		return st;
	st = mark(hsm, probe_id, so_pin, ret_rv, err);
	if (!st)
		st = hsm_key_find(hsm, probe_id, spec.label, &key, err);
	if (!st && *ret_rv == CKR_OK && !is_trusted(&key))
		*ret_rv = HSM_RV_WRONG;
	return st;
}

enum kms_status hsm_probe_trusted(struct hsm *hsm, const struct secret *so_pin, struct kms_err *err)
{
	struct hsm_cap_state *state = &hsm->caps[CAP_TRUSTED_PRIVATE];
	bool enforced = false;
	CK_RV rv = CKR_OK;
	enum kms_status st = hsm_probe_tidy(hsm, err);

	if (!st)
		st = hsm_cap_works(hsm, CAP_WRAP_TRUSTED, &enforced, err);
	if (!st && enforced)
		st = hsm_cap_works(hsm, CAP_TRUSTED_RESERVED, &enforced, err);
	if (st || !enforced)
		return st;
	st = try_trusted(hsm, so_pin, &rv, err);
	if (!st)
		st = hsm_probe_tidy(hsm, err);
	if (st)
		return st;
	state->answer = rv == CKR_OK ? HSM_WORKS : HSM_FAILS;
	snprintf(state->native, sizeof(state->native), "%s",
		rv == CKR_OK	     ? ""
		: rv == HSM_RV_WRONG ? "wrong-answer"
				     : hsm_rv_name(rv));
	return KMS_OK;
}
