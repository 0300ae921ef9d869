/* SPDX-License-Identifier: Apache-2.0 */
/* Inside audit/: reading line by line, every value in one spelling. */
#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include "base/buf.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_line {
	const char *text; /* not terminated */
	size_t len;
};

/* Takes one line off the front of *rest; false if there is none that ends in a newline. */
bool audit_take_line(struct audit_line *rest, struct audit_line *ret_line);

/* Takes `head` off the front; false if it is not there. */
bool audit_take_head(struct audit_line *line, const char *head);

bool audit_line_is(const struct audit_line *line, const char *text);

/* Decimal without leading zeros, at most AUDIT_SIZE_MAX. */
bool audit_read_size(const struct audit_line *line, uint64_t *ret_size);

/* Base 64 of 32 bytes. */
bool audit_read_base64(const struct audit_line *line, unsigned char ret_hash[HASH_SIZE]);

/* 64 upper-case hex digits. */
bool audit_read_hex(const struct audit_line *line, unsigned char ret_hash[HASH_SIZE]);

#endif
