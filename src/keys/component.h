/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key components: N values of the key's full length whose XOR is the key. Parity of TDEA keys is
 * set on the combined key, never on a component: an even number of odd-parity components has even
 * parity.
 */
#ifndef KEYS_COMPONENT_H
#define KEYS_COMPONENT_H

#include "base/secret.h"
#include "keys/key.h"

/*
 * One component on its own (`index` from 1 for the message): right length and not all zero (nor, for
 * TDEA, all zero but for parity).
 */
KMS_CHECKED enum kms_status key_component_check(
	enum key_alg alg, const struct secret *component, unsigned index, struct kms_err *err);

/*
 * All together: 2 to 9, each as above, no two equal, XOR not zero, and the combined key one that
 * key_check_material accepts. KMS_ERR_INVALID names the components by index.
 */
KMS_CHECKED enum kms_status key_components_check(
	enum key_alg alg, const struct secret *components, size_t count, struct kms_err *err);

/* Checks as above, then XORs; TDEA parity is set on the result. */
KMS_CHECKED enum kms_status key_combine(enum key_alg alg, const struct secret *components,
	size_t count, struct secret *ret_key, struct kms_err *err);

#endif
