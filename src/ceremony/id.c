/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/id.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { ID_DIGITS = 8, DIGIT_BITS = 5 };

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void cer_id_make(const unsigned char random[CER_ID_RANDOM], char out[CER_ID_SIZE])
{
	uint64_t bits = 0;
	char *p = out;

	for (size_t i = 0; i < CER_ID_RANDOM; i++)
		bits = bits << 8 | random[i];
	for (unsigned i = ID_DIGITS; i-- > 0;) {
		*p++ = digits[bits >> (DIGIT_BITS * i) & 31];
		if (i == ID_DIGITS / 2)
			*p++ = '-';
	}
	*p = 0;
}

/* The digit meant by c, or 0. */
static char digit_meant(char c)
{
	c = (char)toupper((unsigned char)c);
	if (c == 'O')
		return '0';
	if (c == 'I' || c == 'L')
		return '1';
	return c && strchr(digits, c) ? c : 0;
}

enum kms_status cer_id_parse(const char *text, char ret_id[CER_ID_SIZE], struct kms_err *err)
{
	char id[CER_ID_SIZE] = {0};
	size_t count = 0;

	for (const char *p = text; *p; p++) {
		char digit;

		if (*p == '-' || *p == ' ')
			continue;
		digit = digit_meant(*p);
		if (!digit || count == ID_DIGITS) {
			count = ID_DIGITS + 1;
			break;
		}
		id[count + (count >= ID_DIGITS / 2)] = digit;
		count++;
	}
	if (count != ID_DIGITS) {
		kms_fail(err, KMS_ERR_INVALID,
			"not a ceremony id: it has eight letters and digits, like 7F3K-22QD");
		return kms_hint(err, "type the id as it stands on the component sheet");
	}
	id[ID_DIGITS / 2] = '-';
	memcpy(ret_id, id, sizeof(id));
	return KMS_OK;
}
