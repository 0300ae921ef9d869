/* SPDX-License-Identifier: Apache-2.0 */
/* Officers of this site and partner sites. General rules: store/store.h. */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "store/store.h"

struct store_officer {
	const char *name;
	const char
		*folded;  /* unique: the caller's form in which two spellings of one person agree */
	const char *role; /* security-officer, operator, custodian, auditor */
	const char *passphrase_hash; /* Argon2id string */
	const char *state;	     /* active, disabled */
	int64_t added;
	int64_t changed;  /* last change of state or passphrase */
	int64_t failures; /* wrong passphrases in a row */
	int64_t locked;	  /* opt: since when, for too many of them */
};

struct store_officer_list {
	struct store_officer *items; /* by folded name */
	size_t count;
};

KMS_CHECKED enum kms_status store_officer_add(
	struct store *s, const struct store_officer *officer, struct kms_err *err);
/* `name` is only for the message. */
KMS_CHECKED enum kms_status store_officer_get(struct store *s, const char *folded, const char *name,
	struct store_officer *ret_officer, struct kms_err *err);
KMS_CHECKED enum kms_status store_officers(
	struct store *s, struct store_officer_list *ret_list, struct kms_err *err);
/* Writes role, passphrase_hash, state, changed, failures and locked of the row with this folded name. */
KMS_CHECKED enum kms_status store_officer_update(
	struct store *s, const struct store_officer *officer, struct kms_err *err);
void store_officer_free(struct store_officer *officer);
void store_officer_list_free(struct store_officer_list *list);

/*
 * A partner site. Each identity it ever had is a row of its own; versions count from 1 and at most
 * one row of a name is active.
 */
struct store_partner {
	const char *name;
	int64_t version;      /* given by the store; ignored in what is added */
	const char *role;     /* manufacturer, issuer */
	const char *document; /* the identity document as it was enrolled */
	const char *fingerprint;
	const char *identity_key; /* public key, hex */
	const char *audit_key;	  /* public key, hex */
	const char *state;	  /* active, superseded, revoked; new rows are always active */
	int64_t added;
	int64_t changed; /* opt: when it stopped being active */
};

struct store_partner_list {
	struct store_partner *items; /* by name, then version */
	size_t count;
};

/* KMS_ERR_EXISTS if the name has an active row, or the fingerprint is that of any row. */
KMS_CHECKED enum kms_status store_partner_add(struct store *s, const struct store_partner *partner,
	int64_t *ret_version, struct kms_err *err);
/* The active row of partner->name becomes superseded at partner->added, then as _add. */
KMS_CHECKED enum kms_status store_partner_rotate(struct store *s,
	const struct store_partner *partner, int64_t *ret_version, struct kms_err *err);
/* The active row becomes revoked. */
KMS_CHECKED enum kms_status store_partner_revoke(
	struct store *s, const char *name, int64_t when, struct kms_err *err);
/* The active row. A name that had one only once is KMS_ERR_STATE: revoked. */
KMS_CHECKED enum kms_status store_partner_get(
	struct store *s, const char *name, struct store_partner *ret_partner, struct kms_err *err);
/* In any state. */
KMS_CHECKED enum kms_status store_partner_by_fingerprint(struct store *s, const char *fingerprint,
	struct store_partner *ret_partner, struct kms_err *err);
KMS_CHECKED enum kms_status store_partners(
	struct store *s, struct store_partner_list *ret_list, struct kms_err *err);
void store_partner_free(struct store_partner *partner);
void store_partner_list_free(struct store_partner_list *list);

#endif
