/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card says of itself, by the first byte of the input: CPLC, recognition data, key
 * information, GET STATUS, SELECT, INITIALIZE UPDATE. All of it keeps to its bounds.
 */
#include "card/gpdata.h"
#include "card/scp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum kms_status cplc(const uint8_t *data, size_t size, struct kms_err *err)
{
	unsigned char id[GP_CHIP_ID_SIZE];
	struct gp_cplc c;
	enum kms_status st = gp_cplc_parse(data, size, &c, err);

	if (!st)
		(void)gp_cplc_chip_id(&c, id);
	return st;
}

static enum kms_status recognition(const uint8_t *data, size_t size, struct kms_err *err)
{
	struct gp_recognition r;
	enum kms_status st = gp_recognition_parse(data, size, &r, err);

	if (!st && (r.count > GP_SCPS_MAX || !memchr(r.version, 0, sizeof(r.version))))
		abort();
	return st;
}

static enum kms_status keys(const uint8_t *data, size_t size, struct kms_err *err)
{
	unsigned type, length;
	struct gp_key_list list;
	enum kms_status st = gp_key_list_parse(data, size, &list, err);

	if (st)
		return st;
	if (list.count > GP_KEYS_MAX)
		abort();
	for (unsigned v = 0; v <= 0xFF; v++)
		if (gp_key_list_set(&list, v, &type, &length) && list.count < 3)
			abort();
	return KMS_OK;
}

/* With tags, or without: as the first byte says. */
static enum kms_status registry(const uint8_t *data, size_t size, struct kms_err *err)
{
	static struct gp_registry r;

	r.count = 0;
	if (size > 0 && data[0] < 0x20) {
		if (gp_registry_parse_old(data + 1, size - 1, data[0] & 1, &r, err))
			return err->code;
	} else if (gp_registry_parse(data, size, &r, err)) {
		return err->code;
	}
	for (size_t i = 0; i < r.count; i++)
		if (r.entries[i].aid.len < GP_AID_MIN || r.entries[i].aid.len > GP_AID_MAX)
			abort();
	return KMS_OK;
}

static enum kms_status fci(const uint8_t *data, size_t size, struct kms_err *err)
{
	struct gp_fci f;

	return gp_fci_parse(data, size, &f, err);
}

static enum kms_status init(const uint8_t *data, size_t size, struct kms_err *err)
{
	static const unsigned char challenge[16];
	struct scp_init i;
	enum kms_status st =
		scp_init_parse(challenge, size % 2 ? 16 : 8, 0x15, data, size, &i, err);

	if (!st && (i.scp != 2 && i.scp != 3))
		abort();
	if (!st && scp_level_check(i.scp, i.i, scp_level_best(i.scp, i.i), NULL))
		abort();
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static enum kms_status (*const parsers[])(const uint8_t *, size_t, struct kms_err *) = {
		cplc, recognition, keys, registry, fci, init};
	struct kms_err err = {0};
	enum kms_status st;

	if (size == 0)
		return 0;
	st = parsers[data[0] % 6](data + 1, size - 1, &err);
	if (st && (err.code != st || err.code == KMS_ERR_INTERNAL || err.msg[0] == 0))
		abort();
	return 0;
}
