/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/impact.h"

#include "base/buf.h"
#include "base/file.h"
#include "keys/key.h"
#include "store/cards.h"
#include "store/journal.h"
#include "store/vault.h"

#include <stdlib.h>
#include <string.h>

/* What operations note in the detail of their journal row. */
static const char note_transport[] = "transport_key", note_wrapping[] = "wrapping_key",
		  note_keysets[] = "keysets";

enum kms_status op_keys_named(struct op_site *site, const char *name,
	struct store_key_list *ret_keys, bool *ret_keyset, struct kms_err *err)
{
	const struct store_key_filter of_set = {.keyset = name, .live = true};
	STORE_AUTO(key) struct store_key row = {0};
	STORE_AUTO(keyset) struct store_keyset set = {0};
	struct kms_err no_set = {0};
	enum kms_status st = store_key_by_label(site->store, name, &row, err);

	if (!st) {
		ret_keys->items = calloc(1, sizeof(*ret_keys->items));
		if (!ret_keys->items)
			return kms_nomem(err);
		ret_keys->items[0] = row;
		ret_keys->count = 1;
		row = (struct store_key){0};
		*ret_keyset = false;
		return KMS_OK;
	}
	/* The message is about the key: that is what is named most. */
	if (st != KMS_ERR_NOT_FOUND || store_keyset_get(site->store, name, &set, &no_set))
		return st;
	kms_err_clear(err);
	*ret_keyset = true;
	return store_keys(site->store, &of_set, ret_keys, err);
}

/* ---- the journal ---- */

/* NULL if the row has none. */
static enum kms_status detail_of(
	const struct store_op *op, json_t **ret_detail, struct kms_err *err)
{
	*ret_detail = NULL;
	return op->detail ? js_parse_object(
				    "journal row", op->detail, strlen(op->detail), ret_detail, err)
			  : KMS_OK;
}

enum kms_status op_came_under(
	struct op_site *site, const struct store_keyset *set, char **ret_label, struct kms_err *err)
{
	STORE_AUTO(op) struct store_op op = {0};
	JS_AUTO json_t *detail = NULL;
	const char *label;
	enum kms_status st;

	*ret_label = NULL;
	if (!set->op_id)
		return KMS_OK;
	st = store_op_get(site->store, set->op_id, &op, err);
	if (st)
		return st;
	st = detail_of(&op, &detail, err);
	if (st)
		return st;
	label = json_string_value(json_object_get(detail, note_transport));
	if (label && !(*ret_label = strdup(label)))
		return kms_nomem(err);
	return KMS_OK;
}

/* ---- what is found ---- */

struct impact {
	struct op_site *site;
	struct store_op_list ops; /* exchanges */
	struct store_keyset_list sets;
	struct store_key_list keys; /* all, also those that have ended */
	struct store_copy_list copies;
	json_t *keysets, *transport_keys, *backups, *todo;
	int64_t cards;
};

static void impact_clear(struct impact *m)
{
	store_op_list_free(&m->ops);
	store_keyset_list_free(&m->sets);
	store_key_list_free(&m->keys);
	store_copy_list_free(&m->copies);
	json_decref(m->keysets);
	json_decref(m->transport_keys);
	json_decref(m->backups);
	json_decref(m->todo);
}

static bool has_text(const json_t *array, const char *text)
{
	const json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (strcmp(json_string_value(item), text) == 0)
			return true;
	}
	return false;
}

static enum kms_status add_text(json_t *array, const char *text, struct kms_err *err)
{
	if (has_text(array, text))
		return KMS_OK;
	return json_array_append_new(array, json_string(text)) ? kms_nomem(err) : KMS_OK;
}

/* Adds what is to be done; `text` is taken. */
static enum kms_status to_do(struct impact *m, json_t *text, struct kms_err *err)
{
	JS_AUTO json_t *owned = text;

	return owned ? add_text(m->todo, json_string_value(owned), err) : kms_nomem(err);
}

static const char *partner_of(const struct impact *m, const char *transport_key)
{
	for (size_t i = m->keys.count; i-- > 0;)
		if (m->keys.items[i].partner &&
			key_label_same(m->keys.items[i].label, transport_key))
			return m->keys.items[i].partner;
	return "its partner";
}

static bool is_export(const struct store_op *op)
{
	static const char start[] = "exchange.export";

	return strncmp(op->kind, start, sizeof(start) - 1) == 0;
}

static enum kms_status partners_of_set(
	struct impact *m, const char *name, json_t *partners, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < m->ops.count; i++) {
		JS_AUTO json_t *detail = NULL;
		const char *under;

		if (is_export(&m->ops.items[i]))
			st = detail_of(&m->ops.items[i], &detail, err);
		under = json_string_value(json_object_get(detail, note_transport));
		if (st || !under || !has_text(json_object_get(detail, note_keysets), name))
			continue;
		st = add_text(partners, partner_of(m, under), err);
		if (!st)
			st = to_do(m,
				json_sprintf("tell %s: '%s' went there under '%s'",
					partner_of(m, under), name, under),
				err);
	}
	return st;
}

static enum kms_status hsms_of_set(
	struct impact *m, const char *name, json_t *hsms, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < m->keys.count; i++) {
		const struct store_key *row = &m->keys.items[i];

		if (!row->keyset || strcmp(row->keyset, name) != 0)
			continue;
		for (size_t k = 0; !st && k < m->copies.count; k++)
			if (strcmp(m->copies.items[k].cka_id, row->cka_id) == 0)
				st = add_text(hsms, m->copies.items[k].hsm, err);
	}
	return st;
}

static enum kms_status advice(
	struct impact *m, const struct store_keyset *set, int64_t cards, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (strcmp(set->origin, "generated") != 0)
		st = to_do(m,
			json_sprintf("tell %s, whose key set '%s' is", set->origin, set->name),
			err);
	if (!st && cards > 0)
		st = to_do(m,
			json_sprintf("make a key set in place of '%s' ('cardkms hsm update'), then "
				     "re-key %" JSON_INTEGER_FORMAT " security domain%s: 'cardkms "
				     "card replace --from %s'",
				set->name, (json_int_t)cards, cards == 1 ? "" : "s", set->name),
			err);
	if (!st && cards == 0)
		st = to_do(m,
			json_sprintf(
				"make a key set in place of '%s' ('cardkms hsm update'); no card "
				"depends on it",
				set->name),
			err);
	return st;
}

static enum kms_status add_set(struct impact *m, const char *name, struct kms_err *err)
{
	JS_AUTO json_t *partners = json_array(), *hsms = json_array();
	const struct store_keyset *set = NULL;
	const json_t *seen;
	int64_t cards = 0;
	enum kms_status st = KMS_OK;
	size_t i;

	json_array_foreach(m->keysets, i, seen)
	{
		if (strcmp(json_string_value(json_object_get(seen, "keyset")), name) == 0)
			return KMS_OK;
	}
	for (i = 0; i < m->sets.count; i++)
		if (strcmp(m->sets.items[i].name, name) == 0)
			set = &m->sets.items[i];
	if (!set || strcmp(set->state, "active") != 0)
		return KMS_OK;
	st = store_dependants_count(m->site->store, name, &cards, err);
	if (!st)
		st = partners_of_set(m, name, partners, err);
	if (!st)
		st = hsms_of_set(m, name, hsms, err);
	if (!st)
		st = advice(m, set, cards, err);
	if (!st && json_array_append_new(m->keysets,
			   json_pack("{s:s, s:s, s:s, s:I, s:O, s:O}", "keyset", name, "customer",
				   set->customer, "origin", set->origin, "cards", (json_int_t)cards,
				   "partners", partners, "hsms", hsms)))
		st = kms_nomem(err);
	m->cards += cards;
	return st;
}

/* ---- by the role of what is known ---- */

/* Sets that came by an operation; sets that it sent away. */
static enum kms_status sets_of_op(
	struct impact *m, const struct store_op *op, const json_t *detail, struct kms_err *err)
{
	const json_t *name;
	enum kms_status st = KMS_OK;
	size_t i;

	for (i = 0; !st && i < m->sets.count; i++)
		if (m->sets.items[i].op_id && strcmp(m->sets.items[i].op_id, op->id) == 0)
			st = add_set(m, m->sets.items[i].name, err);
	if (st || !is_export(op))
		return st;
	json_array_foreach(json_object_get(detail, note_keysets), i, name)
	{
		if (!st)
			st = add_set(m, json_string_value(name), err);
	}
	return st;
}

/* Keys of cards that key derive wrapped under it: no master, but each opens its card. */
static enum kms_status derived_under(
	struct impact *m, const struct store_key *row, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < m->ops.count; i++) {
		JS_AUTO json_t *detail = NULL;
		const char *under, *set;

		st = detail_of(&m->ops.items[i], &detail, err);
		under = json_string_value(json_object_get(detail, note_wrapping));
		set = json_string_value(json_array_get(json_object_get(detail, note_keysets), 0));
		if (st || !under || !set || !key_label_same(under, row->label))
			continue;
		st = to_do(m,
			json_sprintf("re-key the %" JSON_INTEGER_FORMAT
				     " cards of '%s' whose keys were derived under '%s'",
				json_integer_value(json_object_get(detail, "cards")), set,
				row->label),
			err);
	}
	return st;
}

static enum kms_status under_transport(
	struct impact *m, const struct store_key *row, struct kms_err *err)
{
	enum kms_status st = add_text(m->transport_keys, row->label, err);

	for (size_t i = 0; !st && i < m->ops.count; i++) {
		JS_AUTO json_t *detail = NULL;
		const char *under;

		st = detail_of(&m->ops.items[i], &detail, err);
		under = json_string_value(json_object_get(detail, note_transport));
		if (under && key_label_same(under, row->label))
			st = sets_of_op(m, &m->ops.items[i], detail, err);
	}
	return st ? st
		  : to_do(m,
			    json_sprintf(
				    "make another transport key with %s in place of '%s', in a "
				    "ceremony",
				    row->partner ? row->partner : "its partner", row->label),
			    err);
}

/* Copies that travelled under it. */
static enum kms_status under_common(
	struct impact *m, const struct store_key *row, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < m->copies.count; i++) {
		if (!key_label_same(m->copies.items[i].via, row->label))
			continue;
		for (size_t k = 0; !st && k < m->keys.count; k++)
			if (m->keys.items[k].keyset &&
				strcmp(m->keys.items[k].cka_id, m->copies.items[i].cka_id) == 0)
				st = add_set(m, m->keys.items[k].keyset, err);
	}
	return st ? st
		  : to_do(m,
			    json_sprintf("make another %s key in place of '%s', in a ceremony",
				    row->role, row->label),
			    err);
}

/* The backups of a key; those under one site key, or (NULL) all. */
static enum kms_status backups_of_key(struct impact *m, const struct store_key *row,
	const char *site_key, bool *ret_any, struct kms_err *err)
{
	STORE_AUTO(backup_list) struct store_backup_list list = {0};
	enum kms_status st = store_backups_of(m->site->store, row->cka_id, &list, err);

	for (size_t i = 0; !st && i < list.count; i++) {
		if (site_key && !key_label_same(list.items[i].site_key, site_key))
			continue;
		*ret_any = true;
		st = add_text(m->backups, list.items[i].id, err);
	}
	return st;
}

static enum kms_status under_site(
	struct impact *m, const struct store_key *row, struct kms_err *err)
{
	enum kms_status st = under_common(m, row, err);

	for (size_t i = 0; !st && i < m->keys.count; i++) {
		bool any = false;

		if (!m->keys.items[i].keyset)
			continue;
		st = backups_of_key(m, &m->keys.items[i], row->label, &any, err);
		if (!st && any)
			st = add_set(m, m->keys.items[i].keyset, err);
	}
	if (!st && json_array_size(m->backups) > 0)
		st = to_do(m,
			json_sprintf("destroy every copy of the %zu backup%s under '%s'",
				json_array_size(m->backups),
				json_array_size(m->backups) == 1 ? "" : "s", row->label),
			err);
	return st;
}

/* A backup from before does not know it: restored into a new site, the key would be active there. */
static enum kms_status in_backups(
	struct impact *m, const struct store_key *row, struct kms_err *err)
{
	bool any = false;
	enum kms_status st = backups_of_key(m, row, NULL, &any, err);

	return st || !any ? st
			  : to_do(m,
				    json_string("make a new backup: in the older ones the key is "
						"not marked"),
				    err);
}

static enum kms_status trace(struct impact *m, const struct store_key *row, struct kms_err *err)
{
	enum key_role role;
	enum kms_status st = key_role_parse(row->role, &role, err);

	if (st)
		return st;
	if (key_role_is_master(role)) {
		st = add_set(m, row->keyset, err);
		return st ? st : in_backups(m, row, err);
	}
	if (role == KEY_ROLE_TRANSPORT)
		st = under_transport(m, row, err);
	if (role == KEY_ROLE_SITE)
		st = under_site(m, row, err);
	if (role == KEY_ROLE_ZONE)
		st = under_common(m, row, err);
	return st ? st : derived_under(m, row, err);
}

enum kms_status op_impact(struct op_site *site, const struct store_key_list *keys,
	json_t **ret_report, struct kms_err *err)
{
	const struct store_copy_filter active = {.state = "active"};
	struct impact m __attribute__((cleanup(impact_clear))) = {.site = site,
		.keysets = json_array(),
		.transport_keys = json_array(),
		.backups = json_array(),
		.todo = json_array()};
	enum kms_status st = store_ops_exchange(site->store, &m.ops, err);

	if (!st)
		st = store_keysets(site->store, &m.sets, err);
	if (!st)
		st = store_keys(site->store, NULL, &m.keys, err);
	if (!st)
		st = store_copies(site->store, &active, &m.copies, err);
	for (size_t i = 0; !st && i < keys->count; i++)
		st = trace(&m, &keys->items[i], err);
	if (st)
		return st;
	*ret_report = json_pack("{s:O, s:O, s:O, s:I, s:O}", "keysets", m.keysets, "transport_keys",
		m.transport_keys, "backups", m.backups, "cards", (json_int_t)m.cards, "todo",
		m.todo);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

/* ---- the cards ---- */

static enum kms_status put_page(struct file_out *out, const char *keyset,
	const struct store_domain_list *page, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < page->count; i++)
		st = buf_printf(&text, err, "%s,%s,%s,%d,%s\n", page->items[i].card_id,
			page->items[i].aid, keyset, (int)page->items[i].version,
			page->items[i].state);
	return st ? st : file_out_put(out, text.data, text.len, err);
}

static enum kms_status put_keyset(
	struct op_site *site, struct file_out *out, const char *keyset, struct kms_err *err)
{
	STORE_AUTO(domain_list) struct store_domain_list page = {0};
	enum kms_status st;

	do {
		STORE_AUTO(domain_list) struct store_domain_list last = page;
		const struct store_domain *end = last.count ? &last.items[last.count - 1] : NULL;

		page = (struct store_domain_list){0};
		st = store_dependants(site->store, keyset, end ? end->card_id : NULL,
			end ? end->aid : NULL, STORE_PAGE, &page, err);
		if (!st && page.count > 0)
			st = put_page(out, keyset, &page, err);
	} while (!st && page.count > 0);
	return st;
}

enum kms_status op_impact_cards(
	struct op_site *site, const json_t *report, const char *path, struct kms_err *err)
{
	static const char head[] = "card,domain,keyset,key_version,state\n";
	FILE_OUT_AUTO struct file_out out = FILE_OUT_NONE;
	const json_t *set;
	enum kms_status st = file_out_begin(&out, path, 0600, err);
	size_t i;

	if (!st)
		st = file_out_put(&out, head, sizeof(head) - 1, err);
	json_array_foreach(json_object_get(report, "keysets"), i, set)
	{
		if (!st)
			st = put_keyset(
				site, &out, json_string_value(json_object_get(set, "keyset")), err);
	}
	return st ? st : file_out_commit(&out, err);
}
