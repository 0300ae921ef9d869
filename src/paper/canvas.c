/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/canvas.h"

#include "base/file.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "paper/arena.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <hpdf.h>
#include <qrencode.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const font_files[CANVAS_FONTS] = {
	[CANVAS_SANS] = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
	[CANVAS_BOLD] = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
	[CANVAS_MONO] = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
};

static const float points_per_mm = 72.0F / 25.4F;

struct canvas {
	HPDF_Doc pdf;
	HPDF_Page page;
	HPDF_Font fonts[CANVAS_FONTS]; /* NULL until first used: each is embedded whole */
	unsigned pages;
	FT_Library glyphs;
	FT_Face faces[CANVAS_FONTS];
	HPDF_STATUS failed; /* the first error of libharu */
};

/* ---- errors ---- */

static void note_error(HPDF_STATUS code, HPDF_STATUS detail, void *ctx)
{
	struct canvas *c = ctx;

	(void)detail;
	if (!c->failed)
		c->failed = code;
}

static enum kms_status check(struct canvas *c, struct kms_err *err)
{
	if (!c->failed)
		return KMS_OK;
	if (c->failed == HPDF_FAILD_TO_ALLOC_MEM)
		return kms_nomem(err);
	return kms_fail(err, KMS_ERR_INTERNAL, "cannot draw the page: libharu error %04lX",
		(unsigned long)c->failed);
}

/* ---- document and pages ---- */

static void *plain_alloc(HPDF_UINT size)
{
	return malloc(size);
}

static void plain_free(void *p)
{
	free(p);
}

static void *secret_alloc_block(HPDF_UINT size)
{
	return arena_alloc(size);
}

/* The arena goes as a whole. */
static void secret_free_block(void *p)
{
	(void)p;
}

enum kms_status canvas_open(
	bool secret, const char *title, struct canvas **ret_canvas, struct kms_err *err)
{
	CANVAS_AUTO struct canvas *c = calloc(1, sizeof(*c));

	if (!c)
		return kms_nomem(err);
	c->pdf = HPDF_NewEx(note_error, secret ? secret_alloc_block : plain_alloc,
		secret ? secret_free_block : plain_free, 0, c);
	if (!c->pdf || FT_Init_FreeType(&c->glyphs))
		return kms_nomem(err);
	HPDF_UseUTFEncodings(c->pdf);
	HPDF_SetCurrentEncoder(c->pdf, "UTF-8");
	HPDF_SetInfoAttr(c->pdf, HPDF_INFO_TITLE, title);
	HPDF_SetInfoAttr(c->pdf, HPDF_INFO_CREATOR, "cardkms");
	if (check(c, err))
		return err->code;
	*ret_canvas = c;
	c = NULL;
	return KMS_OK;
}

void canvas_close(struct canvas *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CANVAS_FONTS; i++)
		if (c->faces[i])
			FT_Done_Face(c->faces[i]);
	if (c->glyphs)
		FT_Done_FreeType(c->glyphs);
	if (c->pdf)
		HPDF_Free(c->pdf);
	free(c);
}

enum kms_status canvas_page(struct canvas *c, struct kms_err *err)
{
	c->page = HPDF_AddPage(c->pdf);
	HPDF_Page_SetSize(c->page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
	HPDF_Page_SetLineWidth(c->page, 0.5F);
	c->pages++;
	return check(c, err);
}

unsigned canvas_pages(const struct canvas *c)
{
	return c->pages;
}

void canvas_turn(struct canvas *c, unsigned page)
{
	c->page = HPDF_GetPageByIndex(c->pdf, page - 1);
}

/* ---- text ---- */

static enum kms_status load_font(struct canvas *c, enum canvas_font font, struct kms_err *err)
{
	const char *name;

	if (c->fonts[font])
		return KMS_OK;
	if (FT_New_Face(c->glyphs, font_files[font], 0, &c->faces[font])) {
		c->faces[font] = NULL;
		kms_fail(err, KMS_ERR_NOT_FOUND, "cannot read the font '%s'", font_files[font]);
		return kms_hint(err, "install Debian's package fonts-dejavu-core");
	}
	name = HPDF_LoadTTFontFromFile(c->pdf, font_files[font], HPDF_TRUE);
	if (name)
		c->fonts[font] = HPDF_GetFont(c->pdf, name, "UTF-8");
	return check(c, err);
}

/* The character at text, which is valid UTF-8; its bytes in *ret_len. */
static uint32_t character(const char *text, size_t *ret_len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	uint32_t code = len == 1 ? p[0] : p[0] & (0xFFU >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3FU);
	*ret_len = len;
	return code;
}

static enum kms_status covered(
	struct canvas *c, enum canvas_font font, const char *text, struct kms_err *err)
{
	size_t len;

	if (!utf8_valid(text, strlen(text)))
		return kms_fail(err, KMS_ERR_INVALID, "cannot print text that is not UTF-8");
	for (const char *p = text; *p; p += len) {
		uint32_t code = character(p, &len);

		if (code >= 0x20 && code != 0x7F && FT_Get_Char_Index(c->faces[font], code) != 0)
			continue;
		kms_fail(err, KMS_ERR_INVALID,
			"cannot print U+%04X: the font (%s) has no such character", code,
			strrchr(font_files[font], '/') + 1);
		return kms_hint(err, "write the name in letters that it has");
	}
	return KMS_OK;
}

enum kms_status canvas_covers(
	struct canvas *c, enum canvas_font font, const char *text, struct kms_err *err)
{
	enum kms_status st = load_font(c, font, err);

	return st ? st : covered(c, font, text, err);
}

enum kms_status canvas_text(struct canvas *c, enum canvas_font font, float size, float x, float y,
	const char *text, struct kms_err *err)
{
	enum kms_status st = canvas_covers(c, font, text, err);

	if (st)
		return st;
	HPDF_Page_BeginText(c->page);
	HPDF_Page_SetFontAndSize(c->page, c->fonts[font], size);
	HPDF_Page_TextOut(c->page, x * points_per_mm, (CANVAS_HEIGHT - y) * points_per_mm, text);
	HPDF_Page_EndText(c->page);
	return check(c, err);
}

/* In millimetres, from the font's own table: libharu only measures what it has set. */
static float advance(struct canvas *c, enum canvas_font font, float size, uint32_t code)
{
	FT_Face face = c->faces[font];

	if (FT_Load_Glyph(face, FT_Get_Char_Index(face, code), FT_LOAD_NO_SCALE))
		return size / points_per_mm;
	return (float)face->glyph->metrics.horiAdvance * size /
	       ((float)face->units_per_EM * points_per_mm);
}

float canvas_text_width(struct canvas *c, enum canvas_font font, float size, const char *text)
{
	struct kms_err ignored;
	float width = 0;
	size_t len;

	if (load_font(c, font, &ignored) || !utf8_valid(text, strlen(text)))
		return 0;
	for (const char *p = text; *p; p += len)
		width += advance(c, font, size, character(p, &len));
	return width;
}

size_t canvas_fit(
	struct canvas *c, enum canvas_font font, float size, const char *text, float width)
{
	struct kms_err ignored;
	size_t at = 0, blank = 0, len;
	float used = 0;

	if (load_font(c, font, &ignored) || !utf8_valid(text, strlen(text)))
		return strlen(text);
	for (; text[at]; at += len) {
		used += advance(c, font, size, character(text + at, &len));
		if (used > width && at > 0)
			return blank ? blank : at;
		if (text[at] == ' ')
			blank = at;
	}
	return at;
}

/* ---- shapes ---- */

void canvas_line(struct canvas *c, float x1, float y1, float x2, float y2)
{
	HPDF_Page_MoveTo(c->page, x1 * points_per_mm, (CANVAS_HEIGHT - y1) * points_per_mm);
	HPDF_Page_LineTo(c->page, x2 * points_per_mm, (CANVAS_HEIGHT - y2) * points_per_mm);
	HPDF_Page_Stroke(c->page);
}

void canvas_box(struct canvas *c, float x, float y, float width, float height)
{
	HPDF_Page_Rectangle(c->page, x * points_per_mm,
		(CANVAS_HEIGHT - y - height) * points_per_mm, width * points_per_mm,
		height * points_per_mm);
	HPDF_Page_Stroke(c->page);
}

enum kms_status canvas_qr(
	struct canvas *c, const char *data, float x, float y, float side, struct kms_err *err)
{
	enum { QUIET = 4 }; /* modules of white around it, as ISO/IEC 18004 readers expect */
	QRcode *qr = QRcode_encodeString(data, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	float module;

	if (!qr)
		return kms_fail(
			err, KMS_ERR_INVALID, "cannot make a QR code of %zu bytes", strlen(data));
	module = side / (float)(qr->width + 2 * QUIET);
	for (int row = 0; row < qr->width; row++)
		for (int col = 0; col < qr->width; col++)
			if (qr->data[row * qr->width + col] & 1)
				HPDF_Page_Rectangle(c->page,
					(x + (float)(col + QUIET) * module) * points_per_mm,
					(CANVAS_HEIGHT - y - (float)(row + QUIET + 1) * module) *
						points_per_mm,
					module * points_per_mm, module * points_per_mm);
	HPDF_Page_Fill(c->page);
	QRcode_free(qr);
	return check(c, err);
}

/* ---- out ---- */

enum kms_status canvas_write(struct canvas *c, int fd, const char *name, struct kms_err *err)
{
	HPDF_BYTE block[4096];
	HPDF_UINT32 len;
	enum kms_status st;

	HPDF_SaveToStream(c->pdf);
	st = check(c, err);
	if (!st)
		HPDF_ResetStream(c->pdf);
	while (!st) {
		len = sizeof(block);
		HPDF_ReadFromStream(c->pdf, block, &len);
		if (len == 0)
			break;
		st = file_write_fd(fd, name, block, len, err);
	}
	/* Of a sheet these bytes hold the component. */
	secret_wipe(block, sizeof(block));
	return st;
}
