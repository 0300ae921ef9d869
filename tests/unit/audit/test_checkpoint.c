/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints and inclusion proofs, and every byte of them. */
#include "audit/proof.h"
#include "support/audit_memory.h"
#include "unit/audit/sample.h"

static void note_looks_like_c2sp(void **state)
{
	static const char want[] = ORIGIN "\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"
					  "time 2026-11-23T12:00:00Z\n\n\xE2\x80\x94 " ORIGIN " ";
	struct audit_checkpoint head = {.origin = ORIGIN, .size = 20, .time = NOON}, back;
	BUF_AUTO struct buf note = {0};
	struct soft_p256 soft;
	struct kms_err err = {0};

	(void)state;
	soft_p256_open(&soft);
	memset(head.root, 0xAB, sizeof(head.root));
	expect_ok(&err, audit_checkpoint_sign(&head, &soft.signer, &note, &err));
	assert_int_equal(strncmp(note.data, want, sizeof(want) - 1), 0);
	assert_in_range(note.len, 1, AUDIT_NOTE_MAX);
	expect_ok(&err, audit_checkpoint_verify(
				note.data, note.len, ORIGIN, soft.signer.point, &back, &err));
	assert_memory_equal(back.root, head.root, HASH_SIZE);
	assert_int_equal(back.size, 20);
	assert_int_equal(back.time, NOON);
	assert_string_equal(back.origin, ORIGIN);
	soft_p256_close(&soft);
}

/* A checkpoint written by hand and signed with `openssl dgst -sha256 -sign`. */
static void verifies_what_openssl_signed(void **state)
{
	static const char note[] = "cardkms/test\n"
				   "7\n"
				   "O6jQKxb9KgHBqLoaHwNtfOOG7ZU2lvpXMxwqxIqAslU=\n"
				   "time 2026-11-23T12:00:00Z\n"
				   "\n"
				   "\xE2\x80\x94 cardkms/test "
				   "WJcZTzBEAiAWr+PXhmqjvSd+eniUjmVvjAf6neL//zBYtwLhEVWnRgIgAjmIe/"
				   "E510heP1pahDjGmkh0skv6X93Z1l8zufbB9po=\n";
	static const char point_hex[] =
		"04DFFD9D10456B6F6765A74331BAE6F25D953A614E1705A17844FC814A4139449ACF48E9F63D473292"
		"860399D92CCF7A9EDA1448DF186B87F08F415984DDBBC44A";
	unsigned char point[P256_POINT_SIZE];
	struct audit_checkpoint head;
	struct kms_err err = {0};

	(void)state;
	assert_true(hex_decode_strict(point_hex, point, sizeof(point)));
	expect_ok(&err,
		audit_checkpoint_verify(note, strlen(note), "cardkms/test", point, &head, &err));
	assert_int_equal(head.size, 7);
}

static void every_byte_of_a_note_counts(void **state)
{
	struct audit_checkpoint head = {.origin = "cardkms/A", .size = 7, .time = NOON}, back;
	BUF_AUTO struct buf note = {0}, other = {0};
	struct soft_p256 soft;
	struct kms_err err = {0};

	(void)state;
	soft_p256_open(&soft);
	expect_ok(&err, audit_checkpoint_sign(&head, &soft.signer, &note, &err));
	for (size_t i = 0; i <= note.len; i++) {
		for (unsigned change = 1; change < 256 && i < note.len; change <<= 1) {
			note.data[i] = (char)(note.data[i] ^ (int)change);
			if (!audit_checkpoint_verify(
				    note.data, note.len, NULL, soft.signer.point, &back, NULL))
				fail_msg("byte %zu changed by %02X", i, change);
			note.data[i] = (char)(note.data[i] ^ (int)change);
		}
		if (i < note.len && !audit_checkpoint_verify(
					    note.data, i, NULL, soft.signer.point, &back, NULL))
			fail_msg("cut at %zu", i);
		for (const char *c = "\n 0="; *c; c++) {
			buf_free(&other);
			expect_ok(&err, buf_append(&other, note.data, i, &err));
			expect_ok(&err, buf_append(&other, c, 1, &err));
			expect_ok(&err, buf_append(&other, note.data + i, note.len - i, &err));
			if (!audit_checkpoint_verify(
				    other.data, other.len, NULL, soft.signer.point, &back, NULL))
				fail_msg("'%c' put in at %zu", *c, i);
		}
	}
	expect_ok(&err,
		audit_checkpoint_verify(note.data, note.len, NULL, soft.signer.point, &back, &err));
	soft_p256_close(&soft);
}

static enum kms_status high_s(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	struct soft_p256 *soft = ctx;
	enum kms_status st = p256_sign(&soft->signer, digest, ret_sig, err);

	soft_p256_other_s(ret_sig);
	return st;
}

static void high_s_of_the_hsm_is_lowered(void **state)
{
	struct audit_checkpoint head = {.origin = "cardkms/A", .time = NOON}, back;
	BUF_AUTO struct buf note = {0};
	struct p256_signer signer;
	struct soft_p256 soft;
	struct kms_err err = {0};

	(void)state;
	soft_p256_open(&soft);
	signer = soft.signer;
	signer.ctx = &soft;
	signer.sign = high_s;
	expect_ok(&err, audit_checkpoint_sign(&head, &signer, &note, &err));
	expect_ok(&err,
		audit_checkpoint_verify(note.data, note.len, NULL, signer.point, &back, &err));
	soft_p256_close(&soft);
}

static enum kms_status no_hsm(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	(void)ctx, (void)digest, (void)ret_sig;
	return kms_fail(err, KMS_ERR_HSM, "the HSM is gone");
}

static void refuses_to_sign(void **state)
{
	struct audit_checkpoint head = {.origin = "cardkms/A", .time = NOON};
	BUF_AUTO struct buf note = {0};
	struct p256_signer signer = {.sign = no_hsm};
	struct kms_err err = {0};

	(void)state;
	expect_err(&err, audit_checkpoint_sign(&head, &signer, &note, &err), KMS_ERR_HSM,
		"the HSM is gone");
	strcpy(head.origin, "has blank");
	expect_err(&err, audit_checkpoint_sign(&head, &signer, &note, &err), KMS_ERR_INVALID,
		"origin");
	strcpy(head.origin, "a+b");
	expect_err(&err, audit_checkpoint_sign(&head, &signer, &note, &err), KMS_ERR_INVALID,
		"origin");
	strcpy(head.origin, "a");
	head.time = INT64_MAX / 8;
	expect_err(
		&err, audit_checkpoint_sign(&head, &signer, &note, &err), KMS_ERR_INVALID, "time");
	assert_null(note.data);
}

static void origin_from_fingerprint(void **state)
{
	char origin[AUDIT_ORIGIN_MAX + 1];
	struct kms_err err = {0};

	(void)state;
	expect_ok(&err, audit_origin(&ORIGIN[strlen("cardkms/")], origin, &err));
	assert_string_equal(origin, ORIGIN);
	expect_err(&err, audit_origin("00ff", origin, &err), KMS_ERR_INVALID, "64 upper-case");
}

static void other_logs_and_keys(void **state)
{
	struct audit_checkpoint head = {.origin = "cardkms/A", .time = NOON}, back;
	BUF_AUTO struct buf note = {0};
	struct soft_p256 soft, other;
	struct kms_err err = {0};

	(void)state;
	soft_p256_open(&soft);
	soft_p256_open(&other);
	expect_ok(&err, audit_checkpoint_sign(&head, &soft.signer, &note, &err));
	expect_err(&err,
		audit_checkpoint_verify(
			note.data, note.len, "cardkms/B", soft.signer.point, &back, &err),
		KMS_ERR_MISMATCH, "of the log 'cardkms/A', not of 'cardkms/B'");
	expect_err(&err,
		audit_checkpoint_verify(note.data, note.len, NULL, other.signer.point, &back, &err),
		KMS_ERR_MISMATCH, "another key");
	expect_ok(&err, audit_checkpoint_parse(note.data, note.len, &back, &err));
	soft_p256_close(&soft);
	soft_p256_close(&other);
}

/* ---- inclusion proofs ---- */

struct proven {
	struct sample sample;
	struct audit_memory memory;
	struct buf text;
};

static void prove(struct proven *proven, uint64_t size, uint64_t seq)
{
	struct audit_path path;
	const struct buf *note;
	struct kms_err err = {0};

	sample_open(&proven->sample);
	audit_memory_open(&proven->memory);
	sample_grow(&proven->sample, size, size);
	for (uint64_t i = 0; i < size; i++) {
		const struct buf *line = &proven->sample.records[i].text;
		unsigned char leaf[HASH_SIZE];

		expect_ok(&err, audit_leaf_hash(line->data, line->len, leaf, &err));
		expect_ok(&err, audit_tree_append(&proven->memory.nodes, i, leaf, &err));
	}
	expect_ok(&err, audit_tree_inclusion(&proven->memory.nodes, seq, size, &path, &err));
	note = &proven->sample.records[size].text;
	expect_ok(&err, audit_proof_write(proven->sample.records[seq].text.data,
				proven->sample.records[seq].text.len, seq, &path, note->data,
				note->len, &proven->text, &err));
}

static void unprove(struct proven *proven)
{
	buf_free(&proven->text);
	audit_memory_close(&proven->memory);
	sample_close(&proven->sample);
}

static enum kms_status check(const struct proven *proven, const char *text, size_t len,
	uint64_t *ret_seq, struct kms_err *err)
{
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	struct audit_checkpoint head;
	enum kms_status st = audit_proof_verify(
		text, len, ORIGIN, proven->sample.soft.signer.point, &entry, &head, err);

	if (!st)
		*ret_seq = entry.seq;
	return st;
}

static void proofs_of_every_entry(void **state)
{
	struct kms_err err = {0};

	(void)state;
	for (uint64_t seq = 0; seq < 13; seq++) {
		struct proven proven = {0};
		uint64_t seen = 99;

		prove(&proven, 13, seq);
		assert_int_equal(
			strncmp(proven.text.data, "c2sp.org/tlog-proof@v1\nextra ", 29), 0);
		expect_ok(&err, check(&proven, proven.text.data, proven.text.len, &seen, &err));
		assert_int_equal(seen, seq);
		unprove(&proven);
	}
}

static void every_byte_of_a_proof_counts(void **state)
{
	struct proven proven = {0};
	struct kms_err err = {0};
	uint64_t seen;

	(void)state;
	prove(&proven, 5, 2);
	for (size_t i = 0; i < proven.text.len; i++) {
		for (unsigned change = 1; change < 256; change <<= 1) {
			proven.text.data[i] = (char)(proven.text.data[i] ^ (int)change);
			if (!check(&proven, proven.text.data, proven.text.len, &seen, NULL))
				fail_msg("byte %zu changed by %02X", i, change);
			proven.text.data[i] = (char)(proven.text.data[i] ^ (int)change);
		}
		if (!check(&proven, proven.text.data, i, &seen, NULL))
			fail_msg("cut at %zu", i);
	}
	expect_ok(&err, check(&proven, proven.text.data, proven.text.len, &seen, &err));
	unprove(&proven);
}

static void proof_of_an_entry_that_says_another_number(void **state)
{
	struct audit_checkpoint head = {.origin = ORIGIN, .size = 1, .time = NOON};
	struct audit_path path = {0};
	BUF_AUTO struct buf line = {0}, note = {0};
	struct proven proven = {0};
	struct kms_err err = {0};
	uint64_t seen;

	(void)state;
	sample_open(&proven.sample);
	entry_line(3, "ok", &line);
	expect_ok(&err, audit_leaf_hash(line.data, line.len, head.root, &err));
	expect_ok(&err, audit_checkpoint_sign(&head, &proven.sample.soft.signer, &note, &err));
	expect_ok(&err, audit_proof_write(line.data, line.len, 0, &path, note.data, note.len,
				&proven.text, &err));
	expect_err(&err, check(&proven, proven.text.data, proven.text.len, &seen, &err),
		KMS_ERR_MISMATCH, "for entry 0, but shows entry 3");
	buf_free(&proven.text);
	sample_close(&proven.sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(note_looks_like_c2sp),
		cmocka_unit_test(verifies_what_openssl_signed),
		cmocka_unit_test(every_byte_of_a_note_counts),
		cmocka_unit_test(high_s_of_the_hsm_is_lowered),
		cmocka_unit_test(refuses_to_sign),
		cmocka_unit_test(origin_from_fingerprint),
		cmocka_unit_test(other_logs_and_keys),
		cmocka_unit_test(proofs_of_every_entry),
		cmocka_unit_test(every_byte_of_a_proof_counts),
		cmocka_unit_test(proof_of_an_entry_that_says_another_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
