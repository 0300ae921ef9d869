/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/request.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DOC_REQUEST_AUTO struct doc_request doc = {0};
	struct kms_err err = {0};
	enum doc_kind kind;

	/* What parses says what it is; what does not, says why. */
	if (doc_request_parse((const char *)data, size, &doc, &err) == KMS_OK) {
		if (doc_kind((const char *)data, size, &kind, &err) != KMS_OK ||
			kind != DOC_REQUEST)
			__builtin_trap();
	} else if (!err.msg[0]) {
		__builtin_trap();
	}
	return 0;
}
