/* SPDX-License-Identifier: Apache-2.0 */
/* exchange export: master keys under a transport key, in answer to one request. */
#include "ops/ops.h"

#include "base/file.h"
#include "base/hex.h"
#include "exchange/rawhex.h"
#include "hsm/crypto.h"
#include "ops/ceremony.h"
#include "ops/exchange.h"

#include <stdlib.h>
#include <string.h>

/* The roles of a key set in the order of a package. */
static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

struct export_args {
	const struct op_export *in;
	struct op_file request_file, package_file;
	struct doc_request request;
	struct op_self self;
	struct store_partner partner;
	struct store_key transport;
	enum key_alg transport_alg;
	enum key_wrapping wrapping;
	struct store_keyset *sets; /* request.keyset_count of them */
	struct store_key *rows;	   /* ROLES for each */
	struct doc_keyset *doc_sets;
	struct doc_key *doc_keys;
	size_t key_count;
	char id[DOC_ID_MAX + 1];
	struct doc_package package;
	char *checkpoint;
	struct buf listing;
};

static void export_clear(struct export_args *a)
{
	for (size_t i = 0; a->sets && i < a->request.keyset_count; i++)
		store_keyset_free(&a->sets[i]);
	for (size_t i = 0; a->rows && i < a->request.keyset_count * ROLES; i++)
		store_key_free(&a->rows[i]);
	free(a->sets);
	free(a->rows);
	free(a->doc_sets);
	free(a->doc_keys);
	free(a->checkpoint);
	buf_free(&a->listing);
	op_file_free(&a->request_file);
	op_file_free(&a->package_file);
	doc_request_free(&a->request);
	op_self_free(&a->self);
	store_partner_free(&a->partner);
	store_key_free(&a->transport);
}

static enum kms_status export_check(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = op_file_read(&a->request_file, a->in->request_path, err);

	if (!st)
		st = doc_request_parse(
			a->request_file.text.data, a->request_file.text.len, &a->request, err);
	if (!st && a->in->carrier)
		st = name_check(a->in->carrier, "the carrier's name", err);
	if (st) {
		kms_prefix(err, "cannot answer '%s': ", a->in->request_path);
		return st;
	}
	return op_subject(op, err, "%s: %s", a->request.sender.name, a->request.id);
}

/* ---- validate ---- */

static enum kms_status check_request(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	STORE_AUTO(doc) struct store_doc answered = {0};
	unsigned char point[P256_POINT_SIZE];
	char nonce[DOC_NONCE_TEXT];
	enum kms_status st = op_self(op->site, &a->self, err);

	if (!st)
		st = op_check_recipient(&a->self, &a->request.recipient, "request", err);
	if (!st)
		st = op_find_sender(
			op->site, &a->request.sender, "request", &a->partner, point, err);
	if (!st)
		st = doc_request_verify(&a->request, a->partner.fingerprint, point, err);
	if (st)
		return st;
	hex_encode(a->request.nonce, DOC_NONCE_SIZE, nonce);
	st = store_doc_by_nonce(op->site->store, "request", "in", nonce, &answered, err);
	if (!st) {
		kms_fail(err, KMS_ERR_STATE, "request '%s' has been answered already", answered.id);
		return kms_hint(err,
			"'cardkms exchange list' names the package: 'cardkms exchange "
			"reissue ID -o FILE' writes it again; for other keys ask for a new "
			"request");
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

static enum kms_status check_transport(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum hsm_role role;
	enum hsm_where where;
	enum kms_status st;

	st = op_transport_row(
		op->site, a->in->transport_key, "wrap", a->partner.name, &a->transport, err);
	if (!st)
		st = key_alg_parse(a->transport.algorithm, &a->transport_alg, err);
	if (!st)
		st = key_wrapping_parse(
			a->transport.wrapping ? a->transport.wrapping : "", &a->wrapping, err);
	if (!st)
		st = op_separation(op, a->transport.label, "export", a->in->carrier, err);
	if (!st)
		st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(a->transport_alg),
			key_wrapping_to_hsm(a->wrapping), true, &role, &where, err);
	if (!st && where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "each exported key", err);
	if (!st && a->in->listing_path && !op_wrapping_is_raw(a->wrapping)) {
		kms_fail(err, KMS_ERR_INVALID,
			"transport key '%s' is bound to %s: there is no listing "
			"to type by hand",
			a->transport.label, key_wrapping_name(a->wrapping));
		st = kms_hint(err, "leave --listing out");
	}
	return st;
}

static enum kms_status check_key(
	struct op *op, const struct store_keyset *set, size_t place, struct kms_err *err)
{
	struct export_args *a = op->args;
	struct store_key *row = &a->rows[place];
	char label[KEY_LABEL_MAX + 1];
	enum key_alg alg;
	enum kms_status st = key_label(set->name, roles[place % ROLES], label, err);

	if (!st)
		st = store_key_by_label(op->site->store, label, row, err);
	if (!st && strcmp(row->state, key_state_name(KEY_ACTIVE)) != 0)
		st = kms_fail(err, KMS_ERR_STATE, "cannot export '%s': it is %s, not active", label,
			row->state);
	if (!st)
		st = key_alg_parse(row->algorithm, &alg, err);
	return st ? st : op_wrapping_rules(op, a->wrapping, a->transport_alg, alg, label, err);
}

static enum kms_status check_set(struct op *op, size_t i, struct kms_err *err)
{
	struct export_args *a = op->args;
	struct store_keyset *set = &a->sets[i];
	struct kms_err why = {0};
	enum kms_status st;

	st = store_keyset_get(op->site->store, a->request.keysets[i], set, err);
	if (!st && strcmp(set->exportable, "partner") != 0) {
		kms_fail(err, KMS_ERR_DENIED, "key set '%s' may never be exported", set->name);
		st = kms_hint(err, "its key plan says 'export = never'");
	}
	if (!st && key_scope_check(set->name, set->customer, a->partner.name, "export", &why))
		st = op_override(op, err, "%s", why.msg);
	for (size_t r = 0; !st && r < ROLES; r++)
		st = check_key(op, set, i * ROLES + r, err);
	return st;
}

static enum kms_status export_validate(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	const size_t sets = a->request.keyset_count;
	enum kms_status st = check_request(op, err);

	if (!st)
		st = check_transport(op, err);
	if (st)
		return st;
	a->sets = calloc(sets, sizeof(*a->sets));
	a->rows = calloc(sets * ROLES, sizeof(*a->rows));
	a->doc_sets = calloc(sets, sizeof(*a->doc_sets));
	a->doc_keys = calloc(sets * ROLES, sizeof(*a->doc_keys));
	if (!a->sets || !a->rows || !a->doc_sets || !a->doc_keys)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < sets; i++)
		st = check_set(op, i, err);
	if (!st)
		st = op_doc_id("PK", a->id, err);
	if (!st)
		st = op_detail(op, "request", json_string(a->request.id), err);
	if (!st)
		st = op_detail(op, "transport_key", json_string(a->transport.label), err);
	if (!st)
		st = op_detail(op, "wrapping", json_string(key_wrapping_name(a->wrapping)), err);
	if (!st && a->in->carrier)
		st = op_detail(op, "carrier", json_string(a->in->carrier), err);
	if (!st)
		st = op_report(op, "partner", json_string(a->partner.name), err);
	return st ? st : op_report(op, "request", json_string(a->request.id), err);
}

/* ---- act ---- */

static enum kms_status wrap_one(
	struct op *op, struct hsm_key *transport, size_t place, struct kms_err *err)
{
	struct export_args *a = op->args;
	const struct store_key *row = &a->rows[place];
	struct doc_key *out = &a->doc_keys[place];
	enum key_kcv_method method;
	struct key_kcv now;
	struct hsm_key key;
	enum hsm_where where;
	char what[80];
	enum kms_status st;

	*out = (struct doc_key){
		.label = row->label, .keyset = row->keyset, .role = roles[place % ROLES]};
	st = key_alg_parse(row->algorithm, &out->alg, err);
	if (!st)
		st = key_kcv_method_parse(row->check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, row->check_value, &out->kcv, err);
	if (!st)
		st = op_key_object(op->site, row, &key, err);
	/* What leaves must be what the store says it is. */
	if (!st)
		st = key_kcv_hsm(op->site->hsm, &key, method, &now, err);
	snprintf(what, sizeof(what), "the HSM's '%.60s'", row->label);
	if (!st)
		st = key_kcv_check(what, &now, "the store", &out->kcv, err);
	if (!st)
		st = hsm_wrap(op->site->hsm, transport, &key, key_wrapping_to_hsm(a->wrapping),
			op->site->policy.host_assisted, out->block, sizeof(out->block),
			&out->block_len, &where, err);
	if (st) {
		kms_prefix(err, "cannot export '%s': ", row->label);
		return st;
	}
	op->host_assisted |= where == HSM_HOST_ASSISTED;
	return KMS_OK;
}

static enum kms_status open_transport(struct op *op, struct hsm_key *ret_key, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = op_key_verify(op->site, &a->transport, err);

	return st ? st : op_key_object(op->site, &a->transport, ret_key, err);
}

static enum kms_status fill_set(struct op *op, size_t i, struct kms_err *err)
{
	struct export_args *a = op->args;
	const struct store_keyset *row = &a->sets[i];
	struct doc_keyset *out = &a->doc_sets[i];
	enum kms_status st;

	*out = (struct doc_keyset){.name = row->name,
		.customer = row->customer,
		.order = row->order_ref ? row->order_ref : "",
		.kvn = (unsigned)row->kvn,
		/* It was made for this partner, who may not pass it on. */
		.exportable = false};
	st = key_div_parse(
		row->definition ? row->definition : row->diversification, &out->div, err);
	if (!st && row->cryptoperiod)
		st = key_period_parse(row->cryptoperiod, &out->period, err);
	return st;
}

static enum kms_status overrides_list(
	const struct op *op, const char ***ret_list, size_t *ret_count, struct kms_err *err)
{
	size_t count = json_array_size(op->overrides);
	const char **list = calloc(count + 1, sizeof(*list));

	if (!list)
		return kms_nomem(err);
	for (size_t i = 0; i < count; i++)
		list[i] = json_string_value(json_array_get(op->overrides, i));
	*ret_list = list;
	*ret_count = count;
	return KMS_OK;
}

static enum kms_status write_package(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	FREE_AUTO const char **overrides = NULL;
	struct doc_package *p = &a->package;
	BUF_AUTO struct buf text = {0};
	struct p256_signer signer;
	enum key_kcv_method method;
	enum kms_status st;

	*p = (struct doc_package){.id = a->id,
		.request_id = a->request.id,
		.sender = a->self.party,
		.recipient = {a->partner.name, a->partner.fingerprint},
		.hsm_serial = a->request.hsm_serial,
		.transport = {.label = a->transport.label, .alg = a->transport_alg},
		.ceremony = a->transport.ceremony_id ? a->transport.ceremony_id : "",
		.wrapping = a->wrapping,
		.keysets = a->doc_sets,
		.keyset_count = a->request.keyset_count,
		.keys = a->doc_keys,
		.key_count = a->key_count,
		.carrier = a->in->carrier ? a->in->carrier : "",
		.checkpoint = a->checkpoint,
		.created = op->now};
	memcpy(p->request_hash, a->request_file.hash, HASH_SIZE);
	memcpy(p->nonce, a->request.nonce, DOC_NONCE_SIZE);
	st = overrides_list(op, &overrides, &p->override_count, err);
	p->overrides = overrides;
	if (!st)
		st = key_kcv_method_parse(a->transport.check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, a->transport.check_value, &p->transport.kcv, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_package_write(p, &signer, &text, err);
	if (!st && a->in->listing_path)
		st = doc_rawhex_write(p, &a->listing, err);
	p->overrides = NULL;
	p->override_count = 0;
	return st ? st : op_file_take(&a->package_file, &text, err);
}

static enum kms_status export_act(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	struct hsm_key transport;
	enum kms_status st = open_transport(op, &transport, err);

	a->key_count = a->request.keyset_count * ROLES;
	for (size_t i = 0; !st && i < a->request.keyset_count; i++)
		st = fill_set(op, i, err);
	for (size_t i = 0; !st && i < a->key_count; i++)
		st = wrap_one(op, &transport, i, err);
	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	return st ? st : write_package(op, err);
}

/* Read it as the other side will. */
static enum kms_status export_verify(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	DOC_PACKAGE_AUTO struct doc_package again = {0};
	struct p256_signer signer;
	enum kms_status st;

	st = doc_package_parse(a->package_file.text.data, a->package_file.text.len, &again, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_package_verify(&again, a->self.fingerprint, signer.point, err);
	return st ? st : doc_package_answers(&again, &a->request, a->request_file.hash, err);
}

static enum kms_status report_package(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->key_count; i++)
		st = op_checked_json(
			keys, a->doc_keys[i].label, a->doc_keys[i].alg, &a->doc_keys[i].kcv, err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_detail(op, "package", json_string(a->id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->package_file.hash_text), err);
	if (!st)
		st = op_report(op, "package", json_string(a->id), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->package_file.hash_text), err);
	if (!st)
		st = op_report(op, "wrapping", json_string(key_wrapping_name(a->wrapping)), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	if (!st)
		st = op_report(op, "file", json_string(a->in->path), err);
	if (!st && a->in->listing_path)
		st = op_report(op, "listing", json_string(a->in->listing_path), err);
	return st ? st : op_report(op, "keys", json_incref(keys), err);
}

static enum kms_status export_commit(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	const struct op_doc_row request = {.id = a->request.id,
		.kind = "request",
		.direction = "in",
		.state = "answered",
		.partner = a->partner.name,
		.nonce = a->request.nonce,
		.file = &a->request_file};
	const struct op_doc_row package = {.id = a->id,
		.kind = "package",
		.direction = "out",
		.state = "open",
		.partner = a->partner.name,
		.related = a->request.id,
		.transport_key = a->transport.label,
		.nonce = a->request.nonce,
		.file = &a->package_file};
	enum kms_status st = op_doc_add(op, &request, err);

	if (!st)
		st = op_doc_add(op, &package, err);
	return st ? st : report_package(op, err);
}

static enum kms_status export_deliver(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = op_deliver(a->in->path, &a->package_file, a->id, err);

	if (!st && a->in->listing_path)
		st = file_write(a->in->listing_path, 0600, a->listing.data, a->listing.len, err);
	return st;
}

enum kms_status op_exchange_export(
	struct op_site *site, const struct op_export *in, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.export",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_EXPORT,
		.check = export_check,
		.validate = export_validate,
		.act = export_act,
		.verify = export_verify,
		.commit = export_commit,
		.deliver = export_deliver,
	};
	struct export_args args __attribute__((cleanup(export_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
