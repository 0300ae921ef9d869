/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key from bytes of the host, and bytes of a token for the host, on tokens in FIPS mode too, which
 * take no key in clear and give out nothing that was derived from a sensitive one.
 *
 * In: the bytes are encrypted by a key that the token generated for this call, and unwrapped by it. That
 * key has ENCRYPT and UNWRAP, which no other key of this program has, and is gone afterwards. Out:
 * what ECB_ENCRYPT_DATA would have derived is what a session copy with ENCRYPT encrypts.
 */
#include "hsm/internal.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char zero_iv[16];
static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

/* A value in clear, or a template with SENSITIVE = false, was refused as such. */
static bool refused_in_clear(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_TEMPLATE_INCONSISTENT ||
	       rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ACTION_PROHIBITED;
}

/* --- in --- */

static CK_RV generate_carrier(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *ret_key)
{
	static const CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
	static const CK_KEY_TYPE type = CKK_AES;
	static const CK_ULONG len = 32;
	CK_MECHANISM mech = {CKM_AES_KEY_GEN, NULL, 0};
	struct hsm_template t = {.count = 0};

	hsm_template_add(&t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(&t, CKA_KEY_TYPE, &type, sizeof(type));
	hsm_template_add(&t, CKA_VALUE_LEN, &len, sizeof(len));
	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_SENSITIVE, &yes, sizeof(yes));
	hsm_template_add(&t, CKA_EXTRACTABLE, &no, sizeof(no));
	hsm_template_usage(&t, object_class, HSM_CAN_ENCRYPT | HSM_CAN_UNWRAP);
	return hsm->p11->C_GenerateKey(session, &mech, t.attr, t.count, ret_key);
}

static CK_RV carry(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE carrier,
	struct hsm_template *t, const void *value, size_t len, CK_OBJECT_HANDLE *ret_object)
{
	CK_MECHANISM mech = {CKM_AES_CBC_PAD, (void *)(uintptr_t)zero_iv, sizeof(zero_iv)};
	const CK_ULONG value_len = len;
	CK_ULONG out_len = (len / 16 + 1) * 16;
	FREE_AUTO CK_BYTE *out = malloc(out_len);
	CK_RV rv;

	if (!out)
		return CKR_HOST_MEMORY;
	if (hsm->quirks->unwrap_needs_value_len && t->key_type != CKK_DES2 &&
		t->key_type != CKK_DES3)
		hsm_template_add(t, CKA_VALUE_LEN, &value_len, sizeof(value_len));
	rv = hsm->p11->C_EncryptInit(session, &mech, carrier);
	if (rv == CKR_OK)
		rv = hsm->p11->C_Encrypt(session, (CK_BYTE *)(uintptr_t)value, len, out, &out_len);
	if (rv == CKR_OK)
		rv = hsm->p11->C_UnwrapKey(
			session, &mech, carrier, out, out_len, t->attr, t->count, ret_object);
	return rv;
}

static CK_RV create_carried(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_object)
{
	CK_OBJECT_HANDLE carrier;
	CK_RV rv = generate_carrier(hsm, session, &carrier);

	if (rv != CKR_OK)
		return rv;
	rv = carry(hsm, session, carrier, t, value, len, ret_object);
	hsm->p11->C_DestroyObject(session, carrier);
	return rv;
}

CK_RV hsm_raw_create(struct hsm *hsm, CK_SESSION_HANDLE session, struct hsm_template *t,
	const void *value, size_t len, CK_OBJECT_HANDLE *ret_object)
{
	CK_RV clear = CKR_OK;
	CK_RV rv;

	if (!hsm->carries) {
		hsm_template_add(t, CKA_VALUE, value, len);
		clear = hsm->p11->C_CreateObject(session, t->attr, t->count, ret_object);
		if (!refused_in_clear(clear))
			return clear;
		t->count--;
	}
	rv = create_carried(hsm, session, t, value, len, ret_object);
	if (rv == CKR_OK)
		hsm->carries = true;
	return rv == CKR_OK || clear == CKR_OK ? rv : clear;
}

/* --- out --- */

static CK_RV encrypt_by_copy(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg alg, const unsigned char *iv, const unsigned char *data, size_t len,
	unsigned char *out)
{
	struct hsm_template t = {.count = 0};
	CK_OBJECT_HANDLE copy;
	CK_RV rv;

	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_ENCRYPT, &yes, sizeof(yes));
	rv = hsm->p11->C_CopyObject(session, base, t.attr, t.count, &copy);
	if (rv != CKR_OK)
		return rv;
	rv = hsm_raw_cipher(hsm, session, copy, hsm_cipher_mechanism(alg, iv != NULL), iv,
		hsm_block_len(alg), true, data, len, out);
	hsm->p11->C_DestroyObject(session, copy);
	return rv;
}

CK_RV hsm_raw_ecb_read(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE base,
	enum hsm_alg base_alg, const unsigned char *iv, const unsigned char *data, size_t len,
	unsigned char *out)
{
	CK_RV clear = CKR_OK;
	CK_RV rv;

	if (!hsm->reads_by_copy) {
		clear = hsm_raw_ecb_derived(hsm, session, base, base_alg, iv, data, len, out);
		if (!refused_in_clear(clear))
			return clear;
	}
	rv = encrypt_by_copy(hsm, session, base, base_alg, iv, data, len, out);
	if (rv == CKR_OK)
		hsm->reads_by_copy = true;
	return rv == CKR_OK || clear == CKR_OK ? rv : clear;
}
