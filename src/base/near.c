/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { NEAR_MAX = 40 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int letter(char c)
{
	return tolower((unsigned char)c);
}

/* Optimal string alignment distance: Levenshtein's, and a swap of neighbours counts as one. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAR_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *oldest = before;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t differ = letter(a[i - 1]) != letter(b[j - 1]);

			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + differ);
			if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
				letter(a[i - 2]) == letter(b[j - 1]))
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[b_len];
}

const char *near_name(const char *word, const char *const *names)
{
	size_t len = strlen(word), best = 0;
	const char *found = NULL;

	if (len == 0 || len > NEAR_MAX)
		return NULL;
	for (; *names; names++) {
		size_t name_len = strlen(*names), d;

		if (name_len > NEAR_MAX)
			continue;
		d = distance(word, len, *names, name_len);
		/* A third of the longer word may be wrong, and one letter always. */
		if (d <= 1 + (len > name_len ? len : name_len) / 3 && d < name_len &&
			(!found || d < best)) {
			found = *names;
			best = d;
		}
	}
	return found;
}
