/* SPDX-License-Identifier: Apache-2.0 */
/* Shipments as they are kept: list, show, reconcile, and the file once more. */
#include "ops/shipment.h"

#include "base/clock.h"
#include "base/file.h"
#include "ops/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED_MAX = 1000 };

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static const char *row_text(const char *text)
{
	return *text ? text : NULL;
}

void op_shipment_to_doc(const struct store_shipment_card *row, struct doc_shipment_card *ret_card)
{
	*ret_card = (struct doc_shipment_card){row->card_id, row->id_source, row->profile,
		text_of(row->cplc), text_of(row->iin), text_of(row->cin), row->aid, row->keyset,
		(unsigned)row->version, (unsigned)row->scp, (unsigned)row->scp_i,
		text_of(row->kdd)};
}

void op_shipment_from_doc(const struct doc_shipment_card *card, const char *shipment,
	const char *keyset, struct store_shipment_card *ret_row)
{
	*ret_row = (struct store_shipment_card){card->card, shipment, card->id_source,
		card->profile, row_text(card->cplc), row_text(card->iin), row_text(card->cin),
		card->domain, keyset, card->version, card->scp, card->scp_i, row_text(card->kdd)};
}

static enum kms_status find(
	struct op_site *site, const char *id, struct store_shipment *ret_row, struct kms_err *err)
{
	bool found = false;
	enum kms_status st = store_shipment_get(site->store, id, ret_row, &found, err);

	if (st || found)
		return st;
	kms_fail(err, KMS_ERR_NOT_FOUND, "no shipment '%s'", id);
	return kms_hint(err, "'cardkms shipment list' shows those of this site");
}

/* ---- the file ---- */

static enum kms_status put_page(const struct store_shipment_card_list *page, struct file_out *out,
	struct hash *hash, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < page->count; i++) {
		struct doc_shipment_card card;
		char line[DOC_SHIPMENT_LINE];
		size_t len;

		op_shipment_to_doc(&page->items[i], &card);
		st = doc_shipment_card_print(&card, line, &len, err);
		if (!st)
			st = hash_more(hash, line, len, err);
		if (!st)
			st = file_out_put(out, line, len, err);
	}
	return st;
}

static enum kms_status put_cards(struct op_site *site, const char *id, struct file_out *out,
	struct hash *hash, struct kms_err *err)
{
	char after[DOC_SHIPMENT_LINE] = "";
	bool more = true;
	enum kms_status st = KMS_OK;

	while (!st && more) {
		STORE_AUTO(shipment_card_list) struct store_shipment_card_list page = {0};

		st = store_shipment_cards(site->store, id, after, STORE_PAGE, &page, err);
		if (!st)
			st = put_page(&page, out, hash, err);
		more = page.count == STORE_PAGE;
		if (page.count)
			snprintf(after, sizeof(after), "%s", page.items[page.count - 1].card_id);
	}
	return st;
}

static enum kms_status check_kept(
	const struct store_shipment *row, const struct hash *hash, struct kms_err *err)
{
	DOC_SHIPMENT_AUTO struct doc_shipment doc = {0};
	unsigned char found[HASH_SIZE];
	enum kms_status st = doc_shipment_parse(row->text, strlen(row->text), &doc, err);

	if (!st)
		st = hash_now(hash, found, err);
	if (!st && memcmp(found, doc.cards_hash, HASH_SIZE) != 0)
		st = kms_fail(err, KMS_ERR_STORE,
			"the registry's cards of shipment '%s' are not those that were signed",
			row->id);
	return st;
}

enum kms_status op_shipment_deliver(
	struct op_site *site, const char *id, const char *path, struct kms_err *err)
{
	STORE_AUTO(shipment) struct store_shipment row = {0};
	FILE_OUT_AUTO struct file_out out = FILE_OUT_NONE;
	HASH_AUTO struct hash hash = {0};
	const size_t columns = strlen(doc_shipment_columns);
	enum kms_status st = find(site, id, &row, err);

	if (!st && strcmp(row.direction, "out") != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"'%s' came in: it is its sender's to write again", id);
	if (st || (st = hash_begin(&hash, err)) || (st = file_out_begin(&out, path, 0644, err)) ||
		(st = file_out_put(&out, row.text, strlen(row.text), err)) ||
		(st = file_out_put(&out, doc_shipment_columns, columns, err)) ||
		(st = hash_more(&hash, doc_shipment_columns, columns, err)) ||
		(st = put_cards(site, id, &out, &hash, err)) || (st = check_kept(&row, &hash, err)))
		return st;
	return file_out_commit(&out, err);
}

static enum kms_status shipment_json(
	const struct store_shipment *row, json_t **ret_object, struct kms_err *err)
{
	char created[CLOCK_TEXT_SIZE];

	clock_format(row->created, created);
	*ret_object = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "id", row->id, "direction",
		row->direction, "partner", row->partner, "cards", (json_int_t)row->cards,
		"cards_sha256", row->sha256, "created", created);
	return *ret_object ? KMS_OK : kms_nomem(err);
}

struct reissue_args {
	const char *id, *path;
};

static enum kms_status reissue_validate(struct op *op, struct kms_err *err)
{
	const struct reissue_args *a = op->args;
	STORE_AUTO(shipment) struct store_shipment row = {0};
	enum kms_status st = find(op->site, a->id, &row, err);

	if (!st && strcmp(row.direction, "out") != 0)
		st = kms_fail(err, KMS_ERR_INVALID,
			"'%s' came in: it is its sender's to write again", a->id);
	if (!st)
		st = op_subject(op, err, "%s: %s", row.partner, row.id);
	if (!st)
		st = op_report(op, "id", json_string(row.id), err);
	return st ? st : op_report(op, "file", json_string(a->path), err);
}

static enum kms_status reissue_deliver(struct op *op, struct kms_err *err)
{
	const struct reissue_args *a = op->args;

	return op_shipment_deliver(op->site, a->id, a->path, err);
}

enum kms_status op_shipment_reissue(struct op_site *site, const char *id, const char *path,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "shipment.reissue",
		.validate = reissue_validate,
		.deliver = reissue_deliver,
	};
	struct reissue_args args = {.id = id, .path = path};

	return op_run(site, &kind, &args, ret_report, err);
}

/* ---- list, show ---- */

enum kms_status op_shipment_list(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(shipment_list) struct store_shipment_list list = {0};
	JS_AUTO json_t *array = json_array();
	enum kms_status st = store_shipments(site->store, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		json_t *object = NULL;

		st = shipment_json(&list.items[i], &object, err);
		if (!st && json_array_append_new(array, object))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(array);
	return st;
}

static json_t *card_json(const struct store_shipment_card *row)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s?}", "card", row->card_id, "profile",
		row->profile, "domain", row->aid, "keyset", row->keyset, "key_version",
		op_version_json(row->version), "kdd", row->kdd);
}

/* The first LISTED_MAX cards; the file has all of them. */
enum kms_status op_shipment_show(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(shipment) struct store_shipment row = {0};
	STORE_AUTO(shipment_card_list) struct store_shipment_card_list list = {0};
	JS_AUTO json_t *object = NULL, *cards = json_array();
	enum kms_status st = find(site, id, &row, err);

	if (!st)
		st = shipment_json(&row, &object, err);
	if (!st)
		st = store_shipment_cards(site->store, id, "", LISTED_MAX, &list, err);
	for (size_t i = 0; !st && i < list.count; i++)
		if (json_array_append_new(cards, card_json(&list.items[i])))
			st = kms_nomem(err);
	if (!st && json_object_set(object, "listed", cards))
		st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(object);
	return st;
}

/* ---- reconcile ---- */

static json_t *gap_json(const struct store_shipment_gap *gap)
{
	const bool said = gap->keyset, has = gap->has_keyset;

	return json_pack("{s:s, s:s?, s:s?, s:o?, s:s?, s:s?, s:o?, s:s?}", "card", gap->card_id,
		"shipment", gap->shipment, "keyset", gap->keyset, "key_version",
		said ? op_version_json(gap->version) : NULL, "kdd", gap->kdd, "has_keyset",
		gap->has_keyset, "has_key_version", has ? op_version_json(gap->has_version) : NULL,
		"has_kdd", gap->has_kdd);
}

struct gaps {
	const char *name;
	enum store_shipment_gaps which;
};

/* Counts them all, and lists the first LISTED_MAX. */
static enum kms_status add_gaps(struct op_site *site, const struct gaps *gaps, const char *partner,
	json_t *report, int64_t *io_total, struct kms_err *err)
{
	JS_AUTO json_t *list = json_array();
	char after[DOC_SHIPMENT_LINE] = "";
	int64_t count = 0;
	bool more = true;
	enum kms_status st = KMS_OK;

	while (!st && more) {
		STORE_AUTO(shipment_gap_list) struct store_shipment_gap_list page = {0};

		st = store_shipment_gaps(
			site->store, gaps->which, partner, after, STORE_PAGE, &page, err);
		for (size_t i = 0; !st && i < page.count; i++) {
			const struct store_shipment_gap *gap = &page.items[i];

			if (strcmp(gap->card_id, after) == 0)
				continue;
			snprintf(after, sizeof(after), "%s", gap->card_id);
			if (count++ < LISTED_MAX && json_array_append_new(list, gap_json(gap)))
				st = kms_nomem(err);
		}
		more = page.count == STORE_PAGE;
	}
	*io_total += count;
	if (!st && (json_object_set(report, gaps->name, list) ||
			   json_object_set_new(json_object_get(report, "counts"), gaps->name,
				   json_integer(count))))
		st = kms_nomem(err);
	return st;
}

enum kms_status op_shipment_reconcile(
	struct op_site *site, const char *partner, json_t **ret_report, struct kms_err *err)
{
	static const struct gaps kinds[] = {{"missing", STORE_MISSING},
		{"different", STORE_DIFFERENT}, {"unexpected", STORE_UNEXPECTED}};
	STORE_AUTO(partner) struct store_partner row = {0};
	JS_AUTO json_t *report = NULL;
	int64_t announced = 0, total = 0;
	enum kms_status st = store_partner_get(site->store, partner, &row, err);

	if (!st)
		st = store_begin_read(site->store, err);
	if (st)
		return st;
	st = store_shipment_announced(site->store, row.name, &announced, err);
	report = json_pack("{s:s, s:{s:I}}", "partner", row.name, "counts", "announced",
		(json_int_t)announced);
	if (!st && !report)
		st = kms_nomem(err);
	for (size_t i = 0; !st && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		st = add_gaps(site, &kinds[i], row.name, report, &total, err);
	store_rollback(site->store);
	if (st)
		return st;
	*ret_report = json_incref(report);
	if (total == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"%lld cards of '%s' are missing, different or unexpected", (long long)total,
		row.name);
}
