/* SPDX-License-Identifier: Apache-2.0 */
/* Commands with tokens, byte for byte; what cards confirm; one key in PUT KEY. */
#include "base/hex.h"
#include "card/content.h"
#include "card/script.h"
#include "support/expect.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

static struct kms_err err;

static struct gp_aid aid(const char *hex)
{
	struct gp_aid ret;

	expect_ok(&err, gp_aid_parse(hex, "AID", &ret, &err));
	return ret;
}

static size_t bytes(const char *hex, unsigned char *out)
{
	size_t len = strlen(hex) / 2;

	assert_true(hex_decode_strict(hex, out, len));
	return len;
}

static void is_hex(const void *data, size_t len, const char *want)
{
	char got[2 * 600 + 1];

	assert_true(len <= 600);
	hex_encode(data, len, got);
	assert_string_equal(got, want);
}

static void is_signed(const struct gp_content *content, const char *want)
{
	unsigned char data[GP_SIGNED_MAX];

	is_hex(data, gp_content_signed(content, data), want);
}

static const unsigned char hash[32] = {0x11, 0x22, [31] = 0x33};

static struct gp_content a_load(void)
{
	const struct gp_load load = {.file = aid("A00000000201"),
		.domain = aid("A0000001515350AA"),
		.hash = hash,
		.hash_len = sizeof(hash)};
	struct gp_content content;

	expect_ok(&err, gp_content_for_load(&load, &content, &err));
	return content;
}

static struct gp_content an_install(unsigned privileges)
{
	const struct gp_install install = {.file = aid("A00000000201"),
		.module = aid("A000000002010101"),
		.instance = aid("A00000000202"),
		.privileges = privileges,
		.params = (const unsigned char *)"\xAB\xCD",
		.params_len = 2};
	struct gp_content content;

	expect_ok(&err, gp_content_for_install(&install, &content, &err));
	return content;
}

static struct gp_content a_selectable(void)
{
	const struct gp_install install = {.instance = aid("A00000000202"), .privileges = 0x040000};
	struct gp_content content;

	expect_ok(&err, gp_content_for_selectable(&install, &content, &err));
	return content;
}

static struct gp_content an_extradition(void)
{
	const struct gp_aid to = aid("A0000001515350AA"), application = aid("A00000000202");
	struct gp_content content;

	expect_ok(&err, gp_content_for_extradition(&to, &application, &content, &err));
	return content;
}

static struct gp_content a_delete(bool related)
{
	const struct gp_aid application = aid("A00000000202");
	struct gp_content content;

	expect_ok(&err, gp_content_for_delete(&application, related, &content, &err));
	return content;
}

/* GPCS 2.3.1 tables C-4 to C-7 and C-9, written out by hand. */
static void test_signed(void **state)
{
	struct gp_content c;

	(void)state;
	c = a_load();
	is_signed(&c, "020032"
		      "06A00000000201"
		      "08A0000001515350AA"
		      "20112200000000000000000000000000000000000000000000000000000000"
		      "0033"
		      "00");
	c = an_install(0);
	is_signed(&c, "0C001E"
		      "06A00000000201"
		      "08A000000002010101"
		      "06A00000000202"
		      "0100"
		      "04C902ABCD");
	c = an_install(0x800080);
	is_signed(&c, "0C0020"
		      "06A00000000201"
		      "08A000000002010101"
		      "06A00000000202"
		      "03800080"
		      "04C902ABCD");
	c = a_selectable();
	is_signed(&c, "08000C"
		      "00"
		      "00"
		      "06A00000000202"
		      "0104"
		      "00");
	c = an_extradition();
	is_signed(&c, "100013"
		      "08A0000001515350AA"
		      "00"
		      "06A00000000202"
		      "00"
		      "00");
	c = a_delete(false);
	is_signed(&c, "000008"
		      "4F06A00000000202");
	c = a_delete(true);
	is_signed(&c, "008008"
		      "4F06A00000000202");
}

/* Each comes back from its bytes; cut, longer and of another kind it does not. */
static void test_parse(void **state)
{
	const struct gp_content all[] = {
		a_load(), an_install(0), a_selectable(), an_extradition(), a_delete(true)};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const enum gp_content_kind kind = all[i].kind;
		unsigned char data[GP_SIGNED_MAX + 1];
		size_t len = gp_content_signed(&all[i], data);
		enum gp_content_kind named = GP_CONTENT_NONE;
		struct gp_content again;

		expect_ok(&err, gp_content_parse(kind, data, len, &again, &err));
		assert_null(gp_content_differs(&all[i], &again));
		assert_int_equal(again.ins, all[i].ins);
		expect_ok(&err, gp_content_kind_parse(gp_content_name(kind), &named, &err));
		assert_int_equal(named, kind);
		for (size_t cut = 0; cut < len; cut++) {
			expect_err(&err, gp_content_parse(kind, data, cut, &again, &err),
				KMS_ERR_INVALID, "no command");
			/* With a length that fits, what it is made of still ends too early. */
			if (cut > 3) {
				data[2] = (unsigned char)(cut - 3);
				expect_err(&err, gp_content_parse(kind, data, cut, &again, &err),
					KMS_ERR_INVALID, "no command");
			}
		}
		data[len] = 0;
		data[2] = (unsigned char)(len - 2);
		expect_err(&err, gp_content_parse(kind, data, len + 1, &again, &err),
			KMS_ERR_INVALID, "no command");
		data[2] = (unsigned char)(len - 3);
		for (enum gp_content_kind k = GP_CONTENT_LOAD; k <= GP_CONTENT_DELETE; k++)
			if (k != kind)
				expect_err(&err, gp_content_parse(k, data, len, &again, &err),
					KMS_ERR_INVALID, gp_content_name(k));
	}
	expect_err(&err, gp_content_kind_parse("lead", &(enum gp_content_kind){0}, &err),
		KMS_ERR_INVALID, "'lead'");
}

static void differs(const struct gp_content *a, const struct gp_content *b, const char *what)
{
	const char *said = gp_content_differs(a, b);

	assert_non_null(said);
	assert_string_equal(said, what);
}

static void test_differs(void **state)
{
	struct gp_content a = a_load(), b = a_load();

	(void)state;
	assert_null(gp_content_differs(&a, &b));
	b.data[1 + 5] ^= 1;
	differs(&a, &b, "load file");
	b = a_load();
	b.data[7 + 8] ^= 1;
	differs(&a, &b, "security domain");
	b = a_load();
	b.data[17] ^= 1;
	differs(&a, &b, "hash of the load file");
	a = an_install(0);
	b = an_install(0x040000);
	differs(&a, &b, "privileges");
	b.kind = GP_CONTENT_SELECTABLE;
	differs(&a, &b, "what it permits");
	a = a_delete(false);
	b = a_delete(true);
	differs(&a, &b, "rule for related applications");
	b = a_delete(false);
	b.data[7] ^= 1;
	differs(&a, &b, "application or load file");
}

/* A command of more than 255 bytes would be a chain (clause 11.1.5.1). */
static void test_too_long(void **state)
{
	static const unsigned char params[240];
	const struct gp_install install = {.file = aid("A00000000201"),
		.module = aid("A000000002010101"),
		.instance = aid("A00000000202"),
		.params = params,
		.params_len = sizeof(params)};
	struct gp_content content;

	(void)state;
	expect_err(&err, gp_content_for_install(&install, &content, &err), KMS_ERR_INVALID,
		"one command takes 255");
}

/* ---- as sent ---- */

static void sent(const struct gp_content *content, const char *token_hex, const char *command)
{
	const struct card_step steps[] = {{command, "009000", CARD_FAULT_NONE}};
	unsigned char token[64];
	size_t len = bytes(token_hex, token), used = 0;
	struct card_link *link;
	struct gp gp;

	expect_ok(&err, card_script_open(steps, 1, &used, &link, &err));
	gp_open(&gp, link);
	expect_err(&err, gp_content_send(&gp, content, token, len, &err), KMS_ERR_STATE,
		"secure channel");
	/* Security level 00: as it is. */
	gp.scp = (struct scp){.protocol = 3, .authenticated = true};
	expect_ok(&err, gp_content_send(&gp, content, token, len, &err));
	assert_int_equal(used, 1);
	gp_close(&gp);
	card_link_close(link);
}

/* Tables 11-43 to 11-45 and 11-23: the token behind its length, or in tag 9E. */
static void test_sent(void **state)
{
	struct gp_content c;

	(void)state;
	c = a_selectable();
	sent(&c, "",
		"80E608000D0000"
		"06A00000000202"
		"010400"
		"00"
		"00");
	sent(&c, "AABB",
		"80E608000F0000"
		"06A00000000202"
		"010400"
		"02AABB"
		"00");
	c = an_extradition();
	sent(&c, "AABB",
		"80E6100016"
		"08A0000001515350AA"
		"00"
		"06A00000000202"
		"0000"
		"02AABB"
		"00");
	c = a_delete(false);
	sent(&c, "", "80E40000084F06A0000000020200");
	sent(&c, "AABB", "80E400000C4F06A000000002029E02AABB00");
}

/* ---- what the card confirms ---- */

static enum kms_status confirm(const char *hex, struct gp_confirmation *ret)
{
	static unsigned char data[300];

	return gp_confirmation_parse(data, bytes(hex, data), ret, &err);
}

static void is_none(const char *hex)
{
	struct gp_confirmation c = {.there = true};

	expect_ok(&err, confirm(hex, &c));
	assert_false(c.there);
}

#define UNIQUE	"0A47900102030405060708"
#define RECEIPT "10000102030405060708090A0B0C0D0E0F"

static void test_confirmation(void **state)
{
	struct gp_confirmation c;
	char longer[2 * 200 + 1] = "";
	char text[600];

	(void)state;
	is_none("");
	is_none("00");
	expect_ok(&err, confirm("1F" RECEIPT "021234" UNIQUE, &c));
	assert_true(c.there);
	assert_int_equal(c.counter, 0x1234);
	is_hex(c.receipt.at, c.receipt.len, "000102030405060708090A0B0C0D0E0F");
	is_hex(c.unique.at, c.unique.len, "47900102030405060708");
	is_hex(c.data.at, c.data.len, "021234" UNIQUE);
	/* No receipt, but who it is and how far the counter is; then an identifier; then a digest. */
	expect_ok(&err, confirm("0F00020001" UNIQUE, &c));
	assert_int_equal(c.receipt.len, 0);
	expect_ok(&err, confirm("1200020001" UNIQUE "020099", &c));
	is_hex(c.token_id.at, c.token_id.len, "0099");
	assert_int_equal(c.token_digest.len, 0);
	expect_ok(&err, confirm("1500020001" UNIQUE "020099"
				"02ABCD",
				&c));
	is_hex(c.token_digest.at, c.token_digest.len, "ABCD");
	/* A receipt of 128 bytes: lengths of two bytes. */
	for (size_t i = 0; i < 128; i++)
		strcat(longer, "5A");
	snprintf(text, sizeof(text),
		"8190"
		"8180%s"
		"020001" UNIQUE,
		longer);
	expect_ok(&err, confirm(text, &c));
	assert_int_equal(c.receipt.len, 128);
}

static void test_bad_confirmation(void **state)
{
	static const char good[] = "1F" RECEIPT "021234" UNIQUE;
	static const char *const bad[] = {
		"01",
		"0100",
		"1E" RECEIPT "021234" UNIQUE,	/* its length is one short, */
		"20" RECEIPT "021234" UNIQUE,	/* one long */
		"811F" RECEIPT "021234" UNIQUE, /* not the shortest form */
		"1D" RECEIPT "0100" UNIQUE,	/* a counter of one byte */
		"15" RECEIPT "02123400",	/* nobody */
		"1600020001" UNIQUE "020099"
		"02ABCD00",
		"80",
		"FF",
	};
	struct gp_confirmation c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_err(&err, confirm(bad[i], &c), KMS_ERR_INVALID, "confirmation");
	for (size_t len = 2; len + 2 <= sizeof(good) - 1; len += 2) {
		char cut[sizeof(good)];

		memcpy(cut, good, len);
		cut[len] = 0;
		if (len > 2 || strcmp(cut, "00") != 0)
			expect_err(&err, confirm(cut, &c), KMS_ERR_INVALID, "confirmation");
	}
}

static void cmac(
	const unsigned char *key, const unsigned char *data, size_t len, unsigned char mac[16])
{
	EVP_MAC *method = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(method);
	char cipher[] = "AES-128-CBC";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_END};
	size_t made = 0;

	assert_int_equal(EVP_MAC_init(ctx, key, 16, params), 1);
	assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
	assert_int_equal(EVP_MAC_final(ctx, mac, &made, 16), 1);
	assert_int_equal(made, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(method);
}

/*
 * Tables C-11 to C-13 and C-15. The bytes stand here as a card would put them together, and the MAC
 * over them is OpenSSL's: what is verified is that both sides take the same bytes.
 */
static void test_receipt_data(void **state)
{
	static const struct {
		enum gp_content_kind kind;
		const char *want;
	} rows[] = {
		{GP_CONTENT_LOAD, "06A00000000201"
				  "08A0000001515350AA"},
		{GP_CONTENT_INSTALL, "06A00000000201"
				     "06A00000000202"},
		{GP_CONTENT_SELECTABLE, "06A00000000201"
					"06A00000000202"},
		{GP_CONTENT_EXTRADITE, "08A0000001515350AA"
				       "06A00000000202"
				       "05A000000003"},
		{GP_CONTENT_DELETE, "06A00000000202"},
	};
	static const unsigned char key[16] = "a receipt's key";
	const struct gp_receipt_names names = {.file = aid("A00000000201"),
		.application = aid("A00000000202"),
		.domain = aid("A0000001515350AA"),
		.to = aid("A000000003")};
	struct gp_confirmation c;

	(void)state;
	expect_ok(&err, confirm("1F" RECEIPT "021234" UNIQUE, &c));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char data[GP_RECEIPT_DATA_MAX], want[200], mac[16], same[16];
		char text[400];
		size_t len = gp_receipt_data(rows[i].kind, &c, &names, data), want_len;

		snprintf(text, sizeof(text), "021234" UNIQUE "%s", rows[i].want);
		is_hex(data, len, text);
		want_len = bytes(text, want);
		cmac(key, data, len, mac);
		cmac(key, want, want_len, same);
		assert_memory_equal(mac, same, 16);
	}
}

/* ---- one key ---- */

static void key_is(const struct gp_put_key *how, const char *want)
{
	BUF_AUTO struct buf data = {0};

	expect_ok(&err, gp_put_key_data(how, &data, &err));
	is_hex(data.data, data.len, want);
}

/* Tables 11-68 and 11-70 or 11-71, with the check value; table 11-73 without. */
static void test_put_key(void **state)
{
	static const struct card_key_block block = {
		.block = {0xE0, [15] = 0xEF}, .len = 16, .kcv = {1, 2, 3}};
	unsigned char point[GP_POINT_SIZE] = {4, 0xAA, [GP_POINT_SIZE - 1] = 0xBB};
	struct gp_put_key how = {.version = 0x73, .id = 1, .key_len = 16, .secret = &block};
	char want[2 * 80];

	(void)state;
	key_is(&how, "73"
		     "8811"
		     "10"
		     "E00000000000000000000000000000EF"
		     "03010203");
	how.block = GP_BLOCK_PLAIN;
	key_is(&how, "73"
		     "8810"
		     "E00000000000000000000000000000EF"
		     "03010203");
	how = (struct gp_put_key){.version = 0x70, .id = 1, .point = point};
	strcpy(want, "70"
		     "B041");
	hex_encode(point, sizeof(point), want + strlen(want));
	strcat(want, "F00100"
		     "00");
	key_is(&how, want);
	how.version = 0x80;
	expect_err(&err, gp_put_key_data(&how, &(struct buf){0}, &err), KMS_ERR_INVALID,
		"no key version 80");
}

static void put(
	const struct gp_put_key *how, const char *answer, enum kms_status want, const char *words)
{
	const struct card_step steps[] = {{NULL, answer, CARD_FAULT_NONE}};
	struct card_link *link;
	size_t used = 0;
	struct gp gp;

	expect_ok(&err, card_script_open(steps, 1, &used, &link, &err));
	gp_open(&gp, link);
	gp.scp = (struct scp){.protocol = 3, .authenticated = true};
	if (want == KMS_OK)
		expect_ok(&err, gp_put_key(&gp, how, &err));
	else
		expect_err(&err, gp_put_key(&gp, how, &err), want, words);
	gp_close(&gp);
	card_link_close(link);
}

/* Clause 11.8.3.1. */
static void test_put_key_answer(void **state)
{
	static const struct card_key_block block = {.len = 16, .kcv = {1, 2, 3}};
	const struct gp_put_key how = {.version = 0x73, .id = 1, .key_len = 16, .secret = &block};
	const struct gp_put_key pair = {
		.version = 0x73, .id = 1, .point = (const unsigned char[GP_POINT_SIZE]){4}};

	(void)state;
	put(&how, "730102039000", KMS_OK, NULL);
	put(&how, "739000", KMS_OK, NULL);
	put(&how, "9000", KMS_OK, NULL);
	put(&how, "730102049000", KMS_ERR_MISMATCH, "010204, it should be 010203");
	put(&how, "700102039000", KMS_ERR_MISMATCH, "version 70, not 73");
	put(&how, "7301029000", KMS_ERR_MISMATCH, "3 bytes");
	put(&how, "6A80", KMS_ERR_CARD, "6A80");
	put(&pair, "739000", KMS_OK, NULL);
	put(&pair, "730102039000", KMS_ERR_MISMATCH, "4 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_differs),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_confirmation),
		cmocka_unit_test(test_bad_confirmation),
		cmocka_unit_test(test_receipt_data),
		cmocka_unit_test(test_put_key),
		cmocka_unit_test(test_put_key_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
