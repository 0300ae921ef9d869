/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in methods and recipes. The layouts of emv, visa2, visa and kdf3 are those of
 * GlobalPlatformPro (PlaintextKeys.kdf_templates) and those of AN10922 as libfreefare and
 * nxp-key-diversification have them; each is proved by the vectors in tests/vectors. EMV CPS 1.1
 * and AN10922 themselves were not read.
 */
#include "keys/div.h"

#include <stdio.h>
#include <string.h>

#define KDD(n)                 \
	{                      \
		KEY_DIV_KDD, n \
	}
#define BYTE(v)                 \
	{                       \
		KEY_DIV_BYTE, v \
	}
#define KEYNO                  \
	{                      \
		KEY_DIV_KEY, 0 \
	}
#define COUNTER                    \
	{                          \
		KEY_DIV_COUNTER, 0 \
	}

/* Six bytes of KDD, F0 or 0F, the key's number: twice. */
#define SIX_TWICE(a, b, c, d, e, f)                                                                \
	{                                                                                          \
		KDD(a), KDD(b), KDD(c), KDD(d), KDD(e), KDD(f), BYTE(0xF0), KEYNO, KDD(a), KDD(b), \
			KDD(c), KDD(d), KDD(e), KDD(f), BYTE(0x0F), KEYNO                          \
	}

enum { GP_KDD_LEN = 10 /* as in the answer to INITIALIZE UPDATE */ };

static const struct key_div methods[] = {
	{.name = "none", .built_in = true, .primitive = KEY_DIV_PRIM_NONE, .des_version = -1},
	{.name = "emv",
		.built_in = true,
		.primitive = KEY_DIV_TDES_ECB,
		.kdd_min = GP_KDD_LEN,
		.kdd_max = GP_KDD_LEN,
		.des_version = -1,
		.item_count = 16,
		.items = SIX_TWICE(4, 5, 6, 7, 8, 9)},
	{.name = "visa2",
		.built_in = true,
		.primitive = KEY_DIV_TDES_ECB,
		.kdd_min = GP_KDD_LEN,
		.kdd_max = GP_KDD_LEN,
		.des_version = -1,
		.item_count = 16,
		.items = SIX_TWICE(0, 1, 4, 5, 6, 7)},
	{.name = "visa",
		.built_in = true,
		.primitive = KEY_DIV_TDES_ECB,
		.kdd_min = GP_KDD_LEN,
		.kdd_max = GP_KDD_LEN,
		.des_version = -1,
		.item_count = 16,
		.items = SIX_TWICE(0, 1, 2, 3, 8, 9)},
	{.name = "kdf3",
		.built_in = true,
		.primitive = KEY_DIV_AES_CMAC,
		.kdd_min = GP_KDD_LEN,
		.kdd_max = GP_KDD_LEN,
		.des_version = -1,
		.item_count = 7,
		.items = {COUNTER, BYTE(0), BYTE(0), BYTE(0), KEYNO, BYTE(0),
			{KEY_DIV_KDD_ALL, 0}}},
	{.name = "an10922",
		.built_in = true,
		.primitive = KEY_DIV_AN10922,
		.kdd_min = 1,
		.kdd_max = 31,
		.des_version = -1},
};

enum { METHODS = sizeof(methods) / sizeof(methods[0]), AN10922_BLOCKS = 2 };

const struct key_div *key_div_at(size_t index)
{
	return index < METHODS ? &methods[index] : NULL;
}

const struct key_div *key_div_find(const char *name)
{
	for (size_t i = 0; i < METHODS; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* Bytes of DATA written out; every method takes KDDs of one length, or has no DATA (an10922). */
static size_t data_len(const struct key_div *div)
{
	size_t len = 0;

	for (size_t i = 0; i < div->item_count; i++) {
		if (div->items[i].op == KEY_DIV_KDD_ALL)
			len += div->kdd_max;
		else
			len += div->items[i].op == KEY_DIV_BITS ? 2 : 1;
	}
	return len;
}

static bool has_counter(const struct key_div *div)
{
	for (size_t i = 0; i < div->item_count; i++)
		if (div->items[i].op == KEY_DIV_COUNTER)
			return true;
	return false;
}

static bool fits(const struct key_div *div, const struct key_alg_info *info)
{
	bool tdes = info->family == KEY_FAMILY_TDES, aes = info->family == KEY_FAMILY_AES;

	if (!info->length)
		return false;
	switch (div->primitive) {
	case KEY_DIV_PRIM_NONE:
		return true;
	case KEY_DIV_TDES_ECB:
		return tdes && data_len(div) == info->length;
	case KEY_DIV_AES_ECB:
		return aes && data_len(div) == (info->length + 15) / 16 * 16;
	case KEY_DIV_TDES_CMAC:
		return tdes && has_counter(div);
	case KEY_DIV_AES_CMAC:
		return aes && (info->length <= info->block || has_counter(div));
	case KEY_DIV_AN10922:
		return tdes ? div->kdd_min < AN10922_BLOCKS * info->block : div->des_version < 0;
	}
	return false;
}

enum kms_status key_div_fits(const struct key_div *div, enum key_alg master, struct kms_err *err)
{
	char list[64] = "";
	size_t used = 0;

	if (fits(div, key_alg_info(master)))
		return KMS_OK;
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
		int n;

		if (!fits(div, key_alg_info(alg)))
			continue;
		n = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "",
			key_alg_name(alg));
		if (n > 0 && (size_t)n < sizeof(list) - used)
			used += (size_t)n;
	}
	kms_fail(err, KMS_ERR_INVALID, "%s masters cannot be diversified by '%s'",
		key_alg_name(master), div->name);
	return kms_hint(err, used ? "it goes with %s" : "it goes with no algorithm at all%s", list);
}

static enum kms_status check_kdd(
	const struct key_div *div, const struct key_alg_info *info, size_t len, struct kms_err *err)
{
	size_t max = div->kdd_max;

	if (div->primitive == KEY_DIV_AN10922 && max >= AN10922_BLOCKS * info->block)
		max = AN10922_BLOCKS * info->block - 1;
	if (len >= div->kdd_min && len <= max)
		return KMS_OK;
	if (div->kdd_min == max)
		return kms_fail(err, KMS_ERR_INVALID,
			"the key diversification data has %zu bytes, '%s' takes exactly %zu", len,
			div->name, max);
	return kms_fail(err, KMS_ERR_INVALID,
		"the key diversification data has %zu bytes, '%s' with %s takes %u to %zu", len,
		div->name, info->name, div->kdd_min, max);
}

static size_t expand(const struct key_div *div, const unsigned char *kdd, size_t kdd_len,
	unsigned key_number, unsigned counter, size_t bits, unsigned char *out)
{
	unsigned char *p = out;

	for (size_t i = 0; i < div->item_count; i++) {
		const struct key_div_item *item = &div->items[i];

		switch ((enum key_div_op)item->op) {
		case KEY_DIV_BYTE:
			*p++ = item->arg;
			break;
		case KEY_DIV_KDD:
			*p++ = kdd[item->arg];
			break;
		case KEY_DIV_KDD_ALL:
			memcpy(p, kdd, kdd_len);
			p += kdd_len;
			break;
		case KEY_DIV_KEY:
			*p++ = (unsigned char)(key_number + item->arg);
			break;
		case KEY_DIV_COUNTER:
			*p++ = (unsigned char)counter;
			break;
		case KEY_DIV_BITS:
			*p++ = (unsigned char)(bits >> 8);
			*p++ = (unsigned char)bits;
			break;
		}
	}
	return (size_t)(p - out);
}

/* Equal plain blocks give equal cipher blocks: a TDEA key whose halves are equal is single DES. */
static enum kms_status check_blocks(const struct key_div *div, const struct key_recipe *r,
	const struct key_alg_info *info, struct kms_err *err)
{
	const unsigned char *data = r->data[0];

	for (size_t i = info->block; i < r->len; i += info->block)
		for (size_t j = 0; j < i; j += info->block)
			if (memcmp(data + i, data + j, info->block) == 0)
				return kms_fail(err, KMS_ERR_INVALID,
					"'%s' gives a key of equal parts for these diversification "
					"data",
					div->name);
	return KMS_OK;
}

/* The constants that AN10922 puts before the input, one for each block of output. */
static unsigned an10922_constant(enum key_alg alg)
{
	switch (alg) {
	case KEY_TDEA2:
		return 0x21;
	case KEY_TDEA3:
		return 0x31;
	case KEY_AES192:
		return 0x11;
	case KEY_AES256:
		return 0x41;
	default:
		return 0x01;
	}
}

/* Constant ‖ input, filled to exactly two blocks: with subkey K2 if anything was filled in. */
static void an10922(enum key_alg alg, const unsigned char *kdd, size_t kdd_len,
	const struct key_alg_info *info, struct key_recipe *r)
{
	r->kind = alg == KEY_AES192 ? KEY_RECIPE_MIX : KEY_RECIPE_CMAC;
	r->count = (r->out_len + info->block - 1) / info->block;
	r->len = AN10922_BLOCKS * info->block;
	r->padded = kdd_len + 1 < r->len;
	for (size_t i = 0; i < r->count; i++) {
		unsigned char *m = r->data[i];

		memset(m, 0, r->len);
		m[0] = (unsigned char)(an10922_constant(alg) + i);
		memcpy(m + 1, kdd, kdd_len);
		if (r->padded)
			m[1 + kdd_len] = 0x80;
	}
}

enum kms_status key_div_recipe(const struct key_div *div, enum key_alg master, enum key_role role,
	const void *kdd, size_t kdd_len, struct key_recipe *ret_recipe, struct kms_err *err)
{
	const struct key_alg_info *info = key_alg_info(master);
	unsigned number = key_role_number(role);
	struct key_recipe *r = ret_recipe;
	enum kms_status st;

	if (!number)
		return kms_fail(err, KMS_ERR_INVALID, "a key of role %s is not diversified",
			key_role_name(role));
	st = fits(div, info) ? KMS_OK : key_div_fits(div, master, err);
	if (!st && div->primitive != KEY_DIV_PRIM_NONE)
		st = check_kdd(div, info, kdd_len, err);
	if (st)
		return st;
	r->kind = KEY_RECIPE_COPY;
	r->alg = master;
	r->out_len = info->length;
	r->count = 1;
	r->len = 0;
	r->padded = false;
	r->des_version = div->des_version;
	switch (div->primitive) {
	case KEY_DIV_PRIM_NONE:
		break;
	case KEY_DIV_TDES_ECB:
	case KEY_DIV_AES_ECB:
		r->kind = KEY_RECIPE_ECB;
		r->len = expand(div, kdd, kdd_len, number, 0, info->length * 8, r->data[0]);
		return check_blocks(div, r, info, err);
	case KEY_DIV_TDES_CMAC:
	case KEY_DIV_AES_CMAC:
		r->kind = KEY_RECIPE_CMAC;
		r->count = (info->length + info->block - 1) / info->block;
		for (size_t i = 0; i < r->count; i++)
			r->len = expand(div, kdd, kdd_len, number, (unsigned)i + 1,
				info->length * 8, r->data[i]);
		break;
	case KEY_DIV_AN10922:
		an10922(master, kdd, kdd_len, info, r);
		break;
	}
	return KMS_OK;
}
