/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct tui, for src/tui/ only. */
#ifndef TUI_SCREEN_INT_H
#define TUI_SCREEN_INT_H

#include "tui/screen.h"
#include "tui/term.h"

#include <stdio.h>

enum { TUI_TICK_MS = 250, TUI_ROWS_MAX = 400 };

struct tui {
	struct term term;
	FILE *in, *out;
	void *screen; /* curses' SCREEN */
	int rows, columns;
	bool small;
	char title[256], at[256], leaving[256], progress[256], heading[256];
	const char *banner; /* or NULL */
	struct buf text, problem;
	const char *prompt, *keys; /* of who asks now; NULL: nobody */
	size_t part;		   /* of the page, where it is longer than the screen */
	bool last_part;
	bool growing; /* by tui_say */
	int page_end; /* the row below the text that is shown */
};

/* Draws everything but what is raw. */
void tui_draw(struct tui *t);

/*
 * Writes len bytes (columns) at a place, around curses. To be done again after anything that curses
 * does: it may move the cursor by writing the blanks that it believes to be there.
 */
void tui_raw(struct tui *t, int row, int column, const void *data, size_t len);
/* Blanks written the same way. */
void tui_blank(struct tui *t, int row, int column, size_t columns);
/* Puts the cursor there. */
void tui_cursor(struct tui *t, int row, int column);

/* The row of the prompt. */
static inline int tui_prompt_row(const struct tui *t)
{
	return t->rows - 3;
}

/*
 * The next key, or 0 after a quarter of a second; the screen is drawn anew where its size has changed
 * (*ret_drawn: all that was raw is gone). Keys are not taken while the terminal is too small.
 */
KMS_CHECKED enum kms_status tui_key(
	struct tui *t, unsigned char *ret_key, bool *ret_drawn, struct kms_err *err);

/* Shows the parts of a long page one by one; the prompt stands below the last. */
KMS_CHECKED enum kms_status tui_through_page(
	struct tui *t, const char *prompt, const char *keys, struct kms_err *err);
/* Nobody asks any longer. */
void tui_asked(struct tui *t);

/* Characters of UTF-8 text: columns, near enough for names. */
size_t tui_width(const char *text);

#endif
