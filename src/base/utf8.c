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
