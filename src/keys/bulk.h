/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of many cards in few calls: one object on the token that holds all of them, wrapped once.
 *
 * ECB and CMAC both end in an encryption of blocks that do not depend on each other. So one derivation
 * by encrypted data makes the keys of a chunk of cards, one after the other in one object, and one
 * wrapping brings them out: nothing is exposed that key_div_hsm would not expose, card by card.
 *
 * A token may limit what one call takes (NSS: 64 bytes), and says so only when it is tried:
 * key_bulk_limit does, with keys that anybody may know.
 */
#ifndef KEYS_BULK_H
#define KEYS_BULK_H

#include "base/buf.h"
#include "keys/token.h"

enum {
	KEY_BULK_MAX = 4096,  /* cards of a chunk */
	KEY_BULK_SMALL = 64,  /* bytes: what a token may do that takes no whole chunk */
	KEY_BULK_STRIDE = 32, /* bytes of a key in it, at most */
};

struct key_bulk_card {
	unsigned char kdd_len;
	unsigned char kdd[KEY_DIV_KDD_MAX];
};

/* Masters and wrapping key of a series of chunks. */
struct key_bulk {
	struct hsm *hsm;
	const struct key_div *div;
	enum key_alg alg; /* of the master, and so of the keys */
	enum key_role role;
	enum hsm_role made_as;	/* of the object that holds them: HSM_TEMP_BULK, HSM_TEMP_CARD */
	struct hsm_key *master; /* may DERIVE */
	struct secret *zero;	/* as in hsm_derive_cmac: empty at first */
	struct hsm_key *under;	/* may WRAP */
	enum hsm_wrap wrap;	/* HSM_WRAP_AES_KW, HSM_WRAP_CBC */
};

/*
 * Bytes from one key of a chunk to the next: the key, and for 24-byte AES keys eight more, which are
 * to be ignored (as key_recipe_fill_blocks says). 0 where cards' keys cannot be made so at all: "none",
 * AN10922 with AES-192, a DES key version.
 */
size_t key_bulk_stride(const struct key_div *div, enum key_alg alg);

/*
 * Bytes that are wrapped where the keys have len: CBC takes whole AES blocks, so that eight bytes may
 * follow the last key of 24, to be ignored as well.
 */
size_t key_bulk_padded(size_t len, enum hsm_wrap wrap);

/* The keys of count (1 to KEY_BULK_MAX) cards under bulk->under, in the cards' order. */
KMS_CHECKED enum kms_status key_bulk_wrap(const struct key_bulk *bulk,
	const struct key_bulk_card *cards, size_t count, struct buf *ret_wrapped,
	struct kms_err *err);

/*
 * How many keys this token makes and wraps at once, and right ones: KEY_BULK_MAX, as many as
 * KEY_BULK_SMALL bytes are, or 1. Tried on session objects under keys that stand in the source,
 * compared with OpenSSL.
 */
KMS_CHECKED enum kms_status key_bulk_limit(struct hsm *hsm, const struct key_div *div,
	enum key_alg alg, enum hsm_wrap wrap, size_t *ret_keys, struct kms_err *err);

#endif
