/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app load: a CAP file onto a card. The card either has all of it afterwards or nothing: what is on
 * it is read before and after, and what a failed load left is deleted.
 */
#include "ops/app.h"

#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"

struct load_args {
	const struct op_app_load *in;
	struct op_app app;
	struct cap cap;
	unsigned char hash[HASH_SIZE];
	char sha256[2 * HASH_SIZE + 1];
	struct gp_load load;
};

static void load_clear(struct load_args *a)
{
	op_app_clear(&a->app);
	cap_free(&a->cap);
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
	if (a->in->with_hash) {
		a->load.hash = a->hash;
		a->load.hash_len = sizeof(a->hash);
	}
	return op_subject(
		op, err, "%s", a->in->where.card.reader ? a->in->where.card.reader : "card");
}

static json_t *load_json(const struct load_args *a)
{
	return json_pack("{s:o, s:o, s:s, s:I}", "file", op_aid_json(&a->load.file), "version",
		json_sprintf("%u.%u", a->cap.package.major, a->cap.package.minor), "sha256",
		a->sha256, "bytes", (json_int_t)a->load.len);
}

static enum kms_status load_validate(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;
	enum kms_status st = op_app_validate(&a->app, op, &a->in->where, err);

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
		st = gp_load(&app->w.card.gp, &a->load, err);
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
	return there ? check_same(a, there, err)
		     : kms_fail(err, KMS_ERR_CARD,
			       "card %s says that it took the load file, but does not list it",
			       app->w.card.id);
}

static enum kms_status load_commit(struct op *op, struct kms_err *err)
{
	struct load_args *a = op->args;

	return op_app_commit(&a->app, "app-loaded", load_json(a), err);
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
	};
	struct load_args args __attribute__((cleanup(load_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
