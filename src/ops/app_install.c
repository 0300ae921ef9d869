/* SPDX-License-Identifier: Apache-2.0 */
/* app install, app delete, app extradite: applications of load files that are on a card. */
#include "ops/app.h"

struct change_args {
	const struct op_app_change *in;
	struct op_app app;
	struct op_app_named named;
};

static void change_clear(struct change_args *a)
{
	op_app_clear(&a->app);
}

/* What it is about, and the token for it: in the state that the card has it in, it may be `other`. */
static enum kms_status check(
	struct op *op, enum gp_content_kind kind, enum gp_content_kind other, struct kms_err *err)
{
	struct change_args *a = op->args;
	const char *reader = a->in->where.card.reader;
	enum kms_status st = op_app_name(kind, a->in, &a->named, err);

	if (!st)
		st = op_delegated_check(
			&a->app.delegated, &a->in->where.delegated, kind, other, err);
	return st ? st : op_subject(op, err, "%s", reader ? reader : "card");
}

static enum kms_status change_validate(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	const struct gp_aid *application = &a->named.install.instance;
	struct gp_content content;
	enum kms_status st = op_app_validate(&a->app, op, &a->in->where, err);

	/* Before the card is asked for anything: that the token is for this, as far as it goes. */
	if (!st && a->app.delegated.token.kind)
		st = op_app_content(
			a->app.delegated.permitted.kind, a->in, &a->named, &content, err);
	if (!st && a->app.delegated.token.kind)
		st = op_delegated_permits(&a->app, &content, err);
	if (!st)
		st = op_detail(op, "application", op_aid_json(application), err);
	return st ? st : op_report(op, "application", op_aid_json(application), err);
}

static enum kms_status change_deliver(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	return op_delegated_deliver(&a->app, err);
}

static enum kms_status send(struct change_args *a, enum gp_content_kind kind,
	const struct gp_receipt_names *names, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = op_app_content(kind, a->in, &a->named, &content, err);

	return st ? st : op_delegated_send(&a->app, &content, names, err);
}

static const struct gp_entry *the_application(const struct change_args *a)
{
	return op_app_find(a->app.apps, &a->named.install.instance);
}

/* ---- install ---- */

static enum kms_status install_check(struct op *op, struct kms_err *err)
{
	return check(op, GP_CONTENT_INSTALL, GP_CONTENT_SELECTABLE, err);
}

static enum kms_status check_installed(
	const struct change_args *a, const struct gp_entry *there, struct kms_err *err)
{
	if (there->file.len == 0 || gp_aid_same(&there->file, &a->named.install.file))
		return KMS_OK;
	kms_fail(err, KMS_ERR_STATE,
		"cannot install: card %s has an application of that name from another load file",
		a->app.w.card.id);
	return kms_hint(err, "choose another name by --aid, or 'cardkms app delete' first");
}

static enum kms_status check_file(const struct change_args *a, struct kms_err *err)
{
	const struct gp_entry *file = op_app_find(a->app.files, &a->named.install.file);
	bool found = !file || file->module_count == 0; /* not told: the card will say */

	for (size_t i = 0; file && i < file->module_count; i++)
		found |= gp_aid_same(&file->modules[i], &a->named.install.module);
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
		st = send(a, there ? GP_CONTENT_SELECTABLE : GP_CONTENT_INSTALL,
			&(struct gp_receipt_names){.file = a->named.install.file,
				.application = a->named.install.instance},
			err);
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
	return st ? st : op_delegated_verify(&a->app, err);
}

static enum kms_status install_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	BUF_AUTO struct buf words = {0};
	enum kms_status st = gp_privileges_text(a->named.install.privileges, &words, err);

	return st ? st
		  : op_app_commit(&a->app, "app-installed",
			    json_pack("{s:o, s:o, s:o, s:o, s:s}", "application",
				    op_aid_json(&a->named.install.instance), "file",
				    op_aid_json(&a->named.install.file), "module",
				    op_aid_json(&a->named.install.module), "domain",
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
		.deliver = change_deliver,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- delete ---- */

static enum kms_status delete_check(struct op *op, struct kms_err *err)
{
	return check(op, GP_CONTENT_DELETE, GP_CONTENT_NONE, err);
}

static bool is_there(const struct change_args *a)
{
	return the_application(a) || op_app_find(a->app.files, &a->named.install.instance);
}

static size_t count_instances(const struct change_args *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->app.apps->count; i++)
		count += gp_aid_same(&a->app.apps->entries[i].file, &a->named.install.instance);
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
		st = send(a, GP_CONTENT_DELETE,
			&(struct gp_receipt_names){.application = a->named.install.instance}, err);
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
	return st ? st : op_delegated_verify(&a->app, err);
}

static enum kms_status delete_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	return op_app_commit(&a->app, "app-deleted",
		json_pack("{s:o, s:b}", "application", op_aid_json(&a->named.install.instance),
			"related", a->in->related),
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
		.deliver = change_deliver,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- extradite ---- */

static enum kms_status extradite_check(struct op *op, struct kms_err *err)
{
	return check(op, GP_CONTENT_EXTRADITE, GP_CONTENT_NONE, err);
}

static enum kms_status send_extradition(struct change_args *a, struct kms_err *err)
{
	struct gp_receipt_names names = {
		.application = a->named.install.instance, .to = a->named.to};
	enum kms_status st =
		gp_aid_parse(a->app.w.aid, "AID of the security domain", &names.domain, err);

	return st ? st : send(a, GP_CONTENT_EXTRADITE, &names, err);
}

/* What the card tells of whose it is: len 0 if it does not. */
static struct gp_aid owner(const struct change_args *a)
{
	const struct gp_entry *entry = the_application(a);

	if (!entry)
		entry = op_app_find(a->app.files, &a->named.install.instance);
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
	a->app.already = now.len > 0 && gp_aid_same(&now, &a->named.to);
	if (!is_there(a))
		st = kms_fail(err, KMS_ERR_NOT_FOUND,
			"cannot extradite: card %s has no such application or load file",
			a->app.w.card.id);
	else if (!a->app.already)
		st = send_extradition(a, err);
	if (st)
		op_app_failed(&a->app, err);
	return st;
}

static enum kms_status extradite_verify(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;
	enum kms_status st = a->app.already ? KMS_OK : op_app_look(&a->app, err);
	struct gp_aid now = owner(a);

	if (!st && now.len > 0 && !gp_aid_same(&now, &a->named.to))
		st = kms_fail(err, KMS_ERR_CARD,
			"card %s says that it extradited it, but tells another security domain",
			a->app.w.card.id);
	return st ? st : op_delegated_verify(&a->app, err);
}

static enum kms_status extradite_commit(struct op *op, struct kms_err *err)
{
	struct change_args *a = op->args;

	return op_app_commit(&a->app, "app-extradited",
		json_pack("{s:o, s:o}", "application", op_aid_json(&a->named.install.instance),
			"to", op_aid_json(&a->named.to)),
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
		.deliver = change_deliver,
	};
	struct change_args args __attribute__((cleanup(change_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
