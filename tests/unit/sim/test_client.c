/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The card library of cardkms as a client of the simulator, which shares no code with it: every
 * built-in card, over T=0 and T=1, at every security level: what it tells, a change of keys, the
 * registry over several answers, STORE DATA.
 */
#include "card/gp.h"
#include "card/script.h"
#include "sim/card.h"
#include "sim/profile.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPLICATIONS = 26 }; /* too many for one answer */

static struct kms_err err;

struct stand {
	const char *name; /* of the profile */
	bool aes;
	struct sim_card *card;
	struct card_link *link;
	struct gp gp;
	struct card_keys *old, *fresh;
};

static size_t answer(
	void *ctx, const unsigned char *command, size_t len, unsigned char *out, size_t max)
{
	static unsigned char response[SIM_RESPONSE_MAX];
	size_t got = sim_card_command(ctx, command, len, response);

	assert_true(got <= max);
	memcpy(out, response, got);
	return got;
}

static struct card_keys *make_keys(bool aes, size_t len, unsigned flip)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++) {
		expect_ok(&err, secret_alloc(&keys[i], len, &err));
		for (size_t k = 0; k < len; k++)
			keys[i].data[k] = (unsigned char)((0x40 + k) ^ (flip + flip * i));
	}
	expect_ok(
		&err, card_keys_clear("keys", aes ? CARD_KEY_AES : CARD_KEY_DES, keys, &ret, &err));
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

static void set_up(struct stand *s, const char *name, enum card_protocol protocol)
{
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	const char *text = sim_profile_text(name), *rest = strstr(text, "[card]\n") + 7;
	char profile[8192];
	size_t len = strstr(name, "aes256") ? 32 : 16;

	assert_non_null(nv);
	*s = (struct stand){.name = name, .aes = strstr(name, "scp03") != NULL};
	snprintf(profile, sizeof(profile), "[card]\nt0 = %s\n%s",
		protocol == CARD_T0 ? "yes" : "no", rest);
	for (unsigned i = 1; i <= APPLICATIONS; i++)
		sprintf(profile + strlen(profile), "[application A0000000%02X1010]\nlife = 07\n",
			i);
	expect_ok(&err, sim_profile_parse(name, profile, strlen(profile), nv, &err));
	expect_ok(&err, sim_card_new(NULL, nv, false, &s->card, &err));
	expect_ok(&err, sim_card_power_on(s->card, &err));
	expect_ok(&err, card_fake_open(answer, s->card, &s->link, &err));
	s->link->protocol = protocol;
	gp_open(&s->gp, s->link);
	s->old = make_keys(s->aes, len, 0);
	s->fresh = make_keys(s->aes, len, 0x15);
	free(nv);
}

static void take_down(struct stand *s)
{
	gp_close(&s->gp);
	card_link_close(s->link);
	sim_card_free(s->card);
	card_keys_free(s->old);
	card_keys_free(s->fresh);
}

static unsigned scp02_option(const struct stand *s)
{
	return strstr(s->name, "i55") ? 0x55 : 0x15;
}

static void authenticate(struct stand *s, unsigned version, struct card_keys *keys, unsigned level)
{
	struct scp_init init;
	size_t challenge = strstr(s->name, "s16") ? 16 : 8;

	expect_ok(&err,
		gp_initialize_update(&s->gp, version, challenge, scp02_option(s), &init, &err));
	expect_ok(&err, gp_external_authenticate(&s->gp, &init, keys, level, &err));
}

static void ask(struct stand *s)
{
	struct gp_recognition recognition;
	struct gp_key_list list;
	unsigned sequence;
	struct gp_cplc cplc;
	struct gp_fci fci;
	struct gp_id id;

	expect_ok(&err, gp_select(&s->gp, NULL, &fci, &err));
	assert_int_equal(fci.aid.len, 8);
	expect_ok(&err, gp_get_cplc(&s->gp, &cplc, &err));
	expect_ok(&err, gp_get_iin(&s->gp, &id, &err));
	expect_ok(&err, gp_get_cin(&s->gp, &id, &err));
	expect_ok(&err, gp_get_sequence(&s->gp, &sequence, &err));
	expect_ok(&err, gp_get_recognition(&s->gp, &recognition, &err));
	assert_int_equal(recognition.count, 1);
	assert_int_equal(recognition.scps[0].scp, s->aes ? 3 : 2);
	assert_int_equal(recognition.scps[0].i, !s->aes			 ? scp02_option(s)
						: strstr(s->name, "s16") ? 0x71
									 : 0x70);
	if (strstr(s->name, "no-e0"))
		expect_err(&err, gp_get_key_list(&s->gp, &list, &err), KMS_ERR_NOT_FOUND, "E0");
	else
		expect_ok(&err, gp_get_key_list(&s->gp, &list, &err));
}

static void change_keys(struct stand *s, unsigned level)
{
	bool in_place = strncmp(s->name, "replace", 7) == 0 || strncmp(s->name, "counting", 8) == 0;
	const struct gp_put_keys how = {.version = 0x22,
		.replace = in_place ? 0x01 : 0x00,
		.block = s->aes ? GP_BLOCK_INNER_LENGTH : GP_BLOCK_PLAIN};
	struct scp_init init;

	expect_ok(&err, gp_put_keys(&s->gp, &how, s->fresh, &err));
	authenticate(s, 0x22, s->fresh, level);
	if (strncmp(s->name, "add", 3) == 0)
		expect_ok(&err, gp_delete_keys(&s->gp, 0x01, &err));
	expect_err(&err, gp_delete_keys(&s->gp, 0x22, &err), KMS_ERR_CARD, "SW 6985");
	expect_err(&err, gp_initialize_update(&s->gp, 0x01, 8, 0x15, &init, &err),
		KMS_ERR_NOT_FOUND, "version 01");
	authenticate(s, 0x22, s->fresh, level);
}

/* A load file of several blocks, its application, and what a full answer to GET STATUS tells. */
static void load(struct stand *s)
{
	/* Header of package A00000000101 2.1, Applet with A0000000010101, and a long Method. */
	static unsigned char code[19 + 14 + 3 + 600] = {1, 0, 16, 0xDE, 0xCA, 0xFF, 0xED, 2, 2, 4,
		1, 2, 6, 0xA0, 0, 0, 0, 1, 1, 3, 0, 11, 1, 7, 0xA0, 0, 0, 0, 1, 1, 1, 0, 5, 7,
		600 >> 8, 600 & 0xFF};
	static struct gp_registry registry;
	struct gp_load file = {.code = code, .len = sizeof(code)};
	struct gp_install install = {.privileges = 0x100000};
	const struct gp_entry *entry;

	expect_ok(&err, gp_aid_parse("A00000000101", "file", &file.file, &err));
	expect_ok(&err, gp_aid_parse("A0000000010101", "module", &install.module, &err));
	install.file = file.file;
	expect_ok(&err, gp_aid_parse("A00000000109", "app", &install.instance, &err));
	expect_ok(&err, gp_load(&s->gp, &file, &err));
	expect_err(&err, gp_load(&s->gp, &file, &err), KMS_ERR_CARD, "SW 6985");
	expect_ok(&err, gp_install(&s->gp, &install, &err));
	expect_err(&err, gp_make_selectable(&s->gp, &install, &err), KMS_ERR_CARD, "SW 6985");
	expect_ok(&err, gp_get_status_full(&s->gp, GP_STATUS_MODULES, &registry, &err));
	entry = &registry.entries[registry.count - 1];
	assert_true(gp_aid_same(&entry->aid, &file.file));
	assert_int_equal(entry->module_count, 1);
	assert_true(gp_aid_same(&entry->modules[0], &install.module));
	expect_ok(&err, gp_get_status_full(&s->gp, GP_STATUS_APPLICATIONS, &registry, &err));
	entry = &registry.entries[registry.count - 1];
	assert_true(gp_aid_same(&entry->aid, &install.instance));
	assert_int_equal(entry->privileges, 0x100000);
	if (entry->file.len) /* a card of 2.1.1 does not tell */
		assert_true(gp_aid_same(&entry->file, &file.file));
	expect_ok(&err, gp_delete(&s->gp, &file.file, true, &err));
}

static void run(const char *name, enum card_protocol protocol, unsigned level)
{
	static const unsigned char cin[] = {0x45, 0x03, 'a', 'b', 'c'};
	static struct gp_registry registry;
	struct gp_id id;
	struct stand s;

	set_up(&s, name, protocol);
	ask(&s);
	authenticate(&s, 0, s.old, level);
	expect_ok(&err, gp_get_status(&s.gp, GP_STATUS_ISD, &registry, &err));
	assert_int_equal(registry.count, 1);
	expect_ok(&err, gp_get_status(&s.gp, GP_STATUS_APPLICATIONS, &registry, &err));
	assert_int_equal(registry.count, APPLICATIONS);
	change_keys(&s, level);
	expect_ok(&err, gp_get_status(&s.gp, GP_STATUS_MODULES, &registry, &err));
	assert_int_equal(registry.count, 1);
	load(&s);
	expect_ok(&err, gp_store_data(&s.gp, 0x10, cin, sizeof(cin), &err));
	expect_ok(&err, gp_get_cin(&s.gp, &id, &err));
	assert_int_equal(id.len, 3);
	take_down(&s);
}

/* SCP02 i=15 and 55 have no R-MAC. */
static bool has_level(const char *name, unsigned level)
{
	return strstr(name, "scp03") || level <= 0x03;
}

static void test_every_card(void **state)
{
	static const unsigned levels[] = {0x00, 0x01, 0x03, 0x11, 0x13, 0x33};
	size_t runs = 0;

	(void)state;
	for (size_t i = 0; sim_profile_name(i); i++)
		for (size_t l = 0; l < sizeof(levels) / sizeof(levels[0]); l++)
			if (has_level(sim_profile_name(i), levels[l])) {
				run(sim_profile_name(i), CARD_T0, levels[l]);
				run(sim_profile_name(i), CARD_T1, levels[l]);
				runs += 2;
			}
	print_message("%zu sessions\n", runs);
	assert_true(runs >= 100);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_card),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
