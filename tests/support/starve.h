/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked memory for secrets gives out. Its allocations are no malloc, so tests/crash does not reach them.
 *
 *   static enum kms_status seal(void *ctx, struct kms_err *err) { … }
 *   starve_through(seal, &ctx);
 *
 * Runs it with no room left, then with a little more each time, until it goes through, which it must; each
 * time before it must fail with KMS_ERR_NOMEM, and the first time it must fail.
 */
#ifndef SUPPORT_STARVE_H
#define SUPPORT_STARVE_H

#include "base/err.h"

void starve_through(enum kms_status (*run)(void *ctx, struct kms_err *err), void *ctx);

#endif
