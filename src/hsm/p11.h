/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 as p11-kit 0.24 declares it (v2.40), plus what this program uses from v3.0.
 *
 * Source of the additions: values and structures as in pkcs11t.h of NSS 3.87 (PKCS#11 v3.0); the
 * structures also in the specification's section "SP800-108 Key Derivation" (oasis-tcs/pkcs11).
 */
#ifndef HSM_P11_H
#define HSM_P11_H

#include <p11-kit/pkcs11.h>

#ifndef CKM_SP800_108_COUNTER_KDF
#define CKM_SP800_108_COUNTER_KDF 0x000003acUL
#endif
#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x0000210bUL
#endif
#ifndef CKR_ACTION_PROHIBITED
#define CKR_ACTION_PROHIBITED 0x0000001bUL
#endif

enum {
	P11_PRF_ITERATION_VARIABLE = 1, /* CK_SP800_108_ITERATION_VARIABLE */
	P11_PRF_BYTE_ARRAY = 4,		/* CK_SP800_108_BYTE_ARRAY */
};

struct p11_prf_counter { /* CK_SP800_108_COUNTER_FORMAT */
	CK_BBOOL little_endian;
	CK_ULONG width_in_bits;
};

struct p11_prf_data { /* CK_PRF_DATA_PARAM */
	CK_ULONG type;
	void *value;
	CK_ULONG value_len;
};

struct p11_kdf_params { /* CK_SP800_108_KDF_PARAMS */
	CK_MECHANISM_TYPE prf;
	CK_ULONG data_count;
	struct p11_prf_data *data;
	CK_ULONG more_keys_count;
	void *more_keys;
};

#endif
