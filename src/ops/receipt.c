/* SPDX-License-Identifier: Apache-2.0 */
/* exchange receipt: the partner's word, signed, that it holds the exported keys. */
#include "ops/ops.h"

#include "base/hex.h"
#include "ops/exchange.h"
#include "ops/witness.h"

#include <stdlib.h>
#include <string.h>

struct receipt_args {
	const char *path;
	struct op_file file;
	struct doc_receipt receipt;
	struct op_self self;
	struct store_partner partner;
	struct store_doc package_row;
	struct doc_package package;
};

static void receipt_clear(struct receipt_args *a)
{
	op_file_free(&a->file);
	doc_receipt_free(&a->receipt);
	doc_package_free(&a->package);
	op_self_free(&a->self);
	store_partner_free(&a->partner);
	store_doc_free(&a->package_row);
}

static enum kms_status receipt_check(struct op *op, struct kms_err *err)
{
	struct receipt_args *a = op->args;
	enum kms_status st = op_file_read(&a->file, a->path, err);

	if (!st)
		st = doc_receipt_parse(a->file.text.data, a->file.text.len, &a->receipt, err);
	if (st) {
		kms_prefix(err, "cannot take the receipt '%s': ", a->path);
		return st;
	}
	return op_subject(op, err, "%s: %s", a->receipt.sender.name, a->receipt.package_id);
}

static enum kms_status find_package(struct op *op, struct kms_err *err)
{
	struct receipt_args *a = op->args;
	unsigned char hash[HASH_SIZE];
	enum kms_status st =
		store_doc_get(op->site->store, a->receipt.package_id, &a->package_row, err);

	if (st == KMS_ERR_NOT_FOUND) {
		struct kms_err why = {0};

		kms_prefix(err, "the receipt is for a package that was not exported here: ");
		/* Or was, and the registry has been put back since. */
		if (op_witness_own(
			    op->site, a->partner.name, a->receipt.witness.seen, "receipt", &why))
			st = kms_hint(err, "%s", why.msg);
	}
	if (st)
		return st;
	if (strcmp(a->package_row.kind, "package") != 0 ||
		strcmp(a->package_row.direction, "out") != 0)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' is no package that was exported here",
			a->receipt.package_id);
	if (strcmp(a->package_row.state, "open") != 0)
		return kms_fail(err, KMS_ERR_STATE, "package '%s' has its receipt already (%s)",
			a->package_row.id, a->package_row.state);
	st = doc_package_parse(a->package_row.text, strlen(a->package_row.text), &a->package, err);
	if (!st && !hex_decode_strict(a->package_row.sha256, hash, HASH_SIZE))
		st = kms_fail(err, KMS_ERR_STORE, "the row of package '%s' is damaged",
			a->package_row.id);
	if (!st)
		st = doc_receipt_closes(&a->receipt, &a->package, hash, err);
	return st ? st
		  : op_witness_follows(a->partner.name, a->package.witness.seen,
			    a->receipt.checkpoint, &a->receipt.witness, "receipt", err);
}

static enum kms_status receipt_validate(struct op *op, struct kms_err *err)
{
	struct receipt_args *a = op->args;
	unsigned char point[P256_POINT_SIZE];
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = op_self(op->site, &a->self, err);

	if (!st)
		st = op_check_recipient(&a->self, &a->receipt.recipient, "receipt", err);
	if (!st)
		st = op_find_sender(
			op->site, &a->receipt.sender, "receipt", &a->partner, point, err);
	if (!st)
		st = doc_receipt_verify(&a->receipt, a->partner.fingerprint, point, err);
	if (!st)
		st = op_check_checkpoint(
			op->site, &a->partner, a->receipt.checkpoint, "receipt", err);
	if (!st)
		st = find_package(op, err);
	if (!st)
		st = op_witness_own(
			op->site, a->partner.name, a->receipt.witness.seen, "receipt", err);
	for (size_t i = 0; !st && i < a->receipt.key_count; i++)
		st = op_checked_json(keys, a->receipt.keys[i].label, a->receipt.keys[i].alg,
			&a->receipt.keys[i].kcv, err);
	if (!st)
		st = op_detail(op, "receipt", json_string(a->receipt.id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_report(op, "receipt", json_string(a->receipt.id), err);
	if (!st)
		st = op_report(op, "package", json_string(a->receipt.package_id), err);
	if (!st)
		st = op_report(op, "partner", json_string(a->partner.name), err);
	if (!st)
		st = op_report(op, "hsm_serial", json_string(a->receipt.hsm_serial), err);
	return st ? st : op_report(op, "keys", json_incref(keys), err);
}

static enum kms_status receipt_commit(struct op *op, struct kms_err *err)
{
	struct receipt_args *a = op->args;
	const struct op_doc_row row = {.id = a->receipt.id,
		.kind = "receipt",
		.direction = "in",
		.state = "closed",
		.partner = a->partner.name,
		.related = a->receipt.package_id,
		.nonce = a->receipt.nonce,
		.file = &a->file};
	enum kms_status st = store_doc_set_state(
		op->site->store, a->package_row.id, "open", "closed", op->now, err);

	return st ? st : op_doc_add(op, &row, err);
}

enum kms_status op_exchange_receipt(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.receipt",
		.needs = OP_NEED_IDENTITY,
		.check = receipt_check,
		.validate = receipt_validate,
		.commit = receipt_commit,
	};
	struct receipt_args args __attribute__((cleanup(receipt_clear))) = {.path = path};

	return op_run(site, &kind, &args, ret_report, err);
}
