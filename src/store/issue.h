/* SPDX-License-Identifier: Apache-2.0 */
/* Where a card stands with its holder. General rules: store/store.h. */
#ifndef STORE_ISSUE_H
#define STORE_ISSUE_H

#include "store/store.h"

struct store_issue {
	const char *card_id; /* must exist */
	const char *life;    /* secured, card-locked, terminated: as the card had it last */
	int64_t issues;	     /* how often it was issued */
	int64_t issued;	     /* opt: when it was issued last */
	int64_t changed;
};

/* Adds the row, or overwrites the one there is. */
KMS_CHECKED enum kms_status store_issue_put(
	struct store *s, const struct store_issue *issue, struct kms_err *err);
/* *ret_found false: nothing is known. */
KMS_CHECKED enum kms_status store_issue_get(struct store *s, const char *card_id,
	struct store_issue *ret_issue, bool *ret_found, struct kms_err *err);
void store_issue_free(struct store_issue *issue);

#endif
