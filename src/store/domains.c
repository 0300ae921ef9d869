/* SPDX-License-Identifier: Apache-2.0 */
/* Security domains of cards, and which of them depend on a key set. */
#include "store/cards.h"
#include "store/query.h"

static const char *const domain_states[] = {"active", "changing", "quarantined", "removed", NULL};

static const struct store_field domain_fields[] = {
	STORE_HEX(struct store_domain, card_id, 0),
	STORE_HEX(struct store_domain, aid, 0),
	STORE_HEX_OPT(struct store_domain, parent, 0),
	STORE_TEXT_OPT(struct store_domain, keyset),
	STORE_INT(struct store_domain, version),
	STORE_INT(struct store_domain, scp),
	STORE_INT(struct store_domain, scp_i),
	STORE_HEX_OPT(struct store_domain, kdd, 0),
	STORE_WORD(struct store_domain, state, domain_states),
	STORE_INT(struct store_domain, auth_failures),
	STORE_INT(struct store_domain, inits),
	STORE_INT(struct store_domain, changed),
};

static const struct store_row_type domain_type =
	STORE_ROW_TYPE("card_domain", "security domain", struct store_domain, domain_fields);

enum kms_status store_domain_put(
	struct store *s, const struct store_domain *domain, struct kms_err *err)
{
	return store_row_add(s, SQL_DOMAIN_PUT, &domain_type, domain, domain->aid, err);
}

static enum kms_status no_domain(const char *card_id, const char *aid, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_NOT_FOUND, "no security domain %s of card '%s'", aid, card_id);
	kms_hint(err, "'cardkms card domain list' shows those of a card");
	return KMS_ERR_NOT_FOUND;
}

enum kms_status store_domain_get(struct store *s, const char *card_id, const char *aid,
	struct store_domain *ret_domain, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOMAIN_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, card_id);
	store_put_text(&q, aid);
	st = store_fetch(&q, &domain_type, ret_domain, &found);
	return st || found ? st : no_domain(card_id, aid, err);
}

static enum kms_status fetch_list(struct store_query *q, struct store_domain_list *ret_list)
{
	void *items = NULL;
	size_t count = 0;
	enum kms_status st = store_fetch_all(q, &domain_type, &items, &count);

	if (!st)
		*ret_list = (struct store_domain_list){items, count};
	return st;
}

enum kms_status store_domains(struct store *s, const char *card_id,
	struct store_domain_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOMAIN_LIST, err);

	store_put_text(&q, card_id);
	return fetch_list(&q, ret_list);
}

enum kms_status store_domain_set_counters(struct store *s, const char *card_id, const char *aid,
	int64_t auth_failures, int64_t inits, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOMAIN_SET_COUNTERS, err);
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, card_id);
	store_put_text(&q, aid);
	store_put_int(&q, auth_failures);
	store_put_int(&q, inits);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	if (st)
		kms_prefix(err, "cannot count for card '%.200s': ", card_id);
	return st || changes ? st : store_doom(s, no_domain(card_id, aid, err));
}

enum kms_status store_dependants(struct store *s, const char *keyset, const char *after_card,
	const char *after_aid, int64_t limit, struct store_domain_list *ret_list,
	struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DEPENDANT_LIST, err);

	store_put_text(&q, keyset);
	store_put_text(&q, after_card ? after_card : "");
	store_put_text(&q, after_aid ? after_aid : "");
	store_put_limit(&q, limit);
	return fetch_list(&q, ret_list);
}

enum kms_status store_dependants_count(
	struct store *s, const char *keyset, int64_t *ret_count, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DEPENDANT_COUNT, err);
	bool found;

	store_put_text(&q, keyset);
	return store_fetch_int(&q, "card_domain", ret_count, &found);
}

enum kms_status store_domain_twins(struct store *s, const char *card_id, const char *keyset,
	const char *kdd, int64_t limit, struct store_domain_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOMAIN_TWINS, err);

	store_put_text(&q, card_id);
	store_put_text(&q, keyset);
	store_put_text(&q, kdd);
	store_put_limit(&q, limit);
	return fetch_list(&q, ret_list);
}

void store_domain_free(struct store_domain *domain)
{
	store_row_free(&domain_type, domain);
}

void store_domain_list_free(struct store_domain_list *list)
{
	store_row_list_free(&domain_type, list->items, list->count);
	*list = (struct store_domain_list){0};
}
