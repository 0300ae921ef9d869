/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card domain create: a supplementary security domain, by the keys of the issuer's. It has no keys of
 * its own until `card domain keys` gives it some; until then the issuer's open it.
 */
#include "ops/card_work.h"

#include "ops/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The executable load file and module of security domains that most cards come with. */
#define USUAL_FILE   "A0000001515350"
#define USUAL_MODULE "A000000151535041"

struct create_args {
	const struct op_card_domain_create *in;
	struct op_card_where where; /* of the issuer's domain */
	struct gp_install install;
	struct op_card_work w;
	char aid[OP_AID_HEX];
	bool there; /* on the card already */
};

static void create_clear(struct create_args *a)
{
	op_card_work_close(&a->w);
}

static enum kms_status create_check(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	const struct op_card_domain_create *in = a->in;
	enum kms_status st = gp_aid_parse(
		in->where.aid, "AID of the new security domain", &a->install.instance, err);

	if (!st)
		st = gp_aid_parse(in->file ? in->file : USUAL_FILE, "AID of the load file",
			&a->install.file, err);
	if (!st)
		st = gp_aid_parse(in->module ? in->module : USUAL_MODULE, "AID of the module",
			&a->install.module, err);
	a->install.privileges = in->privileges ? in->privileges : GP_PRIVILEGE_DOMAIN;
	if (!st && !(a->install.privileges & GP_PRIVILEGE_DOMAIN))
		st = kms_fail(err, KMS_ERR_USAGE,
			"privileges %06X have no bit of a security domain (800000)",
			a->install.privileges);
	if (st)
		return st;
	op_aid_text(&a->install.instance, a->aid);
	a->where = in->where;
	a->where.aid = NULL;
	return op_subject(op, err, "%s", in->where.reader ? in->where.reader : "card");
}

static enum kms_status create_validate(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct op_card_work *w = &a->w;
	enum kms_status st = op_card_work_init(w, op, &a->where, a->in->line, err);

	if (!st)
		st = op_card_work_open(w, err);
	if (!st)
		st = op_card_work_no_change_open(w, err);
	if (!st)
		st = op_card_work_match_recorded(w, err);
	if (!st)
		st = op_card_work_detail(w, err);
	if (!st)
		st = op_detail(op, "new_domain", json_string(a->aid), err);
	if (!st)
		st = op_card_work_report(w, err);
	return st ? st : op_report(op, "domain", json_string(a->aid), err);
}

static enum kms_status is_there(struct create_args *a, bool *ret_there, struct kms_err *err)
{
	struct gp_registry *found = calloc(1, sizeof(*found));
	enum kms_status st;

	*ret_there = false;
	if (!found)
		return kms_nomem(err);
	st = gp_get_status(&a->w.card.gp, GP_STATUS_APPLICATIONS, found, err);
	for (size_t i = 0; !st && i < found->count; i++)
		if (gp_aid_same(&found->entries[i].aid, &a->install.instance))
			*ret_there = true;
	free(found);
	return st;
}

static enum kms_status create_act(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct op_card_work *w = &a->w;
	const struct card_set set = {w->old_keys, (unsigned)w->domain.version, w->challenge_len};
	struct kms_err ignored;
	enum kms_status st = card_guard_authenticate(&w->guard, &set, err);

	if (st)
		return st;
	st = is_there(a, &a->there, err);
	if (!st && a->there)
		op_say(op->site, "security domain %s is on card %s already", a->aid, w->card.id);
	else if (!st)
		st = gp_install(&w->card.gp, &a->install, err);
	/* Nothing more will be written, so that the success is: a count too high locks nothing. */
	if (st)
		(void)!card_guard_save(&w->guard, &ignored);
	return st;
}

/* Read back under the secure channel. */
static enum kms_status create_verify(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	bool there = a->there;
	enum kms_status st = a->there ? KMS_OK : is_there(a, &there, err);

	if (!st && !there)
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it installed %s, but does not list it", a->w.card.id,
			a->aid);
	return st;
}

static enum kms_status create_commit(struct op *op, struct kms_err *err)
{
	struct create_args *a = op->args;
	struct op_card_work *w = &a->w;
	STORE_AUTO(domain) struct store_domain before = {0};
	struct store *store = op->site->store;
	enum kms_status st = store_domain_get(store, w->card.id, a->aid, &before, err);

	if (st == KMS_ERR_NOT_FOUND || (!st && strcmp(before.state, CARD_STATE_REMOVED) == 0))
		st = store_domain_put(store,
			&(struct store_domain){.card_id = w->card.id,
				.aid = a->aid,
				.parent = w->aid,
				.scp = w->card.scp,
				.scp_i = w->card.scp_i,
				.state = CARD_STATE_ACTIVE,
				.changed = op->now},
			err);
	if (!st)
		st = op_card_work_counts(w, err);
	if (!st)
		st = op_card_work_event(w, "domain-created",
			json_pack("{s:s, s:b}", "domain", a->aid, "already", a->there), err);
	if (!st)
		st = op_report(op, "already", json_boolean(a->there), err);
	return st ? st : op_card_work_effort(w, err);
}

enum kms_status op_card_domain_create(struct op_site *site, const struct op_card_domain_create *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "card.domain-create",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = create_check,
		.validate = create_validate,
		.act = create_act,
		.verify = create_verify,
		.commit = create_commit,
	};
	struct create_args args __attribute__((cleanup(create_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
