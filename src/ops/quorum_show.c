/* SPDX-License-Identifier: Apache-2.0 */
/* quorum show, quorum open, and the quorum's key on paper. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ceremony/sheet.h"
#include "ops/exchange.h"
#include "ops/meta.h"
#include "ops/quorum.h"
#include "store/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GLASS_PARTS = 2 };

/* ---- quorum show ---- */

static enum kms_status member_json(
	struct op_site *site, const struct store_member *m, json_t *rows, struct kms_err *err)
{
	STORE_AUTO(officer) struct store_officer officer = {0};
	enum kms_status st = store_officer_get(site->store, m->folded, m->folded, &officer, err);

	if (!st &&
		json_array_append_new(rows,
			json_pack("{s:I, s:s, s:s, s:s}", "index", (json_int_t)m->position, "name",
				officer.name, "role", officer.role, "state", officer.state)))
		st = kms_nomem(err);
	return st;
}

static enum kms_status pin_json(
	struct op_site *site, const char *kind, json_t *rows, struct kms_err *err)
{
	STORE_AUTO(pin_list) struct store_pin_list list = {0};
	enum kms_status st = store_pins(site->store, kind, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_pin *p = &list.items[i];
		char created[CLOCK_TEXT_SIZE];

		clock_format(p->created, created);
		if (json_array_append_new(rows,
			    json_pack("{s:s, s:I, s:s, s:s}", "pin", p->kind, "number",
				    (json_int_t)p->number, "state", p->state, "sealed", created)))
			st = kms_nomem(err);
	}
	return st;
}

enum kms_status op_quorum_show(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	JS_AUTO json_t *members = json_array(), *pins = json_array();
	struct op_quorum *q = NULL;
	char created[CLOCK_TEXT_SIZE], glass[CLOCK_TEXT_SIZE] = "never";
	enum kms_status st = op_quorum_need(site, &q, err);

	if (st)
		return st;
	clock_format(q->row.created, created);
	if (q->row.break_glass)
		clock_format(q->row.break_glass, glass);
	for (size_t i = 0; !st && i < q->members.count; i++)
		st = member_json(site, &q->members.items[i], members, err);
	if (!st)
		st = pin_json(site, PIN_USER, pins, err);
	if (!st)
		st = pin_json(site, PIN_SO, pins, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:O, s:O}", "generation",
		(json_int_t)q->row.generation, "threshold", (json_int_t)q->row.threshold,
		"officers", (json_int_t)q->members.count, "serial", q->row.hsm_serial, "created",
		created, "break_glass_sheets", glass, "members", members, "pins", pins);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

/* ---- quorum open ---- */

static enum kms_status needs_quorum(struct op *op, struct kms_err *err)
{
	struct op_quorum *q = NULL;

	return op_quorum_need(op->site, &q, err);
}

static enum kms_status open_validate(struct op *op, struct kms_err *err)
{
	struct op_quorum *q = NULL;
	enum kms_status st = op_quorum_need(op->site, &q, err);

	if (!st)
		st = op_detail(op, "opened_by", json_incref(q->openers), err);
	if (!st)
		st = op_subject(op, err, "%s", q->row.hsm_serial);
	if (!st)
		st = op_report(op, "serial", json_string(q->row.hsm_serial), err);
	if (!st)
		st = op_report(op, "generation", json_integer(q->row.generation), err);
	return st ? st : op_report(op, "opened_by", json_incref(q->openers), err);
}

enum kms_status op_quorum_open(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "quorum.drill",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.check = needs_quorum,
		.validate = open_validate,
	};

	return op_run(site, &kind, NULL, ret_report, err);
}

/* ---- quorum break-glass ---- */

struct glass_args {
	const struct op_break_glass *in;
	struct cer_pairs pairs;
	char ceremony[CER_ID_SIZE];
	int64_t first_serial;
	struct op_quorum *quorum;
};

static enum kms_status glass_check(struct op *op, struct kms_err *err)
{
	struct glass_args *a = op->args;
	enum kms_status st = cer_pairs_load(a->in->pairs_path, GLASS_PARTS, &a->pairs, err);

	return st ? st : needs_quorum(op, err);
}

static enum kms_status glass_validate(struct op *op, struct kms_err *err)
{
	struct glass_args *a = op->args;
	unsigned char random[CER_ID_RANDOM];
	enum kms_status st = op_quorum_need(op->site, &a->quorum, err);

	if (!st)
		st = op_detail(op, "opened_by", json_incref(a->quorum->openers), err);
	if (!st)
		st = op_subject(op, err, "%s", a->quorum->row.hsm_serial);
	if (!st)
		st = hsm_random_public(op->site->hsm, random, sizeof(random), err);
	if (st)
		return st;
	cer_id_make(random, a->ceremony);
	for (size_t i = 0; !st && i < GLASS_PARTS; i++) {
		char name[24];

		snprintf(name, sizeof(name), "custodians_%zu", i + 1);
		st = op_detail(op, name,
			json_sprintf(
				"%s, %s", a->pairs.pairs[i].names[0], a->pairs.pairs[i].names[1]),
			err);
	}
	if (!st)
		st = op_detail(op, "ceremony", json_string(a->ceremony), err);
	if (!st)
		st = op_detail(op, "generation", json_integer(a->quorum->row.generation), err);
	if (!st)
		st = op_report(op, "generation", json_integer(a->quorum->row.generation), err);
	if (!st)
		st = op_report(op, "ceremony", json_string(a->ceremony), err);
	return st || op->site->dry_run ? st : a->in->prepare(a->in->ctx, err);
}

static enum kms_status write_part(struct op *op, const struct op_self *self, unsigned number,
	const struct secret *part, struct kms_err *err)
{
	struct glass_args *a = op->args;
	CER_SHEET_AUTO struct cer_sheet sheet = {.serial = (uint32_t)a->first_serial + number - 1,
		.purpose = CER_PURPOSE_QUORUM,
		.alg = KEY_AES256,
		.component = number,
		.components = GLASS_PARTS,
		.custodians = a->pairs.pairs[number - 1]};
	SECRET_AUTO struct secret text = {0};
	enum kms_status st = secret_copy(&sheet.bytes, part->data, part->len, err);

	memcpy(sheet.ceremony, a->ceremony, sizeof(sheet.ceremony));
	snprintf(sheet.label, sizeof(sheet.label), "quorum-%" PRId64, a->quorum->row.generation);
	if (!hex_decode_strict(self->fingerprint, sheet.here.fingerprint, CER_FINGERPRINT_BYTES))
		st = kms_fail(err, KMS_ERR_STORE, "the site's fingerprint is damaged");
	if (!st)
		st = key_kcv_default(KEY_AES256, part, &sheet.kcv, err);
	if (!st)
		st = cer_sheet_render(&sheet, &text, err);
	return st ? st : a->in->write(a->in->ctx, number, &text, err);
}

static enum kms_status glass_act(struct op *op, struct kms_err *err)
{
	struct glass_args *a = op->args;
	struct op_self self __attribute__((cleanup(op_self_free))) = {0};
	SECRET_AUTO struct secret one = {0}, two = {0};
	enum kms_status st = op_self(op->site, &self, err);

	if (!st)
		st = store_counter_take(
			op->site->store, STORE_COUNTER_SHEET, GLASS_PARTS, &a->first_serial, err);
	if (!st)
		st = cer_quorum_key_draw(&one, err);
	if (!st)
		st = secret_copy(&two, a->quorum->key.data, a->quorum->key.len, err);
	for (size_t i = 0; !st && i < two.len; i++)
		two.data[i] ^= one.data[i];
	if (!st)
		st = write_part(op, &self, 1, &one, err);
	if (!st)
		st = write_part(op, &self, 2, &two, err);
	return st;
}

static enum kms_status glass_commit(struct op *op, struct kms_err *err)
{
	struct glass_args *a = op->args;
	enum kms_status st =
		store_quorum_glass(op->site->store, a->quorum->row.generation, op->now, err);

	return st ? st : op_detail(op, "first_serial", json_integer(a->first_serial), err);
}

enum kms_status op_quorum_break_glass(struct op_site *site, const struct op_break_glass *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "quorum.break-glass-sheets",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.check = glass_check,
		.validate = glass_validate,
		.act = glass_act,
		.commit = glass_commit,
	};
	struct glass_args args = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
