/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card issue, lock, unlock, terminate: the life cycle of a card and of one application on it
 * (GPCS 2.3.1 clauses 5.1, 5.3, 11.1.1), by SET STATUS. What the card says afterwards goes into the registry.
 *
 *   issue      OP_READY, INITIALIZED -> SECURED: in its holder's hands
 *   lock       SECURED -> CARD_LOCKED, or one application
 *   unlock     and back
 *   terminate  for good: typed, and by two officers
 *
 * One that was cut off is run again: the card says in which state it is.
 */
#include "ops/app.h"
#include "store/issue.h"

#include <stdio.h>
#include <string.h>

enum { SW_LOCKED = 0x6283, LOCK_BIT = 0x80 };

/* One of the four. */
struct change {
	const char *verb;  /* as people say it */
	const char *event; /* in the history */
	const char *life;  /* of the card, in the registry, afterwards */
	unsigned state;	   /* of the card */
};

static const struct change changes[] = {
	[OP_CARD_ISSUE] = {"issue", "issued", "secured", GP_CARD_SECURED},
	[OP_CARD_LOCK] = {"lock", "locked", "card-locked", GP_CARD_LOCKED},
	[OP_CARD_UNLOCK] = {"unlock", "unlocked", "secured", GP_CARD_SECURED},
	[OP_CARD_TERMINATE] = {"terminate", "terminated", "terminated", GP_CARD_TERMINATED},
};

struct life_args {
	const struct op_card_life *in;
	const struct change *change;
	struct op_app_where where;
	struct op_app app;
	struct gp_aid application; /* len 0: the card */
	struct store_issue issue;  /* as the registry has it */
	bool known;
};

static void life_clear(struct life_args *a)
{
	op_app_clear(&a->app);
	store_issue_free(&a->issue);
}

static enum kms_status life_check(struct op *op, struct kms_err *err)
{
	struct life_args *a = op->args;
	const struct op_card_life *in = a->in;
	enum kms_status st = KMS_OK;

	a->where = in->where;
	a->where.card.may_be_locked = in->what != OP_CARD_ISSUE;
	if (in->application)
		st = gp_aid_parse(in->application, "AID of the application", &a->application, err);
	return st ? st
		  : op_subject(
			    op, err, "%s", in->where.card.reader ? in->where.card.reader : "card");
}

/* ---- before ---- */

static enum kms_status confirm_end(struct life_args *a, struct op *op, struct kms_err *err)
{
	char question[OP_CARD_ID_MAX + 100];

	if (!op->officers[0]) {
		kms_fail(err, KMS_ERR_DENIED, "ending card %s for good needs two officers",
			a->app.w.card.id);
		return kms_hint(err, "name them: --officers A,B");
	}
	if (op->site->dry_run)
		return KMS_OK;
	if (!op->site->front.type_to_confirm)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to confirm the end of the card");
	snprintf(question, sizeof(question),
		"Card %s will be of no use to anybody, for good. Type Yes:", a->app.w.card.id);
	return op->site->front.type_to_confirm(
		op->site->front.ctx, question, "terminate", "Yes", err);
}

static enum kms_status check_lock(const struct life_args *a, struct kms_err *err)
{
	if (!a->app.w.card.locked || a->application.len == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "the whole card is locked: unlock that first");
}

static enum kms_status life_validate(struct op *op, struct kms_err *err)
{
	struct life_args *a = op->args;
	enum kms_status st = op_app_validate(&a->app, op, &a->where, err);

	if (!st)
		st = check_lock(a, err);
	if (!st)
		st = store_issue_get(op->site->store, a->app.w.card.id, &a->issue, &a->known, err);
	if (!st && a->application.len)
		st = op_detail(op, "application", op_aid_json(&a->application), err);
	if (!st && a->in->reissue)
		st = op_detail(op, "reissue", json_string(a->in->reissue), err);
	if (!st && a->in->reissue && a->issue.issues == 0)
		st = kms_fail(err, KMS_ERR_STATE, "card %s was never issued", a->app.w.card.id);
	return st || a->in->what != OP_CARD_TERMINATE ? st : confirm_end(a, op, err);
}

/* ---- on the card ---- */

/* Of the issuer security domain: the card's. */
static enum kms_status card_state(struct life_args *a, unsigned *ret_state, struct kms_err *err)
{
	struct op_app *app = &a->app;
	enum kms_status st = gp_get_status(&app->w.card.gp, GP_STATUS_ISD, app->issuer, err);

	if (!st && app->issuer->count == 0)
		st = kms_fail(err, KMS_ERR_CARD, "card %s does not tell its state", app->w.card.id);
	if (!st)
		*ret_state = app->issuer->entries[0].state;
	return st;
}

static enum kms_status set_card(struct life_args *a, struct kms_err *err)
{
	struct gp *gp = &a->app.w.card.gp;
	unsigned state = 0;
	enum kms_status st = card_state(a, &state, err);

	a->app.already = state == a->change->state;
	if (st || a->app.already)
		return st;
	/* Step by step (figure 5-1): not every card skips one. */
	if (state == GP_CARD_OP_READY && a->change->state == GP_CARD_SECURED)
		st = gp_set_status(gp, GP_SET_ISD, GP_CARD_INITIALIZED, NULL, err);
	return st ? st : gp_set_status(gp, GP_SET_ISD, a->change->state, NULL, err);
}

static const struct gp_entry *the_application(struct life_args *a, struct kms_err *err)
{
	const struct gp_entry *entry = op_app_find(a->app.apps, &a->application);

	if (!entry)
		kms_fail(err, KMS_ERR_NOT_FOUND, "card %s has no such application",
			a->app.w.card.id);
	return entry;
}

/* Table 11-4: the bit says it; the other bits are the card's own. */
static enum kms_status set_application(struct life_args *a, struct kms_err *err)
{
	const unsigned lock = a->in->what == OP_CARD_LOCK ? LOCK_BIT : 0;
	const struct gp_entry *entry;
	enum kms_status st = op_app_look(&a->app, err);

	if (st)
		return st;
	entry = the_application(a, err);
	if (!entry)
		return KMS_ERR_NOT_FOUND;
	a->app.already = (entry->state & LOCK_BIT) == lock;
	return a->app.already ? KMS_OK
			      : gp_set_status(&a->app.w.card.gp, GP_SET_APPLICATION,
					(entry->state & 0x7F) | lock, &a->application, err);
}

static enum kms_status life_act(struct op *op, struct kms_err *err)
{
	struct life_args *a = op->args;
	struct kms_err ignored = {0};
	enum kms_status st = op_app_open(&a->app, err);

	if (!st)
		st = a->application.len ? set_application(a, err) : set_card(a, err);
	if (st)
		(void)!card_guard_save(&a->app.w.guard, &ignored);
	return st;
}

/* A card that is at its end answers to no SELECT, or says that it is locked. */
static enum kms_status verify_by_select(struct life_args *a, struct kms_err *err)
{
	const unsigned state = a->change->state;
	struct gp *gp = &a->app.w.card.gp;
	struct kms_err why = {0};
	struct gp_fci fci;
	enum kms_status st = gp_select(gp, NULL, &fci, &why);
	bool locked = st == KMS_OK && gp->sw == SW_LOCKED, open = st == KMS_OK && !locked;

	if (st && st != KMS_ERR_CARD) {
		*err = why;
		return st;
	}
	if (state == GP_CARD_LOCKED ? locked : state == GP_CARD_TERMINATED ? !open : open)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_CARD, "card %s took the command, but does not answer as %s",
		a->app.w.card.id, a->change->life);
}

static enum kms_status verify_application(struct life_args *a, struct kms_err *err)
{
	const bool lock = a->in->what == OP_CARD_LOCK;
	enum kms_status st = op_app_look(&a->app, err);
	const struct gp_entry *entry = st ? NULL : the_application(a, err);

	if (st || !entry)
		return st ? st : KMS_ERR_NOT_FOUND;
	if (((entry->state & LOCK_BIT) != 0) == lock)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_CARD,
		"card %s took the command, but its application is in state %02X", a->app.w.card.id,
		entry->state);
}

static enum kms_status life_verify(struct op *op, struct kms_err *err)
{
	struct life_args *a = op->args;

	return a->application.len ? verify_application(a, err) : verify_by_select(a, err);
}

/* ---- in the registry ---- */

static enum kms_status put_issue(struct life_args *a, bool issued, struct kms_err *err)
{
	struct op_card_work *w = &a->app.w;
	struct op *op = w->op;
	enum kms_status st = store_issue_put(op->site->store,
		&(struct store_issue){.card_id = w->card.id,
			.life = a->change->life,
			.issues = a->issue.issues + issued,
			.issued = issued ? op->now : a->issue.issued,
			.changed = op->now},
		err);

	if (!st && a->in->what == OP_CARD_TERMINATE)
		st = store_card_set_state(op->site->store, w->card.id, w->card.row.state,
			CARD_STATE_TERMINATED, NULL, op->now, err);
	if (!st)
		st = op_report(op, "life", json_string(a->change->life), err);
	return st ? st : op_report(op, "issues", json_integer(a->issue.issues + issued), err);
}

static enum kms_status life_commit(struct op *op, struct kms_err *err)
{
	struct life_args *a = op->args;
	bool first = a->in->what == OP_CARD_ISSUE && a->issue.issues == 0;
	bool issued = first || a->in->reissue;
	enum kms_status st = a->application.len ? KMS_OK : put_issue(a, issued, err);

	if (st)
		return st;
	return op_app_commit(&a->app, a->in->reissue ? "reissued" : a->change->event,
		json_pack("{s:o, s:s?}", "application", op_aid_json(&a->application), "reason",
			a->in->reissue),
		err);
}

enum kms_status op_card_life(struct op_site *site, const struct op_card_life *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kinds[] = {
#define KIND(word, rule)                                                    \
	{                                                                   \
		.name = (word),                                             \
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE, \
		.dual = (rule),                                             \
		.check = life_check,                                        \
		.validate = life_validate,                                  \
		.act = life_act,                                            \
		.verify = life_verify,                                      \
		.commit = life_commit,                                      \
	}
		[OP_CARD_ISSUE] = KIND("card.issue", 0),
		[OP_CARD_LOCK] = KIND("card.lock", 0),
		[OP_CARD_UNLOCK] = KIND("card.unlock", 0),
		[OP_CARD_TERMINATE] = KIND("card.terminate", DUAL_DESTROY),
#undef KIND
	};
	struct life_args args
		__attribute__((cleanup(life_clear))) = {.in = in, .change = &changes[in->what]};

	return op_run(site, &kinds[in->what], &args, ret_report, err);
}
