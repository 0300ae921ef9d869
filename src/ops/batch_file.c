/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a batch: a header line, then a card a line: reader, card, profile, kdd; later columns are
 * fields for `app personalise`. A line that is wrong is told and recorded, and is no work.
 */
#include "ops/batch.h"

#include "base/csv.h"
#include "base/hex.h"
#include "card/reader.h"
#include "ops/card.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MALFORMED_MAX = 1000, NO_COLUMN = -1 };

/* A text that stood in a line before: a card may not stand twice; a reader's cards come in turn. */
struct seen {
	int64_t number;
	char text[];
};

static int compare_seen(const void *a, const void *b)
{
	return strcmp(((const struct seen *)a)->text, ((const struct seen *)b)->text);
}

/* The one there is, else a new one with number 0. NULL: out of memory. */
static struct seen *see(void **tree, const char *text)
{
	struct seen *fresh = calloc(1, sizeof(*fresh) + strlen(text) + 1);
	struct seen **at;

	if (!fresh)
		return NULL;
	memcpy(fresh->text, text, strlen(text) + 1);
	at = tsearch(fresh, tree, compare_seen);
	if (!at || *at != fresh)
		free(fresh);
	return at ? *at : NULL;
}

struct reading {
	struct op_site *site;
	const struct op_batch *in;
	struct csv *csv;
	int reader, card, profile, kdd;	  /* columns, or NO_COLUMN */
	void *cards, *readers, *profiles; /* trees of struct seen */
	int64_t now, count;
	json_t *malformed;
};

static void reading_clear(struct reading *r)
{
	csv_close(&r->csv);
	tdestroy(r->cards, free);
	tdestroy(r->readers, free);
	tdestroy(r->profiles, free);
}

static int column(const struct csv *csv, const char *name)
{
	for (size_t i = 0; i < csv_columns(csv); i++)
		if (strcmp(csv_name(csv, i), name) == 0)
			return (int)i;
	return NO_COLUMN;
}

/* NULL for an empty field, and for a column that is not there. */
static const char *field(const struct reading *r, int at)
{
	const char *text = at == NO_COLUMN ? "" : csv_field(r->csv, (size_t)at);

	return *text ? text : NULL;
}

static enum kms_status add(struct reading *r, struct store_job *job, struct kms_err *err)
{
	job->batch = r->in->name;
	job->line = csv_line(r->csv);
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

static enum kms_status hex_field(
	struct reading *r, int at, size_t max, char *out, const char **ret_hex, struct kms_err *err)
{
	const char *text = field(r, at);
	size_t len = text ? strlen(text) : 0;

	*ret_hex = NULL;
	if (!text)
		return KMS_OK;
	if (len % 2 || len > max)
		return csv_fail(r->csv, (size_t)at, err,
			"not an even number of at most %zu hex digits", max);
	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return csv_fail(r->csv, (size_t)at, err, "'%s' is not hex", text);
		out[i] = "0123456789ABCDEF"[digit];
	}
	out[len] = 0;
	*ret_hex = out;
	return KMS_OK;
}

/* Nobody else may be about to work on it. */
static enum kms_status only_here(struct reading *r, const char *card, struct kms_err *err)
{
	STORE_AUTO(job) struct store_job other = {0};
	struct seen *seen = see(&r->cards, card);
	bool found = false;
	enum kms_status st;

	if (!seen)
		return kms_nomem(err);
	if (seen->number)
		return csv_fail(r->csv, (size_t)r->card, err, "card %s stands in line %lld, too",
			card, (long long)seen->number);
	seen->number = csv_line(r->csv);
	st = store_job_elsewhere(r->site->store, card, &other, &found, err);
	if (!st && found)
		st = csv_fail(r->csv, (size_t)r->card, err, "card %s waits in batch '%s' already",
			card, other.batch);
	return st;
}

/* Looked for once: a name that no profile has would fail card after card. */
static enum kms_status known_profile(struct reading *r, const char *name, struct kms_err *err)
{
	enum { UNSEEN, KNOWN, UNKNOWN };
	struct seen *seen = see(&r->profiles, name);
	CARD_PROFILE_AUTO struct card_profile profile = {0};
	enum kms_status st = KMS_OK;

	if (!seen)
		return kms_nomem(err);
	if (seen->number == UNSEEN) {
		st = op_profile_find(r->site, name, &profile, err);
		if (st && st != KMS_ERR_NOT_FOUND && st != KMS_ERR_INVALID)
			return st;
		seen->number = st ? UNKNOWN : KNOWN;
		kms_err_clear(err);
	}
	return seen->number == KNOWN ? KMS_OK
				     : csv_fail(r->csv, (size_t)r->profile, err,
					       "there is no card profile '%s'", name);
}

static enum kms_status parse_row(struct reading *r, struct store_job *job,
	char card[OP_CARD_ID_MAX], char kdd[OP_KDD_HEX], struct kms_err *err)
{
	enum kms_status st;

	job->reader = field(r, r->reader);
	job->profile = field(r, r->profile);
	if (!job->reader)
		return csv_fail(
			r->csv, (size_t)r->reader, err, "empty: which reader holds the card?");
	if (strlen(job->reader) >= CARD_READER_NAME_SIZE + strlen("tcp:"))
		return csv_fail(
			r->csv, (size_t)r->reader, err, "too long for the name of a reader");
	st = job->profile ? known_profile(r, job->profile, err) : KMS_OK;
	if (!st)
		st = hex_field(r, r->card, OP_CARD_ID_MAX - 1, card, &job->card, err);
	if (!st)
		st = hex_field(r, r->kdd, OP_KDD_HEX - 1, kdd, &job->kdd, err);
	if (!st && !job->card && strcmp(r->in->action, "personalise") == 0)
		st = csv_fail(r->csv, (size_t)r->reader, err,
			"no card is named: whose fields are to be taken?");
	if (!st && job->card)
		st = only_here(r, job->card, err);
	return st;
}

static enum kms_status take_row(struct reading *r, struct kms_err *err)
{
	struct store_job job = {.state = "queued"};
	char card[OP_CARD_ID_MAX], kdd[OP_KDD_HEX];
	struct kms_err why = {0};
	struct seen *reader;
	enum kms_status st = parse_row(r, &job, card, kdd, &why);

	if (st == KMS_ERR_INVALID)
		return add_malformed(r, &why, err);
	if (st) {
		*err = why;
		return st;
	}
	reader = see(&r->readers, job.reader);
	if (!reader)
		return kms_nomem(err);
	job.turn = reader->number++;
	r->count++;
	return add(r, &job, err);
}

static enum kms_status read_all(struct reading *r, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st) {
		struct kms_err why = {0};

		st = csv_next(r->csv, &why);
		if (st == KMS_ERR_NOT_FOUND)
			return KMS_OK;
		if (st == KMS_ERR_INVALID)
			st = add_malformed(r, &why, err);
		else if (st)
			*err = why;
		else
			st = take_row(r, err);
	}
	return st;
}

enum kms_status op_batch_read(struct op_site *site, const struct op_batch *in, int64_t now,
	int64_t *ret_cards, json_t *malformed, struct kms_err *err)
{
	struct reading r __attribute__((cleanup(reading_clear))) = {
		.site = site, .in = in, .now = now, .malformed = malformed};
	size_t reader;
	enum kms_status st = csv_open(in->path, &r.csv, err);

	if (!st)
		st = csv_column(r.csv, "reader", &reader, err);
	if (st)
		return st;
	r.reader = (int)reader;
	r.card = column(r.csv, "card");
	r.profile = column(r.csv, "profile");
	r.kdd = column(r.csv, "kdd");
	st = read_all(&r, err);
	if (!st && r.count == 0)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: it names no card that could be worked on",
			in->path);
	if (!st)
		*ret_cards = r.count;
	return st;
}
