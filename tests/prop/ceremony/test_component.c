/* SPDX-License-Identifier: Apache-2.0 */
/* What the line check digits promise (docs/formats/sheet.md), and round trips of text. */
#include "ceremony/component.h"
#include "ceremony/sheet.h"
#include "support/cer_fixture.h"
#include "support/forall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum key_alg algs[] = {KEY_TDEA2, KEY_TDEA3, KEY_AES128, KEY_AES192, KEY_AES256};
static const char hex_digits[] = "0123456789ABCDEF";

/* A random component, its index, and its text as digits only: lines of 18. */
struct sample {
	unsigned index;
	size_t len;
	struct secret bytes;
	char digits[CER_LINES_MAX * 18 + 1];
	size_t count;
};

static void sample_make(struct forall *f, struct sample *s)
{
	SECRET_AUTO struct secret text = {0};

	*s = (struct sample){0};
	s->index = (unsigned)forall_between(f, 1, 9);
	s->len = 8 * forall_between(f, 2, 4);
	cer_fixture_must(secret_alloc(&s->bytes, s->len, NULL), NULL);
	forall_bytes(f, s->bytes.data, s->len);
	cer_fixture_must(cer_component_render(&s->bytes, s->index, &text, NULL), NULL);
	for (size_t i = 0; i < text.len; i++) {
		if (i + 1 < text.len && text.data[i + 1] == ':')
			i += 2;
		if (text.data[i] != ' ' && text.data[i] != '\n')
			s->digits[s->count++] = (char)text.data[i];
	}
}

static enum kms_status read_back(const struct sample *s, struct kms_err *err)
{
	SECRET_AUTO struct secret component = {0};
	bool checked = false;
	enum kms_status st = cer_component_parse(
		s->digits, s->count, s->len, s->index, &component, &checked, err);

	if (!st && (!checked || !secret_equal(&component, &s->bytes)))
		st = KMS_ERR_INTERNAL;
	return st;
}

/* The changed text must be refused, and the message must name the line of position `at`. */
static bool refused_at(struct forall *f, const struct sample *s, size_t at)
{
	struct kms_err err = {0};
	char line[40];
	enum kms_status st = read_back(s, &err);

	snprintf(line, sizeof(line), "component %u: line %zu ", s->index, at / 18 + 1);
	forall_note(f, "position %zu: status %d, '%s'", at, (int)st, err.msg);
	return st == KMS_ERR_MISMATCH && strncmp(err.msg, line, strlen(line)) == 0;
}

static bool prop_single_digit(struct forall *f)
{
	struct sample s;
	bool good = true;

	sample_make(f, &s);
	/* Every digit of the text, each of its fifteen wrong values. */
	for (size_t at = 0; at < s.count && good; at++) {
		char right = s.digits[at];

		for (size_t d = 0; d < 16 && good; d++) {
			s.digits[at] = hex_digits[d];
			good = hex_digits[d] == right || refused_at(f, &s, at);
		}
		s.digits[at] = right;
	}
	good = good && read_back(&s, NULL) == KMS_OK;
	secret_free(&s.bytes);
	return good;
}

/* Neighbours, and any two digits of one line. */
static bool prop_swaps(struct forall *f)
{
	struct sample s;
	bool good = true;

	sample_make(f, &s);
	for (size_t a = 0; a < s.count && good; a++)
		for (size_t b = a + 1; b < (a / 18 + 1) * 18 && good; b++) {
			char keep = s.digits[a];

			if (keep == s.digits[b])
				continue;
			s.digits[a] = s.digits[b];
			s.digits[b] = keep;
			good = refused_at(f, &s, a);
			s.digits[b] = s.digits[a];
			s.digits[a] = keep;
		}
	secret_free(&s.bytes);
	return good;
}

static unsigned digit_at(const struct sample *s, size_t at)
{
	return (unsigned)hex_digit(s->digits[at]);
}

/* Any error of at most eight neighbouring bits within a line. */
static bool prop_bursts(struct forall *f)
{
	struct sample s;
	bool good;
	size_t line, bit;
	unsigned burst;

	sample_make(f, &s);
	line = forall_below(f, s.count / 18);
	bit = forall_below(f, 18 * 4 - 7);
	burst = (unsigned)forall_between(f, 1, 255);
	for (unsigned i = 0; i < 8; i++) {
		size_t at = line * 18 + (bit + i) / 4;

		if (burst >> i & 1)
			s.digits[at] = hex_digits[digit_at(&s, at) ^ 8u >> (bit + i) % 4];
	}
	good = refused_at(f, &s, line * 18);
	secret_free(&s.bytes);
	return good;
}

/* Lines swapped, and a sheet typed in as another component. */
static bool prop_order_and_index(struct forall *f)
{
	struct sample s, other;
	struct kms_err err = {0};
	size_t lines, a, b;
	bool good = true;
	char want[80];

	sample_make(f, &s);
	lines = s.count / 18;
	other = s;
	do
		other.index = (unsigned)forall_between(f, 1, 9);
	while (other.index == s.index);
	good = read_back(&other, &err) == KMS_ERR_MISMATCH;
	snprintf(want, sizeof(want), "component %u: these are the lines of component %u",
		other.index, s.index);
	good = good && strcmp(err.msg, want) == 0;
	a = forall_below(f, lines);
	b = forall_below(f, lines);
	if (memcmp(s.digits + a * 18, s.digits + b * 18, 16) != 0) {
		char keep[18];

		memcpy(keep, s.digits + a * 18, 18);
		memcpy(s.digits + a * 18, s.digits + b * 18, 18);
		memcpy(s.digits + b * 18, keep, 18);
		good = good && read_back(&s, &err) == KMS_ERR_MISMATCH;
	}
	forall_note(f, "'%s' wanted '%s'", err.msg, want);
	secret_free(&s.bytes);
	return good;
}

/* No message about a wrong component repeats what was typed. */
static bool prop_messages_are_silent(struct forall *f)
{
	struct sample s;
	struct kms_err err = {0};
	SECRET_AUTO struct secret component = {0};
	size_t len;
	bool good = true;

	sample_make(f, &s);
	len = forall_below(f, s.count + 1);
	for (size_t i = 0; i < len; i++)
		if (forall_below(f, 20) == 0)
			s.digits[i] = (char)forall_between(f, 1, 255);
	if (cer_component_parse(s.digits, len, s.len, s.index, &component, NULL, &err))
		good = !cer_fixture_leaks(err.msg, &s.bytes) &&
		       !cer_fixture_leaks(err.hint, &s.bytes);
	forall_note(f, "'%s' '%s'", err.msg, err.hint);
	secret_free(&s.bytes);
	return good;
}

static void sheet_make(struct forall *f, struct cer_sheet *sheet)
{
	struct cer_pairs pairs = cer_fixture_pairs(9);
	unsigned char id[CER_ID_RANDOM];

	*sheet = (struct cer_sheet){.alg = algs[forall_below(f, 5)]};
	sheet->serial = (uint32_t)forall_below(f, CER_SERIAL_MAX + 1);
	sheet->components = (unsigned)forall_between(f, 2, 9);
	sheet->component = (unsigned)forall_between(f, 1, sheet->components);
	sheet->custodians = pairs.pairs[sheet->component - 1];
	forall_bytes(f, id, sizeof(id));
	cer_id_make(id, sheet->ceremony);
	sheet->has_partner = forall_coin(f);
	strcpy(sheet->purpose, sheet->has_partner ? "transport key" : "site key");
	forall_text(f, "ABCxyz019", forall_between(f, 1, KEY_LABEL_MAX), sheet->label);
	cer_fixture_must(secret_alloc(&sheet->bytes, key_alg_info(sheet->alg)->length, NULL), NULL);
	forall_bytes(f, sheet->bytes.data, sheet->bytes.len);
	cer_fixture_must(key_kcv_default(sheet->alg, &sheet->bytes, &sheet->kcv, NULL), NULL);
	forall_bytes(f, sheet->here.fingerprint, CER_FINGERPRINT_BYTES);
	if (sheet->has_partner)
		forall_bytes(f, sheet->partner.fingerprint, CER_FINGERPRINT_BYTES);
}

static bool sheets_equal(const struct cer_sheet *a, const struct cer_sheet *b)
{
	return a->serial == b->serial && strcmp(a->ceremony, b->ceremony) == 0 &&
	       strcmp(a->purpose, b->purpose) == 0 && strcmp(a->label, b->label) == 0 &&
	       a->alg == b->alg && a->component == b->component && a->components == b->components &&
	       strcmp(a->custodians.names[0], b->custodians.names[0]) == 0 &&
	       strcmp(a->custodians.names[1], b->custodians.names[1]) == 0 &&
	       secret_equal(&a->bytes, &b->bytes) && key_kcv_same(&a->kcv, &b->kcv) &&
	       memcmp(&a->here, &b->here, sizeof(a->here)) == 0 &&
	       a->has_partner == b->has_partner &&
	       memcmp(&a->partner, &b->partner, sizeof(a->partner)) == 0;
}

static bool prop_sheet_round_trip(struct forall *f)
{
	CER_SHEET_AUTO struct cer_sheet sheet = {0};
	CER_SHEET_AUTO struct cer_sheet back = {0};
	SECRET_AUTO struct secret text = {0};
	struct kms_err err = {0};

	sheet_make(f, &sheet);
	if (cer_sheet_render(&sheet, &text, &err) ||
		cer_sheet_parse((const char *)text.data, text.len, &back, &err)) {
		forall_note(f, "%s", err.msg);
		return false;
	}
	return sheets_equal(&sheet, &back);
}

static void run(void **state)
{
	(void)state;
	forall("a wrong digit is found, its line named", 30, prop_single_digit);
	forall("two digits swapped within a line are found", 60, prop_swaps);
	forall("bursts of up to eight bits are found", 3000, prop_bursts);
	forall("lines out of order, and another index", 1000, prop_order_and_index);
	forall("messages hold no digits", 3000, prop_messages_are_silent);
	forall("sheet: written and read back", 400, prop_sheet_round_trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(run)};
	struct kms_err err = {0};

	cer_fixture_must(secret_heap_open(&err), &err);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
