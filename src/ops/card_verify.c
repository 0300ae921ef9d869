/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card verify: proves which keys open a card, and which do not.
 *
 * That a set opens it: the card's cryptogram, then EXTERNAL AUTHENTICATE, counted as any other. That a
 * set does not: for every version that the card may have, INITIALIZE UPDATE is refused or its
 * cryptogram is not that of the set. That costs no authentication and spends no try.
 */
#include "ops/card_work.h"

#include "ops/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSIONS_MAX = 12 };

struct verify_args {
	const struct op_card_verify *in;
	struct op_card_work w;
	const char *keyset; /* to be proved; NULL: only what must not open it */
	unsigned version;
	char recorded[KEY_SET_NAME_MAX + 1];
	bool proved;
	json_t *not_sets;  /* verdicts */
	struct kms_err no; /* the first answer that is negative */
};

static void verify_clear(struct verify_args *a)
{
	op_card_work_close(&a->w);
	json_decref(a->not_sets);
}

static enum kms_status verify_check(struct op *op, struct kms_err *err)
{
	struct verify_args *a = op->args;
	enum kms_status st = a->in->keyset ? key_set_name_check(a->in->keyset, err) : KMS_OK;

	for (size_t i = 0; !st && i < a->in->not_count; i++)
		st = key_set_name_check(a->in->not_sets[i], err);
	return st ? st
		  : op_subject(op, err, "%s", a->in->where.reader ? a->in->where.reader : "card");
}

static void negative(struct verify_args *a, const struct kms_err *why)
{
	if (a->no.code)
		return;
	a->no = *why;
	a->no.code = KMS_ERR_MISMATCH;
}

/* ---- sets that must not open it ---- */

struct versions {
	unsigned list[VERSIONS_MAX];
	size_t count;
};

static void add_version(struct versions *v, unsigned version)
{
	for (size_t i = 0; i < v->count; i++)
		if (v->list[i] == version)
			return;
	if (version && v->count < VERSIONS_MAX)
		v->list[v->count++] = version;
}

/* Those of the set, of the registry, and all that the card names itself. */
static enum kms_status versions_of(struct verify_args *a, const char *keyset,
	struct versions *ret_versions, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	struct gp_key_list *said = calloc(1, sizeof(*said));
	struct op_card_masters *masters;
	enum kms_status st;

	if (!said)
		return kms_nomem(err);
	st = op_card_line_masters(w->line, w->op, keyset, OP_CARD_OLD, &masters, err);
	if (!st) {
		add_version(ret_versions, op_card_masters_info(masters)->key_version);
		add_version(ret_versions, a->version);
	}
	if (!st && !w->guard.config.counts_inits && !w->guard.config.no_key_template) {
		st = gp_get_key_list(&w->card.gp, said, err);
		for (size_t i = 0; !st && i < said->count; i++)
			add_version(ret_versions, said->keys[i].version);
		st = kms_is_answer(st) ? KMS_OK : st;
	}
	free(said);
	return st;
}

/* What was seen of one version, as text for people; true if the set opens it. */
static enum kms_status try_version(struct verify_args *a, const char *keyset, unsigned version,
	struct buf *seen, bool *ret_opens, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	struct kms_err why = {0};
	enum kms_status st = op_card_work_match(w, keyset, version, &why);
	const char *sep = seen->len ? "; " : "";

	*ret_opens = st == KMS_OK;
	if (!st)
		return buf_printf(seen, err, "%sversion %02X: its cryptogram", sep, version);
	if (st == KMS_ERR_MISMATCH && w->guard.asked)
		return buf_printf(seen, err, "%sversion %02X: another cryptogram", sep, version);
	if (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_CARD)
		return buf_printf(
			seen, err, "%sversion %02X: refused (%s)", sep, version, why.native);
	*err = why;
	return st;
}

static enum kms_status must_not_open(struct verify_args *a, const char *keyset, struct kms_err *err)
{
	struct versions versions = {.count = 0};
	BUF_AUTO struct buf seen = {0};
	struct kms_err why = {0};
	bool opens = false;
	enum kms_status st = versions_of(a, keyset, &versions, err);

	if (!st && versions.count == 0)
		st = kms_fail(err, KMS_ERR_USAGE, "no key version to try '%s' with", keyset);
	for (size_t i = 0; !st && !opens && i < versions.count; i++)
		st = try_version(a, keyset, versions.list[i], &seen, &opens, err);
	if (st)
		return st;
	if (opens) {
		kms_fail(&why, KMS_ERR_MISMATCH, "'%s' still opens card %s: %s", keyset,
			a->w.card.id, buf_text(&seen));
		negative(a, &why);
	}
	if (json_array_append_new(a->not_sets, json_pack("{s:s, s:b, s:s}", "keyset", keyset,
						       "opens", opens, "seen", buf_text(&seen))))
		return kms_nomem(err);
	return KMS_OK;
}

/* ---- the set that must ---- */

static enum kms_status choose_set(struct verify_args *a, struct kms_err *err)
{
	const struct op_card_work *w = &a->w;
	const struct store_domain *d = &w->domain;
	struct op_card_masters *masters;
	enum kms_status st;

	if (w->has_domain && d->keyset)
		snprintf(a->recorded, sizeof(a->recorded), "%s", d->keyset);
	a->keyset = a->in->keyset ? a->in->keyset : a->recorded[0] ? a->recorded : NULL;
	a->version = a->in->version;
	if (!a->keyset && a->in->not_count > 0)
		return KMS_OK;
	if (!a->keyset) {
		kms_fail(err, KMS_ERR_NOT_FOUND,
			"the registry does not know which keys are on card %s", w->card.id);
		return kms_hint(err, "name a key set by --keyset");
	}
	if (!a->version && strcmp(a->recorded, a->keyset) == 0)
		a->version = (unsigned)d->version;
	st = op_card_line_masters(w->line, w->op, a->keyset, OP_CARD_OLD, &masters, err);
	if (!st && !a->version)
		a->version = op_card_masters_info(masters)->key_version;
	return st;
}

static enum kms_status must_open(struct verify_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	enum kms_status st = op_card_work_match(w, a->keyset, a->version, err);

	/* Another card is no verdict on this one. */
	if (st != KMS_ERR_NOT_FOUND && (st != KMS_ERR_MISMATCH || !w->guard.asked))
		return st;
	if (st == KMS_ERR_NOT_FOUND)
		op_card_work_hint(w, err);
	negative(a, err);
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status verify_validate(struct op *op, struct kms_err *err)
{
	struct verify_args *a = op->args;
	struct op_card_work *w = &a->w;
	enum kms_status st = op_card_work_init(w, op, &a->in->where, a->in->line, err);

	a->not_sets = json_array();
	if (!a->not_sets)
		return kms_nomem(err);
	if (!st)
		st = op_card_work_open(w, err);
	if (!st)
		st = op_card_work_no_change_open(w, err);
	if (!st)
		st = choose_set(a, err);
	for (size_t i = 0; !st && i < a->in->not_count; i++)
		st = must_not_open(a, a->in->not_sets[i], err);
	/* Last, so that the card's answer is the one that is authenticated to. */
	if (!st && a->keyset)
		st = must_open(a, err);
	if (!st)
		st = op_card_work_detail(w, err);
	if (!st && a->keyset)
		st = op_detail(op, "keyset", json_string(a->keyset), err);
	return st ? st : op_card_work_report(w, err);
}

/* A card that refuses what it has itself made the cryptogram for is not proved. */
static enum kms_status verify_act(struct op *op, struct kms_err *err)
{
	struct verify_args *a = op->args;
	struct op_card_work *w = &a->w;
	const struct card_set set = {w->old_keys, a->version, w->challenge_len};
	enum kms_status st;

	if (!a->keyset || a->no.code)
		return KMS_OK;
	st = card_guard_authenticate(&w->guard, &set, err);
	a->proved = st == KMS_OK;
	if (st != KMS_ERR_AUTH)
		return st;
	negative(a, err);
	kms_err_clear(err);
	return KMS_OK;
}

/* ---- what comes of it ---- */

/* The registry learns what a card has proved, and that a quarantined one is under control again. */
static enum kms_status learn(struct verify_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	struct op_card_masters *masters;
	bool same = w->has_domain && strcmp(a->recorded, a->keyset) == 0 &&
		    w->domain.version == (int64_t)w->guard.init.key_version &&
		    strcmp(w->domain.state, CARD_STATE_ACTIVE) == 0;
	enum kms_status st =
		op_card_line_masters(w->line, w->op, a->keyset, OP_CARD_OLD, &masters, err);

	if (st || same)
		return st;
	w->row.new_keyset = a->keyset;
	w->row.new_version = w->guard.init.key_version;
	w->row.new_kdd = op_card_masters_info(masters)->div->kdd_max ? w->kdd : NULL;
	st = op_card_work_found(w, err);
	return st ? st : op_card_work_twins(w, err);
}

static enum kms_status record(struct verify_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	enum kms_status st = a->proved ? learn(a, err) : KMS_OK;

	if (st || !w->card.known)
		return st;
	st = op_card_work_event(w, a->no.code ? "verify-failed" : "verified",
		json_pack("{s:s, s:s?, s:b, s:O, s:s?}", "domain", w->aid, "keyset", a->keyset,
			"opened", a->proved, "not", a->not_sets, "reason",
			a->no.code ? a->no.msg : NULL),
		err);
	return st || !w->has_domain ? st : op_card_work_counts(w, err);
}

static enum kms_status verify_commit(struct op *op, struct kms_err *err)
{
	struct verify_args *a = op->args;
	const char *verdict = a->no.code ? a->no.msg : "as it should be";
	enum kms_status st = record(a, err);

	if (!st && a->keyset)
		st = op_report(op, "keyset", json_string(a->keyset), err);
	if (!st && a->keyset)
		st = op_report(op, "key_version", op_version_json(a->version), err);
	if (!st && a->keyset)
		st = op_report(op, "opened", json_boolean(a->proved), err);
	if (!st && json_array_size(a->not_sets))
		st = op_report(op, "not", json_incref(a->not_sets), err);
	if (!st)
		st = op_card_work_effort(&a->w, err);
	if (!st)
		st = op_detail(op, "verdict", json_string(verdict), err);
	return st ? st : op_report(op, "verified", json_boolean(!a->no.code), err);
}

/* The operation is done; its answer is no. */
static enum kms_status verify_deliver(struct op *op, struct kms_err *err)
{
	struct verify_args *a = op->args;

	if (!a->no.code)
		return KMS_OK;
	*err = a->no;
	return KMS_ERR_MISMATCH;
}

enum kms_status op_card_verify(struct op_site *site, const struct op_card_verify *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "card.verify",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = verify_check,
		.validate = verify_validate,
		.act = verify_act,
		.commit = verify_commit,
		.deliver = verify_deliver,
	};
	struct verify_args args __attribute__((cleanup(verify_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
