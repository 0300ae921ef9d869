/* SPDX-License-Identifier: Apache-2.0 */
/* Journal of operations (intent and outcome), ceremonies, exchanged documents. store/store.h. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/store.h"

/* An operation that changes something: a row in state intent is one that never ended. */
struct store_op {
	const char *id; /* 16 random bytes in hex */
	const char *kind;
	const char *subject;
	const char *actor;
	int64_t started;
	const char *state;   /* intent, done, failed, rolled-back */
	const char *detail;  /* opt: JSON of the caller's, what reconciliation needs */
	int64_t finished;    /* opt */
	const char *outcome; /* opt: why it failed */
};

struct store_op_list {
	struct store_op *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_op_add(
	struct store *s, const struct store_op *op, struct kms_err *err);
KMS_CHECKED enum kms_status store_op_get(
	struct store *s, const char *id, struct store_op *ret_op, struct kms_err *err);
/* Of one state, or of all (NULL). */
KMS_CHECKED enum kms_status store_ops(
	struct store *s, const char *state, struct store_op_list *ret_list, struct kms_err *err);
/* Those of exchanges (kind exchange.…) that are done. */
KMS_CHECKED enum kms_status store_ops_exchange(
	struct store *s, struct store_op_list *ret_list, struct kms_err *err);
/* Those that began then or later, of any state. */
KMS_CHECKED enum kms_status store_ops_since(
	struct store *s, int64_t started, struct store_op_list *ret_list, struct kms_err *err);
/* Only while in state intent, else KMS_ERR_STATE. */
KMS_CHECKED enum kms_status store_op_set_detail(
	struct store *s, const char *id, const char *detail, struct kms_err *err);
/* From intent to done, failed or rolled-back, else KMS_ERR_STATE. outcome may be NULL. */
KMS_CHECKED enum kms_status store_op_finish(struct store *s, const char *id, const char *state,
	const char *outcome, int64_t when, struct kms_err *err);
void store_op_free(struct store_op *op);
void store_op_list_free(struct store_op_list *list);

struct store_ceremony {
	const char *id; /* as on the sheets: 7F3K-22QD */
	const char *kind;
	const char *key_label;
	const char *algorithm;
	int64_t components;
	const char *partner; /* opt */
	const char *op_id;   /* opt: must exist */
	const char *state;   /* started, done, failed, interrupted */
	int64_t started;
	int64_t ended;	     /* opt */
	const char *minutes; /* opt: JSON, never a component */
};

struct store_ceremony_list {
	struct store_ceremony *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_ceremony_add(
	struct store *s, const struct store_ceremony *ceremony, struct kms_err *err);
KMS_CHECKED enum kms_status store_ceremony_get(
	struct store *s, const char *id, struct store_ceremony *ret_ceremony, struct kms_err *err);
/* Of one state, or of all (NULL). */
KMS_CHECKED enum kms_status store_ceremonies(struct store *s, const char *state,
	struct store_ceremony_list *ret_list, struct kms_err *err);
/* From started to done, failed or interrupted, else KMS_ERR_STATE. minutes may be NULL. */
KMS_CHECKED enum kms_status store_ceremony_finish(struct store *s, const char *id,
	const char *state, const char *minutes, int64_t when, struct kms_err *err);
void store_ceremony_free(struct store_ceremony *ceremony);
void store_ceremony_list_free(struct store_ceremony_list *list);

/* One person in one ceremony. */
struct store_custodian {
	const char *ceremony_id; /* must exist */
	int64_t component;	 /* 1 is the first */
	int64_t position;	 /* in the pair: 1, 2 */
	const char *person;
	const char *folded;	 /* unique within the ceremony: no one holds two components */
	int64_t sheet_serial;	 /* opt: from store_counter_take(STORE_COUNTER_SHEET) */
	const char *check_value; /* opt: of the component */
	const char *sheet_state; /* the caller's word */
};

struct store_custodian_list {
	struct store_custodian *items; /* by component, position */
	size_t count;
};

KMS_CHECKED enum kms_status store_custodian_add(
	struct store *s, const struct store_custodian *custodian, struct kms_err *err);
/* Both of a pair: sheet_serial (opt), check_value (opt) and sheet_state of a component. */
KMS_CHECKED enum kms_status store_component_set(struct store *s, const char *ceremony_id,
	int64_t component, int64_t sheet_serial, const char *check_value, const char *sheet_state,
	struct kms_err *err);
KMS_CHECKED enum kms_status store_custodians(struct store *s, const char *ceremony_id,
	struct store_custodian_list *ret_list, struct kms_err *err);
void store_custodian_free(struct store_custodian *custodian);
void store_custodian_list_free(struct store_custodian_list *list);

/* A request, package or receipt that was sent or received. */
struct store_doc {
	const char *id;
	const char *kind;      /* request, package, receipt */
	const char *direction; /* in, out */
	const char *partner;
	const char *state;	   /* open, consumed, answered, closed, cancelled */
	const char *nonce;	   /* hex; unique for kind and direction */
	const char *sha256;	   /* hex, of the bytes */
	const char *text;	   /* the bytes */
	const char *related;	   /* opt: id of the document it answers */
	const char *transport_key; /* opt: label */
	const char *op_id;	   /* opt: must exist */
	int64_t created;
	int64_t changed; /* opt: when it left state open */
};

struct store_doc_list {
	struct store_doc *items; /* oldest first */
	size_t count;
};

KMS_CHECKED enum kms_status store_doc_add(
	struct store *s, const struct store_doc *doc, struct kms_err *err);
KMS_CHECKED enum kms_status store_doc_get(
	struct store *s, const char *id, struct store_doc *ret_doc, struct kms_err *err);
KMS_CHECKED enum kms_status store_doc_by_nonce(struct store *s, const char *kind,
	const char *direction, const char *nonce, struct store_doc *ret_doc, struct kms_err *err);
/* The oldest with these bytes. */
KMS_CHECKED enum kms_status store_doc_by_sha256(struct store *s, const char *kind,
	const char *direction, const char *sha256, struct store_doc *ret_doc, struct kms_err *err);
/* Of one kind, or of all (NULL). */
KMS_CHECKED enum kms_status store_docs(
	struct store *s, const char *kind, struct store_doc_list *ret_list, struct kms_err *err);
/* KMS_ERR_STATE unless it is in state `from`: how a nonce is consumed exactly once. */
KMS_CHECKED enum kms_status store_doc_set_state(struct store *s, const char *id, const char *from,
	const char *to, int64_t when, struct kms_err *err);
void store_doc_free(struct store_doc *doc);
void store_doc_list_free(struct store_doc_list *list);

#endif
