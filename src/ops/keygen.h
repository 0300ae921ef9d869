/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: the key sets of a plan made in the HSM; shared by hsm setup and hsm update. */
#ifndef OPS_KEYGEN_H
#define OPS_KEYGEN_H

#include "keys/plan.h"
#include "ops/meta.h"
#include "ops/op.h"

struct keygen_key {
	const struct key_plan_set *set;
	enum key_role role;
	char label[KEY_LABEL_MAX + 1];
	char id[OP_ID_HEX];
	struct hsm_made made;
	struct key_kcv kcv;
};

struct keygen {
	struct key_plan plan;	 /* empty: no plan was given */
	struct keygen_key *keys; /* of the sets that are new */
	size_t count;
	size_t skipped; /* sets that are there already, just as the plan has them */
};

/* Into the operation's details: which plan, by its hash. */
KMS_CHECKED enum kms_status keygen_note_plan(
	struct op *op, const struct key_plan *plan, struct kms_err *err);

/* The steps of an operation, in their order (ops/op.h). Each takes the operation it works for. */
KMS_CHECKED enum kms_status keygen_load(
	struct keygen *gen, struct op *op, const char *path, struct kms_err *err);
KMS_CHECKED enum kms_status keygen_validate(struct keygen *gen, struct op *op, struct kms_err *err);
/* Whether the token can do all that the plan asks for; needs a login, creates nothing. */
KMS_CHECKED enum kms_status keygen_try_token(
	struct keygen *gen, struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status keygen_intend(
	struct keygen *gen, struct op *op, const char *hsm_serial, struct kms_err *err);
KMS_CHECKED enum kms_status keygen_act(struct keygen *gen, struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status keygen_commit(
	struct keygen *gen, struct op *op, const char *hsm_serial, struct kms_err *err);
/* The HSM's objects against the rows that were just committed or are about to be. */
KMS_CHECKED enum kms_status keygen_verify(struct keygen *gen, struct op *op, struct kms_err *err);
void keygen_free(struct keygen *gen);

#endif
