/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: what the registry makes of a principal HSM that is lost. */
#ifndef OPS_REBUILD_H
#define OPS_REBUILD_H

#include "ops/op.h"

/*
 * Inside the commit of hsm setup --rebuild: the signing pairs have ended, with the identity that
 * they were (kept: the log is verified by it); keys that can come back, from a backup or from
 * components, count as lost; open requests named the old HSM and are cancelled.
 */
KMS_CHECKED enum kms_status op_give_up_hsm(struct op *op, struct kms_err *err);

#endif
