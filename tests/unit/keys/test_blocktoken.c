/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key blocks made and opened under a protection key that a real token holds, against the same on clear
 * bytes: every algorithm under every algorithm, on SoftHSM and on NSS softokn.
 */
#include "hsm/probe.h"
#include "keys/blocktoken.h"
#include "keys/token.h"
#include "unit/keys/tokens.h"

#include <stdio.h>

/* Odd parity: a TDEA key comes back as it was given. */
static const unsigned char key_bytes[32] = {0x40, 0x43, 0x45, 0x46, 0x49, 0x4A, 0x4C, 0x4F, 0x51,
	0x52, 0x54, 0x57, 0x58, 0x5B, 0x5D, 0x5E, 0x61, 0x62, 0x64, 0x67, 0x68, 0x6B, 0x6D, 0x6E,
	0x70, 0x73, 0x75, 0x76, 0x79, 0x7A, 0x7C, 0x7F};
static const unsigned char kbpk_bytes[32] = {0x80, 0x83, 0x85, 0x86, 0x89, 0x8A, 0x8C, 0x8F, 0x91,
	0x92, 0x94, 0x97, 0x98, 0x9B, 0x9D, 0x9E, 0xA1, 0xA2, 0xA4, 0xA7, 0xA8, 0xAB, 0xAD, 0xAE,
	0xB0, 0xB3, 0xB5, 0xB6, 0xB9, 0xBA, 0xBC, 0xBF};

struct bench {
	struct hsm *hsm;
	struct hsm_key kbpk;
	struct hsm_made masters[KEY_AES256 + 1];
	struct key_block_clear clear;
	struct key_block_engine engine;
	unsigned char next_id;
	size_t made, opened;
};

static struct hsm_new new_key(struct bench *b, enum key_alg alg, enum hsm_role role)
{
	return (struct hsm_new){.alg = key_alg_to_hsm(alg),
		.role = role,
		.wrap = role == HSM_TRANSPORT_DERIVE ? HSM_WRAP_BLOCK : HSM_WRAP_NONE,
		.check = key_kcv_to_hsm(key_alg_info(alg)->kcv),
		.id = {0xB0, b->next_id++},
		.label = key_alg_name(alg)};
}

static void import(struct bench *b, enum key_alg alg, enum hsm_role role,
	const unsigned char *bytes, struct hsm_made *ret_made)
{
	const struct hsm_new spec = new_key(b, alg, role);
	SECRET_AUTO struct secret value = {0};

	put_secret(&value, bytes, key_alg_info(alg)->length);
	expect_ok(&err, hsm_key_import(b->hsm, &spec, &value, ret_made, &err));
}

static void make_block(struct bench *b, enum key_alg kbpk, enum key_alg alg, struct buf *ret_text)
{
	const struct key_block_fields fields = key_block_of_master(kbpk, alg, 0x20, "B3", 'N');
	SECRET_AUTO struct secret back = {0};
	struct key_block block;

	expect_err(&err,
		key_block_wrap_hsm(b->hsm, &b->kbpk, &b->masters[alg].key, alg, &fields, false,
			ret_text, &err),
		KMS_ERR_DENIED, "keys may not pass through this host");
	expect_ok(&err, key_block_wrap_hsm(b->hsm, &b->kbpk, &b->masters[alg].key, alg, &fields,
				true, ret_text, &err));
	expect_ok(&err, key_block_parse(ret_text->data, ret_text->len, &block, &err));
	expect_ok(&err, key_block_open(&block, &b->engine, &back, &err));
	assert_int_equal(back.len, key_alg_info(alg)->length);
	assert_memory_equal(back.data, key_bytes, back.len);
	b->made++;
}

/* Opened on the token it is the same key, with a master's attributes. */
static void open_block(struct bench *b, enum key_alg alg, const struct buf *text)
{
	const struct hsm_new spec = new_key(b, alg, HSM_MASTER_VAULT);
	struct hsm_made made;
	struct key_block block;

	expect_ok(&err, key_block_parse(text->data, text->len, &block, &err));
	expect_err(&err, key_block_unwrap_hsm(b->hsm, &b->kbpk, &block, &spec, false, &made, &err),
		KMS_ERR_DENIED, "keys may not pass through this host");
	expect_ok(&err, key_block_unwrap_hsm(b->hsm, &b->kbpk, &block, &spec, true, &made, &err));
	assert_int_equal(made.where, HSM_HOST_ASSISTED);
	assert_int_equal(made.check_len, b->masters[alg].check_len);
	assert_memory_equal(made.check, b->masters[alg].check, made.check_len);
	assert_memory_equal(made.proof, b->masters[alg].proof, made.proof_len);
	expect_ok(&err, hsm_key_check_role(b->hsm, &made.key, HSM_MASTER_VAULT, &err));
	expect_ok(&err, hsm_key_destroy(b->hsm, spec.id, "it", &err));
	b->opened++;
}

static void refuse_block(struct bench *b, enum key_alg alg, const struct buf *text,
	enum kms_status status, const char *says)
{
	const struct hsm_new spec = new_key(b, alg, HSM_MASTER_VAULT);
	struct hsm_made made;
	struct key_block block;
	size_t count = 1;

	expect_ok(&err, key_block_parse(text->data, text->len, &block, &err));
	expect_err(&err, key_block_unwrap_hsm(b->hsm, &b->kbpk, &block, &spec, true, &made, &err),
		status, says);
	expect_ok(&err, hsm_key_count(b->hsm, spec.id, &count, &err));
	assert_int_equal(count, 0);
}

static void refuse_wrong(struct bench *b, enum key_alg alg, struct buf *text)
{
	SECRET_AUTO struct secret weak = {0};
	char *last = text->data + text->len - 1, was = *last;

	*last = *last == '0' ? '1' : '0';
	refuse_block(b, alg, text, KMS_ERR_MISMATCH, "its MAC is wrong");
	*last = was;
	/* Of what another key says in its header. */
	text->data[6]++;
	refuse_block(b, alg, text, KMS_ERR_MISMATCH, "its MAC is wrong");
	text->data[6]--;
	if (alg != KEY_TDEA2)
		return;
	refuse_block(b, KEY_TDEA3, text, KMS_ERR_INVALID, "holds a key of 128 bits");
	expect_ok(&err, secret_alloc(&weak, 16, &err));
	expect_ok(&err, key_block_seal(&(struct key_block_fields){.version = key_block_version(
									  b->engine.kbpk),
					       .usage = "B3",
					       .algorithm = 'T',
					       .mode = 'X',
					       .number = "00",
					       .exportability = 'N',
					       .context = '0'},
				&b->engine, alg, &weak, text, &err));
	refuse_block(b, alg, text, KMS_ERR_INVALID, "the key in the key block");
}

static void use_kbpk(struct bench *b, enum key_alg kbpk)
{
	SECRET_AUTO struct secret value = {0};
	struct hsm_made made;
	struct hsm_key found;
	enum hsm_role role;
	enum hsm_where where;

	for (unsigned exporting = 0; exporting < 2; exporting++) {
		expect_ok(&err, hsm_transport_role(b->hsm, key_alg_to_hsm(kbpk), HSM_WRAP_BLOCK,
					exporting, &role, &where, &err));
		assert_int_equal(role, HSM_TRANSPORT_DERIVE);
		assert_int_equal(where, HSM_HOST_ASSISTED);
	}
	import(b, kbpk, HSM_TRANSPORT_DERIVE, kbpk_bytes, &made);
	expect_ok(&err, hsm_key_find(b->hsm, made.key.id, NULL, &found, &err));
	assert_int_equal(found.usage & ~(unsigned)(HSM_IS_MODIFIABLE | HSM_IS_LOCAL),
		HSM_CAN_DERIVE | HSM_IS_SENSITIVE | HSM_IS_PRIVATE);
	expect_ok(&err,
		hsm_key_prove(b->hsm, &found, HSM_WRAP_BLOCK, made.proof, made.proof_len, &err));
	b->kbpk = made.key;
	put_secret(&value, kbpk_bytes, key_alg_info(kbpk)->length);
	expect_ok(&err, key_block_clear(kbpk, &value, &b->clear, &b->engine, &err));
}

/* What a key is bound to: not even another derivation is let through. */
static void bound(struct bench *b, enum key_alg kbpk)
{
	static const unsigned char iv[16], data[32];
	const struct hsm_temp temp = {HSM_RAW, 16, HSM_TEMP_CARD};
	unsigned char out[HSM_WRAPPED_MAX];
	struct hsm_key key = {0};
	size_t len;

	assert_true(hsm_derive_cbc(b->hsm, &b->kbpk, iv, data, sizeof(data), &temp, &key, &err));
	assert_string_equal(err.native, "CKR_MECHANISM_INVALID");
	expect_err(&err,
		hsm_wrap(b->hsm, &b->kbpk, &b->masters[kbpk].key, HSM_WRAP_BLOCK, true, out,
			sizeof(out), &len, NULL, &err),
		KMS_ERR_UNSUPPORTED, "may not wrap by key-block");
	expect_err(&err, hsm_key_read(b->hsm, &b->masters[kbpk].key, false, NULL, &err),
		KMS_ERR_DENIED, "keys may not pass through this host");
}

static void no_kbpk(struct bench *b)
{
	const struct key_block_fields fields =
		key_block_of_master(KEY_AES128, KEY_AES128, 1, "B3", 'N');
	const struct hsm_temp temp = {HSM_AES128, 0, HSM_TEMP_MAC};
	SECRET_AUTO struct secret value = {0};
	BUF_AUTO struct buf text = {0};
	struct hsm_key other;

	put_secret(&value, kbpk_bytes, 16);
	expect_ok(&err, hsm_temp_import(b->hsm, &temp, &value, &other, &err));
	expect_err(&err,
		key_block_wrap_hsm(b->hsm, &other, &b->masters[KEY_AES128].key, KEY_AES128, &fields,
			true, &text, &err),
		KMS_ERR_UNSUPPORTED, "no key that protects key blocks");
	hsm_key_drop(b->hsm, &other);
}

static void run_all(struct bench *b, bool guards)
{
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++)
		import(b, alg, HSM_MASTER_VAULT, key_bytes, &b->masters[alg]);
	for (enum key_alg kbpk = KEY_TDEA2; kbpk <= KEY_AES256; kbpk++) {
		use_kbpk(b, kbpk);
		for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
			BUF_AUTO struct buf text = {0};

			make_block(b, kbpk, alg, &text);
			open_block(b, alg, &text);
			refuse_wrong(b, alg, &text);
		}
		if (guards)
			bound(b, kbpk);
		key_block_clear_free(&b->clear);
	}
	no_kbpk(b);
	printf("key blocks on the token: %zu made, %zu opened\n", b->made, b->opened);
	assert_int_equal(b->made, 25);
	assert_int_equal(b->opened, 25);
	hsm_close(b->hsm);
}

static void test_softhsm(void **state)
{
	struct bench b = {0};
	struct softhsm s;

	(void)state;
	softhsm_open(&s);
	open_token(&b.hsm, SOFT_URI, NULL, "keys-test", "12345678");
	run_all(&b, true);
	softhsm_close(&s);
}

static void test_softokn(void **state)
{
	struct bench b = {0};
	struct softokn s;

	(void)state;
	if (!softokn_installed())
		skip();
	softokn_open(&s);
	open_token(&b.hsm, NSS_URI, s.init_args, "NSS Certificate DB", "");
	run_all(&b, false);
	softokn_close(&s);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_softhsm),
		cmocka_unit_test(test_softokn),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
