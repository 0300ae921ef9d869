/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where component sheets are printed: the device of a printer that takes PDF (or a pipe with a
 * print system at its end), or a folder on a tmpfs, from where somebody prints the files.
 */
#ifndef PAPER_OUTPUT_H
#define PAPER_OUTPUT_H

#include "base/err.h"
#include "base/secret.h"
#include "ceremony/pairs.h"

#include <limits.h>
#include <stdbool.h>

struct paper_output {
	const char *where; /* borrowed */
	bool folder;
};

/* KMS_ERR_IO unless sheets can go there: asked before a ceremony begins, and nothing is written. */
KMS_CHECKED enum kms_status paper_output_open(
	const char *where, struct paper_output *ret_output, struct kms_err *err);

/*
 * The sheet (its text, ceremony/sheet.h) as one page: to the device, or to the new file NAME.pdf of
 * mode 0600 in the folder, whose path is then in ret_path (else ""). After an error nothing is in
 * the folder, and what came out of the device is void.
 */
KMS_CHECKED enum kms_status paper_output_sheet(const struct paper_output *output, const char *name,
	const struct secret *text, char ret_path[PATH_MAX], struct kms_err *err);

/* Overwrites and removes such a file; "" is none. */
void paper_output_forget(const char *path);

#endif
