/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: settles what an interrupted operation left, then compares store, HSM and audit log, and
 * says what needs a person. It never deletes what it does not know.
 */
#include "ops/ops.h"

#include "ops/meta.h"
#include "ops/op.h"
#include "ops/reconcile.h"
#include "ops/survey.h"
#include "ops/token.h"
#include "store/cards.h"
#include "store/journal.h"
#include "store/lock.h"

#include <stdio.h>
#include <string.h>

enum { LOCK_WAIT_SECONDS = 10, WAITING_MAX = 50 };

/* How far the site is with its HSM. */
enum stage {
	NOT_SET_UP,
	SET_UP,
	REBUILDING, /* a new token was to take the lost one's place, and did not come to it */
};

static enum kms_status find_stage(struct op_site *site, enum stage *ret_stage, struct kms_err *err)
{
	STORE_AUTO(op_list) struct store_op_list ops = {0};
	FREE_AUTO char *identity = NULL;
	enum kms_status st = op_meta_find(site, META_IDENTITY, &identity, err);

	if (!st)
		st = store_ops(site->store, "intent", &ops, err);
	if (st)
		return st;
	*ret_stage = identity ? SET_UP : NOT_SET_UP;
	for (size_t i = 0; i < ops.count; i++)
		if (strcmp(ops.items[i].kind, OP_HSM_REBUILD) == 0)
			*ret_stage = REBUILDING;
	return KMS_OK;
}

/*
 * A site whose HSM was never set up may have no token, or one without a PIN: nothing is on it. The
 * token of a rebuild is not yet the recorded one.
 */
static enum kms_status find_token(struct op_site *site, enum stage stage, struct kms_err *err)
{
	enum op_token token;
	enum kms_status st;

	if (stage == SET_UP)
		return op_site_login(site, err);
	st = op_token_state(site, &token, err);
	if (st)
		return st;
	site->token_blank = token != OP_TOKEN_READY;
	if (stage == NOT_SET_UP || site->token_blank)
		return KMS_OK;
	st = op_token_login(site, site->hsm, "pin", "", err);
	site->token_found = site->logged_in = st == KMS_OK;
	return st;
}

static enum kms_status take_findings(json_t *findings, json_t *from, struct kms_err *err)
{
	return json_array_extend(findings, from) ? kms_nomem(err) : KMS_OK;
}

/* Cards whose change was cut off: only with the card in a reader can that be settled. */
static enum kms_status waiting_cards(struct op_site *site, json_t *findings, struct kms_err *err)
{
	STORE_AUTO(change_list) struct store_change_list list = {0};
	enum kms_status st = store_changes_open(site->store, WAITING_MAX, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_change *c = &list.items[i];

		if (json_array_append_new(findings,
			    json_sprintf("card %s waits: its change to '%s' was cut off (cardkms "
					 "card resume)",
				    c->card_id, c->new_keyset)))
			st = kms_nomem(err);
	}
	if (!st && list.count == WAITING_MAX &&
		json_array_append_new(
			findings, json_string("more cards wait than are listed here")))
		st = kms_nomem(err);
	return st;
}

static enum kms_status examine(struct op_site *site, json_t *findings, struct kms_err *err)
{
	struct op_survey survey __attribute__((cleanup(op_survey_free))) = {0};
	JS_AUTO json_t *log = NULL;
	struct kms_err bad = {0};
	enum kms_status st = op_survey(site, &survey, err);

	if (!st)
		st = take_findings(findings, survey.findings, err);
	if (!st)
		st = waiting_cards(site, findings, err);
	if (!st && op_audit_verify(site, NULL, &log, &bad) &&
		json_array_append_new(findings, json_sprintf("audit log: %s", bad.msg)))
		st = kms_nomem(err);
	return st;
}

static enum kms_status conclude(
	json_t *settled, json_t *findings, json_t **ret_report, struct kms_err *err)
{
	size_t count = json_array_size(findings);

	*ret_report = json_pack(
		"{s:O, s:O, s:b}", "settled", settled, "findings", findings, "healthy", count == 0);
	if (!*ret_report)
		return kms_nomem(err);
	if (count == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "%zu finding%s that need%s a person; the first: %s", count,
		count == 1 ? "" : "s", count == 1 ? "s" : "",
		json_string_value(json_array_get(findings, 0)));
	return kms_hint(err, "nothing of it was changed");
}

enum kms_status op_doctor(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_LOCK_AUTO struct store_lock *lock = NULL;
	FREE_AUTO char *lock_path = NULL;
	JS_AUTO json_t *settled = json_array(), *findings = json_array();
	enum stage stage;
	enum kms_status st;
	bool alone = false;

	if (!settled || !findings)
		return kms_nomem(err);
	st = op_site_path(site, "cardkms.lock", &lock_path, err);
	if (!st)
		st = store_lock_take(lock_path, LOCK_WAIT_SECONDS, &lock, err);
	if (!st)
		st = store_lock_extend(lock, site->store, false, LOCK_WAIT_SECONDS, &alone, err);
	if (!st)
		st = find_stage(site, &stage, err);
	if (!st)
		st = find_token(site, stage, err);
	if (!st)
		st = op_reconcile(site, true, settled, err);
	if (!st && stage == SET_UP && !site->dry_run)
		st = op_log_checkpoint(site, NULL, err);
	if (!st && stage == SET_UP)
		st = examine(site, findings, err);
	if (!st && stage == REBUILDING &&
		json_array_append_new(findings,
			json_string("the site has no HSM: repeat 'cardkms hsm setup --rebuild'")))
		st = kms_nomem(err);
	return st ? st : conclude(settled, findings, ret_report, err);
}
