/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of tokens, receipts and DAPs on the card: PUT KEY, key information, state file. */
#include "sim/registry.h"
#include "sim/state.h"
#include "unit/sim/authority.h"

#include "base/file.h"
#include "support/folder.h"

#define KEYS_FF "C00401FF8810 C00402FF8810 C00403FF8810"

static void key_information_is(struct host *h, const char *text)
{
	unsigned char inside[200];
	char expected[420] = "E0";
	size_t len = host_hex(text, inside, sizeof(inside));

	hex_encode((unsigned char[]){(unsigned char)len}, 1, expected + 2);
	hex_encode(inside, len, expected + 4);
	host_must(h, "80CA00E0", 0x9000);
	host_response_is(h, expected);
}

static void test_put(void **state)
{
	struct signer ec = signer_ec("P-256"), aes = signer_aes(16, 1), wide = signer_aes(32, 2),
		      des = signer_des(3);
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	open_issuer(&h);
	/* GPCS 11.8.3.1: the version, and check values if there are any. */
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &ec), 0x9000);
	host_response_is(&h, "70");
	assert_int_equal(put_signer(&h, 0, 0x71, 1, &wide), 0x9000);
	assert_int_equal(h.len, 4);
	assert_int_equal(put_signer(&h, 0, 0x73, 1, &aes), 0x9000);
	/* GPCS 11.3.3.1.1: a point counts without its first byte, its curve follows. */
	key_information_is(&h, KEYS_FF "C0060170B040F000 C00401718820 C00401738810");
	/* The set of the factory is where it was, and they are no set. */
	assert_int_equal(h.card->nv.entries[0].set_count, 1);
	assert_int_equal(h.card->nv.entries[0].put_keys, 3);
	for (unsigned kvn = 0x70; kvn <= 0x73; kvn++) {
		char command[40];

		snprintf(command, sizeof(command), "8050%02X0008010203040506070800", kvn);
		host_expect(&h, command, 0x6A88);
	}
	open_issuer(&h);
	/* Replaced in place: another value; not another type or size. */
	struct signer fresh = signer_ec("P-256");

	assert_int_equal(put_signer(&h, 0x70, 0x70, 1, &fresh), 0x9000);
	assert_int_equal(put_signer(&h, 0x70, 0x70, 1, &aes), 0x6A80);
	assert_int_equal(put_signer(&h, 0x71, 0x71, 1, &aes), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &fresh), 0x6A80); /* it is there */
	host_must(&h, "80E4000003D20170", 0x9000);
	assert_int_equal(put_signer(&h, 0x70, 0x70, 1, &fresh), 0x6A88);
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &des), 0x9000);
	key_information_is(&h, KEYS_FF "C00401718820 C00401738810 C00401708010");
	host_close(&h);

	/* In a domain of its own keys, the one for DAPs. */
	host_card(&h, "gp23-scp03", NULL);
	make_domain(&h, SSD, "C08000");
	assert_int_equal(put_signer(&h, 0, 0x73, 1, &ec), 0x9000);
	key_information_is(&h, "C00401208810 C00402208810 C00403208810 C0060173B040F000");
	assert_memory_equal(entry_of(&h, SSD)->keys[3].value, "\x04", 1);
	host_close(&h);
	signer_free(&ec);
	signer_free(&fresh);
}

/* What is no such key: nothing of it is kept. */
static void test_refused(void **state)
{
	const unsigned char header[4] = {0x80, 0xD8, 0x00, 0x01};
	struct signer ec = signer_ec("P-256"), other = signer_ec("P-384"), aes = signer_aes(16, 1),
		      triple = signer_aes(24, 1), pem = ec;
	struct host_keys keys = host_test_keys();
	unsigned char good[80], bad[160];
	size_t len;
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	open_issuer(&h);
	assert_int_equal(put_signer(&h, 0, 0x73, 2, &ec), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x73, 0, &aes), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x71, 1, &pem), 0x6A80); /* a receipt needs a secret */
	assert_int_equal(put_signer(&h, 0, 0x72, 1, &ec), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x20, 1, &ec), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &other), 0x6A80);
	triple.des = true; /* GPCS Table C-1: 128 bits */
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &triple), 0x6A80);
	assert_int_equal(host_put_set(&h, 0, 0x70, SIM_TYPE_AES, &keys, true), 0x6A80);

	good[0] = 0x73;
	good[1] = 0xB0;
	good[2] = (unsigned char)signer_point(&ec, good + 3, sizeof(good) - 3);
	assert_int_equal(good[2], SIM_POINT_LEN);
	len = 3 + SIM_POINT_LEN;
	len += host_hex("F00100 00", good + len, 8);
	for (size_t cut = 1; cut < len; cut++)
		assert_int_equal(host_command(&h, header, good, cut), 0x6A80);
	static const struct {
		size_t at;
		unsigned char was, is;
	} rows[] = {
		{1, 0xB0, 0xB1},		    /* private */
		{2, 0x41, 0x40},		    /* a byte short */
		{3, 0x04, 0x02},		    /* compressed */
		{68, 0xF0, 0xB2},		    /* a curve of its own: Table 11-74 */
		{69, 0x01, 0x00}, {70, 0x00, 0x01}, /* P-384 */
		{71, 0x00, 0x03},		    /* a check value */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(bad, good, len);
		assert_int_equal(bad[rows[i].at], rows[i].was);
		bad[rows[i].at] = rows[i].is;
		assert_int_equal(host_command(&h, header, bad, len), 0x6A80);
	}
	memcpy(bad, good, len);
	bad[67] ^= 1; /* off the curve */
	assert_int_equal(host_command(&h, header, bad, len), 0x6A80);
	bad[67] ^= 1;
	bad[len] = 0; /* more than one key */
	assert_int_equal(host_command(&h, header, bad, len + 1), 0x6A80);
	assert_int_equal(h.card->nv.entries[0].key_count, 3);
	assert_int_equal(h.card->nv.entries[0].put_keys, 0);
	/* The extended format, GPCS Table 11-69: usage and access behind. */
	len = host_hex("73FFB041", bad, 8);
	memcpy(bad + len, good + 3, SIM_POINT_LEN);
	len += SIM_POINT_LEN;
	len += host_hex("FFF00100 00 0184 0101", bad + len, 16);
	bad[69] = 0xFE;
	assert_int_equal(host_command(&h, header, bad, len), 0x6A80);
	bad[69] = 0xFF;
	assert_int_equal(host_command(&h, header, bad, len - 1), 0x6A80);
	assert_int_equal(host_command(&h, header, bad, len), 0x9000);
	assert_memory_equal(h.card->nv.entries[0].keys[3].value, good + 3, SIM_POINT_LEN);
	/* From and to other versions. */
	assert_int_equal(put_signer(&h, 0x73, 0x70, 1, &ec), 0x6A80);
	assert_int_equal(host_put_set(&h, 0, 0x20, SIM_TYPE_AES, &keys, true), 0x9000);
	assert_int_equal(host_open(&h, 0x20, 0x33, &keys), 0x9000);
	assert_int_equal(put_signer(&h, 0x20, 0x71, 1, &aes), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x71, 1, &aes), 0x9000);
	assert_int_equal(put_signer(&h, 0x71, 0x21, 1, &aes), 0x6A80);
	host_close(&h);
	signer_free(&ec);
	signer_free(&other);
}

/* A card whose factory set has version 70: it opens channels, and is no token key. */
static void test_factory_version(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = domain_keys();
	struct signer aes = signer_aes(16, 1);
	struct host h;

	(void)state;
	host_card(&h,
		"[card]\nscp03 = 70\nrule = add\n[key-set 70]\ntype = aes\n"
		"enc = 404142434445464748494A4B4C4D4E4F\nmac = 404142434445464748494A4B4C4D4E4F\n"
		"dek = 404142434445464748494A4B4C4D4E4F\n",
		NULL);
	assert_int_equal(host_open(&h, 0x70, 0x33, &keys), 0x9000);
	assert_null(sim_content_key(&h.card->nv.entries[0], 0x70));
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &aes), 0x6A80);
	assert_int_equal(put_signer(&h, 0, 0x71, 1, &aes), 0x9000);
	assert_non_null(sim_content_key(&h.card->nv.entries[0], 0x71));
	assert_int_equal(host_put_set(&h, 0x70, 0x70, SIM_TYPE_AES, &fresh, true), 0x9000);
	assert_int_equal(host_open(&h, 0x70, 0x33, &fresh), 0x9000);
	host_close(&h);
}

/* ---- the state file ---- */

static struct kms_err err;

static void replace(char *text, const char *from, const char *to)
{
	char *at = strstr(text, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

static enum kms_status parse(const char *text, struct sim_nv *nv)
{
	err = (struct kms_err){0};
	return sim_state_parse("state", text, strlen(text), nv, &err);
}

static void test_state(void **state)
{
	struct signer ec = signer_ec("P-256"), aes = signer_aes(16, 9);
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	BUF_AUTO struct buf file = {0};
	char folder[FOLDER_SIZE], path[100], *text, *copy;
	struct host h;

	(void)state;
	folder_make(folder, "sim-content-keys");
	snprintf(path, sizeof(path), "%s/card.json", folder);
	host_card(&h, "gp23-scp03", path);
	expect_ok(&host_err, sim_state_save(path, &h.card->nv, false, &host_err));
	expect_ok(&host_err, sim_card_power_on(h.card, &host_err));
	open_issuer(&h);
	assert_int_equal(put_signer(&h, 0, 0x70, 1, &ec), 0x9000);
	assert_int_equal(put_signer(&h, 0, 0x71, 1, &aes), 0x9000);
	h.card->nv.entries[0].confirmations = 0x1234;
	host_must(&h, "80F08007", 0x9000); /* written with the next change */
	expect_ok(&err, sim_state_load(path, nv, &err));
	assert_int_equal(nv->entries[0].confirmations, 0x1234);
	assert_int_equal(nv->entries[0].key_count, 5);
	assert_int_equal(nv->entries[0].keys[3].type, SIM_TYPE_EC_PUBLIC);
	assert_int_equal(nv->entries[0].keys[3].len, SIM_POINT_LEN);
	assert_memory_equal(
		nv->entries[0].keys[3].value, h.card->nv.entries[0].keys[3].value, SIM_POINT_LEN);
	host_reset(&h);
	host_expect(&h, "80CA00C200", 0x9000);
	host_response_is(&h, "C2021234");

	expect_ok(&err, file_read(path, 1 << 20, &file, &err));
	text = strndup(file.data, file.len);
	/* As a card of before: no receipts, whatever stands there. */
	copy = strdup(text);
	replace(copy, "\"cardsim\": 2", "\"cardsim\": 1");
	expect_ok(&err, parse(copy, nv));
	assert_int_equal(nv->entries[0].confirmations, 0);
	replace(copy, "\"cardsim\": 1", "\"cardsim\": 3");
	expect_err(&err, parse(copy, nv), KMS_ERR_INVALID, "cardsim");
	free(copy);
	/* Format 2 tells it. */
	copy = strdup(text);
	replace(copy, "\"confirmations\"", "\"confirmationz\"");
	expect_err(&err, parse(copy, nv), KMS_ERR_INVALID, "confirmations");
	free(copy);
	copy = strdup(text);
	replace(copy, "\"confirmations\": 4660", "\"confirmations\":65536");
	expect_err(&err, parse(copy, nv), KMS_ERR_INVALID, "confirmations");
	free(copy);
	/* A point where a secret must be, a type that the card has not. */
	copy = strdup(text);
	replace(copy, "\"type\": 176", "\"type\": 136");
	expect_err(&err, parse(copy, nv), KMS_ERR_INVALID,
		"key 1 of version 70 has 65 bytes, which its type 88 has not");
	replace(copy, "\"type\": 136", "\"type\": 160"); /* the first: the factory's */
	expect_err(&err, parse(copy, nv), KMS_ERR_INVALID, "version FF");
	free(copy);
	free(text);
	free(nv);
	host_close(&h);
	signer_free(&ec);
	folder_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_factory_version),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
