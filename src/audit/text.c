/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/text.h"

#include "audit/tree.h"
#include "base/base64.h"
#include "base/hex.h"

#include <string.h>

bool audit_take_line(struct audit_line *rest, struct audit_line *ret_line)
{
	const char *end = rest->len ? memchr(rest->text, '\n', rest->len) : NULL;
	struct audit_line line;

	if (!end)
		return false;
	line = (struct audit_line){rest->text, (size_t)(end - rest->text)};
	rest->text = end + 1;
	rest->len -= line.len + 1;
	*ret_line = line;
	return true;
}

bool audit_take_head(struct audit_line *line, const char *head)
{
	size_t len = strlen(head);

	if (line->len < len || memcmp(line->text, head, len) != 0)
		return false;
	line->text += len;
	line->len -= len;
	return true;
}

bool audit_line_is(const struct audit_line *line, const char *text)
{
	return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

bool audit_read_size(const struct audit_line *line, uint64_t *ret_size)
{
	uint64_t size = 0;

	if (line->len == 0 || line->len > 19 || (line->text[0] == '0' && line->len > 1))
		return false;
	for (size_t i = 0; i < line->len; i++) {
		if (line->text[i] < '0' || line->text[i] > '9')
			return false;
		size = size * 10 + (uint64_t)(line->text[i] - '0');
	}
	if (size > AUDIT_SIZE_MAX)
		return false;
	*ret_size = size;
	return true;
}

bool audit_read_base64(const struct audit_line *line, unsigned char ret_hash[HASH_SIZE])
{
	unsigned char hash[HASH_SIZE];
	size_t len;

	if (!base64_decode(line->text, line->len, hash, sizeof(hash), &len) || len != HASH_SIZE)
		return false;
	memcpy(ret_hash, hash, HASH_SIZE);
	return true;
}

bool audit_read_hex(const struct audit_line *line, unsigned char ret_hash[HASH_SIZE])
{
	char text[2 * HASH_SIZE + 1];

	if (line->len != 2 * HASH_SIZE)
		return false;
	memcpy(text, line->text, line->len);
	text[line->len] = 0;
	return hex_decode_strict(text, ret_hash, HASH_SIZE);
}
