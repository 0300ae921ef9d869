/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/backup.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DOC_BACKUP_AUTO struct doc_backup doc = {0};
	struct kms_err err = {0};
	unsigned char digest[HASH_SIZE];

	/* What parses can be written: the same is sealed then. What does not, says why. */
	if (doc_backup_parse((const char *)data, size, &doc, &err) != KMS_OK) {
		if (!err.msg[0])
			__builtin_trap();
		return 0;
	}
	if (doc_backup_digest(&doc, digest, &err) != KMS_OK ||
		memcmp(digest, doc.sealed, sizeof(digest)) != 0)
		__builtin_trap();
	(void)!doc_backup_verify(&doc, NULL, &err);
	return 0;
}
