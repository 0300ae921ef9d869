/* SPDX-License-Identifier: Apache-2.0 */
/* A file of fields: UTF-8, a header line with names, a line for each card, commas between. */
#include "card/perso.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

void perso_row_free(struct perso_row *row)
{
	free(row->text);
	row->text = NULL;
}

/* Cuts at commas, in place. Quotes have no meaning here, so none is let through as if it had. */
static enum kms_status cut(const char *source, int line, char *text,
	const char *parts[PERSO_COLUMNS_MAX], size_t *ret_count, struct kms_err *err)
{
	size_t count = 0;

	for (char *at = text; at;) {
		char *comma = strchr(at, ',');

		if (comma)
			*comma = 0;
		if (count == PERSO_COLUMNS_MAX)
			return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: more than %d columns",
				source, line, PERSO_COLUMNS_MAX);
		if (strchr(at, '"') || !text_printable(at, strlen(at)))
			return kms_fail(err, KMS_ERR_INVALID,
				"%s, line %d, column %zu: a quotation mark, or no printable UTF-8",
				source, line, count + 1);
		parts[count++] = at;
		at = comma ? comma + 1 : NULL;
	}
	*ret_count = count;
	return KMS_OK;
}

/* The header's column `card`; a name twice would make one of them unseen. */
static enum kms_status find_card(const struct perso_row *row, size_t *ret_at, struct kms_err *err)
{
	bool found = false;

	for (size_t i = 0; i < row->count; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(row->names[i], row->names[k]) == 0)
				return kms_fail(err, KMS_ERR_INVALID,
					"%s, line 1: there are two columns '%s'", row->source,
					row->names[i]);
		if (strcmp(row->names[i], "card") == 0) {
			*ret_at = i;
			found = true;
		}
	}
	return found ? KMS_OK
		     : kms_fail(err, KMS_ERR_INVALID, "%s, line 1: there is no column 'card'",
			       row->source);
}

static bool is_cards(const char *line, size_t at, const char *card)
{
	for (; at > 0 && line; at--) {
		line = strchr(line, ',');
		line = line ? line + 1 : NULL;
	}
	return line && strncmp(line, card, strlen(card)) == 0 &&
	       (line[strlen(card)] == ',' || line[strlen(card)] == 0);
}

static enum kms_status take_line(struct perso_row *row, char *line, int number, struct kms_err *err)
{
	size_t count = 0;
	enum kms_status st;

	if (row->line)
		return kms_fail(err, KMS_ERR_INVALID, "%s: lines %d and %d are for the same card",
			row->source, row->line, number);
	row->line = number;
	st = cut(row->source, number, line, row->values, &count, err);
	if (!st && count != row->count)
		st = kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: it has %zu columns, the header has %zu", row->source, number,
			count, row->count);
	return st;
}

/* The next line, ended in place: LF, or CR and LF. NULL: no more. */
static char *next_line(char **at)
{
	char *line = *at, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	*at = end ? end + 1 : NULL;
	if (end)
		*end = 0;
	else
		end = line + strlen(line);
	if (end > line && end[-1] == '\r')
		end[-1] = 0;
	return line;
}

enum kms_status perso_row_find(const char *source, const char *text, size_t len, const char *card,
	struct perso_row *ret_row, struct kms_err *err)
{
	PERSO_ROW_AUTO struct perso_row row = {.source = source, .text = malloc(len + 1)};
	char *at = row.text, *line;
	size_t card_at = 0;
	int number = 1;
	enum kms_status st;

	if (!row.text)
		return kms_nomem(err);
	if (len)
		memcpy(row.text, text, len);
	row.text[len] = 0;
	if (len && memchr(text, 0, len))
		return kms_fail(err, KMS_ERR_INVALID, "%s: it holds a zero byte", source);
	line = next_line(&at);
	if (!line)
		return kms_fail(err, KMS_ERR_INVALID, "%s: it is empty", source);
	st = cut(source, 1, line, row.names, &row.count, err);
	if (!st)
		st = find_card(&row, &card_at, err);
	while (!st && (line = next_line(&at)) != NULL) {
		number++;
		if (is_cards(line, card_at, card))
			st = take_line(&row, line, number, err);
	}
	if (st)
		return st;
	if (!row.line)
		return kms_fail(err, KMS_ERR_NOT_FOUND, "%s has no line for card %s", source, card);
	*ret_row = row;
	row.text = NULL;
	return KMS_OK;
}
