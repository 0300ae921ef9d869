/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the record of ceremonies, and who holds what by it. */
#ifndef OPS_CEREMONY_H
#define OPS_CEREMONY_H

#include "base/buf.h"
#include "ceremony/machine.h"
#include "ceremony/separation.h"
#include "ops/op.h"

/* Kinds of operations, and of their ceremonies, in which components of a key that exists are typed. */
#define OP_TRANSPORT_IMPORT "transport-key.import"
#define OP_SITE_RESTORE	    "site-key.restore"
#define OP_ZONE_RESTORE	    "zone-key.restore"

/* Everybody who has ever held, or was to hold, a component of a key with this label. */
struct op_custodians {
	struct cer_custodian *items;
	size_t count;
};

KMS_CHECKED enum kms_status op_custodians_of(struct op_site *site, const char *label,
	struct op_custodians *ret_custodians, struct kms_err *err);
void op_custodians_free(struct op_custodians *custodians);
/* The same, added to those that are there; and one person. */
KMS_CHECKED enum kms_status op_custodians_gather(struct op_site *site, const char *label,
	struct op_custodians *custodians, struct kms_err *err);
KMS_CHECKED enum kms_status op_custodians_add(struct op_custodians *custodians, const char *name,
	unsigned component, struct kms_err *err);

/*
 * None of the operation's officers, nor `carrier` (may be NULL), may hold a component of the
 * transport key. `does`: what the officers do, "export" or "import".
 */
KMS_CHECKED enum kms_status op_separation(struct op *op, const char *transport_key,
	const char *does, const char *carrier, struct kms_err *err);

/* The machine's events and the circumstances as JSON: never a component. */
KMS_CHECKED enum kms_status op_minutes(struct op *op, const struct cer *cer, const char *hsm_serial,
	struct buf *ret_text, struct kms_err *err);

#endif
