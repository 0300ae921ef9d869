/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/derived.h"

#include "exchange/internal.h"

#include <string.h>

static const char what[] = "manifest of derived keys", progress_what[] = "record of progress";
enum { AES_BLOCK = 16, KW_EXTRA = 8 };
#define CARDS_MAX INT64_C(0xFFFFFFFF)

const enum key_role doc_derived_roles[DOC_DERIVED_ROLES] = {
	KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};

/* ---- sizes ---- */

static int64_t wrapped_size(const struct doc_derived_job *job, int64_t len)
{
	return job->wrapping == KEY_WRAP_AES_KW ? len + KW_EXTRA
						: (len + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK;
}

int64_t doc_derived_block_size(const struct doc_derived_job *job, int64_t keys)
{
	const int64_t whole = keys / job->at_once, rest = keys % job->at_once;

	return whole * wrapped_size(job, job->at_once * job->stride) +
	       (rest ? wrapped_size(job, rest * job->stride) : 0);
}

int64_t doc_derived_chunk_size(const struct doc_derived_job *job, int64_t cards)
{
	return DOC_DERIVED_CHUNK_HEAD + DOC_DERIVED_ROLES * doc_derived_block_size(job, cards);
}

int64_t doc_derived_chunks(const struct doc_derived_job *job)
{
	return (job->cards + DOC_DERIVED_CHUNK - 1) / DOC_DERIVED_CHUNK;
}

int64_t doc_derived_chunk_cards(const struct doc_derived_job *job, int64_t chunk)
{
	const int64_t left = job->cards - chunk * DOC_DERIVED_CHUNK;

	return left < DOC_DERIVED_CHUNK ? left : DOC_DERIVED_CHUNK;
}

int64_t doc_derived_size(const struct doc_derived_job *job)
{
	const int64_t whole = job->cards / DOC_DERIVED_CHUNK, rest = job->cards % DOC_DERIVED_CHUNK;

	return DOC_DERIVED_MAGIC_SIZE + whole * doc_derived_chunk_size(job, DOC_DERIVED_CHUNK) +
	       (rest ? doc_derived_chunk_size(job, rest) : 0);
}

void doc_derived_chunk_head(
	int64_t chunk, int64_t cards, unsigned char ret_head[DOC_DERIVED_CHUNK_HEAD])
{
	for (unsigned i = 0; i < 4; i++) {
		ret_head[i] = (unsigned char)(chunk >> (24 - 8 * i));
		ret_head[4 + i] = (unsigned char)(cards >> (24 - 8 * i));
	}
}

/* ---- reading ---- */

static enum kms_status read_alg(const json_t *object, enum key_alg *ret_alg, struct kms_err *err)
{
	enum kms_status st = doc_read_alg(object, what, ret_alg, err);

	if (!st && *ret_alg == KEY_P256)
		return kms_fail(err, KMS_ERR_INVALID, "%s: keys of cards are not p256", what);
	return st;
}

static enum kms_status read_checked(
	const json_t *object, struct doc_checked_key *key, struct kms_err *err)
{
	enum kms_status st = doc_read_label(object, what, "label", &key->label, err);

	return st ? st : doc_read_kcv(object, what, key->alg, &key->kcv, err);
}

static enum kms_status read_under(
	const json_t *object, struct doc_derived_job *job, struct kms_err *err)
{
	static const char *const members[] = {
		"algorithm", "check_method", "check_value", "label", NULL};
	json_t *under;
	const char *wrapping;
	enum kms_status st;

	if ((st = js_get_object(object, what, "wrapping_key", &under, err)) ||
		(st = js_only(under, what, members, err)) ||
		(st = read_alg(under, &job->under.alg, err)) ||
		(st = read_checked(under, &job->under, err)) ||
		(st = doc_read_name(object, what, "recipient", true, &job->recipient, err)) ||
		(st = js_get_text(object, what, "wrapping", &wrapping, err)) ||
		(st = key_wrapping_parse(wrapping, &job->wrapping, err)))
		return st;
	if (!key_alg_is_aes(job->under.alg) ||
		(job->wrapping != KEY_WRAP_AES_KW && job->wrapping != KEY_WRAP_CBC))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: keys of cards are wrapped under AES keys, by aes-kw or raw-cbc", what);
	return KMS_OK;
}

static enum kms_status read_keyset(
	const json_t *object, struct doc_derived_job *job, struct kms_err *err)
{
	static const char *const members[] = {
		"algorithm", "customer", "diversification", "key_version", "masters", "name", NULL};
	static const char *const master[] = {"check_method", "check_value", "label", "role", NULL};
	json_t *set, *list, *item;
	const char *div, *role;
	int64_t kvn;
	size_t i;
	enum kms_status st;

	if ((st = js_get_object(object, what, "keyset", &set, err)) ||
		(st = js_only(set, what, members, err)) ||
		(st = doc_read_label(set, what, "name", &job->keyset, err)) ||
		(st = key_set_name_check(job->keyset, err)) ||
		(st = doc_read_name(set, what, "customer", true, &job->customer, err)) ||
		(st = read_alg(set, &job->alg, err)) ||
		(st = js_get_text(set, what, "diversification", &div, err)) ||
		(st = key_div_parse(div, &job->div, err)) ||
		(st = key_div_fits(&job->div, job->alg, err)) ||
		(st = js_get_int(set, what, "key_version", 0, 255, &kvn, err)) ||
		(st = doc_read_list(
			 set, what, "masters", DOC_DERIVED_ROLES, DOC_DERIVED_ROLES, &list, err)))
		return st;
	job->kvn = (unsigned)kvn;
	json_array_foreach(list, i, item)
	{
		job->masters[i].alg = job->alg;
		if ((st = js_only(item, what, master, err)) ||
			(st = js_get_text(item, what, "role", &role, err)) ||
			(st = read_checked(item, &job->masters[i], err)))
			return st;
		if (strcmp(role, key_role_name(doc_derived_roles[i])) != 0)
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: its masters are not enc, mac and kek", what);
	}
	return KMS_OK;
}

static enum kms_status read_cards(
	const json_t *object, struct doc_derived_job *job, struct kms_err *err)
{
	static const char *const members[] = {"count", "sha256", NULL};
	static const char *const layout[] = {"chunk", "keys_at_once", "stride", NULL};
	json_t *cards, *lies;
	int64_t chunk;
	enum kms_status st;

	if ((st = js_get_object(object, what, "cards", &cards, err)) ||
		(st = js_only(cards, what, members, err)) ||
		(st = js_get_int(cards, what, "count", 1, CARDS_MAX, &job->cards, err)) ||
		(st = doc_read_hex(cards, what, "sha256", job->cards_hash, HASH_SIZE, err)) ||
		(st = js_get_object(object, what, "layout", &lies, err)) ||
		(st = js_only(lies, what, layout, err)) ||
		(st = js_get_int(
			 lies, what, "chunk", DOC_DERIVED_CHUNK, DOC_DERIVED_CHUNK, &chunk, err)) ||
		(st = js_get_int(
			 lies, what, "keys_at_once", 1, DOC_DERIVED_CHUNK, &job->at_once, err)))
		return st;
	return js_get_int(lies, what, "stride", (int64_t)key_alg_info(job->alg)->length,
		DOC_DERIVED_STRIDE_MAX, &job->stride, err);
}

static enum kms_status read_job(
	const json_t *object, struct doc_derived_job *job, struct kms_err *err)
{
	enum kms_status st = doc_read_party(object, what, "sender", &job->sender, err);

	if (!st)
		st = read_under(object, job, err);
	if (!st)
		st = read_keyset(object, job, err);
	return st ? st : read_cards(object, job, err);
}

static enum kms_status read_overrides(
	const json_t *object, struct doc_derived *d, struct kms_err *err)
{
	json_t *list, *text;
	size_t i;
	enum kms_status st = doc_read_list(object, what, "overrides", 0, 32, &list, err);

	if (st)
		return st;
	json_array_foreach(list, i, text)
	{
		if (!json_is_string(text))
			return kms_fail(err, KMS_ERR_INVALID, "%s: an override is no text", what);
	}
	d->overrides = list;
	return KMS_OK;
}

static enum kms_status read_derived(
	const json_t *object, struct doc_derived *d, struct kms_err *err)
{
	static const char *const members[] = {"bytes", "sha256", NULL};
	json_t *file;
	enum kms_status st;

	if ((st = doc_read_id(object, what, "id", &d->id, err)) ||
		(st = read_job(object, &d->job, err)) ||
		(st = js_get_object(object, what, "file", &file, err)) ||
		(st = js_only(file, what, members, err)) ||
		(st = js_get_int(file, what, "bytes", 1, INT64_MAX, &d->bytes, err)) ||
		(st = doc_read_hex(file, what, "sha256", d->hash, HASH_SIZE, err)) ||
		(st = read_overrides(object, d, err)) ||
		(st = doc_read_checkpoint(object, what, &d->checkpoint, err)) ||
		(st = doc_read_time(object, what, "created", &d->created, err)))
		return st;
	if (d->bytes != doc_derived_size(&d->job))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: a key file of %lld cards has %lld bytes, not %lld", what,
			(long long)d->job.cards, (long long)doc_derived_size(&d->job),
			(long long)d->bytes);
	return KMS_OK;
}

enum kms_status doc_derived_parse(
	const char *text, size_t len, struct doc_derived *ret_derived, struct kms_err *err)
{
	static const char *const members[] = {"audit_checkpoint", "cards", "created", "file", "id",
		"keyset", "layout", "overrides", "recipient", "sender", "wrapping", "wrapping_key",
		NULL};
	struct doc_derived d = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st = doc_open(DOC_DERIVED, text, len, members, &object, &d.sig, err);

	if (!st)
		st = read_derived(object, &d, err);
	if (st)
		return st;
	d.owner = object;
	object = NULL;
	*ret_derived = d;
	return KMS_OK;
}

/* ---- writing ---- */

static json_t *masters_json(const struct doc_derived_job *job)
{
	json_t *list = json_array();

	for (size_t i = 0; i < DOC_DERIVED_ROLES; i++) {
		const struct doc_checked_key *key = &job->masters[i];

		if (json_array_append_new(
			    list, json_pack("{s:s, s:s, s:o, s:s}", "label", key->label, "role",
					  key_role_name(doc_derived_roles[i]), "check_value",
					  doc_kcv_hex(&key->kcv), "check_method",
					  key_kcv_method_name(key->kcv.method)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *job_json(const struct doc_derived_job *job)
{
	char div[KEY_DIV_TEXT_SIZE];

	key_div_print(&job->div, div);
	return json_pack(
		"{s:o, s:{s:s, s:s, s:s, s:s, s:I, s:o}, s:{s:s, s:s, s:o, s:s}, s:s, s:s, "
		"s:{s:I, s:o}, s:{s:I, s:I, s:I}}",
		"sender", doc_party_json(&job->sender), "keyset", "name", job->keyset, "customer",
		job->customer, "algorithm", key_alg_name(job->alg), "diversification", div,
		"key_version", (json_int_t)job->kvn, "masters", masters_json(job), "wrapping_key",
		"label", job->under.label, "algorithm", key_alg_name(job->under.alg), "check_value",
		doc_kcv_hex(&job->under.kcv), "check_method",
		key_kcv_method_name(job->under.kcv.method), "wrapping",
		key_wrapping_name(job->wrapping), "recipient", job->recipient, "cards", "count",
		(json_int_t)job->cards, "sha256", doc_hex(job->cards_hash, HASH_SIZE), "layout",
		"chunk", (json_int_t)DOC_DERIVED_CHUNK, "keys_at_once", (json_int_t)job->at_once,
		"stride", (json_int_t)job->stride);
}

enum kms_status doc_derived_write(const struct doc_derived *d, const struct p256_signer *signer,
	struct buf *ret_text, struct kms_err *err)
{
	struct doc_derived read = {0};
	JS_AUTO json_t *object = job_json(&d->job);
	JS_AUTO json_t *more = json_pack("{s:s, s:{s:I, s:o}, s:O, s:s, s:o}", "id", d->id, "file",
		"bytes", (json_int_t)d->bytes, "sha256", doc_hex(d->hash, HASH_SIZE), "overrides",
		d->overrides, "audit_checkpoint", d->checkpoint, "created", doc_time(d->created));
	enum kms_status st;

	if (!object || !more || json_object_update(object, more))
		return doc_bad_input(DOC_DERIVED, err);
	st = read_derived(object, &read, err);
	if (!st)
		st = doc_tag(object, DOC_DERIVED, err);
	return st ? st : doc_seal(object, DOC_DERIVED, signer, ret_text, err);
}

enum kms_status doc_derived_verify(const struct doc_derived *d, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_DERIVED, &d->sig, &d->job.sender, fingerprint, point, err);
}

void doc_derived_free(struct doc_derived *d)
{
	if (!d->owner)
		return;
	json_decref(d->owner);
	*d = (struct doc_derived){0};
}

/* ---- progress ---- */

enum kms_status doc_derived_job_hash(
	const struct doc_derived_job *job, unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	struct doc_derived_job read = {0};
	JS_AUTO json_t *object = job_json(job);
	enum kms_status st;

	if (!object)
		return doc_bad_input(DOC_PROGRESS, err);
	st = read_job(object, &read, err);
	return st ? st : doc_digest(object, ret_hash, err);
}

static enum kms_status read_progress(
	const json_t *object, struct doc_progress *p, struct kms_err *err)
{
	enum kms_status st;

	if ((st = doc_read_party(object, progress_what, "sender", &p->sender, err)) ||
		(st = doc_read_hex(object, progress_what, "job", p->job, HASH_SIZE, err)) ||
		(st = js_get_int(object, progress_what, "chunks", 0, CARDS_MAX, &p->chunks, err)) ||
		(st = js_get_int(object, progress_what, "bytes", 0, INT64_MAX, &p->bytes, err)))
		return st;
	return doc_read_hex(object, progress_what, "sha256", p->hash, HASH_SIZE, err);
}

enum kms_status doc_progress_parse(
	const char *text, size_t len, struct doc_progress *ret_progress, struct kms_err *err)
{
	static const char *const members[] = {"bytes", "chunks", "job", "sender", "sha256", NULL};
	struct doc_progress p = {0};
	JS_AUTO json_t *object = NULL;
	enum kms_status st = doc_open(DOC_PROGRESS, text, len, members, &object, &p.sig, err);

	if (!st)
		st = read_progress(object, &p, err);
	if (st)
		return st;
	p.owner = object;
	object = NULL;
	*ret_progress = p;
	return KMS_OK;
}

enum kms_status doc_progress_write(const struct doc_progress *p, const struct p256_signer *signer,
	struct buf *ret_text, struct kms_err *err)
{
	struct doc_progress read = {0};
	JS_AUTO json_t *object =
		json_pack("{s:o, s:o, s:I, s:I, s:o}", "sender", doc_party_json(&p->sender), "job",
			doc_hex(p->job, HASH_SIZE), "chunks", (json_int_t)p->chunks, "bytes",
			(json_int_t)p->bytes, "sha256", doc_hex(p->hash, HASH_SIZE));
	enum kms_status st;

	if (!object)
		return doc_bad_input(DOC_PROGRESS, err);
	st = read_progress(object, &read, err);
	if (!st)
		st = doc_tag(object, DOC_PROGRESS, err);
	return st ? st : doc_seal(object, DOC_PROGRESS, signer, ret_text, err);
}

enum kms_status doc_progress_verify(const struct doc_progress *p, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err)
{
	return doc_check_sig(DOC_PROGRESS, &p->sig, &p->sender, fingerprint, point, err);
}

void doc_progress_free(struct doc_progress *p)
{
	if (!p->owner)
		return;
	json_decref(p->owner);
	*p = (struct doc_progress){0};
}
