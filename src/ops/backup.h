/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: what making, verifying and restoring a backup have in common. */
#ifndef OPS_BACKUP_H
#define OPS_BACKUP_H

#include "exchange/backup.h"
#include "ops/exchange.h"
#include "store/vault.h"

struct op_backup {
	struct op_file file;
	struct doc_backup doc;
};

/* Reads and parses the file; nothing of it is believed yet. */
KMS_CHECKED enum kms_status op_backup_read(
	struct op_backup *backup, const char *path, struct kms_err *err);
void op_backup_free(struct op_backup *backup);

/*
 * Whether a backup has a key like that of the row: masters, and the AES keys behind content. Of the rest
 * it has the label: no HSM gives those out.
 */
bool op_backup_takes(const struct store_key *row);

/* All keys in it. */
size_t op_backup_key_count(const struct doc_backup *doc);

/* The site key to make a backup with: the one named, or the only active one. */
KMS_CHECKED enum kms_status op_backup_site_key(
	struct op_site *site, const char *label, struct store_key *ret_row, struct kms_err *err);

/*
 * The site key of this site that the backup is wrapped under, by algorithm and check value: before
 * anything is unwrapped. KMS_ERR_MISMATCH says which check value is here and which is there.
 */
KMS_CHECKED enum kms_status op_backup_matching_key(struct op_site *site,
	const struct doc_backup *doc, struct store_key *ret_row, struct kms_err *err);

/* Whose signature it is; the signature itself is good, or this is KMS_ERR_MISMATCH. */
enum op_backup_signer {
	OP_SIGNER_UNKNOWN, /* an identity that is not known here: only the seal can vouch for it */
	OP_SIGNER_NAMED,   /* the one whose fingerprint the caller was given */
	OP_SIGNER_SELF,
	OP_SIGNER_FORMER, /* an identity that this site had */
};
/* site and fingerprint may be NULL. */
KMS_CHECKED enum kms_status op_backup_signed_by(struct op_site *site, const struct doc_backup *doc,
	const char *fingerprint, enum op_backup_signer *ret_signer, struct kms_err *err);
const char *op_backup_signer_text(enum op_backup_signer signer);

/* That the seal is by this site key: KMS_ERR_MISMATCH if not. Needs a login. */
KMS_CHECKED enum kms_status op_backup_check_seal(struct op_site *site, const struct doc_backup *doc,
	struct hsm_key *site_key, struct kms_err *err);

/* Every key in it unwrapped into session objects, and its check value compared. */
KMS_CHECKED enum kms_status op_backup_try_keys(struct op_site *site, const struct doc_backup *doc,
	struct hsm_key *site_key, struct kms_err *err);

/* Adds its facts to a report. */
KMS_CHECKED enum kms_status op_backup_facts(
	const struct op_backup *backup, json_t *report, struct kms_err *err);

#endif
