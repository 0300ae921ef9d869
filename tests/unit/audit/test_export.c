/* SPDX-License-Identifier: Apache-2.0 */
/* Exports that were tampered with, and what the verdict says about each. */
#include "unit/audit/sample.h"

#include <stdlib.h>

enum { SIZE = 20, EVERY = 5 };

struct log {
	struct sample sample;
	struct buf text;
	struct audit_verdict verdict;
	struct kms_err err;
};

static int open_log(void **state)
{
	struct log *log = calloc(1, sizeof(*log));

	assert_non_null(log);
	sample_open(&log->sample);
	sample_grow(&log->sample, SIZE, EVERY);
	*state = log;
	return 0;
}

static int close_log(void **state)
{
	struct log *log = *state;

	sample_close(&log->sample);
	buf_free(&log->text);
	free(log);
	return 0;
}

static enum kms_status verify(struct log *log)
{
	struct audit_trust trust = sample_trust(&log->sample);

	kms_err_clear(&log->err);
	return audit_export_verify_text(
		log->text.data, log->text.len, &trust, NULL, &log->verdict, &log->err);
}

/* The record that is entry `seq`. */
static size_t record_of(const struct log *log, uint64_t seq)
{
	size_t i = 0;

	for (;; i++)
		if (!log->sample.records[i].is_note && seq-- == 0)
			return i;
}

static void expect_bad(struct log *log, uint64_t first, uint64_t last, const char *text)
{
	expect_err(&log->err, verify(log), KMS_ERR_MISMATCH, text);
	assert_true(log->verdict.bad);
	if (log->verdict.bad_first != first || log->verdict.bad_last != last)
		fail_msg("bad %lu to %lu, not %lu to %lu: %s",
			(unsigned long)log->verdict.bad_first, (unsigned long)log->verdict.bad_last,
			(unsigned long)first, (unsigned long)last, log->err.msg);
}

static void good_log(void **state)
{
	struct log *log = *state;
	struct audit_export_header header;
	struct audit_trust trust = sample_trust(&log->sample);

	sample_export(&log->sample, SIZE, &log->text);
	expect_ok(&log->err, audit_export_verify_text(log->text.data, log->text.len, &trust,
				     &header, &log->verdict, &log->err));
	assert_string_equal(header.name, "Acme Cards");
	assert_int_equal(header.size, SIZE);
	assert_false(log->verdict.bad);
	assert_int_equal(log->verdict.size, SIZE);
	assert_int_equal(log->verdict.checkpoints, SIZE / EVERY);
	assert_int_equal(log->verdict.signed_size, SIZE);
	assert_int_equal(log->verdict.unsigned_count, 0);
	assert_int_equal(log->verdict.latest.size, SIZE);
}

static void unsigned_tail_is_counted(void **state)
{
	struct log *log = *state;

	sample_entry(&log->sample);
	sample_entry(&log->sample);
	sample_export(&log->sample, SIZE + 2, &log->text);
	expect_ok(&log->err, verify(log));
	assert_int_equal(log->verdict.signed_size, SIZE);
	assert_int_equal(log->verdict.unsigned_count, 2);
}

/* Every entry edited in the text, the hash beside it left: that entry is named. */
static void edited_entry(void **state)
{
	struct log *log = *state;

	for (uint64_t seq = 0; seq < SIZE; seq++) {
		char mark[32], want[32], *at;

		sample_export(&log->sample, SIZE, &log->text);
		snprintf(mark, sizeof(mark), "\"seq\":%lu,", (unsigned long)seq);
		at = strstr(log->text.data, mark);
		assert_non_null(at);
		at = strstr(at, "Example");
		at[0] = 'S';
		snprintf(want, sizeof(want), "entry %lu was changed", (unsigned long)seq);
		expect_bad(log, seq, seq, want);
	}
}

/* Edited together with its hash: the range up to the first checkpoint that covers it. */
static void rewritten_entry(void **state)
{
	struct log *log = *state;

	for (uint64_t seq = 0; seq < SIZE; seq++) {
		struct record *record = &log->sample.records[record_of(log, seq)];
		uint64_t first = seq / EVERY * EVERY;
		char want[64];

		entry_line(seq, "rewritten", &record->text);
		sample_export(&log->sample, SIZE, &log->text);
		snprintf(want, sizeof(want), "one of the entries %lu to %lu is not what",
			(unsigned long)first, (unsigned long)(first + EVERY - 1));
		expect_bad(log, first, first + EVERY - 1, want);
		assert_int_equal(log->verdict.signed_size, first);
		entry_line(seq, "ok", &record->text);
	}
}

static void rewritten_entry_with_a_checkpoint_of_its_own(void **state)
{
	struct log *log = *state;

	sample_entry(&log->sample);
	sample_note(&log->sample);
	entry_line(SIZE, "rewritten", &log->sample.records[record_of(log, SIZE)].text);
	sample_export(&log->sample, SIZE + 1, &log->text);
	expect_bad(log, SIZE, SIZE, "entry 20 is not the one that the checkpoint of");
}

static void take_out(struct sample *sample, size_t i, struct record *ret_record)
{
	*ret_record = sample->records[i];
	memmove(&sample->records[i], &sample->records[i + 1],
		(sample->count - i - 1) * sizeof(struct record));
	sample->count--;
}

static void put_in(struct sample *sample, size_t i, struct record record)
{
	memmove(&sample->records[i + 1], &sample->records[i],
		(sample->count - i) * sizeof(struct record));
	sample->records[i] = record;
	sample->count++;
}

static void removed_entry(void **state)
{
	struct log *log = *state;

	for (uint64_t seq = 0; seq < SIZE; seq++) {
		size_t i = record_of(log, seq);
		struct record record;
		char want[32];

		take_out(&log->sample, i, &record);
		sample_export(&log->sample, SIZE, &log->text);
		snprintf(want, sizeof(want), "entry %lu is missing", (unsigned long)seq);
		expect_bad(log, seq, seq, want);
		put_in(&log->sample, i, record);
	}
}

static void doubled_entry(void **state)
{
	struct log *log = *state;

	for (uint64_t seq = 0; seq < SIZE; seq++) {
		size_t i = record_of(log, seq);
		struct record record;
		char want[64];

		put_in(&log->sample, i + 1, log->sample.records[i]);
		sample_export(&log->sample, SIZE, &log->text);
		snprintf(want, sizeof(want), "entry %lu stands a second time", (unsigned long)seq);
		expect_bad(log, seq, seq, want);
		take_out(&log->sample, i + 1, &record);
	}
}

static void swapped_entries(void **state)
{
	struct log *log = *state;

	for (uint64_t seq = 0; seq + 1 < SIZE; seq++) {
		struct record *a = &log->sample.records[record_of(log, seq)];
		struct record *b = &log->sample.records[record_of(log, seq + 1)];
		struct record held = *a;
		char want[64];

		*a = *b;
		*b = held;
		sample_export(&log->sample, SIZE, &log->text);
		snprintf(want, sizeof(want), "entry %lu is missing: entry %lu stands in its place",
			(unsigned long)seq, (unsigned long)seq + 1);
		expect_bad(log, seq, seq, want);
		*b = *a;
		*a = held;
	}
}

static void inserted_entry(void **state)
{
	struct log *log = *state;
	struct record forged = {0};

	/* Renumbering what follows changes it: entries 5 to 9 are no longer those that were signed. */
	for (uint64_t seq = SIZE; seq > 7; seq--)
		entry_line(seq, "ok", &log->sample.records[record_of(log, seq - 1)].text);
	entry_line(7, "forged", &forged.text);
	put_in(&log->sample, record_of(log, 7), forged);
	sample_export(&log->sample, SIZE + 1, &log->text);
	/* The checkpoint of 10 entries now stands after entry 10. */
	expect_bad(log, 5, 10, "one of the entries 5 to 10 was put in");
}

static void cut_off_under_a_checkpoint(void **state)
{
	struct log *log = *state;

	for (uint64_t left = SIZE - EVERY; left < SIZE; left++) {
		struct record records[EVERY];
		size_t at = record_of(log, left);
		char want[32];
		size_t n = 0;

		for (uint64_t seq = left; seq < SIZE; seq++)
			take_out(&log->sample, at, &records[n++]);
		sample_export(&log->sample, left, &log->text);
		snprintf(want, sizeof(want), "entry %lu is missing", (unsigned long)left);
		expect_bad(log, left, SIZE - 1, want);
		while (n-- > 0)
			put_in(&log->sample, at, records[n]);
	}
}

/* Entries and checkpoints cut off together: a younger log, unless someone else remembers. */
static void cut_off_with_its_checkpoint(void **state)
{
	struct log *log = *state;
	struct audit_checkpoint known = sample_head(&log->sample);
	struct audit_trust trust = sample_trust(&log->sample);
	struct record records[EVERY + 1];
	size_t at = record_of(log, SIZE - EVERY);

	for (size_t i = 0; i < EVERY + 1; i++)
		take_out(&log->sample, at, &records[i]);
	sample_export(&log->sample, SIZE - EVERY, &log->text);
	expect_ok(&log->err, verify(log));
	trust.witness = &known;
	trust.witness_count = 1;
	expect_err(&log->err,
		audit_export_verify_text(
			log->text.data, log->text.len, &trust, NULL, &log->verdict, &log->err),
		KMS_ERR_MISMATCH, "the log was cut off: entry 15 is missing");
	assert_int_equal(log->verdict.bad_first, SIZE - EVERY);
	assert_int_equal(log->verdict.bad_last, SIZE - 1);
	for (size_t i = EVERY + 1; i-- > 0;)
		put_in(&log->sample, at, records[i]);
}

/* A site that rewrites and signs its whole log anew is found out by one checkpoint elsewhere. */
static void rewritten_and_signed_anew(void **state)
{
	struct log *log = *state;
	struct audit_checkpoint known[2];
	struct audit_trust trust = sample_trust(&log->sample);
	struct sample forged = {.soft = log->sample.soft};

	known[1] = sample_head(&log->sample);
	for (uint64_t seq = 0; seq < SIZE; seq++) {
		struct buf *line = sample_add(&forged, false);

		entry_line(seq, seq == 12 ? "forged" : "ok", line);
		sample_line(&forged, line);
		if (seq == 9)
			known[0] = sample_head(&forged); /* still the true one */
	}
	sample_note(&forged);
	sample_export(&forged, SIZE, &log->text);
	expect_ok(&log->err, verify(log));
	trust.witness = known;
	trust.witness_count = 2;
	expect_err(&log->err,
		audit_export_verify_text(
			log->text.data, log->text.len, &trust, NULL, &log->verdict, &log->err),
		KMS_ERR_MISMATCH, "the log was rewritten: one of the entries 10 to 19");
	assert_int_equal(log->verdict.bad_first, 10);
	for (size_t i = 0; i < forged.count; i++)
		buf_free(&forged.records[i].text);
}

static void witness_that_agrees(void **state)
{
	struct log *log = *state;
	struct audit_checkpoint known = sample_head(&log->sample);
	struct audit_trust trust = sample_trust(&log->sample);

	trust.witness = &known;
	trust.witness_count = 1;
	sample_export(&log->sample, SIZE, &log->text);
	expect_ok(&log->err, audit_export_verify_text(log->text.data, log->text.len, &trust, NULL,
				     &log->verdict, &log->err));
	strcpy(known.origin, "cardkms/other");
	expect_err(&log->err,
		audit_export_verify_text(
			log->text.data, log->text.len, &trust, NULL, &log->verdict, &log->err),
		KMS_ERR_INVALID, "says nothing about");
}

static void checkpoint_of_another_key(void **state)
{
	struct log *log = *state;
	struct soft_p256 other;
	struct audit_checkpoint head = sample_head(&log->sample);

	soft_p256_open(&other);
	expect_ok(&log->err, audit_checkpoint_sign(&head, &other.signer,
				     &log->sample.records[log->sample.count - 1].text, &log->err));
	sample_export(&log->sample, SIZE, &log->text);
	expect_bad(log, SIZE - EVERY, SIZE - 1, "signed with another key");
	soft_p256_close(&other);
}

static void clock_moved_back(void **state)
{
	struct log *log = *state;
	struct audit_entry entry = {
		.seq = SIZE, .time = NOON - 1, .actor = "operator", .op = "key.list", .op_id = "1"};
	struct buf *line = sample_add(&log->sample, false);

	expect_ok(&log->err, audit_entry_encode(&entry, line, &log->err));
	sample_line(&log->sample, line);
	sample_export(&log->sample, SIZE + 1, &log->text);
	expect_bad(
		log, SIZE, SIZE, "entry 20 is dated 2026-11-23T11:59:59Z, before the checkpoint");
}

static void two_logs_of_one_size(void **state)
{
	struct log *log = *state;
	struct audit_checkpoint head = sample_head(&log->sample);

	head.root[0] ^= 1;
	expect_ok(&log->err, audit_checkpoint_sign(&head, &log->sample.soft.signer,
				     sample_add(&log->sample, true), &log->err));
	sample_export(&log->sample, SIZE, &log->text);
	expect_bad(log, SIZE - 1, SIZE - 1, "signs another log of 20 entries");
}

static void other_site(void **state)
{
	struct log *log = *state;
	struct audit_trust trust = sample_trust(&log->sample);

	sample_export(&log->sample, SIZE, &log->text);
	trust.origin = "cardkms/other";
	expect_err(&log->err,
		audit_export_verify_text(
			log->text.data, log->text.len, &trust, NULL, NULL, &log->err),
		KMS_ERR_MISMATCH, "the identity's is 'cardkms/other'");
	trust = sample_trust(&log->sample);
	trust.name = "Other";
	expect_err(&log->err,
		audit_export_verify_text(
			log->text.data, log->text.len, &trust, NULL, NULL, &log->err),
		KMS_ERR_MISMATCH, "the identity is 'Other'");
}

/* From entry 5 on, with what comes before as hashes only. */
static void part_of_a_log(void **state)
{
	struct log *log = *state;
	struct audit_frontier start = {0};
	struct audit_export_header header = {
		.name = "Acme Cards", .origin = ORIGIN, .from = EVERY, .size = SIZE};

	for (uint64_t seq = 0; seq < EVERY; seq++) {
		const struct buf *line = &log->sample.records[record_of(log, seq)].text;
		unsigned char leaf[HASH_SIZE];

		expect_ok(&log->err, audit_leaf_hash(line->data, line->len, leaf, &log->err));
		expect_ok(&log->err, audit_frontier_add(&start, leaf, NULL, &log->err));
	}
	expect_ok(&log->err, audit_export_begin(&log->text, &header, &start, &log->err));
	for (size_t i = EVERY + 1; i < log->sample.count; i++) {
		const struct buf *text = &log->sample.records[i].text;

		expect_ok(&log->err,
			log->sample.records[i].is_note
				? audit_export_checkpoint(
					  &log->text, text->data, text->len, &log->err)
				: audit_export_entry(&log->text, text->data, text->len, &log->err));
	}
	expect_ok(&log->err, audit_export_end(&log->text, SIZE, &log->err));
	expect_ok(&log->err, verify(log));
	assert_int_equal(log->verdict.from, EVERY);
	assert_int_equal(log->verdict.checkpoints, SIZE / EVERY - 1);

	*strstr(log->text.data, "before ") = 'b';
	strstr(log->text.data, "before ")[7] ^= 1;
	expect_bad(log, EVERY, 2 * EVERY - 1, "one of the entries 5 to 9");
}

static void empty_log(void **state)
{
	struct log *log = *state;
	struct audit_export_header header = {.name = "Acme Cards", .origin = ORIGIN};

	expect_ok(&log->err, audit_export_begin(&log->text, &header, NULL, &log->err));
	expect_ok(&log->err, audit_export_end(&log->text, 0, &log->err));
	expect_ok(&log->err, verify(log));
	assert_int_equal(log->verdict.size, 0);
}

/* No byte of an export may change, be lost or be added without being noticed. */
static void every_byte_counts(void **state)
{
	static const unsigned char changes[] = {0x01, 0x20};
	struct log *log = *state;
	BUF_AUTO struct buf whole = {0};
	struct sample sample;

	sample_open(&sample);
	sample_grow(&sample, 3, 2);
	sample_export(&sample, 3, &whole);
	sample_close(&log->sample);
	log->sample = sample;
	for (size_t i = 0; i <= whole.len; i++) {
		for (size_t c = 0; c < sizeof(changes) && i < whole.len; c++) {
			buf_free(&log->text);
			expect_ok(&log->err,
				buf_append(&log->text, whole.data, whole.len, &log->err));
			log->text.data[i] = (char)(log->text.data[i] ^ changes[c]);
			if (verify(log) == KMS_OK)
				fail_msg("byte %zu changed by %02X", i, changes[c]);
		}
		buf_free(&log->text);
		expect_ok(&log->err, buf_append(&log->text, whole.data, i, &log->err));
		if (i < whole.len && verify(log) == KMS_OK)
			fail_msg("cut at %zu", i);
		expect_ok(&log->err, buf_puts(&log->text, "\n", &log->err));
		expect_ok(&log->err,
			buf_append(&log->text, whole.data + i, whole.len - i, &log->err));
		if (verify(log) == KMS_OK)
			fail_msg("newline put in at %zu", i);
	}
	buf_free(&log->text);
	expect_ok(&log->err, buf_append(&log->text, whole.data, whole.len, &log->err));
	expect_ok(&log->err, verify(log));
}

static void counts_must_agree(void **state)
{
	struct log *log = *state;

	sample_entry(&log->sample);
	sample_export(&log->sample, SIZE + 3, &log->text);
	expect_bad(log, SIZE + 1, SIZE + 1, "entry 21 is missing or too much");
}

static enum kms_status one_byte(
	void *ctx, char *out, size_t cap, size_t *ret_len, struct kms_err *err)
{
	struct buf *rest = ctx;

	(void)err;
	assert_true(cap > 0);
	*ret_len = rest->len > 0;
	if (rest->len > 0) {
		*out = *rest->data++;
		rest->len--;
	}
	return KMS_OK;
}

static enum kms_status broken_disk(
	void *ctx, char *out, size_t cap, size_t *ret_len, struct kms_err *err)
{
	(void)ctx, (void)out, (void)cap, (void)ret_len;
	return kms_fail(err, KMS_ERR_IO, "the disk is gone");
}

static void read_in_small_pieces(void **state)
{
	struct log *log = *state;
	struct audit_trust trust = sample_trust(&log->sample);
	struct audit_reader reader = {NULL, one_byte};
	struct buf rest;

	sample_export(&log->sample, SIZE, &log->text);
	rest = log->text;
	reader.ctx = &rest;
	expect_ok(&log->err, audit_export_verify(&reader, &trust, NULL, &log->verdict, &log->err));
	assert_int_equal(log->verdict.size, SIZE);
	reader.read = broken_disk;
	expect_err(&log->err, audit_export_verify(&reader, &trust, NULL, NULL, &log->err),
		KMS_ERR_IO, "the disk is gone");
}

static void endless_line(void **state)
{
	struct log *log = *state;
	size_t len = (size_t)2 * AUDIT_LINE_MAX;
	char *text;

	sample_export(&log->sample, SIZE, &log->text);
	text = malloc(len);
	assert_non_null(text);
	memset(text, 'x', len);
	log->text.len -= strlen("end 20\n");
	expect_ok(&log->err, buf_append(&log->text, text, len, &log->err));
	free(text);
	expect_bad(log, SIZE, SIZE, "is cut off");
	assert_int_equal(audit_export_verify_text(
				 "x", 1, &(struct audit_trust){.origin = ORIGIN}, NULL, NULL, NULL),
		KMS_ERR_INVALID);
}

/* The database's own log goes through the same code, without a text. */
static enum kms_status compare(void *ctx, unsigned level, uint64_t index,
	const unsigned char hash[HASH_SIZE], struct kms_err *err)
{
	(void)level, (void)hash;
	if (index == *(uint64_t *)ctx)
		return kms_fail(err, KMS_ERR_MISMATCH, "node differs from the stored one");
	return KMS_OK;
}

static void stored_nodes_are_compared(void **state)
{
	struct log *log = *state;
	AUDIT_CHECK_AUTO struct audit_check *check = NULL;
	uint64_t wrong = 3;
	struct audit_nodes nodes = {&wrong, NULL, compare};
	enum kms_status st = KMS_OK;

	expect_ok(&log->err, audit_check_new(ORIGIN, log->sample.soft.signer.point, NULL, &nodes,
				     &check, &log->err));
	for (size_t i = 0; i < log->sample.count && !st; i++)
		st = audit_check_entry(check, log->sample.records[i].text.data,
			log->sample.records[i].text.len, NULL, &log->err);
	expect_err(&log->err, st, KMS_ERR_MISMATCH, "differs from the stored");
	assert_true(audit_check_verdict(check)->bad);
	assert_int_equal(audit_check_verdict(check)->bad_first, 3);
	expect_err(&log->err, audit_check_end(check, &log->err), KMS_ERR_STATE, "already known");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_log, close_log)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(good_log), TEST(unsigned_tail_is_counted),
		TEST(edited_entry), TEST(rewritten_entry),
		TEST(rewritten_entry_with_a_checkpoint_of_its_own), TEST(removed_entry),
		TEST(doubled_entry), TEST(swapped_entries), TEST(inserted_entry),
		TEST(cut_off_under_a_checkpoint), TEST(cut_off_with_its_checkpoint),
		TEST(rewritten_and_signed_anew), TEST(witness_that_agrees),
		TEST(checkpoint_of_another_key), TEST(clock_moved_back), TEST(two_logs_of_one_size),
		TEST(other_site), TEST(part_of_a_log), TEST(empty_log), TEST(every_byte_counts),
		TEST(counts_must_agree), TEST(read_in_small_pieces), TEST(endless_line),
		TEST(stored_nodes_are_compared)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
