/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HSMs beside the principal one and the copies of keys on them; backups; identities that the site
 * had on HSMs that are gone. General rules: store/store.h.
 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H

#include "store/store.h"

struct store_hsm {
	const char *name;
	const char *uri;
	const char *init_args; /* opt */
	const char *kind;      /* production, vault */
	const char *state;     /* pending, active, removed */
	const char *serial;    /* opt while pending: of its token */
	const char *op_id;     /* opt: operation that added it; must exist */
	int64_t added;
	int64_t changed; /* last change of state */
};

struct store_hsm_list {
	struct store_hsm *items; /* by name */
	size_t count;
};

/* KMS_ERR_EXISTS if the name is taken; a removed row of that name is replaced. */
KMS_CHECKED enum kms_status store_hsm_add(
	struct store *s, const struct store_hsm *hsm, struct kms_err *err);
/* Removed ones count as not there. */
KMS_CHECKED enum kms_status store_hsm_get(
	struct store *s, const char *name, struct store_hsm *ret_hsm, struct kms_err *err);
/* With the removed ones. */
KMS_CHECKED enum kms_status store_hsms(
	struct store *s, struct store_hsm_list *ret_list, struct kms_err *err);
/* Writes state, serial and changed. KMS_ERR_STATE unless the row is in state `from`. */
KMS_CHECKED enum kms_status store_hsm_update(
	struct store *s, const struct store_hsm *hsm, const char *from, struct kms_err *err);
void store_hsm_free(struct store_hsm *hsm);
void store_hsm_list_free(struct store_hsm_list *list);

/* A copy of a key on such an HSM: an object with the CKA_ID and the label of the key. */
struct store_copy {
	const char *hsm;    /* must exist */
	const char *cka_id; /* of the key, which must exist */
	const char *state;  /* pending, active, destroyed, void */
	const char *via;    /* label of the key that it travelled under; "components" */
	const char *proof;  /* opt while pending: hex, as in struct store_key */
	const char *op_id;  /* operation that made it; must exist */
	int64_t created;
	int64_t changed; /* last change of state */
};

struct store_copy_list {
	struct store_copy *items; /* by hsm, cka_id */
	size_t count;
};

/* What store_copies leaves in; members that are NULL do not filter. */
struct store_copy_filter {
	const char *hsm;
	const char *cka_id;
	const char *state;
	const char *op_id;
};

/* KMS_ERR_EXISTS if that HSM has one, pending or active; else the row is replaced. */
KMS_CHECKED enum kms_status store_copy_add(
	struct store *s, const struct store_copy *copy, struct kms_err *err);
KMS_CHECKED enum kms_status store_copies(struct store *s, const struct store_copy_filter *filter,
	struct store_copy_list *ret_list, struct kms_err *err);
/* Writes state, proof and changed. KMS_ERR_STATE unless the row is in state `from`. */
KMS_CHECKED enum kms_status store_copy_update(
	struct store *s, const struct store_copy *copy, const char *from, struct kms_err *err);
void store_copy_free(struct store_copy *copy);
void store_copy_list_free(struct store_copy_list *list);

/* A backup file that this site wrote. */
struct store_backup {
	const char *id;
	const char *sha256;   /* hex, of the file */
	const char *site_key; /* label of the key that it is wrapped under */
	int64_t keys;	      /* how many are in it */
	const char *op_id;    /* must exist */
	int64_t created;
};

struct store_backup_list {
	struct store_backup *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_backup_add(
	struct store *s, const struct store_backup *backup, struct kms_err *err);
/* Notes that a key is in it; both must exist. */
KMS_CHECKED enum kms_status store_backup_add_key(
	struct store *s, const char *backup, const char *cka_id, struct kms_err *err);
KMS_CHECKED enum kms_status store_backups(
	struct store *s, struct store_backup_list *ret_list, struct kms_err *err);
/* Those that hold a key. */
KMS_CHECKED enum kms_status store_backups_of(struct store *s, const char *cka_id,
	struct store_backup_list *ret_list, struct kms_err *err);
void store_backup_free(struct store_backup *backup);
void store_backup_list_free(struct store_backup_list *list);

/* An identity that this site had until its HSM was lost. */
struct store_former {
	int64_t seq; /* 1 is the first; without gaps */
	const char *fingerprint;
	const char *document; /* the identity document, as text */
	const char *reason;
	int64_t ended;
};

struct store_former_list {
	struct store_former *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_former_add(
	struct store *s, const struct store_former *former, struct kms_err *err);
KMS_CHECKED enum kms_status store_formers(
	struct store *s, struct store_former_list *ret_list, struct kms_err *err);
void store_former_free(struct store_former *former);
void store_former_list_free(struct store_former_list *list);

#endif
