/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of ciphers, MACs and derivations: public test keys on a session of their own. */
#include "hsm/internal.h"

#include <string.h>

static const enum hsm_alg aes_algs[] = {HSM_AES128, HSM_AES192, HSM_AES256};
static const enum hsm_alg tdea_algs[] = {HSM_TDEA2, HSM_TDEA3};

/* Odd parity, three different thirds; also fit as AES keys. */
static const unsigned char test_key[32] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x23,
	0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23,
	0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
static const unsigned char test_data[64] = "cardkms probes this token with known answers, not with "
					   "listings.";
static const unsigned char test_iv[16] = "initial vector 1";

const unsigned char *hsm_test_key(enum hsm_alg alg)
{
	(void)alg;
	return test_key;
}

CK_RV hsm_test_value(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
	enum hsm_alg alg, const unsigned char *value)
{
	unsigned char expected[16];
	unsigned char got[16];
	size_t block = hsm_block_len(alg);
	CK_RV rv;

	if (!hsm_host_ecb(alg, value, test_data, block, expected))
		return CKR_HOST_MEMORY;
	rv = hsm_raw_cipher(hsm, session, key, hsm_cipher_mechanism(alg, false), NULL, 0, true,
		test_data, block, got);
	return rv != CKR_OK ? rv : memcmp(got, expected, block) ? HSM_RV_WRONG : CKR_OK;
}

/* Runs one(alg) for each algorithm of the family until one does not work. */
static CK_RV each(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg,
	CK_RV (*one)(struct hsm *, CK_SESSION_HANDLE, enum hsm_alg, unsigned long))
{
	bool tdea = arg & 1;
	const enum hsm_alg *list = tdea ? tdea_algs : aes_algs;
	size_t count = tdea ? COUNT_OF(tdea_algs) : COUNT_OF(aes_algs);
	CK_RV rv = CKR_OK;

	for (size_t i = 0; rv == CKR_OK && i < count; i++)
		rv = one(hsm, session, list[i], arg >> 1);
	return rv;
}

static CK_RV try_rng(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	unsigned char out[2][32] = {{0}};
	CK_RV rv = CKR_OK;

	(void)arg;
	for (size_t i = 0; rv == CKR_OK && i < 2; i++)
		rv = hsm->p11->C_GenerateRandom(session, out[i], sizeof(out[i]));
	return rv == CKR_OK && !memcmp(out[0], out[1], sizeof(out[0])) ? HSM_RV_WRONG : rv;
}

static CK_RV generate_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, enum hsm_alg alg, unsigned char *fingerprint)
{
	CK_MECHANISM mech = {alg == HSM_TDEA2	? CKM_DES2_KEY_GEN
			     : alg == HSM_TDEA3 ? CKM_DES3_KEY_GEN
						: CKM_AES_KEY_GEN,
		NULL, 0};
	struct hsm_template t;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, alg, 0, HSM_FOR_GENERATE, NULL);
	rv = hsm->p11->C_GenerateKey(session, &mech, t.attr, t.count, &key);
	if (rv != CKR_OK)
		return rv;
	return hsm_raw_cipher(hsm, session, key, hsm_cipher_mechanism(alg, false), NULL, 0, true,
		test_data, 16, fingerprint);
}

static CK_RV try_generate(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long alg)
{
	unsigned char a[16];
	unsigned char b[16];
	CK_RV rv = generate_one(hsm, session, (enum hsm_alg)alg, a);

	if (rv == CKR_OK)
		rv = generate_one(hsm, session, (enum hsm_alg)alg, b);
	return rv == CKR_OK && !memcmp(a, b, sizeof(a)) ? HSM_RV_WRONG : rv;
}

static CK_RV try_generate_aes(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_RV rv = CKR_OK;

	(void)arg;
	for (size_t i = 0; rv == CKR_OK && i < COUNT_OF(aes_algs); i++)
		rv = try_generate(hsm, session, aes_algs[i]);
	return rv;
}

static CK_RV try_import(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv = hsm_raw_import(hsm, session, HSM_TEMP_ENCRYPT, HSM_AES128, test_key, 16, &key);

	(void)arg;
	return rv == CKR_OK ? hsm_test_value(hsm, session, key, HSM_AES128, test_key) : rv;
}

static CK_RV try_copy_narrow(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	CK_OBJECT_HANDLE blank;
	CK_OBJECT_HANDLE key;
	struct hsm_template t;
	CK_RV rv;

	(void)arg;
	rv = hsm_raw_import(hsm, session, HSM_BLANK, HSM_AES128, test_key, 16, &blank);
	if (rv != CKR_OK)
		return rv;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, HSM_AES128, 0, HSM_FOR_COPY, NULL);
	rv = hsm->p11->C_CopyObject(session, blank, t.attr, t.count, &key);
	return rv == CKR_OK ? hsm_test_value(hsm, session, key, HSM_AES128, test_key) : rv;
}

static CK_RV cipher_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, enum hsm_alg alg, unsigned long cbc)
{
	CK_MECHANISM_TYPE mechanism = hsm_cipher_mechanism(alg, cbc);
	size_t block = hsm_block_len(alg);
	unsigned char in[32];
	unsigned char out[32];
	unsigned char expected[32];
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	memcpy(in, test_data, sizeof(in));
	for (size_t at = 0; at < sizeof(in); at += block) {
		for (size_t i = 0; cbc && i < block; i++)
			in[at + i] ^= at ? expected[at - block + i] : test_iv[i];
		if (!hsm_host_ecb(alg, test_key, in + at, block, expected + at))
			return CKR_HOST_MEMORY;
	}
	rv = hsm_raw_import(hsm, session, HSM_TEMP_CIPHER, alg, test_key, hsm_alg_len(alg), &key);
	if (rv == CKR_OK)
		rv = hsm_raw_cipher(hsm, session, key, mechanism, cbc ? test_iv : NULL, block, true,
			test_data, sizeof(out), out);
	if (rv == CKR_OK && memcmp(out, expected, sizeof(out)))
		return HSM_RV_WRONG;
	if (rv == CKR_OK)
		rv = hsm_raw_cipher(hsm, session, key, mechanism, cbc ? test_iv : NULL, block,
			false, expected, sizeof(out), out);
	return rv == CKR_OK && memcmp(out, test_data, sizeof(out)) ? HSM_RV_WRONG : rv;
}

static CK_RV try_cipher(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, cipher_one);
}

static CK_RV cmac_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, enum hsm_alg alg, unsigned long arg)
{
	CK_MECHANISM mech = {hsm_is_tdea(alg) ? CKM_DES3_CMAC : CKM_AES_CMAC, NULL, 0};
	size_t block = hsm_block_len(alg);
	unsigned char expected[16];
	unsigned char out[16];
	CK_ULONG len = block;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	(void)arg;
	if (!hsm_host_cmac(alg, test_key, test_data, 37, expected))
		return CKR_HOST_MEMORY;
	rv = hsm_raw_import(hsm, session, HSM_TEMP_MAC, alg, test_key, hsm_alg_len(alg), &key);
	if (rv == CKR_OK)
		rv = hsm->p11->C_SignInit(session, &mech, key);
	if (rv == CKR_OK)
		rv = hsm->p11->C_Sign(session, (CK_BYTE *)(uintptr_t)test_data, 37, out, &len);
	return rv == CKR_OK && (len != block || memcmp(out, expected, block)) ? HSM_RV_WRONG : rv;
}

static CK_RV try_cmac(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, cmac_one);
}

/* A readable result, and a key that is used: both with the right bytes. */
static CK_RV derive_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, enum hsm_alg alg, unsigned long cbc)
{
	enum hsm_alg want = hsm_is_tdea(alg) ? HSM_TDEA2 : HSM_AES256;
	const unsigned char *iv = cbc ? test_iv : NULL;
	size_t block = hsm_block_len(alg);
	size_t len = hsm_alg_len(want);
	unsigned char in[32];
	unsigned char expected[32];
	unsigned char out[32];
	struct hsm_template t;
	CK_OBJECT_HANDLE base;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	memcpy(in, test_data, sizeof(in));
	for (size_t at = 0; at < len; at += block) {
		for (size_t i = 0; cbc && i < block; i++)
			in[at + i] ^= at ? expected[at - block + i] : test_iv[i];
		if (!hsm_host_ecb(alg, test_key, in + at, block, expected + at))
			return CKR_HOST_MEMORY;
	}
	rv = hsm_raw_import(hsm, session, HSM_TEMP_DERIVE, alg, test_key, hsm_alg_len(alg), &base);
	if (rv == CKR_OK)
		rv = hsm_raw_ecb_read(hsm, session, base, alg, iv, test_data, len, out);
	if (rv == CKR_OK && memcmp(out, expected, len))
		return HSM_RV_WRONG;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, want, 0, HSM_FOR_DERIVE, NULL);
	if (rv == CKR_OK)
		rv = hsm_raw_derive_data(hsm, session, base, alg, iv, test_data, len, &t, &key);
	return rv == CKR_OK ? hsm_test_value(hsm, session, key, want, expected) : rv;
}

static CK_RV try_derive(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, derive_one);
}

static CK_RV string_derive(struct hsm *hsm, CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism,
	size_t base_len, const unsigned char *more, size_t more_len, enum hsm_alg want,
	const unsigned char *expected)
{
	CK_KEY_DERIVATION_STRING_DATA data = {(CK_BYTE *)(uintptr_t)more, more_len};
	CK_MECHANISM mech = {mechanism, &data, sizeof(data)};
	struct hsm_template t;
	CK_OBJECT_HANDLE base;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	rv = hsm_raw_import(hsm, session, HSM_SCRATCH_RAW, HSM_RAW, test_key, base_len, &base);
	if (rv != CKR_OK)
		return rv;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, want, 0, HSM_FOR_DERIVE, NULL);
	rv = hsm->p11->C_DeriveKey(session, &mech, base, t.attr, t.count, &key);
	return rv == CKR_OK ? hsm_test_value(hsm, session, key, want, expected) : rv;
}

static CK_RV try_xor(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	static const enum hsm_alg all[] = {
		HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};
	unsigned char expected[32];
	CK_RV rv = CKR_OK;

	(void)arg;
	for (size_t i = 0; rv == CKR_OK && i < COUNT_OF(all); i++) {
		size_t len = hsm_alg_len(all[i]);

		for (size_t at = 0; at < len; at++)
			expected[at] = test_key[at] ^ test_data[at];
		if (hsm_is_tdea(all[i]))
			hsm_host_set_parity(expected, len);
		rv = string_derive(
			hsm, session, CKM_XOR_BASE_AND_DATA, len, test_data, len, all[i], expected);
	}
	return rv;
}

static CK_RV try_concatenate(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	(void)arg;
	return string_derive(hsm, session, CKM_CONCATENATE_BASE_AND_DATA, 8, test_key + 8, 8,
		HSM_AES128, test_key);
}

static CK_RV kdf_one(
	struct hsm *hsm, CK_SESSION_HANDLE session, enum hsm_alg alg, unsigned long arg)
{
	unsigned char message[32];
	unsigned char expected[32];
	struct hsm_template t;
	CK_OBJECT_HANDLE base;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	(void)arg;
	memcpy(message, test_data, sizeof(message));
	for (unsigned char i = 0; i < 2; i++) {
		message[15] = (unsigned char)(i + 1);
		if (!hsm_host_cmac(alg, test_key, message, sizeof(message), expected + 16 * i))
			return CKR_HOST_MEMORY;
	}
	rv = hsm_raw_import(hsm, session, HSM_TEMP_DERIVE, alg, test_key, hsm_alg_len(alg), &base);
	if (rv != CKR_OK)
		return rv;
	hsm_template_fill(&t, hsm, HSM_TEMP_ENCRYPT, HSM_AES256, 0, HSM_FOR_DERIVE, NULL);
	rv = hsm_raw_kdf_counter(
		hsm, session, base, CKM_AES_CMAC, message, 15, message + 16, 16, &t, &key);
	return rv == CKR_OK ? hsm_test_value(hsm, session, key, HSM_AES256, expected) : rv;
}

static CK_RV try_kdf(struct hsm *hsm, CK_SESSION_HANDLE session, unsigned long arg)
{
	return each(hsm, session, arg, kdf_one);
}

#define AES(x)	HSM_PROBE_ARG(x, 0)
#define TDEA(x) HSM_PROBE_ARG(x, 1)

/* clang-format off */
const struct hsm_probe hsm_probes[CAP_COUNT] = {
	[CAP_RNG]                = {"random", "random bytes", 0, try_rng, 0},
	[CAP_GEN_TDEA2]          = {"generate-tdea2", "2TDEA key generation", CKM_DES2_KEY_GEN, try_generate, HSM_TDEA2},
	[CAP_GEN_TDEA3]          = {"generate-tdea3", "3TDEA key generation", CKM_DES3_KEY_GEN, try_generate, HSM_TDEA3},
	[CAP_GEN_AES]            = {"generate-aes", "AES-128, -192, -256 key generation", CKM_AES_KEY_GEN, try_generate_aes, 0},
	[CAP_IMPORT]             = {"import", "creation of a key from its bytes", 0, try_import, 0},
	[CAP_COPY_NARROW]        = {"copy-narrow", "a copy with other usage than its original", 0, try_copy_narrow, 0},
	[CAP_AES_ECB]            = {"aes-ecb", "AES ECB", CKM_AES_ECB, try_cipher, AES(0)},
	[CAP_AES_CBC]            = {"aes-cbc", "AES CBC", CKM_AES_CBC, try_cipher, AES(1)},
	[CAP_TDEA_ECB]           = {"tdea-ecb", "TDEA ECB", CKM_DES3_ECB, try_cipher, TDEA(0)},
	[CAP_TDEA_CBC]           = {"tdea-cbc", "TDEA CBC", CKM_DES3_CBC, try_cipher, TDEA(1)},
	[CAP_AES_CMAC]           = {"aes-cmac", "AES CMAC", CKM_AES_CMAC, try_cmac, AES(0)},
	[CAP_TDEA_CMAC]          = {"tdea-cmac", "TDEA CMAC", CKM_DES3_CMAC, try_cmac, TDEA(0)},
	[CAP_AES_ECB_DERIVE]     = {"aes-ecb-derive", "AES_ECB_ENCRYPT_DATA", CKM_AES_ECB_ENCRYPT_DATA, try_derive, AES(0)},
	[CAP_AES_CBC_DERIVE]     = {"aes-cbc-derive", "AES_CBC_ENCRYPT_DATA", CKM_AES_CBC_ENCRYPT_DATA, try_derive, AES(1)},
	[CAP_TDEA_ECB_DERIVE]    = {"tdea-ecb-derive", "DES3_ECB_ENCRYPT_DATA", CKM_DES3_ECB_ENCRYPT_DATA, try_derive, TDEA(0)},
	[CAP_TDEA_CBC_DERIVE]    = {"tdea-cbc-derive", "DES3_CBC_ENCRYPT_DATA", CKM_DES3_CBC_ENCRYPT_DATA, try_derive, TDEA(1)},
	[CAP_XOR]                = {"xor", "XOR_BASE_AND_DATA", CKM_XOR_BASE_AND_DATA, try_xor, 0},
	[CAP_CONCATENATE]        = {"concatenate", "CONCATENATE_BASE_AND_DATA", CKM_CONCATENATE_BASE_AND_DATA, try_concatenate, 0},
	[CAP_KDF_COUNTER]        = {"kdf-counter", "SP800_108_COUNTER_KDF with AES CMAC", CKM_SP800_108_COUNTER_KDF, try_kdf, AES(0)},
	[CAP_AES_KW_WRAP]        = {"aes-kw-wrap", "AES key wrap (RFC 3394)", CKM_AES_KEY_WRAP, hsm_try_wrap, AES(HSM_WRAP_AES_KW)},
	[CAP_AES_KW_UNWRAP]      = {"aes-kw-unwrap", "AES key unwrap (RFC 3394)", CKM_AES_KEY_WRAP, hsm_try_unwrap, AES(HSM_WRAP_AES_KW)},
	[CAP_AES_KWP_WRAP]       = {"aes-kwp-wrap", "AES key wrap with padding (RFC 5649)", CKM_AES_KEY_WRAP_KWP, hsm_try_wrap, AES(HSM_WRAP_AES_KWP)},
	[CAP_AES_KWP_UNWRAP]     = {"aes-kwp-unwrap", "AES key unwrap with padding (RFC 5649)", CKM_AES_KEY_WRAP_KWP, hsm_try_unwrap, AES(HSM_WRAP_AES_KWP)},
	[CAP_AES_ECB_WRAP]       = {"aes-ecb-wrap", "wrapping by AES ECB", CKM_AES_ECB, hsm_try_wrap, AES(HSM_WRAP_ECB)},
	[CAP_AES_ECB_UNWRAP]     = {"aes-ecb-unwrap", "unwrapping by AES ECB", CKM_AES_ECB, hsm_try_unwrap, AES(HSM_WRAP_ECB)},
	[CAP_AES_CBC_WRAP]       = {"aes-cbc-wrap", "wrapping by AES CBC", CKM_AES_CBC, hsm_try_wrap, AES(HSM_WRAP_CBC)},
	[CAP_AES_CBC_UNWRAP]     = {"aes-cbc-unwrap", "unwrapping by AES CBC", CKM_AES_CBC, hsm_try_unwrap, AES(HSM_WRAP_CBC)},
	[CAP_TDEA_ECB_WRAP]      = {"tdea-ecb-wrap", "wrapping by TDEA ECB", CKM_DES3_ECB, hsm_try_wrap, TDEA(HSM_WRAP_ECB)},
	[CAP_TDEA_ECB_UNWRAP]    = {"tdea-ecb-unwrap", "unwrapping by TDEA ECB", CKM_DES3_ECB, hsm_try_unwrap, TDEA(HSM_WRAP_ECB)},
	[CAP_TDEA_CBC_WRAP]      = {"tdea-cbc-wrap", "wrapping by TDEA CBC", CKM_DES3_CBC, hsm_try_wrap, TDEA(HSM_WRAP_CBC)},
	[CAP_TDEA_CBC_UNWRAP]    = {"tdea-cbc-unwrap", "unwrapping by TDEA CBC", CKM_DES3_CBC, hsm_try_unwrap, TDEA(HSM_WRAP_CBC)},
	[CAP_RAW_AES_KW_WRAP]    = {"raw-aes-kw-wrap", "AES key wrap of bytes that are no typed key", CKM_AES_KEY_WRAP, hsm_try_wrap_raw, AES(HSM_WRAP_AES_KW)},
	[CAP_RAW_AES_CBC_WRAP]   = {"raw-aes-cbc-wrap", "wrapping of such bytes by AES CBC, whole blocks", CKM_AES_CBC, hsm_try_wrap_raw, AES(HSM_WRAP_CBC)},
	[CAP_RAW_TDEA_ECB_WRAP]  = {"raw-tdea-ecb-wrap", "wrapping of such bytes by TDEA ECB", CKM_DES3_ECB, hsm_try_wrap_raw, TDEA(HSM_WRAP_ECB)},
	[CAP_ECDSA]              = {"ecdsa-p256", "ECDSA on P-256", CKM_ECDSA, hsm_try_ecdsa, 0},
	[CAP_MODIFIABLE]         = {"modifiable-false", "MODIFIABLE=false keeps attributes as they are", 0, hsm_try_modifiable, 0},
	[CAP_COPY_LOCKED]        = {"copy-locked", "a copy of such a key cannot do more than it", 0, hsm_try_copy_locked, 0},
	[CAP_COPYABLE]           = {"copyable-false", "COPYABLE=false forbids copies", 0, hsm_try_copyable, 0},
	[CAP_ALLOWED_MECHANISMS] = {"allowed-mechanisms", "ALLOWED_MECHANISMS binds a key to mechanisms", 0, hsm_try_allowed, 0},
	[CAP_UNEXTRACTABLE]      = {"unextractable", "EXTRACTABLE=false keeps a key from being wrapped", 0, hsm_try_unextractable, 0},
	[CAP_USAGE]              = {"usage", "a key does only what its usage attributes say", 0, hsm_try_usage, 0},
	[CAP_WRAP_TRUSTED]       = {"wrap-with-trusted", "WRAP_WITH_TRUSTED refuses other wrapping keys", 0, hsm_try_wrap_trusted, 0},
	[CAP_TRUSTED_RESERVED]   = {"trusted-reserved", "an operator cannot make a key TRUSTED", 0, hsm_try_trusted_reserved, 0},
	[CAP_TRUSTED_PRIVATE]    = {"trusted-private", "a TRUSTED key can be PRIVATE (tried by hsm setup: it takes the administrator)", 0, hsm_try_trusted_private, 0},
};
/* clang-format on */
