/* SPDX-License-Identifier: Apache-2.0 */
/* Cryptoperiods. */
#include "keys/plan.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	enum key_period_unit unit;
	const char *one, *many;
	unsigned max; /* thirty years: longer is a slip of the hand */
} units[] = {
	{KEY_PERIOD_DAYS, "day", "days", 30 * 366},
	{KEY_PERIOD_MONTHS, "month", "months", 30 * 12},
	{KEY_PERIOD_YEARS, "year", "years", 30},
};

enum { UNITS = sizeof(units) / sizeof(units[0]), DAY = 24 * 60 * 60 };

int64_t key_period_end(const struct key_period *period, int64_t from)
{
	switch (period->unit) {
	case KEY_PERIOD_DAYS:
		return from + (int64_t)period->count * DAY;
	case KEY_PERIOD_MONTHS:
		return clock_add_months(from, (int)period->count);
	case KEY_PERIOD_YEARS:
		return clock_add_months(from, (int)(12 * period->count));
	case KEY_PERIOD_NONE:
		break;
	}
	return INT64_MAX;
}

void key_period_print(const struct key_period *period, char ret_text[KEY_PERIOD_TEXT_SIZE])
{
	const char *word = NULL;

	for (size_t i = 0; i < UNITS; i++)
		if (units[i].unit == period->unit)
			word = period->count == 1 ? units[i].one : units[i].many;
	if (word)
		snprintf(ret_text, KEY_PERIOD_TEXT_SIZE, "%u %s", period->count, word);
	else
		snprintf(ret_text, KEY_PERIOD_TEXT_SIZE, "none");
}

enum kms_status key_period_parse(
	const char *text, struct key_period *ret_period, struct kms_err *err)
{
	size_t digits = strspn(text, "0123456789");
	const char *word = text + digits + strspn(text + digits, " \t");
	unsigned count;

	if (strcmp(text, "none") == 0) {
		*ret_period = (struct key_period){0};
		return KMS_OK;
	}
	count = digits > 0 && digits <= 6 ? (unsigned)atoi(text) : 0;
	for (size_t i = 0; count && word > text + digits && i < UNITS; i++) {
		if (strcmp(word, units[i].one) != 0 && strcmp(word, units[i].many) != 0)
			continue;
		if (count > units[i].max)
			return kms_fail(err, KMS_ERR_INVALID,
				"a cryptoperiod of %u %s: at most %u can be", count, units[i].many,
				units[i].max);
		*ret_period = (struct key_period){units[i].unit, count};
		return KMS_OK;
	}
	kms_fail(err, KMS_ERR_INVALID, "'%.40s' is no cryptoperiod", text);
	return kms_hint(err, "a number and days, months or years, for example: 36 months");
}
