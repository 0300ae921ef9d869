/* SPDX-License-Identifier: Apache-2.0 */
/* Keys by role on real SoftHSM: creation, read-back, finding, proof, end. */
#include "hsm_test.h"

#include "hsm/internal.h"

#include <openssl/evp.h>
#include <openssl/params.h>
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

static const enum hsm_alg all[] = {HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};

/* What the token itself says, attribute by attribute, against the design's table. */
static unsigned usage_on_token(const struct hsm_key *key)
{
	struct hsm_session s;
	unsigned usage = 0;
	CK_RV rv;

	ok(hsm_borrow(hsm, &s, &rv, E));
	assert_int_equal(rv, CKR_OK);
	assert_int_equal(
		hsm_read_usage(hsm, s.handle, key->handle, CKO_SECRET_KEY, &usage), CKR_OK);
	hsm_give_back(hsm, &s, CKR_OK);
	return usage;
}

static void roles_are_as_designed(void **state)
{
	static const struct {
		enum hsm_role role;
		enum hsm_wrap wrap;
		unsigned usage;
	} rows[] = {
		{HSM_MASTER_VAULT, HSM_WRAP_NONE, HSM_CAN_DERIVE | HSM_IS_EXTRACTABLE},
		{HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, HSM_CAN_DERIVE},
		{HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, HSM_CAN_WRAP},
		{HSM_TRANSPORT_UNWRAP, HSM_WRAP_AES_KW, HSM_CAN_UNWRAP},
		{HSM_TRANSPORT_ENCRYPT, HSM_WRAP_CBC, HSM_CAN_ENCRYPT},
		{HSM_TRANSPORT_DECRYPT, HSM_WRAP_ECB, HSM_CAN_DECRYPT},
		{HSM_SITE, HSM_WRAP_AES_KW, HSM_CAN_WRAP | HSM_CAN_UNWRAP},
		{HSM_ZONE, HSM_WRAP_AES_KW, HSM_CAN_WRAP | HSM_CAN_UNWRAP},
		{HSM_CARD_SIGN, HSM_WRAP_NONE, HSM_CAN_SIGN | HSM_CAN_VERIFY | HSM_IS_EXTRACTABLE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_new spec = new_key(
			HSM_AES256, rows[i].role, rows[i].wrap, hsm_role_name(rows[i].role));
		unsigned expected = rows[i].usage | HSM_IS_SENSITIVE | HSM_IS_PRIVATE;
		struct hsm_made made;
		struct hsm_key found;

		ok(hsm_key_generate(hsm, &spec, &made, E));
		assert_int_equal(made.where, HSM_IN_HSM);
		assert_int_equal(made.check_len, 3);
		/* LOCAL: a copy of a generated key is one too on SoftHSM. */
		assert_int_equal(usage_on_token(&made.key) & ~(unsigned)HSM_IS_LOCAL, expected);
		ok(hsm_key_check_role(hsm, &made.key, rows[i].role, E));
		ok(hsm_key_find(hsm, spec.id, spec.label, &found, E));
		assert_int_equal(found.usage, made.key.usage);
		assert_int_equal(found.alg, HSM_AES256);
		assert_string_equal(found.label, spec.label);
		ok(hsm_key_prove(hsm, &found, spec.wrap, made.proof, made.proof_len, E));
		made.proof[0] ^= 1;
		refused(hsm_key_prove(hsm, &found, spec.wrap, made.proof, made.proof_len, E),
			KMS_ERR_MISMATCH, spec.label);
		refused(hsm_key_check_role(hsm, &made.key,
				rows[i].usage & HSM_IS_EXTRACTABLE ? HSM_MASTER_PRODUCTION
								   : HSM_MASTER_VAULT,
				E),
			KMS_ERR_MISMATCH, "EXTRACTABLE is");
		ok(hsm_key_destroy(hsm, spec.id, spec.label, E));
	}
}

/* The check value that the token computed, against OpenSSL, for imported keys of every kind. */
static void check_values_of_imported_keys(void **state)
{
	static const struct {
		enum hsm_role role;
		enum hsm_wrap aes_wrap;
		enum hsm_wrap tdea_wrap;
	} rows[] = {
		{HSM_MASTER_VAULT, HSM_WRAP_NONE, HSM_WRAP_NONE},
		{HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, HSM_WRAP_NONE},
		{HSM_TRANSPORT_UNWRAP, HSM_WRAP_AES_KW, HSM_WRAP_NONE},
		{HSM_TRANSPORT_ENCRYPT, HSM_WRAP_CBC, HSM_WRAP_ECB},
		{HSM_TRANSPORT_DECRYPT, HSM_WRAP_ECB, HSM_WRAP_CBC},
		{HSM_CARD_SIGN, HSM_WRAP_NONE, HSM_WRAP_NONE},
	};
	static const enum hsm_check methods[] = {
		HSM_CHECK_TDES_ZERO, HSM_CHECK_AES_GP, HSM_CHECK_AES_ZERO, HSM_CHECK_CMAC};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(all) * COUNT_OF(methods); i++) {
		enum hsm_alg alg = all[i / COUNT_OF(methods) % COUNT_OF(all)];
		size_t row = i / COUNT_OF(methods) / COUNT_OF(all);
		enum hsm_check method = methods[i % COUNT_OF(methods)];
		bool tdea = hsm_is_tdea(alg);
		enum hsm_wrap wrap = tdea ? rows[row].tdea_wrap : rows[row].aes_wrap;
		struct hsm_new spec = new_key(alg, rows[row].role, wrap, "K");
		SECRET_AUTO struct secret value = {0};
		unsigned char bytes[32];
		unsigned char in[16];
		unsigned char expected[16];
		struct hsm_made made;

		if ((method == HSM_CHECK_TDES_ZERO) != tdea && method != HSM_CHECK_CMAC)
			continue;
		/* AES key wrap is no way of TDEA's; keys behind content are AES keys. */
		if (row != 0 && wrap == HSM_WRAP_NONE && (rows[row].role != HSM_CARD_SIGN || tdea))
			continue;
		key_bytes(bytes, hsm_alg_len(alg), (unsigned)i);
		secret_of(&value, bytes, hsm_alg_len(alg));
		memset(in, method == HSM_CHECK_AES_GP, sizeof(in));
		if (method == HSM_CHECK_CMAC)
			assert_true(hsm_host_cmac(alg, bytes, in, hsm_block_len(alg), expected));
		else
			assert_true(hsm_host_ecb(alg, bytes, in, hsm_block_len(alg), expected));
		spec.check = method;
		ok(hsm_key_import(hsm, &spec, &value, &made, E));
		assert_int_equal(made.where, HSM_HOST_ASSISTED);
		assert_int_equal(made.check_len, method == HSM_CHECK_CMAC ? 5 : 3);
		assert_memory_equal(made.check, expected, made.check_len);
		ok(hsm_key_prove(hsm, &made.key, wrap, made.proof, made.proof_len, E));
		if (made.key.usage & (HSM_CAN_DERIVE | HSM_CAN_ENCRYPT)) {
			unsigned char again[HSM_CHECK_MAX];
			size_t len = 0;

			ok(hsm_check_value(hsm, &made.key, method, again, &len, E));
			assert_int_equal(len, made.check_len);
			assert_memory_equal(again, expected, len);
		} else {
			refused(hsm_check_value(hsm, &made.key, method, expected, &(size_t){0}, E),
				KMS_ERR_UNSUPPORTED, "neither derive nor encrypt");
		}
		ok(hsm_key_destroy(hsm, spec.id, "K", E));
	}
}

static void decrypt_cbc(
	const unsigned char key[32], const unsigned char *in, size_t len, unsigned char *out)
{
	static const unsigned char iv[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int made = 0;

	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, out, &made, in, (int)len), 1);
	assert_int_equal(made, len);
	EVP_CIPHER_CTX_free(ctx);
}

/* What a card with the same key computes: 20 messages, OpenSSL's CMAC. And it goes out only wrapped. */
static void keys_behind_content(void **state)
{
	static const enum hsm_alg algs[] = {HSM_AES128, HSM_AES256};
	const struct hsm_temp temp = {HSM_AES256, 0, HSM_TEMP_ENCRYPT};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(algs); i++) {
		struct hsm_new spec = new_key(algs[i], HSM_CARD_SIGN, HSM_WRAP_NONE, "S");
		SECRET_AUTO struct secret value = {0}, dek_value = {0};
		unsigned char bytes[32], dek[32], text[250], mac[16], want[16],
			wrapped[HSM_WRAPPED_MAX];
		struct hsm_made made;
		struct hsm_key kek, none;
		size_t len = 0;

		key_bytes(bytes, hsm_alg_len(algs[i]), 71 + (unsigned)i);
		secret_of(&value, bytes, hsm_alg_len(algs[i]));
		ok(hsm_key_import(hsm, &spec, &value, &made, E));
		for (size_t n = 0; n < 20; n++) {
			EVP_MAC *method = EVP_MAC_fetch(NULL, "CMAC", NULL);
			EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(method);
			char cipher[16];
			const OSSL_PARAM params[] = {
				OSSL_PARAM_utf8_string("cipher", cipher, 0), OSSL_PARAM_END};
			size_t text_len = n * 13;

			key_bytes(text, sizeof(text), (unsigned)n);
			strcpy(cipher, algs[i] == HSM_AES128 ? "AES-128-CBC" : "AES-256-CBC");
			assert_int_equal(EVP_MAC_init(ctx, bytes, hsm_alg_len(algs[i]), params), 1);
			assert_int_equal(EVP_MAC_update(ctx, text, text_len), 1);
			assert_int_equal(EVP_MAC_final(ctx, want, &len, sizeof(want)), 1);
			EVP_MAC_CTX_free(ctx);
			EVP_MAC_free(method);
			ok(hsm_cmac(hsm, &made.key, text, text_len, mac, &len, E));
			assert_int_equal(len, 16);
			assert_memory_equal(mac, want, 16);
		}
		/* It derives nothing and encrypts nothing. */
		refused(hsm_encrypt(hsm, &made.key, NULL, text, 16, mac, E), KMS_ERR_HSM, "'S'");
		refused(hsm_derive_ecb(hsm, &made.key, text, 32,
				&(struct hsm_temp){HSM_AES128, 0, HSM_TEMP_CARD}, &none, E),
			KMS_ERR_HSM, "'S'");
		/* Under a card's DEK, by CBC with IV 0, as SCP03 wants it. */
		key_bytes(dek, sizeof(dek), 5);
		secret_of(&dek_value, dek, sizeof(dek));
		ok(hsm_temp_import(hsm, &temp, &dek_value, &kek, E));
		ok(hsm_wrap(hsm, &kek, &made.key, HSM_WRAP_CBC, true, wrapped, sizeof(wrapped),
			&len, NULL, E));
		assert_int_equal(len, hsm_alg_len(algs[i]));
		decrypt_cbc(dek, wrapped, len, text);
		assert_memory_equal(text, bytes, len);
		refused(hsm_wrap(hsm, &kek, &made.key, HSM_WRAP_CBC, false, wrapped,
				sizeof(wrapped), &len, NULL, E),
			KMS_ERR_DENIED, "'S'");
		hsm_key_drop(hsm, &kek);
		ok(hsm_key_destroy(hsm, spec.id, "S", E));
	}
}

static void every_algorithm_is_generated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct hsm_new spec = new_key(all[i], HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
		unsigned char check[HSM_CHECK_MAX];
		struct hsm_made made;
		struct hsm_made second;
		size_t len = 0;

		ok(hsm_key_generate(hsm, &spec, &made, E));
		assert_true(made.key.usage & HSM_IS_LOCAL);
		ok(hsm_check_value(hsm, &made.key, spec.check, check, &len, E));
		assert_memory_equal(check, made.check, 3);
		refused(hsm_key_generate(hsm, &spec, &second, E), KMS_ERR_EXISTS, "CKA_ID");
		ok(hsm_key_destroy(hsm, spec.id, "M", E));
		ok(hsm_key_generate(hsm, &spec, &second, E));
		assert_memory_not_equal(second.proof, made.proof, made.proof_len);
		ok(hsm_key_destroy(hsm, spec.id, "M", E));
	}
}

/* A holder of the PIN cannot give a key of the table more than it has. */
static void usage_cannot_be_widened(void **state)
{
	static const struct {
		enum hsm_role role;
		enum hsm_wrap wrap;
		CK_ATTRIBUTE_TYPE wider;
	} rows[] = {
		{HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, CKA_EXTRACTABLE},
		{HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, CKA_ENCRYPT},
		{HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, CKA_DECRYPT},
		{HSM_TRANSPORT_UNWRAP, HSM_WRAP_AES_KW, CKA_ENCRYPT},
		{HSM_TRANSPORT_DECRYPT, HSM_WRAP_ECB, CKA_WRAP},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hsm_new spec = new_key(HSM_AES128, rows[i].role, rows[i].wrap, "K");
		CK_BBOOL yes = CK_TRUE;
		CK_ATTRIBUTE wider = {rows[i].wider, &yes, sizeof(yes)};
		CK_OBJECT_HANDLE copy = 0;
		struct hsm_session s;
		struct hsm_made made;
		CK_RV rv;

		ok(hsm_key_generate(hsm, &spec, &made, E));
		ok(hsm_borrow(hsm, &s, &rv, E));
		assert_int_not_equal(
			hsm->p11->C_SetAttributeValue(s.handle, made.key.handle, &wider, 1),
			CKR_OK);
		assert_int_not_equal(
			hsm->p11->C_CopyObject(s.handle, made.key.handle, &wider, 1, &copy),
			CKR_OK);
		hsm_give_back(hsm, &s, CKR_OK);
		ok(hsm_key_check_role(hsm, &made.key, rows[i].role, E));
		ok(hsm_key_destroy(hsm, spec.id, "K", E));
	}
}

/* A token that answers OK and makes something else. */
static CK_C_GenerateKey real_generate;

static CK_RV loose_generate(CK_SESSION_HANDLE session, CK_MECHANISM *mech, CK_ATTRIBUTE *t,
	CK_ULONG count, CK_OBJECT_HANDLE *key)
{
	static CK_BBOOL no = CK_FALSE;

	for (CK_ULONG i = 0; i < count; i++)
		if (t[i].type == CKA_SENSITIVE)
			t[i].pValue = &no;
	return real_generate(session, mech, t, count, key);
}

static void silently_loose_key_is_destroyed(void **state)
{
	struct hsm_new spec = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
	struct hsm_made made;
	size_t count = 9;

	(void)state;
	ok(hsm_probe(hsm, E));
	real_generate = hsm->p11->C_GenerateKey;
	hsm->p11->C_GenerateKey = loose_generate;
	refused(hsm_key_generate(hsm, &spec, &made, E), KMS_ERR_HSM, "SENSITIVE is false");
	hsm->p11->C_GenerateKey = real_generate;
	assert_non_null(strstr(test_err.msg, "it was destroyed"));
	ok(hsm_key_count(hsm, spec.id, &count, E));
	assert_int_equal(count, 0);
}

static void find_wants_exactly_one(void **state)
{
	struct hsm_new spec = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
	CK_OBJECT_HANDLE second = 0;
	CK_BBOOL yes = CK_TRUE;
	struct hsm_template t;
	struct hsm_session s;
	struct hsm_made made;
	struct hsm_key key;
	size_t count = 0;
	CK_RV rv;

	(void)state;
	refused(hsm_key_find(hsm, spec.id, "M", &key, E), KMS_ERR_NOT_FOUND, "'M'");
	refused(hsm_key_destroy(hsm, spec.id, "M", E), KMS_ERR_NOT_FOUND, "cannot destroy 'M'");
	ok(hsm_key_generate(hsm, &spec, &made, E));
	ok(hsm_borrow(hsm, &s, &rv, E));
	hsm_template_fill(&t, hsm, HSM_MASTER_VAULT, HSM_AES128, 0, HSM_FOR_GENERATE, &spec);
	assert_int_equal(
		hsm->p11->C_GenerateKey(s.handle, &(CK_MECHANISM){CKM_AES_KEY_GEN, NULL, 0}, t.attr,
			t.count, &second),
		CKR_OK);
	hsm_give_back(hsm, &s, CKR_OK);
	(void)yes;
	refused(hsm_key_find(hsm, spec.id, "M", &key, E), KMS_ERR_STATE, "several keys");
	ok(hsm_key_count(hsm, spec.id, &count, E));
	assert_int_equal(count, 2);
	ok(hsm_key_destroy(hsm, spec.id, "M", E));
	ok(hsm_key_count(hsm, spec.id, &count, E));
	assert_int_equal(count, 0);
}

static void pair_signs(void **state)
{
	struct hsm_new spec = new_key(HSM_EC_P256, HSM_IDENTITY, HSM_WRAP_NONE, "identity");
	static const unsigned char digest[32] = "thirty-two bytes that are signed";
	unsigned char point[HSM_POINT_LEN];
	unsigned char again[HSM_POINT_LEN];
	unsigned char sig[64];
	unsigned char other[64];
	struct hsm_key key;
	struct hsm_key found;
	size_t count = 0;

	(void)state;
	ok(hsm_pair_generate(hsm, &spec, &key, point, E));
	assert_int_equal(point[0], 4);
	assert_int_equal(key.usage & ~(unsigned)HSM_IS_LOCAL,
		HSM_CAN_SIGN | HSM_IS_SENSITIVE | HSM_IS_PRIVATE);
	ok(hsm_sign(hsm, &key, digest, sig, E));
	ok(hsm_sign(hsm, &key, digest, other, E));
	assert_memory_not_equal(sig, other, sizeof(sig));
	ok(hsm_pair_point(hsm, spec.id, "identity", again, E));
	assert_memory_equal(point, again, sizeof(point));
	ok(hsm_key_find(hsm, spec.id, "identity", &found, E));
	assert_int_equal(found.alg, HSM_EC_P256);
	ok(hsm_key_check_role(hsm, &found, HSM_IDENTITY, E));
	refused(hsm_pair_generate(hsm, &spec, &key, point, E), KMS_ERR_EXISTS, "CKA_ID");
	ok(hsm_key_count(hsm, spec.id, &count, E));
	assert_int_equal(count, 2);
	ok(hsm_key_destroy(hsm, spec.id, "identity", E));
	refused(hsm_pair_point(hsm, spec.id, "identity", again, E), KMS_ERR_NOT_FOUND, "identity");
}

static void objects_are_listed(void **state)
{
	struct hsm_new a = new_key(HSM_TDEA2, HSM_MASTER_VAULT, HSM_WRAP_NONE, "A");
	struct hsm_new b = new_key(HSM_EC_P256, HSM_AUDIT, HSM_WRAP_NONE, "B");
	unsigned char point[HSM_POINT_LEN];
	FREE_AUTO struct hsm_object *list = NULL;
	struct hsm_made made;
	struct hsm_key key;
	size_t count = 0;
	unsigned seen = 0;

	(void)state;
	ok(hsm_key_generate(hsm, &a, &made, E));
	ok(hsm_pair_generate(hsm, &b, &key, point, E));
	ok(hsm_objects(hsm, &list, &count, E));
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++) {
		assert_true(list[i].has_id);
		if (!strcmp(list[i].class_name, "secret-key")) {
			assert_int_equal(list[i].alg, HSM_TDEA2);
			assert_int_equal(list[i].len, 16);
			assert_memory_equal(list[i].id, a.id, sizeof(a.id));
			seen |= 1;
		} else if (!strcmp(list[i].class_name, "private-key")) {
			assert_string_equal(list[i].label, "B");
			seen |= 2;
		} else if (!strcmp(list[i].class_name, "public-key")) {
			assert_memory_equal(list[i].id, b.id, sizeof(b.id));
			seen |= 4;
		}
	}
	assert_int_equal(seen, 7);
	ok(hsm_key_destroy(hsm, a.id, "A", E));
	ok(hsm_key_destroy(hsm, b.id, "B", E));
}

static void bad_specs_are_refused(void **state)
{
	SECRET_AUTO struct secret value = {0};
	struct hsm_made made;
	struct hsm_key key;
	unsigned char point[HSM_POINT_LEN];
	struct hsm_new s;

	(void)state;
	secret_of(&value, "0123456789abcdef", 16);
	s = new_key(HSM_TDEA2, HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, "K");
	refused(hsm_key_generate(hsm, &s, &made, E), KMS_ERR_INVALID, "needs an AES key");
	s = new_key(HSM_AES128, HSM_TRANSPORT_WRAP, HSM_WRAP_NONE, "K");
	refused(hsm_key_generate(hsm, &s, &made, E), KMS_ERR_INVALID, "needs a wrapping method");
	s = new_key(HSM_AES128, HSM_IDENTITY, HSM_WRAP_NONE, "K");
	refused(hsm_key_generate(hsm, &s, &made, E), KMS_ERR_INVALID, "not for aes128");
	s = new_key(HSM_EC_P256, HSM_MASTER_VAULT, HSM_WRAP_NONE, "K");
	refused(hsm_pair_generate(hsm, &s, &key, point, E), KMS_ERR_INVALID, "not for p256");
	s = new_key(HSM_AES128, HSM_TEMP_CARD, HSM_WRAP_NONE, "K");
	refused(hsm_key_generate(hsm, &s, &made, E), KMS_ERR_INVALID, "bad role");
	s = new_key(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, "");
	refused(hsm_key_generate(hsm, &s, &made, E), KMS_ERR_INVALID, "label");
	s = new_key(HSM_AES256, HSM_MASTER_VAULT, HSM_WRAP_NONE, "K");
	refused(hsm_key_import(hsm, &s, &value, &made, E), KMS_ERR_INVALID, "16 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_are_as_designed),
		cmocka_unit_test(check_values_of_imported_keys),
		cmocka_unit_test(keys_behind_content),
		cmocka_unit_test(every_algorithm_is_generated),
		cmocka_unit_test(usage_cannot_be_widened),
		cmocka_unit_test(silently_loose_key_is_destroyed),
		cmocka_unit_test(find_wants_exactly_one),
		cmocka_unit_test(pair_signs),
		cmocka_unit_test(objects_are_listed),
		cmocka_unit_test(bad_specs_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
