/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/outgoing.h"

#include "hsm/crypto.h"
#include "keys/blocktoken.h"
#include "ops/ceremony.h"
#include "ops/period.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The roles of a key set in the order in which they travel. */
static const enum key_role roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

static size_t per_set(const struct outgoing *out)
{
	return out->only ? 1 : ROLES;
}

static enum key_role role_at(const struct outgoing *out, size_t place)
{
	return out->only ? out->only : roles[place % ROLES];
}

void outgoing_free(struct outgoing *out)
{
	for (size_t i = 0; out->sets && i < out->set_count; i++)
		store_keyset_free(&out->sets[i]);
	for (size_t i = 0; out->rows && i < out->key_count; i++)
		store_key_free(&out->rows[i]);
	free(out->sets);
	free(out->rows);
	free(out->doc_sets);
	free(out->doc_keys);
	store_key_free(&out->transport);
	*out = (struct outgoing){0};
}

enum kms_status outgoing_transport(struct outgoing *out, struct op *op, const char *label,
	const char *partner, const char *carrier, struct kms_err *err)
{
	enum hsm_role role;
	enum hsm_where where;
	enum kms_status st;

	st = op_transport_row(op->site, label, "wrap", partner, &out->transport, err);
	if (!st)
		st = key_alg_parse(out->transport.algorithm, &out->transport_alg, err);
	if (!st)
		st = key_wrapping_parse(out->transport.wrapping ? out->transport.wrapping : "",
			&out->wrapping, err);
	if (!st)
		st = op_separation(op, out->transport.label, "export", carrier, err);
	if (!st)
		st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(out->transport_alg),
			key_wrapping_to_hsm(out->wrapping), true, &role, &where, err);
	if (!st && key_wrapping_is_block(out->wrapping))
		st = op_key_blocks(op, "each exported key", err);
	else if (!st && where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "each exported key", err);
	if (!st)
		st = op_detail(op, "transport_key", json_string(out->transport.label), err);
	if (!st)
		st = op_detail(op, "wrapping", json_string(key_wrapping_name(out->wrapping)), err);
	if (!st && carrier)
		st = op_detail(op, "carrier", json_string(carrier), err);
	return st;
}

static enum kms_status check_key(struct outgoing *out, struct op *op,
	const struct store_keyset *set, size_t place, struct kms_err *err)
{
	struct store_key *row = &out->rows[place];
	char label[KEY_LABEL_MAX + 1];
	enum key_alg alg;
	enum kms_status st = key_label(set->name, role_at(out, place), label, err);

	if (!st)
		st = store_key_by_label(op->site->store, label, row, err);
	if (!st && strcmp(row->state, key_state_name(KEY_ACTIVE)) != 0)
		st = kms_fail(err, KMS_ERR_STATE, "cannot export '%s': it is %s, not active", label,
			row->state);
	if (!st)
		st = op_period_check(op, row, "export", err);
	if (!st)
		st = key_alg_parse(row->algorithm, &alg, err);
	return st ? st : op_wrapping_rules(op, out->wrapping, out->transport_alg, alg, label, err);
}

enum kms_status outgoing_keyset(
	const struct store_keyset *row, struct doc_keyset *set, struct kms_err *err)
{
	enum kms_status st;

	*set = (struct doc_keyset){.name = row->name,
		.customer = row->customer,
		.order = row->order_ref ? row->order_ref : "",
		.kvn = (unsigned)row->kvn,
		.exportable = strcmp(row->exportable, "partner") == 0};
	st = key_div_parse(
		row->definition ? row->definition : row->diversification, &set->div, err);
	if (!st && row->cryptoperiod)
		st = key_period_parse(row->cryptoperiod, &set->period, err);
	return st;
}

static enum kms_status check_set(struct outgoing *out, struct op *op, const char *name, size_t i,
	const char *partner, struct kms_err *err)
{
	struct store_keyset *set = &out->sets[i];
	struct kms_err why = {0};
	enum kms_status st = store_keyset_get(op->site->store, name, set, err);

	if (!st && strcmp(set->exportable, "partner") != 0) {
		kms_fail(err, KMS_ERR_DENIED, "key set '%s' may never be exported", set->name);
		st = kms_hint(err, "its key plan says 'export = never'");
	}
	if (!st && key_scope_check(set->name, set->customer, partner, "export", &why))
		st = op_override(op, err, "%s", why.msg);
	for (size_t r = 0; !st && r < per_set(out); r++)
		st = check_key(out, op, set, i * per_set(out) + r, err);
	if (!st)
		st = outgoing_keyset(set, &out->doc_sets[i], err);
	/* It was made for this partner, who may not pass it on. */
	out->doc_sets[i].exportable = false;
	return st;
}

/* In the journal from the intent on: who asks later where a key set went finds it there. */
static enum kms_status note_sets(
	struct op *op, const char *const *names, size_t count, struct kms_err *err)
{
	JS_AUTO json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(list, json_string(names[i])))
			return kms_nomem(err);
	return op_detail(op, "keysets", json_incref(list), err);
}

/* Which keys exactly: those that have these check values now. */
static enum kms_status note_keys(
	struct op *op, const struct outgoing *out, const char *partner, struct kms_err *err)
{
	JS_AUTO json_t *list = json_array();
	enum kms_status st = op_detail(op, "partner", json_string(partner), err);

	if (!st)
		st = op_detail(
			op, "transport_check_value", json_string(out->transport.check_value), err);
	for (size_t i = 0; !st && i < out->key_count; i++)
		if (json_array_append_new(
			    list, json_pack("{s:s, s:s, s:s?, s:s?}", "label", out->rows[i].label,
					  "algorithm", out->rows[i].algorithm, "check_value",
					  out->rows[i].check_value, "check_method",
					  out->rows[i].check_method)))
			st = kms_nomem(err);
	return st ? st : op_detail(op, "keys", json_incref(list), err);
}

enum kms_status outgoing_sets(struct outgoing *out, struct op *op, const char *const *names,
	size_t count, const char *partner, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	out->set_count = count;
	out->key_count = count * per_set(out);
	out->sets = calloc(count, sizeof(*out->sets));
	out->rows = calloc(out->key_count, sizeof(*out->rows));
	out->doc_sets = calloc(count, sizeof(*out->doc_sets));
	out->doc_keys = calloc(out->key_count, sizeof(*out->doc_keys));
	if (!out->sets || !out->rows || !out->doc_sets || !out->doc_keys)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < count; i++)
		st = check_set(out, op, names[i], i, partner, err);
	if (!st)
		st = note_sets(op, names, count, err);
	return st ? st : note_keys(op, out, partner, err);
}

/* The key block, whose header says for which GP key version the key is. */
static enum kms_status wrap_in_block(struct op *op, const struct store_key *row,
	struct hsm_key *under, struct hsm_key *key, const struct outgoing_header *header,
	struct doc_key *doc, struct kms_err *err)
{
	const struct key_block_fields fields =
		key_block_of_master(key_alg_from_hsm(under->alg), doc->alg, (unsigned)row->kvn,
			header && header->usage ? header->usage : KEY_BLOCK_USAGE_MASTER,
			header && header->exportability ? header->exportability : 'N');
	BUF_AUTO struct buf text = {0};
	enum kms_status st = key_block_wrap_hsm(op->site->hsm, under, key, doc->alg, &fields,
		op->site->policy.host_assisted, &text, err);

	if (!st && text.len > sizeof(doc->block))
		st = kms_fail(err, KMS_ERR_INTERNAL, "a key block of %zu characters", text.len);
	if (st)
		return st;
	memcpy(doc->block, text.data, text.len);
	doc->block_len = text.len;
	return KMS_OK;
}

enum kms_status outgoing_key(struct op *op, const struct store_key *row, struct hsm_key *under,
	enum key_wrapping wrapping, const struct outgoing_header *header, struct doc_key *doc,
	struct kms_err *err)
{
	enum key_kcv_method method;
	struct key_kcv now;
	struct hsm_key key;
	enum hsm_where where = HSM_HOST_ASSISTED; /* as key blocks always are */
	char what[80];
	enum kms_status st;

	*doc = (struct doc_key){.label = row->label, .keyset = row->keyset};
	st = key_role_parse(row->role, &doc->role, err);
	if (!st)
		st = key_alg_parse(row->algorithm, &doc->alg, err);
	if (!st)
		st = key_kcv_method_parse(row->check_method, &method, err);
	if (!st)
		st = key_kcv_parse(method, row->check_value, &doc->kcv, err);
	if (!st)
		st = op_key_object(op->site, row, &key, err);
	/* What leaves must be what the store says it is: a key that only signs shows it by its proof. */
	if (!st && key_role_is_content(doc->role))
		st = op_key_verify(op->site, row, err);
	else if (!st)
		st = key_kcv_hsm(op->site->hsm, &key, method, &now, err);
	snprintf(what, sizeof(what), "the HSM's '%.60s'", row->label);
	if (!st && !key_role_is_content(doc->role))
		st = key_kcv_check(what, &now, "the store", &doc->kcv, err);
	if (!st && key_wrapping_is_block(wrapping))
		st = wrap_in_block(op, row, under, &key, header, doc, err);
	else if (!st)
		st = hsm_wrap(op->site->hsm, under, &key, key_wrapping_to_hsm(wrapping),
			op->site->policy.host_assisted, doc->block, sizeof(doc->block),
			&doc->block_len, &where, err);
	if (st)
		return st;
	op->host_assisted |= where == HSM_HOST_ASSISTED;
	return KMS_OK;
}

enum kms_status outgoing_wrap(struct outgoing *out, struct op *op, struct kms_err *err)
{
	struct hsm_key transport;
	enum kms_status st = op_key_verify(op->site, &out->transport, err);

	if (!st)
		st = op_key_object(op->site, &out->transport, &transport, err);
	for (size_t i = 0; !st && i < out->key_count; i++)
		if ((st = outgoing_key(op, &out->rows[i], &transport, out->wrapping, &out->header,
			     &out->doc_keys[i], err)))
			kms_prefix(err, "cannot export '%s': ", out->rows[i].label);
	return st;
}

enum kms_status outgoing_transport_doc(
	const struct outgoing *out, struct doc_checked_key *ret, struct kms_err *err)
{
	enum key_kcv_method method;
	enum kms_status st = key_kcv_method_parse(out->transport.check_method, &method, err);

	if (!st)
		st = key_kcv_parse(method, out->transport.check_value, &ret->kcv, err);
	ret->label = out->transport.label;
	ret->alg = out->transport_alg;
	return st;
}

enum kms_status outgoing_report(const struct outgoing *out, struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < out->key_count; i++)
		st = op_checked_json(keys, out->doc_keys[i].label, out->doc_keys[i].alg,
			&out->doc_keys[i].kcv, err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_report(op, "wrapping", json_string(key_wrapping_name(out->wrapping)), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st ? st : op_report(op, "keys", json_incref(keys), err);
}
