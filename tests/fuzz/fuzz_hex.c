/* SPDX-License-Identifier: Apache-2.0 */
/* Hex as people write it: never more bytes than there is room, and what it reads it writes again. */
#include "base/hex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char out[ROOM + 1], again[ROOM];
	char text[2 * ROOM + 1];
	struct kms_err err = {0};
	size_t len = 0;

	out[ROOM] = 0xA5;
	if (hex_decode((const char *)data, size, "input", out, ROOM, &len, &err)) {
		if (err.code != KMS_ERR_INVALID || out[ROOM] != 0xA5)
			abort();
		return 0;
	}
	if (len > ROOM || out[ROOM] != 0xA5)
		abort();
	hex_encode(out, len, text);
	if (!hex_decode_strict(text, again, len) || memcmp(out, again, len) != 0)
		abort();
	return 0;
}
