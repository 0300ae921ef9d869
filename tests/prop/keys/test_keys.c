/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "keys/component.h"
#include "keys/des.h"
#include "keys/div.h"
#include "keys/kcv.h"
#include "keys/plan.h"
#include "keys/wrap.h"
#include "support/expect.h"
#include "support/forall.h"

#include <ctype.h>
#include <stdio.h>

static struct kms_err err;

static enum key_alg any_alg(struct forall *f)
{
	return (enum key_alg)forall_between(f, KEY_TDEA2, KEY_AES256);
}

static void any_secret(struct forall *f, size_t len, struct secret *ret)
{
	expect_ok(&err, secret_alloc(ret, len, &err));
	forall_bytes(f, ret->data, len);
}

static bool hex_round_trip(struct forall *f)
{
	unsigned char data[64], back[64];
	char text[129], spaced[400];
	size_t len = forall_below(f, sizeof(data)), used = 0, got = 0;

	forall_bytes(f, data, len);
	hex_encode(data, len, text);
	if (!hex_decode_strict(text, back, len) || memcmp(data, back, len) != 0)
		return false;
	for (const char *p = text; *p; p++) {
		spaced[used++] = forall_coin(f) ? (char)tolower((unsigned char)*p) : *p;
		if (forall_below(f, 4) == 0)
			spaced[used++] = " :\t"[forall_below(f, 3)];
	}
	memset(back, 0x5A, sizeof(back));
	if (hex_decode(spaced, used, "text", back, len, &got, &err) || got != len ||
		memcmp(data, back, len) != 0)
		return false;
	/* One digit less, or one byte of room less, is refused. */
	return len == 0 || (hex_decode(text, 2 * len - 1, "text", back, len, &got, &err) &&
				   hex_decode(text, 2 * len, "text", back, len - 1, &got, &err));
}

static bool wrap_round_trip(struct forall *f)
{
	enum key_wrapping how = (enum key_wrapping)forall_between(f, KEY_WRAP_AES_KW, KEY_WRAP_CBC);
	SECRET_AUTO struct secret kek = {0}, key = {0}, back = {0};
	BUF_AUTO struct buf out = {0};
	enum key_alg alg = any_alg(f);
	enum kms_status st;
	size_t len = forall_between(f, 1, 100), at;

	forall_note(f, "%s %s %zu", key_wrapping_name(how), key_alg_name(alg), len);
	any_secret(f, key_alg_info(alg)->length, &kek);
	any_secret(f, len, &key);
	st = key_wrap(how, alg, &kek, &key, &out, &err);
	if (key_wrapped_len(how, alg, len) == 0)
		return st == KMS_ERR_INVALID;
	if (st || out.len != key_wrapped_len(how, alg, len) ||
		key_unwrap(how, alg, &kek, out.data, out.len, len, &back, &err) ||
		!secret_equal(&key, &back))
		return false;
	at = forall_below(f, out.len);
	out.data[at] = (char)(out.data[at] ^ (1 << forall_below(f, 8)));
	secret_free(&back);
	st = key_unwrap(how, alg, &kek, out.data, out.len, len, &back, &err);
	return key_wrapping_has_integrity(how) ? st == KMS_ERR_MISMATCH && !back.data
					       : st || !secret_equal(&key, &back);
}

static bool combine_any_order(struct forall *f)
{
	struct secret parts[KEY_COMPONENTS_MAX] = {{0}};
	SECRET_AUTO struct secret one = {0}, other = {0};
	size_t count = forall_between(f, KEY_COMPONENTS_MIN, KEY_COMPONENTS_MAX);
	enum key_alg alg = any_alg(f);
	bool ok;

	forall_note(f, "%s, %zu components", key_alg_name(alg), count);
	for (size_t i = 0; i < count; i++) {
		any_secret(f, key_alg_info(alg)->length, &parts[i]);
		if (forall_coin(f)) /* components with and without parity */
			key_des_set_parity(parts[i].data, parts[i].len);
	}
	ok = key_combine(alg, parts, count, &one, &err) == KMS_OK;
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = forall_below(f, i + 1);
		struct secret swap = parts[i];

		parts[i] = parts[j];
		parts[j] = swap;
	}
	ok = ok && key_combine(alg, parts, count, &other, &err) == KMS_OK &&
	     secret_equal(&one, &other);
	ok = ok && (!key_alg_is_tdes(alg) || key_des_parity_ok(one.data, one.len));
	for (size_t i = 0; i < count; i++)
		secret_free(&parts[i]);
	return ok;
}

/* Parity bits change neither check values nor verdicts. */
static bool parity_is_ignored(struct forall *f)
{
	enum key_alg alg = forall_coin(f) ? KEY_TDEA2 : KEY_TDEA3;
	SECRET_AUTO struct secret key = {0}, twin = {0};
	struct key_kcv a, b;

	any_secret(f, key_alg_info(alg)->length, &key);
	expect_ok(&err, secret_copy(&twin, key.data, key.len, &err));
	key.data[forall_below(f, key.len)] ^= 1;
	key_des_set_parity(twin.data, twin.len);
	expect_ok(&err, key_kcv_default(alg, &key, &a, &err));
	expect_ok(&err, key_kcv_default(alg, &twin, &b, &err));
	if (!key_same(alg, &key, &twin) || !key_kcv_same(&a, &b))
		return false;
	twin.data[forall_below(f, twin.len)] ^= 0x40;
	return !key_same(alg, &key, &twin);
}

static void any_item(struct forall *f, size_t kdd, char *out, size_t size)
{
	switch (forall_below(f, 6)) {
	case 0:
		snprintf(out, size, "$%zu", forall_below(f, kdd));
		break;
	case 1:
		snprintf(out, size, "$k");
		break;
	case 2:
		snprintf(out, size, "$k+%02zX", forall_below(f, 0xFD));
		break;
	case 3:
		snprintf(out, size, "$L");
		break;
	case 4:
		snprintf(out, size, "$i");
		break;
	default:
		snprintf(out, size, "%02zx", forall_below(f, 256));
		break;
	}
}

static void any_method(struct forall *f, struct key_div *ret_div)
{
	char data[256] = "$i $0", item[16];
	size_t kdd = forall_between(f, 1, KEY_DIV_KDD_MAX);

	if (forall_below(f, 3) == 0) {
		*ret_div = *key_div_at(forall_below(f, 6));
		return;
	}
	for (size_t i = forall_below(f, 24); i; i--) {
		any_item(f, kdd, item, sizeof(item));
		strcat(data, " ");
		strcat(data, item);
	}
	expect_ok(&err, key_div_declare("x", forall_coin(f) ? "aes-cmac" : "tdes-cmac", (int)kdd,
				-1, data, ret_div, &err));
}

static bool method_text_round_trip(struct forall *f)
{
	char text[KEY_DIV_TEXT_SIZE];
	struct key_div div, back;

	any_method(f, &div);
	key_div_print(&div, text);
	forall_note(f, "%s", text);
	return key_div_parse(text, &back, &err) == KMS_OK && memcmp(&div, &back, sizeof(div)) == 0;
}

/* The same input gives the same key; another KDD, role or master another one. */
static bool derivation_depends(struct forall *f)
{
	SECRET_AUTO struct secret master = {0}, one = {0}, again = {0}, other = {0};
	unsigned char kdd[KEY_DIV_KDD_MAX];
	struct key_recipe r, s;
	const struct key_div *div;
	enum key_alg alg;
	size_t len;

	do {
		alg = any_alg(f);
		div = key_div_at(forall_between(f, 1, 5));
	} while (key_div_fits(div, alg, &err));
	len = strcmp(div->name, "an10922") ? 10
					   : forall_between(f, 1, key_alg_info(alg)->block * 2 - 1);
	forall_note(f, "%s %s %zu", div->name, key_alg_name(alg), len);
	forall_bytes(f, kdd, len);
	any_secret(f, key_alg_info(alg)->length, &master);
	memset(&r, 0x00, sizeof(r));
	memset(&s, 0xFF, sizeof(s)); /* nothing of the old contents counts */
	expect_ok(&err, key_div_recipe(div, alg, KEY_ROLE_MAC, kdd, len, &r, &err));
	expect_ok(&err, key_div_recipe(div, alg, KEY_ROLE_MAC, kdd, len, &s, &err));
	expect_ok(&err, key_div_clear(&r, &master, &one, &err));
	expect_ok(&err, key_div_clear(&s, &master, &again, &err));
	if (one.len != master.len || !secret_equal(&one, &again))
		return false;
	/* Bytes 4 and 5 are in emv and visa2, 8 and 9 in visa: 4 or 8 is in each. */
	kdd[len == 10 && div == key_div_find("visa") ? 8 : len == 10 ? 4 : len - 1] ^= 1;
	expect_ok(&err, key_div_recipe(div, alg, KEY_ROLE_MAC, kdd, len, &s, &err));
	expect_ok(&err, key_div_clear(&s, &master, &other, &err));
	if (secret_equal(&one, &other))
		return false;
	master.data[0] ^= 2;
	expect_ok(&err, key_div_clear(&r, &master, &other, &err));
	return !secret_equal(&one, &other);
}

/* No two (key set, role) give one label, and the label gives them back. */
static bool label_round_trip(struct forall *f)
{
	static const char chars[] = "AENCMKE019.-_a";
	char name[2][KEY_SET_NAME_MAX + 1], label[2][KEY_LABEL_MAX + 1];
	char back[KEY_SET_NAME_MAX + 1];
	enum key_role role[2], got;

	for (size_t i = 0; i < 2; i++) {
		do {
			forall_text(
				f, chars, forall_between(f, 1, forall_coin(f) ? 5 : 29), name[i]);
		} while (key_set_name_check(name[i], &err));
		role[i] = (enum key_role)forall_between(f, KEY_ROLE_ENC, KEY_ROLE_KEK);
		expect_ok(&err, key_label(name[i], role[i], label[i], &err));
		forall_note(f, "%s %s %s", name[i], key_role_name(role[i]), label[i]);
		if (key_label_check(label[i], "label", &err) ||
			!key_label_split(label[i], back, &got) || got != role[i] ||
			strcmp(back, name[i]) != 0)
			return false;
	}
	return (strcmp(label[0], label[1]) == 0) ==
	       (strcmp(name[0], name[1]) == 0 && role[0] == role[1]);
}

/* Any text that splits is a label that key_label makes. */
static bool split_is_exact(struct forall *f)
{
	char text[KEY_LABEL_MAX + 8], set[KEY_SET_NAME_MAX + 1], label[KEY_LABEL_MAX + 1];
	enum key_role role;

	forall_text(f, "ENCMAK012.-", forall_below(f, KEY_LABEL_MAX + 4), text);
	forall_note(f, "%s", text);
	if (!key_label_split(text, set, &role))
		return true;
	return key_label(set, role, label, &err) == KMS_OK && strcmp(label, text) == 0;
}

static const char *const plan_lines[] = {"[plan]", "name = p", "[keyset \"S1\"]",
	"algorithm = aes128", "diversification = t", "key-version = 0x20", "export = partner",
	"cryptoperiod = 1 year", "customer = Bank", "[diversification \"t\"]",
	"primitive = aes-cmac", "kdd-length = 8", "data = $i 00 $k $kdd"};

enum { PLAN_LINES = sizeof(plan_lines) / sizeof(plan_lines[0]) };

/* One letter of one entry's or section's name changed, dropped or doubled. */
static bool plan_refuses_unknown(struct forall *f)
{
	size_t line = forall_below(f, PLAN_LINES), word, at, used = 0;
	KEY_PLAN_AUTO struct key_plan plan = {0};
	char text[1024], mutant[80];
	const char *from = plan_lines[line];
	bool section = *from == '[';

	word = section ? strcspn(from + 1, "\"] ") : strcspn(from, " ");
	at = forall_below(f, word) + section;
	strcpy(mutant, from);
	switch (forall_below(f, 3)) {
	case 0:
		do {
			mutant[at] = "abcdefghijklmnopqrstuvwxyzABCXYZ0-"[forall_below(f, 34)];
		} while (mutant[at] == from[at]);
		break;
	case 1:
		memmove(mutant + at, mutant + at + 1, strlen(mutant + at));
		break;
	default:
		memmove(mutant + at + 1, mutant + at, strlen(mutant + at) + 1);
		break;
	}
	for (size_t i = 0; i < PLAN_LINES; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
			i == line ? mutant : plan_lines[i]);
	forall_note(f, "%s", mutant);
	if (key_plan_parse("p", text, used, &plan, &err) == KMS_OK)
		return false;
	/* The control: the text as it was is accepted. */
	used = 0;
	for (size_t i = 0; i < PLAN_LINES; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", plan_lines[i]);
	return key_plan_parse("p", text, used, &plan, &err) == KMS_OK && plan.count == 1;
}

#define PROPERTY(name, cases)                 \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		forall(#name, cases, name);   \
	}

PROPERTY(hex_round_trip, 2000)
PROPERTY(wrap_round_trip, 2000)
PROPERTY(combine_any_order, 1000)
PROPERTY(parity_is_ignored, 1000)
PROPERTY(method_text_round_trip, 2000)
PROPERTY(derivation_depends, 500)
PROPERTY(label_round_trip, 3000)
PROPERTY(split_is_exact, 3000)
PROPERTY(plan_refuses_unknown, 1000)

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_round_trip),
		cmocka_unit_test(test_wrap_round_trip),
		cmocka_unit_test(test_combine_any_order),
		cmocka_unit_test(test_parity_is_ignored),
		cmocka_unit_test(test_method_text_round_trip),
		cmocka_unit_test(test_derivation_depends),
		cmocka_unit_test(test_label_round_trip),
		cmocka_unit_test(test_split_is_exact),
		cmocka_unit_test(test_plan_refuses_unknown),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
