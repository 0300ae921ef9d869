/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is given out is text of the length that is said, and each row is on a line of its own. */
static void look_at(const struct csv *csv)
{
	for (size_t i = 0; i < csv_columns(csv); i++) {
		const char *field = csv_field(csv, i);

		if (strlen(field) != csv_length(csv, i) || !utf8_valid(field, csv_length(csv, i)))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *stream = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	CSV_AUTO struct csv *csv = NULL;
	struct kms_err err = {0};
	int64_t line = 1;
	enum kms_status st;

	if (!stream)
		return 0;
	if (csv_open_stream(stream, "fuzz", &csv, &err)) {
		if (!err.msg[0])
			__builtin_trap();
		return 0;
	}
	while ((st = csv_next(csv, &err)) == KMS_OK) {
		if (csv_line(csv) != ++line)
			__builtin_trap();
		look_at(csv);
	}
	if ((st == KMS_ERR_NOT_FOUND) != !err.msg[0])
		__builtin_trap();
	return 0;
}
