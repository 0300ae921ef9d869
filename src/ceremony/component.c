/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/component.h"

#include "base/hex.h"
#include "ceremony/pairs.h"

#include <stdio.h>
#include <string.h>

enum {
	CRC_POLY = 0x2F,
	CRC_ENDS = 0xFF, /* initial value and final XOR */
	GROUPS_PER_LINE = 4,
	LINE_DIGITS_FULL = CER_LINE_DIGITS + CER_CHECK_DIGITS,
	DIGITS_MAX = CER_LINES_MAX * LINE_DIGITS_FULL,
};

size_t cer_component_lines(size_t key_len)
{
	return key_len / CER_LINE_BYTES;
}

static unsigned crc_byte(unsigned crc, unsigned byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++)
		crc = crc & 0x80 ? (crc << 1 ^ CRC_POLY) & 0xFF : crc << 1;
	return crc;
}

unsigned char cer_line_check(
	unsigned index, unsigned line, const unsigned char bytes[CER_LINE_BYTES])
{
	unsigned crc = crc_byte(crc_byte(CRC_ENDS, index), line);

	for (size_t i = 0; i < CER_LINE_BYTES; i++)
		crc = crc_byte(crc, bytes[i]);
	return (unsigned char)(crc ^ CRC_ENDS);
}

/* "1:  8D1F 04C2 77AB 90E3   5C\n" */
static size_t put_line(
	char *out, unsigned index, unsigned line, const unsigned char bytes[CER_LINE_BYTES])
{
	unsigned char check = cer_line_check(index, line, bytes);
	char pair[3];
	char *p = out;

	*p++ = (char)('0' + line);
	*p++ = ':';
	*p++ = ' ';
	for (size_t i = 0; i < CER_LINE_BYTES; i++) {
		if (i % 2 == 0)
			*p++ = ' ';
		hex_encode(&bytes[i], 1, pair);
		*p++ = pair[0];
		*p++ = pair[1];
	}
	memset(p, ' ', 3);
	p += 3;
	hex_encode(&check, 1, pair);
	*p++ = pair[0];
	*p++ = pair[1];
	*p++ = '\n';
	secret_wipe(pair, sizeof(pair));
	return (size_t)(p - out);
}

enum kms_status cer_component_render(
	const struct secret *component, unsigned index, struct secret *text, struct kms_err *err)
{
	char line[40];
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < cer_component_lines(component->len) && !st; i++) {
		size_t len = put_line(
			line, index, (unsigned)i + 1, component->data + i * CER_LINE_BYTES);

		st = secret_append(text, line, len, err);
	}
	secret_wipe(line, sizeof(line));
	return st;
}

/* What a text of digits was found to be made of. Holds digits: wiped after use. */
struct scan {
	unsigned index;
	unsigned lines;			  /* expected */
	size_t digits;			  /* counted, also those beyond DIGITS_MAX */
	unsigned numbered;		  /* "N:" seen so far */
	size_t numbered_at;		  /* digits before the last "N:" */
	unsigned rows;			  /* rows of text that held digits */
	size_t row_digits[CER_LINES_MAX]; /* of the first rows */
	unsigned char nibbles[DIGITS_MAX];
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool line_is_full(size_t digits)
{
	return digits == CER_LINE_DIGITS || digits == LINE_DIGITS_FULL;
}

static enum kms_status bad_line_length(
	const struct scan *s, unsigned line, size_t digits, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_INVALID,
		"component %u: line %u has %zu digits, expected %d, or %d with its check digits",
		s->index, line, digits, CER_LINE_DIGITS, LINE_DIGITS_FULL);
	return kms_hint(err, "a line is four groups of four digits, then two check digits");
}

/* "N:" before a line. What came before must be whole lines. */
static enum kms_status take_number(struct scan *s, unsigned number, struct kms_err *err)
{
	size_t before = s->digits - s->numbered_at;

	if (number != s->numbered + 1 || number > s->lines || (s->numbered == 0 && s->digits))
		return kms_fail(err, KMS_ERR_INVALID,
			"component %u: line number %u where line %u was expected", s->index, number,
			s->numbered + 1 > s->lines ? s->lines : s->numbered + 1);
	if (s->numbered && !line_is_full(before))
		return bad_line_length(s, s->numbered, before, err);
	s->numbered = number;
	s->numbered_at = s->digits;
	return KMS_OK;
}

static enum kms_status scan_text(struct scan *s, const char *text, size_t len, struct kms_err *err)
{
	bool fresh_row = true;
	enum kms_status st;

	for (size_t i = 0; i < len; i++) {
		int value = hex_digit((unsigned char)text[i]);

		if (text[i] == '\n')
			fresh_row = true;
		if (is_blank(text[i]))
			continue;
		if (value > 0 && value <= 9 && i + 1 < len && text[i + 1] == ':' &&
			(i == 0 || is_blank(text[i - 1]))) {
			st = take_number(s, (unsigned)value, err);
			if (st)
				return st;
			i++;
			continue;
		}
		if (value < 0) {
			kms_fail(err, KMS_ERR_INVALID,
				"component %u: character %zu (after %zu digits, in line %zu) is "
				"not a hexadecimal digit",
				s->index, i + 1, s->digits,
				s->numbered ? s->numbered : 1 + s->digits / LINE_DIGITS_FULL);
			return kms_hint(err, "only 0 to 9 and A to F can stand there");
		}
		if (fresh_row)
			s->rows++;
		fresh_row = false;
		if (s->rows <= CER_LINES_MAX)
			s->row_digits[s->rows - 1]++;
		if (s->digits < DIGITS_MAX)
			s->nibbles[s->digits] = (unsigned char)value;
		s->digits++;
	}
	return KMS_OK;
}

/* All check digits or none: says which, or why the number of digits cannot be right. */
static enum kms_status check_length(const struct scan *s, bool *ret_checked, struct kms_err *err)
{
	size_t plain = (size_t)s->lines * CER_LINE_DIGITS;
	size_t full = (size_t)s->lines * LINE_DIGITS_FULL;
	bool right = s->digits == plain || s->digits == full;

	if (s->numbered) {
		size_t last = s->digits - s->numbered_at;

		if (!line_is_full(last))
			return bad_line_length(s, s->numbered, last, err);
		if (s->numbered < s->lines)
			return kms_fail(err, KMS_ERR_INVALID, "component %u: only %u of %u lines",
				s->index, s->numbered, s->lines);
	}
	if (!right && s->rows == s->lines)
		for (unsigned i = 0; i < s->lines; i++)
			if (!line_is_full(s->row_digits[i]))
				return bad_line_length(s, i + 1, s->row_digits[i], err);
	if (!right) {
		kms_fail(err, KMS_ERR_INVALID,
			"component %u: %zu digits%s, expected %zu, or %zu with all check digits",
			s->index, s->digits, s->digits % 2 ? " (an odd number)" : "", plain, full);
		return kms_hint(err, "give the check digits of all lines, or of none");
	}
	*ret_checked = s->digits == full;
	return KMS_OK;
}

static unsigned byte_at(const struct scan *s, size_t digit)
{
	return (unsigned)s->nibbles[digit] << 4 | s->nibbles[digit + 1];
}

static void line_bytes(
	const struct scan *s, unsigned line, bool checked, unsigned char ret_bytes[CER_LINE_BYTES])
{
	size_t start = (line - 1) * (size_t)(checked ? LINE_DIGITS_FULL : CER_LINE_DIGITS);

	for (size_t i = 0; i < CER_LINE_BYTES; i++)
		ret_bytes[i] = (unsigned char)byte_at(s, start + 2 * i);
}

/* Whether the text's line `line` carries the check digits that `index` and `as_line` would give. */
static bool line_fits(const struct scan *s, unsigned line, unsigned index, unsigned as_line)
{
	unsigned char bytes[CER_LINE_BYTES];
	bool fits;

	line_bytes(s, line, true, bytes);
	fits = byte_at(s, line * (size_t)LINE_DIGITS_FULL - CER_CHECK_DIGITS) ==
	       cer_line_check(index, as_line, bytes);
	secret_wipe(bytes, sizeof(bytes));
	return fits;
}

/* The component whose lines these all are, or 0. */
static unsigned other_owner(const struct scan *s, unsigned first_line)
{
	for (unsigned index = 1; index <= CER_COMPONENTS_MAX; index++) {
		unsigned line = 1;

		while (line <= s->lines && line_fits(s, line, index, first_line + line - 1))
			line++;
		if (line > s->lines)
			return index;
	}
	return 0;
}

static enum kms_status wrong_line(
	const struct scan *s, unsigned line, unsigned more, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_MISMATCH,
		"component %u: line %u (groups %u to %u) does not agree with its check digits%s",
		s->index, line, (line - 1) * GROUPS_PER_LINE + 1, line * GROUPS_PER_LINE,
		more ? ", nor do other lines" : "");
	for (unsigned other = 1; other <= s->lines; other++)
		if (other != line && line_fits(s, line, s->index, other))
			return kms_hint(
				err, "it would agree as line %u: are the lines in order?", other);
	return kms_hint(err, "compare line %u with the sheet, digit by digit", line);
}

static enum kms_status verify_lines(const struct scan *s, struct kms_err *err)
{
	unsigned first = 0, bad = 0, owner;

	for (unsigned line = 1; line <= s->lines; line++) {
		if (line_fits(s, line, s->index, line))
			continue;
		if (bad++ == 0)
			first = line;
	}
	if (bad == 0)
		return KMS_OK;
	owner = bad == s->lines ? other_owner(s, 1) : 0;
	if (!owner)
		return wrong_line(s, first, bad - 1, err);
	kms_fail(err, KMS_ERR_MISMATCH, "component %u: these are the lines of component %u",
		s->index, owner);
	return kms_hint(err, "is this the right sheet? It says \"component %u of ...\"", s->index);
}

static enum kms_status parse(struct scan *s, const char *text, size_t len,
	struct secret *ret_component, bool *ret_checked, struct kms_err *err)
{
	SECRET_AUTO struct secret component = {0};
	bool checked = false;
	enum kms_status st;

	st = scan_text(s, text, len, err);
	if (!st)
		st = check_length(s, &checked, err);
	if (!st && checked)
		st = verify_lines(s, err);
	if (!st)
		st = secret_alloc(&component, (size_t)s->lines * CER_LINE_BYTES, err);
	if (st)
		return st;
	for (unsigned line = 1; line <= s->lines; line++)
		line_bytes(s, line, checked, component.data + (line - 1) * CER_LINE_BYTES);
	secret_take(ret_component, &component);
	if (ret_checked)
		*ret_checked = checked;
	return KMS_OK;
}

enum kms_status cer_component_parse(const char *text, size_t len, size_t key_len, unsigned index,
	struct secret *ret_component, bool *ret_checked, struct kms_err *err)
{
	struct scan s = {.index = index, .lines = (unsigned)cer_component_lines(key_len)};
	enum kms_status st;

	if (s.lines == 0 || s.lines > CER_LINES_MAX || key_len % CER_LINE_BYTES)
		return kms_fail(err, KMS_ERR_INTERNAL, "components of %zu bytes have no text form",
			key_len);
	if (len > CER_COMPONENT_TEXT_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"component %u: its text is longer than %d characters", index,
			CER_COMPONENT_TEXT_MAX);
	st = parse(&s, text, len, ret_component, ret_checked, err);
	secret_wipe(&s, sizeof(s));
	return st;
}

/* One line: the length first, then its check digits under the number it was asked for. */
static enum kms_status parse_line(struct scan *s, const char *text, size_t len, unsigned line,
	bool *ret_checked, struct kms_err *err)
{
	unsigned owner;
	enum kms_status st;

	for (; len && is_blank(*text); len--)
		text++;
	if (len > 1 && *text == (char)('0' + line) && text[1] == ':') {
		text += 2;
		len -= 2;
	}
	st = scan_text(s, text, len, err);
	if (st)
		return st;
	if (s->numbered || !line_is_full(s->digits))
		return bad_line_length(s, line, s->digits, err);
	*ret_checked = s->digits == LINE_DIGITS_FULL;
	if (!*ret_checked || line_fits(s, 1, s->index, line))
		return KMS_OK;
	owner = other_owner(s, line);
	kms_fail(err, KMS_ERR_MISMATCH,
		"component %u: line %u (groups %u to %u) does not agree with its check digits",
		s->index, line, (line - 1) * GROUPS_PER_LINE + 1, line * GROUPS_PER_LINE);
	if (owner)
		return kms_hint(err,
			"it would agree as line %u of component %u: is this the right sheet?", line,
			owner);
	return kms_hint(err, "compare line %u with the sheet, digit by digit", line);
}

enum kms_status cer_line_parse(const char *text, size_t len, unsigned index, unsigned line,
	unsigned char ret_bytes[CER_LINE_BYTES], bool *ret_checked, struct kms_err *err)
{
	struct scan s = {.index = index, .lines = 1};
	bool checked = false;
	enum kms_status st;

	if (line == 0 || line > CER_LINES_MAX || len > CER_COMPONENT_TEXT_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "component %u: not a line of a component", index);
	st = parse_line(&s, text, len, line, &checked, err);
	if (!st) {
		line_bytes(&s, 1, checked, ret_bytes);
		*ret_checked = checked;
	}
	secret_wipe(&s, sizeof(s));
	return st;
}
