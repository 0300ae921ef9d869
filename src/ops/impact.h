/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: what hangs on a key. Which cards carry keys of a set; which keys travelled under a
 * transport, site or zone key; whom they went to. For the end of a key, and for its compromise.
 */
#ifndef OPS_IMPACT_H
#define OPS_IMPACT_H

#include "base/js.h"
#include "ops/site.h"
#include "store/keys.h"

/* Label of the transport key by which an imported key set came here; NULL: it was not imported. */
KMS_CHECKED enum kms_status op_came_under(struct op_site *site, const struct store_keyset *set,
	char **ret_label, struct kms_err *err);

/* The keys that a word names: the key of that label, else all live keys of that key set. */
KMS_CHECKED enum kms_status op_keys_named(struct op_site *site, const char *name,
	struct store_key_list *ret_keys, bool *ret_keyset, struct kms_err *err);

/*
 * What must be thought to be known if these keys are: an object with "keysets" (each with its cards,
 * partners, HSMs), "transport_keys", "backups", "cards", and "todo": what to do, in words.
 */
KMS_CHECKED enum kms_status op_impact(struct op_site *site, const struct store_key_list *keys,
	json_t **ret_report, struct kms_err *err);

/* All cards that depend on the key sets of such a report, as a CSV file. */
KMS_CHECKED enum kms_status op_impact_cards(
	struct op_site *site, const json_t *report, const char *path, struct kms_err *err);

#endif
