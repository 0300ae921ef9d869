/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the masters of a key set, the key that cards' keys go under, and a chunk of them. */
#ifndef OPS_DERIVE_KEYS_H
#define OPS_DERIVE_KEYS_H

#include "exchange/derived.h"
#include "keys/bulk.h"
#include "ops/op.h"
#include "store/keys.h"

struct derive_keys {
	struct store_keyset set;
	struct store_key rows[DOC_DERIVED_ROLES];
	struct store_key under_row;
	struct doc_derived_job job; /* its texts are the rows' */

	struct hsm *hsm;
	struct hsm_key masters[DOC_DERIVED_ROLES]; /* session copies where there can be any */
	struct hsm_key under;
	struct secret zero[DOC_DERIVED_ROLES]; /* as in hsm_derive_cmac */
	bool may_host;
};

/*
 * The rules, in the operation's validation: key set active and in its period, wrapping key fit for it,
 * officers no custodians of that; details for who approves. Fills all of job but sender and cards.
 */
KMS_CHECKED enum kms_status derive_keys_open(struct derive_keys *keys, struct op *op,
	const char *keyset, const char *under, struct kms_err *err);
/* Verifies masters and wrapping key against the registry; then chunks can be made. */
KMS_CHECKED enum kms_status derive_keys_verify(
	struct derive_keys *keys, struct op *op, struct kms_err *err);

/* Chunk number `chunk` as it is in the file. */
KMS_CHECKED enum kms_status derive_keys_chunk(struct derive_keys *keys, int64_t chunk,
	const struct key_bulk_card *cards, size_t count, struct buf *ret_text, struct kms_err *err);
void derive_keys_close(struct derive_keys *keys);

#endif
