/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for cards: masters that stay open from card to card, and a vendor's initial keys. */
#include "ops/card_keys.h"

#include "base/hex.h"
#include "ops/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MASTERS_MAX = 16, TOLD_MAX = 16 };

struct op_card_line {
	struct {
		struct op_card_masters *masters;
		enum op_card_use use;
	} open[MASTERS_MAX];
	size_t count;
	char told[TOLD_MAX][CARD_PROFILE_NAME_MAX + 1]; /* profiles whose test keys were told of */
	size_t told_count;
};

enum kms_status op_card_line_open(struct op_card_line **ret_line, struct kms_err *err)
{
	struct op_card_line *line = calloc(1, sizeof(*line));

	if (!line)
		return kms_nomem(err);
	*ret_line = line;
	return KMS_OK;
}

void op_card_line_close(struct op_card_line *line)
{
	if (!line)
		return;
	for (size_t i = 0; i < line->count; i++)
		op_card_masters_free(line->open[i].masters);
	free(line);
}

enum kms_status op_card_line_masters(struct op_card_line *line, struct op *op, const char *keyset,
	enum op_card_use use, struct op_card_masters **ret_borrowed, struct kms_err *err)
{
	enum kms_status st;

	for (size_t i = 0; i < line->count; i++) {
		if (line->open[i].use == use &&
			strcmp(op_card_masters_info(line->open[i].masters)->keyset, keyset) == 0) {
			*ret_borrowed = line->open[i].masters;
			return KMS_OK;
		}
	}
	if (line->count == MASTERS_MAX)
		return kms_fail(err, KMS_ERR_STATE, "more than %d key sets at once", MASTERS_MAX);
	st = op_card_masters_open(op->site, op, keyset, use, &line->open[line->count].masters, err);
	if (st)
		return st;
	line->open[line->count].use = use;
	*ret_borrowed = line->open[line->count++].masters;
	return KMS_OK;
}

enum kms_status op_card_line_derive(struct op_card_line *line, struct op *op, const char *keyset,
	enum op_card_use use, const char *kdd_hex, struct card_keys **ret_keys, struct kms_err *err)
{
	struct op_card_masters *masters;
	unsigned char kdd[CARD_KDD_MAX];
	size_t len = strlen(kdd_hex) / 2;
	enum kms_status st = op_card_line_masters(line, op, keyset, use, &masters, err);

	if (st)
		return st;
	if (len > sizeof(kdd) || !hex_decode_strict(kdd_hex, kdd, len))
		return kms_fail(err, KMS_ERR_STORE, "damaged diversification data of '%s'", keyset);
	return op_card_keys_derive(masters, kdd, len, ret_keys, err);
}

/* ---- initial keys ---- */

static const struct {
	const char *name, *prompt;
} asked[CARD_ROLES] = {
	{"initial.enc", "initial ENC key of the card (hex)"},
	{"initial.mac", "initial MAC key of the card (hex)"},
	{"initial.kek", "initial KEK (DEK) of the card (hex)"},
};

static void keys_wipe(struct secret keys[CARD_ROLES])
{
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
}

static enum kms_status decode_key(
	const struct secret *text, const char *what, struct secret *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	SECRET_AUTO struct secret exact = {0};
	size_t len;
	enum kms_status st = secret_alloc(&key, CARD_KEY_MAX, err);

	if (!st)
		st = hex_decode(
			(const char *)text->data, text->len, what, key.data, key.len, &len, err);
	if (!st)
		st = secret_copy(&exact, key.data, len, err);
	if (!st)
		secret_take(ret_key, &exact);
	return st;
}

static enum kms_status ask_keys(
	struct op_site *site, struct secret keys[CARD_ROLES], struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < CARD_ROLES; i++) {
		SECRET_AUTO struct secret text = {0};

		st = op_ask_secret(site, asked[i].name, asked[i].prompt, &text, err);
		if (!st)
			st = decode_key(&text, asked[i].name, &keys[i], err);
	}
	return st;
}

/* They are printed in a vendor's manual, so they are no secret; they are treated as one. */
static enum kms_status test_keys(
	const struct card_profile *profile, struct secret keys[CARD_ROLES], struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < CARD_ROLES; i++) {
		const struct secret text = {.data = (unsigned char *)profile->test_keys[i],
			.len = strlen(profile->test_keys[i])};

		st = decode_key(&text, "test key", &keys[i], err);
	}
	return st;
}

/* Once for each profile, not for each card; the log has it for each. */
static void tell_of_test_keys(struct op_card_line *line, struct op_site *site, const char *profile)
{
	for (size_t i = 0; i < line->told_count; i++)
		if (strcmp(line->told[i], profile) == 0)
			return;
	if (line->told_count < TOLD_MAX)
		snprintf(line->told[line->told_count++], sizeof(line->told[0]), "%s", profile);
	op_say(site,
		"note: cards are opened with the public test keys of %s, which everybody knows",
		profile);
}

enum kms_status op_card_initial_keys(struct op_card_line *line, struct op *op,
	const struct op_card *card, const struct op_card_where *where, unsigned scp,
	struct card_keys **ret_keys, struct kms_err *err)
{
	const struct card_profile *profile = &card->profile;
	bool public = !where->initial_given && profile->has_test_keys;
	struct secret keys[CARD_ROLES] = {{0}};
	CARD_KEYS_AUTO struct card_keys *clear = NULL;
	char name[64] = "the initial keys";
	enum kms_status st;

	if (public)
		snprintf(name, sizeof(name), "the public test keys of %s", profile->name);
	st = public ? test_keys(profile, keys, err) : ask_keys(op->site, keys, err);
	if (!st)
		st = card_keys_clear(
			name, scp == 2 ? CARD_KEY_DES : CARD_KEY_AES, keys, &clear, err);
	keys_wipe(keys);
	if (!st)
		st = op_card_keys_initial(op->site, clear, ret_keys, err);
	if (!st)
		clear = NULL; /* it is theirs now */
	if (!st)
		st = op_detail(op, "initial_keys",
			json_string(public ? "public test keys" : "given by hand"), err);
	if (!st && public)
		tell_of_test_keys(line, op->site, profile->name);
	return st;
}
