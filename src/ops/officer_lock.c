/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/officer_lock.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "ops/op.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <string.h>

enum { OFFICERS_TO_UNLOCK = 2 };

/* Others who can approve, and are not locked themselves. */
static enum kms_status who_could_unlock(struct op_site *site, const struct store_officer *officer,
	size_t *ret_count, struct kms_err *err)
{
	STORE_AUTO(officer_list) struct store_officer_list list = {0};
	enum kms_status st = store_officers(site->store, &list, err);

	if (st)
		return st;
	*ret_count = 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct store_officer *o = &list.items[i];

		*ret_count += strcmp(o->state, "active") == 0 && !o->locked &&
			      strcmp(o->role, OFFICER_APPROVES) == 0 &&
			      strcmp(o->folded, officer->folded) != 0;
	}
	return KMS_OK;
}

enum kms_status officer_locked(struct op_site *site, const struct store_officer *officer,
	bool *ret_locked, int64_t *ret_until, struct kms_err *err)
{
	size_t others = 0;
	enum kms_status st =
		officer->locked ? who_could_unlock(site, officer, &others, err) : KMS_OK;

	if (st)
		return st;
	*ret_until = officer->locked && others < OFFICERS_TO_UNLOCK
			     ? officer->locked + OFFICER_LOCK_SECONDS
			     : 0;
	*ret_locked = officer->locked && (*ret_until == 0 || site->now() < *ret_until);
	return KMS_OK;
}

enum kms_status officer_lock_check(
	struct op_site *site, const struct store_officer *officer, struct kms_err *err)
{
	char since[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];
	bool locked = false;
	int64_t until = 0;
	enum kms_status st = officer_locked(site, officer, &locked, &until, err);

	if (st || !locked)
		return st;
	clock_format(officer->locked, since);
	clock_format(until, end);
	kms_fail(err, KMS_ERR_DENIED,
		"officer '%s' is locked since %s: %" PRId64 " wrong passphrases in a row",
		officer->name, since, officer->failures);
	return until ? kms_hint(err, "no two others could unlock, so it ends at %s", end)
		     : kms_hint(err,
			       "two other officers can unlock: "
			       "cardkms --officers A,B officer unlock '%s'",
			       officer->name);
}

static enum kms_status count(
	struct op_site *site, struct store_officer *officer, struct kms_err *err)
{
	officer->failures++;
	if (officer->failures >= site->policy.passphrase_tries)
		officer->locked = site->now();
	return store_officer_update(site->store, officer, err);
}

enum kms_status officer_try_begin(struct op_site *site, struct store_officer *officer,
	struct store_officer *ret_before, struct kms_err *err)
{
	STORE_AUTO(officer) struct store_officer now = {0};
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	/* Another process may have counted since. */
	st = store_officer_get(site->store, officer->folded, officer->name, &now, err);
	if (!st)
		st = officer_lock_check(site, &now, err);
	if (!st) {
		ret_before->failures = now.failures;
		ret_before->locked = now.locked;
		st = count(site, &now, err);
	}
	st = store_end(site->store, st, err);
	if (!st) {
		officer->failures = now.failures;
		officer->locked = now.locked;
	}
	return st;
}

enum kms_status officer_try_right(struct op_site *site, struct store_officer *officer,
	const struct store_officer *before, struct kms_err *err)
{
	enum kms_status st = store_begin(site->store, err);

	if (st)
		return st;
	officer->failures = site->dry_run ? before->failures : 0;
	officer->locked = site->dry_run ? before->locked : 0;
	return store_end(site->store, store_officer_update(site->store, officer, err), err);
}

/* The lock itself is in the registry already. */
static void log_lock(struct op_site *site, const struct store_officer *officer)
{
	struct kms_err bad = {0};
	enum kms_status st = store_begin(site->store, &bad);

	if (!st)
		st = store_end(site->store,
			op_log(site, NULL, "officer.lock", AUDIT_NOTE, officer->name,
				"locked: too many wrong passphrases", NULL, &bad),
			&bad);
	if (st)
		op_say(site, "warning: the lock could not be written to the audit log: %s",
			bad.msg);
}

enum kms_status officer_try_wrong(
	struct op_site *site, const struct store_officer *officer, struct kms_err *err)
{
	const int64_t left = site->policy.passphrase_tries - officer->failures;

	if (left > 0) {
		kms_fail(err, KMS_ERR_AUTH, "wrong passphrase for officer '%s'", officer->name);
		return kms_hint(err,
			"nothing was changed; the failure is in the audit log; after %" PRId64
			" more the officer is locked",
			left);
	}
	log_lock(site, officer);
	kms_fail(err, KMS_ERR_AUTH, "wrong passphrase for officer '%s', who is locked now",
		officer->name);
	return kms_hint(err, "the lock is in the audit log; two other officers can unlock: "
			     "'cardkms officer unlock'");
}

/* ---- officer unlock ---- */

static enum kms_status unlock_validate(struct op *op, struct kms_err *err)
{
	struct store_officer *officer = op->args;
	const char *name = officer->name;
	char folded[NAME_MAX_BYTES + 1];
	enum kms_status st = name_check(name, "the officer's name", err);

	if (st)
		return st;
	name_fold(name, folded);
	*officer = (struct store_officer){0};
	st = store_officer_get(op->site->store, folded, name, officer, err);
	if (st)
		return st;
	if (!officer->locked)
		return kms_fail(err, KMS_ERR_STATE, "officer '%s' is not locked", officer->name);
	if (!op->officers[0]) {
		kms_fail(err, KMS_ERR_DENIED, "unlocking an officer needs two other officers");
		return kms_hint(err, "name them: --officers A,B");
	}
	st = op_subject(op, err, "%s", officer->name);
	if (!st)
		st = op_detail(op, "failures", json_integer(officer->failures), err);
	return st ? st : op_report(op, "name", json_string(officer->name), err);
}

static enum kms_status unlock_commit(struct op *op, struct kms_err *err)
{
	struct store_officer changed = *(struct store_officer *)op->args;

	changed.failures = 0;
	changed.locked = 0;
	return store_officer_update(op->site->store, &changed, err);
}

enum kms_status op_officer_unlock(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "officer.unlock",
		.validate = unlock_validate,
		.commit = unlock_commit,
	};
	struct store_officer officer = {.name = name};
	enum kms_status st = op_run(site, &kind, &officer, ret_report, err);

	if (officer.name != name)
		store_officer_free(&officer);
	return st;
}
