/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shipment receive: a partner's cards become known, with the keys that it says are on them. The file
 * is read twice, a line at a time: before anything is written, and into the registry.
 */
#include "ops/shipment.h"

#include "base/hex.h"
#include "ops/card.h"
#include "ops/witness.h"
#include "store/cards.h"
#include "store/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROFILES_MAX = 32 };

struct receive_args {
	const char *path;
	FILE *stream;
	struct buf text; /* the document */
	struct doc_shipment doc;
	int64_t first; /* line of the table */
	struct op_self self;
	struct store_partner partner;
	char **keysets; /* as they are called here, in the document's order */
	char *profiles[PROFILES_MAX];
	size_t profile_count;

	/* of the pass over the table */
	int64_t line, cards, known;
	char before[DOC_SHIPMENT_LINE]; /* the card before */
};

static void receive_clear(struct receive_args *a)
{
	if (a->stream)
		fclose(a->stream);
	for (size_t i = 0; a->keysets && i < a->doc.keyset_count; i++)
		free(a->keysets[i]);
	for (size_t i = 0; i < a->profile_count; i++)
		free(a->profiles[i]);
	free(a->keysets);
	buf_free(&a->text);
	doc_shipment_free(&a->doc);
	op_self_free(&a->self);
	store_partner_free(&a->partner);
}

/* ---- the file ---- */

static enum kms_status bad_line(const struct receive_args *a, struct kms_err *err)
{
	kms_prefix(err, "%s, line %lld: ", a->path, (long long)a->line);
	return err->code;
}

/* The next line with its end; *ret_len 0 after the last. */
static enum kms_status read_line(
	struct receive_args *a, char line[DOC_SHIPMENT_LINE], size_t *ret_len, struct kms_err *err)
{
	size_t len = 0;
	int c = 0;

	while (len < DOC_SHIPMENT_LINE - 1 && c != '\n' && (c = getc(a->stream)) != EOF)
		line[len++] = (char)c;
	line[len] = 0;
	if (ferror(a->stream))
		return kms_fail(err, KMS_ERR_IO, "cannot read '%s': %s", a->path, strerror(errno));
	a->line++;
	if (len > 0 && c != '\n') {
		kms_fail(err, KMS_ERR_INVALID,
			c == EOF ? "the file ends within this line" : "longer than %d bytes",
			DOC_SHIPMENT_LINE - 2);
		return bad_line(a, err);
	}
	if (strlen(line) != len) {
		kms_fail(err, KMS_ERR_INVALID, "a zero byte");
		return bad_line(a, err);
	}
	*ret_len = len;
	return KMS_OK;
}

/* The document ends with the one line that is its closing brace. */
static enum kms_status read_document(struct receive_args *a, struct kms_err *err)
{
	char line[2 * DOC_NOTE_MAX];
	bool ended = false;
	enum kms_status st = KMS_OK;

	a->stream = fopen(a->path, "re");
	if (!a->stream)
		return kms_fail(err, KMS_ERR_IO, "cannot open '%s': %s", a->path, strerror(errno));
	while (!st && !ended && fgets(line, sizeof(line), a->stream)) {
		const size_t len = strlen(line);

		a->first += len > 0 && line[len - 1] == '\n';
		ended = strcmp(line, "}\n") == 0;
		st = a->text.len + len > DOC_MAX
			     ? kms_fail(err, KMS_ERR_INVALID, "no document of at most %d bytes",
				       DOC_MAX)
			     : buf_append(&a->text, line, len, err);
	}
	if (!st && ferror(a->stream))
		st = kms_fail(err, KMS_ERR_IO, "%s", strerror(errno));
	return st ? st : doc_shipment_parse(a->text.data, a->text.len, &a->doc, err);
}

static enum kms_status receive_check(struct op *op, struct kms_err *err)
{
	struct receive_args *a = op->args;
	enum kms_status st = read_document(a, err);

	if (st) {
		kms_prefix(err, "cannot take the shipment '%s': ", a->path);
		return st;
	}
	return op_subject(op, err, "%s: %s", a->doc.sender.name, a->doc.id);
}

/* ---- its key sets ---- */

static const struct doc_checked_key *said(const struct receive_args *a, const char *label)
{
	for (size_t i = 0; i < a->doc.key_count; i++)
		if (strcmp(a->doc.keys[i].label, label) == 0)
			return &a->doc.keys[i];
	return NULL;
}

static enum kms_status same_key(struct op *op, const char *name, const char *here,
	enum key_role role, bool *io_same, struct kms_err *err)
{
	const struct receive_args *a = op->args;
	STORE_AUTO(key) struct store_key row = {0};
	char label[KEY_LABEL_MAX + 1], value[KEY_KCV_TEXT_SIZE];
	const struct doc_checked_key *key;
	enum kms_status st = key_label(name, role, label, err);

	if (st)
		return st;
	key = said(a, label);
	if (!key)
		return kms_fail(err, KMS_ERR_INVALID,
			"the shipment names key set '%s' and has no check value of '%s'", name,
			label);
	st = key_label(here, role, label, err);
	if (!st)
		st = store_key_by_label(op->site->store, label, &row, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		*io_same = false;
		return KMS_OK;
	}
	if (st)
		return st;
	key_kcv_print(&key->kcv, value);
	*io_same = *io_same && strcmp(row.algorithm, key_alg_name(key->alg)) == 0 &&
		   row.check_method && row.check_value &&
		   strcmp(row.check_method, key_kcv_method_name(key->kcv.method)) == 0 &&
		   strcmp(row.check_value, value) == 0;
	return KMS_OK;
}

/* The key set imported from the sender that has the same check values, under whichever name. */
static enum kms_status find_set(
	struct op *op, const struct store_keyset_list *sets, size_t i, struct kms_err *err)
{
	struct receive_args *a = op->args;
	const char *name = a->doc.keysets[i];
	enum kms_status st = KMS_OK;

	for (size_t k = 0; !st && k < sets->count && !a->keysets[i]; k++) {
		const struct store_keyset *set = &sets->items[k];
		bool same = strcmp(set->state, "active") == 0 && set->origin &&
			    name_same(set->origin, a->partner.name);

		if (!same)
			continue;
		for (enum key_role role = KEY_ROLE_ENC; !st && role <= KEY_ROLE_KEK; role++)
			st = same_key(op, name, set->name, role, &same, err);
		if (!st && same && !(a->keysets[i] = strdup(set->name)))
			st = kms_nomem(err);
	}
	if (st || a->keysets[i])
		return st;
	kms_fail(err, KMS_ERR_DENIED,
		"the shipment's cards have keys of '%s', and no key set imported from '%s' has its "
		"check values",
		name, a->partner.name);
	return kms_hint(
		err, "import it first: 'cardkms exchange request --from ORG --keyset %s'", name);
}

static enum kms_status find_sets(struct op *op, struct kms_err *err)
{
	struct receive_args *a = op->args;
	STORE_AUTO(keyset_list) struct store_keyset_list sets = {0};
	enum kms_status st = store_keysets(op->site->store, &sets, err);

	a->keysets = calloc(a->doc.keyset_count, sizeof(*a->keysets));
	if (!a->keysets)
		return st ? st : kms_nomem(err);
	for (size_t i = 0; !st && i < a->doc.keyset_count; i++)
		st = find_set(op, &sets, i, err);
	return st;
}

/* ---- each card ---- */

static enum kms_status check_profile(struct op *op, const char *name, struct kms_err *err)
{
	struct receive_args *a = op->args;
	CARD_PROFILE_AUTO struct card_profile profile = {0};
	enum kms_status st;

	for (size_t i = 0; i < a->profile_count; i++)
		if (strcmp(a->profiles[i], name) == 0)
			return KMS_OK;
	st = op_profile_find(op->site, name, &profile, err);
	if (st) {
		kms_prefix(err, "column 'profile': ");
		return st;
	}
	if (a->profile_count < PROFILES_MAX && !(a->profiles[a->profile_count++] = strdup(name))) {
		a->profile_count--;
		return kms_nomem(err);
	}
	return KMS_OK;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What only one of both has is no contradiction. */
static bool compatible(const char *a, const char *b)
{
	return !a || !*a || !b || !*b || strcmp(a, b) == 0;
}

/* Whether the card has had those keys here before it was changed. */
static enum kms_status had_them(
	struct op *op, const struct store_shipment_card *row, bool *ret_had, struct kms_err *err)
{
	STORE_AUTO(change_list) struct store_change_list list = {0};
	enum kms_status st = store_changes(op->site->store, row->card_id, &list, err);

	*ret_had = false;
	for (size_t i = 0; !st && i < list.count; i++) {
		const struct store_change *c = &list.items[i];

		*ret_had |= strcmp(c->aid, row->aid) == 0 &&
			    same_text(c->old_keyset, row->keyset) &&
			    c->old_version == row->version && same_text(c->old_kdd, row->kdd);
	}
	return st;
}

static enum kms_status check_known(struct op *op, const struct store_card *card,
	const struct store_shipment_card *row, struct kms_err *err)
{
	STORE_AUTO(domain) struct store_domain domain = {0};
	const char *differs = NULL;
	bool same = false;
	enum kms_status st =
		store_domain_get(op->site->store, row->card_id, row->aid, &domain, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (st)
		return st;
	if (!same_text(card->id_source, row->id_source))
		differs = "id_source";
	else if (!compatible(card->cplc, row->cplc))
		differs = "cplc";
	else if (!compatible(card->iin, row->iin))
		differs = "iin";
	else if (!compatible(card->cin, row->cin))
		differs = "cin";
	else if (!domain.aid)
		differs = "domain";
	else if (!same_text(domain.keyset, row->keyset))
		differs = "key_set";
	else if (domain.version != row->version)
		differs = "key_version";
	else if (!same_text(domain.kdd, row->kdd))
		differs = "kdd";
	if (differs && domain.aid)
		st = had_them(op, row, &same, err);
	if (st || !differs || same)
		return st;
	kms_fail(err, KMS_ERR_MISMATCH,
		"column '%s': the registry has card '%.64s' already, with other data", differs,
		row->card_id);
	return kms_hint(err,
		"'cardkms card info %.64s' shows what is here; nothing of the shipment was taken",
		row->card_id);
}

static enum kms_status add_card(
	struct op *op, const struct store_shipment_card *row, struct kms_err *err)
{
	enum kms_status st = store_card_add(op->site->store,
		&(struct store_card){.id = row->card_id,
			.id_source = row->id_source,
			.profile = row->profile,
			.cplc = row->cplc,
			.iin = row->iin,
			.cin = row->cin,
			.state = CARD_STATE_KNOWN,
			.created = op->now,
			.changed = op->now},
		err);

	return st ? st
		  : store_domain_put(op->site->store,
			    &(struct store_domain){.card_id = row->card_id,
				    .aid = row->aid,
				    .keyset = row->keyset,
				    .version = row->version,
				    .scp = row->scp,
				    .scp_i = row->scp_i,
				    .kdd = row->kdd,
				    .state = CARD_STATE_ACTIVE,
				    .changed = op->now},
			    err);
}

static enum kms_status take_card(
	struct op *op, const struct doc_shipment_card *card, bool write, struct kms_err *err)
{
	struct receive_args *a = op->args;
	STORE_AUTO(card) struct store_card there = {0};
	struct store_shipment_card row;
	size_t set = 0;
	enum kms_status st;

	while (set < a->doc.keyset_count && strcmp(a->doc.keysets[set], card->keyset) != 0)
		set++;
	if (set == a->doc.keyset_count)
		return kms_fail(err, KMS_ERR_INVALID,
			"column 'key_set': the document does not name '%s'", card->keyset);
	if (strcmp(a->before, card->card) >= 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"column 'card': '%.64s' is there twice, or not in the order of cards",
			card->card);
	snprintf(a->before, sizeof(a->before), "%s", card->card);
	op_shipment_from_doc(card, a->doc.id, a->keysets[set], &row);
	st = check_profile(op, card->profile, err);
	if (st)
		return st;
	st = store_card_get(op->site->store, row.card_id, &there, err);
	if (!st) {
		a->known++;
		st = check_known(op, &there, &row, err);
	} else if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = write ? add_card(op, &row, err) : KMS_OK;
	}
	return st || !write ? st : store_shipment_card_add(op->site->store, &row, err);
}

/* ---- the table ---- */

static enum kms_status take_line(struct op *op, char *line, bool write, struct kms_err *err)
{
	struct receive_args *a = op->args;
	struct doc_shipment_card card;
	enum kms_status st = doc_shipment_card_parse(line, &card, err);

	if (!st)
		st = take_card(op, &card, write, err);
	if (st)
		return bad_line(a, err);
	a->cards++;
	return KMS_OK;
}

static enum kms_status check_columns(struct receive_args *a, struct hash *hash, struct kms_err *err)
{
	char line[DOC_SHIPMENT_LINE];
	size_t len;
	enum kms_status st = read_line(a, line, &len, err);

	if (!st && strcmp(line, doc_shipment_columns) != 0) {
		kms_fail(err, KMS_ERR_INVALID, "not the columns of a shipment's cards");
		return bad_line(a, err);
	}
	return st ? st : hash_more(hash, line, len, err);
}

static enum kms_status check_end(
	const struct receive_args *a, const struct hash *hash, struct kms_err *err)
{
	unsigned char found[HASH_SIZE];
	enum kms_status st = hash_now(hash, found, err);

	if (st)
		return st;
	if (a->cards != a->doc.cards) {
		kms_fail(err, KMS_ERR_INVALID, "%s, line %lld: %lld cards, the document says %lld",
			a->path, (long long)a->line, (long long)a->cards, (long long)a->doc.cards);
		return kms_hint(err, "it was cut off, or changed, on the way: get the original");
	}
	if (memcmp(found, a->doc.cards_hash, HASH_SIZE) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"%s, lines %lld to %lld: not the cards that '%s' signed", a->path,
			(long long)a->first + 1, (long long)a->line - 1, a->doc.sender.name);
		return kms_hint(err, "it was changed on the way: get the original");
	}
	return KMS_OK;
}

static enum kms_status read_table(struct op *op, bool write, struct kms_err *err)
{
	struct receive_args *a = op->args;
	HASH_AUTO struct hash hash = {0};
	char line[DOC_SHIPMENT_LINE];
	size_t len = 0;
	enum kms_status st = hash_begin(&hash, err);

	if (!st && fseeko(a->stream, (off_t)a->text.len, SEEK_SET))
		st = kms_fail(
			err, KMS_ERR_IO, "cannot read '%s' twice: %s", a->path, strerror(errno));
	a->line = a->first;
	a->cards = a->known = 0;
	a->before[0] = 0;
	if (!st)
		st = check_columns(a, &hash, err);
	if (!st)
		st = read_line(a, line, &len, err);
	while (!st && len > 0) {
		st = hash_more(&hash, line, len, err);
		line[len - 1] = 0;
		if (!st)
			st = take_line(op, line, write, err);
		if (!st)
			st = read_line(a, line, &len, err);
	}
	return st ? st : check_end(a, &hash, err);
}

/* ---- the operation ---- */

static enum kms_status check_new(struct op *op, struct kms_err *err)
{
	const struct receive_args *a = op->args;
	STORE_AUTO(shipment) struct store_shipment there = {0};
	bool found = false;
	enum kms_status st = store_shipment_get(op->site->store, a->doc.id, &there, &found, err);

	if (st || !found)
		return st;
	if (strcmp(there.text, buf_text(&a->text)) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"another shipment '%s' is here already, from '%s'", there.id,
			there.partner);
	kms_fail(err, KMS_ERR_STATE, "shipment '%s' was received already: %lld cards", there.id,
		(long long)there.cards);
	return kms_hint(err, "'cardkms shipment show %s' shows it", there.id);
}

static enum kms_status receive_validate(struct op *op, struct kms_err *err)
{
	struct receive_args *a = op->args;
	unsigned char point[P256_POINT_SIZE];
	char hash[DOC_HASH_TEXT];
	enum kms_status st = op_self(op->site, &a->self, err);

	if ((st) || (st = op_check_recipient(&a->self, &a->doc.recipient, "shipment", err)) ||
		(st = op_find_sender(
			 op->site, &a->doc.sender, "shipment", &a->partner, point, err)) ||
		(st = doc_shipment_verify(&a->doc, a->partner.fingerprint, point, err)) ||
		(st = check_new(op, err)) ||
		(st = op_check_checkpoint(
			 op->site, &a->partner, a->doc.checkpoint, "shipment", err)) ||
		(st = op_witness_own(
			 op->site, a->partner.name, a->doc.witness.seen, "shipment", err)) ||
		(st = find_sets(op, err)) || (st = read_table(op, false, err)))
		return st;
	hex_encode(a->doc.cards_hash, HASH_SIZE, hash);
	if ((st = op_detail(op, "shipment", json_string(a->doc.id), err)) ||
		(st = op_detail(op, "cards", json_integer(a->cards), err)) ||
		(st = op_detail(op, "cards_sha256", json_string(hash), err)) ||
		(st = op_report(op, "shipment", json_string(a->doc.id), err)) ||
		(st = op_report(op, "partner", json_string(a->partner.name), err)) ||
		(st = op_report(op, "cards", json_integer(a->cards), err)))
		return st;
	return op_report(op, "known_before", json_integer(a->known), err);
}

static enum kms_status receive_commit(struct op *op, struct kms_err *err)
{
	struct receive_args *a = op->args;
	char hash[DOC_HASH_TEXT];
	enum kms_status st;

	hex_encode(a->doc.cards_hash, HASH_SIZE, hash);
	st = store_shipment_add(op->site->store,
		&(struct store_shipment){.id = a->doc.id,
			.direction = "in",
			.partner = a->partner.name,
			.cards = a->doc.cards,
			.sha256 = hash,
			.text = buf_text(&a->text),
			.op_id = op->id,
			.created = op->now},
		err);
	return st ? st : read_table(op, true, err);
}

enum kms_status op_shipment_receive(
	struct op_site *site, const char *path, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "shipment.receive",
		.needs = OP_NEED_IDENTITY,
		.check = receive_check,
		.validate = receive_validate,
		.commit = receive_commit,
	};
	struct receive_args args __attribute__((cleanup(receive_clear))) = {.path = path};

	return op_run(site, &kind, &args, ret_report, err);
}
