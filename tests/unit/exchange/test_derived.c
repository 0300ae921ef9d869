/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests of files of cards' keys, and records of progress: what is written is read again, every
 * changed byte is refused, sizes are those of the format, and nothing odd is signed.
 */
#include "exchange/derived.h"
#include "support/expect.h"
#include "support/soft_p256.h"

#include <stdlib.h>

static struct kms_err err;

#define FINGERPRINT "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
static const char note[] = "cardkms/AB\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"
			   "time 2026-11-23T12:00:00Z\n\n\xE2\x80\x94 cardkms/AB AAAA\n";

static struct doc_derived_job sample_job(void)
{
	struct doc_derived_job job = {.sender = {"Card Maker", FINGERPRINT},
		.keyset = "Bank1",
		.customer = "",
		.div = *key_div_find("kdf3"),
		.alg = KEY_AES192,
		.kvn = 0x20,
		.under = {"ZK1", KEY_AES256, {KEY_KCV_AES_GP, {1, 2, 3}, 3}},
		.recipient = "",
		.wrapping = KEY_WRAP_AES_KW,
		.cards = 10000,
		.cards_hash = {7},
		.at_once = 4096,
		.stride = 32};
	static const char *const labels[] = {"BankENC1", "BankMAC1", "BankKEK1"};

	for (size_t i = 0; i < DOC_DERIVED_ROLES; i++)
		job.masters[i] = (struct doc_checked_key){
			labels[i], KEY_AES192, {KEY_KCV_AES_GP, {9, 8, 7}, 3}};
	return job;
}

static struct doc_derived sample(json_t *overrides)
{
	struct doc_derived d = {.id = "DK-0123456789",
		.job = sample_job(),
		.hash = {1},
		.overrides = overrides,
		.checkpoint = note,
		.created = 1790000000};

	d.bytes = doc_derived_size(&d.job);
	return d;
}

static enum kms_status accept(const struct soft_p256 *soft, const char *text, size_t len)
{
	DOC_DERIVED_AUTO struct doc_derived again = {0};
	enum kms_status st = doc_derived_parse(text, len, &again, &err);

	return st ? st : doc_derived_verify(&again, FINGERPRINT, soft->signer.point, &err);
}

static void test_manifest(void **state)
{
	JS_AUTO json_t *overrides = json_pack("[s]", "a weak key");
	struct doc_derived d = sample(overrides);
	DOC_DERIVED_AUTO struct doc_derived again = {0};
	BUF_AUTO struct buf text = {0};
	struct soft_p256 soft;
	size_t mismatched = 0;

	(void)state;
	soft_p256_open(&soft);
	expect_ok(&err, doc_derived_write(&d, &soft.signer, &text, &err));
	expect_ok(&err, doc_derived_parse(text.data, text.len, &again, &err));
	expect_ok(&err, doc_derived_verify(&again, FINGERPRINT, soft.signer.point, &err));
	assert_int_equal(again.job.cards, 10000);
	assert_int_equal(again.job.stride, 32);
	assert_string_equal(again.job.masters[1].label, "BankMAC1");
	assert_int_equal(again.bytes, d.bytes);
	assert_memory_equal(again.hash, d.hash, HASH_SIZE);
	for (size_t i = 0; i < text.len; i++) {
		enum kms_status st;

		text.data[i] ^= 0x01;
		st = accept(&soft, text.data, text.len);
		text.data[i] ^= 0x01;
		assert_true(st == KMS_ERR_INVALID || st == KMS_ERR_MISMATCH);
		mismatched += st == KMS_ERR_MISMATCH;
	}
	/* Some keep the form: only the signature tells. */
	assert_true(mismatched > 100);
	expect_ok(&err, accept(&soft, text.data, text.len));
	soft_p256_close(&soft);
}

static void test_never_signed(void **state)
{
	JS_AUTO json_t *overrides = json_array();
	struct doc_derived d = sample(overrides);
	BUF_AUTO struct buf text = {0};
	struct soft_p256 soft;

	(void)state;
	soft_p256_open(&soft);
	d.bytes++;
	expect_err(&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID,
		"a key file of 10000 cards has");
	d = sample(overrides);
	d.job.wrapping = KEY_WRAP_ECB;
	expect_err(&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID,
		"by aes-kw or raw-cbc");
	d = sample(overrides);
	d.job.under.alg = KEY_TDEA2;
	d.job.under.kcv.method = KEY_KCV_TDES_ZERO;
	expect_err(&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID,
		"under AES keys");
	d = sample(overrides);
	d.job.stride = 16;
	expect_err(
		&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID, "stride");
	d = sample(overrides);
	d.job.cards = 0;
	expect_err(
		&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID, "count");
	d = sample(overrides);
	d.job.div = *key_div_find("visa2");
	expect_err(
		&err, doc_derived_write(&d, &soft.signer, &text, &err), KMS_ERR_INVALID, "aes192");
	soft_p256_close(&soft);
}

/* Counted block by block. */
static int64_t counted(const struct doc_derived_job *job)
{
	int64_t size = 8;

	for (int64_t done = 0; done < job->cards; done += 4096) {
		const int64_t n = job->cards - done < 4096 ? job->cards - done : 4096;

		size += 8;
		for (int role = 0; role < 3; role++)
			for (int64_t i = 0; i < n; i += job->at_once) {
				const int64_t m = n - i < job->at_once ? n - i : job->at_once;
				const int64_t len = m * job->stride;

				size += job->wrapping == KEY_WRAP_AES_KW ? len + 8
									 : (len + 15) / 16 * 16;
			}
	}
	return size;
}

static void test_sizes(void **state)
{
	static const int64_t cards[] = {1, 2, 4095, 4096, 4097, 10000, 12288};
	static const int64_t at_once[] = {1, 2, 4, 4096};
	static const int64_t strides[] = {16, 24, 32};
	struct doc_derived_job job = sample_job();

	(void)state;
	for (size_t c = 0; c < sizeof(cards) / sizeof(cards[0]); c++)
		for (size_t a = 0; a < sizeof(at_once) / sizeof(at_once[0]); a++)
			for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++)
				for (int cbc = 0; cbc < 2; cbc++) {
					job.cards = cards[c];
					job.at_once = at_once[a];
					job.stride = strides[s];
					job.wrapping = cbc ? KEY_WRAP_CBC : KEY_WRAP_AES_KW;
					assert_int_equal(doc_derived_size(&job), counted(&job));
				}
}

/* The record is of one job: whatever is another in it makes another job of it. */
static void test_progress(void **state)
{
	struct doc_progress p = {
		.sender = {"Card Maker", FINGERPRINT}, .chunks = 2, .bytes = 1234, .hash = {5}};
	struct doc_derived_job job = sample_job(), other[] = {job, job, job, job, job};
	DOC_PROGRESS_AUTO struct doc_progress again = {0};
	BUF_AUTO struct buf text = {0};
	unsigned char hash[HASH_SIZE];
	struct soft_p256 soft, stranger;

	(void)state;
	soft_p256_open(&soft);
	soft_p256_open(&stranger);
	expect_ok(&err, doc_derived_job_hash(&job, p.job, &err));
	other[0].cards++;
	other[1].cards_hash[31] = 1;
	other[2].at_once = 2;
	other[3].masters[2].kcv.bytes[0] ^= 1;
	other[4].under.label = "ZK2";
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		expect_ok(&err, doc_derived_job_hash(&other[i], hash, &err));
		assert_memory_not_equal(hash, p.job, HASH_SIZE);
	}
	expect_ok(&err, doc_progress_write(&p, &soft.signer, &text, &err));
	expect_ok(&err, doc_progress_parse(text.data, text.len, &again, &err));
	assert_int_equal(again.bytes, 1234);
	assert_memory_equal(again.job, p.job, HASH_SIZE);
	expect_ok(&err, doc_progress_verify(&again, FINGERPRINT, soft.signer.point, &err));
	expect_err(&err, doc_progress_verify(&again, FINGERPRINT, stranger.signer.point, &err),
		KMS_ERR_MISMATCH, "signature");
	expect_err(&err, doc_progress_parse(text.data, text.len - 1, &again, &err), KMS_ERR_INVALID,
		"derivation");
	soft_p256_close(&soft);
	soft_p256_close(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_never_signed),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
