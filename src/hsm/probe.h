/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token can really do, found by trying on session objects and comparing with known answers
 * of OpenSSL; and which way each operation takes on it.
 *
 * Needs a login. A capability is probed when first needed and then remembered in the struct hsm;
 * hsm_probe tries all (well under a second on SoftHSM). Nothing is left on the token.
 */
#ifndef HSM_PROBE_H
#define HSM_PROBE_H

#include "hsm/object.h"

enum hsm_answer {
	HSM_UNKNOWN, /* not tried yet */
	HSM_WORKS,   /* tried, right */
	HSM_FAILS,   /* listed by the token, but fails or answers wrongly */
	HSM_ABSENT,  /* not listed and does not work */
};

const char *hsm_answer_name(enum hsm_answer answer); /* "unknown", "works", "fails", "absent" */

struct hsm_cap_result {
	const char *name; /* "aes-key-wrap"; stable */
	const char *what; /* one line for people */
	enum hsm_answer answer;
	char native[48]; /* CKR_ name, "wrong answer" or "" */
};

size_t hsm_cap_count(void);

/*
 * Tries every capability, whatever was known of it: a token may have another policy since. What cannot
 * be tried by an operator stays as it was. Fails only if the token cannot be used at all.
 */
KMS_CHECKED enum kms_status hsm_probe(struct hsm *hsm, struct kms_err *err);

/* Result number i (0 to hsm_cap_count() - 1), as far as known. */
void hsm_cap_get(const struct hsm *hsm, size_t i, struct hsm_cap_result *ret_result);

/* One line per known capability, "name answer native", for a cache keyed by serial and firmware. */
KMS_CHECKED enum kms_status hsm_caps_save(
	const struct hsm *hsm, struct buf *ret_text, struct kms_err *err);

/*
 * Takes over what hsm_caps_save wrote, but for what the token guards (modifiable-false and so on):
 * that is probed anew. Unknown names are ignored, other text is KMS_ERR_INVALID.
 */
KMS_CHECKED enum kms_status hsm_caps_load(struct hsm *hsm, const char *text, struct kms_err *err);

/*
 * Whether the administrator can make a private key TRUSTED, so that WRAP_WITH_TRUSTED guards masters
 * on this token. Only setup can ask, for it takes his PIN, which must be right: a throw-away token key
 * is made, marked and destroyed. Not asked where the token does not enforce it anyway. Ends every
 * session object; the operator is logged in again.
 */
KMS_CHECKED enum kms_status hsm_probe_trusted(
	struct hsm *hsm, const struct secret *so_pin, struct kms_err *err);

/* Destroys what a hsm_probe_trusted that was interrupted left on the token. */
KMS_CHECKED enum kms_status hsm_probe_tidy(struct hsm *hsm, struct kms_err *err);

/* Whether new extractable masters are made so that only a TRUSTED key can wrap them. */
KMS_CHECKED enum kms_status hsm_exports_guarded(
	struct hsm *hsm, bool *ret_guarded, struct kms_err *err);

/*
 * The administrator marks a private wrapping key as TRUSTED; read back. One try of his PIN, as
 * hsm_check_so_pin. Ends every session object; the operator is logged in again.
 */
KMS_CHECKED enum kms_status hsm_key_trust(struct hsm *hsm, const unsigned char id[HSM_ID_LEN],
	const char *name, const struct secret *so_pin, struct kms_err *err);

/* An operation with several ways of doing it. */
enum hsm_op {
	HSM_OP_GENERATE_TDEA2,
	HSM_OP_GENERATE_TDEA3,
	HSM_OP_GENERATE_AES, /* every size */
	HSM_OP_CHECK_VALUE_AES,
	HSM_OP_CHECK_VALUE_TDEA,
	HSM_OP_COMPONENTS_XOR,
	HSM_OP_WRAP_AES_KW,
	HSM_OP_UNWRAP_AES_KW,
	HSM_OP_WRAP_RAW_AES, /* transport key AES, ECB and CBC, every target */
	HSM_OP_UNWRAP_RAW_AES,
	HSM_OP_WRAP_RAW_TDEA,
	HSM_OP_UNWRAP_RAW_TDEA,
	HSM_OP_WRAP_BLOCK_AES, /* key blocks under an AES transport key */
	HSM_OP_UNWRAP_BLOCK_AES,
	HSM_OP_WRAP_BLOCK_TDEA,
	HSM_OP_UNWRAP_BLOCK_TDEA,
	HSM_OP_DERIVE_ECB_AES,
	HSM_OP_DERIVE_ECB_TDEA, /* EMV CPS, VISA2, GP visa */
	HSM_OP_DERIVE_CMAC_AES, /* KDF3, AN10922-128 and -256, SCP03 */
	HSM_OP_DERIVE_CMAC_TDEA,
	HSM_OP_DERIVE_CMAC_SPLICED, /* AN10922 with AES-192: XOR of two halves */
	HSM_OP_SCP02_SESSION,
	HSM_OP_SCP02_PUT_KEY,
	HSM_OP_SCP03_SESSION,
	HSM_OP_SCP03_PUT_KEY,
	HSM_OP_SIGN_P256,
	HSM_OP_EXPORT_CONTROL, /* what keeps an EXTRACTABLE master from a foreign wrapping key */
	HSM_OP_COUNT,
};

struct hsm_way {
	const char *op;	      /* "wrap-aes-kw" */
	const char *strategy; /* "C_WrapKey AES_KEY_WRAP"; "none" where nothing works */
	bool available;
	enum hsm_where where;
};

/* The first strategy of the operation whose capabilities all work; probes what it needs. */
KMS_CHECKED enum kms_status hsm_way(
	struct hsm *hsm, enum hsm_op op, struct hsm_way *ret_way, struct kms_err *err);

/*
 * The role that a transport key of this algorithm and wrapping must get on this token, at the
 * exporting or the importing site, and whether that is host-assisted. KMS_ERR_UNSUPPORTED if no
 * way exists; KMS_ERR_INVALID for AES key wrap with a TDEA key.
 */
KMS_CHECKED enum kms_status hsm_transport_role(struct hsm *hsm, enum hsm_alg alg,
	enum hsm_wrap wrap, bool exporting, enum hsm_role *ret_role, enum hsm_where *ret_where,
	struct kms_err *err);

#endif
