/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup: the masters and content keys of a site's HSM under its site key, with what the registry says of them
 * (docs/formats/backup.md). A site writes it for itself.
 *
 * Two things vouch for it. The signature, by the identity that the site had, can be verified by
 * anyone who knows that identity. The seal is SHA-256 of the document wrapped under the site key as
 * if it were a key (AES key wrap is authenticated and deterministic): whoever rebuilt the site key
 * from its components, and knows nothing else any more, can check it.
 */
#ifndef EXCHANGE_BACKUP_H
#define EXCHANGE_BACKUP_H

#include "exchange/package.h"

enum {
	DOC_SEAL_SIZE = HASH_SIZE + 8,
	DOC_BACKUP_KEYS_MAX = 16384,
	DOC_BACKUP_SETS_MAX = 8192,
	DOC_BACKUP_PARTNERS_MAX = 1024,
	DOC_BACKUP_OUT_MAX = 4096,
	DOC_BACKUP_CONTENT_MAX = 4096,
	DOC_OBJECT_ID_SIZE = 16, /* of a key's CKA_ID */
};

/* What the registry says of key set i, beside what a package says. */
struct doc_backup_set {
	const char *origin; /* "generated", or the partner whose keys they are */
	int64_t created;
};

/* … of key i. */
struct doc_backup_key {
	unsigned char id[DOC_OBJECT_ID_SIZE];
	enum key_state state; /* pre-activation, active, suspended, deactivated, compromised */
	const char *reason;   /* of the state; "" */
	int64_t created, changed;
	int64_t activated, expires; /* 0: not, never */
};

/* A key of role dap, token or receipt: an AES key that is in no key set (key.keyset is NULL). */
struct doc_backup_content {
	struct doc_key key;
	struct doc_backup_key record;
};

/* A key of the HSM that is not in the backup, since no HSM gives it out. */
struct doc_backup_out {
	const char *label;
	enum key_role role;
};

struct doc_backup {
	const char *id;
	struct doc_party site;
	const char *identity; /* the text of the site's identity document */
	const char *hsm_serial;
	/*
	 * Key sets and keys as in a package; keys.transport is the site key, keys.ceremony the one in
	 * which it was made, keys.wrapping always aes-kw. Its other members are not used.
	 */
	struct doc_package keys;
	const struct doc_backup_set *sets;	  /* keys.keyset_count */
	const struct doc_backup_key *records;	  /* keys.key_count */
	const struct doc_backup_content *content; /* none: the document says nothing of such keys */
	size_t content_count;
	const struct doc_backup_out *left_out;
	size_t left_out_count;
	const char *const *partners; /* texts of the identity documents of enrolled partners */
	size_t partner_count;
	const char *checkpoint; /* of the site's audit log */
	int64_t created;
	unsigned char seal[DOC_SEAL_SIZE];

	unsigned char sealed[HASH_SIZE]; /* written by parse: what the seal is over */
	struct doc_sig sig;
	json_t *owner;
};

#define DOC_BACKUP_AUTO __attribute__((cleanup(doc_backup_free)))

/* What is to be sealed, before it is written. */
KMS_CHECKED enum kms_status doc_backup_digest(
	const struct doc_backup *backup, unsigned char ret_digest[HASH_SIZE], struct kms_err *err);
KMS_CHECKED enum kms_status doc_backup_write(const struct doc_backup *backup,
	const struct p256_signer *signer, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_backup_parse(
	const char *text, size_t len, struct doc_backup *ret_backup, struct kms_err *err);

/*
 * That the identity in it is that of backup->site, is signed by itself, and signed the backup. Whose
 * identity that is the fingerprint tells (NULL: not compared here), or the seal.
 */
KMS_CHECKED enum kms_status doc_backup_verify(
	const struct doc_backup *backup, const char *fingerprint, struct kms_err *err);
void doc_backup_free(struct doc_backup *backup);

#endif
