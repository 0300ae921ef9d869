/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer of bytes that are no secret. Always followed by one zero byte. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

struct buf {
	char *data; /* NULL when empty */
	size_t len;
	size_t cap;
};

#define BUF_AUTO __attribute__((cleanup(buf_free)))

KMS_CHECKED enum kms_status buf_append(
	struct buf *b, const void *data, size_t len, struct kms_err *err);
KMS_CHECKED enum kms_status buf_puts(struct buf *b, const char *text, struct kms_err *err);
KMS_CHECKED enum kms_status buf_printf(struct buf *b, struct kms_err *err, const char *fmt, ...)
	KMS_PRINTF(3, 4);
void buf_free(struct buf *b);

/* Never NULL: "" when empty. */
const char *buf_text(const struct buf *b);

/* For `FREE_AUTO char *p = NULL;`: freed on every way out. */
#define FREE_AUTO __attribute__((cleanup(buf_free_pointer)))
static inline void buf_free_pointer(void *p)
{
	free(*(void **)p);
}

#endif
