/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens for the same purpose with the same key, and for nothing and nobody else. */
#include "ceremony/seal.h"
#include "support/expect.h"

#include <stdio.h>
#include <string.h>

static struct kms_err err;

#define fails(status, text, call) expect_err(&err, call, status, text)

static void key_of(unsigned char byte, struct secret *ret_key)
{
	unsigned char bytes[CER_QUORUM_KEY];

	memset(bytes, byte, sizeof(bytes));
	expect_ok(&err, secret_copy(ret_key, bytes, sizeof(bytes), &err));
}

static void text_of(const char *text, struct secret *ret)
{
	expect_ok(&err, secret_copy(ret, text, strlen(text), &err));
}

static void test_pin_drawn(void **state)
{
	static const struct {
		unsigned long min, max, len;
	} good[] = {{4, 255, 32}, {4, 0, 32}, {4, 8, 8}, {40, 64, 40}, {32, 32, 32}};
	size_t seen[256] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		SECRET_AUTO struct secret pin = {0};

		expect_ok(&err, cer_pin_draw(good[i].min, good[i].max, &pin, &err));
		assert_int_equal(pin.len, good[i].len);
	}
	for (size_t n = 0; n < 2000; n++) {
		SECRET_AUTO struct secret pin = {0};

		expect_ok(&err, cer_pin_draw(4, 255, &pin, &err));
		for (size_t i = 0; i < pin.len; i++)
			seen[pin.data[i]]++;
	}
	/* 64000 characters: 1000 of each of the 64, and of nothing else. */
	for (int c = 0; c < 256; c++) {
		const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				    (c >= '0' && c <= '9') || c == '+' || c == '-';

		assert_true(letter ? seen[c] > 700 && seen[c] < 1300 : seen[c] == 0);
	}
}

static void test_pin_refused(void **state)
{
	SECRET_AUTO struct secret pin = {0};

	(void)state;
	fails(KMS_ERR_UNSUPPORTED, "PINs of 4 to 7", cer_pin_draw(4, 7, &pin, &err));
	fails(KMS_ERR_UNSUPPORTED, "PINs of 500 to 600", cer_pin_draw(500, 600, &pin, &err));
}

/* Each digit changed, and the end cut off: never opened. */
static void test_pin_sealed(void **state)
{
	SECRET_AUTO struct secret pin = {0}, key = {0}, other = {0}, out = {0};
	BUF_AUTO struct buf text = {0}, again = {0};

	(void)state;
	text_of("Secret-Pin-1", &pin);
	key_of(1, &key);
	key_of(2, &other);
	expect_ok(&err, cer_pin_seal(&pin, &key, "site A, so", &text, &err));
	expect_ok(&err, cer_pin_seal(&pin, &key, "site A, so", &again, &err));
	assert_string_not_equal(text.data, again.data);
	expect_ok(&err, cer_pin_open(text.data, &key, "site A, so", &out, &err));
	assert_true(secret_equal(&pin, &out));
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_pin_open(text.data, &key, "site A, user", &out, &err));
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_pin_open(text.data, &other, "site A, so", &out, &err));
	for (size_t i = 0; i < text.len; i++) {
		const char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		fails(KMS_ERR_MISMATCH, "changed since",
			cer_pin_open(text.data, &key, "site A, so", &out, &err));
		text.data[i] = was;
	}
	while (text.len > 0) {
		text.data[--text.len] = 0;
		fails(KMS_ERR_MISMATCH, "changed since",
			cer_pin_open(text.data, &key, "site A, so", &out, &err));
	}
}

static void test_officer_key(void **state)
{
	SECRET_AUTO struct secret phrase = {0}, wrong = {0}, fresh = {0}, key = {0}, same = {0};
	unsigned char made[CER_PUBLIC_KEY], opened[CER_PUBLIC_KEY];
	BUF_AUTO struct buf text = {0}, moved = {0};

	(void)state;
	text_of("correct horse", &phrase);
	text_of("correct horsf", &wrong);
	text_of("battery staple", &fresh);
	expect_ok(&err, cer_officer_key_make(&phrase, "ana", made, &text, &err));
	expect_ok(&err, cer_officer_key_open(text.data, &phrase, "ana", opened, &key, &err));
	assert_memory_equal(made, opened, sizeof(made));
	fails(KMS_ERR_AUTH, "passphrase",
		cer_officer_key_open(text.data, &wrong, "ana", opened, &same, &err));
	fails(KMS_ERR_AUTH, "passphrase",
		cer_officer_key_open(text.data, &phrase, "ben", opened, &same, &err));
	expect_ok(&err, cer_officer_key_seal(&key, &fresh, "ana", &moved, &err));
	fails(KMS_ERR_AUTH, "passphrase",
		cer_officer_key_open(moved.data, &phrase, "ana", opened, &same, &err));
	expect_ok(&err, cer_officer_key_open(moved.data, &fresh, "ana", opened, &same, &err));
	assert_true(secret_equal(&key, &same));
	secret_free(&wrong);
	fails(KMS_ERR_INVALID, "empty passphrase",
		cer_officer_key_seal(&key, &wrong, "ana", &moved, &err));
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_officer_key_open("00", &phrase, "ana", opened, &same, &err));
}

static void test_share_sealed(void **state)
{
	SECRET_AUTO struct secret phrase = {0}, share = {0}, out = {0}, ana = {0}, ben = {0};
	unsigned char of_ana[CER_PUBLIC_KEY], of_ben[CER_PUBLIC_KEY];
	BUF_AUTO struct buf keys = {0}, other = {0}, box = {0};

	(void)state;
	text_of("correct horse", &phrase);
	text_of("share number one", &share);
	expect_ok(&err, cer_officer_key_make(&phrase, "ana", of_ana, &keys, &err));
	expect_ok(&err, cer_officer_key_open(keys.data, &phrase, "ana", of_ana, &ana, &err));
	expect_ok(&err, cer_officer_key_make(&phrase, "ben", of_ben, &other, &err));
	expect_ok(&err, cer_officer_key_open(other.data, &phrase, "ben", of_ben, &ben, &err));
	expect_ok(&err, cer_share_seal(&share, of_ana, "generation 1, index 1", &box, &err));
	expect_ok(&err, cer_share_open(box.data, &ana, "generation 1, index 1", &out, &err));
	assert_true(secret_equal(&share, &out));
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_share_open(box.data, &ben, "generation 1, index 1", &out, &err));
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_share_open(box.data, &ana, "generation 2, index 1", &out, &err));
	for (size_t i = 0; i < box.len; i += 3) {
		const char was = box.data[i];

		box.data[i] = was == '0' ? '1' : '0';
		fails(KMS_ERR_MISMATCH, "changed since",
			cer_share_open(box.data, &ana, "generation 1, index 1", &out, &err));
		box.data[i] = was;
	}
	fails(KMS_ERR_MISMATCH, "changed since",
		cer_share_open("zz", &ana, "generation 1, index 1", &out, &err));
}

/* The MAC of the list is BLAKE2b with a key, RFC 7693: the answer is that of Python's hashlib. */
static void test_commitment(void **state)
{
	static const unsigned char known[CER_COMMITMENT] = {0x84, 0x02, 0x8B, 0x92, 0x13, 0x7A,
		0x6E, 0x7C, 0x3A, 0x92, 0xEC, 0x42, 0xB0, 0x2E, 0xF2, 0xAE, 0xA1, 0x00, 0x74, 0x47,
		0x22, 0xA7, 0x01, 0x8C, 0x23, 0xF6, 0xE2, 0x60, 0x47, 0xFB, 0x82, 0xEA};
	SECRET_AUTO struct secret key = {0}, short_key = {0};
	unsigned char mac[CER_COMMITMENT], changed[CER_COMMITMENT];

	(void)state;
	key_of(7, &key);
	text_of("short", &short_key);
	expect_ok(&err, cer_quorum_commit(&key, "members 1 ana 2 ben", mac, &err));
	assert_memory_equal(mac, known, sizeof(mac));
	expect_ok(&err, cer_quorum_commit(&key, "members 1 ana 2 eve", changed, &err));
	assert_memory_not_equal(mac, changed, sizeof(mac));
	fails(KMS_ERR_INTERNAL, "BLAKE2b", cer_quorum_commit(&short_key, "members", mac, &err));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pin_drawn),
		cmocka_unit_test(test_pin_refused),
		cmocka_unit_test(test_pin_sealed),
		cmocka_unit_test(test_officer_key),
		cmocka_unit_test(test_share_sealed),
		cmocka_unit_test(test_commitment),
	};

	expect_ok(&err, secret_heap_open(&err));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
