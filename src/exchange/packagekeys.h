/* SPDX-License-Identifier: Apache-2.0 */
/* Inside exchange/: "keysets" and "keys" of a package. */
#ifndef EXCHANGE_PACKAGEKEYS_H
#define EXCHANGE_PACKAGEKEYS_H

#include "exchange/package.h"

/*
 * Allocates package->keysets and package->keys, after a failure too (or leaves them NULL).
 * package->transport and ->wrapping are read already: they give the length of the wrapped keys.
 */
KMS_CHECKED enum kms_status doc_read_package_keys(
	const json_t *object, struct doc_package *package, struct kms_err *err);

/* NULL if a text is missing or not UTF-8. */
json_t *doc_keysets_json(const struct doc_package *package);
json_t *doc_keys_json(const struct doc_package *package);

#endif
