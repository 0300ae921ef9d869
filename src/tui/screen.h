/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full screen of a ceremony: one instruction at a time, who is at the keyboard, who must leave,
 * how far it is. 24 lines of 80 columns suffice; on less it says so and waits. Monochrome.
 *
 * Curses draws what everybody may see. It keeps all that it draws in ordinary memory, so what nobody
 * may keep never goes through it: digits of components, and whatever people type, are written from a
 * struct secret straight to the terminal, over cells that curses believes to be blank, and blanked in
 * the same way (tui_raw). Keys are read by term.h, never by curses, whose queue would keep them. What
 * the kernel and the terminal hold of it is wiped by overwriting, ESC [2J and ESC [3J.
 *
 * Ctrl-C and signals at any prompt are KMS_ERR_CANCELLED. tui_close wipes the screen and gives it back.
 */
#ifndef TUI_SCREEN_H
#define TUI_SCREEN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum { TUI_LINES = 24, TUI_COLUMNS = 80 };

struct tui;

/* Whether TERM names a terminal that can do it; else the plain front is used. */
bool tui_possible(void);

KMS_CHECKED enum kms_status tui_open(struct tui **ret_tui, struct kms_err *err);
void tui_close(struct tui *t); /* NULL-safe */

/* ---- what is on the screen ---- */

/* The top line. */
void tui_title(struct tui *t, const char *title);
/* Stands at the right of the top line, on every page: a constant, or NULL. */
void tui_banner(struct tui *t, const char *banner);
/* Who is at the keyboard and who must leave; NULL: nobody in particular. */
void tui_people(struct tui *t, const char *at, const char *leaving);
/* How far it is. */
void tui_progress(struct tui *t, const char *text);
/* The instruction; what was said and wrong before is gone. */
void tui_page(struct tui *t, const char *heading, const char *text);
/* Other text under the same heading; what was wrong stays. */
void tui_text(struct tui *t, const char *text);
/* Adds lines to the page, and shows it: there is something to wait for. */
void tui_say(struct tui *t, const char *text);
/* What is wrong, below the page, until the next tui_page; NULL: no longer. */
void tui_problem(struct tui *t, const char *text);
/* Wipes the terminal with its scrollback; the next drawing starts from nothing. */
KMS_CHECKED enum kms_status tui_wipe(struct tui *t, struct kms_err *err);
void tui_drop_input(struct tui *t);

/* ---- asking: each shows the page, its further parts first, and then the prompt ---- */

KMS_CHECKED enum kms_status tui_wait(struct tui *t, const char *prompt, struct kms_err *err);
/* y or n. A no is asked twice: it ends a ceremony. */
KMS_CHECKED enum kms_status tui_ask_yes(
	struct tui *t, const char *question, bool *ret_yes, struct kms_err *err);
/* One line that shows; blanks at its ends are cut off. */
KMS_CHECKED enum kms_status tui_ask_text(struct tui *t, const char *prompt, size_t max,
	struct secret *ret_text, struct kms_err *err);
/* One line of which nothing shows. */
KMS_CHECKED enum kms_status tui_ask_secret(struct tui *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err);
KMS_CHECKED enum kms_status tui_ask_new_secret(struct tui *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err);
/* Exactly `expected` (`Yes`, a label), or KMS_ERR_CANCELLED. */
KMS_CHECKED enum kms_status tui_confirm(
	struct tui *t, const char *question, const char *expected, struct kms_err *err);

/*
 * `max` hexadecimal digits, masked, in groups of four. Backspace takes a digit back, Ctrl-W a group,
 * Ctrl-U all; Backspace where nothing is typed goes back to the line before (*ret_back) if can_back.
 * More than max digits, as when a whole component is pasted, are refused together.
 */
KMS_CHECKED enum kms_status tui_ask_digits(struct tui *t, const char *prompt, size_t max,
	bool can_back, struct secret *ret_digits, bool *ret_back, struct kms_err *err);

/*
 * Shows secret lines below the page: hidden at first, for `seconds` after each Space, then hidden
 * again. Enter ends it once they have been seen.
 */
KMS_CHECKED enum kms_status tui_reveal(struct tui *t, const struct secret *lines, int seconds,
	const char *prompt, struct kms_err *err);

#endif
