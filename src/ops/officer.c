/* SPDX-License-Identifier: Apache-2.0 */
/* The people who approve: enrolled with a passphrase, and proving it. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "ops/approval.h"
#include "ops/meta.h"
#include "ops/officer_lock.h"
#include "ops/quorum.h"
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

static enum kms_status prove_passphrase(struct op_site *site, struct store_officer *officer,
	const struct secret *passphrase, struct kms_err *err)
{
	struct store_officer before = {0};
	enum kms_status st = start_sodium(err);

	/* In a dry run too: it must not be a way to guess unseen. */
	if (!st)
		st = officer_try_begin(site, officer, &before, err);
	if (st)
		return st;
	if (passphrase->len == 0 || crypto_pwhash_str_verify(officer->passphrase_hash,
					    (const char *)passphrase->data, passphrase->len) != 0)
		return officer_try_wrong(site, officer, err);
	return officer_try_right(site, officer, &before, err);
}

static enum kms_status check_passphrase(struct op_site *site, struct store_officer *officer,
	const char *given_name, struct kms_err *err)
{
	SECRET_AUTO struct secret passphrase = {0};
	enum kms_status st = officer_lock_check(site, officer, err);

	if (!st)
		st = ask_passphrase(site, given_name, false, &passphrase, err);
	return st ? st : prove_passphrase(site, officer, &passphrase, err);
}

/* One that is locked cannot be here; others may be. */
static enum kms_status can_be_here(struct op_site *site, const struct store_officer *officer,
	bool *ret_can, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	*ret_can = strcmp(officer->state, "active") == 0;
	if (*ret_can)
		st = officer_lock_check(site, officer, err);
	if (st == KMS_ERR_DENIED) {
		op_say(site, "note: %s", err->msg);
		kms_err_clear(err);
		*ret_can = false;
		return KMS_OK;
	}
	return st;
}

enum kms_status op_officer_ask(struct op_site *site, const char *folded, const char *what_for,
	struct secret *ret_passphrase, char **ret_name, bool *ret_here, struct kms_err *err)
{
	STORE_AUTO(officer) struct store_officer officer = {0};
	SECRET_AUTO struct secret passphrase = {0};
	char id[NAME_MAX_BYTES + 16], prompt[NAME_MAX_BYTES + 160];
	enum kms_status st = store_officer_get(site->store, folded, folded, &officer, err);
	bool can = false;

	*ret_here = false;
	if (!st)
		st = can_be_here(site, &officer, &can, err);
	if (st || !can)
		return st;
	snprintf(id, sizeof(id), "officer.%s", officer.name);
	snprintf(prompt, sizeof(prompt), "passphrase of officer %s%s (empty: not here)",
		officer.name, what_for);
	st = op_ask_secret(site, id, prompt, &passphrase, err);
	/* Nobody to ask, and no such line. */
	if (st == KMS_ERR_IO) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (st || passphrase.len == 0)
		return st;
	st = prove_passphrase(site, &officer, &passphrase, err);
	if (!st && !(*ret_name = strdup(officer.name)))
		st = kms_nomem(err);
	if (st)
		return st;
	secret_take(ret_passphrase, &passphrase);
	*ret_here = true;
	return KMS_OK;
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

static enum kms_status hash_new(struct op_site *site, const char *name,
	const struct secret *passphrase, char ret_hash[crypto_pwhash_STRBYTES], struct kms_err *err)
{
	if (passphrase->len < PASSPHRASE_MIN || passphrase->len > PASSPHRASE_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"the passphrase of '%s' must have %d to %d characters", name,
			PASSPHRASE_MIN, PASSPHRASE_MAX);
	if (passphrase->len < PASSPHRASE_GOOD)
		op_say(site,
			"warning: a passphrase of %d characters or more would be harder to guess",
			PASSPHRASE_GOOD);
	return crypto_pwhash_str(ret_hash, (const char *)passphrase->data, passphrase->len,
		       ARGON_PASSES, ARGON_MEMORY) == 0
		       ? KMS_OK
		       : kms_nomem(err);
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
	st = hash_new(op->site, args->name, &passphrase, args->hash, err);
	if (!st)
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

static enum kms_status is_no_member(
	struct op_site *site, const char *folded, const char *name, struct kms_err *err)
{
	struct op_quorum *q = NULL;
	enum kms_status st = op_quorum_find(site, &q, err);

	for (size_t i = 0; !st && q && i < q->members.count; i++)
		if (strcmp(q->members.items[i].folded, folded) == 0) {
			kms_fail(err, KMS_ERR_DENIED, "officer '%s' holds a share of the quorum",
				name);
			st = kms_hint(err, "take it back first: 'cardkms officer revoke %s'", name);
		}
	return st;
}

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
	st = is_no_member(op->site, folded, officer->name, err);
	if (!st)
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

/* ---- officer rekey ---- */

struct rekey_args {
	struct store_officer officer; /* its name at first: the one that was given */
	struct secret old, fresh;
	char hash[crypto_pwhash_STRBYTES];
	struct buf sealed; /* the officer's key under the new passphrase; empty: there is none */
};

static void rekey_clear(struct rekey_args *a)
{
	secret_free(&a->old);
	secret_free(&a->fresh);
	buf_free(&a->sealed);
}

/* The key stays the same, so that nobody else has to be there. */
static enum kms_status reseal(struct op *op, struct kms_err *err)
{
	struct rekey_args *a = op->args;
	STORE_AUTO(officer_key) struct store_officer_key row = {0};
	SECRET_AUTO struct secret key = {0};
	BUF_AUTO struct buf context = {0};
	unsigned char public_key[CER_PUBLIC_KEY];
	FREE_AUTO char *site_name = NULL;
	struct op_quorum here = {0};
	enum kms_status st = store_officer_key_get(op->site->store, a->officer.folded, &row, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (!st)
		st = op_meta_find(op->site, META_NAME, &site_name, err);
	here.site_name = site_name;
	if (!st)
		st = op_officer_context(&here, a->officer.folded, &context, err);
	if (!st)
		st = cer_officer_key_open(
			row.sealed, &a->old, buf_text(&context), public_key, &key, err);
	if (st == KMS_ERR_AUTH || st == KMS_ERR_MISMATCH)
		kms_hint(err, "the passphrase is right, so the share is damaged: 'cardkms officer "
			      "revoke', "
			      "then 'officer enrol'");
	return st ? st : cer_officer_key_seal(&key, &a->fresh, buf_text(&context), &a->sealed, err);
}

static enum kms_status ask_both(struct op *op, struct kms_err *err)
{
	struct rekey_args *a = op->args;
	struct op_front *front = &op->site->front;
	char id[NAME_MAX_BYTES + 24], prompt[NAME_MAX_BYTES + 40];
	enum kms_status st;

	st = officer_lock_check(op->site, &a->officer, err);
	if (!st)
		st = ask_passphrase(op->site, a->officer.name, false, &a->old, err);
	if (!st)
		st = prove_passphrase(op->site, &a->officer, &a->old, err);
	if (st)
		return st;
	snprintf(id, sizeof(id), "new-passphrase.%s", a->officer.name);
	snprintf(prompt, sizeof(prompt), "new passphrase of officer %s", a->officer.name);
	if (!front->new_secret)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask for the %s", prompt);
	st = front->new_secret(front->ctx, id, prompt, &a->fresh, err);
	if (!st && secret_equal(&a->old, &a->fresh))
		st = kms_fail(err, KMS_ERR_INVALID, "the new passphrase of '%s' is the old one",
			a->officer.name);
	return st;
}

static enum kms_status rekey_validate(struct op *op, struct kms_err *err)
{
	struct rekey_args *a = op->args;
	const char *name = a->officer.name;
	char folded[NAME_MAX_BYTES + 1];
	enum kms_status st = name_check(name, "the officer's name", err);

	if (st)
		return st;
	name_fold(name, folded);
	a->officer = (struct store_officer){0};
	st = store_officer_get(op->site->store, folded, name, &a->officer, err);
	if (!st && strcmp(a->officer.state, "active") != 0)
		st = kms_fail(err, KMS_ERR_DENIED, "officer '%s' is disabled", a->officer.name);
	if (!st)
		st = op_subject(op, err, "%s", a->officer.name);
	if (!st)
		st = ask_both(op, err);
	if (!st)
		st = hash_new(op->site, a->officer.name, &a->fresh, a->hash, err);
	if (!st)
		st = reseal(op, err);
	return st ? st : op_report(op, "name", json_string(a->officer.name), err);
}

static enum kms_status rekey_commit(struct op *op, struct kms_err *err)
{
	struct rekey_args *a = op->args;
	struct store_officer changed = a->officer;
	enum kms_status st;

	changed.passphrase_hash = a->hash;
	changed.changed = op->now;
	changed.failures = 0;
	st = store_officer_update(op->site->store, &changed, err);
	if (!st && a->sealed.len)
		st = store_officer_key_set(op->site->store,
			&(struct store_officer_key){.folded = a->officer.folded,
				.sealed = buf_text(&a->sealed),
				.changed = op->now},
			err);
	return st;
}

enum kms_status op_officer_rekey(
	struct op_site *site, const char *name, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "officer.rekey",
		.validate = rekey_validate,
		.commit = rekey_commit,
	};
	struct rekey_args args __attribute__((cleanup(rekey_clear))) = {.officer.name = name};
	enum kms_status st = op_run(site, &kind, &args, ret_report, err);

	if (args.officer.name != name)
		store_officer_free(&args.officer);
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
