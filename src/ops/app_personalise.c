/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app personalise: an application gets its data groups by STORE DATA (GPCS 2.3.1 clause 11.11), and
 * keys diversified for the card, which the HSM encrypts under the card's DEK (clause 11.11.4.1).
 */
#include "ops/app.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/hex.h"
#include "card/perso.h"
#include "ops/meta.h"

enum {
	DGI_KEY_INFORMATION = 0x00B9,
	DGI_SECRET_KEY = 0x8113,
	TAG_CRT = 0xB9,
	CRT_MAX = 18,
};

struct perso_args {
	const struct op_app_personalise *in;
	struct op_app app;
	struct perso_script script;
	char sha256[2 * HASH_SIZE + 1]; /* of the script */
	struct csv *fields;		/* its own; or NULL */
	struct card_keys *keys;		/* for the application; or NULL */
	struct buf plain;		/* data groups that are not encrypted */
};

static void perso_clear(struct perso_args *a)
{
	card_keys_free(a->keys);
	op_app_clear(&a->app);
	perso_free(&a->script);
	csv_close(&a->fields);
	buf_free(&a->plain);
}

static enum kms_status perso_check(struct op *op, struct kms_err *err)
{
	struct perso_args *a = op->args;
	BUF_AUTO struct buf text = {0};
	unsigned char hash[HASH_SIZE];
	enum kms_status st = file_read(a->in->script, PERSO_SCRIPT_MAX, &text, err);

	if (!st)
		st = perso_parse(a->in->script, text.data, text.len, &a->script, err);
	if (!st)
		st = hash_sha256(text.data, text.len, hash, err);
	if (!st && a->in->fields)
		st = csv_open(a->in->fields, &a->fields, err);
	if (st)
		return st;
	hex_encode(hash, sizeof(hash), a->sha256);
	if (!a->in->fields && !a->in->table && perso_needs_fields(&a->script)) {
		kms_fail(err, KMS_ERR_USAGE, "%s needs fields that differ from card to card",
			a->in->script);
		return kms_hint(err, "name their file: --fields F");
	}
	return op_subject(
		op, err, "%s", a->in->where.card.reader ? a->in->where.card.reader : "card");
}

/* ---- everything that can be known before the card is authenticated ---- */

/* The table at the row of the card; NULL if there are no fields. */
static enum kms_status find_fields(
	struct perso_args *a, const struct csv **ret_fields, struct kms_err *err)
{
	const char *card = a->app.w.card.id;
	enum kms_status st = KMS_OK;

	*ret_fields = a->in->table ? a->in->table : a->fields;
	if (!a->in->table)
		return a->fields ? perso_fields_find(a->fields, card, err) : KMS_OK;
	st = csv_go_to(a->in->table, a->in->line, err);
	if (st == KMS_ERR_NOT_FOUND)
		return kms_fail(err, KMS_ERR_INVALID, "%s has no line %lld",
			csv_source(a->in->table), (long long)a->in->line);
	return st ? st : perso_fields_are_of(a->in->table, card, err);
}

static enum kms_status fill_in(struct perso_args *a, struct kms_err *err)
{
	const struct csv *fields;
	enum kms_status st = find_fields(a, &fields, err);

	for (size_t i = 0; !st && i < a->script.count; i++) {
		BUF_AUTO struct buf value = {0};

		st = perso_value(&a->script, i, fields, &value, err);
		if (!st)
			st = perso_put(
				&a->plain, a->script.groups[i].name, value.data, value.len, err);
	}
	return st;
}

static enum kms_status take_keys(struct perso_args *a, struct op *op, struct kms_err *err)
{
	struct op_card_work *w = &a->app.w;
	enum kms_status st;

	if (!a->script.keyset)
		return KMS_OK;
	st = op_card_line_derive(w->line, op, a->script.keyset, OP_CARD_NEW, w->kdd, &a->keys, err);
	if (!st)
		st = op_card_keys_may_wrap(op, w->old_keys, a->keys, err);
	return st ? st : op_detail(op, "keyset", json_string(a->script.keyset), err);
}

static enum kms_status perso_validate(struct op *op, struct kms_err *err)
{
	struct perso_args *a = op->args;
	enum kms_status st = op_app_validate(&a->app, op, &a->in->where, err);

	if (!st)
		st = fill_in(a, err);
	if (!st)
		st = take_keys(a, op, err);
	if (!st)
		st = op_detail(op, "script", json_string(a->sha256), err);
	if (!st)
		st = op_report(op, "application", op_aid_json(&a->script.application), err);
	if (!st)
		st = op_report(op, "script", json_string(a->script.name), err);
	return st ? st : op_report(op, "groups", json_integer((json_int_t)a->script.count), err);
}

static enum kms_status perso_intend(struct op *op, struct kms_err *err)
{
	struct perso_args *a = op->args;

	return op_card_work_event(&a->app.w, "app-personalising",
		json_pack("{s:o, s:s}", "application", op_aid_json(&a->script.application),
			"script", a->sha256),
		err);
}

/* ---- keys ---- */

/* Table 11-92; usage as in table 11-17: channel encryption, channel MAC, data encryption. */
static enum kms_status put_crt(struct perso_args *a, enum card_role role,
	const struct card_key_block *block, struct buf *out, struct kms_err *err)
{
	static const unsigned char usage[CARD_ROLES] = {0x38, 0x34, 0xC8};
	const unsigned char crt[CRT_MAX] = {0x95, 1, usage[role], 0x80, 1,
		(unsigned char)a->keys->type, 0x81, 1, (unsigned char)a->keys->key_len, 0x82, 1,
		(unsigned char)(role + 1), 0x83, 1, (unsigned char)a->script.key_version, 0x84,
		CARD_KCV_SIZE, block->kcv[0]};
	BUF_AUTO struct buf inside = {0};
	enum kms_status st = buf_append(&inside, crt, sizeof(crt), err);

	if (!st)
		st = buf_append(&inside, block->kcv + 1, CARD_KCV_SIZE - 1, err);
	return st ? st
		  : tlv_append(out, TAG_CRT, (const unsigned char *)inside.data, inside.len, err);
}

static enum kms_status put_keys(struct perso_args *a, struct kms_err *err)
{
	struct card_keys *old = a->app.w.old_keys;
	struct gp *gp = &a->app.w.card.gp;
	BUF_AUTO struct buf information = {0}, secrets = {0}, all = {0};
	enum kms_status st = KMS_OK;

	for (enum card_role role = 0; !st && role < CARD_ROLES; role++) {
		struct card_key_block block;

		st = old->ops->wrap(old, &gp->scp.dek, a->keys, role, &block, err);
		if (!st)
			st = put_crt(a, role, &block, &information, err);
		if (!st)
			st = perso_put(&secrets, DGI_SECRET_KEY, block.block, block.len, err);
	}
	if (!st)
		st = perso_put(&all, DGI_KEY_INFORMATION, information.data, information.len, err);
	if (!st)
		st = buf_append(&all, secrets.data, secrets.len, err);
	return st ? st : gp_store_data(gp, GP_STORE_DGI, all.data, all.len, err);
}

/* ---- on the card ---- */

static enum kms_status check_there(struct perso_args *a, struct kms_err *err)
{
	if (op_app_find(a->app.apps, &a->script.application))
		return KMS_OK;
	kms_fail(err, KMS_ERR_NOT_FOUND, "card %s has no application of that name",
		a->app.w.card.id);
	return kms_hint(err, "'cardkms app install' first");
}

/* Keys in a run of their own: INSTALL [for personalization] begins each (clause 11.11.1). */
static enum kms_status store_all(struct perso_args *a, struct kms_err *err)
{
	struct gp *gp = &a->app.w.card.gp;
	enum kms_status st = KMS_OK;

	if (a->plain.len) {
		st = gp_personalise(gp, &a->script.application, err);
		if (!st)
			st = gp_store_data(gp, GP_STORE_DGI, a->plain.data, a->plain.len, err);
	}
	if (!st && a->keys) {
		st = gp_personalise(gp, &a->script.application, err);
		if (!st)
			st = put_keys(a, err);
	}
	return st;
}

static enum kms_status perso_act(struct op *op, struct kms_err *err)
{
	struct perso_args *a = op->args;
	enum kms_status st = op_app_authenticate(&a->app, err);

	if (st)
		return st;
	st = check_there(a, err);
	if (!st)
		st = store_all(a, err);
	if (st)
		op_app_failed(&a->app, err);
	return st;
}

static enum kms_status perso_commit(struct op *op, struct kms_err *err)
{
	struct perso_args *a = op->args;

	return op_app_commit(&a->app, "app-personalised",
		json_pack("{s:o, s:s, s:s?, s:I}", "application",
			op_aid_json(&a->script.application), "script", a->sha256, "keyset",
			a->script.keyset, "groups", (json_int_t)a->script.count),
		err);
}

enum kms_status op_app_personalise(struct op_site *site, const struct op_app_personalise *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "app.personalise",
		.needs = OP_NEED_IDENTITY | OP_NEED_CARDS | OP_SHARES_SITE,
		.check = perso_check,
		.validate = perso_validate,
		.intend = perso_intend,
		.act = perso_act,
		.commit = perso_commit,
	};
	struct perso_args args __attribute__((cleanup(perso_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
