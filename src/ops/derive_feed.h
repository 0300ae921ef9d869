/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: cards a chunk at a time, read by a thread of its own while the HSM works on the chunk
 * before. It touches nothing but the file.
 */
#ifndef OPS_DERIVE_FEED_H
#define OPS_DERIVE_FEED_H

#include "ops/derive_cards.h"

struct derive_feed;

/* From the first row on; path and fit stay the caller's. */
KMS_CHECKED enum kms_status derive_feed_start(const char *path, const struct derive_fit *fit,
	size_t chunk, struct derive_feed **ret_feed, struct kms_err *err);
/* The next chunk's rows, good until the next call: 0 of them after the last. */
KMS_CHECKED enum kms_status derive_feed_next(struct derive_feed *feed,
	const struct key_bulk_card **ret_rows, size_t *ret_count, struct kms_err *err);
/* After the last: SHA-256 of the file. */
KMS_CHECKED enum kms_status derive_feed_hash(
	const struct derive_feed *feed, unsigned char ret_hash[HASH_SIZE], struct kms_err *err);
void derive_feed_stop(struct derive_feed **feed);

#define DERIVE_FEED_AUTO __attribute__((cleanup(derive_feed_stop)))

#endif
