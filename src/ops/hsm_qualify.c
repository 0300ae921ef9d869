/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an HSM is fit: known answers, attributes, and the published attacks, all on objects that do
 * not stay. Nothing is decided here but what is missing; what an attack means for a site stands in
 * docs/hsm-support.md.
 */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/file.h"
#include "hsm/attack.h"
#include "ops/meta.h"

#include <stdio.h>
#include <string.h>

/* What no site can do without. */
static const char *const needed[] = {"generate-aes", "check-value-aes", "components-xor",
	"wrap-aes-kw", "unwrap-aes-kw", "derive-cmac-aes", "sign-p256"};

static enum kms_status append(json_t *array, json_t *value, struct kms_err *err)
{
	return json_array_append_new(array, value) ? kms_nomem(err) : KMS_OK;
}

static enum kms_status run_attacks(struct op_site *site, json_t *rows, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < hsm_attack_count(); i++) {
		struct hsm_attack_result r;

		st = hsm_attack_run(site->hsm, i, &r, err);
		if (!st)
			st = append(rows,
				json_pack("{s:s, s:s, s:s, s:s, s:s}", "attack", r.name, "target",
					r.target, "outcome", hsm_attack_outcome_name(r.outcome),
					"native", r.native[0] ? r.native : "-", "what", r.what),
				err);
	}
	return st;
}

static enum kms_status try_roles(
	struct op_site *site, json_t *rows, json_t *findings, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	enum hsm_role role;

	for (size_t i = 0; !st && hsm_role_at(i, &role); i++) {
		struct hsm_role_result r;

		st = hsm_role_try(site->hsm, role, &r, err);
		if (!st)
			st = append(rows,
				json_pack("{s:s, s:s}", "role", r.role, "attributes",
					r.right ? "as asked" : r.diff),
				err);
		if (!st && !r.right)
			st = append(findings,
				json_sprintf("a key of role %s is made other than asked: %s",
					r.role, r.diff),
				err);
	}
	return st;
}

static enum kms_status find_missing(const json_t *ways, json_t *findings, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	const json_t *way;
	size_t i;

	for (size_t n = 0; !st && n < sizeof(needed) / sizeof(needed[0]); n++) {
		json_array_foreach(ways, i, way)
		{
			const char *op = json_string_value(json_object_get(way, "operation"));
			const char *where = json_string_value(json_object_get(way, "where"));

			if (!st && strcmp(op, needed[n]) == 0 && strcmp(where, "not possible") == 0)
				st = append(findings,
					json_sprintf("the token cannot do it at all: %s", op), err);
		}
	}
	return st;
}

/* ---- as text ---- */

static const char *text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "-";
}

/* One line a row: the first columns in their widths, the last as it is. */
static enum kms_status put_rows(const json_t *report, const char *array, const char *title,
	const char *const *columns, struct buf *out, struct kms_err *err)
{
	enum kms_status st = buf_printf(out, err, "\n%s\n", title);
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(report, array), i, row)
	{
		for (size_t c = 0; !st && columns[c]; c++)
			st = columns[c + 1]
				     ? buf_printf(out, err, "  %-21s", text_of(row, columns[c]))
				     : buf_printf(out, err, "  %s\n", text_of(row, columns[c]));
	}
	return st;
}

static enum kms_status report_text(const json_t *report, struct buf *out, struct kms_err *err)
{
	static const char *const head[] = {
		"token", "manufacturer", "model", "firmware", "serial", "time", NULL};
	static const char *const mechanisms[] = {"capability", "answer", "native", "what", NULL};
	static const char *const ways[] = {"operation", "where", "strategy", NULL};
	static const char *const roles[] = {"role", "attributes", NULL};
	static const char *const attacks[] = {
		"attack", "target", "outcome", "native", "what", NULL};
	const json_t *finding;
	enum kms_status st = buf_puts(out, "cardkms hsm qualify\n\n", err);
	size_t i;

	for (size_t h = 0; !st && head[h]; h++)
		st = buf_printf(out, err, "%-14s%s\n", head[h], text_of(report, head[h]));
	if (!st)
		st = put_rows(report, "mechanisms", "Known answers", mechanisms, out, err);
	if (!st)
		st = put_rows(report, "operations", "Ways taken", ways, out, err);
	if (!st)
		st = put_rows(report, "roles", "Attributes of keys, read back", roles, out, err);
	if (!st)
		st = put_rows(report, "attacks", "Attacks by a holder of the operator PIN", attacks,
			out, err);
	if (!st)
		st = buf_printf(out, err, "\nResult: %s\n", text_of(report, "result"));
	json_array_foreach(json_object_get(report, "findings"), i, finding)
	{
		if (!st)
			st = buf_printf(out, err, "  %s\n", json_string_value(finding));
	}
	return st;
}

static enum kms_status write_report(const json_t *report, const char *path, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0}, json = {0};
	FREE_AUTO char *json_path = NULL;
	enum kms_status st = report_text(report, &text, err);

	if (!st)
		st = js_line(report, &json, err);
	if (!st)
		st = buf_puts(&json, "\n", err);
	if (!st && asprintf(&json_path, "%s.json", path) < 0) {
		json_path = NULL;
		st = kms_nomem(err);
	}
	if (!st)
		st = file_write(path, 0644, text.data, text.len, err);
	return st ? st : file_write(json_path, 0644, json.data, json.len, err);
}

/* ---- the operation ---- */

static enum kms_status complete(struct op_site *site, json_t *report, struct kms_err *err)
{
	json_t *findings = json_array(), *roles = json_array(), *attacks = json_array();
	char now[CLOCK_TEXT_SIZE];
	enum kms_status st;

	clock_format(site->now(), now);
	if (json_object_set_new(report, "time", json_string(now)) ||
		json_object_set_new(report, "findings", findings) ||
		json_object_set_new(report, "roles", roles) ||
		json_object_set_new(report, "attacks", attacks))
		return kms_nomem(err);
	st = find_missing(json_object_get(report, "operations"), findings, err);
	if (!st)
		st = try_roles(site, roles, findings, err);
	if (!st)
		st = run_attacks(site, attacks, err);
	if (!st && json_object_set_new(report, "result",
			   json_string(json_array_size(findings) ? "not fit" : "fit")))
		st = kms_nomem(err);
	return st;
}

enum kms_status op_hsm_qualify(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	JS_AUTO json_t *report = NULL;
	enum kms_status st = op_hsm_capabilities(site, &report, err);
	const json_t *findings;

	if (!st)
		st = complete(site, report, err);
	if (!st && path)
		st = write_report(report, path, err);
	if (st)
		return st;
	*ret_report = json_incref(report);
	findings = json_object_get(report, "findings");
	if (json_array_size(findings) == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "this HSM is not fit in %zu point%s; the first: %s",
		json_array_size(findings), json_array_size(findings) == 1 ? "" : "s",
		json_string_value(json_array_get(findings, 0)));
	return kms_hint(err, "docs/hsm-support.md says what each point is needed for");
}
