/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: master keys on their way in, under a transport key; from packages and listings.
 * All of them become active in one commit, or none.
 */
#ifndef OPS_INCOMING_H
#define OPS_INCOMING_H

#include "ops/exchange.h"

/* A key set as it shall be here. */
struct incoming_set {
	char name[KEY_SET_NAME_MAX + 1];
	const char *customer;
	const char *order; /* or NULL */
	const struct key_div *div;
	enum key_alg alg;
	unsigned kvn;
	bool exportable;
	struct key_period period;
};

struct incoming_key {
	const struct incoming_set *set;
	enum key_role role;
	char label[KEY_LABEL_MAX + 1];
	const char *sent_as;	    /* its label at the sender, for messages */
	struct key_kcv expected;    /* len 0: the sender says nothing but the method */
	const unsigned char *block; /* the text, of a key block */
	size_t block_len;

	char id[OP_ID_HEX];
	struct hsm_made made;
	struct key_kcv kcv; /* as this HSM computes it, by the method of `expected` */
};

struct incoming {
	struct store_key transport;
	enum key_alg transport_alg;
	enum key_wrapping wrapping;
	const char *usage;  /* key blocks: the only key usage to be taken; NULL: a master's */
	const char *origin; /* whose keys they are: the partner's name */
	char *serial;	    /* of this HSM */

	struct incoming_set *sets; /* owned arrays; their texts are the caller's */
	size_t set_count;
	struct incoming_key *keys;
	size_t key_count;
};

/*
 * The transport key: active, of that partner, bound to `wrapping`, nobody here a custodian of it,
 * and with the check value that the sender says (`said`, for a key it calls said->label; NULL where
 * nobody says it: a key block's MAC fails under another key).
 */
KMS_CHECKED enum kms_status incoming_transport(struct incoming *in, struct op *op,
	const char *label, const char *partner, enum key_wrapping wrapping,
	const struct doc_checked_key *said, const char *carrier, struct kms_err *err);

/* Room for what comes; the caller fills it in, then calls incoming_validate. */
KMS_CHECKED enum kms_status incoming_alloc(
	struct incoming *in, size_t sets, size_t keys, struct kms_err *err);

/* A key set as a plan describes it; without a customer it is the site's own. */
void incoming_set_from_plan(
	struct incoming_set *set, const struct key_plan_set *plan, const struct op_site *site);

/*
 * Labels are free, no key is stronger than the transport key, the header of each key block is a
 * master's; gives each its CKA_ID.
 */
KMS_CHECKED enum kms_status incoming_validate(
	struct incoming *in, struct op *op, struct kms_err *err);

/*
 * One key: unwrapped into a token of the site as an object of that role, then read back from there
 * and compared with key->expected.
 */
struct incoming_place {
	struct hsm *hsm;
	enum hsm_role role;
	/* For messages: "import", "imported", and who says what the check value is: "the sender". */
	const char *verb, *done, *said_by;
};
KMS_CHECKED enum kms_status incoming_unwrap_key(struct op *op, const struct incoming_place *place,
	struct hsm_key *under, enum key_wrapping wrapping, struct incoming_key *key,
	struct kms_err *err);
KMS_CHECKED enum kms_status incoming_verify_key(
	const struct incoming_place *place, struct incoming_key *key, struct kms_err *err);

/* The steps of the operation (ops/op.h). */
KMS_CHECKED enum kms_status incoming_intend(
	struct incoming *in, struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_act(struct incoming *in, struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_verify(
	struct incoming *in, struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_commit(
	struct incoming *in, struct op *op, struct kms_err *err);

/* The same as steps of an operation whose args begin with their struct incoming. */
KMS_CHECKED enum kms_status incoming_step_intend(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_step_act(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_step_verify(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status incoming_step_commit(struct op *op, struct kms_err *err);
void incoming_free(struct incoming *in);

#endif
