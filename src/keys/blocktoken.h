/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key blocks under a block protection key on a token.
 *
 * The protection key and the two keys derived from it (hsm_derive_cmac) never leave the token. The key
 * that travels does: PKCS#11 can neither put the length before a key that it wraps, nor compute a
 * MAC over one, nor take the length off again, so its value passes through secret memory. Both
 * calls are HSM_HOST_ASSISTED on every token, and KMS_ERR_DENIED without allow_host.
 */
#ifndef KEYS_BLOCKTOKEN_H
#define KEYS_BLOCKTOKEN_H

#include "hsm/crypto.h"
#include "keys/keyblock.h"

/* target, of `alg`, under kbpk (role HSM_TRANSPORT_DERIVE). */
KMS_CHECKED enum kms_status key_block_wrap_hsm(struct hsm *hsm, struct hsm_key *kbpk,
	struct hsm_key *target, enum key_alg alg, const struct key_block_fields *fields,
	bool allow_host, struct buf *ret_text, struct kms_err *err);

/*
 * Creates spec's key from a block. KMS_ERR_MISMATCH if the block is not intact, before anything is
 * created; KMS_ERR_INVALID if the key in it is not one of spec's algorithm, or is weak.
 */
KMS_CHECKED enum kms_status key_block_unwrap_hsm(struct hsm *hsm, struct hsm_key *kbpk,
	const struct key_block *block, const struct hsm_new *spec, bool allow_host,
	struct hsm_made *ret_made, struct kms_err *err);

#endif
