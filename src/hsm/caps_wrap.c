/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of wrapping: every algorithm under every key length, against OpenSSL. */
#include "hsm/internal.h"

#include <string.h>

static const enum hsm_alg aes_keks[] = {HSM_AES128, HSM_AES192, HSM_AES256};
static const enum hsm_alg tdea_keks[] = {HSM_TDEA2, HSM_TDEA3};

struct target {
	enum hsm_alg alg;
	size_t len;
	unsigned role;
};

static const struct target keys[] = {
	{HSM_TDEA2, 16, HSM_SCRATCH_TARGET},
	{HSM_TDEA3, 24, HSM_SCRATCH_TARGET},
	{HSM_AES128, 16, HSM_SCRATCH_TARGET},
	{HSM_AES192, 24, HSM_SCRATCH_TARGET},
	{HSM_AES256, 32, HSM_SCRATCH_TARGET},
};

static const struct target raw[] = {
	{HSM_RAW, 16, HSM_TEMP_CARD},
	{HSM_RAW, 24, HSM_TEMP_CARD}, /* not whole blocks of AES: see each() */
	{HSM_RAW, 32, HSM_TEMP_CARD},
};

struct pair {
	enum hsm_alg kek;
	const struct target *target;
	enum hsm_wrap how;
};

typedef CK_RV try_one_fn(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct pair *pair);

static bool whole_blocks(const struct pair *p)
{
	return p->how != HSM_WRAP_CBC || p->target->len % hsm_block_len(p->kek) == 0;
}

/* Raw bytes are tried in whole blocks only: nobody says how a token would pad them. */
static CK_RV each(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg, unsigned kek_role,
	const struct target *targets, size_t target_count, try_one_fn *one)
{
	bool tdea = arg & 1;
	const enum hsm_alg *keks = tdea ? tdea_keks : aes_keks;
	size_t count = tdea ? COUNT_OF(tdea_keks) : COUNT_OF(aes_keks);

	for (size_t i = 0; i < count; i++) {
		CK_OBJECT_HANDLE kek;
		CK_RV rv = hsm_raw_import(hsm, session, kek_role, keks[i], hsm_test_key(keks[i]),
			hsm_alg_len(keks[i]), &kek);

		for (size_t k = 0; rv == CKR_OK && k < target_count; k++) {
			struct pair p = {keks[i], &targets[k], (enum hsm_wrap)(arg >> 1)};

			if (p.target->alg != HSM_RAW || whole_blocks(&p))
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
	const unsigned char *value = hsm_test_key(p->target->alg);
	unsigned char expected[HSM_WRAPPED_MAX];
	unsigned char got[HSM_WRAPPED_MAX];
	CK_ULONG got_len = sizeof(got);
	size_t expected_len = 0;
	CK_OBJECT_HANDLE target;
	CK_RV rv;

	if (!hsm_host_wrap(p->kek, hsm_test_key(p->kek), p->how, value, p->target->len, expected,
		    &expected_len))
		return CKR_HOST_MEMORY;
	rv = hsm_raw_import(
		hsm, session, p->target->role, p->target->alg, value, p->target->len, &target);
	if (rv == CKR_OK)
		rv = hsm_raw_wrap(hsm, session, kek, p->kek, p->how, target, got, &got_len);
	if (rv != CKR_OK)
		return rv;
	return got_len == expected_len && !memcmp(got, expected, got_len) ? CKR_OK : HSM_RV_WRONG;
}

CK_RV hsm_try_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, HSM_TEMP_KEK, keys, COUNT_OF(keys), wrap_one);
}

CK_RV hsm_try_wrap_raw(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, HSM_TEMP_KEK, raw, COUNT_OF(raw), wrap_one);
}

static CK_RV unwrap_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE kek, const struct pair *p)
{
	const unsigned char *value = hsm_test_key(p->target->alg);
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct hsm_template t;
	size_t len = 0;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (!hsm_host_wrap(
		    p->kek, hsm_test_key(p->kek), p->how, value, p->target->len, wrapped, &len))
		return CKR_HOST_MEMORY;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, p->target->alg, 0, HSM_FOR_UNWRAP, NULL);
	rv = hsm_raw_unwrap(hsm, session, kek, p->kek, p->how, wrapped, len, &t, &object);
	return rv == CKR_OK ? hsm_test_value(hsm, session, object, p->target->alg, value) : rv;
}

CK_RV hsm_try_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, HSM_SCRATCH_UNWRAP, keys, COUNT_OF(keys), unwrap_one);
}
