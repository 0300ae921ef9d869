/* SPDX-License-Identifier: Apache-2.0 */
/* PUT KEY and DELETE [key], the three rules for a factory set, retry limits, torn cards. */
#include "sim/registry.h"
#include "sim/state.h"
#include "unit/sim/host.h"

#include <unistd.h>

#define SET(kvn, type)                                                                 \
	"[key-set " kvn "]\ntype = " type "\nenc = 404142434445464748494A4B4C4D4E4F\n" \
	"mac = 404142434445464748494A4B4C4D4E4F\ndek = 404142434445464748494A4B4C4D4E4F\n"

static struct host_keys other_keys(size_t len, unsigned seed)
{
	struct host_keys keys = {.len = len};

	for (size_t i = 0; i < len; i++) {
		keys.enc[i] = (unsigned char)(seed + i);
		keys.mac[i] = (unsigned char)(seed + 0x31 + i);
		keys.dek[i] = (unsigned char)(seed + 0x62 + i);
	}
	return keys;
}

static struct sim_entry *issuer(const struct host *h)
{
	return &h->card->nv.entries[0];
}

/* Every protocol option with every level it allows: open, a command, its answer. */
static void test_levels(void **state)
{
	static const struct {
		const char *card;
		unsigned levels[7];
		size_t count;
	} rows[] = {
		{"scp02 = 05\n", {0x00, 0x01, 0x03}, 3},
		{"scp02 = 15\n", {0x00, 0x01, 0x03}, 3},
		{"scp02 = 35\n", {0x00, 0x01, 0x03, 0x11, 0x13}, 5},
		{"scp02 = 55\n", {0x00, 0x01, 0x03}, 3},
		{"scp02 = 75\n", {0x00, 0x01, 0x03, 0x11, 0x13}, 5},
		{"scp03 = 00\n", {0x00, 0x01, 0x03}, 3},
		{"scp03 = 10\n", {0x00, 0x01, 0x03}, 3},
		{"scp03 = 20\n", {0x00, 0x01, 0x03, 0x11, 0x13}, 5},
		{"scp03 = 30\n", {0x00, 0x01, 0x03, 0x11, 0x13}, 5},
		{"scp03 = 60\n", {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}, 6},
		{"scp03 = 70\n", {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}, 6},
		{"scp03 = 61\n", {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}, 6},
		{"scp03 = 71\n", {0x00, 0x01, 0x03, 0x11, 0x13, 0x33}, 6},
	};
	struct host_keys keys = host_test_keys();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool scp02 = rows[i].card[4] == '2';
		char text[1024];

		snprintf(text, sizeof(text), "[card]\nversion = 2.3.1\n%s%s", rows[i].card,
			scp02 ? SET("01", "des") : SET("01", "aes"));
		for (unsigned level = 0; level < 0x40; level++) {
			struct host h;
			bool allowed = false;

			for (size_t k = 0; k < rows[i].count; k++)
				allowed = allowed || rows[i].levels[k] == level;
			/* SCP02 alone has R-MAC without C-MAC; its bytes differ, so not here. */
			if (scp02 && level == 0x10)
				continue;
			host_card(&h, text, NULL);
			if (!allowed) {
				assert_int_equal(host_open(&h, 1, level, &keys), 0x6A86);
				host_close(&h);
				continue;
			}
			assert_int_equal(host_open(&h, 1, level, &keys), 0x9000);
			for (int twice = 0; twice < 3; twice++) {
				host_must(&h, "80F28002024F00", 0x9000);
				host_response_is(&h, "E3134F08A0000001510000009F700101C5039EFE80");
				host_must(&h, "80CA0045", 0x6A88);
				host_must(&h, "80CA00E0", 0x9000);
				assert_int_equal(h.response[0], 0xE0);
				host_must(&h, "80F24002024F00", 0x6A88);
			}
			host_close(&h);
		}
	}
}

static void test_wrong_keys(void **state)
{
	struct host_keys keys = host_test_keys();
	unsigned char cryptogram[16];
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	assert_true(host_initialize(&h, 0, &keys, cryptogram));
	cryptogram[3] ^= 1;
	assert_int_equal(host_authenticate(&h, 1, cryptogram), 0x6300);
	/* The start is spent with it. */
	cryptogram[3] ^= 1;
	assert_int_equal(host_authenticate(&h, 1, cryptogram), 0x6985);
	assert_int_equal(issuer(&h)->sets[0].fails, 1);
	assert_int_equal(host_open(&h, 0, 1, &keys), 0x9000);
	assert_int_equal(issuer(&h)->sets[0].fails, 0);

	/* A wrong C-MAC aborts the session; nothing works until a new one (AmdD 5.6). */
	host_expect(&h, "84CA00E0080102030405060708", 0x6982);
	host_expect(&h, "80CA00E000", 0x6982);
	host_must(&h, "80F28002024F00", 0x6982);
	assert_int_equal(host_open(&h, 0, 1, &keys), 0x9000);
	/* Without a C-MAC where one is due. */
	host_expect(&h, "80F28002024F0000", 0x6982);
	assert_int_equal(host_open(&h, 0, 1, &keys), 0x9000);
	host_must(&h, "80F28002024F00", 0x9000);
	/* SELECT ends it. */
	host_expect(&h, "00A4040000", 0x9000);
	host_expect(&h, "80F28002024F0000", 0x6982);
	host_close(&h);
}

static void test_put_key_checks(void **state)
{
	const unsigned char header[4] = {0x80, 0xD8, 0x00, 0x05};
	struct host_keys keys = host_test_keys(), fresh = other_keys(32, 7);
	struct host_put put = {.len = 1};
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0, 0x33, &keys), 0x9000);
	put.data[0] = 0x20;
	/* A check value that is not the key's. */
	host_put_key(&h, &put, SIM_TYPE_AES, fresh.enc, 16, true, 1);
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6982);
	/* No check value at all. */
	put.data[put.len - 4] = 0;
	assert_int_equal(host_command(&h, header, put.data, put.len - 3), 0x6A80);
	/* Versions 00 and 80 do not exist. */
	put.len = 1;
	host_put_key(&h, &put, SIM_TYPE_AES, fresh.enc, 16, true, 0);
	put.data[0] = 0x00;
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6A80);
	put.data[0] = 0x80;
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6A80);
	put.data[0] = 0x20;
	/* A key length that AES has not; a type that the card has not. */
	put.data[3] = 0x0F;
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6A80);
	put.data[3] = 0x10;
	put.data[1] = 0x81;
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6A80);
	put.data[1] = 0x88;
	/* Two keys where one is announced; cut short at every byte. */
	for (size_t cut = 0; cut < put.len; cut++)
		assert_int_equal(host_command(&h, header, put.data, cut), 0x6A80);
	/* None of it left anything. */
	assert_int_equal(issuer(&h)->key_count, 3);
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x9000);
	assert_int_equal(h.len, 4);
	assert_int_equal(h.response[0], 0x20);
	assert_int_equal(issuer(&h)->key_count, 4);
	/* The same again is no new key. */
	assert_int_equal(host_command(&h, header, put.data, put.len), 0x6A80);
	/* Replacing what is not there. */
	const unsigned char absent[4] = {0x80, 0xD8, 0x44, 0x05};
	assert_int_equal(host_command(&h, absent, put.data, put.len), 0x6A88);
	/* Size and type stay (GPCS 11.8.2.3.3). */
	const unsigned char replace[4] = {0x80, 0xD8, 0x20, 0x05};
	put.len = 1;
	host_put_key(&h, &put, SIM_TYPE_AES, fresh.enc, 32, true, 0);
	assert_int_equal(host_command(&h, replace, put.data, put.len), 0x6A80);
	put.len = 1;
	host_put_key(&h, &put, SIM_TYPE_DES, fresh.enc, 16, true, 0);
	assert_int_equal(host_command(&h, replace, put.data, put.len), 0x6A80);
	put.len = 1;
	host_put_key(&h, &put, SIM_TYPE_AES, fresh.mac, 16, true, 0);
	assert_int_equal(host_command(&h, replace, put.data, put.len), 0x9000);
	assert_memory_equal(sim_key_find(issuer(&h), 5, 0x20)->value, fresh.mac, 16);
	host_close(&h);
}

/* Both encodings of a block, every size, under both kinds of DEK. */
static void test_key_blocks(void **state)
{
	static const size_t sizes[] = {16, 24, 32};

	(void)state;
	for (unsigned scp = 2; scp <= 3; scp++) {
		struct host_keys keys = host_test_keys();
		unsigned kid = 0x10;
		struct host h;

		host_card(&h, scp == 2 ? "gp211-scp02" : "gp23-scp03", NULL);
		assert_int_equal(host_open(&h, 0, 0x01, &keys), 0x9000);
		for (size_t i = 0; i < 3; i++) {
			for (int prefix = 0; prefix < 2; prefix++) {
				struct host_keys fresh = other_keys(sizes[i], 9 + (unsigned)i);
				const unsigned char header[4] = {
					0x80, 0xD8, 0x00, (unsigned char)kid};
				struct host_put put = {.data = {0x20}, .len = 1};

				/* AES-192 under an AES DEK must say its length. */
				if (!prefix && scp == 3 && sizes[i] == 24)
					continue;
				host_put_key(
					&h, &put, SIM_TYPE_AES, fresh.enc, sizes[i], prefix, 0);
				assert_int_equal(
					host_command(&h, header, put.data, put.len), 0x9000);
				assert_memory_equal(sim_key_find(issuer(&h), kid, 0x20)->value,
					fresh.enc, sizes[i]);
				kid++;
			}
		}
		host_close(&h);
	}

	/* A card that takes only one of them. */
	for (int prefix = 0; prefix < 2; prefix++) {
		struct host_keys keys = host_test_keys(), fresh = other_keys(16, 3);
		char text[512];
		struct host h;

		snprintf(text, sizeof(text),
			"[card]\nscp03 = 70\nkey-block = %s\n" SET("01", "aes"),
			prefix ? "length" : "plain");
		host_card(&h, text, NULL);
		assert_int_equal(host_open(&h, 1, 0x01, &keys), 0x9000);
		/* Only what it takes counts. */
		assert_int_equal(host_put_set(&h, 1, 1, SIM_TYPE_AES, &fresh, !prefix), 0x6A80);
		assert_int_equal(issuer(&h)->put_keys, 0);
		assert_int_equal(host_put_set(&h, 1, 1, SIM_TYPE_AES, &fresh, prefix), 0x9000);
		assert_int_equal(issuer(&h)->put_keys, 1);
		host_close(&h);
	}
}

static void test_rules(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = other_keys(16, 1);
	struct host h;

	(void)state;
	/* Consume: the first set added takes the factory set with it. */
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0xFF, 1, &keys), 0x9000);
	assert_int_equal(host_put_set(&h, 0, 0x30, SIM_TYPE_AES, &fresh, true), 0x9000);
	assert_int_equal(issuer(&h)->key_count, 3);
	assert_int_equal(host_open(&h, 0xFF, 1, &keys), 0x6A88);
	assert_int_equal(host_open(&h, 0, 1, &fresh), 0x9000);
	host_expect(&h, "00A4040000", 0x9000);
	host_expect(&h, "80CA00E000", 0x9000);
	host_response_is(&h, "E012C00401308810C00402308810C00403308810");
	host_close(&h);

	/* Replace in place: no second set. */
	host_card(&h, "[card]\nscp03 = 70\nrule = replace\n" SET("01", "aes"), NULL);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(host_put_set(&h, 0, 0x30, SIM_TYPE_AES, &fresh, true), 0x6A84);
	assert_int_equal(host_put_set(&h, 1, 0x30, SIM_TYPE_AES, &fresh, true), 0x9000);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x6A88);
	assert_int_equal(host_open(&h, 0x30, 1, &fresh), 0x9000);
	host_must(&h, "80E4000003D20130", 0x6985); /* the last */
	host_close(&h);

	/* Add, authenticate, delete. */
	host_card(&h, "[card]\nscp02 = 15\nrule = add\n" SET("01", "des"), NULL);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(host_put_set(&h, 0, 0x30, SIM_TYPE_DES, &fresh, false), 0x9000);
	assert_int_equal(host_open(&h, 0x30, 1, &fresh), 0x9000);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000); /* still there */
	assert_int_equal(host_open(&h, 0x30, 1, &fresh), 0x9000);
	host_must(&h, "80E4000003D20101", 0x9000);
	host_response_is(&h, "00");
	host_must(&h, "80E4000003D20101", 0x6A88);
	host_must(&h, "80E4000003D20130", 0x6985);
	host_must(&h, "80E4000003D00101", 0x6985); /* half of the last */
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x6A88);
	host_close(&h);

	host_card(&h, "[card]\nscp02 = 15\ndelete-last = yes\n" SET("01", "des"), NULL);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	host_must(&h, "80E4000006D00101D20101", 0x9000);
	host_must(&h, "80E4000003D20101", 0x9000);
	assert_int_equal(host_open(&h, 0, 1, &keys), 0x6A88);
	host_close(&h);
}

/* GPCS E.1.2 and AmdD 6.2.2.1. */
static void test_counters(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = other_keys(16, 1);
	unsigned char cryptogram[16];
	struct host h;

	(void)state;
	host_card(&h, "[card]\nscp02 = 55\n" SET("01", "des"), NULL);
	for (int i = 0; i < 3; i++)
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
	assert_int_equal(issuer(&h)->sets[0].counter, 0); /* nothing was verified */
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(issuer(&h)->sets[0].counter, 2);
	host_expect(&h, "00A4040000", 0x9000);
	host_expect(&h, "80CA00C100", 0x9000);
	host_response_is(&h, "C1020002");
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(host_put_set(&h, 1, 1, SIM_TYPE_DES, &fresh, false), 0x9000);
	assert_int_equal(issuer(&h)->sets[0].counter, 0);
	issuer(&h)->sets[0].counter = 0x7FFF;
	assert_int_equal(host_open(&h, 1, 1, &fresh), 0x6985);
	host_close(&h);

	host_card(&h, "[card]\nscp03 = 70\n" SET("01", "aes"), NULL);
	for (int i = 0; i < 3; i++)
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
	assert_int_equal(issuer(&h)->sets[0].counter, 3);
	host_expect(&h, "80CA00C100", 0x9000);
	host_response_is(&h, "C103000003");
	issuer(&h)->sets[0].counter = 0xFFFFFF;
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x6985);
	host_close(&h);
}

static void test_retry_limit(void **state)
{
	static const struct {
		const char *setting;
		unsigned life;
	} rows[] = {
		{"block", SIM_OP_READY}, {"lock", SIM_CARD_LOCKED}, {"terminate", SIM_TERMINATED}};
	struct host_keys keys = host_test_keys();
	unsigned char cryptogram[16];
	struct host h;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char text[512];

		snprintf(text, sizeof(text),
			"[card]\nscp03 = 70\nretry-limit = 3\non-limit = %s\n" SET("01", "aes"),
			rows[i].setting);
		host_card(&h, text, NULL);
		for (int try = 0; try < 3; try++) {
			assert_int_equal(h.card->nv.life, SIM_OP_READY);
			assert_true(host_initialize(&h, 1, &keys, cryptogram));
			cryptogram[0] ^= 1;
			assert_int_equal(host_authenticate(&h, 1, cryptogram), 0x6300);
		}
		assert_int_equal(h.card->nv.life, rows[i].life);
		/* The right keys come too late. */
		assert_int_equal(host_open(&h, 1, 1, &keys),
			rows[i].life == SIM_TERMINATED ? 0x6985 : 0x6983);
		host_close(&h);
	}

	/* A card that counts INITIALIZE UPDATEs. */
	host_card(&h, "[card]\nscp03 = 70\nretry-limit = 3\ncount-updates = yes\n" SET("01", "aes"),
		NULL);
	for (int round = 0; round < 2; round++) {
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
		assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	}
	for (int i = 0; i < 3; i++)
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
	assert_false(host_initialize(&h, 1, &keys, cryptogram));
	assert_int_equal(h.sw, 0x6983);
	host_close(&h);
	/* Such a card locks itself when it is asked once more. */
	host_card(&h,
		"[card]\nscp03 = 70\nretry-limit = 3\ncount-updates = yes\non-limit = lock\n" SET(
			"01", "aes"),
		NULL);
	for (int i = 0; i < 3; i++)
		assert_true(host_initialize(&h, 1, &keys, cryptogram));
	assert_int_equal(h.card->nv.life, SIM_OP_READY);
	assert_false(host_initialize(&h, 1, &keys, cryptogram));
	assert_int_equal(h.card->nv.life, SIM_CARD_LOCKED);
	host_close(&h);
}

/* Every built-in profile does what its name says. */
static void test_built_in(void **state)
{
	struct host_keys fresh = other_keys(16, 9);

	(void)state;
	for (size_t i = 0; sim_profile_name(i); i++) {
		const char *name = sim_profile_name(i);
		struct host_keys keys = host_test_keys();
		bool des = strstr(name, "scp02") != NULL, replace, add, counting;
		unsigned type = des ? SIM_TYPE_DES : SIM_TYPE_AES, before;
		unsigned char cryptogram[16];
		struct host h;

		replace = strncmp(name, "replace", 7) == 0;
		add = strncmp(name, "add", 3) == 0;
		counting = strncmp(name, "counting", 8) == 0;
		if (strstr(name, "aes256"))
			keys = host_keys_of(
				"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
				"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
				"404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F");
		host_card(&h, name, NULL);
		assert_int_equal(h.size, strstr(name, "s16") ? 16 : 8);
		host_expect(&h, "80CA00E000", strstr(name, "no-e0") ? 0x6A88 : 0x9000);
		host_expect(&h, "80CA00CF00", strstr(name, "no-e0") ? 0x6A88 : 0x9000);
		assert_true(host_initialize(&h, 0, &keys, cryptogram));
		assert_int_equal(h.scp, des ? 2 : 3);
		assert_int_equal(h.i, strstr(name, "i55") ? 0x55
				      : des		  ? 0x15
				      : h.size == 16	  ? 0x71
							  : 0x70);
		assert_int_equal(issuer(&h)->sets[0].fails, counting ? 1 : 0);
		assert_int_equal(host_open(&h, 0, 0x01, &keys), 0x9000);
		before = issuer(&h)->keys[0].kvn;
		if (replace || counting) {
			assert_int_equal(host_put_set(&h, 0, 2, type, &fresh, !des), 0x6A84);
			assert_int_equal(host_put_set(&h, 1, 2, type, &fresh, !des), 0x9000);
		} else {
			assert_int_equal(host_put_set(&h, 0, 2, type, &fresh, !des), 0x9000);
		}
		assert_int_equal(issuer(&h)->key_count, add ? 6 : 3);
		assert_int_equal(before, add || replace || counting ? 0x01 : 0xFF);
		assert_int_equal(host_open(&h, 2, 0x03, &fresh), 0x9000);
		host_must(&h, "80E4000003D20101", add ? 0x9000 : 0x6A88);
		host_must(&h, "80E4000003D20102", 0x6985);
		host_close(&h);
	}
}

/* GPCS 11.1.5.1, both kinds. */
static void test_chaining(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = other_keys(32, 5);
	const unsigned char first[4] = {0x80, 0xD8, 0x80, 0x81}, last[4] = {0x80, 0xD8, 0x00, 0x81};

	(void)state;
	for (unsigned level = 0x01; level <= 0x33; level++) {
		struct host_put put = {.data = {0x30}, .len = 1};
		unsigned char command[5 + 255];
		size_t len, at = 0;
		struct host h;

		if (level != 0x01 && level != 0x03 && level != 0x13 && level != 0x33)
			continue;
		/* Each command protected by itself. */
		host_card(&h, "gp23-scp03", NULL);
		assert_int_equal(host_open(&h, 0, level, &keys), 0x9000);
		host_put_key(&h, &put, SIM_TYPE_AES, fresh.enc, 16, true, 0);
		host_put_key(&h, &put, SIM_TYPE_AES, fresh.mac, 16, true, 0);
		host_put_key(&h, &put, SIM_TYPE_AES, fresh.dek, 16, true, 0);
		assert_int_equal(host_command(&h, first, put.data, 50), 0x9000);
		assert_int_equal(issuer(&h)->keys[0].kvn, 0xFF);
		assert_int_equal(host_command(&h, last, put.data + 50, put.len - 50), 0x9000);
		assert_int_equal(h.len, 10);
		assert_int_equal(issuer(&h)->keys[0].kvn, 0x30);
		/* Something else in between ends it. */
		assert_int_equal(host_command(&h, first, put.data, 50), 0x9000);
		host_must(&h, "80F28002024F00", 0x6985);
		host_must(&h, "80F28002024F00", 0x9000);
		/* So does a SELECT, though it finds nothing: no piece may follow it. */
		assert_int_equal(host_command(&h, first, put.data, 50), 0x9000);
		host_expect(&h, "00A4040005A00000099900", 0x6A82);
		assert_int_equal(host_command(&h, last, put.data + 50, put.len - 50), 0x6A80);
		assert_int_equal(issuer(&h)->key_count, 3);
		host_close(&h);

		/* One protected command, cut up: larger than 255 bytes. */
		host_card(&h, "gp23-scp03", NULL);
		assert_int_equal(host_open(&h, 0, level, &keys), 0x9000);
		put = (struct host_put){.data = {0x30}, .len = 1};
		for (int i = 0; i < 7; i++)
			host_put_key(&h, &put, SIM_TYPE_AES, fresh.enc + i, 32, true, 0);
		assert_true(put.len > 255 && put.len + 40 < sizeof(put.data));
		size_t plain_len = put.len;
		unsigned char plain[600];
		memcpy(plain, put.data, plain_len);
		len = host_protect(&h, last, put.data, put.len);
		while (at < len) {
			size_t piece = len - at < 200 ? len - at : 200;

			memcpy(command, at + piece < len ? first : last, 4);
			command[0] |= 0x04;
			command[4] = (unsigned char)piece;
			memcpy(command + 5, put.data + at, piece);
			at += piece;
			assert_int_equal(host_raw(&h, command, 5 + piece), 0x9000);
			if (at < len)
				assert_int_equal(h.len, 0);
		}
		if (level & 0x10)
			host_unprotect(&h, last, plain, plain_len);
		assert_int_equal(h.len, 1 + 7 * 3);
		assert_int_equal(issuer(&h)->key_count, 7);
		host_must(&h, "80F28002024F00", 0x9000);
		host_close(&h);
	}
}

/* ---- torn cards ---- */

static void state_path(char *path, size_t size)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, size, "%s/sim-keys-%d.json", folder ? folder : "/tmp", (int)getpid());
}

/* Power lost at each write of a replacement: the card is open to one set, whole. */
static void test_torn(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = other_keys(16, 1);
	bool finished = false;
	size_t tears = 0, old_left = 0;
	char path[512];

	(void)state;
	state_path(path, sizeof(path));
	for (unsigned tear = 1; !finished; tear++) {
		struct host h;
		bool opened, old, new;

		host_card(&h, "gp23-scp03", path);
		expect_ok(&host_err, sim_state_save(path, &h.card->nv, false, &host_err));
		host_reset(&h);
		h.card->tear_at = tear;
		opened = host_open(&h, 0, 1, &keys) == 0x9000;
		if (opened && host_put_set(&h, 0, 0x30, SIM_TYPE_AES, &fresh, true) == 0x9000)
			finished = true;
		assert_int_equal(h.sw, finished ? 0x9000 : 0);
		/* Nothing more comes from a card without power. */
		if (!finished)
			assert_int_equal(host_send(&h, "80CA00E000"), 0);
		h.card->tear_at = 0;
		host_reset(&h);
		old = host_open(&h, 0xFF, 1, &keys) == 0x9000;
		host_reset(&h);
		new = host_open(&h, 0x30, 1, &fresh) == 0x9000;
		assert_true(old != new);
		assert_int_equal(new, finished);
		old_left += old;
		tears++;
		host_close(&h);
	}
	assert_int_equal(tears, old_left + 1);
	assert_true(tears >= 4);
	unlink(path);
}

/* What is on disk is all that a card is. */
static void test_state_file(void **state)
{
	struct sim_nv *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
	struct host_keys keys = host_test_keys(), fresh = other_keys(32, 4);
	char path[512];
	struct host h;

	(void)state;
	state_path(path, sizeof(path));
	host_card(&h,
		"[card]\nscp02 = 55\nscp03 = 71\nrule = add\nretry-limit = 7\n" SET(
			"01", "des") "[application A0000000031010]\nprivileges = 000000\n"
				     "[load-file A00000000310]\nmodules = A0000000031010, "
				     "A0000000032020\n"
				     "[answer 1]\ncommand = 80CB0000\nresponse = 01029000\n",
		path);
	expect_ok(&host_err, sim_state_save(path, &h.card->nv, false, &host_err));
	host_reset(&h);
	h.size = 8; /* the DES set opens SCP02 */
	assert_int_equal(host_open(&h, 1, 1, &keys), 0x9000);
	assert_int_equal(host_put_set(&h, 0, 0x40, SIM_TYPE_AES, &fresh, true), 0x9000);
	memcpy(before, &h.card->nv, sizeof(*before));
	host_reset(&h);
	expect_ok(&host_err, sim_state_load(path, after, &host_err));
	assert_memory_equal(before, after, sizeof(*before));
	h.size = 16; /* the AES set opens SCP03 in S16 mode */
	assert_int_equal(host_open(&h, 0x40, 0x33, &fresh), 0x9000);
	host_must(&h, "80F28002024F00", 0x9000);
	host_close(&h);
	unlink(path);
	free(before);
	free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_put_key_checks),
		cmocka_unit_test(test_key_blocks),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_retry_limit),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_chaining),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_state_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
