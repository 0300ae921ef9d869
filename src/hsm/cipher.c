/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers, MACs, signatures and random bytes on handles. */
#include "hsm/internal.h"

#include <string.h>

CK_RV hsm_raw_cipher(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	CK_MECHANISM_TYPE mechanism, const unsigned char *iv, size_t iv_len, bool encrypt,
	const unsigned char *data, size_t len, unsigned char *out)
{
	CK_MECHANISM mech = {mechanism, (void *)(uintptr_t)iv, iv ? iv_len : 0};
	CK_ULONG got = len;
	CK_RV rv;

	rv = encrypt ? hsm->p11->C_EncryptInit(session, &mech, key)
		     : hsm->p11->C_DecryptInit(session, &mech, key);
	if (rv != CKR_OK)
		return rv;
	rv = encrypt ? hsm->p11->C_Encrypt(session, (CK_BYTE *)(uintptr_t)data, len, out, &got)
		     : hsm->p11->C_Decrypt(session, (CK_BYTE *)(uintptr_t)data, len, out, &got);
	return rv == CKR_OK && got != len ? CKR_DATA_LEN_RANGE : rv;
}

struct cipher_ctx {
	struct hsm_key *key;
	bool encrypt;
	const unsigned char *iv;
	const unsigned char *data;
	size_t len;
	unsigned char *out;
};

static CK_RV run_cipher(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct cipher_ctx *c = arg;

	return hsm_raw_cipher(hsm, session, c->key->handle,
		hsm_cipher_mechanism(c->key->alg, c->iv != NULL), c->iv, hsm_block_len(c->key->alg),
		c->encrypt, c->data, c->len, c->out);
}

static enum kms_status cipher(struct hsm *hsm, struct cipher_ctx *c, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = c->encrypt ? "encrypt under" : "decrypt under",
		.what = c->key->label,
		.key = {c->key},
	};
	size_t block = hsm_block_len(c->key->alg);

	if (!block || !c->len || c->len % block)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot %s '%s': %zu bytes are not whole blocks", work.doing, work.what,
			c->len);
	return hsm_do(hsm, &work, run_cipher, c, NULL, err);
}

enum kms_status hsm_encrypt(struct hsm *hsm, struct hsm_key *key, const unsigned char *iv,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err)
{
	struct cipher_ctx c = {key, true, iv, data, len, out};

	return cipher(hsm, &c, err);
}

enum kms_status hsm_decrypt(struct hsm *hsm, struct hsm_key *key, const unsigned char *iv,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err)
{
	struct cipher_ctx c = {key, false, iv, data, len, out};

	return cipher(hsm, &c, err);
}

/* --- MAC and signature: C_SignInit, C_Sign --- */

struct sign_ctx {
	struct hsm_key *key;
	CK_MECHANISM_TYPE mechanism;
	const unsigned char *data;
	size_t len;
	unsigned char *out;
	CK_ULONG out_len;
};

static CK_RV run_sign(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct sign_ctx *c = arg;
	CK_MECHANISM mech = {c->mechanism, NULL, 0};
	CK_RV rv = hsm->p11->C_SignInit(session, &mech, c->key->handle);

	if (rv != CKR_OK)
		return rv;
	return hsm->p11->C_Sign(
		session, (CK_BYTE *)(uintptr_t)c->data, c->len, c->out, &c->out_len);
}

enum kms_status hsm_cmac(struct hsm *hsm, struct hsm_key *key, const unsigned char *data,
	size_t len, unsigned char *mac, size_t *ret_len, struct kms_err *err)
{
	const struct hsm_work work = {
		.doing = "compute a MAC under", .what = key->label, .key = {key}};
	struct sign_ctx c = {
		.key = key,
		.mechanism = hsm_is_tdea(key->alg) ? CKM_DES3_CMAC : CKM_AES_CMAC,
		.data = data,
		.len = len,
		.out = mac,
		.out_len = hsm_block_len(key->alg),
	};
	enum kms_status st;

	st = hsm_do(hsm, &work, run_sign, &c, NULL, err);
	if (!st)
		*ret_len = c.out_len;
	return st;
}

enum kms_status hsm_sign(struct hsm *hsm, struct hsm_key *key, const unsigned char digest[32],
	unsigned char ret_sig[64], struct kms_err *err)
{
	const struct hsm_work work = {.doing = "sign with", .what = key->label, .key = {key}};
	unsigned char sig[64];
	struct sign_ctx c = {
		.key = key,
		.mechanism = CKM_ECDSA,
		.data = digest,
		.len = 32,
		.out = sig,
		.out_len = sizeof(sig),
	};
	enum kms_status st;

	st = hsm_do(hsm, &work, run_sign, &c, NULL, err);
	if (st)
		return st;
	if (c.out_len != sizeof(sig))
		return kms_fail(err, KMS_ERR_HSM,
			"cannot sign with '%s' on token '%s': the signature has %lu bytes instead "
			"of 64",
			key->label, hsm->label, c.out_len);
	memcpy(ret_sig, sig, sizeof(sig));
	return KMS_OK;
}

/* --- random --- */

struct random_ctx {
	unsigned char *out;
	size_t len;
};

static CK_RV run_random(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct random_ctx *c = arg;

	return hsm->p11->C_GenerateRandom(session, c->out, c->len);
}

static const struct hsm_work random_work = {.doing = "draw random bytes"};

enum kms_status hsm_random(
	struct hsm *hsm, size_t len, struct secret *ret_bytes, struct kms_err *err)
{
	SECRET_AUTO struct secret bytes = {0};
	enum kms_status st;

	st = secret_alloc(&bytes, len, err);
	if (!st)
		st = hsm_do(hsm, &random_work, run_random, &(struct random_ctx){bytes.data, len},
			NULL, err);
	if (!st)
		secret_take(ret_bytes, &bytes);
	return st;
}

enum kms_status hsm_random_public(struct hsm *hsm, void *out, size_t len, struct kms_err *err)
{
	return hsm_do(hsm, &random_work, run_random, &(struct random_ctx){out, len}, NULL, err);
}
