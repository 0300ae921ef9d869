/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/proof.h"

#include "audit/text.h"
#include "base/base64.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "c2sp.org/tlog-proof@v1"

struct proof {
	char *entry; /* AUDIT_LINE_MAX */
	size_t entry_len;
	uint64_t seq;
	struct audit_path path;
	struct audit_line note;
};

static void proof_free(struct proof *proof)
{
	free(proof->entry);
}

enum kms_status audit_proof_write(const char *line, size_t line_len, uint64_t seq,
	const struct audit_path *path, const char *note, size_t note_len, struct buf *ret_text,
	struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if ((st = buf_puts(&text, FIRST_LINE "\nextra ", err)) ||
		(st = base64_append(&text, line, line_len, err)) ||
		(st = buf_printf(&text, err, "\nindex %" PRIu64 "\n", seq)))
		return st;
	for (size_t i = 0; i < path->count; i++)
		if ((st = base64_append(&text, path->hash[i], HASH_SIZE, err)) ||
			(st = buf_puts(&text, "\n", err)))
			return st;
	if ((st = buf_puts(&text, "\n", err)) || (st = buf_append(&text, note, note_len, err)))
		return st;
	buf_free(ret_text);
	*ret_text = text;
	text = (struct buf){0};
	return KMS_OK;
}

static bool read_path(struct audit_line *rest, struct audit_path *path)
{
	struct audit_line line;

	for (; audit_take_line(rest, &line); path->count++) {
		if (line.len == 0)
			return true;
		if (path->count == AUDIT_PATH_MAX ||
			!audit_read_base64(&line, path->hash[path->count]))
			return false;
	}
	return false;
}

static enum kms_status read_proof(
	const char *text, size_t len, struct proof *proof, struct kms_err *err)
{
	struct audit_line rest = {text, len}, line;
	const char *bad = NULL;

	proof->entry = malloc(AUDIT_LINE_MAX);
	if (!proof->entry)
		return kms_nomem(err);
	if (!audit_take_line(&rest, &line) || !audit_line_is(&line, FIRST_LINE))
		bad = "line 1 does not say what it is";
	else if (!audit_take_line(&rest, &line) || !audit_take_head(&line, "extra ") ||
		 !base64_decode(
			 line.text, line.len, proof->entry, AUDIT_LINE_MAX, &proof->entry_len))
		bad = "line 2 is no entry";
	else if (!audit_take_line(&rest, &line) || !audit_take_head(&line, "index ") ||
		 !audit_read_size(&line, &proof->seq))
		bad = "line 3 is no index";
	else if (!read_path(&rest, &proof->path))
		bad = "the path is cut off or damaged";
	if (bad)
		return kms_fail(err, KMS_ERR_INVALID, "audit proof: %s", bad);
	proof->note = rest;
	return KMS_OK;
}

enum kms_status audit_proof_verify(const char *text, size_t len, const char *origin,
	const unsigned char point[P256_POINT_SIZE], struct audit_entry *ret_entry,
	struct audit_checkpoint *ret_checkpoint, struct kms_err *err)
{
	__attribute__((cleanup(proof_free))) struct proof proof = {0};
	AUDIT_ENTRY_AUTO struct audit_entry entry = {0};
	struct audit_checkpoint checkpoint;
	unsigned char leaf[HASH_SIZE];
	enum kms_status st;

	if ((st = read_proof(text, len, &proof, err)) ||
		(st = audit_checkpoint_verify(
			 proof.note.text, proof.note.len, origin, point, &checkpoint, err)) ||
		(st = audit_entry_parse(proof.entry, proof.entry_len, &entry, err)) ||
		(st = audit_leaf_hash(proof.entry, proof.entry_len, leaf, err)) ||
		(st = audit_check_inclusion(
			 leaf, proof.seq, checkpoint.size, &proof.path, checkpoint.root, err)))
		return st;
	if (entry.seq != proof.seq)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the proof is for entry %" PRIu64 ", but shows entry %" PRIu64, proof.seq,
			entry.seq);
	*ret_entry = entry;
	entry = (struct audit_entry){0};
	*ret_checkpoint = checkpoint;
	return KMS_OK;
}
