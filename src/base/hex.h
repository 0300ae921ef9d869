/* SPDX-License-Identifier: Apache-2.0 */
/* Hexadecimal. What cardkms writes is upper case without separators. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Value of one hex digit, or -1. */
int hex_digit(int c);

/* Writes 2 * len upper-case digits and a zero byte to out. */
void hex_encode(const void *data, size_t len, char *out);

/*
 * Decodes exactly 2 * len upper-case digits: the strict form of signed documents, where any other
 * spelling of the same bytes must be refused. False if text is anything else.
 */
bool hex_decode_strict(const char *text, void *out, size_t len);

/*
 * Decodes what a person may write: either case, blanks and colons between digits. At most max
 * bytes. KMS_ERR_INVALID names `what` and the position of the first bad character, never the
 * characters: the text may be a secret.
 */
KMS_CHECKED enum kms_status hex_decode(const char *text, size_t text_len, const char *what,
	void *out, size_t max, size_t *ret_len, struct kms_err *err);

#endif
