/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: checkpoints of a log that were sent to a partner, or came from one, in documents. */
#ifndef OPS_WITNESS_H
#define OPS_WITNESS_H

#include "audit/checkpoint.h"
#include "ops/site.h"

struct op_witnesses {
	struct audit_checkpoint *items;
	size_t count;
};

/*
 * Those of the log `origin`, with good signatures by `point`, over at most max_size entries; the
 * newest if there are very many. A document that carries none, or another log's, is passed over.
 */
KMS_CHECKED enum kms_status op_witnesses_find(struct op_site *site, const char *origin,
	const unsigned char point[P256_POINT_SIZE], uint64_t max_size,
	struct op_witnesses *ret_witnesses, struct kms_err *err);
void op_witnesses_free(struct op_witnesses *witnesses);

#endif
