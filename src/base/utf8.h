/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside: valid UTF-8, and names of people and organisations. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { NAME_MAX_BYTES = 100 };

/* RFC 3629 section 3: no surrogates, at most U+10FFFF; and the shortest form only. */
bool utf8_valid(const char *text, size_t len);

/*
 * Whether the character of len bytes at text (valid UTF-8) is one that is not seen, or that changes
 * how others are shown: zero width, variation selectors, direction marks and overrides, tags.
 */
bool utf8_hidden(const char *text, size_t len);

/*
 * A name that may be stored, signed and printed: 1 to 100 bytes of UTF-8, no control or hidden
 * characters, no blank but U+0020, no comma, '=' or double quote (they separate names elsewhere), no blank at either end.
 */
KMS_CHECKED enum kms_status name_check(const char *name, const char *what, struct kms_err *err);

/*
 * Whether two spellings mean one person: blanks folded, letter case and full stops ignored for
 * ASCII. "A. Ortiz" is "a ortiz". Accents and other scripts are compared byte by byte.
 */
bool name_same(const char *a, const char *b);

/* The form in which two names are name_same exactly if their bytes are. `name` passed name_check. */
void name_fold(const char *name, char out[NAME_MAX_BYTES + 1]);

#endif
