/* SPDX-License-Identifier: Apache-2.0 */
/* Derivation by encrypted data: CKM_*_ECB_ENCRYPT_DATA and CKM_*_CBC_ENCRYPT_DATA. */
#include "hsm/internal.h"

#include <string.h>

CK_RV hsm_raw_derive_data(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	struct hsm_template *t, CK_OBJECT_HANDLE *ret_object)
{
	CK_BYTE *bytes = (CK_BYTE *)(uintptr_t)data;
	CK_KEY_DERIVATION_STRING_DATA ecb = {bytes, len};
	CK_DES_CBC_ENCRYPT_DATA_PARAMS des;
	CK_AES_CBC_ENCRYPT_DATA_PARAMS aes;
	bool tdea = hsm_is_tdea(base_alg);
	CK_MECHANISM mech;

	if (!iv) {
		mech = (CK_MECHANISM){tdea ? CKM_DES3_ECB_ENCRYPT_DATA : CKM_AES_ECB_ENCRYPT_DATA,
			&ecb, sizeof(ecb)};
	} else if (tdea) {
		memcpy(des.iv, iv, sizeof(des.iv));
		des.pData = bytes;
		des.length = len;
		mech = (CK_MECHANISM){CKM_DES3_CBC_ENCRYPT_DATA, &des, sizeof(des)};
	} else {
		memcpy(aes.iv, iv, sizeof(aes.iv));
		aes.pData = bytes;
		aes.length = len;
		mech = (CK_MECHANISM){CKM_AES_CBC_ENCRYPT_DATA, &aes, sizeof(aes)};
	}
	return hsm->p11->C_DeriveKey(session, &mech, base, t->attr, t->count, ret_object);
}

CK_RV hsm_raw_ecb_derived(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	unsigned char *out)
{
	static const CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
	static const CK_KEY_TYPE key_type = CKK_GENERIC_SECRET;
	static const CK_BBOOL yes = CK_TRUE;
	static const CK_BBOOL no = CK_FALSE;
	const CK_ULONG value_len = len;
	struct hsm_template t = {.count = 0};
	CK_ATTRIBUTE value = {CKA_VALUE, out, len};
	CK_OBJECT_HANDLE object;
	CK_RV rv;

	hsm_template_add(&t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(&t, CKA_KEY_TYPE, &key_type, sizeof(key_type));
	hsm_template_add(&t, CKA_VALUE_LEN, &value_len, sizeof(value_len));
	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_PRIVATE, &no, sizeof(no));
	hsm_template_add(&t, CKA_SENSITIVE, &no, sizeof(no));
	hsm_template_add(&t, CKA_EXTRACTABLE, &yes, sizeof(yes));
	rv = hsm_raw_derive_data(hsm, session, base, base_alg, iv, data, len, &t, &object);
	if (rv != CKR_OK)
		return rv;
	rv = hsm->p11->C_GetAttributeValue(session, object, &value, 1);
	if (rv == CKR_OK && value.ulValueLen != len)
		rv = HSM_RV_WRONG;
	hsm->p11->C_DestroyObject(session, object);
	return rv;
}

/* --- with the driver --- */

struct derive_ctx {
	struct hsm_key *base;
	const unsigned char *iv;
	const unsigned char *data;
	size_t len;
	struct hsm_template t;
	CK_OBJECT_HANDLE object;
	unsigned char *out;
};

static CK_RV run_derive(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct derive_ctx *c = arg;

	return hsm_raw_derive_data(hsm, session, c->base->handle, c->base->alg, c->iv, c->data,
		c->len, &c->t, &c->object);
}

static enum kms_status length_rules(
	const struct hsm *hsm, const struct hsm_key *base, size_t len, struct kms_err *err)
{
	size_t block = hsm_block_len(base->alg);

	if (!block || !len || len % block)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot derive from '%s': %zu bytes are not whole blocks", base->label,
			len);
	if (hsm->quirks->derive_max && len > hsm->quirks->derive_max)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot derive from '%s' on token '%s': it takes %zu bytes a call, not %zu",
			base->label, hsm->label, hsm->quirks->derive_max, len);
	return KMS_OK;
}

enum kms_status hsm_derive_cbc(struct hsm *hsm, struct hsm_key *base, const unsigned char *iv,
	const unsigned char *data, size_t len, const struct hsm_temp *temp, struct hsm_key *ret_key,
	struct kms_err *err)
{
	const struct hsm_work work = {.doing = "derive from", .what = base->label, .key = {base}};
	struct derive_ctx c = {.base = base, .iv = iv, .data = data, .len = len};
	size_t want = temp->alg == HSM_RAW ? temp->len : hsm_alg_len(temp->alg);
	enum kms_status st;

	st = length_rules(hsm, base, len, err);
	if (st)
		return st;
	if (!want || want > len)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot derive from '%s': %zu bytes do not fill a key of %zu", base->label,
			len, want);
	hsm_template_fill(&c.t, hsm, temp->role, temp->alg, want, HSM_FOR_DERIVE, NULL);
	st = hsm_do(hsm, &work, run_derive, &c, NULL, err);
	if (st)
		return st;
	*ret_key = (struct hsm_key){
		.handle = c.object,
		.generation = base->generation,
		.alg = temp->alg,
		.usage = hsm_role_usage(temp->role),
	};
	return KMS_OK;
}

enum kms_status hsm_derive_ecb(struct hsm *hsm, struct hsm_key *base, const unsigned char *data,
	size_t len, const struct hsm_temp *temp, struct hsm_key *ret_key, struct kms_err *err)
{
	return hsm_derive_cbc(hsm, base, NULL, data, len, temp, ret_key, err);
}

static CK_RV run_read(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct derive_ctx *c = arg;

	return hsm_raw_ecb_read(
		hsm, session, c->base->handle, c->base->alg, c->iv, c->data, c->len, c->out);
}

enum kms_status hsm_ecb_read(struct hsm *hsm, struct hsm_key *base, const unsigned char *data,
	size_t len, unsigned char *out, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "derive from", .what = base->label, .key = {base}};
	struct derive_ctx c = {.base = base, .data = data, .len = len, .out = out};
	enum kms_status st;

	st = length_rules(hsm, base, len, err);
	return st ? st : hsm_do(hsm, &work, run_read, &c, NULL, err);
}

/* One object less than a derivation, where the key may encrypt. */
enum kms_status hsm_session_cbc(struct hsm *hsm, struct hsm_key *key, const unsigned char *data,
	size_t len, struct secret *ret_bytes, struct kms_err *err)
{
	static const unsigned char zero_iv[16];
	const struct hsm_work work = {.doing = "derive from", .what = key->label, .key = {key}};
	struct derive_ctx c = {.base = key, .iv = zero_iv, .data = data, .len = len};
	bool tdea = hsm_is_tdea(key->alg), encrypt = false, derive = false;
	SECRET_AUTO struct secret bytes = {0};
	enum kms_status st = length_rules(hsm, key, len, err);

	if (!st && key->usage & HSM_CAN_ENCRYPT)
		st = hsm_cap_works(hsm, tdea ? CAP_TDEA_CBC : CAP_AES_CBC, &encrypt, err);
	if (!st && !encrypt && key->usage & HSM_CAN_DERIVE)
		st = hsm_cap_works(
			hsm, tdea ? CAP_TDEA_CBC_DERIVE : CAP_AES_CBC_DERIVE, &derive, err);
	if (!st && !encrypt && !derive)
		st = kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot make session keys from '%s': token '%s' can neither encrypt nor "
			"derive by CBC under it",
			key->label, hsm->label);
	if (!st)
		st = secret_alloc(&bytes, len, err);
	if (st)
		return st;
	c.out = bytes.data;
	st = encrypt ? hsm_encrypt(hsm, key, zero_iv, data, len, bytes.data, err)
		     : hsm_do(hsm, &work, run_read, &c, NULL, err);
	if (!st)
		secret_take(ret_bytes, &bytes);
	return st;
}
