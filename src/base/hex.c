/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include "base/secret.h"

#include <string.h>

/* Each digit's value plus one; 0 for what is none. */
static const signed char values[256] = {['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16};

int hex_digit(int c)
{
	return c < 0 || c > 255 ? -1 : values[c] - 1;
}

void hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = 0;
}

bool hex_decode_strict(const char *text, void *out, size_t len)
{
	unsigned char *p = out;

	if (strlen(text) != 2 * len || strspn(text, "0123456789ABCDEF") != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return true;
}

enum kms_status hex_decode(const char *text, size_t text_len, const char *what, void *out,
	size_t max, size_t *ret_len, struct kms_err *err)
{
	unsigned char *p = out;
	size_t digits = 0;

	for (size_t i = 0; i < text_len; i++) {
		int v = hex_digit((unsigned char)text[i]);

		if (text[i] == ' ' || text[i] == '\t' || text[i] == ':')
			continue;
		if (v < 0) {
			secret_wipe(out, max);
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: character %zu is not a hexadecimal digit", what, i + 1);
		}
		if (digits / 2 >= max) {
			secret_wipe(out, max);
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: longer than the %zu hexadecimal digits it may have", what,
				2 * max);
		}
		if (digits % 2 == 0)
			p[digits / 2] = (unsigned char)(v << 4);
		else
			p[digits / 2] |= (unsigned char)v;
		digits++;
	}
	if (digits % 2) {
		secret_wipe(out, max);
		return kms_fail(err, KMS_ERR_INVALID, "%s: odd number of hexadecimal digits (%zu)",
			what, digits);
	}
	*ret_len = digits / 2;
	return KMS_OK;
}
