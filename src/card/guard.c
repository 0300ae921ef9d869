/* SPDX-License-Identifier: Apache-2.0 */
#include "card/guard.h"

#include "base/hex.h"

#include <string.h>

enum { FACTORY_VERSION = 0xFF, CHALLENGE_DEFAULT = 8 };

void card_guard_configure(struct card_guard_config *config, const struct card_profile *profile)
{
	config->aid = profile->isd;
	config->scp02_i = profile->scp == 2 ? profile->i : 0;
	config->counts_inits = profile->quirks & CARD_QUIRK_COUNTS_INIT;
	config->init_limit = config->counts_inits ? profile->init_budget : 0;
	config->no_key_template = profile->quirks & CARD_QUIRK_NO_E0;
}

void card_guard_open(struct card_guard *guard, struct gp *gp,
	const struct card_guard_config *config, const struct card_counts *counts)
{
	memset(guard, 0, sizeof(*guard));
	guard->gp = gp;
	guard->config = *config;
	if (config->auth_limit == 0)
		guard->config.auth_limit = CARD_AUTH_LIMIT;
	if (counts)
		guard->counts = guard->durable = *counts;
}

void card_guard_forget(struct card_guard *guard)
{
	guard->asked = false;
	guard->matched = NULL;
}

enum kms_status card_guard_save(struct card_guard *guard, struct kms_err *err)
{
	const struct card_journal *journal = guard->config.journal;
	enum kms_status st = KMS_OK;

	if (journal)
		st = journal->write(journal->ctx, &guard->counts, guard->change, err);
	if (st)
		guard->stopped = true;
	else
		guard->durable = guard->counts;
	return st;
}

/* ---- which card it is ---- */

static enum kms_status another_card(struct card_guard *guard, const char *what,
	const unsigned char *got, const unsigned char *want, size_t len, struct kms_err *err)
{
	char got_hex[2 * SCP_KDD_SIZE + 1], want_hex[2 * SCP_KDD_SIZE + 1];

	guard->stopped = true;
	card_guard_forget(guard);
	hex_encode(got, len, got_hex);
	hex_encode(want, len, want_hex);
	kms_fail(err, KMS_ERR_MISMATCH,
		"another card is in '%s': its %s is %s, not %s; nothing was written to it",
		guard->gp->link->name, what, got_hex, want_hex);
	return kms_hint(err, "put back the card that the work was begun with");
}

static enum kms_status check_chip(
	struct card_guard *guard, const struct gp_cplc *cplc, struct kms_err *err)
{
	unsigned char chip[GP_CHIP_ID_SIZE] = {0};

	if (cplc && gp_cplc_chip_id(cplc, chip) &&
		memcmp(chip, guard->config.chip, sizeof(chip)) == 0)
		return KMS_OK;
	return another_card(guard, "chip", chip, guard->config.chip, GP_CHIP_ID_SIZE, err);
}

static enum kms_status check_kdd(
	struct card_guard *guard, const struct scp_init *init, struct kms_err *err)
{
	static const char what[] = "key diversification data";
	const struct card_guard_config *config = &guard->config;

	if (config->kdd_len &&
		memcmp(init->kdd + config->kdd_offset, config->kdd, config->kdd_len) != 0)
		return another_card(guard, what, init->kdd + config->kdd_offset, config->kdd,
			config->kdd_len, err);
	if (guard->seen && memcmp(init->kdd, guard->kdd_seen, SCP_KDD_SIZE) != 0)
		return another_card(guard, what, init->kdd, guard->kdd_seen, SCP_KDD_SIZE, err);
	memcpy(guard->kdd_seen, init->kdd, SCP_KDD_SIZE);
	guard->seen = true;
	return KMS_OK;
}

/* ---- commands that open nothing ---- */

static enum kms_status select_domain(
	struct card_guard *guard, const struct gp_aid *aid, struct kms_err *err)
{
	struct gp_fci fci;

	return gp_select(guard->gp, aid->len ? aid : NULL, &fci, err);
}

/* A domain that does not give CPLC does not keep the issuer's from giving it. */
static enum kms_status get_cplc_of_issuer(
	struct card_guard *guard, struct gp_cplc *ret_cplc, struct kms_err *err)
{
	const struct gp_aid issuer = {.len = 0};
	enum kms_status st = select_domain(guard, &issuer, err), got;

	if (st)
		return st;
	got = gp_get_cplc(guard->gp, ret_cplc, err);
	if (got && got != KMS_ERR_NOT_FOUND)
		return got;
	st = select_domain(guard, &guard->config.aid, err);
	return st ? st : got;
}

enum kms_status card_guard_select(struct card_guard *guard, struct kms_err *err)
{
	struct gp_cplc cplc;
	enum kms_status st;

	card_guard_forget(guard);
	st = select_domain(guard, &guard->config.aid, err);
	if (st || !guard->config.has_chip)
		return st;
	st = gp_get_cplc(guard->gp, &cplc, err);
	if (st == KMS_ERR_NOT_FOUND && guard->config.aid.len)
		st = get_cplc_of_issuer(guard, &cplc, err);
	if (st && st != KMS_ERR_NOT_FOUND)
		return st;
	return check_chip(guard, st ? NULL : &cplc, err);
}

enum kms_status card_guard_reset(struct card_guard *guard, struct kms_err *err)
{
	enum kms_status st;

	card_guard_forget(guard);
	scp_close(&guard->gp->scp);
	st = card_reset(guard->gp->link, err);
	return st ? st : card_guard_select(guard, err);
}

static enum kms_status count_init(struct card_guard *guard, struct kms_err *err)
{
	const struct card_guard_config *config = &guard->config;

	if (!config->counts_inits)
		return KMS_OK;
	if (config->init_limit && guard->counts.inits >= config->init_limit) {
		guard->stopped = true;
		kms_fail(err, KMS_ERR_STATE,
			"cannot ask the card for its keys: it counts INITIALIZE UPDATEs, and %u "
			"were sent since it last was authenticated to; the profile allows %u",
			guard->counts.inits, config->init_limit);
		return kms_hint(err, "more may lock the card for good; two officers can allow one "
				     "more with --override");
	}
	guard->counts.inits++;
	return card_guard_save(guard, err);
}

static enum kms_status initialize(
	struct card_guard *guard, unsigned version, size_t challenge_len, struct kms_err *err)
{
	struct scp_init init;
	enum kms_status st = count_init(guard, err);

	if (st)
		return st;
	st = gp_initialize_update(
		guard->gp, version, challenge_len, guard->config.scp02_i, &init, err);
	/* A set that the card refuses to begin with has not been tried. */
	if (guard->config.counts_inits && (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_CARD))
		guard->counts.inits--;
	if (!st)
		st = check_kdd(guard, &init, err);
	if (!st) {
		guard->init = init;
		guard->asked = true;
	}
	return st;
}

/* What cards say for P1 = FF, if they do not know it or have consumed that set. */
static bool is_refusal(enum kms_status st)
{
	return st == KMS_ERR_NOT_FOUND || st == KMS_ERR_CARD;
}

static enum kms_status ask_factory(
	struct card_guard *guard, size_t challenge_len, struct kms_err *err)
{
	enum kms_status st = KMS_ERR_NOT_FOUND;

	if (guard->factory != CARD_FACTORY_BY_DEFAULT) {
		st = initialize(guard, FACTORY_VERSION, challenge_len, err);
		if (!st)
			guard->factory = CARD_FACTORY_BY_VERSION;
	}
	if (!is_refusal(st) || guard->factory == CARD_FACTORY_BY_VERSION)
		return st;
	st = initialize(guard, 0, challenge_len, err);
	if (st)
		return st;
	if (guard->init.key_version == FACTORY_VERSION) {
		guard->factory = CARD_FACTORY_BY_DEFAULT;
		return KMS_OK;
	}
	card_guard_forget(guard);
	return kms_fail(err, KMS_ERR_NOT_FOUND,
		"the card has no factory key set (version FF): by default it takes version %02X",
		guard->init.key_version);
}

enum kms_status card_guard_ask(
	struct card_guard *guard, unsigned version, size_t challenge_len, struct kms_err *err)
{
	size_t len = challenge_len ? challenge_len : CHALLENGE_DEFAULT;

	card_guard_forget(guard);
	guard->asked_version = version;
	if (version == FACTORY_VERSION)
		return ask_factory(guard, len, err);
	return initialize(guard, version, len, err);
}

enum kms_status card_guard_match(
	struct card_guard *guard, struct card_keys *keys, struct kms_err *err)
{
	size_t index;
	enum kms_status st;

	if (!guard->asked)
		return kms_fail(err, KMS_ERR_INTERNAL, "no answer to match keys with");
	st = scp_match(&guard->init, &keys, 1, &index, err);
	if (!st)
		guard->matched = keys;
	return st;
}

/* ---- opening ---- */

enum kms_status card_guard_spend(struct card_guard *guard, struct kms_err *err)
{
	enum kms_status st;

	if (guard->counts.auths >= guard->config.auth_limit) {
		guard->stopped = true;
		kms_fail(err, KMS_ERR_STATE,
			"cannot authenticate to the card: %u EXTERNAL AUTHENTICATEs failed or were "
			"not answered since the last success, and %u is the limit",
			guard->counts.auths, guard->config.auth_limit);
		return kms_hint(err, "more may lock the card for good; two officers can allow one "
				     "more with --override");
	}
	guard->counts.auths++;
	st = card_guard_save(guard, err);
	if (st)
		guard->counts.auths--;
	guard->spent = !st;
	return st;
}

enum kms_status card_guard_ready(
	struct card_guard *guard, const struct card_set *set, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (guard->asked && guard->matched == set->keys)
		return KMS_OK;
	if (!guard->asked || guard->asked_version != set->version)
		st = card_guard_ask(guard, set->version, set->challenge_len, err);
	return st ? st : card_guard_match(guard, set->keys, err);
}

static unsigned level(const struct card_guard *guard)
{
	return guard->config.level ? guard->config.level
				   : scp_level_best(guard->init.scp, guard->init.i);
}

/*
 * Success is durable with whatever is written next, unless that could be too late: with what the
 * journal has now, the next run would not be allowed to authenticate.
 */
static enum kms_status reset_counts(struct card_guard *guard, struct kms_err *err)
{
	guard->counts = (struct card_counts){0};
	if (guard->durable.auths < guard->config.auth_limit && guard->durable.inits == 0)
		return KMS_OK;
	return card_guard_save(guard, err);
}

enum kms_status card_guard_authenticate(
	struct card_guard *guard, const struct card_set *set, struct kms_err *err)
{
	enum kms_status st = card_guard_ready(guard, set, err);
	uint64_t sent;

	if (!st && !guard->spent)
		st = card_guard_spend(guard, err);
	sent = guard->gp->link->exchanges;
	if (!st)
		st = gp_external_authenticate(
			guard->gp, &guard->init, set->keys, level(guard), err);
	/* What was counted but never sent is not spent. */
	if (guard->spent && guard->gp->link->exchanges == sent)
		guard->counts.auths--;
	guard->spent = false;
	card_guard_forget(guard);
	return st ? st : reset_counts(guard, err);
}
