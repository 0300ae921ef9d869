/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the CAP reader share. */
#ifndef CARD_CAP_INT_H
#define CARD_CAP_INT_H

#include "card/cap.h"

/*
 * The component files of the archive, unpacked; data NULL for those it has not. What was unpacked
 * before an error is in ret_parts all the same: the caller frees all of them, always.
 */
KMS_CHECKED enum kms_status cap_unzip(
	const void *data, size_t len, struct buf ret_parts[CAP_COMPONENTS], struct kms_err *err);

/* The rest of cap_read: what the components say. *cap is the caller's to free, always. */
KMS_CHECKED enum kms_status cap_parse(
	struct cap *cap, const struct buf parts[CAP_COMPONENTS], struct kms_err *err);

#endif
