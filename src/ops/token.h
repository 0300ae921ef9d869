/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: how far the token that the site's URI names is. */
#ifndef OPS_TOKEN_H
#define OPS_TOKEN_H

#include "ops/site.h"

enum op_token {
	OP_TOKEN_ABSENT, /* no token matches; an uninitialised slot is free */
	OP_TOKEN_NO_PIN, /* initialised, without a user PIN: it can hold no key of ours */
	OP_TOKEN_READY,
};

/* Loads the module, if it is not yet; says so to the front when the HSM keeps waiting. */
KMS_CHECKED enum kms_status op_hsm_open(struct op_site *site, struct kms_err *err);

/* Opens the module if need be. */
KMS_CHECKED enum kms_status op_token_state(
	struct op_site *site, enum op_token *ret_state, struct kms_err *err);

#endif
