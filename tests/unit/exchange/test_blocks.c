/* SPDX-License-Identifier: Apache-2.0 */
/* Packages whose keys travel as X9.143 key blocks: their `block` is text. */
#include "unit/exchange/sample.h"

#include <stdio.h>

static struct kms_err err;

static void put_block(struct doc_key *key, const char *text)
{
	key->block_len = strlen(text);
	assert_true(key->block_len <= sizeof(key->block));
	memcpy(key->block, text, key->block_len);
}

/* Blocks of the right form; nobody opens them here. */
static void fill_blocks(struct exchange *x)
{
	x->sent.wrapping = KEY_WRAP_X9143_D;
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		bool aes = x->keys[i].alg == KEY_AES256;
		char text[KEY_BLOCK_MASTER_MAX + 1];

		snprintf(text, sizeof(text), "D%04dB3%cX%02XN0000%0*d", aes ? 144 : 112,
			aes ? 'A' : 'T', x->sets[i / 3].kvn, aes ? 128 : 96, (int)i);
		put_block(&x->keys[i], text);
	}
}

static void test_round_trip(void **state)
{
	DOC_PACKAGE_AUTO struct doc_package doc = {0};
	struct exchange *x = *state;
	BUF_AUTO struct buf text = {0};

	fill_blocks(x);
	expect_ok(&err, doc_package_write(&x->sent, &x->maker.identity.signer, &text, &err));
	assert_non_null(strstr(text.data, "\"wrapping\": \"x9143-d\""));
	assert_non_null(strstr(text.data, "\"block\": \"D0144B3AX21N0000"));
	expect_ok(&err, doc_package_parse(text.data, text.len, &doc, &err));
	assert_int_equal(doc.wrapping, KEY_WRAP_X9143_D);
	for (size_t i = 0; i < SAMPLE_KEYS; i++) {
		assert_int_equal(doc.keys[i].block_len, x->keys[i].block_len);
		assert_memory_equal(doc.keys[i].block, x->keys[i].block, doc.keys[i].block_len);
	}
}

static void refuse(struct exchange *x, const char *says)
{
	BUF_AUTO struct buf text = {0};

	expect_err(&err, doc_package_write(&x->sent, &x->maker.identity.signer, &text, &err),
		KMS_ERR_INVALID, says);
}

static void test_refused(void **state)
{
	struct exchange *x = *state;
	struct doc_key *key = &x->keys[4];

	fill_blocks(x);
	key->block[5] = 'b';
	refuse(x, "package: 'OPMasterKeyMAC2': key block: the key usage is 'b3'");
	fill_blocks(x);
	key->block_len--;
	refuse(x, "the length says 144 characters, there are 143");
	key->block_len = 0;
	refuse(x, "less than a header");
	key->block_len = sizeof(key->block) + 1;
	refuse(x, "less than a header");
	fill_blocks(x);
	x->sent.wrapping = KEY_WRAP_X9143_B;
	refuse(x, "is not one of x9143-b under a key of aes256");
	/* What is a key block is not the hexadecimal of another wrapping. */
	x->sent.wrapping = KEY_WRAP_AES_KW;
	refuse(x, "'block'");
	fill_blocks(x);
}

int main(void)
{
	struct exchange x;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_round_trip, &x),
		cmocka_unit_test_prestate(test_refused, &x),
	};
	int failed;

	exchange_open(&x);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	exchange_close(&x);
	return failed;
}
