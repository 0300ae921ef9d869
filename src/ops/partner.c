/* SPDX-License-Identifier: Apache-2.0 */
/* The other organisations: enrolled by identity file and a fingerprint that people compared. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "exchange/identity.h"
#include "ops/exchange.h"

#include <string.h>

struct partner_args {
	const char *path, *fingerprint;
	const char *name, *reason; /* of what is revoked */
	bool rotate;
	char expected[DOC_FINGERPRINT_SIZE];
	struct buf text;
	struct doc_identity identity;
};

static void args_clear(struct partner_args *args)
{
	buf_free(&args->text);
	doc_identity_free(&args->identity);
}

/*
 * Key sets and transport keys know their partner by name, in any spelling: a second partner whose
 * name is another spelling of the first one's would be given what is the first one's.
 */
enum kms_status op_partner_spelling(struct op_site *site, const char *name, struct kms_err *err)
{
	STORE_AUTO(partner_list) struct store_partner_list list = {0};
	enum kms_status st = store_partners(site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const char *there = list.items[i].name;

		if (strcmp(there, name) == 0 || !name_same(there, name))
			continue;
		kms_fail(err, KMS_ERR_EXISTS, "'%s' is another spelling of the partner '%s'", name,
			there);
		st = kms_hint(err, "two organisations need names that tell them apart");
	}
	return st;
}

/* The shape of the file. */
static enum kms_status enrol_check(struct op *op, struct kms_err *err)
{
	struct partner_args *args = op->args;
	char expected[DOC_FINGERPRINT_SIZE];
	enum kms_status st;

	st = doc_fingerprint_parse(args->fingerprint, expected, err);
	if (!st)
		st = file_read(args->path, DOC_MAX, &args->text, err);
	if (!st)
		st = doc_identity_parse(args->text.data, args->text.len, &args->identity, err);
	if (st) {
		kms_prefix(err, "cannot enrol '%s': ", args->path);
		return st;
	}
	memcpy(args->expected, expected, sizeof(expected));
	return op_subject(op, err, "%s", args->identity.name);
}

/*
 * Self-signature, and that it is the file whose fingerprint was compared. Not before the site is
 * locked: an identity that somebody put in the partner's place belongs in the audit log.
 */
static enum kms_status is_what_was_compared(const struct partner_args *args, struct kms_err *err)
{
	enum kms_status st = doc_identity_verify(&args->identity, args->expected, err);

	if (!st)
		return KMS_OK;
	kms_prefix(err, "cannot enrol '%s': ", args->path);
	kms_hint(err, "get the partner's identity file again and compare its fingerprint by voice; "
		      "nothing was enrolled");
	return st;
}

/* Taking up again with a revoked partner changes whom packages are believed from, as rotate does. */
static enum kms_status after_revocation(struct op *op, const char *name, struct kms_err *err)
{
	if (op->officers[0])
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED, "'%s' was revoked: enrolling it again needs two officers",
		name);
	return kms_hint(err, "name them: --officers A,B");
}

static enum kms_status enrol_validate(struct op *op, struct kms_err *err)
{
	const struct partner_args *args = op->args;
	const struct doc_identity *id = &args->identity;
	STORE_AUTO(partner) struct store_partner there = {0};
	enum kms_status st = is_what_was_compared(args, err);

	if (st)
		return st;
	if (name_same(id->name, op->site->name)) {
		kms_fail(err, KMS_ERR_DENIED, "'%s' is this site itself", id->name);
		return kms_hint(err, "a partner is another organisation");
	}
	st = op_partner_spelling(op->site, id->name, err);
	if (st)
		return st;
	st = store_partner_get(op->site->store, id->name, &there, err);
	if (!st && !args->rotate) {
		kms_fail(err, KMS_ERR_EXISTS, "'%s' is enrolled already, with fingerprint %.16s…",
			id->name, there.fingerprint);
		return kms_hint(err, "a partner's new identity is taken over by 'partner rotate'");
	}
	if (st == KMS_ERR_NOT_FOUND && !args->rotate) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (st == KMS_ERR_STATE && !args->rotate) {
		kms_err_clear(err);
		st = after_revocation(op, id->name, err);
	}
	if (!st && args->rotate && strcmp(there.fingerprint, id->fingerprint) == 0)
		st = kms_fail(err, KMS_ERR_EXISTS, "'%s' has this identity already", id->name);
	if (!st)
		st = op_detail(op, "fingerprint", json_string(id->fingerprint), err);
	if (!st && args->rotate)
		st = op_detail(op, "replaces", json_string(there.fingerprint), err);
	if (!st)
		st = op_report(op, "name", json_string(id->name), err);
	if (!st)
		st = op_report(op, "role", json_string(doc_site_role_name(id->role)), err);
	if (!st)
		st = op_report(op, "fingerprint", json_string(id->fingerprint), err);
	return st;
}

enum kms_status op_partner_write(struct op *op, const struct doc_identity *id, const char *text,
	bool rotate, struct kms_err *err)
{
	char identity_key[2 * P256_POINT_SIZE + 1], audit_key[2 * P256_POINT_SIZE + 1];
	struct store_partner row = {.name = id->name,
		.role = doc_site_role_name(id->role),
		.document = text,
		.fingerprint = id->fingerprint,
		.identity_key = identity_key,
		.audit_key = audit_key,
		.state = "active",
		.added = op->now};
	int64_t version;

	hex_encode(id->identity_key, P256_POINT_SIZE, identity_key);
	hex_encode(id->audit_key, P256_POINT_SIZE, audit_key);
	return rotate ? store_partner_rotate(op->site->store, &row, &version, err)
		      : store_partner_add(op->site->store, &row, &version, err);
}

static enum kms_status enrol_commit(struct op *op, struct kms_err *err)
{
	const struct partner_args *args = op->args;

	return op_partner_write(op, &args->identity, args->text.data, args->rotate, err);
}

enum kms_status op_partner_add(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "partner.add",
		.dual = DUAL_ENROL,
		.check = enrol_check,
		.validate = enrol_validate,
		.commit = enrol_commit,
	};
	struct partner_args args
		__attribute__((cleanup(args_clear))) = {.path = path, .fingerprint = fingerprint};

	return op_run(site, &kind, &args, ret_report, err);
}

enum kms_status op_partner_rotate(struct op_site *site, const char *path, const char *fingerprint,
	json_t **ret_report, struct kms_err *err)
{
	/* It replaces what packages are believed by: always two officers. */
	static const struct op_kind kind = {
		.name = "partner.rotate",
		.dual = DUAL_ENROL | DUAL_OVERRIDE,
		.check = enrol_check,
		.validate = enrol_validate,
		.commit = enrol_commit,
	};
	struct partner_args args __attribute__((cleanup(args_clear))) = {
		.path = path, .fingerprint = fingerprint, .rotate = true};

	return op_run(site, &kind, &args, ret_report, err);
}

static enum kms_status revoke_validate(struct op *op, struct kms_err *err)
{
	const struct partner_args *args = op->args;
	STORE_AUTO(partner) struct store_partner there = {0};
	enum kms_status st = store_partner_get(op->site->store, args->name, &there, err);

	if (!st)
		st = op_subject(op, err, "%s", there.name);
	if (!st)
		st = op_detail(op, "fingerprint", json_string(there.fingerprint), err);
	if (!st && args->reason)
		st = op_detail(op, "reason", json_string(args->reason), err);
	if (!st)
		st = op_report(op, "name", json_string(there.name), err);
	return st ? st : op_report(op, "fingerprint", json_string(there.fingerprint), err);
}

static enum kms_status revoke_commit(struct op *op, struct kms_err *err)
{
	const struct partner_args *args = op->args;

	return store_partner_revoke(op->site->store, args->name, op->now, err);
}

enum kms_status op_partner_revoke(struct op_site *site, const char *name, const char *reason,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "partner.revoke",
		.validate = revoke_validate,
		.commit = revoke_commit,
	};
	struct partner_args args = {.name = name, .reason = reason};

	return op_run(site, &kind, &args, ret_report, err);
}

enum kms_status op_partner_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(partner_list) struct store_partner_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_partners(site->store, &list, err);

	if (st)
		return st;
	for (size_t i = 0; i < list.count; i++) {
		const struct store_partner *p = &list.items[i];
		char added[CLOCK_TEXT_SIZE];

		clock_format(p->added, added);
		if (json_array_append_new(rows,
			    json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "name", p->name, "role",
				    p->role, "state", p->state, "fingerprint", p->fingerprint,
				    "version", (json_int_t)p->version, "added", added)))
			return kms_nomem(err);
	}
	*ret_report = json_incref(rows);
	return KMS_OK;
}
