/* SPDX-License-Identifier: Apache-2.0 */
/* Personalisation scripts: read, checked, and filled in. */
#include "card/perso.h"

#include "base/hex.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { LENGTH_LONG = 0xFF, COLUMN_MAX = 64 };

void perso_free(struct perso_script *script)
{
	conf_free(&script->conf);
}

/* ---- values ---- */

/* Where a value is being read. */
struct place {
	const struct perso_script *script;
	const struct perso_group *group;
	const struct csv *fields; /* or NULL: there are none */
	bool only_looked_at;
};

static enum kms_status bad(const struct place *p, const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: the value of data group %04X %s",
		p->script->conf.source, p->group->line, p->group->name, why);
	return kms_hint(err, "hex digits, {hex:COLUMN} and {text:COLUMN}");
}

static enum kms_status find_column(
	const struct place *p, const char *name, size_t *ret_column, struct kms_err *err)
{
	for (size_t i = 0; p->fields && i < csv_columns(p->fields); i++)
		if (strcmp(csv_name(p->fields, i), name) == 0) {
			*ret_column = i;
			return KMS_OK;
		}
	return kms_fail(err, KMS_ERR_INVALID, "%s has no column '%s', which data group %04X needs",
		p->fields ? csv_source(p->fields) : "the file of fields", name, p->group->name);
}

static enum kms_status put_hex(
	const struct csv *fields, size_t column, struct buf *out, struct kms_err *err)
{
	const char *text = csv_field(fields, column);
	size_t len = strlen(text) / 2;
	unsigned char bytes[512];

	if (strlen(text) % 2 || len > sizeof(bytes) || !hex_decode_strict(text, bytes, len))
		return csv_fail(fields, column, err,
			"not pairs of hex digits in upper case, or more than %zu bytes",
			sizeof(bytes));
	return len ? buf_append(out, bytes, len, err) : KMS_OK;
}

static enum kms_status put_text(
	const struct csv *fields, size_t column, struct buf *out, struct kms_err *err)
{
	const char *text = csv_field(fields, column);

	return text_printable(text, strlen(text))
		       ? buf_puts(out, text, err)
		       : csv_fail(fields, column, err, "hidden or control characters");
}

static enum kms_status put_field(
	const struct place *p, const char *at, size_t len, struct buf *out, struct kms_err *err)
{
	char name[COLUMN_MAX + 1] = "";
	const bool hex = strncmp(at, "hex:", 4) == 0, text = strncmp(at, "text:", 5) == 0;
	const size_t skip = hex ? 4 : 5;
	size_t column = 0;
	enum kms_status st;

	if ((!hex && !text) || len <= skip || len - skip > COLUMN_MAX)
		return bad(p, "has a field that is neither {hex:COLUMN} nor {text:COLUMN}", err);
	if (p->only_looked_at)
		return KMS_OK;
	memcpy(name, at + skip, len - skip);
	st = find_column(p, name, &column, err);
	if (st)
		return st;
	return hex ? put_hex(p->fields, column, out, err) : put_text(p->fields, column, out, err);
}

static enum kms_status read_value(const struct place *p, struct buf *out, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (const char *at = p->group->value; !st && *at;) {
		size_t field_len = *at == '{' ? strcspn(at, "}") : 0;
		unsigned char byte;
		char pair[3] = {at[0], at[1], 0};

		if (*at == ' ') {
			at++;
		} else if (field_len && at[field_len] == '}') {
			st = put_field(p, at + 1, field_len - 1, out, err);
			at += field_len + 1;
		} else if (hex_digit(at[0]) >= 0 && hex_digit(at[1]) >= 0) {
			byte = (unsigned char)(hex_digit(pair[0]) << 4 | hex_digit(pair[1]));
			st = buf_append(out, &byte, 1, err);
			at += 2;
		} else {
			st = bad(p, "is malformed", err);
		}
		if (!st && out->len > PERSO_VALUE_MAX)
			st = bad(p, "is longer than 65535 bytes", err);
	}
	return st;
}

enum kms_status perso_value(const struct perso_script *script, size_t group,
	const struct csv *fields, struct buf *ret_value, struct kms_err *err)
{
	const struct place place = {script, &script->groups[group], fields, false};

	return read_value(&place, ret_value, err);
}

bool perso_needs_fields(const struct perso_script *script)
{
	for (size_t i = 0; i < script->count; i++)
		if (strchr(script->groups[i].value, '{'))
			return true;
	return false;
}

enum kms_status perso_put(
	struct buf *out, unsigned name, const void *value, size_t len, struct kms_err *err)
{
	unsigned char head[5] = {(unsigned char)(name >> 8), (unsigned char)name};
	size_t head_len = 3;
	enum kms_status st;

	if (len > PERSO_VALUE_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "data group %04X has %zu bytes", name, len);
	if (len < LENGTH_LONG) {
		head[2] = (unsigned char)len;
	} else {
		head[2] = LENGTH_LONG;
		head[3] = (unsigned char)(len >> 8);
		head[4] = (unsigned char)len;
		head_len = 5;
	}
	st = buf_append(out, head, head_len, err);
	return st || !len ? st : buf_append(out, value, len, err);
}

/* ---- the script ---- */

static enum kms_status unknown(
	const struct conf *conf, const struct conf_entry *e, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown value '%s' in [%s]", conf->source,
		e->line, e->name, e->section);
	return kms_hint(
		err, "[script] name, application; [dgi HHHH] value; [keys] keyset, version");
}

static enum kms_status take_group(
	struct perso_script *script, const struct conf_entry *e, struct kms_err *err)
{
	static const char prefix[] = "dgi ";
	const char *digits = e->section + strlen(prefix);
	struct perso_group *group = &script->groups[script->count];
	BUF_AUTO struct buf value = {0};
	unsigned char name[2];

	if (strlen(digits) != 4 || !hex_decode_strict(digits, name, sizeof(name)))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: a data group is named by four hex digits, not '%s'",
			script->conf.source, e->line, digits);
	if (strcmp(e->name, "value") != 0)
		return unknown(&script->conf, e, err);
	if (script->count == PERSO_GROUPS_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: more than %d data groups",
			script->conf.source, e->line, PERSO_GROUPS_MAX);
	*group = (struct perso_group){(unsigned)name[0] << 8 | name[1], e->value, e->line};
	script->count++;
	return read_value(&(struct place){script, group, NULL, true}, &value, err);
}

static enum kms_status take_keys(
	struct perso_script *script, const struct conf_entry *e, struct kms_err *err)
{
	unsigned char version;

	if (strcmp(e->name, "keyset") == 0) {
		script->keyset = e->value;
		return KMS_OK;
	}
	if (strcmp(e->name, "version") != 0)
		return unknown(&script->conf, e, err);
	if (!hex_decode_strict(e->value, &version, 1) || version < 0x01 || version > 0x7F)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: a key version is 01 to 7F, not '%s'", script->conf.source,
			e->line, e->value);
	script->key_version = version;
	return KMS_OK;
}

static enum kms_status take(
	struct perso_script *script, const struct conf_entry *e, struct kms_err *err)
{
	if (strncmp(e->section, "dgi ", 4) == 0)
		return take_group(script, e, err);
	if (strcmp(e->section, "keys") == 0)
		return take_keys(script, e, err);
	if (strcmp(e->section, "script") != 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown section [%s]",
			script->conf.source, e->line, e->section);
	if (strcmp(e->name, "name") == 0)
		script->name = e->value;
	else if (strcmp(e->name, "application") == 0)
		return gp_aid_parse(e->value, "application", &script->application, err);
	else
		return unknown(&script->conf, e, err);
	return KMS_OK;
}

enum kms_status perso_parse(const char *source, const char *text, size_t len,
	struct perso_script *ret_script, struct kms_err *err)
{
	PERSO_AUTO struct perso_script script = {.name = ""};
	enum kms_status st = conf_parse(source, text, len, &script.conf, err);

	for (size_t i = 0; !st && i < script.conf.count; i++)
		st = take(&script, &script.conf.entries[i], err);
	if (st)
		return st;
	if (script.application.len == 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s: [script] names no application", source);
	if (script.count == 0 && !script.keyset)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: it has neither data groups nor keys", source);
	if (!script.keyset != !script.key_version)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: [keys] needs keyset and version", source);
	*ret_script = script;
	script.conf = (struct conf){0};
	return KMS_OK;
}
