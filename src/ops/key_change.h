/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: keys on their way from one state to another, one or all of a key set. */
#ifndef OPS_KEY_CHANGE_H
#define OPS_KEY_CHANGE_H

#include "ops/op.h"
#include "ops/ops.h"
#include "store/keys.h"

struct key_change {
	const struct op_key_change *in;
	enum key_state to;
	bool keyset;		    /* a key set was named, not a key */
	struct store_key_list keys; /* those that change */
	json_t *impact;		    /* of a compromise */
};

void key_change_clear(struct key_change *change);

/* Steps that operations of both kinds share; op->args begins with the struct. */
KMS_CHECKED enum kms_status key_change_check(struct op *op, struct kms_err *err);
/* Which keys; that each may become so; what depends on them. */
KMS_CHECKED enum kms_status key_change_validate(struct op *op, struct kms_err *err);

#endif
