/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange import: the keys of a package into this HSM, all or none.
 *
 * The request's nonce is consumed in the same transaction that makes the keys active, so a package
 * counts once. An import that was cut off is undone and can be run again.
 */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/hex.h"
#include "hsm/crypto.h"
#include "ops/ceremony.h"
#include "ops/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import_key {
	const struct doc_key *doc;
	const struct doc_keyset *set;
	char keyset[KEY_SET_NAME_MAX + 1]; /* its name here */
	char label[KEY_LABEL_MAX + 1];
	char id[OP_ID_HEX];
	struct hsm_made made;
	struct key_kcv kcv; /* as this HSM computes it */
};

struct import_args {
	const struct op_import *in;
	struct op_file package_file, receipt_file;
	struct doc_package package;
	struct op_self self;
	struct store_partner partner;
	struct store_doc request_row;
	struct doc_request request;
	struct store_key transport;
	enum key_alg transport_alg;
	struct import_key *keys; /* package.key_count */
	char receipt_id[DOC_ID_MAX + 1];
	char *checkpoint;
};

static void import_clear(struct import_args *a)
{
	free(a->keys);
	free(a->checkpoint);
	op_file_free(&a->package_file);
	op_file_free(&a->receipt_file);
	doc_package_free(&a->package);
	doc_request_free(&a->request);
	store_doc_free(&a->request_row);
	store_key_free(&a->transport);
	store_partner_free(&a->partner);
	op_self_free(&a->self);
}

static enum kms_status import_check(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = op_file_read(&a->package_file, a->in->package_path, err);

	if (!st)
		st = doc_package_parse(
			a->package_file.text.data, a->package_file.text.len, &a->package, err);
	if (!st && a->in->carrier)
		st = name_check(a->in->carrier, "the carrier's name", err);
	if (st) {
		kms_prefix(err, "cannot import '%s': ", a->in->package_path);
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
		st = op_check_checkpoint(&a->partner, p->checkpoint, "package", err);
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
	return st ? st : doc_package_answers(&a->package, &a->request, hash, err);
}

static enum kms_status check_transport_value(struct import_args *a, struct kms_err *err)
{
	char here[80], there[80];
	enum key_kcv_method method;
	struct key_kcv kcv;
	enum kms_status st = key_kcv_method_parse(a->transport.check_method, &method, err);

	if (!st)
		st = key_kcv_parse(method, a->transport.check_value, &kcv, err);
	if (st)
		return st;
	snprintf(here, sizeof(here), "transport key '%.50s'", a->transport.label);
	snprintf(there, sizeof(there), "the package (for '%.40s')", a->package.transport.label);
	st = key_kcv_check(here, &kcv, there, &a->package.transport.kcv, err);
	if (st == KMS_ERR_MISMATCH || st == KMS_ERR_INVALID)
		kms_hint(err,
			"name the transport key that the package was made under "
			"('%s' at its sender)",
			a->package.transport.label);
	if (!st && a->transport_alg != a->package.transport.alg)
		st = kms_fail(err, KMS_ERR_MISMATCH,
			"transport key '%s' is %s, the package says %s", a->transport.label,
			key_alg_name(a->transport_alg), key_alg_name(a->package.transport.alg));
	return st;
}

static enum kms_status check_transport(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_package *p = &a->package;
	enum key_wrapping bound;
	enum hsm_role role;
	enum hsm_where where;
	enum kms_status st;

	st = op_transport_row(
		op->site, a->in->transport_key, "unwrap", a->partner.name, &a->transport, err);
	if (!st)
		st = key_alg_parse(a->transport.algorithm, &a->transport_alg, err);
	if (!st)
		st = key_wrapping_parse(
			a->transport.wrapping ? a->transport.wrapping : "", &bound, err);
	if (!st)
		st = check_transport_value(a, err);
	if (!st && bound != p->wrapping)
		st = kms_fail(err, KMS_ERR_DENIED,
			"transport key '%s' is bound to %s, the package is wrapped by %s",
			a->transport.label, key_wrapping_name(bound),
			key_wrapping_name(p->wrapping));
	if (!st)
		st = op_separation(op, a->transport.label, "import", a->in->carrier, err);
	if (!st && *p->carrier)
		st = op_separation(op, a->transport.label, "import", p->carrier, err);
	if (!st)
		st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(a->transport_alg),
			key_wrapping_to_hsm(bound), false, &role, &where, err);
	if (!st && where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "each imported key", err);
	return st;
}

/* The name that a key set gets here: OLD=NEW renames it. */
static enum kms_status local_name(struct import_args *a, const char *name,
	char ret_name[KEY_SET_NAME_MAX + 1], struct kms_err *err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < a->in->rename_count; i++) {
		const char *rule = a->in->renames[i];

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
	for (size_t i = 0; i < a->in->rename_count; i++) {
		const char *rule = a->in->renames[i];
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

static enum kms_status label_free(struct op *op, const struct import_key *key, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key there = {0};
	STORE_AUTO(keyset) struct store_keyset set = {0};
	enum kms_status st = store_key_by_label(op->site->store, key->label, &there, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = store_keyset_get(op->site->store, key->keyset, &set, err);
	}
	if (!st) {
		kms_fail(err, KMS_ERR_EXISTS, "there is a key set '%s' here already (%s)",
			key->keyset, there.origin ? there.origin : set.origin);
		return kms_hint(
			err, "import it under another name: --rename %s=NEW", key->set->name);
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static const struct doc_keyset *set_of(const struct doc_package *p, const char *name)
{
	for (size_t i = 0; i < p->keyset_count; i++)
		if (strcmp(p->keysets[i].name, name) == 0)
			return &p->keysets[i];
	return NULL;
}

static enum kms_status plan_key(struct op *op, size_t i, struct kms_err *err)
{
	struct import_args *a = op->args;
	struct import_key *key = &a->keys[i];
	enum kms_status st;

	key->doc = &a->package.keys[i];
	key->set = set_of(&a->package, key->doc->keyset);
	if (!key->set)
		return kms_fail(err, KMS_ERR_INVALID, "key '%s' is of no key set", key->doc->label);
	st = local_name(a, key->set->name, key->keyset, err);
	if (!st)
		st = key_label(key->keyset, key->doc->role, key->label, err);
	if (!st)
		st = op_new_id(key->id, err);
	if (!st)
		st = label_free(op, key, err);
	for (size_t j = 0; !st && j < i; j++)
		if (key_label_same(key->label, a->keys[j].label))
			st = kms_fail(err, KMS_ERR_INVALID,
				"two keys of the package would both be '%s' here", key->label);
	return st ? st
		  : op_wrapping_rules(op, a->package.wrapping, a->transport_alg, key->doc->alg,
			    key->doc->label, err);
}

static enum kms_status import_validate(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = check_sender(op, err);

	if (!st)
		st = check_request(op, err);
	if (!st)
		st = check_transport(op, err);
	if (!st)
		st = check_renames(a, err);
	if (st)
		return st;
	a->keys = calloc(a->package.key_count, sizeof(*a->keys));
	if (!a->keys)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < a->package.key_count; i++)
		st = plan_key(op, i, err);
	if (!st)
		st = op_doc_id("RC", a->receipt_id, err);
	if (!st)
		st = op_detail(op, "package", json_string(a->package.id), err);
	if (!st)
		st = op_detail(op, "package_sha256", json_string(a->package_file.hash_text), err);
	if (!st)
		st = op_detail(op, "transport_key", json_string(a->transport.label), err);
	if (!st && a->in->carrier)
		st = op_detail(op, "carrier", json_string(a->in->carrier), err);
	if (!st)
		st = op_report(op, "package", json_string(a->package.id), err);
	return st ? st : op_report(op, "partner", json_string(a->partner.name), err);
}

/* ---- intend ---- */

static enum kms_status add_set(struct op *op, const struct import_key *key, struct kms_err *err)
{
	const struct import_args *a = op->args;
	const struct doc_keyset *set = key->set;
	char div[KEY_DIV_TEXT_SIZE], period[KEY_PERIOD_TEXT_SIZE];

	key_div_print(&set->div, div);
	key_period_print(&set->period, period);
	return store_keyset_add(op->site->store,
		&(struct store_keyset){.name = key->keyset,
			.customer = *set->customer ? set->customer : a->partner.name,
			.algorithm = key_alg_name(key->doc->alg),
			.diversification = set->div.name,
			.definition = div,
			.kvn = set->kvn,
			.exportable = set->exportable ? "partner" : "never",
			.cryptoperiod = set->period.unit == KEY_PERIOD_NONE ? NULL : period,
			.origin = a->partner.name,
			.order_ref = *set->order ? set->order : NULL,
			.state = "pending",
			.op_id = op->id,
			.created = op->now},
		err);
}

static enum kms_status write_row(
	struct op *op, const struct import_key *key, bool active, struct kms_err *err)
{
	const struct import_args *a = op->args;
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	int64_t end = key_period_end(&key->set->period, op->now);
	struct store_key row = {.cka_id = key->id,
		.label = key->label,
		.keyset = key->keyset,
		.role = key_role_name(key->doc->role),
		.algorithm = key_alg_name(key->doc->alg),
		.kvn = key->set->kvn,
		.state = active ? "active" : "pending",
		.location = "vault",
		.origin = a->partner.name,
		.exportable = key->set->exportable ? "partner" : "never",
		.hsm_serial = a->self.serial,
		.op_id = op->id,
		.created = op->now,
		.deactivate_after = end == INT64_MAX ? 0 : end,
		.state_changed = op->now};

	if (!active)
		return store_key_add(op->site->store, &row, err);
	key_kcv_print(&key->kcv, check);
	hex_encode(key->made.proof, key->made.proof_len, proof);
	row.check_value = check;
	row.check_method = key_kcv_method_name(key->kcv.method);
	row.proof = proof;
	row.activated = op->now;
	return store_key_update(op->site->store, &row, "pending", err);
}

static bool first_of_set(const struct import_args *a, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (a->keys[j].set == a->keys[i].set)
			return false;
	return true;
}

static enum kms_status import_intend(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->package.key_count; i++) {
		if (first_of_set(a, i))
			st = add_set(op, &a->keys[i], err);
		if (!st)
			st = write_row(op, &a->keys[i], false, err);
	}
	return st;
}

/* ---- act, verify ---- */

static enum kms_status unwrap_one(
	struct op *op, struct hsm_key *transport, struct import_key *key, struct kms_err *err)
{
	struct import_args *a = op->args;
	const struct doc_key *doc = key->doc;
	struct hsm_new spec = {.alg = key_alg_to_hsm(doc->alg),
		.role = HSM_MASTER_VAULT,
		.check = key_kcv_to_hsm(doc->kcv.method),
		.label = key->label};
	enum kms_status st;

	if (!hex_decode_strict(key->id, spec.id, sizeof(spec.id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	st = hsm_unwrap(op->site->hsm, transport, key_wrapping_to_hsm(a->package.wrapping),
		op->site->policy.host_assisted, doc->block, doc->block_len, &spec, &key->made, err);
	if (st) {
		kms_prefix(err, "cannot unwrap '%s': ", doc->label);
		return st;
	}
	op->host_assisted |= key->made.where == HSM_HOST_ASSISTED;
	return KMS_OK;
}

static enum kms_status import_act(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	struct hsm_key transport;
	enum kms_status st = op_key_verify(op->site, &a->transport, err);

	if (!st)
		st = op_key_object(op->site, &a->transport, &transport, err);
	for (size_t i = 0; !st && i < a->package.key_count; i++)
		st = unwrap_one(op, &transport, &a->keys[i], err);
	return st;
}

/* Read back from the HSM, against what the sender's HSM said. */
static enum kms_status verify_one(struct op *op, struct import_key *key, struct kms_err *err)
{
	const struct store_key row = {
		.cka_id = key->id, .label = key->label, .algorithm = key_alg_name(key->doc->alg)};
	char what[80];
	struct hsm_key object;
	enum kms_status st = op_key_object(op->site, &row, &object, err);

	if (!st)
		st = hsm_key_check_role(op->site->hsm, &object, HSM_MASTER_VAULT, err);
	if (!st)
		st = key_kcv_hsm(op->site->hsm, &object, key->doc->kcv.method, &key->kcv, err);
	snprintf(what, sizeof(what), "cannot import '%.50s': its", key->doc->label);
	if (!st)
		st = key_kcv_check(what, &key->kcv, "the package", &key->doc->kcv, err);
	if (st == KMS_ERR_MISMATCH)
		kms_hint(err, "none of the package's keys was imported");
	return st;
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
		keys[i] =
			(struct doc_checked_key){p->keys[i].label, p->keys[i].alg, a->keys[i].kcv};
	memcpy(receipt.package_hash, a->package_file.hash, HASH_SIZE);
	memcpy(receipt.nonce, p->nonce, DOC_NONCE_SIZE);
	st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_receipt_write(&receipt, &signer, &text, err);
	return st ? st : op_file_take(&a->receipt_file, &text, err);
}

static enum kms_status import_verify(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->package.key_count; i++)
		st = verify_one(op, &a->keys[i], err);
	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	return st ? st : write_receipt(op, err);
}

/* ---- commit ---- */

static enum kms_status report_keys(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->package.key_count; i++)
		st = op_checked_json(
			keys, a->keys[i].label, a->keys[i].doc->alg, &a->keys[i].kcv, err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_detail(op, "receipt", json_string(a->receipt_id), err);
	if (!st)
		st = op_report(op, "receipt", json_string(a->receipt_id), err);
	if (!st)
		st = op_report(op, "receipt_file", json_string(a->in->receipt_path), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st ? st : op_report(op, "keys", json_incref(keys), err);
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
		.transport_key = a->transport.label,
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
	for (size_t i = 0; !st && i < a->package.key_count; i++) {
		if (first_of_set(a, i))
			st = store_keyset_set_state(
				op->site->store, a->keys[i].keyset, "pending", "active", err);
		if (!st)
			st = write_row(op, &a->keys[i], true, err);
	}
	if (!st)
		st = op_doc_add(op, &package, err);
	if (!st)
		st = op_doc_add(op, &receipt, err);
	return st ? st : report_keys(op, err);
}

static enum kms_status import_deliver(struct op *op, struct kms_err *err)
{
	struct import_args *a = op->args;

	return op_deliver(a->in->receipt_path, &a->receipt_file, a->receipt_id, err);
}

enum kms_status op_exchange_import(
	struct op_site *site, const struct op_import *in, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.import",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_IMPORT,
		.check = import_check,
		.validate = import_validate,
		.intend = import_intend,
		.act = import_act,
		.verify = import_verify,
		.commit = import_commit,
		.deliver = import_deliver,
	};
	struct import_args args __attribute__((cleanup(import_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
