/* SPDX-License-Identifier: Apache-2.0 */
/* Locked memory gives out in what handles shares, PINs and officers' keys: said, and never half done. */
#include "ceremony/seal.h"
#include "support/expect.h"
#include "support/starve.h"

static struct kms_err err;

struct scene {
	struct secret quorum_key, pin, passphrase, shares[3], officer_key;
	struct buf sealed_pin, sealed_key, sealed_share;
	unsigned char public_key[CER_PUBLIC_KEY];
};

static enum kms_status pin_draw(void *ctx, struct kms_err *e)
{
	SECRET_AUTO struct secret pin = {0};

	(void)ctx;
	return cer_pin_draw(4, 255, &pin, e);
}

static enum kms_status key_draw(void *ctx, struct kms_err *e)
{
	SECRET_AUTO struct secret key = {0};

	(void)ctx;
	return cer_quorum_key_draw(&key, e);
}

static enum kms_status pin_open(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	SECRET_AUTO struct secret pin = {0};
	enum kms_status st = cer_pin_open(buf_text(&s->sealed_pin), &s->quorum_key, "pin", &pin, e);

	if (!st)
		assert_true(secret_equal(&pin, &s->pin));
	else
		assert_int_equal(pin.len, 0);
	return st;
}

static enum kms_status key_make(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	BUF_AUTO struct buf text = {0};
	unsigned char public_key[CER_PUBLIC_KEY];

	return cer_officer_key_make(&s->passphrase, "ana", public_key, &text, e);
}

static enum kms_status key_open(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	SECRET_AUTO struct secret key = {0};
	unsigned char public_key[CER_PUBLIC_KEY];
	enum kms_status st = cer_officer_key_open(
		buf_text(&s->sealed_key), &s->passphrase, "ana", public_key, &key, e);

	if (!st)
		assert_memory_equal(public_key, s->public_key, sizeof(public_key));
	else
		assert_int_equal(key.len, 0);
	return st;
}

static enum kms_status key_seal(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	BUF_AUTO struct buf text = {0};

	return cer_officer_key_seal(&s->officer_key, &s->passphrase, "ana", &text, e);
}

static enum kms_status share_open(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	SECRET_AUTO struct secret share = {0};
	enum kms_status st = cer_share_open(
		buf_text(&s->sealed_share), &s->officer_key, "generation 1", &share, e);

	if (!st)
		assert_true(secret_equal(&share, &s->shares[0]));
	else
		assert_int_equal(share.len, 0);
	return st;
}

static void free_all(struct secret *shares, size_t count)
{
	for (size_t i = 0; i < count; i++)
		secret_free(&shares[i]);
}

static enum kms_status split(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	struct secret shares[3] = {{0}};
	enum kms_status st = cer_shares_split(&s->quorum_key, 2, 3, &cer_kernel_random, shares, e);

	for (size_t i = 0; i < 3; i++)
		assert_true(st == KMS_OK ? shares[i].len > 0 : shares[i].len == 0);
	free_all(shares, 3);
	return st;
}

static enum kms_status combine(void *ctx, struct kms_err *e)
{
	struct scene *s = ctx;
	SECRET_AUTO struct secret key = {0};
	enum kms_status st = cer_shares_combine(s->shares, 2, &key, e);

	if (!st)
		assert_true(secret_equal(&key, &s->quorum_key));
	else
		assert_int_equal(key.len, 0);
	return st;
}

static void make_scene(struct scene *s)
{
	expect_ok(&err, cer_quorum_key_draw(&s->quorum_key, &err));
	expect_ok(&err, secret_copy(&s->pin, "12345678", 8, &err));
	expect_ok(&err, secret_copy(&s->passphrase, "correct horse", 13, &err));
	expect_ok(&err, cer_pin_seal(&s->pin, &s->quorum_key, "pin", &s->sealed_pin, &err));
	expect_ok(&err,
		cer_officer_key_make(&s->passphrase, "ana", s->public_key, &s->sealed_key, &err));
	expect_ok(&err, cer_officer_key_open(buf_text(&s->sealed_key), &s->passphrase, "ana",
				s->public_key, &s->officer_key, &err));
	expect_ok(
		&err, cer_shares_split(&s->quorum_key, 2, 3, &cer_kernel_random, s->shares, &err));
	expect_ok(&err, cer_share_seal(&s->shares[0], s->public_key, "generation 1",
				&s->sealed_share, &err));
}

static void free_scene(struct scene *s)
{
	secret_free(&s->quorum_key);
	secret_free(&s->pin);
	secret_free(&s->passphrase);
	secret_free(&s->officer_key);
	free_all(s->shares, 3);
	buf_free(&s->sealed_pin);
	buf_free(&s->sealed_key);
	buf_free(&s->sealed_share);
}

static void test_starved(void **state)
{
	static enum kms_status (*const all[])(void *, struct kms_err *) = {pin_draw, key_draw,
		pin_open, key_make, key_open, key_seal, share_open, split, combine};
	struct scene s = {.sealed_pin = {0}};

	(void)state;
	make_scene(&s);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		starve_through(all[i], &s);
	free_scene(&s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_starved)};

	expect_ok(&err, secret_heap_open(&err));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
