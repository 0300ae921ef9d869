/* SPDX-License-Identifier: Apache-2.0 */
/* Personalisation scripts and files of fields: a script, a zero byte, then the fields of card C1. */
#include "card/perso.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted can be filled in, or says why not. */
static void fill_in(const struct perso_script *script, const struct csv *fields)
{
	BUF_AUTO struct buf all = {0};
	struct kms_err err = {0};

	if (script->count == 0 && !script->keyset)
		abort();
	for (size_t i = 0; i < script->count; i++) {
		BUF_AUTO struct buf value = {0};

		if (perso_value(script, i, fields, &value, &err)) {
			if (!err.msg[0])
				abort();
			return;
		}
		if (perso_put(&all, script->groups[i].name, value.data, value.len, &err))
			abort();
	}
}

/* A row that was found is the card's; what was not found is said. */
static bool open_fields(const char *text, size_t len, struct csv **ret_fields)
{
	FILE *stream = len ? fmemopen((void *)(uintptr_t)text, len, "r") : NULL;
	struct kms_err err = {0};

	if (!stream)
		return false;
	if (csv_open_stream(stream, "fields", ret_fields, &err) ||
		perso_fields_find(*ret_fields, "C1", &err)) {
		if (!err.msg[0])
			abort();
		return false;
	}
	if (perso_fields_are_of(*ret_fields, "c1", &err))
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *zero = size ? memchr(text, 0, size) : NULL;
	size_t len = zero ? (size_t)(zero - text) : size;
	PERSO_AUTO struct perso_script script = {.name = ""};
	CSV_AUTO struct csv *fields = NULL;
	struct kms_err err = {0};
	bool found;

	if (perso_parse("script", text, len, &script, &err)) {
		if (!err.msg[0])
			abort();
		return 0;
	}
	found = zero && open_fields(zero + 1, size - len - 1, &fields);
	fill_in(&script, found ? fields : NULL);
	return 0;
}
