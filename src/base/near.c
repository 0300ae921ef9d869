/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#include "base/utf8.h"

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

/* ---- people ---- */

enum { WORDS_MAX = 8, WORD_LONG = 5 };

struct words {
	char text[NAME_MAX_BYTES + 1];
	const char *word[WORDS_MAX];
	size_t count; /* 0: not to be compared */
};

/*
 * Folded, cut at blanks. A letter with an accent (U+00C0 to U+017F, in UTF-8 C3 80 to C5 BF) becomes one
 * byte that is like no other letter.
 */
static void split(const char *name, struct words *w)
{
	char folded[NAME_MAX_BYTES + 1];
	char *out = w->text, *state = NULL;

	w->count = 0;
	if (strlen(name) > NAME_MAX_BYTES)
		return;
	name_fold(name, folded);
	for (const char *p = folded; *p; p++) {
		const unsigned char c = (unsigned char)*p;

		if (isdigit(c))
			return;
		*out++ = c >= 0xC3 && c <= 0xC5 && p[1] ? (p++, '?') : *p;
	}
	*out = 0;
	for (char *word = strtok_r(w->text, " ", &state); word;
		word = strtok_r(NULL, " ", &state)) {
		if (w->count == WORDS_MAX || strlen(word) > NEAR_MAX) {
			w->count = 0;
			return;
		}
		w->word[w->count++] = word;
	}
}

/* Takes from both what they have in common, in whatever order; what is left stands at the front. */
static void strike_common(struct words *a, struct words *b)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->count; i++) {
		size_t j = 0;

		while (j < b->count && strcmp(a->word[i], b->word[j]) != 0)
			j++;
		if (j == b->count) {
			a->word[kept++] = a->word[i];
			continue;
		}
		b->word[j] = b->word[--b->count];
	}
	a->count = kept;
}

static bool initial_of(const char *initial, const char *word)
{
	return initial[0] && !initial[1] && initial[0] == word[0];
}

static bool one_letter_other(const char *a, const char *b)
{
	const size_t a_len = strlen(a), b_len = strlen(b);

	return (a_len >= WORD_LONG || b_len >= WORD_LONG) && a[a_len - 1] == b[b_len - 1] &&
	       distance(a, a_len, b, b_len) == 1;
}

bool near_person(const char *a, const char *b)
{
	struct words left, right;
	size_t words;

	split(a, &left);
	split(b, &right);
	if (left.count == 0 || left.count != right.count)
		return false;
	words = left.count;
	strike_common(&left, &right);
	if (left.count != 1)
		return left.count == 0;
	return (words > 1 && (initial_of(left.word[0], right.word[0]) ||
				     initial_of(right.word[0], left.word[0]))) ||
	       one_letter_other(left.word[0], right.word[0]);
}
