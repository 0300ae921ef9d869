/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custody of component sheets: rows are only ever added, each saying all that is so from then on; and
 * people who have left. General rules: store/store.h.
 */
#ifndef STORE_CUSTODY_H
#define STORE_CUSTODY_H

#include "store/store.h"

struct store_custody {
	const char *ceremony_id; /* the last one in which the component was shown or typed */
	int64_t component;
	int64_t seq;	   /* of the component, from 1 */
	const char *event; /* moved, issued, returned, sent, destroyed */
	const char *state; /* held, returned, sent, destroyed */
	const char *custodian_a;
	const char *custodian_b;
	const char *deputies; /* opt: names with commas between */
	int64_t sheet_serial; /* opt */
	const char *bag;      /* opt: number of the tamper-evident bag */
	const char *safe;     /* opt */
	const char *channel;  /* opt: how it was conveyed, here or away */
	const char *carrier;  /* opt: a person who had it on the way */
	int64_t conveyed;     /* opt */
	int64_t issued;	      /* opt: to this pair */
	int64_t due;	      /* opt: to be returned by then */
	int64_t returned;     /* opt */
	int64_t accepted;     /* opt: when the pair signed that it accepts */
	int64_t recorded;
	const char *op_id; /* must exist */
};

struct store_custody_list {
	struct store_custody *items; /* by ceremony, component, seq */
	size_t count;
};

/* KMS_ERR_EXISTS if that number of the component is taken. */
KMS_CHECKED enum kms_status store_custody_add(
	struct store *s, const struct store_custody *row, struct kms_err *err);
KMS_CHECKED enum kms_status store_custodies(
	struct store *s, struct store_custody_list *ret_list, struct kms_err *err);
void store_custody_free(struct store_custody *row);
void store_custody_list_free(struct store_custody_list *list);

/* A sheet that never came to hold anything: the printer failed, or nobody could read it. */
struct store_void_sheet {
	int64_t serial; /* unique */
	const char *ceremony_id;
	int64_t component;
	const char *reason;
	int64_t recorded;
};

struct store_void_sheet_list {
	struct store_void_sheet *items; /* by serial */
	size_t count;
};

KMS_CHECKED enum kms_status store_void_sheet_add(
	struct store *s, const struct store_void_sheet *row, struct kms_err *err);
KMS_CHECKED enum kms_status store_void_sheets(
	struct store *s, struct store_void_sheet_list *ret_list, struct kms_err *err);
void store_void_sheet_free(struct store_void_sheet *row);
void store_void_sheet_list_free(struct store_void_sheet_list *list);

struct store_leaver {
	const char *folded; /* unique, as an officer's */
	const char *person;
	int64_t left_on;
	const char *reason; /* opt */
	const char *op_id;  /* must exist */
};

struct store_leaver_list {
	struct store_leaver *items; /* by folded name */
	size_t count;
};

KMS_CHECKED enum kms_status store_leaver_add(
	struct store *s, const struct store_leaver *row, struct kms_err *err);
KMS_CHECKED enum kms_status store_leavers(
	struct store *s, struct store_leaver_list *ret_list, struct kms_err *err);
void store_leaver_free(struct store_leaver *row);
void store_leaver_list_free(struct store_leaver_list *list);

#endif
