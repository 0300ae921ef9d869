/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping, derivation, components and ciphers on real SoftHSM, each against OpenSSL. */
#include "hsm_test.h"

#include "hsm/internal.h"

#include <openssl/evp.h>

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

/* A key of known bytes in a token role. */
static struct hsm_made import(enum hsm_alg alg, enum hsm_role role, enum hsm_wrap wrap,
	unsigned seed, const char *label, unsigned char *bytes)
{
	struct hsm_new spec = new_key(alg, role, wrap, label);
	SECRET_AUTO struct secret value = {0};
	struct hsm_made made;

	key_bytes(bytes, hsm_alg_len(alg), seed);
	secret_of(&value, bytes, hsm_alg_len(alg));
	ok(hsm_key_import(hsm, &spec, &value, &made, E));
	return made;
}

static void destroy(struct hsm_key *key)
{
	ok(hsm_key_destroy(hsm, key->id, key->label, E));
}

/* Every algorithm out and in again under a transport key; the wrapped bytes as OpenSSL makes them. */
static void round_trip(enum hsm_alg tk_alg, enum hsm_wrap how, bool host)
{
	unsigned char tk_bytes[32];
	struct hsm_made out = import(tk_alg, host ? HSM_TRANSPORT_ENCRYPT : HSM_TRANSPORT_WRAP, how,
		7, "TK-out", tk_bytes);
	struct hsm_made in = import(tk_alg, host ? HSM_TRANSPORT_DECRYPT : HSM_TRANSPORT_UNWRAP,
		how, 7, "TK-in", tk_bytes);

	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct hsm_new spec = new_key(all[i], HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, "M2");
		unsigned char bytes[32];
		struct hsm_made m =
			import(all[i], HSM_MASTER_VAULT, HSM_WRAP_NONE, (unsigned)i, "M", bytes);
		unsigned char wrapped[HSM_WRAPPED_MAX];
		unsigned char expected[HSM_WRAPPED_MAX];
		size_t len = 0;
		size_t expected_len = 0;
		enum hsm_where where = HSM_HOST_ASSISTED;
		struct hsm_made back;
		struct hsm_key found;

		if (host)
			refused(hsm_wrap(hsm, &out.key, &m.key, how, false, wrapped,
					sizeof(wrapped), &len, &where, E),
				KMS_ERR_DENIED, "may not pass through this host");
		ok(hsm_wrap(hsm, &out.key, &m.key, how, host, wrapped, sizeof(wrapped), &len,
			&where, E));
		assert_int_equal(where, host ? HSM_HOST_ASSISTED : HSM_IN_HSM);
		assert_true(hsm_host_wrap(tk_alg, tk_bytes, how, bytes, hsm_alg_len(all[i]),
			expected, &expected_len));
		assert_int_equal(len, expected_len);
		assert_memory_equal(wrapped, expected, len);
		if (host)
			refused(hsm_unwrap(hsm, &in.key, how, false, wrapped, len, &spec, &back, E),
				KMS_ERR_DENIED, "may not pass through this host");
		ok(hsm_unwrap(hsm, &in.key, how, host, wrapped, len, &spec, &back, E));
		assert_int_equal(back.where, host ? HSM_HOST_ASSISTED : HSM_IN_HSM);
		assert_int_equal(back.check_len, m.check_len);
		assert_memory_equal(back.check, m.check, m.check_len);
		assert_memory_equal(back.proof, m.proof, m.proof_len);
		ok(hsm_key_check_role(hsm, &back.key, HSM_MASTER_PRODUCTION, E));
		ok(hsm_key_find(hsm, spec.id, "M2", &found, E));
		assert_true(hsm_alg_fits(found.alg, all[i]));
		assert_false(hsm_alg_fits(found.alg, all[i] == HSM_TDEA2 ? HSM_TDEA3 : HSM_TDEA2));
		/* A production master goes nowhere. */
		refused(hsm_wrap(hsm, &out.key, &back.key, how, true, wrapped, sizeof(wrapped),
				&len, &where, E),
			KMS_ERR_HSM, "CKR_KEY_UNEXTRACTABLE");
		destroy(&back.key);
		refused(hsm_unwrap(hsm, &in.key, how, host, wrapped, len - 1, &spec, &back, E),
			KMS_ERR_INVALID, "wrapped bytes");
		destroy(&m.key);
	}
	destroy(&out.key);
	destroy(&in.key);
}

static void aes_key_wrap(void **state)
{
	(void)state;
	round_trip(HSM_AES128, HSM_WRAP_AES_KW, false);
	round_trip(HSM_AES192, HSM_WRAP_AES_KW, false);
	round_trip(HSM_AES256, HSM_WRAP_AES_KW, false);
}

static void raw_host_assisted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		round_trip(all[i], HSM_WRAP_ECB, true);
		round_trip(all[i], HSM_WRAP_CBC, true);
	}
}

static void wrapped_key_not_intact(void **state)
{
	struct hsm_new spec = new_key(HSM_AES128, HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, "M2");
	unsigned char bytes[32];
	struct hsm_made out =
		import(HSM_AES256, HSM_TRANSPORT_WRAP, HSM_WRAP_AES_KW, 7, "TK-out", bytes);
	struct hsm_made in =
		import(HSM_AES256, HSM_TRANSPORT_UNWRAP, HSM_WRAP_AES_KW, 7, "TK-in", bytes);
	struct hsm_made other =
		import(HSM_AES256, HSM_TRANSPORT_UNWRAP, HSM_WRAP_AES_KW, 8, "TK-other", bytes);
	struct hsm_made raw =
		import(HSM_AES256, HSM_TRANSPORT_DECRYPT, HSM_WRAP_CBC, 8, "TK-raw", bytes);
	struct hsm_made m = import(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, 1, "M", bytes);
	struct hsm_new spec192 = new_key(HSM_AES192, HSM_MASTER_PRODUCTION, HSM_WRAP_NONE, "M3");
	unsigned char wrapped[HSM_WRAPPED_MAX];
	unsigned char zeros[32] = {0};
	struct hsm_made back;
	size_t count = 0;
	size_t len = 0;

	(void)state;
	ok(hsm_wrap(hsm, &out.key, &m.key, HSM_WRAP_AES_KW, false, wrapped, sizeof(wrapped), &len,
		NULL, E));
	refused(hsm_unwrap(hsm, &other.key, HSM_WRAP_AES_KW, false, wrapped, len, &spec, &back, E),
		KMS_ERR_MISMATCH, "another key than 'TK-other'");
	wrapped[3] ^= 0x10;
	refused(hsm_unwrap(hsm, &in.key, HSM_WRAP_AES_KW, false, wrapped, len, &spec, &back, E),
		KMS_ERR_MISMATCH, "not intact");
	/* A key may do only what its role says, also by the other method. */
	refused(hsm_wrap(hsm, &in.key, &m.key, HSM_WRAP_AES_KW, true, wrapped, sizeof(wrapped),
			&len, NULL, E),
		KMS_ERR_UNSUPPORTED, "'TK-in'");
	refused(hsm_unwrap(hsm, &out.key, HSM_WRAP_AES_KW, true, wrapped, 24, &spec, &back, E),
		KMS_ERR_UNSUPPORTED, "'TK-out'");
	refused(hsm_unwrap(hsm, &raw.key, HSM_WRAP_AES_KW, true, wrapped, 24, &spec, &back, E),
		KMS_ERR_UNSUPPORTED, "aes-kw");
	refused(hsm_unwrap(hsm, &raw.key, HSM_WRAP_CBC, true, zeros, 32, &spec192, &back, E),
		KMS_ERR_MISMATCH, "is not zero");
	ok(hsm_key_count(hsm, spec.id, &count, E));
	assert_int_equal(count, 0);
	destroy(&out.key);
	destroy(&in.key);
	destroy(&other.key);
	destroy(&raw.key);
	destroy(&m.key);
}

/* --- derivation --- */

/* The bytes of a session key: wrapped under a key that the test knows, unwrapped by OpenSSL. */
static void value_of(struct hsm_key *key, unsigned char *out, size_t len)
{
	const struct hsm_temp temp = {HSM_AES256, 0, HSM_TEMP_KEK};
	SECRET_AUTO struct secret kek_bytes = {0};
	SECRET_AUTO struct secret value = {0};
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct hsm_key kek;
	size_t wrapped_len = 0;

	secret_of(&kek_bytes, "0123456789abcdef0123456789abcdef", 32);
	ok(hsm_temp_import(hsm, &temp, &kek_bytes, &kek, E));
	ok(hsm_wrap(hsm, &kek, key, HSM_WRAP_AES_KW, false, wrapped, sizeof(wrapped), &wrapped_len,
		NULL, E));
	hsm_key_drop(hsm, &kek);
	ok(hsm_host_kw_unwrap(&kek_bytes, wrapped, wrapped_len, &value, E));
	assert_int_equal(value.len, len);
	memcpy(out, value.data, len);
}

static void derive_by_ecb(void **state)
{
	unsigned char data[32];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 9 + 1);
	for (size_t b = 0; b < COUNT_OF(all); b++) {
		unsigned char bytes[32];
		unsigned char ecb[32];
		unsigned char expected[32];
		unsigned char got[32];
		struct hsm_made base =
			import(all[b], HSM_MASTER_VAULT, HSM_WRAP_NONE, (unsigned)b, "M", bytes);

		assert_true(hsm_host_ecb(all[b], bytes, data, sizeof(data), ecb));
		ok(hsm_ecb_read(hsm, &base.key, data, sizeof(data), got, E));
		assert_memory_equal(got, ecb, sizeof(ecb));
		for (size_t k = 0; k < COUNT_OF(all); k++) {
			const struct hsm_temp temp = {all[k], 0, HSM_TEMP_CARD};
			size_t len = hsm_alg_len(all[k]);
			struct hsm_key key;

			ok(hsm_derive_ecb(hsm, &base.key, data, sizeof(data), &temp, &key, E));
			memcpy(expected, ecb, len);
			if (hsm_is_tdea(all[k]))
				hsm_host_set_parity(expected, len);
			value_of(&key, got, len);
			assert_memory_equal(got, expected, len);
			hsm_key_drop(hsm, &key);
			assert_int_equal(key.handle, 0);
		}
		refused(hsm_ecb_read(hsm, &base.key, data, 5, got, E), KMS_ERR_INVALID,
			"whole blocks");
		destroy(&base.key);
	}
}

static void derive_raw_and_cbc(void **state)
{
	static const unsigned char iv[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct hsm_temp raw = {HSM_RAW, 16, HSM_TEMP_CARD};
	unsigned char data[16] = "diversification";
	unsigned char bytes[32];
	unsigned char expected[32];
	unsigned char got[32];
	struct hsm_made base = import(HSM_TDEA2, HSM_MASTER_VAULT, HSM_WRAP_NONE, 3, "M", bytes);
	struct hsm_key key;

	(void)state;
	assert_true(hsm_host_ecb(HSM_TDEA2, bytes, data, 16, expected));
	ok(hsm_derive_ecb(hsm, &base.key, data, 16, &raw, &key, E));
	value_of(&key, got, 16);
	assert_memory_equal(got, expected, 16); /* without parity */
	hsm_key_drop(hsm, &key);

	for (size_t i = 0; i < 8; i++)
		data[i] ^= iv[i];
	assert_true(hsm_host_ecb(HSM_TDEA2, bytes, data, 8, expected));
	for (size_t i = 0; i < 8; i++) {
		data[i] ^= iv[i];
		data[8 + i] ^= expected[i];
	}
	assert_true(hsm_host_ecb(HSM_TDEA2, bytes, data + 8, 8, expected + 8));
	for (size_t i = 0; i < 8; i++)
		data[8 + i] ^= expected[i];
	ok(hsm_derive_cbc(hsm, &base.key, iv, data, 16, &raw, &key, E));
	value_of(&key, got, 16);
	assert_memory_equal(got, expected, 16);
	hsm_key_drop(hsm, &key);
	destroy(&base.key);
}

/* Messages of every length around the block borders, one to four of them, every base. */
static void derive_by_cmac(void **state)
{
	static const size_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 70};
	unsigned char data[4][80];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i / 80][i % 80] = (unsigned char)(i * 5 + 3);
	for (size_t b = 0; b < COUNT_OF(all); b++) {
		size_t block = hsm_block_len(all[b]);
		unsigned char bytes[32];
		struct hsm_made base =
			import(all[b], HSM_MASTER_VAULT, HSM_WRAP_NONE, (unsigned)b, "M", bytes);

		for (size_t l = 0; l < COUNT_OF(lengths); l++) {
			for (size_t count = 1; count <= HSM_MESSAGES_MAX; count++) {
				const struct hsm_temp temp = {
					HSM_RAW, count * block, HSM_TEMP_CARD};
				SECRET_AUTO struct secret host = {0};
				struct hsm_message m[HSM_MESSAGES_MAX];
				unsigned char expected[64];
				unsigned char got[64];
				struct hsm_key key;

				if (count * block < 16 || count * block > 40)
					continue; /* what AES key wrap and value_of take */
				for (size_t i = 0; i < count; i++) {
					size_t len =
						lengths[(l + i * (count == 2)) % COUNT_OF(lengths)];

					m[i] = (struct hsm_message){data[i], len, false};
					assert_true(hsm_host_cmac(
						all[b], bytes, data[i], len, expected + i * block));
				}
				ok(hsm_derive_cmac(hsm, &base.key, NULL, m, count, &temp, &key, E));
				value_of(&key, got, count * block);
				assert_memory_equal(got, expected, count * block);
				hsm_key_drop(hsm, &key);
				ok(hsm_derive_cmac_secret(
					hsm, &base.key, NULL, m, count, true, &host, E));
				assert_int_equal(host.len, count * block);
				assert_memory_equal(host.data, expected, host.len);
			}
		}
		destroy(&base.key);
	}
}

/* AES-192 takes 24 of two MACs' 32 bytes; 3TDEA takes three of TDEA; parity is set. */
static void derive_by_cmac_lengths(void **state)
{
	static const struct hsm_message m[] = {
		{(const unsigned char *)"\x11message", 8, false},
		{(const unsigned char *)"\x12message", 8, false},
		{(const unsigned char *)"\x13message", 8, false},
	};
	static const struct {
		enum hsm_alg base;
		enum hsm_alg want;
		size_t count;
	} rows[] = {
		{HSM_AES128, HSM_AES128, 1},
		{HSM_AES192, HSM_AES192, 2},
		{HSM_AES256, HSM_AES256, 2},
		{HSM_TDEA2, HSM_TDEA2, 2},
		{HSM_TDEA3, HSM_TDEA3, 3},
	};

	(void)state;
	for (size_t r = 0; r < COUNT_OF(rows); r++) {
		const struct hsm_temp temp = {rows[r].want, 0, HSM_TEMP_CARD};
		size_t block = hsm_block_len(rows[r].base);
		size_t len = hsm_alg_len(rows[r].want);
		unsigned char bytes[32];
		unsigned char expected[48];
		unsigned char got[48];
		struct hsm_made base =
			import(rows[r].base, HSM_MASTER_VAULT, HSM_WRAP_NONE, 5, "M", bytes);
		struct hsm_key key;

		for (size_t i = 0; i < rows[r].count; i++)
			assert_true(hsm_host_cmac(
				rows[r].base, bytes, m[i].data, m[i].len, expected + i * block));
		if (hsm_is_tdea(rows[r].want))
			hsm_host_set_parity(expected, len);
		ok(hsm_derive_cmac(hsm, &base.key, NULL, m, rows[r].count, &temp, &key, E));
		value_of(&key, got, len);
		assert_memory_equal(got, expected, len);
		hsm_key_drop(hsm, &key);
		destroy(&base.key);
	}
}

static void padded_messages_take_k2(void **state)
{
	/* 20 bytes, once as they are and once padded by the caller to two blocks: the same MAC. */
	unsigned char plain[20] = "twenty bytes of data";
	unsigned char padded[32] = "twenty bytes of data";
	const struct hsm_message a = {plain, sizeof(plain), false};
	const struct hsm_message b = {padded, sizeof(padded), true};
	const struct hsm_message c = {padded, 15, true};
	SECRET_AUTO struct secret one = {0};
	SECRET_AUTO struct secret two = {0};
	unsigned char bytes[32];
	struct hsm_made base = import(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, 3, "M", bytes);

	(void)state;
	padded[20] = 0x80;
	ok(hsm_derive_cmac_secret(hsm, &base.key, NULL, &a, 1, true, &one, E));
	ok(hsm_derive_cmac_secret(hsm, &base.key, NULL, &b, 1, true, &two, E));
	assert_true(secret_equal(&one, &two));
	refused(hsm_derive_cmac_secret(hsm, &base.key, NULL, &c, 1, true, &two, E), KMS_ERR_INVALID,
		"not padded");
	refused(hsm_derive_cmac_secret(hsm, &base.key, NULL, &a, 1, false, &two, E), KMS_ERR_DENIED,
		"may not pass through this host");
	destroy(&base.key);
}

/* --- components --- */

static void components(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		for (size_t count = 2; count <= 4; count++) {
			size_t len = hsm_alg_len(all[i]);
			struct hsm_new spec = new_key(all[i], HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
			SECRET_AUTO struct secret c0 = {0};
			SECRET_AUTO struct secret c1 = {0};
			SECRET_AUTO struct secret c2 = {0};
			SECRET_AUTO struct secret c3 = {0};
			struct secret *each[] = {&c0, &c1, &c2, &c3};
			struct secret list[4];
			unsigned char sum[32] = {0};
			unsigned char block[16];
			unsigned char expected[16];
			struct hsm_made made;

			for (size_t k = 0; k < count; k++) {
				ok(hsm_random(hsm, len, each[k], E));
				for (size_t at = 0; at < len; at++)
					sum[at] ^= each[k]->data[at];
				list[k] = *each[k];
			}
			memset(block, !hsm_is_tdea(all[i]), sizeof(block));
			assert_true(
				hsm_host_ecb(all[i], sum, block, hsm_block_len(all[i]), expected));
			refused(hsm_key_from_components(hsm, &spec, list, count, false, &made, E),
				KMS_ERR_DENIED, "combine the components of 'M'");
			ok(hsm_key_from_components(hsm, &spec, list, count, true, &made, E));
			assert_int_equal(made.where, HSM_HOST_ASSISTED);
			assert_memory_equal(made.check, expected, 3);
			destroy(&made.key);
			refused(hsm_key_from_components(hsm, &spec, list, 1, true, &made, E),
				KMS_ERR_INVALID, "there are 1");
			list[1].len--;
			refused(hsm_key_from_components(hsm, &spec, list, count, true, &made, E),
				KMS_ERR_INVALID, "a component has");
		}
	}
}

/* Combined in the host the key gets odd parity: even numbers of odd components have even parity. */
static void parity_is_set(void **state)
{
	struct hsm_new spec = new_key(HSM_TDEA2, HSM_MASTER_VAULT, HSM_WRAP_NONE, "M");
	unsigned char a[16];
	unsigned char b[16];
	unsigned char got[16];
	unsigned char expected[16];
	SECRET_AUTO struct secret c0 = {0};
	SECRET_AUTO struct secret c1 = {0};
	struct secret list[2];
	struct hsm_made made;

	(void)state;
	key_bytes(a, 16, 1);
	key_bytes(b, 16, 9);
	secret_of(&c0, a, 16);
	secret_of(&c1, b, 16);
	list[0] = c0;
	list[1] = c1;
	ok(hsm_key_from_components(hsm, &spec, list, 2, true, &made, E));
	for (size_t i = 0; i < 16; i++)
		expected[i] = a[i] ^ b[i];
	hsm_host_set_parity(expected, 16);
	value_of(&made.key, got, 16);
	assert_memory_equal(got, expected, 16);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(__builtin_popcount(got[i]) & 1, 1);
	destroy(&made.key);
}

/* --- the rest --- */

static void cmac_and_ciphers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		const struct hsm_temp mac = {all[i], 0, HSM_TEMP_MAC};
		const struct hsm_temp cipher = {all[i], 0, HSM_TEMP_CIPHER};
		static const unsigned char text[32] = "thirty-two bytes for the cipher";
		static const unsigned char iv[16] = "initial vector";
		SECRET_AUTO struct secret value = {0};
		unsigned char bytes[32];
		unsigned char expected[16];
		unsigned char got[16];
		unsigned char crypt[32];
		unsigned char plain[32];
		struct hsm_key key;
		size_t len = 0;

		key_bytes(bytes, hsm_alg_len(all[i]), 4);
		secret_of(&value, bytes, hsm_alg_len(all[i]));
		ok(hsm_temp_import(hsm, &mac, &value, &key, E));
		ok(hsm_cmac(hsm, &key, text, 21, got, &len, E));
		assert_true(hsm_host_cmac(all[i], bytes, text, 21, expected));
		assert_int_equal(len, hsm_block_len(all[i]));
		assert_memory_equal(got, expected, len);
		hsm_key_drop(hsm, &key);

		ok(hsm_temp_import(hsm, &cipher, &value, &key, E));
		ok(hsm_encrypt(hsm, &key, NULL, text, 32, crypt, E));
		assert_true(hsm_host_ecb(all[i], bytes, text, 32, plain));
		assert_memory_equal(crypt, plain, 32);
		ok(hsm_encrypt(hsm, &key, iv, text, 32, crypt, E));
		assert_memory_not_equal(crypt, plain, 32);
		ok(hsm_decrypt(hsm, &key, iv, crypt, 32, plain, E));
		assert_memory_equal(plain, text, 32);
		refused(hsm_encrypt(hsm, &key, NULL, text, 31, crypt, E), KMS_ERR_INVALID,
			"whole blocks");
		hsm_key_drop(hsm, &key);
	}
}

static void session_copies(void **state)
{
	const struct hsm_temp temp = {HSM_AES128, 0, HSM_TEMP_CARD};
	unsigned char bytes[32];
	unsigned char got[16];
	unsigned char zeros[16] = {0};
	unsigned char expected[16];
	struct hsm_made base = import(HSM_AES128, HSM_MASTER_VAULT, HSM_WRAP_NONE, 3, "M", bytes);
	struct hsm_key copy;
	struct hsm_key key;
	size_t count = 0;

	(void)state;
	ok(hsm_key_session_copy(hsm, &base.key, &copy, E));
	assert_true(copy.token); /* SoftHSM copies no key with MODIFIABLE=false */
	ok(hsm_derive_ecb(hsm, &copy, zeros, 16, &temp, &key, E));
	value_of(&key, got, 16);
	assert_true(hsm_host_ecb(HSM_AES128, bytes, zeros, 16, expected));
	assert_memory_equal(got, expected, 16);
	hsm_key_drop(hsm, &key);
	hsm_key_drop(hsm, &key); /* twice does no harm */
	hsm_key_drop(hsm, &copy);
	ok(hsm_key_count(hsm, base.key.id, &count, E));
	assert_int_equal(count, 1);
	hsm_key_drop(hsm, &base.key); /* a token key is left alone */
	ok(hsm_key_count(hsm, base.key.id, &count, E));
	assert_int_equal(count, 1);
	destroy(&base.key);
}

/* Session keys come out of a key that may sign, encrypt or derive; by either way the same. */
static void session_keys(void **state)
{
	static const enum hsm_role able[] = {HSM_TEMP_STATIC, HSM_TEMP_DERIVE};
	const unsigned char text[48] = "label 1, context 1; label 2, context 2";
	const struct hsm_message m[] = {{text, 19, false}, {text + 19, 20, false}};

	(void)state;
	for (enum hsm_alg alg = HSM_TDEA2; alg <= HSM_AES256; alg++) {
		struct hsm_temp temp = {alg, 0, HSM_TEMP_KEK};
		SECRET_AUTO struct secret value = {0}, out = {0};
		unsigned char bytes[32], expected[32], chain[16];
		bool tdea = alg == HSM_TDEA2 || alg == HSM_TDEA3;
		size_t block = tdea ? 8 : 16;
		struct hsm_key key;

		key_bytes(bytes, hsm_alg_len(alg), 7);
		secret_of(&value, bytes, hsm_alg_len(alg));
		for (size_t r = 0; r < 2; r++) {
			temp.role = able[r];
			ok(hsm_temp_import(hsm, &temp, &value, &key, E));
			ok(hsm_session_cbc(hsm, &key, text, 2 * block, &out, E));
			assert_true(hsm_host_ecb(alg, bytes, text, block, expected));
			for (size_t i = 0; i < block; i++)
				chain[i] = text[block + i] ^ expected[i];
			assert_true(hsm_host_ecb(alg, bytes, chain, block, expected + block));
			assert_memory_equal(out.data, expected, 2 * block);
			secret_free(&out);
			if (tdea) {
				refused(hsm_session_cmac(hsm, &key, m, 2, &out, E),
					KMS_ERR_UNSUPPORTED, "can compute no CMAC under it");
			} else {
				ok(hsm_session_cmac(hsm, &key, m, 2, &out, E));
				assert_true(
					hsm_host_cmac(alg, bytes, m[0].data, m[0].len, expected));
				assert_true(hsm_host_cmac(
					alg, bytes, m[1].data, m[1].len, expected + 16));
				assert_memory_equal(out.data, expected, 32);
				secret_free(&out);
			}
			hsm_key_drop(hsm, &key);
		}
		temp.role = HSM_TEMP_KEK;
		ok(hsm_temp_import(hsm, &temp, &value, &key, E));
		refused(hsm_session_cbc(hsm, &key, text, 2 * block, &out, E), KMS_ERR_UNSUPPORTED,
			"can neither encrypt nor derive");
		refused(hsm_session_cmac(hsm, &key, m, 1, &out, E), KMS_ERR_UNSUPPORTED,
			"can compute no CMAC under it");
		assert_null(out.data);
		hsm_key_drop(hsm, &key);
	}
}

/* E(0) that is kept spares its reading, and the key is the same. */
static void zero_is_kept(void **state)
{
	const struct hsm_temp base_temp = {HSM_AES256, 0, HSM_TEMP_DERIVE};
	const struct hsm_temp temp = {HSM_AES256, 0, HSM_TEMP_STATIC};
	const struct hsm_message m[] = {{(const unsigned char *)"one block, or so", 16, false},
		{(const unsigned char *)"more than one block of bytes", 28, false}};
	SECRET_AUTO struct secret value = {0}, zero = {0}, kept = {0};
	unsigned char zeros[16] = {0}, expected[16];
	unsigned char first[HSM_CHECK_MAX], second[HSM_CHECK_MAX];
	struct hsm_key base, key;
	size_t len;

	(void)state;
	secret_of(&value, "0123456789abcdef0123456789ABCDEF", 32);
	ok(hsm_temp_import(hsm, &base_temp, &value, &base, E));
	ok(hsm_derive_cmac(hsm, &base, &zero, m, 2, &temp, &key, E));
	ok(hsm_check_value(hsm, &key, HSM_CHECK_AES_GP, first, &len, E));
	hsm_key_drop(hsm, &key);
	assert_true(hsm_host_ecb(HSM_AES256, value.data, zeros, 16, expected));
	assert_int_equal(zero.len, 16);
	assert_memory_equal(zero.data, expected, 16);
	ok(secret_copy(&kept, zero.data, 16, E));
	ok(hsm_derive_cmac(hsm, &base, &kept, m, 2, &temp, &key, E));
	ok(hsm_check_value(hsm, &key, HSM_CHECK_AES_GP, second, &len, E));
	assert_memory_equal(first, second, 3);
	hsm_key_drop(hsm, &key);
	/* It is what is used: another one gives another key. */
	kept.data[15] ^= 1;
	ok(hsm_derive_cmac(hsm, &base, &kept, m, 2, &temp, &key, E));
	ok(hsm_check_value(hsm, &key, HSM_CHECK_AES_GP, second, &len, E));
	assert_memory_not_equal(first, second, 3);
	hsm_key_drop(hsm, &key);
	hsm_key_drop(hsm, &base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_keys),
		cmocka_unit_test(zero_is_kept),
		cmocka_unit_test(aes_key_wrap),
		cmocka_unit_test(raw_host_assisted),
		cmocka_unit_test(wrapped_key_not_intact),
		cmocka_unit_test(derive_by_ecb),
		cmocka_unit_test(derive_raw_and_cbc),
		cmocka_unit_test(derive_by_cmac),
		cmocka_unit_test(derive_by_cmac_lengths),
		cmocka_unit_test(padded_messages_take_k2),
		cmocka_unit_test(components),
		cmocka_unit_test(parity_is_set),
		cmocka_unit_test(cmac_and_ciphers),
		cmocka_unit_test(session_copies),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
