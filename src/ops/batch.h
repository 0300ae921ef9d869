/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: what the parts of batches share. */
#ifndef OPS_BATCH_H
#define OPS_BATCH_H

#include "ops/op.h"
#include "ops/ops.h"
#include "store/batches.h"

/* The file of cards, line for line into the queue of batch in->name; in a transaction. In a dry run it is
 * only read. */
KMS_CHECKED enum kms_status op_batch_read(struct op_site *site, const struct op_batch *in,
	int64_t now, int64_t *ret_cards, json_t *malformed, struct kms_err *err);

/* How each card of it is worked on: what `batch create` was told, from store_batch.options. */
struct op_batch_how {
	json_t *json; /* owns the texts */
	struct op_batch in;
};
KMS_CHECKED enum kms_status op_batch_how(
	const struct store_batch *batch, struct op_batch_how *ret_how, struct kms_err *err);
static inline void op_batch_how_clear(struct op_batch_how *how)
{
	json_decref(how->json);
}

#endif
