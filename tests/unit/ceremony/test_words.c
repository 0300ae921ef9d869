/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/words.h"

#include "base/hex.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* All words, even ones first, a newline between: no word has changed since the list was compared
 * with published fingerprints (docs/sources.md). */
static void test_list_is_the_published_one(void **state)
{
	BUF_AUTO struct buf all = {0};
	unsigned char digest[32];
	char hex[65];

	(void)state;
	for (unsigned position = 0; position < 2; position++)
		for (unsigned byte = 0; byte < 256; byte++) {
			if (all.len)
				assert_int_equal(buf_puts(&all, "\n", NULL), KMS_OK);
			assert_int_equal(
				buf_puts(&all, cer_word((unsigned char)byte, position), NULL),
				KMS_OK);
		}
	assert_int_equal(EVP_Digest(all.data, all.len, digest, NULL, EVP_sha256(), NULL), 1);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(
		hex, "E9B7B0052233A74AA56724ED3F79C272036AED68D8F4C0856E833C8043B9AC62");
}

static void test_known_fingerprint(void **state)
{
	static const unsigned char fingerprint[] = {0xE5, 0x82, 0x94, 0xF2, 0xE9, 0xA2, 0x27, 0x48,
		0x6E, 0x8B, 0x06, 0x1B, 0x31, 0xCC, 0x52, 0x8F, 0xD7, 0xFA, 0x3F, 0x19};
	BUF_AUTO struct buf words = {0};

	(void)state;
	assert_int_equal(cer_words(fingerprint, sizeof(fingerprint), &words, NULL), KMS_OK);
	assert_string_equal(buf_text(&words),
		"topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish "
		"Medusa afflict bravado chatter revolver Dupont midsummer stopwatch whimsical "
		"cowbell bottomless");
}

/* A word says its byte: no two bytes share one, and none stands in both lists. */
static void test_words_are_distinct(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 512; a++)
		for (unsigned b = a + 1; b < 512; b++)
			assert_int_not_equal(strcasecmp(cer_word((unsigned char)a, a / 256),
						     cer_word((unsigned char)b, b / 256)),
				0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_is_the_published_one),
		cmocka_unit_test(test_known_fingerprint),
		cmocka_unit_test(test_words_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
