/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throw-away sites for a rehearsal: a folder on a memory disk, SoftHSM tokens in it, this site and its
 * partner, all secrets of both REHEARSAL_WORD. Everything is gone with rehearsal_close; nothing of it
 * was ever real.
 */
#ifndef CLI_REHEARSE_H
#define CLI_REHEARSE_H

#include "base/err.h"
#include "ceremony/plan.h"
#include "ops/ops.h"

#include <limits.h>

/* PIN of every token and passphrase of every officer. */
#define REHEARSAL_WORD "rehearsal-only"

/* The sheets of a key that was made without people. */
struct rehearsal_sheets {
	size_t count;
	struct secret text[CER_COMPONENTS_MAX]; /* as cer_sheet_render wrote them */
	char check_value[KEY_KCV_TEXT_SIZE];	/* of the key */
};

struct rehearsal {
	char dir[PATH_MAX / 2];
	const char *module; /* SoftHSM's */
	struct op_site *here, *there;
	char *here_officers;
	struct rehearsal_sheets sheets;
};

#define REHEARSAL_AUTO __attribute__((cleanup(rehearsal_close)))

/* The folder and its SoftHSM; module NULL: where distributions have it. */
KMS_CHECKED enum kms_status rehearsal_open(
	const char *module, struct rehearsal *r, struct kms_err *err);
void rehearsal_close(struct rehearsal *r);

/* "DIR/NAME" of the rehearsal's folder; false if too long. */
bool rehearsal_path(const struct rehearsal *r, const char *name, char path[PATH_MAX]);

/* A site with its two officers and no token yet. */
KMS_CHECKED enum kms_status rehearsal_site(struct rehearsal *r, const char *folder,
	const char *name, const char *role, const char *const officers[2],
	struct op_site **ret_site, struct kms_err *err);
/* The same again, after its token was lost. */
KMS_CHECKED enum kms_status rehearsal_reopen(struct rehearsal *r, const char *folder,
	const char *officers, struct op_site **ret_site, struct kms_err *err);
KMS_CHECKED enum kms_status rehearsal_lose_tokens(struct rehearsal *r, struct kms_err *err);

/* URI of the token of that name; valid until the rehearsal's end, to be freed. */
char *rehearsal_uri(const struct rehearsal *r, const char *token, struct kms_err *err);

/* What a room is for making a key without people, and for typing the same components in again. */
void rehearsal_make(struct rehearsal *r, struct op_components *key);
void rehearsal_type(struct rehearsal *r, struct op_components *key);
/* The key's check value, of the report of the operation that made it. */
KMS_CHECKED enum kms_status rehearsal_made(
	struct rehearsal *r, const json_t *report, struct kms_err *err);

#endif
