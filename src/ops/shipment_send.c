/* SPDX-License-Identifier: Apache-2.0 */
/* shipment send: which cards go to a partner, and which keys are on them. */
#include "ops/shipment.h"

#include "base/csv.h"
#include "base/file.h"
#include "base/hex.h"
#include "ops/ops.h"
#include "ops/witness.h"
#include "store/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 32 };

/* A card of the selection's file. */
struct wanted {
	const char *card;
	int64_t line;
};

struct send_args {
	const struct op_shipment_send *in;
	struct csv *list; /* of cards; NULL: of a key set */
	size_t column;
	struct wanted *
		wanted; /* by card; NULL: the list is in that order, and is read a line at a time */
	size_t wanted_count;

	struct op_self self;
	struct store_partner partner;
	char id[DOC_ID_MAX + 1];
	const char *names[SETS_MAX]; /* of the sets */
	struct store_keyset sets[SETS_MAX];
	struct store_key rows[3 * SETS_MAX];
	struct doc_checked_key keys[3 * SETS_MAX];
	size_t set_count;
	int64_t cards;
	struct hash table; /* of its lines so far */
	unsigned char hash[HASH_SIZE];
	char *checkpoint, *seen;
	struct op_file file; /* the document */
};

static void send_clear(struct send_args *a)
{
	for (size_t i = 0; i < a->wanted_count; i++)
		free((void *)a->wanted[i].card);
	csv_close(&a->list);
	for (size_t i = 0; i < SETS_MAX; i++)
		store_keyset_free(&a->sets[i]);
	for (size_t i = 0; i < 3 * SETS_MAX; i++)
		store_key_free(&a->rows[i]);
	free(a->wanted);
	free(a->checkpoint);
	free(a->seen);
	op_self_free(&a->self);
	store_partner_free(&a->partner);
	op_file_free(&a->file);
	hash_free(&a->table);
}

/* ---- the selection ---- */

static int by_card(const void *a, const void *b)
{
	const struct wanted *one = a, *other = b;
	int order = strcmp(one->card, other->card);

	return order ? order : (one->line > other->line) - (one->line < other->line);
}

/* The next line that names a card; KMS_ERR_NOT_FOUND (err untouched) after the last. */
static enum kms_status next_wanted(
	const struct send_args *a, struct wanted *ret_borrowed, struct kms_err *err)
{
	enum kms_status st = csv_next(a->list, err);

	if (st)
		return st;
	*ret_borrowed = (struct wanted){csv_field(a->list, a->column), csv_line(a->list)};
	return *ret_borrowed->card ? KMS_OK : csv_fail(a->list, a->column, err, "no card is named");
}

static enum kms_status twice(
	const struct send_args *a, const struct wanted *one, int64_t line, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INVALID,
		"%s, line %lld, column 'card': card '%.64s' is in line %lld already",
		a->in->cards_path, (long long)one->line, one->card, (long long)line);
}

/* Whether each card comes after the one before it: then none is there twice, and nothing need be kept. */
static enum kms_status check_order(struct send_args *a, bool *ret_in_order, struct kms_err *err)
{
	BUF_AUTO struct buf before = {0};
	struct wanted one;
	bool any = false, in_order = true;
	enum kms_status st = KMS_OK;

	while (!st && in_order && !(st = next_wanted(a, &one, err))) {
		in_order = !any || strcmp(buf_text(&before), one.card) < 0;
		any = true;
		before.len = 0;
		st = buf_puts(&before, one.card, err);
	}
	if (st && st != KMS_ERR_NOT_FOUND)
		return st;
	if (!any)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' names no card", a->in->cards_path);
	*ret_in_order = in_order;
	return KMS_OK;
}

static enum kms_status add_wanted(
	struct send_args *a, size_t *room, const struct wanted *one, struct kms_err *err)
{
	if (a->wanted_count == *room) {
		size_t more = *room ? 2 * *room : 1024;
		struct wanted *grown = realloc(a->wanted, more * sizeof(*grown));

		if (!grown)
			return kms_nomem(err);
		a->wanted = grown;
		*room = more;
	}
	a->wanted[a->wanted_count] = (struct wanted){strdup(one->card), one->line};
	return a->wanted[a->wanted_count++].card ? KMS_OK : kms_nomem(err);
}

static enum kms_status sort_wanted(struct send_args *a, struct kms_err *err)
{
	struct wanted one;
	size_t room = 0;
	enum kms_status st = csv_rewind(a->list, err);

	while (!st && !(st = next_wanted(a, &one, err)))
		st = add_wanted(a, &room, &one, err);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	qsort(a->wanted, a->wanted_count, sizeof(*a->wanted), by_card);
	for (size_t i = 1; i < a->wanted_count; i++)
		if (strcmp(a->wanted[i - 1].card, a->wanted[i].card) == 0)
			return twice(a, &a->wanted[i], a->wanted[i - 1].line, err);
	return KMS_OK;
}

static enum kms_status read_wanted(struct send_args *a, struct kms_err *err)
{
	bool in_order = false;
	enum kms_status st = csv_open(a->in->cards_path, &a->list, err);

	if (!st)
		st = csv_column(a->list, "card", &a->column, err);
	if (!st)
		st = check_order(a, &in_order, err);
	return st || in_order ? st : sort_wanted(a, err);
}

static enum kms_status send_check(struct op *op, struct kms_err *err)
{
	struct send_args *a = op->args;
	enum kms_status st;

	if (!a->in->cards_path == !a->in->keyset)
		return kms_fail(err, KMS_ERR_USAGE,
			"which cards? Either a file that names them, or --keyset K");
	st = a->in->cards_path ? read_wanted(a, err) : KMS_OK;
	return st ? st : op_subject(op, err, "%s", a->in->partner);
}

typedef enum kms_status (*card_fn)(
	struct op *op, const struct store_shipment_card *row, struct kms_err *err);

static enum kms_status named(
	struct op *op, const struct wanted *wanted, card_fn each, struct kms_err *err)
{
	struct send_args *a = op->args;
	STORE_AUTO(shipment_card) struct store_shipment_card row = {0};
	STORE_AUTO(shipment) struct store_shipment left = {0};
	bool found = false, gone = false;
	enum kms_status st =
		store_shipment_ready_card(op->site->store, wanted->card, &row, &found, err);

	if (!st && found)
		st = store_shipment_of_card(op->site->store, wanted->card, &left, &gone, err);
	if (st)
		return st;
	if (found && !gone)
		return each(op, &row, err);
	if (gone)
		return kms_fail(err, KMS_ERR_STATE,
			"%s, line %lld, column 'card': card '%.64s' has left for '%s' in shipment "
			"'%s'",
			a->in->cards_path, (long long)wanted->line, wanted->card, left.partner,
			left.id);
	kms_fail(err, KMS_ERR_STATE,
		"%s, line %lld, column 'card': no card '%.64s' is active with a key set",
		a->in->cards_path, (long long)wanted->line, wanted->card);
	return kms_hint(err, "'cardkms card list' shows where each card stands");
}

static enum kms_status of_keyset(struct op *op, card_fn each, struct kms_err *err)
{
	const struct send_args *a = op->args;
	char after[2 * DOC_SHIPMENT_LINE] = "";
	bool more = true;
	enum kms_status st = KMS_OK;

	while (!st && more) {
		STORE_AUTO(shipment_card_list) struct store_shipment_card_list page = {0};

		st = store_shipment_ready(
			op->site->store, a->in->keyset, after, STORE_PAGE, &page, err);
		for (size_t i = 0; !st && i < page.count; i++)
			st = each(op, &page.items[i], err);
		more = page.count == STORE_PAGE;
		if (page.count)
			snprintf(after, sizeof(after), "%s", page.items[page.count - 1].card_id);
	}
	return st;
}

static enum kms_status of_list(struct op *op, card_fn each, struct kms_err *err)
{
	struct send_args *a = op->args;
	struct wanted one;
	enum kms_status st = csv_rewind(a->list, err);

	while (!st) {
		st = next_wanted(a, &one, err);
		if (st == KMS_ERR_NOT_FOUND)
			return KMS_OK;
		if (!st)
			st = named(op, &one, each, err);
	}
	return st;
}

/* Every card of the selection, by id. */
static enum kms_status for_each(struct op *op, card_fn each, struct kms_err *err)
{
	struct send_args *a = op->args;
	enum kms_status st = KMS_OK;

	if (a->in->keyset)
		return of_keyset(op, each, err);
	if (!a->wanted)
		return of_list(op, each, err);
	for (size_t i = 0; !st && i < a->wanted_count; i++)
		st = named(op, &a->wanted[i], each, err);
	return st;
}

/* ---- validate ---- */

static enum kms_status checked_key(struct op *op, const struct store_keyset *set,
	enum key_role role, struct store_key *row, struct doc_checked_key *key, struct kms_err *err)
{
	char label[KEY_LABEL_MAX + 1];
	enum kms_status st = key_label(set->name, role, label, err);

	if (!st)
		st = store_key_by_label(op->site->store, label, row, err);
	if (!st)
		st = key_alg_parse(row->algorithm, &key->alg, err);
	if (!st)
		st = key_kcv_method_parse(
			row->check_method ? row->check_method : "", &key->kcv.method, err);
	if (!st)
		st = key_kcv_parse(key->kcv.method, row->check_value, &key->kcv, err);
	key->label = row->label;
	return st;
}

/* A set that a card of the shipment has, when it is met first. */
static enum kms_status meet_set(struct op *op, const char *name, struct kms_err *err)
{
	static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
	struct send_args *a = op->args;
	struct store_keyset *set = &a->sets[a->set_count];
	struct kms_err why = {0};
	enum kms_status st;

	for (size_t i = 0; i < a->set_count; i++)
		if (strcmp(a->names[i], name) == 0)
			return KMS_OK;
	if (a->set_count == SETS_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"the cards have keys of more than %d key sets", SETS_MAX);
	st = store_keyset_get(op->site->store, name, set, err);
	if (!st && key_scope_check(set->name, set->customer, a->partner.name, "ship", &why))
		st = op_override(op, err, "%s", why.msg);
	for (size_t i = 0; !st && i < 3; i++)
		st = checked_key(op, set, roles[i], &a->rows[3 * a->set_count + i],
			&a->keys[3 * a->set_count + i], err);
	if (!st)
		a->names[a->set_count++] = set->name;
	return st;
}

static enum kms_status count_card(
	struct op *op, const struct store_shipment_card *row, struct kms_err *err)
{
	struct send_args *a = op->args;
	struct doc_shipment_card card;
	char line[DOC_SHIPMENT_LINE];
	size_t len;
	enum kms_status st = meet_set(op, row->keyset, err);

	op_shipment_to_doc(row, &card);
	if (!st)
		st = doc_shipment_card_print(&card, line, &len, err);
	if (!st)
		st = hash_more(&a->table, line, len, err);
	if (!st)
		a->cards++;
	return st;
}

/* The table's hash, over all cards of the selection, each of which goes through `each`. */
static enum kms_status run_table(struct op *op, card_fn each, struct kms_err *err)
{
	struct send_args *a = op->args;
	enum kms_status st;

	hash_free(&a->table);
	a->cards = 0;
	st = hash_begin(&a->table, err);
	if (!st)
		st = hash_more(&a->table, doc_shipment_columns, strlen(doc_shipment_columns), err);
	return st ? st : for_each(op, each, err);
}

static enum kms_status send_validate(struct op *op, struct kms_err *err)
{
	struct send_args *a = op->args;
	char hash[DOC_HASH_TEXT];
	enum kms_status st = store_partner_get(op->site->store, a->in->partner, &a->partner, err);

	if (!st)
		st = op_self(op->site, &a->self, err);
	if (!st && a->in->keyset) {
		STORE_AUTO(keyset) struct store_keyset set = {0};

		st = store_keyset_get(op->site->store, a->in->keyset, &set, err);
	}
	if (!st)
		st = op_doc_id("SH", a->id, err);
	if (!st)
		st = run_table(op, count_card, err);
	if (!st && a->cards == 0)
		st = kms_fail(err, KMS_ERR_NOT_FOUND,
			"no active card with keys of '%s' is left to be shipped", a->in->keyset);
	if (!st)
		st = hash_now(&a->table, a->hash, err);
	if (st)
		return st;
	hex_encode(a->hash, HASH_SIZE, hash);
	if ((st = op_detail(op, "partner", json_string(a->partner.name), err)) ||
		(st = op_detail(op, "cards", json_integer(a->cards), err)) ||
		(st = op_detail(op, "cards_sha256", json_string(hash), err)) ||
		(st = op_report(op, "partner", json_string(a->partner.name), err)) ||
		(st = op_report(op, "cards", json_integer(a->cards), err)))
		return st;
	return op_report(op, "cards_sha256", json_string(hash), err);
}

/* ---- act ---- */

static enum kms_status send_act(struct op *op, struct kms_err *err)
{
	struct send_args *a = op->args;
	BUF_AUTO struct buf text = {0};
	struct doc_shipment doc;
	struct p256_signer signer;
	enum kms_status st = op_witness_newest(op->site, &a->partner, &a->seen, err);

	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	if (st)
		return st;
	doc = (struct doc_shipment){.id = a->id,
		.sender = a->self.party,
		.recipient = {a->partner.name, a->partner.fingerprint},
		.keysets = a->names,
		.keyset_count = a->set_count,
		.keys = a->keys,
		.key_count = 3 * a->set_count,
		.cards = a->cards,
		.checkpoint = a->checkpoint,
		.witness.seen = a->seen,
		.created = op->now};
	memcpy(doc.cards_hash, a->hash, HASH_SIZE);
	st = doc_shipment_write(&doc, &signer, &text, err);
	return st ? st : op_file_take(&a->file, &text, err);
}

/* Read it as the other side will. */
static enum kms_status send_verify(struct op *op, struct kms_err *err)
{
	struct send_args *a = op->args;
	DOC_SHIPMENT_AUTO struct doc_shipment again = {0};
	struct p256_signer signer;
	enum kms_status st = doc_shipment_parse(a->file.text.data, a->file.text.len, &again, err);

	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &signer, err);
	return st ? st : doc_shipment_verify(&again, a->self.fingerprint, signer.point, err);
}

/* ---- commit ---- */

static enum kms_status keep_card(
	struct op *op, const struct store_shipment_card *row, struct kms_err *err)
{
	struct send_args *a = op->args;
	struct store_shipment_card kept = *row;
	enum kms_status st = count_card(op, row, err);

	kept.shipment = a->id;
	return st ? st : store_shipment_card_add(op->site->store, &kept, err);
}

static enum kms_status send_commit(struct op *op, struct kms_err *err)
{
	struct send_args *a = op->args;
	const int64_t cards = a->cards;
	unsigned char hash[HASH_SIZE];
	char text[DOC_HASH_TEXT];
	enum kms_status st;

	hex_encode(a->hash, HASH_SIZE, text);
	st = store_shipment_add(op->site->store,
		&(struct store_shipment){.id = a->id,
			.direction = "out",
			.partner = a->partner.name,
			.cards = cards,
			.sha256 = text,
			.text = buf_text(&a->file.text),
			.op_id = op->id,
			.created = op->now},
		err);
	if (!st)
		st = run_table(op, keep_card, err);
	if (!st)
		st = hash_now(&a->table, hash, err);
	if (!st && memcmp(hash, a->hash, HASH_SIZE) != 0)
		st = kms_fail(
			err, KMS_ERR_STATE, "the cards of the shipment changed while it was made");
	if (!st)
		st = op_detail(op, "shipment", json_string(a->id), err);
	if (!st)
		st = op_report(op, "shipment", json_string(a->id), err);
	return st ? st : op_report(op, "file", json_string(a->in->path), err);
}

static enum kms_status send_deliver(struct op *op, struct kms_err *err)
{
	const struct send_args *a = op->args;
	enum kms_status st = op_shipment_deliver(op->site, a->id, a->in->path, err);

	if (st)
		kms_hint(err,
			"it is done and in the registry: write the file again with 'cardkms "
			"shipment reissue %s -o FILE'",
			a->id);
	return st;
}

enum kms_status op_shipment_send(struct op_site *site, const struct op_shipment_send *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "shipment.send",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.check = send_check,
		.validate = send_validate,
		.act = send_act,
		.verify = send_verify,
		.commit = send_commit,
		.deliver = send_deliver,
	};
	struct send_args args __attribute__((cleanup(send_clear))) = {.in = in};

	return op_run(site, &kind, &args, ret_report, err);
}
