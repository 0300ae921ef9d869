/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/sheet.h"

#include "base/buf.h"
#include "base/hex.h"
#include "ceremony/component.h"
#include "ceremony/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Parsers of lower layers are called without an err here: their messages quote what they refuse, and
 * on a sheet that is out of order this may be the component. */

enum {
	WORDS_PER_ROW = 8,
	FINGERPRINT_DIGITS = 2 * CER_FINGERPRINT_BYTES,
	INDENT = 10, /* under the first thing after "identity" */
};

static const char record[] =
	"bag number  ______________________  (tamper-evident bag; write it on the bag's record "
	"too)\n"
	"issued      date ______________  conveyed by __________________________________________\n"
	"            signed ______________________________  "
	"______________________________________\n"
	"returned    date ______________  bag unbroken ____  sheet destroyed ____\n"
	"            signed ______________________________  "
	"______________________________________\n";

void cer_sheet_free(struct cer_sheet *sheet)
{
	secret_free(&sheet->bytes);
}

/* ---- writing ---- */

bool cer_purpose_known(const char *purpose)
{
	static const char *const known[] = {
		"transport key", "site key", "zone key", CER_PURPOSE_QUORUM};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], purpose) == 0)
			return true;
	return false;
}

static enum kms_status put_identity(
	struct buf *out, const char *whose, const struct cer_identity *id, struct kms_err *err)
{
	char hex[FINGERPRINT_DIGITS + 1];
	enum kms_status st;

	hex_encode(id->fingerprint, CER_FINGERPRINT_BYTES, hex);
	st = buf_printf(out, err, "%s%s", whose, hex);
	for (size_t i = 0; i < CER_FINGERPRINT_BYTES && !st; i++) {
		if (i % WORDS_PER_ROW)
			st = buf_puts(out, " ", err);
		else
			st = buf_printf(out, err, "\n%*s", INDENT, "");
		if (!st)
			st = buf_puts(out, cer_word(id->fingerprint[i], i), err);
	}
	return st ? st : buf_puts(out, "\n", err);
}

static enum kms_status put_head(struct buf *out, const struct cer_sheet *sheet, struct kms_err *err)
{
	return buf_printf(out, err,
		"cardkms component sheet        serial %06u\n"
		"ceremony  %s            %s  %s   %s   component %u of %u\n"
		"custodians  %s, %s\n",
		sheet->serial, sheet->ceremony, sheet->purpose, sheet->label,
		key_alg_name(sheet->alg), sheet->component, sheet->components,
		sheet->custodians.names[0], sheet->custodians.names[1]);
}

static enum kms_status put_foot(struct buf *out, const struct cer_sheet *sheet, struct kms_err *err)
{
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st;

	key_kcv_print(&sheet->kcv, check);
	st = buf_printf(
		out, err, "check value  %s  (%s)\n", check, key_kcv_method_name(sheet->kcv.method));
	if (!st)
		st = put_identity(out, "identity  this site  ", &sheet->here, err);
	if (!st && sheet->has_partner)
		st = put_identity(out, "          partner    ", &sheet->partner, err);
	return st ? st : buf_puts(out, record, err);
}

enum kms_status cer_sheet_render(
	const struct cer_sheet *sheet, struct secret *ret_text, struct kms_err *err)
{
	SECRET_AUTO struct secret text = {0};
	BUF_AUTO struct buf head = {0};
	BUF_AUTO struct buf foot = {0};
	enum kms_status st;

	if (sheet->bytes.len != key_alg_info(sheet->alg)->length || sheet->bytes.len == 0 ||
		sheet->serial > CER_SERIAL_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL,
			"cannot write the sheet of component %u: serial or component out of range",
			sheet->component);
	st = put_head(&head, sheet, err);
	if (!st)
		st = put_foot(&foot, sheet, err);
	if (!st)
		st = secret_append(&text, head.data, head.len, err);
	if (!st)
		st = cer_component_render(&sheet->bytes, sheet->component, &text, err);
	if (!st)
		st = secret_append(&text, foot.data, foot.len, err);
	if (!st)
		secret_take(ret_text, &text);
	return st;
}

/* ---- reading ---- */

struct reader {
	const char *at;
	const char *end;
	unsigned line;
	struct kms_err *err;
};

struct word {
	const char *text;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum kms_status expected(struct reader *r, const char *what)
{
	return kms_fail(
		r->err, KMS_ERR_INVALID, "component sheet, line %u: expected %s", r->line, what);
}

static struct word next_word(struct reader *r)
{
	struct word w;

	for (; r->at < r->end && is_blank(*r->at); r->at++)
		r->line += *r->at == '\n';
	w.text = r->at;
	while (r->at < r->end && !is_blank(*r->at))
		r->at++;
	w.len = (size_t)(r->at - w.text);
	return w;
}

static bool word_is(struct word w, const char *text)
{
	return w.len == strlen(text) && memcmp(w.text, text, w.len) == 0;
}

/* Fixed words, separated by one blank in `words`. */
static enum kms_status skip_words(struct reader *r, const char *words)
{
	const char *p = words;

	while (*p) {
		size_t len = strcspn(p, " ");
		struct word w = next_word(r);

		if (w.len != len || memcmp(w.text, p, len) != 0)
			return expected(r, words);
		p += len + (p[len] == ' ');
	}
	return KMS_OK;
}

static enum kms_status read_text(struct reader *r, const char *what, char *out, size_t size)
{
	struct word w = next_word(r);

	if (w.len == 0 || w.len >= size || memchr(w.text, 0, w.len) || !utf8_valid(w.text, w.len))
		return expected(r, what);
	memcpy(out, w.text, w.len);
	out[w.len] = 0;
	return KMS_OK;
}

static enum kms_status read_number(
	struct reader *r, const char *what, unsigned min, unsigned max, unsigned *ret_value)
{
	struct word w = next_word(r);
	unsigned value = 0;

	if (w.len == 0 || w.len > 6)
		return expected(r, what);
	for (size_t i = 0; i < w.len; i++) {
		if (w.text[i] < '0' || w.text[i] > '9')
			return expected(r, what);
		value = value * 10 + (unsigned)(w.text[i] - '0');
	}
	if (value < min || value > max)
		return expected(r, what);
	*ret_value = value;
	return KMS_OK;
}

static enum kms_status read_head(struct reader *r, struct cer_sheet *sheet)
{
	static const char what_for[] = "'transport key', 'site key' or 'zone key'";
	char text[NAME_MAX_BYTES + 1];
	unsigned serial = 0;
	enum kms_status st;

	st = skip_words(r, "cardkms component sheet serial");
	if (!st)
		st = read_number(r, "the serial number", 0, CER_SERIAL_MAX, &serial);
	if (!st)
		st = skip_words(r, "ceremony");
	if (!st)
		st = read_text(r, "the ceremony's id", text, sizeof(text));
	if (!st)
		st = cer_id_parse(text, sheet->ceremony, r->err);
	if (!st)
		st = read_text(r, what_for, text, 10);
	if (st)
		return st;
	sheet->serial = serial;
	snprintf(sheet->purpose, sizeof(sheet->purpose), "%.9s key", text);
	st = cer_purpose_known(sheet->purpose) ? skip_words(r, "key") : expected(r, what_for);
	if (!st)
		st = read_text(r, "the key's label", sheet->label, sizeof(sheet->label));
	if (!st && key_label_check(sheet->label, "label", NULL))
		st = expected(r, "the key's label");
	if (!st)
		st = read_text(r, "the algorithm", text, sizeof(text));
	if (!st &&
		(key_alg_parse(text, &sheet->alg, NULL) || key_alg_info(sheet->alg)->length == 0))
		st = expected(r, "an algorithm that has components");
	if (!st)
		st = skip_words(r, "component");
	if (!st)
		st = read_number(
			r, "the component's number", 1, CER_COMPONENTS_MAX, &sheet->component);
	if (!st)
		st = skip_words(r, "of");
	if (!st)
		st = read_number(r, "the number of components",
			sheet->component > CER_COMPONENTS_MIN ? sheet->component
							      : CER_COMPONENTS_MIN,
			CER_COMPONENTS_MAX, &sheet->components);
	return st;
}

static enum kms_status read_name(
	struct reader *r, const char *start, const char *end, char ret_name[NAME_MAX_BYTES + 1])
{
	size_t len;

	while (start < end && is_blank(*start))
		start++;
	while (end > start && is_blank(end[-1]))
		end--;
	len = (size_t)(end - start);
	if (len > NAME_MAX_BYTES || memchr(start, 0, len))
		return expected(r, "a custodian's name");
	memcpy(ret_name, start, len);
	ret_name[len] = 0;
	return name_check(ret_name, "name", NULL) ? expected(r, "a custodian's name") : KMS_OK;
}

static enum kms_status read_custodians(struct reader *r, struct cer_pair *pair)
{
	const char *newline, *comma, *start;
	enum kms_status st;

	st = skip_words(r, "custodians");
	if (st)
		return st;
	start = r->at;
	newline = memchr(start, '\n', (size_t)(r->end - start));
	if (!newline)
		return expected(r, "two custodians");
	comma = memchr(start, ',', (size_t)(newline - start));
	if (!comma)
		return expected(r, "two custodians, separated by a comma");
	r->at = newline;
	st = read_name(r, start, comma, pair->names[0]);
	return st ? st : read_name(r, comma + 1, newline, pair->names[1]);
}

/* Everything up to the line "check value" is the component; its own parser judges it. */
static enum kms_status read_component(struct reader *r, struct cer_sheet *sheet)
{
	const char *stop = memmem(r->at, (size_t)(r->end - r->at), "\ncheck value", 12);
	const char *start = r->at;
	bool checked = false;
	enum kms_status st;

	if (!stop)
		return expected(r, "the component, then 'check value'");
	st = cer_component_parse(start, (size_t)(stop - start), key_alg_info(sheet->alg)->length,
		sheet->component, &sheet->bytes, &checked, r->err);
	if (st)
		return kms_prefix(r->err, "component sheet: ");
	if (!checked)
		return expected(r, "check digits at the end of each line");
	for (; r->at < stop; r->at++)
		r->line += *r->at == '\n';
	return KMS_OK;
}

static enum kms_status read_kcv(struct reader *r, struct cer_sheet *sheet)
{
	char value[KEY_KCV_TEXT_SIZE];
	char text[24];
	enum key_kcv_method method;
	size_t len;
	enum kms_status st;

	st = skip_words(r, "check value");
	if (!st)
		st = read_text(r, "the check value", value, sizeof(value));
	if (!st)
		st = read_text(r, "the check value's method in brackets", text, sizeof(text));
	if (st)
		return st;
	len = strlen(text);
	if (len < 3 || text[0] != '(' || text[len - 1] != ')')
		return expected(r, "the check value's method in brackets");
	text[len - 1] = 0;
	if (key_kcv_method_parse(text + 1, &method, NULL) ||
		!key_kcv_method_fits(method, sheet->alg))
		return expected(r, "a check value method of that algorithm in brackets");
	return key_kcv_parse(method, value, &sheet->kcv, NULL) ? expected(r, "the check value")
							       : KMS_OK;
}

static enum kms_status read_identity(struct reader *r, struct cer_identity *id)
{
	char hex[FINGERPRINT_DIGITS + 1];
	enum kms_status st;

	st = read_text(r, "a fingerprint of 64 hexadecimal digits", hex, sizeof(hex));
	if (st)
		return st;
	if (!hex_decode_strict(hex, id->fingerprint, CER_FINGERPRINT_BYTES) ||
		strlen(hex) != FINGERPRINT_DIGITS)
		return expected(r, "a fingerprint of 64 hexadecimal digits");
	for (size_t i = 0; i < CER_FINGERPRINT_BYTES; i++) {
		const char *word = cer_word(id->fingerprint[i], i);
		struct word w = next_word(r);

		if (w.len != strlen(word) || strncasecmp(w.text, word, w.len) != 0)
			return kms_fail(r->err, KMS_ERR_MISMATCH,
				"component sheet, line %u: word %zu of the fingerprint does not "
				"agree with its hexadecimal digits",
				r->line, i + 1);
	}
	return KMS_OK;
}

static enum kms_status read_identities(struct reader *r, struct cer_sheet *sheet)
{
	struct reader ahead;
	enum kms_status st;

	st = skip_words(r, "identity this site");
	if (!st)
		st = read_identity(r, &sheet->here);
	if (st)
		return st;
	ahead = *r;
	sheet->has_partner = word_is(next_word(&ahead), "partner");
	if (!sheet->has_partner)
		return KMS_OK;
	*r = ahead;
	return read_identity(r, &sheet->partner);
}

enum kms_status cer_sheet_parse(
	const char *text, size_t len, struct cer_sheet *ret_sheet, struct kms_err *err)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	struct reader r = {.at = text, .end = text + len, .line = 1, .err = err};
	enum kms_status st;

	if (len > CER_SHEET_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "not a component sheet: longer than %d bytes",
			CER_SHEET_MAX);
	st = read_head(&r, &sheet);
	if (!st)
		st = read_custodians(&r, &sheet.custodians);
	if (!st)
		st = read_component(&r, &sheet);
	if (!st)
		st = read_kcv(&r, &sheet);
	if (!st)
		st = read_identities(&r, &sheet);
	if (st)
		return st;
	cer_sheet_free(ret_sheet);
	*ret_sheet = sheet;
	sheet = (struct cer_sheet){0};
	return KMS_OK;
}
