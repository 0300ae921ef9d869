/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/export.h"

#include "audit/text.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "cardkms audit export 1"

enum {
	CHUNK = 1 << 16,
	LINE_MAX_BYTES = AUDIT_LINE_MAX + 128, /* "entry HASH " and the entry */
};

/* ---- writing ---- */

enum kms_status audit_export_begin(struct buf *text, const struct audit_export_header *header,
	const struct audit_frontier *start, struct kms_err *err)
{
	char hex[2 * HASH_SIZE + 1];
	enum kms_status st = name_check(header->name, "the site's name", err);

	if (st)
		return st;
	if (header->from > header->size || header->size > AUDIT_SIZE_MAX ||
		(start ? start->size : 0) != header->from)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot export the entries %" PRIu64 " to %" PRIu64
			": the range or what comes before it does not fit",
			header->from, header->size);
	st = buf_printf(text, err,
		FIRST_LINE "\nname %s\norigin %s\nfrom %" PRIu64 "\nsize %" PRIu64 "\n",
		header->name, header->origin, header->from, header->size);
	for (unsigned level = AUDIT_LEVELS; !st && level-- > 0;)
		if (header->from >> level & 1) {
			hex_encode(start->hash[level], HASH_SIZE, hex);
			st = buf_printf(text, err, "before %s\n", hex);
		}
	return st;
}

enum kms_status audit_export_entry(
	struct buf *text, const char *line, size_t len, struct kms_err *err)
{
	unsigned char leaf[HASH_SIZE];
	char hex[2 * HASH_SIZE + 1];
	enum kms_status st;

	if (len > AUDIT_LINE_MAX || memchr(line, '\n', len))
		return kms_fail(err, KMS_ERR_INVALID,
			"an audit entry is one line of at most %d bytes", AUDIT_LINE_MAX);
	st = audit_leaf_hash(line, len, leaf, err);
	if (st)
		return st;
	hex_encode(leaf, HASH_SIZE, hex);
	if ((st = buf_printf(text, err, "entry %s ", hex)) ||
		(st = buf_append(text, line, len, err)))
		return st;
	return buf_puts(text, "\n", err);
}

enum kms_status audit_export_checkpoint(
	struct buf *text, const char *note, size_t len, struct kms_err *err)
{
	struct audit_line rest = {note, len}, line;
	struct audit_checkpoint parsed;
	enum kms_status st = audit_checkpoint_parse(note, len, &parsed, err);

	while (!st && audit_take_line(&rest, &line)) {
		if ((st = buf_puts(text, ">", err)) ||
			(st = buf_append(text, line.text, line.len, err)))
			return st;
		st = buf_puts(text, "\n", err);
	}
	return st;
}

enum kms_status audit_export_end(struct buf *text, uint64_t size, struct kms_err *err)
{
	return buf_printf(text, err, "end %" PRIu64 "\n", size);
}

/* ---- reading ---- */

struct source {
	const struct audit_reader *reader;
	char *data; /* CHUNK + LINE_MAX_BYTES */
	size_t begin, end;
	bool ended;
	uint64_t line; /* number of the line last taken, from 1 */
};

static void source_free(struct source *source)
{
	free(source->data);
}

static enum kms_status refill(struct source *source, struct kms_err *err)
{
	size_t got = 0;
	enum kms_status st;

	memmove(source->data, source->data + source->begin, source->end - source->begin);
	source->end -= source->begin;
	source->begin = 0;
	st = source->reader->read(
		source->reader->ctx, source->data + source->end, CHUNK, &got, err);
	if (st)
		return st;
	source->end += got;
	source->ended = got == 0;
	return KMS_OK;
}

/* ret_line->text NULL at the end, or where the next line is cut off or longer than any may be. */
static enum kms_status next_line(
	struct source *source, struct audit_line *ret_line, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	source->line++;
	for (;;) {
		struct audit_line rest = {
			source->data + source->begin, source->end - source->begin};

		if (audit_take_line(&rest, ret_line)) {
			source->begin = source->end - rest.len;
			return KMS_OK;
		}
		if (source->ended || rest.len >= LINE_MAX_BYTES) {
			*ret_line = (struct audit_line){0};
			return KMS_OK;
		}
		st = refill(source, err);
		if (st)
			return st;
	}
}

static enum kms_status no_export(const struct source *source, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INVALID,
		"not an audit export of cardkms: line %" PRIu64 " is not what belongs there",
		source->line);
}

static bool copy_line(const struct audit_line *line, char *out, size_t max)
{
	if (line->len > max || memchr(line->text, 0, line->len))
		return false;
	memcpy(out, line->text, line->len);
	out[line->len] = 0;
	return true;
}

static enum kms_status header_line(
	struct source *source, const char *head, struct audit_line *ret_line, struct kms_err *err)
{
	enum kms_status st = next_line(source, ret_line, err);

	if (!st && (!ret_line->text || !audit_take_head(ret_line, head)))
		return no_export(source, err);
	return st;
}

static enum kms_status read_header(struct source *source, struct audit_export_header *header,
	struct audit_frontier *start, struct kms_err *err)
{
	struct audit_line line;
	enum kms_status st;

	st = header_line(source, FIRST_LINE, &line, err);
	if (st || line.len != 0)
		return st ? st : no_export(source, err);
	st = header_line(source, "name ", &line, err);
	if (st || !copy_line(&line, header->name, sizeof(header->name) - 1) ||
		name_check(header->name, "name", NULL))
		return st ? st : no_export(source, err);
	st = header_line(source, "origin ", &line, err);
	if (st || !copy_line(&line, header->origin, AUDIT_ORIGIN_MAX))
		return st ? st : no_export(source, err);
	st = header_line(source, "from ", &line, err);
	if (st || !audit_read_size(&line, &header->from))
		return st ? st : no_export(source, err);
	st = header_line(source, "size ", &line, err);
	if (st || !audit_read_size(&line, &header->size) || header->size < header->from)
		return st ? st : no_export(source, err);
	start->size = header->from;
	for (unsigned level = AUDIT_LEVELS; level-- > 0;) {
		if (!(start->size >> level & 1))
			continue;
		st = header_line(source, "before ", &line, err);
		if (st || !audit_read_hex(&line, start->hash[level]))
			return st ? st : no_export(source, err);
	}
	return KMS_OK;
}

static enum kms_status check_header(const struct audit_export_header *header,
	const struct audit_trust *trust, struct kms_err *err)
{
	if (strcmp(header->origin, trust->origin) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the export is of the log '%s', the identity's is '%s'", header->origin,
			trust->origin);
	if (trust->name && strcmp(header->name, trust->name) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the export says it is of '%s', the identity is '%s'", header->name,
			trust->name);
	return KMS_OK;
}

struct reading {
	struct source *source;
	struct audit_check *check;
	struct audit_verdict *verdict;
	struct audit_export_header *header;
	uint64_t ended_at; /* what the last line says */
};

/* Anything that is not a record where one belongs: the next entry is what is missing. */
static enum kms_status damaged(const struct reading *r, const char *why, struct kms_err *err)
{
	const struct audit_verdict *seen = audit_check_verdict(r->check);

	*r->verdict = *seen;
	r->verdict->bad = true;
	r->verdict->bad_first = seen->size;
	r->verdict->bad_last = seen->size;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"entry %" PRIu64 " is not where it belongs: line %" PRIu64 " of the export %s",
		seen->size, r->source->line, why);
}

static enum kms_status read_checkpoint(
	const struct reading *r, const struct audit_line *first, struct kms_err *err)
{
	char note[AUDIT_NOTE_MAX];
	struct audit_line line = *first;
	enum kms_status st = KMS_OK;
	size_t len = 0;

	for (unsigned lines = 1;; lines++) {
		if (!line.text || !audit_take_head(&line, ">") || line.len >= sizeof(note) - len)
			return damaged(r, "is no part of a checkpoint", err);
		memcpy(note + len, line.text, line.len);
		len += line.len;
		note[len++] = '\n';
		if (lines == 6)
			break;
		st = next_line(r->source, &line, err);
		if (st)
			return st;
	}
	return audit_check_checkpoint(r->check, note, len, err);
}

static enum kms_status read_entry(
	const struct reading *r, struct audit_line line, struct kms_err *err)
{
	struct audit_line hex = {line.text, 2 * HASH_SIZE};
	unsigned char leaf[HASH_SIZE];

	if (line.len < 2 * HASH_SIZE + 1 || !audit_read_hex(&hex, leaf) ||
		line.text[2 * HASH_SIZE] != ' ')
		return damaged(r, "has no hash", err);
	return audit_check_entry(
		r->check, line.text + 2 * HASH_SIZE + 1, line.len - 2 * HASH_SIZE - 1, leaf, err);
}

static enum kms_status read_records(struct reading *r, struct kms_err *err)
{
	struct audit_line line, rest;
	enum kms_status st;

	for (;;) {
		st = next_line(r->source, &line, err);
		if (st)
			return st;
		if (!line.text)
			return damaged(r, "is cut off", err);
		rest = line;
		if (audit_take_head(&rest, "end "))
			break;
		if (audit_take_head(&rest, "entry "))
			st = read_entry(r, rest, err);
		else if (line.len > 0 && line.text[0] == '>')
			st = read_checkpoint(r, &line, err);
		else
			st = damaged(r, "is no record", err);
		if (st)
			return st;
	}
	if (!audit_read_size(&rest, &r->ended_at) || r->source->begin != r->source->end)
		return damaged(r, "does not end it", err);
	while (!r->source->ended) {
		st = refill(r->source, err);
		if (st)
			return st;
		if (r->source->end != 0)
			return damaged(r, "does not end it", err);
	}
	return KMS_OK;
}

static enum kms_status read_all(struct reading *r, struct kms_err *err)
{
	const struct audit_verdict *seen = audit_check_verdict(r->check);
	enum kms_status st = read_records(r, err);

	if (st)
		return st;
	if (r->ended_at != seen->size || r->header->size != seen->size) {
		uint64_t first = seen->size < r->header->size ? seen->size : r->header->size;

		st = damaged(r, "", err);
		r->verdict->bad_first = first;
		return kms_fail(err, st,
			"entry %" PRIu64
			" is missing or too much: the export holds the entries up to %" PRIu64
			", its first lines count %" PRIu64 ", its last %" PRIu64,
			first, seen->size, r->header->size, r->ended_at);
	}
	return audit_check_end(r->check, err);
}

static enum kms_status verify(struct source *source, const struct audit_trust *trust,
	struct audit_export_header *header, struct audit_verdict *verdict, struct kms_err *err)
{
	AUDIT_CHECK_AUTO struct audit_check *check = NULL;
	struct reading r = {source, NULL, verdict, header, 0};
	struct audit_frontier start = {0};
	enum kms_status st;

	if ((st = read_header(source, header, &start, err)) ||
		(st = check_header(header, trust, err)) ||
		(st = audit_check_new(trust->origin, trust->audit_key, &start, NULL, &check, err)))
		return st;
	for (size_t i = 0; !st && i < trust->former_count; i++)
		st = audit_check_former(check, &trust->former[i], err);
	for (size_t i = 0; !st && i < trust->witness_count; i++)
		st = audit_check_witness(check, &trust->witness[i], err);
	r.check = check;
	if (!st)
		st = read_all(&r, err);
	if (!verdict->bad)
		*verdict = *audit_check_verdict(check);
	return st;
}

enum kms_status audit_export_verify(const struct audit_reader *reader,
	const struct audit_trust *trust, struct audit_export_header *ret_header,
	struct audit_verdict *ret_verdict, struct kms_err *err)
{
	__attribute__((cleanup(source_free))) struct source source = {.reader = reader};
	struct audit_export_header header = {0};
	struct audit_verdict verdict = {0};
	enum kms_status st;

	source.data = malloc(CHUNK + LINE_MAX_BYTES);
	if (!source.data)
		return kms_nomem(err);
	st = verify(&source, trust, &header, &verdict, err);
	if (ret_header)
		*ret_header = header;
	if (ret_verdict)
		*ret_verdict = verdict;
	return st;
}

static enum kms_status read_text(
	void *ctx, char *out, size_t cap, size_t *ret_len, struct kms_err *err)
{
	struct audit_line *rest = ctx;

	(void)err;
	*ret_len = rest->len < cap ? rest->len : cap;
	memcpy(out, rest->text, *ret_len);
	rest->text += *ret_len;
	rest->len -= *ret_len;
	return KMS_OK;
}

enum kms_status audit_export_verify_text(const char *text, size_t len,
	const struct audit_trust *trust, struct audit_export_header *ret_header,
	struct audit_verdict *ret_verdict, struct kms_err *err)
{
	struct audit_line rest = {text, len};
	struct audit_reader reader = {&rest, read_text};

	return audit_export_verify(&reader, trust, ret_header, ret_verdict, err);
}
