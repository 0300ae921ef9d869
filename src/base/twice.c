/* SPDX-License-Identifier: Apache-2.0 */
#include "base/twice.h"

#include <stdlib.h>
#include <string.h>

/*
 * A Bloom filter of blocks of one cache line each: an item sets PROBES bits of one line, so that it
 * costs one access to memory. With TWICE_WINDOW items one new item in a thousand looks seen.
 */
enum { LINE_WORDS = 8, LINES = 1 << 20, PROBES = 6, SLOTS = 2 * TWICE_SUSPECTS, AHEAD = 16 };

struct pending {
	uint64_t hash;
	unsigned char kind, len;
	bool add;
	unsigned char item[TWICE_ITEM_MAX];
};

struct suspect {
	int64_t place; /* of its first one; 0: not met yet */
	unsigned char kind, len;
	bool used;
	unsigned char item[TWICE_ITEM_MAX];
};

struct twice {
	uint64_t *lines;
	struct suspect *slots; /* open addressing */
	size_t count;
	struct pending pending[AHEAD]; /* their lines are on the way: a ring */
	size_t first, waiting;
};

/* Spreads well; who chooses items so that they collide makes it slow, not wrong. */
static uint64_t spread(int kind, const unsigned char *item, size_t len)
{
	uint64_t h = 0x9E3779B97F4A7C15u * ((uint64_t)kind + 1) ^ len;

	while (len) {
		uint64_t word = 0;
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(&word, item, n);
		h = (h ^ word) * 0xBF58476D1CE4E5B9u;
		h ^= h >> 29;
		item += n;
		len -= n;
	}
	h = (h ^ h >> 32) * 0x94D049BB133111EBu;
	return h ^ h >> 31;
}

enum kms_status twice_new(struct twice **ret_twice, struct kms_err *err)
{
	struct twice *t = calloc(1, sizeof(*t));

	if (!t)
		return kms_nomem(err);
	t->lines = calloc((size_t)LINES * LINE_WORDS, sizeof(*t->lines));
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	if (!t->lines || !t->slots) {
		twice_free(&t);
		return kms_nomem(err);
	}
	*ret_twice = t;
	return KMS_OK;
}

void twice_free(struct twice **twice)
{
	struct twice *t = *twice;

	if (!t)
		return;
	free(t->lines);
	free(t->slots);
	free(t);
	*twice = NULL;
}

void twice_forget(struct twice *t)
{
	memset(t->lines, 0, (size_t)LINES * LINE_WORDS * sizeof(*t->lines));
}

/* Its slot, or the free one where it belongs. */
static struct suspect *find(
	struct twice *t, int kind, const unsigned char *item, size_t len, uint64_t hash)
{
	for (size_t at = hash % SLOTS;; at = (at + 1) % SLOTS) {
		struct suspect *s = &t->slots[at];

		if (!s->used ||
			(s->kind == kind && s->len == len && memcmp(s->item, item, len) == 0))
			return s;
	}
}

static void suspect(struct twice *t, int kind, const void *item, size_t len, uint64_t hash)
{
	struct suspect *s = find(t, kind, item, len, hash);

	if (s->used)
		return;
	s->used = true;
	s->kind = (unsigned char)kind;
	s->len = (unsigned char)len;
	memcpy(s->item, item, len);
	t->count++;
}

static uint64_t *line_of(struct twice *t, uint64_t hash)
{
	return &t->lines[(hash >> 44) * LINE_WORDS];
}

static void settle_one(struct twice *t)
{
	const struct pending *p = &t->pending[t->first];
	uint64_t *line = line_of(t, p->hash);
	uint64_t bits = p->hash * 0x9E3779B97F4A7C15u >> 10; /* six times nine */
	bool seen = true;

	for (int i = 0; i < PROBES; i++, bits >>= 9) {
		uint64_t *word = &line[bits >> 6 & (LINE_WORDS - 1)];
		const uint64_t bit = UINT64_C(1) << (bits & 63);

		seen = seen && (*word & bit);
		if (p->add)
			*word |= bit;
	}
	if (seen)
		suspect(t, p->kind, p->item, p->len, p->hash);
	t->first = (t->first + 1) % AHEAD;
	t->waiting--;
}

void twice_settle(struct twice *t)
{
	while (t->waiting)
		settle_one(t);
}

enum kms_status twice_seen(struct twice *t, int kind, const void *item, size_t len, bool add,
	bool *ret_full, struct kms_err *err)
{
	struct pending *p;

	if (len > TWICE_ITEM_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "an item of %zu bytes", len);
	if (t->waiting == AHEAD)
		settle_one(t);
	p = &t->pending[(t->first + t->waiting++) % AHEAD];
	p->hash = spread(kind, item, len);
	p->kind = (unsigned char)kind;
	p->len = (unsigned char)len;
	p->add = add;
	memcpy(p->item, item, len);
	__builtin_prefetch(line_of(t, p->hash), 1);
	*ret_full = t->count >= TWICE_SUSPECTS - AHEAD;
	return KMS_OK;
}

size_t twice_suspects(const struct twice *t)
{
	return t->count;
}

int64_t twice_again(struct twice *t, int kind, const void *item, size_t len, int64_t place)
{
	struct suspect *s = find(t, kind, item, len, spread(kind, item, len));

	if (!s->used)
		return 0;
	if (s->place)
		return s->place;
	s->place = place;
	return 0;
}

void twice_clear(struct twice *t)
{
	memset(t->slots, 0, SLOTS * sizeof(*t->slots));
	t->count = 0;
}
