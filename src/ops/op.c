/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/op.h"

#include "base/text.h"
#include "ops/approval.h"
#include "ops/meta.h"
#include "store/journal.h"
#include "store/lock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOCK_WAIT_SECONDS = 10 };

static void op_clear(struct op *op)
{
	free(op->subject);
	for (size_t i = 0; i < OP_OFFICERS; i++)
		free(op->officers[i]);
	json_decref(op->detail);
	json_decref(op->report);
	json_decref(op->overrides);
	*op = (struct op){0};
}

enum kms_status op_subject(struct op *op, struct kms_err *err, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return kms_nomem(err);
	free(op->subject);
	op->subject = text;
	return KMS_OK;
}

enum kms_status op_detail(struct op *op, const char *name, json_t *value, struct kms_err *err)
{
	return json_object_set_new(op->detail, name, value) ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_report(struct op *op, const char *name, json_t *value, struct kms_err *err)
{
	return json_object_set_new(op->report, name, value) ? kms_nomem(err) : KMS_OK;
}

void op_say(struct op_site *site, const char *fmt, ...)
{
	FREE_AUTO char *text = NULL;
	va_list args;
	int n;

	if (!site->front.say)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		text = NULL;
	else
		site->front.say(site->front.ctx, text);
}

static bool has_text(const json_t *array, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (strcmp(json_string_value(item), text) == 0)
			return true;
	}
	return false;
}

enum kms_status op_override(struct op *op, struct kms_err *err, const char *fmt, ...)
{
	FREE_AUTO char *rule = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&rule, fmt, args);
	va_end(args);
	if (n < 0) {
		rule = NULL;
		return kms_nomem(err);
	}
	if (!op->site->override_reason || !(op->officers[0] || op->site->dry_run)) {
		kms_fail(err, KMS_ERR_DENIED, "%s", rule);
		return kms_hint(err, "two officers can override it, and it is logged: "
				     "--override REASON --officers A,B");
	}
	if (has_text(op->overrides, rule))
		return KMS_OK;
	if (op->digest[0])
		return kms_fail(err, KMS_ERR_DENIED, "%s; that was not in what was approved", rule);
	if (json_array_append_new(op->overrides, json_string(rule)))
		return kms_nomem(err);
	op_say(op->site, "override (%s): %s", op->site->override_reason, rule);
	return KMS_OK;
}

enum kms_status op_host_assisted(struct op *op, const char *what, struct kms_err *err)
{
	if (!op->site->policy.host_assisted) {
		kms_fail(err, KMS_ERR_DENIED,
			"%s would pass through this machine's memory, which the site's policy "
			"forbids",
			what);
		return kms_hint(err,
			"use a token that can do it inside ('cardkms hsm capabilities'), "
			"or set host-assisted = allow in site.ini");
	}
	op->host_assisted = true;
	return KMS_OK;
}

enum kms_status op_key_blocks(struct op *op, const char *what, struct kms_err *err)
{
	if (op->site->policy.key_blocks)
		return op_host_assisted(op, what, err);
	kms_fail(err, KMS_ERR_DENIED,
		"%s would pass through this machine's memory, as no token makes key blocks inside; "
		"the site's policy forbids it",
		what);
	return kms_hint(err,
		"a site that exchanges keys with payment HSMs sets key-blocks = allow in site.ini");
}

static bool needs_officers(const struct op *op)
{
	return op->site->officers || op->site->override_reason ||
	       (op->kind->dual & op->site->policy.two_officers);
}

static enum kms_status authorise(struct op *op, struct kms_err *err)
{
	struct op_site *site = op->site;
	FREE_AUTO char *identity = NULL;
	enum kms_status st = KMS_OK;

	if (site->override_reason && !*site->override_reason)
		return kms_fail(err, KMS_ERR_USAGE, "an override needs a reason");
	if (site->override_reason && !text_printable(site->override_reason, 500))
		return kms_fail(err, KMS_ERR_USAGE,
			"the reason of an override is one line of at most 500 "
			"bytes, without control characters");
	if (op->kind->needs & OP_NEED_IDENTITY) {
		st = op_meta_find(site, META_IDENTITY, &identity, err);
		if (!st && !identity) {
			kms_fail(err, KMS_ERR_STATE, "this site has no identity yet");
			kms_hint(err, "run 'cardkms hsm setup' first: it makes the identity key");
			st = KMS_ERR_STATE;
		}
	}
	if (!st)
		st = op_log_clock(site, &op->now, err);
	if (!st && needs_officers(op) && (site->officers || !site->dry_run))
		st = op_officers_name(op, err);
	if (!st && (op->kind->needs & OP_NEED_LOGIN))
		st = op_site_login(site, err);
	if (!st && (op->kind->needs & OP_NEED_CARDS))
		st = op_site_cards_hsm(site, err);
	if (!st && !(op->kind->needs & OP_SHARES_SITE))
		st = op_reconcile(site, false, NULL, err);
	return st;
}

/* Who says what shall be done: two officers, of exactly this, where they have to. */
static enum kms_status approve(struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (needs_officers(op) || op->site->digest || op->site->dry_run)
		st = op_approval_digest(op, err);
	if (!st && needs_officers(op))
		op_approval_show(op);
	if (st || !op->officers[0])
		return st;
	st = op_officers_prove(op, err);
	op->proved = !st;
	return st;
}

/* By what each approved: a passphrase, or an approval given beforehand. */
static enum kms_status note_approvals(struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = op_detail(op, "digest", json_string(op->digest), err);

	for (size_t i = 0; !st && i < OP_OFFICERS; i++)
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:s}", "officer", op->officers[i], "by",
					  op->approval[i][0] ? op->approval[i] : "passphrase")))
			st = kms_nomem(err);
	return st ? st : op_detail(op, "approvals", json_incref(rows), err);
}

/* The site's lock: alone, or shared once what a dead process left is settled. */
static enum kms_status take_lock(
	const struct op *op, struct store_lock **ret_lock, struct kms_err *err)
{
	const bool shared = op->kind->needs & OP_SHARES_SITE;
	FREE_AUTO char *path = NULL;
	bool alone = false;
	enum kms_status st = op_site_path(op->site, "cardkms.lock", &path, err);

	if (!st && !shared)
		st = store_lock_take(path, LOCK_WAIT_SECONDS, ret_lock, err);
	else if (!st)
		st = store_lock_take_shared(path, LOCK_WAIT_SECONDS, ret_lock, &alone, err);
	if (!st)
		st = store_lock_extend(
			*ret_lock, op->site->store, shared, LOCK_WAIT_SECONDS, &alone, err);
	if (!st && alone)
		st = op_reconcile(op->site, false, NULL, err);
	if (!st && alone)
		st = store_lock_share(*ret_lock, LOCK_WAIT_SECONDS, err);
	return st;
}

/* What stands in the journal and in every audit entry of the operation. */
static enum kms_status complete_detail(struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (json_array_size(op->overrides) > 0) {
		st = op_detail(op, "overrides", json_incref(op->overrides), err);
		if (!st)
			st = op_detail(
				op, "override_reason", json_string(op->site->override_reason), err);
	}
	if (!st && op->proved)
		st = note_approvals(op, err);
	if (!st && op->host_assisted)
		st = op_detail(op, "host_assisted", json_true(), err);
	if (!st && op->site->meeting[0])
		st = op_detail(op, "meeting", json_string(op->site->meeting), err);
	return st;
}

char *op_actor(const struct op_site *site, const struct op *op)
{
	char *text = NULL;
	const char *login;
	(void)site;

	/* Who has proved nothing yet is whoever sits here. */
	if (op && op->proved) {
		if (asprintf(&text, "%s, %s", op->officers[0], op->officers[1]) < 0)
			text = NULL;
		return text;
	}
	login = getlogin();
	if (asprintf(&text, "operator %s (uid %ld)", login ? login : "-", (long)getuid()) < 0)
		text = NULL;
	return text;
}

static enum kms_status record_intent(struct op *op, struct kms_err *err)
{
	FREE_AUTO char *actor = op_actor(op->site, op);
	BUF_AUTO struct buf detail = {0};
	enum kms_status st;

	if (!actor)
		return kms_nomem(err);
	st = complete_detail(op, err);
	if (!st)
		st = js_line(op->detail, &detail, err);
	if (!st)
		st = store_begin(op->site->store, err);
	if (st)
		return st;
	st = store_op_add(op->site->store,
		&(struct store_op){.id = op->id,
			.kind = op->kind->name,
			.subject = op->subject,
			.actor = actor,
			.started = op->now,
			.state = "intent",
			.detail = buf_text(&detail)},
		err);
	if (!st)
		st = op_approval_use(op, err);
	if (!st)
		st = op_log(op->site, op, op->kind->name, AUDIT_INTENT, op->subject, "", op->detail,
			err);
	if (!st && op->kind->intend)
		st = op->kind->intend(op, err);
	return store_end(op->site->store, st, err);
}

static enum kms_status record_outcome(struct op *op, struct kms_err *err)
{
	enum kms_status st = complete_detail(op, err);

	if (!st)
		st = store_begin(op->site->store, err);
	if (st)
		return st;
	if (op->kind->commit)
		st = op->kind->commit(op, err);
	if (!st)
		st = store_op_finish(op->site->store, op->id, "done", NULL, op->now, err);
	if (!st)
		st = op_log(op->site, op, op->kind->name, AUDIT_OUTCOME, op->subject, "done",
			op->detail, err);
	return store_end(op->site->store, st, err);
}

static enum kms_status carry_out(struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (op->kind->act)
		st = op->kind->act(op, err);
	if (!st && op->kind->verify)
		st = op->kind->verify(op, err);
	if (!st)
		st = record_outcome(op, err);
	return st;
}

/* The intent is recorded and something failed: undo now what the next start would undo. */
static void undo(struct op *op, struct kms_err *err)
{
	struct kms_err why = *err, bad = {0};

	if (!op_settle(op->site, op->id, why.msg, &bad))
		return;
	snprintf(err->hint, sizeof(err->hint),
		"%.200s%sand it could not be undone yet (%.150s): "
		"run 'cardkms doctor'",
		why.hint, why.hint[0] ? "; " : "", bad.msg);
}

static enum kms_status run_steps(struct op *op, struct kms_err *err)
{
	enum kms_status st = op->kind->validate ? op->kind->validate(op, err) : KMS_OK;

	if (!st)
		st = approve(op, err);
	if (st)
		return st;
	op->stands = op->site->dry_run;
	if (op->site->dry_run)
		return op_report(op, "dry_run", json_true(), err);
	st = record_intent(op, err);
	if (st)
		return st;
	st = carry_out(op, err);
	if (st) {
		undo(op, err);
		return st;
	}
	op->stands = true;
	if (op->site->logged_in) {
		struct kms_err bad = {0};

		if (op_log_checkpoint(op->site, NULL, &bad))
			op_say(op->site,
				"warning: done, but the audit checkpoint could not be signed: %s",
				bad.msg);
	}
	return op->kind->deliver ? op->kind->deliver(op, err) : KMS_OK;
}

enum kms_status op_run(struct op_site *site, const struct op_kind *kind, void *args,
	json_t **ret_report, struct kms_err *err)
{
	struct op op
		__attribute__((cleanup(op_clear))) = {.site = site, .kind = kind, .args = args};
	STORE_LOCK_AUTO struct store_lock *lock = NULL;
	enum kms_status st;

	op.detail = json_object();
	op.report = json_object();
	op.overrides = json_array();
	op.subject = strdup("");
	if (!op.detail || !op.report || !op.overrides || !op.subject)
		return kms_nomem(err);
	st = op_new_id(op.id, err);
	memcpy(site->last_op, op.id, sizeof(op.id));
	if (!st && kind->check)
		st = kind->check(&op, err);
	if (!st)
		st = take_lock(&op, &lock, err);
	if (st)
		return st;
	site->in_operation = true;
	st = authorise(&op, err);
	if (!st)
		st = run_steps(&op, err);
	site->in_operation = false;
	if (st && (!site->dry_run || st == KMS_ERR_AUTH))
		op_log_failure(site, &op, err);
	/* A failed delivery reports what stands all the same. */
	if (ret_report && op.stands && json_object_size(op.report) > 0) {
		*ret_report = op.report;
		op.report = NULL;
	}
	return st;
}
