/* SPDX-License-Identifier: Apache-2.0 */
/* A component sheet on paper: one A4 page to fold into a tamper-evident bag. */
#ifndef PAPER_SHEET_H
#define PAPER_SHEET_H

#include "base/err.h"
#include "base/secret.h"
#include "ceremony/pairs.h"

/*
 * The PDF of the sheet whose text (ceremony/sheet.h) is given, to fd: a file on a tmpfs, or the
 * device of a printer that takes PDF. It is drawn in a child, in locked memory. After an error what
 * has come out is void. `name` is for messages.
 */
KMS_CHECKED enum kms_status paper_sheet(
	const struct secret *text, int fd, const char *name, struct kms_err *err);

/* Whether the fonts have all characters of a key's sheets: KMS_ERR_INVALID names what they lack. */
KMS_CHECKED enum kms_status paper_sheet_check(
	const char *label, const struct cer_pairs *pairs, struct kms_err *err);

#endif
