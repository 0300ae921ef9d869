/* SPDX-License-Identifier: Apache-2.0 */
/* What officers approved before it is done, each to be used once. General rules: store/store.h. */
#ifndef STORE_APPROVALS_H
#define STORE_APPROVALS_H

#include "store/store.h"

struct store_approval {
	const char *id;	     /* 16 random bytes in hex */
	const char *officer; /* name; must exist */
	const char *digest;  /* of what is approved: SHA-256 in hex */
	const char *state;   /* open, used, revoked */
	int64_t given;
	int64_t expires;
	int64_t ended;	   /* opt: when it left state open */
	const char *op_id; /* opt: the operation that used it; must exist */
};

struct store_approval_list {
	struct store_approval *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_approval_add(
	struct store *s, const struct store_approval *approval, struct kms_err *err);
/* Of one digest, or all (NULL). */
KMS_CHECKED enum kms_status store_approvals(struct store *s, const char *digest,
	struct store_approval_list *ret_list, struct kms_err *err);
/* Writes state, ended and op_id. KMS_ERR_STATE unless it is open: it is used exactly once. */
KMS_CHECKED enum kms_status store_approval_end(
	struct store *s, const struct store_approval *approval, struct kms_err *err);
void store_approval_free(struct store_approval *approval);
void store_approval_list_free(struct store_approval_list *list);

#endif
