/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER-TLV as cards speak it (GPCS 2.3.1 clause 11.1.11): tags of 1 to 3 bytes, definite lengths of
 * up to 65535. Strict: a tag 00 or FF, an indefinite length, a length past the end and a byte left
 * over are errors. Reading is a loop, never a recursion.
 */
#ifndef CARD_TLV_H
#define CARD_TLV_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLV_DEPTH_MAX = 8, TLV_LEN_MAX = 65535 };

/* Borrowed: points into the bytes that were read. */
struct tlv {
	uint32_t tag; /* 0x66, 0x9F7F, 0xBF0C01 */
	const unsigned char *value;
	size_t len;
	bool constructed;
};

struct tlv_reader {
	const unsigned char *at;
	size_t left;
};

static inline struct tlv_reader tlv_read(const unsigned char *data, size_t len)
{
	return (struct tlv_reader){data, len};
}
static inline struct tlv_reader tlv_inside(const struct tlv *tlv)
{
	return (struct tlv_reader){tlv->value, tlv->len};
}
static inline bool tlv_more(const struct tlv_reader *r)
{
	return r->left > 0;
}

/* The next object. `what` names the data in messages: "card data: length of tag 66 …". */
KMS_CHECKED enum kms_status tlv_next(
	struct tlv_reader *r, const char *what, struct tlv *ret_tlv, struct kms_err *err);

/* Exactly one object with that tag, and nothing after it. */
KMS_CHECKED enum kms_status tlv_only(const unsigned char *data, size_t len, uint32_t tag,
	const char *what, struct tlv *ret_tlv, struct kms_err *err);

/* The first object with that tag at this level; KMS_ERR_NOT_FOUND if there is none. */
KMS_CHECKED enum kms_status tlv_find(struct tlv_reader r, uint32_t tag, const char *what,
	struct tlv *ret_tlv, struct kms_err *err);

/* All of it, constructed objects too, to TLV_DEPTH_MAX levels. */
KMS_CHECKED enum kms_status tlv_check(
	const unsigned char *data, size_t len, const char *what, struct kms_err *err);

/* Appends tag, shortest length, value. */
KMS_CHECKED enum kms_status tlv_append(
	struct buf *out, uint32_t tag, const void *value, size_t len, struct kms_err *err);
/* The length alone, in its shortest form: 7F, 81 80, 82 01 00. */
KMS_CHECKED enum kms_status tlv_append_length(struct buf *out, size_t len, struct kms_err *err);

#endif
