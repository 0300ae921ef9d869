/* SPDX-License-Identifier: Apache-2.0 */
/* Algorithms and mechanisms as tables. */
#include "hsm/internal.h"

static const struct {
	const char *name;
	size_t len;
	size_t block;
	CK_KEY_TYPE type;
} algs[] = {
	[HSM_ALG_NONE] = {"none", 0, 0, 0},
	[HSM_TDEA2] = {"tdea2", 16, 8, CKK_DES2},
	[HSM_TDEA3] = {"tdea3", 24, 8, CKK_DES3},
	[HSM_AES128] = {"aes128", 16, 16, CKK_AES},
	[HSM_AES192] = {"aes192", 24, 16, CKK_AES},
	[HSM_AES256] = {"aes256", 32, 16, CKK_AES},
	[HSM_EC_P256] = {"p256", 0, 0, CKK_EC},
	[HSM_AES_ANY] = {"aes", 0, 16, CKK_AES},
	[HSM_RAW] = {"raw", 0, 0, CKK_GENERIC_SECRET},
};

const char *hsm_alg_name(enum hsm_alg alg)
{
	return (size_t)alg < COUNT_OF(algs) ? algs[alg].name : "none";
}

size_t hsm_alg_len(enum hsm_alg alg)
{
	return (size_t)alg < COUNT_OF(algs) ? algs[alg].len : 0;
}

bool hsm_alg_fits(enum hsm_alg found, enum hsm_alg wanted)
{
	return found == wanted || (found == HSM_AES_ANY && hsm_key_type(wanted) == CKK_AES);
}

size_t hsm_block_len(enum hsm_alg alg)
{
	return algs[alg].block;
}

CK_KEY_TYPE hsm_key_type(enum hsm_alg alg)
{
	return algs[alg].type;
}

bool hsm_is_tdea(enum hsm_alg alg)
{
	return alg == HSM_TDEA2 || alg == HSM_TDEA3;
}

enum hsm_alg hsm_alg_of(CK_KEY_TYPE type, CK_ULONG value_len)
{
	switch (type) {
	case CKK_DES2:
		return HSM_TDEA2;
	case CKK_DES3:
		return HSM_TDEA3;
	case CKK_AES:
		return value_len == 16	 ? HSM_AES128
		       : value_len == 24 ? HSM_AES192
		       : value_len == 32 ? HSM_AES256
		       : value_len == 0	 ? HSM_AES_ANY
					 : HSM_ALG_NONE;
	case CKK_EC:
		return HSM_EC_P256;
	case CKK_GENERIC_SECRET:
		return HSM_RAW;
	default:
		return HSM_ALG_NONE;
	}
}

CK_MECHANISM_TYPE hsm_cipher_mechanism(enum hsm_alg alg, bool cbc)
{
	if (hsm_is_tdea(alg))
		return cbc ? CKM_DES3_CBC : CKM_DES3_ECB;
	return cbc ? CKM_AES_CBC : CKM_AES_ECB;
}

CK_MECHANISM_TYPE hsm_wrap_mechanism(enum hsm_alg kek, enum hsm_wrap how)
{
	switch (how) {
	case HSM_WRAP_AES_KW:
		return CKM_AES_KEY_WRAP;
	case HSM_WRAP_AES_KWP:
		return CKM_AES_KEY_WRAP_KWP;
	case HSM_WRAP_CBC:
		return hsm_cipher_mechanism(kek, true);
	case HSM_WRAP_BLOCK:
		return hsm_is_tdea(kek) ? CKM_DES3_ECB_ENCRYPT_DATA : CKM_AES_ECB_ENCRYPT_DATA;
	default:
		return hsm_cipher_mechanism(kek, false);
	}
}

const char *hsm_wrap_name(enum hsm_wrap wrap)
{
	static const char *const names[] = {"none", "aes-kw", "aes-kwp", "ecb", "cbc", "key-block"};

	return (size_t)wrap < COUNT_OF(names) ? names[wrap] : "none";
}

const char *hsm_where_name(enum hsm_where where)
{
	return where == HSM_HOST_ASSISTED ? "host-assisted" : "in-hsm";
}

const char *hsm_answer_name(enum hsm_answer answer)
{
	static const char *const names[] = {"unknown", "works", "fails", "absent"};

	return (size_t)answer < COUNT_OF(names) ? names[answer] : "unknown";
}
