/* SPDX-License-Identifier: Apache-2.0 */
/* Inside exchange/: what the documents have in common. `what` names the document in messages. */
#ifndef EXCHANGE_INTERNAL_H
#define EXCHANGE_INTERNAL_H

#include "exchange/doc.h"
#include "exchange/witness.h"

#include <stdbool.h>

enum { DOC_TEXT_MAX = 200 }; /* bytes of a serial, a model, an override */

/*
 * Canonical form, kind, exactly these members (besides "cardkms" and "signature"), signature
 * well-formed. The object comes back without "signature".
 */
KMS_CHECKED enum kms_status doc_open(enum doc_kind kind, const char *text, size_t len,
	const char *const *members, json_t **ret_object, struct doc_sig *ret_sig,
	struct kms_err *err);

/* Adds "cardkms", for a document about to be written. */
KMS_CHECKED enum kms_status doc_tag(json_t *object, enum doc_kind kind, struct kms_err *err);

/* Signs the object and gives the text. */
KMS_CHECKED enum kms_status doc_seal(json_t *object, enum doc_kind kind,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);

/* That `party` is the site with that fingerprint, and the signature is by that key. */
KMS_CHECKED enum kms_status doc_check_sig(enum doc_kind kind, const struct doc_sig *sig,
	const struct doc_party *party, const char *fingerprint,
	const unsigned char point[P256_POINT_SIZE], struct kms_err *err);

KMS_CHECKED enum kms_status doc_digest(
	const json_t *object, unsigned char ret_digest[HASH_SIZE], struct kms_err *err);

/* Members of an object. */
KMS_CHECKED enum kms_status doc_read_text(const json_t *object, const char *what, const char *name,
	size_t min, const char **ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_name(const json_t *object, const char *what, const char *name,
	bool may_be_empty, const char **ret_name, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_id(const json_t *object, const char *what, const char *name,
	const char **ret_id, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_label(const json_t *object, const char *what, const char *name,
	const char **ret_label, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_hex(const json_t *object, const char *what, const char *name,
	void *out, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_time(const json_t *object, const char *what, const char *name,
	int64_t *ret_time, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_note(const json_t *object, const char *what, const char *name,
	const char **ret_note, struct kms_err *err);
/* Of the sender's own log: "audit_checkpoint". */
static inline enum kms_status doc_read_checkpoint(
	const json_t *object, const char *what, const char **ret_note, struct kms_err *err)
{
	return doc_read_note(object, what, "audit_checkpoint", ret_note, err);
}
/* "seen_checkpoint" and "continues", where they are there; and written where they are set. */
KMS_CHECKED enum kms_status doc_read_witness(const json_t *object, const char *what,
	struct doc_witness *ret_witness, struct kms_err *err);
bool doc_put_witness(json_t *object, const struct doc_witness *witness);
KMS_CHECKED enum kms_status doc_read_alg(
	const json_t *object, const char *what, enum key_alg *ret_alg, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_kcv(const json_t *object, const char *what, enum key_alg alg,
	struct key_kcv *ret_kcv, struct kms_err *err);
/* A list of 0 … max; its length. */
KMS_CHECKED enum kms_status doc_read_list(const json_t *object, const char *what, const char *name,
	size_t min, size_t max, json_t **ret_list, struct kms_err *err);
KMS_CHECKED enum kms_status doc_read_party(const json_t *object, const char *what, const char *name,
	struct doc_party *ret_party, struct kms_err *err);
/* "sender" and "recipient": two different sites. */
KMS_CHECKED enum kms_status doc_read_parties(const json_t *object, const char *what,
	struct doc_party *ret_sender, struct doc_party *ret_recipient, struct kms_err *err);

/* "keysets": names, 1 … DOC_KEYSETS_MAX; the array is to be freed. */
KMS_CHECKED enum kms_status doc_read_set_names(const json_t *object, const char *what,
	const char *const **ret_names, size_t *ret_count, struct kms_err *err);
/* "keys", 1 … DOC_KEYS_MAX, `key_what` one of them; the array is to be freed. */
KMS_CHECKED enum kms_status doc_read_checked_keys(const json_t *object, const char *what,
	const char *key_what, const struct doc_checked_key **ret_keys, size_t *ret_count,
	struct kms_err *err);

/* Refuses labels that are the same but for case. */
KMS_CHECKED enum kms_status doc_check_distinct(
	const char *what, const char *const *labels, size_t count, struct kms_err *err);

/* Members to be written; NULL when out of memory or not UTF-8, which the caller's pack reports. */
json_t *doc_hex(const void *data, size_t len);
json_t *doc_time(int64_t time);
json_t *doc_party_json(const struct doc_party *party);
json_t *doc_set_names_json(const char *const *names, size_t count);
json_t *doc_checked_keys_json(const struct doc_checked_key *keys, size_t count);
json_t *doc_kcv_hex(const struct key_kcv *kcv);

/* What failed when a document could not be put together: a text is missing or not UTF-8. */
KMS_CHECKED enum kms_status doc_bad_input(enum doc_kind kind, struct kms_err *err);

/* "a, b and c differ": one mismatch for every link between two documents. */
KMS_CHECKED enum kms_status doc_same_text(const char *what, const char *a, const char *other,
	const char *b, const char *member, struct kms_err *err);
KMS_CHECKED enum kms_status doc_same_bytes(const char *what, const void *a, const char *other,
	const void *b, size_t len, const char *member, struct kms_err *err);

#endif
