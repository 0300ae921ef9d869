/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: made from a file, led, paused, taken up again, and reported.
 *
 *   ready -> running -> done
 *              |  ^
 *              v  | (by way of ready)
 *         paused, stopped
 */
#include "ops/batch.h"

#include "base/file.h"
#include "base/hash.h"
#include "card/perso.h"
#include "ops/meta.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_SECONDS = 30, NOT_DONE_MAX = 1000 };

/* ---- made ---- */

struct create_args {
	const struct op_batch *in;
	char path[PATH_MAX], script[PATH_MAX];
	char sha256[2 * HASH_SIZE + 1];
	json_t *options, *malformed;
	int64_t cards;
};

static void create_clear(struct create_args *a)
{
	json_decref(a->options);
	json_decref(a->malformed);
}

static enum kms_status absolute(const char *path, char ret_path[PATH_MAX], struct kms_err *err)
{
	return realpath(path, ret_path)
		       ? KMS_OK
		       : kms_fail(err, KMS_ERR_NOT_FOUND, "cannot find '%s'", path);
}

static enum kms_status unwanted(
	const struct op_batch *in, const char *option, const char *value, struct kms_err *err)
{
	return value ? kms_fail(err, KMS_ERR_USAGE, "%s is nothing for --do %s", option, in->action)
		     : KMS_OK;
}

static enum kms_status wanted(
	const struct op_batch *in, const char *option, const char *value, struct kms_err *err)
{
	return value ? KMS_OK
		     : kms_fail(err, KMS_ERR_USAGE, "--do %s needs %s", in->action, option);
}

/* Which options go with which action. */
static enum kms_status check_options(const struct op_batch *in, struct kms_err *err)
{
	const bool inject = strcmp(in->action, "inject") == 0;
	const bool replace = strcmp(in->action, "replace") == 0;
	const bool personalise = strcmp(in->action, "personalise") == 0;
	enum kms_status st = KMS_OK;

	if (inject || replace)
		st = wanted(in, "--keyset", in->keyset, err);
	if (!st && !replace)
		st = unwanted(in, "--from", in->from, err);
	if (!st && !inject && !replace)
		st = unwanted(in, "--customer", in->customer, err);
	if (!st)
		st = personalise ? wanted(in, "--script", in->script, err)
				 : unwanted(in, "--script", in->script, err);
	return st;
}

static enum kms_status create_check(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	PERSO_AUTO struct perso_script script = {0};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = check_options(a->in, err);

	if (!st)
		st = op_subject(op, err, "%s", a->in->name);
	if (!st)
		st = absolute(a->in->path, a->path, err);
	if (!st)
		st = hash_file(a->path, a->sha256, err);
	if (st || !a->in->script)
		return st;
	st = absolute(a->in->script, a->script, err);
	if (!st)
		st = file_read(a->script, PERSO_SCRIPT_MAX, &text, err);
	return st ? st : perso_parse(a->script, text.data, text.len, &script, err);
}

static enum kms_status key_set(struct op *op, const char *name, struct kms_err *err)
{
	STORE_AUTO(keyset) struct store_keyset row = {0};

	return name ? store_keyset_get(op->site->store, name, &row, err) : KMS_OK;
}

/* The cards of the file; told what is wrong with the others. In a dry run nothing is kept of it. */
static enum kms_status take_cards(struct op *op, int64_t now, struct kms_err *err)
{
	struct create_args *a = op->args;
	enum kms_status st = op_batch_read(op->site, a->in, now, &a->cards, a->malformed, err);

	if (!st)
		st = op_detail(op, "cards", json_integer(a->cards), err);
	if (!st)
		st = op_report(op, "batch", json_string(a->in->name), err);
	if (!st)
		st = op_report(op, "cards", json_integer(a->cards), err);
	return st ? st : op_report(op, "malformed", json_incref(a->malformed), err);
}

static enum kms_status create_validate(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	const struct op_batch *in = a->in;
	enum kms_status st = key_set(op, in->keyset, err);

	if (!st)
		st = key_set(op, in->from, err);
	if (st)
		return st;
	a->options =
		json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s, s:i, s:i, s:b}", "do", in->action,
			"keyset", in->keyset, "from", in->from, "customer", in->customer, "script",
			in->script ? a->script : NULL, "file", a->path, "version", (int)in->version,
			"old_version", (int)in->old_version, "initial_given", in->initial_given);
	a->malformed = json_array();
	if (!a->options || !a->malformed)
		return kms_nomem(err);
	st = op_detail(op, "action", json_string(in->action), err);
	if (!st)
		st = op_detail(op, "file_sha256", json_string(a->sha256), err);
	if (!st)
		st = op_detail(op, "options", json_incref(a->options), err);
	return st || !op->site->dry_run ? st : take_cards(op, 0, err);
}

static enum kms_status create_commit(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	BUF_AUTO struct buf options = {0};
	int64_t now = 0;
	enum kms_status st = js_line(a->options, &options, err);

	if (!st)
		st = store_clock(op->site->store, &now, err);
	if (!st)
		st = store_batch_add(op->site->store,
			&(struct store_batch){.name = a->in->name,
				.action = a->in->action,
				.options = buf_text(&options),
				.file_sha256 = a->sha256,
				.state = "ready",
				.stop_after = a->in->stop_after,
				.created = now,
				.changed = now},
			err);
	return st ? st : take_cards(op, now, err);
}

enum kms_status op_batch_create(
	struct op_site *site, const struct op_batch *in, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "batch.create",
		.needs = OP_NEED_IDENTITY,
		.check = create_check,
		.validate = create_validate,
		.commit = create_commit,
	};
	struct create_args args __attribute__((cleanup(create_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

enum kms_status op_batch_how(
	const struct store_batch *batch, struct op_batch_how *ret_how, struct kms_err *err)
{
	struct op_batch in = {.name = NULL};
	JS_AUTO json_t *json = NULL;
	int version = 0, old_version = 0, initial = 0;
	enum kms_status st = js_parse_object(
		"the options of the batch", batch->options, strlen(batch->options), &json, err);

	if (st)
		return st;
	if (json_unpack(json, "{s:s, s?:s, s?:s, s?:s, s?:s, s:s, s:i, s:i, s:b}", "do", &in.action,
		    "keyset", &in.keyset, "from", &in.from, "customer", &in.customer, "script",
		    &in.script, "file", &in.path, "version", &version, "old_version", &old_version,
		    "initial_given", &initial) != 0)
		return kms_fail(
			err, KMS_ERR_STORE, "the options of batch '%s' are damaged", batch->name);
	in.version = (unsigned)version;
	in.old_version = (unsigned)old_version;
	in.initial_given = initial;
	*ret_how = (struct op_batch_how){json_incref(json), in};
	return KMS_OK;
}

/* ---- looked at ---- */

static enum kms_status counts(
	struct op_site *site, const char *name, json_t *object, struct kms_err *err)
{
	static const char *const states[] = {
		"queued", "leased", "done", "failed", "quarantined", "unknown"};
	STORE_AUTO(job_counts) struct store_job_counts list = {0};
	json_int_t cards = 0;
	int bad = 0;
	enum kms_status st = store_job_count(site->store, name, &list, err);

	if (st)
		return st;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		bad |= json_object_set_new(object, states[i], json_integer(0));
	for (size_t i = 0; i < list.count; i++) {
		cards += list.items[i].count;
		bad |= json_object_set_new(
			object, list.items[i].state, json_integer(list.items[i].count));
	}
	bad |= json_object_set_new(object, "cards", json_integer(cards));
	return bad ? kms_nomem(err) : KMS_OK;
}

static enum kms_status describe(struct op_site *site, const struct store_batch *batch,
	const char *leader, json_t **ret_object, struct kms_err *err)
{
	const bool alone = strcmp(batch->state, "running") == 0 && !leader;
	JS_AUTO json_t *object = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:I, s:I, s:s}", "batch",
		batch->name, "do", batch->action, "state", batch->state, "reason",
		alone ? "nobody leads it: 'cardkms batch run' goes on with it" : batch->reason,
		"led_by", leader, "stop_after", (json_int_t)batch->stop_after, "failures_in_a_row",
		(json_int_t)batch->failures, "file_sha256", batch->file_sha256);
	enum kms_status st = object ? counts(site, batch->name, object, err) : kms_nomem(err);

	if (!st)
		*ret_object = json_incref(object);
	return st;
}

/* Who led it may have ended, or died: it is running until somebody leads it to its end. */
static enum kms_status describe_now(struct op_site *site, const struct store_batch *batch,
	json_t **ret_object, struct kms_err *err)
{
	struct store_lease now;
	enum kms_status st = store_lease(site->store, 0, &now, err);
	const bool led = !st && batch->runner_until >= now.now && batch->runner_until <= now.latest;

	return st ? st : describe(site, batch, led ? batch->runner : NULL, ret_object, err);
}

enum kms_status op_batch_status(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(batch_list) struct store_batch_list list = {0};
	STORE_AUTO(batch) struct store_batch batch = {0};
	JS_AUTO json_t *rows = NULL;
	enum kms_status st;

	if (name) {
		st = store_batch_get(site->store, name, &batch, err);
		return st ? st : describe_now(site, &batch, ret_report, err);
	}
	rows = json_array();
	st = rows ? store_batches(site->store, &list, err) : kms_nomem(err);
	for (size_t i = 0; !st && i < list.count; i++) {
		json_t *row = NULL;

		st = describe_now(site, &list.items[i], &row, err);
		if (!st && json_array_append_new(rows, row))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

/* ---- steered ---- */

struct steer {
	struct op_kind kind;
	const char *from, *or_from; /* in which of these it must be; NULL, NULL: in any */
	const char *to;
};

struct steer_args {
	const struct steer *how;
	const char *name, *state; /* state: retry only */
	struct store_batch batch;
};

static void steer_clear(struct steer_args *a)
{
	store_batch_free(&a->batch);
}

static enum kms_status must_be(
	const struct store_batch *batch, const char *one, const char *other, struct kms_err *err)
{
	if (strcmp(batch->state, one) == 0 || (other && strcmp(batch->state, other) == 0))
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "batch '%s' is %s, not %s%s%s", batch->name,
		batch->state, one, other ? " or " : "", other ? other : "");
}

static enum kms_status steer_validate(struct op *op, struct kms_err *err)
{
	struct steer_args *a = op->args;
	enum kms_status st = op_subject(op, err, "%s", a->name);

	if (!st)
		st = store_batch_get(op->site->store, a->name, &a->batch, err);
	return st || !a->how->from ? st : must_be(&a->batch, a->how->from, a->how->or_from, err);
}

static enum kms_status move_on(struct op *op, struct kms_err *err)
{
	struct steer_args *a = op->args;
	const char *to = a->how->to;
	int64_t now = 0;
	enum kms_status st = store_clock(op->site->store, &now, err);

	if (!st)
		st = store_batch_set_state(
			op->site->store, a->name, a->batch.state, to, NULL, now, err);
	if (!st)
		st = op_report(op, "batch", json_string(a->name), err);
	return st ? st : op_report(op, "state", json_string(to), err);
}

static enum kms_status retry_commit(struct op *op, struct kms_err *err)
{
	struct steer_args *a = op->args;
	int64_t count = 0, now = 0;
	enum kms_status st = store_clock(op->site->store, &now, err);

	if (!st)
		st = store_job_retry(op->site->store, a->name, a->state, now, &count, err);
	if (!st)
		st = op_detail(op, "cards", json_integer(count), err);
	if (!st)
		st = op_report(op, "cards", json_integer(count), err);
	if (!st && count > 0 && strcmp(a->batch.state, "done") == 0)
		return move_on(op, err);
	if (!st)
		st = op_report(op, "batch", json_string(a->name), err);
	return st ? st : op_report(op, "state", json_string(a->batch.state), err);
}

#define STEER(word, commit_fn)                                                     \
	{                                                                          \
		.name = "batch." word, .needs = OP_NEED_IDENTITY | OP_SHARES_SITE, \
		.validate = steer_validate, .commit = (commit_fn),                 \
	}

static enum kms_status steer(struct op_site *site, const struct steer *how, const char *name,
	const char *state, json_t **ret_report, struct kms_err *err)
{
	struct steer_args args
		__attribute__((cleanup(steer_clear))) = {.how = how, .name = name, .state = state};

	return op_run(site, &how->kind, &args, ret_report, err);
}

enum kms_status op_batch_pause(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	static const struct steer how = {STEER("pause", move_on), "running", NULL, "paused"};

	return steer(site, &how, name, NULL, ret_report, err);
}

enum kms_status op_batch_resume(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	static const struct steer how = {STEER("resume", move_on), "paused", "stopped", "ready"};

	return steer(site, &how, name, NULL, ret_report, err);
}

enum kms_status op_batch_retry(struct op_site *site, const char *name, const char *state,
	json_t **ret_report, struct kms_err *err)
{
	static const struct steer how = {STEER("retry", retry_commit), NULL, NULL, "ready"};

	return steer(site, &how, name, state, ret_report, err);
}

/* ---- led ---- */

static enum kms_status hold(struct op_site *site, const struct store_batch *batch,
	const char *runner, int64_t seconds, struct kms_err *err)
{
	struct store_lease lease;
	bool held = false;
	enum kms_status st = store_lease(site->store, seconds, &lease, err);

	if (!st)
		st = store_batch_hold(site->store, batch->name, runner, &lease, &held, err);
	if (st || held)
		return st;
	kms_fail(err, KMS_ERR_BUSY, "batch '%s' is led by %s", batch->name,
		batch->runner ? batch->runner : "somebody else");
	return kms_hint(err, "'cardkms worker %s' works on it beside them", batch->name);
}

static enum kms_status lead(struct op_site *site, const struct store_batch *batch,
	const char *runner, struct kms_err *err)
{
	int64_t now = 0;
	enum kms_status st;

	if (strcmp(batch->state, "ready") != 0 && strcmp(batch->state, "running") != 0) {
		st = kms_fail(err, KMS_ERR_STATE, "batch '%s' is %s%s%s", batch->name, batch->state,
			batch->reason ? ": " : "", batch->reason ? batch->reason : "");
		kms_hint(err,
			strcmp(batch->state, "done") == 0 ? "'cardkms batch retry %s' has "
							    "cards wait again"
							  : "'cardkms batch resume %s'",
			batch->name);
		return st;
	}
	st = hold(site, batch, runner, HELD_SECONDS, err);
	if (st || strcmp(batch->state, "running") == 0) /* who led it has died */
		return st;
	st = store_clock(site->store, &now, err);
	return st ? st
		  : store_batch_set_state(
			    site->store, batch->name, "ready", "running", NULL, now, err);
}

enum kms_status op_batch_lead(
	struct op_site *site, const char *name, const char *runner, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	st = store_batch_get(site->store, name, &batch, err);
	if (!st)
		st = lead(site, &batch, runner, err);
	return store_end(site->store, st, err);
}

enum kms_status op_batch_led(struct op_site *site, const char *name, const char *runner,
	json_t **ret_status, struct kms_err *err)
{
	STORE_AUTO(batch) struct store_batch batch = {0};
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	st = store_batch_get(site->store, name, &batch, err);
	if (!st)
		st = hold(site, &batch, runner, HELD_SECONDS, err);
	st = store_end(site->store, st, err);
	return st ? st : describe(site, &batch, runner, ret_status, err);
}

enum kms_status op_batch_leave(
	struct op_site *site, const char *name, const char *runner, struct kms_err *err)
{
	const struct store_batch batch = {.name = name};
	enum kms_status st = store_begin(site->store, err);

	return st ? st : store_end(site->store, hold(site, &batch, runner, -1, err), err);
}

enum kms_status op_batch_bury(
	struct op_site *site, const char *name, const char *worker, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (!st)
		st = store_end(
			site->store, store_job_release(site->store, name, worker, NULL, err), err);
	return st;
}

/* ---- reported ---- */

static json_t *job_json(const struct store_job *job)
{
	return json_pack("{s:I, s:s, s:s?, s:s, s:s?, s:s?, s:I}", "line", (json_int_t)job->line,
		"reader", job->reader, "card", job->card_id ? job->card_id : job->card, "state",
		job->state, "detail", job->detail, "operation", job->op_id, "tries",
		(json_int_t)job->tries);
}

/* A field of a CSV file: in quotes where it needs them. */
static void put_field(FILE *out, const char *text)
{
	text = text ? text : "";
	if (!strpbrk(text, ",\"\n")) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fputc('"', out);
}

static void put_job(FILE *out, const struct store_job *job)
{
	fprintf(out, "%lld,", (long long)job->line);
	put_field(out, job->reader);
	fputc(',', out);
	put_field(out, job->card_id ? job->card_id : job->card);
	fprintf(out, ",%s,%lld,", job->state, (long long)job->tries);
	put_field(out, job->op_id);
	fputc(',', out);
	put_field(out, job->detail);
	fputc('\n', out);
}

/* All jobs, a page at a time: into the file if there is one, those that are not done into rows. */
static enum kms_status walk(
	struct op_site *site, const char *name, FILE *out, json_t *rows, struct kms_err *err)
{
	int64_t after = 0;

	for (;;) {
		STORE_AUTO(job_list) struct store_job_list page = {0};
		enum kms_status st = store_jobs(site->store, name, after, NULL, 0, &page, err);

		if (st || page.count == 0)
			return st;
		for (size_t i = 0; i < page.count; i++) {
			const struct store_job *job = &page.items[i];

			if (out)
				put_job(out, job);
			if (strcmp(job->state, "done") != 0 &&
				json_array_size(rows) < NOT_DONE_MAX &&
				json_array_append_new(rows, job_json(job)))
				return kms_nomem(err);
			after = job->line;
		}
	}
}

static enum kms_status write_report(
	struct op_site *site, const char *name, const char *path, json_t *rows, struct kms_err *err)
{
	char *data = NULL;
	size_t len = 0;
	FILE *out = path ? open_memstream(&data, &len) : NULL;
	enum kms_status st = path && !out ? kms_nomem(err) : KMS_OK;

	if (out)
		fputs("line,reader,card,state,tries,operation,detail\n", out);
	if (!st)
		st = walk(site, name, out, rows, err);
	if (out && fclose(out) != 0 && !st)
		st = kms_nomem(err);
	if (!st && path)
		st = file_create(path, 0644, data, len, err);
	free(data);
	return st;
}

enum kms_status op_batch_report(struct op_site *site, const char *name, const char *path,
	json_t **ret_report, struct kms_err *err)
{
	JS_AUTO json_t *report = NULL;
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = rows ? op_batch_status(site, name, &report, err) : kms_nomem(err);

	if (!st)
		st = write_report(site, name, path, rows, err);
	if (!st && json_object_set(report, "not_done", rows))
		st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(report);
	return st;
}
