/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/sheet.h"

#include "base/hex.h"
#include "ceremony/component.h"
#include "ceremony/rehearsal.h"
#include "ceremony/sheet.h"
#include "ceremony/words.h"
#include "paper/arena.h"
#include "paper/canvas.h"
#include "paper/child.h"

#include <stdio.h>
#include <string.h>

enum {
	ARENA_SIZE = 8 << 20, /* four times what one sheet with its three fonts takes */
	SECONDS = 120,	      /* a printer takes its time */
	GROUPS = 4,	      /* of a line, four digits each */
	WORDS_PER_ROW = 8,
	NAME_COLUMN = CANVAS_MARGIN,
	VALUE_COLUMN = 58,
};

static const float right = CANVAS_WIDTH - CANVAS_MARGIN;

struct job {
	const struct secret *text;
	int fd;
	const char *name;
};

/* Where the next line goes. */
struct pen {
	struct canvas *c;
	float y;
};

/* Long names are set smaller, so that all of them is on the page. */
static enum kms_status field(
	struct pen *pen, const char *name, const char *value, struct kms_err *err)
{
	enum kms_status st = canvas_text(pen->c, CANVAS_SANS, 9, NAME_COLUMN, pen->y, name, err);
	float width = canvas_text_width(pen->c, CANVAS_BOLD, 11, value),
	      room = right - VALUE_COLUMN;

	if (!st)
		st = canvas_text(pen->c, CANVAS_BOLD, width > room ? 11 * room / width : 11,
			VALUE_COLUMN, pen->y, value, err);
	pen->y += 7;
	return st;
}

static enum kms_status head(struct pen *pen, const struct cer_sheet *s, struct kms_err *err)
{
	char text[2 * NAME_MAX_BYTES + 80];
	enum kms_status st;

	st = canvas_text(pen->c, CANVAS_BOLD, 20, CANVAS_MARGIN, 26, "Component sheet", err);
	canvas_box(pen->c, right - 52, 16, 52, 14);
	if (!st)
		st = canvas_text(pen->c, CANVAS_SANS, 9, right - 49, 25, "serial", err);
	snprintf(text, sizeof(text), "%06u", s->serial);
	if (!st)
		st = canvas_text(pen->c, CANVAS_MONO, 18, right - 34, 26, text, err);
	canvas_line(pen->c, CANVAS_MARGIN, 33, right, 33);
	pen->y = 42;
	if (!st)
		st = field(pen, "ceremony", s->ceremony, err);
	snprintf(text, sizeof(text), "%s   (%s)", s->label, key_alg_name(s->alg));
	if (!st)
		st = field(pen, s->purpose, text, err);
	snprintf(text, sizeof(text), "%u of %u", s->component, s->components);
	if (!st)
		st = field(pen, "component", text, err);
	for (size_t i = 0; !st && i < CER_PAIR_SIZE; i++)
		st = field(pen, i ? "and" : "custodians", s->custodians.names[i], err);
	return st;
}

/*
 * One line of the component. The digits stand in secret memory for as long as libharu, which writes
 * into the arena, takes them over.
 */
static enum kms_status component_line(
	struct pen *pen, const struct cer_sheet *s, size_t line, struct kms_err *err)
{
	static const float left = CANVAS_MARGIN + 14, step = 30;
	const unsigned char *bytes = s->bytes.data + line * CER_LINE_BYTES;
	const unsigned char check = cer_line_check(s->component, (unsigned)line + 1, bytes);
	SECRET_AUTO struct secret digits = {0};
	char number[24];
	enum kms_status st = secret_alloc(&digits, CER_LINE_DIGITS + 1, err);

	snprintf(number, sizeof(number), "%zu:", line + 1);
	if (!st)
		st = canvas_text(pen->c, CANVAS_SANS, 12, CANVAS_MARGIN + 3, pen->y, number, err);
	for (size_t g = 0; !st && g < GROUPS; g++) {
		hex_encode(bytes + 2 * g, 2, (char *)digits.data);
		st = canvas_text(pen->c, CANVAS_MONO, 20, left + (float)g * step, pen->y,
			(char *)digits.data, err);
	}
	if (st)
		return st;
	hex_encode(&check, 1, (char *)digits.data);
	st = canvas_text(pen->c, CANVAS_MONO, 20, left + GROUPS * step + 6, pen->y,
		(char *)digits.data, err);
	pen->y += 11;
	return st;
}

static enum kms_status component(struct pen *pen, const struct cer_sheet *s, struct kms_err *err)
{
	size_t lines = cer_component_lines(s->bytes.len);
	float top = pen->y;
	char check[KEY_KCV_TEXT_SIZE];
	char text[KEY_KCV_TEXT_SIZE + 32];
	enum kms_status st = KMS_OK;

	pen->y += 11;
	for (size_t i = 0; !st && i < lines; i++)
		st = component_line(pen, s, i, err);
	canvas_box(pen->c, CANVAS_MARGIN, top, right - CANVAS_MARGIN, pen->y - top - 4);
	pen->y += 5;
	key_kcv_print(&s->kcv, check);
	snprintf(text, sizeof(text), "%s   (%s)", check, key_kcv_method_name(s->kcv.method));
	return st ? st : field(pen, "check value", text, err);
}

static enum kms_status identity(
	struct pen *pen, const char *whose, const struct cer_identity *id, struct kms_err *err)
{
	enum { HEX_BYTES_PER_GROUP = 2, ROW = 256 };
	char row[ROW];
	size_t used = 0;
	enum kms_status st = canvas_text(pen->c, CANVAS_SANS, 9, NAME_COLUMN, pen->y, whose, err);

	for (size_t i = 0; i < CER_FINGERPRINT_BYTES; i += HEX_BYTES_PER_GROUP) {
		if (i)
			row[used++] = ' ';
		hex_encode(id->fingerprint + i, HEX_BYTES_PER_GROUP, row + used);
		used += 2 * HEX_BYTES_PER_GROUP;
	}
	if (!st)
		st = canvas_text(pen->c, CANVAS_MONO, 7, VALUE_COLUMN, pen->y, row, err);
	for (size_t i = 0; !st && i < CER_FINGERPRINT_BYTES; i += WORDS_PER_ROW) {
		BUF_AUTO struct buf words = {0};

		for (size_t w = i; !st && w < i + WORDS_PER_ROW; w++)
			st = buf_printf(&words, err, "%s%s", w > i ? " " : "",
				cer_word(id->fingerprint[w], w));
		pen->y += 4.2F;
		if (!st)
			st = canvas_text(pen->c, CANVAS_SANS, 8, VALUE_COLUMN, pen->y,
				buf_text(&words), err);
	}
	pen->y += 7;
	return st;
}

/* What is written in by hand: a word, then a rule as long as what goes there. */
static enum kms_status blank(
	struct pen *pen, float x, const char *word, float until, struct kms_err *err)
{
	float start = x + canvas_text_width(pen->c, CANVAS_SANS, 9, word) + 2;
	enum kms_status st = canvas_text(pen->c, CANVAS_SANS, 9, x, pen->y, word, err);

	canvas_line(pen->c, start, pen->y + 1, until, pen->y + 1);
	return st;
}

static enum kms_status record(struct pen *pen, struct kms_err *err)
{
	static const char *const events[] = {"issued", "returned"};
	enum kms_status st;

	canvas_line(pen->c, CANVAS_MARGIN, pen->y - 2, right, pen->y - 2);
	pen->y += 8;
	st = blank(pen, NAME_COLUMN, "tamper-evident bag number", right, err);
	for (size_t i = 0; !st && i < 2; i++) {
		pen->y += 12;
		st = canvas_text(pen->c, CANVAS_BOLD, 10, NAME_COLUMN, pen->y, events[i], err);
		if (!st)
			st = blank(pen, VALUE_COLUMN - 18, "date", 85, err);
		if (!st)
			st = blank(
				pen, 88, i ? "bag unbroken" : "conveyed by", i ? 130 : right, err);
		if (!st && i)
			st = blank(pen, 133, "sheet destroyed", right, err);
		pen->y += 11;
		if (!st)
			st = blank(pen, VALUE_COLUMN - 18, "signed", 115, err);
		if (!st)
			st = blank(pen, 118, "signed", right, err);
	}
	return st;
}

/* Paper outlives the rehearsal that it was for. */
static enum kms_status mark_test(struct canvas *c, const struct cer_sheet *s, struct kms_err *err)
{
	bool test = false;
	enum kms_status st = cer_rehearsal_is(&s->bytes, &test, err);

	if (st || !test)
		return st;
	return canvas_text(c, CANVAS_BOLD, 11, CANVAS_MARGIN, 14,
		"TEST: of a rehearsal. This component is of no key.", err);
}

static enum kms_status draw_page(struct canvas *c, const struct cer_sheet *s, struct kms_err *err)
{
	struct pen pen = {.c = c};
	enum kms_status st = canvas_page(c, err);

	if (!st)
		st = mark_test(c, s, err);

	if (!st)
		st = head(&pen, s, err);
	if (!st)
		st = component(&pen, s, err);
	pen.y += 2;
	if (!st)
		st = identity(&pen, "identity of this site", &s->here, err);
	if (!st && s->has_partner)
		st = identity(&pen, "identity of the partner", &s->partner, err);
	if (!st)
		st = record(&pen, err);
	if (!st)
		st = canvas_text(c, CANVAS_SANS, 8, CANVAS_MARGIN, CANVAS_HEIGHT - 12,
			"cardkms. Two custodians hold this sheet together, in its bag. Nobody else "
			"may see it; nobody holds two of one key.",
			err);
	return st;
}

/* In the child. */
static enum kms_status draw(const void *ctx, struct kms_err *err)
{
	const struct job *job = ctx;
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CANVAS_AUTO struct canvas *c = NULL;
	enum kms_status st =
		cer_sheet_parse((const char *)job->text->data, job->text->len, &sheet, err);

	if (!st)
		st = arena_open(ARENA_SIZE, err);
	if (st)
		return st;
	st = canvas_open(true, "Component sheet", &c, err);
	if (!st)
		st = draw_page(c, &sheet, err);
	if (!st)
		st = canvas_write(c, job->fd, job->name, err);
	canvas_close(c);
	c = NULL;
	arena_close();
	return st;
}

enum kms_status paper_sheet(
	const struct secret *text, int fd, const char *name, struct kms_err *err)
{
	const struct job job = {.text = text, .fd = fd, .name = name};

	return paper_in_child(draw, &job, SECONDS, err);
}

enum kms_status paper_sheet_check(
	const char *label, const struct cer_pairs *pairs, struct kms_err *err)
{
	CANVAS_AUTO struct canvas *c = NULL;
	enum kms_status st = canvas_open(false, "", &c, err);

	if (!st)
		st = canvas_covers(c, CANVAS_BOLD, label, err);
	for (size_t i = 0; !st && i < pairs->count * CER_PAIR_SIZE; i++) {
		const char *name = pairs->pairs[i / CER_PAIR_SIZE].names[i % CER_PAIR_SIZE];

		st = canvas_covers(c, CANVAS_BOLD, name, err);
		if (st)
			kms_prefix(err, "the name of a custodian of component %zu: ",
				i / CER_PAIR_SIZE + 1);
	}
	return st;
}
