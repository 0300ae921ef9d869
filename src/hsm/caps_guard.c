/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of what a token forbids. Each makes a session key and tries what must be refused: a
 * refusal is CKR_OK here, success is HSM_RV_WRONG.
 */
#include "hsm/internal.h"

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

static CK_RV refused(CK_RV rv)
{
	return rv == CKR_OK ? HSM_RV_WRONG : CKR_OK;
}

/* The test key as an AES-128 session object of a role, with one attribute more. */
static CK_RV make(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned role, CK_ATTRIBUTE_TYPE type,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_key)
{
	struct hsm_template t;

	hsm_template_fill(&t, hsm, role, HSM_AES128, 0, HSM_FOR_CREATE, NULL);
	if (len)
		hsm_template_add(&t, type, value, len);
	return hsm_raw_create(hsm, session, &t, hsm_test_key(HSM_AES128), 16, ret_key);
}

static bool flag_set(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = {type, &value, sizeof(value)};

	return hsm->p11->C_GetAttributeValue(session, key, &a, 1) == CKR_OK && value;
}

static CK_RV encrypt(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool cbc)
{
	static const unsigned char zeros[16];
	unsigned char out[16];

	return hsm_raw_cipher(hsm, session, key, cbc ? CKM_AES_CBC : CKM_AES_ECB,
		cbc ? zeros : NULL, 16, true, zeros, sizeof(zeros), out);
}

static CK_RV wrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE target)
{
	static const enum hsm_wrap ways[] = {HSM_WRAP_AES_KW, HSM_WRAP_CBC, HSM_WRAP_ECB};
	unsigned char out[HSM_WRAPPED_MAX];
	CK_OBJECT_HANDLE kek;
	CK_RV rv = make(hsm, session, HSM_TEMP_KEK, 0, NULL, 0, &kek);

	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		CK_ULONG len = sizeof(out);

		rv = hsm_raw_wrap(hsm, session, kek, HSM_AES128, ways[i], target, out, &len);
		if (rv == CKR_OK)
			break;
	}
	return rv;
}

CK_RV hsm_try_modifiable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_ATTRIBUTE wider = {CKA_DECRYPT, (void *)(uintptr_t)&yes, sizeof(yes)};
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(hsm, session, HSM_TEMP_ENCRYPT, CKA_MODIFIABLE, &no, sizeof(no), &key);

	(void)arg;
	if (rv != CKR_OK)
		return rv;
	if (flag_set(hsm, session, key, CKA_MODIFIABLE))
		return HSM_RV_WRONG;
	return refused(hsm->p11->C_SetAttributeValue(session, key, &wider, 1));
}

CK_RV hsm_try_copy_locked(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_ATTRIBUTE wider = {CKA_DECRYPT, (void *)(uintptr_t)&yes, sizeof(yes)};
	CK_OBJECT_HANDLE key;
	CK_OBJECT_HANDLE copy;
	CK_RV rv = make(hsm, session, HSM_TEMP_ENCRYPT, CKA_MODIFIABLE, &no, sizeof(no), &key);

	(void)arg;
	if (rv != CKR_OK)
		return rv;
	rv = hsm->p11->C_CopyObject(session, key, &wider, 1, &copy);
	return rv == CKR_OK && !flag_set(hsm, session, copy, CKA_DECRYPT) ? CKR_OK : refused(rv);
}

CK_RV hsm_try_copyable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_ATTRIBUTE session_copy = {CKA_TOKEN, (void *)(uintptr_t)&no, sizeof(no)};
	CK_OBJECT_HANDLE key;
	CK_OBJECT_HANDLE copy;
	CK_RV rv = make(hsm, session, HSM_TEMP_ENCRYPT, CKA_COPYABLE, &no, sizeof(no), &key);

	(void)arg;
	if (rv != CKR_OK)
		return rv;
	return refused(hsm->p11->C_CopyObject(session, key, &session_copy, 1, &copy));
}

CK_RV hsm_try_allowed(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	static const CK_MECHANISM_TYPE cbc = CKM_AES_CBC;
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(
		hsm, session, HSM_TEMP_ENCRYPT, CKA_ALLOWED_MECHANISMS, &cbc, sizeof(cbc), &key);

	(void)arg;
	if (rv == CKR_OK)
		rv = encrypt(hsm, session, key, true);
	return rv == CKR_OK ? refused(encrypt(hsm, session, key, false)) : rv;
}

CK_RV hsm_try_unextractable(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(hsm, session, HSM_TEMP_ENCRYPT, 0, NULL, 0, &key);

	(void)arg;
	return rv == CKR_OK ? refused(wrap(hsm, session, key)) : rv;
}

CK_RV hsm_try_usage(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	static const unsigned char zeros[16];
	unsigned char out[16];
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(hsm, session, HSM_BLANK, 0, NULL, 0, &key);

	(void)arg;
	if (rv != CKR_OK)
		return rv;
	if (encrypt(hsm, session, key, false) == CKR_OK)
		return HSM_RV_WRONG;
	return refused(hsm_raw_ecb_derived(
		hsm, session, key, HSM_AES128, NULL, zeros, sizeof(zeros), out));
}

CK_RV hsm_try_wrap_trusted(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(
		hsm, session, HSM_SCRATCH_TARGET, CKA_WRAP_WITH_TRUSTED, &yes, sizeof(yes), &key);

	(void)arg;
	return rv == CKR_OK ? refused(wrap(hsm, session, key)) : rv;
}

CK_RV hsm_try_trusted_reserved(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_ATTRIBUTE trusted = {CKA_TRUSTED, (void *)(uintptr_t)&yes, sizeof(yes)};
	CK_OBJECT_HANDLE key;
	CK_RV rv = make(hsm, session, HSM_TEMP_KEK, CKA_TRUSTED, &yes, sizeof(yes), &key);

	(void)arg;
	if (rv == CKR_OK)
		return flag_set(hsm, session, key, CKA_TRUSTED) ? HSM_RV_WRONG : CKR_OK;
	rv = make(hsm, session, HSM_TEMP_KEK, 0, NULL, 0, &key);
	if (rv != CKR_OK)
		return rv;
	rv = hsm->p11->C_SetAttributeValue(session, key, &trusted, 1);
	return rv == CKR_OK && flag_set(hsm, session, key, CKA_TRUSTED) ? HSM_RV_WRONG : CKR_OK;
}

CK_RV hsm_try_trusted_private(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	(void)hsm;
	(void)session;
	(void)arg;
	return HSM_RV_UNTRIED;
}
