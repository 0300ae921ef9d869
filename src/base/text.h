/* SPDX-License-Identifier: Apache-2.0 */
/* Text that may come from anywhere and is to be shown to people. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* At most max bytes of UTF-8 without control characters (C0, DEL, C1). "" is. */
bool text_printable(const char *text, size_t max);

/* Copies; what is not printable becomes '?', what does not fit is cut between characters. */
void text_clean(const char *text, char *out, size_t out_size);

#endif
