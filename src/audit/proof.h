/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that one entry is in the log, as one text to be verified offline: C2SP tlog-proof with the
 * entry's line as its extra data.
 *
 *   c2sp.org/tlog-proof@v1
 *   extra eyJhY3Rvc…          the entry, base64
 *   index 16                  seq
 *   gSKyXoYZ…=                one line for each hash of the path
 *
 *   …                         the checkpoint
 */
#ifndef AUDIT_PROOF_H
#define AUDIT_PROOF_H

#include "audit/checkpoint.h"
#include "audit/entry.h"
#include "audit/tree.h"
#include "base/buf.h"
#include "base/err.h"

KMS_CHECKED enum kms_status audit_proof_write(const char *line, size_t line_len, uint64_t seq,
	const struct audit_path *path, const char *note, size_t note_len, struct buf *ret_text,
	struct kms_err *err);

/* origin NULL: any. The entry is written only if all of it holds. */
KMS_CHECKED enum kms_status audit_proof_verify(const char *text, size_t len, const char *origin,
	const unsigned char point[P256_POINT_SIZE], struct audit_entry *ret_entry,
	struct audit_checkpoint *ret_checkpoint, struct kms_err *err);

#endif
