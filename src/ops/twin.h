/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: a key that comes in while the site has it already, under another label. Its owner would
 * destroy, retire or change one and believe it gone. Known by algorithm and check value, before anything
 * is unwrapped or typed; three bytes may agree by chance, so officers can override it.
 */
#ifndef OPS_TWIN_H
#define OPS_TWIN_H

#include "keys/kcv.h"
#include "ops/op.h"

/* A check value of length 0 (the sender says none) has no twin. */
KMS_CHECKED enum kms_status op_twin_check(struct op *op, const char *label, enum key_alg alg,
	const struct key_kcv *kcv, struct kms_err *err);
/* The same of two that come together. */
KMS_CHECKED enum kms_status op_twin_override(
	struct op *op, const char *label, const char *other, struct kms_err *err);

#endif
