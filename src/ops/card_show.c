/* SPDX-License-Identifier: Apache-2.0 */
/* Cards as the registry and the readers have them; nothing here opens a secure channel. */
#include "ops/card_history.h"

#include "base/clock.h"
#include "base/hex.h"
#include "ops/meta.h"
#include "store/issue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWINS_MAX = 10 };

static enum kms_status add(json_t *object, const char *name, json_t *value, struct kms_err *err)
{
	return json_object_set_new(object, name, value) ? kms_nomem(err) : KMS_OK;
}

json_t *op_version_json(int64_t version)
{
	char text[8];

	snprintf(text, sizeof(text), "%02X", (unsigned)version & 0xFF);
	return json_string(text);
}

static json_t *time_json(int64_t time)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time, text);
	return json_string(text);
}

/* ---- registry ---- */

/* How it stands with its holder; nothing of a card that was never issued, locked or ended. */
static enum kms_status add_issue(
	struct op_site *site, const char *id, json_t *object, struct kms_err *err)
{
	STORE_AUTO(issue) struct store_issue issue = {0};
	bool found = false;
	enum kms_status st = store_issue_get(site->store, id, &issue, &found, err);

	if (st || !found)
		return st;
	st = add(object, "life", json_string(issue.life), err);
	if (!st && issue.issued)
		st = add(object, "issued", time_json(issue.issued), err);
	return st ? st : add(object, "issues", json_integer(issue.issues), err);
}

enum kms_status op_card_json(struct op_site *site, const struct store_card *row,
	json_t **ret_object, struct kms_err *err)
{
	JS_AUTO json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:o, s:o}",
		"card", row->id, "id_source", row->id_source, "profile", row->profile, "state",
		row->state, "state_reason", row->state_reason, "cplc", row->cplc, "iin", row->iin,
		"cin", row->cin, "since", time_json(row->created), "changed",
		time_json(row->changed));

	enum kms_status st = object ? add_issue(site, row->id, object, err) : kms_nomem(err);

	if (!st)
		*ret_object = json_incref(object);
	return st;
}

/* Other cards that have the same keys, by what the registry knows. */
static enum kms_status add_twins(
	struct op_site *site, const struct store_domain *d, json_t *object, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	JS_AUTO json_t *names = json_array();
	enum kms_status st = KMS_OK;

	if (!names)
		return kms_nomem(err);
	if (d->keyset && d->kdd)
		st = store_domain_twins(
			site->store, d->card_id, d->keyset, d->kdd, TWINS_MAX, &list, err);
	for (size_t i = 0; !st && i < list.count; i++)
		if (json_array_append_new(names, json_string(list.items[i].card_id)))
			st = kms_nomem(err);
	if (st || list.count == 0)
		return st;
	return add(object, "same_keys_as", json_incref(names), err);
}

static enum kms_status domain_json(struct op_site *site, const struct store_domain *d,
	json_t **ret_object, struct kms_err *err)
{
	char protocol[32];
	JS_AUTO json_t *object = NULL;
	enum kms_status st;

	snprintf(
		protocol, sizeof(protocol), "SCP%02X i=%02X", (unsigned)d->scp, (unsigned)d->scp_i);
	object = json_pack("{s:s, s:s?, s:s?, s:o, s:s, s:s?, s:s, s:I, s:I, s:o}", "domain",
		d->aid, "parent", d->parent, "keyset", d->keyset, "key_version",
		op_version_json(d->version), "protocol", protocol, "kdd", d->kdd, "state", d->state,
		"failed_authentications", (json_int_t)d->auth_failures,
		"unanswered_initialize_updates", (json_int_t)d->inits, "changed",
		time_json(d->changed));
	if (!object)
		return kms_nomem(err);
	st = add_twins(site, d, object, err);
	if (!st)
		*ret_object = json_incref(object);
	return st;
}

enum kms_status op_card_domains_json(
	struct op_site *site, const char *card_id, json_t **ret_array, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_domains(site->store, card_id, &list, err);

	if (!rows)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < list.count; i++) {
		json_t *object = NULL;

		st = domain_json(site, &list.items[i], &object, err);
		if (!st && json_array_append_new(rows, object))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_array = json_incref(rows);
	return st;
}

/* One line for a card: the keys of its issuer security domain, and whether others have them. */
static enum kms_status list_row(struct op_site *site, const struct store_card *row,
	json_t **ret_object, struct kms_err *err)
{
	JS_AUTO json_t *object = NULL, *domains = NULL;
	const json_t *d;
	size_t i;
	enum kms_status st = op_card_json(site, row, &object, err);

	if (!st)
		st = op_card_domains_json(site, row->id, &domains, err);
	if (st)
		return st;
	json_array_foreach(domains, i, d)
	{
		static const char *const shown[] = {"keyset", "key_version", "kdd", NULL};
		json_t *twins = json_object_get(d, "same_keys_as");

		for (const char *const *name = shown; !st && *name; name++)
			if (json_is_null(json_object_get(d, "parent")))
				st = add(
					object, *name, json_incref(json_object_get(d, *name)), err);
		if (!st && twins)
			st = add(object, "same_keys_as", json_incref(twins), err);
	}
	if (!st)
		st = add(
			object, "domains", json_integer((json_int_t)json_array_size(domains)), err);
	if (!st)
		*ret_object = json_incref(object);
	return st;
}

enum kms_status op_card_list(struct op_site *site, const struct op_card_list *filter,
	json_t **ret_report, struct kms_err *err)
{
	const struct store_card_filter wanted = {.state = filter->state,
		.profile = filter->profile,
		.after = filter->after,
		.limit = filter->limit};
	STORE_AUTO(card_list) struct store_card_list list = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = store_cards(site->store, &wanted, &list, err);

	if (!rows)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < list.count; i++) {
		json_t *object = NULL;

		st = list_row(site, &list.items[i], &object, err);
		if (!st && json_array_append_new(rows, object))
			st = kms_nomem(err);
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

/* Card ids are hex: either case may be typed. */
static enum kms_status get_card(
	struct op_site *site, const char *id, struct store_card *ret_card, struct kms_err *err)
{
	char upper[OP_CARD_ID_MAX];
	size_t len = strlen(id);

	if (len >= sizeof(upper))
		return kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card '%.40s…'", id);
	for (size_t i = 0; i <= len; i++)
		upper[i] = (char)toupper((unsigned char)id[i]);
	return store_card_get(site->store, upper, ret_card, err);
}

static enum kms_status add_event(void *rows, const struct store_card_event *e, struct kms_err *err)
{
	JS_AUTO json_t *detail = NULL;
	enum kms_status st = KMS_OK;

	if (e->detail)
		st = js_parse_object("card history", e->detail, strlen(e->detail), &detail, err);
	if (!st && json_array_append_new(rows,
			   json_pack("{s:I, s:o, s:s, s:s, s:s?, s:O?}", "seq", (json_int_t)e->seq,
				   "time", time_json(e->time), "event", e->event, "actor", e->actor,
				   "operation", e->op_id, "detail", detail)))
		st = kms_nomem(err);
	return st;
}

enum kms_status op_card_history(
	struct op_site *site, const char *id, json_t **ret_report, struct kms_err *err)
{
	STORE_AUTO(card) struct store_card row = {0};
	JS_AUTO json_t *object = NULL, *domains = NULL, *events = json_array();
	enum kms_status st = get_card(site, id, &row, err);

	if (!events)
		return kms_nomem(err);
	if (!st)
		st = op_card_json(site, &row, &object, err);
	if (!st)
		st = op_card_domains_json(site, row.id, &domains, err);
	if (!st)
		st = op_card_each_event(site, row.id, add_event, events, err);
	if (!st)
		st = add(object, "domains", json_incref(domains), err);
	if (!st)
		st = add(object, "events", json_incref(events), err);
	if (!st)
		*ret_report = json_incref(object);
	return st;
}

/* ---- readers ---- */

static enum kms_status reader_json(
	const struct card_reader *reader, json_t **ret_object, struct kms_err *err)
{
	char atr[2 * CARD_ATR_MAX + 1] = "";
	const char *holds = !reader->present ? "no card"
			    : reader->mute   ? "a mute card"
			    : reader->in_use ? "a card, in use by another program"
					     : "a card";
	json_t *object;

	hex_encode(reader->atr.bytes, reader->atr.len, atr);
	object = json_pack("{s:s, s:s, s:b, s:s?}", "reader", reader->name, "holds", holds,
		"present", reader->present, "atr", *atr ? atr : NULL);
	if (!object)
		return kms_nomem(err);
	*ret_object = object;
	return KMS_OK;
}

enum kms_status op_card_readers(
	struct op_site *site, const char *reader, json_t **ret_report, struct kms_err *err)
{
	bool tcp = reader && strncmp(reader, "tcp:", 4) == 0;
	bool named = reader && !tcp && strcmp(reader, "pcsc") != 0;
	CARD_SYSTEM_AUTO struct card_system *system = NULL;
	struct card_reader_list list = {.count = 0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = card_system_open(tcp ? reader : NULL, &system, err);

	(void)site;
	if (!rows)
		return kms_nomem(err);
	if (!st)
		st = card_list(system, &list, err);
	for (size_t i = 0; !st && i < list.count; i++) {
		json_t *object = NULL;

		if (named && strcmp(list.readers[i].name, reader) != 0)
			continue;
		st = reader_json(&list.readers[i], &object, err);
		if (!st && json_array_append_new(rows, object))
			st = kms_nomem(err);
	}
	if (!st && named && json_array_size(rows) == 0) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "there is no reader '%s'", reader);
		return kms_hint(err, "'cardkms card list' shows the readers there are");
	}
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}

/* ---- the card in a reader ---- */

static enum kms_status keys_json(struct op_card *card, json_t *object, struct kms_err *err)
{
	struct gp_key_list *list = calloc(1, sizeof(*list));
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = KMS_OK;

	if (!list || !rows) {
		free(list);
		return kms_nomem(err);
	}
	st = gp_get_key_list(&card->gp, list, err);
	if (!st) {
		for (size_t i = 0; !st && i < list->count; i++) {
			const struct gp_key_info *k = &list->keys[i];

			if (json_array_append_new(rows,
				    json_pack("{s:o, s:i, s:i, s:i}", "key_version",
					    op_version_json(k->version), "id", (int)k->id, "type",
					    k->count ? (int)k->components[0].type : 0, "length",
					    k->count ? (int)k->components[0].length : 0)))
				st = kms_nomem(err);
		}
		if (!st)
			st = add(object, "keys_it_says", json_incref(rows), err);
	} else if (kms_is_answer(st)) {
		st = KMS_OK;
	}
	free(list);
	return st;
}

static enum kms_status cplc_json(const struct op_card *card, json_t *object, struct kms_err *err)
{
	JS_AUTO json_t *fields = json_object();
	enum kms_status st = KMS_OK;

	if (!fields)
		return kms_nomem(err);
	if (!card->has_cplc)
		return KMS_OK;
	for (enum gp_cplc_field f = 0; !st && f < GP_CPLC_FIELDS; f++) {
		char hex[2 * GP_CPLC_SIZE + 1];
		size_t len;
		const unsigned char *bytes = gp_cplc_get(&card->cplc, f, &len);

		hex_encode(bytes, len, hex);
		st = add(fields, gp_cplc_name(f), json_string(hex), err);
	}
	return st ? st : add(object, "cplc", json_incref(fields), err);
}

static enum kms_status protocols_json(
	const struct op_card *card, json_t *object, struct kms_err *err)
{
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = KMS_OK;

	if (!rows)
		return kms_nomem(err);
	for (size_t i = 0; !st && card->has_recognition && i < card->recognition.count; i++) {
		char text[16];

		snprintf(text, sizeof(text), "SCP%02X i=%02X", card->recognition.scps[i].scp,
			card->recognition.scps[i].i);
		if (json_array_append_new(rows, json_string(text)))
			st = kms_nomem(err);
	}
	if (!st && card->has_recognition)
		st = add(object, "globalplatform", json_string(card->recognition.version), err);
	return st ? st : add(object, "protocols", json_incref(rows), err);
}

static enum kms_status live_json(struct op_card *card, json_t *object, struct kms_err *err)
{
	char isd[OP_AID_HEX], atr[2 * CARD_ATR_MAX + 1];
	const char *profile = card->profile.name[0] ? card->profile.name : NULL;
	enum kms_status st;

	op_aid_text(&card->isd, isd);
	hex_encode(card->link->atr.bytes, card->link->atr.len, atr);
	st = add(object, "card", card->id[0] ? json_string(card->id) : json_null(), err);
	if (!st)
		st = add(object, "id_source",
			card->id_source ? json_string(card->id_source) : json_null(), err);
	if (!st)
		st = add(object, "reader", json_string(card->link->name), err);
	if (!st)
		st = add(object, "atr", json_string(atr), err);
	if (!st)
		st = add(object, "isd", json_string(isd), err);
	if (!st)
		st = add(object, "locked", json_boolean(card->locked), err);
	if (!st)
		st = add(object, "profile", profile ? json_string(profile) : json_null(), err);
	if (!st && profile)
		st = add(object, "profile_title", json_string(card->profile.title), err);
	if (!st)
		st = protocols_json(card, object, err);
	if (!st)
		st = cplc_json(card, object, err);
	return st ? st : keys_json(card, object, err);
}

/* What the registry has, as member "registry": NULL for a card that it has never seen. */
static enum kms_status registry_json(
	struct op_site *site, const struct store_card *row, json_t *object, struct kms_err *err)
{
	JS_AUTO json_t *card = NULL, *domains = NULL;
	enum kms_status st;

	if (!row)
		return add(object, "registry", json_null(), err);
	st = op_card_json(site, row, &card, err);
	if (!st)
		st = op_card_domains_json(site, row->id, &domains, err);
	if (!st)
		st = add(card, "domains", json_incref(domains), err);
	return st ? st : add(object, "registry", json_incref(card), err);
}

enum kms_status op_card_info(struct op_site *site, const struct op_card_where *where,
	const char *id, json_t **ret_report, struct kms_err *err)
{
	OP_CARD_AUTO struct op_card card = {0};
	STORE_AUTO(card) struct store_card row = {0};
	JS_AUTO json_t *object = json_object();
	enum kms_status st;

	if (!object)
		return kms_nomem(err);
	st = where ? op_card_open(site, where, &card, err) : get_card(site, id, &row, err);
	if (!st && where)
		st = live_json(&card, object, err);
	if (!st && !where)
		st = add(object, "card", json_string(row.id), err);
	if (!st)
		st = registry_json(site,
			!where	     ? &row
			: card.known ? &card.row
				     : NULL,
			object, err);
	if (!st)
		*ret_report = json_incref(object);
	return st;
}

enum kms_status op_card_domain_list(struct op_site *site, const struct op_card_where *where,
	const char *id, json_t **ret_report, struct kms_err *err)
{
	OP_CARD_AUTO struct op_card card = {0};
	STORE_AUTO(card) struct store_card row = {0};
	enum kms_status st;

	if (!where) {
		st = get_card(site, id, &row, err);
		return st ? st : op_card_domains_json(site, row.id, ret_report, err);
	}
	st = op_card_open(site, where, &card, err);
	if (!st && !card.known) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "card %s is not in the registry",
			card.id[0] ? card.id : card.link->name);
		return kms_hint(err, "it comes in with 'card inject', 'card replace' or 'card "
				     "verify --keyset'");
	}
	return st ? st : op_card_domains_json(site, card.id, ret_report, err);
}
