/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_now(void)
{
	return (int64_t)time(NULL);
}

int64_t clock_since_start(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec;
}

void clock_format(int64_t t, char out[CLOCK_TEXT_SIZE])
{
	time_t tt = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&tt, &tm) || tm.tm_year < -1899 || tm.tm_year > 8099 ||
		strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strcpy(out, "-");
}

bool clock_parse(const char *text, int64_t *ret_t)
{
	char again[CLOCK_TEXT_SIZE];
	struct tm tm = {0};
	time_t t;
	int end = 0;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		    &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end) != 6 ||
		end == 0 || text[end])
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	clock_format((int64_t)t, again);
	if (strcmp(again, text) != 0)
		return false;
	*ret_t = (int64_t)t;
	return true;
}

int64_t clock_add_months(int64_t t, int months)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	time_t tt = (time_t)t;
	struct tm tm;
	int year, month, last;

	if (!gmtime_r(&tt, &tm))
		return t;
	months += tm.tm_mon;
	year = tm.tm_year + 1900 + months / 12;
	month = months % 12;
	if (month < 0) {
		month += 12;
		year--;
	}
	last = days[month];
	if (month == 1 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
		last = 29;
	tm.tm_year = year - 1900;
	tm.tm_mon = month;
	if (tm.tm_mday > last)
		tm.tm_mday = last;
	return (int64_t)timegm(&tm);
}
