/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key derive: the keys of many cards, wrapped for who personalises them.
 *
 * It changes nothing in the HSM and nothing in the registry but journal and audit log, and may take
 * hours: so others may work beside it, and what ends it leaves a file that the same call goes on with.
 */
#include "ops/ops.h"

#include "base/hex.h"
#include "ops/derive_cards.h"
#include "ops/derive_feed.h"
#include "ops/derive_file.h"
#include "ops/derive_keys.h"
#include "ops/exchange.h"
#include "ops/meta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAY_EVERY_S = 10 };

struct derive_args {
	const struct op_key_derive *in;
	char *keyset;
	struct derive_fit fit;
	struct derive_keys keys;
	struct op_self self;
	struct p256_signer signer;
	struct derive_file file;
	int64_t resumed; /* cards that an earlier run had done */
	char id[DOC_ID_MAX + 1];
	char *checkpoint;
	struct op_file manifest;
};

static void derive_clear(struct derive_args *a)
{
	derive_file_close(&a->file);
	derive_keys_close(&a->keys);
	op_self_free(&a->self);
	op_file_free(&a->manifest);
	free(a->checkpoint);
	free(a->keyset);
}

static enum kms_status derive_check(struct op *op, struct kms_err *err)
{
	const struct derive_args *a = op->args;
	enum kms_status st = derive_file_check(a->in->path, err);

	return st ? st : op_subject(op, err, "%s", a->in->under);
}

/* ---- validate ---- */

/* As named, as the file of cards has it, or the only one that there is. */
static enum kms_status choose_keyset(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	STORE_AUTO(keyset_list) struct store_keyset_list sets = {0};
	const char *only = a->in->keyset;
	size_t count = 0;
	enum kms_status st = KMS_OK;

	if (!only)
		st = derive_cards_keyset(a->in->cards, &a->keyset, err);
	if (st || a->keyset)
		return st;
	if (!only)
		st = store_keysets(op->site->store, &sets, err);
	for (size_t i = 0; !st && i < sets.count; i++)
		if (strcmp(sets.items[i].state, "active") == 0) {
			only = sets.items[i].name;
			count++;
		}
	if (!st && (!only || count > 1)) {
		kms_fail(err, KMS_ERR_USAGE, "the site has %zu active key sets: of which one?",
			count);
		st = kms_hint(err, "name it by --keyset K, or in a column 'keyset' of '%s'",
			a->in->cards);
	}
	if (!st && !(a->keyset = strdup(only)))
		st = kms_nomem(err);
	return st;
}

static enum kms_status read_cards(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	struct doc_derived_job *job = &a->keys.job;
	char hash[2 * HASH_SIZE + 1];
	enum kms_status st;

	a->fit = (struct derive_fit){&job->div, job->alg, job->keyset};
	st = derive_cards_check(a->in->cards, &a->fit, &job->cards, job->cards_hash, err);
	if (st)
		return st;
	hex_encode(job->cards_hash, HASH_SIZE, hash);
	st = op_detail(op, "cards", json_integer(job->cards), err);
	return st ? st : op_detail(op, "cards_sha256", json_string(hash), err);
}

static enum kms_status derive_validate(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	enum kms_status st = choose_keyset(op, err);

	if (!st)
		st = derive_keys_open(&a->keys, op, a->keyset, a->in->under, err);
	if (!st)
		st = op_self(op->site, &a->self, err);
	if (st)
		return st;
	a->keys.job.sender = a->self.party;
	return read_cards(op, err);
}

/* ---- act ---- */

static enum kms_status kept(const struct derive_args *a, struct kms_err *err)
{
	const struct derive_file *f = &a->file;

	if (!f->at.chunks || access(f->part, F_OK) != 0)
		return err->code;
	return kms_hint(err,
		"the keys of %lld of %lld cards are kept in '%.150s': the same command goes on "
		"from "
		"there",
		(long long)(f->at.chunks == doc_derived_chunks(&a->keys.job)
				    ? a->keys.job.cards
				    : f->at.chunks * DOC_DERIVED_CHUNK),
		(long long)a->keys.job.cards, f->part);
}

static enum kms_status changed(const struct derive_args *a, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_MISMATCH, "'%s' was changed while it was read", a->in->cards);
}

/*
 * After the last chunk: there are no more cards, and it was the same file as before. Keys of a file that
 * changed are nobody's.
 */
static enum kms_status check_end(
	const struct derive_args *a, struct derive_feed *feed, struct kms_err *err)
{
	const struct key_bulk_card *rows;
	unsigned char hash[HASH_SIZE];
	size_t count;
	enum kms_status st = derive_feed_next(feed, &rows, &count, err);

	if (!st && count)
		return changed(a, err);
	if (!st)
		st = derive_feed_hash(feed, hash, err);
	if (st || memcmp(hash, a->keys.job.cards_hash, HASH_SIZE) == 0)
		return st;
	return changed(a, err);
}

static void tell(struct op *op, int64_t done, int64_t *said)
{
	const struct derive_args *a = op->args;
	const int64_t now = op->site->now();

	if (now - *said < SAY_EVERY_S)
		return;
	*said = now;
	op_say(op->site, "%" PRId64 " of %" PRId64 " cards", done, a->keys.job.cards);
}

static enum kms_status derive_all(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	const struct doc_derived_job *job = &a->keys.job;
	const int64_t chunks = doc_derived_chunks(job), first = a->file.chunks;
	DERIVE_FEED_AUTO struct derive_feed *feed = NULL;
	BUF_AUTO struct buf text = {0};
	const struct key_bulk_card *rows;
	int64_t said = op->site->now();
	size_t count;
	enum kms_status st =
		derive_feed_start(a->in->cards, &a->fit, DOC_DERIVED_CHUNK, &feed, err);

	for (int64_t chunk = 0; !st && chunk < chunks; chunk++) {
		st = derive_feed_next(feed, &rows, &count, err);
		if (!st && (int64_t)count != doc_derived_chunk_cards(job, chunk))
			st = changed(a, err);
		if (st || chunk < first)
			continue;
		text.len = 0;
		st = derive_keys_chunk(&a->keys, chunk, rows, count, &text, err);
		if (!st)
			st = derive_file_put(&a->file, text.data, text.len, err);
		tell(op, chunk * DOC_DERIVED_CHUNK + (int64_t)count, &said);
	}
	return st ? st : check_end(a, feed, err);
}

static enum kms_status sign_manifest(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	struct doc_derived d = {.id = a->id,
		.job = a->keys.job,
		.bytes = a->file.bytes,
		.overrides = op->overrides,
		.created = op->now};
	BUF_AUTO struct buf text = {0};
	enum kms_status st = op_doc_id("DK", a->id, err);

	if (!st)
		st = op_log_checkpoint(op->site, &a->checkpoint, err);
	d.checkpoint = a->checkpoint;
	if (!st)
		st = hash_now(&a->file.hash, d.hash, err);
	if (!st)
		st = doc_derived_write(&d, &a->signer, &text, err);
	return st ? st : op_file_take(&a->manifest, &text, err);
}

static enum kms_status derive_act(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	enum kms_status st = derive_keys_verify(&a->keys, op, err);

	if (!st)
		st = op_signer(op->site, KEY_ROLE_IDENTITY, &a->signer, err);
	if (!st)
		st = derive_file_begin(&a->file, a->in->path, &a->keys.job, &a->signer, err);
	if (st)
		return st;
	a->resumed = a->file.chunks == doc_derived_chunks(&a->keys.job)
			     ? a->keys.job.cards
			     : a->file.chunks * DOC_DERIVED_CHUNK;
	if (a->resumed)
		op_say(op->site, "going on with '%s' after %" PRId64 " of %" PRId64 " cards",
			a->file.part, a->resumed, a->keys.job.cards);
	st = derive_all(op, err);
	if (!st)
		st = derive_file_sync(&a->file, err);
	if (!st)
		st = sign_manifest(op, err);
	return st ? kept(a, err) : KMS_OK;
}

/* Read it as its recipient will. */
static enum kms_status derive_verify(struct op *op, struct kms_err *err)
{
	const struct derive_args *a = op->args;
	DOC_DERIVED_AUTO struct doc_derived again = {0};
	enum kms_status st =
		doc_derived_parse(a->manifest.text.data, a->manifest.text.len, &again, err);

	return st ? st : doc_derived_verify(&again, a->self.fingerprint, a->signer.point, err);
}

/* ---- afterwards ---- */

static enum kms_status both(struct op *op, const char *name, json_t *value, struct kms_err *err)
{
	enum kms_status st = op_detail(op, name, json_incref(value), err);

	return st ? (json_decref(value), st) : op_report(op, name, value, err);
}

static enum kms_status derive_commit(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	const struct doc_derived_job *job = &a->keys.job;
	char hash[2 * HASH_SIZE + 1];
	unsigned char of_file[HASH_SIZE];
	enum kms_status st = hash_now(&a->file.hash, of_file, err);

	hex_encode(of_file, HASH_SIZE, hash);
	if (!st)
		st = both(op, "manifest", json_string(a->id), err);
	if (!st)
		st = both(op, "manifest_sha256", json_string(a->manifest.hash_text), err);
	if (!st)
		st = both(op, "sha256", json_string(hash), err);
	if (!st)
		st = both(op, "keys", json_integer(DOC_DERIVED_ROLES * job->cards), err);
	if (!st)
		st = both(op, "keys_at_once", json_integer(job->at_once), err);
	if (!st && a->resumed)
		st = both(op, "resumed_after", json_integer(a->resumed), err);
	if (!st)
		st = op_report(op, "keyset", json_string(job->keyset), err);
	if (!st)
		st = op_report(op, "cards", json_integer(job->cards), err);
	if (!st)
		st = op_report(op, "under", json_string(job->under.label), err);
	if (!st)
		st = op_report(op, "wrapping", json_string(key_wrapping_name(job->wrapping)), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st ? st : op_report(op, "file", json_string(a->in->path), err);
}

static enum kms_status derive_deliver(struct op *op, struct kms_err *err)
{
	struct derive_args *a = op->args;
	enum kms_status st =
		derive_file_end(&a->file, a->manifest.text.data, a->manifest.text.len, err);

	return st ? kept(a, err) : KMS_OK;
}

enum kms_status op_key_derive(struct op_site *site, const struct op_key_derive *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "key.derive",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN | OP_SHARES_SITE,
		.dual = DUAL_EXPORT,
		.check = derive_check,
		.validate = derive_validate,
		.act = derive_act,
		.verify = derive_verify,
		.commit = derive_commit,
		.deliver = derive_deliver,
	};
	struct derive_args args
		__attribute__((cleanup(derive_clear))) = {.in = in, .file = DERIVE_FILE_NONE};

	return op_run(site, &kind, &args, ret_report, err);
}
