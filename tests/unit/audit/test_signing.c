/* SPDX-License-Identifier: Apache-2.0 */
/* base/p256, base/base64 and base/hash, which the audit log and the documents stand on. */
#include "base/base64.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/p256.h"
#include "support/soft_p256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void unhex(const char *hex, unsigned char *out)
{
	assert_true(hex_decode_strict(hex, out, strlen(hex) / 2));
}

/* RFC 6979 A.2.5, P-256 with SHA-256, message "sample": a public key and a signature (high s). */
static const char rfc_point[] = "04"
				"60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
				"7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
static const char rfc_sig[] = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
			      "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";

static void verifies_known_signature_in_its_low_form(void **state)
{
	unsigned char point[P256_POINT_SIZE], sig[P256_SIG_SIZE], digest[HASH_SIZE];

	(void)state;
	unhex(rfc_point, point);
	unhex(rfc_sig, sig);
	assert_int_equal(hash_sha256("sample", 6, digest, NULL), KMS_OK);
	assert_true(p256_point_valid(point));
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
	soft_p256_other_s(sig);
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_OK);
	digest[31] ^= 1;
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
}

static void signs_always_low(void **state)
{
	unsigned char digest[HASH_SIZE] = {0}, sig[P256_SIG_SIZE], raw[P256_SIG_SIZE];
	struct soft_p256 soft;
	unsigned high = 0;

	(void)state;
	soft_p256_open(&soft);
	for (int i = 0; i < 40; i++) {
		digest[0] = (unsigned char)i;
		assert_int_equal(soft.signer.sign(soft.signer.ctx, digest, raw, NULL), KMS_OK);
		high += p256_verify(soft.signer.point, digest, raw, NULL) != KMS_OK;
		assert_int_equal(p256_sign(&soft.signer, digest, sig, NULL), KMS_OK);
		assert_int_equal(p256_verify(soft.signer.point, digest, sig, NULL), KMS_OK);
		soft_p256_other_s(sig);
		assert_int_equal(
			p256_verify(soft.signer.point, digest, sig, NULL), KMS_ERR_MISMATCH);
	}
	/* The callback gave both kinds, or this showed nothing (40 alike: one in 2^39). */
	assert_in_range(high, 1, 39);
	soft_p256_close(&soft);
}

static void refuses_signature_of_another_key(void **state)
{
	struct soft_p256 soft, other;
	unsigned char digest[HASH_SIZE] = {0}, sig[P256_SIG_SIZE];
	struct kms_err err = {0};

	(void)state;
	soft_p256_open(&soft);
	soft_p256_open(&other);
	memcpy(soft.signer.point, other.signer.point, P256_POINT_SIZE);
	assert_int_equal(p256_sign(&soft.signer, digest, sig, &err), KMS_ERR_HSM);
	soft_p256_close(&soft);
	soft_p256_close(&other);
}

static void knows_points(void **state)
{
	unsigned char point[P256_POINT_SIZE], digest[HASH_SIZE] = {0}, sig[P256_SIG_SIZE] = {0};

	(void)state;
	unhex(rfc_point, point);
	point[64] ^= 1;
	assert_false(p256_point_valid(point));
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
	point[64] ^= 1;
	point[0] = 0x06; /* hybrid form */
	assert_false(p256_point_valid(point));
	memset(point, 0, sizeof(point));
	assert_false(p256_point_valid(point));
	point[0] = 0x04;
	assert_false(p256_point_valid(point));
}

static void zero_signature_is_none(void **state)
{
	unsigned char point[P256_POINT_SIZE], digest[HASH_SIZE] = {0}, sig[P256_SIG_SIZE] = {0};

	(void)state;
	unhex(rfc_point, point);
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
	sig[31] = 1;
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
	memset(sig, 0, sizeof(sig));
	sig[63] = 1;
	assert_int_equal(p256_verify(point, digest, sig, NULL), KMS_ERR_MISMATCH);
}

static void der_has_one_spelling(void **state)
{
	static const char *const sigs[] = {
		"0000000000000000000000000000000000000000000000000000000000000001"
		"000000000000000000000000000000000000000000000000000000000000007F",
		"8000000000000000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000000FF",
	};
	unsigned char sig[P256_SIG_SIZE], back[P256_SIG_SIZE], der[P256_DER_SIG_MAX + 2];
	static const unsigned char padded[] = {0x30, 7, 2, 2, 0, 1, 2, 1, 1};
	static const unsigned char negative[] = {0x30, 6, 2, 1, 0x81, 2, 1, 1};
	static const unsigned char long_len[] = {0x30, 0x81, 6, 2, 1, 1, 2, 1, 1};
	size_t len;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unhex(sigs[i], sig);
		len = p256_der_from_sig(sig, der);
		assert_true(p256_sig_from_der(der, len, back));
		assert_memory_equal(sig, back, sizeof(sig));
		for (size_t cut = 0; cut < len; cut++)
			assert_false(p256_sig_from_der(der, cut, back));
		der[len] = 0;
		assert_false(p256_sig_from_der(der, len + 1, back));
	}
	assert_false(p256_sig_from_der(padded, sizeof(padded), back));
	assert_false(p256_sig_from_der(negative, sizeof(negative), back));
	assert_false(p256_sig_from_der(long_len, sizeof(long_len), back));
}

static void base64_round(const char *plain, const char *text)
{
	BUF_AUTO struct buf out = {0};
	char back[16];
	size_t len;

	assert_int_equal(base64_append(&out, plain, strlen(plain), NULL), KMS_OK);
	assert_string_equal(buf_text(&out), text);
	assert_true(base64_decode(text, strlen(text), back, sizeof(back), &len));
	assert_int_equal(len, strlen(plain));
	assert_memory_equal(back, plain, len);
}

static void base64_vectors(void **state)
{
	(void)state;
	/* RFC 4648 section 10 */
	base64_round("", "");
	base64_round("f", "Zg==");
	base64_round("fo", "Zm8=");
	base64_round("foo", "Zm9v");
	base64_round("foob", "Zm9vYg==");
	base64_round("fooba", "Zm9vYmE=");
	base64_round("foobar", "Zm9vYmFy");
}

static void base64_refuses(void **state)
{
	static const char *const bad[] = {"Zg",
		"Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "=g==", "Z===", "====", "Zm9v\n",
		"Zm-v", "Z m9", "Zm9vYg=A"};
	char out[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len))
			fail_msg("accepted %s", bad[i]);
	assert_false(base64_decode("Zm9vYmFy", 8, out, 5, &len));
	assert_true(base64_decode("Zm9vYmFy", 8, out, 6, &len));
	assert_false(base64_decode("Zm\0v", 4, out, sizeof(out), &len));
}

static void hashes_parts(void **state)
{
	struct hash_part parts[] = {{"a", 1}, {"", 0}, {"bc", 2}};
	unsigned char want[HASH_SIZE], got[HASH_SIZE];

	(void)state;
	/* SHA-256 of "abc", as sha256sum prints it */
	unhex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", want);
	assert_int_equal(hash_sha256_parts(parts, 3, got, NULL), KMS_OK);
	assert_memory_equal(got, want, HASH_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_known_signature_in_its_low_form),
		cmocka_unit_test(signs_always_low),
		cmocka_unit_test(refuses_signature_of_another_key),
		cmocka_unit_test(knows_points),
		cmocka_unit_test(zero_signature_is_none),
		cmocka_unit_test(der_has_one_spelling),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(hashes_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
