/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person at a terminal: prompts on /dev/tty, never on stdin or stdout.
 *
 * While a struct term is open the terminal neither echoes nor makes signals of keys, and SIGINT,
 * SIGTERM, SIGHUP, SIGQUIT, SIGTSTP and SIGWINCH are blocked: they are taken note of at the next prompt, which
 * then fails with KMS_ERR_CANCELLED, so that every way out runs through term_close. It puts back
 * echo, the screen and the signal mask; a signal that came meanwhile and was not taken note of then
 * has its usual effect. (After SIGKILL nothing can be put back: `reset` does it.)
 *
 * Secrets go byte by byte from the terminal into a struct secret; nothing else keeps them. Ctrl-C
 * and Ctrl-D at any prompt are KMS_ERR_CANCELLED.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct term {
	int fd;	       /* -1 when closed */
	int signal_fd; /* where the blocked signals are read */
	struct termios saved;
	sigset_t saved_mask;
	bool screen;  /* the alternate screen is on */
	bool resized; /* SIGWINCH came; for who reads keys by term_key, and puts it back */
};

#define TERM_AUTO __attribute__((cleanup(term_close)))
#define TERM_CLOSED                       \
	{                                 \
		.fd = -1, .signal_fd = -1 \
	}

/* Whether there is a terminal to prompt on. */
bool term_available(void);

/* KMS_ERR_IO without one, with a hint at --pin-fd. Declare as TERM_AUTO struct term t = TERM_CLOSED. */
KMS_CHECKED enum kms_status term_open(struct term *ret_term, struct kms_err *err);
void term_close(struct term *t); /* safe on a closed one and twice */

/* Text for people; never a secret. Failures show at the next prompt. */
void term_say(struct term *t, const char *fmt, ...) KMS_PRINTF(2, 3);
/* Writes bytes as they are; for tui/screen.c. Failures show at the next prompt. */
void term_put(struct term *t, const void *data, size_t len);
/* Writes secret text (a component sheet) straight from locked memory. */
KMS_CHECKED enum kms_status term_show(
	struct term *t, const struct secret *text, struct kms_err *err);

/*
 * The alternate screen, which has no scrollback; and wiping it together with the scrollback of
 * terminals that keep one (ESC [2J, ESC [3J). term_screen_off wipes first.
 */
KMS_CHECKED enum kms_status term_screen_on(struct term *t, struct kms_err *err);
KMS_CHECKED enum kms_status term_clear(struct term *t, struct kms_err *err);
KMS_CHECKED enum kms_status term_screen_off(struct term *t, struct kms_err *err);

/*
 * One key, without echo: Enter is '\n', Backspace 0x08, Ctrl-U 0x15, Ctrl-W 0x17; what arrow and function
 * keys send is passed over. 0: none came within timeout_ms, or the terminal was resized.
 */
KMS_CHECKED enum kms_status term_key(
	struct term *t, int timeout_ms, unsigned char *ret_key, struct kms_err *err);

/* Throws away what was typed ahead. */
void term_drop_input(struct term *t);

/* One line, echoed. At most max bytes of UTF-8. */
KMS_CHECKED enum kms_status term_ask_text(
	struct term *t, const char *prompt, size_t max, struct buf *ret_text, struct kms_err *err);

/* One line, nothing echoed at all: PINs and passphrases. */
KMS_CHECKED enum kms_status term_ask_secret(struct term *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err);

/* Twice, until both agree (3 times at most): a new PIN or passphrase. */
KMS_CHECKED enum kms_status term_ask_new_secret(struct term *t, const char *prompt, size_t max,
	struct secret *ret_secret, struct kms_err *err);

/*
 * Masked digits in groups of four: each digit shows as a bullet. Enter ends it; what
 * goes beyond `max` is not taken (the bell rings). Backspace takes one back, Ctrl-U all; blanks are
 * passed over; a character that is no hex digit is not taken either.
 */
KMS_CHECKED enum kms_status term_ask_digits(struct term *t, const char *prompt, size_t max,
	struct secret *ret_digits, struct kms_err *err);

/* y or n (yes or no), asked again until it is one of them; --yes never gets here. */
KMS_CHECKED enum kms_status term_ask_yes(
	struct term *t, const char *question, bool *ret_yes, struct kms_err *err);

/* The person types `expected`; anything else is KMS_ERR_CANCELLED naming `what` was not confirmed. */
KMS_CHECKED enum kms_status term_confirm_typed(struct term *t, const char *question,
	const char *expected, const char *what, struct kms_err *err);

KMS_CHECKED enum kms_status term_wait_enter(
	struct term *t, const char *prompt, struct kms_err *err);

#endif
