/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/kcv.h"

#include "base/hex.h"
#include "keys/cipher.h"
#include "keys/cmac.h"

#include <string.h>

size_t key_kcv_len(enum key_kcv_method method)
{
	switch (method) {
	case KEY_KCV_TDES_ZERO:
	case KEY_KCV_AES_GP:
	case KEY_KCV_AES_ZERO:
		return 3;
	case KEY_KCV_CMAC:
		return 5;
	case KEY_KCV_NONE:
		break;
	}
	return 0;
}

enum kms_status key_kcv(enum key_alg alg, enum key_kcv_method method, const struct secret *key,
	struct key_kcv *ret_kcv, struct kms_err *err)
{
	size_t block = key_alg_info(alg)->block;
	unsigned char in[KEY_CMAC_MAX], out[KEY_CMAC_MAX] = {0};
	enum kms_status st;

	if (!key_kcv_method_fits(method, alg))
		return kms_fail(err, KMS_ERR_INVALID, "%s keys have no check value by method %s",
			key_alg_name(alg), key_kcv_method_name(method));
	memset(in, method == KEY_KCV_AES_GP ? 0x01 : 0x00, sizeof(in));
	if (method == KEY_KCV_CMAC)
		st = key_cmac(alg, key, in, block, out, err);
	else
		st = key_cipher(alg, KEY_CIPHER_ECB, true, key, in, block, out, err);
	if (!st) {
		*ret_kcv = (struct key_kcv){.method = method, .len = key_kcv_len(method)};
		memcpy(ret_kcv->bytes, out, ret_kcv->len);
	}
	/* More of this block than the check value shows is nobody's business. */
	secret_wipe(out, sizeof(out));
	return st;
}

enum kms_status key_kcv_default(
	enum key_alg alg, const struct secret *key, struct key_kcv *ret_kcv, struct kms_err *err)
{
	return key_kcv(alg, key_alg_info(alg)->kcv, key, ret_kcv, err);
}

void key_kcv_print(const struct key_kcv *kcv, char ret_text[KEY_KCV_TEXT_SIZE])
{
	hex_encode(kcv->bytes, kcv->len <= KEY_KCV_MAX ? kcv->len : 0, ret_text);
}

enum kms_status key_kcv_parse(
	enum key_kcv_method method, const char *text, struct key_kcv *ret_kcv, struct kms_err *err)
{
	struct key_kcv kcv = {.method = method};
	size_t want = key_kcv_len(method);
	enum kms_status st;

	if (!want)
		return kms_fail(err, KMS_ERR_INVALID, "a check value needs its method");
	st = hex_decode(text, strlen(text), "check value", kcv.bytes, KEY_KCV_MAX, &kcv.len, err);
	if (st)
		return st;
	if (kcv.len != want)
		return kms_fail(err, KMS_ERR_INVALID,
			"check value '%s' has %zu digits, %s check values have %zu", text,
			2 * kcv.len, key_kcv_method_name(method), 2 * want);
	*ret_kcv = kcv;
	return KMS_OK;
}

bool key_kcv_same(const struct key_kcv *a, const struct key_kcv *b)
{
	return a->method != KEY_KCV_NONE && a->method == b->method && a->len == b->len &&
	       a->len <= KEY_KCV_MAX && memcmp(a->bytes, b->bytes, a->len) == 0;
}

enum kms_status key_kcv_check(const char *what, const struct key_kcv *actual,
	const char *expected_by, const struct key_kcv *expected, struct kms_err *err)
{
	char is[KEY_KCV_TEXT_SIZE], says[KEY_KCV_TEXT_SIZE];

	if (key_kcv_same(actual, expected))
		return KMS_OK;
	key_kcv_print(actual, is);
	key_kcv_print(expected, says);
	if (actual->method != expected->method)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s check value is by method %s, that of %s by %s: they cannot be compared",
			what, key_kcv_method_name(actual->method), expected_by,
			key_kcv_method_name(expected->method));
	return kms_fail(err, KMS_ERR_MISMATCH, "%s check value is %s, %s says %s (%s)", what, is,
		expected_by, says, key_kcv_method_name(actual->method));
}
