/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes are a CAP file or are not; what is accepted keeps its own bounds. Checksums of the archive keep
 * changed components out, so bytes that do not begin as an archive does are components themselves: for each,
 * which it is, two bytes of length, and so many bytes.
 */
#include "card/cap_int.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum kms_status from_components(
	const uint8_t *data, size_t size, struct cap *cap, struct kms_err *err)
{
	struct buf parts[CAP_COMPONENTS] = {0};
	enum kms_status st = KMS_OK;

	while (!st && size >= 3) {
		struct buf *part = &parts[data[0] % CAP_COMPONENTS];
		size_t len = (size_t)data[1] << 8 | data[2];

		len = len < size - 3 ? len : size - 3;
		buf_free(part);
		*part = (struct buf){0};
		st = buf_append(part, data + 3, len, err);
		data += 3 + len;
		size -= 3 + len;
	}
	if (!st)
		st = cap_parse(cap, parts, err);
	for (size_t i = 0; i < CAP_COMPONENTS; i++)
		buf_free(&parts[i]);
	return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kms_err err = {0};
	CAP_AUTO struct cap cap = {0};
	size_t total = 0;

	if (size > 0 && data[0] == 'P' ? cap_read(data, size, &cap, &err)
				       : from_components(data, size, &cap, &err)) {
		if (err.code == KMS_ERR_INTERNAL || err.msg[0] == 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < CAP_COMPONENTS; i++)
		total += cap.sizes[i];
	if (total != cap.code.len || cap.code_len > total || cap.applet_count > CAP_APPLETS_MAX ||
		cap.package.aid.len < GP_AID_MIN || cap.package.aid.len > GP_AID_MAX)
		abort();
	return 0;
}
