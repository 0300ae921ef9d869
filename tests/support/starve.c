/* SPDX-License-Identifier: Apache-2.0 */
#include "support/starve.h"

#include "base/secret.h"
#include "support/expect.h"

enum { PIECE = 31 /* the smallest block of the heap, with its zero byte */, PIECES_MAX = 4096 };

static struct secret pieces[PIECES_MAX];
static size_t held;

static void take_all(void)
{
	struct kms_err ignored = {0};

	while (held < PIECES_MAX && secret_alloc(&pieces[held], PIECE, &ignored) == KMS_OK)
		held++;
	assert_true(held < PIECES_MAX);
}

static void give_back(size_t count)
{
	while (count-- > 0 && held > 0)
		secret_free(&pieces[--held]);
}

void starve_through(enum kms_status (*run)(void *ctx, struct kms_err *err), void *ctx)
{
	for (size_t room = 0;; room += room < 16 ? 1 : room / 2) {
		struct kms_err err = {0};
		enum kms_status st;
		size_t all;

		take_all();
		all = held;
		give_back(room);
		st = run(ctx, &err);
		give_back(held);
		if (st == KMS_OK) {
			assert_true(room > 0);
			return;
		}
		if (st != KMS_ERR_NOMEM || !err.msg[0])
			fail_msg("with room for %zu: %s (%s)", room, kms_status_name(st), err.msg);
		assert_true(room < all);
	}
}
