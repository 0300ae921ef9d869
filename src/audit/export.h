/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as one text file, for an auditor without the database: docs/formats/audit.md.
 *
 * Written a piece at a time (each function appends to a buffer that the caller may write out and
 * free), read a line at a time; memory does not grow with the log.
 */
#ifndef AUDIT_EXPORT_H
#define AUDIT_EXPORT_H

#include "audit/check.h"
#include "audit/checkpoint.h"
#include "audit/tree.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct audit_export_header {
	char name[101]; /* the site's name: name_check */
	char origin[AUDIT_ORIGIN_MAX + 1];
	uint64_t from; /* seq of the first entry */
	uint64_t size; /* entries from … size - 1 follow; from if there is none */
};

/* `start`: the frontier of size from; NULL if from is 0. */
KMS_CHECKED enum kms_status audit_export_begin(struct buf *text,
	const struct audit_export_header *header, const struct audit_frontier *start,
	struct kms_err *err);
KMS_CHECKED enum kms_status audit_export_entry(
	struct buf *text, const char *line, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status audit_export_checkpoint(
	struct buf *text, const char *note, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status audit_export_end(struct buf *text, uint64_t size, struct kms_err *err);

struct audit_reader {
	void *ctx;
	/* Up to cap bytes; *ret_len 0 at the end. */
	enum kms_status (*read)(
		void *ctx, char *out, size_t cap, size_t *ret_len, struct kms_err *err);
};

/*
 * What the verifier trusts, from the site's identity file as enrolled, not from the export.
 * `witness` may be NULL (see audit_check_witness).
 */
struct audit_trust {
	const char *name; /* the export must say the same; NULL: any */
	const char *origin;
	const unsigned char *audit_key;	   /* P256_POINT_SIZE bytes */
	const struct audit_signer *former; /* see audit_check_former; NULL if there is none */
	size_t former_count;
	const struct audit_checkpoint *witness;
	size_t witness_count;
};

/*
 * Verifies an export. KMS_ERR_MISMATCH if the log is not what was signed, KMS_ERR_INVALID if the
 * text is no export. *ret_header and *ret_verdict (either may be NULL) are written on failure too,
 * as far as the reading got.
 */
KMS_CHECKED enum kms_status audit_export_verify(const struct audit_reader *reader,
	const struct audit_trust *trust, struct audit_export_header *ret_header,
	struct audit_verdict *ret_verdict, struct kms_err *err);
KMS_CHECKED enum kms_status audit_export_verify_text(const char *text, size_t len,
	const struct audit_trust *trust, struct audit_export_header *ret_header,
	struct audit_verdict *ret_verdict, struct kms_err *err);

#endif
