/* SPDX-License-Identifier: Apache-2.0 */
/* Keys on a token: the names of keys/ in the words of hsm/, check values and diversification. */
#ifndef KEYS_TOKEN_H
#define KEYS_TOKEN_H

#include "hsm/crypto.h"
#include "hsm/object.h"
#include "keys/div.h"
#include "keys/kcv.h"
#include "keys/wrap.h"

/* HSM_ALG_NONE, HSM_CHECK_NONE, HSM_WRAP_NONE for what has no counterpart, and the other way. */
enum hsm_alg key_alg_to_hsm(enum key_alg alg);
enum key_alg key_alg_from_hsm(enum hsm_alg alg);
enum hsm_check key_kcv_to_hsm(enum key_kcv_method method);
enum hsm_wrap key_wrapping_to_hsm(enum key_wrapping wrapping);

/* The check value of a made key, which carries the bytes but not the method. */
KMS_CHECKED enum kms_status key_kcv_of_made(const struct hsm_made *made, enum key_kcv_method method,
	struct key_kcv *ret_kcv, struct kms_err *err);

/* Computed by the token now (hsm_check_value). */
KMS_CHECKED enum kms_status key_kcv_hsm(struct hsm *hsm, struct hsm_key *key,
	enum key_kcv_method method, struct key_kcv *ret_kcv, struct kms_err *err);

/*
 * Runs a recipe under a master on handles. role is the HSM_TEMP_… role of the derived session key,
 * which the caller drops (hsm_key_drop). With HSM_TEMP_CARD, HSM_TEMP_BULK the derived object holds the raw bytes
 * that a card is to get (HSM_RAW: no parity is set); with any other role it is a key of the
 * recipe's algorithm.
 *
 * In the HSM, except (allow_host, else KMS_ERR_DENIED): AN10922 with AES-192, whose halves are
 * XORed, and a DES key version, which is put into clear bytes. The method "none" gives
 * the master itself (of a session key a copy) with the master's own usage: whoever wraps it needs an
 * extractable master; hsm_key_drop leaves a token key alone.
 * zero (or NULL) is as in hsm_derive_cmac: one for each master. No allocation of its own.
 */
KMS_CHECKED enum kms_status key_div_hsm(const struct key_recipe *recipe, struct hsm *hsm,
	struct hsm_key *master, struct secret *zero, enum hsm_role role, bool allow_host,
	struct hsm_key *ret_key, enum hsm_where *ret_where, struct kms_err *err);

#endif
