/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: partners as witnesses of each other's audit logs.
 *
 * Every document carries a checkpoint of its sender's log, the newest one of the recipient's log that the
 * sender holds, and a proof that the sender's log goes on from what the recipient holds. All of them are
 * kept with the documents. So a site that puts its registry back, or writes and signs another history,
 * contradicts what its partner has: at the next document, or when its log is verified.
 */
#ifndef OPS_WITNESS_H
#define OPS_WITNESS_H

#include "audit/checkpoint.h"
#include "exchange/witness.h"
#include "ops/signers.h"
#include "store/journal.h"

/* Where a checkpoint is known from. */
struct op_witness_from {
	char document[DOC_ID_MAX + 1]; /* or the file's name, cut */
	char partner[NAME_MAX_BYTES + 1];
	const char *how; /* "sent", "came", "seen" (a partner says that it has it), "file" */
	char note[AUDIT_NOTE_MAX + 1];
};

struct op_witnesses {
	struct audit_checkpoint *items;
	struct op_witness_from *from; /* as many */
	size_t count;
};

#define OP_WITNESSES_AUTO __attribute__((cleanup(op_witnesses_free)))

/*
 * Those of a log, with good signatures by its signers, newest document first, each once; at most 200. A
 * document that carries none, or another log's, is passed over. Added to what is there.
 */
KMS_CHECKED enum kms_status op_witnesses_find(struct op_site *site,
	const struct op_signers *signers, struct op_witnesses *witnesses, struct kms_err *err);
/* Of a file of notes (audit witnesses -o). KMS_ERR_INVALID if it has none of that log. */
KMS_CHECKED enum kms_status op_witnesses_file(const char *path, const struct op_signers *signers,
	struct op_witnesses *witnesses, struct kms_err *err);
void op_witnesses_free(struct op_witnesses *witnesses);

/* ---- of a document that comes: `what` it is ---- */

/* The partner's checkpoint, whose signature is good, against all that is kept of that log. */
KMS_CHECKED enum kms_status op_witness_arrived(struct op_site *site,
	const struct store_partner *partner, const char *note, const char *what,
	struct kms_err *err);
/* Its `seen` (NULL: nothing to check) is of this site's log, and the log still has it. */
KMS_CHECKED enum kms_status op_witness_own(struct op_site *site, const char *partner,
	const char *seen, const char *what, struct kms_err *err);
/* It proves that its log goes on from what this site said it holds (`held`; NULL: nothing). */
KMS_CHECKED enum kms_status op_witness_follows(const char *partner, const char *held,
	const char *note, const struct doc_witness *witness, const char *what, struct kms_err *err);

/* ---- of one that goes ---- */

/* The newest that is held of the partner's log, to be freed; NULL if there is none. */
KMS_CHECKED enum kms_status op_witness_newest(struct op_site *site,
	const struct store_partner *partner, char **ret_note, struct kms_err *err);
/* The proof from what the partner holds (NULL: none) to this site's checkpoint. */
KMS_CHECKED enum kms_status op_witness_extend(struct op_site *site, const char *held,
	const char *note, struct doc_witness *witness, struct kms_err *err);

#endif
