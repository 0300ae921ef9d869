/* SPDX-License-Identifier: Apache-2.0 */
/* Time: seconds of UTC since 1970, written as 2026-11-23T17:25:00Z. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 21 };

int64_t clock_now(void);

/*
 * Seconds since the machine was started, asleep or not: nobody can set it, and all processes there agree on it.
 * 0: the kernel has no such clock.
 */
int64_t clock_since_start(void);

/* A time outside years 0001 to 9999 is written as "-". */
void clock_format(int64_t t, char out[CLOCK_TEXT_SIZE]);

/* Only the form that clock_format writes; false for any other text. */
bool clock_parse(const char *text, int64_t *ret_t);

/* t plus a number of calendar months; a day that the month lacks becomes its last one. */
int64_t clock_add_months(int64_t t, int months);

#endif
