/* SPDX-License-Identifier: Apache-2.0 */
/* Check values, computed on handles, and proofs that a key still has its value. */
#include "hsm/internal.h"

#include <string.h>

/* Public: what proofs wrap or encrypt. */
static const unsigned char proof_block[16] = "cardkms proof v1";
static const unsigned char proof_key[16] = "cardkms test key";

static const unsigned char zeros[16];

/* E_K(one block) by the one usage that the key has. */
static CK_RV ecb_block(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, const unsigned char *in, unsigned char *out)
{
	size_t block = hsm_block_len(alg);
	CK_RV rv;

	/* Encryption first: it leaves out the object that a derivation makes. */
	if (!(usage & HSM_CAN_ENCRYPT))
		return usage & HSM_CAN_DERIVE
			       ? hsm_raw_ecb_read(hsm, session, key, alg, NULL, in, block, out)
			       : CKR_KEY_FUNCTION_NOT_PERMITTED;
	rv = hsm_raw_cipher(
		hsm, session, key, hsm_cipher_mechanism(alg, false), NULL, 0, true, in, block, out);
	/* Bound to CBC: one block under IV 0 is the same. */
	if (rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_FUNCTION_NOT_PERMITTED)
		rv = hsm_raw_cipher(hsm, session, key, hsm_cipher_mechanism(alg, true), zeros,
			block, true, in, block, out);
	return rv;
}

static CK_RV cmac_check(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, unsigned char *out)
{
	unsigned char k1[16];
	CK_RV rv = ecb_block(hsm, session, key, alg, usage, zeros, k1);

	if (rv != CKR_OK)
		return rv;
	hsm_cmac_double(k1, hsm_block_len(alg));
	/* The message is one whole block of zeros, so its last block is K1 itself. */
	rv = ecb_block(hsm, session, key, alg, usage, k1, out);
	secret_wipe(k1, sizeof(k1));
	return rv;
}

CK_RV hsm_raw_check(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_check method, unsigned char *check,
	size_t *check_len)
{
	unsigned char in[16];
	unsigned char out[16];
	size_t len = method == HSM_CHECK_CMAC ? 5 : 3;
	CK_RV rv;

	memset(in, method == HSM_CHECK_AES_GP ? 1 : 0, sizeof(in));
	rv = method == HSM_CHECK_CMAC ? cmac_check(hsm, session, key, alg, usage, out)
				      : ecb_block(hsm, session, key, alg, usage, in, out);
	if (rv == CKR_OK) {
		memcpy(check, out, len);
		*check_len = len;
	}
	/* All but the first bytes would help whoever searches the key. */
	secret_wipe(out, sizeof(out));
	return rv;
}

static bool method_fits(enum hsm_check method, enum hsm_alg alg)
{
	switch (method) {
	case HSM_CHECK_TDES_ZERO:
		return hsm_is_tdea(alg);
	case HSM_CHECK_AES_GP:
	case HSM_CHECK_AES_ZERO:
		return hsm_block_len(alg) == 16;
	case HSM_CHECK_CMAC:
		return hsm_block_len(alg) != 0;
	default:
		return false;
	}
}

struct check_ctx {
	struct hsm_key *key;
	enum hsm_check method;
	unsigned char check[HSM_CHECK_MAX];
	size_t len;
	enum hsm_wrap wrap;
	const unsigned char *proof;
	size_t proof_len;
};

static CK_RV run_check(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct check_ctx *c = arg;

	return hsm_raw_check(hsm, session, c->key->handle, c->key->alg, c->key->usage, c->method,
		c->check, &c->len);
}

enum kms_status hsm_check_value(struct hsm *hsm, struct hsm_key *key, enum hsm_check method,
	unsigned char ret_check[HSM_CHECK_MAX], size_t *ret_len, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "compute the check value of", .what = key->label, .key = {key}};
	struct check_ctx c = {.key = key, .method = method};
	enum kms_status st;

	if (!method_fits(method, key->alg))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot compute the check value of '%s': the method is not for %s keys",
			key->label, hsm_alg_name(key->alg));
	if (!(key->usage & (HSM_CAN_DERIVE | HSM_CAN_ENCRYPT)))
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot compute the check value of '%s' on token '%s': the key may neither "
			"derive "
			"nor encrypt",
			key->label, hsm->label);
	st = hsm_do(hsm, &work, run_check, &c, NULL, err);
	if (st)
		return st;
	memcpy(ret_check, c.check, c.len);
	*ret_len = c.len;
	return KMS_OK;
}

/* --- proofs --- */

static CK_RV proof_cipher(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, enum hsm_wrap wrap, bool encrypt, const unsigned char *in,
	unsigned char *out)
{
	bool cbc = wrap == HSM_WRAP_CBC;

	return hsm_raw_cipher(hsm, session, key, hsm_cipher_mechanism(alg, cbc), cbc ? zeros : NULL,
		hsm_block_len(alg), encrypt, in, sizeof(proof_block), out);
}

/* Public bytes under the key, as if they were one themselves. */
static CK_RV wrap_public(struct hsm *hsm, CK_SESSION_HANDLE session, const struct hsm_key *key,
	enum hsm_wrap wrap, enum hsm_alg target_alg, const unsigned char *bytes, unsigned char *out,
	CK_ULONG *len)
{
	CK_OBJECT_HANDLE target;
	CK_RV rv;

	rv = hsm_raw_import(hsm, session, HSM_SCRATCH_TARGET, target_alg, bytes,
		hsm_alg_len(target_alg), &target);
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_wrap(hsm, session, key->handle, key->alg, wrap, target, out, len);
	hsm->p11->C_DestroyObject(session, target);
	return rv;
}

static CK_RV proof_wrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, enum hsm_wrap wrap, unsigned char *proof, size_t *proof_len)
{
	const struct hsm_key reference = {.handle = key, .alg = alg};
	CK_ULONG len = HSM_PROOF_MAX;
	CK_RV rv;

	rv = wrap_public(hsm, session, &reference, wrap, HSM_AES128, proof_key, proof, &len);
	*proof_len = len;
	return rv;
}

/*
 * Public bytes under a key that signs for cards: no command and no hash of a load file is like them
 * (16 bytes, the first of them no P1 that a card knows), so this MAC says nothing else.
 */
static CK_RV proof_mac(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned char *proof, size_t *proof_len)
{
	CK_MECHANISM mech = {hsm_is_tdea(alg) ? CKM_DES3_CMAC : CKM_AES_CMAC, NULL, 0};
	CK_ULONG len = HSM_PROOF_MAX;
	CK_RV rv = hsm->p11->C_SignInit(session, &mech, key);

	if (rv == CKR_OK)
		rv = hsm->p11->C_Sign(session, (CK_BYTE *)(uintptr_t)proof_block,
			sizeof(proof_block), proof, &len);
	*proof_len = len;
	return rv;
}

CK_RV hsm_raw_proof(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_wrap wrap, unsigned char *proof,
	size_t *proof_len)
{
	*proof_len = sizeof(proof_block);
	if (usage & HSM_CAN_DERIVE)
		return hsm_raw_ecb_read(
			hsm, session, key, alg, NULL, proof_block, sizeof(proof_block), proof);
	if (usage & HSM_CAN_WRAP)
		return proof_wrap(hsm, session, key, alg, wrap, proof, proof_len);
	if (usage & HSM_CAN_ENCRYPT)
		return proof_cipher(hsm, session, key, alg, wrap, true, proof_block, proof);
	if (usage & HSM_CAN_SIGN)
		return proof_mac(hsm, session, key, alg, proof, proof_len);
	return CKR_KEY_FUNCTION_NOT_PERMITTED;
}

static CK_RV unproof_unwrap(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, enum hsm_wrap wrap, const unsigned char *proof, size_t proof_len)
{
	unsigned char expected[16];
	unsigned char got[16];
	struct hsm_template t;
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	if (!hsm_host_ecb(HSM_AES128, proof_key, proof_block, sizeof(proof_block), expected))
		return CKR_HOST_MEMORY;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, HSM_AES128, 0, HSM_FOR_UNWRAP, NULL);
	rv = hsm_raw_unwrap(hsm, session, key, alg, wrap, proof, proof_len, &t, &object);
	if (hsm_rv_not_intact(hsm, rv))
		return HSM_RV_WRONG;
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_cipher(hsm, session, object, CKM_AES_ECB, NULL, 0, true, proof_block,
		sizeof(proof_block), got);
	hsm->p11->C_DestroyObject(session, object);
	if (rv != CKR_OK)
		return rv;
	return memcmp(got, expected, sizeof(got)) ? HSM_RV_WRONG : CKR_OK;
}

CK_RV hsm_raw_unproof(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, unsigned usage, enum hsm_wrap wrap, const unsigned char *proof,
	size_t proof_len)
{
	unsigned char again[HSM_PROOF_MAX];
	size_t again_len = 0;
	CK_RV rv;

	if (usage & (HSM_CAN_DERIVE | HSM_CAN_WRAP | HSM_CAN_ENCRYPT | HSM_CAN_SIGN)) {
		rv = hsm_raw_proof(hsm, session, key, alg, usage, wrap, again, &again_len);
		if (rv != CKR_OK)
			return rv;
		return again_len == proof_len && !memcmp(again, proof, proof_len) ? CKR_OK
										  : HSM_RV_WRONG;
	}
	if (usage & HSM_CAN_UNWRAP)
		return unproof_unwrap(hsm, session, key, alg, wrap, proof, proof_len);
	if (!(usage & HSM_CAN_DECRYPT))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (proof_len != sizeof(proof_block))
		return HSM_RV_WRONG;
	rv = proof_cipher(hsm, session, key, alg, wrap, false, proof, again);
	if (rv != CKR_OK)
		return rv;
	return memcmp(again, proof_block, sizeof(proof_block)) ? HSM_RV_WRONG : CKR_OK;
}

static CK_RV run_prove(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct check_ctx *c = arg;

	return hsm_raw_unproof(hsm, session, c->key->handle, c->key->alg, c->key->usage, c->wrap,
		c->proof, c->proof_len);
}

enum kms_status hsm_key_prove(struct hsm *hsm, struct hsm_key *key, enum hsm_wrap wrap,
	const unsigned char *proof, size_t proof_len, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "check the value of", .what = key->label, .key = {key}};
	struct check_ctx c = {.key = key, .wrap = wrap, .proof = proof, .proof_len = proof_len};
	enum kms_status st;
	CK_RV rv = CKR_OK;

	if (!proof_len || proof_len > HSM_PROOF_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot check the value of '%s': its recorded proof has %zu bytes",
			key->label, proof_len);
	st = hsm_do(hsm, &work, run_prove, &c, &rv, err);
	if (rv != HSM_RV_WRONG)
		return st;
	st = kms_fail(err, KMS_ERR_MISMATCH,
		"'%s' on token '%s' does not have the value that it was created with", key->label,
		hsm->label);
	kms_hint(err, "do not use it; run 'cardkms doctor' and compare with a backup");
	return st;
}

/* --- seals --- */

struct seal_ctx {
	struct hsm_key *kek;
	const unsigned char *digest;
	unsigned char seal[HSM_WRAPPED_MAX];
	CK_ULONG len;
};

static CK_RV run_seal(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct seal_ctx *c = arg;

	c->len = sizeof(c->seal);
	return wrap_public(
		hsm, session, c->kek, HSM_WRAP_AES_KW, HSM_AES256, c->digest, c->seal, &c->len);
}

enum kms_status hsm_seal(struct hsm *hsm, struct hsm_key *kek, const unsigned char digest[32],
	unsigned char ret_seal[HSM_SEAL_LEN], struct kms_err *err)
{
	const struct hsm_work work = {.doing = "seal with", .what = kek->label, .key = {kek}};
	struct seal_ctx c = {.kek = kek, .digest = digest};
	enum kms_status st = hsm_do(hsm, &work, run_seal, &c, NULL, err);

	if (!st && c.len != HSM_SEAL_LEN)
		st = kms_fail(err, KMS_ERR_HSM,
			"cannot seal with '%s' on token '%s': the token wrapped %lu bytes, not %d",
			kek->label, hsm->label, c.len, HSM_SEAL_LEN);
	if (!st)
		memcpy(ret_seal, c.seal, HSM_SEAL_LEN);
	return st;
}
