/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: what officers approve is a digest, SHA-256 over what an operation will do: its kind, subject
 * and details as validation left them, and the rules it sets aside. It is shown before anybody gives
 * a passphrase, stands in the audit log with who approved it, and is the same for the same thing on
 * another day, so that it can be approved beforehand (approval create), once.
 */
#ifndef OPS_APPROVAL_H
#define OPS_APPROVAL_H

#include "ops/op.h"

/* After validation: op->digest, and into a dry run's report. KMS_ERR_MISMATCH: the caller asked for another. */
KMS_CHECKED enum kms_status op_approval_digest(struct op *op, struct kms_err *err);

/* Tells people what they are asked to approve. */
void op_approval_show(const struct op *op);

/*
 * Whether that officer approved op->digest beforehand; then *ret_id (OP_ID_TEXT) is which approval, else
 * "". *ret_others: approved something else, which is not done.
 */
KMS_CHECKED enum kms_status op_approval_find(struct op *op, const char *officer,
	char ret_id[OP_ID_TEXT], bool *ret_others, struct kms_err *err);

/* Uses up what was given beforehand; in the transaction of the intent. */
KMS_CHECKED enum kms_status op_approval_use(struct op *op, struct kms_err *err);

#endif
