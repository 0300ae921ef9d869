/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/job.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum kms_status op_job_card(struct op_site *site, const char *card_id, struct kms_err *err)
{
	struct op_job *job = site->job;

	if (!job)
		return KMS_OK;
	snprintf(job->card, sizeof(job->card), "%s", card_id);
	if (!job->row->card || strcmp(job->row->card, card_id) == 0)
		return KMS_OK;
	job->other_card = true;
	kms_fail(err, KMS_ERR_MISMATCH, "the reader holds card %s, the batch says %s", card_id,
		job->row->card);
	return kms_hint(err, "nothing was sent to it that changes it");
}

enum kms_status op_job_kdd(struct op_site *site, const char *kdd_hex, struct kms_err *err)
{
	struct op_job *job = site->job;

	if (!job || !job->row->kdd || strcmp(job->row->kdd, kdd_hex) == 0)
		return KMS_OK;
	job->other_card = true;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"card %s presents the diversification data %s, the batch says %s", job->card,
		kdd_hex, job->row->kdd);
}

/* ---- how it ends ---- */

static enum kms_status finish(struct op_site *site, const struct op_job *job, const char *state,
	const char *op_id, const char *detail, struct kms_err *err)
{
	struct store_job row = *job->row;
	enum kms_status st = store_clock(site->store, &row.changed, err);

	row.state = state;
	row.card_id = job->card[0] ? job->card : NULL;
	row.op_id = op_id;
	row.detail = detail;
	return st ? st : store_job_finish(site->store, &row, err);
}

/* The card's state, as the registry has it, says whether anything of it is open. */
static enum kms_status state_after(
	struct op_site *site, const struct op_job *job, const char **ret_state, struct kms_err *err)
{
	STORE_AUTO(card) struct store_card card = {0};
	enum kms_status st;

	*ret_state = "failed";
	if (!job->card[0])
		return KMS_OK;
	st = store_card_get(site->store, job->card, &card, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (st)
		return st;
	if (strcmp(card.state, CARD_STATE_CHANGING) == 0)
		*ret_state = "unknown";
	else if (strcmp(card.state, CARD_STATE_QUARANTINED) == 0)
		*ret_state = "quarantined";
	return KMS_OK;
}

/* Wrong keys, card after card, are a wrong key set: before it costs every card a try, the batch stops. */
static enum kms_status count_failure(
	struct op_site *site, const struct op_job *job, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	int64_t in_a_row = 0, now = 0;
	char reason[100];
	enum kms_status st = store_batch_failed(site->store, job->row->batch, &in_a_row, err);

	if (!st)
		st = store_batch_get(site->store, job->row->batch, &batch, err);
	if (st || batch.stop_after == 0 || in_a_row < batch.stop_after ||
		strcmp(batch.state, "running") != 0)
		return st;
	snprintf(reason, sizeof(reason), "%lld authentications in a row failed",
		(long long)in_a_row);
	st = store_clock(site->store, &now, err);
	return st ? st
		  : store_batch_set_state(
			    site->store, batch.name, "running", "stopped", reason, now, err);
}

/* A verification whose answer is no is an operation that was done. */
enum kms_status op_job_done(struct op *op, struct kms_err *err)
{
	struct op_job *job = op->site->job;
	const json_t *verified = json_object_get(op->report, "verified");
	const bool good = !verified || json_is_true(verified);
	const char *detail = good ? json_string_value(json_object_get(op->report, "result"))
			     : job->other_card ? "it is not the card that the batch means"
					       : "its keys are not as they should be";
	enum kms_status st = finish(op->site, job, good ? "done" : "failed", op->id, detail, err);

	if (!st && good)
		st = store_batch_no_failure(op->site->store, job->row->batch, err);
	else if (!st && !job->other_card)
		st = count_failure(op->site, job, err);
	job->ended = !st;
	return st;
}

enum kms_status op_job_failed(struct op_site *site, struct op_job *job, enum kms_status why,
	const char *text, struct kms_err *err)
{
	const bool wrong_keys =
		(why == KMS_ERR_AUTH || why == KMS_ERR_MISMATCH) && !job->other_card;
	char detail[400];
	const char *state;
	enum kms_status st;

	text_clean(text, detail, sizeof(detail));
	st = state_after(site, job, &state, err);
	if (!st)
		st = store_begin(site->store, err);
	if (st)
		return st;
	st = finish(site, job, state, NULL, detail, err);
	if (!st && wrong_keys)
		st = count_failure(site, job, err);
	st = store_end(site->store, st, err);
	job->ended = !st;
	return st;
}
