/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key derive-verify: whether a file of cards' keys is what its manifest says, and whose that is. No key
 * is unwrapped; whoever has the wrapping key sees by that whether a chunk is intact.
 */
#include "ops/ops.h"

#include "base/clock.h"
#include "base/hex.h"
#include "exchange/derived.h"
#include "ops/derive_cards.h"
#include "ops/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_AHEAD = 1 << 16 };

/* ---- whose ---- */

static enum kms_status by_identity(const char *path, const struct doc_derived *d,
	const char **ret_verdict, struct kms_err *err)
{
	struct op_file file __attribute__((cleanup(op_file_free))) = {0};
	DOC_IDENTITY_AUTO struct doc_identity identity = {0};
	enum kms_status st = op_file_read(&file, path, err);

	if (!st)
		st = doc_identity_parse(file.text.data, file.text.len, &identity, err);
	if (!st)
		st = doc_identity_verify(&identity, NULL, err);
	if (st) {
		kms_prefix(err, "'%s': ", path);
		return st;
	}
	*ret_verdict = "good, by that identity";
	return doc_derived_verify(d, identity.fingerprint, identity.identity_key, err);
}

static enum kms_status by_site(struct op_site *site, const struct doc_derived *d,
	const char **ret_verdict, struct kms_err *err)
{
	struct op_self self __attribute__((cleanup(op_self_free))) = {0};
	STORE_AUTO(partner) struct store_partner partner = {0};
	unsigned char point[P256_POINT_SIZE];
	struct p256_signer signer;
	enum kms_status st = op_self(site, &self, err);

	if (!st && strcmp(self.fingerprint, d->job.sender.fingerprint) == 0) {
		st = op_signer(site, KEY_ROLE_IDENTITY, &signer, err);
		*ret_verdict = "good, by this site";
		return st ? st : doc_derived_verify(d, self.fingerprint, signer.point, err);
	}
	if (!st)
		st = op_find_sender(site, &d->job.sender, "manifest", &partner, point, err);
	*ret_verdict = "good, by the enrolled partner";
	return st ? st : doc_derived_verify(d, partner.fingerprint, point, err);
}

/* ---- the key file ---- */

struct reading {
	int fd;
	const char *path;
	struct hash hash;
	unsigned char *data; /* READ_AHEAD bytes */
};

static void reading_end(struct reading *r)
{
	if (r->fd >= 0)
		close(r->fd);
	hash_free(&r->hash);
	free(r->data);
}

static enum kms_status reading_begin(
	struct reading *r, const char *path, int64_t size, struct kms_err *err)
{
	struct stat info;

	r->path = path;
	r->data = malloc(READ_AHEAD);
	if (!r->data)
		return kms_nomem(err);
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &info) != 0)
		return kms_fail(err, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO,
			"cannot open '%s': %s", path, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return kms_fail(err, KMS_ERR_INVALID, "'%s' is not a regular file", path);
	if (info.st_size != size)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"'%s' has %lld bytes, its manifest says %lld", path,
			(long long)info.st_size, (long long)size);
	return hash_begin(&r->hash, err);
}

/* So many bytes, hashed; the last ones (READ_AHEAD at most) are in r->data. */
static enum kms_status pass(struct reading *r, int64_t len, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	while (!st && len > 0) {
		ssize_t n = read(r->fd, r->data, len < READ_AHEAD ? (size_t)len : READ_AHEAD);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kms_fail(err, KMS_ERR_IO, "cannot read '%s': %s", r->path,
				n < 0 ? strerror(errno) : "it got shorter");
		st = hash_more(&r->hash, r->data, (size_t)n, err);
		len -= n;
	}
	return st;
}

static enum kms_status check_head(struct reading *r, const struct doc_derived_job *job,
	int64_t chunk, int64_t cards, struct kms_err *err)
{
	unsigned char head[DOC_DERIVED_CHUNK_HEAD];
	enum kms_status st = pass(r, sizeof(head), err);

	doc_derived_chunk_head(chunk, cards, head);
	if (st || memcmp(r->data, head, sizeof(head)) == 0)
		return st;
	return kms_fail(err, KMS_ERR_MISMATCH, "'%s': chunk %lld of %lld is not where it belongs",
		r->path, (long long)chunk + 1, (long long)doc_derived_chunks(job));
}

static enum kms_status check_file(
	const char *path, const struct doc_derived *d, struct kms_err *err)
{
	struct reading r __attribute__((cleanup(reading_end))) = {.fd = -1};
	const struct doc_derived_job *job = &d->job;
	const int64_t chunks = doc_derived_chunks(job);
	unsigned char hash[HASH_SIZE];
	enum kms_status st = reading_begin(&r, path, d->bytes, err);

	if (!st)
		st = pass(&r, DOC_DERIVED_MAGIC_SIZE, err);
	if (!st && memcmp(r.data, DOC_DERIVED_MAGIC, DOC_DERIVED_MAGIC_SIZE) != 0)
		st = kms_fail(err, KMS_ERR_MISMATCH, "'%s' is no file of cards' keys", path);
	for (int64_t chunk = 0; !st && chunk < chunks; chunk++) {
		const int64_t cards = doc_derived_chunk_cards(job, chunk);

		st = check_head(&r, job, chunk, cards, err);
		if (!st)
			st = pass(&r, doc_derived_chunk_size(job, cards) - DOC_DERIVED_CHUNK_HEAD,
				err);
	}
	if (!st)
		st = hash_now(&r.hash, hash, err);
	if (!st && memcmp(hash, d->hash, HASH_SIZE) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH, "'%s' is not the file that its manifest is of",
			path);
		st = kms_hint(err, "it was changed on the way: get the original");
	}
	return st;
}

static enum kms_status check_cards(
	const char *path, const struct doc_derived *d, struct kms_err *err)
{
	const struct derive_fit fit = {&d->job.div, d->job.alg, d->job.keyset};
	unsigned char hash[HASH_SIZE];
	int64_t count = 0;
	enum kms_status st = derive_cards_check(path, &fit, &count, hash, err);

	if (!st && (count != d->job.cards || memcmp(hash, d->job.cards_hash, HASH_SIZE) != 0))
		st = kms_fail(err, KMS_ERR_MISMATCH,
			"'%s' is not the file of cards that these keys are for", path);
	return st;
}

/* ---- */

static json_t *masters_json(const struct doc_derived_job *job)
{
	json_t *list = json_array();

	for (size_t i = 0; i < DOC_DERIVED_ROLES; i++)
		if (op_checked_json(
			    list, job->masters[i].label, job->alg, &job->masters[i].kcv, NULL)) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static enum kms_status describe(const struct doc_derived *d, const struct op_file *manifest,
	const char *verdict, json_t **ret, struct kms_err *err)
{
	const struct doc_derived_job *job = &d->job;
	char div[KEY_DIV_TEXT_SIZE], created[CLOCK_TEXT_SIZE], hash[2 * HASH_SIZE + 1];
	char cards[2 * HASH_SIZE + 1], check[KEY_KCV_TEXT_SIZE];

	key_div_print(&job->div, div);
	key_kcv_print(&job->under.kcv, check);
	clock_format(d->created, created);
	hex_encode(d->hash, HASH_SIZE, hash);
	hex_encode(job->cards_hash, HASH_SIZE, cards);
	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, "
			 "s:s, s:s, s:s, s:s, s:O, s:o, s:s}",
		"manifest", d->id, "sender", job->sender.name, "fingerprint",
		job->sender.fingerprint, "keyset", job->keyset, "customer", job->customer,
		"algorithm", key_alg_name(job->alg), "diversification", div, "cards",
		(json_int_t)job->cards, "keys",
		(json_int_t)DOC_DERIVED_ROLES * (json_int_t)job->cards, "chunks",
		(json_int_t)doc_derived_chunks(job), "under", job->under.label, "check_value",
		check, "check_method", key_kcv_method_name(job->under.kcv.method), "wrapping",
		key_wrapping_name(job->wrapping), "recipient", job->recipient, "cards_sha256",
		cards, "sha256", hash, "created", created, "overrides", d->overrides, "masters",
		masters_json(job), "signature", verdict);
	if (!*ret || json_object_set_new(*ret, "manifest_sha256", json_string(manifest->hash_text)))
		return kms_nomem(err);
	return KMS_OK;
}

enum kms_status op_derive_verify(struct op_site *site, const struct op_derive_verify *in,
	json_t **ret_report, struct kms_err *err)
{
	struct op_file manifest __attribute__((cleanup(op_file_free))) = {0};
	DOC_DERIVED_AUTO struct doc_derived d = {0};
	FREE_AUTO char *beside = NULL;
	const char *path = in->manifest, *verdict = NULL;
	enum kms_status st;

	if (!path && asprintf(&beside, "%s.manifest", in->path) < 0) {
		beside = NULL;
		return kms_nomem(err);
	}
	if (!path)
		path = beside;
	st = op_file_read(&manifest, path, err);
	if (!st && (st = doc_derived_parse(manifest.text.data, manifest.text.len, &d, err)))
		kms_prefix(err, "'%s': ", path);
	if (!st)
		st = in->identity ? by_identity(in->identity, &d, &verdict, err)
				  : by_site(site, &d, &verdict, err);
	if (!st)
		st = check_file(in->path, &d, err);
	if (!st && in->cards)
		st = check_cards(in->cards, &d, err);
	return st ? st : describe(&d, &manifest, verdict, ret_report, err);
}
