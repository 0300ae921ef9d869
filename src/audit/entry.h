/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An audit entry: one line of canonical JSON (js_line), which is what the tree hashes.
 *
 * {"actor":…,"details":{…},"op":…,"op_id":…,"outcome":…,"phase":…,"seq":…,"subject":…,"time":…}
 */
#ifndef AUDIT_ENTRY_H
#define AUDIT_ENTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/js.h"

#include <stdint.h>

enum {
	AUDIT_LINE_MAX = 1 << 18, /* bytes of an entry: details of an export of 1024 keys fit */
	AUDIT_TEXT_MAX = 1024,	  /* bytes of actor, subject, outcome */
	AUDIT_OP_MAX = 64,	  /* bytes of op, op_id */
};

enum audit_phase {
	AUDIT_INTENT,  /* about to act */
	AUDIT_OUTCOME, /* acted, and verified */
	AUDIT_FAILURE, /* did not act, or rolled back: outcome says why */
	AUDIT_NOTE,    /* nothing acts: a refusal, a reading, a remark */
};

/* The texts belong to the caller; after audit_entry_parse to `owner`. */
struct audit_entry {
	uint64_t seq;	   /* 0 is the first */
	int64_t time;	   /* never before that of the entry with seq - 1 */
	const char *actor; /* who: names joined by ", " (officers, operator), "cardkms" itself */
	const char *op;	   /* "exchange.export": lower-case letters, digits, '.', '-' */
	const char *op_id; /* the same in every entry of one operation: letters, digits, '-' */
	enum audit_phase phase;
	const char *subject;   /* what it is about, for people: a label, a partner; may be "" */
	const char *outcome;   /* may be "" (as in an intent) */
	const json_t *details; /* an object, or NULL for an empty one; no floats, never key bytes */
	json_t *owner;
};

#define AUDIT_ENTRY_AUTO __attribute__((cleanup(audit_entry_free)))

/*
 * No newline at the end. Refuses (KMS_ERR_INVALID) whatever audit_entry_parse would refuse, but for
 * subject and outcome, which may hold anything (a file's name, another program's message): what is
 * not printable UTF-8 there becomes '?', and what is longer than AUDIT_TEXT_MAX is cut.
 */
KMS_CHECKED enum kms_status audit_entry_encode(
	const struct audit_entry *entry, struct buf *ret_line, struct kms_err *err);

/* Accepts only the one spelling that audit_entry_encode gives. */
KMS_CHECKED enum kms_status audit_entry_parse(
	const char *line, size_t len, struct audit_entry *ret_entry, struct kms_err *err);

/* Releases what audit_entry_parse allocated; does nothing to an entry that a caller filled in. */
void audit_entry_free(struct audit_entry *entry);

const char *audit_phase_name(enum audit_phase phase); /* "intent" */

#endif
