/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of store/ say about a call, and words for rows. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_16 "00112233445566778899AABBCCDDEEFF"
#define HEX_32 HEX_16 HEX_16
#define OP_1   "0A000000000000000000000000000001"
#define OP_2   "0A000000000000000000000000000002"
#define OP_3   "0A000000000000000000000000000003"
#define OP_EX  "0A0000000000000000000000000000EE"
#define ID_1   "1D000000000000000000000000000001"
#define ID_2   "1D000000000000000000000000000002"
#define ID_3   "1D000000000000000000000000000003"

#define OK(call) scenario_ok((call), &err, __LINE__)
static inline void scenario_ok(enum kms_status st, const struct kms_err *err, int line)
{
	if (st)
		fail_msg("line %d: %s: %s (%s)", line, kms_status_name(st), err->msg, err->native);
}

/* The call fails with this status, and the message has these words. */
#define FAILS(want, words, call) scenario_fails((call), (want), (words), &err, __LINE__)
static inline void scenario_fails(enum kms_status st, enum kms_status want, const char *words,
	const struct kms_err *err, int line)
{
	if (st != want)
		fail_msg("line %d: %s instead of %s: %s", line, kms_status_name(st),
			kms_status_name(want), st ? err->msg : "");
	if (!strstr(err->msg, words))
		fail_msg("line %d: '%s' is not in: %s", line, words, err->msg);
}

/* One failing change in a transaction of its own, which then cannot be committed. */
#define CHANGE_FAILS(want, words, call)                                       \
	do {                                                                  \
		struct kms_err later_ = {0};                                  \
		OK(store_begin(s, &err));                                     \
		FAILS(want, words, call);                                     \
		assert_int_equal(store_commit(s, &later_), KMS_ERR_INTERNAL); \
		assert_false(store_in_transaction(s));                        \
	} while (0)

/* One change in a transaction of its own. */
#define CHANGE(call)                       \
	do {                               \
		OK(store_begin(s, &err));  \
		OK(call);                  \
		OK(store_commit(s, &err)); \
	} while (0)

static inline void scenario_text(const char *a, const char *b, const char *what)
{
	if ((!a) != (!b) || (a && strcmp(a, b) != 0))
		fail_msg("%s: '%s' is not '%s'", what, a ? a : "NULL", b ? b : "NULL");
}

#define SAME_TEXT(a, b, member) scenario_text((a)->member, (b)->member, #member)
#define SAME_INT(a, b, member)	assert_int_equal((a)->member, (b)->member)

#endif
