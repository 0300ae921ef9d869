/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ceremony.h"

#include "base/clock.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/custody.h"
#include "store/journal.h"

#include <stdlib.h>
#include <string.h>

void op_custodians_free(struct op_custodians *custodians)
{
	for (size_t i = 0; i < custodians->count; i++)
		free((char *)custodians->items[i].name);
	free(custodians->items);
	*custodians = (struct op_custodians){0};
}

enum kms_status op_custodians_add(
	struct op_custodians *custodians, const char *name, unsigned component, struct kms_err *err)
{
	struct cer_custodian *grown =
		reallocarray(custodians->items, custodians->count + 1, sizeof(*custodians->items));
	char *copy = strdup(name);

	if (grown)
		custodians->items = grown;
	if (!grown || !copy) {
		free(copy);
		return kms_nomem(err);
	}
	custodians->items[custodians->count++] = (struct cer_custodian){copy, component};
	return KMS_OK;
}

static enum kms_status add_people(
	struct op_site *site, const char *ceremony, struct op_custodians *out, struct kms_err *err)
{
	STORE_AUTO(custodian_list) struct store_custodian_list people = {0};
	enum kms_status st = store_custodians(site->store, ceremony, &people, err);

	for (size_t i = 0; !st && i < people.count; i++)
		st = op_custodians_add(
			out, people.items[i].person, (unsigned)people.items[i].component, err);
	return st;
}

/* Who has had the sheet since: by a change of its pair, or on the way. */
static enum kms_status add_later_people(const struct store_custody_list *rows, const char *ceremony,
	struct op_custodians *out, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < rows->count; i++) {
		const struct store_custody *row = &rows->items[i];
		const char *const names[] = {row->custodian_a, row->custodian_b, row->carrier};

		if (strcmp(row->ceremony_id, ceremony) != 0)
			continue;
		for (size_t k = 0; !st && k < sizeof(names) / sizeof(*names); k++)
			if (names[k])
				st = op_custodians_add(
					out, names[k], (unsigned)row->component, err);
	}
	return st;
}

/*
 * A creation that came to nothing made no key: its components are void and bind nobody. In an import
 * the key is there before and after: who typed a component of it, or opened its bag, knows it, however
 * the ceremony ended.
 */
static bool binds(const struct store_ceremony *c)
{
	return strcmp(c->state, "done") == 0 || strcmp(c->kind, OP_TRANSPORT_IMPORT) == 0 ||
	       strcmp(c->kind, OP_SITE_RESTORE) == 0 || strcmp(c->kind, OP_ZONE_RESTORE) == 0;
}

enum kms_status op_custodians_gather(struct op_site *site, const char *label,
	struct op_custodians *custodians, struct kms_err *err)
{
	STORE_AUTO(ceremony_list) struct store_ceremony_list list = {0};
	STORE_AUTO(custody_list) struct store_custody_list rows = {0};
	enum kms_status st = store_ceremonies(site->store, NULL, &list, err);

	if (!st)
		st = store_custodies(site->store, &rows, err);
	for (size_t i = 0; !st && i < list.count; i++) {
		if (!binds(&list.items[i]) || !key_label_same(list.items[i].key_label, label))
			continue;
		st = add_people(site, list.items[i].id, custodians, err);
		if (!st)
			st = add_later_people(&rows, list.items[i].id, custodians, err);
	}
	return st;
}

enum kms_status op_custodians_of(struct op_site *site, const char *label,
	struct op_custodians *ret_custodians, struct kms_err *err)
{
	struct op_custodians found __attribute__((cleanup(op_custodians_free))) = {0};
	enum kms_status st = op_custodians_gather(site, label, &found, err);

	if (st)
		return st;
	*ret_custodians = found;
	found = (struct op_custodians){0};
	return KMS_OK;
}

enum kms_status op_separation(struct op *op, const char *transport_key, const char *does,
	const char *carrier, struct kms_err *err)
{
	struct op_custodians custodians __attribute__((cleanup(op_custodians_free))) = {0};
	struct cer_person people[OP_OFFICERS + 1];
	size_t count = 0;
	enum kms_status st;

	for (size_t i = 0; i < OP_OFFICERS; i++)
		if (op->officers[i])
			people[count++] = (struct cer_person){op->officers[i], does};
	if (carrier)
		people[count++] = (struct cer_person){carrier, "carry"};
	st = op_custodians_of(op->site, transport_key, &custodians, err);
	return st ? st
		  : cer_separation_check(
			    transport_key, custodians.items, custodians.count, people, count, err);
}

static enum kms_status events_json(const struct cer *cer, json_t *rows, struct kms_err *err)
{
	for (size_t i = 0; i < cer_event_count(cer); i++) {
		const struct cer_event *e = cer_event(cer, i);
		char time[CLOCK_TEXT_SIZE];

		clock_format(e->time, time);
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:i, s:s, s:s}", "time", time, "component",
					  (int)e->component, "what", e->what, "text", e->text)))
			return kms_nomem(err);
	}
	return KMS_OK;
}

enum kms_status op_minutes(struct op *op, const struct cer *cer, const char *hsm_serial,
	struct buf *ret_text, struct kms_err *err)
{
	JS_AUTO json_t *events = json_array();
	JS_AUTO json_t *minutes = NULL;
	FREE_AUTO char *actor = op_actor(op->site, op);
	const struct key_kcv *kcv = cer_check_value(cer, 0);
	char check[KEY_KCV_TEXT_SIZE] = "";
	enum kms_status st = events_json(cer, events, err);

	if (st)
		return st;
	if (kcv)
		key_kcv_print(kcv, check);
	minutes = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "site", op->site->name, "actor",
		actor ? actor : "", "hsm_serial", hsm_serial, "combined_check_value", check,
		"check_method", kcv ? key_kcv_method_name(kcv->method) : "", "sheets_ceremony",
		cer_ceremony_id(cer), "events", events);
	return minutes ? js_line(minutes, ret_text, err) : kms_nomem(err);
}

static json_t *ceremony_json(const struct store_ceremony *c)
{
	char started[CLOCK_TEXT_SIZE], ended[CLOCK_TEXT_SIZE] = "-";

	clock_format(c->started, started);
	if (c->ended)
		clock_format(c->ended, ended);
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s?, s:s, s:s, s:s}", "ceremony", c->id,
		"kind", c->kind, "key", c->key_label, "algorithm", c->algorithm, "components",
		(json_int_t)c->components, "partner", c->partner, "state", c->state, "started",
		started, "ended", ended);
}

enum kms_status op_ceremony_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(ceremony_list) struct store_ceremony_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_ceremonies(site->store, NULL, &list, err);

	for (size_t i = 0; !st && i < list.count; i++)
		if (json_array_append_new(rows, ceremony_json(&list.items[i])))
			st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

static enum kms_status custodians_json(
	struct op_site *site, const char *ceremony, json_t *rows, struct kms_err *err)
{
	STORE_AUTO(custodian_list) struct store_custodian_list people = {0};
	enum kms_status st = store_custodians(site->store, ceremony, &people, err);

	for (size_t i = 0; !st && i < people.count; i++) {
		const struct store_custodian *p = &people.items[i];

		if (json_array_append_new(
			    rows, json_pack("{s:I, s:s, s:I, s:s?, s:s}", "component",
					  (json_int_t)p->component, "custodian", p->person,
					  "serial", (json_int_t)p->sheet_serial, "check_value",
					  p->check_value, "sheet", p->sheet_state)))
			st = kms_nomem(err);
	}
	return st;
}

enum kms_status op_void_sheets(
	struct op_site *site, const char *ceremony, json_t **ret_rows, struct kms_err *err)
{
	STORE_AUTO(void_sheet_list) struct store_void_sheet_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_void_sheets(site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_void_sheet *v = &list.items[i];
		char time[CLOCK_TEXT_SIZE];

		clock_format(v->recorded, time);
		if (!ceremony || strcmp(ceremony, v->ceremony_id) == 0)
			st = json_array_append_new(rows,
				     json_pack("{s:I, s:s, s:I, s:s, s:s}", "serial",
					     (json_int_t)v->serial, "ceremony", v->ceremony_id,
					     "component", (json_int_t)v->component, "time", time,
					     "reason", v->reason))
				     ? kms_nomem(err)
				     : KMS_OK;
	}
	if (!st)
		*ret_rows = json_incref(rows);
	return st;
}

enum kms_status op_ceremony_show(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(ceremony) struct store_ceremony row = {0};
	JS_AUTO json_t *people = json_array();
	JS_AUTO json_t *voided = NULL;
	JS_AUTO json_t *minutes = NULL;
	JS_AUTO json_t *object = NULL;
	char canonical[CER_ID_SIZE];
	enum kms_status st = cer_id_parse(id, canonical, err);

	if (!st)
		st = store_ceremony_get(site->store, canonical, &row, err);
	if (!st)
		st = custodians_json(site, canonical, people, err);
	if (!st)
		st = op_void_sheets(site, canonical, &voided, err);
	if (!st && row.minutes)
		st = js_parse_object(
			"the minutes", row.minutes, strlen(row.minutes), &minutes, err);
	if (st)
		return st;
	object = ceremony_json(&row);
	if (!object || json_object_set(object, "custodians", people) ||
		json_object_set(object, "void_sheets", voided) ||
		(minutes && json_object_set(object, "minutes", minutes)))
		return kms_nomem(err);
	*ret_report = json_incref(object);
	return KMS_OK;
}
