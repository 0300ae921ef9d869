/* SPDX-License-Identifier: Apache-2.0 */
/* Confirmations of what was done by delegated management: GPCS 2.3.1 clause 11.1.6, appendix C.5. */
#include "card/content.h"

#include <string.h>

struct reader {
	const unsigned char *at;
	size_t left;
};

static bool take(struct reader *r, size_t len, struct gp_bytes *ret)
{
	if (len > r->left)
		return false;
	*ret = (struct gp_bytes){r->at, len};
	r->at += len;
	r->left -= len;
	return true;
}

/* Behind its length: '00' to '7F', or '81 80' to '81 FF' where that may be (tables 11-13, 11-54). */
static bool take_counted(struct reader *r, bool may_be_long, struct gp_bytes *ret)
{
	struct gp_bytes len;

	if (!take(r, 1, &len))
		return false;
	if (may_be_long && len.at[0] == 0x81)
		return take(r, 1, &len) && len.at[0] >= 0x80 && take(r, len.at[0], ret);
	return len.at[0] <= 0x7F && take(r, len.at[0], ret);
}

/* Table 11-14. The two conditional fields come in this order; one alone is the token's identifier. */
static bool read_data(struct reader r, struct gp_confirmation *c)
{
	struct gp_bytes counter;

	c->data = (struct gp_bytes){r.at, r.left};
	if (!take_counted(&r, false, &counter) || counter.len != 2 ||
		!take_counted(&r, false, &c->unique) || c->unique.len == 0)
		return false;
	c->counter = (unsigned)counter.at[0] << 8 | counter.at[1];
	if (r.left && !take_counted(&r, false, &c->token_id))
		return false;
	if (r.left && !take_counted(&r, false, &c->token_digest))
		return false;
	return r.left == 0;
}

enum kms_status gp_confirmation_parse(const unsigned char *data, size_t len,
	struct gp_confirmation *ret_confirmation, struct kms_err *err)
{
	struct gp_confirmation c = {.there = false};
	struct reader r = {data, len};
	struct gp_bytes inside = {NULL, 0};

	/* Clause 11.5.3: '00' where there is none. Some cards answer nothing at all. */
	if (len == 0 || (len == 1 && data[0] == 0)) {
		*ret_confirmation = c;
		return KMS_OK;
	}
	if (!take_counted(&r, true, &inside) || r.left)
		return kms_fail(err, KMS_ERR_INVALID,
			"the card's confirmation is cut off or too long: %zu bytes", len);
	r = (struct reader){inside.at, inside.len};
	c.there = true;
	if (!take_counted(&r, true, &c.receipt) || !read_data(r, &c))
		return kms_fail(err, KMS_ERR_INVALID,
			"the card's confirmation is none: receipt, counter and who it is do not "
			"fill its %zu bytes",
			inside.len);
	*ret_confirmation = c;
	return KMS_OK;
}

/* Tables C-11 to C-13 and C-15. */
size_t gp_receipt_data(enum gp_content_kind kind, const struct gp_confirmation *confirmation,
	const struct gp_receipt_names *names, unsigned char ret_bytes[GP_RECEIPT_DATA_MAX])
{
	const struct gp_aid *list[3] = {NULL};
	size_t len = confirmation->data.len;

	switch (kind) {
	case GP_CONTENT_LOAD:
		list[0] = &names->file;
		list[1] = &names->domain;
		break;
	case GP_CONTENT_INSTALL:
	case GP_CONTENT_SELECTABLE:
		list[0] = &names->file;
		list[1] = &names->application;
		break;
	case GP_CONTENT_EXTRADITE:
		list[0] = &names->domain;
		list[1] = &names->application;
		list[2] = &names->to;
		break;
	case GP_CONTENT_DELETE:
		list[0] = &names->application;
		break;
	case GP_CONTENT_NONE:
		break;
	}
	memcpy(ret_bytes, confirmation->data.at, len);
	for (size_t i = 0; i < 3 && list[i]; i++) {
		ret_bytes[len++] = (unsigned char)list[i]->len;
		memcpy(ret_bytes + len, list[i]->bytes, list[i]->len);
		len += list[i]->len;
	}
	return len;
}
