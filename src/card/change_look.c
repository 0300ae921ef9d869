/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the two sets is on the card: what it does tells, never what it says. */
#include "card/change_int.h"

#include <stdio.h>

/* SW_OK: by default the card takes another version than the factory's. */
enum { SW_ABSENT = 0x6A88, SW_OK = 0x9000 };

static bool same_version(const struct card_change *change)
{
	return change->config.old.version == change->config.fresh.version;
}

static bool neither(const struct card_change *change)
{
	return change->record.seen_old != CARD_SEEN_MATCH &&
	       change->record.seen_new != CARD_SEEN_MATCH;
}

/* INITIALIZE UPDATE was answered by a status word: there is no such set, or it is not to be had. */
static bool refused(const struct card_change *change, enum kms_status st)
{
	return !change->guard->stopped && (st == KMS_ERR_NOT_FOUND || st == KMS_ERR_CARD);
}

static void see(struct card_change *change, enum card_which which, enum card_seen seen)
{
	bool both = same_version(change);

	if (which == CARD_OLD || both) {
		change->record.seen_old = seen;
		change->sw_old = change->guard->gp->sw;
	}
	if (which == CARD_NEW || both) {
		change->record.seen_new = seen;
		change->sw_new = change->guard->gp->sw;
	}
}

/* Tries the answer with one set. KMS_OK: it matched or not. */
static enum kms_status try_set(
	struct card_change *change, enum card_which which, bool *ret_match, struct kms_err *err)
{
	bool old = which == CARD_OLD;
	const struct card_set *set = old ? &change->config.old : &change->config.fresh;
	enum kms_status st = card_guard_match(change->guard, set->keys, err);

	*ret_match = !st;
	if (st && st != KMS_ERR_MISMATCH)
		return st;
	if (!st && old)
		change->record.seen_old = CARD_SEEN_MATCH;
	else if (!st)
		change->record.seen_new = CARD_SEEN_MATCH;
	return KMS_OK;
}

static enum kms_status ask(struct card_change *change, enum card_which which, struct kms_err *err)
{
	const struct card_set *set =
		which == CARD_OLD ? &change->config.old : &change->config.fresh;
	struct card_guard *guard = change->guard;
	enum kms_status st = KMS_OK;
	bool match;

	see(change, which, CARD_SEEN_UNKNOWN);
	if (!guard->asked || guard->asked_version != set->version)
		st = card_guard_ask(guard, set->version, set->challenge_len, err);
	if (refused(change, st)) {
		see(change, which, CARD_SEEN_ABSENT);
		return KMS_OK;
	}
	if (st)
		return st;
	see(change, which, CARD_SEEN_OTHER);
	st = try_set(change, which, &match, err);
	if (!st && (!match || same_version(change)))
		st = try_set(change, which == CARD_OLD ? CARD_NEW : CARD_OLD, &match, err);
	return st;
}

/*
 * An answer that there should not be: refused, but not with 6A88; or, in a change that is begun, from
 * a version of its own but from unknown keys. It is not believed the first time.
 */
static bool unexpected(const struct card_change *change, enum card_which which)
{
	bool old = which == CARD_OLD;
	enum card_seen seen = old ? change->record.seen_old : change->record.seen_new;
	unsigned sw = old ? change->sw_old : change->sw_new;

	if (seen == CARD_SEEN_ABSENT)
		return sw != SW_ABSENT && sw != SW_OK;
	return seen == CARD_SEEN_OTHER && !same_version(change) &&
	       change->record.step != CHANGE_NEW;
}

enum kms_status card_change_look_for(
	struct card_change *change, enum card_which which, struct kms_err *err)
{
	enum kms_status st = ask(change, which, err);

	if (st || !unexpected(change, which))
		return st;
	card_guard_forget(change->guard);
	return ask(change, which, err);
}

/* GET DATA E0 is a hint, from anyone who can speak for the card: it orders questions, no more. */
static enum kms_status guess(
	struct card_change *change, enum card_which *ret_last, struct kms_err *err)
{
	struct gp_key_list list;
	unsigned type, length;
	enum kms_status st;

	*ret_last = CARD_NEW;
	if (change->guard->config.no_key_template)
		return KMS_OK;
	st = gp_get_key_list(change->guard->gp, &list, err);
	if (st == KMS_ERR_IO)
		return st;
	if (!st && !gp_key_list_set(&list, change->config.fresh.version, &type, &length))
		*ret_last = CARD_OLD;
	return KMS_OK;
}

static enum kms_status look_once(struct card_change *change, struct kms_err *err)
{
	enum card_which last = CARD_NEW;
	enum kms_status st;

	if (same_version(change))
		return card_change_look_for(change, CARD_NEW, err);
	st = guess(change, &last, err);
	if (!st)
		st = card_change_look_for(change, last == CARD_NEW ? CARD_OLD : CARD_NEW, err);
	return st ? st : card_change_look_for(change, last, err);
}

enum kms_status card_change_look(struct card_change *change, struct kms_err *err)
{
	enum kms_status st = look_once(change, err);

	if (st || !neither(change))
		return st;
	st = card_guard_reset(change->guard, err);
	return st ? st : look_once(change, err);
}

static void describe_one(
	unsigned version, enum card_seen seen, unsigned sw, char *ret_text, size_t size)
{
	switch (seen) {
	case CARD_SEEN_MATCH:
		snprintf(ret_text, size, "version %02X opens", version);
		break;
	case CARD_SEEN_OTHER:
		snprintf(ret_text, size, "version %02X answers with unknown keys", version);
		break;
	case CARD_SEEN_ABSENT:
		snprintf(ret_text, size, "version %02X was refused (SW %04X)", version, sw);
		break;
	default:
		snprintf(ret_text, size, "version %02X was not answered", version);
		break;
	}
}

void card_change_describe(const struct card_change *change, char *ret_text, size_t size)
{
	const struct card_change_record *record = &change->record;
	char old[64], fresh[64];

	describe_one(record->old_version, record->seen_old, change->sw_old, old, sizeof(old));
	describe_one(record->new_version, record->seen_new, change->sw_new, fresh, sizeof(fresh));
	if (same_version(change))
		snprintf(ret_text, size, "%s", fresh);
	else
		snprintf(ret_text, size, "%s, %s", old, fresh);
}
