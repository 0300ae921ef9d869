/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every entry of tests/vectors, by its `algorithm`: run, run in part, or not applicable with a
 * reason. An algorithm that is not in the table is a failure, so no entry goes unseen.
 */
#include "keys/cipher.h"
#include "keys/cmac.h"
#include "keys/component.h"
#include "keys/div.h"
#include "keys/kcv.h"
#include "keys/keyblock.h"
#include "keys/wrap.h"
#include "support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OK(call)                                                     \
	do {                                                         \
		struct kms_err *e_ = &last_err;                      \
		if ((call) != KMS_OK)                                \
			fail_msg("vector %s: %s", v->name, e_->msg); \
	} while (0)

static struct kms_err last_err;

static const enum key_role master_roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};

/* ---- helpers ---- */

static enum key_alg aes_of(const struct vec *v, size_t len)
{
	switch (len) {
	case 16:
		return KEY_AES128;
	case 24:
		return KEY_AES192;
	case 32:
		return KEY_AES256;
	default:
		fail_msg("vector %s: no AES key of %zu bytes", v->name, len);
		return KEY_ALG_NONE;
	}
}

static enum key_alg tdea_of(const struct vec *v, size_t len)
{
	if (len != 16 && len != 24)
		fail_msg("vector %s: no TDEA key of %zu bytes", v->name, len);
	return len == 16 ? KEY_TDEA2 : KEY_TDEA3;
}

static void expect(const struct vec *v, const char *path, const void *actual, size_t len)
{
	struct vec_bytes want = vec_hex(v, path);

	vec_equal(v, path, actual, len, &want);
}

static void expect_secret(const struct vec *v, const char *path, const struct secret *actual)
{
	expect(v, path, actual->data, actual->len);
}

/* The check value, cut to the length that the vector has (v017 shows 3 bytes of a cmac). */
static void expect_kcv(const struct vec *v, const char *path, enum key_alg alg,
	enum key_kcv_method method, const struct secret *key)
{
	struct vec_bytes want = vec_hex(v, path);
	struct key_kcv kcv;

	OK(key_kcv(alg, method, key, &kcv, &last_err));
	assert_true(want.len >= 3 && want.len <= kcv.len);
	vec_equal(v, path, kcv.bytes, want.len, &want);
}

static void secret_of(const struct vec *v, const json_t *text, struct secret *ret)
{
	struct vec_bytes b = vec_hex_of(v, text);

	OK(secret_copy(ret, b.data, b.len, &last_err));
}

/* ---- check values ---- */

static void kcv_with(const struct vec *v, enum key_kcv_method method,
	enum key_alg (*alg)(const struct vec *, size_t))
{
	SECRET_AUTO struct secret key = {0};

	vec_secret(v, "inputs.key", &key);
	expect_kcv(v, "expected", alg(v, key.len), method, &key);
}

static void kcv_tdes(const struct vec *v)
{
	kcv_with(v, KEY_KCV_TDES_ZERO, tdea_of);
}

static void kcv_aes_zero(const struct vec *v)
{
	kcv_with(v, KEY_KCV_AES_ZERO, aes_of);
}

static void kcv_aes_gp(const struct vec *v)
{
	kcv_with(v, KEY_KCV_AES_GP, aes_of);
}

static void kcv_aes_cmac(const struct vec *v)
{
	kcv_with(v, KEY_KCV_CMAC, aes_of);
}

static void kcv_list(const struct vec *v)
{
	const json_t *keys = vec_find(v, "inputs.keys"), *kcvs = vec_find(v, "expected.kcv");

	assert_true(json_array_size(keys) > 0 && json_array_size(keys) == json_array_size(kcvs));
	for (size_t i = 0; i < json_array_size(keys); i++) {
		struct vec_bytes want = vec_hex_of(v, json_array_get(kcvs, i));
		SECRET_AUTO struct secret key = {0};
		struct key_kcv kcv;

		secret_of(v, json_array_get(keys, i), &key);
		OK(key_kcv_default(aes_of(v, key.len), &key, &kcv, &last_err));
		vec_equal(v, "check value", kcv.bytes, kcv.len, &want);
	}
}

static void kcv_default_key(const struct vec *v)
{
	SECRET_AUTO struct secret key = {0};

	vec_secret(v, "inputs.key", &key);
	expect_kcv(v, "expected.kcv_3des", KEY_TDEA2, KEY_KCV_TDES_ZERO, &key);
	expect_kcv(v, "expected.kcv_aes", KEY_AES128, KEY_KCV_AES_GP, &key);
}

/* ---- CMAC, KDF, wrapping, components ---- */

static void cmac_one(const struct vec *v, enum key_alg alg, const struct secret *key,
	const struct vec_bytes *msg, const struct vec_bytes *want)
{
	SECRET_AUTO struct secret secret_mac = {0};
	unsigned char mac[KEY_CMAC_MAX];

	OK(key_cmac(alg, key, msg->data, msg->len, mac, &last_err));
	vec_equal(v, "CMAC", mac, key_alg_info(alg)->block, want);
	OK(key_cmac_secret(alg, key, msg->data, msg->len, &secret_mac, &last_err));
	vec_equal(v, "CMAC", secret_mac.data, secret_mac.len, want);
}

static void cmac_aes(const struct vec *v)
{
	SECRET_AUTO struct secret key = {0};
	struct vec_bytes msg, want;
	const json_t *list = vec_find(v, "inputs.messages");

	vec_secret(v, "inputs.key", &key);
	if (!list) {
		msg = vec_hex(v, "inputs.msg");
		want = vec_hex(v, "expected");
		cmac_one(v, aes_of(v, key.len), &key, &msg, &want);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		msg = vec_hex_of(v, json_array_get(list, i));
		want = vec_hex_of(v, json_array_get(vec_find(v, "expected.macs"), i));
		cmac_one(v, aes_of(v, key.len), &key, &msg, &want);
	}
}

static void cmac_tdes(const struct vec *v)
{
	SECRET_AUTO struct secret key = {0};
	struct vec_bytes msg = vec_hex(v, "inputs.msg"), want = vec_hex(v, "expected");

	vec_secret(v, "inputs.key", &key);
	cmac_one(v, tdea_of(v, key.len), &key, &msg, &want);
}

static void sp800_108(const struct vec *v)
{
	struct vec_bytes before = vec_hex(v, "inputs.dataBeforeCtr");
	struct vec_bytes after = vec_hex(v, "inputs.dataAfterCtr");
	size_t bits = (size_t)json_integer_value(vec_find(v, "inputs.Lbits"));
	SECRET_AUTO struct secret key = {0}, out = {0};
	bool aes = strstr(vec_text(v, "inputs.prf"), "AES") != NULL;

	assert_int_equal(json_integer_value(vec_find(v, "inputs.rBits")), 8);
	vec_secret(v, "inputs.KI", &key);
	OK(key_kdf_counter(aes ? aes_of(v, key.len) : tdea_of(v, key.len), &key, before.data,
		before.len, after.data, after.len, bits / 8, &out, &last_err));
	expect_secret(v, "expected", &out);
}

static void wrap_both_ways(const struct vec *v, enum key_wrapping wrapping)
{
	SECRET_AUTO struct secret kek = {0}, plain = {0}, back = {0};
	BUF_AUTO struct buf wrapped = {0};
	enum key_alg alg;

	vec_secret(v, "inputs.kek", &kek);
	vec_secret(v, "inputs.plaintext", &plain);
	alg = aes_of(v, kek.len);
	OK(key_wrap(wrapping, alg, &kek, &plain, &wrapped, &last_err));
	expect(v, "expected", wrapped.data, wrapped.len);
	OK(key_unwrap(wrapping, alg, &kek, wrapped.data, wrapped.len, plain.len, &back, &last_err));
	assert_true(secret_equal(&plain, &back));
}

static void aes_kw(const struct vec *v)
{
	wrap_both_ways(v, KEY_WRAP_AES_KW);
}

static void aes_kwp(const struct vec *v)
{
	wrap_both_ways(v, KEY_WRAP_AES_KWP);
}

static void components_as(const struct vec *v, enum key_alg alg, struct secret *ret_key)
{
	const json_t *list = vec_find(v, "inputs.components");
	struct secret parts[3] = {{0}};

	assert_int_equal(json_array_size(list), 3);
	for (size_t i = 0; i < 3; i++)
		secret_of(v, json_array_get(list, i), &parts[i]);
	OK(key_combine(alg, parts, 3, ret_key, &last_err));
	for (size_t i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "expected.componentKcv%s",
			key_alg_is_tdes(alg) ? "Tdes" : "AesGp");
		struct vec_bytes want = vec_hex_of(v, json_array_get(vec_find(v, path), i));
		struct key_kcv kcv;

		OK(key_kcv_default(alg, &parts[i], &kcv, &last_err));
		vec_equal(v, path, kcv.bytes, kcv.len, &want);
		secret_free(&parts[i]);
	}
}

static void components(const struct vec *v)
{
	SECRET_AUTO struct secret aes = {0}, tdes = {0};

	components_as(v, KEY_AES128, &aes);
	expect_secret(v, "expected.key", &aes);
	expect_kcv(v, "expected.kcvAesGp", KEY_AES128, KEY_KCV_AES_GP, &aes);
	expect_kcv(v, "expected.kcvAesZero", KEY_AES128, KEY_KCV_AES_ZERO, &aes);
	expect_kcv(v, "expected.kcvAesCmac5", KEY_AES128, KEY_KCV_CMAC, &aes);
	components_as(v, KEY_TDEA2, &tdes);
	expect_kcv(v, "expected.kcvTdes", KEY_TDEA2, KEY_KCV_TDES_ZERO, &tdes);
}

/* ---- diversification ---- */

static void derive(const struct vec *v, const struct key_div *div, enum key_alg alg,
	enum key_role role, const struct secret *master, const struct vec_bytes *kdd,
	struct secret *ret_key)
{
	struct key_recipe recipe;

	OK(key_div_recipe(div, alg, role, kdd->data, kdd->len, &recipe, &last_err));
	OK(key_div_clear(&recipe, master, ret_key, &last_err));
}

/* The three spellings that the two files have for where the result of a role stands. */
static void expect_role(
	const struct vec *v, enum key_alg alg, size_t role, const struct secret *key)
{
	static const char *const kcv[3][2] = {{"expected.kcv.ENC", "expected.kcv_enc"},
		{"expected.kcv.MAC", "expected.kcv_mac"}, {"expected.kcv.DEK", "expected.kcv_dek"}};
	static const char *const full[3][3] = {
		{"expected.ENC", "expected.enc", "derived_full_keys_computed.ENC"},
		{"expected.MAC", "expected.mac", "derived_full_keys_computed.MAC"},
		{"expected.DEK", "expected.dek", "derived_full_keys_computed.DEK"}};
	unsigned seen = 0;

	for (size_t i = 0; i < 2; i++)
		if (vec_has(v, kcv[role][i]) && ++seen)
			expect_kcv(v, kcv[role][i], alg, key_alg_info(alg)->kcv, key);
	for (size_t i = 0; i < 3; i++)
		if (vec_has(v, full[role][i]) && ++seen)
			expect_secret(v, full[role][i], key);
	/* The external KDF3 vector has the ENC key only. */
	if (!seen && (role == 0 || !strstr(v->algorithm, "KDF3")))
		fail_msg("vector %s expects nothing", v->name);
}

static void div_roles(const struct vec *v, const struct key_div *div,
	enum key_alg (*alg_of)(const struct vec *, size_t))
{
	bool snake = vec_has(v, "inputs.master_key");
	struct vec_bytes kdd = vec_hex(v, vec_has(v, "inputs.cuid") ? "inputs.cuid" : "inputs.kdd");
	SECRET_AUTO struct secret master = {0};
	enum key_alg alg;

	vec_secret(v, snake ? "inputs.master_key" : "inputs.masterKey", &master);
	alg = alg_of(v, master.len);
	for (size_t i = 0; i < 3; i++) {
		SECRET_AUTO struct secret key = {0};

		derive(v, div, alg, master_roles[i], &master, &kdd, &key);
		if (json_is_string(vec_find(v, "expected"))) {
			if (i == 0) /* v033: ENC alone */
				expect_secret(v, "expected", &key);
			continue;
		}
		expect_role(v, alg, i, &key);
	}
}

/* A built-in method, and the same one declared by a site. */
static void div_built_in(const struct vec *v, const char *name, const char *declared,
	enum key_alg (*alg_of)(const struct vec *, size_t))
{
	struct key_div div;

	OK(key_div_parse(name, &div, &last_err));
	div_roles(v, &div, alg_of);
	OK(key_div_parse(declared, &div, &last_err));
	div_roles(v, &div, alg_of);
}

static void div_emv(const struct vec *v)
{
	div_built_in(v, "emv", "x(tdes-ecb kdd=10 $4 $5 $6 $7 $8 $9 F0 $k $4 $5 $6 $7 $8 $9 0F $k)",
		tdea_of);
}

static void div_visa2(const struct vec *v)
{
	div_built_in(v, "visa2",
		"x(tdes-ecb kdd=10 $0 $1 $4 $5 $6 $7 F0 $k $0 $1 $4 $5 $6 $7 0F $k)", tdea_of);
}

static void div_visa(const struct vec *v)
{
	div_built_in(v, "visa",
		"x(tdes-ecb kdd=10 $0 $1 $2 $3 $8 $9 F0 $k $0 $1 $2 $3 $8 $9 0F $k)", tdea_of);
}

static void div_kdf3(const struct vec *v)
{
	div_built_in(v, "kdf3", "x(aes-cmac kdd=10 $i 000000 $k 00 $kdd)", aes_of);
}

static void div_dogtag(const struct vec *v)
{
	struct key_div div;

	OK(key_div_parse("dogtag(aes-cmac kdd=10 $i 000000 $k 00 0000 $6 $7 $8 $9 $4 $5 $L)", &div,
		&last_err));
	div_roles(v, &div, aes_of);
}

/* One master for each role, the role's constant 10, 11, 12 in the label. */
static void div_sp800_108_v1(const struct vec *v)
{
	static const char *const masters[] = {
		"inputs.master_enc", "inputs.master_mac", "inputs.master_dek"};
	static const char *const results[] = {"expected.enc", "expected.mac", "expected.dek"};
	struct vec_bytes csn = vec_hex(v, "inputs.csn");
	struct key_div div;

	OK(key_div_parse(
		"v1(aes-cmac kdd=8 0000000000000000000000 $k+0F 00 $L $i $kdd)", &div, &last_err));
	for (size_t i = 0; i < 3; i++) {
		SECRET_AUTO struct secret master = {0}, key = {0};

		vec_secret(v, masters[i], &master);
		derive(v, &div, KEY_AES128, master_roles[i], &master, &csn, &key);
		expect_secret(v, results[i], &key);
	}
}

static void an10922(const struct vec *v, enum key_alg alg, const char *text,
	const struct vec_bytes *input, struct secret *ret_key)
{
	SECRET_AUTO struct secret master = {0};
	struct key_div div;

	vec_secret(v, vec_has(v, "inputs.masterKey") ? "inputs.masterKey" : "inputs.master_key",
		&master);
	OK(key_div_parse(text, &div, &last_err));
	derive(v, &div, alg, KEY_ROLE_ENC, &master, input, ret_key);
}

static void an10922_aes(const struct vec *v)
{
	bool camel = vec_has(v, "inputs.divInput");
	struct vec_bytes input =
		vec_hex(v, camel ? "inputs.divInput" : "inputs.diversification_input");
	size_t len = vec_hex(v, camel ? "inputs.masterKey" : "inputs.master_key").len;
	SECRET_AUTO struct secret key = {0};

	an10922(v, aes_of(v, len), "an10922", &input, &key);
	expect_secret(v, camel ? "expected" : "expected.diversified", &key);
	if (vec_has(v, "expected.wrong_if_padded_to_16")) {
		struct vec_bytes wrong = vec_hex(v, "expected.wrong_if_padded_to_16");

		assert_memory_not_equal(key.data, wrong.data, wrong.len);
	}
}

static void an10922_tdea(const struct vec *v)
{
	struct vec_bytes input = vec_hex(v, "inputs.divInput");
	SECRET_AUTO struct secret key = {0};
	char text[64];

	snprintf(text, sizeof(text), "x(an10922 version=%s)", vec_text(v, "inputs.desKeyVersion"));
	an10922(v, tdea_of(v, vec_hex(v, "inputs.masterKey").len), text, &input, &key);
	expect_secret(v, "expected", &key);
}

/*
 * libfreefare: the message with its constant in front, and the version of the master (0x55, its
 * lowest bits) put in as libfreefare does: for 2TDEA also inverted into the second half, where the
 * application note leaves the bits alone.
 */
static void an10922_libfreefare(const struct vec *v)
{
	bool two = vec_has(v, "inputs.cmac_message_second_half");
	struct vec_bytes m =
		vec_hex(v, two ? "inputs.cmac_message_second_half" : "inputs.cmac_message");
	struct vec_bytes input = {.len = m.len - 1};
	SECRET_AUTO struct secret key = {0};

	assert_int_equal(m.data[0], two ? 0x22 : 0x33);
	memcpy(input.data, m.data + 1, input.len);
	an10922(v, two ? KEY_TDEA2 : KEY_TDEA3, "x(an10922 version=55)", &input, &key);
	for (size_t i = 8; two && i < 16; i++)
		key.data[i] = (unsigned char)((key.data[i] & 0xFE) | (~(0x55 >> (15 - i)) & 1));
	expect_secret(v, "expected.diversified", &key);
}

/* ---- SCP01, SCP02, SCP03 as far as it is key derivation ---- */

static void scp03_kdf(const struct vec *v, enum key_alg alg, const struct secret *key,
	unsigned constant, size_t bits, const struct vec_bytes *context, struct secret *ret_out)
{
	unsigned char before[15] = {0};

	before[11] = (unsigned char)constant;
	before[13] = (unsigned char)(bits >> 8);
	before[14] = (unsigned char)bits;
	OK(key_kdf_counter(alg, key, before, sizeof(before), context->data, context->len, bits / 8,
		ret_out, &last_err));
}

static void scp03_expect(const struct vec *v, const char *path, const struct secret *key,
	unsigned constant, size_t bits, const struct vec_bytes *context)
{
	SECRET_AUTO struct secret out = {0};

	if (!vec_has(v, path))
		fail_msg("vector %s has no %s", v->name, path);
	scp03_kdf(v, aes_of(v, key->len), key, constant, bits, context, &out);
	expect_secret(v, path, &out);
}

static void append(struct vec_bytes *to, const struct vec_bytes *more)
{
	assert_true(to->len + more->len <= VEC_MAX);
	memcpy(to->data + to->len, more->data, more->len);
	to->len += more->len;
}

static void slice(const struct vec_bytes *from, size_t at, size_t len, struct vec_bytes *to)
{
	assert_true(at + len <= from->len);
	memcpy(to->data, from->data + at, len);
	to->len = len;
}

/* EXTERNAL AUTHENTICATE: header, host cryptogram, C-MAC under S-MAC with the chaining value 0. */
static void scp03_external_authenticate(const struct vec *v, const struct secret *s_mac,
	const struct vec_bytes *context, const char *path)
{
	struct vec_bytes level =
		vec_hex(v, vec_has(v, "inputs.securityLevel") ? "inputs.securityLevel"
							      : "inputs.security_level");
	unsigned char apdu[16 + 5 + 8] = {0}, mac[KEY_CMAC_MAX];
	const unsigned char header[] = {0x84, 0x82, level.data[0], 0x00, 0x10};
	SECRET_AUTO struct secret cryptogram = {0};
	unsigned char whole[21];

	scp03_kdf(v, aes_of(v, s_mac->len), s_mac, 0x01, 64, context, &cryptogram);
	memcpy(apdu + 16, header, 5);
	memcpy(apdu + 21, cryptogram.data, 8);
	OK(key_cmac(aes_of(v, s_mac->len), s_mac, apdu, sizeof(apdu), mac, &last_err));
	memcpy(whole, apdu + 16, 13);
	memcpy(whole + 13, mac, 8);
	expect(v, path, whole, sizeof(whole));
}

static void scp03_session(const struct vec *v, const char *enc, const char *mac,
	const struct vec_bytes *context, const char *prefix, const char *card_cryptogram,
	const char *external)
{
	SECRET_AUTO struct secret k_enc = {0}, k_mac = {0}, s_mac = {0};
	bool upper = strchr(prefix, 'S') != NULL;
	size_t bits;
	char path[3][64];

	vec_secret(v, enc, &k_enc);
	vec_secret(v, mac, &k_mac);
	bits = 8 * k_mac.len;
	snprintf(path[0], sizeof(path[0]), "%s%s", prefix, upper ? "ENC" : "enc");
	snprintf(path[1], sizeof(path[1]), "%s%s", prefix, upper ? "MAC" : "mac");
	snprintf(path[2], sizeof(path[2]), "%s%s", prefix, upper ? "RMAC" : "rmac");
	scp03_expect(v, path[0], &k_enc, 0x04, bits, context);
	scp03_expect(v, path[1], &k_mac, 0x06, bits, context);
	scp03_expect(v, path[2], &k_mac, 0x07, bits, context);
	if (!card_cryptogram)
		return;
	scp03_kdf(v, aes_of(v, k_mac.len), &k_mac, 0x06, bits, context, &s_mac);
	scp03_expect(v, card_cryptogram, &s_mac, 0x00, 64, context);
	scp03_external_authenticate(v, &s_mac, context, external);
}

static void scp03_session_keys(const struct vec *v)
{
	struct vec_bytes context = vec_hex(v, "inputs.hostChallenge");
	struct vec_bytes card = vec_hex(v, "inputs.cardChallenge");

	append(&context, &card);
	scp03_session(v, "inputs.keyEnc", "inputs.keyMac", &context, "expected.S_", NULL, NULL);
}

static void scp03_mutual_auth(const struct vec *v)
{
	struct vec_bytes cmd = vec_hex(v, "inputs.initUpdateCmd");
	struct vec_bytes rsp = vec_hex(v, "inputs.initUpdateRsp");
	struct vec_bytes context, card;

	slice(&cmd, 5, 8, &context);
	slice(&rsp, 13, 8, &card);
	append(&context, &card);
	scp03_session(v, "inputs.keyEnc", "inputs.keyMac", &context,
		"derived_session_keys_computed.S_", "expected.cardCryptogram",
		"expected.extAuthApdu");
}

static void scp03_trace(const struct vec *v)
{
	struct vec_bytes context = vec_hex(v, "inputs.host_challenge");
	struct vec_bytes card = vec_hex(v, "inputs.card_challenge");
	SECRET_AUTO struct secret k_mac = {0}, s_mac = {0};

	append(&context, &card);
	scp03_session(v, "inputs.key_enc", "inputs.key_mac", &context, "expected.s_",
		"expected.card_cryptogram", "expected.external_authenticate");
	vec_secret(v, "inputs.key_mac", &k_mac);
	scp03_kdf(v, aes_of(v, k_mac.len), &k_mac, 0x06, 8 * k_mac.len, &context, &s_mac);
	scp03_expect(v, "expected.host_cryptogram", &s_mac, 0x01, 64, &context);
}

static void scp03_host_cryptogram(const struct vec *v)
{
	struct vec_bytes context = vec_hex(v, "inputs.host_challenge");
	struct vec_bytes card = vec_hex(v, "inputs.card_challenge");
	SECRET_AUTO struct secret s_mac = {0};

	append(&context, &card);
	vec_secret(v, "inputs.s_mac", &s_mac);
	scp03_expect(v, "expected.host_cryptogram", &s_mac, 0x01, 64, &context);
}

static void scp03_card_challenge(const struct vec *v)
{
	struct vec_bytes context = vec_hex(v, "inputs.sequence_counter");
	struct vec_bytes aid = vec_hex(v, "inputs.aid");
	SECRET_AUTO struct secret key = {0};

	append(&context, &aid);
	vec_secret(v, "inputs.key_enc", &key);
	scp03_expect(v, "expected.card_challenge", &key, 0x02,
		8 * vec_hex(v, "expected.card_challenge").len, &context);
}

static void scp03_kdf_rows(const struct vec *v)
{
	const json_t *rows = vec_find(v, "inputs.rows"), *outs = vec_find(v, "expected.outputs");

	assert_int_equal(json_array_size(rows), 40);
	assert_int_equal(json_array_size(outs), 40);
	for (size_t i = 0; i < 40; i++) {
		const json_t *row = json_array_get(rows, i);
		struct vec_bytes context = vec_hex_of(v, json_object_get(row, "context"));
		struct vec_bytes constant = vec_hex_of(v, json_object_get(row, "constant"));
		struct vec_bytes want = vec_hex_of(v, json_array_get(outs, i));
		SECRET_AUTO struct secret key = {0}, out = {0};

		secret_of(v, json_object_get(row, "key"), &key);
		scp03_kdf(v, aes_of(v, key.len), &key, constant.data[0], 8 * want.len, &context,
			&out);
		vec_equal(v, "row", out.data, out.len, &want);
	}
}

static void scp02_session_key(const struct vec *v, const struct secret *key, unsigned constant,
	const struct vec_bytes *sequence, struct secret *ret_key)
{
	unsigned char data[16] = {
		0x01, (unsigned char)constant, sequence->data[0], sequence->data[1]};

	assert_int_equal(sequence->len, 2);
	OK(secret_alloc(ret_key, 16, &last_err));
	OK(key_cipher(KEY_TDEA2, KEY_CIPHER_CBC, true, key, data, 16, ret_key->data, &last_err));
}

static void scp02_session_kcv(const struct vec *v)
{
	static const struct {
		unsigned constant;
		const char *kcv[2], *full;
	} rows[] = {
		{0x82, {"expected.ENC", "expected.kcv_s_enc"}, "expected.s_enc"},
		{0x01, {"expected.MAC", "expected.kcv_s_mac"}, "expected.s_mac"},
		{0x81, {"expected.DEK", "expected.kcv_s_dek"}, "expected.s_dek"},
		{0x02, {"expected.RMAC", "expected.kcv_s_rmac"}, "expected.s_rmac"},
	};
	struct vec_bytes sequence = vec_hex(
		v, vec_has(v, "inputs.sequence") ? "inputs.sequence" : "inputs.sequence_counter");
	SECRET_AUTO struct secret key = {0};

	vec_secret(v, "inputs.key", &key);
	for (size_t i = 0; i < 4; i++) {
		SECRET_AUTO struct secret s = {0};

		scp02_session_key(v, &key, rows[i].constant, &sequence, &s);
		expect_kcv(
			v, rows[i].kcv[vec_has(v, rows[i].full)], KEY_TDEA2, KEY_KCV_TDES_ZERO, &s);
		if (vec_has(v, rows[i].full))
			expect_secret(v, rows[i].full, &s);
	}
}

/* Session keys and both cryptograms: TDES-CBC MAC of the challenges. */
static void scp02_trace(const struct vec *v)
{
	static const struct {
		unsigned constant;
		const char *key, *expected;
	} rows[] = {
		{0x82, "inputs.key_enc", "expected.s_enc"},
		{0x01, "inputs.key_mac", "expected.s_mac"},
		{0x02, "inputs.key_mac", "expected.s_rmac"},
		{0x81, "inputs.key_dek", "expected.s_dek"},
	};
	struct vec_bytes sequence = vec_hex(v, "inputs.sequence_counter");
	struct vec_bytes host = vec_hex(v, "inputs.host_challenge");
	struct vec_bytes card = vec_hex(v, "inputs.card_challenge");
	SECRET_AUTO struct secret s_enc = {0};

	for (size_t i = 0; i < 4; i++) {
		SECRET_AUTO struct secret key = {0}, s = {0};

		vec_secret(v, rows[i].key, &key);
		scp02_session_key(v, &key, rows[i].constant, &sequence, &s);
		expect_secret(v, rows[i].expected, &s);
		if (i == 0)
			secret_take(&s_enc, &s);
	}
	for (size_t i = 0; i < 2; i++) {
		unsigned char data[24] = {0}, out[24];

		memcpy(data, i ? card.data : host.data, 8);
		memcpy(data + 8, i ? host.data : card.data, 8);
		data[16] = 0x80;
		OK(key_cipher(KEY_TDEA2, KEY_CIPHER_CBC, true, &s_enc, data, 24, out, &last_err));
		expect(v, i ? "expected.host_cryptogram" : "expected.card_cryptogram", out + 16, 8);
	}
}

static void scp01_session_key(const struct vec *v, const struct secret *key,
	const struct vec_bytes *host, const struct vec_bytes *card, const char *path)
{
	unsigned char data[16], out[16];

	memcpy(data, card->data + 4, 4);
	memcpy(data + 4, host->data, 4);
	memcpy(data + 8, card->data, 4);
	memcpy(data + 12, host->data + 4, 4);
	OK(key_cipher(KEY_TDEA2, KEY_CIPHER_ECB, true, key, data, 16, out, &last_err));
	expect(v, path, out, 16);
}

static void scp01_visa2(const struct vec *v)
{
	struct vec_bytes cmd = vec_hex(v, "inputs.initialize_update");
	struct vec_bytes rsp = vec_hex(v, "inputs.initialize_update_response");
	struct vec_bytes kdd = vec_hex(v, "inputs.kdd"), host, card;
	SECRET_AUTO struct secret master = {0}, enc = {0}, mac = {0};

	slice(&cmd, 5, 8, &host);
	slice(&rsp, 12, 8, &card);
	vec_secret(v, "inputs.master_key", &master);
	derive(v, key_div_find("visa2"), KEY_TDEA2, KEY_ROLE_ENC, &master, &kdd, &enc);
	derive(v, key_div_find("visa2"), KEY_TDEA2, KEY_ROLE_MAC, &master, &kdd, &mac);
	expect_secret(v, "expected.key_enc", &enc);
	expect_secret(v, "expected.key_mac", &mac);
	scp01_session_key(v, &enc, &host, &card, "expected.s_enc");
	scp01_session_key(v, &mac, &host, &card, "expected.s_mac");
}

static void dogtag_session_key(const struct vec *v)
{
	struct vec_bytes host = vec_hex(v, "inputs.host_challenge");
	struct vec_bytes card = vec_hex(v, "inputs.card_challenge");
	SECRET_AUTO struct secret master = {0};

	vec_secret(v, "inputs.master", &master);
	scp01_session_key(v, &master, &host, &card, "expected.session_key");
}

/* ---- PUT KEY: the wrapped key and its check value ---- */

static void wrapped_is(const struct vec *v, enum key_wrapping wrapping, enum key_alg alg,
	const struct secret *kek, const struct secret *key, const char *path)
{
	BUF_AUTO struct buf out = {0};

	OK(key_wrap(wrapping, alg, kek, key, &out, &last_err));
	expect(v, path, out.data, out.len);
}

static void putkey_scp01(const struct vec *v)
{
	bool snake = vec_has(v, "inputs.new_key");
	SECRET_AUTO struct secret dek = {0}, key = {0};

	vec_secret(v, snake ? "inputs.key_dek" : "inputs.dek", &dek);
	vec_secret(v, snake ? "inputs.new_key" : "inputs.key", &key);
	wrapped_is(
		v, KEY_WRAP_ECB, KEY_TDEA2, &dek, &key, snake ? "expected.encrypted" : "expected");
}

static void putkey_scp02(const struct vec *v)
{
	bool snake = vec_has(v, "inputs.new_key");
	struct vec_bytes sequence =
		vec_hex(v, snake ? "inputs.sequence_counter" : "inputs.sequence");
	SECRET_AUTO struct secret dek = {0}, key = {0}, s_dek = {0};

	vec_secret(v, snake ? "inputs.key_dek" : "inputs.dek", &dek);
	vec_secret(v, snake ? "inputs.new_key" : "inputs.key", &key);
	scp02_session_key(v, &dek, 0x81, &sequence, &s_dek);
	if (vec_has(v, "expected.s_dek"))
		expect_secret(v, "expected.s_dek", &s_dek);
	wrapped_is(v, KEY_WRAP_ECB, KEY_TDEA2, &s_dek, &key,
		snake ? "expected.encrypted" : "expected");
}

static void putkey_scp03(const struct vec *v)
{
	SECRET_AUTO struct secret dek = {0}, key = {0};

	vec_secret(v, "inputs.key_dek", &dek);
	vec_secret(v, "inputs.new_key", &key);
	wrapped_is(v, KEY_WRAP_CBC, aes_of(v, dek.len), &dek, &key, "expected.encrypted");
}

static void put(struct vec_bytes *body, unsigned byte)
{
	assert_true(body->len < VEC_MAX);
	body->data[body->len++] = (unsigned char)byte;
}

/* Key data field of one key: type, lengths, wrapped key, check value, and usage when extended. */
static void put_key(const struct vec *v, struct vec_bytes *body, enum key_alg alg,
	const struct secret *dek, const struct secret *key)
{
	bool aes = key_alg_is_aes(alg), extended = vec_has(v, "inputs.usageQualifier");
	BUF_AUTO struct buf out = {0};
	struct key_kcv kcv;

	OK(key_wrap(aes ? KEY_WRAP_CBC : KEY_WRAP_ECB, alg, dek, key, &out, &last_err));
	OK(key_kcv_default(alg, key, &kcv, &last_err));
	if (extended)
		put(body, 0xFF);
	put(body, aes ? 0x88 : 0x80);
	put(body, (unsigned)(out.len + aes));
	if (aes)
		put(body, (unsigned)key->len);
	for (size_t i = 0; i < out.len; i++)
		put(body, (unsigned char)out.data[i]);
	put(body, 3);
	for (size_t i = 0; i < 3; i++)
		put(body, kcv.bytes[i]);
	if (extended) {
		put(body, 1);
		put(body, vec_hex(v, "inputs.usageQualifier").data[0]);
		put(body, 1);
		put(body, vec_hex(v, "inputs.keyAccess").data[0]);
	}
}

static void putkey_body(const struct vec *v)
{
	const json_t *keys = vec_find(v, "inputs.keys");
	struct vec_bytes body = vec_hex(v, "inputs.newKvn");
	SECRET_AUTO struct secret dek = {0};
	enum key_alg alg;

	if (vec_has(v, "inputs.staticDek")) {
		vec_secret(v, "inputs.staticDek", &dek);
		alg = aes_of(v, dek.len);
	} else {
		struct vec_bytes sequence = vec_hex(v, "inputs.sequence");
		SECRET_AUTO struct secret k = {0};

		vec_secret(v, "inputs.dek", &k);
		scp02_session_key(v, &k, 0x81, &sequence, &dek);
		alg = KEY_TDEA2;
	}
	assert_int_equal(json_array_size(keys), 3);
	for (size_t i = 0; i < 3; i++) {
		SECRET_AUTO struct secret key = {0};

		secret_of(v, json_array_get(keys, i), &key);
		put_key(v, &body, alg, &dek, &key);
	}
	expect(v, "expected", body.data, body.len);
}

/* TR-31 binding keys: counter mode over usage, separator, algorithm, length. */
static void tr31_derive(const struct vec *v)
{
	SECRET_AUTO struct secret kbpk = {0};
	bool aes = strstr(v->algorithm, "AES") != NULL;
	enum key_alg alg;

	vec_secret(v, "inputs.kbpk", &kbpk);
	alg = aes ? aes_of(v, kbpk.len) : tdea_of(v, kbpk.len);
	for (unsigned usage = 0; usage < 2; usage++) {
		unsigned char after[7] = {0, (unsigned char)usage, 0, 0,
			(unsigned char)(aes ? 2 + (kbpk.len - 16) / 8 : (kbpk.len - 16) / 8),
			(unsigned char)(kbpk.len * 8 >> 8), (unsigned char)(kbpk.len * 8)};
		SECRET_AUTO struct secret out = {0};

		OK(key_kdf_counter(
			alg, &kbpk, NULL, 0, after, sizeof(after), kbpk.len, &out, &last_err));
		expect_secret(v, usage ? "expected.KBAK" : "expected.KBEK", &out);
	}
}

static enum key_alg kbpk_of(const struct vec *v, size_t len)
{
	/* What is no block of B, D, E has a TDEA protection key in these files. */
	return strcmp(v->algorithm, "TR31-D") == 0 || strcmp(v->algorithm, "TR31-E") == 0
		       ? aes_of(v, len)
		       : tdea_of(v, len);
}

/* A key block: opened, and the same key in a block of ours opened again. */
static void tr31_block(const struct vec *v)
{
	struct key_block_clear clear __attribute__((cleanup(key_block_clear_free))) = {0};
	SECRET_AUTO struct secret kbpk = {0}, key = {0}, again = {0};
	const char *text = vec_text(v, "inputs.keyBlock");
	BUF_AUTO struct buf made = {0};
	struct key_block_engine engine;
	struct key_block block;
	enum key_alg alg;

	vec_secret(v, "inputs.kbpk", &kbpk);
	OK(key_block_parse(text, strlen(text), &block, &last_err));
	OK(key_block_clear(kbpk_of(v, kbpk.len), &kbpk, &clear, &engine, &last_err));
	expect_secret(v, "derived_computed.KBEK", &clear.kbek);
	expect_secret(v, "derived_computed.KBAK", &clear.kbak);
	OK(key_block_open(&block, &engine, &key, &last_err));
	expect_secret(v, "expected.key", &key);
	/* Single DES (v114) can be read, but no block is made of it here. */
	alg = block.fields.algorithm == 'A' ? aes_of(v, key.len)
	      : key.len > 8		    ? tdea_of(v, key.len)
					    : KEY_ALG_NONE;
	if (alg == KEY_ALG_NONE)
		return;
	OK(key_block_seal(&block.fields, &engine, alg, &key, &made, &last_err));
	OK(key_block_parse(made.data, made.len, &block, &last_err));
	OK(key_block_open(&block, &engine, &again, &last_err));
	if (!secret_equal(&key, &again))
		fail_msg("vector %s: another key", v->name);
}

/* A version that is not taken: its text is read, and it is refused as what it is. */
static void tr31_refused(const struct vec *v)
{
	struct key_block_clear clear __attribute__((cleanup(key_block_clear_free))) = {0};
	SECRET_AUTO struct secret kbpk = {0}, key = {0};
	const char *text = vec_text(v, "inputs.keyBlock");
	struct key_block_engine engine;
	struct key_block block;

	vec_secret(v, "inputs.kbpk", &kbpk);
	OK(key_block_parse(text, strlen(text), &block, &last_err));
	assert_int_equal(block.fields.version, v->algorithm[5]);
	OK(key_block_clear(kbpk_of(v, kbpk.len), &kbpk, &clear, &engine, &last_err));
	assert_int_equal(key_block_open(&block, &engine, &key, &last_err), KMS_ERR_UNSUPPORTED);
	assert_null(key.data);
}

/* ---- the table ---- */

static const char commands_later[] = "the wrapped commands: run by unit.card.vectors";
static const char keys_later[] = "EXTERNAL AUTHENTICATE of SCP01: no card profile has it";
static const char tr31_others[] = "the key: versions A and C are deprecated, E is ISO 20038's";

static const struct row {
	const char *algorithm;
	void (*run)(const struct vec *v); /* NULL: not applicable */
	const char *left;		  /* what is not run, and why; NULL: all of it is */
} table[] = {
	{"KCV-TDES-ZERO-3", kcv_tdes, NULL},
	{"KCV-AES-ZERO-3", kcv_aes_zero, NULL},
	{"KCV-AES-GP-01x16-3", kcv_aes_gp, NULL},
	{"KCV-AES-CMAC-5", kcv_aes_cmac, NULL},
	{"KCV-AES-CMAC-3", kcv_aes_cmac, NULL},
	{"AES KCV (AES-ECB of 16 x 01, first 3 bytes)", kcv_list, NULL},
	{"KCV of 40..4F", kcv_default_key, NULL},
	{"AES-CMAC", cmac_aes, NULL},
	{"TDES-CMAC", cmac_tdes, NULL},
	{"SP800-108-CTR-CMAC", sp800_108, NULL},
	{"AES-KW", aes_kw, NULL},
	{"AES-KWP", aes_kwp, NULL},
	{"XOR-3-COMPONENTS", components, NULL},
	{"DIV-EMV", div_emv, NULL},
	{"DIV-VISA2", div_visa2, NULL},
	{"DIV-VISA1-GPPRO", div_visa, NULL},
	{"DIV-KDF3", div_kdf3, NULL},
	{"DIV-DOGTAG-AES-KMC", div_dogtag, NULL},
	{"DIV-DOGTAG-SP800-108-HMAC-SHA256-L384", NULL,
		"HMAC-SHA256 as the PRF: no HSM strategy of design section 4 has it"},
	{"DIV-AN10922-AES128", an10922_aes, NULL},
	{"DIV-AN10922-AES192", an10922_aes, NULL},
	{"DIV-AN10922-AES256", an10922_aes, NULL},
	{"DIV-AN10922-2TDEA", an10922_tdea, NULL},
	{"DIV-AN10922-3TDEA", an10922_tdea, NULL},
	{"EMV CPS 1.1 card key diversification (3DES)", div_emv, NULL},
	{"VISA2 card key diversification (3DES)", div_visa2, NULL},
	{"KDF3 card key diversification (SP 800-108 counter mode, AES-CMAC)", div_kdf3, NULL},
	{"KDF3 card key diversification AES-256", div_kdf3, NULL},
	{"AN10922 AES-128", an10922_aes, NULL},
	{"AN10922 AES-128, input shorter than one block (padded to 32 bytes)", an10922_aes, NULL},
	{"AN10922 2K3DES", an10922_libfreefare, NULL},
	{"AN10922 3K3DES", an10922_libfreefare, NULL},
	{"\"sp800-108-v1\" static-key diversification: SCP03 KDF with labels 10/11/12, context = "
	 "CSN",
		div_sp800_108_v1, NULL},
	{"SCP03-MUTUAL-AUTH-AES128", scp03_mutual_auth, NULL},
	{"SCP03-MUTUAL-AUTH-AES192", scp03_mutual_auth, NULL},
	{"SCP03-MUTUAL-AUTH-AES256", scp03_mutual_auth, NULL},
	{"SCP03-SESSION-KEYS", scp03_session_keys, NULL},
	{"SCP03 i=70 AES128_11", scp03_trace, commands_later},
	{"SCP03 i=70 AES128_03", scp03_trace, commands_later},
	{"SCP03 i=70 AES128_33", scp03_trace, commands_later},
	{"SCP03 i=70 AES192_11", scp03_trace, commands_later},
	{"SCP03 i=70 AES192_03", scp03_trace, commands_later},
	{"SCP03 i=70 AES192_33", scp03_trace, commands_later},
	{"SCP03 i=70 AES256_11", scp03_trace, commands_later},
	{"SCP03 i=70 AES256_03", scp03_trace, commands_later},
	{"SCP03 i=70 AES256_33", scp03_trace, commands_later},
	{"SCP03 Aes128S8", scp03_trace, commands_later},
	{"SCP03 Aes192S8", scp03_trace, commands_later},
	{"SCP03 Aes256S8", scp03_trace, commands_later},
	{"SCP03 i=70 AES-128 C-DEC+C-MAC", scp03_trace, commands_later},
	{"SCP03 i=70 AES-128", scp03_trace, NULL},
	{"SCP03 i=70 AES-128 C-DEC+C-MAC, 4 chained GET STATUS", scp03_trace, commands_later},
	{"SCP03 synthetic flow", scp03_trace, commands_later},
	{"SCP03 host cryptogram", scp03_host_cryptogram, NULL},
	{"SCP03 pseudo-random card challenge", scp03_card_challenge, NULL},
	{"SCP03 pseudo-random card challenge S8", scp03_card_challenge, NULL},
	{"SCP03 pseudo-random card challenge S16", scp03_card_challenge, NULL},
	{"SCP03 KDF (AES-CMAC counter mode), 40 chained vectors, 128/256-bit keys", scp03_kdf_rows,
		NULL},
	{"SCP02-SESSION-KEYS-KCV", scp02_session_kcv, NULL},
	{"SCP02 session keys (KCV only)", scp02_session_kcv, NULL},
	{"SCP02 C-MAC", scp02_trace, commands_later},
	{"SCP02 i=15 C-MAC", scp02_trace, commands_later},
	{"SCP02 i=15 C-DEC+C-MAC (DELETE x2, INSTALL [for load])", scp02_trace, commands_later},
	{"SCP02 i=55 synthetic flow", scp02_trace, commands_later},
	{"SCP02 R-MAC (level 13; R-MAC ICV seeded with the EXTERNAL AUTHENTICATE C-MAC)", NULL,
		"retail MAC over a response: run by unit.card.vectors"},
	{"SCP01 i=05 with VISA2-diversified keys", scp01_visa2, keys_later},
	{"Dogtag TKS known session key self-test", dogtag_session_key, NULL},
	{"PUTKEY-ENC-SCP01 (TDES-ECB static DEK)", putkey_scp01, NULL},
	{"SCP01 PUT KEY component encryption (3DES-ECB under static DEK)", putkey_scp01, NULL},
	{"PUTKEY-ENC-SCP02 (TDES-ECB session DEK, seq 0000)", putkey_scp02, NULL},
	{"SCP02 PUT KEY component encryption (3DES-ECB under session DEK)", putkey_scp02, NULL},
	{"SCP02 PUT KEY component encryption", putkey_scp02, NULL},
	{"SCP03 PUT KEY component encryption (AES-CBC zero IV under static DEK)", putkey_scp03,
		NULL},
	{"PUTKEY-BODY-AES128-SCP03-BASIC", putkey_body, NULL},
	{"PUTKEY-BODY-AES256-SCP03-BASIC", putkey_body, NULL},
	{"PUTKEY-BODY-2TDEA-SCP02-BASIC", putkey_body, NULL},
	{"PUTKEY-BODY-AES128-SCP03-EXTENDED", putkey_body, NULL},
	{"TR31-KBPK-DERIVE-TDES-CMAC", tr31_derive, NULL},
	{"TR31-KBPK-DERIVE-AES-CMAC-CBC", tr31_derive, NULL},
	{"TR31-A", tr31_refused, tr31_others},
	{"TR31-B", tr31_block, NULL},
	{"TR31-C", tr31_refused, tr31_others},
	{"TR31-D", tr31_block, NULL},
	{"TR31-E", tr31_refused, tr31_others},
	{"PSKC-AES128-CBC+HMAC-SHA1", NULL, "PSKC containers carry OTP secrets: not ours"},
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static const struct row *row_for(const struct vec *v)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].algorithm, v->algorithm) == 0)
			return &table[i];
	fail_msg("vector %s: algorithm '%s' is not in the table", v->name, v->algorithm);
	return NULL;
}

struct tally {
	size_t run, part, not ;
	size_t uses[ROWS];
};

static void walk(const char *path, size_t entries, struct tally *tally)
{
	json_t *file = vec_load(path);
	size_t run = 0, part = 0, not = 0;

	assert_int_equal(json_array_size(file), entries);
	for (size_t i = 0; i < entries; i++) {
		struct vec v = vec_at(file, i);
		const struct row *row = row_for(&v);

		tally->uses[row - table]++;
		if (!row->run) {
			not ++;
			continue;
		}
		row->run(&v);
		if (row->left)
			part++;
		else
			run++;
	}
	json_decref(file);
	printf("%s: %zu run, %zu in part, %zu not applicable\n", path, run, part, not );
	tally->run += run;
	tally->part += part;
	tally->not += not ;
}

static void test_every_vector(void **state)
{
	struct tally tally = {0};

	(void)state;
	walk(VECTORS_DIR "/keymanagement.json", 115, &tally);
	walk(VECTORS_DIR "/globalplatform.json", 52, &tally);
	printf("vectors: %zu run, %zu in part, %zu not applicable:\n", tally.run, tally.part,
		tally.not );
	for (size_t i = 0; i < ROWS; i++) {
		/* A row that no entry uses is a misspelt one. */
		assert_true(tally.uses[i] > 0);
		if (table[i].left)
			printf("  %zu %s %s: %s\n", tally.uses[i],
				table[i].run ? "in part:" : "not:", table[i].algorithm,
				table[i].left);
	}
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&last_err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_vector),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
