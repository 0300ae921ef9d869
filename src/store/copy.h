/* SPDX-License-Identifier: Apache-2.0 */
/* A whole registry into another database. General rules: store/store.h. */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "store/store.h"

struct store_copied {
	int tables;
	int64_t rows;
};

/*
 * Every row of every table, in one transaction of `to`, which must be empty (else KMS_ERR_EXISTS), then read
 * back there and compared. KMS_ERR_MISMATCH: what was read back differs; nothing stays. No transaction may be open on either; nobody else may change `from` meanwhile.
 */
KMS_CHECKED enum kms_status store_copy(
	struct store *from, struct store *to, struct store_copied *ret_copied, struct kms_err *err);

/* The tables, each after those that it refers to; ends with NULL. */
extern const char *const store_tables[];

#endif
