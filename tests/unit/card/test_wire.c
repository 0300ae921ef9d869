/* SPDX-License-Identifier: Apache-2.0 */
/* APDUs, chaining of answers, status words, BER-TLV, and what cards say of themselves. */
#include "base/hex.h"
#include "card/apdu.h"
#include "card/gpdata.h"
#include "card/script.h"
#include "support/expect.h"
#include "support/forall.h"

#include <stdio.h>
#include <stdlib.h>

static struct kms_err err;

struct bytes {
	unsigned char data[2048];
	size_t len;
};

static struct bytes hex(const char *text)
{
	struct bytes b = {.len = 0};

	expect_ok(
		&err, hex_decode(text, strlen(text), "test", b.data, sizeof(b.data), &b.len, &err));
	return b;
}

/* ---- APDUs ---- */

static void coded(const struct apdu *apdu, enum card_protocol protocol, const char *want)
{
	unsigned char out[1024];
	struct bytes w = hex(want);
	size_t len = 0;

	expect_ok(&err, apdu_encode(apdu, protocol, out, sizeof(out), &len, &err));
	assert_int_equal(len, w.len);
	assert_memory_equal(out, w.data, len);
}

static void test_cases(void **state)
{
	const unsigned char d[300] = {0xD2, 1, 2};
	struct apdu a = {.cla = 0x80, .ins = 0xE4, .p1 = 1, .p2 = 2};

	(void)state;
	coded(&a, CARD_T1, "80E40102");
	coded(&a, CARD_T0, "80E4010200");
	a.le = APDU_LE_ALL;
	coded(&a, CARD_T1, "80E4010200");
	coded(&a, CARD_T0, "80E4010200");
	a.le = 0x2D;
	coded(&a, CARD_T0, "80E401022D");
	a.data = d;
	a.len = 3;
	coded(&a, CARD_T1, "80E4010203D201022D");
	coded(&a, CARD_T0, "80E4010203D20102");
	a.le = 0;
	coded(&a, CARD_T1, "80E4010203D20102");
	a.extended = true; /* allowed, not needed */
	coded(&a, CARD_T1, "80E4010203D20102");
	a.le = 65536;
	coded(&a, CARD_T1, "80E40102000003D201020000");
	a.len = 0;
	coded(&a, CARD_T1, "80E40102000000");
	a.extended = false;
	expect_err(&err, apdu_encode(&a, CARD_T1, (unsigned char[64]){0}, 64, &(size_t){0}, &err),
		KMS_ERR_INVALID, "Le 65536");
	a.le = 0;
	a.len = 256;
	expect_err(&err, apdu_encode(&a, CARD_T1, (unsigned char[512]){0}, 512, &(size_t){0}, &err),
		KMS_ERR_INVALID, "256 bytes of data");
}

static void test_decode(void **state)
{
	static const char *const bad[] = {"", "80E401", "80E4010203D201", "80E4010203D201020000",
		"80E4010200D2", "80E401020000", "80E40102000000D2", "80E401020000020102030405"};
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes b = hex(bad[i]);

		if (apdu_decode(b.data, b.len, &a))
			fail_msg("'%s' is taken for a command", bad[i]);
	}
}

static bool prop_apdu(struct forall *f)
{
	unsigned char data[700], out[1024];
	struct apdu a = {.cla = (unsigned char)forall_u64(f), .ins = 1, .p1 = 2, .p2 = 3}, b;
	size_t len = 0;

	a.extended = forall_coin(f);
	a.len = forall_coin(f) ? 0 : forall_between(f, 1, a.extended ? sizeof(data) : 255);
	a.le = (unsigned)(forall_coin(f) ? 0 : forall_between(f, 1, a.extended ? 65536 : 256));
	forall_bytes(f, data, sizeof(data));
	a.data = data;
	forall_note(f, "len %zu le %u extended %d", a.len, a.le, a.extended);
	if (apdu_encode(&a, CARD_T1, out, sizeof(out), &len, &err) || !apdu_decode(out, len, &b))
		return false;
	return a.cla == b.cla && a.len == b.len && a.le == b.le &&
	       (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void test_apdu_round_trip(void **state)
{
	(void)state;
	forall("APDU there and back", 2000, prop_apdu);
}

/* GPCS 2.3.1 tables 11-11 and 11-12. */
static void test_class(void **state)
{
	(void)state;
	assert_int_equal(apdu_class(true, 0, false), 0x80);
	assert_int_equal(apdu_class(true, 0, true), 0x84);
	assert_int_equal(apdu_class(true, 3, true), 0x87);
	assert_int_equal(apdu_class(false, 2, false), 0x02);
	assert_int_equal(apdu_class(true, 4, false), 0xC0);
	assert_int_equal(apdu_class(true, 4, true), 0xE0);
	assert_int_equal(apdu_class(true, 19, true), 0xEF);
	assert_int_equal(apdu_class(false, 19, true), 0x6F);
	assert_int_equal(apdu_class_base(0xEF), 0x84);
	assert_int_equal(apdu_class_base(0xCF), 0x80);
	assert_int_equal(apdu_class_base(0x03), 0x00);
	assert_true(apdu_class_secure(0xE3) && apdu_class_secure(0x84) && apdu_class_secure(0x0C));
	assert_false(apdu_class_secure(0xC4) || apdu_class_secure(0x81));
}

/* ---- answers in parts ---- */

static enum kms_status play(const struct card_step *steps, size_t count, const struct apdu *apdu,
	struct apdu_response *r, size_t *ret_used)
{
	CARD_LINK_AUTO struct card_link *link = NULL;

	expect_ok(&err, card_script_open(steps, count, ret_used, &link, &err));
	return apdu_transmit(link, apdu, r, &err);
}

#define PLAY(steps, apdu, r, used) \
	play((steps), sizeof(steps) / sizeof((steps)[0]), (apdu), (r), (used))

static void test_chaining(void **state)
{
	static const struct card_step parts[] = {{"81CA006600", "01026103", 0},
		{"01C0000003", "0304056101", 0}, {"01C0000001", "069000", 0}};
	static const struct card_step le[] = {
		{"80CA9F7F00", "6C02", 0}, {"80CA9F7F02", "AABB9000", 0}};
	static const struct card_step inner[] = {{"80CA9F7F00", "6100", 0},
		{"00C0000000", "6C02", 0}, {"00C0000002", "AABB6310", 0}};
	static const struct card_step secure[] = {{"84CA9F7F00", "6C02", 0}};
	static const struct card_step twice[] = {
		{"80CA9F7F00", "6C02", 0}, {"80CA9F7F02", "6C03", 0}};
	static const struct card_step empty[] = {
		{"80CA9F7F00", "6102", 0}, {"00C0000002", "6102", 0}};
	struct apdu_response *r = malloc(sizeof(*r));
	struct apdu a = {.cla = 0x81, .ins = 0xCA, .p2 = 0x66, .le = 256};
	size_t used;

	(void)state;
	assert_non_null(r);
	expect_ok(&err, PLAY(parts, &a, r, &used));
	assert_true(r->sw == 0x9000 && r->len == 6 && used == 3);
	assert_memory_equal(r->data, "\1\2\3\4\5\6", 6);
	a = (struct apdu){.cla = 0x80, .ins = 0xCA, .p1 = 0x9F, .p2 = 0x7F, .le = 256};
	expect_ok(&err, PLAY(le, &a, r, &used));
	assert_true(r->sw == 0x9000 && r->len == 2 && used == 2);
	expect_ok(&err, PLAY(inner, &a, r, &used));
	assert_true(r->sw == 0x6310 && r->len == 2 && used == 3);
	expect_ok(&err, PLAY(twice, &a, r, &used));
	assert_true(r->sw == 0x6C03 && used == 2);
	expect_err(&err, PLAY(empty, &a, r, &used), KMS_ERR_IO, "announces data and sends none");
	a.cla = 0x84; /* never a second time under secure messaging */
	expect_ok(&err, PLAY(secure, &a, r, &used));
	assert_true(r->sw == 0x6C02 && used == 1);
	free(r);
}

static size_t endless(
	void *ctx, const unsigned char *command, size_t len, unsigned char *out, size_t max)
{
	size_t *size = ctx;

	(void)command;
	(void)len;
	assert_true(max > 2);
	memset(out, 0xAA, *size);
	out[*size] = 0x61;
	out[*size + 1] = 0x01;
	return *size + 2;
}

static void test_chaining_is_bounded(void **state)
{
	struct apdu a = {.cla = 0x80, .ins = 0xCA, .le = 256};
	struct apdu_response *r = malloc(sizeof(*r));
	CARD_LINK_AUTO struct card_link *link = NULL;
	size_t size = 1;

	(void)state;
	assert_non_null(r);
	expect_ok(&err, card_fake_open(endless, &size, &link, &err));
	expect_err(&err, apdu_transmit(link, &a, r, &err), KMS_ERR_IO, "after 64 GET RESPONSEs");
	assert_int_equal(link->exchanges, 65);
	size = 256; /* 33 parts are more than fits */
	expect_err(&err, apdu_transmit(link, &a, r, &err), KMS_ERR_IO, "more than 8192 bytes");
	free(r);
}

static void test_faults(void **state)
{
	static const struct {
		struct card_step step;
		const char *text, *native;
	} rows[] = {
		{{NULL, "", 0}, "0 bytes, not even a status word", ""},
		{{NULL, "90", 0}, "1 bytes, not even a status word", ""},
		{{NULL, NULL, CARD_FAULT_NOTHING}, "not even a status word", ""},
		{{NULL, NULL, CARD_FAULT_PULLED}, "the card was pulled", "SCARD_W_REMOVED_CARD"},
		{{NULL, NULL, CARD_FAULT_MUTE}, "the card did not answer",
			"SCARD_E_NOT_TRANSACTED"},
	};
	struct apdu a = {.cla = 0x80, .ins = 0xCA, .le = 256};
	struct apdu_response *r = malloc(sizeof(*r));

	(void)state;
	assert_non_null(r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_err(&err, play(&rows[i].step, 1, &a, r, NULL), KMS_ERR_IO, rows[i].text);
		assert_string_equal(err.native, rows[i].native);
		assert_true(strstr(err.hint, "not known") != NULL);
	}
	free(r);
}

static void test_status_words(void **state)
{
	(void)state;
	assert_true(apdu_sw_ok(0x9000) && apdu_sw_ok(0x6310) && apdu_sw_ok(0x6283));
	assert_false(apdu_sw_ok(0x63C2) || apdu_sw_ok(0x6A80) || apdu_sw_ok(0x6982));
	assert_string_equal(apdu_sw_text(0x6A84), "not enough memory on the card");
	assert_string_equal(apdu_sw_text(0x63C2), "authentication failed, the card counts");
	assert_non_null(strstr(apdu_sw_text(0x1234), "without a meaning"));
	for (unsigned sw = 0; sw <= 0xFFFF; sw++)
		assert_non_null(apdu_sw_text((uint16_t)sw));
	assert_int_equal(apdu_refused(&err, 0xD8, "PUT KEY", 0x6A80), KMS_ERR_CARD);
	assert_string_equal(err.msg, "PUT KEY was refused: SW 6A80, wrong data");
	assert_string_equal(err.native, "SW 6A80");
	assert_non_null(strstr(err.hint, "key-block encoding"));
	/* Each refusal of PUT KEY that the issue names has words of its own. */
	for (size_t i = 0; i < 4; i++) {
		static const uint16_t sws[] = {0x6A80, 0x6982, 0x6985, 0x6A84};

		(void)apdu_refused(&err, 0xD8, "PUT KEY", sws[i]);
		assert_true(err.hint[0] != 0);
	}
	assert_int_equal(apdu_refused(NULL, 0xD8, "PUT KEY", 0x6A80), KMS_ERR_CARD);
}

/* ---- TLV ---- */

static void test_tlv_refuses(void **state)
{
	static const struct {
		const char *hex, *text;
	} rows[] = {
		{"66", "ends before a length"},
		{"9F", "ends within a tag"},
		{"9F7F", "ends before a length"},
		{"9F80", "not in its shortest form"},
		{"9FFFFFFF01", "more than three bytes"},
		{"0001", "padding"},
		{"FF01", "padding"},
		{"6601", "length of 1, but 0 bytes follow"},
		{"668100FF", "padding"},
		{"6680", "indefinite length"},
		{"6684000000010A", "length of more than three bytes"},
		{"66820A", "ends within a length"},
		{"6683010000", "length of 65536"},
		{"660173", "ends before a length"},
		{"62106210621062106210621062106210", "bytes follow"},
		{"700E700C700A700870067004700270007000", "nested too deep"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = hex(rows[i].hex);

		expect_err(&err, tlv_check(b.data, b.len, "test", &err), KMS_ERR_INVALID,
			rows[i].text);
	}
}

static void test_tlv_reads(void **state)
{
	struct bytes b;
	struct tlv tlv;

	(void)state;
	b = hex("8101AA9F7F02BBCCBF0C8103840100");
	expect_ok(&err, tlv_check(b.data, b.len, "test", &err));
	expect_ok(&err, tlv_find(tlv_read(b.data, b.len), 0x9F7F, "test", &tlv, &err));
	assert_true(tlv.len == 2 && tlv.value[1] == 0xCC && !tlv.constructed);
	expect_ok(&err, tlv_find(tlv_read(b.data, b.len), 0xBF0C, "test", &tlv, &err));
	assert_true(tlv.len == 3 && tlv.constructed);
	expect_err(&err, tlv_find(tlv_read(b.data, b.len), 0x84, "test", &tlv, &err),
		KMS_ERR_NOT_FOUND, "no tag 84");
	expect_err(&err, tlv_only(b.data, b.len, 0x81, "test", &tlv, &err), KMS_ERR_INVALID,
		"12 bytes after its end");
	expect_err(&err, tlv_only(b.data, 3, 0x82, "test", &tlv, &err), KMS_ERR_INVALID,
		"tag 81 where 82 should be");
}

static bool prop_tlv(struct forall *f)
{
	static const uint32_t tags[] = {0x42, 0x66, 0xC1, 0x9F7F, 0xBF0C, 0xDF8101};
	unsigned char value[700];
	size_t len = forall_below(f, forall_coin(f) ? 200 : sizeof(value));
	uint32_t tag = tags[forall_below(f, 6)];
	BUF_AUTO struct buf out = {0};
	struct tlv tlv;

	forall_note(f, "tag %X len %zu", tag, len);
	forall_bytes(f, value, len);
	if (tlv_append(&out, tag, value, len, &err) ||
		tlv_only((unsigned char *)out.data, out.len, tag, "x", &tlv, &err))
		return false;
	return tlv.len == len && memcmp(tlv.value, value, len) == 0 &&
	       out.len == len +
				  (tag > 0xFFFF	       ? 3
					  : tag > 0xFF ? 2
						       : 1) +
				  (len > 255	      ? 3
					  : len > 127 ? 2
						      : 1);
}

static void test_tlv_round_trip(void **state)
{
	(void)state;
	forall("TLV there and back", 2000, prop_tlv);
}

/* ---- what cards say ---- */

static void test_cplc(void **state)
{
	/* A J3R180, as recorded in GlobalPlatformPro issue 383. */
	struct bytes b =
		hex("9F7F2A4790D32147000000000031800504742075150000000000000000031C2A35303437"
		    "340000000000000000");
	unsigned char id[GP_CHIP_ID_SIZE];
	const unsigned char *field;
	struct gp_cplc cplc;
	size_t len, total = 0;

	(void)state;
	expect_ok(&err, gp_cplc_parse(b.data, b.len, &cplc, &err));
	field = gp_cplc_get(&cplc, GP_CPLC_IC_SERIAL, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(field, "\x05\x04\x74\x20", 4);
	assert_string_equal(gp_cplc_name(GP_CPLC_IC_BATCH), "ic-batch");
	assert_true(gp_cplc_chip_id(&cplc, id));
	assert_memory_equal(id, "\x47\x90\xD3\x21\x05\x04\x74\x20\x75\x15", 10);
	for (int i = 0; i < GP_CPLC_FIELDS; i++) {
		field = gp_cplc_get(&cplc, (enum gp_cplc_field)i, &len);
		assert_ptr_equal(field, cplc.bytes + total); /* no gap between two fields */
		total += len;
	}
	assert_int_equal(total, GP_CPLC_SIZE);
	expect_ok(&err, gp_cplc_parse(b.data + 3, 42, &cplc, &err));
	memset(cplc.bytes, 0, sizeof(cplc.bytes));
	assert_false(gp_cplc_chip_id(&cplc, id));
	expect_err(&err, gp_cplc_parse(b.data, 44, &cplc, &err), KMS_ERR_INVALID, "bytes follow");
	expect_err(&err, gp_cplc_parse(b.data, 0, &cplc, &err), KMS_ERR_INVALID, "CPLC");
}

static void test_recognition(void **state)
{
	/* ctskinner.blogspot.com (tag 66 of a JCOP), GlobalPlatformPro issue 154, and format 2. */
	static const char *const jcop =
		"664C734A06072A864886FC6B01600C060A2A864886FC6B02020101630906072A864886FC6B03640B06"
		"092A864886FC6B040215650B06092B8510864864020103660C060A2B060104012A026E0102";
	static const char *const two = "73210607"
				       "2A864886FC6B01"
				       "6416"
				       "0609"
				       "2A864886FC6B040215"
				       "0609"
				       "2A864886FC6B040370";
	struct bytes b = hex(jcop);
	struct gp_recognition r;

	(void)state;
	expect_ok(&err, gp_recognition_parse(b.data, b.len, &r, &err));
	assert_string_equal(r.version, "2.1.1");
	assert_true(r.unique_id && r.count == 1 && r.scps[0].scp == 2 && r.scps[0].i == 0x15);
	b = hex(two);
	expect_ok(&err, gp_recognition_parse(b.data, b.len, &r, &err));
	assert_true(r.count == 2 && r.scps[1].scp == 3 && r.scps[1].i == 0x70);
	assert_string_equal(r.version, "");
	b = hex("730B06092B8510864864020103"); /* another authority's */
	expect_err(&err, gp_recognition_parse(b.data, b.len, &r, &err), KMS_ERR_INVALID,
		"does not say that it is GlobalPlatform's");
	b = hex("6600");
	expect_err(
		&err, gp_recognition_parse(b.data, b.len, &r, &err), KMS_ERR_INVALID, "no tag 73");
	b = hex("3500");
	expect_err(&err, gp_recognition_parse(b.data, b.len, &r, &err), KMS_ERR_INVALID, "tag 35");
	b = hex("730900"
		"0000000000000000");
	expect_err(&err, gp_recognition_parse(b.data, b.len, &r, &err), KMS_ERR_INVALID, "padding");
}

static void test_key_list(void **state)
{
	/* ctskinner.blogspot.com; an extended one by the table. */
	struct bytes b =
		hex("E024C00401018010C00402018010C00403018010C00401038010C00402038010C0040303"
		    "8010");
	unsigned type, length;
	struct gp_key_list list;

	(void)state;
	expect_ok(&err, gp_key_list_parse(b.data, b.len, &list, &err));
	assert_int_equal(list.count, 6);
	assert_true(gp_key_list_set(&list, 3, &type, &length));
	assert_true(type == 0x80 && length == 16);
	assert_false(gp_key_list_set(&list, 2, &type, &length));
	list.keys[0].components[0].type = 0x88; /* one of version 1 is another type */
	assert_true(gp_key_list_set(&list, 1, &type, &length));
	assert_true(type == 0 && length == 0);
	b = hex("E00CC00A0130FF88001001180100");
	expect_ok(&err, gp_key_list_parse(b.data, b.len, &list, &err));
	assert_true(list.count == 1 && list.keys[0].components[0].type == 0x88 &&
		    list.keys[0].components[0].length == 16 && list.keys[0].version == 0x30);
	static const char *const bad[] = {"E005C003010180", "E006C004010180", "E100",
		"E007C00501018010FF", "E00BC0090130FF880010011801", "E008C0060130FF880010"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b = hex(bad[i]);
		expect_err(&err, gp_key_list_parse(b.data, b.len, &list, &err), KMS_ERR_INVALID,
			"key information");
	}
}

static void test_registry_and_fci(void **state)
{
	struct bytes b =
		hex("E3134F08A0000001510000009F70010FC503809E00E30B4F05A0000000019F700107");
	struct gp_registry registry = {0};
	struct gp_fci fci;

	(void)state;
	expect_ok(&err, gp_registry_parse(b.data, b.len, &registry, &err));
	assert_true(registry.count == 2 && registry.entries[0].state == 0x0F &&
		    registry.entries[0].privileges == 0x809E00 && registry.entries[1].aid.len == 5);
	assert_string_equal(gp_card_state_name(0x0F), "secured");
	assert_string_equal(gp_domain_state_name(0x0F), "personalized");
	assert_string_equal(gp_domain_state_name(0x8F), "locked");
	b = hex("E3049F700107");
	expect_err(&err, gp_registry_parse(b.data, b.len, &registry, &err), KMS_ERR_INVALID,
		"without AID");
	b = hex("6F108408A000000151000000A5049F6501FF");
	expect_ok(&err, gp_fci_parse(b.data, b.len, &fci, &err));
	assert_true(fci.aid.len == 8 && fci.max_data == 0xFF && !fci.has_management);
	b = hex("6F038401A0");
	expect_err(&err, gp_fci_parse(b.data, b.len, &fci, &err), KMS_ERR_INVALID, "5 to 16 bytes");
	expect_err(&err, gp_fci_parse(b.data, 1, &fci, &err), KMS_ERR_INVALID, "answer to SELECT");
	b = hex("07A000000003535001000108A000000003535041"
		"06A00000000310010002"
		"05A000000001"
		"06A00000000102");
	registry.count = 0;
	expect_ok(&err, gp_registry_parse_old(b.data, b.len, true, &registry, &err));
	assert_int_equal(registry.count, 2);
	assert_int_equal(registry.entries[1].aid.len, 6);
	for (size_t cut = 1; cut < b.len; cut++)
		if (cut != 20)
			expect_err(&err, gp_registry_parse_old(b.data, cut, true, &registry, &err),
				KMS_ERR_INVALID, "answer to GET STATUS");
	b = hex("04A0000000010100");
	expect_err(&err, gp_registry_parse_old(b.data, b.len, false, &registry, &err),
		KMS_ERR_INVALID, "5 to 16 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_apdu_round_trip),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_chaining),
		cmocka_unit_test(test_chaining_is_bounded),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_status_words),
		cmocka_unit_test(test_tlv_refuses),
		cmocka_unit_test(test_tlv_reads),
		cmocka_unit_test(test_tlv_round_trip),
		cmocka_unit_test(test_cplc),
		cmocka_unit_test(test_recognition),
		cmocka_unit_test(test_key_list),
		cmocka_unit_test(test_registry_and_fci),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
