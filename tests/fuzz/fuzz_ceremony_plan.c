/* SPDX-License-Identifier: Apache-2.0 */
/* The ceremony file: whatever it holds, it is read whole or refused. */
#include "ceremony/plan.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	struct kms_err err = {0};

	if (cer_plan_parse("fuzz", (const char *)data, size, &plan, &err) == KMS_OK &&
		(plan.officers.count != 2 ||
			((plan.pairs.count > 0) != cer_plan_has_components(plan.kind) &&
				plan.kind != CER_PLAN_HSM_SETUP)))
		abort();
	return 0;
}
