/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: master key sets on their way out, under a transport key; for packages and listings. */
#ifndef OPS_OUTGOING_H
#define OPS_OUTGOING_H

#include "ops/exchange.h"

/* What the header of a key block says; 0 and NULL: KEY_BLOCK_USAGE_MASTER, 'N'. */
struct outgoing_header {
	const char *usage;
	char exportability;
};

struct outgoing {
	/* Of the caller, before anything else; all may stay 0. */
	enum key_role only; /* of each set only that key */
	struct outgoing_header header;

	struct store_key transport;
	enum key_alg transport_alg;
	enum key_wrapping wrapping;

	size_t set_count;
	struct store_keyset *sets;
	struct store_key *rows; /* enc, mac, kek of each set, or `only` one */
	struct doc_keyset *doc_sets;
	struct doc_key *doc_keys; /* filled by outgoing_wrap */
	size_t key_count;
};

/* The transport key: there, active, of that partner, and nobody here a custodian of it. */
KMS_CHECKED enum kms_status outgoing_transport(struct outgoing *out, struct op *op,
	const char *label, const char *partner, const char *carrier, struct kms_err *err);

/* The key sets: active, exportable, of that customer, no stronger than the transport key. */
KMS_CHECKED enum kms_status outgoing_sets(struct outgoing *out, struct op *op,
	const char *const *names, size_t count, const char *partner, struct kms_err *err);

/* Verifies the transport key and each master, then wraps them. */
KMS_CHECKED enum kms_status outgoing_wrap(struct outgoing *out, struct op *op, struct kms_err *err);

/* One master under a key of this HSM, checked to be what the store says (header: NULL but for key
 * blocks); and its key set. */
KMS_CHECKED enum kms_status outgoing_key(struct op *op, const struct store_key *row,
	struct hsm_key *under, enum key_wrapping wrapping, const struct outgoing_header *header,
	struct doc_key *ret_doc, struct kms_err *err);
KMS_CHECKED enum kms_status outgoing_keyset(
	const struct store_keyset *row, struct doc_keyset *ret_doc, struct kms_err *err);

/* The transport key as a document names it; its texts are the row's. */
KMS_CHECKED enum kms_status outgoing_transport_doc(
	const struct outgoing *out, struct doc_checked_key *ret, struct kms_err *err);

/* "keys" for report and audit entry, and where they were wrapped. */
KMS_CHECKED enum kms_status outgoing_report(
	const struct outgoing *out, struct op *op, struct kms_err *err);
void outgoing_free(struct outgoing *out);

#endif
