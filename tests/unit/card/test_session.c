/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secure channels and commands where the vectors end: what is refused, what is not sent, and what
 * stands in a trace. Card answers are made here with the primitives that the vectors prove.
 */
#include "base/hex.h"
#include "card/crypt.h"
#include "card/gp.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "card/script.h"
#include "card/trace.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>

static struct kms_err err;

static const char test_key[] = "404142434445464748494A4B4C4D4E4F";

static struct card_keys *keys_named(
	const char *name, enum card_key_type type, unsigned char flip, size_t len)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++) {
		expect_ok(&err, secret_alloc(&keys[i], len, &err));
		for (size_t k = 0; k < len; k++)
			keys[i].data[k] = (unsigned char)(0x40 + k) ^ flip;
	}
	expect_ok(&err, card_keys_clear(name, type, keys, &ret, &err));
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

static enum kms_status fixed_challenge(void *ctx, unsigned char *out, size_t len, struct kms_err *e)
{
	(void)e;
	memcpy(out, ctx, len);
	return KMS_OK;
}

/*
 * A session that was recorded on a card with the factory set FF and test keys (javacardos forum,
 * f=15 t=825): level 00, so PUT KEY goes out bare; the first own set takes the place of FF.
 */
static const struct card_step recorded[] = {
	{"00A4040000",
		"6F5C8408A000000003000000A550734A06072A864886FC6B01600C060A2A864886FC6B0202"
		"0101630906072A864886FC6B03640B06092A864886FC6B040255650B06092B85108648640201"
		"03660C060A2B060104012A026E01029F6501FF9000",
		0},
	{"8050000008F2A5FA8BEF9F8A5100",
		"00000000000000000000FF0200577E919A33292DAC759095BE94B8DC9000", 0},
	{"8482000010F4A3AF0F06816EC8BE390B1FE8FD4539", "9000", 0},
	{"80CA00E000", "E012C00401FF8010C00402FF8010C00403FF80109000", 0},
	{"80D800814301801014D7E04767395F62561FAE76AB69EB3E038BAF47801014D7E04767395F62561FAE76AB69E"
	 "B"
	 "3E038BAF47801014D7E04767395F62561FAE76AB69EB3E038BAF4700",
		"018BAF478BAF478BAF479000", 0},
};

enum { RECORDED = sizeof(recorded) / sizeof(recorded[0]) };

static void collect(void *ctx, const char *line)
{
	struct buf *all = ctx;

	expect_ok(&err, buf_printf(all, &err, "%s\n", line));
}

/* Plays it with another last answer; PUT KEY's status is returned. */
static enum kms_status play_recorded(
	const char *last, struct buf *trace, uint16_t *ret_sw, bool *ret_shown)
{
	struct card_step steps[RECORDED];
	CARD_LINK_AUTO struct card_link *link = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = keys_named("test keys", CARD_KEY_DES, 0, 16);
	const struct gp_trace to = {trace, collect};
	const struct gp_put_keys how = {.version = 1};
	static const unsigned char challenge[] = {0xF2, 0xA5, 0xFA, 0x8B, 0xEF, 0x9F, 0x8A, 0x51};
	struct gp_key_list list;
	struct scp_init init;
	struct gp_fci fci;
	unsigned type, length;
	struct gp gp;
	enum kms_status st;

	memcpy(steps, recorded, sizeof(steps));
	if (last)
		steps[RECORDED - 1].answer = last;
	expect_ok(&err, card_script_open(steps, RECORDED, NULL, &link, &err));
	gp_open(&gp, link);
	gp.trace = trace ? &to : NULL;
	gp.challenge = fixed_challenge;
	gp.challenge_ctx = (void *)challenge;
	expect_ok(&err, gp_select(&gp, NULL, &fci, &err));
	assert_true(fci.has_management && fci.aid.len == 8);
	expect_ok(&err, gp_initialize_update(&gp, 0, 8, 0x55, &init, &err));
	assert_int_equal(init.key_version, 0xFF);
	expect_ok(&err, gp_external_authenticate(&gp, &init, keys, 0, &err));
	expect_ok(&err, gp_get_key_list(&gp, &list, &err));
	assert_true(gp_key_list_set(&list, 0xFF, &type, &length));
	st = gp_put_keys(&gp, &how, keys, &err);
	*ret_sw = gp.sw;
	if (ret_shown)
		*ret_shown = gp.kcvs_shown;
	gp_close(&gp);
	return st;
}

static void test_recorded_put_key(void **state)
{
	BUF_AUTO struct buf trace = {0};
	bool shown = false;
	uint16_t sw;

	(void)state;
	expect_ok(&err, play_recorded(NULL, &trace, &sw, &shown));
	assert_true(shown);
	/* Nothing of the encrypted key, which the DEK's owner could read, nor of the key. */
	assert_null(strstr(buf_text(&trace), "14D7E047"));
	assert_null(strstr(buf_text(&trace), test_key));
	assert_non_null(strstr(buf_text(&trace),
		"> 80D80081 43 [version 01; type 80, 16 bytes, check value 8BAF47; type 80"));
	assert_non_null(strstr(buf_text(&trace), "< 018BAF478BAF478BAF47 9000"));
}

static void test_put_key_answers(void **state)
{
	static const struct {
		const char *answer;
		enum kms_status status;
		const char *text;
	} rows[] = {
		{"6300", KMS_ERR_CARD, "PUT KEY was refused: SW 6300"},
		{"018BAF478BAF478BAF476200", KMS_ERR_CARD, "PUT KEY was refused: SW 6200"},
		{"029000", KMS_ERR_MISMATCH, "confirms key version 02, not 01"},
		{"018BAF478BAF479000", KMS_ERR_MISMATCH, "confirms with 7 bytes"},
		{"028BAF478BAF478BAF479000", KMS_ERR_MISMATCH, "confirms key version 02, not 01"},
		{"018BAF478BAF468BAF479000", KMS_ERR_MISMATCH,
			"check value of the MAC key is 8BAF46, it should be 8BAF47"},
		{"6A80", KMS_ERR_CARD, "PUT KEY was refused: SW 6A80"},
		{"6982", KMS_ERR_CARD, "DEK of the set in use"},
		{"6985", KMS_ERR_CARD, "may exist already"},
		{"6A84", KMS_ERR_CARD, "no room"},
		{"90", KMS_ERR_IO, "not even a status word"},
	};
	uint16_t sw;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_err(&err, play_recorded(rows[i].answer, NULL, &sw, NULL), rows[i].status,
			rows[i].text);
	assert_int_equal(sw, 0); /* no answer, no status word */
	/* Without check values: the card has done it, but does not say which keys it has. */
	for (size_t i = 0; i < 2; i++) {
		bool shown = true;

		expect_ok(&err, play_recorded(i ? "019000" : "9000", NULL, &sw, &shown));
		assert_false(shown);
	}
}

/* ---- the right keys among many, before anything is sent ---- */

static void test_match(void **state)
{
	struct bytes_ {
		unsigned char b[30];
	} rsp;
	static const unsigned char host[] = {0xF2, 0xA5, 0xFA, 0x8B, 0xEF, 0x9F, 0x8A, 0x51};
	struct card_keys *many[5];
	struct scp_init init;
	size_t at = 99, len;

	(void)state;
	many[0] = keys_named("aes", CARD_KEY_AES, 0, 16);
	many[1] = keys_named("other", CARD_KEY_DES, 2, 16);
	many[2] = keys_named("another", CARD_KEY_DES, 4, 16);
	many[3] = keys_named("right", CARD_KEY_DES, 0, 16);
	many[4] = keys_named("aes", CARD_KEY_AES, 0, 32);
	expect_ok(&err, hex_decode(recorded[1].answer, 56, "x", rsp.b, 30, &len, &err));
	expect_ok(&err, scp_init_parse(host, 8, 0x55, rsp.b, len, &init, &err));
	expect_ok(&err, scp_match(&init, many, 5, &at, &err));
	assert_int_equal(at, 3);
	expect_err(
		&err, scp_match(&init, many, 3, &at, &err), KMS_ERR_MISMATCH, "none of 3 key sets");
	expect_err(&err, scp_match(&init, many, 0, &at, &err), KMS_ERR_MISMATCH, "none of 0");
	assert_int_equal(at, 3);
	init.cryptogram[7] ^= 1;
	expect_err(&err, scp_match(&init, many, 5, &at, &err), KMS_ERR_MISMATCH, "version FF");
	for (size_t i = 0; i < 5; i++)
		card_keys_free(many[i]);
}

static void test_wrong_keys_send_nothing(void **state)
{
	CARD_LINK_AUTO struct card_link *link = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = keys_named("wrong", CARD_KEY_DES, 2, 16);
	static const unsigned char challenge[] = {0xF2, 0xA5, 0xFA, 0x8B, 0xEF, 0x9F, 0x8A, 0x51};
	struct scp_init init;
	struct gp gp;
	size_t used;

	(void)state;
	expect_ok(&err, card_script_open(recorded + 1, 1, &used, &link, &err));
	gp_open(&gp, link);
	gp.challenge = fixed_challenge;
	gp.challenge_ctx = (void *)challenge;
	expect_ok(&err, gp_initialize_update(&gp, 0, 8, 0x55, &init, &err));
	expect_err(&err, gp_external_authenticate(&gp, &init, keys, 3, &err), KMS_ERR_MISMATCH,
		"not that of 'wrong'");
	assert_int_equal(used, 1);
	assert_int_equal(link->exchanges, 1);
	assert_int_equal(gp.sw, 0);
	gp_close(&gp);
}

static void test_init_refused(void **state)
{
	static const struct {
		const char *answer;
		enum kms_status status;
		const char *text;
	} rows[] = {
		{"6A88", KMS_ERR_NOT_FOUND, "no key set of version 30"},
		{"6985", KMS_ERR_CARD, "locked or terminated"},
		{"6700", KMS_ERR_CARD, "another length (S8, S16)"},
		{"9000", KMS_ERR_INVALID, "only 0 bytes"},
		{"6283", KMS_ERR_CARD, "SW 6283"},
		/* SCP02, one byte short; SCP01; SCP11; SCP03 with i=50, S16, and one byte more. */
		{"00000000000000000000300200577E919A33292DAC759095BE94B89000", KMS_ERR_INVALID,
			"27 bytes, not 28"},
		{"00000000000000000000300100577E919A33292DAC759095BE94B8DC9000",
			KMS_ERR_UNSUPPORTED, "SCP01"},
		{"00000000000000000000301100577E919A33292DAC759095BE94B8DC9000",
			KMS_ERR_UNSUPPORTED, "SCP11"},
		{"0000000000000000000030034208090A0B0C0D0E0F114F6BC5052C52289000",
			KMS_ERR_UNSUPPORTED, "i=42"},
		{"0000000000000000000030030108090A0B0C0D0E0F114F6BC5052C52289000", KMS_ERR_INVALID,
			"29 bytes, not 45"},
		{"000000000000000000003003010102030405060708090A0B0C0D0E0F100102030405060708090A0B"
		 "0C0D0E0F109000",
			KMS_ERR_INVALID, "S16 mode, but the host challenge had 8"},
		{"0000000000000000000030037008090A0B0C0D0E0F114F6BC5052C52289000", KMS_ERR_INVALID,
			"29 bytes, not 32"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct card_step step = {NULL, rows[i].answer, 0};
		CARD_LINK_AUTO struct card_link *link = NULL;
		struct scp_init init;
		struct gp gp;

		expect_ok(&err, card_script_open(&step, 1, NULL, &link, &err));
		gp_open(&gp, link);
		expect_err(&err, gp_initialize_update(&gp, 0x30, 8, 0x15, &init, &err),
			rows[i].status, rows[i].text);
		gp_close(&gp);
	}
}

static void test_options(void **state)
{
	static const struct {
		unsigned scp, i, level;
		enum kms_status status;
	} rows[] = {
		{2, 0x15, 0x03, KMS_OK},
		{2, 0x15, 0x13, KMS_ERR_UNSUPPORTED},
		{2, 0x35, 0x13, KMS_OK},
		{2, 0x75, 0x33, KMS_ERR_UNSUPPORTED},
		{3, 0x00, 0x03, KMS_OK},
		{3, 0x00, 0x11, KMS_ERR_UNSUPPORTED},
		{3, 0x20, 0x13, KMS_OK},
		{3, 0x30, 0x33, KMS_ERR_UNSUPPORTED},
		{3, 0x60, 0x33, KMS_OK},
		{3, 0x71, 0x33, KMS_OK},
		{3, 0x70, 0x32, KMS_ERR_INVALID},
		{3, 0x70, 0x02, KMS_ERR_INVALID},
		{3, 0x70, 0x101, KMS_ERR_INVALID},
	};
	static const unsigned scp02[] = {0x05, 0x15, 0x35, 0x55, 0x75},
			      bad02[] = {0x1A, 0x04, 0x85, 0x0D};
	static const unsigned scp03[] = {0x00, 0x10, 0x20, 0x30, 0x60, 0x70, 0x01, 0x71},
			      bad03[] = {0x40, 0x50, 0x02, 0x80};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(scp_level_check(rows[i].scp, rows[i].i, rows[i].level, &err),
			rows[i].status);
	for (size_t i = 0; i < 5; i++)
		expect_ok(&err, scp_option_check(2, scp02[i], &err));
	for (size_t i = 0; i < 8; i++)
		expect_ok(&err, scp_option_check(3, scp03[i], &err));
	for (size_t i = 0; i < 4; i++) {
		assert_true(scp_option_check(2, bad02[i], &err) != KMS_OK);
		assert_true(scp_option_check(3, bad03[i], &err) != KMS_OK);
	}
	assert_int_equal(scp_option_check(1, 0x15, &err), KMS_ERR_UNSUPPORTED);
	assert_int_equal(scp_level_best(2, 0x55), 0x03);
	assert_int_equal(scp_level_best(2, 0x75), 0x13);
	assert_int_equal(scp_level_best(3, 0x70), 0x33);
	assert_int_equal(scp_level_best(3, 0x20), 0x13);
	assert_int_equal(scp_level_best(3, 0x10), 0x03);
}

/* ---- sessions with a card whose answers are computed here ---- */

struct world {
	struct card_keys *keys;
	struct scp_init init;
	struct scp scp;
	struct scp_wrapped *w;
	struct apdu_response *r;
};

static void world_open(struct world *x, unsigned protocol, unsigned i, unsigned level, size_t len)
{
	bool s16 = protocol == 3 && i & SCP03_S16;

	memset(x, 0, sizeof(*x));
	x->keys = keys_named("test keys", protocol == 2 ? CARD_KEY_DES : CARD_KEY_AES, 0, len);
	x->init = (struct scp_init){.scp = protocol, .i = i, .challenge_len = s16 ? 16 : 8};
	memset(x->init.host_challenge, 0x11, x->init.challenge_len);
	memset(x->init.card_challenge, 0x22, x->init.challenge_len);
	expect_ok(&err,
		protocol == 2 ? scp02_card_cryptogram(&x->init, x->keys, x->init.cryptogram, &err)
			      : scp03_card_cryptogram(&x->init, x->keys, x->init.cryptogram, &err));
	x->w = calloc(1, sizeof(*x->w));
	x->r = calloc(1, sizeof(*x->r));
	assert_true(x->w && x->r);
	expect_ok(&err, scp_open(&x->scp, &x->init, x->keys, level, &err));
	expect_ok(&err, scp_external_authenticate(&x->scp, 0, x->w, &err));
	assert_int_equal(x->w->apdu.len, 2 * x->init.challenge_len);
	scp_authenticated(&x->scp);
}

static void world_close(struct world *x)
{
	scp_close(&x->scp);
	card_keys_free(x->keys);
	free(x->w);
	free(x->r);
}

/* What a card would send: data (encrypted if the level asks for it), R-MAC, status word. */
static void card_answers(struct world *x, const void *data, size_t len, uint16_t sw, bool lax)
{
	unsigned char iv[16], mac[16];
	const unsigned char sws[2] = {(unsigned char)(sw >> 8), (unsigned char)sw};
	struct card_part parts[] = {{x->scp.chain, 16}, {x->r->data, 0}, {sws, 2}};

	memcpy(x->r->data, data, len);
	if (x->scp.level & SCP_R_ENC && len) {
		if (!lax)
			len = card_pad(x->r->data, len, 16);
		memcpy(iv, x->scp.counter, 16);
		iv[0] = 0x80;
		expect_ok(&err, card_cipher(CARD_KEY_AES, CARD_ECB, true, &x->scp.enc, NULL, iv, 16,
					iv, &err));
		expect_ok(&err, card_cipher(CARD_KEY_AES, CARD_CBC, true, &x->scp.enc, iv,
					x->r->data, len, x->r->data, &err));
	}
	parts[1].len = len;
	expect_ok(&err, card_cmac(&x->scp.rmac, parts, 3, mac, &err));
	memcpy(x->r->data + len, mac, x->scp.mac_len);
	x->r->len = len + x->scp.mac_len;
	x->r->sw = sw;
}

static const struct apdu status = {.cla = 0x80,
	.ins = GP_GET_STATUS,
	.p1 = 0x80,
	.p2 = 0x02,
	.data = (const unsigned char *)"\x4F\x00",
	.len = 2,
	.le = 256};

/* S8 and S16, each key length: a whole exchange, three times over. */
static void test_scp03_there_and_back(void **state)
{
	static const unsigned options[] = {0x70, 0x71, 0x60, 0x61};
	static const size_t lengths[] = {16, 24, 32};

	(void)state;
	for (size_t k = 0; k < 12; k++) {
		struct world x;

		world_open(&x, 3, options[k % 4], 0x33, lengths[k / 4]);
		for (int round = 0; round < 3; round++) {
			expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
			assert_int_equal(x.w->apdu.cla, 0x84);
			assert_int_equal(x.w->apdu.len, 16 + (options[k % 4] & 1 ? 16 : 8));
			assert_int_equal(x.scp.counter[15], round + 1);
			card_answers(&x, "answer", 6, round == 1 ? 0x6310 : 0x9000, false);
			expect_ok(&err, scp_unwrap(&x.scp, x.r, &err));
			assert_int_equal(x.r->len, 6);
			assert_memory_equal(x.r->data, "answer", 6);
		}
		card_answers(&x, "", 0, 0x9000, false);
		expect_ok(&err, scp_unwrap(&x.scp, x.r, &err));
		assert_int_equal(x.r->len, 0);
		world_close(&x);
	}
}

static void test_scp03_bad_answers(void **state)
{
	struct world x;

	(void)state;
	for (int kind = 0; kind < 6; kind++) {
		world_open(&x, 3, 0x70, 0x33, 16);
		expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
		card_answers(&x, "0123456789ABCDEF", 16, 0x9000, kind == 4);
		switch (kind) {
		case 0: /* a bit of the data */
			x.r->data[3] ^= 0x10;
			break;
		case 1: /* a bit of the MAC */
			x.r->data[x.r->len - 1] ^= 1;
			break;
		case 2: /* another status word */
			x.r->sw = 0x6310;
			break;
		case 3: /* no MAC at all */
			x.r->len = 7;
			break;
		default: /* 4: no padding; 5: no whole blocks, but a good MAC */
			break;
		}
		if (kind == 5) {
			x.scp.level = 0x13;
			card_answers(&x, "short", 5, 0x9000, false);
			x.scp.level = 0x33;
		}
		expect_err(&err, scp_unwrap(&x.scp, x.r, &err),
			kind < 4 ? KMS_ERR_MISMATCH : KMS_ERR_INVALID,
			kind < 3    ? "wrong R-MAC"
			: kind == 3 ? "no R-MAC"
			: kind == 4 ? "no padding"
				    : "no whole blocks");
		assert_int_equal(x.scp.protocol, 0); /* over: no key is left */
		assert_null(x.scp.mac.data);
		assert_true(scp_wrap(&x.scp, &status, x.w, &err) != KMS_OK);
		world_close(&x);
	}
	/* An error needs no R-MAC, and data beside it is dropped. The session goes on. */
	world_open(&x, 3, 0x70, 0x33, 16);
	expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
	x.r->sw = 0x6A88;
	x.r->len = 5;
	expect_ok(&err, scp_unwrap(&x.scp, x.r, &err));
	assert_int_equal(x.r->len, 0);
	assert_true(x.scp.authenticated);
	world_close(&x);
}

static void test_scp02_answers(void **state)
{
	struct world x;

	(void)state;
	world_open(&x, 2, 0x75, 0x13, 16);
	expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
	x.r->sw = 0x6A88; /* an error without R-MAC */
	expect_ok(&err, scp_unwrap(&x.scp, x.r, &err));
	expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
	x.r->sw = 0x9000;
	x.r->len = 0;
	expect_err(&err, scp_unwrap(&x.scp, x.r, &err), KMS_ERR_MISMATCH, "no R-MAC");
	assert_int_equal(x.scp.protocol, 0);
	world_close(&x);
}

/* ICV encryption (E.3.4) and the MAC on the unmodified APDU (E.4.4) change what goes out. */
static void test_scp02_options_differ(void **state)
{
	static const unsigned options[] = {0x05, 0x15, 0x17};
	unsigned char macs[3][2][8];
	struct world x;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		world_open(&x, 2, options[i], 0x01, 16);
		for (int k = 0; k < 2; k++) {
			expect_ok(&err, scp_wrap(&x.scp, &status, x.w, &err));
			assert_int_equal(x.w->apdu.len, 10);
			memcpy(macs[i][k], x.w->bytes + 2, 8);
		}
		world_close(&x);
	}
	assert_memory_not_equal(macs[0][0], macs[1][0], 8);
	assert_memory_not_equal(macs[1][0], macs[2][0], 8);
	assert_memory_not_equal(macs[0][0], macs[0][1], 8);
}

/* Amendment D 6.2.4: the channel's number is put in after the MAC, so the MAC is the same. */
static void test_channels(void **state)
{
	static const unsigned char plain[] = {0x80, 0x83, 0xC0, 0xCF},
				   sent[] = {0x84, 0x87, 0xE0, 0xEF};
	unsigned char mac[8] = {0};

	(void)state;
	for (unsigned protocol = 2; protocol <= 3; protocol++)
		for (size_t i = 0; i < 4; i++) {
			struct apdu apdu = status;
			struct world x;

			world_open(&x, protocol, protocol == 2 ? 0x15 : 0x70, 0x01, 16);
			apdu.cla = plain[i];
			expect_ok(&err, scp_wrap(&x.scp, &apdu, x.w, &err));
			assert_int_equal(x.w->apdu.cla, sent[i]);
			if (i == 0)
				memcpy(mac, x.w->bytes + 2, 8);
			assert_memory_equal(mac, x.w->bytes + 2, 8);
			world_close(&x);
		}
}

/* A command without data is not encrypted, one byte of data is. Both have a MAC. */
static void test_little_data(void **state)
{
	(void)state;
	for (unsigned protocol = 2; protocol <= 3; protocol++)
		for (size_t len = 0; len < 2; len++) {
			const struct apdu apdu = {.cla = 0x80,
				.ins = GP_GET_DATA,
				.data = (const unsigned char *)"x",
				.len = len,
				.le = 256};
			struct world x;

			world_open(&x, protocol, protocol == 2 ? 0x15 : 0x70, 0x03, 16);
			expect_ok(&err, scp_wrap(&x.scp, &apdu, x.w, &err));
			assert_int_equal(x.w->apdu.len, 8 + (len ? protocol == 2 ? 8 : 16 : 0));
			assert_int_equal(x.w->apdu.le, 256);
			if (len)
				assert_int_not_equal(x.w->bytes[0], 'x');
			world_close(&x);
		}
}

static void test_too_long(void **state)
{
	static const unsigned char data[300];
	struct world x;

	(void)state;
	for (unsigned protocol = 2; protocol <= 3; protocol++) {
		/* The longest that fits, encrypted: 255 less the MAC, whole blocks, less '80'. */
		size_t most = protocol == 2 ? 239 : 239;
		struct apdu apdu = {.cla = 0x80, .ins = GP_STORE_DATA, .data = data, .len = most};

		world_open(&x, protocol, protocol == 2 ? 0x15 : 0x70, 0x03, 16);
		expect_ok(&err, scp_wrap(&x.scp, &apdu, x.w, &err));
		apdu.len++;
		if (protocol == 2)
			apdu.len = 240;
		expect_err(&err, scp_wrap(&x.scp, &apdu, x.w, &err), KMS_ERR_INVALID,
			"with secure messaging: more than 255");
		world_close(&x);
		world_open(&x, protocol, protocol == 2 ? 0x15 : 0x70, 0x03, 16);
		apdu.extended = true;
		apdu.len = 300;
		expect_ok(&err, scp_wrap(&x.scp, &apdu, x.w, &err));
		assert_true(x.w->apdu.len > 300);
		world_close(&x);
	}
}

/* ---- PUT KEY: both encodings ---- */

static void test_key_blocks(void **state)
{
	static const struct {
		enum card_key_type dek, key;
		size_t len;
		enum gp_key_block block;
		const char *head; /* type, length, and what stands before the block */
		size_t total;
	} rows[] = {
		{CARD_KEY_AES, CARD_KEY_AES, 16, GP_BLOCK_INNER_LENGTH, "881110", 1 + 3 * 23},
		{CARD_KEY_AES, CARD_KEY_AES, 16, GP_BLOCK_PLAIN, "8810", 1 + 3 * 22},
		{CARD_KEY_AES, CARD_KEY_AES, 24, GP_BLOCK_INNER_LENGTH, "882118", 1 + 3 * 39},
		{CARD_KEY_AES, CARD_KEY_AES, 32, GP_BLOCK_INNER_LENGTH, "882120", 1 + 3 * 39},
		{CARD_KEY_AES, CARD_KEY_AES, 32, GP_BLOCK_PLAIN, "8820", 1 + 3 * 38},
		{CARD_KEY_DES, CARD_KEY_DES, 16, GP_BLOCK_INNER_LENGTH, "8010", 1 + 3 * 22},
		{CARD_KEY_DES, CARD_KEY_AES, 24, GP_BLOCK_PLAIN, "8818", 1 + 3 * 30},
		{CARD_KEY_DES, CARD_KEY_AES, 16, GP_BLOCK_INNER_LENGTH, "881110", 1 + 3 * 23},
		{CARD_KEY_AES, CARD_KEY_DES, 16, GP_BLOCK_PLAIN, "8010", 1 + 3 * 22},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool des = rows[i].dek == CARD_KEY_DES;
		CARD_KEYS_AUTO struct card_keys *current = keys_named("old", rows[i].dek, 0, 16);
		CARD_KEYS_AUTO struct card_keys *fresh =
			keys_named("new", rows[i].key, 0x80, rows[i].len);
		const struct gp_put_keys how = {.version = 0x30, .block = rows[i].block};
		const struct card_dek dek = {
			des ? CARD_DEK_SESSION_ECB : CARD_DEK_STATIC_CBC, {0x01, 0x81}};
		unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE], kcv[CARD_KCV_SIZE];
		BUF_AUTO struct buf data = {0};
		char text[16] = "";

		expect_ok(&err, gp_put_keys_data(&how, &dek, current, fresh, &data, kcvs, &err));
		assert_int_equal(data.len, rows[i].total);
		assert_int_equal((unsigned char)data.data[0], 0x30);
		hex_encode(data.data + 1, strlen(rows[i].head) / 2, text);
		assert_string_equal(text, rows[i].head);
		expect_ok(&err, fresh->ops->kcv(fresh, CARD_DEK, kcv, &err));
		assert_memory_equal(kcv, data.data + data.len - 3, 3);
		assert_memory_equal(kcv, kcvs[CARD_DEK], 3);
	}
}

static void test_put_key_refused(void **state)
{
	CARD_KEYS_AUTO struct card_keys *old = keys_named("old", CARD_KEY_AES, 0, 16);
	CARD_KEYS_AUTO struct card_keys *fresh = keys_named("new", CARD_KEY_AES, 2, 24);
	static const struct {
		struct gp_put_keys how;
		const char *text;
	} rows[] = {
		{{.version = 0}, "not in 01 to 7F"},
		{{.version = 0x80}, "not in 01 to 7F"},
		{{.version = 1, .replace = 0xFF}, "version FF cannot be replaced"},
		{{.version = 1, .block = GP_BLOCK_PLAIN}, "AES-192 keys need"},
	};
	const struct card_dek dek = {.use = CARD_DEK_STATIC_CBC};
	unsigned char kcvs[CARD_ROLES][CARD_KCV_SIZE];
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *none = NULL;
	struct gp gp;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		BUF_AUTO struct buf data = {0};

		expect_err(&err,
			gp_put_keys_data(&rows[i].how, &dek, old, fresh, &data, kcvs, &err),
			KMS_ERR_INVALID, rows[i].text);
	}
	gp_open(&gp, NULL);
	expect_err(&err, gp_put_keys(&gp, &rows[3].how, fresh, &err), KMS_ERR_STATE,
		"needs a secure channel");
	expect_err(&err, gp_delete_keys(&gp, 1, &err), KMS_ERR_STATE, "DELETE [key] needs");
	expect_ok(&err, secret_alloc(&keys[0], 24, &err));
	expect_ok(&err, secret_alloc(&keys[1], 24, &err));
	expect_ok(&err, secret_alloc(&keys[2], 16, &err));
	expect_err(&err, card_keys_clear("x", CARD_KEY_AES, keys, &none, &err), KMS_ERR_INVALID,
		"different lengths");
	expect_ok(&err, secret_alloc(&keys[2], 24, &err));
	expect_err(&err, card_keys_clear("x", CARD_KEY_DES, keys, &none, &err), KMS_ERR_INVALID,
		"24 bytes are no 2TDEA keys");
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
}

/* ---- commands ---- */

static void commands_session(struct gp *gp, struct card_link *link, struct card_keys *keys)
{
	gp_open(gp, link);
	/* A session of level 00: commands go out bare, so that they can be read here. */
	gp->scp.protocol = 3;
	gp->scp.authenticated = true;
	gp->scp.mac_len = 8;
	gp->scp.keys = keys;
}

static void test_commands(void **state)
{
	static const struct card_step steps[] = {
		{"80F28002024F0000", "E3114F08A0000001510000009F70010FC501809000", 0},
		{"80F28002024F0000", "E3134F08A0000001510000009F70010FC5038000006310", 0},
		{"80F28003024F0000", "E3134F08A0000001510000019F700107C5038000009000", 0},
		{"80F24002024F0000", "6A88", 0},
		{"80E4000003D2010100", "009000", 0},
		{"80E400800A4F08A00000015100000100", "009000", 0},
		{"80F0807F", "9000", 0},
		{"80F0400F08A000000151000001", "9000", 0},
		{"80E60C0022"
		 "07A0000001515350"
		 "08A000000151535041"
		 "08A000000151000001"
		 "03808000"
		 "02C900"
		 "00"
		 "00",
			"009000", 0},
		{"80E6100016"
		 "08A000000151000001"
		 "00"
		 "08A000000151000002"
		 "000000"
		 "00",
			"009000", 0},
		{"80E620000E"
		 "0000"
		 "08A000000151000001"
		 "000000"
		 "00",
			"009000", 0},
		{"80CA004200",
			"4203112233"
			"9000",
			0},
		{"80CA004500", "6A88", 0},
		{"80CA00C100",
			"C1020102"
			"9000",
			0},
		{"80CA00C100",
			"C10101"
			"9000",
			0},
	};
	CARD_LINK_AUTO struct card_link *link = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = keys_named("k", CARD_KEY_AES, 0, 16);
	struct gp_registry *registry = calloc(1, sizeof(*registry));
	struct gp_install install = {.privileges = 0x808000};
	struct gp_aid sd, app;
	struct gp_id id;
	unsigned sequence;
	size_t used;
	struct gp gp;

	(void)state;
	assert_non_null(registry);
	expect_ok(&err,
		card_script_open(steps, sizeof(steps) / sizeof(steps[0]), &used, &link, &err));
	commands_session(&gp, link, keys);
	expect_ok(&err, gp_aid_parse("A000000151000001", "sd", &sd, &err));
	expect_ok(&err, gp_aid_parse("A000000151000002", "app", &app, &err));
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_ISD, registry, &err));
	assert_int_equal(registry->entries[0].privileges, 0x800000);
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_ISD, registry, &err));
	assert_int_equal(registry->count, 2);
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_APPLICATIONS, registry, &err));
	assert_int_equal(registry->count, 0);
	expect_ok(&err, gp_delete_keys(&gp, 1, &err));
	expect_ok(&err, gp_delete(&gp, &sd, true, &err));
	expect_ok(&err, gp_set_status(&gp, GP_SET_ISD, GP_CARD_LOCKED, NULL, &err));
	expect_ok(&err, gp_set_status(&gp, GP_SET_APPLICATION, GP_DOMAIN_PERSONALIZED, &sd, &err));
	expect_ok(&err, gp_aid_parse("A0000001515350", "file", &install.file, &err));
	expect_ok(&err, gp_aid_parse("A000000151535041", "module", &install.module, &err));
	install.instance = sd;
	expect_ok(&err, gp_install(&gp, &install, &err));
	expect_ok(&err, gp_extradite(&gp, &sd, &app, &err));
	expect_ok(&err, gp_personalise(&gp, &sd, &err));
	expect_ok(&err, gp_get_iin(&gp, &id, &err));
	assert_int_equal(id.len, 3);
	expect_err(&err, gp_get_cin(&gp, &id, &err), KMS_ERR_NOT_FOUND, "no data object 45");
	assert_int_equal(gp.sw, 0x6A88);
	expect_ok(&err, gp_get_sequence(&gp, &sequence, &err));
	assert_int_equal(sequence, 0x0102);
	expect_err(&err, gp_get_sequence(&gp, &sequence, &err), KMS_ERR_INVALID, "1 bytes");
	assert_int_equal(used, sizeof(steps) / sizeof(steps[0]));
	gp_close(&gp);
	free(registry);
}

static void test_store_data(void **state)
{
	char first[2 * 260 + 1], second[64];
	unsigned char data[300];
	struct card_step steps[] = {{first, "9000", 0}, {second, "9000", 0}, {NULL, "6A80", 0}};
	CARD_LINK_AUTO struct card_link *link = NULL;
	BUF_AUTO struct buf trace = {0};
	const struct gp_trace to = {&trace, collect};
	struct gp gp;

	(void)state;
	memset(data, 0x5A, sizeof(data));
	memcpy(first, "80E20800FF", 10);
	memcpy(second, "80E288012D", 10);
	hex_encode(data, 255, first + 10);
	hex_encode(data, 21, second + 10);
	memcpy(second + 8, "15", 2);
	expect_ok(&err, card_script_open(steps, 3, NULL, &link, &err));
	commands_session(&gp, link, NULL);
	gp.trace = &to;
	expect_ok(&err, gp_store_data(&gp, GP_STORE_DGI, data, 276, &err));
	expect_err(&err, gp_store_data(&gp, GP_STORE_DGI | GP_STORE_ENCRYPTED, data, 40, &err),
		KMS_ERR_CARD, "STORE DATA was refused");
	assert_non_null(strstr(buf_text(&trace), "> 80E2E800 28 [40 bytes not shown]"));
	gp_close(&gp);
}

/* A session is over when the line breaks, and its keys are gone. */
static void test_torn(void **state)
{
	static const struct card_step steps[] = {{NULL, NULL, CARD_FAULT_PULLED}};
	CARD_LINK_AUTO struct card_link *link = NULL;
	struct world x;
	struct gp gp;

	(void)state;
	expect_ok(&err, card_script_open(steps, 1, NULL, &link, &err));
	world_open(&x, 3, 0x70, 0x33, 16);
	gp_open(&gp, link);
	gp.scp = x.scp;
	memset(&x.scp, 0, sizeof(x.scp));
	expect_err(&err, gp_delete_keys(&gp, 1, &err), KMS_ERR_IO, "DELETE [key]: cannot talk");
	assert_int_equal(gp.sw, 0);
	assert_int_equal(gp.scp.protocol, 0);
	assert_null(gp.scp.enc.data);
	expect_err(&err, gp_delete_keys(&gp, 1, &err), KMS_ERR_STATE, "none is open");
	gp_close(&gp);
	world_close(&x);
}

static void test_authentication_refused(void **state)
{
	struct card_step steps[] = {recorded[1], {recorded[2].command, "6300", 0}};
	CARD_LINK_AUTO struct card_link *link = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = keys_named("test keys", CARD_KEY_DES, 0, 16);
	static const unsigned char challenge[] = {0xF2, 0xA5, 0xFA, 0x8B, 0xEF, 0x9F, 0x8A, 0x51};
	struct scp_init init;
	struct gp gp;

	(void)state;
	expect_ok(&err, card_script_open(steps, 2, NULL, &link, &err));
	gp_open(&gp, link);
	gp.challenge = fixed_challenge;
	gp.challenge_ctx = (void *)challenge;
	expect_ok(&err, gp_initialize_update(&gp, 0, 8, 0x55, &init, &err));
	expect_err(&err, gp_external_authenticate(&gp, &init, keys, 0, &err), KMS_ERR_AUTH,
		"counted a failed authentication");
	assert_int_equal(err.code, KMS_ERR_AUTH);
	assert_int_equal(gp.sw, 0x6300);
	assert_int_equal(gp.scp.protocol, 0);
	gp_close(&gp);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

/* The answers of the second command are those of a card (tests/vectors, Samsung's SCP03 Aes128S8). */
static void test_get_status_of_older_cards(void **state)
{
	static const struct card_step steps[] = {
		{"00A4040000", "9000", 0},
		{"80F24002024F0000", "6A86", 0},
		{"80F24000024F0000",
			"08A00000015141434C010010A0000002202003010101000000000006010010A00000022020"
			"0"
			"3010101000000000011010005A00000024801009000",
			0},
		{"80F28002024F0000", "6A86", 0},
		{"80F28000024F0000", "08A0000001510000000F9E9000", 0},
		{"80F21002024F0000", "6A86", 0},
		{"80F21000024F0000",
			"07A0000001515350010001"
			"08A000000151535041"
			"05A000000248010000"
			"6310",
			0},
		{"80F21001024F0000",
			"05A000000249010002"
			"9000",
			0},
		{"80F22002024F0000", "6A86", 0},
		{"80F22000024F0000", "08A00000015100009000", 0},
	};
	CARD_LINK_AUTO struct card_link *link = NULL;
	CARD_KEYS_AUTO struct card_keys *keys = keys_named("k", CARD_KEY_AES, 0, 16);
	struct gp_registry *registry = calloc(1, sizeof(*registry));
	struct gp_fci fci = {.max_data = 9};
	struct gp gp;

	(void)state;
	assert_non_null(registry);
	expect_ok(
		&err, card_script_open(steps, sizeof(steps) / sizeof(steps[0]), NULL, &link, &err));
	gp_open(&gp, link);
	expect_ok(&err, gp_select(&gp, NULL, &fci, &err));
	assert_true(fci.aid.len == 0 && fci.max_data == 0);
	gp_close(&gp);
	commands_session(&gp, link, keys);
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_APPLICATIONS, registry, &err));
	assert_int_equal(registry->count, 4);
	assert_int_equal(registry->entries[0].state, 1);
	assert_int_equal(registry->entries[1].aid.len, 16);
	assert_int_equal(registry->entries[3].aid.len, 5);
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_ISD, registry, &err));
	assert_int_equal(registry->count, 1);
	assert_int_equal(registry->entries[0].state, GP_CARD_SECURED);
	assert_int_equal(registry->entries[0].privileges, 0x9E0000);
	expect_err(&err, gp_get_status(&gp, GP_STATUS_MODULES, registry, &err), KMS_ERR_INVALID,
		"its modules are cut short");
	expect_err(&err, gp_get_status(&gp, GP_STATUS_FILES, registry, &err), KMS_ERR_INVALID,
		"an entry is cut short");
	gp_close(&gp);
	free(registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_put_key),
		cmocka_unit_test(test_put_key_answers),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_wrong_keys_send_nothing),
		cmocka_unit_test(test_init_refused),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_scp03_there_and_back),
		cmocka_unit_test(test_scp03_bad_answers),
		cmocka_unit_test(test_scp02_answers),
		cmocka_unit_test(test_scp02_options_differ),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_little_data),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_key_blocks),
		cmocka_unit_test(test_put_key_refused),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_get_status_of_older_cards),
		cmocka_unit_test(test_store_data),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_authentication_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
