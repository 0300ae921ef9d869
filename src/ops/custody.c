/* SPDX-License-Identifier: Apache-2.0 */
/* Custody as it follows from ceremonies and rows; listed. */
#include "ops/custody.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "keys/key.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void custody_free(struct custody *c)
{
	for (size_t i = 0; c->people && i < c->ceremonies.count; i++)
		store_custodian_list_free(&c->people[i]);
	free(c->people);
	free(c->sheets);
	store_ceremony_list_free(&c->ceremonies);
	store_key_list_free(&c->keys);
	store_custody_list_free(&c->rows);
	store_leaver_list_free(&c->leavers);
	*c = (struct custody){0};
}

static const struct store_key *key_made_in(const struct custody *c, const char *ceremony)
{
	for (size_t i = 0; i < c->keys.count; i++)
		if (c->keys.items[i].ceremony_id &&
			strcmp(c->keys.items[i].ceremony_id, ceremony) == 0)
			return &c->keys.items[i];
	return NULL;
}

static bool is_restore(const struct store_ceremony *c)
{
	return strcmp(c->kind, OP_SITE_RESTORE) == 0 || strcmp(c->kind, OP_ZONE_RESTORE) == 0;
}

/* The list's order, but that of one second: what is typed again was made before. */
static int by_time(const void *left, const void *right)
{
	const struct store_ceremony *a = left, *b = right;

	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	if (is_restore(a) != is_restore(b))
		return is_restore(a) ? 1 : -1;
	return strcmp(a->id, b->id);
}

/*
 * The sheet from which a component was typed, if it is known here: of the same key, which may have been
 * lost with its HSM. A key of that label which ended is another one, as is one typed in under it since.
 */
static struct custody_sheet *typed_from(
	struct custody *c, const struct store_ceremony *ceremony, int64_t component)
{
	if (!is_restore(ceremony) && strcmp(ceremony->kind, OP_TRANSPORT_IMPORT) != 0)
		return NULL;
	for (size_t i = c->count; i-- > 0;) {
		struct custody_sheet *sheet = &c->sheets[i];

		if (sheet->now.component != component ||
			!key_label_same(sheet->made->key_label, ceremony->key_label))
			continue;
		return is_restore(ceremony) || !key_made_in(c, sheet->touched->id) ? sheet : NULL;
	}
	return NULL;
}

/* A ceremony puts a component into the hands of its pair; what was sealed is open. */
static void hand_over(struct custody *c, const struct store_ceremony *ceremony,
	const struct store_custodian *a, const struct store_custodian *b)
{
	struct custody_sheet *sheet = typed_from(c, ceremony, a->component);
	const int64_t serial = sheet ? sheet->now.sheet_serial : 0;
	const char *deputies = sheet ? sheet->now.deputies : NULL;

	if (!sheet) {
		sheet = &c->sheets[c->count++];
		sheet->made = ceremony;
	}
	sheet->touched = ceremony;
	sheet->check_value = a->check_value;
	if (key_made_in(c, ceremony->id))
		sheet->key = key_made_in(c, ceremony->id);
	sheet->now = (struct store_custody){.ceremony_id = ceremony->id,
		.component = a->component,
		.state = "held",
		.custodian_a = a->person,
		.custodian_b = b->person,
		.deputies = deputies,
		.sheet_serial = a->sheet_serial ? a->sheet_serial : serial,
		.issued = ceremony->ended};
}

/* Rows come after the ceremony that they name. */
static void take_rows(struct custody *c, const char *ceremony)
{
	for (size_t i = 0; i < c->rows.count; i++) {
		const struct store_custody *row = &c->rows.items[i];

		if (strcmp(row->ceremony_id, ceremony) != 0)
			continue;
		for (size_t k = 0; k < c->count; k++)
			if (strcmp(c->sheets[k].touched->id, ceremony) == 0 &&
				c->sheets[k].now.component == row->component)
				c->sheets[k].now = *row;
	}
}

static enum kms_status follow(struct op_site *site, struct custody *c, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < c->ceremonies.count; i++) {
		const struct store_ceremony *ceremony = &c->ceremonies.items[i];
		struct store_custodian_list *people = &c->people[i];

		st = store_custodians(site->store, ceremony->id, people, err);
		if (st || strcmp(ceremony->state, "done") != 0)
			continue;
		for (size_t k = 0; k + 1 < people->count; k += CER_PAIR_SIZE)
			hand_over(c, ceremony, &people->items[k], &people->items[k + 1]);
		take_rows(c, ceremony->id);
	}
	return st;
}

enum kms_status custody_load(struct op_site *site, struct custody *ret_custody, struct kms_err *err)
{
	CUSTODY_AUTO struct custody c = {0};
	enum kms_status st = store_ceremonies(site->store, NULL, &c.ceremonies, err);

	if (!st)
		st = store_keys(site->store, NULL, &c.keys, err);
	if (!st)
		st = store_custodies(site->store, &c.rows, err);
	if (!st)
		st = store_leavers(site->store, &c.leavers, err);
	if (st)
		return st;
	if (c.ceremonies.count > 1)
		qsort(c.ceremonies.items, c.ceremonies.count, sizeof(*c.ceremonies.items), by_time);
	c.people = calloc(c.ceremonies.count + 1, sizeof(*c.people));
	c.sheets = calloc(c.ceremonies.count * CER_COMPONENTS_MAX + 1, sizeof(*c.sheets));
	if (!c.people || !c.sheets)
		return kms_nomem(err);
	st = follow(site, &c, err);
	if (st)
		return st;
	*ret_custody = c;
	c = (struct custody){0};
	return KMS_OK;
}

enum kms_status custody_find(const struct custody *c, const char *label, int64_t component,
	const struct custody_sheet **ret_sheet, struct kms_err *err)
{
	const struct custody_sheet *found = NULL;
	bool label_known = false;

	for (size_t i = 0; i < c->count; i++) {
		const struct custody_sheet *sheet = &c->sheets[i];

		if (!key_label_same(sheet->made->key_label, label))
			continue;
		label_known = true;
		if (sheet->now.component == component &&
			(!found || strcmp(sheet->now.state, "destroyed") != 0 ||
				strcmp(found->now.state, "destroyed") == 0))
			found = sheet;
	}
	if (found) {
		*ret_sheet = found;
		return KMS_OK;
	}
	if (label_known)
		kms_fail(
			err, KMS_ERR_NOT_FOUND, "'%s' has no component %" PRId64, label, component);
	else
		kms_fail(err, KMS_ERR_NOT_FOUND, "no component of a key '%s' is known here", label);
	return kms_hint(err, "'cardkms custody list' shows them");
}

bool custody_is_over(const struct custody_sheet *sheet)
{
	return strcmp(sheet->now.state, "destroyed") == 0 && sheet->key &&
	       strcmp(sheet->key->state, key_state_name(KEY_DESTROYED)) == 0;
}

void custody_date(int64_t time, char out[CUSTODY_DATE_SIZE])
{
	char text[CLOCK_TEXT_SIZE] = "";

	if (time)
		clock_format(time, text);
	snprintf(out, CUSTODY_DATE_SIZE, "%.10s", text);
}

enum kms_status custody_names(
	const char *list, custody_name_fn *each, void *ctx, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st && list && *list) {
		char name[2 * NAME_MAX_BYTES]; /* too long a one is told by name_check */
		const size_t len = strcspn(list, ",");

		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		st = each(ctx, name, err);
		list += len;
		list += strspn(list, ", ");
	}
	return st;
}

/* Members that are not set are not there. */
static int put_text(json_t *object, const char *name, const char *text)
{
	return text && *text ? json_object_set_new(object, name, json_string(text)) : 0;
}

static int put_date(json_t *object, const char *name, int64_t time)
{
	char date[CUSTODY_DATE_SIZE];

	custody_date(time, date);
	return put_text(object, name, date);
}

json_t *custody_json(const struct custody_sheet *sheet)
{
	const struct store_custody *now = &sheet->now;
	json_t *object = json_pack("{s:s, s:I, s:I, s:s, s:s, s:s}", "key", sheet->made->key_label,
		"component", (json_int_t)now->component, "of", (json_int_t)sheet->made->components,
		"ceremony", sheet->touched->id, "state", now->state, "key_state",
		sheet->key ? sheet->key->state : "-");
	JS_AUTO json_t *pair = json_sprintf("%s, %s", now->custodian_a, now->custodian_b);
	int bad = !object || !pair || json_object_set(object, "custodians", pair);

	if (!bad && now->sheet_serial)
		bad |= json_object_set_new(object, "serial", json_integer(now->sheet_serial));
	if (!bad)
		bad |= put_text(object, "deputies", now->deputies) |
		       put_text(object, "bag", now->bag) | put_text(object, "safe", now->safe) |
		       put_text(object, "channel", now->channel) |
		       put_text(object, "carrier", now->carrier) |
		       put_date(object, "conveyed", now->conveyed) |
		       put_date(object, "issued", now->issued) | put_date(object, "due", now->due) |
		       put_date(object, "returned", now->returned) |
		       put_date(object, "accepted", now->accepted);
	if (!bad)
		return object;
	json_decref(object);
	return NULL;
}

/* ---- list ---- */

static enum kms_status is_person(void *ctx, const char *name, struct kms_err *err)
{
	return name_same(name, ctx) ? kms_fail(err, KMS_ERR_EXISTS, "found") : KMS_OK;
}

static bool concerns(const struct store_custody *row, const char *person)
{
	return name_same(row->custodian_a, person) || name_same(row->custodian_b, person) ||
	       (row->carrier && name_same(row->carrier, person)) ||
	       custody_names(row->deputies, is_person, (void *)person, NULL) == KMS_ERR_EXISTS;
}

/* Now, or at any time since the component came into being. */
static bool ever_concerned(
	const struct custody *c, const struct custody_sheet *sheet, const char *person)
{
	for (size_t i = 0; i < c->ceremonies.count; i++) {
		const struct store_custodian_list *people = &c->people[i];

		if (!key_label_same(c->ceremonies.items[i].key_label, sheet->made->key_label))
			continue;
		for (size_t k = 0; k < people->count; k++)
			if (people->items[k].component == sheet->now.component &&
				name_same(people->items[k].person, person))
				return true;
		for (size_t k = 0; k < c->rows.count; k++)
			if (strcmp(c->rows.items[k].ceremony_id, c->ceremonies.items[i].id) == 0 &&
				c->rows.items[k].component == sheet->now.component &&
				concerns(&c->rows.items[k], person))
				return true;
	}
	return false;
}

enum kms_status op_custody_list(struct op_site *site, const char *key, const char *person,
	json_t **ret_report, struct kms_err *err)
{
	CUSTODY_AUTO struct custody c = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = custody_load(site, &c, err);

	for (size_t i = 0; !st && i < c.count; i++) {
		const struct custody_sheet *sheet = &c.sheets[i];
		json_t *row;

		if (custody_is_over(sheet) ||
			(key && !key_label_same(sheet->made->key_label, key)) ||
			(person && !ever_concerned(&c, sheet, person)))
			continue;
		row = custody_json(sheet);
		if (row && person &&
			json_object_set_new(
				row, "holds_now", json_boolean(concerns(&sheet->now, person)))) {
			json_decref(row);
			row = NULL;
		}
		if (json_array_append_new(rows, row))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

/* ---- history ---- */

static enum kms_status add_event(json_t *rows, const struct custody_sheet *as, const char *event,
	int64_t time, struct kms_err *err)
{
	char text[CLOCK_TEXT_SIZE];
	json_t *row = custody_json(as);

	clock_format(time, text);
	if (!row || json_object_set_new(row, "event", json_string(event)) ||
		json_object_set_new(row, "time", json_string(text))) {
		json_decref(row);
		return kms_nomem(err);
	}
	return json_array_append_new(rows, row) ? kms_nomem(err) : KMS_OK;
}

/* What the ceremony did, then each row after it. */
static enum kms_status add_ceremony(const struct custody *c, size_t place,
	const struct store_custodian *a, const struct store_custodian *b, json_t *rows,
	struct kms_err *err)
{
	const struct store_ceremony *ceremony = &c->ceremonies.items[place];
	struct custody_sheet as = {.made = ceremony,
		.touched = ceremony,
		.now = {.component = a->component,
			.state = "held",
			.custodian_a = a->person,
			.custodian_b = b->person,
			.sheet_serial = a->sheet_serial}};
	enum kms_status st = add_event(rows, &as, ceremony->kind, ceremony->ended, err);

	for (size_t i = 0; !st && i < c->rows.count; i++) {
		as.now = c->rows.items[i];
		if (strcmp(as.now.ceremony_id, ceremony->id) == 0 &&
			as.now.component == a->component)
			st = add_event(rows, &as, as.now.event, as.now.recorded, err);
	}
	return st;
}

enum kms_status op_custody_history(struct op_site *site, const char *key, int64_t component,
	json_t **ret_report, struct kms_err *err)
{
	CUSTODY_AUTO struct custody c = {0};
	JS_AUTO json_t *rows = json_array();
	const struct custody_sheet *sheet;
	enum kms_status st = custody_load(site, &c, err);

	if (!st)
		st = custody_find(&c, key, component, &sheet, err);
	for (size_t i = 0; !st && i < c.ceremonies.count; i++) {
		const struct store_custodian_list *people = &c.people[i];

		if (strcmp(c.ceremonies.items[i].state, "done") != 0 ||
			!key_label_same(c.ceremonies.items[i].key_label, key))
			continue;
		for (size_t k = 0; !st && k + 1 < people->count; k += CER_PAIR_SIZE)
			if (people->items[k].component == component)
				st = add_ceremony(
					&c, i, &people->items[k], &people->items[k + 1], rows, err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
