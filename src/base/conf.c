/* SPDX-License-Identifier: Apache-2.0 */
#include "base/conf.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/utf8.h"

#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { CONF_FILE_MAX = 256 * 1024 };

struct reader {
	const char *source;
	const char *at;
	const char *end;
	int line;
	int section_line;     /* of the last [section], 0 before the first */
	size_t section_start; /* entries read before it */
	bool continued;	      /* the line starts with a blank: it goes on with the value above */
	struct conf *conf;
	struct kms_err *err;
	enum kms_status st;
};

/* libinih does not report a section without values; here it is a mistake, not a nothing. */
static bool section_is_empty(struct reader *r)
{
	if (r->section_line == 0 || r->conf->count > r->section_start)
		return false;
	r->st = kms_fail(r->err, KMS_ERR_INVALID, "%s, line %d: a section without any values",
		r->source, r->section_line);
	return true;
}

/* fgets over the text. libinih takes a line cut at num as two lines, so such a line is refused. */
static char *read_line(char *out, int num, void *stream)
{
	struct reader *r = stream;
	const char *newline;
	size_t len;

	if (r->st || r->at == r->end)
		return NULL;
	r->line++;
	newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	len = (size_t)((newline ? newline + 1 : r->end) - r->at);
	if (len >= (size_t)num) {
		r->st = kms_fail(r->err, KMS_ERR_INVALID, "%s, line %d: longer than %d characters",
			r->source, r->line, num - 2);
		return NULL;
	}
	r->continued = *r->at == ' ' || *r->at == '\t';
	if (*r->at == '[') {
		if (section_is_empty(r))
			return NULL;
		r->section_line = r->line;
		r->section_start = r->conf->count;
	}
	memcpy(out, r->at, len);
	out[len] = 0;
	r->at += len;
	return out;
}

/* libinih gives a continuation line as one more value of the name above it. */
static int on_continuation(struct reader *r, const char *more)
{
	struct conf_entry *last = &r->conf->entries[r->conf->count - 1];
	char *whole;

	if (asprintf(&whole, "%s %s", last->value, more) < 0) {
		r->st = kms_nomem(r->err);
		return 0;
	}
	free(last->value);
	last->value = whole;
	return 1;
}

static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	struct conf *conf = r->conf;
	struct conf_entry *grown, *last;

	if (r->st)
		return 0;
	if (r->continued && r->conf->count > r->section_start)
		return on_continuation(r, value);
	last = conf->count ? &conf->entries[conf->count - 1] : NULL;
	for (size_t i = 0; i < conf->count; i++) {
		struct conf_entry *e = &conf->entries[i];

		if (strcmp(e->section, section) != 0)
			continue;
		if (strcmp(e->name, name) == 0) {
			r->st = kms_fail(r->err, KMS_ERR_INVALID,
				"%s, line %d: '%s' stands twice in [%s] (first in line %d)",
				r->source, r->line, name, section, e->line);
			return 0;
		}
		if (strcmp(last->section, section) != 0) {
			r->st = kms_fail(r->err, KMS_ERR_INVALID,
				"%s, line %d: section [%s] stands twice (first used in line %d)",
				r->source, r->line, section, e->line);
			return 0;
		}
	}
	if (!*section || !*name) {
		r->st = kms_fail(r->err, KMS_ERR_INVALID, "%s, line %d: %s", r->source, r->line,
			*name ? "a value before the first [section]" : "a value without a name");
		return 0;
	}
	grown = reallocarray(conf->entries, conf->count + 1, sizeof(*grown));
	if (!grown) {
		r->st = kms_nomem(r->err);
		return 0;
	}
	conf->entries = grown;
	grown[conf->count] =
		(struct conf_entry){r->line, strdup(section), strdup(name), strdup(value)};
	last = &grown[conf->count++];
	if (!last->section || !last->name || !last->value) {
		r->st = kms_nomem(r->err);
		return 0;
	}
	return 1;
}

enum kms_status conf_parse(const char *source, const char *text, size_t len, struct conf *ret_conf,
	struct kms_err *err)
{
	CONF_AUTO struct conf conf = {0};
	struct reader r = {
		.source = source, .at = text, .end = text + len, .conf = &conf, .err = err};
	int bad;

	conf.source = strdup(source);
	if (!conf.source)
		return kms_nomem(err);
	if (memchr(text, 0, len) || !utf8_valid(text, len))
		return kms_fail(err, KMS_ERR_INVALID, "%s: not a text file in UTF-8", source);
	bad = ini_parse_stream(read_line, &r, on_entry, &r);
	if (r.st || (!bad && section_is_empty(&r)))
		return r.st;
	if (bad)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: neither [section] nor name = value", source, bad);
	conf_free(ret_conf);
	*ret_conf = conf;
	conf = (struct conf){0};
	return KMS_OK;
}

enum kms_status conf_load(const char *path, struct conf *ret_conf, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	st = file_read(path, CONF_FILE_MAX, &text, err);
	if (st)
		return st;
	return conf_parse(path, text.data, text.len, ret_conf, err);
}

void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		free(conf->entries[i].section);
		free(conf->entries[i].name);
		free(conf->entries[i].value);
	}
	free(conf->entries);
	free(conf->source);
	*conf = (struct conf){0};
}

const char *conf_get(const struct conf *conf, const char *section, const char *name)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_entry *e = &conf->entries[i];

		if (strcmp(e->section, section) == 0 && strcmp(e->name, name) == 0)
			return e->value;
	}
	return NULL;
}
