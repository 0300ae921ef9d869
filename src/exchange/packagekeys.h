/* SPDX-License-Identifier: Apache-2.0 */
/* Inside exchange/: "keysets" and "keys" of a package, or of a backup, which says more of each. */
#ifndef EXCHANGE_PACKAGEKEYS_H
#define EXCHANGE_PACKAGEKEYS_H

#include "exchange/package.h"

struct doc_keys_form {
	const char *what, *set_what, *key_what; /* for messages */
	size_t sets_max, keys_max;
	const char *const *set_members; /* further ones that each has; ends with NULL; or NULL */
	const char *const *key_members;
};

extern const struct doc_keys_form doc_package_form;

/*
 * Allocates package->keysets and package->keys, after a failure too (or leaves them NULL).
 * package->transport and ->wrapping are read already: they give the length of the wrapped keys.
 */
KMS_CHECKED enum kms_status doc_read_package_keys(const json_t *object,
	const struct doc_keys_form *form, struct doc_package *package, struct kms_err *err);

/* NULL if a text is missing or not UTF-8. */
json_t *doc_keysets_json(const struct doc_package *package);
json_t *doc_keys_json(const struct doc_package *package);

#endif
