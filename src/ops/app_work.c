/* SPDX-License-Identifier: Apache-2.0 */
/* What all work on a card's content has in common. */
#include "ops/app.h"

#include <stdlib.h>
#include <string.h>

json_t *op_aid_json(const struct gp_aid *aid)
{
	char text[OP_AID_HEX];

	if (aid->len == 0)
		return json_null();
	op_aid_text(aid, text);
	return json_string(text);
}

void op_app_clear(struct op_app *a)
{
	op_card_work_close(&a->w);
	op_delegated_clear(&a->delegated);
	free(a->issuer);
	free(a->files);
	free(a->apps);
	a->issuer = a->files = a->apps = NULL;
}

static enum kms_status check_keyset(struct op_app *a, struct kms_err *err)
{
	const struct op_card_work *w = &a->w;
	const char *named = a->where->keyset;

	if (!named || !w->has_domain || !w->domain.keyset || strcmp(named, w->domain.keyset) == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "card %s has the keys of '%s', not of '%s'", w->card.id,
		w->domain.keyset, named);
	return kms_hint(err, "'cardkms card verify' proves which keys open it");
}

enum kms_status op_app_validate(
	struct op_app *a, struct op *op, const struct op_app_where *where, struct kms_err *err)
{
	enum kms_status st;

	a->where = where;
	a->issuer = calloc(1, sizeof(*a->issuer));
	a->files = calloc(1, sizeof(*a->files));
	a->apps = calloc(1, sizeof(*a->apps));
	if (!a->issuer || !a->files || !a->apps)
		return kms_nomem(err);
	st = op_card_work_init(&a->w, op, &where->card, where->line, err);
	if (!st)
		st = op_card_work_open(&a->w, err);
	if (!st)
		st = op_card_work_no_change_open(&a->w, err);
	if (!st)
		st = check_keyset(a, err);
	if (!st)
		st = op_card_work_match_recorded(&a->w, err);
	if (!st)
		st = op_card_work_detail(&a->w, err);
	if (!st)
		st = op_delegated_validate(a, err);
	return st ? st : op_card_work_report(&a->w, err);
}

static enum kms_status look_files(struct op_app *a, struct kms_err *err)
{
	struct gp *gp = &a->w.card.gp;
	enum kms_status st = gp_get_status_full(gp, GP_STATUS_MODULES, a->files, err);

	/* Modules may be listed or not (GPCS 2.3.1 table 11-33). */
	if (st != KMS_ERR_CARD)
		return st;
	kms_err_clear(err);
	return gp_get_status_full(gp, GP_STATUS_FILES, a->files, err);
}

enum kms_status op_app_look(struct op_app *a, struct kms_err *err)
{
	struct gp *gp = &a->w.card.gp;
	enum kms_status st = look_files(a, err);

	if (!st)
		st = gp_get_status_full(gp, GP_STATUS_APPLICATIONS, a->apps, err);
	return st || a->w.supplementary ? st
					: gp_get_status_full(gp, GP_STATUS_ISD, a->issuer, err);
}

enum kms_status op_app_open(struct op_app *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	const struct card_set set = {w->old_keys, (unsigned)w->domain.version, w->challenge_len};

	return card_guard_authenticate(&w->guard, &set, err);
}

enum kms_status op_app_authenticate(struct op_app *a, struct kms_err *err)
{
	enum kms_status st = op_app_open(a, err);

	return st ? st : op_app_look(a, err);
}

const struct gp_entry *op_app_find(const struct gp_registry *registry, const struct gp_aid *aid)
{
	for (size_t i = 0; i < registry->count; i++)
		if (gp_aid_same(&registry->entries[i].aid, aid))
			return &registry->entries[i];
	return NULL;
}

void op_app_failed(struct op_app *a, struct kms_err *err)
{
	struct kms_err ignored = {0};

	if (!a->w.card.gp.scp.authenticated || op_app_look(a, &ignored))
		(void)kms_hint(err, "what the card has now is not known: run the command again, "
				    "which looks, and goes on from there");
	/* Nothing more will be written, so that the success is: a count too high locks nothing. */
	(void)!card_guard_save(&a->w.guard, &ignored);
}

enum kms_status op_app_commit(
	struct op_app *a, const char *event, json_t *detail, struct kms_err *err)
{
	struct op *op = a->w.op;
	enum kms_status st = op_delegated_commit(a, detail, err);

	if (st)
		json_decref(detail);
	else
		st = op_card_work_event(&a->w, event, detail, err);
	if (!st)
		st = op_card_work_counts(&a->w, err);
	if (!st)
		st = op_report(op, "already", json_boolean(a->already), err);
	return st ? st : op_card_work_effort(&a->w, err);
}
