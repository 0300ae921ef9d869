/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of a site: one changing operation at a time, from authorisation to outcome, which a
 * database transaction can't cover because the HSM acts in between. Operations on cards share it: each
 * has a card of its own, and what they share is in transactions.
 *
 * It is a flock on a file, so the kernel releases it when the holder dies; the file stays. A child
 * forked while it is held shares it until the child ends or executes another program.
 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include "base/err.h"

#include <stdbool.h>

struct store_lock;

/*
 * Waits up to wait_seconds, then KMS_ERR_BUSY with the process id of the holder. `path` is the lock
 * file (DIR/cardkms.lock), made with mode 0600 if absent.
 */
KMS_CHECKED enum kms_status store_lock_take(
	const char *path, int wait_seconds, struct store_lock **ret_lock, struct kms_err *err);

/*
 * The same, shared with others who share it. *ret_alone: nobody else has it; then others are kept out
 * until store_lock_share, so that what a dead one left can be settled.
 */
KMS_CHECKED enum kms_status store_lock_take_shared(const char *path, int wait_seconds,
	struct store_lock **ret_lock, bool *ret_alone, struct kms_err *err);
KMS_CHECKED enum kms_status store_lock_share(
	struct store_lock *lock, int wait_seconds, struct kms_err *err);

/*
 * Extends a lock that was just taken to the other machines that work on the store; nothing to do
 * where it is a file. shared: as it was taken, with *io_alone as that said it; *io_alone false after
 * it was true: another machine has it, and it is shared now.
 */
struct store;
KMS_CHECKED enum kms_status store_lock_extend(struct store_lock *lock, struct store *s, bool shared,
	int wait_seconds, bool *io_alone, struct kms_err *err);

/* NULL-safe. */
void store_lock_release(struct store_lock *lock);

#define STORE_LOCK_AUTO __attribute__((cleanup(store_lock_release_pointer)))
static inline void store_lock_release_pointer(struct store_lock **lock)
{
	store_lock_release(*lock);
}

#endif
