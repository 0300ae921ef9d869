/* SPDX-License-Identifier: Apache-2.0 */
/* app install, app delete, app extradite: applications of load files that are on a card. */
#include "ops/app.h"

#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"

#include <stdlib.h>
#include <string.h>

enum { PARAMS_MAX = 200 };

struct change_args {
	const struct op_app_change *in;
	struct op_app app;
	struct gp_install install; /* app delete, extradite: instance is what it is about */
	struct gp_aid to;
	unsigned char params[PARAMS_MAX];
};

static void change_clear(struct change_args *a)
{
	op_app_clear(&a->app);
}

static enum kms_status parse_aid(
	const char *hex, const char *what, struct gp_aid *aid, struct kms_err *err)
{
	return hex ? gp_aid_parse(hex, what, aid, err) : KMS_OK;
}

static enum kms_status subject(struct op *op, struct kms_err *err)
{
	const struct change_args *a = op->args;
	const char *reader = a->in->where.card.reader;

	return op_subject(op, err, "%s", reader ? reader : "card");
}

static enum kms_status change_validate(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = op_app_validate(&a->app, op, &a->in->where, err);

	if (!st)
		st = op_detail(op, "application", op_aid_json(&a->install.instance), err);
	return st ? st : op_report(op, "application", op_aid_json(&a->install.instance), err);
}

static const struct gp_entry *the_application(const struct change_args *a)
{
	return op_app_find(a->app.apps, &a->install.instance);
}

/* ---- install ---- */

static enum kms_status from_cap(struct change_args *a, struct kms_err *err)
{
	BUF_AUTO struct buf file = {0};
	CAP_AUTO struct cap cap = {0};
	enum kms_status st = file_read(a->in->path, CAP_FILE_MAX, &file, err);

	if (!st)
		st = cap_read(file.data, file.len, &cap, err);
	if (!st && cap.applet_count == 0)
		st = kms_fail(err, KMS_ERR_INVALID, "it is a library: it has no applet");
	if (st)
		return kms_prefix(err, "%s: ", a->in->path);
	if (!a->in->module && cap.applet_count > 1) {
		kms_fail(err, KMS_ERR_USAGE, "%s has %zu applets", a->in->path, cap.applet_count);
		return kms_hint(err, "name one by --module; 'cardkms app show' lists them");
	}
	a->install.file = cap.package.aid;
	a->install.module = cap.applets[0];
	return KMS_OK;
}

static enum kms_status take_params(struct change_args *a, struct kms_err *err)
{
	const char *hex = a->in->params;

	if (!hex)
		return KMS_OK;
	a->install.params = a->params;
	return hex_decode(hex, strlen(hex), "installation parameters", a->params, sizeof(a->params),
		&a->install.params_len, err);
}

static enum kms_status install_check(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	const struct op_app_change *in = a->in;
	struct gp_install *install = &a->install;
	enum kms_status st = in->path ? from_cap(a, err) : KMS_OK;

	if (!st)
		st = parse_aid(in->file, "AID of the load file", &install->file, err);
	if (!st)
		st = parse_aid(in->module, "AID of the module", &install->module, err);
	if (!st && (install->file.len == 0 || install->module.len == 0))
		return kms_fail(err, KMS_ERR_USAGE,
			"what shall be installed? Name the CAP file, or --file and --module");
	install->instance = install->module;
	if (!st)
		st = parse_aid(in->aid, "AID of the application", &install->instance, err);
	if (!st && in->privileges)
		st = gp_privileges_parse(in->privileges, &install->privileges, err);
	if (!st)
		st = take_params(a, err);
	return st ? st : subject(op, err);
}

static enum kms_status check_installed(
	const struct change_args *a, const struct gp_entry *there, struct kms_err *err)
{
	if (there->file.len == 0 || gp_aid_same(&there->file, &a->install.file))
		return KMS_OK;
	kms_fail(err, KMS_ERR_STATE,
		"cannot install: card %s has an application of that name from another load file",
		a->app.w.card.id);
	return kms_hint(err, "choose another name by --aid, or 'cardkms app delete' first");
}

static enum kms_status check_file(const struct change_args *a, struct kms_err *err)
{
	const struct gp_entry *file = op_app_find(a->app.files, &a->install.file);
	bool found = !file || file->module_count == 0; /* not told: the card will say */

	for (size_t i = 0; file && i < file->module_count; i++)
		found |= gp_aid_same(&file->modules[i], &a->install.module);
	if (file && found)
		return KMS_OK;
	kms_fail(err, KMS_ERR_NOT_FOUND, "cannot install: card %s has no such %s", a->app.w.card.id,
		file ? "module in that load file" : "load file");
	return kms_hint(err, "'cardkms card contents' shows what it has; 'cardkms app load' first");
}

/* What an interrupted INSTALL of a card that makes two steps of it left is made selectable. */
static enum kms_status install_act(struct op *op, struct kms_err *err)
{
	enum { INSTALLED = 0x03 };
	struct change_args *a = op->args;
	struct gp *gp = &a->app.w.card.gp;
	const struct gp_entry *there;
	enum kms_status st = op_app_authenticate(&a->app, err);

	if (st)
		return st;
	there = the_application(a);
	a->app.already = there && there->state != INSTALLED;
	if (there)
		st = check_installed(a, there, err);
	else
		st = check_file(a, err);
	if (!st && !a->app.already)
		st = there ? gp_make_selectable(gp, &a->install, err)
			   : gp_install(gp, &a->install, err);
	if (st)
		op_app_failed(&a->app, err);
	return st;
}

static enum kms_status install_verify(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = a->app.already ? KMS_OK : op_app_look(&a->app, err);

	if (!st && !the_application(a))
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it installed the application, but does not list it",
			a->app.w.card.id);
	return st;
}

static enum kms_status install_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	BUF_AUTO struct buf words = {0};
	enum kms_status st = gp_privileges_text(a->install.privileges, &words, err);

	return st ? st
		  : op_app_commit(&a->app, "app-installed",
			    json_pack("{s:o, s:o, s:o, s:o, s:s}", "application",
				    op_aid_json(&a->install.instance), "file",
				    op_aid_json(&a->install.file), "module",
				    op_aid_json(&a->install.module), "domain",
				    json_string(a->app.w.aid), "privileges", buf_text(&words)),
			    err);
}

enum kms_status op_app_install(struct op_site *site, const struct op_app_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "app.install",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = install_check,
		.validate = change_validate,
		.act = install_act,
		.verify = install_verify,
		.commit = install_commit,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- delete ---- */

static enum kms_status delete_check(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = gp_aid_parse(
		a->in->aid, "AID of the application or load file", &a->install.instance, err);

	return st ? st : subject(op, err);
}

static bool is_there(const struct change_args *a)
{
	return the_application(a) || op_app_find(a->app.files, &a->install.instance);
}

static size_t count_instances(const struct change_args *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->app.apps->count; i++)
		count += gp_aid_same(&a->app.apps->entries[i].file, &a->install.instance);
	return count;
}

static enum kms_status delete_act(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = op_app_authenticate(&a->app, err);
	size_t instances;

	if (st)
		return st;
	a->app.already = !is_there(a);
	instances = count_instances(a);
	if (instances > 0 && !a->in->related) {
		kms_fail(err, KMS_ERR_STATE,
			"cannot delete: card %s has %zu application%s of that "
			"load file",
			a->app.w.card.id, instances, instances > 1 ? "s" : "");
		kms_hint(err, "--related deletes them with it");
		st = KMS_ERR_STATE;
	} else if (!a->app.already) {
		st = gp_delete(&a->app.w.card.gp, &a->install.instance, a->in->related, err);
	}
	if (st)
		op_app_failed(&a->app, err);
	return st;
}

static enum kms_status delete_verify(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = a->app.already ? KMS_OK : op_app_look(&a->app, err);

	if (!st && is_there(a))
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it deleted it, but lists it still", a->app.w.card.id);
	return st;
}

static enum kms_status delete_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	return op_app_commit(&a->app, "app-deleted",
		json_pack("{s:o, s:b}", "application", op_aid_json(&a->install.instance), "related",
			a->in->related),
		err);
}

enum kms_status op_app_delete(struct op_site *site, const struct op_app_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "app.delete",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = delete_check,
		.validate = change_validate,
		.act = delete_act,
		.verify = delete_verify,
		.commit = delete_commit,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- extradite ---- */

static enum kms_status extradite_check(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = gp_aid_parse(a->in->to, "AID of the security domain", &a->to, err);

	return st ? st : delete_check(op, err);
}

/* What the card tells of whose it is: len 0 if it does not. */
static struct gp_aid owner(const struct change_args *a)
{
	const struct gp_entry *entry = the_application(a);

	if (!entry)
		entry = op_app_find(a->app.files, &a->install.instance);
	return entry ? entry->domain : (struct gp_aid){.len = 0};
}

static enum kms_status extradite_act(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = op_app_authenticate(&a->app, err);
	struct gp_aid now;

	if (st)
		return st;
	now = owner(a);
	a->app.already = now.len > 0 && gp_aid_same(&now, &a->to);
	if (!is_there(a))
		st = kms_fail(err, KMS_ERR_NOT_FOUND,
			"cannot extradite: card %s has no such application or load file",
			a->app.w.card.id);
	else if (!a->app.already)
		st = gp_extradite(&a->app.w.card.gp, &a->to, &a->install.instance, err);
	if (st)
		op_app_failed(&a->app, err);
	return st;
}

static enum kms_status extradite_verify(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = a->app.already ? KMS_OK : op_app_look(&a->app, err);
	struct gp_aid now = owner(a);

	if (!st && now.len > 0 && !gp_aid_same(&now, &a->to))
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it extradited it, but tells another security domain",
			a->app.w.card.id);
	return st;
}

static enum kms_status extradite_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	return op_app_commit(&a->app, "app-extradited",
		json_pack("{s:o, s:o}", "application", op_aid_json(&a->install.instance), "to",
			op_aid_json(&a->to)),
		err);
}

enum kms_status op_app_extradite(struct op_site *site, const struct op_app_change *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "app.extradite",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = extradite_check,
		.validate = change_validate,
		.act = extradite_act,
		.verify = extradite_verify,
		.commit = extradite_commit,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
