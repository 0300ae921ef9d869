/* SPDX-License-Identifier: Apache-2.0 */
#include "store/issue.h"

#include "store/query.h"

static const char *const lives[] = {"secured", "card-locked", "terminated", NULL};

static const struct store_field issue_fields[] = {
	STORE_HEX(struct store_issue, card_id, 0),
	STORE_WORD(struct store_issue, life, lives),
	STORE_INT(struct store_issue, issues),
	STORE_INT_OPT(struct store_issue, issued),
	STORE_INT(struct store_issue, changed),
};

static const struct store_row_type issue_type =
	STORE_ROW_TYPE("card_issue", "issue of card", struct store_issue, issue_fields);

enum kms_status store_issue_put(
	struct store *s, const struct store_issue *issue, struct kms_err *err)
{
	return store_row_add(s, SQL_ISSUE_PUT, &issue_type, issue, issue->card_id, err);
}

enum kms_status store_issue_get(struct store *s, const char *card_id, struct store_issue *ret_issue,
	bool *ret_found, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_ISSUE_GET, err);

	store_put_text(&q, card_id);
	return store_fetch(&q, &issue_type, ret_issue, ret_found);
}

void store_issue_free(struct store_issue *issue)
{
	store_row_free(&issue_type, issue);
}
