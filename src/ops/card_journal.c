/* SPDX-License-Identifier: Apache-2.0 */
/* What operations on cards write into the registry, and the journal behind the change engine. */
#include "ops/card_work.h"

#include "base/hex.h"
#include "base/text.h"
#include "ops/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWINS_MAX = 10 };

/* ---- the card's row ---- */

static enum kms_status reload_card(struct op_card_work *w, struct kms_err *err)
{
	store_card_free(&w->card.row);
	w->card.row = (struct store_card){0};
	w->card.known = false;
	w->card.known = store_card_get(w->op->site->store, w->card.id, &w->card.row, err) == KMS_OK;
	return w->card.known ? KMS_OK : err->code;
}

enum kms_status op_card_work_put_card(
	struct op_card_work *w, const char *state, const char *reason, struct kms_err *err)
{
	const struct op_card *card = &w->card;
	char cplc[2 * GP_CPLC_SIZE + 1], iin[2 * GP_ID_MAX + 1], cin[2 * GP_ID_MAX + 1];
	struct store_card row = {.id = card->id,
		.id_source = card->id_source,
		.profile = card->profile.name,
		.state = state,
		.state_reason = reason,
		.created = w->op->now,
		.changed = w->op->now};
	enum kms_status st;

	hex_encode(card->cplc.bytes, GP_CPLC_SIZE, cplc);
	hex_encode(card->iin.bytes, card->iin.len, iin);
	hex_encode(card->cin.bytes, card->cin.len, cin);
	if (card->known) {
		row.cplc = card->row.cplc;
		row.iin = card->row.iin;
		row.cin = card->row.cin;
	}
	if (card->has_cplc)
		row.cplc = cplc;
	if (card->has_iin)
		row.iin = iin;
	if (card->has_cin)
		row.cin = cin;
	st = card->known ? store_card_update(w->op->site->store, &row, card->row.state, err)
			 : store_card_add(w->op->site->store, &row, err);
	return st ? st : reload_card(w, err);
}

/* Of all its domains, the worst one names the card. */
static enum kms_status card_state(
	struct op_card_work *w, const char **ret_state, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	enum kms_status st = store_domains(w->op->site->store, w->card.id, &list, err);

	*ret_state = CARD_STATE_KNOWN;
	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_domain *d = &list.items[i];

		if (strcmp(d->state, CARD_STATE_QUARANTINED) == 0) {
			*ret_state = CARD_STATE_QUARANTINED;
			break;
		}
		if (strcmp(d->state, CARD_STATE_CHANGING) == 0)
			*ret_state = CARD_STATE_CHANGING;
		else if (strcmp(d->state, CARD_STATE_ACTIVE) == 0 && d->keyset &&
			 strcmp(*ret_state, CARD_STATE_KNOWN) == 0)
			*ret_state = CARD_STATE_ACTIVE;
	}
	return st;
}

enum kms_status op_card_work_event(
	struct op_card_work *w, const char *event, json_t *detail, struct kms_err *err)
{
	return op_card_event(w->op, w->card.id, event, detail, err);
}

enum kms_status op_card_event(
	struct op *op, const char *card_id, const char *event, json_t *detail, struct kms_err *err)
{
	FREE_AUTO char *actor = op_actor(op->site, op);
	BUF_AUTO struct buf text = {0};
	enum kms_status st = detail ? js_line(detail, &text, err) : KMS_OK;

	json_decref(detail);
	if (!actor)
		return kms_nomem(err);
	return st ? st
		  : store_card_event_add(op->site->store,
			    &(struct store_card_event){.card_id = card_id,
				    .time = op->now,
				    .op_id = op->id,
				    .actor = actor,
				    .event = event,
				    .detail = text.len ? buf_text(&text) : NULL},
			    err);
}

/* ---- the end of a change ---- */

static bool stays_old(enum card_change_step step)
{
	return step == CHANGE_REFUSED || step == CHANGE_ABANDONED;
}

static enum kms_status put_domain(struct op_card_work *w, const char *state, struct kms_err *err)
{
	const struct store_change *c = &w->row;
	const struct scp_init *last = &w->guard.init;
	bool old = stays_old(w->outcome.step) || w->outcome.step == CHANGE_QUARANTINED ||
		   w->outcome.step == CHANGE_INTENDED;
	FREE_AUTO char *isd = calloc(1, OP_AID_HEX);
	struct store_domain row = {.card_id = w->card.id,
		.aid = w->aid,
		.keyset = old ? c->old_keyset : c->new_keyset,
		.version = old ? c->old_version : c->new_version,
		.scp = w->card.scp,
		.scp_i = w->card.scp_i,
		.kdd = old ? c->old_kdd : c->new_kdd,
		.state = state,
		.changed = w->op->now};

	if (!isd)
		return kms_nomem(err);
	/* A set of another type speaks another protocol than the one before. */
	if (!old && last->key_version == (unsigned)c->new_version) {
		row.scp = last->scp;
		row.scp_i = last->i;
	}
	op_aid_text(&w->card.isd, isd);
	row.parent = w->supplementary ? isd : NULL;
	return store_domain_put(w->op->site->store, &row, err);
}

static enum kms_status outcome_event(struct op_card_work *w, struct kms_err *err)
{
	const struct store_change *c = &w->row;
	const struct card_change_record *o = &w->outcome;
	bool done = o->step == CHANGE_DONE || o->step == CHANGE_OLD_STAYS;
	json_t *detail = json_pack("{s:s, s:s?, s:s, s:s?, s:o, s:o, s:s, s:s?}", "domain", w->aid,
		"from", c->old_keyset, "keyset", c->new_keyset, "kdd", c->new_kdd, "old_version",
		op_version_json(c->old_version), "version", op_version_json(c->new_version), "rule",
		c->rule, "reason", o->reason[0] ? o->reason : NULL);

	if (!detail)
		return kms_nomem(err);
	return op_card_work_event(w, done ? c->kind : card_change_step_name(o->step), detail, err);
}

enum kms_status op_card_work_settle(struct op_card_work *w, struct kms_err *err)
{
	struct card_change_record *o = &w->outcome;
	char cut[sizeof(o->reason)];
	const char *reason = o->reason[0] ? o->reason : NULL;
	bool lost = o->step == CHANGE_QUARANTINED;
	const char *state;
	enum kms_status st;

	/* A reason may have been cut within a character: the registry takes whole ones. */
	memcpy(cut, o->reason, sizeof(cut));
	text_clean(cut, o->reason, sizeof(o->reason));
	st = store_change_finish(w->op->site->store, w->row.op_id, card_change_step_name(o->step),
		reason, w->op->now, err);
	if (!st)
		st = put_domain(w, lost ? CARD_STATE_QUARANTINED : CARD_STATE_ACTIVE, err);
	if (!st)
		st = card_state(w, &state, err);
	if (!st)
		st = op_card_work_put_card(w, state, lost ? reason : NULL, err);
	return st ? st : outcome_event(w, err);
}

static enum kms_status report_end(struct op_card_work *w, struct kms_err *err)
{
	struct op *op = w->op;
	const char *assisted[] = {
		op_card_keys_host_assisted(w->old_keys), op_card_keys_host_assisted(w->new_keys)};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = op_card_work_effort(w, err);

	if (!st)
		st = op_report(
			op, "result", json_string(card_change_step_name(w->outcome.step)), err);
	if (!st && w->outcome.reason[0])
		st = op_report(op, "reason", json_string(w->outcome.reason), err);
	for (size_t i = 0; !st && i < 2; i++)
		if (assisted[i])
			st = buf_printf(&text, err, "%s%s", text.len ? "; " : "", assisted[i]);
	if (st || !text.len)
		return st;
	st = op_detail(op, "host_assisted_for", json_string(buf_text(&text)), err);
	return st ? st : op_report(op, "host_assisted", json_string(buf_text(&text)), err);
}

enum kms_status op_card_work_counts(struct op_card_work *w, struct kms_err *err)
{
	return store_domain_set_counters(w->op->site->store, w->card.id, w->aid,
		w->guard.counts.auths, w->guard.counts.inits, w->op->now, err);
}

enum kms_status op_card_work_finish(struct op_card_work *w, struct kms_err *err)
{
	enum kms_status st = op_card_work_settle(w, err);

	if (!st)
		st = op_card_work_counts(w, err);
	if (w->outcome.step == CHANGE_OLD_STAYS)
		op_say(w->op->site, "warning: card %s: %s", w->card.id, w->outcome.reason);
	return st ? st : report_end(w, err);
}

enum kms_status op_card_work_found(struct op_card_work *w, struct kms_err *err)
{
	const char *state;
	enum kms_status st = op_card_work_put_card(w, CARD_STATE_KNOWN, NULL, err);

	w->outcome.step = CHANGE_DONE;
	if (!st)
		st = put_domain(w, CARD_STATE_ACTIVE, err);
	if (!st)
		st = card_state(w, &state, err);
	if (!st)
		st = op_card_work_put_card(w, state, NULL, err);
	return st ? st
		  : op_card_work_event(w, "found",
			    json_pack("{s:s, s:s, s:s?, s:o}", "domain", w->aid, "keyset",
				    w->row.new_keyset, "kdd", w->row.new_kdd, "version",
				    op_version_json(w->row.new_version)),
			    err);
}

enum kms_status op_card_work_begin(struct op_card_work *w, struct kms_err *err)
{
	struct store *store = w->op->site->store;
	enum kms_status st = op_card_work_put_card(w, CARD_STATE_CHANGING, NULL, err);

	w->outcome.step = CHANGE_INTENDED;
	if (!st)
		st = put_domain(w, CARD_STATE_CHANGING, err);
	if (!st)
		st = store_change_add(store, &w->row, err);
	return st;
}

/* ---- the journal ---- */

/* A card that counts INITIALIZE UPDATEs is known before the first one is sent. */
static enum kms_status need_rows(struct op_card_work *w, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (!w->card.known)
		st = op_card_work_put_card(w, CARD_STATE_KNOWN, NULL, err);
	if (st || w->has_domain)
		return st;
	st = store_domain_put(w->op->site->store,
		&(struct store_domain){.card_id = w->card.id,
			.aid = w->aid,
			.scp = w->card.scp,
			.scp_i = w->card.scp_i,
			.state = CARD_STATE_ACTIVE,
			.changed = w->op->now},
		err);
	if (!st)
		st = store_domain_get(w->op->site->store, w->card.id, w->aid, &w->domain, err);
	w->has_domain = !st;
	return st;
}

static enum kms_status write_step(
	struct op_card_work *w, const struct card_change_record *record, struct kms_err *err)
{
	if (!card_change_is_open(record->step)) {
		w->outcome = *record;
		return op_card_work_settle(w, err);
	}
	return store_change_set_step(w->op->site->store, w->row.op_id,
		card_change_step_name(record->step), w->op->now, err);
}

static enum kms_status write_rows(struct op_card_work *w, const struct card_counts *counts,
	const struct card_change_record *record, struct kms_err *err)
{
	enum kms_status st = record ? KMS_OK : need_rows(w, err);

	if (!st && record)
		st = write_step(w, record, err);
	return st ? st
		  : store_domain_set_counters(w->op->site->store, w->card.id, w->aid, counts->auths,
			    counts->inits, w->op->now, err);
}

/*
 * A change that ended well is written by the operation's commit, in one transaction with its outcome;
 * until then the journal says "put" or "proven", from which `card resume` comes to the same end.
 */
enum kms_status op_card_journal_write(void *ctx, const struct card_counts *counts,
	const struct card_change_record *record, struct kms_err *err)
{
	struct op_card_work *w = ctx;
	struct store *store = w->op->site->store;
	enum kms_status st;

	if (record && (record->step == CHANGE_DONE || record->step == CHANGE_OLD_STAYS)) {
		w->outcome = *record;
		return KMS_OK;
	}
	if (!w->card.id[0]) /* it is only being asked who it is */
		return KMS_OK;
	if (store_in_transaction(store))
		return write_rows(w, counts, record, err);
	st = store_begin(store, err);
	if (st)
		return st;
	st = write_rows(w, counts, record, err);
	return store_end(store, st, err);
}

/* ---- cards that share their keys ---- */

static enum kms_status flag_twin(struct op_card_work *w, const char *other, const char *keyset,
	json_t *names, struct kms_err *err)
{
	enum kms_status st;

	if (json_array_append_new(names, json_string(other)))
		return kms_nomem(err);
	st = op_card_event(w->op, other, "same-diversification",
		json_pack("{s:s, s:s, s:s}", "card", w->card.id, "keyset", keyset, "kdd", w->kdd),
		err);
	if (!st)
		st = op_card_work_event(w, "same-diversification",
			json_pack(
				"{s:s, s:s, s:s}", "card", other, "keyset", keyset, "kdd", w->kdd),
			err);
	op_say(w->op->site,
		"warning: card %s has the same diversification data as card %s: with '%s' they "
		"have "
		"the same keys",
		w->card.id, other, keyset);
	return st;
}

enum kms_status op_card_work_twins(struct op_card_work *w, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	JS_AUTO json_t *names = json_array();
	enum kms_status st;

	if (!w->row.new_kdd)
		return KMS_OK;
	st = store_domain_twins(w->op->site->store, w->card.id, w->row.new_keyset, w->row.new_kdd,
		TWINS_MAX, &list, err);
	for (size_t i = 0; !st && i < list.count; i++)
		st = flag_twin(w, list.items[i].card_id, w->row.new_keyset, names, err);
	if (st || json_array_size(names) == 0)
		return st;
	st = op_detail(w->op, "same_keys_as", json_incref(names), err);
	return st ? st : op_report(w->op, "same_keys_as", json_incref(names), err);
}
