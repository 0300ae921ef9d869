/* SPDX-License-Identifier: Apache-2.0 */
/* exchange export: master keys under a transport key, in answer to one request. */
#include "ops/ops.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "exchange/rawhex.h"
#include "ops/outgoing.h"
#include "ops/witness.h"

#include <stdlib.h>
#include <string.h>

struct export_args {
	const struct op_export *in;
	struct op_file request_file, package_file;
	struct doc_request request;
	struct op_self self;
	struct store_partner partner;
	struct outgoing out;
	char id[DOC_ID_MAX + 1];
	char *checkpoint;
	char *seen; /* the newest that is held of the recipient's log, or NULL */
	struct buf listing;
};

static void export_clear(struct export_args *a)
{
	outgoing_free(&a->out);
	free(a->checkpoint);
	free(a->seen);
	buf_free(&a->listing);
	op_file_free(&a->request_file);
	op_file_free(&a->package_file);
	doc_request_free(&a->request);
	op_self_free(&a->self);
	store_partner_free(&a->partner);
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
	if (!st)
		st = op_witness_own(
			op->site, a->partner.name, a->request.witness.seen, "request", err);
	if (!st)
		st = op_witness_newest(op->site, &a->partner, &a->seen, err);
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

static enum kms_status check_listing(const struct export_args *a, struct kms_err *err)
{
	if (!a->in->listing_path || op_wrapping_is_raw(a->out.wrapping))
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID,
		"transport key '%s' is bound to %s: there is no listing to type by hand",
		a->out.transport.label, key_wrapping_name(a->out.wrapping));
	return kms_hint(err, "leave --listing out");
}

static enum kms_status export_validate(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = check_request(op, err);

	if (!st)
		st = outgoing_transport(
			&a->out, op, a->in->transport_key, a->partner.name, a->in->carrier, err);
	if (!st)
		st = check_listing(a, err);
	if (!st)
		st = outgoing_sets(&a->out, op, a->request.keysets, a->request.keyset_count,
			a->partner.name, err);
	if (!st)
		st = op_doc_id("PK", a->id, err);
	if (!st)
		st = op_detail(op, "request", json_string(a->request.id), err);
	if (!st)
		st = op_detail(op, "request_sha256", json_string(a->request_file.hash_text), err);
	if (!st)
		st = op_report(op, "partner", json_string(a->partner.name), err);
	return st ? st : op_report(op, "request", json_string(a->request.id), err);
}

/* ---- act ---- */

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
	const struct outgoing *out = &a->out;
	FREE_AUTO const char **overrides = NULL;
	struct doc_package p = {.id = a->id,
		.request_id = a->request.id,
		.sender = a->self.party,
		.recipient = {a->partner.name, a->partner.fingerprint},
		.hsm_serial = a->request.hsm_serial,
		.ceremony = out->transport.ceremony_id ? out->transport.ceremony_id : "",
		.wrapping = out->wrapping,
		.keysets = out->doc_sets,
		.keyset_count = out->set_count,
		.keys = out->doc_keys,
		.key_count = out->key_count,
		.carrier = a->in->carrier ? a->in->carrier : "",
		.checkpoint = a->checkpoint,
		.created = op->now};
	BUF_AUTO struct buf text = {0};
	struct p256_signer signer;
	enum kms_status st;

	memcpy(p.request_hash, a->request_file.hash, HASH_SIZE);
	memcpy(p.nonce, a->request.nonce, DOC_NONCE_SIZE);
	p.witness.seen = a->seen;
	st = op_witness_extend(op->site, a->request.witness.seen, a->checkpoint, &p.witness, err);
	if (!st)
		st = overrides_list(op, &overrides, &p.override_count, err);
	p.overrides = overrides;
	if (!st)
		st = outgoing_transport_doc(out, &p.transport, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (!st)
		st = doc_package_write(&p, &signer, &text, err);
	if (!st && a->in->listing_path)
		st = doc_rawhex_write(&p, &a->listing, err);
	return st ? st : op_file_take(&a->package_file, &text, err);
}

static enum kms_status export_act(struct op *op, struct kms_err *err)
{
	struct export_args *a = op->args;
	enum kms_status st = outgoing_wrap(&a->out, op, err);

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
	enum kms_status st = outgoing_report(&a->out, op, err);

	if (!st)
		st = op_detail(op, "package", json_string(a->id), err);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->package_file.hash_text), err);
	if (!st)
		st = op_report(op, "package", json_string(a->id), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->package_file.hash_text), err);
	if (!st && a->in->listing_path)
		st = op_report(op, "listing", json_string(a->in->listing_path), err);
	return st ? st : op_report(op, "file", json_string(a->in->path), err);
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
		.transport_key = a->out.transport.label,
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
