/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: the quorum of officers who together open the principal HSM, on a site that has one.
 *
 * Each generation has a random key, of which each member holds a sealed share (ceremony/seal.h), and
 * the PINs sealed under it. An opening takes M members' passphrases and tries no PIN that was not proved
 * by its tag. Then the PIN is rotated:
 *
 *   next      the new PIN, sealed, in one transaction with the intent in the audit log
 *   C_SetPIN
 *   login     with the new one
 *   current   the new one, in one transaction with the outcome; the one before stays as `old` until
 *             the next opening has logged in with the current one
 *
 * So wherever it is cut off, current, next or old holds, at most two of them are there, and the next
 * opening finds out which by one failed login at most. DIR/quorum.lock is held from the look into the
 * store until then, beside the site's lock or without it.
 */
#ifndef OPS_QUORUM_H
#define OPS_QUORUM_H

#include "base/utf8.h"
#include "ceremony/seal.h"
#include "ops/op.h"
#include "store/lock.h"
#include "store/quorum.h"

/* Of one run; owned by the site. */
struct op_quorum {
	struct store_lock *lock; /* while an opening, or a change of the quorum, goes on */
	bool loaded;
	struct store_quorum row;
	struct store_member_list members;
	struct secret key;   /* once it was opened */
	json_t *openers;     /* names */
	const char *without; /* folded, borrowed: whose share does not count, or NULL */
	char *site_name;     /* as the store has it */
};

void op_quorum_free(struct op_quorum *quorum); /* NULL-safe */

/* The active quorum, read once; NULL in *ret_quorum if the site has none. Owned by the site. */
KMS_CHECKED enum kms_status op_quorum_find(
	struct op_site *site, struct op_quorum **ret_quorum, struct kms_err *err);
/* The same for what needs one: KMS_ERR_NOT_FOUND with what to do. */
KMS_CHECKED enum kms_status op_quorum_need(
	struct op_site *site, struct op_quorum **ret_quorum, struct kms_err *err);
/* Forgets what was read. */
void op_quorum_forget(struct op_site *site);

/* The lock, and what is in the store then. *ret_held: to be given to op_quorum_release. */
KMS_CHECKED enum kms_status op_quorum_hold(
	struct op_site *site, bool *ret_held, struct kms_err *err);
void op_quorum_release(struct op_site *site, bool held);

/* The quorum's key, of M members' shares. Idempotent. */
KMS_CHECKED enum kms_status op_quorum_gather(
	struct op_site *site, struct op_quorum *quorum, struct kms_err *err);
/* A key that was found elsewhere: KMS_ERR_MISMATCH if it is not this quorum's. */
KMS_CHECKED enum kms_status op_quorum_take_key(
	struct op_quorum *quorum, struct secret *key, struct kms_err *err);

/* What the key's MAC is over. */
KMS_CHECKED enum kms_status op_quorum_text(
	const struct op_quorum *quorum, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status op_share_context(const struct op_quorum *quorum,
	const struct store_member *member, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status op_pin_context(const struct op_quorum *quorum, const char *kind,
	int64_t number, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status op_officer_context(const struct op_quorum *quorum, const char *folded,
	struct buf *ret_text, struct kms_err *err);

/* ---- quorum_pin.c ---- */

#define PIN_USER "user"
#define PIN_SO	 "so"

/* Logs in to the principal HSM, whose token was found. *ret_done is false where there is no quorum. */
KMS_CHECKED enum kms_status op_quorum_login(
	struct op_site *site, bool *ret_done, struct kms_err *err);
/* The administrator PIN, found to hold and rotated. It ends the operator's login. */
KMS_CHECKED enum kms_status op_quorum_so_pin(
	struct op_site *site, struct secret *ret_pin, bool *ret_done, struct kms_err *err);
/* The current PIN of a kind, unsealed and not tried: KMS_ERR_NOT_FOUND if there is none. */
KMS_CHECKED enum kms_status op_quorum_pin(struct op_site *site, struct op_quorum *quorum,
	const char *kind, struct secret *ret_pin, struct kms_err *err);
/* Under a quorum whose key is known: PINs that were taken over are replaced by drawn ones. */
KMS_CHECKED enum kms_status op_quorum_renew(struct op_site *site, struct kms_err *err);

/* ---- officer.c ---- */

/*
 * The passphrase of an active officer, asked for and proved. *ret_here is false if it was not given
 * (no such line, or an empty one), or if the officer is not active. *ret_name is for free().
 */
KMS_CHECKED enum kms_status op_officer_ask(struct op_site *site, const char *folded,
	const char *what_for, struct secret *ret_passphrase, char **ret_name, bool *ret_here,
	struct kms_err *err);

#endif
