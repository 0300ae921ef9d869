/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: passphrases that are tried too often.
 *
 * A try is counted, durably, before the passphrase is looked at: who ends the program in between has
 * used it up. The policy's last try in a row locks the officer until two others unlock. Where no two
 * others could, the lock ends by itself after an hour, and each further wrong try brings another one:
 * or anybody at the keyboard could lock a site out of itself for good.
 */
#ifndef OPS_OFFICER_LOCK_H
#define OPS_OFFICER_LOCK_H

#include "ops/site.h"
#include "store/people.h"

enum { OFFICER_TRIES = 5, OFFICER_TRIES_MAX = 100, OFFICER_LOCK_SECONDS = 3600 };

/* Where only a security officer will do. */
#define OFFICER_APPROVES "security-officer"

/* KMS_ERR_DENIED if the officer is locked: nobody need be asked for a passphrase. */
KMS_CHECKED enum kms_status officer_lock_check(
	struct op_site *site, const struct store_officer *officer, struct kms_err *err);

/* Counts one; *officer is read again, and is as it was before in *ret_before. */
KMS_CHECKED enum kms_status officer_try_begin(struct op_site *site, struct store_officer *officer,
	struct store_officer *ret_before, struct kms_err *err);
/* It was right: counted from nothing again, or, in a dry run, as if it had not been. */
KMS_CHECKED enum kms_status officer_try_right(struct op_site *site, struct store_officer *officer,
	const struct store_officer *before, struct kms_err *err);
/* It was wrong: KMS_ERR_AUTH, always. */
enum kms_status officer_try_wrong(
	struct op_site *site, const struct store_officer *officer, struct kms_err *err);

/* Whether `time` (0: never locked) still locks; *ret_until: when that ends, 0 if by officers only. */
KMS_CHECKED enum kms_status officer_locked(struct op_site *site,
	const struct store_officer *officer, bool *ret_locked, int64_t *ret_until,
	struct kms_err *err);

#endif
