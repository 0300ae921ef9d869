/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quorum of officers who together open the principal HSM: generations, of which one at most is
 * active; their members; the PINs, sealed (ceremony/seal.h). General rules: store/store.h.
 */
#ifndef STORE_QUORUM_H
#define STORE_QUORUM_H

#include "store/store.h"

struct store_quorum {
	int64_t generation; /* 1 is the first */
	const char *state;  /* active, ended */
	int64_t threshold;
	const char *hsm_serial;
	const char *commitment; /* hex: the MAC of what the quorum is, under its key */
	int64_t break_glass;	/* opt: when its key was last put on paper */
	const char *op_id;	/* must exist */
	int64_t created;
	int64_t ended; /* opt */
};

KMS_CHECKED enum kms_status store_quorum_add(
	struct store *s, const struct store_quorum *quorum, struct kms_err *err);
/* KMS_ERR_NOT_FOUND if there is none. */
KMS_CHECKED enum kms_status store_quorum_active(
	struct store *s, struct store_quorum *ret_quorum, struct kms_err *err);
/* The number of the last generation, 0 if there was none. */
KMS_CHECKED enum kms_status store_quorum_last(
	struct store *s, int64_t *ret_generation, struct kms_err *err);
/* Ends it, and forgets its shares and its PINs. */
KMS_CHECKED enum kms_status store_quorum_end(
	struct store *s, int64_t generation, int64_t when, struct kms_err *err);
KMS_CHECKED enum kms_status store_quorum_glass(
	struct store *s, int64_t generation, int64_t when, struct kms_err *err);
void store_quorum_free(struct store_quorum *quorum);

struct store_member {
	int64_t generation;
	int64_t position; /* from 1: the index of the share */
	const char *folded;
	const char *public_key; /* hex */
	const char *share;	/* hex, sealed; NULL once the generation has ended */
};

struct store_member_list {
	struct store_member *items; /* by position */
	size_t count;
};

KMS_CHECKED enum kms_status store_member_add(
	struct store *s, const struct store_member *member, struct kms_err *err);
KMS_CHECKED enum kms_status store_members(struct store *s, int64_t generation,
	struct store_member_list *ret_list, struct kms_err *err);
void store_member_free(struct store_member *member);
void store_member_list_free(struct store_member_list *list);

/* An officer's secret key, sealed under the passphrase. */
struct store_officer_key {
	const char *folded;
	const char *sealed; /* hex */
	int64_t changed;
};

/* Adds or replaces. */
KMS_CHECKED enum kms_status store_officer_key_set(
	struct store *s, const struct store_officer_key *key, struct kms_err *err);
/* KMS_ERR_NOT_FOUND if there is none. */
KMS_CHECKED enum kms_status store_officer_key_get(struct store *s, const char *folded,
	struct store_officer_key *ret_key, struct kms_err *err);
void store_officer_key_free(struct store_officer_key *key);

/*
 * A PIN of one kind: `next` is sealed and not yet known to hold, `current` has opened the token, `old` is
 * what held before. One of each at most.
 */
struct store_pin {
	const char *kind; /* user, so */
	int64_t number;	  /* from 1 in each generation: 1 was taken over, not drawn for it */
	int64_t generation;
	const char *state;  /* next, current, old */
	const char *sealed; /* hex */
	int64_t created;
};

struct store_pin_list {
	struct store_pin *items; /* by number */
	size_t count;
};

/* The highest number of the kind, 0 if there is none. */
KMS_CHECKED enum kms_status store_pin_last(
	struct store *s, const char *kind, int64_t *ret_number, struct kms_err *err);
KMS_CHECKED enum kms_status store_pin_add(
	struct store *s, const struct store_pin *pin, struct kms_err *err);
KMS_CHECKED enum kms_status store_pins(
	struct store *s, const char *kind, struct store_pin_list *ret_list, struct kms_err *err);
/* `next` has opened the token: it is current, what was current is old. KMS_ERR_STATE: no next. */
KMS_CHECKED enum kms_status store_pin_promote(
	struct store *s, const char *kind, struct kms_err *err);
/* The token holds `old`: it is current again, what was current never held. */
KMS_CHECKED enum kms_status store_pin_go_back(
	struct store *s, const char *kind, struct kms_err *err);
/* Forgets the one in that state, if there is one. */
KMS_CHECKED enum kms_status store_pin_drop(
	struct store *s, const char *kind, const char *state, struct kms_err *err);
void store_pin_free(struct store_pin *pin);
void store_pin_list_free(struct store_pin_list *list);

#endif
