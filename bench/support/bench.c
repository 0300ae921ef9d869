/* SPDX-License-Identifier: Apache-2.0 */
#include "support/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void bench_print(const char *name, const char *what, double value, const char *unit)
{
	int digits = value < 10 ? 3 : value < 1000 ? 1 : 0;

	printf("%s%s%s %.*f %s\n", name, what ? "." : "", what ? what : "", digits, value, unit);
	fflush(stdout);
}

void bench_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

int bench_exit(enum kms_status st, const struct kms_err *err)
{
	if (st)
		bench_say("bench: %s%s%s", err->msg, *err->native ? " " : "", err->native);
	return st ? 1 : 0;
}

static enum kms_status timed(bench_fn *fn, const struct bench_pair *pair, size_t first,
	size_t count, double *total, struct kms_err *err)
{
	double start = bench_now();
	enum kms_status st = fn(pair->ctx, first, count, err);

	*total += bench_now() - start;
	return st;
}

static enum kms_status one_pair(
	const struct bench_pair *pair, size_t number, double ret_time[2], struct kms_err *err)
{
	bench_fn *const half[] = {pair->ours, pair->bare};
	size_t count = pair->units / BENCH_SLICES;
	double time[2] = {0, 0};
	enum kms_status st = KMS_OK;

	for (size_t slice = 0; !st && slice < BENCH_SLICES; slice++) {
		size_t first = (number + slice) % 2;

		st = timed(half[first], pair, slice * count, count, &time[first], err);
		if (!st)
			st = timed(half[!first], pair, slice * count, count, &time[!first], err);
	}
	ret_time[0] = time[0];
	ret_time[1] = time[1];
	return st;
}

enum kms_status bench_pair_run(const struct bench_pair *pair, struct kms_err *err)
{
	double ours[BENCH_PAIRS], bare[BENCH_PAIRS], ratio[BENCH_PAIRS], time[2];
	double keys = (double)(pair->units * pair->keys);
	enum kms_status st = one_pair(pair, 0, time, err); /* caches, lazy binding, the probe */

	for (size_t i = 0; !st && i < BENCH_PAIRS; i++) {
		st = one_pair(pair, i, time, err);
		ours[i] = keys / time[0];
		bare[i] = keys / time[1];
		ratio[i] = time[1] / time[0];
	}
	if (st)
		return st;
	bench_print(pair->name, "ratio", bench_median(ratio, BENCH_PAIRS), "ratio");
	bench_print(pair->name, "keys_per_s", bench_median(ours, BENCH_PAIRS), "keys/s");
	bench_print(pair->name, "bare_keys_per_s", bench_median(bare, BENCH_PAIRS), "keys/s");
	bench_say("  %s: %d pairs of %zu keys each, ratios %.3f to %.3f%s%s", pair->name,
		BENCH_PAIRS, pair->units * pair->keys, ratio[0], ratio[BENCH_PAIRS - 1],
		pair->note ? "; " : "", pair->note ? pair->note : "");
	return KMS_OK;
}
