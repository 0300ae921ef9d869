/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD for tests: a machine whose clock is wrong.
 *
 *   SKEW_SECONDS   how far the time of day is ahead (or behind, if negative)
 *
 * Time that is only measured (CLOCK_MONOTONIC and the like) goes on as it does.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static time_t ahead;

__attribute__((constructor)) static void set_up(void)
{
	const char *text = getenv("SKEW_SECONDS");
	char *end = NULL;

	*(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	if (!text || !*text)
		return;
	ahead = strtol(text, &end, 10);
	if (*end) {
		fprintf(stderr, "skew: '%s' makes no sense\n", text);
		_exit(99);
	}
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int rc;

	if (!real_clock_gettime)
		set_up();
	rc = real_clock_gettime(clock, t);
	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		t->tv_sec += ahead;
	return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
