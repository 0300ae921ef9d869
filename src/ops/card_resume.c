/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card resume: settles a change that a pulled card, a lost line or a killed program left open.
 *
 * The journal has both sets and their versions; the card tells by its cryptogram which of them is on
 * it. Then the change goes on to its end, or, if it is only to be settled, ends where the card is.
 */
#include "ops/card_work.h"

#include "ops/meta.h"

#include <string.h>

struct resume_args {
	const struct op_card_where *where;
	struct op_card_line *line;
	bool settle;
	struct op_card_work w;
};

static void resume_clear(struct resume_args *a)
{
	op_card_work_close(&a->w);
}

static enum kms_status resume_check(struct op *op, struct kms_err *err)
{
	struct resume_args *a = op->args;

	return op_subject(op, err, "%s", a->where->reader ? a->where->reader : "card");
}

/* ---- the change that waits ---- */

static enum kms_status nothing_open(struct op_card_work *w, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_STATE, "there is nothing to resume: no change of card %s is open",
		w->card.id);
	return kms_hint(err, "'cardkms card history %s' shows how the last one ended", w->card.id);
}

/* Of this domain. If another one of the card has it, its name is told. */
static enum kms_status find_change(struct op_card_work *w, struct kms_err *err)
{
	STORE_AUTO(change_list) struct store_change_list list = {0};
	struct store *store = w->op->site->store;
	bool found = false;
	enum kms_status st;

	if (!w->card.known)
		return nothing_open(w, err);
	st = store_change_open(store, w->card.id, w->aid, &w->row, &found, err);
	w->row_owned = found;
	if (st || found)
		return st;
	st = store_changes(store, w->card.id, &list, err);
	for (size_t i = 0; !st && i < list.count; i++) {
		if (list.items[i].outcome)
			continue;
		kms_fail(err, KMS_ERR_STATE,
			"the change that waits on card %s is one of its security domain %s",
			w->card.id, list.items[i].aid);
		return kms_hint(err, "cardkms card resume --aid %s", list.items[i].aid);
	}
	return st ? st : nothing_open(w, err);
}

/* A set that is no longer active may be on the card already: it is looked for, but not put there. */
static enum kms_status derive(struct op_card_work *w, bool settle, struct kms_err *err)
{
	const struct store_change *c = &w->row;
	struct op *op = w->op;
	enum kms_status st;

	if (c->old_keyset)
		st = op_card_line_derive(w->line, op, c->old_keyset, OP_CARD_OLD,
			c->old_kdd ? c->old_kdd : "", &w->old_keys, err);
	else
		st = op_card_initial_keys(w->line, op, &w->card, w->where, (unsigned)w->domain.scp,
			&w->old_keys, err);
	if (st)
		return st;
	st = op_card_line_derive(w->line, op, c->new_keyset, settle ? OP_CARD_OLD : OP_CARD_NEW,
		c->new_kdd ? c->new_kdd : "", &w->new_keys, err);
	if (st == KMS_ERR_STATE && !settle)
		kms_hint(err, "'cardkms card resume --settle' finds out which set is on the "
			      "card and writes none to it");
	return st;
}

static enum card_initial_set rule_parse(const char *name)
{
	enum card_initial_set rule = CARD_FF_CONSUMED;

	while (rule < CARD_ADD_DELETE && strcmp(card_initial_set_name(rule), name) != 0)
		rule++;
	return rule;
}

static enum kms_status open_change(struct op_card_work *w, struct kms_err *err)
{
	const struct store_change *c = &w->row;
	const struct card_change_record record = {
		.step = card_change_step_parse(c->step),
		.rule = rule_parse(c->rule),
		.old_version = (unsigned)c->old_version,
		.new_version = (unsigned)c->new_version,
	};
	struct card_change_config config = {0};

	card_change_configure(&config, &w->card.profile);
	config.old = (struct card_set){w->old_keys, record.old_version, w->challenge_len};
	config.fresh = (struct card_set){w->new_keys, record.new_version,
		w->new_keys->type == w->old_keys->type ? w->challenge_len : 0};
	config.rule = record.rule;
	config.takes_other_type = true; /* judged when it began */
	return card_change_open(&w->change, &w->guard, &config, &record, err);
}

static enum kms_status tell(struct op *op, struct op_card_work *w, struct kms_err *err)
{
	const struct store_change *c = &w->row;
	enum kms_status st = op_card_work_detail(w, err);

	if (!st)
		st = op_detail(op, "change", json_string(c->op_id), err);
	if (!st)
		st = op_detail(op, "keyset", json_string(c->new_keyset), err);
	if (!st)
		st = op_card_work_report(w, err);
	if (!st)
		st = op_report(op, "change", json_string(c->kind), err);
	if (!st)
		st = op_report(op, "step", json_string(c->step), err);
	if (!st && c->old_keyset)
		st = op_report(op, "from", json_string(c->old_keyset), err);
	if (!st)
		st = op_report(op, "keyset", json_string(c->new_keyset), err);
	return st ? st : op_report(op, "key_version", op_version_json(c->new_version), err);
}

static enum kms_status resume_validate(struct op *op, struct kms_err *err)
{
	struct resume_args *a = op->args;
	struct op_card_work *w = &a->w;
	enum kms_status st = op_card_work_init(w, op, a->where, a->line, err);

	if (!st)
		st = op_card_work_open(w, err);
	if (!st)
		st = find_change(w, err);
	if (!st && (w->row.new_kdd || !w->supplementary))
		st = op_card_work_expect(w, w->row.new_kdd ? w->row.new_kdd : w->row.old_kdd, err);
	if (!st)
		st = derive(w, a->settle, err);
	if (!st)
		st = open_change(w, err);
	if (!st && !a->settle)
		st = op_card_keys_may_wrap(op, w->old_keys, w->new_keys, err);
	return st ? st : tell(op, w, err);
}

static enum kms_status resume_act(struct op *op, struct kms_err *err)
{
	struct resume_args *a = op->args;

	return card_change_resume(&a->w.change, a->settle ? CARD_SETTLE : CARD_ROLL_FORWARD, err);
}

static enum kms_status resume_commit(struct op *op, struct kms_err *err)
{
	struct resume_args *a = op->args;
	enum kms_status st;

	/* Settled as abandoned: the journal has that already. */
	if (a->w.outcome.step == CHANGE_ABANDONED)
		return op_report(op, "result", json_string("abandoned"), err);
	st = op_card_work_finish(&a->w, err);
	return st ? st : op_card_work_twins(&a->w, err);
}

enum kms_status op_card_resume(struct op_site *site, const struct op_card_where *where, bool settle,
	struct op_card_line *line, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "card.resume",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = resume_check,
		.validate = resume_validate,
		.act = resume_act,
		.commit = resume_commit,
	};
	struct resume_args args __attribute__((cleanup(resume_clear))) = {
		.where = where, .line = line, .settle = settle};

	return op_run(site, &kind, &args, ret_report, err);
}
