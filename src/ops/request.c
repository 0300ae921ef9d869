/* SPDX-License-Identifier: Apache-2.0 */
/* exchange request: the issuer asks a partner for key sets, for its own HSM, once. */
#include "ops/ops.h"

#include "base/file.h"
#include "base/hex.h"
#include "hsm/hsm.h"
#include "ops/exchange.h"
#include "ops/witness.h"

#include <stdlib.h>
#include <string.h>

struct request_args {
	const char *from, *path;
	char *const *keysets;
	size_t keyset_count;
	struct op_self self;
	struct store_partner partner;
	struct doc_request request;
	char id[DOC_ID_MAX + 1];
	struct op_file file;
	char *seen; /* the newest that is held of the partner's log, or NULL */
};

static void request_clear(struct request_args *a)
{
	op_self_free(&a->self);
	store_partner_free(&a->partner);
	op_file_free(&a->file);
	free(a->seen);
}

static enum kms_status request_check(struct op *op, struct kms_err *err)
{
	const struct request_args *a = op->args;
	enum kms_status st = KMS_OK;

	if (a->keyset_count == 0)
		return kms_fail(err, KMS_ERR_USAGE, "no key set is asked for: --keyset K");
	for (size_t i = 0; !st && i < a->keyset_count; i++) {
		st = key_set_name_check(a->keysets[i], err);
		for (size_t j = 0; !st && j < i; j++)
			if (key_label_same(a->keysets[i], a->keysets[j]))
				st = kms_fail(err, KMS_ERR_INVALID,
					"key set '%s' is asked for twice", a->keysets[i]);
	}
	return st ? st : op_subject(op, err, "%s", a->from);
}

static enum kms_status keysets_json(const struct request_args *a, json_t **ret, struct kms_err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->keyset_count; i++)
		if (json_array_append_new(list, json_string(a->keysets[i]))) {
			json_decref(list);
			return kms_nomem(err);
		}
	*ret = list;
	return KMS_OK;
}

static enum kms_status request_validate(struct op *op, struct kms_err *err)
{
	struct request_args *a = op->args;
	json_t *list = NULL;
	enum kms_status st = store_partner_get(op->site->store, a->from, &a->partner, err);

	if (!st)
		st = op_self(op->site, &a->self, err);
	for (size_t i = 0; !st && i < a->keyset_count; i++) {
		STORE_AUTO(keyset) struct store_keyset there = {0};

		st = store_keyset_get(op->site->store, a->keysets[i], &there, err);
		if (!st)
			op_say(op->site,
				"note: a key set '%s' is here already: to import another, give it "
				"a new "
				"name then (--rename)",
				there.name);
		if (st == KMS_ERR_NOT_FOUND) {
			kms_err_clear(err);
			st = KMS_OK;
		}
	}
	if (!st)
		st = op_doc_id("RQ", a->id, err);
	if (!st)
		st = keysets_json(a, &list, err);
	if (!st)
		st = op_detail(op, "keysets", list, err);
	if (!st)
		st = op_report(op, "keysets", json_incref(list), err);
	return st;
}

static enum kms_status request_act(struct op *op, struct kms_err *err)
{
	struct request_args *a = op->args;
	struct p256_signer signer;
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	st = op_witness_newest(op->site, &a->partner, &a->seen, err);
	if (st)
		return st;
	a->request = (struct doc_request){.id = a->id,
		.witness.seen = a->seen,
		.sender = a->self.party,
		.recipient = {a->partner.name, a->partner.fingerprint},
		.hsm_serial = a->self.serial,
		.keysets = (const char *const *)a->keysets,
		.keyset_count = a->keyset_count,
		.created = op->now};
	st = hsm_random_public(op->site->hsm, a->request.nonce, DOC_NONCE_SIZE, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_request_write(&a->request, &signer, &text, err);
	return st ? st : op_file_take(&a->file, &text, err);
}

static enum kms_status request_commit(struct op *op, struct kms_err *err)
{
	struct request_args *a = op->args;
	const struct op_doc_row row = {.id = a->id,
		.kind = "request",
		.direction = "out",
		.state = "open",
		.partner = a->partner.name,
		.nonce = a->request.nonce,
		.file = &a->file};
	enum kms_status st = op_doc_add(op, &row, err);

	if (!st)
		st = op_detail(op, "request", json_string(a->id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->file.hash_text), err);
	if (!st)
		st = op_report(op, "request", json_string(a->id), err);
	if (!st)
		st = op_report(op, "partner", json_string(a->partner.name), err);
	if (!st)
		st = op_report(op, "hsm_serial", json_string(a->self.serial), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->file.hash_text), err);
	return st ? st : op_report(op, "file", json_string(a->path), err);
}

static enum kms_status request_deliver(struct op *op, struct kms_err *err)
{
	struct request_args *a = op->args;

	return op_deliver(a->path, &a->file, a->id, err);
}

enum kms_status op_exchange_request(struct op_site *site, const char *from, char *const *keysets,
	size_t keyset_count, const char *path, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.request",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.check = request_check,
		.validate = request_validate,
		.act = request_act,
		.commit = request_commit,
		.deliver = request_deliver,
	};
	struct request_args args __attribute__((cleanup(request_clear))) = {
		.from = from, .path = path, .keysets = keysets, .keyset_count = keyset_count};

	return op_run(site, &kind, &args, ret_report, err);
}
