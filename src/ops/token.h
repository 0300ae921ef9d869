/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: how far the token that a URI names is, and setting it up. */
#ifndef OPS_TOKEN_H
#define OPS_TOKEN_H

#include "ops/site.h"

enum op_token {
	OP_TOKEN_ABSENT, /* no token matches; an uninitialised slot is free */
	OP_TOKEN_NO_PIN, /* initialised, without a user PIN: it can hold no key of ours */
	OP_TOKEN_READY,
};

/*
 * Loads a module, by the site's URI or that of another of its HSMs; the front is told when the HSM
 * keeps the program waiting.
 */
KMS_CHECKED enum kms_status op_token_open(struct op_site *site, const char *uri,
	const char *init_args, struct hsm **ret_hsm, struct kms_err *err);

KMS_CHECKED enum kms_status op_token_state_at(
	struct hsm *hsm, enum op_token *ret_state, struct kms_err *err);
/* Of the principal HSM's; opens its module if need be. */
KMS_CHECKED enum kms_status op_token_state(
	struct op_site *site, enum op_token *ret_state, struct kms_err *err);

struct op_token_setup {
	enum op_token state;
	const char *label; /* to initialise it with; NULL: it stays as it is */
	bool logged_in;	   /* as operator, already */
	const struct secret *so_pin, *pin;
};

/* Initialises it if asked to, sets the operator's PIN if it has none, logs in. */
KMS_CHECKED enum kms_status op_token_set_up(struct hsm *hsm, const struct op_token_setup *setup,
	struct hsm_token_info *ret_info, struct kms_err *err);

#endif
