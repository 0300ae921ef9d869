/* SPDX-License-Identifier: Apache-2.0 */
/* What cardmasters.c, cardkeys.c and cardwrap.c share; nobody else includes it. */
#ifndef OPS_CARDKEYS_INT_H
#define OPS_CARDKEYS_INT_H

#include "keys/token.h"
#include "ops/cardkeys.h"
#include "store/keys.h"

struct op_card_masters {
	struct op_site *site;
	enum op_card_use use;
	struct store_keyset row;
	struct key_div div;
	struct op_card_masters_info info;
	struct hsm_key token[CARD_ROLES];
	struct hsm_key copy[CARD_ROLES]; /* in the session; the token key where no copy can be */
	struct secret zero[CARD_ROLES];	 /* see hsm_derive_cmac */
};

/* Copies the masters into the session anew: after a lost connection the old copies are void. */
KMS_CHECKED enum kms_status op_card_masters_copy(
	struct op_card_masters *masters, struct kms_err *err);

enum { OP_CARD_HOST_SIZE = 128 };

/* A card's static DEK, or the session's, as an object that encrypts and does nothing else. */
struct card_dek_object {
	struct hsm_key key;
	struct card_dek dek; /* what it was made for */
	bool there;
};

/* A set that was derived from masters. */
struct derived {
	struct card_keys base;
	struct op_card_masters *masters;
	struct key_recipe recipe[CARD_ROLES];
	struct hsm_key used[CARD_ROLES]; /* HSM_TEMP_STATIC; handle 0 until needed */
	struct card_dek_object dek;
	unsigned char kcv[CARD_ROLES][CARD_KCV_SIZE];
	bool has_kcv[CARD_ROLES];
	char host[OP_CARD_HOST_SIZE]; /* op_card_keys_host_assisted */
};

/* NULL if these keys are of another holder. */
struct derived *op_card_derived(const struct card_keys *keys);

/* The object that makes session keys and check values; the set's. */
KMS_CHECKED enum kms_status op_card_used(
	struct derived *d, enum card_role role, struct hsm_key **ret_key, struct kms_err *err);

/* Derives a key of the set by this recipe, a session key of that role: the caller drops it. */
KMS_CHECKED enum kms_status op_card_make(struct derived *d, enum card_role role,
	const struct key_recipe *recipe, enum hsm_role how, struct hsm_key *ret_key,
	struct kms_err *err);

/* Notes that a key of the set was in host memory, once for each purpose. */
void op_card_note_host(struct derived *d, const char *purpose);

/* ---- cardwrap.c ---- */

/* `wrap` of both holders. */
KMS_CHECKED enum kms_status op_card_wrap(struct card_keys *old, const struct card_dek *dek,
	struct card_keys *fresh, enum card_role role, struct card_key_block *ret_block,
	struct kms_err *err);

#endif
