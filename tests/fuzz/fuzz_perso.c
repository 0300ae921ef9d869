/* SPDX-License-Identifier: Apache-2.0 */
/* Personalisation scripts and files of fields: a script, a zero byte, then the fields of card C1. */
#include "card/perso.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted can be filled in, or says why not. */
static void fill_in(const struct perso_script *script, const struct perso_row *row)
{
	BUF_AUTO struct buf all = {0};
	struct kms_err err = {0};

	if (script->count == 0 && !script->keyset)
		abort();
	for (size_t i = 0; i < script->count; i++) {
		BUF_AUTO struct buf value = {0};

		if (perso_value(script, i, row, &value, &err)) {
			if (!err.msg[0])
				abort();
			return;
		}
		if (perso_put(&all, script->groups[i].name, value.data, value.len, &err))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *zero = size ? memchr(text, 0, size) : NULL;
	size_t len = zero ? (size_t)(zero - text) : size;
	PERSO_AUTO struct perso_script script = {.name = ""};
	PERSO_ROW_AUTO struct perso_row row = {.source = "fields"};
	struct kms_err err = {0};

	if (perso_parse("script", text, len, &script, &err)) {
		if (!err.msg[0])
			abort();
		return 0;
	}
	if (zero && perso_row_find("fields", zero + 1, size - len - 1, "C1", &row, &err) &&
		!err.msg[0])
		abort();
	fill_in(&script, &row);
	return 0;
}
