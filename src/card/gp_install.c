/* SPDX-License-Identifier: Apache-2.0 */
/* INSTALL (GPCS 2.3.1 clause 11.5). */
#include "card/gp.h"

#include <string.h>

enum {
	FOR_LOAD = 0x02,
	FOR_SELECTABLE = 0x08,
	FOR_INSTALL_AND_SELECTABLE = 0x0C, /* table 11-41 */
	FOR_EXTRADITION = 0x10,
	FOR_PERSONALIZATION = 0x20,
	TAG_SYSTEM = 0xEF,
	TAG_APPLICATION = 0xC9,
};

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

static enum kms_status install(
	struct gp *gp, unsigned p1, const struct buf *data, const char *what, struct kms_err *err)
{
	const struct apdu apdu = {
		.cla = apdu_class(true, gp->channel, false),
		.ins = GP_INSTALL,
		.p1 = (unsigned char)p1,
		.data = (const unsigned char *)data->data,
		.len = data->len,
		.le = APDU_LE_ALL,
		.extended = gp->extended,
	};

	if (!gp->scp.authenticated)
		return kms_fail(
			err, KMS_ERR_STATE, "%s needs a secure channel, and none is open", what);
	return gp_command(gp, &apdu, what, err);
}

/* Table 11-42: names, hash, no parameters, no token. */
enum kms_status gp_install_for_load(struct gp *gp, const struct gp_load *load, struct kms_err *err)
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
		st = put_zeros(&data, 2, err);
	return st ? st : install(gp, FOR_LOAD, &data, "INSTALL [for load]", err);
}

enum kms_status gp_install(struct gp *gp, const struct gp_install *in, struct kms_err *err)
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
	if (!st)
		st = put_zeros(&data, 1, err); /* no token */
	return st ? st
		  : install(gp, FOR_INSTALL_AND_SELECTABLE, &data, "INSTALL [for install]", err);
}

/* Table 11-44: no file and no module. */
enum kms_status gp_make_selectable(struct gp *gp, const struct gp_install *in, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_zeros(&data, 2, err);

	if (!st)
		st = put_aid(&data, &in->instance, err);
	if (!st)
		st = put_privileges(&data, in->privileges, err);
	if (!st)
		st = put_zeros(&data, 2, err); /* no parameters, no token */
	return st ? st : install(gp, FOR_SELECTABLE, &data, "INSTALL [for make selectable]", err);
}

enum kms_status gp_extradite(struct gp *gp, const struct gp_aid *domain,
	const struct gp_aid *application, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_aid(&data, domain, err);

	if (!st)
		st = put_zeros(&data, 1, err);
	if (!st)
		st = put_aid(&data, application, err);
	if (!st)
		st = put_zeros(&data, 3, err);
	return st ? st : install(gp, FOR_EXTRADITION, &data, "INSTALL [for extradition]", err);
}

enum kms_status gp_personalise(struct gp *gp, const struct gp_aid *application, struct kms_err *err)
{
	BUF_AUTO struct buf data = {0};
	enum kms_status st = put_zeros(&data, 2, err);

	if (!st)
		st = put_aid(&data, application, err);
	if (!st)
		st = put_zeros(&data, 3, err);
	return st ? st
		  : install(gp, FOR_PERSONALIZATION, &data, "INSTALL [for personalization]", err);
}
