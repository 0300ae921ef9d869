/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that must not be found, and finding them: any eight bytes of a key, at a multiple of eight
 * within it, in any of these forms.
 *
 *   raw    the bytes
 *   words  the bytes, each four of them turned round: round keys of table-driven ciphers
 *   hex    16 hex digits in either case, single blanks or colons among them allowed
 *   utf16, utf32, cells   the same digits as two-byte and four-byte characters, and as the 28-byte
 *          cells in which ncurses keeps a screen
 *
 * Eight bytes: what free() leaves of a longer block is found, and 64 random bits are met by chance
 * once in 10^11 searches of a process. DES keys are found with their parity bits set either way.
 */
#ifndef LEAKS_NEEDLES_H
#define LEAKS_NEEDLES_H

#include <stddef.h>
#include <stdint.h>

enum { NEEDLE_MAX = 32, NEEDLE_NAME_MAX = 40, NEEDLES_MAX = 256, PIECE = 8 };

enum form { FORM_RAW, FORM_WORDS, FORM_HEX, FORM_UTF16, FORM_UTF32, FORM_CELLS, FORM_COUNT };
extern const char *const form_names[FORM_COUNT];

struct needle {
	char name[NEEDLE_NAME_MAX];
	unsigned char bytes[NEEDLE_MAX];
	size_t len;
};

struct needles {
	struct needle items[NEEDLES_MAX];
	size_t count;
	struct piece {
		uint64_t bytes; /* 0: free */
		int needle;
		enum form form; /* raw or words */
	} pieces[8192];
	uint64_t filter[1024]; /* a bit for each hash that a piece has */
};

/* Lines "NAME HEX" of a file. Ends the program if one is not sound. */
void needles_read(struct needles *n, const char *path);

/* Another one; ends the program if there is no room or its bytes stand everywhere. */
void needles_add(struct needles *n, const char *name, const unsigned char *bytes, size_t len);

/* How far a match may reach beyond its first byte. */
enum { NEEDLE_REACH = 28 * 2 * 2 * PIECE };

typedef void needle_found_fn(void *context, int needle, enum form form, size_t at);

/* Calls found for each piece that begins in data[0 … len); data is readable up to len + more. */
void needles_search(const struct needles *n, const unsigned char *data, size_t len, size_t more,
	needle_found_fn *found, void *context);

#endif
