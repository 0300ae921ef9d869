/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short-lived child that draws one page of secrets and ends, so that nothing of it stays in the
 * memory of the program that goes on.
 */
#ifndef PAPER_CHILD_H
#define PAPER_CHILD_H

#include "base/err.h"

/*
 * Runs `draw` in a child and returns what it returned, with its error. The child sees the parent's
 * memory as it is at the call, dies with it, and has `seconds`; it must not touch the HSM or the
 * store. If it did not end well: KMS_ERR_IO, and what it wrote is not to be trusted.
 */
KMS_CHECKED enum kms_status paper_in_child(
	enum kms_status (*draw)(const void *ctx, struct kms_err *err), const void *ctx,
	unsigned seconds, struct kms_err *err);

#endif
