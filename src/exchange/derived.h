/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of many cards under one wrapping key, for who personalises them (docs/formats/derived-keys.md):
 * the manifest, which says what a key file holds and what it must hash to, and the record of how far an
 * unfinished one has got. Key file and manifest are two files, as the one may have terabytes.
 *
 * A key file is DOC_DERIVED_MAGIC, then chunks: number and count of cards (big-endian, four bytes each),
 * then the cards' ENC keys, MAC keys and KEKs, each in wrapped blocks of `at_once` keys.
 */
#ifndef EXCHANGE_DERIVED_H
#define EXCHANGE_DERIVED_H

#include "exchange/doc.h"
#include "keys/div.h"
#include "keys/wrap.h"

#define DOC_DERIVED_MAGIC "CKDKEYS1"

enum {
	DOC_DERIVED_MAGIC_SIZE = 8,
	DOC_DERIVED_CHUNK_HEAD = 8,
	DOC_DERIVED_ROLES = 3,	     /* enc, mac, kek */
	DOC_DERIVED_CHUNK = 4096,    /* cards of a chunk, but for the last */
	DOC_DERIVED_STRIDE_MAX = 32, /* bytes from a key to the next */
};

extern const enum key_role doc_derived_roles[DOC_DERIVED_ROLES];

/* What is derived from what, for whom, and how it lies in the file: settled before the first key. */
struct doc_derived_job {
	struct doc_party sender;
	const char *keyset;
	const char *customer; /* "": the sender's own */
	struct key_div div;
	enum key_alg alg;
	unsigned kvn;
	struct doc_checked_key masters[DOC_DERIVED_ROLES];
	struct doc_checked_key under; /* the wrapping key */
	const char *recipient;	      /* whom it is shared with; "": not said (a zone key) */
	enum key_wrapping wrapping;   /* aes-kw, or raw-cbc with an IV of zeros */
	int64_t cards;		      /* rows of the file of cards */
	unsigned char cards_hash[HASH_SIZE];
	int64_t at_once; /* keys of a wrapped block, 1 to DOC_DERIVED_CHUNK */
	int64_t stride;	 /* bytes from a key to the next in what was wrapped; the key comes first */
};

struct doc_derived {
	const char *id;
	struct doc_derived_job job;
	int64_t bytes; /* of the key file */
	unsigned char hash[HASH_SIZE];
	const json_t *overrides; /* texts: what two officers allowed */
	const char *checkpoint;	 /* of the sender's audit log */
	int64_t created;

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_DERIVED_AUTO __attribute__((cleanup(doc_derived_free)))

/* Bytes of `keys` keys of one role, of a chunk of `cards`, of the whole file. */
int64_t doc_derived_block_size(const struct doc_derived_job *job, int64_t keys);
int64_t doc_derived_chunk_size(const struct doc_derived_job *job, int64_t cards);
int64_t doc_derived_size(const struct doc_derived_job *job);
int64_t doc_derived_chunks(const struct doc_derived_job *job);
/* Of that chunk, from 0. */
int64_t doc_derived_chunk_cards(const struct doc_derived_job *job, int64_t chunk);
void doc_derived_chunk_head(
	int64_t chunk, int64_t cards, unsigned char ret_head[DOC_DERIVED_CHUNK_HEAD]);

KMS_CHECKED enum kms_status doc_derived_write(const struct doc_derived *derived,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_derived_parse(
	const char *text, size_t len, struct doc_derived *ret_derived, struct kms_err *err);
KMS_CHECKED enum kms_status doc_derived_verify(const struct doc_derived *derived,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);
void doc_derived_free(struct doc_derived *derived);

/* How far a job has got: so many bytes, so many chunks, are durable and the sender's own. */
struct doc_progress {
	struct doc_party sender;
	unsigned char job[HASH_SIZE]; /* doc_derived_job_hash */
	int64_t chunks;
	int64_t bytes;
	unsigned char hash[HASH_SIZE]; /* of them */

	struct doc_sig sig;
	json_t *owner;
};

#define DOC_PROGRESS_AUTO __attribute__((cleanup(doc_progress_free)))

KMS_CHECKED enum kms_status doc_derived_job_hash(
	const struct doc_derived_job *job, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);

KMS_CHECKED enum kms_status doc_progress_write(const struct doc_progress *progress,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_progress_parse(
	const char *text, size_t len, struct doc_progress *ret_progress, struct kms_err *err);
KMS_CHECKED enum kms_status doc_progress_verify(const struct doc_progress *progress,
	const char *fingerprint, const unsigned char point[P256_POINT_SIZE], struct kms_err *err);
void doc_progress_free(struct doc_progress *progress);

#endif
