/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody holds two components of one key: who has ever held one, and who may get one. */
#include "base/near.h"
#include "base/utf8.h"
#include "keys/key.h"
#include "ops/custody.h"
#include "store/people.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Three bytes that agree by chance are one case in sixteen million. */
static bool same_key(const struct store_key *a, const struct store_key *b)
{
	return a->check_value && b->check_value && strcmp(a->check_value, b->check_value) == 0 &&
	       strcmp(a->role, b->role) == 0 && strcmp(a->algorithm, b->algorithm) == 0;
}

struct deputies {
	struct op_custodians *holders;
	int64_t component;
};

static enum kms_status add_deputy(void *ctx, const char *name, struct kms_err *err)
{
	struct deputies *d = ctx;

	return op_custodians_add(d->holders, name, (unsigned)d->component, err);
}

static enum kms_status add_deputies(const struct custody *c, const char *label,
	struct op_custodians *holders, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < c->count; i++) {
		struct deputies d = {holders, c->sheets[i].now.component};

		if (key_label_same(c->sheets[i].made->key_label, label))
			st = custody_names(c->sheets[i].now.deputies, add_deputy, &d, err);
	}
	return st;
}

/* Each person once with each component: rows repeat what is still so. */
static void strike_repeated(struct op_custodians *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		size_t k = 0;

		while (k < kept && !(list->items[k].component == list->items[i].component &&
					   name_same(list->items[k].name, list->items[i].name)))
			k++;
		if (k < kept)
			free((char *)list->items[i].name);
		else
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

enum kms_status custody_holders(struct op_site *site, const struct custody *c,
	const struct custody_sheet *sheet, bool deputies, struct op_custodians *ret_holders,
	struct kms_err *err)
{
	struct op_custodians found __attribute__((cleanup(op_custodians_free))) = {0};
	const char *label = sheet->made->key_label;
	enum kms_status st = op_custodians_gather(site, label, &found, err);

	if (!st && deputies)
		st = add_deputies(c, label, &found, err);
	for (size_t i = 0; !st && sheet->key && i < c->keys.count; i++) {
		const char *other = c->keys.items[i].label;

		if (!same_key(&c->keys.items[i], sheet->key) || key_label_same(other, label))
			continue;
		st = op_custodians_gather(site, other, &found, err);
		if (!st && deputies)
			st = add_deputies(c, other, &found, err);
	}
	if (st)
		return st;
	strike_repeated(&found);
	*ret_holders = found;
	found = (struct op_custodians){0};
	return KMS_OK;
}

static enum kms_status near_rule(struct op *op, const char *label, const char *person,
	int64_t component, const char *other, int64_t other_component, struct kms_err *err)
{
	if (name_same(person, other) || !near_person(person, other))
		return KMS_OK;
	return op_override(op, err,
		"'%s' (component %" PRId64 " of '%s') and '%s' (component %" PRId64
		") may be one person under two spellings",
		person, component, label, other, other_component);
}

enum kms_status custody_rule(struct op *op, const char *label, const struct op_custodians *holders,
	const char *person, int64_t component, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < holders->count; i++) {
		const struct cer_custodian *other = &holders->items[i];

		if (other->component == (unsigned)component)
			continue;
		if (name_same(person, other->name)) {
			kms_fail(err, KMS_ERR_DENIED,
				"%s cannot have component %" PRId64
				" of '%s': the same person has held, or stands by for, component "
				"%u of that key",
				person, component, label, other->component);
			return kms_hint(err, "name somebody else: nobody ever holds two components "
					     "of one key");
		}
		st = near_rule(op, label, person, component, other->name, other->component, err);
	}
	return st;
}

/* Among the pairs themselves; that nobody stands there twice the file's reading has seen. */
static enum kms_status pairs_near(
	struct op *op, const char *label, const struct cer_pairs *pairs, struct kms_err *err)
{
	const size_t people = pairs->count * CER_PAIR_SIZE;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < people; i++)
		for (size_t k = i + 1; !st && k < people; k++)
			st = near_rule(op, label,
				pairs->pairs[i / CER_PAIR_SIZE].names[i % CER_PAIR_SIZE],
				(int64_t)(i / CER_PAIR_SIZE) + 1,
				pairs->pairs[k / CER_PAIR_SIZE].names[k % CER_PAIR_SIZE],
				(int64_t)(k / CER_PAIR_SIZE) + 1, err);
	return st;
}

enum kms_status custody_not_left(const struct custody *c, const char *person, struct kms_err *err)
{
	char date[CUSTODY_DATE_SIZE];

	for (size_t i = 0; i < c->leavers.count; i++) {
		if (!name_same(c->leavers.items[i].person, person))
			continue;
		custody_date(c->leavers.items[i].left_on, date);
		kms_fail(err, KMS_ERR_DENIED, "%s has left, on %s", person, date);
		return kms_hint(err, "'cardkms custody audit' says what is to be replaced");
	}
	return KMS_OK;
}

enum kms_status custody_rule_pairs(
	struct op *op, const char *label, const struct cer_pairs *pairs, struct kms_err *err)
{
	struct op_custodians earlier __attribute__((cleanup(op_custodians_free))) = {0};
	CUSTODY_AUTO struct custody c = {0};
	enum kms_status st = op_custodians_gather(op->site, label, &earlier, err);

	if (!st)
		st = cer_separation_pairs(label, earlier.items, earlier.count, pairs, err);
	if (!st)
		st = custody_load(op->site, &c, err);
	if (!st)
		st = add_deputies(&c, label, &earlier, err);
	for (size_t i = 0; !st && i < pairs->count * CER_PAIR_SIZE; i++) {
		const char *name = pairs->pairs[i / CER_PAIR_SIZE].names[i % CER_PAIR_SIZE];

		st = custody_rule(op, label, &earlier, name, (int64_t)(i / CER_PAIR_SIZE) + 1, err);
		if (!st)
			st = custody_not_left(&c, name, err);
	}
	return st ? st : pairs_near(op, label, pairs, err);
}

bool custody_within_reach(const struct store_custody *a, const struct store_custody *b)
{
	return a->safe && b->safe && name_same(a->safe, b->safe) &&
	       strcmp(a->state, "destroyed") != 0 && strcmp(b->state, "destroyed") != 0;
}

bool custody_same_way(const struct store_custody *a, const struct store_custody *b)
{
	enum { DAY = 24 * 60 * 60 };

	return a->channel && b->channel && a->conveyed / DAY == b->conveyed / DAY &&
	       name_same(a->channel, b->channel);
}

enum kms_status custody_has_left(struct op_site *site, const struct custody *c, const char *person,
	bool *ret_left, int64_t *ret_on, struct kms_err *err)
{
	STORE_AUTO(officer_list) struct store_officer_list officers = {0};
	enum kms_status st = store_officers(site->store, &officers, err);

	if (st)
		return st;
	*ret_left = false;
	for (size_t i = 0; i < officers.count; i++)
		if (strcmp(officers.items[i].state, "disabled") == 0 &&
			name_same(officers.items[i].name, person)) {
			*ret_left = true;
			*ret_on = officers.items[i].changed;
		}
	for (size_t i = 0; i < c->leavers.count; i++)
		if (name_same(c->leavers.items[i].person, person)) {
			*ret_left = true;
			*ret_on = c->leavers.items[i].left_on;
		}
	return KMS_OK;
}
