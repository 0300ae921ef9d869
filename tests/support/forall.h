/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Property tests: a property is tried on many random cases.
 *
 *   static bool prop_round_trip(struct forall *f) { … return a == b; }
 *   forall("round trip", 2000, prop_round_trip);
 *
 * Each case has a seed of its own. A case that fails prints `SEED=N` and fails the cmocka test;
 * running the program again with that SEED in the environment runs only that case.
 */
#ifndef SUPPORT_FORALL_H
#define SUPPORT_FORALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forall {
	uint64_t state;
	uint64_t seed; /* of this case */
};

/* What the case was, for the message of a failure; printf-like, the last one counts. */
void forall_note(struct forall *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void forall(const char *name, unsigned cases, bool (*property)(struct forall *f));

/* A generator for other tests (sweeps), from SEED or the given seed. */
struct forall forall_from(uint64_t seed);

uint64_t forall_u64(struct forall *f);
/* 0 … n - 1; n > 0. */
size_t forall_below(struct forall *f, size_t n);
/* lo … hi, both included. */
size_t forall_between(struct forall *f, size_t lo, size_t hi);
bool forall_coin(struct forall *f);
void forall_bytes(struct forall *f, void *out, size_t len);
/* len characters out of `chars`, and a zero byte. */
void forall_text(struct forall *f, const char *chars, size_t len, char *out);

#endif
