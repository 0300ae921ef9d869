/* SPDX-License-Identifier: Apache-2.0 */
#include "card/tlv.h"

#include <string.h>

enum { TAG_BYTES_MAX = 3, LENGTH_BYTES_MAX = 3 };

static enum kms_status bad(const char *what, const char *why, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_INVALID, "%s: %s", what, why);
}

/* The tag's bytes as a number; *ret_len is how many. */
static enum kms_status take_tag(const struct tlv_reader *r, const char *what, uint32_t *ret_tag,
	size_t *ret_len, struct kms_err *err)
{
	uint32_t tag = r->at[0];
	size_t len = 1;

	if (tag == 0x00 || tag == 0xFF)
		return bad(what, "a byte of padding where a tag should be", err);
	if ((tag & 0x1F) == 0x1F) {
		do {
			if (len == r->left)
				return bad(what, "ends within a tag", err);
			if (len == TAG_BYTES_MAX)
				return bad(what, "a tag of more than three bytes", err);
			if (len == 1 && r->at[1] == 0x80)
				return bad(what, "a tag that is not in its shortest form", err);
			tag = tag << 8 | r->at[len];
		} while (r->at[len++] & 0x80);
	}
	*ret_tag = tag;
	*ret_len = len;
	return KMS_OK;
}

static enum kms_status take_length(struct tlv_reader r, const char *what, size_t *ret_value,
	size_t *ret_len, struct kms_err *err)
{
	size_t bytes, value = 0;

	if (r.left == 0)
		return bad(what, "ends before a length", err);
	if (r.at[0] < 0x80) {
		*ret_value = r.at[0];
		*ret_len = 1;
		return KMS_OK;
	}
	bytes = r.at[0] & 0x7F;
	if (bytes == 0)
		return bad(what, "an indefinite length", err);
	if (bytes > LENGTH_BYTES_MAX)
		return bad(what, "a length of more than three bytes", err);
	if (bytes >= r.left)
		return bad(what, "ends within a length", err);
	for (size_t i = 1; i <= bytes; i++)
		value = value << 8 | r.at[i];
	*ret_value = value;
	*ret_len = bytes + 1;
	return KMS_OK;
}

enum kms_status tlv_next(
	struct tlv_reader *r, const char *what, struct tlv *ret_tlv, struct kms_err *err)
{
	struct tlv_reader rest = *r;
	size_t tag_len = 0, length_len = 0, len = 0;
	uint32_t tag = 0;
	enum kms_status st;
	bool constructed;

	if (rest.left == 0)
		return bad(what, "ends before a tag", err);
	constructed = (rest.at[0] & 0x20) != 0;
	st = take_tag(&rest, what, &tag, &tag_len, err);
	if (st)
		return st;
	rest.at += tag_len;
	rest.left -= tag_len;
	st = take_length(rest, what, &len, &length_len, err);
	if (st)
		return st;
	rest.at += length_len;
	rest.left -= length_len;
	if (len > rest.left || len > TLV_LEN_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: tag %X has a length of %zu, but %zu bytes follow", what, tag, len,
			rest.left);
	*ret_tlv = (struct tlv){tag, rest.at, len, constructed};
	r->at = rest.at + len;
	r->left = rest.left - len;
	return KMS_OK;
}

enum kms_status tlv_only(const unsigned char *data, size_t len, uint32_t tag, const char *what,
	struct tlv *ret_tlv, struct kms_err *err)
{
	struct tlv_reader r = tlv_read(data, len);
	struct tlv tlv;
	enum kms_status st = tlv_next(&r, what, &tlv, err);

	if (st)
		return st;
	if (tlv.tag != tag)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: tag %X where %X should be", what, tlv.tag, tag);
	if (r.left > 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s: %zu bytes after its end", what, r.left);
	*ret_tlv = tlv;
	return KMS_OK;
}

enum kms_status tlv_find(struct tlv_reader r, uint32_t tag, const char *what, struct tlv *ret_tlv,
	struct kms_err *err)
{
	while (tlv_more(&r)) {
		struct tlv tlv;
		enum kms_status st = tlv_next(&r, what, &tlv, err);

		if (st)
			return st;
		if (tlv.tag == tag) {
			*ret_tlv = tlv;
			return KMS_OK;
		}
	}
	return kms_fail(err, KMS_ERR_NOT_FOUND, "%s: no tag %X in it", what, tag);
}

enum kms_status tlv_check(
	const unsigned char *data, size_t len, const char *what, struct kms_err *err)
{
	struct tlv_reader stack[TLV_DEPTH_MAX];
	size_t depth = 1;

	stack[0] = tlv_read(data, len);
	while (depth > 0) {
		struct tlv_reader *top = &stack[depth - 1];
		struct tlv tlv;
		enum kms_status st;

		if (!tlv_more(top)) {
			depth--;
			continue;
		}
		st = tlv_next(top, what, &tlv, err);
		if (st)
			return st;
		if (!tlv.constructed)
			continue;
		if (depth == TLV_DEPTH_MAX)
			return bad(what, "objects nested too deep", err);
		stack[depth++] = tlv_inside(&tlv);
	}
	return KMS_OK;
}

enum kms_status tlv_append_length(struct buf *out, size_t len, struct kms_err *err)
{
	const unsigned char bytes[3] = {0x82, (unsigned char)(len >> 8), (unsigned char)len};
	const unsigned char two[2] = {0x81, (unsigned char)len};

	if (len > TLV_LEN_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "%zu bytes are too many for a TLV object", len);
	if (len > 0xFF)
		return buf_append(out, bytes, 3, err);
	if (len > 0x7F)
		return buf_append(out, two, 2, err);
	return buf_append(out, two + 1, 1, err);
}

enum kms_status tlv_append(
	struct buf *out, uint32_t tag, const void *value, size_t len, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (int shift = 16; !st && shift >= 0; shift -= 8) {
		unsigned char byte = (unsigned char)(tag >> shift);

		if (tag >> shift)
			st = buf_append(out, &byte, 1, err);
	}
	if (!st)
		st = tlv_append_length(out, len, err);
	if (!st && len)
		st = buf_append(out, value, len, err);
	return st;
}
