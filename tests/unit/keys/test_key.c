/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key.h"
#include "support/expect.h"

#include <stdio.h>

static void test_names(void **state)
{
	static const struct {
		enum key_alg alg;
		const char *name;
		size_t length, block;
		unsigned parts, strength;
	} algs[] = {
		{KEY_TDEA2, "tdea2", 16, 8, 2, 80},
		{KEY_TDEA3, "tdea3", 24, 8, 3, 112},
		{KEY_AES128, "aes128", 16, 16, 0, 128},
		{KEY_AES192, "aes192", 24, 16, 0, 192},
		{KEY_AES256, "aes256", 32, 16, 0, 256},
	};
	struct kms_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		const struct key_alg_info *info = key_alg_info(algs[i].alg);
		enum key_alg back = KEY_ALG_NONE;

		assert_string_equal(info->name, algs[i].name);
		assert_int_equal(info->length, algs[i].length);
		assert_int_equal(info->block, algs[i].block);
		assert_int_equal(info->parts, algs[i].parts);
		assert_int_equal(info->strength, algs[i].strength);
		expect_ok(&err, key_alg_parse(algs[i].name, &back, &err));
		assert_int_equal(back, algs[i].alg);
	}
	assert_string_equal(key_alg_name((enum key_alg)99), "none");
	assert_int_equal(key_alg_info((enum key_alg)99)->length, 0);
}

static void test_parse_refuses(void **state)
{
	enum key_kcv_method method = KEY_KCV_NONE;
	enum key_state key_state = KEY_STATE_NONE;
	enum key_role role = KEY_ROLE_NONE;
	enum key_alg alg = KEY_ALG_NONE;
	struct kms_err err = {0};

	(void)state;
	expect_err(&err, key_alg_parse("AES256", &alg, &err), KMS_ERR_INVALID, "aes256");
	expect_err(&err, key_alg_parse("none", &alg, &err), KMS_ERR_INVALID, "'none'");
	expect_err(&err, key_alg_parse("", &alg, &err), KMS_ERR_INVALID, "one of: tdea2, tdea3");
	expect_err(&err, key_role_parse("dek", &role, &err), KMS_ERR_INVALID, "enc, mac, kek");
	expect_err(
		&err, key_state_parse("dead", &key_state, &err), KMS_ERR_INVALID, "pre-activation");
	expect_err(&err, key_kcv_method_parse("zero", &method, &err), KMS_ERR_INVALID,
		"tdes-zero, aes-gp, aes-zero, cmac");
	assert_int_equal(alg, KEY_ALG_NONE);
	expect_ok(&err, key_role_parse("transport", &role, &err));
	assert_int_equal(role, KEY_ROLE_TRANSPORT);
	expect_ok(&err, key_state_parse("pre-activation", &key_state, &err));
	assert_int_equal(key_state, KEY_PREACTIVE);
	expect_ok(&err, key_kcv_method_parse("cmac", &method, &err));
	assert_int_equal(method, KEY_KCV_CMAC);
}

static void test_roles(void **state)
{
	(void)state;
	assert_int_equal(key_role_number(KEY_ROLE_ENC), 1);
	assert_int_equal(key_role_number(KEY_ROLE_MAC), 2);
	assert_int_equal(key_role_number(KEY_ROLE_KEK), 3);
	assert_int_equal(key_role_number(KEY_ROLE_TRANSPORT), 0);
	assert_true(key_role_is_master(KEY_ROLE_KEK));
	assert_false(key_role_is_master(KEY_ROLE_SITE));
	assert_false(key_kcv_method_fits(KEY_KCV_AES_GP, KEY_TDEA2));
	assert_false(key_kcv_method_fits(KEY_KCV_TDES_ZERO, KEY_AES128));
	assert_true(key_kcv_method_fits(KEY_KCV_CMAC, KEY_TDEA3));
	assert_false(key_kcv_method_fits(KEY_KCV_CMAC, KEY_P256));
}

/* The whole table, written a second time. */
static void test_transitions(void **state)
{
	static const struct {
		enum key_state from;
		const char *to;
	} rows[] = {
		{KEY_STATE_NONE, ""},
		{KEY_PENDING, " pre-activation active void "},
		{KEY_PREACTIVE, " active compromised destroyed "},
		{KEY_ACTIVE, " suspended deactivated compromised destroyed "},
		{KEY_SUSPENDED, " active deactivated compromised destroyed "},
		{KEY_DEACTIVATED, " compromised destroyed "},
		{KEY_COMPROMISED, " destroyed "},
		{KEY_DESTROYED, ""},
		{KEY_VOID, ""},
	};
	struct kms_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (enum key_state to = KEY_STATE_NONE; to <= KEY_VOID; to++) {
			char word[32];

			snprintf(word, sizeof(word), " %s ", key_state_name(to));
			assert_int_equal(key_state_may_become(rows[i].from, to),
				strstr(rows[i].to, word) != NULL);
		}
	assert_false(key_state_may_become((enum key_state)77, KEY_ACTIVE));
	assert_false(key_state_may_become(KEY_ACTIVE, (enum key_state)77));
	expect_err(&err, key_state_check("K1", KEY_COMPROMISED, KEY_ACTIVE, &err), KMS_ERR_STATE,
		"key 'K1' is compromised and cannot become active");
	assert_string_equal(err.hint, "from compromised it can only become: destroyed");
	expect_err(&err, key_state_check("K1", KEY_DESTROYED, KEY_ACTIVE, &err), KMS_ERR_STATE,
		"destroyed is an end: nothing follows it");
	expect_ok(&err, key_state_check("K1", KEY_ACTIVE, KEY_SUSPENDED, &err));
}

static void test_strength(void **state)
{
	static const enum key_alg order[] = {
		KEY_TDEA2, KEY_TDEA3, KEY_AES128, KEY_AES192, KEY_AES256};
	struct kms_err err = {0};

	(void)state;
	for (size_t i = 0; i < 5; i++)
		for (size_t j = 0; j < 5; j++)
			assert_int_equal(key_wrap_allowed(order[i], order[j], &err),
				i >= j ? KMS_OK : KMS_ERR_DENIED);
	expect_err(&err, key_wrap_allowed(KEY_TDEA3, KEY_AES128, &err), KMS_ERR_DENIED,
		"tdea3 key (112 bits of strength) is weaker than the aes128 key (128 bits)");
	expect_err(&err, key_wrap_allowed(KEY_P256, KEY_TDEA2, &err), KMS_ERR_INVALID, "p256");
	expect_err(&err, key_wrap_allowed(KEY_AES256, KEY_P256, &err), KMS_ERR_INVALID, "p256");
	expect_err(&err, key_wrap_allowed(KEY_AES256, KEY_ALG_NONE, &err), KMS_ERR_INVALID, "none");
}

static void test_scope(void **state)
{
	struct kms_err err = {0};

	(void)state;
	expect_ok(&err, key_scope_check("S1", "Example Bank", "example  bank", "export", &err));
	expect_ok(&err, key_scope_check("S1", NULL, NULL, "inject", &err));
	expect_err(&err, key_scope_check("S1", "Bank A", "Bank B", "export", &err), KMS_ERR_DENIED,
		"cannot export key set 'S1' for Bank B: it belongs to Bank A");
	expect_err(&err, key_scope_check("S1", NULL, "Bank B", "inject", &err), KMS_ERR_DENIED,
		"it belongs to this site itself");
	expect_err(&err, key_scope_check("S1", "Bank A", NULL, "inject", &err), KMS_ERR_DENIED,
		"for this site");
}

static void test_labels(void **state)
{
	static const struct {
		const char *set;
		enum key_role role;
		const char *label;
	} rows[] = {
		{"OPMasterKey2", KEY_ROLE_ENC, "OPMasterKeyENC2"},
		{"OPMasterKey2", KEY_ROLE_MAC, "OPMasterKeyMAC2"},
		{"OPMasterKey2", KEY_ROLE_KEK, "OPMasterKeyKEK2"},
		{"A", KEY_ROLE_ENC, "AENC"},
		{"2026", KEY_ROLE_KEK, "KEK2026"},
		{"Bank-A.v12", KEY_ROLE_MAC, "Bank-A.vMAC12"},
		{"AENC1", KEY_ROLE_ENC, "AENCENC1"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ123", KEY_ROLE_KEK, "ABCDEFGHIJKLMNOPQRSTUVWXYZKEK123"},
	};
	char label[KEY_LABEL_MAX + 1], set[KEY_SET_NAME_MAX + 1];
	struct kms_err err = {0};
	enum key_role role;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_ok(&err, key_label(rows[i].set, rows[i].role, label, &err));
		assert_string_equal(label, rows[i].label);
		expect_ok(&err, key_label_check(label, "label", &err));
		assert_true(key_label_split(label, set, &role));
		assert_string_equal(set, rows[i].set);
		assert_int_equal(role, rows[i].role);
	}
	expect_err(&err, key_label("S1", KEY_ROLE_TRANSPORT, label, &err), KMS_ERR_INVALID,
		"no key of role transport");
	expect_err(&err, key_label("ABCDEFGHIJKLMNOPQRSTUVWXYZ1234", KEY_ROLE_ENC, label, &err),
		KMS_ERR_INVALID, "30 characters, at most 29 fit");
	assert_false(key_label_split("", set, &role));
	assert_false(key_label_split("ENC", set, &role));
	assert_false(key_label_split("OPMasterKeyenc2", set, &role));
	assert_false(key_label_split("TK-EXAMPLE-2026", set, &role));
	assert_false(key_label_split("A1ENC2", set, &role));
	assert_false(key_label_split("_ENC2", set, &role));
	assert_false(key_label_split("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDENC", set, &role));
}

static void test_label_rules(void **state)
{
	static const char *const good[] = {
		"a", "7", "TK-EXAMPLE-2026", "a.b_c-d", "abcdefghijklmnopqrstuvwxyz012345"};
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "is empty"},
		{"-a", "must start with a letter or a digit"},
		{".hidden", "must start"},
		{"a.", "must not end with a full stop"},
		{"a b", "character 2"},
		{"a/b", "character 2"},
		{"abc\"", "character 4"},
		{"K\xC3\xA9y", "character 2"},
		{"abcdefghijklmnopqrstuvwxyz0123456", "33 characters, at most 32 fit"},
	};
	struct kms_err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		expect_ok(&err, key_label_check(good[i], "label", &err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_err(&err, key_label_check(bad[i].text, "label", &err), KMS_ERR_INVALID,
			bad[i].says);
	assert_true(key_label_same("OPMasterKey1", "opmasterkey1"));
	assert_false(key_label_same("OPMasterKey1", "OPMasterKey2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_strength),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_label_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
