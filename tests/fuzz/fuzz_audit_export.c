/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/export.h"
#include "audit/proof.h"
#include "base/hex.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the key that signed the seeds, which nobody has any more. */
static const char point_hex[] = "04DFFD9D10456B6F6765A74331BAE6F25D953A614E1705A17844FC814A4139449A"
				"CF48E9F63D473292860399D92CCF7A9EDA1448DF186B87F08F415984DDBBC44A";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	unsigned char point[P256_POINT_SIZE];
	struct audit_checkpoint checkpoint;
	struct audit_verdict verdict;
	struct kms_err err = {0};
	enum kms_status st;

	if (!hex_decode_strict(point_hex, point, sizeof(point)))
		__builtin_trap();
	struct audit_trust trust = {.origin = "cardkms/test", .audit_key = point};

	st = audit_export_verify_text(text, size, &trust, NULL, &verdict, &err);
	if (st != KMS_OK && st != KMS_ERR_INVALID && st != KMS_ERR_MISMATCH)
		__builtin_trap();
	/* A verdict is bad exactly if some entry is to blame; a wrong header blames none. */
	if (verdict.bad && (st != KMS_ERR_MISMATCH || verdict.bad_last < verdict.bad_first))
		__builtin_trap();
	if (verdict.signed_size > verdict.size)
		__builtin_trap();
	if (audit_proof_verify(text, size, NULL, point, &entry, &checkpoint, &err) == KMS_OK &&
		entry.seq >= checkpoint.size)
		__builtin_trap();
	return 0;
}
