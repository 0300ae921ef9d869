/* SPDX-License-Identifier: Apache-2.0 */
/* The text of key blocks: header, optional blocks, lengths. No key is needed for any of it. */
#include "keys/keyblock.h"

#include "base/hex.h"
#include "keys/keyblock_int.h"

#include <stdio.h>
#include <string.h>

/* The two parts that are encrypted or computed, by version. */
static const struct layout {
	char version;
	unsigned char mac_len; /* bytes */
	unsigned char block;   /* of the cipher: the optional blocks fill whole ones */
	bool whole;	       /* so does the payload */
} layouts[] = {
	{'A', 4, 8, true}, {'B', 8, 8, true}, {'C', 4, 8, true}, {'D', 16, 16, true},
	{'E', 16, 16, false}, /* counter mode */
};

enum { PAYLOAD_MIN = 3 /* two bytes of length and a byte of key */ };

static const struct layout *layout_of(char version)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].version == version)
			return &layouts[i];
	return NULL;
}

static bool is_upper_or_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
	return is_upper_or_digit(c) || (c >= 'a' && c <= 'z');
}

/* Decimal digits only; -1 otherwise. */
static int decimal(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = 10 * n + (text[i] - '0');
	}
	return n;
}

/* Upper-case hexadecimal digits only; -1 otherwise. */
static int hexadecimal(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0 || text[i] >= 'a')
			return -1;
		n = 16 * n + digit;
	}
	return n;
}

static bool all_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (hexadecimal(text + i, 1) < 0)
			return false;
	return true;
}

static enum kms_status bad(
	struct kms_err *err, const char *field, const char *got, size_t len, const char *expected)
{
	return kms_fail(err, KMS_ERR_INVALID, "key block: %s is '%.*s', which is not %s", field,
		(int)len, got, expected);
}

enum kms_status key_block_fields_check(const struct key_block_fields *f, struct kms_err *err)
{
	if (!layout_of(f->version))
		return bad(err, "the version", &f->version, 1, "one of A, B, C, D, E");
	if (!is_upper_or_digit(f->usage[0]) || !is_upper_or_digit(f->usage[1]))
		return bad(err, "the key usage", f->usage, 2, "two upper-case letters or digits");
	if (!is_upper_or_digit(f->algorithm))
		return bad(err, "the algorithm", &f->algorithm, 1, "an upper-case letter or digit");
	if (!is_upper_or_digit(f->mode))
		return bad(err, "the mode of use", &f->mode, 1, "an upper-case letter or digit");
	if (!is_alnum(f->number[0]) || !is_alnum(f->number[1]))
		return bad(err, "the key version number", f->number, 2, "two letters or digits");
	if (f->exportability != 'E' && f->exportability != 'N' && f->exportability != 'S')
		return bad(err, "the exportability", &f->exportability, 1, "one of E, N, S");
	if (f->context < '0' || f->context > '2')
		return bad(err, "the key context", &f->context, 1, "one of 0, 1, 2");
	return KMS_OK;
}

static enum kms_status read_fields(struct key_block *b, struct kms_err *err)
{
	const char *t = b->text;
	int said;

	b->fields = (struct key_block_fields){.version = t[0],
		.usage = {t[5], t[6], 0},
		.algorithm = t[7],
		.mode = t[8],
		.number = {t[9], t[10], 0},
		.exportability = t[11],
		.context = t[14]};
	said = decimal(t + 1, 4);
	if (said < 0)
		return bad(err, "the length", t + 1, 4, "four decimal digits");
	if ((size_t)said != b->len)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: the length says %d characters, there are %zu", said, b->len);
	if (decimal(t + 12, 2) < 0)
		return bad(err, "the number of optional blocks", t + 12, 2, "two decimal digits");
	b->option_count = (size_t)decimal(t + 12, 2);
	if (t[15] != '0')
		return bad(err, "the reserved field", t + 15, 1, "0");
	return key_block_fields_check(&b->fields, err);
}

/* ---- optional blocks ---- */

/*
 * The length counts the whole optional block. 00 means that its own length follows: 02 (bytes) in
 * one public implementation and 04 (digits) in another, four digits in both.
 */
static enum kms_status read_option_len(const struct key_block *b, size_t at, const char *id,
	size_t *ret_len, size_t *ret_head, struct kms_err *err)
{
	const char *t = b->text + at;
	int len = hexadecimal(t + 2, 2);

	*ret_head = 4;
	if (len == 0) {
		if (b->len - at < 10)
			return kms_fail(err, KMS_ERR_INVALID,
				"key block: optional block %s ends within its length", id);
		if (memcmp(t + 4, "02", 2) != 0 && memcmp(t + 4, "04", 2) != 0)
			return kms_fail(err, KMS_ERR_INVALID,
				"key block: optional block %s: the length of its length is '%.2s', "
				"not 02",
				id, t + 4);
		len = hexadecimal(t + 6, 4);
		*ret_head = 10;
	}
	if (len < 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: optional block %s: its length is not in upper-case hexadecimal",
			id);
	if ((size_t)len < *ret_head || (size_t)len > b->len - at)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: optional block %s says it has %d characters; its head has %zu, "
			"and "
			"%zu are left",
			id, len, *ret_head, b->len - at);
	*ret_len = (size_t)len;
	return KMS_OK;
}

static enum kms_status check_option(const struct key_block_option *o, struct kms_err *err)
{
	const struct key_block_option_row *row = key_block_option_row(o->id);
	bool fits;

	if (!row)
		return KMS_OK;
	fits = o->len >= row->min && o->len <= row->max;
	if (row->form == KEY_BLOCK_HEX)
		fits = fits && o->len % 2 == 0 && all_hex(o->data, o->len);
	for (size_t i = 0; row->form == KEY_BLOCK_ALNUM && i < o->len; i++)
		fits = fits && is_alnum(o->data[i]);
	if (row->form == KEY_BLOCK_TIME)
		fits = fits && o->data[o->len - 1] == 'Z' && decimal(o->data, 4) >= 0;
	if (fits)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID,
		"key block: optional block %s (%s) has %zu characters that are not what it holds: "
		"%s",
		o->id, row->what, o->len, row->holds);
}

static enum kms_status read_option(struct key_block *b, size_t i, size_t *at, struct kms_err *err)
{
	struct key_block_option *o = &b->options[i];
	size_t len = 0, head = 0;
	enum kms_status st;

	if (b->len - *at < 4)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: it ends before optional block %zu of %zu", i + 1,
			b->option_count);
	memcpy(o->id, b->text + *at, 2);
	o->id[2] = 0;
	if (!is_upper_or_digit(o->id[0]) || !is_upper_or_digit(o->id[1]))
		return bad(err, "the name of an optional block", o->id, 2,
			"two upper-case letters or digits");
	for (size_t k = 0; k < i; k++)
		if (strcmp(b->options[k].id, o->id) == 0)
			return kms_fail(err, KMS_ERR_INVALID,
				"key block: optional block %s is there twice", o->id);
	st = read_option_len(b, *at, o->id, &len, &head, err);
	if (st)
		return st;
	o->data = b->text + *at + head;
	o->len = len - head;
	*at += len;
	return check_option(o, err);
}

/* ---- the rest ---- */

static enum kms_status read_rest(struct key_block *b, struct kms_err *err)
{
	const struct layout *l = layout_of(b->fields.version);
	size_t rest = b->len - b->header_len;

	b->mac_len = l->mac_len;
	if (rest < 2 * (size_t)l->mac_len + 2 * PAYLOAD_MIN)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: after the header there are %zu characters, too few for a key "
			"and a MAC of version %c",
			rest, b->fields.version);
	rest -= 2 * (size_t)l->mac_len;
	if (rest % (l->whole ? 2 * (size_t)l->block : 2))
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: the encrypted key has %zu digits, which are not whole blocks "
			"of %d",
			rest, l->whole ? 2 * l->block : 2);
	if (!all_hex(b->text + b->header_len, rest))
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: the encrypted key is not in upper-case hexadecimal");
	if (!all_hex(b->text + b->header_len + rest, 2 * (size_t)l->mac_len))
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: the MAC is not in upper-case hexadecimal");
	b->payload_len = rest / 2;
	return KMS_OK;
}

enum kms_status key_block_parse(
	const char *text, size_t len, struct key_block *ret_block, struct kms_err *err)
{
	struct key_block b = {.text = text, .len = len};
	size_t at = KEY_BLOCK_HEADER;
	enum kms_status st;

	if (len < KEY_BLOCK_HEADER)
		return kms_fail(err, KMS_ERR_INVALID,
			"key block: %zu characters are less than a header of %d", len,
			KEY_BLOCK_HEADER);
	if (len > KEY_BLOCK_TEXT_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "key block: %zu characters, at most %d", len,
			KEY_BLOCK_TEXT_MAX);
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7E)
			return kms_fail(err, KMS_ERR_INVALID,
				"key block: character %zu is not printable ASCII", i + 1);
	st = read_fields(&b, err);
	for (size_t i = 0; !st && i < b.option_count; i++)
		st = read_option(&b, i, &at, err);
	if (!st && (at - KEY_BLOCK_HEADER) % layout_of(b.fields.version)->block)
		st = kms_fail(err, KMS_ERR_INVALID,
			"key block: the optional blocks have %zu characters, which a padding block "
			"PB "
			"should bring to a multiple of %d",
			at - KEY_BLOCK_HEADER, layout_of(b.fields.version)->block);
	b.header_len = at;
	if (!st)
		st = read_rest(&b, err);
	if (!st)
		*ret_block = b;
	return st;
}

const struct key_block_option *key_block_option(const struct key_block *block, const char *id)
{
	for (size_t i = 0; i < block->option_count; i++)
		if (strcmp(block->options[i].id, id) == 0)
			return &block->options[i];
	return NULL;
}

/* ---- masters ---- */

char key_block_version(enum key_alg kbpk)
{
	return key_alg_is_aes(kbpk) ? 'D' : key_alg_is_tdes(kbpk) ? 'B' : 0;
}

char key_block_algorithm(enum key_alg alg)
{
	return key_alg_is_aes(alg) ? 'A' : key_alg_is_tdes(alg) ? 'T' : 0;
}

enum kms_status key_block_usage_check(const char *usage, struct kms_err *err)
{
	const bool own = strlen(usage) == 2 && decimal(usage, 2) >= 0;

	if (own || strcmp(usage, "B3") == 0 || strcmp(usage, "E5") == 0 || strcmp(usage, "E6") == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID, "'%.8s' is no key usage of a card master", usage);
	return kms_hint(err, "B3 (key derivation), E5 (card personalization), E6 (other EMV "
			     "master), or two digits agreed with the other side");
}

struct key_block_fields key_block_of_master(
	enum key_alg kbpk, enum key_alg alg, unsigned kvn, const char *usage, char exportability)
{
	static const char digits[] = "0123456789ABCDEF";

	return (struct key_block_fields){.version = key_block_version(kbpk),
		.usage = {usage[0], usage[1], 0},
		.algorithm = key_block_algorithm(alg),
		.mode = 'X',
		.number = {digits[kvn >> 4 & 15], digits[kvn & 15], 0},
		.exportability = exportability,
		.context = '0'};
}

static enum kms_status not_it(
	struct kms_err *err, const char *field, const char *is, const char *must)
{
	return kms_fail(err, KMS_ERR_DENIED, "the key block's %s is '%s', this key needs %s", field,
		is, must);
}

enum kms_status key_block_is_master(const struct key_block *block, enum key_alg kbpk,
	enum key_alg alg, unsigned kvn, const char *usage, struct kms_err *err)
{
	const struct key_block_fields *f = &block->fields;
	struct key_block_fields want =
		key_block_of_master(kbpk, alg, kvn, usage ? usage : KEY_BLOCK_USAGE_MASTER, 'N');
	const char version[] = {f->version, 0}, algorithm[] = {f->algorithm, 0};
	const char mode[] = {f->mode, 0}, must_version[] = {want.version, 0};
	const char must_algorithm[] = {want.algorithm, 0};

	if (f->version != want.version)
		return not_it(err, "version", version, must_version);
	if (strcmp(f->usage, want.usage) != 0 && (usage || strcmp(f->usage, "E5") != 0)) {
		not_it(err, "usage", f->usage, usage ? want.usage : "B3 or E5");
		return kms_hint(err, "a usage agreed with the sender is named by --usage");
	}
	if (f->algorithm != want.algorithm)
		return not_it(err, "algorithm", algorithm, must_algorithm);
	if (f->mode != 'X' && f->mode != 'N')
		return not_it(err, "mode of use", mode, "X (derives keys) or N");
	if (f->context == '1')
		return not_it(err, "key context", "1", "0 or 2: that one is for storage only");
	if (f->number[0] == 'c')
		return not_it(err, "key version number", f->number,
			"a whole key: this is one of a key's components");
	if (strcmp(f->number, "00") != 0 && strcmp(f->number, want.number) != 0) {
		char must[16];

		snprintf(must, sizeof(must), "00 or %s", want.number);
		return not_it(err, "key version number", f->number, must);
	}
	return KMS_OK;
}
