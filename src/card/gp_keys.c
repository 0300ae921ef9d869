/* SPDX-License-Identifier: Apache-2.0 */
/* The data field of PUT KEY: GPCS 2.3.1 clause 11.8.2.3, Amendment D 1.1.1 clause 7.2.1. */
#include "card/gp.h"

#include <string.h>

enum {
	VERSION_MAX = 0x7F,
	ID_MAX = 0x7F,
	EXTENDED_TYPE = 0xFF,
	EC_PUBLIC = 0xB0, /* table 11-16 */
	EC_PARAMETERS = 0xF0,
	P256 = 0x00, /* table B-2 */
};

static enum kms_status check(const struct gp_put_keys *how, const struct card_keys *current,
	const struct card_keys *fresh, struct kms_err *err)
{
	if (how->version < 1 || how->version > VERSION_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "key version %02X is not in 01 to 7F", how->version);
	if (how->replace > VERSION_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"key version %02X cannot be replaced by PUT KEY", how->replace);
	if (how->first_id > ID_MAX - 2)
		return kms_fail(err, KMS_ERR_INVALID, "no key identifier %02X", how->first_id);
	if (fresh->type == CARD_KEY_AES && current->type == CARD_KEY_AES && fresh->key_len == 24 &&
		how->block == GP_BLOCK_PLAIN)
		return kms_fail(err, KMS_ERR_INVALID,
			"AES-192 keys need the key block with the inner length byte");
	return KMS_OK;
}

static enum kms_status put_byte(struct buf *out, unsigned value, struct kms_err *err)
{
	unsigned char byte = (unsigned char)value;

	return buf_append(out, &byte, 1, err);
}

/* A value of one byte with its length before it, as usage and access have (table 11-69). */
static enum kms_status put_lv(struct buf *out, unsigned value, struct kms_err *err)
{
	enum kms_status st = put_byte(out, 1, err);

	return st ? st : put_byte(out, value, err);
}

/* DES under DES has no inner length: GPCS table 11-71 is what such cards know. */
static bool has_inner_length(const struct gp_put_keys *how, const struct card_keys *current,
	const struct card_keys *fresh)
{
	if (fresh->type == CARD_KEY_DES && current->type == CARD_KEY_DES)
		return false;
	return how->block == GP_BLOCK_INNER_LENGTH;
}

static enum kms_status put_key(const struct gp_put_keys *how, bool inner,
	const struct card_keys *fresh, enum card_role role, const struct card_key_block *b,
	struct buf *out, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (how->extended_format)
		st = put_byte(out, EXTENDED_TYPE, err);
	if (!st)
		st = put_byte(out, fresh->type, err);
	if (!st)
		st = tlv_append_length(out, b->len + (inner ? 1 : 0), err);
	if (!st && inner)
		st = put_byte(out, (unsigned)fresh->key_len, err);
	if (!st)
		st = buf_append(out, b->block, b->len, err);
	if (!st)
		st = put_byte(out, CARD_KCV_SIZE, err);
	if (!st)
		st = buf_append(out, b->kcv, CARD_KCV_SIZE, err);
	if (!st && how->extended_format)
		st = put_lv(out, how->usage[role], err);
	if (!st && how->extended_format)
		st = put_lv(out, how->access, err);
	return st;
}

enum kms_status gp_put_keys_data(const struct gp_put_keys *how, const struct card_dek *dek,
	struct card_keys *current, struct card_keys *fresh, struct buf *ret_data,
	unsigned char ret_kcvs[CARD_ROLES][CARD_KCV_SIZE], struct kms_err *err)
{
	bool inner = has_inner_length(how, current, fresh);
	enum kms_status st = check(how, current, fresh, err);

	if (!st)
		st = put_byte(ret_data, how->version, err);
	for (enum card_role role = CARD_ENC; !st && role < CARD_ROLES; role++) {
		struct card_key_block block;

		st = current->ops->wrap(current, dek, fresh, role, &block, err);
		if (st)
			break;
		if (block.len == 0 || block.len > CARD_BLOCK_MAX)
			return kms_fail(
				err, KMS_ERR_INTERNAL, "an encrypted key of %zu bytes", block.len);
		memcpy(ret_kcvs[role], block.kcv, CARD_KCV_SIZE);
		st = put_key(how, inner, fresh, role, &block, ret_data, err);
	}
	return st;
}

/* ---- one key ---- */

/* Table 11-73: the point in clear, and which curve it is on; no check value (clause 11.8.2.3.5). */
static enum kms_status put_point(const struct gp_put_key *how, struct buf *out, struct kms_err *err)
{
	static const unsigned char curve[] = {EC_PARAMETERS, 1, P256, 0};
	enum kms_status st = put_byte(out, EC_PUBLIC, err);

	if (!st)
		st = put_byte(out, GP_POINT_SIZE, err);
	if (!st)
		st = buf_append(out, how->point, GP_POINT_SIZE, err);
	return st ? st : buf_append(out, curve, sizeof(curve), err);
}

enum kms_status gp_put_key_data(
	const struct gp_put_key *how, struct buf *ret_data, struct kms_err *err)
{
	static const struct gp_put_keys basic;
	const struct card_keys fresh = {.type = CARD_KEY_AES, .key_len = how->key_len};
	enum kms_status st;

	if (how->version < 1 || how->version > VERSION_MAX || how->replace > VERSION_MAX ||
		how->id > ID_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"there is no key version %02X with identifier %02X", how->version, how->id);
	st = put_byte(ret_data, how->version, err);
	if (st || !how->secret)
		return st ? st : put_point(how, ret_data, err);
	return put_key(&basic, how->block == GP_BLOCK_INNER_LENGTH, &fresh, CARD_ENC, how->secret,
		ret_data, err);
}

static enum kms_status put_key_answer(
	const struct gp *gp, const struct gp_put_key *how, struct kms_err *err)
{
	const struct apdu_response *r = gp->response;
	const size_t kcv = how->secret ? CARD_KCV_SIZE : 0;

	if (gp->sw != 0x9000)
		return apdu_refused(err, GP_PUT_KEY, "PUT KEY", gp->sw);
	if (r->len > 1 && r->len != 1 + kcv)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"PUT KEY: the card confirms with %zu bytes, not with version and check "
			"value",
			r->len);
	if (r->len > 0 && r->data[0] != how->version)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"PUT KEY: the card confirms key version %02X, not %02X", r->data[0],
			how->version);
	if (r->len > 1 && memcmp(r->data + 1, how->secret->kcv, kcv) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"PUT KEY: the card's check value of the key is %02X%02X%02X, it should be "
			"%02X%02X%02X",
			r->data[1], r->data[2], r->data[3], how->secret->kcv[0],
			how->secret->kcv[1], how->secret->kcv[2]);
	return KMS_OK;
}

enum kms_status gp_put_key(struct gp *gp, const struct gp_put_key *how, struct kms_err *err)
{
	static const char what[] = "PUT KEY";
	BUF_AUTO struct buf data = {0};
	struct apdu apdu = {
		.cla = apdu_class(true, gp->channel, false),
		.ins = GP_PUT_KEY,
		.p1 = (unsigned char)how->replace,
		.p2 = (unsigned char)how->id,
		.le = APDU_LE_ALL,
		.extended = gp->extended,
	};
	enum kms_status st = gp_put_key_data(how, &data, err);

	if (!st && !gp->scp.authenticated)
		st = kms_fail(
			err, KMS_ERR_STATE, "%s needs a secure channel, and none is open", what);
	if (st)
		return st;
	apdu.data = (const unsigned char *)data.data;
	apdu.len = data.len;
	st = gp_command(gp, &apdu, what, err);
	secret_wipe(data.data, data.len);
	return st ? st : put_key_answer(gp, how, err);
}
