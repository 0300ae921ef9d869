/* SPDX-License-Identifier: Apache-2.0 */
/* INI: what is accepted has names for everything, no name twice, and lines within the text. */
#include "base/conf.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_entry(const struct conf *conf, const struct conf_entry *e, int lines)
{
	if (e->line < 1 || e->line > lines || !*e->section || !*e->name)
		abort();
	if (!utf8_valid(e->value, strlen(e->value)))
		abort();
	/* The first of that name is this one: there is no second. */
	if (conf_get(conf, e->section, e->name) != e->value)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CONF_AUTO struct conf conf = {0};
	struct kms_err err = {0};
	int lines = 1;

	if (conf_parse("text", (const char *)data, size, &conf, &err)) {
		if (err.msg[0] == 0 || conf.entries)
			abort();
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	for (size_t i = 0; i < conf.count; i++)
		check_entry(&conf, &conf.entries[i], lines);
	return 0;
}
