/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct csv {
	FILE *stream;
	char *source;
	char **names;
	size_t count;
	char *ahead; /* READ_AHEAD bytes, of which those from `at` to `end` are to come */
	size_t at, end;
	char *text; /* of the current line, its fields unquoted in place, each with a zero byte */
	size_t len;
	int64_t line;
	bool too_long; /* the current line was; the rest of it is still to come */
	struct {
		char *at;
		size_t len;
	} fields[CSV_COLUMNS_MAX];
};

enum { READ_AHEAD = 64 * 1024 };

static const char byte_order_mark[] = "\xEF\xBB\xBF";

/* In the line as it was read, characters from 1. */
static enum kms_status fail_at(
	const struct csv *csv, const char *at, struct kms_err *err, const char *what)
{
	size_t character = 1;

	for (const char *p = csv->text; p < at; p++)
		character += ((unsigned char)*p & 0xC0) != 0x80;
	return kms_fail(err, KMS_ERR_INVALID, "%s, line %lld, character %zu: %s", csv->source,
		(long long)csv->line, character, what);
}

static enum kms_status fail_line(const struct csv *csv, struct kms_err *err, const char *what)
{
	return kms_fail(
		err, KMS_ERR_INVALID, "%s, line %lld: %s", csv->source, (long long)csv->line, what);
}

static enum kms_status check_text(const struct csv *csv, struct kms_err *err)
{
	if (csv->len == 0)
		return fail_line(csv, err, "empty");
	for (size_t i = 0; i < csv->len; i++) {
		unsigned char c = (unsigned char)csv->text[i];

		if (c < 0x20 || c == 0x7F)
			return fail_at(csv, csv->text + i, err, "a control character");
	}
	if (!utf8_valid(csv->text, csv->len))
		return fail_line(csv, err, "not valid UTF-8");
	return KMS_OK;
}

static enum kms_status fill(struct csv *csv, struct kms_err *err)
{
	csv->at = 0;
	csv->end = fread(csv->ahead, 1, READ_AHEAD, csv->stream);
	if (csv->end == 0 && ferror(csv->stream))
		return kms_fail(
			err, KMS_ERR_IO, "cannot read '%s': %s", csv->source, strerror(errno));
	return KMS_OK;
}

/* What there is of the line up to its end, which is left out; *ret_ended: there was one. */
static enum kms_status take_ahead(struct csv *csv, bool *ret_ended, struct kms_err *err)
{
	const char *from = csv->ahead + csv->at;
	const char *lf = memchr(from, '\n', csv->end - csv->at);
	const size_t len = lf ? (size_t)(lf - from) : csv->end - csv->at;

	if (len > CSV_LINE_MAX - csv->len) {
		csv->too_long = true;
		return fail_line(csv, err, "longer than 65536 bytes");
	}
	memcpy(csv->text + csv->len, from, len);
	csv->len += len;
	csv->at += len + (lf ? 1 : 0);
	*ret_ended = lf;
	return KMS_OK;
}

/* What is left of a line that was too long is no line of its own. */
static enum kms_status pass_rest(struct csv *csv, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st && csv->too_long) {
		const char *lf = memchr(csv->ahead + csv->at, '\n', csv->end - csv->at);

		csv->at = lf ? (size_t)(lf - csv->ahead) + 1 : csv->end;
		csv->too_long = !lf;
		if (!lf)
			st = fill(csv, err);
		if (!st && csv->end == 0)
			csv->too_long = false;
	}
	return st;
}

/* The next line without its end. */
static enum kms_status read_line(struct csv *csv, struct kms_err *err)
{
	bool ended = false, any = false;
	enum kms_status st = pass_rest(csv, err);

	csv->len = 0;
	csv->line++;
	while (!st && !ended) {
		if (csv->at == csv->end)
			st = fill(csv, err);
		if (st || csv->end == 0)
			break;
		any = true;
		st = take_ahead(csv, &ended, err);
	}
	if (st)
		return st;
	if (!any)
		return KMS_ERR_NOT_FOUND;
	if (csv->len > 0 && csv->text[csv->len - 1] == '\r')
		csv->len--;
	csv->text[csv->len] = 0;
	return check_text(csv, err);
}

/* A field in quotes is moved over its opening quote; *at is left at what follows the closing one. */
static enum kms_status read_quoted(struct csv *csv, char **at, size_t *ret_len, struct kms_err *err)
{
	char *from = *at + 1, *to = *at;
	const char *end = csv->text + csv->len;

	for (; from < end; from++) {
		if (*from == '"') {
			if (from + 1 == end || from[1] != '"')
				break;
			from++;
		}
		*to++ = *from;
	}
	if (from == end)
		return fail_at(csv, *at, err, "a quote that is not closed on its line");
	from++;
	if (from < end && *from != ',')
		return fail_at(csv, from, err, "text after the closing quote");
	*ret_len = (size_t)(to - *at);
	*at = from;
	return KMS_OK;
}

static enum kms_status read_plain(struct csv *csv, char **at, size_t *ret_len, struct kms_err *err)
{
	char *from = *at;
	const char *quote;

	*at += strcspn(from, ",");
	*ret_len = (size_t)(*at - from);
	quote = memchr(from, '"', *ret_len);
	if (quote)
		return fail_at(csv, quote, err, "a quote inside a field without quotes");
	return KMS_OK;
}

static enum kms_status split(struct csv *csv, size_t *ret_count, struct kms_err *err)
{
	char *at = csv->text;
	const char *end = csv->text + csv->len;
	size_t count = 0;
	enum kms_status st;

	for (;;) {
		if (count == CSV_COLUMNS_MAX)
			return fail_at(csv, at, err, "more than 256 fields");
		csv->fields[count].at = at;
		st = *at == '"' ? read_quoted(csv, &at, &csv->fields[count].len, err)
				: read_plain(csv, &at, &csv->fields[count].len, err);
		if (st)
			return st;
		count++;
		if (at == end)
			break;
		at++;
	}
	for (size_t i = 0; i < count; i++)
		csv->fields[i].at[csv->fields[i].len] = 0;
	*ret_count = count;
	return KMS_OK;
}

static enum kms_status read_header(struct csv *csv, struct kms_err *err)
{
	size_t count, mark = strlen(byte_order_mark);
	enum kms_status st = read_line(csv, err);

	if (st == KMS_ERR_NOT_FOUND)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: empty, not even a header line", csv->source);
	if (!st && strncmp(csv->text, byte_order_mark, mark) == 0) {
		memmove(csv->text, csv->text + mark, csv->len - mark + 1);
		csv->len -= mark;
	}
	if (!st)
		st = split(csv, &count, err);
	if (st)
		return st;
	csv->names = calloc(count, sizeof(*csv->names));
	if (!csv->names)
		return kms_nomem(err);
	for (; csv->count < count; csv->count++) {
		const char *name = csv->fields[csv->count].at;

		if (!*name)
			return kms_fail(err, KMS_ERR_INVALID, "%s, line 1: column %zu has no name",
				csv->source, csv->count + 1);
		for (size_t i = 0; i < csv->count; i++)
			if (strcmp(csv->names[i], name) == 0)
				return kms_fail(err, KMS_ERR_INVALID,
					"%s, line 1: column '%s' stands twice", csv->source, name);
		csv->names[csv->count] = strdup(name);
		if (!csv->names[csv->count])
			return kms_nomem(err);
	}
	return KMS_OK;
}

enum kms_status csv_open_stream(
	FILE *stream, const char *source, struct csv **ret_csv, struct kms_err *err)
{
	CSV_AUTO struct csv *csv = calloc(1, sizeof(*csv));
	enum kms_status st;

	if (!csv) {
		fclose(stream);
		return kms_nomem(err);
	}
	csv->stream = stream;
	csv->source = strdup(source);
	csv->text = malloc(CSV_LINE_MAX + 1);
	csv->ahead = malloc(READ_AHEAD);
	if (!csv->source || !csv->text || !csv->ahead)
		return kms_nomem(err);
	st = read_header(csv, err);
	if (st)
		return st;
	*ret_csv = csv;
	csv = NULL;
	return KMS_OK;
}

enum kms_status csv_open(const char *path, struct csv **ret_csv, struct kms_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	FILE *stream;

	if (fd < 0 || fstat(fd, &info) != 0) {
		kms_fail(err, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO,
			"cannot open '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return err ? err->code : KMS_ERR_IO;
	}
	if (!S_ISREG(info.st_mode)) {
		close(fd);
		return kms_fail(err, KMS_ERR_INVALID, "'%s' is not a regular file", path);
	}
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		return kms_nomem(err);
	}
	return csv_open_stream(stream, path, ret_csv, err);
}

void csv_close(struct csv **csv)
{
	struct csv *c = *csv;

	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free(c->names[i]);
	free(c->names);
	free(c->source);
	free(c->text);
	free(c->ahead);
	fclose(c->stream);
	free(c);
	*csv = NULL;
}

enum kms_status csv_column(
	const struct csv *csv, const char *name, size_t *ret_column, struct kms_err *err)
{
	for (size_t i = 0; i < csv->count; i++)
		if (strcmp(csv->names[i], name) == 0) {
			*ret_column = i;
			return KMS_OK;
		}
	return kms_fail(err, KMS_ERR_INVALID, "%s, line 1: no column '%s' in the header",
		csv->source, name);
}

size_t csv_columns(const struct csv *csv)
{
	return csv->count;
}

const char *csv_source(const struct csv *csv)
{
	return csv->source;
}

const char *csv_name(const struct csv *csv, size_t column)
{
	return csv->names[column];
}

enum kms_status csv_next(struct csv *csv, struct kms_err *err)
{
	size_t count;
	enum kms_status st = read_line(csv, err);

	if (!st)
		st = split(csv, &count, err);
	if (st)
		return st;
	if (count != csv->count)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %lld: %zu field%s, the header has %zu", csv->source,
			(long long)csv->line, count, count == 1 ? "" : "s", csv->count);
	return KMS_OK;
}

const char *csv_field(const struct csv *csv, size_t column)
{
	return csv->fields[column].at;
}

size_t csv_length(const struct csv *csv, size_t column)
{
	return csv->fields[column].len;
}

int64_t csv_line(const struct csv *csv)
{
	return csv->line;
}

bool csv_mentions(const struct csv *csv, const char *word)
{
	const size_t len = strlen(word);

	for (size_t i = 0; i + len <= csv->len; i++)
		if (strncasecmp(csv->text + i, word, len) == 0)
			return true;
	return false;
}

enum kms_status csv_rewind(struct csv *csv, struct kms_err *err)
{
	enum kms_status st;

	if (fseeko(csv->stream, 0, SEEK_SET) != 0)
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s' again: %s", csv->source,
			strerror(errno));
	csv->line = 0;
	csv->at = csv->end = 0;
	csv->too_long = false;
	st = read_line(csv, err);
	return st == KMS_ERR_NOT_FOUND
		       ? kms_fail(err, KMS_ERR_IO, "'%s' changed while it was read", csv->source)
		       : st;
}

enum kms_status csv_go_to(struct csv *csv, int64_t line, struct kms_err *err)
{
	enum kms_status st = line > csv->line ? KMS_OK : csv_rewind(csv, err);

	while (!st && csv->line < line) {
		struct kms_err why = {0};

		st = csv_next(csv, &why);
		if (st == KMS_ERR_INVALID && csv->line < line)
			st = KMS_OK;
		else if (st && st != KMS_ERR_NOT_FOUND)
			*err = why;
	}
	return st;
}

enum kms_status csv_fail(
	const struct csv *csv, size_t column, struct kms_err *err, const char *fmt, ...)
{
	va_list args;
	FREE_AUTO char *why = NULL;
	int n;

	va_start(args, fmt);
	n = vasprintf(&why, fmt, args);
	va_end(args);
	if (n < 0) {
		why = NULL;
		return kms_nomem(err);
	}
	return kms_fail(err, KMS_ERR_INVALID, "%s, line %lld, column '%s': %s", csv->source,
		(long long)csv->line, csv->names[column], why);
}
