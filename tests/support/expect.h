/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka checks of the status idiom: `err` is the test's own struct kms_err. */
#ifndef SUPPORT_EXPECT_H
#define SUPPORT_EXPECT_H

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define expect_ok(err, call)                                   \
	do {                                                   \
		if ((call) != KMS_OK)                          \
			fail_msg("%s: %s", #call, (err)->msg); \
	} while (0)

/* The call fails with that status, and message and hint together have that text. */
#define expect_err(err, call, status, text)                                                        \
	do {                                                                                       \
		enum kms_status st_ = (call);                                                      \
		if (st_ != (status))                                                               \
			fail_msg("%s: status %s, not %s (%s)", #call, kms_status_name(st_),        \
				kms_status_name(status), (err)->msg);                              \
		if (!strstr((err)->msg, text) && !strstr((err)->hint, text))                       \
			fail_msg("%s: no '%s' in: %s | %s", #call, text, (err)->msg, (err)->hint); \
	} while (0)

#endif
