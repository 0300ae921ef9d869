/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site over a real token, SoftHSM or NSS softokn, whose masters are known here, so that each card's
 * keys are there twice: as handles and in clear. Calls of PKCS#11 go through libp11forward.so, which
 * counts them.
 */
#ifndef CARDKEYS_TEST_H
#define CARDKEYS_TEST_H

#include "base/clock.h"
#include "base/hex.h"
#include "ops/cardkeys.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "support/expect.h"
#include "support/softhsm.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define NSS_TOKEN "NSS%20Certificate%20DB"

static struct kms_err err;

#define OK(call) expect_ok(&err, call)

static const struct set {
	const char *name, *div;
	enum key_alg alg;
	size_t kdd_len;
} sets[] = {
	{"DesNone1", "none", KEY_TDEA2, 0},
	{"DesEmv1", "emv", KEY_TDEA2, 10},
	{"DesVisa2", "visa2", KEY_TDEA2, 10},
	{"DesVisa1", "visa", KEY_TDEA2, 10},
	{"DesAn1", "an10922", KEY_TDEA2, 15},
	{"DesAn2", "v(an10922 kdd=7 version=55)", KEY_TDEA2, 7},
	{"DesEcb1", "e(tdes-ecb kdd=8 $kdd F00F $k 0000000000)", KEY_TDEA2, 8},
	{"DesCmac1", "t(tdes-cmac kdd=10 $i 000000 $k 00 $kdd $L)", KEY_TDEA2, 10},
	{"A128None1", "none", KEY_AES128, 0},
	{"A128Kdf1", "kdf3", KEY_AES128, 10},
	{"A128Kdf2", "kdf3", KEY_AES128, 10},
	{"A128An1", "an10922", KEY_AES128, 7},
	{"A128An2", "an10922", KEY_AES128, 31},
	{"A128Ecb1", "a(aes-ecb kdd=16 $kdd)", KEY_AES128, 16},
	{"A128Cmac1", "d(aes-cmac kdd=10 $i 000000 $k 00 0000 $kdd $6 $7 $8 $9 $4 $5 $L)",
		KEY_AES128, 10},
	{"A192None1", "none", KEY_AES192, 0},
	{"A192Kdf1", "kdf3", KEY_AES192, 10},
	{"A192An1", "an10922", KEY_AES192, 10},
	{"A192Ecb1", "b(aes-ecb kdd=15 $kdd $k 000102030405060708090A0B0C0D0E0F)", KEY_AES192, 15},
	{"A256None1", "none", KEY_AES256, 0},
	{"A256Kdf1", "kdf3", KEY_AES256, 10},
	{"A256An1", "an10922", KEY_AES256, 10},
	{"A256Kdf2", "kdf3", KEY_AES256, 10},
};

enum { SETS = sizeof(sets) / sizeof(sets[0]) };

static const enum key_role roles[CARD_ROLES] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};

static const unsigned char kdd[32] = {0x00, 0x00, 0x41, 0x81, 0x11, 0x66, 0x65, 0xF5, 0xB8, 0x30,
	0x5A, 0xC3, 0x11, 0x07, 0x99, 0x21, 0x0F, 0x10, 0x42};

struct fixture {
	bool nss;
	struct softhsm softhsm;
	struct softokn softokn;
	char dir[160], log[192];
	struct op_site *site;
	struct secret masters[SETS][CARD_ROLES];
	struct op_card_masters *open[SETS];
};

/* ---- the site ---- */

static enum kms_status give(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *e)
{
	(void)ctx;
	(void)prompt;
	if (strcmp(name, "so-pin") == 0)
		return secret_copy(ret_value, "12345678", 8, e);
	return secret_copy(ret_value, "operator-pin", 12, e);
}

static void open_site(struct fixture *f)
{
	const struct op_front front = {.secret = give, .new_secret = give};
	char uri[400];
	struct op_site_options options = {
		.name = "Card Maker", .role = "manufacturer", .hsm_uri = uri};
	json_t *report = NULL;

	snprintf(uri, sizeof(uri), "pkcs11:token=%s?module-path=%s", f->nss ? NSS_TOKEN : "cards",
		FORWARD_MODULE);
	options.init_args = f->nss ? f->softokn.init_args : NULL;
	setenv("KILLP11_MODULE", f->nss ? SOFTOKN_MODULE : SOFTHSM_MODULE, 1);
	snprintf(f->log, sizeof(f->log), "%s/calls", f->nss ? f->softokn.dir : f->softhsm.dir);
	setenv("KILLP11_LOG", f->log, 1);
	snprintf(f->dir, sizeof(f->dir), "%s/site", f->nss ? f->softokn.dir : f->softhsm.dir);
	OK(op_site_init(f->dir, &options, NULL, false, &report, &err));
	json_decref(report);
	report = NULL;
	OK(op_site_open(f->dir, &front, &f->site, &err));
	OK(op_hsm_setup(f->site, &(struct op_hsm_setup){0}, &report, &err));
	json_decref(report);
	OK(op_site_login(f->site, &err));
	OK(hsm_probe(f->site->hsm, &err));
}

/* Bytes with odd parity, so that what the token keeps of a DES key is what was given. */
static void fill(struct secret *s, size_t len, unsigned seed)
{
	OK(secret_alloc(s, len, &err));
	for (size_t i = 0; i < len; i++) {
		unsigned v = (seed * 59 + (unsigned)i * 23 + (unsigned)(i / 8) * 7) & 0xFE;

		s->data[i] = (unsigned char)(v | !(__builtin_popcount(v) & 1));
	}
}

static void add_key(struct fixture *f, const char *keyset, enum key_alg alg, enum key_role role,
	const struct secret *value, bool vault)
{
	char id[OP_ID_HEX], check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	char label[KEY_LABEL_MAX + 1];
	struct hsm_new spec = {.alg = key_alg_to_hsm(alg),
		.role = vault ? HSM_MASTER_VAULT : HSM_MASTER_PRODUCTION,
		.check = key_kcv_to_hsm(key_alg_info(alg)->kcv),
		.label = label};
	struct hsm_token_info info;
	struct hsm_made made;
	struct key_kcv kcv;

	OK(key_label(keyset, role, label, &err));
	OK(op_new_id(id, &err));
	assert_true(hex_decode_strict(id, spec.id, HSM_ID_LEN));
	OK(hsm_key_import(f->site->hsm, &spec, value, &made, &err));
	OK(key_kcv_of_made(&made, key_alg_info(alg)->kcv, &kcv, &err));
	key_kcv_print(&kcv, check);
	hex_encode(made.proof, made.proof_len, proof);
	OK(hsm_token_info(f->site->hsm, &info, &err));
	OK(store_key_add(f->site->store,
		&(struct store_key){.cka_id = id,
			.label = label,
			.keyset = keyset,
			.role = key_role_name(role),
			.algorithm = key_alg_name(alg),
			.kvn = 0x20,
			.state = "active",
			.check_value = check,
			.check_method = key_kcv_method_name(kcv.method),
			.location = vault ? "vault" : "production",
			.origin = "generated",
			.proof = proof,
			.exportable = "never",
			.hsm_serial = info.serial,
			.created = 1,
			.activated = 1,
			.state_changed = 1},
		&err));
}

static void add_set(struct fixture *f, const char *name, const char *div_text, enum key_alg alg,
	const struct secret masters[CARD_ROLES], bool vault)
{
	struct key_div div;

	OK(key_div_parse(div_text, &div, &err));
	OK(store_begin(f->site->store, &err));
	OK(store_keyset_add(f->site->store,
		&(struct store_keyset){.name = name,
			.customer = "Example Bank",
			.algorithm = key_alg_name(alg),
			.diversification = div.name,
			.definition = div_text,
			.kvn = 0x20,
			.exportable = "never",
			.origin = "generated",
			.state = "active",
			.created = 1},
		&err));
	for (size_t i = 0; i < CARD_ROLES; i++)
		add_key(f, name, alg, roles[i], &masters[i], vault);
	OK(store_end(f->site->store, KMS_OK, &err));
}

/* Set s is in the HSM and in the store, from the first time on that it is needed. */
static void need(struct fixture *f, size_t s)
{
	if (f->masters[s][0].len)
		return;
	for (unsigned i = 0; i < CARD_ROLES; i++)
		fill(&f->masters[s][i], key_alg_info(sets[s].alg)->length, (unsigned)s * 3 + i + 1);
	/* Only what "none" gives to a card must be able to leave the HSM. */
	add_set(f, sets[s].name, sets[s].div, sets[s].alg, f->masters[s],
		strcmp(sets[s].div, "none") == 0 || s % 2);
}

static size_t at(const char *name)
{
	for (size_t s = 0; s < SETS; s++)
		if (strcmp(sets[s].name, name) == 0)
			return s;
	fail_msg("no set %s", name);
	return 0;
}

static int start(void **state, bool nss)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->nss = nss;
	OK(secret_heap_open(&err));
	if (nss)
		softokn_open(&f->softokn);
	else
		softhsm_open(&f->softhsm);
	open_site(f);
	*state = f;
	return 0;
}

static int start_softhsm(void **state)
{
	return start(state, false);
}

static int start_softokn(void **state)
{
	return start(state, true);
}

static int stop(void **state)
{
	struct fixture *f = *state;

	for (size_t s = 0; s < SETS; s++)
		op_card_masters_free(f->open[s]);
	op_site_close(f->site);
	for (size_t s = 0; s < SETS; s++)
		for (size_t i = 0; i < CARD_ROLES; i++)
			secret_free(&f->masters[s][i]);
	if (f->nss)
		softokn_close(&f->softokn);
	else
		softhsm_close(&f->softhsm);
	free(f);
	return 0;
}

/* ---- the same keys twice ---- */

struct twice {
	struct op_card_masters *masters; /* the fixture's */
	struct card_keys *hsm, *clear;
	struct secret keys[CARD_ROLES];
};

static void make_clear(struct fixture *f, size_t s, struct twice *t)
{
	struct key_recipe recipe;
	struct key_div div;

	OK(key_div_parse(sets[s].div, &div, &err));
	for (size_t i = 0; i < CARD_ROLES; i++) {
		OK(key_div_recipe(
			&div, sets[s].alg, roles[i], kdd, sets[s].kdd_len, &recipe, &err));
		OK(key_div_clear(&recipe, &f->masters[s][i], &t->keys[i], &err));
	}
	OK(card_keys_clear(sets[s].name, key_alg_is_tdes(sets[s].alg) ? CARD_KEY_DES : CARD_KEY_AES,
		t->keys, &t->clear, &err));
}

/* Masters are opened once and serve many cards, as in a run. */
static struct twice both(struct fixture *f, size_t s)
{
	struct twice t = {0};

	need(f, s);
	make_clear(f, s, &t);
	if (!f->open[s])
		OK(op_card_masters_open(
			f->site, NULL, sets[s].name, OP_CARD_NEW, &f->open[s], &err));
	t.masters = f->open[s];
	OK(op_card_keys_derive(t.masters, kdd, sets[s].kdd_len, &t.hsm, &err));
	assert_int_equal(t.hsm->type, t.clear->type);
	assert_int_equal(t.hsm->key_len, t.clear->key_len);
	return t;
}

static void free_twice(struct twice *t)
{
	card_keys_free(t->hsm);
	card_keys_free(t->clear);
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&t->keys[i]);
}

/* One process for each token, as the forwarder takes one module; both at once, as both wait for disks. */
static pid_t start_on(bool nss, const struct CMUnitTest *tests, size_t count)
{
	const char *name = nss ? "on NSS softokn" : "on SoftHSM";
	pid_t child = fork();

	if (child == 0)
		exit(_cmocka_run_group_tests(
			name, tests, count, nss ? start_softokn : start_softhsm, stop));
	return child;
}

static bool ended_well(pid_t child)
{
	int status;

	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int on_both(const struct CMUnitTest *tests, size_t count)
{
	bool nss = softokn_installed();
	pid_t first = start_on(false, tests, count),
	      second = nss ? start_on(true, tests, count) : 0;
	bool first_good = ended_well(first), second_good = !nss || ended_well(second);

	if (!first_good || !second_good)
		return 1;
	return nss ? 0 : 77;
}

#endif
