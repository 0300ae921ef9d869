/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

bool utf8_valid(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + len;

	while (p < end) {
		unsigned c = *p++;
		unsigned need = c < 0x80       ? 0
				: c >> 5 == 6  ? 1
				: c >> 4 == 14 ? 2
				: c >> 3 == 30 ? 3
					       : 9;
		static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
		unsigned code = need ? c & (0x3Fu >> need) : c;

		if (need == 9 || (size_t)(end - p) < need)
			return false;
		for (unsigned i = 0; i < need; i++, p++) {
			if (*p >> 6 != 2)
				return false;
			code = code << 6 | (*p & 0x3Fu);
		}
		if (code < least[need] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
			return false;
	}
	return true;
}

struct range {
	unsigned first, last;
};

static bool in_ranges(unsigned code, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

#define IN_RANGES(code, ranges) in_ranges(code, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* The code of the character of len bytes at text, which is valid. */
static unsigned code_at(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned code = len == 1 ? p[0] : p[0] & (0x7Fu >> len);

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3Fu);
	return code;
}

bool utf8_hidden(const char *text, size_t len)
{
	static const struct range hidden[] = {{0xAD, 0xAD}, {0x34F, 0x34F}, {0x61C, 0x61C},
		{0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x200B, 0x200F},
		{0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164}, {0xFE00, 0xFE0F},
		{0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB}, {0xE0000, 0xE0FFF}};

	return IN_RANGES(code_at(text, len), hidden);
}

/* A name that looks like another must not be another: no blanks but U+0020, nothing unseen. */
static bool has_hidden(const char *name)
{
	static const struct range blanks[] = {{0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
		{0x202F, 0x202F}, {0x205F, 0x205F}, {0x2800, 0x2800}, {0x3000, 0x3000}};
	size_t len;

	for (; *name; name += len) {
		unsigned char c = (unsigned char)*name;

		len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
		if (utf8_hidden(name, len) || IN_RANGES(code_at(name, len), blanks))
			return true;
	}
	return false;
}

/* C0 and DEL, and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F), which terminals obey too. */
static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0))
			return true;
	return false;
}

enum kms_status name_check(const char *name, const char *what, struct kms_err *err)
{
	size_t len = strlen(name);

	if (len == 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s is empty", what);
	if (len > NAME_MAX_BYTES)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s is longer than %d bytes", what, NAME_MAX_BYTES);
	if (!utf8_valid(name, len) || has_control(name))
		return kms_fail(
			err, KMS_ERR_INVALID, "%s holds a control character or is not UTF-8", what);
	if (has_hidden(name))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s holds a character that is not seen, or a blank other than the usual "
			"one",
			what);
	if (strpbrk(name, ",=\""))
		return kms_fail(err, KMS_ERR_INVALID, "%s '%s' holds a comma, '=' or double quote",
			what, name);
	if (name[0] == ' ' || name[len - 1] == ' ')
		return kms_fail(
			err, KMS_ERR_INVALID, "%s '%s' starts or ends with a blank", what, name);
	return KMS_OK;
}

/* The next character that counts; a run of blanks and stops counts as one blank between words. */
static int next_char(const char **text)
{
	const char *p = *text;
	int c = (unsigned char)*p;

	if (c == ' ' || c == '.') {
		while (*p == ' ' || *p == '.')
			p++;
		*text = p;
		return *p ? ' ' : 0;
	}
	if (c)
		*text = p + 1;
	return c < 0x80 ? tolower(c) : c;
}

bool name_same(const char *a, const char *b)
{
	int ca, cb;

	a += strspn(a, " .");
	b += strspn(b, " .");
	do {
		ca = next_char(&a);
		cb = next_char(&b);
	} while (ca == cb && ca);
	return ca == cb;
}

void name_fold(const char *name, char out[NAME_MAX_BYTES + 1])
{
	size_t len = 0;
	int c;

	name += strspn(name, " .");
	while ((c = next_char(&name)) != 0 && len < NAME_MAX_BYTES)
		out[len++] = (char)c;
	out[len] = 0;
}
