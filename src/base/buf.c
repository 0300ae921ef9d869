/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

enum { BUF_FIRST = 128 };

static enum kms_status reserve(struct buf *b, size_t more, struct kms_err *err)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	char *data;

	while (cap - b->len < more + 1) {
		if (cap > (size_t)-1 / 2)
			return kms_nomem(err);
		cap *= 2;
	}
	if (cap == b->cap)
		return KMS_OK;
	data = realloc(b->data, cap);
	if (!data)
		return kms_nomem(err);
	b->data = data;
	b->cap = cap;
	return KMS_OK;
}

enum kms_status buf_append(struct buf *b, const void *data, size_t len, struct kms_err *err)
{
	enum kms_status st;

	st = reserve(b, len, err);
	if (st)
		return st;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = 0;
	return KMS_OK;
}

enum kms_status buf_puts(struct buf *b, const char *text, struct kms_err *err)
{
	return buf_append(b, text, strlen(text), err);
}

enum kms_status buf_printf(struct buf *b, struct kms_err *err, const char *fmt, ...)
{
	FREE_AUTO char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return kms_nomem(err);
	}
	return buf_append(b, text, (size_t)n, err);
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}
