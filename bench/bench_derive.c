/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three keys per card, derived on handles and wrapped under a KEK: through key_div_recipe,
 * key_div_hsm, hsm_wrap and hsm_key_drop, against a bare loop of the same PKCS#11 calls on the same
 * objects.
 *
 *   derive.handle          VISA2 from a DES2 master
 *   derive.kdf3            KDF3 from an AES-256 master, composed of AES_ECB_ENCRYPT_DATA
 *   derive.handle.control  derive.handle with one needless search per key: the harness must see it
 */
#include "hsm/probe.h"
#include "keys/token.h"
#include "support/bare.h"
#include "support/bench.h"

#include <string.h>

enum { ROLES = 3, CARDS = 600, CHECKED_CARDS = 5, FIRST_TRY = 1000000 };

static const enum key_role roles[ROLES] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};

struct line {
	struct hsm *hsm;
	const struct key_div *div;
	enum key_alg alg;
	struct hsm_key master; /* session copy */
	struct hsm_key kek;
	bool search; /* the control */
	struct bare bare;
	CK_RV(*bare_derive)
	(const struct bare *b, const unsigned char kdd[BARE_KDD_LEN], unsigned number,
		CK_OBJECT_HANDLE *ret_key);
	/* What the last card got, of both halves. */
	unsigned char ours[ROLES][BARE_WRAPPED_MAX], theirs[ROLES][BARE_WRAPPED_MAX];
};

static void card_kdd(size_t card, unsigned char kdd[BARE_KDD_LEN])
{
	for (size_t i = 0; i < BARE_KDD_LEN; i++)
		kdd[i] = (unsigned char)(card >> (i % 4) * 8) ^ (unsigned char)i;
}

static enum kms_status derive_ours(struct line *line, const unsigned char *kdd, enum key_role role,
	struct hsm_key *ret_key, struct kms_err *err)
{
	struct key_recipe recipe;
	enum hsm_where where;
	enum kms_status st;

	st = key_div_recipe(line->div, line->alg, role, kdd, BARE_KDD_LEN, &recipe, err);
	return st ? st
		  : key_div_hsm(&recipe, line->hsm, &line->master, NULL, HSM_TEMP_CARD, false,
			    ret_key, &where, err);
}

static enum kms_status ours(void *ctx, size_t first, size_t count, struct kms_err *err)
{
	struct line *line = ctx;
	enum kms_status st = KMS_OK;

	for (size_t card = first; !st && card < first + count; card++) {
		unsigned char kdd[BARE_KDD_LEN];

		card_kdd(card, kdd);
		for (size_t i = 0; !st && i < ROLES; i++) {
			struct hsm_key key = {0};
			size_t len, n;

			st = derive_ours(line, kdd, roles[i], &key, err);
			if (!st && line->search)
				st = hsm_key_count(line->hsm, key.id, &n, err);
			if (!st)
				st = hsm_wrap(line->hsm, &line->kek, &key, HSM_WRAP_AES_KW, false,
					line->ours[i], sizeof(line->ours[i]), &len, NULL, err);
			hsm_key_drop(line->hsm, &key);
		}
	}
	return st;
}

static enum kms_status bare(void *ctx, size_t first, size_t count, struct kms_err *err)
{
	struct line *line = ctx;
	const struct bare *b = &line->bare;

	for (size_t card = first; card < first + count; card++) {
		unsigned char kdd[BARE_KDD_LEN];

		card_kdd(card, kdd);
		for (size_t i = 0; i < ROLES; i++) {
			CK_OBJECT_HANDLE key;
			CK_ULONG len;
			CK_RV rv = line->bare_derive(b, kdd, (unsigned)i + 1, &key);

			if (rv != CKR_OK)
				return bench_rv(rv, "C_DeriveKey", err);
			rv = bare_wrap(b, key, line->theirs[i], &len);
			if (rv != CKR_OK)
				return bench_rv(rv, "C_WrapKey", err);
			rv = b->p11->C_DestroyObject(b->session, key);
			if (rv != CKR_OK)
				return bench_rv(rv, "C_DestroyObject", err);
		}
	}
	return KMS_OK;
}

/* Both halves must do the same thing, or their times compare nothing. */
static enum kms_status check_same(struct line *line, struct kms_err *err)
{
	unsigned char kdd[BARE_KDD_LEN];
	struct hsm_key key = {0};
	CK_OBJECT_HANDLE other;
	enum kms_status st = KMS_OK;

	for (size_t card = FIRST_TRY; !st && card < FIRST_TRY + CHECKED_CARDS; card++) {
		memset(line->ours, 0, sizeof(line->ours));
		memset(line->theirs, 1, sizeof(line->theirs));
		st = ours(line, card, 1, err);
		if (!st)
			st = bare(line, card, 1, err);
		for (size_t i = 0; !st && i < ROLES; i++)
			if (memcmp(line->ours[i], line->theirs[i],
				    line->alg == KEY_TDEA2 ? 24 : 40))
				st = kms_fail(err, KMS_ERR_MISMATCH,
					"the bare loop derives another key by %s", line->div->name);
	}
	if (st)
		return st;
	card_kdd(0, kdd);
	st = derive_ours(line, kdd, KEY_ROLE_ENC, &key, err);
	if (!st)
		st = bench_rv(line->bare_derive(&line->bare, kdd, 1, &other), "C_DeriveKey", err);
	if (!st) {
		st = bare_same_object(&line->bare, key.handle, other, err);
		line->bare.p11->C_DestroyObject(line->bare.session, other);
	}
	hsm_key_drop(line->hsm, &key);
	return st;
}

static enum kms_status new_master(
	struct hsm *hsm, enum hsm_alg alg, struct hsm_key *ret_key, struct kms_err *err)
{
	struct hsm_new spec = {.alg = alg, .role = HSM_MASTER_PRODUCTION, .label = "bench-master"};
	struct hsm_made made;
	enum kms_status st = hsm_random_public(hsm, spec.id, sizeof(spec.id), err);

	if (!st)
		st = hsm_key_generate(hsm, &spec, &made, err);
	return st ? st : hsm_key_session_copy(hsm, &made.key, ret_key, err);
}

static enum kms_status new_kek(struct hsm *hsm, struct hsm_key *ret_kek, struct kms_err *err)
{
	const struct hsm_temp temp = {HSM_AES256, 0, HSM_TEMP_KEK};
	SECRET_AUTO struct secret value = {0};
	enum kms_status st = hsm_random(hsm, 32, &value, err);

	return st ? st : hsm_temp_import(hsm, &temp, &value, ret_kek, err);
}

static enum kms_status line_open(struct line *line, struct bench_token *token, const char *div,
	enum key_alg alg, struct kms_err *err)
{
	enum kms_status st;

	*line = (struct line){
		.hsm = token->hsm,
		.div = key_div_find(div),
		.alg = alg,
		.bare_derive = alg == KEY_TDEA2 ? bare_visa2 : bare_kdf3,
	};
	st = new_master(token->hsm, key_alg_to_hsm(alg), &line->master, err);
	if (!st)
		st = new_kek(token->hsm, &line->kek, err);
	if (st)
		return st;
	line->bare =
		(struct bare){token->p11, token->session, line->master.handle, line->kek.handle};
	return check_same(line, err);
}

static enum kms_status handles(struct bench_token *token, struct kms_err *err)
{
	struct line line;
	struct bench_pair pair = {
		.name = "derive.handle",
		.ours = ours,
		.bare = bare,
		.ctx = &line,
		.units = CARDS,
		.keys = ROLES,
		.note = "VISA2, DES2 master",
	};
	enum kms_status st = line_open(&line, token, "visa2", KEY_TDEA2, err);

	if (!st)
		st = bench_pair_run(&pair, err);
	if (st)
		return st;
	line.search = true;
	pair.name = "derive.handle.control";
	pair.note = "a search too many for each key";
	return bench_pair_run(&pair, err);
}

static enum kms_status kdf3(struct bench_token *token, struct kms_err *err)
{
	struct line line;
	struct bench_pair pair = {
		.name = "derive.kdf3",
		.ours = ours,
		.bare = bare,
		.ctx = &line,
		.units = CARDS,
		.keys = ROLES,
	};
	struct hsm_way way;
	enum kms_status st = hsm_way(token->hsm, HSM_OP_DERIVE_CMAC_AES, &way, err);

	if (!st)
		st = line_open(&line, token, "kdf3", KEY_AES256, err);
	if (st)
		return st;
	/* The bare half knows this strategy; SoftHSM has no other. */
	if (strcmp(way.strategy, "CMAC composed of AES_ECB_ENCRYPT_DATA") != 0)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"derive.kdf3 has no bare loop for the strategy '%s'", way.strategy);
	pair.note = way.strategy;
	return bench_pair_run(&pair, err);
}

int main(void)
{
	BENCH_TOKEN_AUTO struct bench_token token = {0};
	struct kms_err err = {0};
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = bench_token_open(&token, &err);
	if (!st)
		st = handles(&token, &err);
	if (!st)
		st = kdf3(&token, &err);
	return bench_exit(st, &err);
}
