/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/package.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DOC_PACKAGE_AUTO struct doc_package doc = {0};
	struct kms_err err = {0};
	enum doc_kind kind;

	/* What parses says what it is; what does not, says why. */
	if (doc_package_parse((const char *)data, size, &doc, &err) == KMS_OK) {
		if (doc_kind((const char *)data, size, &kind, &err) != KMS_OK ||
			kind != DOC_PACKAGE)
			__builtin_trap();
	} else if (!err.msg[0]) {
		__builtin_trap();
	}
	return 0;
}
