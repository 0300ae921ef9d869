/* SPDX-License-Identifier: Apache-2.0 */
/* Key sets and keys: what they are, never their bytes. General rules: store/store.h. */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "store/store.h"

struct store_keyset {
	const char *name;
	const char *customer;
	const char *algorithm;
	const char *diversification; /* method */
	const char *definition;	     /* opt: the template, for methods that a site declares */
	int64_t kvn;		     /* opt: GP key version number */
	const char *exportable;	     /* never, partner */
	const char *cryptoperiod;    /* opt: as the key plan says it, "36 months" */
	const char *origin;	     /* generated, or the partner's name */
	const char *order_ref;	     /* opt */
	const char *state;	     /* pending, active, void */
	const char *op_id;	     /* opt: operation that made it */
	int64_t created;
};

struct store_keyset_list {
	struct store_keyset *items; /* by name */
	size_t count;
};

/* KMS_ERR_EXISTS if the name is taken; a void row of that name is replaced. */
KMS_CHECKED enum kms_status store_keyset_add(
	struct store *s, const struct store_keyset *keyset, struct kms_err *err);
/* Void key sets count as not there. */
KMS_CHECKED enum kms_status store_keyset_get(
	struct store *s, const char *name, struct store_keyset *ret_keyset, struct kms_err *err);
/* With the void ones. */
KMS_CHECKED enum kms_status store_keysets(
	struct store *s, struct store_keyset_list *ret_list, struct kms_err *err);
/* KMS_ERR_STATE unless it is in state `from`. */
KMS_CHECKED enum kms_status store_keyset_set_state(
	struct store *s, const char *name, const char *from, const char *to, struct kms_err *err);
void store_keyset_free(struct store_keyset *keyset);
void store_keyset_list_free(struct store_keyset_list *list);

/*
 * One key object in an HSM. A label is unique among the rows that are neither void nor destroyed.
 * States: pending, pre-activation, active, suspended, deactivated, compromised, destroyed, void.
 */
struct store_key {
	const char *cka_id; /* 32 hex digits; the primary key */
	const char *label;
	const char *keyset; /* opt: must exist */
	const char *role;
	const char *algorithm;
	int64_t kvn; /* opt */
	const char *state;
	const char *check_value;  /* opt while pending */
	const char *check_method; /* opt while pending */
	const char *location;	  /* vault, production, … */
	const char *origin;	  /* generated, components, or a partner's name */
	const char *partner;	  /* opt: whom a transport key is shared with */
	const char *wrapping;	  /* opt: aes-kw, raw-hex */
	const char *direction;	  /* opt: wrap, unwrap */
	const char *proof;	  /* opt: hex */
	const char *public_key;	  /* opt: hex */
	const char *exportable;	  /* never, partner */
	const char *ceremony_id;  /* opt: must exist */
	const char *hsm_serial;
	const char *op_id; /* opt: operation that made it; must exist */
	int64_t created;
	int64_t activated;	  /* opt */
	int64_t deactivate_after; /* opt: end of its cryptoperiod */
	int64_t state_changed;
	const char *state_reason; /* opt */
};

struct store_key_list {
	struct store_key *items; /* by label, created, cka_id */
	size_t count;
};

/* What store_keys leaves in; members that are NULL do not filter, nor does a NULL filter. */
struct store_key_filter {
	const char *keyset;
	const char *state;
	const char *role;
	const char *op_id;
	bool live; /* leave out void and destroyed rows */
};

KMS_CHECKED enum kms_status store_key_add(
	struct store *s, const struct store_key *key, struct kms_err *err);
KMS_CHECKED enum kms_status store_key_get(
	struct store *s, const char *cka_id, struct store_key *ret_key, struct kms_err *err);
/* The one row of the label that is neither void nor destroyed. */
KMS_CHECKED enum kms_status store_key_by_label(
	struct store *s, const char *label, struct store_key *ret_key, struct kms_err *err);
KMS_CHECKED enum kms_status store_keys(struct store *s, const struct store_key_filter *filter,
	struct store_key_list *ret_list, struct kms_err *err);
/*
 * Writes every column of the row key->cka_id as given. KMS_ERR_STATE unless the row is in state
 * `from`.
 */
KMS_CHECKED enum kms_status store_key_update(
	struct store *s, const struct store_key *key, const char *from, struct kms_err *err);
/* The short form: state, state_reason (opt) and state_changed only. */
KMS_CHECKED enum kms_status store_key_set_state(struct store *s, const char *cka_id,
	const char *from, const char *to, const char *reason, int64_t when, struct kms_err *err);
void store_key_free(struct store_key *key);
void store_key_list_free(struct store_key_list *list);

#endif
