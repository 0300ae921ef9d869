/* SPDX-License-Identifier: Apache-2.0 */
/* The people who approve: enrolled with a passphrase, and proving it. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "ops/approval.h"
#include "ops/meta.h"
#include "ops/officer_lock.h"
#include "store/people.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
	PASSPHRASE_MIN = 6,
	PASSPHRASE_GOOD = 12, /* shorter ones get a warning */
	PASSPHRASE_MAX = 256,
	/* Argon2id as in RFC 9106 section 4, second recommended option: 64 MiB, three passes; but one
	 * lane where that has four, as libsodium has no more. About 0.15 s. */
	ARGON_PASSES = 3,
	ARGON_MEMORY = 64 * 1024 * 1024,
	OFFICERS_TO_APPROVE = 2,
};

static enum kms_status start_sodium(struct kms_err *err)
{
	if (sodium_init() < 0)
		return kms_fail(err, KMS_ERR_INTERNAL, "libsodium does not start");
	return KMS_OK;
}

static enum kms_status ask_passphrase(struct op_site *site, const char *name, bool choose,
	struct secret *ret, struct kms_err *err)
{
	char id[NAME_MAX_BYTES + 16], prompt[NAME_MAX_BYTES + 40];

	snprintf(id, sizeof(id), "officer.%s", name);
	snprintf(prompt, sizeof(prompt), "%sassphrase of officer %s", choose ? "new p" : "p", name);
	if (!choose)
		return op_ask_secret(site, id, prompt, ret, err);
	if (!site->front.new_secret)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask for the %s", prompt);
	return site->front.new_secret(site->front.ctx, id, prompt, ret, err);
}

/* ---- proving ---- */

static enum kms_status check_passphrase(struct op_site *site, struct store_officer *officer,
	const char *given_name, struct kms_err *err)
{
	SECRET_AUTO struct secret passphrase = {0};
	struct store_officer before = {0};
	enum kms_status st = officer_lock_check(site, officer, err);

	if (!st)
		st = ask_passphrase(site, given_name, false, &passphrase, err);
	if (!st)
		st = start_sodium(err);
	/* In a dry run too: it must not be a way to guess unseen. */
	if (!st)
		st = officer_try_begin(site, officer, &before, err);
	if (st)
		return st;
	if (passphrase.len == 0 || crypto_pwhash_str_verify(officer->passphrase_hash,
					   (const char *)passphrase.data, passphrase.len) != 0)
		return officer_try_wrong(site, officer, err);
	return officer_try_right(site, officer, &before, err);
}

/* approves: only a security officer will do. */
static enum kms_status find_active(struct op_site *site, const char *name, bool approves,
	struct store_officer *ret_officer, struct kms_err *err)
{
	char folded[NAME_MAX_BYTES + 1];
	enum kms_status st;

	st = name_check(name, "the officer's name", err);
	if (st)
		return st;
	name_fold(name, folded);
	st = store_officer_get(site->store, folded, name, ret_officer, err);
	if (st == KMS_ERR_NOT_FOUND)
		kms_hint(err, "'cardkms officer list' shows who there is");
	if (st)
		return st;
	if (strcmp(ret_officer->state, "active") != 0)
		return kms_fail(err, KMS_ERR_DENIED, "officer '%s' is disabled", ret_officer->name);
	if (approves && strcmp(ret_officer->role, OFFICER_APPROVES) != 0) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' is enrolled as %s and cannot approve",
			ret_officer->name, ret_officer->role);
		return kms_hint(err, "only a security-officer can");
	}
	return officer_lock_check(site, ret_officer, err);
}

static enum kms_status prove_one(
	struct op *op, const char *name, bool approves, char **ret_name, struct kms_err *err)
{
	STORE_AUTO(officer) struct store_officer officer = {0};
	enum kms_status st = find_active(op->site, name, approves, &officer, err);

	if (!st)
		st = check_passphrase(op->site, &officer, name, err);
	if (!st && !(*ret_name = strdup(officer.name)))
		st = kms_nomem(err);
	return st;
}

/* Copies the next comma-separated name, without blanks around it. */
static enum kms_status next_name(
	const char **list, char name[NAME_MAX_BYTES + 1], struct kms_err *err)
{
	size_t len;

	*list += strspn(*list, " ");
	len = strcspn(*list, ",");
	const char *rest = *list + len + ((*list)[len] == ',');

	while (len && (*list)[len - 1] == ' ')
		len--;
	if (len == 0 || len > NAME_MAX_BYTES)
		return kms_fail(err, KMS_ERR_USAGE, "--officers takes two names: A,B");
	memcpy(name, *list, len);
	name[len] = 0;
	*list = rest;
	return KMS_OK;
}

enum kms_status op_officers_name(struct op *op, struct kms_err *err)
{
	const char *list = op->site->officers;
	char names[OP_OFFICERS][NAME_MAX_BYTES + 1];
	enum kms_status st = KMS_OK;

	if (!list) {
		kms_fail(err, KMS_ERR_DENIED, "%s needs two officers",
			op->site->override_reason ? "an override" : "this operation");
		return kms_hint(err, "name them: --officers A,B");
	}
	for (size_t i = 0; !st && i < OP_OFFICERS; i++)
		st = next_name(&list, names[i], err);
	if (st)
		return st;
	if (*list)
		return kms_fail(err, KMS_ERR_USAGE, "--officers takes two names, not more");
	if (name_same(names[0], names[1])) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' cannot be both officers", names[0]);
		return kms_hint(err, "two different people must approve");
	}
	for (size_t i = 0; !st && i < OP_OFFICERS; i++) {
		STORE_AUTO(officer) struct store_officer officer = {0};

		st = find_active(op->site, names[i], true, &officer, err);
		if (!st && !(op->officers[i] = strdup(officer.name)))
			st = kms_nomem(err);
		memcpy(op->called[i], names[i], sizeof(names[i]));
	}
	return st;
}

/* Beforehand, or by passphrase now. */
static enum kms_status approve_one(struct op *op, size_t i, struct kms_err *err)
{
	FREE_AUTO char *proved = NULL;
	bool others = false;
	enum kms_status st = op_approval_find(op, op->officers[i], op->approval[i], &others, err);

	if (st)
		return st;
	if (op->approval[i][0]) {
		op_say(op->site, "approved beforehand by %s", op->officers[i]);
		return KMS_OK;
	}
	st = prove_one(op, op->called[i], true, &proved, err);
	if (st != KMS_ERR_IO || !others)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH,
		"what officer '%s' approved is not this, whose digest is %s", op->officers[i],
		op->digest);
	return kms_hint(err, "something has changed since: 'cardkms approval list' says what was "
			     "approved; nothing was changed");
}

enum kms_status op_officers_prove(struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < OP_OFFICERS; i++)
		st = approve_one(op, i, err);
	return st;
}

enum kms_status op_officer_prove(
	struct op *op, const char *name, char **ret_name, struct kms_err *err)
{
	return prove_one(op, name, true, ret_name, err);
}

enum kms_status op_witness_prove(
	struct op *op, const char *name, char **ret_name, struct kms_err *err)
{
	for (size_t i = 0; i < OP_OFFICERS; i++)
		if (op->officers[i] && name_same(op->officers[i], name)) {
			kms_fail(err, KMS_ERR_DENIED, "'%s' approves, and cannot be the witness",
				op->officers[i]);
			return kms_hint(err, "a witness is a third person, of whatever role");
		}
	return prove_one(op, name, false, ret_name, err);
}

/* ---- officer add ---- */

struct add_args {
	const char *name, *role;
	char folded[NAME_MAX_BYTES + 1];
	char hash[crypto_pwhash_STRBYTES];
};

static enum kms_status active_approvers(
	struct op_site *site, size_t *ret_count, struct kms_err *err)
{
	STORE_AUTO(officer_list) struct store_officer_list list = {0};
	enum kms_status st = store_officers(site->store, &list, err);

	if (st)
		return st;
	*ret_count = 0;
	for (size_t i = 0; i < list.count; i++)
		*ret_count += strcmp(list.items[i].state, "active") == 0 &&
			      strcmp(list.items[i].role, OFFICER_APPROVES) == 0;
	return KMS_OK;
}

/* Until there are two to approve, nobody can; from then on every change of officers needs them. */
static enum kms_status approved_by_officers(struct op *op, struct kms_err *err)
{
	size_t approvers;
	enum kms_status st = active_approvers(op->site, &approvers, err);

	if (st || approvers < OFFICERS_TO_APPROVE || op->officers[0])
		return st;
	kms_fail(err, KMS_ERR_DENIED, "a change of officers needs two officers");
	return kms_hint(err, "name them: --officers A,B");
}

static enum kms_status add_check(struct op *op, struct kms_err *err)
{
	static const char *const roles[] = {"security-officer", "operator", "custodian", "auditor"};
	struct add_args *args = op->args;
	enum kms_status st = name_check(args->name, "the officer's name", err);

	if (st)
		return st;
	name_fold(args->name, args->folded);
	if (!args->folded[0])
		return kms_fail(
			err, KMS_ERR_INVALID, "the officer's name '%s' has no letters", args->name);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(args->role, roles[i]) == 0)
			return op_subject(op, err, "%s", args->name);
	return kms_fail(err, KMS_ERR_INVALID,
		"--role is security-officer, operator, custodian or auditor, not '%s'", args->role);
}

static enum kms_status add_validate(struct op *op, struct kms_err *err)
{
	struct add_args *args = op->args;
	STORE_AUTO(officer) struct store_officer there = {0};
	SECRET_AUTO struct secret passphrase = {0};
	enum kms_status st;

	st = store_officer_get(op->site->store, args->folded, args->name, &there, err);
	if (!st) {
		kms_fail(err, KMS_ERR_EXISTS, "there is an officer '%s' already (%s, %s)",
			there.name, there.role, there.state);
		return kms_hint(err, "two people of one name need names that tell them apart");
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	st = approved_by_officers(op, err);
	if (!st)
		st = ask_passphrase(op->site, args->name, true, &passphrase, err);
	if (!st)
		st = start_sodium(err);
	if (st)
		return st;
	if (passphrase.len < PASSPHRASE_MIN || passphrase.len > PASSPHRASE_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"the passphrase of '%s' must have %d to %d characters", args->name,
			PASSPHRASE_MIN, PASSPHRASE_MAX);
	if (passphrase.len < PASSPHRASE_GOOD)
		op_say(op->site,
			"warning: a passphrase of %d characters or more would be harder to guess",
			PASSPHRASE_GOOD);
	if (crypto_pwhash_str(args->hash, (const char *)passphrase.data, passphrase.len,
		    ARGON_PASSES, ARGON_MEMORY) != 0)
		return kms_nomem(err);
	st = op_detail(op, "role", json_string(args->role), err);
	if (!st)
		st = op_report(op, "name", json_string(args->name), err);
	if (!st)
		st = op_report(op, "role", json_string(args->role), err);
	return st;
}

static enum kms_status add_commit(struct op *op, struct kms_err *err)
{
	struct add_args *args = op->args;

	return store_officer_add(op->site->store,
		&(struct store_officer){.name = args->name,
			.folded = args->folded,
			.role = args->role,
			.passphrase_hash = args->hash,
			.state = "active",
			.added = op->now,
			.changed = op->now},
		err);
}

enum kms_status op_officer_add(struct op_site *site, const char *name, const char *role,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "officer.add",
		.check = add_check,
		.validate = add_validate,
		.commit = add_commit,
	};
	struct add_args args = {.name = name, .role = role};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- officer disable ---- */

static enum kms_status disable_validate(struct op *op, struct kms_err *err)
{
	struct store_officer *officer = op->args;
	const char *name = officer->name;
	char folded[NAME_MAX_BYTES + 1];
	size_t approvers;
	enum kms_status st;

	st = name_check(name, "the officer's name", err);
	if (st)
		return st;
	name_fold(name, folded);
	*officer = (struct store_officer){0};
	st = store_officer_get(op->site->store, folded, name, officer, err);
	if (!st)
		st = approved_by_officers(op, err);
	if (!st)
		st = active_approvers(op->site, &approvers, err);
	if (st)
		return st;
	if (strcmp(officer->state, "active") != 0)
		return kms_fail(
			err, KMS_ERR_STATE, "officer '%s' is disabled already", officer->name);
	if (strcmp(officer->role, OFFICER_APPROVES) == 0 && approvers <= OFFICERS_TO_APPROVE) {
		kms_fail(err, KMS_ERR_DENIED,
			"'%s' is one of the last two who can approve: nobody could be added any "
			"more",
			officer->name);
		return kms_hint(err, "add another security officer first");
	}
	st = op_subject(op, err, "%s", officer->name);
	return st ? st : op_report(op, "name", json_string(officer->name), err);
}

static enum kms_status disable_commit(struct op *op, struct kms_err *err)
{
	struct store_officer changed = *(struct store_officer *)op->args;

	changed.state = "disabled";
	changed.changed = op->now;
	return store_officer_update(op->site->store, &changed, err);
}

enum kms_status op_officer_disable(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "officer.disable",
		.validate = disable_validate,
		.commit = disable_commit,
	};
	struct store_officer officer = {.name = name};
	enum kms_status st = op_run(site, &kind, &officer, ret_report, err);

	if (officer.name != name)
		store_officer_free(&officer);
	return st;
}

enum kms_status op_officer_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(officer_list) struct store_officer_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_officers(site->store, &list, err);

	if (st)
		return st;
	for (size_t i = 0; i < list.count; i++) {
		const struct store_officer *o = &list.items[i];
		char added[CLOCK_TEXT_SIZE], locked[CLOCK_TEXT_SIZE];

		clock_format(o->added, added);
		clock_format(o->locked, locked);
		if (json_array_append_new(rows,
			    json_pack("{s:s, s:s, s:s, s:s, s:I, s:s?}", "name", o->name, "role",
				    o->role, "state", o->state, "added", added, "failures",
				    (json_int_t)o->failures, "locked", o->locked ? locked : NULL)))
			return kms_nomem(err);
	}
	*ret_report = json_incref(rows);
	return KMS_OK;
}
