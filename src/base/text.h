/* SPDX-License-Identifier: Apache-2.0 */
/* Text that may come from anywhere and is to be shown to people. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* At most max bytes of UTF-8 without control characters (C0, DEL, C1) and hidden ones. "" is. */
bool text_printable(const char *text, size_t max);

/* Copies; what is not printable becomes '?', what does not fit is cut between characters. */
void text_clean(const char *text, char *out, size_t out_size);

/*
 * The whole text for a terminal, to be freed: as text_clean, but newlines and tabs stay. Whatever a
 * file, a token or a row of the store holds must not move the cursor. NULL: out of memory.
 */
char *text_clean_lines(const char *text);

#endif
