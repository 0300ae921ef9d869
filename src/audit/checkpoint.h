/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint: size and root of the tree at a time, signed by the audit key.
 *
 *   cardkms/3F9A…        origin
 *   20                   size
 *   7mXv…=               root, base64
 *   time 2026-11-23T17:25:00Z
 *
 *   — cardkms/3F9A… kT2x…=
 *
 * C2SP signed-note and tlog-checkpoint; signature type 02: ECDSA with P-256, key ID = first four
 * bytes of SHA-256 of the SPKI (the text leaves hash and encoding to an implementation, which takes
 * SHA-256 and DER). Narrower than C2SP: exactly one extension line (time), exactly one signature, by
 * the key named as the origin; every value in one spelling only.
 */
#ifndef AUDIT_CHECKPOINT_H
#define AUDIT_CHECKPOINT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/p256.h"

#include <stddef.h>
#include <stdint.h>

enum {
	AUDIT_ORIGIN_MAX = 128,
	AUDIT_NOTE_MAX = 1024, /* no note is longer */
};

struct audit_checkpoint {
	char origin[AUDIT_ORIGIN_MAX + 1]; /* printable ASCII without blank and '+' */
	uint64_t size;
	unsigned char root[HASH_SIZE];
	int64_t time;
};

/* "cardkms/" and the 64 hex digits of the site's identity fingerprint. */
KMS_CHECKED enum kms_status audit_origin(
	const char *fingerprint, char ret_origin[AUDIT_ORIGIN_MAX + 1], struct kms_err *err);

/* Writes and signs the note. */
KMS_CHECKED enum kms_status audit_checkpoint_sign(const struct audit_checkpoint *checkpoint,
	const struct p256_signer *signer, struct buf *ret_note, struct kms_err *err);

/* The form only: nothing is believed yet. KMS_ERR_INVALID. */
KMS_CHECKED enum kms_status audit_checkpoint_parse(
	const char *note, size_t len, struct audit_checkpoint *ret_checkpoint, struct kms_err *err);

/*
 * Form, origin and signature. `origin` may be NULL for any. KMS_ERR_INVALID for the form,
 * KMS_ERR_MISMATCH for another origin, another key, or a signature that does not verify.
 */
KMS_CHECKED enum kms_status audit_checkpoint_verify(const char *note, size_t len,
	const char *origin, const unsigned char point[P256_POINT_SIZE],
	struct audit_checkpoint *ret_checkpoint, struct kms_err *err);

#endif
