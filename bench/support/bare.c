/* SPDX-License-Identifier: Apache-2.0 */
#include "support/bare.h"

#include <string.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* Raw bytes for a card: sensitive, extractable, no usage. */
static CK_RV derive_card(
	const struct bare *b, CK_MECHANISM *mech, CK_ULONG len, CK_OBJECT_HANDLE *key)
{
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &secret_key, sizeof(secret_key)},
		{CKA_KEY_TYPE, &generic, sizeof(generic)},
		{CKA_VALUE_LEN, &len, sizeof(len)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_PRIVATE, &yes, sizeof(yes)},
		{CKA_SENSITIVE, &yes, sizeof(yes)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
		{CKA_ENCRYPT, &no, sizeof(no)},
		{CKA_DECRYPT, &no, sizeof(no)},
		{CKA_SIGN, &no, sizeof(no)},
		{CKA_VERIFY, &no, sizeof(no)},
		{CKA_WRAP, &no, sizeof(no)},
		{CKA_UNWRAP, &no, sizeof(no)},
		{CKA_DERIVE, &no, sizeof(no)},
	};

	return b->p11->C_DeriveKey(b->session, mech, b->master, t, COUNT_OF(t), key);
}

/* E_K(0): readable, as CMAC needs it in the host. */
static CK_RV read_zero_block(const struct bare *b, unsigned char out[16])
{
	static CK_BYTE zeros[16];
	CK_KEY_DERIVATION_STRING_DATA data = {zeros, sizeof(zeros)};
	CK_MECHANISM mech = {CKM_AES_ECB_ENCRYPT_DATA, &data, sizeof(data)};
	CK_ATTRIBUTE value = {CKA_VALUE, out, 16};
	CK_OBJECT_HANDLE key;
	CK_ULONG len = 16;
	CK_ATTRIBUTE t[] = {
		{CKA_CLASS, &secret_key, sizeof(secret_key)},
		{CKA_KEY_TYPE, &generic, sizeof(generic)},
		{CKA_VALUE_LEN, &len, sizeof(len)},
		{CKA_TOKEN, &no, sizeof(no)},
		{CKA_PRIVATE, &no, sizeof(no)},
		{CKA_SENSITIVE, &no, sizeof(no)},
		{CKA_EXTRACTABLE, &yes, sizeof(yes)},
	};
	CK_RV rv;

	rv = b->p11->C_DeriveKey(b->session, &mech, b->master, t, COUNT_OF(t), &key);
	if (rv != CKR_OK)
		return rv;
	rv = b->p11->C_GetAttributeValue(b->session, key, &value, 1);
	b->p11->C_DestroyObject(b->session, key);
	return rv;
}

CK_RV bare_visa2(const struct bare *b, const unsigned char kdd[BARE_KDD_LEN], unsigned number,
	CK_OBJECT_HANDLE *ret_key)
{
	static const unsigned char at[] = {0, 1, 4, 5, 6, 7};
	CK_BYTE block[16];
	CK_KEY_DERIVATION_STRING_DATA data = {block, sizeof(block)};
	CK_MECHANISM mech = {CKM_DES3_ECB_ENCRYPT_DATA, &data, sizeof(data)};

	for (size_t i = 0; i < sizeof(at); i++)
		block[i] = block[8 + i] = kdd[at[i]];
	block[6] = 0xF0;
	block[14] = 0x0F;
	block[7] = block[15] = (CK_BYTE)number;
	return derive_card(b, &mech, sizeof(block), ret_key);
}

CK_RV bare_kdf3(const struct bare *b, const unsigned char kdd[BARE_KDD_LEN], unsigned number,
	CK_OBJECT_HANDLE *ret_key)
{
	CK_BYTE block[32] = {0}, k1[16];
	CK_KEY_DERIVATION_STRING_DATA data = {block, sizeof(block)};
	CK_MECHANISM mech = {CKM_AES_ECB_ENCRYPT_DATA, &data, sizeof(data)};
	CK_RV rv = read_zero_block(b, k1);
	unsigned carry;

	if (rv != CKR_OK)
		return rv;
	carry = k1[0] >> 7;
	for (size_t i = 0; i < 15; i++)
		k1[i] = (CK_BYTE)(k1[i] << 1 | k1[i + 1] >> 7);
	k1[15] = (CK_BYTE)(k1[15] << 1 ^ (carry ? 0x87 : 0));
	for (size_t i = 0; i < 2; i++) {
		CK_BYTE *p = block + 16 * i;

		p[0] = (CK_BYTE)(i + 1);
		p[4] = (CK_BYTE)number;
		memcpy(p + 6, kdd, BARE_KDD_LEN);
		for (size_t j = 0; j < 16; j++)
			p[j] ^= k1[j];
	}
	return derive_card(b, &mech, sizeof(block), ret_key);
}

CK_RV bare_wrap(const struct bare *b, CK_OBJECT_HANDLE key, unsigned char *out, CK_ULONG *len)
{
	CK_MECHANISM mech = {CKM_AES_KEY_WRAP, NULL, 0};

	*len = BARE_WRAPPED_MAX;
	return b->p11->C_WrapKey(b->session, &mech, b->kek, key, out, len);
}

enum kms_status bare_same_object(
	const struct bare *b, CK_OBJECT_HANDLE x, CK_OBJECT_HANDLE y, struct kms_err *err)
{
	static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE_LEN, CKA_TOKEN,
		CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,
		CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_ID,
		CKA_LABEL, CKA_START_DATE, CKA_END_DATE};

	for (size_t i = 0; i < COUNT_OF(types); i++) {
		unsigned char v[2][64] = {{0}, {0}};
		CK_ATTRIBUTE a[] = {{types[i], v[0], sizeof(v[0])}, {types[i], v[1], sizeof(v[1])}};
		CK_RV rv0 = b->p11->C_GetAttributeValue(b->session, x, &a[0], 1);
		CK_RV rv1 = b->p11->C_GetAttributeValue(b->session, y, &a[1], 1);

		if (rv0 != rv1 || a[0].ulValueLen != a[1].ulValueLen ||
			memcmp(v[0], v[1], sizeof(v[0])) != 0)
			return kms_fail(err, KMS_ERR_MISMATCH,
				"the bare loop does not make the same object: attribute 0x%lx "
				"differs",
				types[i]);
	}
	return KMS_OK;
}
