/* SPDX-License-Identifier: Apache-2.0 */
/* custody audit: what is wrong with where sheets are and who knows them; what must be re-keyed. */
#include "ops/ops.h"

#include "base/near.h"
#include "base/utf8.h"
#include "keys/key.h"
#include "ops/custody.h"
#include "ops/impact.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DAY = 24 * 60 * 60 };

/* ---- leavers ---- */

/* Of one key: which components are known to people who have left. */
struct known {
	bool by_leaver[CER_COMPONENTS_MAX + 1];
	bool concerns_person; /* the one asked about holds, or has held, one of them */
	size_t count;
};

static enum kms_status who_knows(struct op_site *site, const struct custody *c,
	const struct custody_sheet *sheet, const char *person, struct known *ret,
	struct kms_err *err)
{
	struct op_custodians holders __attribute__((cleanup(op_custodians_free))) = {0};
	struct known known = {0};
	enum kms_status st = custody_holders(site, c, sheet, false, &holders, err);

	for (size_t i = 0; !st && i < holders.count; i++) {
		const struct cer_custodian *h = &holders.items[i];
		const bool asked = person && name_same(h->name, person);
		bool left = false;
		int64_t on;

		st = custody_has_left(site, c, h->name, &left, &on, err);
		if (st || (!left && !asked) || h->component > CER_COMPONENTS_MAX)
			continue;
		known.concerns_person |= asked;
		known.count += !known.by_leaver[h->component];
		known.by_leaver[h->component] = true;
	}
	if (!st)
		*ret = known;
	return st;
}

static bool is_used(const struct store_key *key)
{
	enum key_state state;

	return key_state_parse(key->state, &state, NULL) == KMS_OK &&
	       (state == KEY_ACTIVE || state == KEY_SUSPENDED || state == KEY_PREACTIVE);
}

/*
 * All components but one tell nothing of the key: what it protects stays secret, and only the key itself
 * is to be replaced. With all of them known outside, so is what travelled under it.
 */
static enum kms_status rekey_of(struct op_site *site, const struct custody_sheet *sheet,
	const struct known *known, json_t **ret_row, struct kms_err *err)
{
	const struct store_key_list only = {(struct store_key *)sheet->key, 1};
	const bool all = known->count >= (size_t)sheet->made->components;
	JS_AUTO json_t *impact = NULL, *rekey = json_array(), *components = json_array();
	JS_AUTO json_t *todo = NULL;
	const json_t *set;
	size_t i;
	enum kms_status st = all ? op_impact(site, &only, &impact, err) : KMS_OK;
	int bad = json_array_append_new(rekey, json_string(sheet->made->key_label));

	if (st)
		return st;
	for (i = 1; i <= CER_COMPONENTS_MAX; i++)
		if (known->by_leaver[i])
			bad |= json_array_append_new(components, json_integer((json_int_t)i));
	json_array_foreach(json_object_get(impact, "keysets"), i, set)
	{
		bad |= json_array_append(rekey, json_object_get(set, "keyset"));
	}
	if (impact)
		todo = json_incref(json_object_get(impact, "todo"));
	else
		todo = json_pack("[o]",
			json_sprintf("make another %s key in place of '%s', in a ceremony with "
				     "other custodians; what it protected stays secret",
				sheet->key->role, sheet->made->key_label));
	if (bad || !todo)
		return kms_nomem(err);
	*ret_row = json_pack("{s:s, s:O, s:I, s:O, s:O}", "key", sheet->made->key_label,
		"components", components, "of", (json_int_t)sheet->made->components, "rekey", rekey,
		"todo", todo);
	return *ret_row ? KMS_OK : kms_nomem(err);
}

/* Of each key one sheet stands for all. */
static bool stands_for_key(const struct custody_sheet *sheet)
{
	return sheet->now.component == 1 && sheet->key && !custody_is_over(sheet);
}

enum kms_status custody_rekey(struct op_site *site, const struct custody *c, const char *person,
	json_t **ret_rows, struct kms_err *err)
{
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < c->count; i++) {
		const struct custody_sheet *sheet = &c->sheets[i];
		struct known known;
		json_t *row = NULL;

		if (!stands_for_key(sheet))
			continue;
		st = who_knows(site, c, sheet, person, &known, err);
		if (st || (person && !known.concerns_person) || known.count == 0 ||
			(known.count < (size_t)sheet->made->components && !is_used(sheet->key)))
			continue;
		st = rekey_of(site, sheet, &known, &row, err);
		if (!st && json_array_append_new(rows, row))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_rows = json_incref(rows);
	return st;
}

/* ---- findings ---- */

struct findings {
	struct op_site *site;
	const struct custody *c;
	json_t *rows;
	int64_t now;
	enum kms_status st; /* the first failure sticks */
	struct kms_err *err;
};

static void add(struct findings *f, const char *finding, const struct custody_sheet *sheet,
	int64_t component, const char *fmt, ...) KMS_PRINTF(5, 6);

static void add(struct findings *f, const char *finding, const struct custody_sheet *sheet,
	int64_t component, const char *fmt, ...)
{
	char text[600];
	va_list args;

	if (f->st)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (json_array_append_new(f->rows, json_pack("{s:s, s:s, s:I, s:s}", "finding", finding,
						   "key", sheet->made->key_label, "component",
						   (json_int_t)component, "detail", text)))
		f->st = kms_nomem(f->err);
}

static bool is_here(const struct store_custody *now)
{
	return strcmp(now->state, "held") == 0 || strcmp(now->state, "returned") == 0;
}

static void look_at_place(struct findings *f, const struct custody_sheet *s)
{
	const struct store_custody *now = &s->now;
	char date[CUSTODY_DATE_SIZE];

	if (is_here(now) && !now->safe)
		add(f, "no-place", s, now->component,
			"nobody has noted in which safe the sheet lies");
	if (is_here(now) && !now->bag)
		add(f, "no-bag", s, now->component, "the sheet is in no bag whose number is known");
	custody_date(now->due, date);
	if (now->due && now->due + DAY <= f->now && strcmp(now->state, "destroyed") != 0)
		add(f, "overdue", s, now->component, "it was to be returned by %s", date);
	if (strcmp(s->made->kind, OP_TRANSPORT_IMPORT) == 0 && !now->channel)
		add(f, "way-unknown", s, now->component,
			"nobody has noted how and when it came here");
	if (strcmp(now->state, "held") == 0 && !now->accepted)
		add(f, "not-accepted", s, now->component,
			"no signed acceptance of %s and %s is on record", now->custodian_a,
			now->custodian_b);
	if (s->key && strcmp(s->key->state, key_state_name(KEY_DESTROYED)) == 0 && is_here(now))
		add(f, "sheet-left", s, now->component, "the key was destroyed, the sheet was not");
}

static void look_at_others(struct findings *f, const struct custody_sheet *s)
{
	for (const struct custody_sheet *o = s + 1; o < f->c->sheets + f->c->count; o++) {
		if (o->made != s->made)
			continue;
		if (custody_within_reach(&s->now, &o->now))
			add(f, "one-reach", s, s->now.component,
				"component %" PRId64 " lies in the same place: %s",
				o->now.component, o->now.safe);
		if (custody_same_way(&s->now, &o->now))
			add(f, "one-way", s, s->now.component,
				"component %" PRId64
				" was conveyed the same way on the same day: %s",
				o->now.component, o->now.channel);
	}
}

/* One line of two people. */
static void look_at_two(struct findings *f, const struct custody_sheet *s,
	const struct cer_custodian *a, const struct cer_custodian *b)
{
	if (a->component == b->component)
		return;
	if (name_same(a->name, b->name))
		add(f, "two-components", s, a->component,
			"%s has held, or stands by for, component %u too", a->name, b->component);
	else if (near_person(a->name, b->name))
		add(f, "near-names", s, a->component,
			"%s may be %s, of component %u, under another spelling", a->name, b->name,
			b->component);
}

static void look_at_holders(struct findings *f, const struct custody_sheet *s)
{
	struct op_custodians list __attribute__((cleanup(op_custodians_free))) = {0};

	if (!f->st)
		f->st = custody_holders(f->site, f->c, s, true, &list, f->err);
	for (size_t k = 0; !f->st && k < list.count; k++)
		for (size_t i = 0; i < k; i++)
			look_at_two(f, s, &list.items[i], &list.items[k]);
}

struct who {
	struct findings *f;
	const struct custody_sheet *sheet;
	const char *part;
};

static enum kms_status look_at_person(void *ctx, const char *name, struct kms_err *err)
{
	const struct who *w = ctx;
	char date[CUSTODY_DATE_SIZE];
	bool left = false;
	int64_t on = 0;
	enum kms_status st = custody_has_left(w->f->site, w->f->c, name, &left, &on, err);

	custody_date(on, date);
	if (!st && left)
		add(w->f, "leaver", w->sheet, w->sheet->now.component,
			"%s, %s, left on %s or is disabled", name, w->part, date);
	return st;
}

static void look_for_leavers(struct findings *f, const struct custody_sheet *s)
{
	struct who w = {f, s, "one of its pair"};

	if (strcmp(s->now.state, "destroyed") == 0)
		return;
	if (!f->st)
		f->st = look_at_person(&w, s->now.custodian_a, f->err);
	if (!f->st)
		f->st = look_at_person(&w, s->now.custodian_b, f->err);
	w.part = "a deputy";
	if (!f->st)
		f->st = custody_names(s->now.deputies, look_at_person, &w, f->err);
}

enum kms_status op_custody_audit(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	CUSTODY_AUTO struct custody c = {0};
	JS_AUTO json_t *rows = json_array(), *rekey = NULL;
	struct findings f = {.site = site, .c = &c, .rows = rows, .now = site->now(), .err = err};

	f.st = custody_load(site, &c, err);
	for (size_t i = 0; !f.st && i < c.count; i++) {
		const struct custody_sheet *sheet = &c.sheets[i];

		if (custody_is_over(sheet))
			continue;
		look_at_place(&f, sheet);
		look_at_others(&f, sheet);
		look_for_leavers(&f, sheet);
		if (stands_for_key(sheet))
			look_at_holders(&f, sheet);
	}
	if (!f.st)
		f.st = custody_rekey(site, &c, NULL, &rekey, err);
	if (f.st)
		return f.st;
	*ret_report = json_pack("{s:O, s:O}", "findings", rows, "rekey", rekey);
	if (!*ret_report)
		return kms_nomem(err);
	if (json_array_size(rows) + json_array_size(rekey) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"custody is not in order: %zu finding%s, %zu key%s to be "
		"replaced",
		json_array_size(rows), json_array_size(rows) == 1 ? "" : "s",
		json_array_size(rekey), json_array_size(rekey) == 1 ? "" : "s");
}
