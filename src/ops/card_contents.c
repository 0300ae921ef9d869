/* SPDX-License-Identifier: Apache-2.0 */
/* card contents: what a card has, as its security domain tells under a secure channel. */
#include "ops/app.h"

struct contents_args {
	const struct op_app_where *in;
	struct op_app app;
};

static void contents_clear(struct contents_args *a)
{
	op_app_clear(&a->app);
}

static enum kms_status contents_validate(struct op *op, struct kms_err *err)
{
	struct contents_args *a = op->args;

	return op_app_validate(&a->app, op, a->in, err);
}

static enum kms_status contents_act(struct op *op, struct kms_err *err)
{
	struct contents_args *a = op->args;

	return op_app_authenticate(&a->app, err);
}

/* ---- as JSON ---- */

static enum kms_status add_row(json_t *rows, const char *kind, const struct gp_entry *entry,
	const char *state, unsigned depth, struct kms_err *err)
{
	BUF_AUTO struct buf words = {0};
	char aid[OP_AID_HEX];
	json_t *row;
	enum kms_status st = gp_privileges_text(entry->privileges, &words, err);

	if (st)
		return st;
	op_aid_text(&entry->aid, aid);
	row = json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o}", "content",
		json_sprintf("%*s%s", (int)(2 * depth), "", aid), "kind", kind, "aid", aid, "state",
		state, "privileges", buf_text(&words), "domain", op_aid_json(&entry->domain),
		"file", op_aid_json(&entry->file));
	if (row && entry->has_version &&
		json_object_set_new(row, "version",
			json_sprintf("%u.%u", entry->version[0], entry->version[1]))) {
		json_decref(row);
		row = NULL;
	}
	return json_array_append_new(rows, row) ? kms_nomem(err) : KMS_OK;
}

/* Below its load file, so that a tree is seen; applications of none the card tells come last. */
static enum kms_status add_applications(json_t *rows, const struct gp_registry *apps,
	const struct gp_aid *file, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < apps->count; i++) {
		const struct gp_entry *app = &apps->entries[i];
		bool domain = (app->privileges & GP_PRIVILEGE_DOMAIN) != 0;

		if (gp_aid_same(&app->file, file))
			st = add_row(rows, domain ? "domain" : "application", app,
				domain ? gp_domain_state_name(app->state)
				       : gp_application_state_name(app->state),
				file->len ? 2 : 1, err);
	}
	return st;
}

static enum kms_status add_file(
	json_t *rows, const struct op_app *app, const struct gp_entry *file, struct kms_err *err)
{
	enum kms_status st = add_row(rows, "load-file", file, "loaded", 1, err);

	for (size_t i = 0; !st && i < file->module_count; i++)
		st = add_row(
			rows, "module", &(struct gp_entry){.aid = file->modules[i]}, "", 2, err);
	return st ? st : add_applications(rows, app->apps, &file->aid, err);
}

/* Those whose load file the card names but does not list. */
static enum kms_status add_orphans(json_t *rows, const struct op_app *app, struct kms_err *err)
{
	enum kms_status st = add_applications(rows, app->apps, &(struct gp_aid){.len = 0}, err);

	for (size_t i = 0; !st && i < app->apps->count; i++) {
		const struct gp_entry *entry = &app->apps->entries[i];
		bool domain = (entry->privileges & GP_PRIVILEGE_DOMAIN) != 0;

		if (entry->file.len && !op_app_find(app->files, &entry->file))
			st = add_row(rows, domain ? "domain" : "application", entry,
				domain ? gp_domain_state_name(entry->state)
				       : gp_application_state_name(entry->state),
				1, err);
	}
	return st;
}

static enum kms_status tree(const struct op_app *app, json_t *rows, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < app->issuer->count; i++)
		st = add_row(rows, "issuer-domain", &app->issuer->entries[i],
			gp_card_state_name(app->issuer->entries[i].state), 0, err);
	for (size_t i = 0; !st && i < app->files->count; i++)
		st = add_file(rows, app, &app->files->entries[i], err);
	return st ? st : add_orphans(rows, app, err);
}

static enum kms_status contents_commit(struct op *op, struct kms_err *err)
{
	struct contents_args *a = op->args;
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = rows ? tree(&a->app, rows, err) : kms_nomem(err);

	if (!st)
		st = op_report(op, "contents", json_incref(rows), err);
	if (!st)
		st = op_card_work_counts(&a->app.w, err);
	return st ? st : op_card_work_effort(&a->app.w, err);
}

enum kms_status op_card_contents(struct op_site *site, const struct op_app_where *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "card.contents",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.validate = contents_validate,
		.act = contents_act,
		.commit = contents_commit,
	};
	struct contents_args args __attribute__((cleanup(contents_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
