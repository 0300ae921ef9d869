/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: one operation's work on one security domain of one card: the card, what the registry
 * has of the domain, the guard in front of its keys, and the journal behind the change engine.
 */
#ifndef OPS_CARD_WORK_H
#define OPS_CARD_WORK_H

#include "card/change.h"
#include "ops/card_keys.h"

struct op_card_work {
	struct op *op;
	const struct op_card_where *where;
	struct op_card_line *line; /* the caller's, or own_line */
	struct op_card_line *own_line;
	struct op_card card;

	char aid[OP_AID_HEX]; /* of the domain */
	bool supplementary;   /* it is not the issuer's */
	bool has_domain;      /* the registry has a row: */
	struct store_domain domain;
	size_t challenge_len;
	struct card_journal journal;
	struct card_guard guard;

	struct card_keys *old_keys, *new_keys;
	char kdd[OP_KDD_HEX]; /* as the card presents it now */
	struct card_change change;
	struct store_change row;	   /* of the change, as it is or will be in the registry */
	bool row_owned;			   /* came from the store */
	struct card_change_record outcome; /* of the last step, to be written by the commit */
};

#define OP_CARD_WORK_AUTO __attribute__((cleanup(op_card_work_close)))

/* line NULL: one for this card alone. Opens nothing yet. */
KMS_CHECKED enum kms_status op_card_work_init(struct op_card_work *w, struct op *op,
	const struct op_card_where *where, struct op_card_line *line, struct kms_err *err);
void op_card_work_close(struct op_card_work *w);

/*
 * The card in the reader, its profile, the domain's row, the guard; the domain is selected. The
 * operation's subject becomes the card. KMS_ERR_DENIED without two officers for a quarantined card;
 * they may also allow one more try where the guard allows none.
 */
KMS_CHECKED enum kms_status op_card_work_open(struct op_card_work *w, struct kms_err *err);

/*
 * INITIALIZE UPDATE for the first of the versions that the card has. Fills in kdd; compares it with
 * the recorded one, which is KMS_ERR_MISMATCH.
 */
KMS_CHECKED enum kms_status op_card_work_ask(
	struct op_card_work *w, const unsigned *versions, size_t count, struct kms_err *err);

/* Which versions the card says it has, as a hint: that proves nothing but helps a person. */
void op_card_work_hint(struct op_card_work *w, struct kms_err *err);

/* The bytes that every answer must present from now on; NULL: not known. */
KMS_CHECKED enum kms_status op_card_work_expect(
	struct op_card_work *w, const char *kdd, struct kms_err *err);

/*
 * Asks for a version and tells whether that set opens it, offline: w->old_keys are its keys for this
 * card. KMS_ERR_NOT_FOUND: there is no such version; KMS_ERR_MISMATCH: other keys, or another card.
 */
KMS_CHECKED enum kms_status op_card_work_match(
	struct op_card_work *w, const char *keyset, unsigned version, struct kms_err *err);

/* The same with the keys that the registry knows; KMS_ERR_STATE if it knows none. */
KMS_CHECKED enum kms_status op_card_work_match_recorded(
	struct op_card_work *w, struct kms_err *err);

/* KMS_ERR_STATE if a change of this domain is open. */
KMS_CHECKED enum kms_status op_card_work_no_change_open(
	struct op_card_work *w, struct kms_err *err);

/* The card's row, as it is to be from now on; inside a transaction. */
KMS_CHECKED enum kms_status op_card_work_put_card(
	struct op_card_work *w, const char *state, const char *reason, struct kms_err *err);

/* One thing that happened to the card; `detail` (may be NULL) is taken. In a transaction. */
KMS_CHECKED enum kms_status op_card_work_event(
	struct op_card_work *w, const char *event, json_t *detail, struct kms_err *err);

/* The rows of a change that begins: card, domain, change. Inside a transaction. */
KMS_CHECKED enum kms_status op_card_work_begin(struct op_card_work *w, struct kms_err *err);

/* card_journal.write; ctx is the work. */
KMS_CHECKED enum kms_status op_card_journal_write(void *ctx, const struct card_counts *counts,
	const struct card_change_record *record, struct kms_err *err);

/* Domain, card and change rows after a closed step; inside a transaction. */
KMS_CHECKED enum kms_status op_card_work_settle(struct op_card_work *w, struct kms_err *err);

/* The same for the operation's commit, with what it then reports: how it ended, in how many commands. */
KMS_CHECKED enum kms_status op_card_work_finish(struct op_card_work *w, struct kms_err *err);

/*
 * The new set of w->row is on the card, and the registry did not know: rows without a change; in a
 * transaction.
 */
KMS_CHECKED enum kms_status op_card_work_found(struct op_card_work *w, struct kms_err *err);

/* Flags cards that have the same keys, in the report, the history and to the person. In a transaction. */
KMS_CHECKED enum kms_status op_card_work_twins(struct op_card_work *w, struct kms_err *err);

/* The guard's counts, as they are now; in a transaction. */
KMS_CHECKED enum kms_status op_card_work_counts(struct op_card_work *w, struct kms_err *err);

/* card, profile, reader, domain, protocol, number of commands, what was host-assisted. */
KMS_CHECKED enum kms_status op_card_work_report(struct op_card_work *w, struct kms_err *err);

/* How many commands were sent, and how long the card took; as it is now. */
KMS_CHECKED enum kms_status op_card_work_effort(struct op_card_work *w, struct kms_err *err);

/* The card's own facts for the journal and the audit log. */
KMS_CHECKED enum kms_status op_card_work_detail(struct op_card_work *w, struct kms_err *err);

#endif
