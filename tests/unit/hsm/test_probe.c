/* SPDX-License-Identifier: Apache-2.0 */
/* The probe against what was measured of SoftHSM 2.6.1, and its record. */
#include "hsm_test.h"

#include <stdlib.h>

static struct softhsm store;
static struct hsm *hsm;

static int setup(void **state)
{
	(void)state;
	hsm = open_softhsm(&store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hsm_close(hsm);
	softhsm_close(&store);
	return 0;
}

static void needs_login(void **state)
{
	struct hsm *other = NULL;

	(void)state;
	ok(hsm_open(URI, NULL, &other, E));
	ok(hsm_find_token(other, E));
	refused(hsm_probe(other, E), KMS_ERR_STATE, "nobody is logged in");
	hsm_close(other);
}

static void softhsm_is_as_measured(void **state)
{
	static const struct {
		const char *name;
		enum hsm_answer answer;
	} expected[] = {
		{"random", HSM_WORKS},
		{"generate-tdea2", HSM_WORKS},
		{"generate-tdea3", HSM_WORKS},
		{"generate-aes", HSM_WORKS},
		{"import", HSM_WORKS},
		{"copy-narrow", HSM_WORKS},
		{"aes-ecb", HSM_WORKS},
		{"aes-cbc", HSM_WORKS},
		{"tdea-ecb", HSM_WORKS},
		{"tdea-cbc", HSM_WORKS},
		{"aes-cmac", HSM_WORKS},
		{"tdea-cmac", HSM_WORKS},
		{"aes-ecb-derive", HSM_WORKS},
		{"aes-cbc-derive", HSM_WORKS},
		{"tdea-ecb-derive", HSM_WORKS},
		{"tdea-cbc-derive", HSM_WORKS},
		{"xor", HSM_ABSENT},
		{"concatenate", HSM_ABSENT},
		{"kdf-counter", HSM_ABSENT},
		{"aes-kw-wrap", HSM_WORKS},
		{"aes-kw-unwrap", HSM_WORKS},
		{"aes-kwp-wrap", HSM_ABSENT},
		{"aes-cbc-wrap", HSM_FAILS},
		{"aes-cbc-unwrap", HSM_FAILS},
		{"tdea-cbc-unwrap", HSM_FAILS},
		{"raw-aes-kw-wrap", HSM_WORKS},
		{"raw-aes-cbc-wrap", HSM_WORKS},
		{"raw-tdea-ecb-wrap", HSM_FAILS},
		{"ecdsa-p256", HSM_WORKS},
		{"modifiable-false", HSM_WORKS},
		{"unextractable", HSM_WORKS},
		{"usage", HSM_WORKS},
		{"wrap-with-trusted", HSM_WORKS},
		{"trusted-reserved", HSM_WORKS},
		{"trusted-private", HSM_FAILS},
	};
	size_t found = 0;
	size_t objects = 9;
	FREE_AUTO struct hsm_object *list = NULL;

	SECRET_AUTO struct secret so = {0};

	(void)state;
	secret_of(&so, "12345678", 8);
	ok(hsm_probe_trusted(hsm, &so, E));
	ok(hsm_probe(hsm, E));
	for (size_t i = 0; i < hsm_cap_count(); i++) {
		struct hsm_cap_result r;

		hsm_cap_get(hsm, i, &r);
		print_message("%-20s %-8s %s\n", r.name, hsm_answer_name(r.answer), r.native);
		assert_int_not_equal(r.answer, HSM_UNKNOWN);
		assert_true((r.answer == HSM_WORKS) == !r.native[0]);
		for (size_t k = 0; k < sizeof(expected) / sizeof(expected[0]); k++) {
			if (strcmp(expected[k].name, r.name))
				continue;
			found++;
			if (r.answer != expected[k].answer)
				fail_msg("%s: %s %s", r.name, hsm_answer_name(r.answer), r.native);
		}
	}
	assert_int_equal(found, sizeof(expected) / sizeof(expected[0]));
	ok(hsm_objects(hsm, &list, &objects, E));
	assert_int_equal(objects, 0); /* nothing is left */
}

static void ways_of_softhsm(void **state)
{
	static const struct {
		enum hsm_op op;
		enum hsm_where where;
		const char *strategy;
	} expected[] = {
		{HSM_OP_CHECK_VALUE_AES, HSM_IN_HSM, "AES_ECB_ENCRYPT_DATA"},
		{HSM_OP_COMPONENTS_XOR, HSM_HOST_ASSISTED, "secret memory"},
		{HSM_OP_WRAP_AES_KW, HSM_IN_HSM, "AES_KEY_WRAP"},
		{HSM_OP_UNWRAP_AES_KW, HSM_IN_HSM, "AES_KEY_WRAP"},
		{HSM_OP_WRAP_RAW_AES, HSM_HOST_ASSISTED, "C_Encrypt"},
		{HSM_OP_UNWRAP_RAW_AES, HSM_HOST_ASSISTED, "C_Decrypt"},
		{HSM_OP_WRAP_RAW_TDEA, HSM_HOST_ASSISTED, "C_Encrypt"},
		{HSM_OP_UNWRAP_RAW_TDEA, HSM_HOST_ASSISTED, "C_Decrypt"},
		{HSM_OP_WRAP_BLOCK_AES, HSM_HOST_ASSISTED, "derived keys inside"},
		{HSM_OP_UNWRAP_BLOCK_TDEA, HSM_HOST_ASSISTED, "derived keys inside"},
		{HSM_OP_DERIVE_ECB_TDEA, HSM_IN_HSM, "DES3_ECB_ENCRYPT_DATA"},
		{HSM_OP_DERIVE_CMAC_AES, HSM_IN_HSM, "CMAC composed"},
		{HSM_OP_DERIVE_CMAC_SPLICED, HSM_HOST_ASSISTED, "XOR in secret memory"},
		{HSM_OP_SCP02_SESSION, HSM_IN_HSM, "C_Encrypt DES3_CBC"},
		{HSM_OP_SCP02_PUT_KEY, HSM_HOST_ASSISTED, "AES_KEY_WRAP to the host"},
		{HSM_OP_SCP03_SESSION, HSM_IN_HSM, "C_Sign AES_CMAC"},
		{HSM_OP_SCP03_PUT_KEY, HSM_IN_HSM, "C_WrapKey AES_CBC"},
		{HSM_OP_SIGN_P256, HSM_IN_HSM, "ECDSA"},
		{HSM_OP_EXPORT_CONTROL, HSM_HOST_ASSISTED, "two officers"},
	};
	enum hsm_where where;
	enum hsm_role role;

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct hsm_way way;

		ok(hsm_way(hsm, expected[i].op, &way, E));
		assert_true(way.available);
		if (way.where != expected[i].where || !strstr(way.strategy, expected[i].strategy))
			fail_msg("%s: %s", way.op, way.strategy);
	}
	ok(hsm_transport_role(hsm, HSM_AES256, HSM_WRAP_AES_KW, true, &role, &where, E));
	assert_int_equal(role, HSM_TRANSPORT_WRAP);
	assert_int_equal(where, HSM_IN_HSM);
	ok(hsm_transport_role(hsm, HSM_AES256, HSM_WRAP_AES_KW, false, &role, &where, E));
	assert_int_equal(role, HSM_TRANSPORT_UNWRAP);
	ok(hsm_transport_role(hsm, HSM_TDEA3, HSM_WRAP_ECB, true, &role, &where, E));
	assert_int_equal(role, HSM_TRANSPORT_ENCRYPT);
	assert_int_equal(where, HSM_HOST_ASSISTED);
	ok(hsm_transport_role(hsm, HSM_AES128, HSM_WRAP_CBC, false, &role, &where, E));
	assert_int_equal(role, HSM_TRANSPORT_DECRYPT);
	refused(hsm_transport_role(hsm, HSM_TDEA2, HSM_WRAP_AES_KW, true, &role, &where, E),
		KMS_ERR_INVALID, "aes-kw under a tdea2");
	refused(hsm_transport_role(hsm, HSM_AES128, HSM_WRAP_AES_KWP, true, &role, &where, E),
		KMS_ERR_UNSUPPORTED, "aes-kwp");
}

static void record_round_trip(void **state)
{
	BUF_AUTO struct buf first = {0};
	BUF_AUTO struct buf second = {0};
	struct hsm *other = NULL;
	size_t guards;

	(void)state;
	ok(hsm_probe(hsm, E));
	ok(hsm_caps_save(hsm, &first, E));
	ok(hsm_open(URI, NULL, &other, E));
	ok(hsm_caps_load(other, buf_text(&first), E));
	ok(hsm_caps_load(other, "of-the-future works\n", E));
	/* Of what the token guards no record is believed, but what only setup can ask. */
	ok(hsm_caps_load(other, "modifiable-false works\ncopyable-false fails\n", E));
	ok(hsm_caps_save(other, &second, E));
	assert_non_null(strstr(buf_text(&first), "ecdsa-p256 works\nmodifiable-false "));
	guards = (size_t)(strstr(buf_text(&first), "modifiable-false") - buf_text(&first));
	assert_memory_equal(buf_text(&first), buf_text(&second), guards);
	assert_string_equal(
		buf_text(&second) + guards, strstr(buf_text(&first), "trusted-private"));
	refused(hsm_caps_load(other, "aes-ecb maybe\n", E), KMS_ERR_INVALID, "capabilities");
	refused(hsm_caps_load(other, "aes-ecb\n", E), KMS_ERR_INVALID, "capabilities");
	refused(hsm_caps_load(other, "aes-ecb works CKR_OK more\n", E), KMS_ERR_INVALID,
		"capabilities");
	hsm_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_login),
		cmocka_unit_test(softhsm_is_as_measured),
		cmocka_unit_test(ways_of_softhsm),
		cmocka_unit_test(record_round_trip),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
