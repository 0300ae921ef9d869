/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of some known names to a word that is not among them. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stdbool.h>

/*
 * The name (of a NULL-terminated list) with the fewest letters to change, add, drop or swap; NULL
 * if even that is too far off to be meant. Letter case does not count.
 */
const char *near_name(const char *word, const char *const *names);

/*
 * Whether two names that are not name_same may well be one person: the same words in another order; an
 * initial for a word; or one letter, not the last, other in one word of five letters or more. What has
 * digits in it is never near.
 */
bool near_person(const char *a, const char *b);

#endif
