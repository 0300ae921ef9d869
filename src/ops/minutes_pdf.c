/* SPDX-License-Identifier: Apache-2.0 */
/* The minutes on paper: what is in the object, in the order in which people read it. */
#include "ops/meeting.h"

#include "base/buf.h"
#include "paper/report.h"

#include <stdio.h>
#include <string.h>

/* Text of a member, or "-". */
static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text && *text ? text : "-";
}

static enum kms_status fields(
	struct report *r, const json_t *object, const char *const (*names)[2], struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (; !st && (*names)[0]; names++)
		if (json_object_get(object, (*names)[0]))
			st = report_field(r, (*names)[1], text_of(object, (*names)[0]), err);
	return st;
}

/* A table of the members `names` (as many as columns) of each object in rows; nothing if there is
 * none. */
static enum kms_status table(struct report *r, const char *heading, const json_t *rows,
	const struct report_column *columns, const char *const *names, size_t count,
	struct kms_err *err)
{
	const json_t *row;
	size_t i;
	enum kms_status st = KMS_OK;

	if (json_array_size(rows) == 0)
		return KMS_OK;
	st = report_heading(r, heading, err);
	if (!st)
		st = report_table(r, columns, count, err);
	json_array_foreach(rows, i, row)
	{
		char numbers[REPORT_COLUMNS_MAX][24];
		const char *cells[REPORT_COLUMNS_MAX];

		for (size_t c = 0; c < count; c++) {
			const json_t *value = json_object_get(row, names[c]);

			snprintf(numbers[c], sizeof(numbers[c]), "%lld",
				(long long)json_integer_value(value));
			cells[c] = json_is_integer(value) ? numbers[c] : text_of(row, names[c]);
		}
		if (!st)
			st = report_row(r, cells, err);
	}
	return st;
}

static enum kms_status frame(struct report *r, const json_t *m, struct kms_err *err)
{
	static const char *const names[][2] = {{"id", "meeting"}, {"kind", "kind"},
		{"site", "site"}, {"date", "date"}, {"place", "place"}, {"started", "started"},
		{"ended", "ended"}, {"outcome", "outcome"},
		{"file_sha256", "ceremony file, SHA-256"}, {"program_sha256", "program, SHA-256"},
		{NULL, NULL}};
	static const char *const hsm[][2] = {{"label", "HSM"}, {"serial", "serial number"},
		{"manufacturer", "manufacturer"}, {"model", "model"}, {"firmware", "firmware"},
		{NULL, NULL}};
	static const char *const operation[][2] = {{"kind", "operation"}, {"subject", "of"},
		{"approved_by", "approved by"}, {"state", "state"}, {"id", "journal"},
		{NULL, NULL}};
	enum kms_status st = fields(r, m, names, err);

	if (!st)
		st = fields(r, json_object_get(m, "hsm"), hsm, err);
	return st ? st : fields(r, json_object_get(m, "operation"), operation, err);
}

static enum kms_status people(struct report *r, const json_t *m, struct kms_err *err)
{
	static const struct report_column columns[] = {{"name", 50}, {"part", 50}};
	static const char *const names[] = {"name", "part"};

	return table(r, "People", json_object_get(m, "people"), columns, names, 2, err);
}

static enum kms_status files(struct report *r, const json_t *m, struct kms_err *err)
{
	static const struct report_column columns[] = {{"file", 35}, {"SHA-256", 65}};
	static const char *const names[] = {"file", "sha256"};

	return table(r, "Files", json_object_get(m, "files"), columns, names, 2, err);
}

static enum kms_status conditions(struct report *r, const json_t *m, struct kms_err *err)
{
	static const struct report_column columns[] = {
		{"condition", 22}, {"state", 13}, {"detail", 65}};
	static const char *const names[] = {"condition", "state", "detail"};

	return table(r, "The room", json_object_get(m, "conditions"), columns, names, 3, err);
}

static enum kms_status key_ceremony(struct report *r, const json_t *m, struct kms_err *err)
{
	static const struct report_column sheets[] = {{"component", 14}, {"custodian", 36},
		{"serial", 14}, {"check value", 18}, {"sheet", 18}};
	static const char *const sheet_names[] = {
		"component", "custodian", "serial", "check_value", "sheet"};
	static const struct report_column steps[] = {
		{"time", 24}, {"component", 13}, {"what", 14}, {"text", 49}};
	static const char *const step_names[] = {"time", "component", "what", "text"};
	static const char *const names[][2] = {{"ceremony", "ceremony id"}, {"key", "key"},
		{"algorithm", "algorithm"}, {"partner", "shared with"}, {"state", "state"},
		{NULL, NULL}};
	const json_t *ceremony = json_object_get(m, "ceremony");
	const json_t *kept = json_object_get(ceremony, "minutes");
	enum kms_status st;

	if (!ceremony)
		return KMS_OK;
	st = report_heading(r, "Key ceremony", err);
	if (!st)
		st = fields(r, ceremony, names, err);
	if (!st)
		st = report_field(
			r, "check value of the key", text_of(kept, "combined_check_value"), err);
	if (!st)
		st = report_field(r, "check values by", text_of(kept, "check_method"), err);
	if (!st)
		st = table(r, "Components", json_object_get(ceremony, "custodians"), sheets,
			sheet_names, 5, err);
	return st ? st
		  : table(r, "Steps", json_object_get(kept, "events"), steps, step_names, 4, err);
}

/* What was made, or went out or came in: the result's own words. */
static enum kms_status keys(struct report *r, const json_t *m, struct kms_err *err)
{
	static const struct report_column columns[] = {
		{"key", 34}, {"role", 14}, {"algorithm", 16}, {"check value", 18}, {"by", 18}};
	static const char *const names[] = {
		"label", "role", "algorithm", "check_value", "check_method"};

	return table(r, "Keys", json_object_get(json_object_get(m, "result"), "keys"), columns,
		names, 5, err);
}

static enum kms_status exceptions(struct report *r, const json_t *m, struct kms_err *err)
{
	const json_t *list = json_object_get(m, "exceptions");
	const json_t *line;
	size_t i;
	enum kms_status st = report_heading(r, "Exceptions", err);

	if (!st && json_array_size(list) == 0)
		st = report_text(r, "none", err);
	json_array_foreach(list, i, line)
	{
		if (!st)
			st = report_text(r, json_string_value(line), err);
	}
	return st;
}

static enum kms_status checkpoint(struct report *r, const json_t *m, struct kms_err *err)
{
	const json_t *c = json_object_get(m, "checkpoint");
	char entries[24];
	enum kms_status st;

	if (!c)
		return KMS_OK;
	snprintf(entries, sizeof(entries), "%lld",
		(long long)json_integer_value(json_object_get(c, "entries")));
	st = report_heading(r, "Audit log", err);
	if (!st)
		st = report_field(r, "signed checkpoint over", entries, err);
	if (!st)
		st = report_field(r, "root", text_of(c, "root"), err);
	return st ? st : report_field(r, "time", text_of(c, "time"), err);
}

/* What a machine can compare with the registry: public, short enough for one code. */
static enum kms_status code(struct report *r, const json_t *m, struct kms_err *err)
{
	const json_t *c = json_object_get(m, "ceremony");
	const json_t *point = json_object_get(m, "checkpoint");
	BUF_AUTO struct buf text = {0};
	enum kms_status st = buf_printf(&text, err,
		"cardkms minutes/1\nid %s\nkind %s\nsite %s\nfile %s\nprogram %s\nkey %s\ncheck "
		"%s\n"
		"checkpoint %lld %s\n",
		text_of(m, "id"), text_of(m, "kind"), text_of(m, "site"), text_of(m, "file_sha256"),
		text_of(m, "program_sha256"), text_of(c, "key"),
		text_of(json_object_get(c, "minutes"), "combined_check_value"),
		(long long)json_integer_value(json_object_get(point, "entries")),
		text_of(point, "root"));

	return st ? st
		  : report_qr(r, buf_text(&text),
			    "The public facts of these minutes, for machines.", err);
}

/* Everybody who was there signs, custodians too. */
static enum kms_status signatures(struct report *r, const json_t *m, struct kms_err *err)
{
	enum { LEAST = 4, MOST = 3 * CER_PEOPLE_MAX + CER_COMPONENTS_MAX * CER_PAIR_SIZE };
	const json_t *list = json_object_get(m, "people");
	const char *names[MOST] = {"", "", "", ""};
	const json_t *row;
	size_t i, count = json_array_size(list);
	enum kms_status st = report_heading(r, "Signatures", err);

	json_array_foreach(list, i, row)
	{
		if (i < MOST)
			names[i] = text_of(row, "name");
	}
	count = count < LEAST ? LEAST : count < MOST ? count : MOST;
	return st ? st : report_signatures(r, names, count, err);
}

enum kms_status op_minutes_pdf(const json_t *m, int fd, const char *name, struct kms_err *err)
{
	static enum kms_status (*const parts[])(
		struct report * r, const json_t *m, struct kms_err *err) = {frame, people, files,
		conditions, key_ceremony, keys, exceptions, checkpoint, code, signatures};
	REPORT_AUTO struct report *r = NULL;
	enum kms_status st = report_open("Minutes", text_of(m, "title"), &r, err);

	for (size_t i = 0; !st && i < sizeof(parts) / sizeof(*parts); i++)
		st = parts[i](r, m, err);
	return st ? st : report_write(r, fd, name, err);
}
