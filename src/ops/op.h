/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one path of every operation that changes something.
 *
 *   check      what can be seen from the input alone (files parse, words make sense)
 *   authorise  site lock, which officers will approve, HSM login, reconcile what an earlier run left
 *   validate   everything else, without a side effect
 *   approve    officers are shown what will be done, and give their passphrases; a dry run ends here
 *   intend     one transaction: the intent in journal and audit log, PENDING rows with CKA_IDs
 *   act        on the HSM
 *   verify     by reading back
 *   commit     one transaction: rows ACTIVE, the outcome in journal and audit log
 *   checkpoint signed by the HSM, when logged in
 *
 * An operation supplies the steps as a const struct op_kind; op_run owns the order, so that no
 * step can be forgotten. If act, verify or commit fails, or the process dies, op_reconcile undoes
 * what has a PENDING row (or, for destruction, completes it). If the audit log cannot be written,
 * nothing is done.
 */
#ifndef OPS_OP_H
#define OPS_OP_H

#include "audit/entry.h"
#include "base/js.h"
#include "base/utf8.h"
#include "ops/site.h"

#include <stdint.h>

enum { OP_ID_TEXT = 33, OP_OFFICERS = 2, OP_DIGEST_TEXT = 65 };

enum op_need {
	OP_NEED_LOGIN = 1,    /* the operator PIN */
	OP_NEED_IDENTITY = 2, /* the site must have been set up */
	OP_NEED_CARDS = 8,    /* the token for card work, site->cards: op_site_cards_hsm */
	/*
	 * Runs beside others of its kind: on a card of its own, with no change that is not in one
	 * transaction. What an earlier run left is settled only if nobody else is there.
	 */
	OP_SHARES_SITE = 4,
};

struct op;

struct op_kind {
	const char *name; /* "hsm.update", as in the audit log */
	unsigned needs;	  /* enum op_need, or-ed */
	unsigned dual;	  /* enum op_dual, or-ed: which of the policy's rules concern it */
	enum kms_status (*check)(struct op *op, struct kms_err *err);
	enum kms_status (*validate)(struct op *op, struct kms_err *err);
	enum kms_status (*intend)(struct op *op, struct kms_err *err); /* in a transaction */
	enum kms_status (*act)(struct op *op, struct kms_err *err);
	enum kms_status (*verify)(struct op *op, struct kms_err *err);
	enum kms_status (*commit)(struct op *op, struct kms_err *err); /* in a transaction */
	/* After the commit: writes files that can be written again. Its failure is reported, but the
	 * operation stands. */
	enum kms_status (*deliver)(struct op *op, struct kms_err *err);
};

struct op {
	struct op_site *site;
	const struct op_kind *kind;
	void *args;		     /* the operation's own */
	char id[OP_ID_TEXT];	     /* of the journal row */
	char *subject;		     /* what it is about, for journal and audit; owned */
	json_t *detail;		     /* goes into the audit entries: never a secret */
	json_t *report;		     /* what the caller gets: never a secret */
	char *officers[OP_OFFICERS]; /* who approve; NULL if nobody has to */
	char called[OP_OFFICERS][NAME_MAX_BYTES + 1]; /* as --officers spells them */
	bool proved;				      /* and have: from the intent on */
	char digest[OP_DIGEST_TEXT]; /* of what they approve (ops/approval.h); "" before */
	char approval[OP_OFFICERS][OP_ID_TEXT]; /* given beforehand, or "" */
	json_t *overrides;			/* rules set aside, texts */
	int64_t now;				/* of the intent */
	bool host_assisted;			/* some key passed through host memory */
	bool stands; /* committed, or a dry run that went to its end: the report is true */
};

/* Runs an operation down the path. *ret_report (may be NULL) is owned by the caller. */
KMS_CHECKED enum kms_status op_run(struct op_site *site, const struct op_kind *kind, void *args,
	json_t **ret_report, struct kms_err *err);

/* ---- for the steps ---- */

KMS_CHECKED enum kms_status op_subject(struct op *op, struct kms_err *err, const char *fmt, ...)
	KMS_PRINTF(3, 4);

/* Adds a member to op->detail; `value` is taken. */
KMS_CHECKED enum kms_status op_detail(
	struct op *op, const char *name, json_t *value, struct kms_err *err);
KMS_CHECKED enum kms_status op_report(
	struct op *op, const char *name, json_t *value, struct kms_err *err);

/*
 * A rule is broken. With an override reason and two officers it is recorded and KMS_OK returned;
 * else KMS_ERR_DENIED with the rule as message.
 */
KMS_CHECKED enum kms_status op_override(struct op *op, struct kms_err *err, const char *fmt, ...)
	KMS_PRINTF(3, 4);

/* A key is about to pass through host memory: refused if policy says so, else noted. */
KMS_CHECKED enum kms_status op_host_assisted(struct op *op, const char *what, struct kms_err *err);

/* The same for a key in a key block: forbidden unless policy says otherwise. */
KMS_CHECKED enum kms_status op_key_blocks(struct op *op, const char *what, struct kms_err *err);

void op_say(struct op_site *site, const char *fmt, ...) KMS_PRINTF(2, 3);

/* ---- reconcile.c ---- */

/*
 * Settles every operation that has an intent and no outcome; `lines` (an array, may be NULL) gets
 * one text for each. Needs the site lock. An operation with key rows needs a login: without one it
 * is left for later, unless `must`, which logs in.
 */
KMS_CHECKED enum kms_status op_reconcile(
	struct op_site *site, bool must, json_t *lines, struct kms_err *err);

/* Settles one: destroys the objects of its PENDING rows, or completes a destruction. */
KMS_CHECKED enum kms_status op_settle(
	struct op_site *site, const char *op_id, const char *why, struct kms_err *err);

/* ---- officers (officer.c) ---- */

/* Finds the officers named "A,B": two different, active, not locked. They have proved nothing yet. */
KMS_CHECKED enum kms_status op_officers_name(struct op *op, struct kms_err *err);
/* Each approves op->digest, by passphrase or beforehand. */
KMS_CHECKED enum kms_status op_officers_prove(struct op *op, struct kms_err *err);
/* One officer who may approve, by passphrase. */
KMS_CHECKED enum kms_status op_officer_prove(
	struct op *op, const char *name, char **ret_name, struct kms_err *err);

/* A third person who sees it done, enrolled in whatever role. */
KMS_CHECKED enum kms_status op_witness_prove(
	struct op *op, const char *name, char **ret_name, struct kms_err *err);

/* ---- audit log (log.c) ---- */

/* Appends one entry to the log; inside the caller's transaction. `details` is borrowed. */
KMS_CHECKED enum kms_status op_log(struct op_site *site, const struct op *op, const char *kind,
	enum audit_phase phase, const char *subject, const char *outcome, const json_t *details,
	struct kms_err *err);

/* As op_log, in a transaction of its own, for what failed: wrong passphrases and refusals. */
void op_log_failure(struct op_site *site, const struct op *op, const struct kms_err *why);

/* Signs a checkpoint over the whole log; needs a login. *ret_note (may be NULL) is to be freed. */
KMS_CHECKED enum kms_status op_log_checkpoint(
	struct op_site *site, char **ret_note, struct kms_err *err);

/*
 * The time, if the clock may be believed: not before the last entry of the log. Of a registry on a server it
 * is that server's clock, of one in a file this machine's.
 */
KMS_CHECKED enum kms_status op_log_clock(
	struct op_site *site, int64_t *ret_now, struct kms_err *err);

#endif
