/* SPDX-License-Identifier: Apache-2.0 */
/* INSTALL (GPCS 2.3.1 clause 11.5) and DELETE without a token; card/content.h has the bytes. */
#include "card/content.h"

enum { FOR_PERSONALIZATION = 0x20 };

enum kms_status gp_install_for_load(struct gp *gp, const struct gp_load *load, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = gp_content_for_load(load, &content, err);

	return st ? st : gp_content_send(gp, &content, load->token, load->token_len, err);
}

enum kms_status gp_install(struct gp *gp, const struct gp_install *in, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = gp_content_for_install(in, &content, err);

	return st ? st : gp_content_send(gp, &content, NULL, 0, err);
}

enum kms_status gp_make_selectable(struct gp *gp, const struct gp_install *in, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = gp_content_for_selectable(in, &content, err);

	return st ? st : gp_content_send(gp, &content, NULL, 0, err);
}

enum kms_status gp_extradite(struct gp *gp, const struct gp_aid *domain,
	const struct gp_aid *application, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = gp_content_for_extradition(domain, application, &content, err);

	return st ? st : gp_content_send(gp, &content, NULL, 0, err);
}

enum kms_status gp_delete(
	struct gp *gp, const struct gp_aid *aid, bool related, struct kms_err *err)
{
	struct gp_content content;
	enum kms_status st = gp_content_for_delete(aid, related, &content, err);

	return st ? st : gp_content_send(gp, &content, NULL, 0, err);
}

/* Table 11-47: nothing but the application's name. */
enum kms_status gp_personalise(struct gp *gp, const struct gp_aid *application, struct kms_err *err)
{
	static const unsigned char zeros[3];
	const unsigned char len = (unsigned char)application->len;
	BUF_AUTO struct buf data = {0};
	struct apdu apdu = {
		.cla = apdu_class(true, gp->channel, false),
		.ins = GP_INSTALL,
		.p1 = FOR_PERSONALIZATION,
		.le = APDU_LE_ALL,
		.extended = gp->extended,
	};
	static const char what[] = "INSTALL [for personalization]";
	enum kms_status st = buf_append(&data, zeros, 2, err);

	if (!gp->scp.authenticated)
		return kms_fail(
			err, KMS_ERR_STATE, "%s needs a secure channel, and none is open", what);
	if (!st)
		st = buf_append(&data, &len, 1, err);
	if (!st)
		st = buf_append(&data, application->bytes, len, err);
	if (!st)
		st = buf_append(&data, zeros, sizeof(zeros), err);
	apdu.data = (const unsigned char *)data.data;
	apdu.len = data.len;
	return st ? st : gp_command(gp, &apdu, what, err);
}
