/* SPDX-License-Identifier: Apache-2.0 */
#include "card/trace.h"

#include "card/gp.h"

#include <string.h>

enum { STORE_ENCRYPTION_BITS = 0x60 };

static enum kms_status put_hex(
	struct buf *out, const unsigned char *data, size_t len, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < len; i++)
		st = buf_printf(out, err, "%02X", data[i]);
	return st;
}

/* Where one key of PUT KEY stands in its data field; false if that is not to be made out. */
struct key_field {
	unsigned type;
	size_t block_len;
	const unsigned char *kcv;
	size_t kcv_len;
};

static bool take(const unsigned char **at, size_t *left, size_t len)
{
	if (*left < len)
		return false;
	*at += len;
	*left -= len;
	return true;
}

static bool take_key(const unsigned char **at, size_t *left, struct key_field *key)
{
	bool extended = *left > 0 && **at == 0xFF;

	if (extended && !take(at, left, 1))
		return false;
	if (*left < 2 || (*at)[1] > 0x80)
		return false;
	key->type = (*at)[0];
	key->block_len = (*at)[1];
	if (!take(at, left, 2 + key->block_len) || *left < 1)
		return false;
	key->kcv_len = **at;
	key->kcv = *at + 1;
	if (!take(at, left, 1 + key->kcv_len))
		return false;
	for (int i = 0; extended && i < 2; i++)
		if (*left < 1 || !take(at, left, 1u + **at))
			return false;
	return true;
}

static bool all_keys(const struct apdu *apdu)
{
	const unsigned char *at = apdu->data + 1;
	size_t left = apdu->len - 1;
	struct key_field key;

	while (left > 0)
		if (!take_key(&at, &left, &key) || key.kcv_len > CARD_KCV_SIZE)
			return false;
	return true;
}

/* Encrypted keys are left out; type, length and check value say which they are. */
static enum kms_status put_keys(const struct apdu *apdu, struct buf *out, struct kms_err *err)
{
	const unsigned char *at = apdu->data + 1;
	size_t left = apdu->len - 1;
	enum kms_status st = buf_printf(out, err, "[version %02X", apdu->data[0]);

	while (!st && left > 0) {
		struct key_field key;

		if (!take_key(&at, &left, &key))
			break;
		st = buf_printf(
			out, err, "; type %02X, %zu bytes, check value ", key.type, key.block_len);
		if (!st)
			st = put_hex(out, key.kcv, key.kcv_len, err);
	}
	return st ? st : buf_puts(out, "]", err);
}

static enum kms_status put_data(const struct apdu *apdu, struct buf *out, struct kms_err *err)
{
	bool secret = apdu->ins == GP_PUT_KEY ||
		      (apdu->ins == GP_STORE_DATA && apdu->p1 & STORE_ENCRYPTION_BITS);

	if (!secret)
		return put_hex(out, apdu->data, apdu->len, err);
	if (apdu->ins == GP_PUT_KEY && !apdu_class_secure(apdu->cla) && all_keys(apdu))
		return put_keys(apdu, out, err);
	return buf_printf(out, err, "[%zu bytes not shown]", apdu->len);
}

enum kms_status card_trace_command(
	const struct apdu *apdu, struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = buf_printf(
		ret_text, err, "> %02X%02X%02X%02X", apdu->cla, apdu->ins, apdu->p1, apdu->p2);

	if (!st && apdu->len)
		st = buf_printf(ret_text, err, " %02zX ", apdu->len);
	if (!st && apdu->len)
		st = put_data(apdu, ret_text, err);
	if (!st && apdu->le)
		st = buf_printf(ret_text, err, " %02X", apdu->le & 0xFF);
	return st;
}

enum kms_status card_trace_response(
	const struct apdu_response *response, struct buf *ret_text, struct kms_err *err)
{
	enum kms_status st = buf_puts(ret_text, "< ", err);

	if (!st)
		st = put_hex(ret_text, response->data, response->len, err);
	return st ? st
		  : buf_printf(ret_text, err, "%s%04X", response->len ? " " : "", response->sw);
}
