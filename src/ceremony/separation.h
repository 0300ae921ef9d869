/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custodian separation: nobody holds two components of one key, also over time; and who exports,
 * carries or imports a package holds no component of its transport key.
 *
 * Arrays may come from the registry: the custodians of a key over all its ceremonies.
 */
#ifndef CEREMONY_SEPARATION_H
#define CEREMONY_SEPARATION_H

#include "base/err.h"
#include "ceremony/pairs.h"

#include <stddef.h>

struct cer_custodian {
	const char *name;
	unsigned component; /* 1 is the first */
};

/* A person and what they are to do: "export", "carry", "import", "approve". */
struct cer_person {
	const char *name;
	const char *does;
};

/*
 * KMS_ERR_DENIED if a person is a custodian of the key; the message names the person, what they
 * were to do, and the component. `key` is the key's label.
 */
KMS_CHECKED enum kms_status cer_separation_check(const char *key,
	const struct cer_custodian *custodians, size_t custodian_count,
	const struct cer_person *people, size_t people_count, struct kms_err *err);

/*
 * KMS_ERR_DENIED if somebody in `pairs` holds, in `earlier`, another component of the same key
 * (a re-issue, or the same ceremony run again). The same person on the same component is fine.
 */
KMS_CHECKED enum kms_status cer_separation_pairs(const char *key,
	const struct cer_custodian *earlier, size_t earlier_count, const struct cer_pairs *pairs,
	struct kms_err *err);

#endif
