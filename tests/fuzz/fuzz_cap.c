/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are a CAP file or are not; what is accepted keeps its own bounds. */
#include "card/cap.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kms_err err = {0};
	CAP_AUTO struct cap cap = {0};
	size_t total = 0;

	if (cap_read(data, size, &cap, &err)) {
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
