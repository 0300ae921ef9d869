/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of a benchmark and the SoftHSM token in one of them. */
#ifndef SUPPORT_PLACE_H
#define SUPPORT_PLACE_H

#include "hsm/hsm.h"
#include "hsm/p11.h"

#include <limits.h>

/* A folder of its own in TMPDIR (else /tmp), removed with all that is in it. */
struct bench_place {
	char dir[PATH_MAX / 2];
};

#define BENCH_PLACE_AUTO __attribute__((cleanup(bench_place_close)))

KMS_CHECKED enum kms_status bench_place_open(struct bench_place *place, struct kms_err *err);
void bench_place_close(struct bench_place *place);

/* An empty SoftHSM token store in it, and SOFTHSM2_CONF pointing there. */
KMS_CHECKED enum kms_status bench_softhsm_conf(
	const struct bench_place *place, struct kms_err *err);

/* A SoftHSM token, once through our API and once through its bare function list and session. */
struct bench_token {
	struct bench_place place;
	struct hsm *hsm; /* logged in */
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session; /* of the bare half; the login is the process's */
	void *module;
};

#define BENCH_TOKEN_AUTO __attribute__((cleanup(bench_token_close)))

KMS_CHECKED enum kms_status bench_token_open(struct bench_token *token, struct kms_err *err);
void bench_token_close(struct bench_token *token);

/* KMS_ERR_HSM for anything but CKR_OK, naming the call. */
KMS_CHECKED enum kms_status bench_rv(CK_RV rv, const char *call, struct kms_err *err);

#endif
