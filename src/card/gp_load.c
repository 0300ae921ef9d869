/* SPDX-License-Identifier: Apache-2.0 */
/* LOAD: GPCS 2.3.1 clause 11.6; INSTALL [for load] before it is in gp_install.c. */
#include "card/gp.h"

#include <string.h>

enum {
	BLOCKS_MAX = 256, /* clause 11.6.2.2: numbered from 00 to FF */
	LAST_BLOCK = 0x80,
	TAG_CODE = 0xC4,
	TAG_DAP = 0xE2,
	TAG_AID = 0x4F,
	TAG_SIGNATURE = 0xC3,
};

/* Bytes of data that one command can carry beside what secure messaging adds (clause 11.1.5). */
size_t gp_block_room(const struct gp *gp)
{
	const struct scp *scp = &gp->scp;
	size_t block = scp->protocol == 2 ? 8 : 16, left = APDU_SHORT_MAX;

	if (scp->level & SCP_C_MAC)
		left -= scp->mac_len;
	if (scp->level & SCP_C_DEC)
		left = left / block * block - 1;
	return left;
}

/* Table 11-58: DAP blocks come before what they sign. */
static enum kms_status put_dap(struct buf *out, const struct gp_dap *dap, struct kms_err *err)
{
	BUF_AUTO struct buf inside = {0};
	enum kms_status st = tlv_append(&inside, TAG_AID, dap->domain.bytes, dap->domain.len, err);

	if (!st)
		st = tlv_append(&inside, TAG_SIGNATURE, dap->signature, dap->len, err);
	return st ? st
		  : tlv_append(out, TAG_DAP, (const unsigned char *)inside.data, inside.len, err);
}

enum kms_status gp_load_file(const struct gp_load *load, struct buf *ret_file, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < load->dap_count; i++)
		st = put_dap(ret_file, &load->daps[i], err);
	return st ? st : tlv_append(ret_file, TAG_CODE, load->code, load->len, err);
}

static enum kms_status send_block(struct gp *gp, const unsigned char *data, size_t len,
	unsigned number, bool last, struct kms_err *err)
{
	const struct apdu apdu = {
		.cla = apdu_class(true, gp->channel, false),
		.ins = GP_LOAD,
		.p1 = last ? LAST_BLOCK : 0,
		.p2 = (unsigned char)number,
		.data = data,
		.len = len,
		.le = APDU_LE_ALL,
	};

	return gp_command(gp, &apdu, "LOAD", err);
}

enum kms_status gp_load(struct gp *gp, const struct gp_load *load, struct kms_err *err)
{
	BUF_AUTO struct buf file = {0};
	enum kms_status st = gp_load_file(load, &file, err);
	size_t room = gp_block_room(gp), count = (file.len + room - 1) / room;

	if (st)
		return st;
	if (count > BLOCKS_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot load %zu bytes: LOAD numbers %d blocks, of at most %zu bytes here",
			file.len, BLOCKS_MAX, room);
	st = gp_install_for_load(gp, load, err);
	for (size_t i = 0; !st && i < count; i++) {
		size_t at = i * room, left = file.len - at;

		st = send_block(gp, (const unsigned char *)file.data + at,
			left < room ? left : room, (unsigned)i, i + 1 == count, err);
		if (st)
			(void)kms_prefix(err, "block %zu of %zu: ", i + 1, count);
	}
	return st;
}
