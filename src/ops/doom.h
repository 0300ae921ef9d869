/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: what an operation destroys, on the principal HSM and on others. A destruction is
 * never undone: what was interrupted is completed from the list in the journal (reconcile.c).
 */
#ifndef OPS_DOOM_H
#define OPS_DOOM_H

#include "ops/hsms.h"
#include "ops/meta.h"

struct op_doomed {
	char id[OP_ID_HEX];
	char label[KEY_LABEL_MAX + 1];
	char hsm[KEY_LABEL_MAX + 1]; /* "": the principal one */
};

struct op_doom {
	struct op_doomed *items;
	size_t count;
	/* Not the objects, only the rows: their HSM is gone. */
	bool rows_only;
};

void op_doom_free(struct op_doom *doom);

/* Adds a key with all its copies; adds all copies on one HSM. */
KMS_CHECKED enum kms_status op_doom_key(struct op_site *site, struct op_doom *doom,
	const struct store_key *row, struct kms_err *err);
KMS_CHECKED enum kms_status op_doom_hsm(
	struct op_site *site, struct op_doom *doom, const char *hsm, struct kms_err *err);

/* Into the detail of the operation's journal row, and from there. */
KMS_CHECKED enum kms_status op_doom_note(
	struct op *op, const struct op_doom *doom, struct kms_err *err);
KMS_CHECKED enum kms_status op_doom_read(
	const char *detail, struct op_doom *ret_doom, struct kms_err *err);

/* Whether a login is missing; makes those that are. */
bool op_doom_lacks_login(const struct op_site *site, const struct op_doom *doom);
KMS_CHECKED enum kms_status op_doom_login(
	struct op_site *site, const struct op_doom *doom, struct kms_err *err);

/* Destroys what is there of it, and looks that nothing is left. Can be repeated. */
KMS_CHECKED enum kms_status op_doom_objects(
	struct op_site *site, const struct op_doom *doom, struct kms_err *err);
/* Their rows, inside a transaction. Can be repeated. */
KMS_CHECKED enum kms_status op_doom_rows(struct op_site *site, const struct op_doom *doom,
	const char *reason, int64_t now, struct kms_err *err);

#endif
