/* SPDX-License-Identifier: Apache-2.0 */
/* A log in memory to be exported and tampered with. Included by one program each. */
#ifndef TEST_AUDIT_SAMPLE_H
#define TEST_AUDIT_SAMPLE_H

#include "audit/export.h"
#include "base/hex.h"
#include "support/expect.h"
#include "support/soft_p256.h"

#include <stdio.h>

#define ORIGIN "cardkms/00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"

enum { NOON = 1795435200, RECORDS_MAX = 64 };

/* Line of entry `seq`, `text` being its outcome. */
static inline void entry_line(uint64_t seq, const char *text, struct buf *ret_line)
{
	struct audit_entry entry = {.seq = seq,
		.time = NOON + (int64_t)seq,
		.actor = "A. Ortiz, B. Lindqvist",
		.op = "exchange.export",
		.op_id = "OP-0001",
		.phase = AUDIT_OUTCOME,
		.subject = "Example Bank",
		.outcome = text};
	struct kms_err err = {0};

	expect_ok(&err, audit_entry_encode(&entry, ret_line, &err));
}

struct record {
	bool is_note;
	struct buf text; /* entry line or note */
};

/* The records of a log in the order of the export. */
struct sample {
	struct soft_p256 soft;
	struct audit_frontier frontier;
	struct record records[RECORDS_MAX];
	size_t count;
};

static inline void sample_open(struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	soft_p256_open(&sample->soft);
}

static inline void sample_close(struct sample *sample)
{
	for (size_t i = 0; i < sample->count; i++)
		buf_free(&sample->records[i].text);
	soft_p256_close(&sample->soft);
}

static inline struct buf *sample_add(struct sample *sample, bool is_note)
{
	assert_true(sample->count < RECORDS_MAX);
	sample->records[sample->count].is_note = is_note;
	return &sample->records[sample->count++].text;
}

static inline void sample_line(struct sample *sample, const struct buf *line)
{
	unsigned char leaf[HASH_SIZE];
	struct kms_err err = {0};

	expect_ok(&err, audit_leaf_hash(line->data, line->len, leaf, &err));
	expect_ok(&err, audit_frontier_add(&sample->frontier, leaf, NULL, &err));
}

static inline void sample_entry(struct sample *sample)
{
	struct buf *line = sample_add(sample, false);

	entry_line(sample->frontier.size, "ok", line);
	sample_line(sample, line);
}

static inline struct audit_checkpoint sample_head(const struct sample *sample)
{
	struct audit_checkpoint head = {.origin = ORIGIN, .size = sample->frontier.size};
	struct kms_err err = {0};

	head.time = NOON + (int64_t)head.size - 1;
	expect_ok(&err, audit_frontier_root(&sample->frontier, head.root, &err));
	return head;
}

static inline void sample_note(struct sample *sample)
{
	struct audit_checkpoint head = sample_head(sample);
	struct kms_err err = {0};

	expect_ok(&err,
		audit_checkpoint_sign(&head, &sample->soft.signer, sample_add(sample, true), &err));
}

/* Entries 0 … size - 1 with a checkpoint after each `every`. */
static inline void sample_grow(struct sample *sample, uint64_t size, uint64_t every)
{
	while (sample->frontier.size < size) {
		sample_entry(sample);
		if (sample->frontier.size % every == 0)
			sample_note(sample);
	}
}

/* The export of the records as they now are, hashes beside entries computed anew. */
static inline void sample_export(const struct sample *sample, uint64_t size, struct buf *ret_text)
{
	struct audit_export_header header = {.name = "Acme Cards", .origin = ORIGIN, .size = size};
	struct kms_err err = {0};

	buf_free(ret_text);
	expect_ok(&err, audit_export_begin(ret_text, &header, NULL, &err));
	for (size_t i = 0; i < sample->count; i++) {
		const struct record *record = &sample->records[i];

		if (record->is_note)
			expect_ok(&err, audit_export_checkpoint(ret_text, record->text.data,
						record->text.len, &err));
		else
			expect_ok(&err, audit_export_entry(ret_text, record->text.data,
						record->text.len, &err));
	}
	expect_ok(&err, audit_export_end(ret_text, size, &err));
}

static inline struct audit_trust sample_trust(const struct sample *sample)
{
	return (struct audit_trust){
		.name = "Acme Cards", .origin = ORIGIN, .audit_key = sample->soft.signer.point};
}

#endif
