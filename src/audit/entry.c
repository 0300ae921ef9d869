/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/entry.h"

#include "audit/tree.h"
#include "base/clock.h"
#include "base/text.h"

#include <string.h>

static const char what[] = "audit entry";
static const char *const phase_names[] = {"intent", "outcome", "failure", "note"};
enum { PHASES = sizeof(phase_names) / sizeof(phase_names[0]) };

const char *audit_phase_name(enum audit_phase phase)
{
	return (unsigned)phase < PHASES ? phase_names[phase] : "unknown";
}

static enum kms_status text_check(
	const char *text, const char *name, bool may_be_empty, struct kms_err *err)
{
	if ((!*text && !may_be_empty) || !text_printable(text, AUDIT_TEXT_MAX))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is not %d to %d bytes of printable text", what, name,
			may_be_empty ? 0 : 1, AUDIT_TEXT_MAX);
	return KMS_OK;
}

static enum kms_status word_check(
	const char *text, const char *name, const char *allowed, struct kms_err *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > AUDIT_OP_MAX || strspn(text, allowed) != len)
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' is not 1 to %d of %s", what, name,
			AUDIT_OP_MAX, allowed);
	return KMS_OK;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static enum kms_status read_texts(
	const json_t *object, struct audit_entry *entry, struct kms_err *err)
{
	const char *time, *phase;
	enum kms_status st;

	if ((st = js_get_text(object, what, "actor", &entry->actor, err)) ||
		(st = text_check(entry->actor, "actor", false, err)) ||
		(st = js_get_text(object, what, "op", &entry->op, err)) ||
		(st = word_check(entry->op, "op", LOWER DIGITS ".-", err)) ||
		(st = js_get_text(object, what, "op_id", &entry->op_id, err)) ||
		(st = word_check(entry->op_id, "op_id", UPPER LOWER DIGITS "-", err)) ||
		(st = js_get_text(object, what, "subject", &entry->subject, err)) ||
		(st = text_check(entry->subject, "subject", true, err)) ||
		(st = js_get_text(object, what, "outcome", &entry->outcome, err)) ||
		(st = text_check(entry->outcome, "outcome", true, err)) ||
		(st = js_get_text(object, what, "phase", &phase, err)) ||
		(st = js_get_text(object, what, "time", &time, err)))
		return st;
	if (!clock_parse(time, &entry->time))
		return kms_fail(err, KMS_ERR_INVALID, "%s: 'time' is no time", what);
	for (unsigned i = 0; i < PHASES; i++)
		if (strcmp(phase, phase_names[i]) == 0) {
			entry->phase = (enum audit_phase)i;
			return KMS_OK;
		}
	return kms_fail(err, KMS_ERR_INVALID,
		"%s: 'phase' is none of intent, outcome, failure, note", what);
}

static enum kms_status check_spelling(
	const json_t *object, const char *line, size_t len, struct kms_err *err)
{
	BUF_AUTO struct buf again = {0};
	enum kms_status st = js_line(object, &again, err);

	if (st)
		return st;
	if (again.len != len || memcmp(again.data, line, len) != 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s: not in the form cardkms writes", what);
	return KMS_OK;
}

enum kms_status audit_entry_parse(
	const char *line, size_t len, struct audit_entry *ret_entry, struct kms_err *err)
{
	static const char *const members[] = {"actor", "details", "op", "op_id", "outcome", "phase",
		"seq", "subject", "time", NULL};
	JS_AUTO json_t *object = NULL;
	struct audit_entry entry = {0};
	json_t *details;
	int64_t seq;
	enum kms_status st;

	if (len > AUDIT_LINE_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: longer than %d bytes", what, AUDIT_LINE_MAX);
	if ((st = js_parse_object(what, line, len, &object, err)) ||
		(st = js_only(object, what, members, err)) ||
		(st = js_get_int(object, what, "seq", 0, AUDIT_SIZE_MAX - 1, &seq, err)) ||
		(st = js_get_object(object, what, "details", &details, err)) ||
		(st = read_texts(object, &entry, err)) ||
		(st = check_spelling(object, line, len, err)))
		return st;
	entry.seq = (uint64_t)seq;
	entry.details = details;
	entry.owner = object;
	object = NULL;
	*ret_entry = entry;
	return KMS_OK;
}

void audit_entry_free(struct audit_entry *entry)
{
	if (!entry->owner)
		return;
	json_decref(entry->owner);
	*entry = (struct audit_entry){0};
}

enum kms_status audit_entry_encode(
	const struct audit_entry *entry, struct buf *ret_line, struct kms_err *err)
{
	char subject[AUDIT_TEXT_MAX + 1], outcome[AUDIT_TEXT_MAX + 1], time[CLOCK_TEXT_SIZE];
	AUDIT_ENTRY_AUTO struct audit_entry again = {0};
	BUF_AUTO struct buf line = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	if (!entry->actor || !entry->op || !entry->op_id || entry->seq >= AUDIT_SIZE_MAX ||
		(unsigned)entry->phase >= PHASES)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: actor, op, op_id, phase or seq is missing or out of range", what);
	text_clean(entry->subject ? entry->subject : "", subject, sizeof(subject));
	text_clean(entry->outcome ? entry->outcome : "", outcome, sizeof(outcome));
	clock_format(entry->time, time);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s}", "actor", entry->actor, "op",
		entry->op, "op_id", entry->op_id, "outcome", outcome, "phase",
		phase_names[entry->phase], "seq", (json_int_t)entry->seq, "subject", subject,
		"time", time);
	if (!object ||
		json_object_set_new(object, "details",
			entry->details ? json_incref((json_t *)entry->details) : json_object()))
		return kms_fail(err, KMS_ERR_INVALID, "%s: text that is not UTF-8", what);
	if ((st = js_line(object, &line, err)) ||
		(st = audit_entry_parse(line.data, line.len, &again, err)))
		return st;
	buf_free(ret_line);
	*ret_line = line;
	line = (struct buf){0};
	return KMS_OK;
}
