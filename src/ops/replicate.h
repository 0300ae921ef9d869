/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: copies of keys on the site's other HSMs. */
#ifndef OPS_REPLICATE_H
#define OPS_REPLICATE_H

#include "ops/hsms.h"
#include "ops/meta.h"

/* The role that a copy of such a key has on that HSM. */
KMS_CHECKED enum kms_status op_copy_role(const struct op_hsm *hsm, const struct store_key *row,
	enum hsm_role *ret_role, struct kms_err *err);

/* The object on that HSM is what the key's row says: label, attributes, check value or proof. */
KMS_CHECKED enum kms_status op_copy_verify(
	struct op_hsm *hsm, const struct store_key *row, struct kms_err *err);

#endif
