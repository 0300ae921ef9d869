/* SPDX-License-Identifier: Apache-2.0 */
/* The same calls on NSS softokn, which has XOR, SP 800-108 and TDEA wrapping. */
#include "hsm_test.h"

#include "hsm/internal.h"

static struct softokn store;
static struct hsm *hsm;

static int setup(void **state)
{
	struct hsm *other = NULL;

	(void)state;
	refused(hsm_open(NSS_URI, "configdir='sql:/nonexistent/x' flags=", &other, E), KMS_ERR_HSM,
		"cannot initialise the HSM's module");
	assert_non_null(strstr(test_err.hint, "init-args"));
	hsm = open_softokn(&store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	hsm_close(hsm);
	softokn_close(&store);
	return 0;
}

static const enum hsm_alg all[] = {HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};

static struct hsm_made import(enum hsm_alg alg, enum hsm_role role, unsigned seed,
	const char *label, unsigned char *bytes)
{
	struct hsm_new spec = new_key(alg, role,
		hsm_role_row(role)->bound ? hsm_is_tdea(alg) ? HSM_WRAP_CBC : HSM_WRAP_AES_KW
					  : HSM_WRAP_NONE,
		label);
	SECRET_AUTO struct secret value = {0};
	struct hsm_made made;

	key_bytes(bytes, hsm_alg_len(alg), seed);
	secret_of(&value, bytes, hsm_alg_len(alg));
	ok(hsm_key_import(hsm, &spec, &value, &made, E));
	return made;
}

static void login_works(void **state)
{
	SECRET_AUTO struct secret wrong = {0};
	struct hsm_token_info info;

	(void)state;
	ok(hsm_token_info(hsm, &info, E));
	assert_string_equal(info.label, "NSS Certificate DB");
	assert_true(info.initialised && info.user_pin_set);
	secret_of(&wrong, "not-the-pin", 11);
	hsm_sessions_close(hsm);
	refused(hsm_login(hsm, &wrong, E), KMS_ERR_AUTH, "PIN is wrong");
	login(hsm);
}

static void probe_finds_more(void **state)
{
	static const char *const working[] = {"xor", "concatenate", "kdf-counter", "aes-ecb-derive",
		"tdea-ecb-derive", "aes-kw-wrap", "aes-kw-unwrap", "aes-cbc-derive",
		"tdea-cbc-derive", "tdea-cbc-wrap", "tdea-cbc-unwrap", "copy-narrow"};
	static const char *const failing[] = {
		"unextractable", "trusted-reserved", "wrap-with-trusted"};
	size_t good = 0;
	size_t bad = 0;
	struct hsm_way way;

	(void)state;
	ok(hsm_probe(hsm, E));
	for (size_t i = 0; i < hsm_cap_count(); i++) {
		struct hsm_cap_result r;

		hsm_cap_get(hsm, i, &r);
		print_message("%-20s %-8s %s\n", r.name, hsm_answer_name(r.answer), r.native);
		for (size_t k = 0; k < COUNT_OF(working); k++)
			good += !strcmp(r.name, working[k]) && r.answer == HSM_WORKS;
		for (size_t k = 0; k < COUNT_OF(failing); k++)
			bad += !strcmp(r.name, failing[k]) && r.answer == HSM_FAILS;
	}
	assert_int_equal(good, COUNT_OF(working));
	assert_int_equal(bad, COUNT_OF(failing));
	ok(hsm_way(hsm, HSM_OP_COMPONENTS_XOR, &way, E));
	assert_int_equal(way.where, HSM_IN_HSM);
	ok(hsm_way(hsm, HSM_OP_DERIVE_CMAC_AES, &way, E));
	assert_non_null(strstr(way.strategy, "SP800_108"));
	ok(hsm_way(hsm, HSM_OP_WRAP_RAW_TDEA, &way, E));
	assert_int_equal(way.where, HSM_IN_HSM);
	for (int op = HSM_OP_SCP02_SESSION; op <= HSM_OP_SCP03_PUT_KEY; op++) {
		ok(hsm_way(hsm, (enum hsm_op)op, &way, E));
		assert_true(way.available);
		assert_int_equal(way.where, HSM_IN_HSM);
	}
	ok(hsm_way(hsm, HSM_OP_EXPORT_CONTROL, &way, E));
	assert_int_equal(way.where, HSM_HOST_ASSISTED);
}

static void components_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		size_t len = hsm_alg_len(all[i]);
		struct hsm_new spec = new_key(all[i], HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
		SECRET_AUTO struct secret c0 = {0};
		SECRET_AUTO struct secret c1 = {0};
		SECRET_AUTO struct secret c2 = {0};
		struct secret list[3];
		unsigned char sum[32];
		unsigned char block[16];
		unsigned char expected[16];
		struct hsm_made made;

		ok(hsm_random(hsm, len, &c0, E));
		ok(hsm_random(hsm, len, &c1, E));
		ok(hsm_random(hsm, len, &c2, E));
		list[0] = c0;
		list[1] = c1;
		list[2] = c2;
		for (size_t at = 0; at < len; at++)
			sum[at] = c0.data[at] ^ c1.data[at] ^ c2.data[at];
		memset(block, !hsm_is_tdea(all[i]), sizeof(block));
		assert_true(hsm_host_ecb(all[i], sum, block, hsm_block_len(all[i]), expected));
		ok(hsm_key_from_components(hsm, &spec, list, 3, false, &made, E));
		assert_int_equal(made.where, HSM_IN_HSM);
		assert_memory_equal(made.check, expected, 3);
		ok(hsm_key_destroy(hsm, spec.id, "M", E));
		/* And into a role that is narrowed. */
		spec = new_key(all[i], HSM_TRANSPORT_UNWRAP,
			hsm_is_tdea(all[i]) ? HSM_WRAP_CBC : HSM_WRAP_AES_KW, "TK");
		ok(hsm_key_from_components(hsm, &spec, list, 3, false, &made, E));
		assert_memory_equal(made.check, expected, 3);
		ok(hsm_key_prove(hsm, &made.key, spec.wrap, made.proof, made.proof_len, E));
		ok(hsm_key_destroy(hsm, spec.id, "TK", E));
	}
}

static unsigned native_derivations;
static CK_C_DeriveKey real_derive;

static CK_RV count_derive(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_OBJECT_HANDLE base,
	CK_ATTRIBUTE *t, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	native_derivations += mech->mechanism == CKM_SP800_108_COUNTER_KDF;
	return real_derive(session, mech, base, t, count, key);
}

/* KDF3's shape: the native mechanism where it may be used, else composed, with the same result. */
static void cmac_by_either_way(void **state)
{
	static const enum hsm_role roles[] = {HSM_MASTER_VAULT, HSM_MASTER_PRODUCTION};
	unsigned char m1[32] = "label 12345 and context 67890 ab";
	unsigned char m2[32] = "label 12345 and context 67890 ab";
	const struct hsm_message m[] = {{m1, 32, false}, {m2, 32, false}};

	(void)state;
	m1[15] = 1;
	m2[15] = 2;
	ok(hsm_probe(hsm, E));
	real_derive = hsm->p11->C_DeriveKey;
	hsm->p11->C_DeriveKey = count_derive;
	for (size_t r = 0; r < COUNT_OF(roles); r++) {
		for (size_t i = 2; i < COUNT_OF(all); i++) {
			const struct hsm_temp temp = {all[i], 0, HSM_TEMP_CARD};
			const struct hsm_temp kek_temp = {HSM_AES256, 0, HSM_TEMP_KEK};
			size_t len = hsm_alg_len(all[i]);
			size_t count = (len + 15) / 16;
			SECRET_AUTO struct secret kek_bytes = {0};
			SECRET_AUTO struct secret value = {0};
			unsigned char wrapped[HSM_WRAPPED_MAX];
			unsigned char bytes[32];
			unsigned char expected[32];
			struct hsm_made base = import(all[i], roles[r], (unsigned)i, "M", bytes);
			struct hsm_key kek;
			struct hsm_key key;
			size_t wrapped_len = 0;

			native_derivations = 0;
			ok(hsm_derive_cmac(hsm, &base.key, NULL, m, count, &temp, &key, E));
			assert_int_equal(native_derivations, roles[r] == HSM_MASTER_VAULT);
			assert_true(hsm_host_cmac(all[i], bytes, m1, 32, expected));
			assert_true(hsm_host_cmac(all[i], bytes, m2, 32, expected + 16));
			secret_of(&kek_bytes, "0123456789abcdef0123456789abcdef", 32);
			ok(hsm_temp_import(hsm, &kek_temp, &kek_bytes, &kek, E));
			ok(hsm_wrap(hsm, &kek, &key, HSM_WRAP_AES_KW, false, wrapped,
				sizeof(wrapped), &wrapped_len, NULL, E));
			ok(hsm_host_kw_unwrap(&kek_bytes, wrapped, wrapped_len, &value, E));
			assert_int_equal(value.len, len);
			assert_memory_equal(value.data, expected, len);
			hsm_key_drop(hsm, &kek);
			hsm_key_drop(hsm, &key);
			ok(hsm_key_destroy(hsm, base.key.id, "M", E));
		}
	}
	hsm->p11->C_DeriveKey = real_derive;
}

/* TDEA transport keys work inside this token; so does AES key wrap. */
static void wrap_inside(void **state)
{
	static const enum hsm_alg keks[] = {
		HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};

	(void)state;
	for (size_t k = 0; k < COUNT_OF(keks); k++) {
		enum hsm_wrap how = hsm_is_tdea(keks[k]) ? HSM_WRAP_CBC : HSM_WRAP_AES_KW;
		unsigned char bytes[32];
		struct hsm_made out = import(keks[k], HSM_TRANSPORT_WRAP, 7, "TK-out", bytes);
		struct hsm_made in = import(keks[k], HSM_TRANSPORT_UNWRAP, 7, "TK-in", bytes);

		for (size_t i = 0; i < COUNT_OF(all); i++) {
			struct hsm_new spec =
				new_key(all[i], HSM_MASTER_VAULT, HSM_WRAP_NONE, "M2");
			unsigned char wrapped[HSM_WRAPPED_MAX];
			unsigned char m_bytes[32];
			struct hsm_made m =
				import(all[i], HSM_MASTER_VAULT, (unsigned)i, "M", m_bytes);
			enum hsm_where where = HSM_HOST_ASSISTED;
			struct hsm_made back;
			size_t len = 0;

			ok(hsm_wrap(hsm, &out.key, &m.key, how, false, wrapped, sizeof(wrapped),
				&len, &where, E));
			assert_int_equal(where, HSM_IN_HSM);
			ok(hsm_unwrap(hsm, &in.key, how, false, wrapped, len, &spec, &back, E));
			assert_memory_equal(back.proof, m.proof, m.proof_len);
			ok(hsm_key_destroy(hsm, back.key.id, "M2", E));
			if (how == HSM_WRAP_AES_KW) {
				wrapped[1] ^= 1;
				refused(hsm_unwrap(hsm, &in.key, how, false, wrapped, len, &spec,
						&back, E),
					KMS_ERR_MISMATCH, "not intact");
			}
			ok(hsm_key_destroy(hsm, m.key.id, "M", E));
		}
		ok(hsm_key_destroy(hsm, out.key.id, "TK-out", E));
		ok(hsm_key_destroy(hsm, in.key.id, "TK-in", E));
	}
}

static void session_copies(void **state)
{
	unsigned char bytes[32];
	unsigned char zeros[16] = {0};
	unsigned char expected[16];
	unsigned char got[16];
	struct hsm_made base = import(HSM_AES128, HSM_MASTER_VAULT, 3, "M", bytes);
	struct hsm_key copy;
	size_t count = 0;

	(void)state;
	ok(hsm_key_session_copy(hsm, &base.key, &copy, E));
	assert_false(copy.token);
	assert_true(hsm_host_ecb(HSM_AES128, bytes, zeros, 16, expected));
	ok(hsm_ecb_read(hsm, &copy, zeros, 16, got, E));
	assert_memory_equal(got, expected, 16);
	hsm_key_drop(hsm, &copy);
	ok(hsm_key_count(hsm, base.key.id, &count, E));
	assert_int_equal(count, 1);
	ok(hsm_key_destroy(hsm, base.key.id, "M", E));
}

static void pair_signs(void **state)
{
	struct hsm_new spec = new_key(HSM_EC_P256, HSM_IDENTITY, HSM_WRAP_NONE, "identity");
	unsigned char point[HSM_POINT_LEN];
	unsigned char digest[32] = "thirty-two bytes that are signed";
	unsigned char sig[64];
	struct hsm_key key;

	(void)state;
	ok(hsm_pair_generate(hsm, &spec, &key, point, E));
	ok(hsm_sign(hsm, &key, digest, sig, E));
	ok(hsm_key_destroy(hsm, spec.id, "identity", E));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_works),
		cmocka_unit_test(probe_finds_more),
		cmocka_unit_test(components_inside),
		cmocka_unit_test(cmac_by_either_way),
		cmocka_unit_test(wrap_inside),
		cmocka_unit_test(session_copies),
		cmocka_unit_test(pair_signs),
	};

	if (!softokn_installed()) {
		print_message("skipped: %s is not installed (libnss3)\n", SOFTOKN_MODULE);
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
