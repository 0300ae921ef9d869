/* SPDX-License-Identifier: Apache-2.0 */
/* The custodian pairs file. The first byte says how many components the ceremony has. */
#include "ceremony/pairs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted keeps the promises of pairs.h. */
static void check(const struct cer_pairs *pairs, size_t count)
{
	if (pairs->count != count)
		abort();
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < CER_PAIR_SIZE; j++) {
			if (name_check(pairs->pairs[i].names[j], "name", NULL))
				abort();
			if (cer_pairs_find(pairs, pairs->pairs[i].names[j]) != i + 1)
				abort();
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cer_pairs pairs;
	struct kms_err err;
	size_t count;

	if (size < 2)
		return 0;
	count = (size_t)data[0] - '0';
	if (!cer_pairs_parse("pairs.ini", (const char *)data + 1, size - 1, count, &pairs, &err))
		check(&pairs, count);
	else if (!err.msg[0])
		abort();
	return 0;
}
