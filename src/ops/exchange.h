/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: what requests, exports, imports and receipts have in common. */
#ifndef OPS_EXCHANGE_H
#define OPS_EXCHANGE_H

#include "base/buf.h"
#include "exchange/identity.h"
#include "exchange/package.h"
#include "exchange/receipt.h"
#include "exchange/request.h"
#include "ops/meta.h"
#include "ops/op.h"
#include "store/journal.h"
#include "store/people.h"

enum { DOC_HASH_TEXT = 2 * HASH_SIZE + 1, DOC_NONCE_TEXT = 2 * DOC_NONCE_SIZE + 1 };

/* A document as a file: its bytes and their hash. */
struct op_file {
	struct buf text;
	unsigned char hash[HASH_SIZE];
	char hash_text[DOC_HASH_TEXT];
};

/* At most DOC_MAX bytes; at most `most`. */
KMS_CHECKED enum kms_status op_file_read(
	struct op_file *file, const char *path, struct kms_err *err);
KMS_CHECKED enum kms_status op_file_read_most(
	struct op_file *file, const char *path, size_t most, struct kms_err *err);
/* Takes `text`. */
KMS_CHECKED enum kms_status op_file_take(
	struct op_file *file, struct buf *text, struct kms_err *err);
void op_file_free(struct op_file *file);

/* "RQ-", "PK-" or "RC-" and ten hex digits. */
KMS_CHECKED enum kms_status op_doc_id(
	const char *prefix, char ret_id[DOC_ID_MAX + 1], struct kms_err *err);

/* This site and a partner as parties of a document. Texts stay the caller's / the row's. */
struct op_self {
	char *fingerprint;
	char *serial;
	struct doc_party party;
};
KMS_CHECKED enum kms_status op_self(
	struct op_site *site, struct op_self *ret_self, struct kms_err *err);
void op_self_free(struct op_self *self);

/* A document that came in: it must be for this site, and its sender enrolled with that identity. */
KMS_CHECKED enum kms_status op_check_recipient(const struct op_self *self,
	const struct doc_party *recipient, const char *what, struct kms_err *err);
KMS_CHECKED enum kms_status op_find_sender(struct op_site *site, const struct doc_party *sender,
	const char *what, struct store_partner *ret_partner,
	unsigned char ret_point[P256_POINT_SIZE], struct kms_err *err);

/*
 * The checkpoint of its own audit log that a partner put into a document: signed by its audit key, and
 * no contradiction of any that came before.
 */
KMS_CHECKED enum kms_status op_check_checkpoint(struct op_site *site,
	const struct store_partner *partner, const char *note, const char *what,
	struct kms_err *err);

/* The transport key to use: its row, and that state, direction and partner are right. */
KMS_CHECKED enum kms_status op_transport_row(struct op_site *site, const char *label,
	const char *direction, const char *partner, struct store_key *ret_row, struct kms_err *err);

/*
 * Whom a transport key is shared with and what it is bound to, where no document says so. A partner
 * without identity here will do; one that was revoked will not. *ret_partner is to be freed.
 */
KMS_CHECKED enum kms_status op_transport_partner(struct op *op, const char *label,
	char **ret_partner, enum key_wrapping *ret_wrapping, struct kms_err *err);

/* Raw wrapping has no integrity, and a wrapper may be weaker than a key: by override only. */
KMS_CHECKED enum kms_status op_wrapping_rules(struct op *op, enum key_wrapping wrapping,
	enum key_alg wrapper, enum key_alg wrapped, const char *label, struct kms_err *err);

/* The row of an enrolled identity (the text is its document's), inside a transaction. */
KMS_CHECKED enum kms_status op_partner_write(struct op *op, const struct doc_identity *identity,
	const char *text, bool rotate, struct kms_err *err);

/* Adds a document to the store, inside a transaction. */
struct op_doc_row {
	const char *id, *kind, *direction, *state, *partner, *related, *transport_key;
	const unsigned char *nonce; /* DOC_NONCE_SIZE bytes */
	const struct op_file *file;
};
KMS_CHECKED enum kms_status op_doc_add(
	struct op *op, const struct op_doc_row *row, struct kms_err *err);

/* Writes a document that is in the store already; a failure says how to write it again. */
KMS_CHECKED enum kms_status op_deliver(
	const char *path, const struct op_file *file, const char *id, struct kms_err *err);

/* Writes, for its owner only, what is kept nowhere: a failure says that it can be exported again. */
KMS_CHECKED enum kms_status op_deliver_unkept(
	const char *path, const struct op_file *file, struct kms_err *err);

/* label, algorithm, check value and method of what travels, for reports and the audit log. */
KMS_CHECKED enum kms_status op_checked_json(json_t *rows, const char *label, enum key_alg alg,
	const struct key_kcv *kcv, struct kms_err *err);

#endif
