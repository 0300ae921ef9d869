/* SPDX-License-Identifier: Apache-2.0 */
/* Declared diversification methods and the text form of all. */
#include "keys/div.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEFAULT_KDD_LEN = 10, TOKEN_MAX = 2 * KEY_DIV_DATA_MAX + 2 };

static const struct {
	const char *name;
	enum key_div_primitive primitive;
} primitives[] = {
	{"tdes-ecb", KEY_DIV_TDES_ECB},
	{"aes-ecb", KEY_DIV_AES_ECB},
	{"tdes-cmac", KEY_DIV_TDES_CMAC},
	{"aes-cmac", KEY_DIV_AES_CMAC},
	{"an10922", KEY_DIV_AN10922},
};

enum { PRIMITIVES = sizeof(primitives) / sizeof(primitives[0]) };

static const char *primitive_name(enum key_div_primitive primitive)
{
	for (size_t i = 0; i < PRIMITIVES; i++)
		if (primitives[i].primitive == primitive)
			return primitives[i].name;
	return "none";
}

static enum kms_status check_name(const char *name, struct kms_err *err)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._-";
	size_t len = strlen(name);

	if (len == 0 || len > KEY_DIV_NAME_MAX || strspn(name, chars) != len ||
		strchr("._-", name[0]))
		return kms_fail(err, KMS_ERR_INVALID,
			"'%.40s' is no name for a diversification method: 1 to %d letters, digits, "
			"'.', '_', '-', a letter or digit first",
			name, KEY_DIV_NAME_MAX);
	for (size_t i = 0; key_div_at(i); i++)
		if (strcasecmp(key_div_at(i)->name, name) == 0)
			return kms_fail(err, KMS_ERR_EXISTS,
				"diversification method '%s' is built in and cannot be declared",
				name);
	return KMS_OK;
}

static enum kms_status add(
	struct key_div *div, enum key_div_op op, unsigned arg, struct kms_err *err)
{
	if (div->item_count == KEY_DIV_ITEMS_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': more than %d items of data", div->name,
			KEY_DIV_ITEMS_MAX);
	div->items[div->item_count++] =
		(struct key_div_item){(unsigned char)op, (unsigned char)arg};
	return KMS_OK;
}

static enum kms_status bad_item(const struct key_div *div, const char *token, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_INVALID, "diversification '%s': '%.40s' means nothing here",
		div->name, token);
	return kms_hint(err, "data is made of hex bytes, $0 to $%d, $kdd, $k, $k+HH, $i and $L",
		div->kdd_max - 1);
}

static enum kms_status add_hex(struct key_div *div, const char *token, struct kms_err *err)
{
	const char *hex = strncmp(token, "0x", 2) == 0 ? token + 2 : token;
	size_t len = strlen(hex);
	enum kms_status st = KMS_OK;

	if (len == 0 || len % 2)
		return bad_item(div, token, err);
	for (size_t i = 0; !st && i < len; i += 2) {
		int high = hex_digit((unsigned char)hex[i]);
		int low = hex_digit((unsigned char)hex[i + 1]);

		if (high < 0 || low < 0)
			return bad_item(div, token, err);
		st = add(div, KEY_DIV_BYTE, (unsigned)(high << 4 | low), err);
	}
	return st;
}

static enum kms_status add_token(struct key_div *div, const char *token, struct kms_err *err)
{
	size_t len = strlen(token);
	unsigned n = 0;

	if (token[0] != '$')
		return add_hex(div, token, err);
	if (strcmp(token, "$kdd") == 0)
		return add(div, KEY_DIV_KDD_ALL, 0, err);
	if (strcmp(token, "$k") == 0)
		return add(div, KEY_DIV_KEY, 0, err);
	if (strcmp(token, "$i") == 0)
		return add(div, KEY_DIV_COUNTER, 0, err);
	if (strcmp(token, "$L") == 0)
		return add(div, KEY_DIV_BITS, 0, err);
	if (strncmp(token, "$k+", 3) == 0) {
		int high = len == 5 ? hex_digit((unsigned char)token[3]) : -1;
		int low = len == 5 ? hex_digit((unsigned char)token[4]) : -1;

		/* The key's number goes up to 3: it must not wrap around. */
		if (high < 0 || low < 0 || (high << 4 | low) > 0xFC)
			return bad_item(div, token, err);
		return add(div, KEY_DIV_KEY, (unsigned)(high << 4 | low), err);
	}
	if (len < 2 || len > 3 || strspn(token + 1, "0123456789") != len - 1 ||
		(len == 3 && token[1] == '0'))
		return bad_item(div, token, err);
	n = (unsigned)atoi(token + 1);
	if (n >= div->kdd_max)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': $%u is past the end of diversification data of %u "
			"bytes",
			div->name, n, div->kdd_max);
	return add(div, KEY_DIV_KDD, n, err);
}

static enum kms_status add_data(struct key_div *div, const char *data, struct kms_err *err)
{
	char token[TOKEN_MAX + 1];
	enum kms_status st = KMS_OK;

	while (!st) {
		size_t len;

		data += strspn(data, " \t");
		len = strcspn(data, " \t");
		if (len == 0)
			break;
		if (len > TOKEN_MAX)
			return kms_fail(err, KMS_ERR_INVALID,
				"diversification '%s': more than %d bytes of data", div->name,
				KEY_DIV_DATA_MAX);
		memcpy(token, data, len);
		token[len] = 0;
		data += len;
		st = add_token(div, token, err);
	}
	return st;
}

static enum kms_status check_items(const struct key_div *div, struct kms_err *err)
{
	bool ecb = div->primitive == KEY_DIV_TDES_ECB || div->primitive == KEY_DIV_AES_ECB;
	bool kdd = false, counter = false;
	size_t len = 0;

	for (size_t i = 0; i < div->item_count; i++) {
		unsigned op = div->items[i].op;

		kdd |= op == KEY_DIV_KDD || op == KEY_DIV_KDD_ALL;
		counter |= op == KEY_DIV_COUNTER;
		len += op == KEY_DIV_KDD_ALL ? div->kdd_max : op == KEY_DIV_BITS ? 2 : 1;
	}
	if (!kdd)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': the data does not depend on the card's "
			"diversification data, so all cards would get the same keys",
			div->name);
	if (len > KEY_DIV_DATA_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': %zu bytes of data, at most %d fit", div->name, len,
			KEY_DIV_DATA_MAX);
	if (ecb && counter)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': $i has no meaning with %s", div->name,
			primitive_name(div->primitive));
	return KMS_OK;
}

/* A method that no algorithm can use is a mistake of the one who declares it. */
static enum kms_status check_usable(const struct key_div *div, struct kms_err *err)
{
	struct kms_err none = {0};

	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++)
		if (key_div_fits(div, alg, &none) == KMS_OK)
			return KMS_OK;
	kms_fail(
		err, KMS_ERR_INVALID, "diversification '%s' goes with no key algorithm", div->name);
	return kms_hint(err, "%s",
		div->primitive == KEY_DIV_TDES_ECB  ? "tdes-ecb takes 16 bytes of data for tdea2, "
						      "24 for tdea3"
		: div->primitive == KEY_DIV_AES_ECB ? "aes-ecb takes 16 bytes of data for aes128, "
						      "32 for aes192 and aes256"
						    : "the data needs $i, the block counter");
}

enum kms_status key_div_declare(const char *name, const char *primitive, int kdd_len, int version,
	const char *data, struct key_div *ret_div, struct kms_err *err)
{
	struct key_div div = {.des_version = (short)version};
	enum kms_status st;
	bool an10922;

	st = check_name(name, err);
	if (st)
		return st;
	memcpy(div.name, name, strlen(name) + 1);
	for (size_t i = 0; i < PRIMITIVES; i++)
		if (strcmp(primitives[i].name, primitive) == 0)
			div.primitive = primitives[i].primitive;
	if (div.primitive == KEY_DIV_PRIM_NONE) {
		kms_fail(err, KMS_ERR_INVALID, "diversification '%s': '%.40s' is no primitive",
			name, primitive);
		return kms_hint(err, "one of: tdes-ecb, aes-ecb, tdes-cmac, aes-cmac, an10922");
	}
	an10922 = div.primitive == KEY_DIV_AN10922;
	if (kdd_len == 0 || kdd_len < -1 || kdd_len > (an10922 ? 31 : KEY_DIV_KDD_MAX))
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': diversification data of %d bytes, 1 to %d can be",
			name, kdd_len, an10922 ? 31 : KEY_DIV_KDD_MAX);
	if (version < -1 || version > 0xFF || (version >= 0 && !an10922))
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': a DES key version is one byte and goes with an10922 "
			"only",
			name);
	div.kdd_max = (unsigned char)(kdd_len > 0 ? kdd_len : an10922 ? 31 : DEFAULT_KDD_LEN);
	div.kdd_min = an10922 && kdd_len < 0 ? 1 : div.kdd_max;
	st = add_data(&div, data, err);
	if (st)
		return st;
	if (an10922 && div.item_count)
		return kms_fail(err, KMS_ERR_INVALID,
			"diversification '%s': an10922 makes its own data", name);
	if (!an10922)
		st = check_items(&div, err);
	if (!st)
		st = check_usable(&div, err);
	if (!st)
		*ret_div = div;
	return st;
}

/* Takes "key=value" off the text if it comes next; value is copied out. */
static bool take_option(const char **text, const char *key, char *value, size_t size)
{
	const char *p = *text + strspn(*text, " ");
	size_t key_len = strlen(key), len;

	if (strncmp(p, key, key_len) != 0)
		return false;
	p += key_len;
	len = strcspn(p, " ");
	if (len == 0 || len >= size)
		return false;
	memcpy(value, p, len);
	value[len] = 0;
	*text = p + len;
	return true;
}

static enum kms_status parse_parts(
	const char *name, const char *text, struct key_div *ret_div, struct kms_err *err)
{
	char primitive[16] = "", value[4];
	int kdd = -1, version = -1;

	if (!take_option(&text, "", primitive, sizeof(primitive)))
		return kms_fail(
			err, KMS_ERR_INVALID, "diversification '%s': no primitive after '('", name);
	if (take_option(&text, "kdd=", value, sizeof(value)))
		kdd = strspn(value, "0123456789") == strlen(value) ? atoi(value) : 0;
	if (take_option(&text, "version=", value, sizeof(value)))
		version = strlen(value) == 2 && hex_digit((unsigned char)value[0]) >= 0 &&
					  hex_digit((unsigned char)value[1]) >= 0
				  ? hex_digit((unsigned char)value[0]) << 4 |
					    hex_digit((unsigned char)value[1])
				  : 0x100;
	return key_div_declare(name, primitive, kdd, version, text, ret_div, err);
}

enum kms_status key_div_parse(const char *text, struct key_div *ret_div, struct kms_err *err)
{
	const struct key_div *method = key_div_find(text);
	size_t len = strlen(text), name_len = strcspn(text, "(");
	char copy[KEY_DIV_TEXT_SIZE], *parts;

	if (method) {
		*ret_div = *method;
		return KMS_OK;
	}
	if (len >= sizeof(copy))
		return kms_fail(
			err, KMS_ERR_INVALID, "a diversification method of %zu characters", len);
	if (name_len == len) {
		kms_fail(err, KMS_ERR_INVALID, "'%.40s' is no diversification method", text);
		return kms_hint(err, "one of: none, emv, visa2, visa, kdf3, an10922, or one that "
				     "the site declares");
	}
	if (text[len - 1] != ')')
		return kms_fail(
			err, KMS_ERR_INVALID, "diversification '%.40s' lacks its ')'", text);
	memcpy(copy, text, len);
	copy[len - 1] = 0;
	copy[name_len] = 0;
	parts = copy + name_len + 1;
	return parse_parts(copy, parts, ret_div, err);
}

static int print_item(const struct key_div_item *item, char *out, size_t size)
{
	switch ((enum key_div_op)item->op) {
	case KEY_DIV_BYTE:
		return snprintf(out, size, " %02X", item->arg);
	case KEY_DIV_KDD:
		return snprintf(out, size, " $%u", item->arg);
	case KEY_DIV_KDD_ALL:
		return snprintf(out, size, " $kdd");
	case KEY_DIV_KEY:
		return item->arg ? snprintf(out, size, " $k+%02X", item->arg)
				 : snprintf(out, size, " $k");
	case KEY_DIV_COUNTER:
		return snprintf(out, size, " $i");
	case KEY_DIV_BITS:
		return snprintf(out, size, " $L");
	}
	return 0;
}

void key_div_print(const struct key_div *div, char ret_text[KEY_DIV_TEXT_SIZE])
{
	char *p = ret_text, *end = ret_text + KEY_DIV_TEXT_SIZE;

	if (div->built_in) {
		snprintf(ret_text, KEY_DIV_TEXT_SIZE, "%s", div->name);
		return;
	}
	/* It always fits: 64 items of at most 6 characters and 60 for the rest. */
	p += snprintf(p, (size_t)(end - p), "%s(%s", div->name, primitive_name(div->primitive));
	if (div->kdd_min == div->kdd_max)
		p += snprintf(p, (size_t)(end - p), " kdd=%u", div->kdd_max);
	if (div->des_version >= 0)
		p += snprintf(p, (size_t)(end - p), " version=%02X", (unsigned)div->des_version);
	for (size_t i = 0; i < div->item_count; i++)
		p += print_item(&div->items[i], p, (size_t)(end - p));
	snprintf(p, (size_t)(end - p), ")");
}
