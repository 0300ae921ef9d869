/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a key component (docs/formats/sheet.md): lines of eight bytes as four groups of four
 * hex digits, then two check digits for the line.
 *
 * The check digits are CRC-8/AUTOSAR (polynomial 2F, initial and final value FF) over the component's
 * index, the line's number and its eight bytes. They reveal every single wrong digit, every swap of
 * two digits of one line, every error within eight neighbouring bits, and any exchange of lines or
 * of components. They are no secret by themselves but tell eight bits about a line, so they are
 * handled as the component is. No message here ever holds a digit of what was typed.
 */
#ifndef CEREMONY_COMPONENT_H
#define CEREMONY_COMPONENT_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	CER_LINE_BYTES = 8,
	CER_LINE_DIGITS = 16, /* without the check digits */
	CER_CHECK_DIGITS = 2,
	CER_COMPONENT_BYTES_MAX = 32,
	CER_LINES_MAX = 4,
	CER_COMPONENT_TEXT_MAX = 1024, /* longer text is refused unread */
};

/* Lines of a component of 16, 24 or 32 bytes. */
size_t cer_component_lines(size_t key_len);

unsigned char cer_line_check(
	unsigned index, unsigned line, const unsigned char bytes[CER_LINE_BYTES]);

/* Appends the numbered lines with check digits, each ended by a newline: "1:  8D1F … 90E3   5C". */
KMS_CHECKED enum kms_status cer_component_render(
	const struct secret *component, unsigned index, struct secret *text, struct kms_err *err);

/*
 * Reads a component of key_len bytes: either case, blanks and newlines anywhere, "1:" before a line
 * or not; all the check digits or none. KMS_ERR_INVALID: malformed (odd number of digits, wrong
 * length, not a digit; the message says where). KMS_ERR_MISMATCH: check digits disagree; names the
 * line, or the component whose lines these are. ret_checked (may be NULL): it had check digits.
 */
KMS_CHECKED enum kms_status cer_component_parse(const char *text, size_t len, size_t key_len,
	unsigned index, struct secret *ret_component, bool *ret_checked, struct kms_err *err);

/*
 * Reads one line while it is being typed: 16 digits, or 18 with the check digits, which are then
 * verified. `line` counts from 1. Errors as above.
 */
KMS_CHECKED enum kms_status cer_line_parse(const char *text, size_t len, unsigned index,
	unsigned line, unsigned char ret_bytes[CER_LINE_BYTES], bool *ret_checked,
	struct kms_err *err);

#endif
