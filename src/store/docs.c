/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of the exchange. */
#include "store/journal.h"
#include "store/query.h"

static const char *const doc_kinds[] = {"request", "package", "receipt", NULL};
static const char *const doc_directions[] = {"in", "out", NULL};
static const char *const doc_states[] = {
	"open", "consumed", "answered", "closed", "cancelled", NULL};

static const struct store_field doc_fields[] = {
	STORE_TEXT(struct store_doc, id),
	STORE_WORD(struct store_doc, kind, doc_kinds),
	STORE_WORD(struct store_doc, direction, doc_directions),
	STORE_TEXT(struct store_doc, partner),
	STORE_WORD(struct store_doc, state, doc_states),
	STORE_HEX(struct store_doc, nonce, 0),
	STORE_HEX(struct store_doc, sha256, 64),
	STORE_TEXT(struct store_doc, text),
	STORE_TEXT_OPT(struct store_doc, related),
	STORE_TEXT_OPT(struct store_doc, transport_key),
	STORE_HEX_OPT(struct store_doc, op_id, 32),
	STORE_INT(struct store_doc, created),
	STORE_INT_OPT(struct store_doc, changed),
};

static const struct store_row_type doc_type =
	STORE_ROW_TYPE("exchange_doc", "document", struct store_doc, doc_fields);

enum kms_status store_doc_add(struct store *s, const struct store_doc *doc, struct kms_err *err)
{
	return store_row_add(s, SQL_DOC_ADD, &doc_type, doc, doc->id, err);
}

enum kms_status store_doc_get(
	struct store *s, const char *id, struct store_doc *ret_doc, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOC_GET, err);
	enum kms_status st;
	bool found;

	store_put_text(&q, id);
	st = store_fetch(&q, &doc_type, ret_doc, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no request, package or receipt '%s'", id);
}

static enum kms_status find(struct store *s, enum store_sql sql, const struct store_doc *wanted,
	const char *what, const char *value, struct store_doc *ret_doc, struct kms_err *err)
{
	struct store_query q = store_query(s, sql, err);
	enum kms_status st;
	bool found;

	store_put_word(&q, "kind of document", wanted->kind, doc_kinds);
	store_put_word(&q, "direction", wanted->direction, doc_directions);
	store_put_text(&q, value);
	st = store_fetch(&q, &doc_type, ret_doc, &found);
	if (st || found)
		return st;
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no %s that %s has %s %s", wanted->kind,
		wanted->direction[0] == 'i' ? "came in" : "went out", what, value);
}

enum kms_status store_doc_by_nonce(struct store *s, const char *kind, const char *direction,
	const char *nonce, struct store_doc *ret_doc, struct kms_err *err)
{
	const struct store_doc wanted = {.kind = kind, .direction = direction};

	return find(s, SQL_DOC_BY_NONCE, &wanted, "nonce", nonce, ret_doc, err);
}

enum kms_status store_doc_by_sha256(struct store *s, const char *kind, const char *direction,
	const char *sha256, struct store_doc *ret_doc, struct kms_err *err)
{
	const struct store_doc wanted = {.kind = kind, .direction = direction};

	return find(s, SQL_DOC_BY_SHA256, &wanted, "SHA-256", sha256, ret_doc, err);
}

enum kms_status store_docs(
	struct store *s, const char *kind, struct store_doc_list *ret_list, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOC_LIST, err);
	void *items = NULL;
	size_t count = 0;
	enum kms_status st;

	store_put_text(&q, kind);
	st = store_fetch_all(&q, &doc_type, &items, &count);
	if (!st)
		*ret_list = (struct store_doc_list){items, count};
	return st;
}

enum kms_status store_doc_set_state(struct store *s, const char *id, const char *from,
	const char *to, int64_t when, struct kms_err *err)
{
	struct store_query q = store_query(s, SQL_DOC_SET_STATE, err);
	STORE_AUTO(doc) struct store_doc doc = {0};
	int64_t changes = 0;
	enum kms_status st;

	store_put_text(&q, id);
	store_put_word(&q, "state of a document", from, doc_states);
	store_put_word(&q, "state of a document", to, doc_states);
	store_put_int(&q, when);
	st = store_run(&q, &changes);
	if (st || changes)
		return st;
	st = store_doc_get(s, id, &doc, err);
	if (!st)
		st = kms_fail(err, KMS_ERR_STATE, "%s '%s' cannot become %s: it is %s, not %s",
			doc.kind, id, to, doc.state, from);
	return store_doom(s, st);
}

void store_doc_free(struct store_doc *doc)
{
	store_row_free(&doc_type, doc);
}

void store_doc_list_free(struct store_doc_list *list)
{
	store_row_list_free(&doc_type, list->items, list->count);
	*list = (struct store_doc_list){0};
}
