/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key blocks of ANSI X9.143 (TR-31): the way keys go to payment HSMs and clouds, and come from them.
 *
 *   D0144B3AX20N0000 6B64…  C0FF…
 *   header           key    MAC      printable; the last two in hexadecimal
 *
 * The header says what the key is for; the MAC covers it and the key. Under the block protection
 * key (KBPK) two keys are derived by CMAC, one to encrypt (KBEK), one for the MAC (KBAK):
 * version B under TDEA, D under AES. The encrypted part is the key's length in bits (two bytes), the
 * key, and random bytes up to the longest key of the algorithm, so that the length does not show.
 *
 * Here are text and cryptography, the latter with the keys' holder behind struct key_block_engine:
 * clear bytes (key_block_clear) or a token (keys/blocktoken.h). Sources: docs/sources.md.
 */
#ifndef KEYS_KEYBLOCK_H
#define KEYS_KEYBLOCK_H

#include "base/buf.h"
#include "base/secret.h"
#include "keys/key.h"

enum {
	KEY_BLOCK_HEADER = 16,
	KEY_BLOCK_TEXT_MAX = 9992, /* the length has four decimal digits and is a multiple of 8 */
	KEY_BLOCK_OPTIONS_MAX = 99,
	KEY_BLOCK_MASTER_MAX = 144, /* what key_block_seal makes of a master: AES under AES */
};

/* The header's fixed fields. Texts end with a zero byte. */
struct key_block_fields {
	char version;	    /* 'B', 'D'; as parsed also 'A', 'C', 'E' */
	char usage[3];	    /* "B3" */
	char algorithm;	    /* 'T', 'A', … */
	char mode;	    /* 'X', … */
	char number[3];	    /* key version number: "00" if unused */
	char exportability; /* 'N', 'E' or 'S' */
	char context;	    /* '0', '1', '2' */
};

/* An optional block; `data` points into the parsed text and is printable ASCII. */
struct key_block_option {
	char id[3];
	const char *data;
	size_t len;
};

/* A parsed block. Borrows the text it was parsed from. */
struct key_block {
	struct key_block_fields fields;
	struct key_block_option options[KEY_BLOCK_OPTIONS_MAX];
	size_t option_count;
	const char *text;
	size_t len;
	size_t header_len;  /* with the optional blocks: what the MAC covers as it is written */
	size_t payload_len; /* bytes of the encrypted part */
	size_t mac_len;	    /* bytes */
};

/*
 * Reads a block without any key: KMS_ERR_INVALID names the field that is malformed. Of all five
 * published versions; key_block_open takes B and D.
 */
KMS_CHECKED enum kms_status key_block_parse(
	const char *text, size_t len, struct key_block *ret_block, struct kms_err *err);

/* The block's optional block with that id, or NULL. */
const struct key_block_option *key_block_option(const struct key_block *block, const char *id);

/* KMS_ERR_INVALID unless each field has a form that a header may have. */
KMS_CHECKED enum kms_status key_block_fields_check(
	const struct key_block_fields *fields, struct kms_err *err);

/* ---- what the letters mean, for people; NULL for what is not known here ---- */
const char *key_block_version_text(char version);
const char *key_block_usage_text(const char *usage);
const char *key_block_algorithm_text(char algorithm);
const char *key_block_mode_text(char mode);
const char *key_block_exportability_text(char exportability);
const char *key_block_context_text(char context);
const char *key_block_option_text(const char *id);

/* ---- masters of this program in key blocks ---- */

/* 'D' for an AES KBPK, 'B' for TDEA, 0 for any other. */
char key_block_version(enum key_alg kbpk);
/* 'A', 'T' or 0. */
char key_block_algorithm(enum key_alg alg);

/*
 * The usages of a GlobalPlatform master: B3 (key derivation key, not of X9.24), which is what it is and
 * what is written by default; E5 (EMV issuer master key: card personalization) for systems that know
 * no B3; E6 (… other); and two digits, which the standard leaves to private agreement. Anything
 * else is KMS_ERR_INVALID.
 */
#define KEY_BLOCK_USAGE_MASTER "B3"
KMS_CHECKED enum kms_status key_block_usage_check(const char *usage, struct kms_err *err);

/* The header of a master: mode X (derives keys), its GP key version as the key version number. */
struct key_block_fields key_block_of_master(
	enum key_alg kbpk, enum key_alg alg, unsigned kvn, const char *usage, char exportability);

/*
 * Whether a block may become that master: version for the KBPK, usage (B3 or E5; if `usage` is
 * given, only that), algorithm, mode X or N, no component, key version number "00" or that of the
 * key, not for storage only. KMS_ERR_DENIED names field, what it is and what it must be.
 */
KMS_CHECKED enum kms_status key_block_is_master(const struct key_block *block, enum key_alg kbpk,
	enum key_alg alg, unsigned kvn, const char *usage, struct kms_err *err);

/* ---- cryptography ---- */

/* The two derived keys, wherever they are. */
struct key_block_engine {
	enum key_alg kbpk;
	void *ctx;
	/* CMAC under the KBAK: one block of the cipher. */
	enum kms_status (*mac)(
		void *ctx, const struct secret *data, unsigned char *ret_mac, struct kms_err *err);
	/* CBC under the KBEK, whole blocks; out may be data. */
	enum kms_status (*crypt)(void *ctx, bool encrypt, const unsigned char *iv,
		const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err);
};

/*
 * What CMAC of which under the KBPK gives the KBEK or (`mac`) the KBAK: messages of
 * KEY_BLOCK_DERIVE_LEN bytes, whose results are concatenated.
 */
enum { KEY_BLOCK_DERIVE_LEN = 8, KEY_BLOCK_DERIVE_MAX = 3 };
size_t key_block_derivation(enum key_alg kbpk, bool mac,
	unsigned char ret_messages[KEY_BLOCK_DERIVE_MAX][KEY_BLOCK_DERIVE_LEN]);

/* Builds a block. `alg` is the key's; its letter must be the fields'. */
KMS_CHECKED enum kms_status key_block_seal(const struct key_block_fields *fields,
	const struct key_block_engine *engine, enum key_alg alg, const struct secret *key,
	struct buf *ret_text, struct kms_err *err);

/*
 * The key in a block. KMS_ERR_MISMATCH if the MAC is not right: another KBPK, or altered; nothing
 * of the decrypted bytes was looked at before. KMS_ERR_UNSUPPORTED for versions A, C, E. A check
 * value in the block (KC) must be the key's.
 */
KMS_CHECKED enum kms_status key_block_open(const struct key_block *block,
	const struct key_block_engine *engine, struct secret *ret_key, struct kms_err *err);

/* An engine on a clear KBPK: for vectors and tests. Ends with key_block_clear_free. */
struct key_block_clear {
	enum key_alg kbpk;
	struct secret kbek, kbak;
};
KMS_CHECKED enum kms_status key_block_clear(enum key_alg kbpk_alg, const struct secret *kbpk,
	struct key_block_clear *clear, struct key_block_engine *ret_engine, struct kms_err *err);
void key_block_clear_free(struct key_block_clear *clear);

#endif
