/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of wrapping: every algorithm under every key length, against OpenSSL. */
#include "hsm/internal.h"

#include <string.h>

static const enum hsm_alg targets[] = {HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};
static const enum hsm_alg aes_keks[] = {HSM_AES128, HSM_AES192, HSM_AES256};
static const enum hsm_alg tdea_keks[] = {HSM_TDEA2, HSM_TDEA3};

struct pair {
	enum hsm_alg kek;
	enum hsm_alg target;
	enum hsm_wrap how;
};

static CK_RV each(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg, unsigned kek_role,
	CK_RV (*one)(struct hsm *, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, const struct pair *))
{
	bool tdea = arg & 1;
	const enum hsm_alg *keks = tdea ? tdea_keks : aes_keks;
	size_t count = tdea ? COUNT_OF(tdea_keks) : COUNT_OF(aes_keks);

	for (size_t i = 0; i < count; i++) {
		CK_OBJECT_HANDLE kek;
		CK_RV rv = hsm_raw_import(hsm, session, kek_role, keks[i], hsm_test_key(keks[i]),
			hsm_alg_len(keks[i]), &kek);

		for (size_t k = 0; rv == CKR_OK && k < COUNT_OF(targets); k++) {
			struct pair p = {keks[i], targets[k], (enum hsm_wrap)(arg >> 1)};

			rv = one(hsm, session, kek, &p);
		}
		if (rv != CKR_OK)
			return rv;
	}
	return CKR_OK;
}

static CK_RV wrap_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct pair *p)
{
	const unsigned char *value = hsm_test_key(p->target);
	size_t len = hsm_alg_len(p->target);
	unsigned char expected[HSM_WRAPPED_MAX];
	unsigned char got[HSM_WRAPPED_MAX];
	CK_ULONG got_len = sizeof(got);
	size_t expected_len = 0;
	CK_OBJECT_HANDLE target;
	CK_RV rv;

	if (!hsm_host_wrap(
		    p->kek, hsm_test_key(p->kek), p->how, value, len, expected, &expected_len))
		return CKR_HOST_MEMORY;
	rv = hsm_raw_import(hsm, session, HSM_SCRATCH_TARGET, p->target, value, len, &target);
	if (rv == CKR_OK)
		rv = hsm_raw_wrap(hsm, session, kek, p->kek, p->how, target, got, &got_len);
	if (rv != CKR_OK)
		return rv;
	return got_len == expected_len && !memcmp(got, expected, got_len) ? CKR_OK : HSM_RV_WRONG;
}

CK_RV hsm_try_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, HSM_TEMP_KEK, wrap_one);
}

static CK_RV unwrap_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct pair *p)
{
	const unsigned char *value = hsm_test_key(p->target);
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct hsm_template t;
	size_t len = 0;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (!hsm_host_wrap(p->kek, hsm_test_key(p->kek), p->how, value, hsm_alg_len(p->target),
		    wrapped, &len))
		return CKR_HOST_MEMORY;
	hsm_template_fill(&t, hsm, HSM_SCRATCH_ENCRYPT, p->target, 0, HSM_FOR_UNWRAP, NULL);
	rv = hsm_raw_unwrap(hsm, session, kek, p->kek, p->how, wrapped, len, &t, &object);
	return rv == CKR_OK ? hsm_test_value(hsm, session, object, p->target, value) : rv;
}

CK_RV hsm_try_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, HSM_SCRATCH_UNWRAP, unwrap_one);
}
