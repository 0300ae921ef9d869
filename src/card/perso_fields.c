/* SPDX-License-Identifier: Apache-2.0 */
#include "card/perso.h"

#include <strings.h>

enum kms_status perso_fields_are_of(const struct csv *fields, const char *card, struct kms_err *err)
{
	size_t column;
	enum kms_status st = csv_column(fields, PERSO_CARD_COLUMN, &column, err);

	if (st || strcasecmp(csv_field(fields, column), card) == 0)
		return st;
	return csv_fail(
		fields, column, err, "'%.64s' and not '%.64s'", csv_field(fields, column), card);
}

/* The line of the card's row; 0 and *ret_wrong: none, and what the first line that is wrong has. */
static enum kms_status find_line(struct csv *fields, const char *card, int64_t *ret_line,
	struct kms_err *ret_wrong, struct kms_err *err)
{
	size_t column;
	enum kms_status st = csv_column(fields, PERSO_CARD_COLUMN, &column, err);

	*ret_line = 0;
	if (!st)
		st = csv_rewind(fields, err);
	while (!st) {
		struct kms_err why = {0};

		st = csv_next(fields, &why);
		if (st == KMS_ERR_INVALID && csv_mentions(fields, card)) {
			/* Its own, or a second one for it: either way nobody knows what it means. */
			return kms_fail(
				err, KMS_ERR_INVALID, "%s; card %s is named in it", why.msg, card);
		}
		if (st == KMS_ERR_INVALID) {
			if (!ret_wrong->code)
				*ret_wrong = why;
			st = KMS_OK;
			continue;
		}
		if (st && st != KMS_ERR_NOT_FOUND)
			*err = why;
		if (st || strcasecmp(csv_field(fields, column), card) != 0)
			continue;
		if (*ret_line)
			st = csv_fail(fields, column, err, "line %lld is for the same card",
				(long long)*ret_line);
		*ret_line = csv_line(fields);
	}
	return st == KMS_ERR_NOT_FOUND ? KMS_OK : st;
}

enum kms_status perso_fields_find(struct csv *fields, const char *card, struct kms_err *err)
{
	struct kms_err wrong = {0};
	int64_t line;
	enum kms_status st = find_line(fields, card, &line, &wrong, err);

	if (st)
		return st;
	if (line)
		return csv_go_to(fields, line, err);
	if (wrong.code)
		return kms_fail(err, KMS_ERR_INVALID, "%s; and no other line is for card %s",
			wrong.msg, card);
	return kms_fail(
		err, KMS_ERR_NOT_FOUND, "%s has no line for card %s", csv_source(fields), card);
}
