/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a ceremony (ceremony/machine.h) from step to step in front of people. What they see and how
 * they answer is a face: a plain terminal or the full screen. What is asked, judged, asked again and
 * how often is the same for all, and here.
 *
 * A face returns KMS_ERR_CANCELLED for Ctrl-C and signals; any failure of a face ends the ceremony.
 */
#ifndef CEREMONY_DRIVE_H
#define CEREMONY_DRIVE_H

#include "base/err.h"
#include "base/secret.h"
#include "ceremony/machine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Brings sheets to people on paper (cer_setup.printed). */
struct cer_printer {
	void *ctx;
	/* The sheet of a CER_STEP_SHOW. After an error what came out is void. */
	enum kms_status (*print)(void *ctx, const struct cer_step *step, struct kms_err *err);
	/* The pair has it, or it is void: of what print made, nothing stays but paper. */
	void (*forget)(void *ctx, const struct cer_step *step);
	/* Records that the sheet is void, and says which serial number the next one has. */
	enum kms_status (*replace)(void *ctx, const struct cer_step *step, const char *why,
		uint32_t *ret_serial, struct kms_err *err);
};

struct cer_face {
	void *ctx;
	int64_t (*now)(void);

	/* A new step: its title and text. Nothing that the step before showed stays, but for the sheet
	 * while its check value is typed back (CER_STEP_RETYPE). */
	enum kms_status (*step)(void *ctx, const struct cer_step *step, struct kms_err *err);
	/* What was wrong with the last answer; tries_left 0: not counted. */
	void (*problem)(void *ctx, const struct kms_err *why, unsigned tries_left);
	/* Throws away what was typed before the person it is meant for was at the keyboard. */
	void (*drop_input)(void *ctx);
	enum kms_status (*wait)(void *ctx, const char *prompt, struct kms_err *err);
	enum kms_status (*agree)(
		void *ctx, const char *question, bool *ret_yes, struct kms_err *err);
	/* A check value or ceremony id of at most max bytes. It is secret until it is known not to be a
	 * component typed in the wrong place. */
	enum kms_status (*text)(void *ctx, const char *prompt, size_t max, struct secret *ret_text,
		struct kms_err *err);
	/* One line of a component, masked. *ret_back: no, the line before is to be typed again; never of
	 * line 1. */
	enum kms_status (*line)(void *ctx, const struct cer_step *step, unsigned line,
		struct secret *ret_digits, bool *ret_back, struct kms_err *err);
	/* The sheet, until the people say that they have copied it. */
	enum kms_status (*show)(void *ctx, const struct cer_step *step, struct kms_err *err);
	const struct cer_printer *printer; /* instead of show; NULL: there is none */
};

/*
 * On until the machine wants its components combined (KMS_OK), is done (KMS_OK) or has failed. The
 * caller aborts the ceremony if this fails.
 */
KMS_CHECKED enum kms_status cer_drive(
	const struct cer_face *face, struct cer *c, struct kms_err *err);

/* Whether a step that needs people is next. */
bool cer_has_steps(const struct cer *c, struct cer_step *ret_step);

#endif
