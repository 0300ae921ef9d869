/* SPDX-License-Identifier: Apache-2.0 */
/* Inside exchange/: what a backup says of each key beside its block, and its keys without a key set. */
#ifndef EXCHANGE_BACKUPRECORD_H
#define EXCHANGE_BACKUPRECORD_H

#include "exchange/backup.h"

/* The members of struct doc_backup_key; ends with NULL. */
extern const char *const doc_backup_key_members[];

KMS_CHECKED enum kms_status doc_read_backup_key(const json_t *object, const char *key_what,
	struct doc_backup_key *ret_record, struct kms_err *err);

/* False: one is missing, is not UTF-8, or there is no memory. */
bool doc_add_backup_key(json_t *object, const struct doc_backup_key *record);

/*
 * "content_keys", which may be missing: backup->content, allocated, after a failure too (or NULL).
 * backup->keys is read already.
 */
KMS_CHECKED enum kms_status doc_read_content_keys(
	const json_t *object, struct doc_backup *backup, struct kms_err *err);

/* Nothing is added where there is none. False as above. */
bool doc_add_content_keys(json_t *object, const struct doc_backup *backup);

#endif
