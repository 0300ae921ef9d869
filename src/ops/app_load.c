/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app load: a CAP file onto a card. The card either has all of it afterwards or nothing: what is on
 * it is read before and after, and what a failed load left is deleted.
 */
#include "ops/app.h"

#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"

#include <stdlib.h>
#include <string.h>

struct load_args {
	const struct op_app_load *in;
	struct op_app app;
	struct cap cap;
	unsigned char hash[HASH_SIZE];
	char sha256[2 * HASH_SIZE + 1];
	struct gp_load load;
	struct doc_proof *proofs; /* of load.daps */
	struct gp_dap *daps;
};

static void load_clear(struct load_args *a)
{
	op_app_clear(&a->app);
	cap_free(&a->cap);
	for (size_t i = 0; a->proofs && i < a->in->dap_count; i++)
		doc_proof_free(&a->proofs[i]);
	free(a->proofs);
	free(a->daps);
}

static enum kms_status read_dap(struct load_args *a, size_t i, struct kms_err *err)
{
	const char *path = a->in->daps[i];
	struct doc_proof *proof = &a->proofs[i];
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, DOC_MAX, &text, err);

	if (!st)
		st = doc_proof_parse(DOC_DAP, buf_text(&text), text.len, proof, err);
	if (!st)
		st = gp_aid_parse(
			proof->domain, "AID of the security domain", &a->daps[i].domain, err);
	if (!st && memcmp(proof->data, a->hash, sizeof(a->hash)) != 0)
		st = kms_fail(err, KMS_ERR_MISMATCH,
			"it signs another load file (%s) than that of %s", proof->file,
			a->in->path);
	a->daps[i].signature = proof->value;
	a->daps[i].len = proof->value_len;
	return st ? kms_prefix(err, "%s: ", path) : KMS_OK;
}

/* Table 11-58: at the head of the load file; clause C.2: then the card gets the hash, too. */
static enum kms_status read_daps(struct load_args *a, struct kms_err *err)
{
	const size_t count = a->in->dap_count;
	enum kms_status st = KMS_OK;

	if (!count)
		return KMS_OK;
	a->proofs = calloc(count, sizeof(*a->proofs));
	a->daps = calloc(count, sizeof(*a->daps));
	if (!a->proofs || !a->daps)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < count; i++)
		st = read_dap(a, i, err);
	a->load.daps = a->daps;
	a->load.dap_count = count;
	return st;
}

static enum kms_status load_check(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;
	BUF_AUTO struct buf file = {0};
	enum kms_status st = file_read(a->in->path, CAP_FILE_MAX, &file, err);

	if (!st)
		st = cap_read(file.data, file.len, &a->cap, err);
	if (!st)
		st = cap_hash(&a->cap, false, a->hash, err);
	if (st)
		return kms_prefix(err, "%s: ", a->in->path);
	hex_encode(a->hash, sizeof(a->hash), a->sha256);
	a->load = (struct gp_load){.file = a->cap.package.aid,
		.code = (const unsigned char *)a->cap.code.data,
		.len = a->cap.code_len};
	st = read_daps(a, err);
	if (!st)
		st = op_delegated_check(&a->app.delegated, &a->in->where.delegated, GP_CONTENT_LOAD,
			GP_CONTENT_NONE, err);
	if (st)
		return st;
	if (a->in->with_hash || a->in->dap_count || a->in->where.delegated.token) {
		a->load.hash = a->hash;
		a->load.hash_len = sizeof(a->hash);
	}
	return op_subject(
		op, err, "%s", a->in->where.card.reader ? a->in->where.card.reader : "card");
}

static json_t *load_json(const struct load_args *a)
{
	json_t *object = json_pack("{s:o, s:o, s:s, s:I}", "file", op_aid_json(&a->load.file),
		"version", json_sprintf("%u.%u", a->cap.package.major, a->cap.package.minor),
		"sha256", a->sha256, "bytes", (json_int_t)a->load.len);
	json_t *daps = a->load.dap_count && object ? json_array() : NULL;

	bool bad = !object || (a->load.dap_count && !daps);

	for (size_t i = 0; !bad && i < a->load.dap_count; i++)
		bad = json_array_append_new(daps,
			json_pack("{s:s, s:s, s:s}", "domain", a->proofs[i].domain, "key",
				a->proofs[i].key, "algorithm", key_alg_name(a->proofs[i].alg)));
	if (!bad && daps)
		bad = json_object_set(object, "daps", daps);
	json_decref(daps);
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

/* With a token the security domain is named, as the token names it. */
static enum kms_status check_token(struct load_args *a, struct kms_err *err)
{
	struct op_delegated *d = &a->app.delegated;
	struct gp_content content;
	enum kms_status st;

	if (!d->token.kind)
		return KMS_OK;
	st = gp_aid_parse(a->app.w.aid, "AID of the security domain", &a->load.domain, err);
	if (!st)
		st = gp_content_for_load(&a->load, &content, err);
	if (!st)
		st = op_delegated_permits(&a->app, &content, err);
	a->load.token = d->token.value;
	a->load.token_len = d->token.value_len;
	return st;
}

static enum kms_status load_validate(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;
	enum kms_status st = op_app_validate(&a->app, op, &a->in->where, err);

	if (!st)
		st = check_token(a, err);
	if (!st)
		st = op_detail(op, "load", load_json(a), err);
	if (!st)
		st = op_report(op, "file", op_aid_json(&a->load.file), err);
	if (!st)
		st = op_report(op, "bytes", json_integer((json_int_t)a->load.len), err);
	return st ? st : op_report(op, "sha256", json_string(a->sha256), err);
}

/* So that the history has it even if the line is lost and nobody comes back to the card. */
static enum kms_status load_intend(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;

	return op_card_work_event(&a->app.w, "app-loading", load_json(a), err);
}

/* The card's load file of that name is this one, as far as the card tells. */
static enum kms_status check_same(
	const struct load_args *a, const struct gp_entry *there, struct kms_err *err)
{
	const struct cap *cap = &a->cap;
	bool same = there->module_count == 0 || there->module_count == cap->applet_count;

	for (size_t i = 0; same && i < there->module_count; i++) {
		bool found = false;

		for (size_t k = 0; k < cap->applet_count; k++)
			found |= gp_aid_same(&there->modules[i], &cap->applets[k]);
		same = found;
	}
	if (there->has_version && (there->version[0] != cap->package.major ||
					  there->version[1] != cap->package.minor))
		same = false;
	if (same)
		return KMS_OK;
	kms_fail(err, KMS_ERR_STATE, "cannot load %s: card %s has another load file of that name%s",
		a->in->path, a->app.w.card.id,
		there->has_version ? ", of another version or content" : "");
	return kms_hint(err, "'cardkms app delete' takes it off, with --related its applications");
}

/* The load failed and the card still answers: whatever there is of it goes. */
static void take_back(struct load_args *a, struct kms_err *err)
{
	struct op_app *app = &a->app;
	struct kms_err ignored = {0};

	if (!app->w.card.gp.scp.authenticated)
		return;
	if (op_app_find(app->files, &a->load.file) &&
		gp_delete(&app->w.card.gp, &a->load.file, false, &ignored))
		(void)kms_hint(err, "the card lists it all the same: 'cardkms app delete' first");
	else
		(void)kms_hint(err, "nothing of it is on the card");
}

static enum kms_status send(struct load_args *a, struct kms_err *err)
{
	struct gp_receipt_names names = {.file = a->load.file};
	enum kms_status st = gp_load(&a->app.w.card.gp, &a->load, err);

	if (!st)
		st = gp_aid_parse(a->app.w.aid, "AID of the security domain", &names.domain, err);
	if (!st)
		op_delegated_take(&a->app, GP_CONTENT_LOAD, &names);
	return st;
}

static enum kms_status load_act(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;
	struct op_app *app = &a->app;
	const struct gp_entry *there;
	enum kms_status st = op_app_authenticate(app, err);

	if (st)
		return st;
	there = op_app_find(app->files, &a->load.file);
	app->already = there != NULL;
	if (there)
		st = check_same(a, there, err);
	else if (op_app_find(app->apps, &a->load.file))
		st = kms_fail(err, KMS_ERR_STATE,
			"cannot load %s: card %s has an application of that name", a->in->path,
			app->w.card.id);
	else
		st = send(a, err);
	if (st)
		op_app_failed(app, err);
	if (st && !there)
		take_back(a, err);
	return st;
}

static enum kms_status load_verify(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;
	struct op_app *app = &a->app;
	const struct gp_entry *there;
	enum kms_status st = app->already ? KMS_OK : op_app_look(app, err);

	if (st)
		return st;
	there = op_app_find(app->files, &a->load.file);
	if (!there)
		return kms_fail(err, KMS_ERR_CARD,
			"card %s says that it took the load file, but does not list it",
			app->w.card.id);
	st = check_same(a, there, err);
	return st ? st : op_delegated_verify(app, err);
}

static enum kms_status load_commit(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;

	return op_app_commit(&a->app, "app-loaded", load_json(a), err);
}

static enum kms_status load_deliver(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;

	return op_delegated_deliver(&a->app, err);
}

enum kms_status op_app_load(struct op_site *site, const struct op_app_load *in, json_t **ret_report,
	struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "app.load",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = load_check,
		.validate = load_validate,
		.intend = load_intend,
		.act = load_act,
		.verify = load_verify,
		.commit = load_commit,
		.deliver = load_deliver,
	};
	struct load_args args __attribute__((cleanup(load_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
