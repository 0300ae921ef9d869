/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: the rows of a batch's file, and what can be said of them by the file alone. A wrong row is
 * told, and the next one can be asked for.
 */
#ifndef OPS_BATCH_ROWS_H
#define OPS_BATCH_ROWS_H

#include "base/csv.h"
#include "ops/card.h"

struct batch_rows {
	struct csv *csv;
	bool need_card;			/* a row without one is wrong */
	int reader, card, profile, kdd; /* columns; -1: there is none of that name */
	void *cards, *readers;		/* trees of what stood in the rows before */
};

/* Texts are the file's, until the next row. */
struct batch_row {
	const char *reader;
	const char *card, *profile, *kdd; /* NULL: not said. card, kdd: hex, upper case */
	char card_hex[OP_CARD_ID_MAX], kdd_hex[OP_KDD_HEX];
};

#define BATCH_ROWS_AUTO __attribute__((cleanup(batch_rows_close)))

/* csv is taken, also on failure. */
KMS_CHECKED enum kms_status batch_rows_open(
	struct csv *csv, bool need_card, struct batch_rows *ret_rows, struct kms_err *err);
void batch_rows_close(struct batch_rows *rows);

/*
 * KMS_ERR_NOT_FOUND (err untouched) after the last; KMS_ERR_INVALID names line and column of a row that is
 * malformed, or whose card stood in a row before.
 */
KMS_CHECKED enum kms_status batch_rows_next(
	struct batch_rows *rows, struct batch_row *ret_row, struct kms_err *err);
/* The row is work: the how-manieth of its reader, from 0. */
KMS_CHECKED enum kms_status batch_rows_turn(struct batch_rows *rows, const struct batch_row *row,
	int64_t *ret_turn, struct kms_err *err);

#endif
