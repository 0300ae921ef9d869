/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for key bytes, PINs, passphrases and components.
 *
 * It comes from OpenSSL's secure heap (locked, not dumped, wiped when freed). Declare a secret as
 * `SECRET_AUTO struct secret s = {0};` and every way out of the scope wipes it. Secrets are never
 * passed to a printf-family function: stdio keeps copies. Hex of a secret is a secret too.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct secret {
	unsigned char *data; /* NULL when empty; always followed by one zero byte */
	size_t len;	     /* bytes in use */
	size_t cap;
};

#define SECRET_AUTO __attribute__((cleanup(secret_free)))

/*
 * Sets up the secure heap and makes the process undumpable (PR_SET_DUMPABLE 0, RLIMIT_CORE 0).
 * Call once, before any other thread or secret exists. Refuses (KMS_ERR_IO) if the heap could not
 * be locked: a secret that may reach swap is not a secret.
 */
KMS_CHECKED enum kms_status secret_heap_open(struct kms_err *err);

/* Makes room for len zeroed bytes; what s held before is wiped. */
KMS_CHECKED enum kms_status secret_alloc(struct secret *s, size_t len, struct kms_err *err);

KMS_CHECKED enum kms_status secret_copy(
	struct secret *s, const void *data, size_t len, struct kms_err *err);

/* Appends, growing by copy and wipe. */
KMS_CHECKED enum kms_status secret_append(
	struct secret *s, const void *data, size_t len, struct kms_err *err);

/* Moves the bytes: *from is empty afterwards. */
void secret_take(struct secret *to, struct secret *from);

/* Wipes and releases; safe on an empty secret and twice. */
void secret_free(struct secret *s);

/* Compares in constant time (for equal lengths). */
bool secret_equal(const struct secret *a, const struct secret *b);

/* Wipes memory that is not a struct secret (a stack block), in a way no compiler removes. */
void secret_wipe(void *data, size_t len);

#endif
