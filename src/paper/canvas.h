/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A4 pages to draw on (libharu, DejaVu, embedded). Millimetres from the top left corner; the y of a
 * text is its baseline. Text is UTF-8: a character that the font lacks is refused by name, never
 * drawn as a box.
 */
#ifndef PAPER_CANVAS_H
#define PAPER_CANVAS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum canvas_font { CANVAS_SANS, CANVAS_BOLD, CANVAS_MONO, CANVAS_FONTS };

enum { CANVAS_WIDTH = 210, CANVAS_HEIGHT = 297, CANVAS_MARGIN = 18 };

struct canvas;

/* `secret`: everything libharu keeps lies in the arena, which is open already. */
KMS_CHECKED enum kms_status canvas_open(
	bool secret, const char *title, struct canvas **ret_canvas, struct kms_err *err);
void canvas_close(struct canvas *c); /* NULL-safe */

#define CANVAS_AUTO __attribute__((cleanup(canvas_close_pointer)))
static inline void canvas_close_pointer(struct canvas **p)
{
	canvas_close(*p);
}

/* A new page, on which all that follows is drawn; canvas_turn goes back to one (from 1). */
KMS_CHECKED enum kms_status canvas_page(struct canvas *c, struct kms_err *err);
unsigned canvas_pages(const struct canvas *c);
void canvas_turn(struct canvas *c, unsigned page);

/* size in points. */
KMS_CHECKED enum kms_status canvas_text(struct canvas *c, enum canvas_font font, float size,
	float x, float y, const char *text, struct kms_err *err);
/* Whether canvas_text could draw it. */
KMS_CHECKED enum kms_status canvas_covers(
	struct canvas *c, enum canvas_font font, const char *text, struct kms_err *err);
float canvas_text_width(struct canvas *c, enum canvas_font font, float size, const char *text);
/* How many bytes of the text fit into width, cut at a blank where there is one; at least one
 * character. */
size_t canvas_fit(
	struct canvas *c, enum canvas_font font, float size, const char *text, float width);

void canvas_line(struct canvas *c, float x1, float y1, float x2, float y2);
void canvas_box(struct canvas *c, float x, float y, float width, float height);

/* A QR code (error correction M) as wide as `side`; data is text of at most 2,000 bytes. */
KMS_CHECKED enum kms_status canvas_qr(
	struct canvas *c, const char *data, float x, float y, float side, struct kms_err *err);

/* The whole document to fd. `name` is for messages. */
KMS_CHECKED enum kms_status canvas_write(
	struct canvas *c, int fd, const char *name, struct kms_err *err);

#endif
