/* SPDX-License-Identifier: Apache-2.0 */
/* A shipment's document, and behind it a line of its table. */
#include "exchange/shipment.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_document(const char *text, size_t len)
{
	DOC_SHIPMENT_AUTO struct doc_shipment doc = {0};
	struct kms_err err = {0};
	enum doc_kind kind;

	if (doc_shipment_parse(text, len, &doc, &err) == KMS_OK) {
		if (doc_kind(text, len, &kind, &err) != KMS_OK || kind != DOC_SHIPMENT)
			__builtin_trap();
	} else if (!err.msg[0]) {
		__builtin_trap();
	}
}

/* What is taken has one spelling. */
static void one_line(const char *text, size_t len)
{
	char line[DOC_SHIPMENT_LINE], again[DOC_SHIPMENT_LINE], kept[DOC_SHIPMENT_LINE];
	struct doc_shipment_card card;
	struct kms_err err = {0};
	size_t printed;

	if (len >= sizeof(line) - 1 || memchr(text, 0, len))
		return;
	memcpy(line, text, len);
	line[len] = 0;
	memcpy(kept, line, len + 1);
	if (doc_shipment_card_parse(line, &card, &err) != KMS_OK) {
		if (!err.msg[0])
			__builtin_trap();
		return;
	}
	if (doc_shipment_card_print(&card, again, &printed, &err) != KMS_OK || printed != len + 1 ||
		memcmp(again, kept, len) != 0 || again[len] != '\n')
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\n', size) : NULL;

	one_document(text, size);
	one_line(text, end ? (size_t)(end - text) : size);
	return 0;
}
