/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: a file of key blocks, one a line; blank lines and lines that begin with # are skipped. */
#ifndef OPS_BLOCKFILE_H
#define OPS_BLOCKFILE_H

#include "keys/keyblock.h"
#include "keys/plan.h"
#include "ops/exchange.h"

enum { BLOCKFILE_MAX = 256 * 1024, BLOCKFILE_LINES = 3 * KEY_PLAN_SETS_MAX };

struct blockfile_line {
	int number;
	const char *text; /* in the file */
	size_t len;
};

struct blockfile {
	struct op_file file;
	size_t count; /* at least 1 */
	struct blockfile_line lines[BLOCKFILE_LINES];
};

/* Every line is the text of a key block: KMS_ERR_INVALID names file, line and field. */
KMS_CHECKED enum kms_status blockfile_read(
	struct blockfile *file, const char *path, struct kms_err *err);
void blockfile_free(struct blockfile *file);

#endif
