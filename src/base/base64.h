/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 of RFC 4648 section 4, with padding, without line breaks. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

KMS_CHECKED enum kms_status base64_append(
	struct buf *text, const void *data, size_t len, struct kms_err *err);

/*
 * Decodes len characters. False for anything but the spelling that base64_append gives: other
 * characters, missing padding, unused bits that are set, or more than max bytes.
 */
bool base64_decode(const char *text, size_t len, void *out, size_t max, size_t *ret_len);

#endif
