/* SPDX-License-Identifier: Apache-2.0 */
/* A file of a DAP, token or receipt, the command that a token says it is for, and what a card confirms. */
#include "card/content.h"
#include "exchange/proof.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses is written again as it was. */
static void document(enum doc_kind kind, const char *text, size_t len)
{
	DOC_PROOF_AUTO struct doc_proof doc = {0};
	BUF_AUTO struct buf again = {0};
	struct kms_err err = {0};
	enum gp_content_kind operation;
	struct gp_content content, back;
	unsigned char bytes[GP_SIGNED_MAX];

	if (doc_proof_parse(kind, text, len, &doc, &err)) {
		if (!err.msg[0])
			__builtin_trap();
		return;
	}
	if (doc_proof_write(&doc, &again, &err) || again.len != len ||
		memcmp(again.data, text, len) != 0 ||
		gp_content_kind_parse(doc.operation, &operation, &err))
		__builtin_trap();
	if (gp_content_parse(operation, doc.data, doc.data_len, &content, &err))
		return;
	if (gp_content_signed(&content, bytes) != doc.data_len ||
		memcmp(bytes, doc.data, doc.data_len) != 0 ||
		gp_content_parse(operation, bytes, doc.data_len, &back, &err) ||
		gp_content_differs(&content, &back))
		__builtin_trap();
}

static void confirmation(const unsigned char *data, size_t len)
{
	const struct gp_receipt_names names = {.file = {.len = GP_AID_MAX},
		.application = {.len = GP_AID_MAX},
		.domain = {.len = GP_AID_MAX},
		.to = {.len = GP_AID_MAX}};
	unsigned char bytes[GP_RECEIPT_DATA_MAX];
	struct gp_confirmation c;
	struct kms_err err = {0};

	if (len > GP_CONFIRMATION_MAX + 1 || gp_confirmation_parse(data, len, &c, &err) || !c.there)
		return;
	if (c.data.len > len || c.receipt.len > len || c.counter > 0xFFFF || c.unique.len == 0)
		__builtin_trap();
	for (enum gp_content_kind kind = GP_CONTENT_LOAD; kind <= GP_CONTENT_DELETE; kind++)
		if (gp_receipt_data(kind, &c, &names, bytes) > sizeof(bytes))
			__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	document(DOC_DAP, (const char *)data, size);
	document(DOC_TOKEN, (const char *)data, size);
	document(DOC_CARD_RECEIPT, (const char *)data, size);
	confirmation(data, size);
	return 0;
}
