/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the printable character at p, or 0. */
static size_t printable(const char *p)
{
	unsigned char c = (unsigned char)p[0], second = c ? (unsigned char)p[1] : 0;
	size_t len = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

	if (c < 0x20 || c == 0x7F || (c == 0xC2 && second < 0xA0) || strnlen(p, len) < len ||
		!utf8_valid(p, len) || utf8_hidden(p, len))
		return 0;
	return len;
}

bool text_printable(const char *text, size_t max)
{
	size_t len;

	if (strnlen(text, max + 1) > max)
		return false;
	for (; *text; text += len) {
		len = printable(text);
		if (!len)
			return false;
	}
	return true;
}

void text_clean(const char *text, char *out, size_t out_size)
{
	size_t done = 0, len;

	for (; *text; text += len ? len : 1) {
		len = printable(text);
		if (done + (len ? len : 1) >= out_size)
			break;
		if (len)
			memcpy(out + done, text, len);
		else
			out[done] = '?';
		done += len ? len : 1;
	}
	out[done] = 0;
}

char *text_clean_lines(const char *text)
{
	size_t size = strlen(text) + 1, done = 0;
	char *line = malloc(size), *out = malloc(size);

	while (line && out && *text) {
		size_t len = strcspn(text, "\n\t");

		memcpy(line, text, len);
		line[len] = 0;
		text_clean(line, out + done, size - done);
		done += strlen(out + done);
		text += len;
		if (*text)
			out[done++] = *text++;
	}
	if (line && out)
		out[done] = 0;
	else
		free(out);
	out = line ? out : NULL;
	free(line);
	return out;
}
