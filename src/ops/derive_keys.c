/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/derive_keys.h"

#include "hsm/probe.h"
#include "ops/ceremony.h"
#include "ops/exchange.h"
#include "ops/meta.h"
#include "ops/period.h"

#include <string.h>

void derive_keys_close(struct derive_keys *k)
{
	for (size_t i = 0; i < DOC_DERIVED_ROLES; i++) {
		if (k->hsm)
			hsm_key_drop(k->hsm, &k->masters[i]);
		secret_free(&k->zero[i]);
		store_key_free(&k->rows[i]);
	}
	store_key_free(&k->under_row);
	store_keyset_free(&k->set);
	*k = (struct derive_keys){0};
}

static enum kms_status is_active(const struct store_key *row, struct kms_err *err)
{
	if (strcmp(row->state, key_state_name(KEY_ACTIVE)) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "cannot derive keys: '%s' is %s, not active",
		row->label, row->state);
}

static enum kms_status checked_key(
	const struct store_key *row, struct doc_checked_key *ret, struct kms_err *err)
{
	enum key_kcv_method method;
	enum kms_status st = key_alg_parse(row->algorithm, &ret->alg, err);

	if (!st)
		st = key_kcv_method_parse(row->check_method ? row->check_method : "", &method, err);
	if (!st)
		st = key_kcv_parse(
			method, row->check_value ? row->check_value : "", &ret->kcv, err);
	ret->label = row->label;
	return st;
}

/* ---- whose keys ---- */

static enum kms_status find_master(
	struct derive_keys *k, struct op *op, size_t place, struct kms_err *err)
{
	struct store_key *row = &k->rows[place];
	char label[KEY_LABEL_MAX + 1];
	enum kms_status st = key_label(k->set.name, doc_derived_roles[place], label, err);

	if (!st)
		st = store_key_by_label(op->site->store, label, row, err);
	if (!st)
		st = is_active(row, err);
	if (!st)
		st = op_period_check(op, row, "derive keys from", err);
	return st ? st : checked_key(row, &k->job.masters[place], err);
}

static enum kms_status find_set(
	struct derive_keys *k, struct op *op, const char *name, struct kms_err *err)
{
	struct doc_derived_job *job = &k->job;
	enum kms_status st = store_keyset_get(op->site->store, name, &k->set, err);

	if (!st && strcmp(k->set.state, "active") != 0)
		st = kms_fail(err, KMS_ERR_STATE, "key set '%s' is %s", name, k->set.state);
	if (!st)
		st = key_alg_parse(k->set.algorithm, &job->alg, err);
	if (!st)
		st = key_div_parse(k->set.definition ? k->set.definition : k->set.diversification,
			&job->div, err);
	if (!st && job->div.primitive == KEY_DIV_PRIM_NONE) {
		kms_fail(err, KMS_ERR_DENIED,
			"the keys of '%s' are not diversified: each card's are the masters "
			"themselves",
			name);
		st = kms_hint(err, "masters leave by 'cardkms exchange export' only");
	}
	for (size_t i = 0; !st && i < DOC_DERIVED_ROLES; i++)
		st = find_master(k, op, i, err);
	if (st)
		return st;
	job->keyset = k->set.name;
	job->customer = k->set.customer ? k->set.customer : "";
	job->kvn = (unsigned)k->set.kvn;
	return KMS_OK;
}

/* ---- under what ---- */

static enum kms_status is_wrapping_key(const struct store_key *row, struct kms_err *err)
{
	if (strcmp(row->role, key_role_name(KEY_ROLE_ZONE)) == 0)
		return KMS_OK;
	if (strcmp(row->role, key_role_name(KEY_ROLE_TRANSPORT)) != 0) {
		kms_fail(err, KMS_ERR_INVALID, "'%s' is no zone key (its role is %s)", row->label,
			row->role);
		return kms_hint(err, "make one with who personalises the cards: 'cardkms zone-key "
				     "create LABEL …', or a transport key");
	}
	if (row->direction && strcmp(row->direction, "wrap") == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_DENIED, "transport key '%s' can only unwrap here", row->label);
}

static enum kms_status check_wrapping(struct derive_keys *k, struct op *op, struct kms_err *err)
{
	struct doc_derived_job *job = &k->job;
	const char *label = k->under_row.label;
	enum kms_status st = key_wrapping_parse(
		k->under_row.wrapping ? k->under_row.wrapping : "", &job->wrapping, err);

	if (!st && (!key_alg_is_aes(job->under.alg) ||
			   (job->wrapping != KEY_WRAP_AES_KW && job->wrapping != KEY_WRAP_CBC))) {
		kms_fail(err, KMS_ERR_INVALID,
			"'%s' (%s) is bound to %s: cards' keys go under AES keys, by aes-kw or "
			"raw-cbc",
			label, key_alg_name(job->under.alg), key_wrapping_name(job->wrapping));
		st = kms_hint(err, "make a zone key: 'cardkms zone-key create LABEL …'");
	}
	return st ? st : op_wrapping_rules(op, job->wrapping, job->under.alg, job->alg, label, err);
}

static enum kms_status find_under(
	struct derive_keys *k, struct op *op, const char *label, struct kms_err *err)
{
	enum kms_status st = store_key_by_label(op->site->store, label, &k->under_row, err);

	if (!st)
		st = is_wrapping_key(&k->under_row, err);
	if (!st)
		st = is_active(&k->under_row, err);
	if (!st)
		st = checked_key(&k->under_row, &k->job.under, err);
	if (!st)
		st = check_wrapping(k, op, err);
	if (!st)
		st = op_separation(op, k->under_row.label, "export", NULL, err);
	k->job.recipient = k->under_row.partner ? k->under_row.partner : "";
	return st;
}

/* ---- how ---- */

/* A method that no token does inside, or a wrapping key that can only encrypt. */
static enum kms_status check_host(
	struct derive_keys *k, struct op *op, bool wraps, struct kms_err *err)
{
	static const unsigned char kdd[KEY_DIV_KDD_MAX];
	struct key_recipe recipe;
	enum kms_status st = key_div_recipe(
		&k->job.div, k->job.alg, KEY_ROLE_ENC, kdd, k->job.div.kdd_min, &recipe, err);

	if (!st && (!wraps || key_recipe_needs_host(&recipe)))
		st = op_host_assisted(op, "each card's keys", err);
	return st;
}

static enum kms_status settle_layout(struct derive_keys *k, struct op *op, struct kms_err *err)
{
	struct doc_derived_job *job = &k->job;
	const enum hsm_wrap wrap = key_wrapping_to_hsm(job->wrapping);
	const size_t length = key_alg_info(job->alg)->length;
	enum hsm_role role = HSM_ROLE_NONE;
	size_t at_once = 1;
	bool guarded = false, wraps;
	enum kms_status st = op_hsm_role(op->site, &k->under_row, &role, err);

	wraps = role == HSM_ZONE || role == HSM_TRANSPORT_WRAP;
	if (!st)
		st = check_host(k, op, wraps, err);
	/* Known before keys of HSM_TEMP_BULK are made. */
	if (!st)
		st = hsm_exports_guarded(op->site->hsm, &guarded, err);
	if (!st && wraps)
		st = key_bulk_limit(op->site->hsm, &job->div, job->alg, wrap, &at_once, err);
	if (st)
		return st;
	job->at_once = (int64_t)at_once;
	job->stride = (int64_t)(at_once > 1 ? key_bulk_stride(&job->div, job->alg)
					    : key_bulk_padded(length, wrap));
	if (at_once == 1 && job->stride != (int64_t)length && key_alg_is_tdes(job->alg))
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the token cannot wrap %s keys under '%s' by %s", key_alg_name(job->alg),
			k->under_row.label, key_wrapping_name(job->wrapping));
	return KMS_OK;
}

static enum kms_status note(struct derive_keys *k, struct op *op, struct kms_err *err)
{
	const struct doc_derived_job *job = &k->job;
	JS_AUTO json_t *masters = json_array();
	enum kms_status st = op_detail(op, "wrapping_key", json_string(job->under.label), err);

	if (!st)
		st = op_detail(
			op, "wrapping_check_value", json_string(k->under_row.check_value), err);
	if (!st)
		st = op_detail(op, "wrapping", json_string(key_wrapping_name(job->wrapping)), err);
	if (!st && *job->recipient)
		st = op_detail(op, "partner", json_string(job->recipient), err);
	for (size_t i = 0; !st && i < DOC_DERIVED_ROLES; i++)
		st = op_checked_json(
			masters, job->masters[i].label, job->alg, &job->masters[i].kcv, err);
	if (!st)
		st = op_detail(op, "keysets", json_pack("[s]", job->keyset), err);
	return st ? st : op_detail(op, "masters", json_incref(masters), err);
}

enum kms_status derive_keys_open(struct derive_keys *k, struct op *op, const char *keyset,
	const char *under, struct kms_err *err)
{
	enum kms_status st = find_set(k, op, keyset, err);

	if (!st)
		st = find_under(k, op, under, err);
	if (!st)
		st = settle_layout(k, op, err);
	return st ? st : note(k, op, err);
}

enum kms_status derive_keys_verify(struct derive_keys *k, struct op *op, struct kms_err *err)
{
	enum kms_status st = op_key_verify(op->site, &k->under_row, err);

	k->hsm = op->site->hsm;
	k->may_host = op->site->policy.host_assisted;
	if (!st)
		st = op_key_object(op->site, &k->under_row, &k->under, err);
	for (size_t i = 0; !st && i < DOC_DERIVED_ROLES; i++) {
		struct hsm_key token;

		st = op_key_verify(op->site, &k->rows[i], err);
		if (!st)
			st = op_key_object(op->site, &k->rows[i], &token, err);
		if (!st)
			st = hsm_key_session_copy(k->hsm, &token, &k->masters[i], err);
	}
	return st;
}

/* ---- a chunk ---- */

static enum kms_status wrap_many(struct derive_keys *k, size_t role,
	const struct key_bulk_card *cards, size_t count, struct buf *text, struct kms_err *err)
{
	const struct key_bulk bulk = {.hsm = k->hsm,
		.div = &k->job.div,
		.alg = k->job.alg,
		.role = doc_derived_roles[role],
		.made_as = HSM_TEMP_BULK,
		.master = &k->masters[role],
		.zero = &k->zero[role],
		.under = &k->under,
		.wrap = key_wrapping_to_hsm(k->job.wrapping)};
	const size_t most = (size_t)k->job.at_once;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < count; i += most)
		st = key_bulk_wrap(
			&bulk, cards + i, count - i < most ? count - i : most, text, err);
	return st;
}

static enum kms_status wrap_one(struct derive_keys *k, size_t role,
	const struct key_bulk_card *card, struct buf *text, struct kms_err *err)
{
	unsigned char wrapped[HSM_WRAPPED_MAX];
	struct hsm_key key = {0};
	struct key_recipe recipe;
	enum hsm_where where;
	size_t len = 0;
	enum kms_status st = key_div_recipe(&k->job.div, k->job.alg, doc_derived_roles[role],
		card->kdd, card->kdd_len, &recipe, err);

	if (!st && k->job.stride > (int64_t)recipe.out_len)
		key_recipe_fill_blocks(&recipe);
	if (!st)
		st = key_div_hsm(&recipe, k->hsm, &k->masters[role], &k->zero[role], HSM_TEMP_BULK,
			k->may_host, &key, &where, err);
	if (!st)
		st = hsm_wrap(k->hsm, &k->under, &key, key_wrapping_to_hsm(k->job.wrapping),
			k->may_host, wrapped, sizeof(wrapped), &len, &where, err);
	hsm_key_drop(k->hsm, &key);
	return st ? st : buf_append(text, wrapped, len, err);
}

enum kms_status derive_keys_chunk(struct derive_keys *k, int64_t chunk,
	const struct key_bulk_card *cards, size_t count, struct buf *text, struct kms_err *err)
{
	unsigned char head[DOC_DERIVED_CHUNK_HEAD];
	const size_t before = text->len;
	enum kms_status st;

	doc_derived_chunk_head(chunk, (int64_t)count, head);
	st = buf_append(text, head, sizeof(head), err);
	for (size_t role = 0; !st && role < DOC_DERIVED_ROLES; role++) {
		if (k->job.at_once > 1)
			st = wrap_many(k, role, cards, count, text, err);
		else
			for (size_t i = 0; !st && i < count; i++)
				st = wrap_one(k, role, &cards[i], text, err);
	}
	if (!st && (int64_t)(text->len - before) != doc_derived_chunk_size(&k->job, (int64_t)count))
		st = kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the token made %zu bytes of a chunk of %zu cards", text->len - before,
			count);
	return st;
}
