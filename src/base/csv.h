/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of comma-separated values (RFC 4180), strictly and a row at a time: UTF-8, a header line,
 * columns by name. Every problem is an error that names file, line and column.
 *
 * Lines end in LF or CRLF. A field may stand in double quotes, a quote in it is doubled; it does not
 * go over the end of its line. Refused: control characters, an empty line, a line of more than
 * CSV_LINE_MAX bytes, more or fewer fields than the header has, a column that stands twice.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CSV_LINE_MAX = 64 * 1024, CSV_COLUMNS_MAX = 256 };

struct csv;

#define CSV_AUTO __attribute__((cleanup(csv_close)))

/* Opens a regular file and reads its header. */
KMS_CHECKED enum kms_status csv_open(const char *path, struct csv **ret_csv, struct kms_err *err);
/* The same over a stream, which is taken, also on failure. `source`: its name for messages. */
KMS_CHECKED enum kms_status csv_open_stream(
	FILE *stream, const char *source, struct csv **ret_csv, struct kms_err *err);
void csv_close(struct csv **csv); /* NULL in it is safe */

/* The number of a column; KMS_ERR_INVALID if there is none of that name. */
KMS_CHECKED enum kms_status csv_column(
	const struct csv *csv, const char *name, size_t *ret_column, struct kms_err *err);
size_t csv_columns(const struct csv *csv);
const char *csv_source(const struct csv *csv);
/* Its name, as the header has it. */
const char *csv_name(const struct csv *csv, size_t column);

/* The next row: KMS_ERR_NOT_FOUND (err untouched) after the last. After KMS_ERR_INVALID that line is over. */
KMS_CHECKED enum kms_status csv_next(struct csv *csv, struct kms_err *err);
/* A field of the current row; its length; both until the next call of csv_next or csv_rewind. */
const char *csv_field(const struct csv *csv, size_t column);
size_t csv_length(const struct csv *csv, size_t column);
/* The line of the current row; the header is line 1. */
int64_t csv_line(const struct csv *csv);
/* Whether the word stands in the current line, in either case; also of a line that was KMS_ERR_INVALID. */
bool csv_mentions(const struct csv *csv, const char *word);

/* Back to before the first row; only of a file that csv_open opened. */
KMS_CHECKED enum kms_status csv_rewind(struct csv *csv, struct kms_err *err);
/*
 * The row of that line (2 or more): read on to it, or from the first row on if it is not ahead. What is wrong
 * with lines before it is not told. KMS_ERR_NOT_FOUND (err untouched): the file ends before.
 */
KMS_CHECKED enum kms_status csv_go_to(struct csv *csv, int64_t line, struct kms_err *err);

/* KMS_ERR_INVALID about a field of the current row: "FILE, line 7, column 'kdd': …". */
enum kms_status csv_fail(const struct csv *csv, size_t column, struct kms_err *err, const char *fmt,
	...) KMS_PRINTF(4, 5);

#endif
