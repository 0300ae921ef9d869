/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: a file that grows by chunks, for hours, and is gone on with after whatever ended the
 * process. F.part grows; F.progress says, signed by the site, how much of it is durable and what that
 * hashes to; at the end F.manifest is written, and F.part becomes F. What is not in F.progress is cut off.
 */
#ifndef OPS_DERIVE_FILE_H
#define OPS_DERIVE_FILE_H

#include "base/hash.h"
#include "exchange/derived.h"

struct derive_file {
	const char *path; /* of the caller */
	const struct p256_signer *signer;
	char *part, *progress, *manifest;
	int fd;
	struct hash hash;
	struct doc_progress at; /* durable */
	int64_t chunks, bytes;	/* written */
	int64_t synced;		/* when, ms; 0: not yet */
};

#define DERIVE_FILE_NONE \
	{                \
		.fd = -1 \
	}

/*
 * Begins, or goes on with what is there: file->chunks tells. KMS_ERR_EXISTS: F is there, or an F.part that
 * nothing is known of. KMS_ERR_STATE: what is there was begun with other arguments. KMS_ERR_MISMATCH: it is
 * not what was written. `sender` stays the caller's.
 */
KMS_CHECKED enum kms_status derive_file_begin(struct derive_file *file, const char *path,
	const struct doc_derived_job *job, const struct p256_signer *signer, struct kms_err *err);
/* What derive_file_begin would say of the names alone. */
KMS_CHECKED enum kms_status derive_file_check(const char *path, struct kms_err *err);

/* One more chunk. The first is durable at once, others not later than half a second after the last that was. */
KMS_CHECKED enum kms_status derive_file_put(
	struct derive_file *file, const void *data, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status derive_file_sync(struct derive_file *file, struct kms_err *err);

/* Manifest, and F for F.part. */
KMS_CHECKED enum kms_status derive_file_end(
	struct derive_file *file, const void *manifest, size_t manifest_len, struct kms_err *err);
/* What is there stays, but for what holds no chunk at all. */
void derive_file_close(struct derive_file *file);

#endif
