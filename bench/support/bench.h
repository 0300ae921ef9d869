/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What benchmarks share: clocks, medians, pairs, and the one line format `name value unit`.
 *
 * A ratio is the median over BENCH_PAIRS pairs of bare time / our time, so 1.00 is "costs nothing
 * more" and 0.90 is "a ninth more". The halves of a pair run in BENCH_SLICES alternating slices,
 * each slice order turned round from the last, so that a drift of the machine hits both.
 */
#ifndef SUPPORT_BENCH_H
#define SUPPORT_BENCH_H

#include "base/err.h"

#include <stddef.h>

enum { BENCH_PAIRS = 15, BENCH_SLICES = 20 };

/* CLOCK_MONOTONIC, seconds. */
double bench_now(void);

/* Sorts values. */
double bench_median(double *values, size_t count);

/* `name.what value unit` on stdout, three words; what may be NULL. */
void bench_print(const char *name, const char *what, double value, const char *unit);

/* Talk, on stderr. */
void bench_say(const char *fmt, ...) KMS_PRINTF(1, 2);

/* main()'s status: 0, or 1 after the error on stderr. A benchmark fails only on an error. */
int bench_exit(enum kms_status st, const struct kms_err *err);

/* Does the units first … first + count - 1. */
typedef enum kms_status bench_fn(void *ctx, size_t first, size_t count, struct kms_err *err);

struct bench_pair {
	const char *name; /* "derive.handle": prints derive.handle.ratio and so on */
	bench_fn *ours;
	bench_fn *bare;
	void *ctx;
	size_t units;	  /* of each half of a pair; a multiple of BENCH_SLICES */
	size_t keys;	  /* of one unit */
	const char *note; /* for stderr, or NULL */
};

KMS_CHECKED enum kms_status bench_pair_run(const struct bench_pair *pair, struct kms_err *err);

#endif
