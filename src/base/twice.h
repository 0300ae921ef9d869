/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items that stand twice in a list that is too long to keep, exactly and in constant memory.
 *
 * A first reading puts every item into a filter (twice_seen), which knows each item that was there before,
 * and now and then takes a new one for such. These suspects are kept; a second reading finds out which
 * of them really stand twice (twice_again). The filter serves TWICE_WINDOW items: of a longer
 * list all items are read once more for each further window, those before it left out.
 */
#ifndef BASE_TWICE_H
#define BASE_TWICE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TWICE_ITEM_MAX = 64,	  /* bytes */
	TWICE_WINDOW = 32 << 20,  /* items */
	TWICE_SUSPECTS = 1 << 14, /* at most, between two second readings */
};

struct twice;

#define TWICE_AUTO __attribute__((cleanup(twice_free)))

KMS_CHECKED enum kms_status twice_new(struct twice **ret_twice, struct kms_err *err);
void twice_free(struct twice **twice);

/* A new window: nothing has been seen. Suspects stay. */
void twice_forget(struct twice *t);

/*
 * An item of this kind: if it may have been seen, it becomes a suspect; add: it is seen from now on.
 * *ret_full: there is hardly room for more, so that a second reading is due.
 */
KMS_CHECKED enum kms_status twice_seen(struct twice *t, int kind, const void *item, size_t len,
	bool add, bool *ret_full, struct kms_err *err);

/* After the last item of a window: some are looked at later, while memory is fetched. */
void twice_settle(struct twice *t);

size_t twice_suspects(const struct twice *t);
/*
 * In the second reading, of every item: the place of the same item before it, or 0; `place`, from 1,
 * is its own.
 */
int64_t twice_again(struct twice *t, int kind, const void *item, size_t len, int64_t place);
/* After it: no suspects. */
void twice_clear(struct twice *t);

#endif
