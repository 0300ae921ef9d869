/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published attacks on PKCS#11 tokens, run for what they are: an operator who has the PIN, and
 * nothing else, tries to learn a key. All on throw-away session objects that are made just as this
 * program makes its keys, with values that are known beforehand: an attack succeeds only if it comes
 * out with that value (or with what the row says).
 *
 * Sources: J. Clulow, "On the Security of PKCS #11" (CHES 2003); M. Bortolozzo, M. Centenaro,
 * R. Focardi, G. Steel, "Attacking and Fixing PKCS#11 Security Tokens" (CCS 2010).
 */
#ifndef HSM_ATTACK_H
#define HSM_ATTACK_H

#include "hsm/probe.h"

enum hsm_attack_outcome {
	HSM_ATTACK_FAILS,
	HSM_ATTACK_SUCCEEDS,
	HSM_ATTACK_UNTRIED, /* there is no key to attack: the token takes none from the host */
};

const char *hsm_attack_outcome_name(enum hsm_attack_outcome outcome);

struct hsm_attack_result {
	const char *name;   /* "wrap-decrypt"; stable */
	const char *target; /* the role of the key that is attacked: "master-vault" */
	const char *what;   /* one line for people */
	enum hsm_attack_outcome outcome;
	char native[48]; /* what the token answered to the step that it refused, or "" */
};

size_t hsm_attack_count(void);

/* Number i; needs a login. Fails only if the token cannot be used at all. */
KMS_CHECKED enum kms_status hsm_attack_run(
	struct hsm *hsm, size_t i, struct hsm_attack_result *ret_result, struct kms_err *err);

/* A key of a role, made on the session and read back. */
struct hsm_role_result {
	const char *role;
	bool right;
	char diff[256]; /* what differs, or the token's answer */
};

/* The roles of template.c that are for secret keys, by number; false: there are no more. */
bool hsm_role_at(size_t i, enum hsm_role *ret_role);
KMS_CHECKED enum kms_status hsm_role_try(struct hsm *hsm, enum hsm_role role,
	struct hsm_role_result *ret_result, struct kms_err *err);

#endif
