/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checkpoint.h"

#include "audit/text.h"
#include "audit/tree.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

enum { KEY_ID_SIZE = 4 };

#define SIGNATURE_MARK "\xE2\x80\x94 " /* em dash and a blank */

struct note {
	struct audit_checkpoint checkpoint;
	size_t signed_len; /* of the part that is signed */
	unsigned char key_id[KEY_ID_SIZE];
	unsigned char sig[P256_SIG_SIZE];
};

static bool origin_ok(const char *origin)
{
	size_t len = strlen(origin);

	for (const char *p = origin; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '+')
			return false;
	return len > 0 && len <= AUDIT_ORIGIN_MAX;
}

enum kms_status audit_origin(
	const char *fingerprint, char ret_origin[AUDIT_ORIGIN_MAX + 1], struct kms_err *err)
{
	unsigned char hash[HASH_SIZE];

	if (!hex_decode_strict(fingerprint, hash, HASH_SIZE))
		return kms_fail(err, KMS_ERR_INVALID,
			"an identity fingerprint is 64 upper-case hex digits");
	strcpy(ret_origin, "cardkms/");
	hex_encode(hash, HASH_SIZE, ret_origin + strlen(ret_origin));
	return KMS_OK;
}

static enum kms_status key_id(const unsigned char point[P256_POINT_SIZE],
	unsigned char ret_id[KEY_ID_SIZE], struct kms_err *err)
{
	unsigned char spki[P256_SPKI_SIZE], hash[HASH_SIZE];
	enum kms_status st;

	p256_spki(point, spki);
	st = hash_sha256(spki, sizeof(spki), hash, err);
	if (!st)
		memcpy(ret_id, hash, KEY_ID_SIZE);
	return st;
}

static enum kms_status append_body(
	struct buf *text, const struct audit_checkpoint *checkpoint, struct kms_err *err)
{
	char time[CLOCK_TEXT_SIZE];
	int64_t again;
	enum kms_status st;

	clock_format(checkpoint->time, time);
	if (!origin_ok(checkpoint->origin) || !clock_parse(time, &again) ||
		checkpoint->size > AUDIT_SIZE_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "checkpoint: origin, time or size is out of range");
	if ((st = buf_printf(
		     text, err, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size)) ||
		(st = base64_append(text, checkpoint->root, HASH_SIZE, err)))
		return st;
	return buf_printf(text, err, "\ntime %s\n", time);
}

static enum kms_status append_signature(
	struct buf *text, const struct note *note, struct kms_err *err)
{
	unsigned char blob[KEY_ID_SIZE + P256_DER_SIG_MAX];
	size_t len = KEY_ID_SIZE;
	enum kms_status st;

	memcpy(blob, note->key_id, KEY_ID_SIZE);
	len += p256_der_from_sig(note->sig, blob + len);
	if ((st = buf_printf(text, err, "\n" SIGNATURE_MARK "%s ", note->checkpoint.origin)) ||
		(st = base64_append(text, blob, len, err)))
		return st;
	return buf_puts(text, "\n", err);
}

enum kms_status audit_checkpoint_sign(const struct audit_checkpoint *checkpoint,
	const struct p256_signer *signer, struct buf *ret_note, struct kms_err *err)
{
	struct note note = {.checkpoint = *checkpoint};
	BUF_AUTO struct buf text = {0};
	unsigned char digest[HASH_SIZE];
	enum kms_status st;

	if ((st = append_body(&text, checkpoint, err)) ||
		(st = hash_sha256(text.data, text.len, digest, err)) ||
		(st = key_id(signer->point, note.key_id, err)) ||
		(st = p256_sign(signer, digest, note.sig, err)) ||
		(st = append_signature(&text, &note, err)))
		return st;
	buf_free(ret_note);
	*ret_note = text;
	text = (struct buf){0};
	return KMS_OK;
}

static bool read_origin(const struct audit_line *line, char ret_origin[AUDIT_ORIGIN_MAX + 1])
{
	if (line->len > AUDIT_ORIGIN_MAX || memchr(line->text, 0, line->len))
		return false;
	memcpy(ret_origin, line->text, line->len);
	ret_origin[line->len] = 0;
	return origin_ok(ret_origin);
}

static bool read_time(struct audit_line line, int64_t *ret_time)
{
	char text[CLOCK_TEXT_SIZE];

	if (!audit_take_head(&line, "time ") || line.len != sizeof(text) - 1 ||
		memchr(line.text, 0, line.len))
		return false;
	memcpy(text, line.text, line.len);
	text[line.len] = 0;
	return clock_parse(text, ret_time);
}

static bool read_signature(struct audit_line line, struct note *note)
{
	unsigned char blob[KEY_ID_SIZE + P256_DER_SIG_MAX];
	size_t len;

	if (!audit_take_head(&line, SIGNATURE_MARK) ||
		!audit_take_head(&line, note->checkpoint.origin) || !audit_take_head(&line, " ") ||
		!base64_decode(line.text, line.len, blob, sizeof(blob), &len) || len < KEY_ID_SIZE)
		return false;
	memcpy(note->key_id, blob, KEY_ID_SIZE);
	return p256_sig_from_der(blob + KEY_ID_SIZE, len - KEY_ID_SIZE, note->sig);
}

/* Each reader takes one spelling only, and the lines are counted, so there is one text for a note. */
static enum kms_status read_note(
	const char *text, size_t len, struct note *ret_note, struct kms_err *err)
{
	struct audit_line rest = {text, len}, line;
	struct note note = {0};
	const char *bad = NULL;

	if (len > AUDIT_NOTE_MAX)
		bad = "longer than a checkpoint can be";
	else if (!audit_take_line(&rest, &line) || !read_origin(&line, note.checkpoint.origin))
		bad = "line 1 is no origin";
	else if (!audit_take_line(&rest, &line) || !audit_read_size(&line, &note.checkpoint.size))
		bad = "line 2 is no number of entries";
	else if (!audit_take_line(&rest, &line) || !audit_read_base64(&line, note.checkpoint.root))
		bad = "line 3 is no hash";
	else if (!audit_take_line(&rest, &line) || !read_time(line, &note.checkpoint.time))
		bad = "line 4 is no time";
	note.signed_len = (size_t)(rest.text - text);
	if (!bad && (!audit_take_line(&rest, &line) || line.len != 0))
		bad = "line 5 is not empty";
	if (!bad && (!audit_take_line(&rest, &line) || !read_signature(line, &note)))
		bad = "line 6 is no signature by the key named in line 1";
	if (!bad && rest.len != 0)
		bad = "something follows the signature";
	if (bad)
		return kms_fail(err, KMS_ERR_INVALID, "checkpoint: %s", bad);
	*ret_note = note;
	return KMS_OK;
}

enum kms_status audit_checkpoint_parse(
	const char *note, size_t len, struct audit_checkpoint *ret_checkpoint, struct kms_err *err)
{
	struct note parsed;
	enum kms_status st = read_note(note, len, &parsed, err);

	if (!st)
		*ret_checkpoint = parsed.checkpoint;
	return st;
}

enum kms_status audit_checkpoint_verify(const char *note, size_t len, const char *origin,
	const unsigned char point[P256_POINT_SIZE], struct audit_checkpoint *ret_checkpoint,
	struct kms_err *err)
{
	unsigned char digest[HASH_SIZE], id[KEY_ID_SIZE];
	struct note parsed;
	enum kms_status st;

	if ((st = read_note(note, len, &parsed, err)) ||
		(st = hash_sha256(note, parsed.signed_len, digest, err)) ||
		(st = key_id(point, id, err)))
		return st;
	if (origin && strcmp(origin, parsed.checkpoint.origin) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"checkpoint: it is of the log '%s', not of '%s'", parsed.checkpoint.origin,
			origin);
	if (memcmp(id, parsed.key_id, KEY_ID_SIZE) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"checkpoint: signed with another key than the site's audit key");
	st = p256_verify(point, digest, parsed.sig, err);
	if (st == KMS_ERR_MISMATCH)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"checkpoint of %" PRIu64 " entries: the signature does not verify",
			parsed.checkpoint.size);
	if (!st)
		*ret_checkpoint = parsed.checkpoint;
	return st;
}
