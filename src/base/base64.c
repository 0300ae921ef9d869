/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum kms_status base64_append(struct buf *text, const void *data, size_t len, struct kms_err *err)
{
	const unsigned char *p = data;
	enum kms_status st = KMS_OK;

	for (; !st && len > 0; p += 3, len = len > 3 ? len - 3 : 0) {
		uint32_t bits =
			(uint32_t)p[0] << 16 | (len > 1 ? p[1] : 0u) << 8 | (len > 2 ? p[2] : 0u);
		char out[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
			len > 1 ? alphabet[bits >> 6 & 63] : '=',
			len > 2 ? alphabet[bits & 63] : '='};

		st = buf_append(text, out, sizeof(out), err);
	}
	return st;
}

static int digit(char c)
{
	const char *p = c ? strchr(alphabet, c) : NULL;

	return p ? (int)(p - alphabet) : -1;
}

bool base64_decode(const char *text, size_t len, void *out, size_t max, size_t *ret_len)
{
	unsigned char *to = out;
	size_t done = 0;

	if (len % 4 != 0)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		size_t bytes = !last || text[i + 3] != '=' ? 3 : text[i + 2] != '=' ? 2 : 1;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int d = j <= bytes ? digit(text[i + j]) : 0;

			if (d < 0)
				return false;
			bits = bits << 6 | (uint32_t)d;
		}
		/* Bits beyond the last byte would give one value several spellings. */
		if (bytes < 3 && bits << (8 + 8 * bytes) != 0)
			return false;
		if (max - done < bytes)
			return false;
		for (size_t j = 0; j < bytes; j++)
			to[done++] = (unsigned char)(bits >> (16 - 8 * j));
	}
	*ret_len = done;
	return true;
}
