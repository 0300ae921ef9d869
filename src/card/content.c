/* SPDX-License-Identifier: Apache-2.0 */
/* INSTALL (GPCS 2.3.1 clause 11.5) and DELETE (clause 11.2), and the tokens in them (appendix C.4). */
#include "card/content.h"

#include <string.h>

enum {
	FOR_LOAD = 0x02, /* table 11-41 */
	FOR_SELECTABLE = 0x08,
	FOR_INSTALL_AND_SELECTABLE = 0x0C,
	FOR_EXTRADITION = 0x10,
	RELATED = 0x80, /* table 11-22 */
	TAG_AID = 0x4F,
	TAG_SYSTEM = 0xEF,
	TAG_APPLICATION = 0xC9,
	TAG_TOKEN = 0x9E, /* table 11-23 */
	FIELDS_MAX = 5,
};

/* Fields with their length before them, in their order: tables 11-42 to 11-45 up to the token. */
static const struct kind {
	const char *name, *what;
	unsigned char ins, p1;
	const char *fields[FIELDS_MAX + 1];
} kinds[] = {
	[GP_CONTENT_LOAD] = {"load", "INSTALL [for load]", GP_INSTALL, FOR_LOAD,
		{"load file", "security domain", "hash of the load file", "load parameters"}},
	[GP_CONTENT_INSTALL] = {"install", "INSTALL [for install]", GP_INSTALL,
		FOR_INSTALL_AND_SELECTABLE,
		{"load file", "module", "application", "privileges", "install parameters"}},
	[GP_CONTENT_SELECTABLE] = {"make-selectable", "INSTALL [for make selectable]", GP_INSTALL,
		FOR_SELECTABLE, {"load file", "module", "application", "privileges", "parameters"}},
	[GP_CONTENT_EXTRADITE] = {"extradite", "INSTALL [for extradition]", GP_INSTALL,
		FOR_EXTRADITION,
		{"security domain", "second field", "application or load file", "fourth field",
			"extradition parameters"}},
	[GP_CONTENT_DELETE] = {"delete", "DELETE", GP_DELETE, 0, {NULL}},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *gp_content_name(enum gp_content_kind kind)
{
	return kind > GP_CONTENT_NONE && (unsigned)kind < KINDS ? kinds[kind].name : "?";
}

enum kms_status gp_content_kind_parse(
	const char *name, enum gp_content_kind *ret_kind, struct kms_err *err)
{
	for (unsigned kind = GP_CONTENT_NONE + 1; kind < KINDS; kind++) {
		if (strcmp(kinds[kind].name, name) == 0) {
			*ret_kind = (enum gp_content_kind)kind;
			return KMS_OK;
		}
	}
	return kms_fail(
		err, KMS_ERR_INVALID, "'%.40s' is nothing that is done to a card's content", name);
}

/* ---- building ---- */

static enum kms_status put_aid(struct buf *out, const struct gp_aid *aid, struct kms_err *err)
{
	unsigned char len = aid ? (unsigned char)aid->len : 0;
	enum kms_status st = buf_append(out, &len, 1, err);

	return st || !len ? st : buf_append(out, aid->bytes, len, err);
}

static enum kms_status put_zeros(struct buf *out, size_t count, struct kms_err *err)
{
	static const unsigned char zeros[3];

	return buf_append(out, zeros, count, err);
}

/* One byte where that says it all: cards before GP 2.2 know no more (clause 11.5.2.3.2, note). */
static enum kms_status put_privileges(struct buf *out, unsigned privileges, struct kms_err *err)
{
	const unsigned char bytes[] = {(unsigned char)(privileges & 0xFFFF ? 3 : 1),
		(unsigned char)(privileges >> 16), (unsigned char)(privileges >> 8),
		(unsigned char)privileges};

	return buf_append(out, bytes, 1u + bytes[0], err);
}

static enum kms_status put_params(
	struct buf *out, const struct gp_install *install, struct kms_err *err)
{
	BUF_AUTO struct buf params = {0};
	enum kms_status st = KMS_OK;

	if (install->system_params)
		st = tlv_append(&params, TAG_SYSTEM, install->system_params,
			install->system_params_len, err);
	if (!st)
		st = tlv_append(
			&params, TAG_APPLICATION, install->params, install->params_len, err);
	if (!st)
		st = tlv_append_length(out, params.len, err);
	return st ? st : buf_append(out, params.data, params.len, err);
}

static enum kms_status finish(enum gp_content_kind kind, unsigned p2, const struct buf *data,
	struct gp_content *ret_content, struct kms_err *err)
{
	if (data->len > GP_CONTENT_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: its data have %zu bytes, and one command takes %d", kinds[kind].what,
			data->len, GP_CONTENT_MAX);
	*ret_content = (struct gp_content){.kind = kind,
		.ins = kinds[kind].ins,
		.p1 = kinds[kind].p1,
		.p2 = (unsigned char)p2,
		.len = data->len};
	memcpy(ret_content->data, data->data, data->len);
	return KMS_OK;
}

/* Table 11-42: names, hash, no parameters. */
enum kms_status gp_content_for_load(
	const struct gp_load *load, struct gp_content *ret_content, struct kms_err *err)
{
	const unsigned char hash_len = (unsigned char)load->hash_len;
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_aid(&data, &load->file, err);

	if (!st)
		st = put_aid(&data, &load->domain, err);
	if (!st)
		st = buf_append(&data, &hash_len, 1, err);
	if (!st && hash_len)
		st = buf_append(&data, load->hash, hash_len, err);
	if (!st)
		st = put_zeros(&data, 1, err);
	return st ? st : finish(GP_CONTENT_LOAD, 0, &data, ret_content, err);
}

enum kms_status gp_content_for_install(
	const struct gp_install *in, struct gp_content *ret_content, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_aid(&data, &in->file, err);

	if (!st)
		st = put_aid(&data, &in->module, err);
	if (!st)
		st = put_aid(&data, &in->instance, err);
	if (!st)
		st = put_privileges(&data, in->privileges, err);
	if (!st)
		st = put_params(&data, in, err);
	return st ? st : finish(GP_CONTENT_INSTALL, 0, &data, ret_content, err);
}

/* Table 11-44: no file, no module, no parameters. */
enum kms_status gp_content_for_selectable(
	const struct gp_install *in, struct gp_content *ret_content, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_zeros(&data, 2, err);

	if (!st)
		st = put_aid(&data, &in->instance, err);
	if (!st)
		st = put_privileges(&data, in->privileges, err);
	if (!st)
		st = put_zeros(&data, 1, err);
	return st ? st : finish(GP_CONTENT_SELECTABLE, 0, &data, ret_content, err);
}

/* Table 11-45. */
enum kms_status gp_content_for_extradition(const struct gp_aid *domain,
	const struct gp_aid *application, struct gp_content *ret_content, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_aid(&data, domain, err);

	if (!st)
		st = put_zeros(&data, 1, err);
	if (!st)
		st = put_aid(&data, application, err);
	if (!st)
		st = put_zeros(&data, 2, err);
	return st ? st : finish(GP_CONTENT_EXTRADITE, 0, &data, ret_content, err);
}

/* Table 11-23. */
enum kms_status gp_content_for_delete(
	const struct gp_aid *aid, bool related, struct gp_content *ret_content, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = tlv_append(&data, TAG_AID, aid->bytes, aid->len, err);

	return st ? st : finish(GP_CONTENT_DELETE, related ? RELATED : 0, &data, ret_content, err);
}

/* ---- signed ---- */

size_t gp_content_signed(const struct gp_content *content, unsigned char ret_bytes[GP_SIGNED_MAX])
{
	ret_bytes[0] = content->p1;
	ret_bytes[1] = content->p2;
	ret_bytes[2] = (unsigned char)content->len;
	memcpy(ret_bytes + 3, content->data, content->len);
	return 3 + content->len;
}

/* The next field behind its length (one byte, or 81 and one); false where it ends before its end. */
static bool next_field(
	const unsigned char *data, size_t len, size_t *at, struct gp_bytes *ret_field)
{
	size_t size;

	if (*at >= len)
		return false;
	size = data[(*at)++];
	if (size == 0x81 && *at < len)
		size = data[(*at)++];
	else if (size > 0x80)
		return false;
	if (size > len - *at)
		return false;
	*ret_field = (struct gp_bytes){data + *at, size};
	*at += size;
	return true;
}

static bool fields_are_whole(const struct gp_content *c)
{
	struct gp_bytes field;
	size_t at = 0;

	for (size_t i = 0; kinds[c->kind].fields[i]; i++)
		if (!next_field(c->data, c->len, &at, &field))
			return false;
	return at == c->len;
}

static bool delete_is_whole(const struct gp_content *c, struct kms_err *err)
{
	struct tlv_reader reader = tlv_read(c->data, c->len);
	struct tlv tlv;

	if (tlv_next(&reader, "delete", &tlv, err) || tlv.tag != TAG_AID || tlv.len < GP_AID_MIN ||
		tlv.len > GP_AID_MAX)
		return false;
	/* Table 11-23: tag B6 may follow. */
	return !tlv_more(&reader) || (tlv_next(&reader, "delete", &tlv, err) == KMS_OK &&
					     tlv.tag == 0xB6 && !tlv_more(&reader));
}

enum kms_status gp_content_parse(enum gp_content_kind kind, const unsigned char *bytes, size_t len,
	struct gp_content *ret_content, struct kms_err *err)
{
	struct gp_content c = {.kind = kind};
	struct kms_err ignored = {0};
	bool whole = len > 3 && len <= GP_SIGNED_MAX && bytes[2] == len - 3;

	if (kind <= GP_CONTENT_NONE || (unsigned)kind >= KINDS)
		return kms_fail(err, KMS_ERR_INTERNAL, "no such content command");
	if (whole) {
		c.ins = kinds[kind].ins;
		c.p1 = bytes[0];
		c.p2 = bytes[1];
		c.len = len - 3;
		memcpy(c.data, bytes + 3, c.len);
		whole = c.p1 == kinds[kind].p1 &&
			(kind == GP_CONTENT_DELETE
					? (c.p2 & ~RELATED) == 0 && delete_is_whole(&c, &ignored)
					: c.p2 == 0 && fields_are_whole(&c));
	}
	if (!whole)
		return kms_fail(err, KMS_ERR_INVALID, "these %zu bytes are no command '%s'", len,
			kinds[kind].name);
	*ret_content = c;
	return KMS_OK;
}

const char *gp_content_differs(const struct gp_content *a, const struct gp_content *b)
{
	size_t at = 0, bt = 0;

	if (a->kind != b->kind)
		return "what it permits";
	if (a->kind == GP_CONTENT_DELETE && a->p2 != b->p2)
		return "rule for related applications";
	if (a->kind == GP_CONTENT_DELETE)
		return a->len == b->len && memcmp(a->data, b->data, a->len) == 0
			       ? NULL
			       : "application or load file";
	for (size_t i = 0; kinds[a->kind].fields[i]; i++) {
		struct gp_bytes x, y;

		if (!next_field(a->data, a->len, &at, &x) ||
			!next_field(b->data, b->len, &bt, &y) || x.len != y.len ||
			memcmp(x.at, y.at, x.len) != 0)
			return kinds[a->kind].fields[i];
	}
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0 ? NULL : "coding";
}

/* ---- sending ---- */

enum kms_status gp_content_send(struct gp *gp, const struct gp_content *content,
	const unsigned char *token, size_t token_len, struct kms_err *err)
{
	const char *what = kinds[content->kind].what;
	const unsigned char len = (unsigned char)token_len;
	BUF_AUTO struct buf data = {0};
	struct apdu apdu = {
		.cla = apdu_class(true, gp->channel, false),
		.ins = content->ins,
		.p1 = content->p1,
		.p2 = content->p2,
		.le = APDU_LE_ALL,
		.extended = gp->extended,
	};
	enum kms_status st;

	if (!gp->scp.authenticated)
		return kms_fail(
			err, KMS_ERR_STATE, "%s needs a secure channel, and none is open", what);
	if (token_len > GP_TOKEN_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s: a token of %zu bytes", what, token_len);
	st = buf_append(&data, content->data, content->len, err);
	if (!st && content->ins == GP_INSTALL)
		st = buf_append(&data, &len, 1, err);
	if (!st && content->ins == GP_INSTALL && len)
		st = buf_append(&data, token, len, err);
	if (!st && content->ins == GP_DELETE && len)
		st = tlv_append(&data, TAG_TOKEN, token, len, err);
	if (st)
		return st;
	apdu.data = (const unsigned char *)data.data;
	apdu.len = data.len;
	return gp_command(gp, &apdu, what, err);
}
