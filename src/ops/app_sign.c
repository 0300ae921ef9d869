/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app dap, app token: a signature or MAC over a load file's hash (GPCS 2.3.1 appendix C.3) or over a
 * command (appendix C.4), made in the principal HSM. Nothing is asked of a card; the file goes to whoever
 * changes cards with it.
 */
#include "ops/app.h"

#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"

#include <string.h>

struct sign_args {
	const struct op_app_sign *in;
	enum gp_content_kind kind; /* GP_CONTENT_NONE: a DAP */
	struct cap cap;
	struct op_app_named named;
	struct content_key key;
	struct doc_proof proof;
	char file[OP_AID_HEX], domain[OP_AID_HEX];
	struct buf text;
};

static void sign_clear(struct sign_args *a)
{
	cap_free(&a->cap);
	content_key_free(&a->key);
	buf_free(&a->text);
}

static enum kms_status read_cap(struct sign_args *a, struct kms_err *err)
{
	const char *path = a->in->what.path;
	BUF_AUTO struct buf file = {0};
	enum kms_status st = file_read(path, CAP_FILE_MAX, &file, err);

	if (!st)
		st = cap_read(file.data, file.len, &a->cap, err);
	if (!st)
		st = cap_hash(&a->cap, false, a->proof.data, err);
	if (st)
		return kms_prefix(err, "%s: ", path);
	a->proof.data_len = HASH_SIZE;
	op_aid_text(&a->cap.package.aid, a->file);
	return KMS_OK;
}

static enum kms_status read_domain(struct sign_args *a, struct gp_aid *domain, struct kms_err *err)
{
	enum kms_status st = gp_aid_parse(a->in->domain, "AID of the security domain", domain, err);

	if (!st)
		op_aid_text(domain, a->domain);
	return st;
}

static enum kms_status load_content(
	struct sign_args *a, struct gp_content *ret_content, struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];
	struct gp_load load = {.hash = hash, .hash_len = sizeof(hash)};
	enum kms_status st = read_cap(a, err);

	if (st)
		return st;
	load.file = a->cap.package.aid;
	memcpy(hash, a->proof.data, sizeof(hash));
	st = read_domain(a, &load.domain, err);
	return st ? st : gp_content_for_load(&load, ret_content, err);
}

static enum kms_status build(struct sign_args *a, struct kms_err *err)
{
	const struct op_app_change *what = &a->in->what;
	struct gp_content content;
	struct gp_aid domain;
	enum kms_status st;

	if (a->kind == GP_CONTENT_NONE) {
		st = read_domain(a, &domain, err);
		return st ? st : read_cap(a, err);
	}
	if (a->kind == GP_CONTENT_LOAD) {
		st = load_content(a, &content, err);
	} else {
		st = op_app_name(a->kind, what, &a->named, err);
		if (!st)
			st = op_app_content(a->kind, what, &a->named, &content, err);
		if (!st && a->named.install.file.len)
			op_aid_text(&a->named.install.file, a->file);
	}
	if (!st)
		a->proof.data_len = gp_content_signed(&content, a->proof.data);
	return st;
}

static enum kms_status sign_check(struct op *op, struct kms_err *err)
{
	struct sign_args *a = op->args;
	const bool dap = !a->in->operation;
	enum kms_status st = dap ? KMS_OK : gp_content_kind_parse(a->in->operation, &a->kind, err);

	a->proof = (struct doc_proof){.kind = dap ? DOC_DAP : DOC_TOKEN,
		.operation = dap ? "load" : a->in->operation,
		.file = a->file,
		.domain = a->domain,
		.card = ""};
	if (!st)
		st = build(a, err);
	return st ? st : op_subject(op, err, "%s", a->in->key);
}

static enum kms_status sign_validate(struct op *op, struct kms_err *err)
{
	struct sign_args *a = op->args;
	char data[2 * DOC_PROOF_DATA_MAX + 1];
	enum kms_status st = content_key_find(op->site, a->in->key,
		a->proof.kind == DOC_DAP ? KEY_ROLE_DAP : KEY_ROLE_TOKEN, &a->key, err);

	if (!st)
		st = content_key_open(op->site, &a->key, err);
	if (st)
		return st;
	a->proof.key = a->key.row.label;
	a->proof.alg = a->key.alg;
	hex_encode(a->proof.data, a->proof.data_len, data);
	st = op_detail(op, "operation", json_string(a->proof.operation), err);
	if (!st)
		st = op_detail(op, "data", json_string(data), err);
	if (!st)
		st = op_report(op, "key", json_string(a->key.row.label), err);
	if (!st)
		st = op_report(op, "algorithm", json_string(a->key.row.algorithm), err);
	if (!st)
		st = op_report(op, "operation", json_string(a->proof.operation), err);
	if (!st)
		st = op_report(op, "load_file", *a->file ? json_string(a->file) : json_null(), err);
	if (!st)
		st = op_report(
			op, "domain", *a->domain ? json_string(a->domain) : json_null(), err);
	return st ? st : op_report(op, "data", json_string(data), err);
}

static enum kms_status sign_act(struct op *op, struct kms_err *err)
{
	struct sign_args *a = op->args;
	unsigned char value[CONTENT_SIGNATURE_MAX];
	enum kms_status st = content_key_sign(
		&a->key, a->proof.data, a->proof.data_len, value, &a->proof.value_len, err);

	if (st)
		return st;
	memcpy(a->proof.value, value, a->proof.value_len);
	a->proof.created = op->now;
	return doc_proof_write(&a->proof, &a->text, err);
}

static enum kms_status sign_commit(struct op *op, struct kms_err *err)
{
	struct sign_args *a = op->args;
	char value[2 * DOC_PROOF_VALUE_MAX + 1];
	enum kms_status st;

	hex_encode(a->proof.value, a->proof.value_len, value);
	st = op_detail(op, "value", json_string(value), err);
	return st ? st : op_report(op, "output", json_string(a->in->output), err);
}

static enum kms_status sign_deliver(struct op *op, struct kms_err *err)
{
	struct sign_args *a = op->args;

	return file_write(a->in->output, 0644, a->text.data, a->text.len, err);
}

enum kms_status op_app_sign(struct op_site *site, const struct op_app_sign *in, json_t **ret_report,
	struct kms_err *err)
{
	static const struct op_kind dap = {
		.name = "app.dap",
		.needs = OP_NEED_LOGIN | OP_NEED_IDENTITY | OP_SHARES_SITE,
		.check = sign_check,
		.validate = sign_validate,
		.act = sign_act,
		.commit = sign_commit,
		.deliver = sign_deliver,
	};
	static const struct op_kind token = {
		.name = "app.token",
		.needs = OP_NEED_LOGIN | OP_NEED_IDENTITY | OP_SHARES_SITE,
		.check = sign_check,
		.validate = sign_validate,
		.act = sign_act,
		.commit = sign_commit,
		.deliver = sign_deliver,
	};
	struct sign_args args __attribute__((cleanup(sign_clear))) = {.in = in};

	return op_run(site, in->operation ? &token : &dap, &args, ret_report, err);
}
