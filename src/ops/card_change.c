/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card inject, card replace, card domain keys: new keys for one security domain of one card.
 *
 * Everything up to the first EXTERNAL AUTHENTICATE is validation: the card has been asked, and its
 * cryptogram is known to be of the old set (or of the new one: then it was taken over before).
 * card/change.h does the rest; docs/card-takeover.md explains it.
 */
#include "ops/card_work.h"

#include "ops/meta.h"

#include <stdio.h>
#include <string.h>

enum kind { INJECT, REPLACE, DOMAIN_KEYS };

static const char *const kind_names[] = {"inject", "replace", "domain-keys"};
static const char *const verbs[] = {"inject", "put on a card", "give to a security domain"};

struct change_args {
	const struct op_card_change *in;
	enum kind kind;
	struct op_card_work w;
	const struct op_card_masters_info *fresh;
	const struct op_card_masters_info *old; /* NULL: initial keys */
	struct store_domain isd;		/* domain-keys: whose keys open the new domain */
	char from[KEY_SET_NAME_MAX + 1];	/* "": initial keys */
	unsigned old_version;
	bool already; /* the new set is on the card */
};

static void change_clear(struct change_args *a)
{
	op_card_work_close(&a->w);
	store_domain_free(&a->isd);
}

static enum kms_status change_check(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	if (a->in->from && strcmp(a->in->from, a->in->keyset) == 0)
		return kms_fail(
			err, KMS_ERR_USAGE, "'%s' cannot be replaced by itself", a->in->keyset);
	return op_subject(op, err, "%s", a->in->where.reader ? a->in->where.reader : "card");
}

/* ---- which keys are on it, which shall be ---- */

/* The customer of a set is the one it is used for: of a card that is known, the card's. */
static enum kms_status check_customer(struct op *op, struct change_args *a, struct kms_err *err)
{
	const char *customers[] = {a->in->customer, a->old ? a->old->customer : NULL};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < 2; i++) {
		struct kms_err why = {0};

		if (customers[i] && key_scope_check(a->fresh->keyset, a->fresh->customer,
					    customers[i], verbs[a->kind], &why))
			st = op_override(op, err, "%s", why.msg);
	}
	return st;
}

static enum kms_status open_masters(struct op *op, struct change_args *a, struct kms_err *err)
{
	struct op_card_masters *masters;
	enum kms_status st =
		op_card_line_masters(a->w.line, op, a->in->keyset, OP_CARD_NEW, &masters, err);

	if (!st)
		a->fresh = op_card_masters_info(masters);
	if (!st && a->from[0]) {
		st = op_card_line_masters(a->w.line, op, a->from, OP_CARD_OLD, &masters, err);
		if (!st)
			a->old = op_card_masters_info(masters);
	}
	return st ? st : check_customer(op, a, err);
}

static enum kms_status named_set(struct change_args *a, const char *name, struct kms_err *err)
{
	enum kms_status st = key_set_name_check(name, err);

	if (!st)
		snprintf(a->from, sizeof(a->from), "%s", name);
	return st;
}

/* inject: what the factory or the vendor left. */
static enum kms_status old_of_inject(struct change_args *a, struct kms_err *err)
{
	const struct store_domain *d = &a->w.domain;

	a->old_version = a->w.card.profile.default_version;
	if (!a->w.has_domain || !d->keyset || strcmp(d->keyset, a->in->keyset) == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_STATE,
		"card %s has no initial keys any more: the registry has '%s' on it", a->w.card.id,
		d->keyset);
	return kms_hint(err, "replace them: 'cardkms card replace --from %s'", d->keyset);
}

static enum kms_status old_of_replace(struct change_args *a, struct kms_err *err)
{
	const struct store_domain *d = &a->w.domain;
	const char *recorded = a->w.has_domain ? d->keyset : NULL;
	const char *name = a->in->from ? a->in->from : recorded;

	if (!name) {
		kms_fail(err, KMS_ERR_USAGE, "the registry does not know which keys are on card %s",
			a->w.card.id);
		return kms_hint(err, "name their key set by --from; initial keys: 'cardkms card "
				     "inject'");
	}
	if (recorded && strcmp(recorded, name) != 0 && strcmp(recorded, a->in->keyset) != 0) {
		kms_fail(err, KMS_ERR_STATE,
			"card %s carries '%s' in version %02X, says the registry, not '%s'",
			a->w.card.id, recorded, (unsigned)d->version, name);
		return kms_hint(
			err, "leave out --from, or see 'cardkms card history %s'", a->w.card.id);
	}
	if (recorded && strcmp(recorded, name) == 0)
		a->old_version = (unsigned)d->version;
	/* Taken over before: then that is what the card will show. */
	if (recorded && strcmp(recorded, a->in->keyset) == 0)
		a->w.row.new_version = d->version;
	return named_set(a, name, err);
}

/* A domain without keys of its own is opened by those of the issuer's. */
static enum kms_status old_of_domain(struct change_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	char isd[OP_AID_HEX];
	enum kms_status st = KMS_ERR_NOT_FOUND;

	if (!w->supplementary)
		return kms_fail(err, KMS_ERR_USAGE,
			"%s is the issuer security domain: its keys are put on by 'card inject' "
			"and 'card replace'",
			w->aid);
	if (w->has_domain && w->domain.keyset) {
		a->old_version = (unsigned)w->domain.version;
		return named_set(a, w->domain.keyset, err);
	}
	op_aid_text(&w->card.isd, isd);
	if (w->card.known)
		st = store_domain_get(w->op->site->store, w->card.id, isd, &a->isd, err);
	if (st && st != KMS_ERR_NOT_FOUND)
		return st;
	if (st || !a->isd.keyset || !a->isd.kdd) {
		kms_fail(err, KMS_ERR_STATE,
			"card %s still has its initial keys: nobody else should give keys to its "
			"security domains",
			w->card.id);
		return kms_hint(err, "take the card over first: 'cardkms card inject' or 'card "
				     "replace'");
	}
	a->old_version = (unsigned)a->isd.version;
	return named_set(a, a->isd.keyset, err);
}

static enum kms_status find_old(struct change_args *a, struct kms_err *err)
{
	static enum kms_status (*const by_kind[])(struct change_args *, struct kms_err *) = {
		old_of_inject, old_of_replace, old_of_domain};

	return by_kind[a->kind](a, err);
}

static enum kms_status find_versions(struct change_args *a, struct kms_err *err)
{
	if (a->in->version)
		a->w.row.new_version = a->in->version;
	else if (!a->w.row.new_version)
		a->w.row.new_version = a->fresh->key_version;
	if (a->in->old_version)
		a->old_version = a->in->old_version;
	else if (!a->old_version && a->old)
		a->old_version = a->old->key_version;
	if (a->w.row.new_version)
		return KMS_OK;
	kms_fail(err, KMS_ERR_USAGE, "the key plan gives '%s' no key version", a->fresh->keyset);
	return kms_hint(err, "name the one it shall have on the card by --key-version");
}

/* ---- the change ---- */

/*
 * The factory's set, of version FF, cannot be replaced (PUT KEY knows 01 to 7F): it goes when the
 * first set comes, or is deleted. Whatever the profile says of the first change, later ones are
 * replacements in place, unless sets stand beside each other.
 */
static enum card_initial_set rule_for(const struct change_args *a, unsigned old_version)
{
	enum card_initial_set rule = a->w.card.profile.initial_set;

	if (a->isd.keyset) /* keys of its own end the inheritance; there is nothing to delete */
		return CARD_FF_CONSUMED;
	if (old_version > KEY_VERSION_MAX)
		return rule == CARD_ADD_DELETE ? CARD_ADD_DELETE : CARD_FF_CONSUMED;
	if (rule == CARD_ADD_DELETE && old_version != a->w.row.new_version)
		return CARD_ADD_DELETE;
	return CARD_REPLACE;
}

/* Whether the card says that it opens with keys of that type, too. */
static bool takes_type(const struct op_card *card, enum card_key_type type)
{
	unsigned scp = type == CARD_KEY_DES ? 2 : 3;

	for (size_t i = 0; card->has_recognition && i < card->recognition.count; i++)
		if (card->recognition.scps[i].scp == scp &&
			scp_option_check(scp, card->recognition.scps[i].i, NULL) == KMS_OK)
			return true;
	return card->profile.scp == scp;
}

static enum key_alg alg_of(const struct card_keys *keys)
{
	if (keys->type == CARD_KEY_DES)
		return KEY_TDEA2;
	return keys->key_len == 16 ? KEY_AES128 : keys->key_len == 24 ? KEY_AES192 : KEY_AES256;
}

/* The new keys travel under the old DEK. Initial keys are as strong as the vendor made them. */
static enum kms_status check_strength(struct op *op, struct change_args *a, struct kms_err *err)
{
	struct kms_err why = {0};

	if (!key_wrap_allowed(alg_of(a->w.old_keys), alg_of(a->w.new_keys), &why))
		return KMS_OK;
	if (a->old)
		return op_override(op, err, "%s", why.msg);
	op_say(op->site, "warning: the new keys go to the card under a weaker one: %s", why.msg);
	return op_detail(op, "weaker_wrapping", json_string(why.msg), err);
}

static enum kms_status derive(struct op *op, struct change_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	const char *old_kdd = a->isd.kdd ? a->isd.kdd : w->kdd;
	enum kms_status st;

	if (a->old)
		st = op_card_line_derive(
			w->line, op, a->from, OP_CARD_OLD, old_kdd, &w->old_keys, err);
	else
		st = op_card_initial_keys(
			w->line, op, &w->card, w->where, w->guard.init.scp, &w->old_keys, err);
	if (!st)
		st = op_card_line_derive(
			w->line, op, a->in->keyset, OP_CARD_NEW, w->kdd, &w->new_keys, err);
	return st;
}

/* Facts of the change as the registry will have them. Strings are of `a` and what it points to. */
static void fill_row(struct op *op, struct change_args *a, unsigned old_version)
{
	struct op_card_work *w = &a->w;
	struct store_change *row = &w->row;

	row->op_id = op->id;
	row->card_id = w->card.id;
	row->aid = w->aid;
	row->kind = kind_names[a->kind];
	row->rule = card_initial_set_name(rule_for(a, old_version));
	row->step = card_change_step_name(CHANGE_INTENDED);
	row->old_keyset = a->old ? a->from : NULL;
	row->old_version = old_version;
	row->old_kdd = a->isd.kdd ? a->isd.kdd : a->old && a->old->div->kdd_max ? w->kdd : NULL;
	row->new_keyset = a->fresh->keyset;
	row->new_kdd = a->fresh->div->kdd_max ? w->kdd : NULL;
	row->started = row->changed = op->now;
}

static enum kms_status open_change(struct op *op, struct change_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	/* Where the card chose, the version is the one it says. */
	unsigned old_version = a->old_version ? a->old_version : w->guard.init.key_version;
	struct card_change_config config = {0};
	enum kms_status st;

	card_change_configure(&config, &w->card.profile);
	config.old = (struct card_set){w->old_keys, a->old_version, w->challenge_len};
	config.fresh = (struct card_set){w->new_keys, (unsigned)w->row.new_version,
		w->new_keys->type == w->old_keys->type ? w->challenge_len : 0};
	config.rule = rule_for(a, old_version);
	config.takes_other_type = takes_type(&w->card, w->new_keys->type);
	fill_row(op, a, old_version);
	st = card_change_open(&w->change, &w->guard, &config, NULL, err);
	return st ? st : card_change_check(&w->change, err);
}

static enum kms_status same_as_issuer(struct op *op, struct change_args *a, struct kms_err *err)
{
	if (!a->isd.keyset || strcmp(a->isd.keyset, a->in->keyset) != 0 ||
		strcmp(a->isd.kdd, a->w.kdd) != 0)
		return KMS_OK;
	return op_override(op, err,
		"'%s' gives security domain %s the keys of the issuer security domain of card %s",
		a->in->keyset, a->w.aid, a->w.card.id);
}

static enum kms_status add_detail(struct op *op, struct change_args *a, struct kms_err *err)
{
	const struct store_change *row = &a->w.row;
	enum kms_status st = op_card_work_detail(&a->w, err);

	if (!st && row->old_keyset)
		st = op_detail(op, "from", json_string(row->old_keyset), err);
	if (!st)
		st = op_detail(op, "keyset", json_string(row->new_keyset), err);
	if (!st)
		st = op_detail(op, "old_version", op_version_json(row->old_version), err);
	if (!st)
		st = op_detail(op, "version", op_version_json(row->new_version), err);
	return st ? st : op_detail(op, "rule", json_string(row->rule), err);
}

static enum kms_status report(struct op *op, struct change_args *a, struct kms_err *err)
{
	const struct store_change *row = &a->w.row;
	enum kms_status st = op_card_work_report(&a->w, err);

	if (!st)
		st = op_report(op, "keyset", json_string(row->new_keyset), err);
	if (!st)
		st = op_report(op, "key_version", op_version_json(row->new_version), err);
	if (!st)
		st = op_report(op, "from",
			json_string(row->old_keyset ? row->old_keyset : a->w.old_keys->name), err);
	if (!st)
		st = op_report(op, "rule", json_string(row->rule), err);
	return st ? st : op_report(op, "already", json_boolean(a->already), err);
}

static enum kms_status change_validate(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	struct op_card_work *w = &a->w;
	unsigned versions[2];
	enum kms_status st = op_card_work_init(w, op, &a->in->where, a->in->line, err);

	if (!st)
		st = op_card_work_open(w, err);
	if (!st)
		st = op_card_work_no_change_open(w, err);
	if (!st)
		st = find_old(a, err);
	if (!st)
		st = open_masters(op, a, err);
	if (!st)
		st = find_versions(a, err);
	if (st)
		return st;
	versions[0] = a->old_version;
	versions[1] = (unsigned)w->row.new_version;
	st = op_card_work_ask(w, versions, 2, err);
	if (st == KMS_ERR_NOT_FOUND)
		op_card_work_hint(w, err);
	if (!st)
		st = same_as_issuer(op, a, err);
	if (!st)
		st = derive(op, a, err);
	if (!st)
		st = open_change(op, a, err);
	if (st)
		return st;
	a->already = w->change.record.seen_new == CARD_SEEN_MATCH;
	if (!a->already)
		st = check_strength(op, a, err);
	if (!st && !a->already)
		st = op_card_keys_may_wrap(op, w->old_keys, w->new_keys, err);
	if (!st)
		st = add_detail(op, a, err);
	return st ? st : report(op, a, err);
}

static enum kms_status change_intend(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st;

	if (a->already)
		return KMS_OK;
	st = op_card_work_begin(&a->w, err);
	return st ? st : card_change_intend(&a->w.change, err);
}

static enum kms_status change_act(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	if (a->already)
		return KMS_OK;
	return card_change_run(&a->w.change, err);
}

/* It was taken over before; the registry may not know that yet. */
static enum kms_status commit_already(struct op *op, struct change_args *a, struct kms_err *err)
{
	struct op_card_work *w = &a->w;
	enum kms_status st;

	op_say(op->site, "card %s is taken over already: '%s' opens it", w->card.id,
		a->fresh->keyset);
	st = op_report(op, "result", json_string("already"), err);
	if (st)
		return st;
	if (w->has_domain && w->domain.keyset && strcmp(w->domain.keyset, a->fresh->keyset) == 0 &&
		strcmp(w->domain.state, CARD_STATE_ACTIVE) == 0)
		return KMS_OK;
	st = op_card_work_found(w, err);
	return st ? st : op_card_work_twins(w, err);
}

static enum kms_status change_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	struct op_card_work *w = &a->w;
	enum kms_status st;

	if (a->already)
		return commit_already(op, a, err);
	st = op_card_work_finish(w, err);
	return st ? st : op_card_work_twins(w, err);
}

static enum kms_status run(struct op_site *site, const struct op_kind *kind,
	const struct op_card_change *in, enum kind which, json_t **ret_report, struct kms_err *err)
{
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in, .kind = which};

	return op_run(site, kind, &args, ret_report, err);
}

#define STEPS                                                                              \
	.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE, .check = change_check, \
	.validate = change_validate, .intend = change_intend, .act = change_act,           \
	.commit = change_commit

enum kms_status op_card_inject(struct op_site *site, const struct op_card_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "card.inject", STEPS};

	return run(site, &kind, in, INJECT, ret_report, err);
}

enum kms_status op_card_replace(struct op_site *site, const struct op_card_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "card.replace", STEPS};

	return run(site, &kind, in, REPLACE, ret_report, err);
}

enum kms_status op_card_domain_keys(struct op_site *site, const struct op_card_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "card.domain-keys", STEPS};

	return run(site, &kind, in, DOMAIN_KEYS, ret_report, err);
}
