/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports on paper, of public data only: minutes, registers, forms. What is added flows down the
 * pages; each page bears the title and "page x of y".
 */
#ifndef PAPER_REPORT_H
#define PAPER_REPORT_H

#include "base/err.h"

#include <stddef.h>

enum { REPORT_COLUMNS_MAX = 8 };

struct report;

KMS_CHECKED enum kms_status report_open(
	const char *title, const char *subtitle, struct report **ret_report, struct kms_err *err);
void report_close(struct report *r); /* NULL-safe */

#define REPORT_AUTO __attribute__((cleanup(report_close_pointer)))
static inline void report_close_pointer(struct report **p)
{
	report_close(*p);
}

KMS_CHECKED enum kms_status report_heading(struct report *r, const char *text, struct kms_err *err);
/* Wrapped at blanks. */
KMS_CHECKED enum kms_status report_text(struct report *r, const char *text, struct kms_err *err);
/* A name and its value, which may be long: hashes break anywhere. */
KMS_CHECKED enum kms_status report_field(
	struct report *r, const char *name, const char *value, struct kms_err *err);

/* Widths in per cent of the page, 100 together. The heading comes again on each page. */
struct report_column {
	const char *heading;
	unsigned width;
};
KMS_CHECKED enum kms_status report_table(
	struct report *r, const struct report_column *columns, size_t count, struct kms_err *err);
/* One row of the table begun last: as many cells as it has columns, each wrapped in its own. */
KMS_CHECKED enum kms_status report_row(
	struct report *r, const char *const *cells, struct kms_err *err);

/* A line to sign for each name (may be ""), with a date. */
KMS_CHECKED enum kms_status report_signatures(
	struct report *r, const char *const *names, size_t count, struct kms_err *err);
/* A line to fill in by hand. */
KMS_CHECKED enum kms_status report_blank(struct report *r, const char *name, struct kms_err *err);
KMS_CHECKED enum kms_status report_qr(
	struct report *r, const char *data, const char *caption, struct kms_err *err);

KMS_CHECKED enum kms_status report_write(
	struct report *r, int fd, const char *name, struct kms_err *err);

#endif
