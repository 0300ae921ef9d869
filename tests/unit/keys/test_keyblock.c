/* SPDX-License-Identifier: Apache-2.0 */
/* Key blocks: what a malformed one is told, every byte changed, and what may become a master. */
#include "keys/keyblock.h"
#include "support/expect.h"

#include <stdio.h>

static struct kms_err err;

/* v105: X9.143's example of version D, AES-128 under AES-256. */
static const char good[] = "D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E4"
			   "17C07156A27E8E31DA05F7425509593D03A457DC34";
static const unsigned char good_kbpk[] = {0x88, 0xE1, 0xAB, 0x2A, 0x2E, 0x3D, 0xD3, 0x8C, 0x1F,
	0xA0, 0x39, 0xA5, 0x36, 0x50, 0x0C, 0xC8, 0xA8, 0x7A, 0xB9, 0xD6, 0x2D, 0xC9, 0x2C, 0x01,
	0x05, 0x8F, 0xA7, 0x9F, 0x44, 0x65, 0x7D, 0xE6};

struct bench {
	struct key_block_clear clear;
	struct key_block_engine engine;
};

static void open_bench(struct bench *b, enum key_alg alg, const void *bytes)
{
	SECRET_AUTO struct secret kbpk = {0};

	*b = (struct bench){0};
	expect_ok(&err, secret_copy(&kbpk, bytes, key_alg_info(alg)->length, &err));
	expect_ok(&err, key_block_clear(alg, &kbpk, &b->clear, &b->engine, &err));
}

static void close_bench(struct bench *b)
{
	key_block_clear_free(&b->clear);
}

/* ---- text ---- */

struct edit {
	size_t at;
	const char *put, *says;
};

static void refuse(const char *text, const char *says)
{
	struct key_block block;

	expect_err(&err, key_block_parse(text, strlen(text), &block, &err), KMS_ERR_INVALID, says);
}

static void test_fields_named(void **state)
{
	static const struct edit edits[] = {
		{0, "F", "the version is 'F'"},
		{0, "d", "the version is 'd'"},
		{0, "2", "the version is '2'"},
		{1, "0113", "the length says 113 characters, there are 112"},
		{1, "011x", "the length is '011x', which is not four decimal digits"},
		{1, "-112", "the length is '-112'"},
		{5, "p0", "the key usage is 'p0'"},
		{5, "P ", "the key usage is 'P '"},
		{7, "-", "the algorithm is '-'"},
		{8, "*", "the mode of use is '*'"},
		{9, "0.", "the key version number is '0.'"},
		{11, "X", "the exportability is 'X', which is not one of E, N, S"},
		{11, "e", "the exportability is 'e'"},
		{12, "0A", "the number of optional blocks is '0A'"},
		{12, "01", "optional block"},
		{14, "3", "the key context is '3', which is not one of 0, 1, 2"},
		{14, "01", "the reserved field is '1', which is not 0"},
		{16, "b", "the encrypted key is not in upper-case hexadecimal"},
		{16, "G", "the encrypted key is not in upper-case hexadecimal"},
		{111, "a", "the MAC is not in upper-case hexadecimal"},
		{80, "\n", "character 81 is not printable ASCII"},
		{80, "\xC3", "character 81 is not printable ASCII"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char text[sizeof(good)];

		memcpy(text, good, sizeof(text));
		memcpy(text + edits[i].at, edits[i].put, strlen(edits[i].put));
		refuse(text, edits[i].says);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	refuse("", "less than a header");
	refuse("D0015P0AE00E000", "less than a header");
	refuse("D0016P0AE00E0000", "too few for a key and a MAC");
	refuse("D0050P0AE00E0000B82679114F470F540165EDFBF7E250FCEA", "too few");
	/* 15 bytes of key. */
	refuse("D0078P0AE00E0000B82679114F470F540165EDFBF7E2500165EDFBF7E250FCEA43F810D2157E25",
		"not whole blocks of 32");
	/* Every shorter text of a good block is refused. */
	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		struct key_block block;

		expect_err(&err, key_block_parse(good, len, &block, &err), KMS_ERR_INVALID,
			"key block");
	}
}

/* The options between a header of version B and a body that has the right form. */
static void parse_options(const char *options, unsigned count, const char *says)
{
	char text[1024];
	struct key_block block;
	size_t len = (size_t)snprintf(text, sizeof(text), "B%04zuB3TX00N%02u00%s%064d%016d",
		16 + strlen(options) + 80, count, options, 0, 0);

	if (says)
		refuse(text, says);
	else
		expect_ok(&err, key_block_parse(text, len, &block, &err));
}

static void test_options(void **state)
{
	char text[16 + 24 + 80 + 1];
	struct key_block block;

	(void)state;
	parse_options("KS1800604B120F9292800000", 1, NULL);
	parse_options("KS1800604B120F9292800000PB080000", 2, NULL);
	parse_options(
		"KC0C00ABCDEF", 1, "which a padding block PB should bring to a multiple of 8");
	parse_options("KC0C00ABCDEFPB04", 2, NULL);
	parse_options("HM0621PB0A000000", 2, NULL);
	parse_options("HM0821AB", 1, "HM (hash algorithm of an HMAC key)");
	parse_options("IK12012345678901AB", 1, "IK (initial key identifier)");
	parse_options("KS08zzzz", 1, "KS (key serial number)");
	parse_options("LB0Eany text !PB0A000000", 2, NULL);
	parse_options("TS13202611260724"
		      "00ZPB050",
		2, NULL);
	parse_options("TS1320261126072400XPB050", 2, "TS (time stamp)");
	parse_options("ZZ08\x20x~!", 1, NULL);
	parse_options("zz080000", 1, "the name of an optional block is 'zz'");
	parse_options("KS080000KS080000", 2, "optional block KS is there twice");
	parse_options("PB020000", 1, "its head has 4");
	parse_options("PBFF0000", 1, "are left");
	parse_options("PB0c0000", 1, "its length is not in upper-case hexadecimal");
	/* Both ways of counting the length's length; and others. */
	parse_options("LB0002000Bt", 1, "which a padding block");
	parse_options("LB00020010123456", 1, NULL);
	parse_options("LB00040010123456", 1, NULL);
	parse_options("LB00060010123456", 1, "the length of its length is '06', not 02");
	parse_options("LB00020009123456", 1, "its head has 10");
	parse_options("LB0002FFFF123456", 1, "are left");
	parse_options("CT080000", 2, "optional block");
	/* One more than there are: the encrypted key is no optional block. */
	parse_options("CT080000", 99, "optional block");

	snprintf(text, sizeof(text), "B0120B3TX00N0100KS1800604B120F9292800000%064d%016d", 0, 0);
	expect_ok(&err, key_block_parse(text, strlen(text), &block, &err));
	assert_int_equal(block.header_len, 40);
	assert_int_equal(block.payload_len, 32);
	assert_non_null(key_block_option(&block, "KS"));
	assert_null(key_block_option(&block, "KC"));
	assert_int_equal(key_block_option(&block, "KS")->len, 20);
	assert_memory_equal(key_block_option(&block, "KS")->data, "00604B120F9292800000", 20);
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(key_block_usage_text("B3"), "key derivation key, not of X9.24");
	assert_string_equal(
		key_block_usage_text("E5"), "EMV issuer master key: card personalization");
	assert_null(key_block_usage_text("42"));
	assert_null(key_block_version_text('F'));
	assert_string_equal(key_block_mode_text('X'), "derive keys");
	assert_string_equal(key_block_algorithm_text('T'), "TDEA");
	assert_string_equal(key_block_exportability_text('N'), "not exportable");
	assert_string_equal(key_block_context_text('2'), "for exchange only");
	assert_string_equal(key_block_option_text("PB"), "padding");
	assert_null(key_block_option_text("??"));
}

/* ---- every byte ---- */

struct flips {
	size_t trials, refused, control;
};

/*
 * Control: the same with the check of the MAC cut out, by an engine whose MAC is always what the block
 * says. If that let nothing through, the text alone would refuse it and the MAC prove nothing.
 */
struct blind {
	const struct key_block_engine *engine;
	const struct key_block *block;
};

static enum kms_status blind_mac(
	void *ctx, const struct secret *data, unsigned char *ret_mac, struct kms_err *e)
{
	const struct blind *blind = ctx;
	const char *said =
		blind->block->text + blind->block->header_len + 2 * blind->block->payload_len;

	(void)data;
	(void)e;
	for (size_t i = 0; i < blind->block->mac_len; i++) {
		unsigned byte;

		assert_int_equal(sscanf(said + 2 * i, "%2X", &byte), 1);
		ret_mac[i] = (unsigned char)byte;
	}
	return KMS_OK;
}

static enum kms_status blind_crypt(void *ctx, bool encrypt, const unsigned char *iv,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *e)
{
	const struct blind *blind = ctx;

	return blind->engine->crypt(blind->engine->ctx, encrypt, iv, data, len, out, e);
}

static void try_changed(
	const char *text, size_t len, const struct key_block_engine *engine, struct flips *flips)
{
	SECRET_AUTO struct secret key = {0}, unchecked = {0};
	struct key_block block;
	struct blind blind = {engine, &block};
	const struct key_block_engine control = {engine->kbpk, &blind, blind_mac, blind_crypt};

	flips->trials++;
	if (key_block_parse(text, len, &block, &err)) {
		flips->refused++;
		return;
	}
	if (key_block_open(&block, engine, &key, &err) && !key.data)
		flips->refused++;
	if (!key_block_open(&block, &control, &unchecked, &err))
		flips->control++;
}

static struct flips flip_all(const char *text, size_t len, const struct key_block_engine *engine)
{
	struct flips flips = {0};
	char changed[512];

	assert_true(len < sizeof(changed));
	memcpy(changed, text, len);
	for (size_t i = 0; i < len; i++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			if ((char)byte == text[i])
				continue;
			changed[i] = (char)byte;
			try_changed(changed, len, engine, &flips);
		}
		changed[i] = text[i];
	}
	return flips;
}

static void test_every_byte(void **state)
{
	struct key_block_fields fields;
	struct bench b;

	(void)state;
	for (enum key_alg kbpk = KEY_TDEA2; kbpk <= KEY_AES256; kbpk++) {
		struct flips total = {0};

		open_bench(&b, kbpk, good_kbpk);
		for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++) {
			SECRET_AUTO struct secret key = {0};
			BUF_AUTO struct buf text = {0};
			struct flips flips;

			fields = key_block_of_master(kbpk, alg, 0x20, "B3", 'N');
			expect_ok(&err,
				secret_copy(&key, good_kbpk, key_alg_info(alg)->length, &err));
			expect_ok(&err, key_block_seal(&fields, &b.engine, alg, &key, &text, &err));
			flips = flip_all(text.data, text.len, &b.engine);
			total.trials += flips.trials;
			total.refused += flips.refused;
			total.control += flips.control;
		}
		printf("flip x9143-%c under %s trials %zu accepted %zu control_accepted %zu\n",
			key_block_version(kbpk) == 'B' ? 'b' : 'd', key_alg_name(kbpk),
			total.trials, total.trials - total.refused, total.control);
		assert_int_equal(total.refused, total.trials);
		assert_true(total.control > 0);
		close_bench(&b);
	}
}

/* ---- opening ---- */

static void expect_open(const char *text, enum kms_status status, const char *says)
{
	SECRET_AUTO struct secret key = {0};
	struct key_block block;
	struct bench b;

	open_bench(&b, KEY_AES256, good_kbpk);
	expect_ok(&err, key_block_parse(text, strlen(text), &block, &err));
	expect_err(&err, key_block_open(&block, &b.engine, &key, &err), status, says);
	assert_null(key.data);
	close_bench(&b);
}

/* A block with these options and this plain payload, sealed by hand under the bench's keys. */
static void seal_by_hand(struct bench *b, const char *header, const unsigned char *payload,
	size_t len, char *ret_text, size_t size)
{
	SECRET_AUTO struct secret data = {0};
	unsigned char mac[16];
	size_t at = strlen(header);

	expect_ok(&err, secret_copy(&data, header, at, &err));
	expect_ok(&err, secret_append(&data, payload, len, &err));
	expect_ok(&err, b->engine.mac(b->engine.ctx, &data, mac, &err));
	expect_ok(&err, b->engine.crypt(b->engine.ctx, true, mac, data.data + at, len,
				data.data + at, &err));
	assert_true(size > at + 2 * len + 32);
	at = (size_t)snprintf(ret_text, size, "%s", header);
	for (size_t i = 0; i < len + 16; i++)
		at += (size_t)snprintf(ret_text + at, size - at, "%02X",
			i < len ? data.data[strlen(header) + i] : mac[i - len]);
}

static void test_inside(void **state)
{
	static const struct {
		unsigned char length[2];
		const char *says;
	} wrong[] = {
		{{0, 0}, "the key in it has 0 bits"}, {{0, 127}, "the key in it has 127 bits"},
		{{0xFF, 0xF8}, "the key in it has 65528 bits"},
		{{0, 248}, "the key in it has 248 bits"}, /* 31 bytes, there is room for 30 */
	};
	char text[256];
	struct bench b;

	(void)state;
	open_bench(&b, KEY_AES256, good_kbpk);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned char payload[32] = {wrong[i].length[0], wrong[i].length[1], 1, 2, 3};

		seal_by_hand(&b, "D0112B3AX00N0000", payload, sizeof(payload), text, sizeof(text));
		expect_open(text, KMS_ERR_INVALID, wrong[i].says);
	}
	close_bench(&b);
}

/* KC: E(0) of AES-128 with a key of zeros is 66E94BD4…; its CMAC of a zero block 763CBCDE81…. */
static void test_check_value_inside(void **state)
{
	static const struct {
		const char *options;
		enum kms_status status;
		const char *says;
	} rows[] = {
		{"D0128B3AX00N0200KC0C0066E94BPB04", KMS_OK, ""},
		{"D0128B3AX00N0200KC0A0066E9PB060x", KMS_OK, ""},
		{"D0128B3AX00N0100KC1001763CBCDE81", KMS_OK, ""},
		{"D0128B3AX00N0200KC0C0066E94CPB04", KMS_ERR_MISMATCH, "optional block KC"},
		{"D0128B3AX00N0100KC1001763CBCDE82", KMS_ERR_MISMATCH, "optional block KC"},
		{"D0128B3AX00N0100KC100066E94BD4EF", KMS_ERR_MISMATCH, "optional block KC"},
		{"D0128B3AX00N0200KC0C0266E94BPB04", KMS_ERR_INVALID, "by no known method"},
	};
	const unsigned char payload[32] = {0, 128};
	struct bench b;

	(void)state;
	open_bench(&b, KEY_AES256, good_kbpk);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SECRET_AUTO struct secret key = {0};
		struct key_block block;
		char text[256];

		seal_by_hand(&b, rows[i].options, payload, sizeof(payload), text, sizeof(text));
		if (rows[i].status) {
			expect_open(text, rows[i].status, rows[i].says);
			continue;
		}
		expect_ok(&err, key_block_parse(text, strlen(text), &block, &err));
		expect_ok(&err, key_block_open(&block, &b.engine, &key, &err));
		assert_int_equal(key.len, 16);
	}
	close_bench(&b);
}

static void test_wrong_key(void **state)
{
	static const unsigned char other[32] = {1};
	SECRET_AUTO struct secret key = {0};
	struct key_block block;
	struct bench b;

	(void)state;
	expect_ok(&err, key_block_parse(good, sizeof(good) - 1, &block, &err));
	open_bench(&b, KEY_AES256, other);
	expect_err(&err, key_block_open(&block, &b.engine, &key, &err), KMS_ERR_MISMATCH,
		"was made under another key");
	close_bench(&b);
	/* AES-128 derives otherwise than AES-256, and TDEA makes no block of version D. */
	open_bench(&b, KEY_AES128, good_kbpk);
	expect_err(&err, key_block_open(&block, &b.engine, &key, &err), KMS_ERR_MISMATCH, "MAC");
	close_bench(&b);
	open_bench(&b, KEY_TDEA3, good_kbpk);
	expect_err(&err, key_block_open(&block, &b.engine, &key, &err), KMS_ERR_INVALID,
		"a key block of version D is not under a key of tdea3");
	close_bench(&b);
	assert_null(key.data);
}

static void test_seal_rules(void **state)
{
	SECRET_AUTO struct secret key = {0};
	BUF_AUTO struct buf text = {0};
	struct key_block_fields f;
	struct bench b;

	(void)state;
	open_bench(&b, KEY_AES256, good_kbpk);
	expect_ok(&err, secret_copy(&key, good_kbpk, 16, &err));
	f = key_block_of_master(KEY_TDEA3, KEY_AES128, 1, "B3", 'N');
	expect_err(&err, key_block_seal(&f, &b.engine, KEY_AES128, &key, &text, &err),
		KMS_ERR_INVALID, "version B cannot be made under a key of aes256");
	f = key_block_of_master(KEY_AES256, KEY_TDEA2, 1, "B3", 'N');
	expect_err(&err, key_block_seal(&f, &b.engine, KEY_AES128, &key, &text, &err),
		KMS_ERR_INVALID, "algorithm T cannot hold a key of aes128");
	f = key_block_of_master(KEY_AES256, KEY_AES256, 1, "B3", 'N');
	expect_err(&err, key_block_seal(&f, &b.engine, KEY_AES256, &key, &text, &err),
		KMS_ERR_INVALID, "aes256 keys have 32 bytes, not 16");
	f = key_block_of_master(KEY_AES256, KEY_AES128, 1, "b3", 'N');
	expect_err(&err, key_block_seal(&f, &b.engine, KEY_AES128, &key, &text, &err),
		KMS_ERR_INVALID, "key usage");
	assert_null(text.data);
	close_bench(&b);
}

/* ---- masters ---- */

static void test_master_rules(void **state)
{
	static const struct {
		const char *header; /* of the 16 characters */
		const char *usage;  /* asked for, or NULL */
		const char *says;   /* NULL: accepted */
	} rows[] = {
		{"D0112B3AX00N0000", NULL, NULL},
		{"D0112B3AX20N0000", NULL, NULL},
		{"D0112B3AX20N0020", NULL, NULL},
		{"D0112B3AX20N0010", NULL, "key context is '1'"},
		{"D0112B3AN00E0000", NULL, NULL},
		{"D0112E5AX00S0000", NULL, NULL},
		{"D0112E5AX00N0000", "E5", NULL},
		{"D011242AX00N0000", "42", NULL},
		{"E0112B3AX00N0000", NULL, "version is 'E', this key needs D"},
		{"B0112B3AX00N0000", NULL, "version is 'B', this key needs D"},
		{"D0112K0AX00N0000", NULL, "usage is 'K0', this key needs B3 or E5"},
		{"D0112D0AX00N0000", NULL, "usage is 'D0'"},
		{"D0112E6AX00N0000", NULL, "usage is 'E6'"},
		{"D011242AX00N0000", NULL, "usage is '42'"},
		{"D0112E5AX00N0000", "B3", "usage is 'E5', this key needs B3"},
		{"D0112B3TX00N0000", NULL, "algorithm is 'T', this key needs A"},
		{"D0112B3HX00N0000", NULL, "algorithm is 'H'"},
		{"D0112B3AE00N0000", NULL, "mode of use is 'E'"},
		{"D0112B3AB00N0000", NULL, "mode of use is 'B'"},
		{"D0112B3AXc1N0000", NULL, "one of a key's components"},
		{"D0112B3AX21N0000", NULL, "key version number is '21', this key needs 00 or 20"},
	};
	char body[97];

	(void)state;
	memset(body, '0', sizeof(body) - 1);
	body[96] = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key_block block;
		enum kms_status st;
		char text[128];

		snprintf(text, sizeof(text), "%s%s", rows[i].header, body);
		expect_ok(&err, key_block_parse(text, 112, &block, &err));
		st = key_block_is_master(&block, KEY_AES256, KEY_AES128, 0x20, rows[i].usage, &err);
		if (!rows[i].says)
			assert_int_equal(st, KMS_OK);
		else
			expect_err(&err, st, KMS_ERR_DENIED, rows[i].says);
	}
	expect_ok(&err, key_block_usage_check("B3", &err));
	expect_ok(&err, key_block_usage_check("E6", &err));
	expect_ok(&err, key_block_usage_check("07", &err));
	expect_err(&err, key_block_usage_check("K0", &err), KMS_ERR_INVALID, "no key usage of a");
	expect_err(&err, key_block_usage_check("", &err), KMS_ERR_INVALID, "no key usage of a");
	expect_err(&err, key_block_usage_check("B33", &err), KMS_ERR_INVALID, "no key usage of a");
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_named),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_check_value_inside),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_seal_rules),
		cmocka_unit_test(test_master_rules),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
