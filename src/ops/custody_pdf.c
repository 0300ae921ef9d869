/* SPDX-License-Identifier: Apache-2.0 */
/* The custodian register and the form by which a pair accepts a component, on paper. */
#include "ops/ops.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "ops/custody.h"
#include "ops/meta.h"
#include "paper/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static enum kms_status write_report(
	struct report *r, const char *path, json_t **ret_report, struct kms_err *err)
{
	FILE_OUT_AUTO struct file_out out = FILE_OUT_NONE;
	enum kms_status st = file_out_begin(&out, path, 0644, err);

	if (!st)
		st = report_write(r, out.fd, path, err);
	if (!st)
		st = file_out_commit(&out, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:s}", "file", path);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static void number(int64_t value, char out[24])
{
	if (value)
		snprintf(out, 24, "%" PRId64, value);
	else
		snprintf(out, 24, "-");
}

/* Site, and the day on which it is so. */
static enum kms_status begin(struct op_site *site, const char *title, const char *subtitle,
	struct report **ret_report, struct kms_err *err)
{
	FREE_AUTO char *fingerprint = NULL;
	REPORT_AUTO struct report *r = NULL;
	char now[CLOCK_TEXT_SIZE];
	enum kms_status st = op_meta_find(site, META_FINGERPRINT, &fingerprint, err);

	clock_format(site->now(), now);
	if (!st)
		st = report_open(title, subtitle, &r, err);
	if (!st)
		st = report_field(r, "site", site->name, err);
	if (!st)
		st = report_field(r, "identity fingerprint", or_dash(fingerprint), err);
	if (!st)
		st = report_field(r, "as of", now, err);
	if (st)
		return st;
	*ret_report = r;
	r = NULL;
	return KMS_OK;
}

/* ---- the register ---- */

static const struct report_column register_columns[] = {{"no.", 5}, {"custodians", 19},
	{"deputies", 16}, {"sheet", 8}, {"bag", 13}, {"safe", 13}, {"since", 13}, {"accepted", 13}};
enum { REGISTER_COLUMNS = sizeof(register_columns) / sizeof(*register_columns) };

static enum kms_status register_row(
	struct report *r, const struct custody_sheet *sheet, struct kms_err *err)
{
	const struct store_custody *now = &sheet->now;
	char component[24], serial[24], place[200];
	char since[CUSTODY_DATE_SIZE], accepted[CUSTODY_DATE_SIZE];
	BUF_AUTO struct buf pair = {0};
	const char *cells[REGISTER_COLUMNS] = {
		component, NULL, or_dash(now->deputies), serial, or_dash(now->bag), place, since};
	enum kms_status st = buf_printf(&pair, err, "%s, %s", now->custodian_a, now->custodian_b);

	number(now->component, component);
	number(now->sheet_serial, serial);
	custody_date(now->issued, since);
	custody_date(now->accepted, accepted);
	snprintf(place, sizeof(place), "%s",
		strcmp(now->state, "sent") == 0	       ? "sent away"
		: strcmp(now->state, "destroyed") == 0 ? "destroyed"
						       : or_dash(now->safe));
	cells[1] = buf_text(&pair);
	cells[7] = or_dash(accepted);
	return st ? st : report_row(r, cells, err);
}

static enum kms_status register_key(
	struct report *r, const struct custody *c, size_t first, struct kms_err *err)
{
	const struct store_ceremony *made = c->sheets[first].made;
	const struct store_key *key = c->sheets[first].key;
	BUF_AUTO struct buf about = {0};
	enum kms_status st = report_heading(r, made->key_label, err);

	if (!st)
		st = buf_printf(&about, err, "%s, %s, %s; check value %s; ceremony %s%s%s",
			key ? key->role : "-", made->algorithm, key ? key->state : "-",
			key ? or_dash(key->check_value) : "-", made->id,
			made->partner ? "; shared with " : "", made->partner ? made->partner : "");
	if (!st)
		st = report_text(r, buf_text(&about), err);
	if (!st)
		st = report_table(r, register_columns, REGISTER_COLUMNS, err);
	for (size_t i = first; !st && i < c->count; i++)
		if (c->sheets[i].made == made)
			st = register_row(r, &c->sheets[i], err);
	return st;
}

static enum kms_status register_leavers(
	struct report *r, const struct custody *c, struct kms_err *err)
{
	static const struct report_column columns[] = {{"has left", 40}, {"on", 15}, {"why", 45}};
	enum kms_status st = KMS_OK;

	if (c->leavers.count == 0)
		return KMS_OK;
	st = report_heading(r, "People who have left", err);
	if (!st)
		st = report_table(r, columns, sizeof(columns) / sizeof(*columns), err);
	for (size_t i = 0; !st && i < c->leavers.count; i++) {
		char on[CUSTODY_DATE_SIZE];
		const char *cells[] = {
			c->leavers.items[i].person, on, or_dash(c->leavers.items[i].reason)};

		custody_date(c->leavers.items[i].left_on, on);
		st = report_row(r, cells, err);
	}
	return st;
}

/* Serial numbers of which there is no sheet, so that none is missed. */
static enum kms_status register_void(struct op_site *site, struct report *r, struct kms_err *err)
{
	static const struct report_column columns[] = {
		{"sheet", 10}, {"ceremony", 18}, {"no.", 7}, {"void since", 25}, {"why", 40}};
	STORE_AUTO(void_sheet_list) struct store_void_sheet_list list = {0};
	enum kms_status st = store_void_sheets(site->store, &list, err);

	if (st || list.count == 0)
		return st;
	st = report_heading(r, "Void sheets", err);
	if (!st)
		st = report_table(r, columns, sizeof(columns) / sizeof(*columns), err);
	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_void_sheet *v = &list.items[i];
		char serial[24], component[24], time[CLOCK_TEXT_SIZE];
		const char *cells[] = {serial, v->ceremony_id, component, time, v->reason};

		number(v->serial, serial);
		number(v->component, component);
		clock_format(v->recorded, time);
		st = report_row(r, cells, err);
	}
	return st;
}

enum kms_status op_custody_register(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	static const char *const signers[] = {"", ""};
	CUSTODY_AUTO struct custody c = {0};
	REPORT_AUTO struct report *r = NULL;
	enum kms_status st = custody_load(site, &c, err);

	if (!st)
		st = begin(site, "Custodian register", site->name, &r, err);
	for (size_t i = 0; !st && i < c.count; i++)
		if (c.sheets[i].now.component == 1 && !custody_is_over(&c.sheets[i]))
			st = register_key(r, &c, i, err);
	if (!st)
		st = register_void(site, r, err);
	if (!st)
		st = register_leavers(r, &c, err);
	if (!st)
		st = report_heading(r, "Seen by two security officers", err);
	if (!st)
		st = report_signatures(r, signers, 2, err);
	return st ? st : write_report(r, path, ret_report, err);
}

/* ---- the form ---- */

static const char *const duties[] = {
	"I hold this component together with the other custodian, and never alone with its sheet "
	"open.",
	"I have never held another component of this key, and never will.",
	"I keep the sealed bag in the safe named above, and look at its number and its seal "
	"whenever I "
	"see it. An opened, damaged or missing bag I report to the security officers at once.",
	"I copy, photograph or tell no part of the component, to nobody and nowhere.",
	"When I leave, change my work or am asked, I give the bag back, sealed.",
};

static enum kms_status form_facts(
	struct report *r, const struct custody_sheet *sheet, struct kms_err *err)
{
	const struct store_custody *now = &sheet->now;
	char component[60], serial[24];
	const struct {
		const char *name, *value;
	} facts[] = {
		{"key", sheet->made->key_label},
		{"kind", sheet->key ? sheet->key->role : "-"},
		{"algorithm", sheet->made->algorithm},
		{"component", component},
		{"ceremony", sheet->touched->id},
		{"sheet serial", serial},
		{"its check value", or_dash(sheet->check_value)},
		{"shared with", or_dash(sheet->made->partner)},
		{"deputies", or_dash(now->deputies)},
	};
	enum kms_status st = KMS_OK;

	snprintf(component, sizeof(component), "%" PRId64 " of %" PRId64, now->component,
		sheet->made->components);
	number(now->sheet_serial, serial);
	for (size_t i = 0; !st && i < sizeof(facts) / sizeof(*facts); i++)
		st = report_field(r, facts[i].name, facts[i].value, err);
	if (!st)
		st = now->bag ? report_field(r, "tamper-evident bag", now->bag, err)
			      : report_blank(r, "tamper-evident bag", err);
	if (!st)
		st = now->safe ? report_field(r, "safe", now->safe, err)
			       : report_blank(r, "safe", err);
	return st;
}

enum kms_status op_custody_acceptance(struct op_site *site, const char *key, int64_t component,
	const char *path, json_t **ret_report, struct kms_err *err)
{
	static const char *const nobody[] = {"", ""};
	CUSTODY_AUTO struct custody c = {0};
	REPORT_AUTO struct report *r = NULL;
	const struct custody_sheet *sheet = NULL;
	const char *pair[CER_PAIR_SIZE];
	enum kms_status st = custody_load(site, &c, err);

	if (!st)
		st = custody_find(&c, key, component, &sheet, err);
	if (st)
		return st;
	pair[0] = sheet->now.custodian_a;
	pair[1] = sheet->now.custodian_b;
	st = begin(site, "Acceptance of a key component", sheet->made->key_label, &r, err);
	if (!st)
		st = form_facts(r, sheet, err);
	if (!st)
		st = report_heading(r, "What I accept", err);
	for (size_t i = 0; !st && i < sizeof(duties) / sizeof(*duties); i++)
		st = report_text(r, duties[i], err);
	if (!st)
		st = report_heading(r, "The custodians", err);
	if (!st)
		st = report_signatures(r, pair, CER_PAIR_SIZE, err);
	if (!st)
		st = report_heading(r, "Before two security officers", err);
	if (!st)
		st = report_signatures(r, nobody, 2, err);
	return st ? st : write_report(r, path, ret_report, err);
}
