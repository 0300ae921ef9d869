/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: one card of a batch, while an operation works on it. The operation checks that it is the
 * card which the batch means, and its outcome ends the job in the same transaction.
 */
#ifndef OPS_JOB_H
#define OPS_JOB_H

#include "ops/card.h"
#include "store/batches.h"

struct op_job {
	const struct store_job *row; /* borrowed */
	char card[OP_CARD_ID_MAX];   /* which it is; "" before that is known */
	bool other_card;	     /* it is not the one meant */
	bool ended;
};

/* Nothing to do for an operation that is no job (site->job NULL). KMS_ERR_MISMATCH: another card. */
KMS_CHECKED enum kms_status op_job_card(
	struct op_site *site, const char *card_id, struct kms_err *err);
KMS_CHECKED enum kms_status op_job_kdd(
	struct op_site *site, const char *kdd_hex, struct kms_err *err);

/* For op_run, in the transaction of the operation's outcome. */
KMS_CHECKED enum kms_status op_job_done(struct op *op, struct kms_err *err);

/* The operation failed: what that means for the card; in a transaction of its own. */
KMS_CHECKED enum kms_status op_job_failed(struct op_site *site, struct op_job *job,
	enum kms_status why, const char *text, struct kms_err *err);

#endif
