/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a batch into its queue: a header line, then a card a line: reader, card, profile, kdd; later
 * columns are fields for `app personalise`. A line that is wrong is told and recorded, and is no work.
 */
#include "ops/batch.h"

#include "ops/batch_rows.h"
#include "ops/card.h"

#include <stdlib.h>
#include <string.h>

enum { MALFORMED_MAX = 1000, PROFILES_MAX = 32 };

struct reading {
	struct op_site *site;
	const struct op_batch *in;
	struct batch_rows rows;
	struct {
		char name[CARD_PROFILE_NAME_MAX + 1];
		bool known;
	} profiles[PROFILES_MAX]; /* that stood in rows before */
	size_t profile_count;
	int64_t now, count;
	json_t *malformed;
};

static void reading_clear(struct reading *r)
{
	batch_rows_close(&r->rows);
}

static enum kms_status add(struct reading *r, struct store_job *job, struct kms_err *err)
{
	job->batch = r->in->name;
	job->line = csv_line(r->rows.csv);
	job->changed = r->now;
	return r->site->dry_run ? KMS_OK : store_job_add(r->site->store, job, err);
}

/* What is wrong is told, and stands in the report of the batch. */
static enum kms_status add_malformed(
	struct reading *r, const struct kms_err *why, struct kms_err *err)
{
	struct store_job job = {.reader = "", .state = "failed", .detail = why->msg};

	if (json_array_size(r->malformed) == MALFORMED_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s; and %d lines before it are wrong, too",
			why->msg, MALFORMED_MAX);
	if (json_array_append_new(r->malformed, json_string(why->msg)))
		return kms_nomem(err);
	return add(r, &job, err);
}

/* Nobody else may be about to work on it. */
static enum kms_status only_here(struct reading *r, const char *card, struct kms_err *err)
{
	STORE_AUTO(job) struct store_job other = {0};
	bool found = false;
	enum kms_status st = store_job_elsewhere(r->site->store, card, &other, &found, err);

	if (!st && found)
		st = csv_fail(r->rows.csv, (size_t)r->rows.card, err,
			"card %s waits in batch '%s' already", card, other.batch);
	return st;
}

static enum kms_status look_for_profile(
	struct reading *r, const char *name, bool *ret_known, struct kms_err *err)
{
	CARD_PROFILE_AUTO struct card_profile profile = {0};
	enum kms_status st = op_profile_find(r->site, name, &profile, err);

	if (st && st != KMS_ERR_NOT_FOUND && st != KMS_ERR_INVALID)
		return st;
	kms_err_clear(err);
	*ret_known = !st;
	if (r->profile_count < PROFILES_MAX && strlen(name) <= CARD_PROFILE_NAME_MAX) {
		strcpy(r->profiles[r->profile_count].name, name);
		r->profiles[r->profile_count++].known = *ret_known;
	}
	return KMS_OK;
}

/* A name that no profile has would fail card after card. */
static enum kms_status known_profile(struct reading *r, const char *name, struct kms_err *err)
{
	bool known = false;
	size_t i = 0;
	enum kms_status st = KMS_OK;

	while (i < r->profile_count && strcmp(r->profiles[i].name, name) != 0)
		i++;
	if (i < r->profile_count)
		known = r->profiles[i].known;
	else
		st = look_for_profile(r, name, &known, err);
	if (!st && !known)
		st = csv_fail(r->rows.csv, (size_t)r->rows.profile, err,
			"there is no card profile '%s'", name);
	return st;
}

static enum kms_status next_row(struct reading *r, struct batch_row *row, struct kms_err *err)
{
	enum kms_status st = batch_rows_next(&r->rows, row, err);

	if (!st && row->profile)
		st = known_profile(r, row->profile, err);
	if (!st && row->card)
		st = only_here(r, row->card, err);
	return st;
}

static enum kms_status take_row(struct reading *r, const struct batch_row *row, struct kms_err *err)
{
	struct store_job job = {.state = "queued",
		.reader = row->reader,
		.card = row->card,
		.profile = row->profile,
		.kdd = row->kdd};
	enum kms_status st = batch_rows_turn(&r->rows, row, &job.turn, err);

	r->count++;
	return st ? st : add(r, &job, err);
}

static enum kms_status read_all(struct reading *r, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st) {
		struct kms_err why = {0};
		struct batch_row row;

		st = next_row(r, &row, &why);
		if (st == KMS_ERR_NOT_FOUND && !why.code)
			return KMS_OK;
		if (st == KMS_ERR_INVALID)
			st = add_malformed(r, &why, err);
		else if (st)
			*err = why;
		else
			st = take_row(r, &row, err);
	}
	return st;
}

enum kms_status op_batch_read(struct op_site *site, const struct op_batch *in, int64_t now,
	int64_t *ret_cards, json_t *malformed, struct kms_err *err)
{
	struct reading r __attribute__((cleanup(reading_clear))) = {
		.site = site, .in = in, .now = now, .malformed = malformed};
	struct csv *csv = NULL;
	enum kms_status st = csv_open(in->path, &csv, err);

	if (!st)
		st = batch_rows_open(csv, strcmp(in->action, "personalise") == 0, &r.rows, err);
	if (!st)
		st = read_all(&r, err);
	if (!st && r.count == 0)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: it names no card that could be worked on",
			in->path);
	if (!st)
		*ret_cards = r.count;
	return st;
}
