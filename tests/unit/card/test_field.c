/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What real cards said, as their owners published it (docs/sources.md, "Recorded cards"): sessions
 * replayed, keys and cryptograms compared, and every answer that a parser here reads.
 */
#include "card/crypt.h"
#include "card/gp.h"
#include "card/scp02.h"
#include "card/scp03.h"
#include "card/script.h"
#include "support/expect.h"

#include "base/hex.h"

#include <string.h>

static struct kms_err err;

static size_t hex(const char *text, unsigned char *out, size_t max)
{
	size_t len = 0;

	expect_ok(&err, hex_decode(text, strlen(text), "hex", out, max, &len, &err));
	return len;
}

static void same_hex(const void *actual, size_t len, const char *expected)
{
	char text[2 * 64 + 1];

	assert_true(len <= 64);
	hex_encode(actual, len, text);
	assert_string_equal(text, expected);
}

/* Nearly all cards that people write about are open to 40 41 … 4F. */
static struct card_keys *test_keys(enum card_key_type type)
{
	struct secret keys[CARD_ROLES] = {{0}};
	struct card_keys *ret = NULL;

	for (size_t i = 0; i < CARD_ROLES; i++)
		expect_ok(&err, secret_copy(&keys[i], "@ABCDEFGHIJKLMNO", 16, &err));
	expect_ok(&err, card_keys_clear("test keys", type, keys, &ret, &err));
	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&keys[i]);
	return ret;
}

static struct scp_init init_of(const char *challenge, unsigned scp02_i, const char *answer)
{
	unsigned char host[16], bytes[64];
	size_t host_len = hex(challenge, host, sizeof(host)),
	       len = hex(answer, bytes, sizeof(bytes));
	struct scp_init init = {0};

	expect_ok(&err, scp_init_parse(host, host_len, scp02_i, bytes, len, &init, &err));
	return init;
}

/* ---- sessions ---- */

struct recorded_init {
	const char *challenge, *answer;
	unsigned scp02_i, scp, kvn;
	const char *kdd, *s_enc, *s_mac, *s_rmac, *host_cryptogram; /* NULL: not recorded */
};

static const struct recorded_init inits[] = {
	/* makinako/OpenFIPS201 issue 48 */
	{"D8C948C6A61EEA2C", "00009326516063994079010205807CBE9D3BF026E625F4E72602BF0B", 0x75, 2,
		0x01, "00009326516063994079", "71758AE9CE747312FC70C89DD6FA3E98",
		"A3090CE14165EC6B026100B08D9C2C78", "0E55F723C6F2894A401EDDF9229688A5", NULL},
	/* GlobalPlatformPro issue 98; the diversification data was not told */
	{"C81ED3B6B3DEF556",
		"00000000000000000000000310"
		"86C8BD65FA1044EECF4A8EE6E34A4321000000",
		0, 3, 0x00, NULL, "3D991C5571391EB5BEF93DB2A4FD13D8",
		"9BAB6C2C1EFEAC6E4F3B214ABABAC3B1", NULL, "DC79BEA879C62D44"},
	/* kaoh/globalplatform issue 48: its author was told that the cryptogram is wrong */
	{"D067FF312745EBE5", "000021619600596445050102000E2E07A5F0A58F617901CC45908A6D", 0x15, 2,
		0x01, "00002161960059644505", NULL, NULL, NULL, NULL},
	/* GlobalPlatformPro issue 15 */
	{"D31CC4DE5E586FBC", "0000416804170A325DC801020004B1B79602B1CBE00CF4940C256269", 0x15, 2,
		0x01, "0000416804170A325DC8", NULL, NULL, NULL, "04AD1BE9E3B9A841"},
	/* JCOP 41, pastebin jLyXGKf9 */
	{"AA3F112534ABEDC5", "0000C6D86A1CB2021413FF02000093733AB82C0F5F285C08A698212C", 0x15, 2,
		0xFF, "0000C6D86A1CB2021413", NULL, NULL, NULL, "1C2EB3D6C9C54506"},
};

static void test_inits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		const struct recorded_init *r = &inits[i];
		struct scp_init init = init_of(r->challenge, r->scp02_i, r->answer);
		CARD_KEYS_AUTO struct card_keys *keys =
			test_keys(r->scp == 2 ? CARD_KEY_DES : CARD_KEY_AES);
		struct scp scp = {0};

		assert_int_equal(init.scp, r->scp);
		assert_int_equal(init.key_version, r->kvn);
		if (r->kdd)
			same_hex(init.kdd, sizeof(init.kdd), r->kdd);
		/* That it opens at all is the card cryptogram's agreement. */
		expect_ok(&err, scp_open(&scp, &init, keys, r->s_rmac ? 0x13 : 0x03, &err));
		if (r->s_enc)
			same_hex(scp.enc.data, scp.enc.len, r->s_enc);
		if (r->s_mac)
			same_hex(scp.mac.data, scp.mac.len, r->s_mac);
		if (r->s_rmac)
			same_hex(scp.rmac.data, scp.rmac.len, r->s_rmac);
		if (r->host_cryptogram)
			same_hex(scp.host_cryptogram, 8, r->host_cryptogram);
		scp_close(&scp);
		init.cryptogram[0] ^= 1;
		expect_err(&err, scp_open(&scp, &init, keys, 0x03, &err), KMS_ERR_MISMATCH,
			"is not that of 'test keys'");
	}
}

static enum kms_status fixed_challenge(void *ctx, unsigned char *out, size_t len, struct kms_err *e)
{
	(void)e;
	assert_int_equal(hex(ctx, out, len), len);
	return KMS_OK;
}

/*
 * Sessions of other programs, from SELECT to GET STATUS, level 00. The steps with P2=02 were not
 * recorded: this program asks for tags first, which such cards refuse.
 */
static const struct card_step t0_session[] = {
	{"00A4040000", "6F108408A000000003000000A5049F6501FF9000", 0},
	{"8050000008D31CC4DE5E586FBC", "611C", 0},
	{"00C000001C", "0000416804170A325DC801020004B1B79602B1CBE00CF4940C2562699000", 0},
	{"848200001004AD1BE9E3B9A8416836287E21C90C7A", "9000", 0},
	{"80F28002024F00", "6A86", 0},
	{"80F28000024F00", "610B", 0},
	{"00C000000B", "08A000000003000000019E9000", 0},
	{"80F24002024F00", "6A86", 0},
	{"80F24000024F00", "6A88", 0},
	{"80F22002024F00", "6A86", 0},
	{"80F22000024F00", "611B", 0},
	{"00C000001B", "07A0000000035350010006A00000000310010005315041592E01009000", 0},
};

static const struct card_step t1_session[] = {
	{"00A4040008A00000000300000000", "6F108408A000000003000000A5049F6501FF9000", 0},
	{"8050000008AA3F112534ABEDC500",
		"0000C6D86A1CB2021413FF02000093733AB82C0F5F285C08A698212C9000", 0},
	{"84820000101C2EB3D6C9C54506F3691E6E1E01FF57", "9000", 0},
	{"80F28002024F0000", "6A86", 0},
	{"80F28000024F0000", "08A000000003000000019E9000", 0},
	{"80F24002024F0000", "6A86", 0},
	{"80F24000024F0000", "6A88", 0},
	{"80F21002024F0000", "6A86", 0},
	{"80F21000024F0000", "07A000000003535001000108A0000000035350419000", 0},
};

struct recorded {
	const struct card_step *steps;
	size_t count;
	enum card_protocol protocol;
	const char *aid; /* NULL: selected without a name */
	const char *challenge;
	enum gp_status_of files;
	size_t file_count;
	const char *last_file;
};

static const struct recorded sessions[] = {
	/* GlobalPlatformPro issue 15 */
	{t0_session, sizeof(t0_session) / sizeof(t0_session[0]), CARD_T0, NULL, "D31CC4DE5E586FBC",
		GP_STATUS_FILES, 3, "315041592E"},
	/* JCOP 41, pastebin jLyXGKf9 */
	{t1_session, sizeof(t1_session) / sizeof(t1_session[0]), CARD_T1, "A000000003000000",
		"AA3F112534ABEDC5", GP_STATUS_MODULES, 1, "A0000000035350"},
};

static void run_session(const struct recorded *r)
{
	static struct gp_registry found;
	CARD_KEYS_AUTO struct card_keys *keys = test_keys(CARD_KEY_DES);
	CARD_LINK_AUTO struct card_link *link = NULL;
	struct gp_aid aid = {.len = 0};
	const struct gp_entry *last;
	size_t used = 0;
	struct scp_init init;
	struct gp_fci fci;
	struct gp gp;

	if (r->aid)
		expect_ok(&err, gp_aid_parse(r->aid, "AID", &aid, &err));
	expect_ok(&err, card_script_open(r->steps, r->count, &used, &link, &err));
	link->protocol = r->protocol;
	gp_open(&gp, link);
	gp.challenge = fixed_challenge;
	gp.challenge_ctx = (void *)r->challenge;
	expect_ok(&err, gp_select(&gp, r->aid ? &aid : NULL, &fci, &err));
	expect_ok(&err, gp_initialize_update(&gp, 0, 8, 0x15, &init, &err));
	expect_ok(&err, gp_external_authenticate(&gp, &init, keys, 0x00, &err));
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_ISD, &found, &err));
	assert_int_equal(found.count, 1);
	assert_int_equal(found.entries[0].state, GP_CARD_OP_READY);
	assert_int_equal(found.entries[0].privileges, 0x9E0000);
	expect_ok(&err, gp_get_status(&gp, GP_STATUS_APPLICATIONS, &found, &err));
	assert_int_equal(found.count, 0);
	expect_ok(&err, gp_get_status(&gp, r->files, &found, &err));
	assert_int_equal(found.count, r->file_count);
	last = &found.entries[found.count - 1];
	same_hex(last->aid.bytes, last->aid.len, r->last_file);
	assert_int_equal(used, r->count);
	gp_close(&gp);
}

static void test_sessions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sessions) / sizeof(sessions[0]); i++)
		run_session(&sessions[i]);
}

/* GlobalPlatformPro issue 124: a warning alone, the data by GET RESPONSE. */
static void test_warning_on_t0(void **state)
{
	static const struct card_step steps[] = {{"84F22002024F00", "6310", 0},
		{"00C0000000", "E30D4F07A00000015153509F700101E30C4F06A000000151009F7001019000", 0},
		{"84F22003024F00", "6310", 0}, {"00C0000000", "6985", 0},
		{"84F22003024F00", "6310", 0}, {"00C0000000", "6C03", 0},
		{"00C0000003", "AABBCC9000", 0}, {"00F2200002", "6310", 0}};
	static const unsigned char all[] = {0x4F, 0x00};
	static struct apdu_response r;
	struct apdu apdu = {.cla = 0x84,
		.ins = GP_GET_STATUS,
		.p1 = 0x20,
		.p2 = 0x02,
		.data = all,
		.len = 2,
		.le = APDU_LE_ALL};
	CARD_LINK_AUTO struct card_link *link = NULL;
	size_t used = 0;

	(void)state;
	expect_ok(&err, card_script_open(steps, 8, &used, &link, &err));
	link->protocol = CARD_T0;
	expect_ok(&err, apdu_transmit(link, &apdu, &r, &err));
	assert_int_equal(r.sw, 0x6310);
	assert_int_equal(r.len, 29);
	apdu.p2 = 0x03;
	expect_ok(&err, apdu_transmit(link, &apdu, &r, &err));
	assert_true(r.sw == 0x6310 && r.len == 0);
	expect_ok(&err, apdu_transmit(link, &apdu, &r, &err));
	assert_true(r.sw == 0x6310 && r.len == 3);
	/* Case 2 has had its chance; on T=1 nothing is held back. */
	apdu = (struct apdu){.cla = 0x00, .ins = GP_GET_STATUS, .p1 = 0x20, .le = 2};
	expect_ok(&err, apdu_transmit(link, &apdu, &r, &err));
	assert_int_equal(used, 8);
}

/* ---- what cards tell without being asked who asks ---- */

static void test_select(void **state)
{
	static const struct {
		const char *answer, *aid;
		unsigned max_data;
		bool management;
	} rows[] = {
		/* Oberthur: GlobalPlatformPro issue 112 */
		{"6F408407A0000001510000A535732F06072A864886FC6B01600C060A2A864886FC6B020202016309"
		 "06072A864886FC6B03640B06092A864886FC6B0403709F6501FF",
			"A0000001510000", 255, true},
		/* Gemalto, with 9F6E: issue 103 */
		{"6F658408A000000018434D00A559734A06072A864886FC6B01600C060A2A864886FC6B0202010163"
		 "0906072A864886FC6B03640B06092A864886FC6B040310650B06092B8510864864020103660C060A"
		 "2B060104012A026E01029F6E061291535602009F6501FF",
			"A000000018434D00", 255, true},
		/* kaoh/globalplatform issue 36 */
		{"6F5B8408A000000003000000A54F734906072A864886FC6B01600B06092A864886FC6B0202026309"
		 "06072A864886FC6B03640B06092A864886FC6B040255650B06092A864886FC6B020101660C060A2B"
		 "060104012A026E01029F6501FF",
			"A000000003000000", 255, true},
		/* chenpengcong/blog issue 31 */
		{"6F188410A0000000660000000000000000000002A5049F6501FF",
			"A0000000660000000000000000000002", 255, false},
		/* SCP01, CPLC in 9F6E: java-index.com 5188652 */
		{"6F6E8408A000000003000000A562732F06072A864886FC6B01600C060A2A864886FC6B0202010163"
		 "0906072A864886FC6B03640B06092A864886FC6B0401059F6E2A2050500040415273006070450000"
		 "000600001912704519137045191470450000000000000000000000009F6501FF",
			"A000000003000000", 255, true},
		{"6F108408A000000003000000A5049F6501FF", "A000000003000000", 255, false},
		{"", "", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[256];
		size_t len = hex(rows[i].answer, bytes, sizeof(bytes));
		struct gp_fci fci;

		expect_ok(&err, gp_fci_parse(bytes, len, &fci, &err));
		same_hex(fci.aid.bytes, fci.aid.len, rows[i].aid);
		assert_int_equal(fci.max_data, rows[i].max_data);
		assert_int_equal(fci.has_management, rows[i].management);
	}
}

static void test_recognition(void **state)
{
	static const struct {
		const char *answer, *version;
		size_t count;
		unsigned scp[2], i[2];
	} rows[] = {
		/* GlobalPlatformPro issue 114 */
		{"6631732F06072A864886FC6B01600C060A2A864886FC6B02020201630906072A864886FC6B03640B"
		 "06092A864886FC6B040370",
			"2.2.1", 1, {3}, {0x70}},
		/* issue 253: sysmoISIM-SJA2 */
		{"6631732F06072A864886FC6B01600C060A2A864886FC6B02020101630906072A864886FC6B03640B"
		 "06092A864886FC6B040215",
			"2.1.1", 1, {2}, {0x15}},
		/* chenpengcong/blog issue 31: a second protocol, 80, whose i takes an octet more */
		{"663D733B06072A864886FC6B01600B06092A864886FC6B020202630906072A864886FC6B03640B06"
		 "092A864886FC6B040255640B06092A864886FC6B048000",
			"2.2", 1, {2}, {0x55}},
		/* GlobalPlatformPro issue 143: SCP01, in template 73 alone */
		{"734A06072A864886FC6B01600C060A2A864886FC6B02020101630906072A864886FC6B03640B0609"
		 "2A864886FC6B040105650B06092B8510864864020103660C060A2B060104012A026E0102",
			"2.1.1", 1, {1}, {0x05}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[256];
		size_t len = hex(rows[i].answer, bytes, sizeof(bytes));
		struct gp_recognition got;

		expect_ok(&err, gp_recognition_parse(bytes, len, &got, &err));
		assert_string_equal(got.version, rows[i].version);
		assert_true(got.unique_id);
		assert_int_equal(got.count, rows[i].count);
		for (size_t k = 0; k < got.count; k++) {
			assert_int_equal(got.scps[k].scp, rows[i].scp[k]);
			assert_int_equal(got.scps[k].i, rows[i].i[k]);
		}
	}
}

static void test_key_lists(void **state)
{
	static const struct {
		const char *answer;
		size_t count;
		unsigned version, type, length; /* of a complete set in it */
	} rows[] = {
		/* GlobalPlatformPro issue 114: AES-256 */
		{"E012C00401018820C00402018820C00403018820", 3, 0x01, 0x88, 32},
		/* ctskinner.blogspot.com, 2011/10: two sets */
		{"E024C00401018010C00402018010C00403018010C00401038010C00402038010C00403038010", 6,
			0x03, 0x80, 16},
		/* GlobalPlatformPro issue 102: four sets, 10 to 13 */
		{"E048C00401108010C00402108010C00403108010C00401118010C00402118010C00403118010C004"
		 "01128010C00402128010C00403128010C00401138010C00402138010C00403138010",
			12, 0x13, 0x80, 16},
		/* issue 79, as that program lists it: two types under one version */
		{"E024C00401FF8010C00402FF8010C00403FF8010C00401FF8820C00402FF8820C00403FF8820", 6,
			0xFF, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[256];
		size_t len = hex(rows[i].answer, bytes, sizeof(bytes));
		unsigned type, length;
		struct gp_key_list list;

		expect_ok(&err, gp_key_list_parse(bytes, len, &list, &err));
		assert_int_equal(list.count, rows[i].count);
		assert_true(gp_key_list_set(&list, rows[i].version, &type, &length));
		assert_int_equal(type, rows[i].type);
		assert_int_equal(length, rows[i].length);
	}
}

static void test_cplc(void **state)
{
	static const struct {
		const char *answer, *id; /* NULL: none */
	} rows[] = {
		/* GlobalPlatformPro issues 112 and 383; herlesupreeth/CoIMS_Wiki issue 1 */
		{"9F7F2A47906A1582314176009661330000114A1424114261331143613311446133130B0000000000"
		 "0000000000",
			"47906A150000114A1424"},
		{"9F7F2A4790D32147000000000031800504742075150000000000000000031C2A3530343734000000"
		 "0000000000",
			"4790D321050474207515"},
		{"9F7F2AFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
		 "FFFFFFFFFFFF",
			NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[64], id[GP_CHIP_ID_SIZE];
		size_t len = hex(rows[i].answer, bytes, sizeof(bytes));
		struct gp_cplc cplc;

		expect_ok(&err, gp_cplc_parse(bytes, len, &cplc, &err));
		assert_int_equal(gp_cplc_chip_id(&cplc, id), rows[i].id != NULL);
		if (rows[i].id)
			same_hex(id, sizeof(id), rows[i].id);
		/* Class 00 gives the value alone; a byte less or more is no CPLC. */
		expect_ok(&err, gp_cplc_parse(bytes + 3, len - 3, &cplc, &err));
		expect_err(&err, gp_cplc_parse(bytes + 3, len - 4, &cplc, &err), KMS_ERR_INVALID,
			"CPLC");
		bytes[2]--;
		expect_err(&err, gp_cplc_parse(bytes, len - 1, &cplc, &err), KMS_ERR_INVALID,
			"CPLC: 41 bytes, not 42");
	}
}

/* GlobalPlatformPro issue 355: an NXP card that tells nothing to those it does not know. */
static void test_silent(void **state)
{
	static const struct card_step steps[] = {{"80CA9F7F00", "6985", 0},
		{"80CA004200", "6985", 0}, {"80CA006600", "6985", 0}, {"80CA00E000", "6982", 0}};
	CARD_LINK_AUTO struct card_link *link = NULL;
	struct gp_recognition recognition;
	struct gp_key_list list;
	struct gp_cplc cplc;
	struct gp_id id;
	struct gp gp;

	(void)state;
	expect_ok(&err, card_script_open(steps, 4, NULL, &link, &err));
	gp_open(&gp, link);
	expect_err(&err, gp_get_cplc(&gp, &cplc, &err), KMS_ERR_NOT_FOUND, "SW 6985");
	expect_err(&err, gp_get_iin(&gp, &id, &err), KMS_ERR_NOT_FOUND, "SW 6985");
	expect_err(&err, gp_get_recognition(&gp, &recognition, &err), KMS_ERR_NOT_FOUND, "SW 6985");
	expect_err(&err, gp_get_key_list(&gp, &list, &err), KMS_ERR_NOT_FOUND, "SW 6982");
	gp_close(&gp);
}

/* SCP01, the second on a card (java-index.com 5188652), and other lengths: refused, and said so. */
static void test_other_channels(void **state)
{
	static const struct {
		const char *answer, *says;
	} rows[] = {
		{"00004181116665F5B8300101A67BE0F6BB2920AAD421FF3948F1304B",
			"SCP01 is a secure channel that cardkms does not speak"},
		{"00007045000000060000FF014F86CB63C6429E8F084863C300B7026B",
			"SCP01 is a secure channel that cardkms does not speak"},
		{"00009326516063994079018100007CBE9D3BF026E625F4E72602BF0B", "SCP81 is a secure"},
		{"00009326516063994079010205807CBE9D3BF026E625F4E72602BF", "has 27 bytes, not 28"},
		{"149480576000078C01000103705CB17CF9D29E88CC780408C2550282F9",
			"has 29 bytes, not 32 as SCP03 i=70"},
		{"0000932651606399407901", "has only 11 bytes"},
		{"", "has only 0 bytes"},
	};
	unsigned char host[8] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned char bytes[64];
		size_t len = hex(rows[i].answer, bytes, sizeof(bytes));
		struct scp_init init = {0};
		enum kms_status st = scp_init_parse(host, 8, 0x15, bytes, len, &init, &err);

		assert_true(st == KMS_ERR_INVALID || st == KMS_ERR_UNSUPPORTED);
		if (!strstr(err.msg, rows[i].says))
			fail_msg("%s: %s", rows[i].answer, err.msg);
	}
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inits),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_warning_on_t0),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_recognition),
		cmocka_unit_test(test_key_lists),
		cmocka_unit_test(test_cplc),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_other_channels),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
