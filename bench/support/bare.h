/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 calls of a derivation as a program without cardkms would write them: no layers, no
 * checks beyond CKR_OK, templates that are constants. Reviewed against hsm/template.c's temp-card
 * row by bare_same_object(), which the benchmarks call before they measure.
 */
#ifndef SUPPORT_BARE_H
#define SUPPORT_BARE_H

#include "support/place.h"

enum { BARE_KDD_LEN = 10, BARE_WRAPPED_MAX = 48 };

struct bare {
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE master;
	CK_OBJECT_HANDLE kek;
};

/* One VISA2 key (DES2 master) as raw bytes; `number`: enc 1, mac 2, kek 3. */
CK_RV bare_visa2(const struct bare *b, const unsigned char kdd[BARE_KDD_LEN], unsigned number,
	CK_OBJECT_HANDLE *ret_key);

/* One KDF3 key of 32 bytes (AES master), its CMACs composed of AES_ECB_ENCRYPT_DATA. */
CK_RV bare_kdf3(const struct bare *b, const unsigned char kdd[BARE_KDD_LEN], unsigned number,
	CK_OBJECT_HANDLE *ret_key);

/* C_WrapKey by AES_KEY_WRAP under b->kek. */
CK_RV bare_wrap(const struct bare *b, CK_OBJECT_HANDLE key, unsigned char *out, CK_ULONG *len);

/* KMS_ERR_MISMATCH, naming the attribute, unless both objects have the same attributes. */
KMS_CHECKED enum kms_status bare_same_object(
	const struct bare *b, CK_OBJECT_HANDLE x, CK_OBJECT_HANDLE y, struct kms_err *err);

#endif
