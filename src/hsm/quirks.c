/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token quirks as data. Measured on SoftHSM 2.6.1 and NSS softokn 3.87; the rows for Luna and
 * openCryptoki are from their documentation and from measurement of openCryptoki 3.8.1, untested
 * here. What a probe can find out is not in this table.
 */
#include "hsm/internal.h"

#include <string.h>

static const struct hsm_quirks table[] = {
	{
		.manufacturer = "SoftHSM project",
		.unwrap_loses_value_len = true,
		.kw_broken_rv = CKR_GENERAL_ERROR,
	},
	{
		.manufacturer = "Mozilla Foundation",
		.no_so_pin = true,
		.label_fixed = true,
		.initialised_by_pin = true,
		.unwrap_needs_value_len = true,
		.derive_max = 64,
		.kw_broken_rv = CKR_DEVICE_ERROR,
	},
	{.manufacturer = "SafeNet", .unwrap_needs_value_len = true},
	{.manufacturer = "Thales", .unwrap_needs_value_len = true},
	{.manufacturer = "IBM", .unwrap_needs_value_len = true},
	{.manufacturer = ""},
};

const struct hsm_quirks *hsm_quirks_for(const CK_TOKEN_INFO *info)
{
	const struct hsm_quirks *q = table;

	while (strncmp(
		q->manufacturer, (const char *)info->manufacturerID, strlen(q->manufacturer)))
		q++;
	return q;
}
