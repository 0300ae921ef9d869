/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A meeting: a ceremony file carried out. What is done in it is one operation (ops/ops.h); the
 * meeting is the frame: who was there, in what room, by which file, and what was out of the ordinary.
 *
 *   op_meeting_begin    recorded, before anything else happens
 *   the operation       every one of this site names the meeting in its audit entries meanwhile
 *   op_meeting_end      minutes kept, outcome recorded
 *
 * A meeting that never ended, because the power failed, the program was killed or the disk was full, is
 * recorded as interrupted by the next operation that settles what was left, with minutes made then.
 */
#ifndef OPS_MEETING_H
#define OPS_MEETING_H

#include "base/js.h"
#include "ceremony/id.h"
#include "ceremony/plan.h"
#include "ops/op.h"

struct op_meeting {
	char id[CER_ID_SIZE];
	const struct cer_plan *plan; /* borrowed, as is the text */
	const char *plan_text;
	const json_t *conditions; /* of op_preflight; borrowed */
};

KMS_CHECKED enum kms_status op_meeting_begin(struct op_site *site, const struct cer_plan *plan,
	const char *plan_text, const json_t *conditions, struct op_meeting *ret_meeting,
	struct kms_err *err);

/*
 * `outcome` and `why` are those of the operation, `result` (may be NULL) its report. Fails only if
 * the minutes cannot be kept.
 */
KMS_CHECKED enum kms_status op_meeting_end(struct op_site *site, const struct op_meeting *meeting,
	enum kms_status outcome, const struct kms_err *why, const json_t *result,
	struct kms_err *err);

/* For op_reconcile: those that are open, with the site's lock held, have died. One whose operation
 * waits for its HSM is left open. */
KMS_CHECKED enum kms_status op_meetings_settle(struct op_site *site, struct kms_err *err);

/* All meetings, as rows. */
KMS_CHECKED enum kms_status op_meetings(
	struct op_site *site, json_t **ret_rows, struct kms_err *err);

/*
 * Inside ops/. outcome: done, failed, interrupted; exception: why it is not done, or NULL; op_id: of what was
 * carried out, or "". *ret_op_id is that, or "" if no operation got as far as the journal.
 */
KMS_CHECKED enum kms_status op_minutes_make(struct op_site *site, const struct op_meeting *meeting,
	const char *outcome, const char *exception, const char *op_id, const json_t *result,
	char ret_op_id[OP_ID_TEXT], json_t **ret_minutes, struct kms_err *err);

/*
 * The minutes of a meeting, or of a key ceremony that was held without a file: as an object, and as
 * a PDF to be signed. Public data only.
 */
KMS_CHECKED enum kms_status op_minutes_get(
	struct op_site *site, const char *id, json_t **ret_minutes, struct kms_err *err);
KMS_CHECKED enum kms_status op_minutes_pdf(
	const json_t *minutes, int fd, const char *name, struct kms_err *err);

#endif
