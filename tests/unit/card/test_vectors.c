/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every SCP02, SCP03 and PUT KEY entry of tests/vectors through the card layer: session traces
 * APDU for APDU against the scripted card. An algorithm that the table does not know is a failure
 * if its name says that it is of a card session, and so is a row that no entry uses.
 */
#include "card/crypt.h"
#include "card/gp.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "card/script.h"
#include "support/expect.h"
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>

#define OK(call)                                                   \
	do {                                                       \
		if ((call) != KMS_OK)                              \
			fail_msg("vector %s: %s", v->name, e.msg); \
	} while (0)

static struct kms_err e;

/* ---- helpers ---- */

static const char *either(const struct vec *v, const char *a, const char *b)
{
	return vec_has(v, a) ? a : b;
}

static enum card_key_type type_of(const struct vec *v)
{
	return strstr(v->algorithm, "SCP03") ? CARD_KEY_AES : CARD_KEY_DES;
}

/* Three keys of the entry; a name that is NULL repeats the key before it. */
static struct card_keys *keys_of(const struct vec *v, const char *enc, const char *mac,
	const char *dek, enum card_key_type type)
{
	const char *const paths[] = {enc, mac ? mac : enc, dek ? dek : mac ? mac : enc};
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++)
		vec_secret(v, paths[i], &keys[i]);
	OK(card_keys_clear("vector", type, keys, &ret, &e));
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

static struct card_keys *same_keys(
	const struct vec *v, const struct vec_bytes *key, enum card_key_type type)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++)
		OK(secret_copy(&keys[i], key->data, key->len, &e));
	OK(card_keys_clear("vector", type, keys, &ret, &e));
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

static void equal_hex(const struct vec *v, const char *path, const void *actual, size_t len)
{
	struct vec_bytes want = vec_hex(v, path);

	vec_equal(v, path, actual, len, &want);
}

static enum kms_status fixed_challenge(
	void *ctx, unsigned char *out, size_t len, struct kms_err *err)
{
	const struct vec_bytes *c = ctx;

	(void)err;
	assert_int_equal(len, c->len);
	memcpy(out, c->data, len);
	return KMS_OK;
}

/* ---- whole sessions ---- */

enum { STEPS_MAX = 16 };

struct session {
	struct card_step steps[STEPS_MAX];
	char *texts[STEPS_MAX]; /* answers made here */
	size_t count, used;
};

/* The answer of the trace; where it has none, 9000, with an R-MAC if the level asks for one. */
static const char *answer(struct session *s, const char *text, bool with_sw)
{
	char *made = NULL;

	if (with_sw)
		return text;
	assert_true(asprintf(&made, "%s9000", text) > 0);
	s->texts[s->count] = made;
	return made;
}

static void session_free(struct session *s)
{
	for (size_t i = 0; i < STEPS_MAX; i++)
		free(s->texts[i]);
}

/* Data of INITIALIZE UPDATE of 28, 29, 32 bytes; two more are a status word. */
static bool has_sw(const char *hex)
{
	size_t len = strlen(hex) / 2;

	return len == 30 || len == 31 || len == 34;
}

static struct apdu plain_of(const struct vec *v, const struct vec_bytes *bytes)
{
	struct apdu apdu;

	if (!apdu_decode(bytes->data, bytes->len, &apdu))
		fail_msg("vector %s: a plain command is malformed", v->name);
	return apdu;
}

/* The SCP02 traces do not say i; those that need R-MAC could not be of i=15. */
static unsigned scp02_i(const struct vec *v)
{
	return strstr(v->algorithm, "i=55") ? 0x55 : 0x15;
}

static void check_session_keys(const struct vec *v, const struct gp *gp, unsigned level)
{
	equal_hex(v, "expected.s_mac", gp->scp.mac.data, gp->scp.mac.len);
	if (gp->scp.protocol == 2 || level & SCP_C_DEC)
		equal_hex(v, "expected.s_enc", gp->scp.enc.data, gp->scp.enc.len);
	if (level & SCP_R_MAC)
		equal_hex(v, "expected.s_rmac", gp->scp.rmac.data, gp->scp.rmac.len);
	equal_hex(v, "expected.host_cryptogram", gp->scp.host_cryptogram, 8);
}

static void run_command(const struct vec *v, struct gp *gp, const json_t *c, bool answered)
{
	struct vec_bytes plain = vec_hex_of(v, json_object_get(c, "plain"));
	struct apdu apdu = plain_of(v, &plain);
	const json_t *want = json_object_get(c, "response_plain");
	enum kms_status st = gp_command(gp, &apdu, "trace", &e);

	if (!answered) /* the trace ends with the command */
		return;
	if (st != KMS_OK && st != KMS_ERR_CARD)
		fail_msg("vector %s: %s", v->name, e.msg);
	if (want) {
		struct vec_bytes expected = vec_hex_of(v, want);
		struct apdu_response *r = gp->response;

		r->data[r->len] = (unsigned char)(r->sw >> 8);
		r->data[r->len + 1] = (unsigned char)r->sw;
		vec_equal(v, "response_plain", r->data, r->len + 2, &expected);
	}
}

static void run_trace(const struct vec *v, const char *init, const char *init_answer,
	const char *external, unsigned level, struct card_keys *keys, const json_t *commands)
{
	struct vec_bytes iu = vec_hex(v, init), challenge = {.len = 8};
	struct card_link *link = NULL;
	struct scp_init got;
	struct session s = {0};
	struct gp gp;

	memcpy(challenge.data, iu.data + 5, 8);
	s.steps[0] = (struct card_step){vec_text(v, init),
		answer(&s, vec_text(v, init_answer), has_sw(vec_text(v, init_answer))), 0};
	s.steps[1] = (struct card_step){vec_text(v, external), "9000", 0};
	s.count = 2;
	for (size_t i = 0; i < json_array_size(commands); i++, s.count++) {
		const json_t *c = json_array_get(commands, i);
		const json_t *r = json_object_get(c, "response");

		assert_true(s.count < STEPS_MAX);
		s.steps[s.count] =
			(struct card_step){json_string_value(json_object_get(c, "wrapped")),
				r ? json_string_value(r) : "9000", 0};
	}
	OK(card_script_open(s.steps, s.count, &s.used, &link, &e));
	gp_open(&gp, link);
	gp.challenge = fixed_challenge;
	gp.challenge_ctx = &challenge;
	OK(gp_initialize_update(&gp, iu.data[2], 8, scp02_i(v), &got, &e));
	if (vec_has(v, "inputs.key_diversification_data"))
		equal_hex(v, "inputs.key_diversification_data", got.kdd, SCP_KDD_SIZE);
	if (vec_has(v, "inputs.sequence_counter"))
		equal_hex(v, "inputs.sequence_counter", got.sequence, got.sequence_len);
	if (vec_has(v, "inputs.key_version"))
		assert_int_equal(
			json_integer_value(vec_find(v, "inputs.key_version")), got.key_version);
	OK(gp_external_authenticate(&gp, &got, keys, level, &e));
	if (vec_has(v, "expected.s_mac"))
		check_session_keys(v, &gp, level);
	for (size_t i = 0; i < json_array_size(commands); i++) {
		const json_t *c = json_array_get(commands, i);
		bool answered = json_object_get(c, "response") != NULL;

		if (!answered && level & SCP_R_MAC) {
			/* No answer was recorded, so none with an R-MAC can be given. */
			struct vec_bytes plain = vec_hex_of(v, json_object_get(c, "plain"));
			struct vec_bytes want = vec_hex_of(v, json_object_get(c, "wrapped"));
			struct apdu apdu = plain_of(v, &plain);
			unsigned char wire[600];
			size_t len = 0;

			OK(scp_wrap(&gp.scp, &apdu, gp.wrapped, &e));
			OK(apdu_encode(&gp.wrapped->apdu, CARD_T1, wire, sizeof(wire), &len, &e));
			vec_equal(v, "wrapped", wire, len, &want);
			s.used++;
			continue;
		}
		run_command(v, &gp, c, answered);
	}
	assert_int_equal(s.used, s.count);
	gp_close(&gp);
	card_link_close(link);
	session_free(&s);
}

static void session(const struct vec *v)
{
	struct card_keys *keys =
		keys_of(v, "inputs.key_enc", "inputs.key_mac", "inputs.key_dek", type_of(v));
	struct vec_bytes level = vec_hex(v, "inputs.security_level");

	run_trace(v, "inputs.initialize_update", "inputs.initialize_update_response",
		"expected.external_authenticate", level.data[0], keys,
		vec_find(v, "expected.commands"));
	card_keys_free(keys);
}

static void mutual_auth(const struct vec *v)
{
	struct card_keys *keys =
		keys_of(v, "inputs.keyEnc", "inputs.keyMac", "inputs.keyDek", CARD_KEY_AES);
	struct vec_bytes level = vec_hex(v, "inputs.securityLevel");

	run_trace(v, "inputs.initUpdateCmd", "inputs.initUpdateRsp", "expected.extAuthApdu",
		level.data[0], keys, NULL);
	card_keys_free(keys);
}

/* ---- pieces of sessions ---- */

static struct scp_init init_of(const struct vec *v, unsigned scp, unsigned i)
{
	struct vec_bytes host =
		vec_hex(v, either(v, "inputs.hostChallenge", "inputs.host_challenge"));
	struct vec_bytes card =
		vec_hex(v, either(v, "inputs.cardChallenge", "inputs.card_challenge"));
	struct scp_init init = {.scp = scp, .i = i, .challenge_len = host.len};

	assert_int_equal(host.len, card.len);
	memcpy(init.host_challenge, host.data, host.len);
	memcpy(init.card_challenge, card.data, card.len);
	memcpy(init.sequence, card.data, 2);
	init.sequence_len = 2;
	return init;
}

static void scp03_session_keys(const struct vec *v)
{
	struct card_keys *keys = keys_of(v, "inputs.keyEnc", "inputs.keyMac", NULL, CARD_KEY_AES);
	struct scp_init init = init_of(v, 3, 0x70);
	struct scp scp = {0};

	OK(scp03_card_cryptogram(&init, keys, init.cryptogram, &e));
	OK(scp_open(&scp, &init, keys, 0x33, &e));
	equal_hex(v, "expected.S_ENC", scp.enc.data, scp.enc.len);
	equal_hex(v, "expected.S_MAC", scp.mac.data, scp.mac.len);
	equal_hex(v, "expected.S_RMAC", scp.rmac.data, scp.rmac.len);
	scp_close(&scp);
	card_keys_free(keys);
}

static void scp03_host_cryptogram(const struct vec *v)
{
	struct scp_init init = init_of(v, 3, 0x70);
	unsigned char fixed[CARD_KDF_FIXED], context[16];
	SECRET_AUTO struct secret s_mac = {0}, out = {0};

	vec_secret(v, "inputs.s_mac", &s_mac);
	memcpy(context, init.host_challenge, 8);
	memcpy(context + 8, init.card_challenge, 8);
	scp03_fixed(SCP03_HOST_CRYPTOGRAM, 8, fixed);
	OK(card_kdf(&s_mac, fixed, context, sizeof(context), 8, &out, &e));
	equal_hex(v, "expected.host_cryptogram", out.data, out.len);
}

static void scp03_challenge(const struct vec *v)
{
	struct card_keys *keys = keys_of(v, "inputs.key_enc", NULL, NULL, CARD_KEY_AES);
	struct vec_bytes seq = vec_hex(v, "inputs.sequence_counter"),
			 aid = vec_hex(v, "inputs.aid");
	size_t len = vec_hex(v, "expected.card_challenge").len;
	unsigned char challenge[SCP_CHALLENGE_MAX];

	assert_int_equal(seq.len, 3);
	OK(scp03_card_challenge(keys, seq.data, aid.data, aid.len, len, challenge, &e));
	equal_hex(v, "expected.card_challenge", challenge, len);
	card_keys_free(keys);
}

static void kdf_rows(const struct vec *v)
{
	const json_t *rows = vec_find(v, "inputs.rows"), *outs = vec_find(v, "expected.outputs");

	assert_int_equal(json_array_size(rows), 40);
	for (size_t i = 0; i < 40; i++) {
		const json_t *row = json_array_get(rows, i);
		struct vec_bytes key = vec_hex_of(v, json_object_get(row, "key"));
		struct vec_bytes context = vec_hex_of(v, json_object_get(row, "context"));
		struct vec_bytes constant = vec_hex_of(v, json_object_get(row, "constant"));
		struct vec_bytes want = vec_hex_of(v, json_array_get(outs, i));
		SECRET_AUTO struct secret secret = {0}, out = {0};
		unsigned char fixed[CARD_KDF_FIXED];

		OK(secret_copy(&secret, key.data, key.len, &e));
		scp03_fixed((enum scp03_constant)constant.data[0], want.len, fixed);
		OK(card_kdf(&secret, fixed, context.data, context.len, want.len, &out, &e));
		vec_equal(v, "row", out.data, out.len, &want);
	}
}

/* Session keys by check value: of S-ENC, S-MAC, DEK, R-MAC in that order. */
static void scp02_kcvs(const struct vec *v)
{
	static const unsigned char constants[] = {0x82, 0x01, 0x81, 0x02};
	static const enum card_role roles[] = {CARD_ENC, CARD_MAC, CARD_DEK, CARD_MAC};
	static const char *const upper[] = {
		"expected.ENC", "expected.MAC", "expected.DEK", "expected.RMAC"};
	static const char *const snake[] = {"expected.kcv_s_enc", "expected.kcv_s_mac",
		"expected.kcv_s_dek", "expected.kcv_s_rmac"};
	struct vec_bytes seq = vec_hex(v, either(v, "inputs.sequence", "inputs.sequence_counter"));
	struct vec_bytes key = vec_hex(v, "inputs.key");
	struct card_keys *keys = same_keys(v, &key, CARD_KEY_DES);

	for (size_t i = 0; i < 4; i++) {
		unsigned char data[CARD_CBC_DATA] = {0x01, constants[i], seq.data[0], seq.data[1]};
		SECRET_AUTO struct secret s = {0};
		unsigned char zero[8] = {0};

		OK(keys->ops->session_cbc(keys, roles[i], data, &s, &e));
		OK(card_cipher(CARD_KEY_DES, CARD_ECB, true, &s, NULL, zero, 8, zero, &e));
		equal_hex(v, either(v, upper[i], snake[i]), zero, CARD_KCV_SIZE);
	}
	card_keys_free(keys);
}

/* R-MAC of SCP02 over one command, level 13; the trace has no INITIALIZE UPDATE. */
static void scp02_rmac(const struct vec *v)
{
	struct vec_bytes plain = vec_hex(v, "inputs.command_plain");
	struct vec_bytes r = vec_hex(v, "inputs.response"),
			 want = vec_hex(v, "expected.response_plain");
	struct card_keys *keys = keys_of(v, "inputs.keys", NULL, NULL, CARD_KEY_DES);
	struct scp_init init = init_of(v, 2, 0x75);
	struct scp_wrapped *w = calloc(1, sizeof(*w));
	struct apdu_response *got = calloc(1, sizeof(*got));
	struct apdu apdu = plain_of(v, &plain);
	struct scp scp = {0};

	assert_non_null(w);
	assert_non_null(got);
	OK(scp02_card_cryptogram(&init, keys, init.cryptogram, &e));
	for (int wrong = 0; wrong < 2; wrong++) {
		OK(scp_open(&scp, &init, keys, 0x13, &e));
		OK(scp_external_authenticate(&scp, 0, w, &e));
		scp_authenticated(&scp);
		OK(scp_wrap(&scp, &apdu, w, &e));
		got->len = r.len - 2;
		memcpy(got->data, r.data, got->len);
		got->sw = (uint16_t)(r.data[r.len - 2] << 8 | r.data[r.len - 1]);
		got->data[0] ^= (unsigned char)wrong;
		if (wrong) {
			assert_int_equal(scp_unwrap(&scp, got, &e), KMS_ERR_MISMATCH);
			assert_int_equal(scp.protocol, 0);
			break;
		}
		OK(scp_unwrap(&scp, got, &e));
		assert_int_equal(got->sw, 0x9000);
		assert_int_equal(got->len + 2, want.len);
		assert_memory_equal(got->data, want.data, got->len);
	}
	scp_close(&scp);
	card_keys_free(keys);
	free(w);
	free(got);
}

/* ---- PUT KEY ---- */

static struct card_dek dek_of(const struct vec *v)
{
	struct card_dek dek = {.use = CARD_DEK_STATIC_CBC};

	if (strstr(v->algorithm, "SCP02")) {
		struct vec_bytes seq =
			vec_hex(v, either(v, "inputs.sequence", "inputs.sequence_counter"));

		dek.use = CARD_DEK_SESSION_ECB;
		dek.data[0] = 0x01;
		dek.data[1] = 0x81;
		memcpy(dek.data + 2, seq.data, 2);
	}
	return dek;
}

static void wrapped_key(const struct vec *v)
{
	struct vec_bytes dek_key = vec_hex(v, either(v, "inputs.dek", "inputs.key_dek"));
	struct vec_bytes key = vec_hex(v, either(v, "inputs.key", "inputs.new_key"));
	struct card_keys *current = same_keys(v, &dek_key, type_of(v));
	struct card_keys *fresh = same_keys(v, &key, type_of(v));
	struct card_dek dek = dek_of(v);
	struct card_key_block block;

	OK(current->ops->wrap(current, &dek, fresh, CARD_MAC, &block, &e));
	equal_hex(v, json_is_string(vec_find(v, "expected")) ? "expected" : "expected.encrypted",
		block.block, block.len);
	card_keys_free(current);
	card_keys_free(fresh);
}

/* No session of ours does this; the cipher is the one that SCP02 has. */
static void scp01_wrapped(const struct vec *v)
{
	struct vec_bytes key = vec_hex(v, either(v, "inputs.key", "inputs.new_key"));
	SECRET_AUTO struct secret dek = {0};
	unsigned char block[16];

	vec_secret(v, either(v, "inputs.dek", "inputs.key_dek"), &dek);
	OK(card_cipher(CARD_KEY_DES, CARD_ECB, true, &dek, NULL, key.data, key.len, block, &e));
	equal_hex(v, json_is_string(vec_find(v, "expected")) ? "expected" : "expected.encrypted",
		block, key.len);
}

static void put_key_body(const struct vec *v)
{
	struct vec_bytes dek_key = vec_hex(v, either(v, "inputs.staticDek", "inputs.dek"));
	struct vec_bytes version = vec_hex(v, "inputs.newKvn");
	enum card_key_type type = type_of(v);
	struct gp_put_keys how = {.version = version.data[0], .block = GP_BLOCK_INNER_LENGTH};
	struct card_keys *current = same_keys(v, &dek_key, type), *fresh = NULL;
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_dek dek = dek_of(v);
	BUF_AUTO struct buf data = {0};

	for (size_t i = 0; i < CARD_ROLES; i++) {
		struct vec_bytes k = vec_hex_of(v, json_array_get(vec_find(v, "inputs.keys"), i));

		OK(secret_copy(&keys[i], k.data, k.len, &e));
	}
	OK(card_keys_clear("fresh", type, keys, &fresh, &e));
	how.extended_format = vec_has(v, "inputs.usageQualifier");
	for (size_t i = 0; how.extended_format && i < CARD_ROLES; i++)
		how.usage[i] = vec_hex(v, "inputs.usageQualifier").data[0];
	if (how.extended_format)
		how.access = vec_hex(v, "inputs.keyAccess").data[0];
	OK(gp_put_keys_data(&how, &dek, current, fresh, &data, kcvs, &e));
	equal_hex(v, "expected", data.data, data.len);
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	card_keys_free(current);
	card_keys_free(fresh);
}

/* ---- the table ---- */

struct row {
	const char *algorithm;
	void (*run)(const struct vec *v);
	const char *left; /* why it is not run */
};

static const char no_scp01[] = "SCP01: deprecated, and no profile of ours has it";

static const struct row table[] = {
	{"SCP02 C-MAC", session, NULL},
	{"SCP02 i=15 C-MAC", session, NULL},
	{"SCP02 i=15 C-DEC+C-MAC (DELETE x2, INSTALL [for load])", session, NULL},
	{"SCP02 i=55 synthetic flow", session, NULL},
	{"SCP02 R-MAC (level 13; R-MAC ICV seeded with the EXTERNAL AUTHENTICATE C-MAC)",
		scp02_rmac, NULL},
	{"SCP02 session keys (KCV only)", scp02_kcvs, NULL},
	{"SCP02-SESSION-KEYS-KCV", scp02_kcvs, NULL},
	{"SCP02 PUT KEY component encryption (3DES-ECB under session DEK)", wrapped_key, NULL},
	{"SCP02 PUT KEY component encryption", wrapped_key, NULL},
	{"PUTKEY-ENC-SCP02 (TDES-ECB session DEK, seq 0000)", wrapped_key, NULL},
	{"SCP01 PUT KEY component encryption (3DES-ECB under static DEK)", scp01_wrapped, NULL},
	{"PUTKEY-ENC-SCP01 (TDES-ECB static DEK)", scp01_wrapped, NULL},
	{"SCP01 i=05 with VISA2-diversified keys", NULL, no_scp01},
	{"SCP03 i=70 AES128_11", session, NULL},
	{"SCP03 i=70 AES128_03", session, NULL},
	{"SCP03 i=70 AES128_33", session, NULL},
	{"SCP03 i=70 AES192_11", session, NULL},
	{"SCP03 i=70 AES192_03", session, NULL},
	{"SCP03 i=70 AES192_33", session, NULL},
	{"SCP03 i=70 AES256_11", session, NULL},
	{"SCP03 i=70 AES256_03", session, NULL},
	{"SCP03 i=70 AES256_33", session, NULL},
	{"SCP03 Aes128S8", session, NULL},
	{"SCP03 Aes192S8", session, NULL},
	{"SCP03 Aes256S8", session, NULL},
	{"SCP03 i=70 AES-128 C-DEC+C-MAC", session, NULL},
	{"SCP03 i=70 AES-128", session, NULL},
	{"SCP03 i=70 AES-128 C-DEC+C-MAC, 4 chained GET STATUS", session, NULL},
	{"SCP03 synthetic flow", session, NULL},
	{"SCP03 pseudo-random card challenge", scp03_challenge, NULL},
	{"SCP03 pseudo-random card challenge S8", scp03_challenge, NULL},
	{"SCP03 pseudo-random card challenge S16", scp03_challenge, NULL},
	{"SCP03 host cryptogram", scp03_host_cryptogram, NULL},
	{"SCP03 KDF (AES-CMAC counter mode), 40 chained vectors, 128/256-bit keys", kdf_rows, NULL},
	{"SCP03 PUT KEY component encryption (AES-CBC zero IV under static DEK)", wrapped_key,
		NULL},
	{"SCP03-MUTUAL-AUTH-AES128", mutual_auth, NULL},
	{"SCP03-MUTUAL-AUTH-AES192", mutual_auth, NULL},
	{"SCP03-MUTUAL-AUTH-AES256", mutual_auth, NULL},
	{"SCP03-SESSION-KEYS", scp03_session_keys, NULL},
	{"PUTKEY-BODY-AES128-SCP03-BASIC", put_key_body, NULL},
	{"PUTKEY-BODY-AES256-SCP03-BASIC", put_key_body, NULL},
	{"PUTKEY-BODY-2TDEA-SCP02-BASIC", put_key_body, NULL},
	{"PUTKEY-BODY-AES128-SCP03-EXTENDED", put_key_body, NULL},
	{"\"sp800-108-v1\" static-key diversification: SCP03 KDF with labels 10/11/12, context = "
	 "CSN",
		NULL, "diversification: run by unit.keys.vectors"},
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static bool of_a_session(const struct vec *v)
{
	return strstr(v->algorithm, "SCP0") || strstr(v->algorithm, "PUTKEY") ||
	       strstr(v->algorithm, "PUT KEY");
}

static const struct row *row_for(const struct vec *v)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].algorithm, v->algorithm) == 0)
			return &table[i];
	fail_msg("vector %s: algorithm '%s' is not in the table", v->name, v->algorithm);
	return NULL;
}

static void walk(const char *path, size_t uses[ROWS], size_t *run, size_t *left)
{
	json_t *file = vec_load(path);

	for (size_t i = 0; i < json_array_size(file); i++) {
		struct vec v = vec_at(file, i);
		const struct row *row;

		if (!of_a_session(&v))
			continue;
		row = row_for(&v);
		uses[row - table]++;
		if (row->run)
			row->run(&v);
		(*(row->run ? run : left))++;
	}
	json_decref(file);
}

static void test_every_session_vector(void **state)
{
	size_t uses[ROWS] = {0}, run = 0, left = 0;

	(void)state;
	walk(VECTORS_DIR "/keymanagement.json", uses, &run, &left);
	walk(VECTORS_DIR "/globalplatform.json", uses, &run, &left);
	for (size_t i = 0; i < ROWS; i++) {
		if (!uses[i])
			fail_msg("no vector has the algorithm '%s'", table[i].algorithm);
		if (table[i].left)
			printf("  %zu not: %s: %s\n", uses[i], table[i].algorithm, table[i].left);
	}
	printf("card vectors: %zu run, %zu not applicable\n", run, left);
	assert_int_equal(run, 52);
	assert_int_equal(left, 2);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&e) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_session_vector),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
