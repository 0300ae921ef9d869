/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/shipment.h"

#include "exchange/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char what[] = "shipment", key_what[] = "shipment's key";

/* Allocates keysets and keys as the last steps; after a failure the caller frees the former. */
static enum kms_status read_shipment(
	const json_t *object, struct doc_shipment *s, struct kms_err *err)
{
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &s->id, err)) ||
		(st = doc_read_parties(object, what, &s->sender, &s->recipient, err)) ||
		(st = js_get_int(
			 object, what, "cards", 1, DOC_SHIPMENT_CARDS_MAX, &s->cards, err)) ||
		(st = doc_read_hex(object, what, "cards_sha256", s->cards_hash, HASH_SIZE, err)) ||
		(st = doc_read_checkpoint(object, what, &s->checkpoint, err)) ||
		(st = doc_read_witness(object, what, &s->witness, err)) ||
		(st = doc_read_time(object, what, "created", &s->created, err)) ||
		(st = doc_read_set_names(object, what, &s->keysets, &s->keyset_count, err)))
		return st;
	return doc_read_checked_keys(object, what, key_what, &s->keys, &s->key_count, err);
}

static void lists_free(struct doc_shipment *s)
{
	free((void *)s->keysets);
	free((void *)s->keys);
}

enum kms_status doc_shipment_parse(
	const char *text, size_t len, struct doc_shipment *ret_shipment, struct kms_err *err)
{
	static const char *const members[] = {"audit_checkpoint", "cards", "cards_sha256",
		"created", "id", "keys", "keysets", "recipient", "seen_checkpoint", "sender", NULL};
	struct doc_shipment s = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st = doc_open(DOC_SHIPMENT, text, len, members, &object, &s.sig, err);

	if (!st)
		st = read_shipment(object, &s, err);
	if (st) {
		lists_free(&s);
		return st;
	}
	s.owner = object;
	object = NULL;
	*ret_shipment = s;
	return KMS_OK;
}

enum kms_status doc_shipment_write(const struct doc_shipment *s, const struct p256_signer *signer,
	struct buf *ret_text, struct kms_err *err)
{
	struct doc_shipment read = {0};
	JS_AUTO json_t *object = json_pack("{s:s, s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:o}", "id",
		s->id, "sender", doc_party_json(&s->sender), "recipient",
		doc_party_json(&s->recipient), "cards", (json_int_t)s->cards, "cards_sha256",
		doc_hex(s->cards_hash, HASH_SIZE), "audit_checkpoint", s->checkpoint, "created",
		doc_time(s->created), "keysets", doc_set_names_json(s->keysets, s->keyset_count),
		"keys", doc_checked_keys_json(s->keys, s->key_count));
	enum kms_status st;

	if (!object || !doc_put_witness(object, &s->witness))
		return doc_bad_input(DOC_SHIPMENT, err);
	st = read_shipment(object, &read, err);
	lists_free(&read);
	if (!st)
		st = doc_tag(object, DOC_SHIPMENT, err);
	return st ? st : doc_seal(object, DOC_SHIPMENT, signer, ret_text, err);
}

enum kms_status doc_shipment_verify(const struct doc_shipment *s, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_SHIPMENT, &s->sig, &s->sender, fingerprint, point, err);
}

void doc_shipment_free(struct doc_shipment *s)
{
	if (!s->owner)
		return;
	lists_free(s);
	json_decref(s->owner);
	*s = (struct doc_shipment){0};
}

/* ---- the table ---- */

enum column {
	CARD,
	ID_SOURCE,
	PROFILE,
	CPLC,
	IIN,
	CIN,
	DOMAIN_AID,
	KEY_SET,
	KEY_VERSION,
	SCP,
	SCP_I,
	KDD,
	COLUMNS
};

const char doc_shipment_columns[] =
	"card,id_source,profile,cplc,iin,cin,domain,key_set,key_version,scp,scp_i,kdd\n";

/* Digits of hex from `min` to `max`, or nothing where `optional`; max 0: no hex. */
static const struct column_form {
	const char *name;
	size_t min, max;
	bool optional;
} columns[COLUMNS] = {
	[CARD] = {"card", 2, 128, false},
	[ID_SOURCE] = {"id_source", 0, 0, false},
	[PROFILE] = {"profile", 0, 0, false},
	[CPLC] = {"cplc", 84, 84, true},
	[IIN] = {"iin", 2, 64, true},
	[CIN] = {"cin", 2, 64, true},
	[DOMAIN_AID] = {"domain", 10, 32, false},
	[KEY_SET] = {"key_set", 0, 0, false},
	[KEY_VERSION] = {"key_version", 2, 2, false},
	[SCP] = {"scp", 2, 2, false},
	[SCP_I] = {"scp_i", 2, 2, false},
	[KDD] = {"kdd", 2, 64, true},
};

static enum kms_status check_hex(
	const struct column_form *form, const char *text, struct kms_err *err)
{
	const size_t len = strlen(text);

	if (len == 0 && form->optional)
		return KMS_OK;
	if (len < form->min || len > form->max || len % 2 ||
		strspn(text, "0123456789ABCDEF") != len)
		return kms_fail(err, KMS_ERR_INVALID,
			"column '%s': not %zu to %zu upper-case hex digits%s", form->name,
			form->min, form->max, form->optional ? ", or nothing" : "");
	return KMS_OK;
}

static enum kms_status check_words(char *const fields[COLUMNS], struct kms_err *err)
{
	static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-_.";
	const char *source = fields[ID_SOURCE];
	const size_t len = strlen(fields[PROFILE]);
	enum kms_status st;

	if (strcmp(source, "cplc") != 0 && strcmp(source, "iin-cin") != 0 &&
		strcmp(source, "kdd") != 0)
		return kms_fail(
			err, KMS_ERR_INVALID, "column 'id_source': not cplc, iin-cin or kdd");
	if (len == 0 || len > 64 || strspn(fields[PROFILE], name_chars) != len)
		return kms_fail(
			err, KMS_ERR_INVALID, "column 'profile': not the name of a profile");
	st = key_set_name_check(fields[KEY_SET], err);
	if (st)
		kms_prefix(err, "column 'key_set': ");
	return st;
}

static enum kms_status read_card(
	char *const fields[COLUMNS], struct doc_shipment_card *ret_card, struct kms_err *err)
{
	struct doc_shipment_card card = {fields[CARD], fields[ID_SOURCE], fields[PROFILE],
		fields[CPLC], fields[IIN], fields[CIN], fields[DOMAIN_AID], fields[KEY_SET], 0, 0,
		0, fields[KDD]};
	enum kms_status st = check_words(fields, err);

	for (size_t i = 0; !st && i < COLUMNS; i++)
		if (columns[i].max)
			st = check_hex(&columns[i], fields[i], err);
	if (st)
		return st;
	card.version = (unsigned)strtoul(fields[KEY_VERSION], NULL, 16);
	card.scp = (unsigned)strtoul(fields[SCP], NULL, 16);
	card.scp_i = (unsigned)strtoul(fields[SCP_I], NULL, 16);
	if (card.scp != 2 && card.scp != 3)
		return kms_fail(err, KMS_ERR_INVALID, "column 'scp': not 02 or 03");
	*ret_card = card;
	return KMS_OK;
}

enum kms_status doc_shipment_card_parse(
	char *line, struct doc_shipment_card *ret_card, struct kms_err *err)
{
	char *fields[COLUMNS], *at = line;
	size_t count = 0;

	while (at && count < COLUMNS)
		fields[count++] = strsep(&at, ",");
	if (at || count < COLUMNS)
		return kms_fail(err, KMS_ERR_INVALID, "not %d fields separated by commas", COLUMNS);
	return read_card(fields, ret_card, err);
}

enum kms_status doc_shipment_card_print(const struct doc_shipment_card *card,
	char ret_line[DOC_SHIPMENT_LINE], size_t *ret_len, struct kms_err *err)
{
	struct doc_shipment_card read;
	char copy[DOC_SHIPMENT_LINE];
	int len = snprintf(ret_line, DOC_SHIPMENT_LINE, "%s,%s,%s,%s,%s,%s,%s,%s,%02X,%02X,%02X,%s",
		card->card, card->id_source, card->profile, card->cplc, card->iin, card->cin,
		card->domain, card->keyset, card->version, card->scp, card->scp_i, card->kdd);
	enum kms_status st;

	if (len < 0 || len > DOC_SHIPMENT_LINE - 2)
		return kms_fail(
			err, KMS_ERR_INVALID, "the line of card '%.64s' is too long", card->card);
	memcpy(copy, ret_line, (size_t)len + 1);
	st = doc_shipment_card_parse(copy, &read, err);
	if (st) {
		kms_prefix(err, "card '%.64s' cannot be in a shipment: ", card->card);
		return st;
	}
	ret_line[len++] = '\n';
	ret_line[len] = 0;
	*ret_len = (size_t)len;
	return KMS_OK;
}
