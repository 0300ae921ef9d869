/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: one change of a card's content by delegated management (GPCS 2.3.1 clause 9.1.3.3): the
 * token that permits it, and the receipt that the card gives for it. Without either this does nothing.
 *
 * A receipt that is wrong does not undo what the card did: the change is recorded as it is, with what is
 * wrong of the receipt, and the operation then ends with KMS_ERR_MISMATCH.
 */
#ifndef OPS_DELEGATED_H
#define OPS_DELEGATED_H

#include "card/content.h"
#include "exchange/proof.h"
#include "ops/content_key.h"
#include "ops/ops.h"

struct op_app;

struct op_delegated {
	struct doc_proof token; /* kind DOC_NONE: there is none */
	struct gp_content permitted;
	struct content_key key; /* of receipts; row.label NULL: not to be verified */

	enum gp_content_kind kind; /* of the command that was sent; GP_CONTENT_NONE: none was */
	struct gp_receipt_names names;
	unsigned char answer[GP_CONFIRMATION_MAX + 1];
	size_t answer_len;
	struct gp_confirmation confirmation; /* in answer */
	bool verified;
	struct kms_err wrong; /* code 0: nothing is */
};

void op_delegated_clear(struct op_delegated *d);

/* Reads the token, which must be for one of the kinds (those after the first may be GP_CONTENT_NONE). */
KMS_CHECKED enum kms_status op_delegated_check(struct op_delegated *d,
	const struct op_app_delegated *in, enum gp_content_kind kind, enum gp_content_kind other,
	struct kms_err *err);

/* The key of receipts; what is noted of token and key. After op_app_validate. */
KMS_CHECKED enum kms_status op_delegated_validate(struct op_app *app, struct kms_err *err);
/* KMS_ERR_MISMATCH unless the token, if there is one, is for exactly this command. */
KMS_CHECKED enum kms_status op_delegated_permits(
	const struct op_app *app, const struct gp_content *content, struct kms_err *err);

/* Sends the command with the token, and keeps the answer. */
KMS_CHECKED enum kms_status op_delegated_send(struct op_app *app, const struct gp_content *content,
	const struct gp_receipt_names *names, struct kms_err *err);
/* Keeps the answer to what was sent otherwise. */
void op_delegated_take(
	struct op_app *app, enum gp_content_kind kind, const struct gp_receipt_names *names);

/* What the receipt is worth: d->verified, d->wrong. Fails only if that cannot be found out. */
KMS_CHECKED enum kms_status op_delegated_verify(struct op_app *app, struct kms_err *err);
/* Into the event's detail and the report; without token and receipt nothing. */
KMS_CHECKED enum kms_status op_delegated_commit(
	struct op_app *app, json_t *detail, struct kms_err *err);
/* The file, if it was asked for; then what was wrong. */
KMS_CHECKED enum kms_status op_delegated_deliver(struct op_app *app, struct kms_err *err);

#endif
