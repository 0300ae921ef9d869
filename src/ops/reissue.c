/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange reissue: a file that this site made, written again from the store.
 *
 * A package is an export each time it is handed out: two officers, none of them a custodian.
 */
#include "ops/ops.h"

#include "base/file.h"
#include "ops/ceremony.h"
#include "ops/meta.h"
#include "store/journal.h"

#include <string.h>

struct reissue_args {
	const char *id, *path;
	struct store_doc row;
};

static void reissue_clear(struct reissue_args *a)
{
	store_doc_free(&a->row);
}

static enum kms_status package_again(struct op *op, struct kms_err *err)
{
	const struct reissue_args *a = op->args;

	if (!op->officers[0]) {
		kms_fail(err, KMS_ERR_DENIED, "handing out package '%s' again needs two officers",
			a->row.id);
		return kms_hint(err, "name them: --officers A,B");
	}
	return op_separation(
		op, a->row.transport_key ? a->row.transport_key : "", "export", NULL, err);
}

static enum kms_status reissue_validate(struct op *op, struct kms_err *err)
{
	struct reissue_args *a = op->args;
	enum kms_status st = store_doc_get(op->site->store, a->id, &a->row, err);

	if (st)
		return st;
	if (strcmp(a->row.direction, "out") != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"'%s' came in: it is its sender's to write again", a->id);
	if (strcmp(a->row.kind, "package") == 0)
		st = package_again(op, err);
	if (!st)
		st = op_subject(op, err, "%s: %s", a->row.partner, a->row.id);
	if (!st)
		st = op_detail(op, "sha256", json_string(a->row.sha256), err);
	if (!st)
		st = op_report(op, "id", json_string(a->row.id), err);
	if (!st)
		st = op_report(op, "kind", json_string(a->row.kind), err);
	if (!st)
		st = op_report(op, "state", json_string(a->row.state), err);
	if (!st)
		st = op_report(op, "sha256", json_string(a->row.sha256), err);
	return st ? st : op_report(op, "file", json_string(a->path), err);
}

static enum kms_status reissue_deliver(struct op *op, struct kms_err *err)
{
	const struct reissue_args *a = op->args;

	return file_write(a->path, 0644, a->row.text, strlen(a->row.text), err);
}

enum kms_status op_exchange_reissue(struct op_site *site, const char *id, const char *path,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "exchange.reissue",
		.validate = reissue_validate,
		.deliver = reissue_deliver,
	};
	struct reissue_args args __attribute__((cleanup(reissue_clear))) = {.id = id, .path = path};

	return op_run(site, &kind, &args, ret_report, err);
}
