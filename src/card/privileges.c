/* SPDX-License-Identifier: Apache-2.0 */
/* Privileges by name: GPCS 2.3.1 clause 11.1.2, tables 11-7 to 11-9. */
#include "card/gpdata.h"

#include "base/hex.h"

#include <string.h>

static const struct {
	unsigned mask, bits; /* bits within mask */
	const char *name;
} privileges[] = {
	{0x800000, 0x800000, "security-domain"},
	{0xC10000, 0xC00000, "dap-verification"},
	{0xA00000, 0xA00000, "delegated-management"},
	{0x100000, 0x100000, "card-lock"},
	{0x080000, 0x080000, "card-terminate"},
	{0x040000, 0x040000, "card-reset"},
	{0x020000, 0x020000, "cvm-management"},
	{0xC10000, 0xC10000, "mandated-dap-verification"},
	{0x008000, 0x008000, "trusted-path"},
	{0x004000, 0x004000, "authorized-management"},
	{0x002000, 0x002000, "token-management"},
	{0x001000, 0x001000, "global-delete"},
	{0x000800, 0x000800, "global-lock"},
	{0x000400, 0x000400, "global-registry"},
	{0x000200, 0x000200, "final-application"},
	{0x000100, 0x000100, "global-service"},
	{0x000080, 0x000080, "receipt-generation"},
	{0x000040, 0x000040, "ciphered-load-file"},
	{0x000020, 0x000020, "contactless-activation"},
	{0x000010, 0x000010, "contactless-self-activation"},
};

enum { PRIVILEGES = sizeof(privileges) / sizeof(privileges[0]) };

/* Six hex digits, or two: the first byte. */
static bool parse_hex(const char *text, unsigned *ret_bits)
{
	unsigned char bytes[3] = {0};
	size_t len = strlen(text) / 2;

	if ((strlen(text) != 2 && strlen(text) != 6) || !hex_decode_strict(text, bytes, len))
		return false;
	*ret_bits = (unsigned)bytes[0] << 16 | (unsigned)bytes[1] << 8 | bytes[2];
	return true;
}

static bool find_name(const char *word, size_t len, unsigned *bits)
{
	for (size_t i = 0; i < PRIVILEGES; i++)
		if (strlen(privileges[i].name) == len &&
			strncmp(privileges[i].name, word, len) == 0) {
			*bits |= privileges[i].bits;
			return true;
		}
	return false;
}

static enum kms_status unknown(const char *word, size_t len, struct kms_err *err)
{
	BUF_AUTO struct buf names = {0};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < PRIVILEGES; i++) {
		st = i ? buf_puts(&names, ", ", err) : KMS_OK;
		if (!st)
			st = buf_puts(&names, privileges[i].name, err);
	}
	if (st)
		return st;
	kms_fail(err, KMS_ERR_USAGE, "there is no privilege '%.*s'", (int)(len < 60 ? len : 60),
		word);
	return kms_hint(
		err, "two or six hex digits, or words joined by commas: %s", buf_text(&names));
}

enum kms_status gp_privileges_parse(const char *text, unsigned *ret_bits, struct kms_err *err)
{
	unsigned bits = 0;

	if (parse_hex(text, ret_bits))
		return KMS_OK;
	for (const char *word = text;;) {
		size_t len = strcspn(word, ",");

		if (!find_name(word, len, &bits))
			return unknown(word, len, err);
		if (!word[len])
			break;
		word += len + 1;
	}
	*ret_bits = bits;
	return KMS_OK;
}

enum kms_status gp_privileges_text(unsigned bits, struct buf *out, struct kms_err *err)
{
	enum kms_status st = KMS_OK;
	bool first = true;

	for (size_t i = 0; !st && i < PRIVILEGES; i++) {
		if ((bits & privileges[i].mask) != privileges[i].bits)
			continue;
		st = first ? KMS_OK : buf_puts(out, ",", err);
		if (!st)
			st = buf_puts(out, privileges[i].name, err);
		first = false;
	}
	return st;
}
