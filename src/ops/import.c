/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange import: the keys of a package into this HSM, all or none.
 *
 * The request's nonce is consumed in the same transaction that makes the keys active, so a package
 * counts once. An import that was cut off is undone and can be run again.
 */
#include "ops/ops.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "ops/ceremony.h"
#include "ops/incoming.h"
#include "ops/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import_args {
	struct incoming in; /* the first: incoming_step_… */
	const struct op_import *args;
	struct op_file package_file, receipt_file;
	struct doc_package package;
	struct op_self self;
	struct store_partner partner;
	struct store_doc request_row;
	struct doc_request request;
	char receipt_id[DOC_ID_MAX + 1];
	char *checkpoint;
};

static void import_clear(struct import_args *a)
{
	incoming_free(&a->in);
	free(a->checkpoint);
	op_file_free(&a->package_file);
	op_file_free(&a->receipt_file);
	doc_package_free(&a->package);
	doc_request_free(&a->request);
	store_doc_free(&a->request_row);
	store_partner_free(&a->partner);
	op_self_free(&a->self);
}

static enum kms_status import_check(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = op_file_read(&a->package_file, a->args->package_path, err);

	if (!st)
		st = doc_package_parse(
			a->package_file.text.data, a->package_file.text.len, &a->package, err);
	if (!st && a->args->carrier)
		st = name_check(a->args->carrier, "the carrier's name", err);
	if (st) {
		kms_prefix(err, "cannot import '%s': ", a->args->package_path);
		return st;
	}
	return op_subject(op, err, "%s: %s", a->package.sender.name, a->package.id);
}

/* ---- validate ---- */

static enum kms_status check_sender(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_package *p = &a->package;
	unsigned char point[P256_POINT_SIZE];
	enum kms_status st = op_self(op->site, &a->self, err);

	if (!st)
		st = op_find_sender(op->site, &p->sender, "package", &a->partner, point, err);
	if (!st)
		st = doc_package_verify(p, a->partner.fingerprint, point, err);
	if (!st)
		st = op_check_checkpoint(op->site, &a->partner, p->checkpoint, "package", err);
	if (!st)
		st = op_witness_own(op->site, a->partner.name, p->witness.seen, "package", err);
	if (!st)
		st = op_check_recipient(&a->self, &p->recipient, "package", err);
	if (!st && strcmp(p->hsm_serial, a->self.serial) != 0) {
		kms_fail(err, KMS_ERR_DENIED,
			"the package is for the HSM with serial %s, this site's has %s",
			p->hsm_serial, a->self.serial);
		st = kms_hint(err, "import it where the request was made");
	}
	return st;
}

static enum kms_status check_request(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	unsigned char hash[HASH_SIZE];
	char nonce[DOC_NONCE_TEXT];
	enum kms_status st;

	hex_encode(a->package.nonce, DOC_NONCE_SIZE, nonce);
	st = store_doc_by_nonce(op->site->store, "request", "out", nonce, &a->request_row, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_fail(err, KMS_ERR_DENIED,
			"the package answers a request ('%s') that this site "
			"knows nothing of",
			a->package.request_id);
		return kms_hint(err, "make a new request and have it answered");
	}
	if (st)
		return st;
	if (strcmp(a->request_row.state, "open") != 0) {
		kms_fail(err, KMS_ERR_STATE,
			"the request '%s' has been used: its package was imported already",
			a->request_row.id);
		return kms_hint(err, "a package counts once; for more keys make a new request");
	}
	st = doc_request_parse(a->request_row.text, strlen(a->request_row.text), &a->request, err);
	if (!st && !hex_decode_strict(a->request_row.sha256, hash, HASH_SIZE))
		st = kms_fail(err, KMS_ERR_STORE, "the row of request '%s' is damaged",
			a->request_row.id);
	if (!st)
		st = doc_package_answers(&a->package, &a->request, hash, err);
	return st ? st
		  : op_witness_follows(a->partner.name, a->request.witness.seen,
			    a->package.checkpoint, &a->package.witness, "package", err);
}

/* The name that a key set gets here: OLD=NEW renames it. */
static enum kms_status local_name(struct import_args *a, const char *name,
	char ret_name[KEY_SET_NAME_MAX + 1], struct kms_err *err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < a->args->rename_count; i++) {
		const char *rule = a->args->renames[i];

		if (strncmp(rule, name, len) == 0 && rule[len] == '=') {
			enum kms_status st = key_set_name_check(rule + len + 1, err);

			if (!st)
				snprintf(ret_name, KEY_SET_NAME_MAX + 1, "%s", rule + len + 1);
			return st;
		}
	}
	snprintf(ret_name, KEY_SET_NAME_MAX + 1, "%s", name);
	return KMS_OK;
}

static enum kms_status check_renames(struct import_args *a, struct kms_err *err)
{
	for (size_t i = 0; i < a->args->rename_count; i++) {
		const char *rule = a->args->renames[i];
		size_t len = strcspn(rule, "="), set = 0;

		while (set < a->package.keyset_count &&
			(strlen(a->package.keysets[set].name) != len ||
				strncmp(a->package.keysets[set].name, rule, len) != 0))
			set++;
		if (!rule[len] || set == a->package.keyset_count)
			return kms_fail(err, KMS_ERR_USAGE,
				"--rename '%s': OLD=NEW with a key set of the package as OLD",
				rule);
	}
	return KMS_OK;
}

static enum kms_status take_set(struct import_args *a, size_t i, struct kms_err *err)
{
	const struct doc_keyset *doc = &a->package.keysets[i];
	struct incoming_set *set = &a->in.sets[i];

	set->customer = *doc->customer ? doc->customer : a->partner.name;
	set->order = *doc->order ? doc->order : NULL;
	set->div = &doc->div;
	set->kvn = doc->kvn;
	set->exportable = doc->exportable;
	set->period = doc->period;
	return local_name(a, doc->name, set->name, err);
}

/* The package's form says that each key's set is in it, and that a set's keys have one algorithm. */
static enum kms_status take_key(struct import_args *a, size_t i, struct kms_err *err)
{
	const struct doc_key *doc = &a->package.keys[i];
	struct incoming_key *key = &a->in.keys[i];
	size_t set = 0;

	while (set < a->package.keyset_count &&
		strcmp(a->package.keysets[set].name, doc->keyset) != 0)
		set++;
	if (set == a->package.keyset_count)
		return kms_fail(err, KMS_ERR_INVALID, "key '%s' is of no key set", doc->label);
	a->in.sets[set].alg = doc->alg;
	key->set = &a->in.sets[set];
	key->role = doc->role;
	key->sent_as = doc->label;
	key->expected = doc->kcv;
	key->block = doc->block;
	key->block_len = doc->block_len;
	return KMS_OK;
}

static enum kms_status take_keys(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st =
		incoming_alloc(&a->in, a->package.keyset_count, a->package.key_count, err);

	for (size_t i = 0; !st && i < a->package.keyset_count; i++)
		st = take_set(a, i, err);
	for (size_t i = 0; !st && i < a->package.key_count; i++)
		st = take_key(a, i, err);
	return st ? st : incoming_validate(&a->in, op, err);
}

static enum kms_status import_validate(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_package *p = &a->package;
	enum kms_status st = check_sender(op, err);

	if (!st)
		st = check_request(op, err);
	if (!st)
		st = incoming_transport(&a->in, op, a->args->transport_key, a->partner.name,
			p->wrapping, &p->transport, a->args->carrier, err);
	/* The carrier that the sender names, too. */
	if (!st && *p->carrier)
		st = op_separation(op, a->in.transport.label, "import", p->carrier, err);
	if (!st)
		st = check_renames(a, err);
	if (!st)
		st = take_keys(op, err);
	if (!st)
		st = op_doc_id("RC", a->receipt_id, err);
	if (!st)
		st = op_detail(op, "package", json_string(p->id), err);
	if (!st)
		st = op_detail(op, "package_sha256", json_string(a->package_file.hash_text), err);
	if (!st)
		st = op_report(op, "package", json_string(p->id), err);
	return st ? st : op_report(op, "partner", json_string(a->partner.name), err);
}

static enum kms_status write_receipt(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_package *p = &a->package;
	FREE_AUTO struct doc_checked_key *keys = calloc(p->key_count, sizeof(*keys));
	struct doc_receipt receipt = {.id = a->receipt_id,
		.package_id = p->id,
		.sender = a->self.party,
		.recipient = {a->partner.name, a->partner.fingerprint},
		.hsm_serial = a->self.serial,
		.keys = keys,
		.key_count = p->key_count,
		.checkpoint = a->checkpoint,
		.created = op->now};
	BUF_AUTO struct buf text = {0};
	struct p256_signer signer;
	enum kms_status st;

	if (!keys)
		return kms_nomem(err);
	/* By the sender's labels: it is the sender who compares. */
	for (size_t i = 0; i < p->key_count; i++)
		keys[i] = (struct doc_checked_key){
			p->keys[i].label, p->keys[i].alg, a->in.keys[i].kcv};
	memcpy(receipt.package_hash, a->package_file.hash, HASH_SIZE);
	memcpy(receipt.nonce, p->nonce, DOC_NONCE_SIZE);
	receipt.witness.seen = p->checkpoint;
	st = op_witness_extend(op->site, p->witness.seen, a->checkpoint, &receipt.witness, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_receipt_write(&receipt, &signer, &text, err);
	return st ? st : op_file_take(&a->receipt_file, &text, err);
}

static enum kms_status import_verify(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = incoming_verify(&a->in, op, err);

	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	return st ? st : write_receipt(op, err);
}

static enum kms_status import_commit(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct op_doc_row package = {.id = a->package.id,
		.kind = "package",
		.direction = "in",
		.state = "consumed",
		.partner = a->partner.name,
		.related = a->request.id,
		.transport_key = a->in.transport.label,
		.nonce = a->package.nonce,
		.file = &a->package_file};
	const struct op_doc_row receipt = {.id = a->receipt_id,
		.kind = "receipt",
		.direction = "out",
		.state = "closed",
		.partner = a->partner.name,
		.related = a->package.id,
		.nonce = a->package.nonce,
		.file = &a->receipt_file};
	enum kms_status st;

	st = store_doc_set_state(op->site->store, a->request.id, "open", "consumed", op->now, err);
	if (!st)
		st = incoming_commit(&a->in, op, err);
	if (!st)
		st = op_doc_add(op, &package, err);
	if (!st)
		st = op_doc_add(op, &receipt, err);
	if (!st)
		st = op_detail(op, "receipt", json_string(a->receipt_id), err);
	if (!st)
		st = op_report(op, "receipt", json_string(a->receipt_id), err);
	return st ? st : op_report(op, "receipt_file", json_string(a->args->receipt_path), err);
}

static enum kms_status import_deliver(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;

	return op_deliver(a->args->receipt_path, &a->receipt_file, a->receipt_id, err);
}

enum kms_status op_exchange_import(struct op_site *site, const struct op_import *import,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.import",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_IMPORT,
		.check = import_check,
		.validate = import_validate,
		.intend = incoming_step_intend,
		.act = incoming_step_act,
		.verify = import_verify,
		.commit = import_commit,
		.deliver = import_deliver,
	};
	struct import_args run __attribute__((cleanup(import_clear))) = {.args = import};

	return op_run(site, &kind, &run, ret_report, err);
}
