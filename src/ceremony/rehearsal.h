/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test components, for rehearsals: random, but for their last eight bytes, which are the first eight of
 * SHA-256("cardkms rehearsal" followed by the bytes before them). So every program can tell them from
 * real ones: a rehearsal takes no other, a real ceremony takes none of them, and draws one by chance
 * once in 2^64.
 */
#ifndef CEREMONY_REHEARSAL_H
#define CEREMONY_REHEARSAL_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>

/* Makes a component of random bytes one of a rehearsal. */
KMS_CHECKED enum kms_status cer_rehearsal_mark(struct secret *component, struct kms_err *err);

KMS_CHECKED enum kms_status cer_rehearsal_is(
	const struct secret *component, bool *ret_is, struct kms_err *err);

/* KMS_ERR_INVALID unless component number `index` is of the kind wanted. */
KMS_CHECKED enum kms_status cer_rehearsal_check(
	const struct secret *component, bool rehearsal, unsigned index, struct kms_err *err);

#endif
