/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked of a change before anything is sent, and its words. */
#include "card/change_int.h"

#include <string.h>

enum { VERSION_MAX = 0x7F, FACTORY_VERSION = 0xFF };

static const char *const step_names[CHANGE_STEPS] = {
	"new",
	"intended",
	"doubted",
	"put",
	"proven",
	"done",
	"old-stays",
	"refused",
	"abandoned",
	"quarantined",
};

const char *card_change_step_name(enum card_change_step step)
{
	return step < CHANGE_STEPS ? step_names[step] : "?";
}

enum card_change_step card_change_step_parse(const char *name)
{
	enum card_change_step step = CHANGE_NEW;

	while (step < CHANGE_STEPS && strcmp(step_names[step], name) != 0)
		step++;
	return step;
}

bool card_change_is_open(enum card_change_step step)
{
	return step > CHANGE_NEW && step < CHANGE_DONE;
}

void card_change_configure(struct card_change_config *config, const struct card_profile *profile)
{
	config->rule = profile->initial_set;
	config->key_block = profile->key_block;
	config->no_delete = profile->quirks & CARD_QUIRK_NO_DELETE_KEY;
	config->version_min = profile->versions_min;
	config->version_max = profile->versions_max;
}

static enum kms_status check_versions(const struct card_change *change, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;
	unsigned old = config->old.version, fresh = config->fresh.version;
	unsigned min = config->version_min ? config->version_min : 1;
	unsigned max = config->version_max ? config->version_max : VERSION_MAX;

	if (fresh < min || fresh > max)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot put keys of version %02X on this card: it takes %02X to %02X",
			fresh, min, max);
	if (old > VERSION_MAX && old != FACTORY_VERSION)
		return kms_fail(err, KMS_ERR_INVALID, "key version %02X is none", old);
	if (config->rule == CARD_REPLACE && old == FACTORY_VERSION) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot replace the factory set in place: PUT KEY replaces versions 01 to "
			"7F, and this one has version FF");
		return kms_hint(
			err, "a card profile with initial-set = ff-consumed fits this card");
	}
	if (config->rule == CARD_ADD_DELETE && old == fresh) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot add keys of version %02X beside the old ones: those have that "
			"version",
			fresh);
		return kms_hint(err, "give the new key set another version");
	}
	return KMS_OK;
}

/*
 * GPCS 2.3.1 clause 11.8.2.3.3: replacing changes neither type nor size. Adding may bring another
 * type, if the card opens with it; a weaker one is never put on.
 */
static enum kms_status check_types(const struct card_change *change, struct kms_err *err)
{
	const struct card_change_config *config = &change->config;
	const struct card_keys *old = config->old.keys, *fresh = config->fresh.keys;
	const char *was = card_key_type_name(old->type, old->key_len);
	const char *is = card_key_type_name(fresh->type, fresh->key_len);

	if (fresh->type == CARD_KEY_AES && fresh->key_len == 24 &&
		config->key_block == GP_BLOCK_PLAIN && old->type == CARD_KEY_AES)
		return kms_fail(err, KMS_ERR_INVALID,
			"AES-192 keys need the key block with the inner length byte");
	if (old->type == fresh->type && old->key_len == fresh->key_len)
		return KMS_OK;
	if (config->rule == CARD_REPLACE) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot replace %s keys by %s keys in place: a card keeps type and length",
			was, is);
		return kms_hint(
			err, "take a key set of %s, or a card that takes a second set", was);
	}
	if ((old->type == CARD_KEY_AES && fresh->type == CARD_KEY_DES) ||
		(old->type == fresh->type && fresh->key_len < old->key_len))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot put %s keys where %s keys are: they are weaker", is, was);
	if (config->takes_other_type)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID,
		"cannot put %s keys beside %s keys: this card is not known to open with them", is,
		was);
	return kms_hint(err,
		"its recognition data or profile should name the protocol; or take a "
		"key set of %s",
		was);
}

enum kms_status card_change_allowed(const struct card_change *change, struct kms_err *err)
{
	enum kms_status st = check_versions(change, err);

	return st ? st : check_types(change, err);
}

static enum kms_status adopt(
	struct card_change *change, const struct card_change_record *record, struct kms_err *err)
{
	if (!card_change_is_open(record->step))
		return kms_fail(err, KMS_ERR_STATE, "the change is not open: it is %s",
			card_change_step_name(record->step));
	if (record->new_version != change->config.fresh.version ||
		record->old_version != change->config.old.version ||
		record->rule != change->config.rule)
		return kms_fail(err, KMS_ERR_INTERNAL,
			"the change that waits is of versions %02X and %02X, not of %02X and %02X",
			record->old_version, record->new_version, change->config.old.version,
			change->config.fresh.version);
	change->record = *record;
	return KMS_OK;
}

enum kms_status card_change_open(struct card_change *ret_change, struct card_guard *guard,
	const struct card_change_config *config, const struct card_change_record *record,
	struct kms_err *err)
{
	struct card_change *change = ret_change;
	enum kms_status st;

	memset(change, 0, sizeof(*change));
	change->config = *config;
	change->guard = guard;
	change->record.rule = config->rule;
	change->record.old_version = config->old.version;
	change->record.new_version = config->fresh.version;
	st = card_change_allowed(change, err);
	if (!st && record)
		st = adopt(change, record, err);
	guard->change = change->record.step == CHANGE_NEW ? NULL : &change->record;
	return st;
}
