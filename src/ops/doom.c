/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/doom.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char member[] = "destroys", rows_only[] = "rows_only";

void op_doom_free(struct op_doom *doom)
{
	free(doom->items);
	*doom = (struct op_doom){0};
}

static enum kms_status add(struct op_doom *doom, const char *id, const char *label, const char *hsm,
	struct kms_err *err)
{
	struct op_doomed *grown = reallocarray(doom->items, doom->count + 1, sizeof(*grown));
	struct op_doomed *d;

	if (!grown)
		return kms_nomem(err);
	doom->items = grown;
	d = &grown[doom->count];
	*d = (struct op_doomed){0};
	if (strlen(id) >= sizeof(d->id) || strlen(hsm) >= sizeof(d->hsm))
		return kms_fail(err, KMS_ERR_STORE, "the row of '%s' is damaged", label);
	strcpy(d->id, id);
	strcpy(d->hsm, hsm);
	snprintf(d->label, sizeof(d->label), "%s", label);
	doom->count++;
	return KMS_OK;
}

enum kms_status op_doom_key(struct op_site *site, struct op_doom *doom, const struct store_key *row,
	struct kms_err *err)
{
	const struct store_copy_filter of_it = {.cka_id = row->cka_id, .state = "active"};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	enum kms_status st = store_copies(site->store, &of_it, &copies, err);

	for (size_t i = 0; !st && i < copies.count; i++)
		st = add(doom, row->cka_id, row->label, copies.items[i].hsm, err);
	/* The copies first: while the key itself is there, they can be made out. */
	return st ? st : add(doom, row->cka_id, row->label, "", err);
}

enum kms_status op_doom_hsm(
	struct op_site *site, struct op_doom *doom, const char *hsm, struct kms_err *err)
{
	const struct store_copy_filter on_it = {.hsm = hsm, .state = "active"};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	enum kms_status st = store_copies(site->store, &on_it, &copies, err);

	for (size_t i = 0; !st && i < copies.count; i++) {
		STORE_AUTO(key) struct store_key row = {0};

		st = store_key_get(site->store, copies.items[i].cka_id, &row, err);
		if (!st)
			st = add(doom, row.cka_id, row.label, hsm, err);
	}
	return st;
}

/* ---- the journal ---- */

enum kms_status op_doom_note(struct op *op, const struct op_doom *doom, struct kms_err *err)
{
	JS_AUTO json_t *list = json_array();

	for (size_t i = 0; i < doom->count; i++) {
		const struct op_doomed *d = &doom->items[i];

		if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", d->id, "label",
							d->label, "hsm", d->hsm)))
			return kms_nomem(err);
	}
	if (doom->rows_only && op_detail(op, rows_only, json_true(), err))
		return kms_nomem(err);
	return op_detail(op, member, json_incref(list), err);
}

enum kms_status op_doom_read(const char *detail, struct op_doom *ret_doom, struct kms_err *err)
{
	static const char what[] = "journal row";
	JS_AUTO json_t *object = NULL;
	const json_t *list, *item;
	struct op_doom doom __attribute__((cleanup(op_doom_free))) = {0};
	const char *id, *label, *hsm;
	size_t i;
	enum kms_status st = js_parse_object(
		what, detail ? detail : "", detail ? strlen(detail) : 0, &object, err);

	if (st)
		return st;
	doom.rows_only = json_is_true(json_object_get(object, rows_only));
	list = json_object_get(object, member);
	json_array_foreach(list, i, item)
	{
		if ((st = js_get_text(item, what, "id", &id, err)) ||
			(st = js_get_text(item, what, "label", &label, err)) ||
			(st = js_get_text(item, what, "hsm", &hsm, err)) ||
			(st = add(&doom, id, label, hsm, err)))
			return st;
	}
	/* As key destroy noted it before there were copies. */
	if (!list) {
		st = js_get_text(object, what, "id", &id, err);
		if (!st)
			st = add(&doom, id, "the key", "", err);
	}
	if (st)
		return st;
	*ret_doom = doom;
	doom = (struct op_doom){0};
	return KMS_OK;
}

/* ---- the HSMs ---- */

bool op_doom_lacks_login(const struct op_site *site, const struct op_doom *doom)
{
	bool lacks = false;

	for (size_t i = 0; !doom->rows_only && i < doom->count; i++)
		lacks |= *doom->items[i].hsm ? !op_hsm_logged_in(site, doom->items[i].hsm) &&
						       !op_hsm_is_gone(site, doom->items[i].hsm)
					     : !site->logged_in;
	return lacks;
}

static enum kms_status place(
	struct op_site *site, const struct op_doomed *d, struct hsm **ret_hsm, struct kms_err *err)
{
	struct op_hsm *other = NULL;
	enum kms_status st =
		*d->hsm ? op_hsm_login(site, d->hsm, &other, err) : op_site_login(site, err);

	if (!st)
		*ret_hsm = other ? other->hsm : site->hsm;
	return st;
}

enum kms_status op_doom_login(struct op_site *site, const struct op_doom *doom, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	struct hsm *hsm;

	for (size_t i = 0; !st && !doom->rows_only && i < doom->count; i++)
		if (!op_hsm_is_gone(site, doom->items[i].hsm))
			st = place(site, &doom->items[i], &hsm, err);
	return st;
}

static enum kms_status destroy(struct op_site *site, const struct op_doomed *d, struct kms_err *err)
{
	unsigned char id[HSM_ID_LEN];
	struct hsm *hsm = NULL;
	size_t left = 0;
	enum kms_status st = place(site, d, &hsm, err);

	if (!st && !hex_decode_strict(d->id, id, sizeof(id)))
		st = kms_fail(err, KMS_ERR_STORE, "the row of '%s' has a damaged CKA_ID", d->label);
	if (!st)
		st = hsm_key_count(hsm, id, &left, err);
	if (!st && left > 0)
		st = hsm_key_destroy(hsm, id, d->label, err);
	if (!st)
		st = hsm_key_count(hsm, id, &left, err);
	if (!st && left > 0)
		st = kms_fail(err, KMS_ERR_HSM, "the HSM still holds '%s'", d->label);
	return st;
}

enum kms_status op_doom_objects(
	struct op_site *site, const struct op_doom *doom, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && !doom->rows_only && i < doom->count; i++)
		if (!op_hsm_is_gone(site, doom->items[i].hsm))
			st = destroy(site, &doom->items[i], err);
	return st;
}

/* ---- the registry ---- */

static enum kms_status end_copy(
	struct op_site *site, const struct op_doomed *d, int64_t now, struct kms_err *err)
{
	const struct store_copy_filter it = {.hsm = d->hsm, .cka_id = d->id, .state = "active"};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	enum kms_status st = store_copies(site->store, &it, &copies, err);

	if (!st && copies.count > 0) {
		struct store_copy row = copies.items[0];

		row.state = "destroyed";
		row.changed = now;
		st = store_copy_update(site->store, &row, "active", err);
	}
	return st;
}

static enum kms_status end_key(struct op_site *site, const struct op_doomed *d, const char *reason,
	int64_t now, struct kms_err *err)
{
	static const char ended[] = "destroyed";
	STORE_AUTO(key) struct store_key row = {0};
	enum kms_status st = store_key_get(site->store, d->id, &row, err);

	if (st || strcmp(row.state, ended) == 0)
		return st;
	return store_key_set_state(site->store, d->id, row.state, ended, reason, now, err);
}

enum kms_status op_doom_rows(struct op_site *site, const struct op_doom *doom, const char *reason,
	int64_t now, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < doom->count; i++)
		st = *doom->items[i].hsm ? end_copy(site, &doom->items[i], now, err)
					 : end_key(site, &doom->items[i], reason, now, err);
	return st;
}
