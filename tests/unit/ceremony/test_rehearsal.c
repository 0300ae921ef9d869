/* SPDX-License-Identifier: Apache-2.0 */
/* Test components: told from real ones, whatever their length, and taken by rehearsals alone. */
#include "ceremony/rehearsal.h"

#include "base/hash.h"
#include "base/hex.h"
#include "support/cer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void marked_as_the_header_says(void **state)
{
	static const enum key_alg algs[] = {
		KEY_AES128, KEY_AES192, KEY_AES256, KEY_TDEA2, KEY_TDEA3};

	(void)state;
	for (size_t i = 0; i < sizeof(algs) / sizeof(*algs); i++) {
		SECRET_AUTO struct secret c = {0};
		unsigned char text[64] = "cardkms rehearsal", hash[HASH_SIZE];
		bool is = true;

		cer_fixture_component(algs[i], 5, (unsigned)i + 1, &c);
		assert_int_equal(cer_rehearsal_is(&c, &is, NULL), KMS_OK);
		assert_false(is);
		assert_int_equal(cer_rehearsal_mark(&c, NULL), KMS_OK);
		assert_int_equal(cer_rehearsal_is(&c, &is, NULL), KMS_OK);
		assert_true(is);
		memcpy(text + 17, c.data, c.len - 8);
		assert_int_equal(hash_sha256(text, 17 + c.len - 8, hash, NULL), KMS_OK);
		assert_memory_equal(c.data + c.len - 8, hash, 8);
		for (size_t at = 0; at < c.len; at++) {
			c.data[at] ^= 1;
			assert_int_equal(cer_rehearsal_is(&c, &is, NULL), KMS_OK);
			assert_false(is);
			c.data[at] ^= 1;
		}
	}
}

static void too_short_is_none(void **state)
{
	SECRET_AUTO struct secret c = {0};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(secret_alloc(&c, 8, NULL), KMS_OK);
	assert_int_equal(cer_rehearsal_mark(&c, &err), KMS_ERR_INVALID);
	assert_int_equal(cer_rehearsal_check(&c, true, 1, &err), KMS_ERR_INVALID);
}

static struct cer *import(bool rehearsal)
{
	struct cer_pairs pairs = cer_fixture_pairs(2);
	struct cer_setup setup = cer_fixture_setup(CER_IMPORT, KEY_AES128, &pairs);
	const struct key_kcv expected = {.method = KEY_KCV_AES_GP, .len = 3, .bytes = {1, 2, 3}};
	struct kms_err err = {0};
	struct cer *c = NULL;

	setup.expected = &expected;
	setup.unattended = true;
	setup.rehearsal = rehearsal;
	cer_fixture_must(cer_new(&setup, NULL, &c, &err), &err);
	cer_fixture_must(cer_answer_text(c, "", CER_FIXTURE_TIME, &err), &err);
	return c;
}

static void each_ceremony_takes_its_own(void **state)
{
	(void)state;
	for (int real = 0; real < 2; real++)
		for (int rehearsal = 0; rehearsal < 2; rehearsal++) {
			CER_AUTO struct cer *c = import(rehearsal);
			SECRET_AUTO struct secret part = {0};
			SECRET_AUTO struct secret text = {0};
			struct kms_err err = {0};
			enum kms_status st;

			cer_fixture_component(KEY_AES128, 9, 1, &part);
			if (!real)
				assert_int_equal(cer_rehearsal_mark(&part, NULL), KMS_OK);
			assert_int_equal(secret_alloc(&text, 32, NULL), KMS_OK);
			for (size_t i = 0; i < 16; i++)
				for (int half = 0; half < 2; half++)
					text.data[2 * i +
						  (size_t)half] = (unsigned char)"0123456789ABCDEF"
						[half ? part.data[i] & 15 : part.data[i] >> 4];
			st = cer_answer_secret(c, &text, CER_FIXTURE_TIME, &err);
			if (real != rehearsal) {
				assert_int_equal(st, KMS_OK);
				continue;
			}
			assert_int_equal(st, KMS_ERR_INVALID);
			assert_non_null(strstr(err.msg, rehearsal ? "it is none of a rehearsal"
								  : "it is one of a rehearsal"));
		}
}

static void create_draws_no_other(void **state)
{
	struct cer_pairs pairs = cer_fixture_pairs(2);
	struct cer_setup setup = cer_fixture_setup(CER_CREATE, KEY_AES256, &pairs);

	(void)state;
	for (int rehearsal = 0; rehearsal < 2; rehearsal++)
		for (int marked = 0; marked < 3; marked++) {
			struct secret parts[2] = {0};
			CER_AUTO struct cer *c = NULL;
			struct kms_err err = {0};
			enum kms_status st;

			setup.rehearsal = rehearsal;
			for (unsigned i = 0; i < 2; i++) {
				cer_fixture_component(KEY_AES256, 3, i + 1, &parts[i]);
				if (marked > (int)i)
					assert_int_equal(
						cer_rehearsal_mark(&parts[i], NULL), KMS_OK);
			}
			st = cer_new(&setup, parts, &c, &err);
			assert_int_equal(st, marked == 2 * rehearsal ? KMS_OK : KMS_ERR_INVALID);
			for (unsigned i = 0; i < 2; i++)
				secret_free(&parts[i]);
		}
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marked_as_the_header_says),
		cmocka_unit_test(too_short_is_none),
		cmocka_unit_test(each_ceremony_takes_its_own),
		cmocka_unit_test(create_draws_no_other),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
