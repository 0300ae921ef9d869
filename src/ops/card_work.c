/* SPDX-License-Identifier: Apache-2.0 */
/* One operation's work on one security domain of one card, up to the point where keys match. */
#include "ops/card_work.h"

#include "base/hex.h"
#include "ops/job.h"
#include "ops/meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCP03_S16 = 0x01 };

enum kms_status op_card_work_init(struct op_card_work *w, struct op *op,
	const struct op_card_where *where, struct op_card_line *line, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	*w = (struct op_card_work){.op = op, .where = where};
	w->journal = (struct card_journal){w, op_card_journal_write};
	if (!line)
		st = op_card_line_open(&w->own_line, err);
	w->line = line ? line : w->own_line;
	return st;
}

void op_card_work_close(struct op_card_work *w)
{
	op_card_close(&w->card);
	card_keys_free(w->old_keys);
	card_keys_free(w->new_keys);
	w->old_keys = w->new_keys = NULL;
	op_card_line_close(w->own_line);
	w->own_line = NULL;
	store_domain_free(&w->domain);
	if (w->row_owned)
		store_change_free(&w->row);
	w->row_owned = false;
}

/* ---- what the registry says ---- */

/* What the card's keys speak: as recorded, as the card or its profile says, then as it answers. */
static void set_protocol(struct op_card_work *w, unsigned scp, unsigned i)
{
	w->card.scp = scp;
	w->card.scp_i = i;
	if (scp == 2)
		w->guard.config.scp02_i = i;
	w->challenge_len = scp == 3 && i & SCP03_S16 ? 16 : 8;
}

static enum kms_status load_domain(struct op_card_work *w, struct kms_err *err)
{
	enum kms_status st;

	if (!w->card.known || w->has_domain)
		return KMS_OK;
	st = store_domain_get(w->op->site->store, w->card.id, w->aid, &w->domain, err);
	w->has_domain = st == KMS_OK;
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

/* The guard refuses more tries than its limits; two officers may let it be tried once more. */
static enum kms_status raise_limits(struct op_card_work *w, struct kms_err *err)
{
	const struct card_counts *counts = &w->guard.counts;
	struct card_guard_config *config = &w->guard.config;
	enum kms_status st = KMS_OK;

	if (!w->op->site->override_reason)
		return KMS_OK;
	if (counts->auths >= config->auth_limit) {
		st = op_override(w->op, err,
			"card %s: %u EXTERNAL AUTHENTICATEs failed or were never answered since "
			"the "
			"last success",
			w->card.id, counts->auths);
		config->auth_limit = counts->auths + 1;
	}
	if (!st && config->init_limit && counts->inits >= config->init_limit) {
		st = op_override(w->op, err,
			"card %s counts INITIALIZE UPDATEs, and %u were never followed by an "
			"authentication",
			w->card.id, counts->inits);
		config->init_limit = counts->inits + 1;
	}
	return st;
}

static enum kms_status check_quarantine(struct op_card_work *w, struct kms_err *err)
{
	if (!w->has_domain || strcmp(w->domain.state, CARD_STATE_QUARANTINED) != 0)
		return KMS_OK;
	return op_override(w->op, err, "card %s is quarantined: %s", w->card.id,
		w->card.row.state_reason ? w->card.row.state_reason : "its keys are not known");
}

static enum kms_status apply_registry(struct op_card_work *w, struct kms_err *err)
{
	enum kms_status st;

	st = op_subject(w->op, err, "%s", w->card.id);
	if (!st)
		st = op_job_card(w->op->site, w->card.id, err);
	if (!st)
		st = load_domain(w, err);
	if (st || !w->has_domain)
		return st;
	w->guard.counts.auths += (unsigned)w->domain.auth_failures;
	w->guard.counts.inits += (unsigned)w->domain.inits;
	w->guard.durable = w->guard.counts;
	set_protocol(w, (unsigned)w->domain.scp, (unsigned)w->domain.scp_i);
	st = check_quarantine(w, err);
	return st ? st : raise_limits(w, err);
}

/* ---- the guard ---- */

/* Where they come with INITIALIZE UPDATE, the guard compares each answer. */
enum kms_status op_card_work_expect(struct op_card_work *w, const char *kdd, struct kms_err *err)
{
	struct card_guard_config *config = &w->guard.config;
	const struct card_profile *profile = &w->card.profile;
	size_t len = kdd ? strlen(kdd) / 2 : 0;

	if (len == 0 || profile->kdd_source != CARD_KDD_INITIALIZE_UPDATE)
		return KMS_OK;
	if (profile->kdd_offset + len > sizeof(config->kdd) ||
		!hex_decode_strict(kdd, config->kdd + profile->kdd_offset, len)) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the registry has diversification data of %zu bytes for card %s, profile "
			"'%s' says %u",
			len, w->card.id, profile->name, profile->kdd_len);
		return kms_hint(err, "is it the profile that the card was taken over with?");
	}
	config->kdd_offset = profile->kdd_offset;
	config->kdd_len = (unsigned)len;
	return KMS_OK;
}

static void configure_guard(struct op_card_work *w, const struct gp_aid *aid)
{
	const struct op_card *card = &w->card;
	struct card_guard_config config = {0};
	struct card_counts none = {0};

	card_guard_configure(&config, &card->profile);
	config.aid = *aid;
	config.has_chip = card->has_cplc && gp_cplc_chip_id(&card->cplc, config.chip);
	config.journal = &w->journal;
	card_guard_open(&w->guard, &w->card.gp, &config, &none);
	set_protocol(w, card->scp, card->scp_i);
}

static enum kms_status choose_domain(
	struct op_card_work *w, struct gp_aid *ret_aid, struct kms_err *err)
{
	*ret_aid = w->card.isd;
	if (w->where->aid) {
		enum kms_status st =
			gp_aid_parse(w->where->aid, "AID of the security domain", ret_aid, err);

		if (st)
			return st;
	}
	op_aid_text(ret_aid, w->aid);
	w->supplementary = !gp_aid_same(ret_aid, &w->card.isd);
	return KMS_OK;
}

/*
 * A card that has nothing else tells who it is with its diversification data: those of the issuer's
 * domain, which is selected. Other domains may have others.
 */
static enum kms_status ask_who(struct op_card_work *w, struct kms_err *err)
{
	enum kms_status st = card_guard_ask(&w->guard, 0, w->challenge_len, err);

	if (!st)
		st = op_card_identify(w->op->site, &w->card, &w->guard.init, err);
	w->guard.seen = !w->supplementary;
	return st;
}

enum kms_status op_card_work_open(struct op_card_work *w, struct kms_err *err)
{
	struct gp_aid aid;
	enum kms_status st = op_card_open(w->op->site, w->where, &w->card, err);

	if (!st)
		st = op_card_need_profile(w->op->site, &w->card, err);
	if (!st && !w->where->may_be_locked)
		st = op_card_need_unlocked(&w->card, err);
	if (!st)
		st = choose_domain(w, &aid, err);
	if (st)
		return st;
	configure_guard(w, &aid);
	st = w->card.id[0] ? KMS_OK : ask_who(w, err);
	if (!st)
		st = apply_registry(w, err);
	if (!st)
		st = op_card_work_expect(w, w->has_domain ? w->domain.kdd : NULL, err);
	if (!st && w->supplementary)
		st = card_guard_select(&w->guard, err);
	return st;
}

/* ---- the first answer ---- */

static enum kms_status compare_kdd(struct op_card_work *w, struct kms_err *err)
{
	if (!w->has_domain || !w->domain.kdd || strcmp(w->domain.kdd, w->kdd) == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH,
		"card %s presents the diversification data %s, the registry has %s", w->card.id,
		w->kdd, w->domain.kdd);
	return kms_hint(err,
		"it may be another card, or somebody changed its keys: nothing was sent "
		"to it");
}

/* The card's last answer serves again: it was asked for any version, and took this one. */
static bool is_answered(struct card_guard *guard, unsigned version)
{
	if (!guard->asked || (version && guard->init.key_version != version))
		return false;
	guard->asked_version = version;
	return true;
}

enum kms_status op_card_work_ask(
	struct op_card_work *w, const unsigned *versions, size_t count, struct kms_err *err)
{
	enum kms_status st = KMS_ERR_NOT_FOUND;

	for (const unsigned *v = versions; st == KMS_ERR_NOT_FOUND && v < versions + count; v++) {
		if (v > versions && *v == *versions)
			continue;
		st = is_answered(&w->guard, *v)
			     ? KMS_OK
			     : card_guard_ask(&w->guard, *v, w->challenge_len, err);
	}
	if (st == KMS_ERR_NOT_FOUND) {
		kms_fail(err, KMS_ERR_NOT_FOUND,
			"card %s has no key set of version %02X in its security domain %s",
			w->card.id, versions[0], w->aid);
		kms_native(err, "SW %04X", w->card.gp.sw);
		return KMS_ERR_NOT_FOUND;
	}
	if (st)
		return st;
	set_protocol(w, w->guard.init.scp, w->guard.init.i);
	st = op_card_kdd(&w->card, &w->guard.init, w->kdd, err);
	if (!st)
		st = op_job_kdd(w->op->site, w->kdd, err);
	return st ? st : compare_kdd(w, err);
}

enum kms_status op_card_work_match(
	struct op_card_work *w, const char *keyset, unsigned version, struct kms_err *err)
{
	enum kms_status st = op_card_work_ask(w, &version, 1, err);

	if (st)
		return st;
	card_keys_free(w->old_keys);
	w->old_keys = NULL;
	st = op_card_line_derive(w->line, w->op, keyset, OP_CARD_OLD, w->kdd, &w->old_keys, err);
	if (st) /* that the HSM has another key is nothing about the card */
		return st;
	st = card_guard_match(&w->guard, w->old_keys, err);
	if (st != KMS_ERR_MISMATCH)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH,
		"'%s' does not open card %s: its cryptogram under key version %02X is that of "
		"other "
		"keys",
		keyset, w->card.id, w->guard.init.key_version);
	return kms_hint(err, "it was not authenticated to: no try was spent");
}

enum kms_status op_card_work_match_recorded(struct op_card_work *w, struct kms_err *err)
{
	if (!w->has_domain || !w->domain.keyset) {
		kms_fail(err, KMS_ERR_STATE, "the registry does not know which keys are on card %s",
			w->card.id);
		return kms_hint(err,
			"take the card over first: 'cardkms card inject' or 'card replace'; or "
			"'cardkms card verify --keyset'");
	}
	return op_card_work_match(w, w->domain.keyset, (unsigned)w->domain.version, err);
}

enum kms_status op_card_work_no_change_open(struct op_card_work *w, struct kms_err *err)
{
	STORE_AUTO(change) struct store_change open = {0};
	bool found = false;
	enum kms_status st;

	if (!w->card.known)
		return KMS_OK;
	st = store_change_open(w->op->site->store, w->card.id, w->aid, &open, &found, err);
	if (st || !found)
		return st;
	kms_fail(err, KMS_ERR_STATE,
		"card %s waits: its change to '%s' was cut off, so which keys are on it is not "
		"known",
		w->card.id, open.new_keyset);
	return kms_hint(err, "run 'cardkms card resume' with the card in the reader");
}

void op_card_work_hint(struct op_card_work *w, struct kms_err *err)
{
	struct gp_key_list *list = calloc(1, sizeof(*list));
	char text[200] = "";
	bool seen[256] = {false};

	if (list && !(w->card.profile.quirks & CARD_QUIRK_NO_E0) &&
		gp_get_key_list(&w->card.gp, list, NULL) == KMS_OK) {
		for (size_t i = 0; i < list->count; i++) {
			unsigned version = list->keys[i].version & 0xFF;

			if (seen[version] || strlen(text) > 150)
				continue;
			seen[version] = true;
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%02X",
				*text ? ", " : "", version);
		}
	}
	free(list);
	if (*text)
		(void)kms_hint(err, "the card says that it has versions %s", text);
	else
		(void)kms_hint(err, "'cardkms card info' shows what the card says of its keys");
}

/* ---- what is told ---- */

enum kms_status op_card_work_report(struct op_card_work *w, struct kms_err *err)
{
	struct op *op = w->op;
	char protocol[16];
	enum kms_status st;

	snprintf(protocol, sizeof(protocol), "SCP%02X i=%02X", w->card.scp, w->card.scp_i);
	st = op_report(op, "card", json_string(w->card.id), err);
	if (!st)
		st = op_report(op, "profile", json_string(w->card.profile.name), err);
	if (!st)
		st = op_report(op, "reader", json_string(w->card.link->name), err);
	if (!st)
		st = op_report(op, "domain", json_string(w->aid), err);
	if (!st)
		st = op_report(op, "protocol", json_string(protocol), err);
	return st ? st : op_card_work_effort(w, err);
}

enum kms_status op_card_work_effort(struct op_card_work *w, struct kms_err *err)
{
	const struct card_link *link = w->card.link;
	enum kms_status st =
		op_report(w->op, "commands", json_integer((json_int_t)link->exchanges), err);

	return st ? st
		  : op_report(w->op, "card_us", json_integer((json_int_t)link->waited_us), err);
}

enum kms_status op_card_work_detail(struct op_card_work *w, struct kms_err *err)
{
	struct op *op = w->op;
	enum kms_status st = op_detail(op, "card", json_string(w->card.id), err);

	if (!st)
		st = op_detail(op, "domain", json_string(w->aid), err);
	if (!st)
		st = op_detail(op, "profile", json_string(w->card.profile.name), err);
	return st ? st : op_detail(op, "kdd", json_string(w->kdd), err);
}
