/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: where the sheets of components are, and in whose hands they ever were.
 *
 * A ceremony that is done puts its components into the hands of its pairs; rows of custody say what
 * became of the sheets since. Both only grow, so that who has ever held a component stays known: that
 * is what the rule looks at by which nobody holds two of one key.
 */
#ifndef OPS_CUSTODY_H
#define OPS_CUSTODY_H

#include "base/js.h"
#include "ceremony/pairs.h"
#include "ops/ceremony.h"
#include "store/custody.h"
#include "store/journal.h"
#include "store/keys.h"

/* The sheet of one component, as things are. */
struct custody_sheet {
	const struct store_ceremony *made;    /* in which it came here or was made */
	const struct store_ceremony *touched; /* the last one in which it was typed */
	const struct store_key *key;	      /* NULL: no row of it */
	struct store_custody now; /* borrowed texts; op_id NULL: nothing recorded since */
	const char *check_value;  /* of the component, or NULL */
};

struct custody {
	struct store_ceremony_list ceremonies;
	struct store_key_list keys;
	struct store_custody_list rows;
	struct store_leaver_list leavers;
	struct store_custodian_list *people; /* of each ceremony */
	struct custody_sheet *sheets;	     /* oldest first, by component */
	size_t count;
};

#define CUSTODY_AUTO __attribute__((cleanup(custody_free)))

KMS_CHECKED enum kms_status custody_load(
	struct op_site *site, struct custody *ret_custody, struct kms_err *err);
void custody_free(struct custody *custody);

/* The newest sheet of that component that is not destroyed, else the newest. KMS_ERR_NOT_FOUND. */
KMS_CHECKED enum kms_status custody_find(const struct custody *custody, const char *label,
	int64_t component, const struct custody_sheet **ret_sheet, struct kms_err *err);

/* Neither key nor sheet are there any more. */
bool custody_is_over(const struct custody_sheet *sheet);
/* As a row of `custody list`; NULL out of memory. */
json_t *custody_json(const struct custody_sheet *sheet);
/* "2026-11-26" of a time, "" of 0. */
enum { CUSTODY_DATE_SIZE = 11 };
void custody_date(int64_t time, char out[CUSTODY_DATE_SIZE]);

/* Calls back for each name in a list "X, Y" (NULL: none), until one fails. */
typedef enum kms_status custody_name_fn(void *ctx, const char *name, struct kms_err *err);
KMS_CHECKED enum kms_status custody_names(
	const char *list, custody_name_fn *each, void *ctx, struct kms_err *err);

/* ---- custody_rule.c ---- */

/*
 * Everybody who has ever held a component of the key, under whatever label it was here, once with each;
 * `deputies`: and who stands by for one.
 */
KMS_CHECKED enum kms_status custody_holders(struct op_site *site, const struct custody *custody,
	const struct custody_sheet *sheet, bool deputies, struct op_custodians *ret_holders,
	struct kms_err *err);

/*
 * KMS_ERR_DENIED if that person has held, or stands by for, another component than this one; somebody of
 * nearly that name needs an override.
 */
KMS_CHECKED enum kms_status custody_rule(struct op *op, const char *label,
	const struct op_custodians *holders, const char *person, int64_t component,
	struct kms_err *err);

/*
 * The same for the pairs of a ceremony, by one label of the key; also if two of them may be one person
 * under two spellings.
 */
KMS_CHECKED enum kms_status custody_rule_pairs(
	struct op *op, const char *label, const struct cer_pairs *pairs, struct kms_err *err);

/* KMS_ERR_DENIED for a person who has left. */
KMS_CHECKED enum kms_status custody_not_left(
	const struct custody *custody, const char *person, struct kms_err *err);
/* Whether that person has left, or is an officer who was disabled; *ret_on is when. */
KMS_CHECKED enum kms_status custody_has_left(struct op_site *site, const struct custody *custody,
	const char *person, bool *ret_left, int64_t *ret_on, struct kms_err *err);

/* Two components of one key that one hand can reach; that went the same way on the same day. */
bool custody_within_reach(const struct store_custody *a, const struct store_custody *b);
bool custody_same_way(const struct store_custody *a, const struct store_custody *b);

/* ---- custody_audit.c ---- */

/*
 * What must be replaced because people know components who have left (and `person`, of whose keys only
 * it is then told; or NULL): an array of "key", "components" that are known, "rekey", "todo".
 */
KMS_CHECKED enum kms_status custody_rekey(struct op_site *site, const struct custody *custody,
	const char *person, json_t **ret_rows, struct kms_err *err);

#endif
