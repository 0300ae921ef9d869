/* SPDX-License-Identifier: Apache-2.0 */
/* Card keys over real tokens: what is refused, with which words, and what officers may decide. */
#include "cardkeys_test.h"

static void refuses_host_where_policy_does(void **state)
{
	struct fixture *f = *state;
	struct twice des = both(f, at("DesVisa2")), fresh = both(f, at("DesEmv1"));
	struct twice aes = both(f, at("A256Kdf1")), spliced = both(f, at("A192An1"));
	struct twice same = both(f, at("A192Kdf1"));
	struct op op = {.site = f->site};
	const struct card_dek dek = {CARD_DEK_SESSION_ECB, {1, 0x81, 0, 7}};
	struct card_key_block block;

	f->site->policy.host_assisted = false;
	if (f->nss) {
		OK(op_card_keys_may_wrap(&op, des.hsm, fresh.hsm, &err));
		OK(des.hsm->ops->wrap(des.hsm, &dek, fresh.hsm, CARD_ENC, &block, &err));
	} else {
		expect_err(&err, op_card_keys_may_wrap(&op, des.hsm, fresh.hsm, &err),
			KMS_ERR_DENIED, "(PUT KEY under SCP02) would pass through this machine's");
		expect_err(&err,
			des.hsm->ops->wrap(des.hsm, &dek, fresh.hsm, CARD_ENC, &block, &err),
			KMS_ERR_DENIED, "the token cannot do it inside");
	}
	assert_false(op.host_assisted);
	expect_err(&err, op_card_keys_may_wrap(&op, aes.hsm, spliced.hsm, &err), KMS_ERR_DENIED,
		"(diversification by an10922)");
	expect_err(&err, op_card_keys_may_wrap(&op, spliced.hsm, same.hsm, &err), KMS_ERR_DENIED,
		"the keys 'A192An1 for 00004181116665F5B830' (diversification");
	expect_err(&err, spliced.hsm->ops->kcv(spliced.hsm, CARD_ENC, block.kcv, &err),
		KMS_ERR_DENIED, "may not pass through this host");
	assert_null(op_card_keys_host_assisted(fresh.hsm));
	f->site->policy.host_assisted = true;
	OK(op_card_keys_may_wrap(&op, aes.hsm, spliced.hsm, &err));
	assert_true(op.host_assisted);
	free_twice(&des);
	free_twice(&fresh);
	free_twice(&aes);
	free_twice(&same);
	free_twice(&spliced);
}

static void refuses_a_weaker_dek(void **state)
{
	struct fixture *f = *state;
	struct twice old = both(f, at("A128Kdf1")), fresh = both(f, at("A256Kdf1"));
	CARD_KEYS_AUTO struct card_keys *initial = NULL;
	struct op op = {.site = f->site};

	expect_err(&err, op_card_keys_may_wrap(&op, old.hsm, fresh.hsm, &err), KMS_ERR_DENIED,
		"is weaker than the aes256 key (256 bits) it would wrap");
	assert_non_null(
		strstr(err.msg, "cannot encrypt the keys 'A256Kdf1 for 00004181116665F5B8"));
	OK(op_card_keys_may_wrap(&op, fresh.hsm, old.hsm, &err));
	OK(op_card_keys_initial(f->site, old.clear, &initial, &err));
	old.clear = NULL;
	OK(op_card_keys_may_wrap(&op, initial, fresh.hsm, &err));
	assert_false(op.host_assisted);
	free_twice(&old);
	free_twice(&fresh);
}

static void refuses_masters_that_may_not_leave(void **state)
{
	struct fixture *f = *state;
	struct twice old = both(f, at("A128Kdf1"));
	OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = NULL;
	const struct card_dek dek = {.use = CARD_DEK_STATIC_CBC};
	struct op op = {.site = f->site};
	unsigned char kcv[CARD_KCV_SIZE];
	struct card_key_block block;

	need(f, at("A128None1"));
	add_set(f, "Kept1", "none", KEY_AES128, f->masters[at("A128None1")], false);
	OK(op_card_masters_open(f->site, NULL, "Kept1", OP_CARD_NEW, &masters, &err));
	OK(op_card_keys_derive(masters, NULL, 0, &keys, &err));
	expect_err(&err, op_card_keys_may_wrap(&op, old.hsm, keys, &err), KMS_ERR_UNSUPPORTED,
		"gets the masters themselves, and these may not leave the HSM");
	expect_err(&err, old.hsm->ops->wrap(old.hsm, &dek, keys, CARD_ENC, &block, &err),
		KMS_ERR_UNSUPPORTED, "may not leave the HSM");
	/* As keys that are on a card they serve. */
	OK(keys->ops->kcv(keys, CARD_ENC, kcv, &err));
	free_twice(&old);
}

/* What is good enough to get cards off it is not put on any. */
static void refuses_old_sets_as_new(void **state)
{
	struct fixture *f = *state;
	struct twice old = both(f, at("A128Kdf1"));
	OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = NULL;
	const struct card_dek dek = {.use = CARD_DEK_STATIC_CBC};
	const struct card_dek other = {.use = CARD_DEK_SESSION_ECB};
	struct op op = {.site = f->site};
	struct card_key_block block;

	need(f, at("A128Kdf2"));
	OK(op_card_masters_open(f->site, NULL, "A128Kdf2", OP_CARD_OLD, &masters, &err));
	OK(op_card_keys_derive(masters, kdd, 10, &keys, &err));
	expect_err(&err, op_card_keys_may_wrap(&op, old.hsm, keys, &err), KMS_ERR_STATE,
		"they were opened to get cards off them");
	expect_err(&err, old.hsm->ops->wrap(old.hsm, &dek, keys, CARD_ENC, &block, &err),
		KMS_ERR_STATE, "they were opened to get cards off them");
	/* The other way they do what they are for. */
	OK(op_card_keys_may_wrap(&op, keys, old.hsm, &err));
	OK(keys->ops->wrap(keys, &dek, old.hsm, CARD_ENC, &block, &err));
	expect_err(&err, keys->ops->wrap(keys, &other, old.hsm, CARD_ENC, &block, &err),
		KMS_ERR_INTERNAL, "has no such DEK");
	free_twice(&old);
}

static void refuses_other_holders(void **state)
{
	struct fixture *f = *state;
	struct twice t = both(f, at("A128Kdf1"));
	const struct card_dek dek = {.use = CARD_DEK_STATIC_CBC};
	struct op op = {.site = f->site};
	SECRET_AUTO struct secret key = {0};
	struct card_key_block block;

	expect_err(&err, op_card_keys_may_wrap(&op, t.hsm, t.clear, &err), KMS_ERR_UNSUPPORTED,
		"not held by this site's HSM");
	expect_err(&err, t.hsm->ops->wrap(t.hsm, &dek, t.clear, CARD_MAC, &block, &err),
		KMS_ERR_UNSUPPORTED, "not held by this site's HSM");
	expect_err(&err, card_keys_clear_dek(t.hsm, &dek, &key, &err), KMS_ERR_UNSUPPORTED,
		"not in this program's memory");
	assert_null(key.data);
	free_twice(&t);
}

static void refuses_kdd_and_3tdea(void **state)
{
	struct fixture *f = *state;
	struct op_card_masters *masters = NULL;
	struct secret three[CARD_ROLES] = {{0}};
	struct card_keys *keys = NULL;

	need(f, at("DesEmv1"));
	OK(op_card_masters_open(f->site, NULL, "DesEmv1", OP_CARD_OLD, &masters, &err));
	expect_err(&err, op_card_keys_derive(masters, kdd, 9, &keys, &err), KMS_ERR_INVALID,
		"has 9 bytes, 'emv' takes exactly 10");
	op_card_masters_free(masters);
	masters = NULL;
	for (unsigned i = 0; i < CARD_ROLES; i++)
		fill(&three[i], 24, 200 + i);
	add_set(f, "Three1", "an10922", KEY_TDEA3, three, true);
	expect_err(&err, op_card_masters_open(f->site, NULL, "Three1", OP_CARD_OLD, &masters, &err),
		KMS_ERR_UNSUPPORTED, "are 3TDEA, which no card takes");
	expect_err(&err, op_card_masters_open(f->site, NULL, "Nobody", OP_CARD_OLD, &masters, &err),
		KMS_ERR_NOT_FOUND, "Nobody");
	assert_null(masters);
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&three[i]);
}

static void row_of(struct fixture *f, const char *keyset, enum key_role role, struct store_key *row)
{
	char label[KEY_LABEL_MAX + 1];

	OK(key_label(keyset, role, label, &err));
	OK(store_key_by_label(f->site->store, label, row, &err));
}

static void set_state(struct fixture *f, enum key_role role, const char *state)
{
	STORE_AUTO(key) struct store_key row = {0};

	row_of(f, "DesVisa1", role, &row);
	OK(store_begin(f->site->store, &err));
	OK(store_key_set_state(
		f->site->store, row.cka_id, row.state, state, "found in a bin", 2, &err));
	OK(store_end(f->site->store, KMS_OK, &err));
}

static void states_say_what_may_be_done(void **state)
{
	static const struct {
		const char *state;
		bool old;
	} rows[] = {{"suspended", true}, {"compromised", true}, {"deactivated", true},
		{"pre-activation", false}, {"pending", false}};
	struct fixture *f = *state;

	need(f, at("DesVisa1"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
		enum key_role role = roles[i % CARD_ROLES];
		char text[80];

		set_state(f, role, rows[i].state);
		snprintf(text, sizeof(text), "is %s (found in a bin)", rows[i].state);
		expect_err(&err,
			op_card_masters_open(
				f->site, NULL, "DesVisa1", OP_CARD_NEW, &masters, &err),
			KMS_ERR_STATE, text);
		assert_non_null(strstr(err.msg, "cannot put keys of 'DesVisa1' on cards"));
		if (rows[i].old)
			OK(op_card_masters_open(
				f->site, NULL, "DesVisa1", OP_CARD_OLD, &masters, &err));
		else
			expect_err(&err,
				op_card_masters_open(
					f->site, NULL, "DesVisa1", OP_CARD_OLD, &masters, &err),
				KMS_ERR_STATE, "cannot open cards with keys of 'DesVisa1'");
		set_state(f, role, "active");
	}
}

static void officers_may_set_a_period_aside(void **state)
{
	struct fixture *f = *state;
	STORE_AUTO(key) struct store_key row = {0};
	OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
	struct op op = {.site = f->site, .overrides = json_array()};
	char *officer;

	need(f, at("DesVisa1"));
	row_of(f, "DesVisa1", KEY_ROLE_MAC, &row);
	row.deactivate_after = clock_now() - 60;
	OK(store_begin(f->site->store, &err));
	OK(store_key_update(f->site->store, &row, "active", &err));
	OK(store_end(f->site->store, KMS_OK, &err));
	expect_err(&err,
		op_card_masters_open(f->site, NULL, "DesVisa1", OP_CARD_NEW, &masters, &err),
		KMS_ERR_DENIED, "their cryptoperiod ended on");
	expect_err(&err,
		op_card_masters_open(f->site, &op, "DesVisa1", OP_CARD_NEW, &masters, &err),
		KMS_ERR_DENIED, "two officers can override it");
	OK(op_card_masters_open(f->site, NULL, "DesVisa1", OP_CARD_OLD, &masters, &err));
	assert_int_equal(op_card_masters_info(masters)->period_ends, row.deactivate_after);
	assert_string_equal(op_card_masters_info(masters)->customer, "Example Bank");
	assert_int_equal(op_card_masters_info(masters)->key_version, 0x20);
	op_card_masters_free(masters);
	masters = NULL;
	f->site->override_reason = "the last week of a job";
	officer = strdup("ana");
	op.officers[0] = officer;
	OK(op_card_masters_open(f->site, &op, "DesVisa1", OP_CARD_NEW, &masters, &err));
	assert_int_equal(json_array_size(op.overrides), 1);
	f->site->override_reason = NULL;
	json_decref(op.overrides);
	free(officer);
	row.deactivate_after = 0;
	OK(store_begin(f->site->store, &err));
	OK(store_key_update(f->site->store, &row, "active", &err));
	OK(store_end(f->site->store, KMS_OK, &err));
}

/* A store that was edited must not put keys on cards that nobody can derive again. */
static void refuses_a_master_that_is_another(void **state)
{
	struct fixture *f = *state;
	STORE_AUTO(key) struct store_key row = {0};
	OP_CARD_MASTERS_AUTO struct op_card_masters *masters = NULL;
	const char *right;

	need(f, at("A256Kdf2"));
	row_of(f, "A256Kdf2", KEY_ROLE_KEK, &row);
	right = row.check_value;
	row.check_value = "ABCDEF";
	OK(store_begin(f->site->store, &err));
	OK(store_key_update(f->site->store, &row, "active", &err));
	OK(store_end(f->site->store, KMS_OK, &err));
	expect_err(&err,
		op_card_masters_open(f->site, NULL, "A256Kdf2", OP_CARD_OLD, &masters, &err),
		KMS_ERR_MISMATCH, "ABCDEF");
	row.check_value = right;
	OK(store_begin(f->site->store, &err));
	OK(store_key_update(f->site->store, &row, "active", &err));
	OK(store_end(f->site->store, KMS_OK, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_host_where_policy_does),
		cmocka_unit_test(refuses_a_weaker_dek),
		cmocka_unit_test(refuses_masters_that_may_not_leave),
		cmocka_unit_test(refuses_old_sets_as_new),
		cmocka_unit_test(refuses_other_holders),
		cmocka_unit_test(refuses_kdd_and_3tdea),
		cmocka_unit_test(states_say_what_may_be_done),
		cmocka_unit_test(officers_may_set_a_period_aside),
		cmocka_unit_test(refuses_a_master_that_is_another),
	};

	return on_both(tests, sizeof(tests) / sizeof(tests[0]));
}
