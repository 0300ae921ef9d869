/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/report.h"

#include "base/buf.h"
#include "paper/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOP = 30,
	BOTTOM = CANVAS_HEIGHT - 20,
	VALUE_COLUMN = 62,
	LINES_MAX = 64, /* of one cell; what is longer is refused */
};

static const float right = CANVAS_WIDTH - CANVAS_MARGIN;
static const float text_size = 9, line_height = 4.4F;

struct report {
	struct canvas *c;
	char *title, *subtitle;
	float y; /* of the next baseline */
	struct report_column columns[REPORT_COLUMNS_MAX];
	size_t column_count;
};

/* ---- pages ---- */

static enum kms_status new_page(struct report *r, struct kms_err *err)
{
	enum kms_status st = canvas_page(r->c, err);

	if (!st)
		st = canvas_text(r->c, CANVAS_BOLD, 10, CANVAS_MARGIN, 18, r->title, err);
	canvas_line(r->c, CANVAS_MARGIN, 21, right, 21);
	r->y = TOP;
	return st;
}

/* Room for `height` mm below, on this page or the next. */
static enum kms_status room(struct report *r, float height, struct kms_err *err)
{
	return r->y + height > BOTTOM ? new_page(r, err) : KMS_OK;
}

enum kms_status report_open(
	const char *title, const char *subtitle, struct report **ret_report, struct kms_err *err)
{
	REPORT_AUTO struct report *r = calloc(1, sizeof(*r));
	enum kms_status st;

	if (!r)
		return kms_nomem(err);
	r->title = strdup(title);
	r->subtitle = strdup(subtitle);
	if (!r->title || !r->subtitle)
		return kms_nomem(err);
	st = canvas_open(false, title, &r->c, err);
	if (!st)
		st = new_page(r, err);
	if (!st)
		st = canvas_text(r->c, CANVAS_BOLD, 18, CANVAS_MARGIN, TOP + 4, title, err);
	r->y = TOP + 12;
	if (!st && *subtitle)
		st = report_text(r, subtitle, err);
	if (st)
		return st;
	*ret_report = r;
	r = NULL;
	return KMS_OK;
}

void report_close(struct report *r)
{
	if (!r)
		return;
	canvas_close(r->c);
	free(r->title);
	free(r->subtitle);
	free(r);
}

/* ---- wrapped text ---- */

struct lines {
	struct {
		const char *text;
		size_t len;
	} items[LINES_MAX];
	size_t count;
};

static enum kms_status wrap(struct report *r, enum canvas_font font, float size, const char *text,
	float width, struct lines *ret_lines, struct kms_err *err)
{
	ret_lines->count = 0;
	do {
		size_t len = canvas_fit(r->c, font, size, text, width);

		if (ret_lines->count == LINES_MAX)
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot print a text of more than %d lines", LINES_MAX);
		ret_lines->items[ret_lines->count].text = text;
		ret_lines->items[ret_lines->count++].len = len;
		text += len;
		while (*text == ' ')
			text++;
	} while (*text);
	return KMS_OK;
}

static enum kms_status put_line(struct report *r, enum canvas_font font, float size, float x,
	float y, const char *text, size_t len, struct kms_err *err)
{
	FREE_AUTO char *line = strndup(text, len);

	return line ? canvas_text(r->c, font, size, x, y, line, err) : kms_nomem(err);
}

/* Text in a column from x, page by page. */
static enum kms_status flow(struct report *r, enum canvas_font font, float x, float width,
	const char *text, struct kms_err *err)
{
	struct lines lines;
	enum kms_status st = wrap(r, font, text_size, text, width, &lines, err);

	for (size_t i = 0; !st && i < lines.count; i++) {
		st = room(r, 0, err);
		if (!st)
			st = put_line(r, font, text_size, x, r->y, lines.items[i].text,
				lines.items[i].len, err);
		r->y += line_height;
	}
	return st;
}

enum kms_status report_heading(struct report *r, const char *text, struct kms_err *err)
{
	enum kms_status st;

	r->y += 4;
	st = room(r, 20, err); /* never a heading alone at the foot */
	if (!st)
		st = canvas_text(r->c, CANVAS_BOLD, 12, CANVAS_MARGIN, r->y, text, err);
	r->y += 7;
	return st;
}

enum kms_status report_text(struct report *r, const char *text, struct kms_err *err)
{
	enum kms_status st = flow(r, CANVAS_SANS, CANVAS_MARGIN, right - CANVAS_MARGIN, text, err);

	r->y += 2;
	return st;
}

enum kms_status report_field(
	struct report *r, const char *name, const char *value, struct kms_err *err)
{
	enum kms_status st = room(r, line_height, err);

	if (!st)
		st = canvas_text(r->c, CANVAS_SANS, text_size, CANVAS_MARGIN, r->y, name, err);
	if (!st)
		st = flow(r, CANVAS_BOLD, VALUE_COLUMN, right - VALUE_COLUMN, value, err);
	r->y += 1;
	return st;
}

/* ---- tables ---- */

static float column_width(const struct report *r, size_t i)
{
	return (right - CANVAS_MARGIN) * (float)r->columns[i].width / 100;
}

static enum kms_status put_cells(struct report *r, enum canvas_font font, float size,
	const char *const *cells, struct kms_err *err)
{
	static const float gap = 2;
	struct lines lines[REPORT_COLUMNS_MAX];
	size_t most = 0;
	float x = CANVAS_MARGIN;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < r->column_count; i++) {
		st = wrap(r, font, size, cells[i], column_width(r, i) - gap, &lines[i], err);
		if (!st && lines[i].count > most)
			most = lines[i].count;
	}
	for (size_t i = 0; !st && i < r->column_count; i++) {
		for (size_t l = 0; !st && l < lines[i].count; l++)
			st = put_line(r, font, size, x, r->y + (float)l * line_height,
				lines[i].items[l].text, lines[i].items[l].len, err);
		x += column_width(r, i);
	}
	r->y += (float)most * line_height;
	canvas_line(
		r->c, CANVAS_MARGIN, r->y - line_height + 1.4F, right, r->y - line_height + 1.4F);
	r->y += 1.6F;
	return st;
}

static enum kms_status table_heading(struct report *r, struct kms_err *err)
{
	const char *cells[REPORT_COLUMNS_MAX];

	for (size_t i = 0; i < r->column_count; i++)
		cells[i] = r->columns[i].heading;
	return put_cells(r, CANVAS_BOLD, 8, cells, err);
}

enum kms_status report_table(
	struct report *r, const struct report_column *columns, size_t count, struct kms_err *err)
{
	enum kms_status st = room(r, 3 * line_height, err);

	if (count == 0 || count > REPORT_COLUMNS_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "a table of %zu columns", count);
	memcpy(r->columns, columns, count * sizeof(*columns));
	r->column_count = count;
	return st ? st : table_heading(r, err);
}

/* Lines that the tallest cell takes. */
static enum kms_status row_height(
	struct report *r, const char *const *cells, float *ret_height, struct kms_err *err)
{
	struct lines lines;
	size_t most = 1;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < r->column_count; i++) {
		st = wrap(r, CANVAS_SANS, 8, cells[i], column_width(r, i) - 2, &lines, err);
		if (!st && lines.count > most)
			most = lines.count;
	}
	*ret_height = (float)most * line_height;
	return st;
}

enum kms_status report_row(struct report *r, const char *const *cells, struct kms_err *err)
{
	float height;
	enum kms_status st = row_height(r, cells, &height, err);

	if (!st && r->y + height > BOTTOM) {
		st = new_page(r, err);
		if (!st)
			st = table_heading(r, err);
	}
	return st ? st : put_cells(r, CANVAS_SANS, 8, cells, err);
}

/* ---- to be filled in ---- */

enum kms_status report_blank(struct report *r, const char *name, struct kms_err *err)
{
	enum kms_status st;

	r->y += 5;
	st = room(r, line_height, err);
	if (!st)
		st = canvas_text(r->c, CANVAS_SANS, text_size, CANVAS_MARGIN, r->y, name, err);
	canvas_line(r->c, VALUE_COLUMN, r->y + 1, right, r->y + 1);
	r->y += line_height;
	return st;
}

enum kms_status report_signatures(
	struct report *r, const char *const *names, size_t count, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < count; i++) {
		r->y += 9;
		st = room(r, line_height, err);
		if (!st)
			st = canvas_text(
				r->c, CANVAS_SANS, text_size, CANVAS_MARGIN, r->y, names[i], err);
		if (!st)
			st = canvas_text(r->c, CANVAS_SANS, 7, 92, r->y, "signed", err);
		canvas_line(r->c, 103, r->y + 1, 155, r->y + 1);
		if (!st)
			st = canvas_text(r->c, CANVAS_SANS, 7, 158, r->y, "date", err);
		canvas_line(r->c, 166, r->y + 1, right, r->y + 1);
	}
	r->y += 6;
	return st;
}

enum kms_status report_qr(
	struct report *r, const char *data, const char *caption, struct kms_err *err)
{
	static const float side = 62;
	enum kms_status st = room(r, side + 8, err);

	if (!st)
		st = canvas_qr(r->c, data, CANVAS_MARGIN, r->y, side, err);
	r->y += side + 5;
	return st ? st : report_text(r, caption, err);
}

enum kms_status report_write(struct report *r, int fd, const char *name, struct kms_err *err)
{
	unsigned pages = canvas_pages(r->c);
	enum kms_status st = KMS_OK;

	for (unsigned i = 1; !st && i <= pages; i++) {
		char text[48];

		snprintf(text, sizeof(text), "page %u of %u", i, pages);
		canvas_turn(r->c, i);
		st = canvas_text(r->c, CANVAS_SANS, 8, right - 24, CANVAS_HEIGHT - 12, text, err);
	}
	return st ? st : canvas_write(r->c, fd, name, err);
}
