/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/check.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WITNESS_MAX = 256, FORMER_MAX = 64 };

#define U64 "%" PRIu64

struct audit_check {
	struct audit_signer now;
	struct audit_signer *former; /* oldest first; those before former_next are past */
	size_t former_count, former_next;
	const struct audit_nodes *nodes;
	struct audit_frontier frontier;
	struct audit_verdict verdict;
	int64_t last_time; /* of the last entry or checkpoint */
	bool last_is_checkpoint;
	uint64_t witnessed;		  /* entries that a witness vouches for */
	struct audit_checkpoint *witness; /* by size */
	size_t witness_count;
	size_t witness_next;
};

enum kms_status audit_check_new(const char *origin, const unsigned char point[P256_POINT_SIZE],
	const struct audit_frontier *start, const struct audit_nodes *nodes,
	struct audit_check **ret_check, struct kms_err *err)
{
	struct audit_check *check;

	if (strlen(origin) > AUDIT_ORIGIN_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "a log's origin is at most %d bytes long",
			AUDIT_ORIGIN_MAX);
	check = calloc(1, sizeof(*check));
	if (!check)
		return kms_nomem(err);
	strcpy(check->now.origin, origin);
	memcpy(check->now.point, point, P256_POINT_SIZE);
	if (start)
		check->frontier = *start;
	check->nodes = nodes;
	check->last_time = INT64_MIN;
	check->witnessed = check->frontier.size;
	check->verdict.from = check->frontier.size;
	check->verdict.size = check->frontier.size;
	check->verdict.signed_size = check->frontier.size;
	*ret_check = check;
	return KMS_OK;
}

void audit_check_free(struct audit_check **check)
{
	if (*check) {
		free((*check)->witness);
		free((*check)->former);
	}
	free(*check);
	*check = NULL;
}

const struct audit_verdict *audit_check_verdict(const struct audit_check *check)
{
	return &check->verdict;
}

static enum kms_status bad(
	struct audit_check *check, uint64_t first, uint64_t last, enum kms_status st)
{
	check->verdict.bad = true;
	check->verdict.bad_first = first;
	check->verdict.bad_last = last;
	return st;
}

static enum kms_status check_alive(const struct audit_check *check, struct kms_err *err)
{
	if (check->verdict.bad)
		return kms_fail(err, KMS_ERR_STATE,
			"the log is already known to be bad from entry " U64 " on",
			check->verdict.bad_first);
	return KMS_OK;
}

static const char *time_text(int64_t time, char out[CLOCK_TEXT_SIZE])
{
	clock_format(time, out);
	return out;
}

enum kms_status audit_check_former(
	struct audit_check *check, const struct audit_signer *former, struct kms_err *err)
{
	struct audit_signer *list;

	if (check->former_count == FORMER_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "more than %d former identities", FORMER_MAX);
	list = reallocarray(check->former, check->former_count + 1, sizeof(*list));
	if (!list)
		return kms_nomem(err);
	check->former = list;
	list[check->former_count++] = *former;
	return KMS_OK;
}

/* Whose log that is; from which former identity on to look. NULL: nobody's here. */
static const struct audit_signer *signer_of(
	const struct audit_check *check, const char *origin, size_t from, size_t *ret_place)
{
	for (*ret_place = from; *ret_place < check->former_count; (*ret_place)++)
		if (strcmp(check->former[*ret_place].origin, origin) == 0)
			return &check->former[*ret_place];
	return strcmp(check->now.origin, origin) == 0 ? &check->now : NULL;
}

enum kms_status audit_check_witness(
	struct audit_check *check, const struct audit_checkpoint *known, struct kms_err *err)
{
	struct audit_checkpoint *list;
	size_t i;

	if (check->frontier.size != check->verdict.from)
		return kms_fail(err, KMS_ERR_STATE,
			"checkpoints known from elsewhere come before the first entry");
	if (!signer_of(check, known->origin, 0, &i))
		return kms_fail(err, KMS_ERR_INVALID,
			"a checkpoint of the log '%s' says nothing"
			" about '%s'",
			known->origin, check->now.origin);
	if (known->size < check->verdict.from)
		return KMS_OK;
	if (check->witness_count == WITNESS_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"more than %d checkpoints known from elsewhere", WITNESS_MAX);
	list = reallocarray(check->witness, check->witness_count + 1, sizeof(*list));
	if (!list)
		return kms_nomem(err);
	check->witness = list;
	for (i = check->witness_count; i > 0 && list[i - 1].size > known->size; i--)
		list[i] = list[i - 1];
	list[i] = *known;
	check->witness_count++;
	return KMS_OK;
}

/* Whoever signed the log's own checkpoints cannot have rewritten what someone else has a copy of. */
static enum kms_status check_witnesses(struct audit_check *check, struct kms_err *err)
{
	unsigned char root[HASH_SIZE];
	char time[CLOCK_TEXT_SIZE];
	enum kms_status st;

	for (; check->witness_next < check->witness_count; check->witness_next++) {
		const struct audit_checkpoint *known = &check->witness[check->witness_next];

		if (known->size != check->frontier.size)
			break;
		st = audit_frontier_root(&check->frontier, root, err);
		if (st)
			return st;
		if (memcmp(root, known->root, HASH_SIZE) == 0) {
			check->witnessed = known->size;
			continue;
		}
		kms_fail(err, KMS_ERR_MISMATCH,
			"the log was rewritten: one of the entries " U64 " to " U64
			" is not what the checkpoint of %s, known from elsewhere, covers",
			check->witnessed, known->size ? known->size - 1 : 0,
			time_text(known->time, time));
		return bad(check, check->witnessed, known->size ? known->size - 1 : 0,
			KMS_ERR_MISMATCH);
	}
	return KMS_OK;
}

static enum kms_status check_order(
	struct audit_check *check, const struct audit_entry *entry, struct kms_err *err)
{
	uint64_t next = check->frontier.size;
	char time[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	if (entry->seq > next) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64 " is missing: entry " U64 " stands in its place", next,
			entry->seq);
		return bad(check, next, next, KMS_ERR_MISMATCH);
	}
	if (entry->seq < next) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64 " stands a second time or out of order, after entry " U64,
			entry->seq, next - 1);
		return bad(check, entry->seq, entry->seq, KMS_ERR_MISMATCH);
	}
	if (entry->time < check->last_time) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64 " is dated %s, before the %s ahead of it of %s", next,
			time_text(entry->time, time),
			check->last_is_checkpoint ? "checkpoint" : "entry",
			time_text(check->last_time, last));
		return bad(check, next, next, KMS_ERR_MISMATCH);
	}
	return KMS_OK;
}

static enum kms_status check_line(struct audit_check *check, const char *line, size_t len,
	const unsigned char *leaf, unsigned char ret_leaf[HASH_SIZE], struct kms_err *err)
{
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	uint64_t next = check->frontier.size;
	enum kms_status st = audit_leaf_hash(line, len, ret_leaf, err);

	if (st)
		return st;
	if (leaf && memcmp(leaf, ret_leaf, HASH_SIZE) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64
			" was changed: its text does not have the hash noted beside it",
			next);
		return bad(check, next, next, KMS_ERR_MISMATCH);
	}
	st = audit_entry_parse(line, len, &entry, err);
	if (st == KMS_ERR_INVALID) {
		kms_prefix(err, "entry " U64 " was changed: ", next);
		if (err)
			err->code = KMS_ERR_MISMATCH;
		return bad(check, next, next, KMS_ERR_MISMATCH);
	}
	if (st)
		return st;
	st = check_order(check, &entry, err);
	if (!st) {
		check->last_time = entry.time;
		check->last_is_checkpoint = false;
	}
	return st;
}

static enum kms_status start(struct audit_check *check, struct kms_err *err)
{
	enum kms_status st = check_alive(check, err);

	return st ? st : check_witnesses(check, err);
}

enum kms_status audit_check_entry(struct audit_check *check, const char *line, size_t len,
	const unsigned char *leaf, struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];
	uint64_t next = check->frontier.size;
	enum kms_status st;

	if ((st = start(check, err)) || (st = check_line(check, line, len, leaf, hash, err)))
		return st;
	st = audit_frontier_add(&check->frontier, hash, check->nodes, err);
	if (st)
		return st == KMS_ERR_MISMATCH ? bad(check, next, next, st) : st;
	check->verdict.size++;
	check->verdict.unsigned_count++;
	return check_witnesses(check, err);
}

static enum kms_status check_place(
	struct audit_check *check, const struct audit_checkpoint *seen, struct kms_err *err)
{
	uint64_t size = check->frontier.size;
	char time[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	if (seen->size > size) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64 " is missing: the checkpoint of %s covers " U64 " entries",
			size, time_text(seen->time, time), seen->size);
		return bad(check, size, seen->size - 1, KMS_ERR_MISMATCH);
	}
	if (seen->size < size) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"one of the entries " U64 " to " U64
			" was put in: the checkpoint of %s covers " U64
			" entries and stands after entry " U64,
			check->verdict.signed_size, size - 1, time_text(seen->time, time),
			seen->size, size - 1);
		return bad(check, check->verdict.signed_size, size - 1, KMS_ERR_MISMATCH);
	}
	if (seen->time < check->last_time) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the checkpoint of " U64
			" entries is dated %s, before the %s ahead of it of %s",
			seen->size, time_text(seen->time, time),
			check->last_is_checkpoint ? "checkpoint" : "entry",
			time_text(check->last_time, last));
		return bad(
			check, check->verdict.signed_size, size ? size - 1 : 0, KMS_ERR_MISMATCH);
	}
	return KMS_OK;
}

static enum kms_status check_root(
	struct audit_check *check, const struct audit_checkpoint *seen, struct kms_err *err)
{
	uint64_t first = check->verdict.signed_size, size = check->frontier.size;
	unsigned char root[HASH_SIZE];
	char time[CLOCK_TEXT_SIZE];
	enum kms_status st = audit_frontier_root(&check->frontier, root, err);

	if (st)
		return st;
	if (memcmp(root, seen->root, HASH_SIZE) == 0)
		return KMS_OK;
	time_text(seen->time, time);
	if (first >= size) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the checkpoint of %s signs another log of " U64 " entries", time, size);
		first = size ? size - 1 : 0;
	} else if (first + 1 == size) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"entry " U64 " is not the one that the checkpoint of %s signed", first,
			time);
	} else {
		kms_fail(err, KMS_ERR_MISMATCH,
			"one of the entries " U64 " to " U64
			" is not what the checkpoint of %s signed",
			first, size - 1, time);
		kms_hint(err, "it was changed together with the hash beside it;"
			      " no checkpoint in between tells which one");
	}
	return bad(check, first, size ? size - 1 : 0, KMS_ERR_MISMATCH);
}

/* By the identity that the note names, if the site has or had it, and none later has signed. */
static enum kms_status verify_note(struct audit_check *check, const char *note, size_t len,
	struct audit_checkpoint *ret_seen, struct kms_err *err)
{
	const struct audit_signer *signer = NULL;
	struct audit_checkpoint says;
	size_t place = check->former_count;
	enum kms_status st;

	st = audit_checkpoint_parse(note, len, &says, err);
	if (st && !kms_is_answer(st))
		return st;
	if (!st)
		signer = signer_of(check, says.origin, check->former_next, &place);
	if (!signer)
		signer = &check->now;
	st = audit_checkpoint_verify(note, len, signer->origin, signer->point, ret_seen, err);
	if (!st)
		check->former_next = place;
	return st;
}

enum kms_status audit_check_checkpoint(
	struct audit_check *check, const char *note, size_t len, struct kms_err *err)
{
	uint64_t first = check->verdict.signed_size, size = check->frontier.size;
	struct audit_checkpoint seen;
	enum kms_status st = start(check, err);

	if (st)
		return st;
	st = verify_note(check, note, len, &seen, err);
	if (st == KMS_ERR_INVALID || st == KMS_ERR_MISMATCH) {
		if (size > first)
			kms_prefix(err, "nothing vouches for the entries " U64 " to " U64 ": ",
				first, size - 1);
		else
			kms_prefix(err, "after " U64 " entries: ", size);
		if (err)
			err->code = KMS_ERR_MISMATCH;
		return bad(check, first, size > first ? size - 1 : first, KMS_ERR_MISMATCH);
	}
	if (st || (st = check_place(check, &seen, err)) || (st = check_root(check, &seen, err)))
		return st;
	check->last_time = seen.time;
	check->last_is_checkpoint = true;
	check->verdict.checkpoints++;
	check->verdict.signed_size = size;
	check->verdict.unsigned_count = 0;
	check->verdict.latest = seen;
	return KMS_OK;
}

enum kms_status audit_check_end(struct audit_check *check, struct kms_err *err)
{
	const struct audit_checkpoint *known;
	uint64_t size = check->frontier.size;
	char time[CLOCK_TEXT_SIZE];
	enum kms_status st = start(check, err);

	if (st || check->witness_next == check->witness_count)
		return st;
	known = &check->witness[check->witness_count - 1];
	kms_fail(err, KMS_ERR_MISMATCH,
		"the log was cut off: entry " U64
		" is missing, the checkpoint of %s, known from elsewhere, covers " U64 " entries",
		size, time_text(known->time, time), known->size);
	return bad(check, size, known->size - 1, KMS_ERR_MISMATCH);
}
