/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New keys under the DEK of the set that is on the card: inside the token where it can, else with
 * the new key in secret memory for one call; and the holder of a vendor's initial keys.
 */
#include "ops/cardkeys_int.h"

#include "hsm/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct initial {
	struct card_keys base;
	struct card_keys *clear;
	struct op_site *site;
	struct card_dek_object dek;
};

static enum kms_status initial_session_cbc(struct card_keys *base, enum card_role role,
	const unsigned char data[CARD_CBC_DATA], struct secret *ret_key, struct kms_err *err)
{
	struct card_keys *clear = ((struct initial *)base)->clear;

	return clear->ops->session_cbc(clear, role, data, ret_key, err);
}

static enum kms_status initial_session_kdf(struct card_keys *base, enum card_role role,
	const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context, size_t context_len,
	size_t len, struct secret *ret_key, struct kms_err *err)
{
	struct card_keys *clear = ((struct initial *)base)->clear;

	return clear->ops->session_kdf(clear, role, fixed, context, context_len, len, ret_key, err);
}

static enum kms_status initial_kcv(struct card_keys *base, enum card_role role,
	unsigned char ret_kcv[CARD_KCV_SIZE], struct kms_err *err)
{
	struct card_keys *clear = ((struct initial *)base)->clear;

	return clear->ops->kcv(clear, role, ret_kcv, err);
}

static void initial_free(struct card_keys *base)
{
	struct initial *i = (struct initial *)base;

	if (i->site->cards)
		hsm_key_drop(i->site->cards, &i->dek.key);
	card_keys_free(i->clear);
	free(i);
}

static const struct card_keys_ops initial_ops = {
	initial_session_cbc, initial_session_kdf, op_card_wrap, initial_kcv, initial_free};

static struct initial *as_initial(const struct card_keys *keys)
{
	return keys->ops == &initial_ops ? (struct initial *)(uintptr_t)keys : NULL;
}

enum kms_status op_card_keys_initial(struct op_site *site, struct card_keys *clear,
	struct card_keys **ret_keys, struct kms_err *err)
{
	struct initial *i = calloc(1, sizeof(*i));

	if (!i)
		return kms_nomem(err);
	*i = (struct initial){.base = *clear, .clear = clear, .site = site};
	i->base.ops = &initial_ops;
	*ret_keys = &i->base;
	return KMS_OK;
}

const char *op_card_keys_host_assisted(const struct card_keys *keys)
{
	struct derived *d = op_card_derived(keys);

	if (!d)
		return "keys in clear";
	return *d->host ? d->host : NULL;
}

/* ---- where a key can be encrypted ---- */

struct place {
	enum hsm_where where;
	const char *purpose; /* "PUT KEY under SCP02" */
};

static enum kms_status not_possible(
	const struct card_keys *old, const char *fresh, const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_UNSUPPORTED, "cannot encrypt '%s' under '%s': %s", fresh, old->name,
		why);
	return kms_hint(err, "'cardkms hsm capabilities' shows what this token can do");
}

static enum kms_status denied(const struct card_keys *old, const char *fresh, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_DENIED,
		"cannot encrypt '%s' under '%s': the token cannot do it inside, and the "
		"site's policy keeps keys out of this machine's memory",
		fresh, old->name);
	return kms_hint(err, "use a token that can do it ('cardkms hsm capabilities'), or set "
			     "host-assisted = allow in site.ini");
}

static bool is_copy(const struct derived *d)
{
	return d->recipe[CARD_DEK].kind == KEY_RECIPE_COPY;
}

/* A master that may only derive cannot wrap, and no token can be made to let it. */
static bool dek_is_master(const struct card_keys *old)
{
	const struct derived *d = op_card_derived(old);

	return d && is_copy(d) && old->type == CARD_KEY_AES;
}

static enum kms_status may_leave(
	const struct card_keys *old, const struct derived *fresh, struct kms_err *err)
{
	if (fresh->masters->use != OP_CARD_NEW)
		return kms_fail(err, KMS_ERR_STATE,
			"cannot put the keys '%s' on a card: they were opened to get cards off "
			"them",
			fresh->base.name);
	for (enum card_role role = CARD_ENC; is_copy(fresh) && role < CARD_ROLES; role++)
		if (!(fresh->masters->copy[role].usage & HSM_IS_EXTRACTABLE))
			return not_possible(old, fresh->base.name,
				"without diversification the card gets the masters themselves, and "
				"these may not leave the HSM",
				err);
	return KMS_OK;
}

/* For bytes that are whole blocks of the DEK's cipher. */
static enum kms_status find_way(struct hsm *hsm, const struct card_keys *old, const char *fresh,
	struct place *ret_place, struct kms_err *err)
{
	bool des = old->type == CARD_KEY_DES;
	struct hsm_way way;
	enum kms_status st =
		hsm_way(hsm, des ? HSM_OP_SCP02_PUT_KEY : HSM_OP_SCP03_PUT_KEY, &way, err);

	if (st)
		return st;
	if (!way.available)
		return not_possible(old, fresh, "the token has no way to do it", err);
	*ret_place = (struct place){dek_is_master(old) ? HSM_HOST_ASSISTED : way.where,
		des ? "PUT KEY under SCP02" : "PUT KEY under SCP03"};
	return KMS_OK;
}

static enum kms_status find_place(struct hsm *hsm, const struct card_keys *old,
	const struct derived *fresh, struct place *ret_place, struct kms_err *err)
{
	struct hsm_way typed;
	enum kms_status st = may_leave(old, fresh, err);

	if (!st)
		st = find_way(hsm, old, fresh->base.name, ret_place, err);
	if (st)
		return st;
	/* Typed keys that are no whole blocks: tokens differ in how they fill them up. */
	if (old->type == CARD_KEY_AES && is_copy(fresh) && fresh->base.key_len % CARD_CBC_DATA &&
		!dek_is_master(old)) {
		st = hsm_way(hsm, HSM_OP_WRAP_RAW_AES, &typed, err);
		if (!st)
			ret_place->where = typed.where;
	}
	return st;
}

static bool diversified_by_host(const struct derived *d)
{
	return d && key_recipe_needs_host(&d->recipe[CARD_DEK]);
}

/* Initial keys are whatever the vendor chose: only the room protects what goes under them. */
static enum kms_status check_strength(
	struct op *op, const struct derived *from, const struct derived *to, struct kms_err *err)
{
	struct kms_err why = {0};

	if (!from || !key_wrap_allowed(from->masters->info.alg, to->masters->info.alg, &why))
		return KMS_OK;
	return op_override(op, err, "cannot encrypt the keys '%s' under '%s': %s", to->base.name,
		from->base.name, why.msg);
}

enum kms_status op_card_keys_may_wrap(struct op *op, const struct card_keys *old,
	const struct card_keys *fresh, struct kms_err *err)
{
	const struct derived *to = op_card_derived(fresh), *from = op_card_derived(old);
	struct place place;
	char what[160];
	enum kms_status st;

	if (!to || (!from && !as_initial(old)))
		return not_possible(
			old, fresh->name, "these keys are not held by this site's HSM", err);
	st = find_place(op->site->cards, old, to, &place, err);
	if (!st)
		st = check_strength(op, from, to, err);
	if (!st && place.where == HSM_HOST_ASSISTED) {
		snprintf(what, sizeof(what), "the new keys '%s' (%s)", fresh->name, place.purpose);
		st = op_host_assisted(op, what, err);
	}
	if (!st && (diversified_by_host(to) || diversified_by_host(from))) {
		snprintf(what, sizeof(what), "the keys '%s' (diversification by %s)",
			diversified_by_host(to) ? fresh->name : old->name,
			(diversified_by_host(to) ? to : from)->masters->div.name);
		st = op_host_assisted(op, what, err);
	}
	return st;
}

/* ---- the two keys ---- */

/* The token's own key object for the DEK of a derived set. */
static enum kms_status derived_dek(struct derived *d, const struct card_dek *dek, enum hsm_role how,
	struct hsm_key *ret_key, struct kms_err *err)
{
	static const unsigned char zero_iv[CARD_CBC_DATA];
	const struct hsm_temp temp = {HSM_TDEA2, 0, how};
	struct hsm_key *base;
	enum kms_status st;

	if (dek->use == CARD_DEK_STATIC_CBC)
		return op_card_make(d, CARD_DEK, &d->recipe[CARD_DEK], how, ret_key, err);
	st = op_card_used(d, CARD_DEK, &base, err);
	return st ? st
		  : hsm_derive_cbc(d->masters->site->cards, base, zero_iv, dek->data, CARD_CBC_DATA,
			    &temp, ret_key, err);
}

static enum kms_status initial_dek(struct initial *i, const struct card_dek *dek, enum hsm_role how,
	struct hsm_key *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret value = {0};
	struct hsm_temp temp = {HSM_TDEA2, 0, how};
	enum kms_status st = card_keys_clear_dek(i->clear, dek, &value, err);

	if (i->base.type == CARD_KEY_AES)
		temp.alg = i->base.key_len == 16   ? HSM_AES128
			   : i->base.key_len == 24 ? HSM_AES192
						   : HSM_AES256;
	return st ? st : hsm_temp_import(i->site->cards, &temp, &value, ret_key, err);
}

/* One object for the three keys of a PUT KEY; the session DEK of the next session is another. */
static enum kms_status take_dek(struct card_keys *old, const struct card_dek *dek,
	const struct place *place, struct hsm_key **ret_key, struct kms_err *err)
{
	struct derived *d = op_card_derived(old);
	struct initial *i = as_initial(old);
	struct card_dek_object *o = d ? &d->dek : &i->dek;
	struct hsm *hsm = d ? d->masters->site->cards : i->site->cards;
	enum hsm_role how = place->where == HSM_IN_HSM ? HSM_TEMP_KEK : HSM_TEMP_ENCRYPT;
	bool same = o->there && o->dek.use == dek->use &&
		    (dek->use == CARD_DEK_STATIC_CBC ||
			    memcmp(o->dek.data, dek->data, sizeof(dek->data)) == 0);
	enum kms_status st = KMS_OK;

	if (!same) {
		hsm_key_drop(hsm, &o->key);
		o->there = false;
		st = d ? derived_dek(d, dek, how, &o->key, err)
		       : initial_dek(i, dek, how, &o->key, err);
		if (st)
			return st;
		o->dek = *dek;
		o->there = true;
	}
	*ret_key = &o->key;
	return KMS_OK;
}

/* What the card gets: the raw bytes, under AES filled to whole blocks. */
static enum kms_status take_fresh(struct derived *d, enum card_role role, bool under_aes,
	struct hsm_key *ret_key, struct kms_err *err)
{
	struct key_recipe recipe = d->recipe[role];

	if (under_aes)
		key_recipe_fill_blocks(&recipe);
	return op_card_make(d, role, &recipe, HSM_TEMP_CARD, ret_key, err);
}

enum kms_status op_card_wrap(struct card_keys *old, const struct card_dek *dek,
	struct card_keys *fresh, enum card_role role, struct card_key_block *ret_block,
	struct kms_err *err)
{
	struct derived *d = op_card_derived(fresh);
	struct card_key_block block = {.len = 0};
	bool cbc = dek->use == CARD_DEK_STATIC_CBC;
	struct hsm_key target = {0}, *kek;
	struct place place;
	enum hsm_where where;
	struct op_site *site;
	enum kms_status st;

	if (!d)
		return not_possible(
			old, fresh->name, "the new keys are not held by this site's HSM", err);
	if (cbc != (old->type == CARD_KEY_AES))
		return kms_fail(err, KMS_ERR_INTERNAL, "'%s' has no such DEK", old->name);
	site = d->masters->site;
	st = find_place(site->cards, old, d, &place, err);
	if (!st && place.where == HSM_HOST_ASSISTED && !site->policy.host_assisted)
		st = denied(old, fresh->name, err);
	if (!st)
		st = take_dek(old, dek, &place, &kek, err);
	if (!st)
		st = take_fresh(d, role, cbc, &target, err);
	if (!st)
		st = hsm_wrap(site->cards, kek, &target, cbc ? HSM_WRAP_CBC : HSM_WRAP_ECB,
			site->policy.host_assisted, block.block, sizeof(block.block), &block.len,
			&where, err);
	hsm_key_drop(site->cards, &target);
	if (!st && where == HSM_HOST_ASSISTED)
		op_card_note_host(d, place.purpose);
	if (!st)
		st = fresh->ops->kcv(fresh, role, block.kcv, err);
	if (!st)
		*ret_block = block;
	return st;
}

/* ---- one key of the site's own ---- */

enum kms_status op_card_keys_may_wrap_one(struct op *op, const struct card_keys *old,
	const char *label, enum key_alg alg, struct kms_err *err)
{
	const struct derived *from = op_card_derived(old);
	struct kms_err why = {0};
	struct place place;
	char what[160];
	enum kms_status st;

	if (!from && !as_initial(old))
		return not_possible(old, label, "that set is not held by this site's HSM", err);
	st = find_way(op->site->cards, old, label, &place, err);
	if (!st && from && key_wrap_allowed(from->masters->info.alg, alg, &why))
		st = op_override(
			op, err, "cannot encrypt '%s' under '%s': %s", label, old->name, why.msg);
	if (!st && place.where == HSM_HOST_ASSISTED) {
		snprintf(what, sizeof(what), "the key '%s' (%s)", label, place.purpose);
		st = op_host_assisted(op, what, err);
	}
	if (!st && diversified_by_host(from)) {
		snprintf(what, sizeof(what), "the keys '%s' (diversification by %s)", old->name,
			from->masters->div.name);
		st = op_host_assisted(op, what, err);
	}
	return st;
}

enum kms_status op_card_wrap_one(struct op_site *site, struct card_keys *old,
	const struct card_dek *dek, struct hsm_key *target, struct card_key_block *block,
	struct kms_err *err)
{
	bool cbc = dek->use == CARD_DEK_STATIC_CBC;
	struct hsm_key *kek;
	struct place place;
	enum kms_status st;

	if (cbc != (old->type == CARD_KEY_AES))
		return kms_fail(err, KMS_ERR_INTERNAL, "'%s' has no such DEK", old->name);
	st = find_way(site->cards, old, target->label, &place, err);
	if (!st && place.where == HSM_HOST_ASSISTED && !site->policy.host_assisted)
		st = denied(old, target->label, err);
	if (!st)
		st = take_dek(old, dek, &place, &kek, err);
	return st ? st
		  : hsm_wrap(site->cards, kek, target, cbc ? HSM_WRAP_CBC : HSM_WRAP_ECB,
			    site->policy.host_assisted, block->block, sizeof(block->block),
			    &block->len, NULL, err);
}
