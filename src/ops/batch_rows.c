/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/batch_rows.h"

#include "base/hex.h"
#include "card/reader.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { NO_COLUMN = -1 };

struct seen {
	int64_t number;
	char text[];
};

static int compare_seen(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->text, ((const struct seen *)b)->text);
}

/* The one there is, else a new one with number 0. NULL: out of memory. */
static struct seen *see(void **tree, const char *text)
{
	struct seen *fresh = calloc(1, sizeof(*fresh) + strlen(text) + 1);
	struct seen **at;

	if (!fresh)
		return NULL;
	memcpy(fresh->text, text, strlen(text) + 1);
	at = tsearch(fresh, tree, compare_seen);
	if (!at || *at != fresh)
		free(fresh);
	return at ? *at : NULL;
}

static int column(const struct csv *csv, const char *name)
{
	for (size_t i = 0; i < csv_columns(csv); i++)
		if (strcmp(csv_name(csv, i), name) == 0)
			return (int)i;
	return NO_COLUMN;
}

enum kms_status batch_rows_open(
	struct csv *csv, bool need_card, struct batch_rows *ret_rows, struct kms_err *err)
{
	size_t reader;
	enum kms_status st = csv_column(csv, "reader", &reader, err);

	if (st) {
		csv_close(&csv);
		return st;
	}
	*ret_rows = (struct batch_rows){.csv = csv,
		.need_card = need_card,
		.reader = (int)reader,
		.card = column(csv, "card"),
		.profile = column(csv, "profile"),
		.kdd = column(csv, "kdd")};
	return KMS_OK;
}

void batch_rows_close(struct batch_rows *rows)
{
	csv_close(&rows->csv);
	tdestroy(rows->cards, free);
	tdestroy(rows->readers, free);
	*rows = (struct batch_rows){0};
}

/* NULL for an empty field, and for a column that is not there. */
static const char *field(const struct batch_rows *r, int at)
{
	const char *text = at == NO_COLUMN ? "" : csv_field(r->csv, (size_t)at);

	return *text ? text : NULL;
}

/* Only the words are looked at: nothing is connected to. */
static enum kms_status check_address(
	const struct batch_rows *r, const char *reader, struct kms_err *err)
{
	struct card_system *system = NULL;
	struct kms_err why = {0};
	enum kms_status st = KMS_OK;

	if (strchr(reader, ','))
		return csv_fail(r->csv, (size_t)r->reader, err, "more than one reader");
	if (card_system_open(reader, &system, &why))
		st = why.code == KMS_ERR_NOMEM
			     ? kms_nomem(err)
			     : csv_fail(r->csv, (size_t)r->reader, err, "%s", why.msg);
	card_system_close(system);
	return st;
}

static enum kms_status check_reader(
	const struct batch_rows *r, struct batch_row *row, struct kms_err *err)
{
	row->reader = field(r, r->reader);
	if (!row->reader)
		return csv_fail(
			r->csv, (size_t)r->reader, err, "empty: which reader holds the card?");
	if (strlen(row->reader) >= CARD_READER_NAME_SIZE + strlen("tcp:"))
		return csv_fail(
			r->csv, (size_t)r->reader, err, "too long for the name of a reader");
	if (strncmp(row->reader, "tcp:", strlen("tcp:")) == 0)
		return check_address(r, row->reader, err);
	return KMS_OK;
}

static enum kms_status hex_field(const struct batch_rows *r, int at, size_t max, char *out,
	const char **ret_hex, struct kms_err *err)
{
	const char *text = field(r, at);
	size_t len = text ? strlen(text) : 0;

	*ret_hex = NULL;
	if (!text)
		return KMS_OK;
	if (len % 2 || len > max)
		return csv_fail(r->csv, (size_t)at, err,
			"not an even number of at most %zu hex digits", max);
	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return csv_fail(r->csv, (size_t)at, err, "'%s' is not hex", text);
		out[i] = "0123456789ABCDEF"[digit];
	}
	out[len] = 0;
	*ret_hex = out;
	return KMS_OK;
}

static enum kms_status only_once(struct batch_rows *r, const char *card, struct kms_err *err)
{
	struct seen *seen = see(&r->cards, card);

	if (!seen)
		return kms_nomem(err);
	if (seen->number)
		return csv_fail(r->csv, (size_t)r->card, err, "card %s stands in line %lld, too",
			card, (long long)seen->number);
	seen->number = csv_line(r->csv);
	return KMS_OK;
}

enum kms_status batch_rows_next(
	struct batch_rows *r, struct batch_row *ret_row, struct kms_err *err)
{
	enum kms_status st = csv_next(r->csv, err);

	if (!st)
		st = check_reader(r, ret_row, err);
	if (!st)
		st = hex_field(r, r->card, sizeof(ret_row->card_hex) - 1, ret_row->card_hex,
			&ret_row->card, err);
	if (!st)
		st = hex_field(r, r->kdd, sizeof(ret_row->kdd_hex) - 1, ret_row->kdd_hex,
			&ret_row->kdd, err);
	if (!st && !ret_row->card && r->need_card)
		st = csv_fail(r->csv, (size_t)r->reader, err,
			"no card is named: whose fields are to be taken?");
	if (st)
		return st;
	ret_row->profile = field(r, r->profile);
	return ret_row->card ? only_once(r, ret_row->card, err) : KMS_OK;
}

enum kms_status batch_rows_turn(
	struct batch_rows *r, const struct batch_row *row, int64_t *ret_turn, struct kms_err *err)
{
	struct seen *reader = see(&r->readers, row->reader);

	if (!reader)
		return kms_nomem(err);
	*ret_turn = reader->number++;
	return KMS_OK;
}
