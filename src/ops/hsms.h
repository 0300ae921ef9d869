/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: the site's HSMs beside the principal one (hsm add). They hold copies of its keys,
 * each with the CKA_ID and the label of the key that it was made from.
 */
#ifndef OPS_HSMS_H
#define OPS_HSMS_H

#include "ops/site.h"
#include "store/vault.h"

struct op_hsm {
	struct store_hsm row;
	struct hsm *hsm;
	bool logged_in;
	struct op_hsm *next;
};

/* What an HSM of that kind holds: HSM_MASTER_VAULT or HSM_MASTER_PRODUCTION copies. */
bool op_hsm_is_production(const struct op_hsm *hsm);

/*
 * The HSM of that name, its module loaded, its token found and the recorded one. Owned by the site,
 * and opened once.
 */
KMS_CHECKED enum kms_status op_hsm_open(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err);

/* op_hsm_open and a login; the PIN is asked for as "pin.NAME". */
KMS_CHECKED enum kms_status op_hsm_login(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err);

/*
 * op_hsm_login for an operation about to work there: settles what an interrupted one left, now that
 * it can be. Not for reconciliation itself.
 */
KMS_CHECKED enum kms_status op_hsm_enter(
	struct op_site *site, const char *name, struct op_hsm **ret_hsm, struct kms_err *err);

/* What was there counts as gone: hsm remove --lost. */
bool op_hsm_is_gone(const struct op_site *site, const char *name);

bool op_hsm_logged_in(const struct op_site *site, const char *name);

/* As op_hsm_open, of a row that is not in the store yet; takes the row's texts by copy. */
KMS_CHECKED enum kms_status op_hsm_open_row(struct op_site *site, const struct store_hsm *row,
	struct op_hsm **ret_hsm, struct kms_err *err);

/* KMS_ERR_INVALID if its token is the principal HSM's, by whatever name. */
KMS_CHECKED enum kms_status op_hsm_is_another(
	struct op_site *site, const struct op_hsm *hsm, struct kms_err *err);

void op_hsms_close(struct op_site *site);

#endif
