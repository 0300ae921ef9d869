/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a change: docs/card-takeover.md, tests/model/takeover.pml. */
#include "card/change_int.h"

#include <stdio.h>

/* ---- the journal ---- */

/* Durable with the counts, as card_guard_save or card_guard_spend leave them; or as it was. */
static enum kms_status write_step(struct card_change *change, enum card_change_step step,
	enum kms_status (*write)(struct card_guard *guard, struct kms_err *err),
	struct kms_err *err)
{
	enum card_change_step before = change->record.step;
	enum kms_status st;

	change->record.step = step;
	change->guard->change = &change->record;
	st = write(change->guard, err);
	if (st)
		change->record.step = before;
	return st;
}

/* With one more EXTERNAL AUTHENTICATE counted as spent. */
static enum kms_status spend_as(
	struct card_change *change, enum card_change_step step, struct kms_err *err)
{
	return write_step(change, step, card_guard_spend, err);
}

static enum kms_status close_as(struct card_change *change, enum card_change_step step,
	const char *reason, struct kms_err *err)
{
	snprintf(change->record.reason, sizeof(change->record.reason), "%.255s", reason);
	return write_step(change, step, card_guard_save, err);
}

static enum kms_status quarantine(
	struct card_change *change, const char *reason, struct kms_err *err)
{
	enum kms_status st = close_as(change, CHANGE_QUARANTINED, reason, err);

	if (st)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH, "the card is quarantined: %s", reason);
	return kms_hint(err, "keep it apart; 'cardkms card history' has all that was seen");
}

/* ---- from the new set on ---- */

/* Something did not go as it should. The channel, or the card itself, may be another one now. */
static enum kms_status look_again(struct card_change *change, struct kms_err *err)
{
	enum kms_status st = card_guard_select(change->guard, err);

	return st ? st : card_change_look(change, err);
}

/* Whatever the card says to DELETE, it is asked afterwards. */
static enum kms_status delete_old(struct card_change *change, struct kms_err *err)
{
	struct kms_err said = {0};
	char reason[sizeof(change->record.reason)];
	enum kms_status st = gp_delete_keys(change->guard->gp, change->record.old_version, &said);

	if (st == KMS_ERR_IO) {
		if (err)
			*err = said;
		return st;
	}
	snprintf(reason, sizeof(reason), "the old key set still opens the card: %.180s",
		st ? said.msg : "DELETE [key] was answered with success, but had no effect");
	/* A refusal may be another card's. */
	st = st ? card_guard_select(change->guard, err) : KMS_OK;
	if (!st)
		st = card_change_look_for(change, CARD_OLD, err);
	if (st)
		return st;
	if (change->record.seen_old == CARD_SEEN_MATCH)
		return close_as(change, CHANGE_OLD_STAYS, reason, err);
	return close_as(change, CHANGE_DONE, "", err);
}

/* The new set has authenticated. */
static enum kms_status drop_old(struct card_change *change, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;
	enum kms_status st;

	if (change->record.seen_old == CARD_SEEN_ABSENT ||
		change->record.seen_old == CARD_SEEN_OTHER)
		return close_as(change, CHANGE_DONE, "", err);
	if (config->rule == CARD_REPLACE || config->rule == CARD_FF_CONSUMED)
		return close_as(change, CHANGE_OLD_STAYS,
			"the old key set still opens the card: it does not follow its profile's "
			"initial-set rule",
			err);
	if (config->no_delete)
		return close_as(change, CHANGE_OLD_STAYS,
			"the old key set still opens the card: its profile says that it has no "
			"DELETE [key]",
			err);
	st = write_step(change, CHANGE_PROVEN, card_guard_save, err);
	return st ? st : delete_old(change, err);
}

/* EXTERNAL AUTHENTICATE was refused though these keys had matched: perhaps by another card. */
static enum kms_status new_refused(
	struct card_change *change, const struct kms_err *why, struct kms_err *err)
{
	enum kms_status st = look_again(change, err);

	if (change->guard->stopped)
		return st;
	if (err)
		*err = *why;
	return why->code;
}

/* The card has made the cryptogram of the new set. */
static enum kms_status finish(struct card_change *change, struct kms_err *err)
{
	const struct card_set *fresh = &change->config.fresh;
	enum card_change_step step = change->record.step;
	struct kms_err why = {0};
	enum kms_status st;

	if (step == CHANGE_DOUBTED)
		return quarantine(change,
			"the card confirmed other check values than those of the new keys, which "
			"it nevertheless uses: its DEK may be another one",
			err);
	if (step == CHANGE_PROVEN && change->record.seen_old != CARD_SEEN_MATCH)
		return close_as(change, CHANGE_DONE, "", err);
	st = card_guard_ready(change->guard, fresh, err);
	if (!st)
		st = spend_as(change, step == CHANGE_PROVEN ? CHANGE_PROVEN : CHANGE_PUT, err);
	if (st)
		return st;
	st = card_guard_authenticate(change->guard, fresh, &why);
	if (!st)
		return drop_old(change, err);
	if (st == KMS_ERR_AUTH)
		return new_refused(change, &why, err);
	if (err)
		*err = why;
	return st;
}

/* ---- from the old set on ---- */

static enum kms_status put_keys(struct card_change *change, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;
	const struct gp_put_keys how = {
		.replace = config->rule == CARD_REPLACE ? change->record.old_version : 0,
		.version = change->record.new_version,
		.block = config->key_block,
	};
	struct gp *gp = change->guard->gp;
	enum kms_status st = gp_put_keys(gp, &how, config->fresh.keys, err), written;

	/* With 9000 it is the check values that differ, not a MAC. */
	if (st != KMS_ERR_MISMATCH || gp->sw != 0x9000)
		return st;
	written = write_step(change, CHANGE_DOUBTED, card_guard_save, err);
	return written ? written : st;
}

static enum kms_status authenticate_and_put(struct card_change *change, struct kms_err *err)
{
	struct card_guard *guard = change->guard;
	const struct card_set *old = &change->config.old;
	enum kms_status st = card_guard_ready(guard, old, err);

	if (!st && !guard->spent)
		st = spend_as(change, CHANGE_INTENDED, err);
	if (!st)
		st = card_guard_authenticate(guard, old, err);
	return st ? st : put_keys(change, err);
}

/* PUT KEY was confirmed: the new set should match, and the old one be gone if it was replaced. */
static enum kms_status look_confirmed(struct card_change *change, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;
	enum kms_status st = KMS_OK;

	if (config->rule != CARD_ADD_DELETE && config->old.version != config->fresh.version)
		st = card_change_look_for(change, CARD_OLD, err);
	return st ? st : card_change_look_for(change, CARD_NEW, err);
}

/* The old set is on the card, the new one is not, and `why` has what the card said to PUT KEY. */
static enum kms_status close_refused(
	struct card_change *change, const struct kms_err *why, struct kms_err *err)
{
	enum kms_status st = close_as(change, CHANGE_REFUSED, why->msg, err);

	if (st)
		return st;
	if (err)
		*err = *why;
	return why->code;
}

static enum kms_status quarantine_unknown(struct card_change *change, struct kms_err *err)
{
	char seen[160], reason[sizeof(change->record.reason)];

	card_change_describe(change, seen, sizeof(seen));
	snprintf(reason, sizeof(reason), "neither the old nor the new key set opens it: %s", seen);
	return quarantine(change, reason, err);
}

/* The old set has matched: authenticate, PUT KEY, and whatever follows from what the card does. */
static enum kms_status go(struct card_change *change, struct kms_err *err)
{
	struct kms_err why = {0};
	enum kms_status said = authenticate_and_put(change, &why), st;

	if (said == KMS_ERR_IO || change->guard->stopped) {
		if (err)
			*err = why;
		return said;
	}
	st = said ? look_again(change, err) : look_confirmed(change, err);
	if (!st && !said && change->record.seen_new != CARD_SEEN_MATCH) {
		kms_fail(&why, KMS_ERR_MISMATCH,
			"PUT KEY was answered with success, but the old key set is still in its "
			"place");
		st = look_again(change, err);
	}
	if (st)
		return st;
	if (change->record.seen_new == CARD_SEEN_MATCH)
		return finish(change, err);
	if (change->record.seen_old == CARD_SEEN_MATCH)
		return close_refused(change, &why, err);
	return quarantine_unknown(change, err);
}

/* ---- in and out ---- */

static enum kms_status refuse(struct card_change *change, struct kms_err *err)
{
	const struct card_change_record *record = &change->record;
	char seen[160];

	if (record->seen_old == CARD_SEEN_ABSENT && change->sw_old != 0x6A88 &&
		change->sw_old != 0x9000)
		return apdu_refused(err, GP_INITIALIZE_UPDATE, "INITIALIZE UPDATE", change->sw_old);
	card_change_describe(change, seen, sizeof(seen));
	if (record->seen_old == CARD_SEEN_ABSENT) {
		kms_fail(err, KMS_ERR_NOT_FOUND,
			"the card has no key set of version %02X, which '%s' should open: %s",
			record->old_version, change->config.old.keys->name, seen);
		return kms_hint(err, "which versions it has is in 'cardkms card info'");
	}
	kms_fail(err, KMS_ERR_MISMATCH, "'%s' does not open the card: %s",
		change->config.old.keys->name, seen);
	return kms_hint(err, "another master key set, or other diversification data; it was not "
			     "authenticated to, so no try was spent");
}

enum kms_status card_change_check(struct card_change *change, struct kms_err *err)
{
	struct card_change_record *record = &change->record;
	enum kms_status st;

	if (record->step != CHANGE_NEW)
		return kms_fail(err, KMS_ERR_INTERNAL, "a change that is begun is resumed");
	st = card_change_look_for(change, CARD_OLD, err);
	if (!st && record->seen_old == CARD_SEEN_MATCH && change->config.old.version == 0) {
		change->config.old.version = change->guard->init.key_version;
		record->old_version = change->config.old.version;
		st = card_change_allowed(change, err);
	}
	if (!st && record->seen_old != CARD_SEEN_MATCH && record->seen_new != CARD_SEEN_MATCH &&
		change->config.old.version != change->config.fresh.version)
		st = card_change_look_for(change, CARD_NEW, err);
	if (st || record->seen_old == CARD_SEEN_MATCH || record->seen_new == CARD_SEEN_MATCH)
		return st;
	return refuse(change, err);
}

/* What there is to know of a change that an error leaves open. */
static enum kms_status leave(
	const struct card_change *change, enum kms_status st, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;

	if (!card_change_is_open(change->record.step))
		return st;
	if (st == KMS_ERR_IO)
		(void)kms_hint(err, "the change is open: put the card back, then 'cardkms card "
				    "resume' finds out what it took and goes on");
	else if (st && change->record.seen_new == CARD_SEEN_MATCH)
		(void)kms_prefix(err,
			"the change is open, and '%s' are on the card: ", config->fresh.keys->name);
	else if (st && change->record.seen_old == CARD_SEEN_MATCH)
		(void)kms_prefix(err,
			"the change is open, and '%s' are on the card: ", config->old.keys->name);
	return st;
}

enum kms_status card_change_intend(struct card_change *change, struct kms_err *err)
{
	if (change->record.step != CHANGE_NEW || change->record.seen_old != CARD_SEEN_MATCH)
		return kms_fail(err, KMS_ERR_INTERNAL, "a change begins with the old set matched");
	return spend_as(change, CHANGE_INTENDED, err);
}

enum kms_status card_change_run(struct card_change *change, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (!change->guard->spent)
		st = card_change_intend(change, err);
	if (!st)
		st = go(change, err);
	return leave(change, st, err);
}

static enum kms_status resume(struct card_change *change, enum card_resume how, struct kms_err *err)
{
	const struct card_change_record *record = &change->record;
	enum kms_status st = card_change_look(change, err);

	if (st)
		return st;
	if (record->seen_new == CARD_SEEN_MATCH)
		return finish(change, err);
	if (record->seen_old != CARD_SEEN_MATCH)
		return quarantine_unknown(change, err);
	if (how == CARD_ROLL_FORWARD)
		return go(change, err);
	return close_as(change, CHANGE_ABANDONED, "the old key set opens the card as before", err);
}

enum kms_status card_change_resume(
	struct card_change *change, enum card_resume how, struct kms_err *err)
{
	if (!card_change_is_open(change->record.step))
		return kms_fail(err, KMS_ERR_STATE, "there is nothing to resume: the change is %s",
			card_change_step_name(change->record.step));
	return leave(change, resume(change, how, err), err);
}
