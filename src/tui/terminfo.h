/* SPDX-License-Identifier: Apache-2.0 */
/* Two questions to terminfo, apart: its header has macros of half the dictionary. */
#ifndef TUI_TERMINFO_H
#define TUI_TERMINFO_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a terminal of that type is known and its cursor can be put anywhere. */
bool terminfo_can_move(const char *type);

/* What moves the cursor of curses' terminal there; returns its length, 0 if nothing does. */
size_t terminfo_move(int row, int column, char *out, size_t size);

#endif
