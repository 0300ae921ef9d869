/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the audit log's tree as kept in the store. */
#ifndef OPS_NODES_H
#define OPS_NODES_H

#include "audit/tree.h"
#include "ops/op.h"

struct audit_nodes op_log_nodes(struct op_site *site);

/* Time of the last entry or checkpoint, whichever is later; 0 if there is none. */
KMS_CHECKED enum kms_status op_log_last_time(
	struct op_site *site, int64_t *ret_time, struct kms_err *err);

#endif
