/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Component entry. The first byte chooses: '2' to '4', a component of that many lines; 'l', one
 * line; 's', a whole sheet.
 */
#include "ceremony/component.h"
#include "ceremony/sheet.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INDEX = 2 };

static void must(enum kms_status st)
{
	if (st)
		abort();
}

/* A component that was read is written and read again: the same. */
static void fuzz_component(const char *text, size_t len, size_t lines)
{
	SECRET_AUTO struct secret component = {0};
	SECRET_AUTO struct secret again = {0};
	SECRET_AUTO struct secret written = {0};
	struct kms_err err;
	bool checked;

	if (cer_component_parse(
		    text, len, lines * CER_LINE_BYTES, INDEX, &component, &checked, &err)) {
		if (!err.msg[0] || component.data)
			abort();
		return;
	}
	must(cer_component_render(&component, INDEX, &written, &err));
	must(cer_component_parse((const char *)written.data, written.len, lines * CER_LINE_BYTES,
		INDEX, &again, &checked, &err));
	if (!checked || !secret_equal(&component, &again))
		abort();
}

static void fuzz_line(const char *text, size_t len)
{
	unsigned char bytes[CER_LINE_BYTES];
	struct kms_err err;
	bool checked;

	if (cer_line_parse(text, len, INDEX, 1, bytes, &checked, &err) && !err.msg[0])
		abort();
}

static void fuzz_sheet(const char *text, size_t len)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CER_SHEET_AUTO struct cer_sheet again = {0};
	SECRET_AUTO struct secret written = {0};
	struct kms_err err;

	if (cer_sheet_parse(text, len, &sheet, &err)) {
		if (!err.msg[0] || sheet.bytes.data)
			abort();
		return;
	}
	must(cer_sheet_render(&sheet, &written, &err));
	must(cer_sheet_parse((const char *)written.data, written.len, &again, &err));
	if (!secret_equal(&sheet.bytes, &again.bytes) || strcmp(sheet.label, again.label) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	must(secret_heap_open(NULL));
	if (size < 2)
		return 0;
	if (data[0] >= '2' && data[0] <= '4')
		fuzz_component(text, size - 1, (size_t)data[0] - '0');
	else if (data[0] == 'l')
		fuzz_line(text, size - 1);
	else if (data[0] == 's')
		fuzz_sheet(text, size - 1);
	return 0;
}
