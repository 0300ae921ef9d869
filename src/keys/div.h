/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diversification: a card's key from a master key and the card's key diversification data (KDD).
 *
 * A method (struct key_div) and a KDD give a recipe, which is plain data: what to encrypt or to MAC
 * under the master. key_div_clear runs a recipe on clear bytes, key_div_hsm (keys/token.h) on
 * handles. A struct key_div owns nothing: copy it by value.
 *
 * Text form, which plans, store and packages carry: the name of a built-in method ("kdf3"), or
 * for a method that a site declared NAME(PRIMITIVE [kdd=N] [version=HH] DATA), for example
 * `acme(tdes-ecb kdd=10 $0 $1 $2 $3 $8 $9 F0 $k $0 $1 $2 $3 $8 $9 0F $k)`.
 *
 * DATA is a list of
 *   HEX      bytes as they are (an even number of digits)
 *   $N       byte N of the KDD, from 0
 *   $kdd     the whole KDD
 *   $k       the key's number: enc 1, mac 2, kek 3; $k+HH that plus HH
 *   $i       block counter from 1 (the cmac primitives; must be there if the key takes more than one)
 *   $L       length of the key in bits, two bytes
 * PRIMITIVE is
 *   tdes-ecb   the key is the TDEA-ECB encryption of DATA, as long as the key
 *   aes-ecb    the key is the AES-ECB encryption of DATA (whole blocks), cut to length
 *   tdes-cmac  the key is CMAC(DATA with $i = 1) ‖ CMAC(DATA with $i = 2) ‖ …, cut to length:
 *   aes-cmac   SP 800-108 in counter mode
 *   an10922    NXP AN10922; DATA is empty; version=HH puts a DES key version into the lowest bits
 *              of the first eight bytes
 */
#ifndef KEYS_DIV_H
#define KEYS_DIV_H

#include "base/secret.h"
#include "keys/key.h"

enum {
	KEY_DIV_NAME_MAX = 24,
	KEY_DIV_ITEMS_MAX = 64,
	KEY_DIV_KDD_MAX = 32,
	KEY_DIV_DATA_MAX = 64, /* bytes of DATA, written out */
	KEY_DIV_TEXT_SIZE = 512,
	KEY_DIV_BLOCKS_MAX = 3,
};

enum key_div_primitive {
	KEY_DIV_PRIM_NONE, /* method "none": the card gets the master itself */
	KEY_DIV_TDES_ECB,
	KEY_DIV_AES_ECB,
	KEY_DIV_TDES_CMAC,
	KEY_DIV_AES_CMAC,
	KEY_DIV_AN10922,
};

enum key_div_op {
	KEY_DIV_BYTE,	 /* arg is the byte */
	KEY_DIV_KDD,	 /* arg is the index */
	KEY_DIV_KDD_ALL, /* arg is unused */
	KEY_DIV_KEY,	 /* the key's number plus arg */
	KEY_DIV_COUNTER,
	KEY_DIV_BITS, /* two bytes */
};

struct key_div_item {
	unsigned char op; /* enum key_div_op */
	unsigned char arg;
};

struct key_div {
	char name[KEY_DIV_NAME_MAX + 1];
	bool built_in;
	enum key_div_primitive primitive;
	unsigned char kdd_min, kdd_max; /* both 0: takes no KDD (none) */
	short des_version;		/* an10922 with TDEA: 0 to 255, or -1 */
	unsigned char item_count;
	struct key_div_item items[KEY_DIV_ITEMS_MAX];
};

/* none, emv, visa2, visa, kdf3, an10922. NULL if there is no such method, or index is past the end. */
const struct key_div *key_div_find(const char *name);
const struct key_div *key_div_at(size_t index);

/* Either text form. Anything odd, unbounded or ambiguous is KMS_ERR_INVALID. */
KMS_CHECKED enum kms_status key_div_parse(
	const char *text, struct key_div *ret_div, struct kms_err *err);
void key_div_print(const struct key_div *div, char ret_text[KEY_DIV_TEXT_SIZE]);

/*
 * A declared method from its parts (as in a key plan). kdd_len is the one length of KDD that it takes,
 * or -1 for the default: 10, for an10922 any that it can. version is -1 for none. Refused: data
 * that does not depend on the KDD, as all cards would get the same key.
 */
KMS_CHECKED enum kms_status key_div_declare(const char *name, const char *primitive, int kdd_len,
	int version, const char *data, struct key_div *ret_div, struct kms_err *err);

/* KMS_ERR_INVALID unless masters of that algorithm can be diversified so; says which can. */
KMS_CHECKED enum kms_status key_div_fits(
	const struct key_div *div, enum key_alg master, struct kms_err *err);

/* The algorithm of the derived keys: that of the master. */
static inline enum key_alg key_div_output(const struct key_div *div, enum key_alg master)
{
	(void)div;
	return master;
}

enum key_recipe_kind {
	KEY_RECIPE_COPY, /* the key is the master */
	KEY_RECIPE_ECB,	 /* ECB of data, the first out_len bytes */
	KEY_RECIPE_CMAC, /* CMAC of each block's message, concatenated, the first out_len bytes */
	KEY_RECIPE_MIX,	 /* AN10922 AES-192: A ‖ B overlapped by 8 bytes with XOR */
};

/* Holds nothing secret. About 300 bytes; built without allocation. */
struct key_recipe {
	enum key_recipe_kind kind;
	enum key_alg alg; /* of the master and of the derived key */
	size_t out_len;
	size_t count; /* messages; 1 for ECB */
	size_t len;   /* bytes of each message */
	/*
	 * The messages are whole blocks that the method has padded itself (AN10922): their CMAC ends with
	 * subkey K2, where SP 800-38B would take K1.
	 */
	bool padded;
	short des_version; /* -1, or what to put into the lowest bits of the first eight bytes */
	unsigned char data[KEY_DIV_BLOCKS_MAX][KEY_DIV_DATA_MAX];
};

/*
 * role: enc, mac or kek. A KDD of the wrong length is KMS_ERR_INVALID: a card that presents other
 * diversification data is another card.
 */
KMS_CHECKED enum kms_status key_div_recipe(const struct key_div *div, enum key_alg master,
	enum key_role role, const void *kdd, size_t kdd_len, struct key_recipe *ret_recipe,
	struct kms_err *err);

/*
 * Whether bytes of the derived key pass through host memory where the card is to get them raw: the
 * halves of AN10922's AES-192, and a DES key version.
 */
bool key_recipe_needs_host(const struct key_recipe *recipe);

/*
 * The same key followed by what fills its last AES block, for a card that takes whole blocks and
 * ignores the filling: bytes that the derivation yields anyway. Whoever can decrypt the block learns
 * them with the key. They are of no other key (no method gives a longer key from this master and
 * this data), so they tell nothing about the master or other cards that the key does not tell.
 */
void key_recipe_fill_blocks(struct key_recipe *recipe);

/* On clear bytes. TDEA keys come out raw, as cards expect them: parity is not set. */
KMS_CHECKED enum kms_status key_div_clear(const struct key_recipe *recipe,
	const struct secret *master, struct secret *ret_key, struct kms_err *err);

#endif
