/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/hsms.h"

#include "ops/meta.h"
#include "ops/op.h"
#include "ops/period.h"
#include "ops/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool op_hsm_is_production(const struct op_hsm *hsm)
{
	return strcmp(hsm->row.kind, "production") == 0;
}

static void hsm_free(struct op_hsm *h)
{
	if (!h)
		return;
	hsm_close(h->hsm);
	store_hsm_free(&h->row);
	free(h);
}

static void hsm_free_pointer(struct op_hsm **h)
{
	hsm_free(*h);
}

void op_hsms_close(struct op_site *site)
{
	while (site->others) {
		struct op_hsm *h = site->others;

		site->others = h->next;
		hsm_free(h);
	}
}

/*
 * The principal one first, which may share its module with the others. But a machine for card work
 * need not have it: then its module, too, may be missing.
 */
static enum kms_status load(struct op_site *site, struct op_hsm *h, struct kms_err *err)
{
	struct kms_err away = {0};
	enum kms_status st;

	if (!site->hsm && !site->policy.vault_offline &&
		op_token_open(site, site->hsm_uri, site->init_args, &site->hsm, &away))
		op_say(site, "note: the principal HSM is not here: %s", away.msg);
	st = op_token_open(site, h->row.uri, h->row.init_args, &h->hsm, err);
	if (!st && site->hsm)
		st = hsm_beside(h->hsm, site->hsm, err);
	for (const struct op_hsm *other = site->others; !st && other; other = other->next)
		st = hsm_beside(h->hsm, other->hsm, err);
	return st;
}

static enum kms_status same_serial(const struct op_hsm *h, struct kms_err *err)
{
	struct hsm_token_info info;
	enum kms_status st = hsm_token_info(h->hsm, &info, err);

	if (st || !h->row.serial || strcmp(h->row.serial, info.serial) == 0)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH,
		"the token '%s' has serial %s, but the HSM '%s' was added with serial %s",
		info.label, info.serial, h->row.name, h->row.serial);
	return kms_hint(err, "connect that HSM; nothing was changed");
}

enum kms_status op_hsm_is_another(struct op_site *site, const struct op_hsm *h, struct kms_err *err)
{
	/* Where the principal HSM is away, the other token cannot be it. */
	if (!site->hsm || (!site->token_found && hsm_find_token(site->hsm, NULL)) ||
		!hsm_same_token(site->hsm, h->hsm))
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID, "the HSM '%s' is this site's principal HSM itself",
		h->row.name);
}

static struct op_hsm *opened(const struct op_site *site, const char *name)
{
	for (struct op_hsm *h = site->others; h; h = h->next)
		if (strcmp(h->row.name, name) == 0)
			return h;
	return NULL;
}

static enum kms_status copy_row(
	const struct store_hsm *from, struct store_hsm *to, struct kms_err *err)
{
	*to = *from;
	to->name = strdup(from->name);
	to->uri = strdup(from->uri);
	to->init_args = from->init_args ? strdup(from->init_args) : NULL;
	to->kind = strdup(from->kind);
	to->state = strdup(from->state);
	to->serial = from->serial ? strdup(from->serial) : NULL;
	to->op_id = from->op_id ? strdup(from->op_id) : NULL;
	if (!to->name || !to->uri || !to->kind || !to->state ||
		(from->init_args && !to->init_args) || (from->serial && !to->serial) ||
		(from->op_id && !to->op_id))
		return kms_nomem(err);
	return KMS_OK;
}

static enum kms_status take(struct op_site *site, struct op_hsm **h, struct op_hsm **ret_hsm)
{
	(*h)->next = site->others;
	site->others = *h;
	*ret_hsm = *h;
	*h = NULL;
	return KMS_OK;
}

enum kms_status op_hsm_open_row(struct op_site *site, const struct store_hsm *row,
	struct op_hsm **ret_hsm, struct kms_err *err)
{
	struct op_hsm *h __attribute__((cleanup(hsm_free_pointer))) = calloc(1, sizeof(*h));
	enum kms_status st;

	if (!h)
		return kms_nomem(err);
	st = copy_row(row, &h->row, err);
	if (!st)
		st = load(site, h, err);
	return st ? st : take(site, &h, ret_hsm);
}

enum kms_status op_hsm_open(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err)
{
	struct op_hsm *h __attribute__((cleanup(hsm_free_pointer))) = NULL;
	enum kms_status st;

	*ret_hsm = opened(site, name);
	if (*ret_hsm)
		return KMS_OK;
	h = calloc(1, sizeof(*h));
	if (!h)
		return kms_nomem(err);
	st = store_hsm_get(site->store, name, &h->row, err);
	if (!st)
		st = load(site, h, err);
	if (!st)
		st = hsm_find_token(h->hsm, err);
	if (st == KMS_ERR_NOT_FOUND && h->hsm)
		kms_hint(err,
			"connect the HSM '%s'; if it is gone for good: 'cardkms hsm remove %s "
			"--lost'",
			name, name);
	if (!st)
		st = same_serial(h, err);
	if (!st)
		st = op_hsm_is_another(site, h, err);
	return st ? st : take(site, &h, ret_hsm);
}

enum kms_status op_hsm_login(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err)
{
	char pin_name[64], whose[64];
	struct op_hsm *h = NULL;
	enum kms_status st = op_hsm_open(site, name, &h, err);

	if (!st && !h->logged_in) {
		snprintf(pin_name, sizeof(pin_name), "pin.%s", name);
		snprintf(whose, sizeof(whose), "%s HSM's ", name);
		st = op_token_login(site, h->hsm, pin_name, whose, err);
	}
	if (st)
		return st;
	h->logged_in = true;
	*ret_hsm = h;
	return KMS_OK;
}

enum kms_status op_hsm_enter(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err)
{
	enum kms_status st = op_hsm_login(site, name, ret_hsm, err);

	return st ? st : op_reconcile(site, false, NULL, err);
}

bool op_hsm_is_gone(const struct op_site *site, const char *name)
{
	return site->gone && strcmp(site->gone, name) == 0;
}

bool op_hsm_logged_in(const struct op_site *site, const char *name)
{
	const struct op_hsm *h = opened(site, name);

	return h && h->logged_in;
}

/* ---- card work ---- */

static enum kms_status by_production_hsm(struct op_site *site, struct kms_err *err)
{
	STORE_AUTO(hsm_list) struct store_hsm_list list = {0};
	struct kms_err passed = {0};
	enum kms_status st = store_hsms(site->store, &list, err);

	for (size_t i = 0; !st && !site->cards && i < list.count; i++) {
		const struct store_hsm *row = &list.items[i];
		struct op_hsm *h = NULL;

		if (strcmp(row->kind, "production") != 0 || strcmp(row->state, "active") != 0)
			continue;
		if (site->cards_name && strcmp(site->cards_name, row->name) != 0)
			continue;
		if (passed.msg[0])
			op_say(site, "note: another HSM is taken: %s", passed.msg);
		st = op_hsm_login(site, row->name, &h, &passed);
		if (!st) {
			site->cards = h->hsm;
			op_period_warn(site);
		}
		/* One that is away is no reason to stop, if there is another. A wrong PIN is. */
		else if (st != KMS_ERR_AUTH)
			st = KMS_OK;
	}
	if (site->cards || !passed.msg[0])
		return st;
	*err = passed;
	return passed.code;
}

enum kms_status op_site_cards_hsm(struct op_site *site, struct kms_err *err)
{
	enum kms_status st = site->cards ? KMS_OK : by_production_hsm(site, err);

	if (st || site->cards)
		return st;
	if (site->cards_name)
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"there is no production HSM '%s' in use at this site", site->cards_name);
	if (site->policy.vault_offline) {
		kms_fail(err, KMS_ERR_DENIED,
			"the principal HSM is offline by the site's policy: it does no card work");
		return kms_hint(err,
			"add a production HSM ('cardkms hsm add NAME --kind production …') and "
			"copy the keys to it ('cardkms hsm replicate NAME')");
	}
	st = op_site_login(site, err);
	if (!st)
		site->cards = site->hsm;
	return st;
}

enum kms_status op_site_cards_key(struct op_site *site, const struct store_key *row,
	struct hsm_key *ret_key, struct kms_err *err)
{
	enum key_role role;
	enum kms_status st;

	if (site->cards == site->hsm)
		st = op_key_verify(site, row, err);
	else if (!(st = key_role_parse(row->role, &role, err)))
		st = op_key_verify_at(site->cards, row,
			key_role_is_content(role) ? HSM_CARD_SIGN : HSM_MASTER_PRODUCTION, err);
	return st ? st : op_key_object_at(site->cards, row, ret_key, err);
}
