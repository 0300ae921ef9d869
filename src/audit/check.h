/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying a log from its first entry to its last, whatever it is read from: feed entries and
 * checkpoints in order, then finish. The first thing that is wrong ends it.
 *
 * What is found, and how exactly it can be named:
 * - An entry whose text no longer has the hash noted beside it, is missing, doubled or out of order:
 *   that entry.
 * - Entries rewritten together with the hashes beside them: the first checkpoint after them has
 *   another root. All that is known is that one of the entries since the checkpoint before is not
 *   what was signed, and the message gives that range.
 * - Entries cut off at the end: the first one missing, if a checkpoint (or one that a partner or
 *   auditor holds, audit_check_witness) covers it. A log cut back to an earlier checkpoint together
 *   with everything after it looks like a younger log: only a checkpoint held elsewhere tells.
 * - Entries after the last checkpoint are covered by nothing; `unsigned_count` says how many.
 */
#ifndef AUDIT_CHECK_H
#define AUDIT_CHECK_H

#include "audit/checkpoint.h"
#include "audit/entry.h"
#include "audit/tree.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Valid after failures too: how far it was good, and where it is bad. */
struct audit_verdict {
	uint64_t from;		 /* seq of the first entry */
	uint64_t size;		 /* seq of the last entry that was good, plus 1 */
	uint64_t checkpoints;	 /* that verified */
	uint64_t signed_size;	 /* entries before this one are as they were signed */
	uint64_t unsigned_count; /* size - signed_size */
	bool bad;		 /* something was wrong, */
	uint64_t bad_first;	 /* with an entry in bad_first … bad_last */
	uint64_t bad_last;
	struct audit_checkpoint latest; /* the last checkpoint that verified, if checkpoints > 0 */
};

struct audit_check; /* opaque */

#define AUDIT_CHECK_AUTO __attribute__((cleanup(audit_check_free)))

/*
 * `origin` and `point` are those of the audit key that the verifier trusts. `start` is the
 * frontier before the first entry: NULL for an empty one. `nodes` may be NULL; otherwise nodes->put
 * is told of every complete subtree, and can compare it with what is stored.
 */
KMS_CHECKED enum kms_status audit_check_new(const char *origin,
	const unsigned char point[P256_POINT_SIZE], const struct audit_frontier *start,
	const struct audit_nodes *nodes, struct audit_check **ret_check, struct kms_err *err);

/* An identity that signs checkpoints. */
struct audit_signer {
	char origin[AUDIT_ORIGIN_MAX + 1];
	unsigned char point[P256_POINT_SIZE];
};

/*
 * An identity that the site had before the one of audit_check_new: oldest first, at most 64, before
 * witnesses and entries. Its checkpoints count until there was one of a later identity, which covers all
 * that came before it too.
 */
KMS_CHECKED enum kms_status audit_check_former(
	struct audit_check *check, const struct audit_signer *former, struct kms_err *err);

/*
 * A checkpoint known from elsewhere (a partner's copy in a package or receipt, a printed one):
 * the log must have had this root at this size. At most 256, given before the first entry;
 * it must be verified already (audit_checkpoint_verify). One of a size before `start` is ignored.
 */
KMS_CHECKED enum kms_status audit_check_witness(
	struct audit_check *check, const struct audit_checkpoint *known, struct kms_err *err);

/* The next entry. `leaf` is the hash noted beside it, or NULL where there is none. */
KMS_CHECKED enum kms_status audit_check_entry(struct audit_check *check, const char *line,
	size_t len, const unsigned char *leaf, struct kms_err *err);

/* A checkpoint: it comes right after the last entry that it covers. */
KMS_CHECKED enum kms_status audit_check_checkpoint(
	struct audit_check *check, const char *note, size_t len, struct kms_err *err);

KMS_CHECKED enum kms_status audit_check_end(struct audit_check *check, struct kms_err *err);

const struct audit_verdict *audit_check_verdict(const struct audit_check *check);
void audit_check_free(struct audit_check **check);

#endif
