/* SPDX-License-Identifier: Apache-2.0 */
/* What a site key does for backups, on whatever token: seals, and tries of wrapped keys. */
#ifndef SEAL_TEST_H
#define SEAL_TEST_H

#include "hsm_test.h"

#include "hsm/internal.h"

static inline struct hsm_made seal_key(
	struct hsm *hsm, enum hsm_alg alg, enum hsm_role role, unsigned seed, unsigned char *bytes)
{
	struct hsm_new spec =
		new_key(alg, role, role == HSM_SITE ? HSM_WRAP_AES_KW : HSM_WRAP_NONE, "SK-seal");
	SECRET_AUTO struct secret value = {0};
	struct hsm_made made;

	key_bytes(bytes, hsm_alg_len(alg), seed);
	secret_of(&value, bytes, hsm_alg_len(alg));
	ok(hsm_key_import(hsm, &spec, &value, &made, E));
	return made;
}

static inline size_t objects_there(struct hsm *hsm)
{
	FREE_AUTO struct hsm_object *list = NULL;
	size_t count = 0;

	ok(hsm_objects(hsm, &list, &count, E));
	return count;
}

/* The seal is the digest under the key, by OpenSSL too. */
static inline void check_seal(struct hsm *hsm)
{
	unsigned char bytes[32], digest[32], seal[HSM_SEAL_LEN], again[HSM_SEAL_LEN];
	struct hsm_made key = seal_key(hsm, HSM_AES256, HSM_SITE, 5, bytes);
	SECRET_AUTO struct secret kek = {0}, inside = {0};
	size_t before = objects_there(hsm);

	for (size_t i = 0; i < sizeof(digest); i++)
		digest[i] = (unsigned char)(i * 7);
	ok(hsm_seal(hsm, &key.key, digest, seal, E));
	ok(hsm_seal(hsm, &key.key, digest, again, E));
	assert_memory_equal(seal, again, sizeof(seal));
	secret_of(&kek, bytes, sizeof(bytes));
	ok(hsm_host_kw_unwrap(&kek, seal, sizeof(seal), &inside, E));
	assert_int_equal(inside.len, sizeof(digest));
	assert_memory_equal(inside.data, digest, sizeof(digest));
	digest[31] ^= 1;
	ok(hsm_seal(hsm, &key.key, digest, again, E));
	assert_memory_not_equal(seal, again, sizeof(seal));
	assert_int_equal(objects_there(hsm), before);
	ok(hsm_key_destroy(hsm, key.key.id, NULL, E));
}

/* Every algorithm: wrapped, tried, and nothing of it is left on the token. */
static inline void check_tries(struct hsm *hsm)
{
	static const enum hsm_alg algs[] = {
		HSM_TDEA2, HSM_TDEA3, HSM_AES128, HSM_AES192, HSM_AES256};
	unsigned char bytes[32];
	struct hsm_made site = seal_key(hsm, HSM_AES256, HSM_SITE, 5, bytes);

	for (size_t i = 0; i < COUNT_OF(algs); i++) {
		const enum hsm_check method =
			hsm_is_tdea(algs[i]) ? HSM_CHECK_TDES_ZERO : HSM_CHECK_AES_GP;
		struct hsm_made m =
			seal_key(hsm, algs[i], HSM_MASTER_VAULT, 20 + (unsigned)i, bytes);
		unsigned char wrapped[HSM_WRAPPED_MAX], check[HSM_CHECK_MAX];
		size_t len = 0, check_len = 0, before = objects_there(hsm);

		ok(hsm_wrap(hsm, &site.key, &m.key, HSM_WRAP_AES_KW, false, wrapped,
			sizeof(wrapped), &len, NULL, E));
		ok(hsm_unwrap_check(hsm, &site.key, HSM_WRAP_AES_KW, wrapped, len, algs[i], "M",
			method, check, &check_len, E));
		assert_int_equal(check_len, m.check_len);
		assert_memory_equal(check, m.check, check_len);
		refused(hsm_unwrap_check(hsm, &site.key, HSM_WRAP_AES_KW, wrapped, len - 8, algs[i],
				"M", method, check, &check_len, E),
			KMS_ERR_INVALID, "wrapped bytes");
		refused(hsm_unwrap_check(hsm, &m.key, HSM_WRAP_AES_KW, wrapped, len, algs[i], "M",
				method, check, &check_len, E),
			KMS_ERR_UNSUPPORTED, "may not unwrap");
		wrapped[len - 1] ^= 0x80;
		refused(hsm_unwrap_check(hsm, &site.key, HSM_WRAP_AES_KW, wrapped, len, algs[i],
				"M", method, check, &check_len, E),
			KMS_ERR_MISMATCH, "not intact");
		assert_int_equal(objects_there(hsm), before);
		ok(hsm_key_destroy(hsm, m.key.id, NULL, E));
	}
	ok(hsm_key_destroy(hsm, site.key.id, NULL, E));
}

#endif
