/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/attack.h"

#include "hsm/internal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;

/* The key that is attacked: AES-256, or 3TDEA for what is about DES; known, to see a success. */
static const enum hsm_alg target_alg = HSM_AES256;

/* What the attacker knows of his own keys. */
static const unsigned char own_value[32] = {0x5a, 0x17, 0xc3, 0x88, 0x21, 0x4e, 0x9d, 0x60, 0x0b,
	0x72, 0xfe, 0x35, 0xa9, 0x46, 0xd8, 0x1c, 0x83, 0x2f, 0xe1, 0x54, 0x97, 0x68, 0x0d, 0xba,
	0x3e, 0xc5, 0x71, 0x19, 0xf4, 0xa2, 0x6b, 0xd0};

struct attack {
	struct hsm *hsm;
	CK_SESSION_HANDLE session;
	unsigned role;		 /* of the target */
	CK_OBJECT_HANDLE target; /* made as the role's keys are */
};

struct attack_row {
	const char *name;
	enum hsm_role target;
	CK_RV (*run)(const struct attack *a);
	const char *what;
};

static const unsigned char *target_value(void)
{
	return hsm_test_key(target_alg);
}

/* ---- what an attacker does ---- */

static void own_template(
	struct hsm_template *t, enum hsm_alg alg, unsigned usage, const CK_ATTRIBUTE *extra)
{
	static const CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;

	t->count = 0;
	t->key_type = hsm_key_type(alg);
	hsm_template_add(t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(t, CKA_KEY_TYPE, &t->key_type, sizeof(t->key_type));
	hsm_template_add(t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(t, CKA_SENSITIVE, &yes, sizeof(yes));
	hsm_template_add(t, CKA_EXTRACTABLE, &yes, sizeof(yes));
	hsm_template_usage(t, object_class, usage);
	if (extra)
		hsm_template_add(t, extra->type, extra->pValue, extra->ulValueLen);
}

/* A key of his own: generated if value is NULL; usage is HSM_CAN_…, and extra one attribute more. */
static CK_RV own_key(const struct attack *a, enum hsm_alg alg, unsigned usage,
	const unsigned char *value, const CK_ATTRIBUTE *extra, CK_OBJECT_HANDLE *ret_key)
{
	CK_MECHANISM generate = {hsm_is_tdea(alg)
					 ? alg == HSM_TDEA2 ? CKM_DES2_KEY_GEN : CKM_DES3_KEY_GEN
					 : CKM_AES_KEY_GEN,
		NULL, 0};
	const CK_ULONG len = hsm_alg_len(alg);
	struct hsm_template t;

	own_template(&t, alg, usage, extra);
	if (value) {
		hsm_template_add(&t, CKA_VALUE, value, len);
		return a->hsm->p11->C_CreateObject(a->session, t.attr, t.count, ret_key);
	}
	if (!hsm_is_tdea(alg))
		hsm_template_add(&t, CKA_VALUE_LEN, &len, sizeof(len));
	return a->hsm->p11->C_GenerateKey(a->session, &generate, t.attr, t.count, ret_key);
}

/* Another key to attack, with the target's value and DERIVE only. */
static CK_RV other_target(
	const struct attack *a, const CK_ATTRIBUTE *extra, CK_OBJECT_HANDLE *ret_key)
{
	struct hsm_template t;

	own_template(&t, target_alg, HSM_CAN_DERIVE, extra);
	return hsm_raw_create(
		a->hsm, a->session, &t, target_value(), hsm_alg_len(target_alg), ret_key);
}

static CK_RV set_bool(
	const struct attack *a, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, const CK_BBOOL *value)
{
	CK_ATTRIBUTE attr = {type, (void *)(uintptr_t)value, sizeof(*value)};

	return a->hsm->p11->C_SetAttributeValue(a->session, key, &attr, 1);
}

static CK_RV copy_with(const struct attack *a, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
	const CK_BBOOL *value, CK_OBJECT_HANDLE *ret_key)
{
	CK_ATTRIBUTE attr[] = {{CKA_TOKEN, (void *)(uintptr_t)&no, sizeof(no)},
		{type, (void *)(uintptr_t)value, sizeof(*value)}};

	return a->hsm->p11->C_CopyObject(a->session, key, attr, COUNT_OF(attr), ret_key);
}

/* CKR_OK only if these are the target's first bytes. */
static CK_RV compare(const unsigned char *got, size_t len)
{
	return len >= hsm_alg_len(target_alg) &&
			       !memcmp(got, target_value(), hsm_alg_len(target_alg))
		       ? CKR_OK
		       : HSM_RV_WRONG;
}

static CK_RV read_value(const struct attack *a, CK_OBJECT_HANDLE key)
{
	unsigned char got[64];
	CK_ATTRIBUTE value = {CKA_VALUE, got, sizeof(got)};
	CK_RV rv = a->hsm->p11->C_GetAttributeValue(a->session, key, &value, 1);

	if (rv == CKR_OK && value.ulValueLen == CK_UNAVAILABLE_INFORMATION)
		rv = CKR_ATTRIBUTE_SENSITIVE;
	return rv == CKR_OK ? compare(got, value.ulValueLen) : rv;
}

static const enum hsm_wrap ways[] = {HSM_WRAP_AES_KW, HSM_WRAP_CBC, HSM_WRAP_ECB};

/* Some way of wrapping the key; *ret_how tells which. */
static CK_RV wrap_somehow(const struct attack *a, CK_OBJECT_HANDLE kek, enum hsm_alg kek_alg,
	CK_OBJECT_HANDLE key, unsigned char *out, CK_ULONG *len, enum hsm_wrap *ret_how)
{
	CK_RV rv = CKR_MECHANISM_INVALID;

	for (size_t i = hsm_is_tdea(kek_alg) ? 1 : 0; i < COUNT_OF(ways); i++) {
		CK_RV this;

		*len = HSM_WRAPPED_MAX;
		this = hsm_raw_wrap(a->hsm, a->session, kek, kek_alg, ways[i], key, out, len);
		if (this == CKR_OK) {
			*ret_how = ways[i];
			return CKR_OK;
		}
		/* A refusal tells more than a mechanism that there is not. */
		if (rv == CKR_MECHANISM_INVALID)
			rv = this;
	}
	return rv;
}

/* Wraps the key under one whose value is known: what comes out gives it away. */
static CK_RV wrap_known(const struct attack *a, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key)
{
	unsigned char got[HSM_WRAPPED_MAX];
	unsigned char expected[HSM_WRAPPED_MAX];
	size_t expected_len = 0;
	enum hsm_wrap how;
	CK_ULONG len;
	CK_RV rv = wrap_somehow(a, kek, HSM_AES256, key, got, &len, &how);

	if (rv != CKR_OK)
		return rv;
	if (!hsm_host_wrap(HSM_AES256, own_value, how, target_value(), hsm_alg_len(target_alg),
		    expected, &expected_len))
		return CKR_HOST_MEMORY;
	return len == expected_len && !memcmp(got, expected, len) ? CKR_OK : HSM_RV_WRONG;
}

static CK_RV ecb(const struct attack *a, CK_OBJECT_HANDLE key, bool encrypt, unsigned char *block)
{
	unsigned char out[16];
	CK_RV rv = hsm_raw_cipher(
		a->hsm, a->session, key, CKM_AES_ECB, NULL, 0, encrypt, block, sizeof(out), out);

	memcpy(block, out, sizeof(out));
	return rv;
}

/* AES key wrap or unwrap of 32 bytes, block by block with ECB: RFC 3394, section 2.2. */
static CK_RV key_wrap_by_ecb(
	const struct attack *a, CK_OBJECT_HANDLE key, bool encrypt, unsigned char *r)
{
	enum { N = 4 };
	unsigned char block[16];
	CK_RV rv = CKR_OK;

	if (encrypt)
		memset(r, 0xa6, 8);
	for (unsigned step = 0; rv == CKR_OK && step < 6 * N; step++) {
		const unsigned t = encrypt ? step + 1 : 6 * N - step;
		unsigned char *part = r + 8 * ((t - 1) % N + 1);

		memcpy(block, r, 8);
		memcpy(block + 8, part, 8);
		if (!encrypt)
			block[7] ^= (unsigned char)t;
		rv = ecb(a, key, encrypt, block);
		if (encrypt)
			block[7] ^= (unsigned char)t;
		memcpy(r, block, 8);
		memcpy(part, block + 8, 8);
	}
	return rv;
}

/* Opens what the same key wrapped, by C_Decrypt. */
static CK_RV open_by_decrypt(const struct attack *a, CK_OBJECT_HANDLE kek, enum hsm_wrap how,
	unsigned char *wrapped, size_t len)
{
	static const unsigned char zeros[16];
	unsigned char out[HSM_WRAPPED_MAX];
	CK_RV rv;

	if (how == HSM_WRAP_AES_KW) {
		rv = key_wrap_by_ecb(a, kek, false, wrapped);
		return rv == CKR_OK ? compare(wrapped + 8, len - 8) : rv;
	}
	rv = hsm_raw_cipher(a->hsm, a->session, kek,
		hsm_cipher_mechanism(HSM_AES256, how == HSM_WRAP_CBC),
		how == HSM_WRAP_CBC ? zeros : NULL, 16, false, wrapped, len, out);
	return rv == CKR_OK ? compare(out, len) : rv;
}

static CK_RV wrap_and_decrypt(const struct attack *a, CK_OBJECT_HANDLE wrapper,
	CK_OBJECT_HANDLE decrypter, CK_OBJECT_HANDLE key)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	enum hsm_wrap how;
	CK_ULONG len;
	CK_RV rv = wrap_somehow(a, wrapper, HSM_AES256, key, wrapped, &len, &how);

	return rv == CKR_OK ? open_by_decrypt(a, decrypter, how, wrapped, len) : rv;
}

/* ---- Clulow 2003: conflicting usage, own keys, weaker keys ---- */

static CK_RV own_key_wraps(const struct attack *a)
{
	CK_OBJECT_HANDLE kek;
	CK_RV rv = own_key(a, HSM_AES256, HSM_CAN_WRAP, own_value, NULL, &kek);

	return rv == CKR_OK ? wrap_known(a, kek, a->target) : rv;
}

static CK_RV wrap_decrypt(const struct attack *a)
{
	CK_OBJECT_HANDLE kek;
	CK_RV rv = own_key(a, HSM_AES256, HSM_CAN_WRAP | HSM_CAN_DECRYPT, NULL, NULL, &kek);

	return rv == CKR_OK ? wrap_and_decrypt(a, kek, kek, a->target) : rv;
}

/* The two usages one after the other, on a key that had one. */
static CK_RV wrap_then_decrypt(const struct attack *a)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	CK_OBJECT_HANDLE kek;
	enum hsm_wrap how;
	CK_ULONG len;
	CK_RV rv = own_key(a, HSM_AES256, HSM_CAN_WRAP, NULL, NULL, &kek);

	if (rv == CKR_OK)
		rv = wrap_somehow(a, kek, HSM_AES256, a->target, wrapped, &len, &how);
	if (rv == CKR_OK)
		(void)!set_bool(a, kek, CKA_WRAP, &no);
	if (rv == CKR_OK)
		rv = set_bool(a, kek, CKA_DECRYPT, &yes);
	return rv == CKR_OK ? open_by_decrypt(a, kek, how, wrapped, len) : rv;
}

/* A known wrapping key is brought in by a key that encrypts and unwraps, where none can be created. */
static CK_RV unwrap_encrypt(const struct attack *a)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct hsm_template t;
	CK_OBJECT_HANDLE kek, own;
	CK_RV rv = own_key(a, HSM_AES256, HSM_CAN_UNWRAP | HSM_CAN_ENCRYPT, NULL, NULL, &kek);

	memcpy(wrapped + 8, own_value, sizeof(own_value));
	if (rv == CKR_OK)
		rv = key_wrap_by_ecb(a, kek, true, wrapped);
	hsm_template_fill(&t, a->hsm, HSM_TEMP_KEK, HSM_AES256, 0, HSM_FOR_UNWRAP, NULL);
	if (rv == CKR_OK)
		rv = hsm_raw_unwrap(a->hsm, a->session, kek, HSM_AES256, HSM_WRAP_AES_KW, wrapped,
			sizeof(own_value) + 8, &t, &own);
	return rv == CKR_OK ? wrap_known(a, own, a->target) : rv;
}

/* Out and in again under a key that nobody knows, with other attributes. */
static CK_RV reimport(const struct attack *a)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	static const CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
	static const CK_KEY_TYPE type = CKK_AES;
	const CK_ULONG value_len = hsm_alg_len(target_alg);
	struct hsm_template t = {.count = 0};
	CK_OBJECT_HANDLE kek, again;
	enum hsm_wrap how;
	CK_ULONG len;
	CK_RV rv = own_key(a, HSM_AES256, HSM_CAN_WRAP | HSM_CAN_UNWRAP, NULL, NULL, &kek);

	if (rv == CKR_OK)
		rv = wrap_somehow(a, kek, HSM_AES256, a->target, wrapped, &len, &how);
	hsm_template_add(&t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(&t, CKA_KEY_TYPE, &type, sizeof(type));
	if (a->hsm->quirks->unwrap_needs_value_len)
		hsm_template_add(&t, CKA_VALUE_LEN, &value_len, sizeof(value_len));
	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_SENSITIVE, &no, sizeof(no));
	hsm_template_add(&t, CKA_EXTRACTABLE, &yes, sizeof(yes));
	if (rv == CKR_OK)
		rv = hsm_raw_unwrap(
			a->hsm, a->session, kek, HSM_AES256, how, wrapped, len, &t, &again);
	return rv == CKR_OK ? read_value(a, again) : rv;
}

/* Under a key of 80 bits of strength, which is the easier one to find. */
static CK_RV weaker_key(const struct attack *a)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	CK_OBJECT_HANDLE kek;
	enum hsm_wrap how;
	CK_ULONG len;
	CK_RV rv = own_key(a, HSM_TDEA2, HSM_CAN_WRAP, NULL, NULL, &kek);

	return rv == CKR_OK ? wrap_somehow(a, kek, HSM_TDEA2, a->target, wrapped, &len, &how) : rv;
}

/* ECB does not bind the parts of a TDEA key: its first third twice is a key of 56 bits. */
static CK_RV key_parts_swapped(const struct attack *a)
{
	unsigned char wrapped[HSM_WRAPPED_MAX], value[16];
	const unsigned char *tdea = hsm_test_key(HSM_TDEA3);
	CK_OBJECT_HANDLE kek, key, weak;
	CK_ULONG len = sizeof(wrapped);
	struct hsm_template t;
	CK_RV rv = own_key(a, HSM_TDEA3, HSM_CAN_WRAP | HSM_CAN_UNWRAP, NULL, NULL, &kek);

	hsm_template_fill(&t, a->hsm, a->role, HSM_TDEA3, 0, HSM_FOR_CREATE, NULL);
	hsm_template_session(&t);
	if (rv == CKR_OK)
		rv = hsm_raw_create(a->hsm, a->session, &t, tdea, 24, &key);
	if (rv == CKR_OK)
		rv = hsm_raw_wrap(
			a->hsm, a->session, kek, HSM_TDEA3, HSM_WRAP_ECB, key, wrapped, &len);
	memcpy(wrapped + 8, wrapped, 8);
	hsm_template_fill(&t, a->hsm, HSM_TEMP_ENCRYPT, HSM_TDEA2, 0, HSM_FOR_UNWRAP, NULL);
	if (rv == CKR_OK)
		rv = hsm_raw_unwrap(
			a->hsm, a->session, kek, HSM_TDEA3, HSM_WRAP_ECB, wrapped, 16, &t, &weak);
	memcpy(value, tdea, 8);
	memcpy(value + 8, tdea, 8);
	return rv == CKR_OK ? hsm_test_value(a->hsm, a->session, weak, HSM_TDEA2, value) : rv;
}

/* Wrapped under a public key of the attacker's own. */
static CK_RV public_key_wraps(const struct attack *a)
{
	static const CK_OBJECT_CLASS object_class = CKO_PUBLIC_KEY;
	static const CK_KEY_TYPE type = CKK_RSA;
	static const unsigned char exponent[] = {1, 0, 1};
	CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
	CK_MECHANISM mech[] = {{CKM_RSA_PKCS, NULL, 0}, {CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)}};
	unsigned char modulus[256], out[256];
	struct hsm_template t = {.count = 0};
	CK_OBJECT_HANDLE public_key;
	CK_RV rv;

	/* Any odd number of that length does: it is wrapped under, never opened. */
	for (size_t i = 0; i < sizeof(modulus); i++)
		modulus[i] = own_value[i % sizeof(own_value)] | 0x81;
	hsm_template_add(&t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(&t, CKA_KEY_TYPE, &type, sizeof(type));
	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_WRAP, &yes, sizeof(yes));
	hsm_template_add(&t, CKA_MODULUS, modulus, sizeof(modulus));
	hsm_template_add(&t, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	rv = a->hsm->p11->C_CreateObject(a->session, t.attr, t.count, &public_key);
	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; i < COUNT_OF(mech); i++) {
		CK_ULONG len = sizeof(out);

		rv = a->hsm->p11->C_WrapKey(a->session, &mech[i], public_key, a->target, out, &len);
		if (rv == CKR_OK)
			break;
	}
	return rv;
}

/* ---- Bortolozzo et al. 2010: what a token should refuse and does not ---- */

static CK_RV read_sensitive(const struct attack *a)
{
	return read_value(a, a->target);
}

static CK_RV set_insensitive(const struct attack *a)
{
	CK_RV rv = set_bool(a, a->target, CKA_SENSITIVE, &no);

	return rv == CKR_OK ? read_value(a, a->target) : rv;
}

static CK_RV copy_insensitive(const struct attack *a)
{
	CK_OBJECT_HANDLE copy;
	CK_RV rv = copy_with(a, a->target, CKA_SENSITIVE, &no, &copy);

	return rv == CKR_OK ? read_value(a, copy) : rv;
}

static CK_RV set_extractable(const struct attack *a)
{
	CK_RV rv = set_bool(a, a->target, CKA_EXTRACTABLE, &yes);

	return rv == CKR_OK ? own_key_wraps(a) : rv;
}

static CK_RV copy_extractable(const struct attack *a)
{
	struct attack other = *a;
	CK_RV rv = copy_with(a, a->target, CKA_EXTRACTABLE, &yes, &other.target);

	return rv == CKR_OK ? own_key_wraps(&other) : rv;
}

/* The site's own transport key is given a second usage: then it opens what it wrapped. */
static CK_RV widen_transport(const struct attack *a)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv = other_target(a, NULL, &key);

	if (rv == CKR_OK)
		rv = set_bool(a, a->target, CKA_DECRYPT, &yes);
	return rv == CKR_OK ? wrap_and_decrypt(a, a->target, a->target, key) : rv;
}

static CK_RV copy_transport(const struct attack *a)
{
	CK_OBJECT_HANDLE key, copy;
	CK_RV rv = other_target(a, NULL, &key);

	if (rv == CKR_OK)
		rv = copy_with(a, a->target, CKA_DECRYPT, &yes, &copy);
	return rv == CKR_OK ? wrap_and_decrypt(a, a->target, copy, key) : rv;
}

/* ---- keys bound to keys: CONCATENATE, EXTRACT, XOR ---- */

static CK_RV derive_readable(const struct attack *a, CK_MECHANISM *mech, CK_ULONG len)
{
	static const CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
	static const CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	struct hsm_template t = {.count = 0};
	CK_OBJECT_HANDLE derived;
	CK_RV rv;

	hsm_template_add(&t, CKA_CLASS, &object_class, sizeof(object_class));
	hsm_template_add(&t, CKA_KEY_TYPE, &type, sizeof(type));
	hsm_template_add(&t, CKA_VALUE_LEN, &len, sizeof(len));
	hsm_template_add(&t, CKA_TOKEN, &no, sizeof(no));
	hsm_template_add(&t, CKA_SENSITIVE, &no, sizeof(no));
	hsm_template_add(&t, CKA_EXTRACTABLE, &yes, sizeof(yes));
	rv = a->hsm->p11->C_DeriveKey(a->session, mech, a->target, t.attr, t.count, &derived);
	return rv == CKR_OK ? read_value(a, derived) : rv;
}

static CK_RV extract_parts(const struct attack *a)
{
	CK_ULONG first_bit = 0;
	CK_MECHANISM mech = {CKM_EXTRACT_KEY_FROM_KEY, &first_bit, sizeof(first_bit)};

	return derive_readable(a, &mech, hsm_alg_len(target_alg));
}

static CK_RV xor_nothing(const struct attack *a)
{
	static unsigned char zeros[32];
	CK_KEY_DERIVATION_STRING_DATA data = {zeros, sizeof(zeros)};
	CK_MECHANISM mech = {CKM_XOR_BASE_AND_DATA, &data, sizeof(data)};

	return derive_readable(a, &mech, hsm_alg_len(target_alg));
}

static CK_RV concatenate(const struct attack *a)
{
	unsigned char byte = 0;
	CK_KEY_DERIVATION_STRING_DATA data = {&byte, 1};
	CK_MECHANISM mech = {CKM_CONCATENATE_BASE_AND_DATA, &data, sizeof(data)};

	return derive_readable(a, &mech, hsm_alg_len(target_alg) + 1);
}

/* No value comes out, but the key encrypts what the attacker likes. */
static CK_RV derive_oracle(const struct attack *a)
{
	static const unsigned char chosen[16] = "chosen plaintext";
	unsigned char got[16], expected[16];
	CK_RV rv = hsm_raw_ecb_derived(
		a->hsm, a->session, a->target, target_alg, NULL, chosen, sizeof(chosen), got);

	if (rv == CKR_OK && !hsm_host_ecb(target_alg, target_value(), chosen, 16, expected))
		return CKR_HOST_MEMORY;
	return rv != CKR_OK ? rv : memcmp(got, expected, 16) ? HSM_RV_WRONG : CKR_OK;
}

/* ---- trust ---- */

static CK_RV forge_trust(const struct attack *a)
{
	const CK_ATTRIBUTE trusted = {CKA_TRUSTED, (void *)(uintptr_t)&yes, sizeof(yes)};
	CK_OBJECT_HANDLE kek, guarded;
	const CK_ATTRIBUTE only = {CKA_WRAP_WITH_TRUSTED, (void *)(uintptr_t)&yes, sizeof(yes)};
	CK_RV rv = other_target(a, &only, &guarded);

	if (rv == CKR_OK)
		rv = own_key(a, HSM_AES256, HSM_CAN_WRAP, own_value, &trusted, &kek);
	return rv == CKR_OK ? wrap_known(a, kek, guarded) : rv;
}

static CK_RV drop_guard(const struct attack *a)
{
	const CK_ATTRIBUTE only = {CKA_WRAP_WITH_TRUSTED, (void *)(uintptr_t)&yes, sizeof(yes)};
	struct attack other = *a;
	CK_OBJECT_HANDLE guarded;
	CK_RV rv = other_target(a, &only, &guarded);

	other.target = guarded;
	if (rv == CKR_OK)
		rv = set_bool(a, guarded, CKA_WRAP_WITH_TRUSTED, &no);
	if (rv != CKR_OK)
		rv = copy_with(a, guarded, CKA_WRAP_WITH_TRUSTED, &no, &other.target);
	return rv == CKR_OK ? own_key_wraps(&other) : rv;
}

/* clang-format off */
static const struct attack_row rows[] = {
	{"own-key",           HSM_MASTER_VAULT,      own_key_wraps,     "wrapped under a key that the attacker brought"},
	{"wrap-decrypt",      HSM_MASTER_VAULT,      wrap_decrypt,      "wrapped and decrypted by one key"},
	{"wrap-then-decrypt", HSM_MASTER_VAULT,      wrap_then_decrypt, "wrapped by a key that decrypts afterwards"},
	{"unwrap-encrypt",    HSM_MASTER_VAULT,      unwrap_encrypt,    "wrapped under a key that was brought in by one that encrypts and unwraps"},
	{"reimport",          HSM_MASTER_VAULT,      reimport,          "wrapped, and unwrapped as one that can be read"},
	{"weaker-key",        HSM_MASTER_VAULT,      weaker_key,        "wrapped under a 2TDEA key"},
	{"key-parts",         HSM_MASTER_VAULT,      key_parts_swapped, "a third of a 3TDEA key made into a key of 56 bits"},
	{"public-key",        HSM_MASTER_VAULT,      public_key_wraps,  "wrapped under the attacker's public key"},
	{"read",              HSM_MASTER_VAULT,      read_sensitive,    "read, although SENSITIVE"},
	{"set-insensitive",   HSM_MASTER_VAULT,      set_insensitive,   "SENSITIVE taken off, then read"},
	{"copy-insensitive",  HSM_MASTER_VAULT,      copy_insensitive,  "copied without SENSITIVE, then read"},
	{"extract",           HSM_MASTER_VAULT,      extract_parts,     "EXTRACT_KEY_FROM_KEY into one that can be read"},
	{"xor",               HSM_MASTER_VAULT,      xor_nothing,       "XOR_BASE_AND_DATA into one that can be read"},
	{"concatenate",       HSM_MASTER_VAULT,      concatenate,       "CONCATENATE_BASE_AND_DATA into one that can be read"},
	{"oracle",            HSM_MASTER_VAULT,      derive_oracle,     "encrypts data of the attacker's choice (by DERIVE)"},
	{"own-key",           HSM_MASTER_PRODUCTION, own_key_wraps,     "wrapped although not EXTRACTABLE"},
	{"set-extractable",   HSM_MASTER_PRODUCTION, set_extractable,   "made EXTRACTABLE, then wrapped"},
	{"copy-extractable",  HSM_MASTER_PRODUCTION, copy_extractable,  "copied as EXTRACTABLE, then wrapped"},
	{"read",              HSM_MASTER_PRODUCTION, read_sensitive,    "read, although SENSITIVE"},
	{"copy-insensitive",  HSM_MASTER_PRODUCTION, copy_insensitive,  "copied without SENSITIVE, then read"},
	{"extract",           HSM_MASTER_PRODUCTION, extract_parts,     "EXTRACT_KEY_FROM_KEY into one that can be read"},
	{"xor",               HSM_MASTER_PRODUCTION, xor_nothing,       "XOR_BASE_AND_DATA into one that can be read"},
	{"oracle",            HSM_MASTER_PRODUCTION, derive_oracle,     "encrypts data of the attacker's choice (by DERIVE)"},
	{"widen",             HSM_TRANSPORT_WRAP,    widen_transport,   "given DECRYPT, then opens what it wrapped"},
	{"copy-widen",        HSM_TRANSPORT_WRAP,    copy_transport,    "copied with DECRYPT, which opens what it wrapped"},
	{"forge-trust",       HSM_MASTER_VAULT,      forge_trust,       "WRAP_WITH_TRUSTED: wrapped under a key that the attacker calls TRUSTED"},
	{"drop-guard",        HSM_MASTER_VAULT,      drop_guard,        "WRAP_WITH_TRUSTED: taken off, then wrapped"},
};
/* clang-format on */

/* ---- running them ---- */

size_t hsm_attack_count(void)
{
	return COUNT_OF(rows);
}

const char *hsm_attack_outcome_name(enum hsm_attack_outcome outcome)
{
	return outcome == HSM_ATTACK_SUCCEEDS ? "succeeds"
	       : outcome == HSM_ATTACK_FAILS  ? "fails"
					      : "not tried";
}

/* A key made as the role's keys are, but on the session. */
static CK_RV make_target(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned role,
	const struct hsm_new *spec, CK_OBJECT_HANDLE *ret_key)
{
	struct hsm_template t;

	hsm_template_fill(&t, hsm, role, spec->alg, 0, HSM_FOR_CREATE, spec);
	hsm_template_session(&t);
	return hsm_raw_create(hsm, session, &t, target_value(), hsm_alg_len(spec->alg), ret_key);
}

static struct hsm_new target_spec(enum hsm_role role)
{
	return (struct hsm_new){.alg = target_alg,
		.role = role,
		.wrap = hsm_role_row(role)->bound ? HSM_WRAP_AES_KW : HSM_WRAP_NONE,
		.label = "cardkms test"};
}

struct attack_ctx {
	const struct attack_row *row;
	CK_RV made, rv;
};

static CK_RV run_attack(struct hsm *hsm, CK_SESSION_HANDLE pooled, void *arg)
{
	struct attack_ctx *c = arg;
	struct hsm_new spec = target_spec(c->row->target);
	struct attack a = {.hsm = hsm, .role = c->row->target};
	CK_RV rv;

	(void)pooled;
	/* Of its own: closing it ends every object that was made. */
	rv = hsm->p11->C_OpenSession(
		hsm->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &a.session);
	if (rv != CKR_OK)
		return rv;
	c->made = make_target(hsm, a.session, a.role, &spec, &a.target);
	c->rv = c->made == CKR_OK ? c->row->run(&a) : c->made;
	hsm->p11->C_CloseSession(a.session);
	return CKR_OK;
}

enum kms_status hsm_attack_run(
	struct hsm *hsm, size_t i, struct hsm_attack_result *ret_result, struct kms_err *err)
{
	const struct attack_row *row = &rows[i];
	const struct hsm_work work = {.doing = "try an attack", .what = row->name};
	struct attack_ctx c = {.row = row};
	enum kms_status st;

	if (!hsm->logged_in)
		return kms_fail(err, KMS_ERR_STATE, "cannot try token '%s': nobody is logged in",
			hsm->label);
	st = hsm_template_prepare(hsm, row->target, err);
	if (!st)
		st = hsm_do(hsm, &work, run_attack, &c, NULL, err);
	if (st)
		return st;
	*ret_result = (struct hsm_attack_result){.name = row->name,
		.target = hsm_role_name(row->target),
		.what = row->what,
		.outcome = c.made != CKR_OK ? HSM_ATTACK_UNTRIED
			   : c.rv == CKR_OK ? HSM_ATTACK_SUCCEEDS
					    : HSM_ATTACK_FAILS};
	if (c.rv != CKR_OK)
		snprintf(ret_result->native, sizeof(ret_result->native), "%s",
			c.rv == HSM_RV_WRONG ? "another-value" : hsm_rv_name(c.rv));
	return KMS_OK;
}

/* ---- the attribute table ---- */

bool hsm_role_at(size_t i, enum hsm_role *ret_role)
{
	for (unsigned role = HSM_ROLE_NONE + 1; role < HSM_ROLE_COUNT; role++) {
		const struct hsm_role_row *row = hsm_role_row(role);

		if (row->object_class != CKO_SECRET_KEY || i--)
			continue;
		*ret_role = (enum hsm_role)role;
		return true;
	}
	return false;
}

struct role_try {
	enum hsm_role role;
	CK_RV rv;
	char diff[256];
};

static CK_RV run_role_try(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct role_try *c = arg;
	struct hsm_new spec = target_spec(c->role);
	CK_OBJECT_HANDLE key;

	c->rv = make_target(hsm, session, c->role, &spec, &key);
	if (c->rv != CKR_OK)
		return CKR_OK;
	c->rv = hsm_raw_verify_session(hsm, session, key, c->role, c->diff, sizeof(c->diff));
	hsm->p11->C_DestroyObject(session, key);
	return CKR_OK;
}

enum kms_status hsm_role_try(struct hsm *hsm, enum hsm_role role,
	struct hsm_role_result *ret_result, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "try a key of role", .what = hsm_role_name(role)};
	struct role_try c = {.role = role};
	enum kms_status st = hsm_template_prepare(hsm, role, err);

	if (!st)
		st = hsm_do(hsm, &work, run_role_try, &c, NULL, err);
	if (st)
		return st;
	*ret_result =
		(struct hsm_role_result){.role = hsm_role_name(role), .right = c.rv == CKR_OK};
	snprintf(ret_result->diff, sizeof(ret_result->diff), "%s",
		c.rv == CKR_OK	       ? ""
		: c.rv == HSM_RV_WRONG ? c.diff
				       : hsm_rv_name(c.rv));
	return KMS_OK;
}
