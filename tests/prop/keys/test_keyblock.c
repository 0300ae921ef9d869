/* SPDX-License-Identifier: Apache-2.0 */
/* Key blocks of random keys of every algorithm under random keys of every algorithm. */
#include "keys/keyblock.h"
#include "support/expect.h"
#include "support/forall.h"

#include <stdio.h>

static struct kms_err err;

static enum key_alg any_key(struct forall *f, struct secret *ret_key)
{
	enum key_alg alg = (enum key_alg)forall_between(f, KEY_TDEA2, KEY_AES256);

	expect_ok(&err, secret_alloc(ret_key, key_alg_info(alg)->length, &err));
	forall_bytes(f, ret_key->data, ret_key->len);
	return alg;
}

static void random_fields(struct forall *f, struct key_block_fields *ret)
{
	static const char upper[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char mode[2];

	forall_text(f, upper, 2, ret->usage);
	forall_text(f, upper, 1, mode);
	ret->mode = mode[0];
	forall_text(f, upper, 2, ret->number);
	ret->exportability = "ENS"[forall_below(f, 3)];
	ret->context = "012"[forall_below(f, 3)];
}

static bool round_trip(struct forall *f)
{
	struct key_block_clear clear __attribute__((cleanup(key_block_clear_free))) = {0};
	struct key_block_clear other __attribute__((cleanup(key_block_clear_free))) = {0};
	SECRET_AUTO struct secret kbpk = {0}, key = {0}, back = {0}, none = {0};
	enum key_alg outer = any_key(f, &kbpk), inner = any_key(f, &key);
	struct key_block_fields fields = key_block_of_master(outer, inner, 1, "B3", 'N');
	struct key_block_engine engine, wrong;
	BUF_AUTO struct buf text = {0};
	struct key_block block;

	forall_note(f, "%s under %s", key_alg_name(inner), key_alg_name(outer));
	random_fields(f, &fields);
	expect_ok(&err, key_block_clear(outer, &kbpk, &clear, &engine, &err));
	expect_ok(&err, key_block_seal(&fields, &engine, inner, &key, &text, &err));
	/* The length tells the algorithm's family, and nothing more. */
	if (text.len != (outer <= KEY_TDEA3	     ? inner <= KEY_TDEA3 ? 96u : 112u
				: inner <= KEY_TDEA3 ? 112u
						     : 144u))
		return false;
	expect_ok(&err, key_block_parse(text.data, text.len, &block, &err));
	if (memcmp(&block.fields, &fields, sizeof(fields)) != 0 ||
		key_block_open(&block, &engine, &back, &err) || !secret_equal(&key, &back))
		return false;
	/* Bit 0 of a DES key's byte is parity. */
	kbpk.data[forall_below(f, kbpk.len)] ^= (unsigned char)(2 << forall_below(f, 7));
	expect_ok(&err, key_block_clear(outer, &kbpk, &other, &wrong, &err));
	return key_block_open(&block, &wrong, &none, &err) == KMS_ERR_MISMATCH && !none.data;
}

/* Two blocks of one key have nothing in common behind the header: the filling is random. */
static bool never_twice(struct forall *f)
{
	struct key_block_clear clear __attribute__((cleanup(key_block_clear_free))) = {0};
	SECRET_AUTO struct secret kbpk = {0}, key = {0};
	enum key_alg outer = any_key(f, &kbpk), inner = any_key(f, &key);
	const struct key_block_fields fields = key_block_of_master(outer, inner, 1, "B3", 'N');
	BUF_AUTO struct buf one = {0}, two = {0};
	struct key_block_engine engine;

	expect_ok(&err, key_block_clear(outer, &kbpk, &clear, &engine, &err));
	expect_ok(&err, key_block_seal(&fields, &engine, inner, &key, &one, &err));
	expect_ok(&err, key_block_seal(&fields, &engine, inner, &key, &two, &err));
	return one.len == two.len && memcmp(one.data, two.data, KEY_BLOCK_HEADER) == 0 &&
	       memcmp(one.data + KEY_BLOCK_HEADER, two.data + KEY_BLOCK_HEADER, 16) != 0;
}

/* What has the form of a block is taken apart in one way: its parts are the text again. */
static bool parts_are_the_text(struct forall *f)
{
	static const char chars[] = "ABCDE0123456789KSPBHMTXN  ";
	struct key_block block;
	char text[201];
	size_t len = forall_between(f, 16, 200), at = KEY_BLOCK_HEADER;

	forall_text(f, chars, len, text);
	if (forall_coin(f)) {
		text[0] = "ABCDE"[forall_below(f, 5)];
		snprintf(text + 1, 5, "%04zu", len);
		memcpy(text + 5, "B3TX00N0000", 11);
		text[13] = "0012"[forall_below(f, 4)];
		for (size_t i = 16; i < len; i++)
			text[i] = "0123456789ABCDEF"[forall_below(f, 16)];
	}
	if (key_block_parse(text, len, &block, &err))
		return err.code == KMS_ERR_INVALID && strstr(err.msg, "key block");
	for (size_t i = 0; i < block.option_count; i++) {
		if (block.options[i].data < text + at || block.options[i].data > text + len)
			return false;
		at = (size_t)(block.options[i].data - text) + block.options[i].len;
	}
	return at == block.header_len &&
	       block.header_len + 2 * (block.payload_len + block.mac_len) == len;
}

static void test_properties(void **state)
{
	(void)state;
	forall("key block round trip", 2000, round_trip);
	forall("no block twice", 200, never_twice);
	forall("parts are the text", 20000, parts_are_the_text);
}

static int setup(void **state)
{
	(void)state;
	return secret_heap_open(&err) == KMS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_properties)};

	return cmocka_run_group_tests(tests, setup, NULL);
}
