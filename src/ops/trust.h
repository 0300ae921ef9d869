/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: keys that masters may leave under, on a token that guards exports (WRAP_WITH_TRUSTED).
 * An operation that makes one asks for the administrator PIN before anything else, and has the key
 * marked once it is made. On every other token these do nothing.
 */
#ifndef OPS_TRUST_H
#define OPS_TRUST_H

#include "hsm/object.h"
#include "ops/op.h"

struct op_trust {
	struct hsm *hsm;
	bool guarded;
	struct secret so_pin;
};

void op_trust_clear(struct op_trust *trust);

/*
 * For a key that shall wrap masters: reads the administrator PIN and tries it, once. hsm_name: NULL for
 * the principal HSM. Refused: a role whose wrapping passes through the host.
 */
KMS_CHECKED enum kms_status op_trust_begin(struct op *op, struct hsm *hsm, const char *hsm_name,
	enum hsm_role role, struct op_trust *trust, struct kms_err *err);

/* Marks the key, which ends every session object of its HSM; its row says id and label. */
KMS_CHECKED enum kms_status op_trust_key(
	const struct op_trust *trust, const char *id, const char *label, struct kms_err *err);

#endif
