/* SPDX-License-Identifier: Apache-2.0 */
/* What the letters of a key block's header mean: tables. docs/sources.md says where they were read. */
#include "keys/keyblock.h"
#include "keys/keyblock_int.h"

#include <string.h>

struct word {
	const char *code, *text;
};

static const struct word versions[] = {
	{"A", "TDEA, key variants (deprecated; not taken)"},
	{"B", "TDEA, derived keys"},
	{"C", "TDEA, key variants (not taken)"},
	{"D", "AES, derived keys"},
	{"E", "AES in counter mode, ISO 20038 (not taken)"},
};

static const struct word usages[] = {
	{"B0", "base derivation key (BDK)"},
	{"B1", "initial DUKPT key"},
	{"B2", "base key variant key"},
	{"B3", "key derivation key, not of X9.24"},
	{"C0", "card verification key"},
	{"D0", "symmetric key for data encryption"},
	{"D1", "asymmetric key for data encryption"},
	{"D2", "data encryption key for a decimalization table"},
	{"D3", "data encryption key for sensitive data"},
	{"E0", "EMV issuer master key: application cryptograms"},
	{"E1", "EMV issuer master key: secure messaging for confidentiality"},
	{"E2", "EMV issuer master key: secure messaging for integrity"},
	{"E3", "EMV issuer master key: data authentication code"},
	{"E4", "EMV issuer master key: dynamic numbers"},
	{"E5", "EMV issuer master key: card personalization"},
	{"E6", "EMV issuer master key: other"},
	{"E7", "EMV asymmetric key pair for PIN encryption"},
	{"I0", "initialization vector"},
	{"K0", "key encryption or wrapping key"},
	{"K1", "key block protection key"},
	{"K2", "TR-34 asymmetric key pair"},
	{"K3", "asymmetric key pair for key wrapping or agreement"},
	{"K4", "ISO 20038 key block protection key"},
	{"M0", "ISO 16609 MAC algorithm 1"},
	{"M1", "ISO 9797-1 MAC algorithm 1"},
	{"M2", "ISO 9797-1 MAC algorithm 2"},
	{"M3", "ISO 9797-1 MAC algorithm 3"},
	{"M4", "ISO 9797-1 MAC algorithm 4"},
	{"M5", "ISO 9797-1:1999 MAC algorithm 5"},
	{"M6", "ISO 9797-1:2011 MAC algorithm 5 (CMAC)"},
	{"M7", "HMAC key"},
	{"M8", "ISO 9797-1 MAC algorithm 6"},
	{"P0", "PIN encryption key"},
	{"P1", "PIN generation key"},
	{"S0", "asymmetric key pair for digital signature"},
	{"S1", "asymmetric key pair of a CA"},
	{"S2", "asymmetric key pair, not of X9.24"},
	{"V0", "PIN verification key, other algorithm"},
	{"V1", "PIN verification key, IBM 3624"},
	{"V2", "PIN verification key, VISA PVV"},
	{"V3", "PIN verification key, X9.132 algorithm 1"},
	{"V4", "PIN verification key, X9.132 algorithm 2"},
	{"V5", "PIN verification key, X9.132 algorithm 3"},
};

static const struct word algorithms[] = {
	{"A", "AES"},
	{"D", "DES"},
	{"E", "elliptic curve"},
	{"H", "HMAC"},
	{"R", "RSA"},
	{"S", "DSA"},
	{"T", "TDEA"},
};

static const struct word modes[] = {
	{"B", "encrypt and decrypt, or wrap and unwrap"},
	{"C", "generate and verify MACs"},
	{"D", "decrypt or unwrap only"},
	{"E", "encrypt or wrap only"},
	{"G", "generate MACs only"},
	{"N", "no restrictions but those of the usage"},
	{"S", "sign only"},
	{"T", "sign and decrypt"},
	{"V", "verify MACs only"},
	{"X", "derive keys"},
	{"Y", "create key variants"},
};

static const struct word exportabilities[] = {
	{"E", "exportable in a trusted key block"},
	{"N", "not exportable"},
	{"S", "sensitive: exportable also in weaker forms"},
};

static const struct word contexts[] = {
	{"0", "as the protection key's"},
	{"1", "for storage only"},
	{"2", "for exchange only"},
};

/* clang-format off */
static const struct key_block_option_row options[] = {
	{"AL", "asymmetric key life",             "4 hexadecimal digits",             KEY_BLOCK_HEX, 4, 4},
	{"BI", "base derivation key identifier",  "10 or 12 hexadecimal digits",      KEY_BLOCK_HEX, 10, 12},
	{"CT", "public key certificate",          "printable characters",             KEY_BLOCK_PRINTABLE, 2, 9999},
	{"DA", "derivations allowed",             "letters and digits",               KEY_BLOCK_ALNUM, 2, 9999},
	{"FL", "flags",                           "printable characters",             KEY_BLOCK_PRINTABLE, 0, 9999},
	{"HM", "hash algorithm of an HMAC key",   "2 hexadecimal digits",             KEY_BLOCK_HEX, 2, 2},
	{"IK", "initial key identifier",          "16 hexadecimal digits",            KEY_BLOCK_HEX, 16, 16},
	{"KC", "check value of the key",          "4 to 12 hexadecimal digits",       KEY_BLOCK_HEX, 4, 12},
	{"KP", "check value of the protection key", "4 to 12 hexadecimal digits",     KEY_BLOCK_HEX, 4, 12},
	{"KS", "key serial number",               "2 to 20 hexadecimal digits",       KEY_BLOCK_HEX, 2, 20},
	{"KV", "key block values",                "letters and digits",               KEY_BLOCK_ALNUM, 4, 4},
	{"LB", "label",                           "printable characters",             KEY_BLOCK_PRINTABLE, 0, 9999},
	{"PB", "padding",                         "printable characters",             KEY_BLOCK_PRINTABLE, 0, 9999},
	{"PK", "check value of the exporting protection key", "4 to 12 hexadecimal digits", KEY_BLOCK_HEX, 4, 12},
	{"TC", "time of creation",                "a time of 15 to 23 characters that ends with Z", KEY_BLOCK_TIME, 15, 23},
	{"TS", "time stamp",                      "a time of 15 to 23 characters that ends with Z", KEY_BLOCK_TIME, 15, 23},
	{"WP", "wrapping pedigree",               "3 letters and digits",             KEY_BLOCK_ALNUM, 3, 3},
};
/* clang-format on */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *find(const struct word *words, size_t count, const char *code)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].code, code) == 0)
			return words[i].text;
	return NULL;
}

static const char *find_letter(const struct word *words, size_t count, char letter)
{
	const char code[] = {letter, 0};

	return find(words, count, code);
}

const char *key_block_version_text(char version)
{
	return find_letter(versions, COUNT_OF(versions), version);
}

const char *key_block_usage_text(const char *usage)
{
	return find(usages, COUNT_OF(usages), usage);
}

const char *key_block_algorithm_text(char algorithm)
{
	return find_letter(algorithms, COUNT_OF(algorithms), algorithm);
}

const char *key_block_mode_text(char mode)
{
	return find_letter(modes, COUNT_OF(modes), mode);
}

const char *key_block_exportability_text(char exportability)
{
	return find_letter(exportabilities, COUNT_OF(exportabilities), exportability);
}

const char *key_block_context_text(char context)
{
	return find_letter(contexts, COUNT_OF(contexts), context);
}

const struct key_block_option_row *key_block_option_row(const char *id)
{
	for (size_t i = 0; i < COUNT_OF(options); i++)
		if (strcmp(options[i].id, id) == 0)
			return &options[i];
	return NULL;
}

const char *key_block_option_text(const char *id)
{
	const struct key_block_option_row *row = key_block_option_row(id);

	return row ? row->what : NULL;
}
