/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
	/* A power of two, as OpenSSL asks; within the 8 MiB and even the old 64 KiB memlock limit. */
	SECRET_HEAP_SIZE = 64 * 1024,
	SECRET_HEAP_MIN = 32,
};

enum kms_status secret_heap_open(struct kms_err *err)
{
	const struct rlimit none = {0, 0};

	if (CRYPTO_secure_malloc_initialized())
		return KMS_OK;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
		return kms_fail(err, KMS_ERR_IO, "cannot switch core dumps off for this process");
	/* 1: locked. 2: mapped but mlock failed. 0: nothing. Only 1 keeps keys out of swap. */
	if (CRYPTO_secure_malloc_init(SECRET_HEAP_SIZE, SECRET_HEAP_MIN) != 1) {
		kms_fail(err, KMS_ERR_IO,
			"cannot lock %d KiB of memory for secrets, so they could reach swap",
			SECRET_HEAP_SIZE / 1024);
		return kms_hint(err, "raise the memlock limit (ulimit -l) to 128 KiB or more");
	}
	/* OpenSSL 3.0 sets its library context aside at the first use, and crashes there if it can't. */
	return OSSL_LIB_CTX_get0_global_default() ? KMS_OK : kms_nomem(err);
}

enum kms_status secret_alloc(struct secret *s, size_t len, struct kms_err *err)
{
	unsigned char *data;

	/* The zero byte after the data lets libraries that want a C string read it in place. */
	data = CRYPTO_secure_malloc_initialized() ? OPENSSL_secure_zalloc(len + 1) : NULL;
	if (!data)
		return kms_fail(
			err, KMS_ERR_NOMEM, "no room for %zu secret bytes in locked memory", len);
	secret_free(s);
	s->data = data;
	s->len = len;
	s->cap = len;
	return KMS_OK;
}

enum kms_status secret_copy(struct secret *s, const void *data, size_t len, struct kms_err *err)
{
	SECRET_AUTO struct secret fresh = {0};
	enum kms_status st;

	st = secret_alloc(&fresh, len, err);
	if (st)
		return st;
	if (len)
		memcpy(fresh.data, data, len);
	secret_take(s, &fresh);
	return KMS_OK;
}

enum kms_status secret_append(struct secret *s, const void *data, size_t len, struct kms_err *err)
{
	SECRET_AUTO struct secret grown = {0};
	enum kms_status st;
	size_t cap;

	if (s->len + len > s->cap) {
		cap = s->cap ? s->cap : SECRET_HEAP_MIN - 1;
		while (cap < s->len + len)
			cap = cap * 2 + 1;
		st = secret_alloc(&grown, cap, err);
		if (st)
			return st;
		if (s->len)
			memcpy(grown.data, s->data, s->len);
		grown.len = s->len;
		secret_take(s, &grown);
	}
	if (len)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = 0;
	return KMS_OK;
}

void secret_take(struct secret *to, struct secret *from)
{
	if (to == from)
		return;
	secret_free(to);
	*to = *from;
	*from = (struct secret){0};
}

void secret_free(struct secret *s)
{
	if (s->data)
		OPENSSL_secure_clear_free(s->data, s->cap + 1);
	*s = (struct secret){0};
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && (a->len == 0 || CRYPTO_memcmp(a->data, b->data, a->len) == 0);
}

void secret_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
