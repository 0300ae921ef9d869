/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are TLV objects or are not; what is accepted lies within them, and so do the APDUs. */
#include "card/apdu.h"
#include "card/tlv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_objects(const uint8_t *data, size_t size)
{
	struct tlv_reader r = tlv_read(data, size);
	size_t seen = 0;

	while (tlv_more(&r)) {
		BUF_AUTO struct buf again = {0};
		struct tlv tlv, back;

		if (tlv_next(&r, "fuzz", &tlv, NULL))
			abort(); /* tlv_check has taken it */
		if (tlv.value < data || tlv.len > (size_t)(data + size - tlv.value) || tlv.tag == 0)
			abort();
		seen += tlv.len + 2;
		if (tlv_append(&again, tlv.tag, tlv.value, tlv.len, NULL) ||
			tlv_only((const unsigned char *)again.data, again.len, tlv.tag, "fuzz",
				&back, NULL) ||
			back.len != tlv.len || (tlv.len && memcmp(back.value, tlv.value, tlv.len)))
			abort();
	}
	if (seen > size)
		abort();
}

static void check_apdu(const uint8_t *data, size_t size)
{
	static unsigned char out[CARD_WIRE_COMMAND_MAX];
	struct apdu apdu;
	size_t len;

	if (!apdu_decode(data, size, &apdu))
		return;
	if (apdu.len && (apdu.data < data || apdu.len > (size_t)(data + size - apdu.data)))
		abort();
	if (apdu_encode(&apdu, CARD_T1, out, sizeof(out), &len, NULL))
		abort();
	/* Another spelling of the same (extended, though short would do) may come back shorter. */
	if (len > size || (len == size && memcmp(out, data, size)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kms_err err = {0};

	if (tlv_check(data, size, "fuzz", &err) == KMS_OK)
		check_objects(data, size);
	else if (err.code == KMS_ERR_INTERNAL || err.msg[0] == 0)
		abort();
	check_apdu(data, size);
	return 0;
}
