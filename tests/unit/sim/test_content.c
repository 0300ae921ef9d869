/* SPDX-License-Identifier: Apache-2.0 */
/* Selection, class bytes and channels, data, registry, content management, life cycle. */
#include "sim/registry.h"
#include "sim/tlv.h"
#include "unit/sim/host.h"

#define SSD_INSTALL \
	"80E60C0020 07A0000001515350 08A000000151535041 08A000000151000099 0180 02C900 00"

static void test_select(void **state)
{
	struct host h;

	(void)state;
	host_card(&h, "gp211-scp02", NULL);
	host_expect(&h, "00A4040000", 0x9000);
	host_response_is(&h, "6F108408A000000151000000A5049F6501FF");
	host_expect(&h, "00A4040008A000000151000000", 0x9000);
	host_expect(&h, "00A4040005A00000015100", 0x9000);
	host_expect(&h, "00A4040006A000000151", 0x6700);
	host_expect(&h, "00A4040008A000000151000001", 0x6A82);
	host_expect(&h, "00A4000002 3F0000", 0x6A86);
	host_expect(&h, "00A4040300", 0x6A86);
	/* Class bytes: GPCS 11.1.4. */
	host_expect(&h, "80A4040000", 0x6E00);
	host_expect(&h, "04A4040000", 0x6882);
	host_expect(&h, "20A4040000", 0x6E00);
	host_expect(&h, "10A4040000", 0x6E00);
	host_expect(&h, "FFA4040000", 0x6E00);
	host_expect(&h, "01A4040000", 0x6881);
	host_expect(&h, "41A4040000", 0x6881);
	host_expect(&h, "00E4000000", 0x6E00);
	host_expect(&h, "80AA000000", 0x6D00);
	host_expect(&h, "88CA00E000", 0x6882);
	host_expect(&h, "84CA00E000", 0x6982);
	host_expect(&h, "84500000080102030405060708", 0x6E00);
	host_expect(&h, "80820000100102030405060708090A0B0C0D0E0F10", 0x6985);
	/* Lengths: cases 1 to 4 and nothing else. */
	host_expect(&h, "80CA00E0", 0x9000);
	host_expect(&h, "80CA00", 0x6700);
	host_expect(&h, "80500000080102", 0x6700);
	host_expect(&h, "8050000000000801020304050607 08", 0x6700);
	host_expect(&h, "805000000701020304050607", 0x6700);
	host_expect(&h, "80500001080102030405060708", 0x6A86);
	host_expect(&h, "80505500080102030405060708", 0x6A88);
	host_close(&h);
}

static void test_next(void **state)
{
	struct host h;

	(void)state;
	host_card(&h,
		"[card]\nversion = 2.3.1\nscp03 = 70\n"
		"[application A000000003000001]\nprivileges = 000000\n"
		"[application A000000003000002]\nprivileges = 000000\nlife = 03\n"
		"[application A000000003000003]\nprivileges = 000000\nlife = 87\n"
		"[application A000000003000004]\nprivileges = 000000\nlife = 17\n",
		NULL);
	host_expect(&h, "00A4040205A000000003", 0x6985); /* no first yet */
	host_expect(&h, "00A4040003A00000", 0x9000);
	host_response_is(&h,
		"6F418408A000000151000000A535732F06072A864886FC6B01600C060A2A864886FC6B"
		"02020301630906072A864886FC6B03640B06092A864886FC6B0403709F6501FF");
	/* INSTALLED and LOCKED ones are passed over: GPCS 6.4.2.1.2. */
	host_expect(&h, "00A4040205A000000003", 0x9000);
	host_response_is(&h, "6F0C8408A000000003000001A500");
	host_expect(&h, "00A4040205A000000003", 0x9000);
	host_response_is(&h, "6F0C8408A000000003000004A500");
	host_expect(&h, "00A4040205A000000003", 0x6A82);
	host_expect(&h, "00A4040C05A000000003", 0x9000);
	host_response_is(&h, "");
	host_close(&h);
}

static void test_data(void **state)
{
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	host_expect(&h, "80CA004200", 0x9000);
	host_response_is(&h, "420443415244");
	host_expect(&h, "00CA004200", 0x9000);
	host_response_is(&h, "43415244");
	host_expect(&h, "80CA004500", 0x9000);
	host_response_is(&h, "45080000000000000001");
	host_expect(&h, "80CA00CF00", 0x9000);
	host_response_is(&h, "CF0A00000000000100000000");
	host_expect(&h, "80CA006600", 0x9000);
	host_response_is(&h, "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301"
			     "630906072A864886FC6B03640B06092A864886FC6B040370");
	host_expect(&h, "80CA9F7F00", 0x9000);
	assert_int_equal(h.len, 45);
	host_expect(&h, "80CA9F7F2D", 0x9000);
	host_expect(&h, "80CA9F7F20", 0x6C2D);
	host_expect(&h, "80CA00E000", 0x9000);
	host_response_is(&h, "E012C00401FF8810C00402FF8810C00403FF8810");
	host_expect(&h, "80CA00D300", 0x9000);
	host_response_is(&h, "D30100");
	host_expect(&h, "80CA2F00025C0000", 0x9000);
	host_response_is(&h, "610A4F08A000000151000000");
	host_expect(&h, "80CA00C200", 0x9000); /* it can give receipts: 11.3.2.1 */
	host_response_is(&h, "C2020000");
	host_expect(&h, "00CB2F00025C0000", 0x9000);
	host_expect(&h, "00CB3F00025C0000", 0x6D00);
	host_expect(&h, "80CA00DF00", 0x6A88);
	host_close(&h);

	/* A card without a key template, over T=0. */
	host_card(&h, "[card]\nscp02 = 15\nkey-template = no\nt0 = yes\ncplc = none\n", NULL);
	host_expect(&h, "80CA00E000", 0x6A88);
	host_expect(&h, "80CA9F7F00", 0x6A88);
	host_expect(&h, "80CA00CF00", 0x6C0C);
	host_expect(&h, "80CA00CF0C", 0x9000);
	host_expect(&h, "00A4040007A0000001510000", 0x6112);
	host_expect(&h, "00C0000005", 0x610D);
	host_response_is(&h, "6F108408A0");
	host_expect(&h, "00C000000E", 0x6C0D);
	host_expect(&h, "00C000000D", 0x9000);
	host_response_is(&h, "00000151000000A5049F6501FF");
	host_expect(&h, "00C000000D", 0x6985);
	host_close(&h);
}

/* More than fits: 6310 and "get next", at every kind of protection. */
static void test_status(void **state)
{
	static const unsigned levels[] = {0x00, 0x01, 0x13, 0x33};
	struct host_keys keys = host_test_keys();
	char text[4096] = "";

	(void)state;
	strcat(text, sim_profile_text("gp23-scp03"));
	for (unsigned i = 0; i < 24; i++)
		sprintf(text + strlen(text), "[application A0000000041%03u99]\nlife = 07\n", i);
	for (size_t k = 0; k < 4; k++) {
		size_t seen = 0, rounds = 0;
		struct host h;

		host_card(&h, text, NULL);
		assert_int_equal(host_open(&h, 0, levels[k], &keys), 0x9000);
		host_must(&h, "80F24003024F00", 0x6985);
		host_do(&h, "80F24002024F00");
		for (;;) {
			struct sim_in in = sim_in_of(h.response, h.len);
			struct sim_tlv tlv;

			assert_true(h.sw == 0x9000 || h.sw == 0x6310);
			assert_true(h.len <= 256);
			while (sim_in_tlv(&in, &tlv)) {
				assert_int_equal(tlv.tag, 0xE3);
				seen++;
			}
			assert_int_equal(sim_in_left(&in), 0);
			rounds++;
			if (h.sw == 0x9000)
				break;
			host_do(&h, "80F24003024F00");
		}
		assert_int_equal(seen, 24);
		assert_true(rounds >= 2);
		host_must(&h, "80F24003024F00", 0x6985);
		host_must(&h, "80F24002064F04A0000000", 0x6310);
		host_must(&h, "80F24002064F04A0000009", 0x6A88);
		host_must(&h, "80F24002", 0x6A80);
		host_must(&h, "80F28003024F00", 0x6A86);
		host_must(&h, "80F2C002024F00", 0x6A86);
		host_must(&h, "80F22002024F00", 0x9000);
		host_response_is(&h, "E30D4F07A00000015153509F700101");
		host_must(&h, "80F21002024F00", 0x9000);
		host_response_is(&h, "E3174F07A00000015153509F7001018408A000000151535041");
		host_must(&h, "80F21000024F00", 0x9000);
		host_response_is(&h, "07A000000151535001000108A000000151535041");
		host_must(&h, "80F28000024F00", 0x9000);
		host_response_is(&h, "08A000000151000000019E");
		host_must(&h, "80F28002064F005C024FCC", 0x9000);
		host_response_is(&h, "E3144F08A000000151000000CC08A000000151000000");
		host_close(&h);
	}
}

static void test_domain(void **state)
{
	struct host_keys keys = host_test_keys(), own = host_test_keys();
	struct host h;

	(void)state;
	own.enc[0] = 1;
	own.dek[5] = 2;
	host_card(&h, "gp23-scp03", NULL);
	host_expect(&h, SSD_INSTALL, 0x6982);
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	host_must(&h, SSD_INSTALL, 0x9000);
	host_response_is(&h, "00");
	host_must(&h, SSD_INSTALL, 0x6985); /* it is there */
	host_must(&h, "80F24002024F00", 0x9000);
	host_response_is(
		&h, "E3134F08A0000001510000999F700107C503808000"); /* Trusted Path: Table 6-2 */

	/* Its first keys come under the keys of the domain above it. */
	host_expect(&h, "00A4040008A000000151000099", 0x9000);
	assert_int_equal(host_open(&h, 0, 0x33, &keys), 0x9000);
	assert_int_equal(h.card->nv.entries[1].life, SIM_SELECTABLE);
	assert_int_equal(host_put_set(&h, 0, 0x20, SIM_TYPE_AES, &own, true), 0x9000);
	assert_int_equal(h.card->nv.entries[1].life, SIM_PERSONALIZED);
	assert_int_equal(host_open(&h, 0x20, 0x33, &own), 0x9000);
	assert_int_equal(host_open(&h, 0xFF, 0x33, &keys), 0x6A88);
	assert_int_equal(host_open(&h, 0, 0x33, &own), 0x9000);
	/* It sees nothing of the ISD's, and manages nothing. */
	host_must(&h, "80F28002024F00", 0x6A86);
	host_must(&h, "80F24002024F00", 0x6A88);
	host_must(&h, "80E600000D0507A000000003000000000000", 0x6985);
	host_must(&h, "80E400000A4F08A000000151000000", 0x6985);
	/* Its own keys have made it PERSONALIZED: there is no way back. */
	host_must(&h, "80F0400F08A000000151000099", 0x6985);
	/* The ISD still has its own. */
	host_expect(&h, "00A4040000", 0x9000);
	assert_int_equal(host_open(&h, 0xFF, 0x33, &keys), 0x9000);
	host_must(&h, "80F0408008A000000151000099", 0x9000);
	host_expect(&h, "00A4040008A000000151000099", 0x6A82);
	/* A SELECT that found nothing ended no session. */
	host_must(&h, "80F0400008A000000151000099", 0x9000);
	host_must(&h, "80F0400008A000000151000099", 0x6985);
	host_expect(&h, "00A4040008A000000151000099", 0x9000);
	host_expect(&h, "00A4040000", 0x9000);
	assert_int_equal(host_open(&h, 0xFF, 0x33, &keys), 0x9000);
	/* It locks itself; whoever selects it again is with the ISD: GPCS 6.4.2.1.2. */
	host_expect(&h, "00A4040008A000000151000099", 0x9000);
	assert_int_equal(host_open(&h, 0x20, 0x33, &own), 0x9000);
	host_must(&h, "80F0408008A000000151000099", 0x9000);
	host_must(&h, "80CA00E0", 0x9000);
	host_expect(&h, "00A4040008A000000151000099", 0x6A82);
	host_expect(&h, "80CA004500", 0x9000);
	assert_int_equal(host_open(&h, 0xFF, 0x33, &keys), 0x9000);
	host_must(&h, "80E400000A4F08A000000151000099", 0x9000);
	host_must(&h, "80E400000A4F08A000000151000099", 0x6A88);
	host_must(&h, "80E400000A4F08A000000151000000", 0x6985);
	host_close(&h);
}

/* Keys and data by STORE DATA: GPCS 11.11. */
static void test_store(void **state)
{
	struct host_keys keys = host_test_keys(), fresh = host_test_keys();
	unsigned char data[255], *at;
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0, 0x33, &keys), 0x9000);
	host_must(&h, "80E2900006450401020304", 0x9000);
	host_must(&h, "80CA0045", 0x9000);
	host_response_is(&h, "450401020304");
	/* In two blocks, cut inside the object; a block out of order; what cannot be stored. */
	host_must(&h, "80E210000442060A0B", 0x9000);
	host_must(&h, "80E29001040C0D0E0F", 0x9000);
	host_must(&h, "80CA0042", 0x9000);
	host_response_is(&h, "42060A0B0C0D0E0F");
	host_must(&h, "80E210000442060A0B", 0x9000);
	host_must(&h, "80E29002040C0D0E0F", 0x6A86);
	host_must(&h, "80E2900003C10100", 0x6A80);
	host_must(&h, "80E2900003D30100", 0x6A80);
	host_must(&h, "80E29000024204", 0x6A80);
	host_must(&h, "80E2880007007004420255AA", 0x9000);
	host_must(&h, "80CA0042", 0x9000);
	host_response_is(&h, "420255AA");
	host_must(&h, "80E29000094F07A0000001510001", 0x9000);
	host_must(&h, "80F28002024F00", 0x9000);
	host_response_is(&h, "E3124F07A00000015100019F700101C5039EFE80");

	/* Three keys: the description, then each under the DEK. */
	fresh.enc[1] = 7;
	fresh.mac[1] = 8;
	fresh.dek[1] = 9;
	at = data;
	at += host_hex("00B94B", at, 8);
	for (unsigned kid = 1; kid <= 3; kid++) {
		const unsigned char *key = kid == 1 ? fresh.enc : kid == 2 ? fresh.mac : fresh.dek;

		at += host_hex("B91495011880018881 0110820100830144 8403", at, 40);
		at[-6] = (unsigned char)kid;
		assert_true(sim_check_value(SIM_AES, key, 16, at));
		at += 3;
	}
	data[2] = (unsigned char)(at - data - 3);
	for (unsigned kid = 1; kid <= 3; kid++) {
		const unsigned char *key = kid == 1 ? fresh.enc : kid == 2 ? fresh.mac : fresh.dek;

		at += host_hex("811310", at, 8);
		assert_true(sim_cbc(SIM_AES, h.dek, 16, NULL, true, key, 16, at));
		at += 16;
	}
	const unsigned char header[4] = {0x80, 0xE2, 0x88, 0x00};
	data[(size_t)(at - data) - 1] ^= 1; /* the last key is another: its check value says so */
	assert_int_equal(host_command(&h, header, data, (size_t)(at - data)), 0x6982);
	assert_int_equal(h.card->nv.entries[0].key_count, 3);
	data[(size_t)(at - data) - 1] ^= 1;
	assert_int_equal(host_command(&h, header, data, (size_t)(at - data)), 0x9000);
	assert_int_equal(host_open(&h, 0x44, 0x33, &fresh), 0x9000);
	host_close(&h);
}

static void test_load(void **state)
{
	/* Two CAP components: Header of package A00000000310, Applet with two modules. */
	static const char cap[] = "01 0010 DECAFFED 0102 04 0000 06 A00000000310"
				  "03 0014 02 06 A00000000311 0000 07 A0000000031201 0000";
	struct host_keys keys = host_test_keys();
	unsigned char file[128], block[128], big[200];
	size_t len;
	struct host h;

	(void)state;
	len = host_hex(cap, file + 2, sizeof(file) - 2);
	file[0] = 0xC4;
	file[1] = (unsigned char)len;
	len += 2;
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	for (int round = 0; round < 3; round++) {
		const unsigned char first[4] = {0x80, 0xE8, 0x00, 0x00};
		const unsigned char last[4] = {0x80, 0xE8, 0x80, 0x01};

		assert_int_equal(host_command(&h, first, file, 20), 0x6985);
		/* The name it is loaded under must be its own. */
		host_must(&h,
			round == 0 ? "80E602000B06A0000000039900000000"
				   : "80E602000B06A0000000031000000000",
			0x9000);
		memcpy(block, file, len);
		assert_int_equal(host_command(&h, first, block, 20), 0x9000);
		if (round == 1) { /* a block is left out */
			const unsigned char skipped[4] = {0x80, 0xE8, 0x80, 0x02};

			assert_int_equal(host_command(&h, skipped, block + 20, len - 20), 0x6A86);
			continue;
		}
		assert_int_equal(
			host_command(&h, last, block + 20, len - 20), round == 0 ? 0x6A80 : 0x9000);
	}
	host_must(&h, "80F21002024F06", 0x6A80);
	host_must(&h, "80F21002084F06A00000000310", 0x9000);
	host_response_is(&h, "E31D4F06A000000003109F7001018406A000000003118407A0000000031201");
	/* Installed from a module of it; not from one it has not. */
	host_must(&h,
		"80E604001E 06A00000000310 07A0000000031299 06A00000000377 03000000 02C900 00",
		0x6A88);
	host_must(&h, "80E604001D 06A00000000310 07A0000000031201 06A00000000377 0100 02C900 00 00",
		0x6A80);
	host_must(&h, "80E604001C 06A00000000310 07A0000000031201 06A00000000377 0100 02C900 00",
		0x9000);
	host_expect(&h, "00A4040006A00000000377", 0x6A82); /* INSTALLED only */
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	host_must(&h, "80E608000D 00 00 06A00000000377 0100 00 00", 0x9000);
	host_expect(&h, "00A4040006A00000000377", 0x9000);
	host_response_is(&h, "6F0A8406A00000000377A500");
	host_expect(&h, "80CA004500", 0x6D00);
	/* More data than the card could keep of a domain's; the blocks are counted all the same. */
	host_expect(&h, "00A4040000", 0x9000);
	assert_int_equal(host_open(&h, 0, 0x00, &keys), 0x9000);
	host_must(&h, "80E620000C 0000 06A00000000377 000000", 0x9000);
	memset(big, 0x55, sizeof(big));
	for (unsigned n = 0; n < 30; n++) {
		const unsigned char more[4] = {0x80, 0xE2, 0x00, (unsigned char)n};

		assert_int_equal(host_command(&h, more, big, sizeof(big)), 0x9000);
	}
	host_must(&h, "80E2801F0155", 0x6A86);
	host_must(&h, "80E280000155", 0x9000);
	host_must(&h, "80E280000155", 0x6A80); /* the session is over: for the ISD itself */
	host_expect(&h, "00A4040006A00000000377", 0x9000);
	/* A channel through its domain. */
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	host_must(&h, "80E20000", 0x6D00);
	host_expect(&h, "00A4040000", 0x9000);
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	host_must(&h, "80E40000084F06A00000000310", 0x6985); /* it has an application */
	host_must(&h, "80E40080084F06A00000000310", 0x9000);
	host_must(&h, "80F24002024F00", 0x6A88);
	host_close(&h);
}

static void test_life_cycle(void **state)
{
	struct host_keys keys = host_test_keys();
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0, 0x01, &keys), 0x9000);
	host_must(&h, "80F08001", 0x6A86);
	host_must(&h, "80F0807F", 0x6985); /* not from OP_READY */
	host_must(&h, "80F08007", 0x9000);
	host_must(&h, "80F08007", 0x6985);
	host_must(&h, "80F0800F", 0x9000);
	host_expect(&h, "0070000001", 0x9000);
	host_must(&h, "80F0807F", 0x9000);
	host_expect(&h, "01A4040000", 0x6A81); /* GPCS 6.4.3.1.2 */
	host_expect(&h, "01A4040000", 0x6881);
	host_must(&h, "80E4000003D20120", 0x6985);
	host_must(&h, "80CA0045", 0x9000);
	host_reset(&h);
	host_expect(&h, "00A4040000", 0x6283);
	host_expect(&h, "00A4040008A000000151535041", 0x6A81);
	host_expect(&h, "0070000001", 0x6A81);
	host_expect(&h, "01A4040000", 0x6881); /* closed with the power */
	assert_int_equal(host_open(&h, 0, 0x01, &keys), 0x9000);
	host_must(&h, "80F0800F", 0x9000);
	host_must(&h, "80F080FF", 0x9000);
	host_must(&h, "80F0800F", 0x6985);
	host_expect(&h, "00A4040000", 0x6A81);
	host_reset(&h);
	host_expect(&h, "8050000008010203040506070800", 0x6985);
	host_expect(&h, "80CA004500", 0x9000); /* GPCS 5.1.1.5 */
	host_close(&h);
}

static void test_channels(void **state)
{
	struct host_keys keys = host_test_keys();
	struct host h, other;

	(void)state;
	host_card(&h,
		"[card]\nversion = 2.3.1\nscp03 = 70\nchannels = 6\n[key-set 01]\ntype = aes\n"
		"enc = 404142434445464748494A4B4C4D4E4F\n"
		"mac = 404142434445464748494A4B4C4D4E4F\n"
		"dek = 404142434445464748494A4B4C4D4E4F\n",
		NULL);
	host_expect(&h, "0070000001", 0x9000);
	host_response_is(&h, "01");
	other = h;
	other.channel = 1;
	/* Two sessions side by side; the channel is no part of the C-MAC (AmdD 6.2.4). */
	assert_int_equal(host_open(&h, 1, 0x33, &keys), 0x9000);
	assert_int_equal(host_open(&other, 1, 0x33, &keys), 0x9000);
	host_must(&h, "80F28002024F00", 0x9000);
	host_must(&other, "80F28002024F00", 0x9000);
	host_expect(&h, "0070800100", 0x9000);
	host_expect(&h, "0070800100", 0x6200);
	host_expect(&h, "81CA00E000", 0x6881);
	host_must(&h, "80F28002024F00", 0x9000);
	host_expect(&h, "0070000500", 0x9000);
	host_expect(&h, "C1CA00E000", 0x9000);
	host_expect(&h, "C2CA00E000", 0x6881);
	host_expect(&h, "0070800000", 0x6A86);
	for (int i = 1; i < 5; i++)
		host_expect(&h, "0070000001", 0x9000);
	host_expect(&h, "0070000001", 0x6A81);
	host_close(&h);
}

/* GPCS E.5.3, E.5.4; AmdD 7.1.3, 7.1.4. */
static void test_r_mac_session(void **state)
{
	struct host_keys keys = host_test_keys();
	const unsigned char begin[4] = {0x80, 0x7A, 0x10, 0x01};
	const unsigned char challenge[3] = {0x02, 0xAB, 0xCD};
	struct host h;

	(void)state;
	host_card(&h, "gp23-scp03", NULL);
	assert_int_equal(host_open(&h, 0, 0x03, &keys), 0x9000);
	host_must(&h, "80780003", 0x6985);
	assert_int_equal(host_command(&h, begin, challenge, 3), 0x9000);
	assert_int_equal(h.len, 0);
	h.level = 0x13;
	host_must(&h, "80F28002024F00", 0x9000);
	host_must(&h, "80780003", 0x9000); /* its own response still has one */
	h.level = 0x03;
	host_must(&h, "80F28002024F00", 0x9000);
	host_close(&h);

	host_card(&h,
		"[card]\nscp02 = 75\n[key-set 01]\ntype = des\n"
		"enc = 404142434445464748494A4B4C4D4E4F\nmac = 404142434445464748494A4B4C4D4E4F\n"
		"dek = 404142434445464748494A4B4C4D4E4F\n",
		NULL);
	assert_int_equal(host_open(&h, 1, 0x01, &keys), 0x9000);
	unsigned char chain[8];
	memcpy(chain, h.r_chain, 8);
	assert_int_equal(host_command(&h, begin, challenge, 3), 0x9000);
	assert_int_equal(h.len, 0);
	/* The pair of BEGIN is part of the chain though its R-MAC was not sent. */
	const unsigned char text[] = {
		0x80, 0x7A, 0x10, 0x01, 0x03, 0x02, 0xAB, 0xCD, 0x00, 0x90, 0x00};
	const struct sim_part part = {text, sizeof(text)};
	assert_true(sim_retail_mac(h.rmac, chain, &part, 1, h.r_chain));
	h.level = 0x11;
	host_must(&h, "80F28002024F00", 0x9000);
	host_must(&h, "80F28003024F00", 0x6A86); /* an error is in the chain, too */
	host_must(&h, "80F28002024F00", 0x9000);
	memcpy(chain, h.r_chain, 8);
	h.level = 0x01;
	host_must(&h, "80780003", 0x9000);
	assert_int_equal(h.len, 8);
	assert_memory_equal(h.response, chain, 8);
	host_must(&h, "80F28002024F00", 0x9000);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_domain),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_life_cycle),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_r_mac_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
