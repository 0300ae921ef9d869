/* SPDX-License-Identifier: Apache-2.0 */
#include "support/forall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static char note[512];

/* splitmix64: any seed, zero too, gives a good sequence. */
uint64_t forall_u64(struct forall *f)
{
	uint64_t z = f->state += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

struct forall forall_from(uint64_t seed)
{
	return (struct forall){seed, seed};
}

size_t forall_below(struct forall *f, size_t n)
{
	return (size_t)(forall_u64(f) % n);
}

size_t forall_between(struct forall *f, size_t lo, size_t hi)
{
	return lo + forall_below(f, hi - lo + 1);
}

bool forall_coin(struct forall *f)
{
	return forall_u64(f) >> 63;
}

void forall_bytes(struct forall *f, void *out, size_t len)
{
	unsigned char *p = out;

	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(forall_u64(f) >> 56);
}

void forall_text(struct forall *f, const char *chars, size_t len, char *out)
{
	size_t n = strlen(chars);

	for (size_t i = 0; i < len; i++)
		out[i] = chars[forall_below(f, n)];
	out[len] = 0;
}

void forall_note(struct forall *f, const char *fmt, ...)
{
	va_list args;

	(void)f;
	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
}

static void run_case(const char *name, uint64_t seed, bool (*property)(struct forall *f))
{
	struct forall f = forall_from(seed);

	note[0] = 0;
	if (!property(&f))
		fail_msg("property '%s' fails, SEED=%llu %s", name, (unsigned long long)seed, note);
}

void forall(const char *name, unsigned cases, bool (*property)(struct forall *f))
{
	const char *given = getenv("SEED");
	struct timespec now;
	struct forall seeds;

	if (given && *given) {
		run_case(name, strtoull(given, NULL, 0), property);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	seeds = forall_from((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	for (unsigned i = 0; i < cases; i++)
		run_case(name, forall_u64(&seeds), property);
}
