/* SPDX-License-Identifier: Apache-2.0 */
/* Card profiles: those that are shipped, what is refused, and what they are asked. */
#include "card/profile.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const shipped[] = {TESTS_DIR "/../share/cardkms/profiles", NULL};
static const char *const nowhere[] = {"/nowhere", NULL};

static struct kms_err err;

static const char good[] = "[profile]\nname = test\ntitle = A test\n"
			   "[card]\nisd-aid = A000000151000000\nscp = 03\ni = 70\nkeys = aes128\n"
			   "kdd = initialize-update\nkdd-bytes = 2-9\ndefault-key-version = FF\n"
			   "key-versions = 01-7F\ninitial-set = ff-consumed\nkey-block = plain\n"
			   "retry-limit = 10\ninitialize-update-budget = 3\n"
			   "quirks = no-key-information, keeps-last-set\n"
			   "[sources]\nisd-aid = a\nscp = a\ni = a\nkeys = a\nkdd = a\n"
			   "kdd-bytes = a\ndefault-key-version = a\nkey-versions = a\n"
			   "initial-set = a\nkey-block = a\nretry-limit = a\n"
			   "initialize-update-budget = a\nquirks = not tried on hardware\n";

static void test_shipped(void **state)
{
	static const char *const names[] = {
		"gp211", "gp23-scp03", "jcop4", "secora", "yubikey", "acosj"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CARD_PROFILE_AUTO struct card_profile p = {0};
		CARD_KEYS_AUTO struct card_keys *keys = NULL;

		expect_ok(&err, card_profile_find(shipped, names[i], &p, &err));
		assert_string_equal(p.name, names[i]);
		assert_true(p.isd.len == 8 && p.init_budget > 0);
		if (!p.has_test_keys) {
			expect_err(&err, card_profile_test_keys(&p, &keys, &err), KMS_ERR_NOT_FOUND,
				"public test keys");
			continue;
		}
		expect_ok(&err, card_profile_test_keys(&p, &keys, &err));
		assert_int_equal(keys->type, p.scp == 2 ? CARD_KEY_DES : CARD_KEY_AES);
	}
}

static void test_fields(void **state)
{
	CARD_PROFILE_AUTO struct card_profile p = {0};

	(void)state;
	expect_ok(&err, card_profile_parse("t", good, strlen(good), &p, &err));
	assert_string_equal(p.title, "A test");
	assert_int_equal(p.scp, 3);
	assert_int_equal(p.i, 0x70);
	assert_int_equal(p.key_len, 16);
	assert_int_equal(p.kdd_offset, 2);
	assert_int_equal(p.kdd_len, 8);
	assert_int_equal(p.default_version, 0xFF);
	assert_int_equal(p.versions_min, 1);
	assert_int_equal(p.versions_max, 0x7F);
	assert_int_equal(p.initial_set, CARD_FF_CONSUMED);
	assert_int_equal(p.key_block, GP_BLOCK_PLAIN);
	assert_int_equal(p.retry_limit, 10);
	assert_int_equal(p.init_budget, 3);
	assert_int_equal(p.quirks, CARD_QUIRK_NO_E0 | CARD_QUIRK_KEEPS_LAST_SET);
	assert_false(p.has_match || p.has_test_keys);
}

/* The good text with `from` replaced by `to`. */
static void refused(const char *from, const char *to, const char *message)
{
	const char *at = strstr(good, from);
	struct card_profile p = {0};
	char *text = NULL;
	int len;

	assert_non_null(at);
	len = asprintf(&text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	assert_true(len > 0);
	expect_err(&err, card_profile_parse("t", text, (size_t)len, &p, &err), err.code, message);
	assert_true(err.code == KMS_ERR_INVALID || err.code == KMS_ERR_UNSUPPORTED);
	assert_null(p.title);
	free(text);
}

static void test_refused(void **state)
{
	(void)state;
	refused("scp = 03", "scp = 11", "t, line 6: scp must be 02 to 03");
	refused("scp = 03", "spc = 03", "did you mean 'scp'");
	refused("scp = 03\n", "", "[card] lacks scp");
	refused("i = 70", "i = 7", "i must have 2 hex digits");
	refused("i = 70", "i = 42", "bits that Amendment D 1.2 does not define");
	refused("keys = aes128", "keys = 2tdea", "does not go with keys of 2tdea");
	refused("keys = aes128", "keys = aes192", "AES-192 keys need key-block");
	refused("keys = aes128", "keys = aes", "one of: 2tdea, aes128, aes192, aes256");
	refused("kdd-bytes = 2-9", "kdd-bytes = 2-10", "beyond what initialize-update has");
	refused("kdd-bytes = 2-9", "kdd-bytes = 9-2", "not 1 to 32 bytes");
	refused("kdd-bytes = 2-9", "kdd-bytes = all", "not FIRST-LAST");
	refused("default-key-version = FF", "default-key-version = 01", "ff-consumed needs");
	refused("key-versions = 01-7F", "key-versions = 01-80", "key-versions must be 01 to 7F");
	refused("retry-limit = 10", "retry-limit = many", "is no number");
	refused("retry-limit = 10", "retry-limit = 256", "more than 255");
	refused("budget = 3", "budget = 0", "must be 1 at least");
	refused("keeps-last-set", "keeps-set", "keeps-last-set");
	refused("keeps-last-set", "no-key-information", "twice");
	refused("name = test", "name = ../x", "small letters");
	refused("isd-aid = A000000151000000", "isd-aid = A0", "5 to 16 bytes");
	refused("kdd = a\n", "", "does not say where kdd was read");
	refused("[sources]", "[source]", "unknown section [source]");
	refused("[sources]\n", "[match]\nic-fabricator = 479\n[sources]\n", "4 hex digits");
	refused("[sources]\n", "[test-keys]\nversion = FF\n[sources]\n", "[test-keys] lacks type");
	refused("[sources]\n", "[test-keys]\nversion = FF\ntype = aes\nenc = 00\n[sources]\n",
		"16, 24 or 32");
}

static void test_find(void **state)
{
	struct card_profile p = {0};

	(void)state;
	expect_err(&err, card_profile_find(shipped, "jcop", &p, &err), KMS_ERR_NOT_FOUND,
		"did you mean 'jcop4'");
	expect_err(&err, card_profile_find(shipped, "../../../etc/passwd", &p, &err),
		KMS_ERR_NOT_FOUND, "there is no card profile");
	expect_err(&err, card_profile_find(nowhere, "gp211", &p, &err), KMS_ERR_NOT_FOUND,
		"there are: none");
}

static void test_option(void **state)
{
	CARD_PROFILE_AUTO struct card_profile p = {0};
	struct gp_recognition r = {.scps = {{2, 0x15}, {2, 0x55}, {3, 0x60}}, .count = 3};
	unsigned scp, i;

	(void)state;
	expect_ok(&err, card_profile_parse("t", good, strlen(good), &p, &err));
	card_profile_option(&p, NULL, &scp, &i);
	assert_true(scp == 3 && i == 0x70);
	card_profile_option(&p, &r, &scp, &i); /* the profile's protocol, the card's i */
	assert_true(scp == 3 && i == 0x60);
	r.count = 2; /* SCP02 only: the card knows better */
	card_profile_option(&p, &r, &scp, &i);
	assert_true(scp == 2 && i == 0x15);
	p.scp = 2;
	p.i = 0x55; /* two options for the protocol: the profile's, if the card has it */
	card_profile_option(&p, &r, &scp, &i);
	assert_true(scp == 2 && i == 0x55);
	r.scps[0].scp = 0x80;
	r.count = 1; /* one that nobody here speaks */
	card_profile_option(&p, &r, &scp, &i);
	assert_true(scp == 2 && i == 0x55);
}

static void test_kdd(void **state)
{
	CARD_PROFILE_AUTO struct card_profile p = {0};
	struct scp_init init = {.kdd = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
	struct gp_id iin = {{0xA0, 0xA1}, 2}, cin = {{0xB0, 0xB1, 0xB2}, 3};
	struct gp_cplc cplc = {{0x47, 0x90}};
	unsigned char kdd[CARD_KDD_MAX];
	size_t len = 0;

	(void)state;
	expect_ok(&err, card_profile_parse("t", good, strlen(good), &p, &err));
	expect_ok(&err, card_profile_kdd(&p, &init, NULL, NULL, NULL, kdd, &len, &err));
	assert_int_equal(len, 8);
	assert_memory_equal(kdd, init.kdd + 2, 8);
	p.kdd_source = CARD_KDD_IIN_CIN;
	p.kdd_offset = 1;
	p.kdd_len = 3;
	expect_ok(&err, card_profile_kdd(&p, NULL, NULL, &iin, &cin, kdd, &len, &err));
	assert_memory_equal(kdd, "\xA1\xB0\xB1", 3);
	p.kdd_len = 5;
	expect_err(&err, card_profile_kdd(&p, NULL, NULL, &iin, &cin, kdd, &len, &err),
		KMS_ERR_INVALID, "the card gives 5 bytes");
	p.kdd_source = CARD_KDD_CPLC;
	expect_err(&err, card_profile_kdd(&p, &init, NULL, NULL, NULL, kdd, &len, &err),
		KMS_ERR_NOT_FOUND, "does not give");
	p.kdd_offset = 0;
	expect_ok(&err, card_profile_kdd(&p, NULL, &cplc, NULL, NULL, kdd, &len, &err));
	assert_memory_equal(kdd, "\x47\x90\0\0\0", 5);
	assert_false(card_profile_matches(&p, &cplc));
	p.has_match = true;
	p.match_fabricator = 0x4790;
	assert_true(card_profile_matches(&p, &cplc));
	p.match_os = 1;
	assert_false(card_profile_matches(&p, &cplc) || card_profile_matches(&p, NULL));
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_option),
		cmocka_unit_test(test_kdd),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
