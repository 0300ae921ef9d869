/* SPDX-License-Identifier: Apache-2.0 */
#include "support/leaks/needles.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = sizeof(((struct needles *)0)->pieces) / sizeof(struct piece) };

const char *const form_names[FORM_COUNT] = {"raw", "words", "hex", "utf16", "utf32", "cells"};

static uint64_t load(const unsigned char *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static unsigned hash(uint64_t value)
{
	return (unsigned)((value * 0x9E3779B97F4A7C15u) >> 48);
}

static void add_piece(
	struct needles *n, const unsigned char bytes[PIECE], int needle, enum form form)
{
	uint64_t value = load(bytes);
	unsigned slot = hash(value) % SLOTS;

	while (n->pieces[slot].bytes) {
		if (n->pieces[slot].bytes == value)
			return;
		slot = (slot + 1) % SLOTS;
	}
	n->pieces[slot] = (struct piece){value, needle, form};
	n->filter[hash(value) / 64] |= UINT64_C(1) << hash(value) % 64;
}

static unsigned char with_parity(unsigned char byte)
{
	return (unsigned char)((byte & 0xFE) | !__builtin_parity(byte & 0xFE));
}

static void add_forms(struct needles *n, const unsigned char bytes[PIECE], int needle)
{
	unsigned char other[PIECE];

	add_piece(n, bytes, needle, FORM_RAW);
	for (int i = 0; i < PIECE; i++)
		other[i] = bytes[i ^ 3];
	add_piece(n, other, needle, FORM_WORDS);
	for (int i = 0; i < PIECE; i++)
		other[i] = with_parity(bytes[i]);
	add_piece(n, other, needle, FORM_RAW);
}

static int digit(int c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

static void give_up(const char *name, const char *why)
{
	fprintf(stderr, "leakwatch: '%s' is no needle: %s\n", name, why);
	exit(2);
}

static bool dull(const unsigned char *bytes)
{
	bool seen[256] = {false};
	int kinds = 0;

	for (int i = 0; i < PIECE; i++) {
		kinds += !seen[bytes[i]];
		seen[bytes[i]] = true;
	}
	return kinds < 5;
}

void needles_add(struct needles *n, const char *name, const unsigned char *bytes, size_t len)
{
	struct needle *needle = &n->items[n->count];

	if (n->count == NEEDLES_MAX)
		give_up(name, "too many");
	if (len % PIECE || len == 0 || len > NEEDLE_MAX)
		give_up(name, "not 8, 16, 24 or 32 bytes");
	snprintf(needle->name, sizeof(needle->name), "%s", name);
	memcpy(needle->bytes, bytes, len);
	needle->len = len;
	for (size_t at = 0; at < len; at += PIECE) {
		if (dull(bytes + at))
			give_up(name, "bytes that stand everywhere");
		add_forms(n, bytes + at, (int)n->count);
	}
	n->count++;
}

void needles_read(struct needles *n, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256], name[NEEDLE_NAME_MAX], hex[2 * NEEDLE_MAX + 3];

	memset(n, 0, sizeof(*n));
	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), f)) {
		unsigned char bytes[NEEDLE_MAX];
		size_t len = 0;

		if (sscanf(line, "%39s %66s", name, hex) != 2)
			give_up(line, "not NAME HEX");
		for (; len < NEEDLE_MAX && sscanf(hex + 2 * len, "%2hhx", &bytes[len]) == 1; len++)
			;
		if (strlen(hex) != 2 * len)
			give_up(name, "no hex");
		needles_add(n, name, bytes, len);
	}
	fclose(f);
	if (n->count == 0)
		give_up(path, "it is empty");
}

/* The piece that value is, or NULL. */
static const struct piece *lookup(const struct needles *n, uint64_t value)
{
	unsigned h = hash(value), slot = h % SLOTS;

	if (!(n->filter[h / 64] >> h % 64 & 1))
		return NULL;
	for (; n->pieces[slot].bytes; slot = (slot + 1) % SLOTS)
		if (n->pieces[slot].bytes == value)
			return &n->pieces[slot];
	return NULL;
}

/* The character in a cell of `width` bytes of which the others are zero; 0 if it is none. */
static int character(const unsigned char *p, const unsigned char *end, size_t width)
{
	if ((size_t)(end - p) < width)
		return 0;
	for (size_t i = 1; i < width; i++)
		if (p[i])
			return 0;
	return p[0];
}

/* Whether a piece in hex digits, `stride` bytes from one to the next, begins at p. */
static bool decode(const unsigned char *p, const unsigned char *end, size_t stride,
	unsigned char ret_bytes[PIECE])
{
	const size_t width = stride < 4 ? stride : 4;
	bool blank = true;

	for (int i = 0; i < 2 * PIECE; p += stride) {
		int c = p < end ? character(p, end, width) : 0;
		int value = digit(c);

		if (value < 0) {
			if (blank || (c != ' ' && c != ':'))
				return false;
			blank = true;
			continue;
		}
		ret_bytes[i / 2] = (unsigned char)(i % 2 ? ret_bytes[i / 2] << 4 | value : value);
		blank = false;
		i++;
	}
	return true;
}

void needles_search(const struct needles *n, const unsigned char *data, size_t len, size_t more,
	needle_found_fn *found, void *context)
{
	static const struct {
		enum form form;
		size_t stride;
	} texts[] = {{FORM_HEX, 1}, {FORM_UTF16, 2}, {FORM_UTF32, 4}, {FORM_CELLS, 28}};
	const unsigned char *end = data + len + more;
	unsigned char bytes[PIECE];
	const struct piece *piece;

	for (size_t at = 0; at < len; at++) {
		const unsigned char *p = data + at;

		if (end - p >= PIECE && (piece = lookup(n, load(p))))
			found(context, piece->needle, piece->form, at);
		if (digit(*p) < 0)
			continue;
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			if (decode(p, end, texts[i].stride, bytes) &&
				(piece = lookup(n, load(bytes))) && piece->form == FORM_RAW)
				found(context, piece->needle, texts[i].form, at);
	}
}
