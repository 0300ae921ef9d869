/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/rawhex.h"
#include "unit/exchange/sample.h"

#include <stdlib.h>

static const char listing[] = "cardkms raw hex\n"
			      "package  PK-1\n"
			      "transport  TK-OLD  tdea3  8BAF47  tdes-zero\n"
			      "mode  ecb\n"
			      "key  OPMasterKeyENC1  tdea2  515151  tdes-zero\n"
			      "  A0A0 A0A0 A0A0 A0A0\n"
			      "  A0A0 A0A0 A0A0 A0A0\n"
			      "key  OPMasterKeyMAC1  tdea2  525252  tdes-zero\n"
			      "  A1A1 A1A1 A1A1 A1A1\n"
			      "  A1A1 A1A1 A1A1 A1A1\n"
			      "end  2\n";

static struct doc_package legacy(struct exchange *x)
{
	struct doc_package package;

	fill_request(x);
	fill_package(x);
	package = x->sent;
	package.transport = (struct doc_checked_key){
		"TK-OLD", KEY_TDEA3, {KEY_KCV_TDES_ZERO, {0x8B, 0xAF, 0x47}, 3}};
	package.wrapping = KEY_WRAP_ECB;
	x->keys[0].block_len = x->keys[1].block_len = 16;
	package.key_count = 2;
	return package;
}

static void written_as_documented(void **state)
{
	struct exchange *x = calloc(1, sizeof(*x));
	BUF_AUTO struct buf text = {0};
	struct doc_package package;
	struct kms_err err = {0};

	(void)state;
	assert_non_null(x);
	package = legacy(x);
	expect_ok(&err, doc_rawhex_write(&package, &text, &err));
	assert_string_equal(text.data, listing);
	package.wrapping = KEY_WRAP_AES_KW;
	expect_err(&err, doc_rawhex_write(&package, &text, &err), KMS_ERR_INVALID, "aes-kw");
	free(x);
}

static void read_back(void **state)
{
	DOC_RAWHEX_AUTO struct doc_rawhex back = {0};
	unsigned char block[16];
	struct kms_err err = {0};

	(void)state;
	expect_ok(&err, doc_rawhex_parse(listing, strlen(listing), &back, &err));
	assert_string_equal(back.package_id, "PK-1");
	assert_string_equal(back.transport_label, "TK-OLD");
	assert_int_equal(back.transport_alg, KEY_TDEA3);
	assert_int_equal(back.transport_kcv.bytes[1], 0xAF);
	assert_int_equal(back.wrapping, KEY_WRAP_ECB);
	assert_int_equal(back.key_count, 2);
	assert_string_equal(back.keys[1].label, "OPMasterKeyMAC1");
	assert_int_equal(back.keys[1].alg, KEY_TDEA2);
	assert_int_equal(back.keys[1].kcv.bytes[0], 0x52);
	memset(block, 0xA1, sizeof(block));
	assert_int_equal(back.keys[1].block_len, sizeof(block));
	assert_memory_equal(back.keys[1].block, block, sizeof(block));
}

static void read_as_typed_by_hand(void **state)
{
	static const char typed[] =
		"\n cardkms  raw hex\r\npackage PK-1\ntransport TK-OLD tdea3 8b:af:47 tdes-zero\n"
		"mode cbc\n\nkey K tdea2 515151 tdes-zero\na0a0a0a0a0a0a0a0 A0A0 a0a0 A0a0\n"
		"\tA0A0\nend 1";
	DOC_RAWHEX_AUTO struct doc_rawhex back = {0};
	struct kms_err err = {0};

	(void)state;
	expect_ok(&err, doc_rawhex_parse(typed, strlen(typed), &back, &err));
	assert_int_equal(back.wrapping, KEY_WRAP_CBC);
	assert_int_equal(back.keys[0].block_len, 16);
	assert_int_equal(back.keys[0].block[15], 0xA0);
}

/* `from` replaced by `to` in the listing. */
static void refused(const char *from, const char *to, const char *text)
{
	const char *at = strstr(listing, from);
	DOC_RAWHEX_AUTO struct doc_rawhex back = {0};
	BUF_AUTO struct buf other = {0};
	struct kms_err err = {0};

	assert_non_null(at);
	expect_ok(&err, buf_append(&other, listing, (size_t)(at - listing), &err));
	expect_ok(&err, buf_puts(&other, to, &err));
	expect_ok(&err, buf_puts(&other, at + strlen(from), &err));
	expect_err(
		&err, doc_rawhex_parse(other.data, other.len, &back, &err), KMS_ERR_INVALID, text);
	assert_null(back.keys);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refused("raw hex", "raw", "line 1");
	refused("PK-1", "PK_1", "package");
	refused("transport  TK-OLD", "transport", "line 3");
	refused("tdea3", "tdea4", "line 3");
	refused("tdes-zero", "aes-gp", "line 3");
	refused("8BAF47", "8BAF4", "line 3");
	refused("ecb", "ofb", "line 4");
	refused("OPMasterKeyMAC1", "opmasterkeyenc1", "named twice");
	refused("A0A0 A0A0 A0A0 A0A0\n", "A0A0 A0A0 A0A0\n", "'OPMasterKeyENC1' has 14 bytes");
	refused("A0A0 A0A0 A0A0 A0A0\n", "A0A0 A0A0 A0A0 A0G0\n", "line 6");
	refused("A0A0 A0A0 A0A0 A0A0\n", "A0A0 A0A0 A0A0 A0\n", "15 bytes");
	refused("A0A0 A0A0 A0A0 A0A0\n", "A0A0 A0A0 A0A0 A\n", "line 6");
	refused("A0A0 A0A0 A0A0 A0A0\n", "1 2 3 4 5 6 7 8 9\n", "so many words");
	refused("end  2\n", "end  3\n", "number of keys");
	refused("end  2\n", "end  +2\n", "number of keys");
	refused("end  2\n", "", "cut off");
	refused("end  2\n", "end  2\nx\n", "the end of the text");
	refused("tdea2", "aes192", "line 5");
	refused("515151", "51515151", "line 5");
}

static void cut_anywhere(void **state)
{
	struct doc_rawhex back = {0};
	struct kms_err err = {0};
	size_t len = strlen(listing);

	(void)state;
	for (size_t cut = 0; cut + 1 < len; cut++)
		if (doc_rawhex_parse(listing, cut, &back, &err) != KMS_ERR_INVALID)
			fail_msg("accepted when cut at %zu", cut);
	assert_int_equal(doc_rawhex_parse("a\0b", 3, &back, &err), KMS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_as_documented),
		cmocka_unit_test(read_back),
		cmocka_unit_test(read_as_typed_by_hand),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
