/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[KMS_OK] = "ok",
	[KMS_ERR_USAGE] = "usage",
	[KMS_ERR_INVALID] = "invalid",
	[KMS_ERR_MISMATCH] = "mismatch",
	[KMS_ERR_NOT_FOUND] = "not-found",
	[KMS_ERR_EXISTS] = "exists",
	[KMS_ERR_DENIED] = "denied",
	[KMS_ERR_AUTH] = "auth",
	[KMS_ERR_STATE] = "state",
	[KMS_ERR_UNSUPPORTED] = "unsupported",
	[KMS_ERR_HSM] = "hsm",
	[KMS_ERR_CARD] = "card",
	[KMS_ERR_STORE] = "store",
	[KMS_ERR_BUSY] = "busy",
	[KMS_ERR_IO] = "io",
	[KMS_ERR_CANCELLED] = "cancelled",
	[KMS_ERR_NOMEM] = "no-memory",
	[KMS_ERR_INTERNAL] = "internal",
};

const char *kms_status_name(enum kms_status code)
{
	if ((size_t)code >= sizeof(names) / sizeof(names[0]))
		return "internal";
	return names[code];
}

void kms_err_clear(struct kms_err *err)
{
	if (err)
		memset(err, 0, sizeof(*err));
}

bool kms_is_answer(enum kms_status status)
{
	switch (status) {
	case KMS_ERR_INVALID:
	case KMS_ERR_MISMATCH:
	case KMS_ERR_NOT_FOUND:
	case KMS_ERR_EXISTS:
	case KMS_ERR_DENIED:
	case KMS_ERR_STATE:
	case KMS_ERR_UNSUPPORTED:
	case KMS_ERR_CARD:
		return true;
	default:
		return false;
	}
}

enum kms_status kms_fail_at(
	struct kms_err *err, enum kms_status code, const char *where, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	kms_err_clear(err);
	err->code = code;
	err->where = where;
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	return code;
}

enum kms_status kms_hint(struct kms_err *err, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return KMS_ERR_INTERNAL;
	va_start(args, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, args);
	va_end(args);
	return err->code;
}

void kms_native(struct kms_err *err, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(err->native, sizeof(err->native), fmt, args);
	va_end(args);
}

enum kms_status kms_prefix(struct kms_err *err, const char *fmt, ...)
{
	char context[sizeof(err->msg)];
	char whole[sizeof(err->msg)];
	va_list args;

	if (!err)
		return KMS_ERR_INTERNAL;
	va_start(args, fmt);
	vsnprintf(context, sizeof(context), fmt, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%.500s%.500s", context, err->msg);
	memcpy(err->msg, whole, sizeof(err->msg));
	return err->code;
}

enum kms_status kms_nomem_at(struct kms_err *err, const char *where)
{
	return kms_fail_at(err, KMS_ERR_NOMEM, where, "out of memory");
}
