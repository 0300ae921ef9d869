/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a batch, once as it is for most actions and once where each row must name its card. */
#include "base/utf8.h"
#include "ops/batch_rows.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_hex(const char *text, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len % 2 == 0 && len <= max && strspn(text, "0123456789ABCDEF") == len;
}

static void look_at(struct batch_rows *rows, const struct batch_row *row)
{
	static const size_t card_max = OP_CARD_ID_MAX - 1, kdd_max = OP_KDD_HEX - 1;
	struct kms_err err = {0};
	int64_t turn = -1, next = -1;

	if (!row->reader || !*row->reader || !utf8_valid(row->reader, strlen(row->reader)))
		abort();
	if (row->card ? !is_hex(row->card, card_max) : rows->need_card)
		abort();
	if ((row->kdd && !is_hex(row->kdd, kdd_max)) || (row->profile && !*row->profile))
		abort();
	if (batch_rows_turn(rows, row, &turn, &err) || turn < 0 ||
		batch_rows_turn(rows, row, &next, &err) || next != turn + 1)
		abort();
}

/* Whether that row's card stood before is told by the file itself: it is read to there anew. */
static void only_once(const uint8_t *data, size_t size, const char *card, int64_t line)
{
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "r");
	BATCH_ROWS_AUTO struct batch_rows rows = {0};
	struct csv *csv = NULL;
	struct batch_row row;
	struct kms_err err = {0};
	enum kms_status st;

	if (!stream || csv_open_stream(stream, "fuzz", &csv, &err) ||
		batch_rows_open(csv, false, &rows, &err))
		abort();
	while ((st = batch_rows_next(&rows, &row, &err)) != KMS_ERR_NOT_FOUND &&
		csv_line(rows.csv) < line)
		if (!st && row.card && strcmp(row.card, card) == 0)
			abort();
}

static void read_all(const uint8_t *data, size_t size, bool need_card)
{
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "r");
	BATCH_ROWS_AUTO struct batch_rows rows = {0};
	struct csv *csv = NULL;
	struct batch_row row;
	struct kms_err err = {0};
	int64_t line = 1;
	enum kms_status st;

	if (!stream || csv_open_stream(stream, "fuzz", &csv, &err) ||
		batch_rows_open(csv, need_card, &rows, &err)) {
		if (stream && !err.msg[0])
			abort();
		return;
	}
	while ((st = batch_rows_next(&rows, &row, &err)) != KMS_ERR_NOT_FOUND) {
		if (csv_line(rows.csv) != ++line || (st && (st != KMS_ERR_INVALID || !err.msg[0])))
			abort();
		kms_err_clear(&err);
		if (st)
			continue;
		look_at(&rows, &row);
		if (row.card && size < 512)
			only_once(data, size, row.card, line);
	}
	if (err.msg[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	read_all(data, size, false);
	read_all(data, size, true);
	return 0;
}
