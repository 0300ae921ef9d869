/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is a card profile or is not; one that is holds to its limits. */
#include "card/profile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CARD_PROFILE_AUTO struct card_profile p = {0};
	struct kms_err err = {0};
	unsigned scp, i;

	if (card_profile_parse("profile", (const char *)data, size, &p, &err)) {
		if (err.code == KMS_ERR_INTERNAL || err.msg[0] == 0 || p.title)
			abort();
		return 0;
	}
	if (!p.title || !p.name[0] || p.isd.len < GP_AID_MIN || p.kdd_len == 0 ||
		p.kdd_len > CARD_KDD_MAX || p.init_budget == 0 || p.versions_min < 1 ||
		p.versions_max > 0x7F || p.versions_min > p.versions_max ||
		scp_option_check(p.scp, p.i, NULL))
		abort();
	card_profile_option(&p, NULL, &scp, &i);
	if (scp != p.scp || i != p.i)
		abort();
	return 0;
}
