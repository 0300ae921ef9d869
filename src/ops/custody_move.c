/* SPDX-License-Identifier: Apache-2.0 */
/* custody move, custody leave: what changes where a sheet is, and who may hold it. */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/utf8.h"
#include "ops/custody.h"
#include "store/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_MAX = 100, DAY = 24 * 60 * 60 };

struct move {
	const struct op_custody_move *in;
	char pair[CER_PAIR_SIZE][NAME_MAX_BYTES + 1];
	int64_t on, due, accepted; /* 0: not given */
	struct custody custody;
	const struct custody_sheet *sheet;
	struct store_custody row; /* what will be so; texts borrowed */
};

static void move_clear(struct move *m)
{
	custody_free(&m->custody);
}

/* ---- check ---- */

static enum kms_status parse_date(
	const char *text, const char *option, int64_t *ret_time, struct kms_err *err)
{
	char full[40];

	if (!text)
		return KMS_OK;
	snprintf(full, sizeof(full), "%.20sT00:00:00Z", text);
	if (strlen(text) != CUSTODY_DATE_SIZE - 1 || !clock_parse(full, ret_time))
		return kms_fail(err, KMS_ERR_USAGE, "%s takes a date like 2026-11-26, not '%s'",
			option, text);
	return KMS_OK;
}

static enum kms_status check_place(const char *text, const char *what, struct kms_err *err)
{
	if (!text || (*text && *text != ' ' && text_printable(text, PLACE_MAX)))
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID,
		"%s is one line of at most %d bytes, without control characters, and not empty",
		what, PLACE_MAX);
}

struct pair_reader {
	struct move *m;
	size_t count;
};

static enum kms_status take_name(void *ctx, const char *name, struct kms_err *err)
{
	struct pair_reader *r = ctx;
	enum kms_status st = name_check(name, "a custodian's name", err);

	if (!st && r->count < CER_PAIR_SIZE)
		snprintf(r->m->pair[r->count], sizeof(r->m->pair[0]), "%s", name);
	r->count++;
	return st;
}

static enum kms_status check_deputy(void *ctx, const char *name, struct kms_err *err)
{
	(void)ctx;
	return name_check(name, "a deputy's name", err);
}

static enum kms_status check_people(struct move *m, struct kms_err *err)
{
	const struct op_custody_move *in = m->in;
	struct pair_reader r = {m, 0};
	enum kms_status st = custody_names(in->pair, take_name, &r, err);

	if (!st && in->pair && r.count != CER_PAIR_SIZE)
		st = kms_fail(err, KMS_ERR_USAGE, "--pair takes two names: A,B");
	if (!st && in->pair && name_same(m->pair[0], m->pair[1]))
		st = kms_fail(err, KMS_ERR_DENIED, "'%s' cannot be both custodians", m->pair[0]);
	if (!st)
		st = custody_names(in->deputies, check_deputy, NULL, err);
	if (!st && in->deputies && strlen(in->deputies) > 2 * NAME_MAX_BYTES)
		st = kms_fail(err, KMS_ERR_INVALID, "the names of the deputies are too long");
	return st || !in->carrier ? st : name_check(in->carrier, "the carrier's name", err);
}

static enum kms_status check_calls(const struct op_custody_move *in, struct kms_err *err)
{
	const int ends = in->issue + in->giveback + in->send + in->destroyed;
	const bool any = ends || in->pair || in->deputies || in->bag || in->safe || in->serial ||
			 in->channel || in->due || in->accepted;

	if (ends > 1)
		return kms_fail(err, KMS_ERR_USAGE,
			"only one of --issue, --return, --sent and --destroyed");
	if ((in->send || in->carrier) && !in->channel) {
		kms_fail(err, KMS_ERR_USAGE, "it is not said how the component was conveyed");
		return kms_hint(err, "--by CHANNEL: 'courier 4711', 'in person'");
	}
	if (!any)
		return kms_fail(err, KMS_ERR_USAGE, "nothing is said of what has changed");
	if (in->on && !in->channel && !ends)
		return kms_fail(err, KMS_ERR_USAGE,
			"--on is the date of --by, --issue, --return, --sent or --destroyed");
	return KMS_OK;
}

static enum kms_status move_check(struct op *op, struct kms_err *err)
{
	struct move *m = op->args;
	const struct op_custody_move *in = m->in;
	enum kms_status st = check_calls(in, err);

	if (!st)
		st = check_people(m, err);
	if (!st)
		st = check_place(in->bag, "a bag's number", err);
	if (!st)
		st = check_place(in->safe, "the name of a safe", err);
	if (!st)
		st = check_place(in->channel, "a channel", err);
	if (!st)
		st = parse_date(in->on, "--on", &m->on, err);
	if (!st)
		st = parse_date(in->due, "--due", &m->due, err);
	if (!st)
		st = parse_date(in->accepted, "--accepted", &m->accepted, err);
	return st ? st : op_subject(op, err, "%s, component %" PRId64, in->key, in->component);
}

/* ---- validate: what may follow what ---- */

static const char *event_of(const struct move *m)
{
	const struct op_custody_move *in = m->in;

	return in->destroyed	       ? "destroyed"
	       : in->send	       ? "sent"
	       : in->giveback	       ? "returned"
	       : in->issue || in->pair ? "issued"
				       : "moved";
}

static enum kms_status check_order(const struct move *m, struct kms_err *err)
{
	const struct op_custody_move *in = m->in;
	const struct store_custody *now = &m->sheet->now;
	const bool held = strcmp(now->state, "held") == 0, sent = strcmp(now->state, "sent") == 0;

	if (strcmp(now->state, "destroyed") == 0)
		return kms_fail(err, KMS_ERR_STATE,
			"the sheet of component %" PRId64 " of '%s' has been destroyed",
			now->component, in->key);
	if (in->giveback && !held && !sent)
		return kms_fail(err, KMS_ERR_STATE,
			"the sheet of component %" PRId64 " of '%s' is %s already", now->component,
			in->key, now->state);
	if (in->issue && held) {
		kms_fail(err, KMS_ERR_STATE,
			"component %" PRId64 " of '%s' is with its pair already", now->component,
			in->key);
		return kms_hint(err, "--pair A,B gives it to another one");
	}
	if (sent && !in->giveback && !in->destroyed && (in->pair || in->issue || in->send)) {
		kms_fail(err, KMS_ERR_STATE, "component %" PRId64 " of '%s' was sent away (%s)",
			now->component, in->key, now->channel ? now->channel : "-");
		return kms_hint(err, "--return first, when it is here again");
	}
	if (in->send && !now->bag && !in->bag) {
		kms_fail(err, KMS_ERR_STATE,
			"component %" PRId64 " of '%s' is in no bag: it cannot be sent away",
			now->component, in->key);
		return kms_hint(err, "--bag NUMBER, of the bag that was sealed");
	}
	return KMS_OK;
}

static enum kms_status check_dates(const struct op *op, const struct move *m, struct kms_err *err)
{
	const struct {
		const char *option;
		int64_t time;
	} past[] = {{"--on", m->on}, {"--accepted", m->accepted}};

	for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++)
		if (past[i].time > op->now)
			return kms_fail(err, KMS_ERR_INVALID, "%s is a day that has not come yet",
				past[i].option);
	if (m->due && m->due + DAY <= op->now)
		return kms_fail(err, KMS_ERR_INVALID, "--due is a day that has passed");
	return KMS_OK;
}

/* What changes hands, leaves the house or ends for good. */
static enum kms_status approved(const struct op *op, const struct move *m, struct kms_err *err)
{
	const struct op_custody_move *in = m->in;

	if (!(in->pair || in->deputies || in->send || in->destroyed) || op->officers[0])
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED,
		"a component changes hands, leaves or ends only before two officers");
	return kms_hint(err, "name them: --officers A,B");
}

/* ---- validate: who may have it ---- */

struct people_check {
	struct op *op;
	const struct op_custodians *holders;
};

/* In the order in which they are named: one deputy is not custodian or deputy elsewhere either. */
static enum kms_status may_have(void *ctx, const char *name, struct kms_err *err)
{
	struct people_check *p = ctx;
	const struct move *m = p->op->args;
	enum kms_status st =
		custody_rule(p->op, m->in->key, p->holders, name, m->in->component, err);

	return st ? st : custody_not_left(&m->custody, name, err);
}

static enum kms_status check_holders(struct op *op, struct kms_err *err)
{
	struct move *m = op->args;
	struct op_custodians holders __attribute__((cleanup(op_custodians_free))) = {0};
	struct people_check p = {op, &holders};
	enum kms_status st = custody_holders(op->site, &m->custody, m->sheet, true, &holders, err);

	for (size_t i = 0; !st && m->in->pair && i < CER_PAIR_SIZE; i++)
		st = may_have(&p, m->pair[i], err);
	if (!st && m->in->carrier)
		st = may_have(&p, m->in->carrier, err);
	if (!st)
		st = custody_names(m->in->deputies, may_have, &p, err);
	/* Who opens the safe must not know a component of the same key. */
	return st ? st
		  : op_separation(op, m->in->key, "change the custody of a component", NULL, err);
}

/* ---- validate: where it may be ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b && name_same(a, b);
}

/* A tamper-evident bag is used once: its number tells one sealing from another. */
static enum kms_status check_bag(const struct move *m, struct kms_err *err)
{
	const char *bag = m->in->bag;

	if (!bag || same_text(bag, m->sheet->now.bag))
		return KMS_OK;
	for (size_t i = 0; i < m->custody.rows.count; i++) {
		const struct store_custody *row = &m->custody.rows.items[i];

		if (same_text(row->bag, bag)) {
			kms_fail(err, KMS_ERR_EXISTS,
				"bag %s has been used: for component %" PRId64 " of ceremony %s",
				bag, row->component, row->ceremony_id);
			return kms_hint(err, "each sealing takes a new bag, with its own number");
		}
	}
	return KMS_OK;
}

static enum kms_status check_others(struct op *op, struct kms_err *err)
{
	struct move *m = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < m->custody.count; i++) {
		const struct custody_sheet *other = &m->custody.sheets[i];

		if (other->made != m->sheet->made || other == m->sheet)
			continue;
		if (custody_same_way(&m->row, &other->now) && m->in->channel)
			st = op_override(op, err,
				"components %" PRId64 " and %" PRId64
				" of '%s' would have gone the same way on the same day",
				m->row.component, other->now.component, m->in->key);
		if (!st && m->in->safe && custody_within_reach(&m->row, &other->now))
			op_say(op->site,
				"warning: component %" PRId64 " of '%s' is in the same place: %s",
				other->now.component, m->in->key, m->in->safe);
	}
	return st;
}

/* ---- validate: what will be so ---- */

static const char *other_or(const char *given, const char *was)
{
	return given ? given : was;
}

static void new_row(struct op *op)
{
	struct move *m = op->args;
	const struct op_custody_move *in = m->in;
	const struct store_custody *now = &m->sheet->now;
	struct store_custody *row = &m->row;
	const char *event = event_of(m);
	const int64_t on = m->on ? m->on : op->now;

	*row = *now;
	row->seq = now->op_id ? now->seq + 1 : 1;
	row->event = event;
	if (strcmp(event, "moved") != 0)
		row->state = strcmp(event, "issued") == 0 ? "held" : event;
	if (in->pair) {
		row->custodian_a = m->pair[0];
		row->custodian_b = m->pair[1];
		row->accepted = 0;
	}
	row->deputies =
		in->deputies && !*in->deputies ? NULL : other_or(in->deputies, now->deputies);
	row->bag = other_or(in->bag, now->bag);
	row->safe = other_or(in->safe, now->safe);
	if (in->send)
		row->safe = NULL;
	if (in->serial)
		row->sheet_serial = in->serial;
	if (in->channel) {
		row->channel = in->channel;
		row->carrier = in->carrier;
		row->conveyed = on;
	}
	if (strcmp(event, "issued") == 0) {
		row->issued = on;
		row->returned = 0;
		row->due = 0;
	}
	if (in->giveback)
		row->returned = on;
	row->due = m->due ? m->due : in->giveback || in->destroyed ? 0 : row->due;
	row->accepted = m->accepted ? m->accepted : row->accepted;
	row->recorded = op->now;
	row->op_id = op->id;
}

/* The row as the report has it, which is what the audit log says too. */
static enum kms_status describe(struct op *op, struct kms_err *err)
{
	struct move *m = op->args;
	struct custody_sheet after = *m->sheet;
	JS_AUTO json_t *object = NULL;
	const char *name;
	json_t *value;
	enum kms_status st = KMS_OK;

	after.now = m->row;
	object = custody_json(&after);
	if (!object || json_object_set_new(object, "event", json_string(m->row.event)))
		return kms_nomem(err);
	json_object_foreach(object, name, value)
	{
		if (!st)
			st = op_report(op, name, json_incref(value), err);
		if (!st)
			st = op_detail(op, name, json_incref(value), err);
	}
	return st;
}

static enum kms_status move_validate(struct op *op, struct kms_err *err)
{
	struct move *m = op->args;
	enum kms_status st = custody_load(op->site, &m->custody, err);

	if (!st)
		st = custody_find(&m->custody, m->in->key, m->in->component, &m->sheet, err);
	if (!st)
		st = check_order(m, err);
	if (!st)
		st = check_dates(op, m, err);
	if (!st)
		st = approved(op, m, err);
	if (!st)
		st = check_holders(op, err);
	if (!st)
		st = check_bag(m, err);
	if (st)
		return st;
	new_row(op);
	st = check_others(op, err);
	return st ? st : describe(op, err);
}

static enum kms_status move_commit(struct op *op, struct kms_err *err)
{
	const struct move *m = op->args;

	return store_custody_add(op->site->store, &m->row, err);
}

enum kms_status op_custody_move(struct op_site *site, const struct op_custody_move *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "custody.move",
		.check = move_check,
		.validate = move_validate,
		.commit = move_commit,
	};
	struct move m __attribute__((cleanup(move_clear))) = {.in = in};

	return op_run(site, &kind, &m, ret_report, err);
}

/* ---- leave ---- */

struct leave {
	const char *name, *reason, *on_text;
	char folded[NAME_MAX_BYTES + 1];
	int64_t on;
	struct custody custody;
};

static void leave_clear(struct leave *l)
{
	custody_free(&l->custody);
}

static enum kms_status leave_check(struct op *op, struct kms_err *err)
{
	struct leave *l = op->args;
	enum kms_status st = name_check(l->name, "the name", err);

	if (!st && l->reason && !text_printable(l->reason, 500))
		st = kms_fail(err, KMS_ERR_INVALID,
			"a reason is one line of at most 500 bytes, without control characters");
	if (!st)
		st = parse_date(l->on_text, "--on", &l->on, err);
	if (st)
		return st;
	name_fold(l->name, l->folded);
	return op_subject(op, err, "%s", l->name);
}

/* A name that nobody here has is a slip of the pen. */
static enum kms_status is_known(struct op *op, struct kms_err *err)
{
	struct leave *l = op->args;
	STORE_AUTO(officer) struct store_officer officer = {0};
	JS_AUTO json_t *rows = NULL;
	enum kms_status st = op_custody_list(op->site, NULL, l->name, &rows, err);

	if (st || json_array_size(rows) > 0)
		return st;
	st = store_officer_get(op->site->store, l->folded, l->name, &officer, err);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "nobody called '%s' is or was custodian or officer here",
		l->name);
	return kms_hint(err, "'cardkms custody list' and 'cardkms officer list' have the names");
}

static enum kms_status leave_validate(struct op *op, struct kms_err *err)
{
	struct leave *l = op->args;
	JS_AUTO json_t *rekey = NULL;
	char date[CUSTODY_DATE_SIZE];
	enum kms_status st = custody_load(op->site, &l->custody, err);

	if (!st)
		st = custody_not_left(&l->custody, l->name, err);
	if (!st && l->on > op->now)
		st = kms_fail(err, KMS_ERR_INVALID, "--on is a day that has not come yet");
	if (!st)
		st = is_known(op, err);
	if (!st)
		st = custody_rekey(op->site, &l->custody, l->name, &rekey, err);
	if (st)
		return st;
	custody_date(l->on ? l->on : op->now, date);
	st = op_report(op, "person", json_string(l->name), err);
	if (!st)
		st = op_report(op, "left", json_string(date), err);
	if (!st)
		st = op_report(op, "rekey", json_incref(rekey), err);
	if (!st)
		st = op_detail(op, "left", json_string(date), err);
	if (!st && l->reason)
		st = op_detail(op, "reason", json_string(l->reason), err);
	return st ? st : op_detail(op, "rekey", json_incref(rekey), err);
}

static enum kms_status leave_commit(struct op *op, struct kms_err *err)
{
	const struct leave *l = op->args;

	return store_leaver_add(op->site->store,
		&(struct store_leaver){.folded = l->folded,
			.person = l->name,
			.left_on = l->on ? l->on : op->now,
			.reason = l->reason,
			.op_id = op->id},
		err);
}

enum kms_status op_custody_leave(struct op_site *site, const char *name, const char *on,
	const char *reason, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "custody.leave",
		.check = leave_check,
		.validate = leave_validate,
		.commit = leave_commit,
	};
	struct leave l __attribute__((cleanup(leave_clear))) = {
		.name = name, .reason = reason, .on_text = on};

	return op_run(site, &kind, &l, ret_report, err);
}
