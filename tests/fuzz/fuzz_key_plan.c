/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a key plan or is not; one that is holds to its limits, and its methods print. */
#include "keys/plan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_set(const struct key_plan_set *set)
{
	char label[KEY_LABEL_MAX + 1], text[KEY_DIV_TEXT_SIZE];
	struct key_div div;

	if (key_label(set->name, KEY_ROLE_ENC, label, NULL) ||
		key_label_check(label, "label", NULL) || key_div_fits(&set->div, set->alg, NULL) ||
		set->key_version < KEY_VERSION_MIN || set->key_version > KEY_VERSION_MAX)
		abort();
	key_div_print(&set->div, text);
	if (key_div_parse(text, &div, NULL) || memcmp(&div, &set->div, sizeof(div)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KEY_PLAN_AUTO struct key_plan plan = {0};
	struct kms_err err = {0};

	if (key_plan_parse("plan", (const char *)data, size, &plan, &err)) {
		if (err.code == KMS_ERR_INTERNAL || err.msg[0] == 0)
			abort();
		return 0;
	}
	if (!plan.name || plan.count == 0 || plan.count > KEY_PLAN_SETS_MAX)
		abort();
	for (size_t i = 0; i < plan.count; i++)
		check_set(&plan.sets[i]);
	return 0;
}
