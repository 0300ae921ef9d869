/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of one set on one card, as the secure channel needs them: what is asked of whoever holds
 * them (ops over the HSM; the clear holder below for tests and a vendor's initial keys).
 *
 * A static key never comes out. Session ENC, MAC and R-MAC keys do, as secrets; the session DEK of
 * SCP02 and the static DEK of SCP03 stay with the holder, who encrypts new keys under them.
 */
#ifndef CARD_KEYS_H
#define CARD_KEYS_H

#include "base/secret.h"

#include <stdint.h>

enum card_key_type { CARD_KEY_DES = 0x80, CARD_KEY_AES = 0x88 }; /* GPCS 2.3.1 table 11-16 */

/* In the order of their key identifiers 1, 2, 3. */
enum card_role { CARD_ENC, CARD_MAC, CARD_DEK, CARD_ROLES };

enum {
	CARD_KCV_SIZE = 3,
	CARD_KEY_MAX = 32,
	CARD_BLOCK_MAX = 32, /* an encrypted key */
	CARD_CBC_DATA = 16,
	CARD_KDF_FIXED = 15, /* label, separator, L: what stands before the counter */
};

/* How a new key is encrypted under the DEK of the set that is on the card. */
enum card_dek_use {
	/* SCP02: ECB under the session DEK, which is 3DES-CBC of `data` under the static DEK. */
	CARD_DEK_SESSION_ECB,
	/* SCP03: CBC with IV 0 under the static DEK; arbitrary bytes fill the last block. */
	CARD_DEK_STATIC_CBC,
};

struct card_dek {
	enum card_dek_use use;
	unsigned char data[CARD_CBC_DATA]; /* SCP02: derivation data of the session DEK */
};

/* A new key, ready for PUT KEY. */
struct card_key_block {
	unsigned char block[CARD_BLOCK_MAX];
	size_t len;			  /* whole blocks of the DEK's cipher */
	unsigned char kcv[CARD_KCV_SIZE]; /* of the new key, by its type (GPCS 2.3.1 clause B.6) */
};

struct card_keys;

struct card_keys_ops {
	/* 3DES-CBC, IV 0, of data under the static key (GPCS 2.3.1 clause E.4.1): 16 bytes. */
	enum kms_status (*session_cbc)(struct card_keys *keys, enum card_role role,
		const unsigned char data[CARD_CBC_DATA], struct secret *ret_key,
		struct kms_err *err);
	/*
	 * SP 800-108 counter mode with AES-CMAC under the static key (Amendment D 1.2 clause 4.1.5):
	 * len bytes of CMAC(fixed ‖ i ‖ context), i = 01, 02.
	 */
	enum kms_status (*session_kdf)(struct card_keys *keys, enum card_role role,
		const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context,
		size_t context_len, size_t len, struct secret *ret_key, struct kms_err *err);
	/*
	 * Key `role` of `fresh` encrypted under this set's DEK. `fresh` may be of another holder:
	 * KMS_ERR_UNSUPPORTED if this one cannot get at it.
	 */
	enum kms_status (*wrap)(struct card_keys *keys, const struct card_dek *dek,
		struct card_keys *fresh, enum card_role role, struct card_key_block *ret_block,
		struct kms_err *err);
	/* The check value of a key of this set. */
	enum kms_status (*kcv)(struct card_keys *keys, enum card_role role,
		unsigned char ret_kcv[CARD_KCV_SIZE], struct kms_err *err);
	void (*free)(struct card_keys *keys);
};

/* The holder embeds this as its first member. */
struct card_keys {
	const struct card_keys_ops *ops;
	enum card_key_type type; /* all three alike */
	size_t key_len;		 /* 16; 16, 24, 32 for AES */
	char name[64]; /* for messages: "OPMasterKey1 on card 0042…", "public test keys" */
};

/*
 * Keys in secret memory: three keys of one length (keys[CARD_ENC], …), copied. Their lengths are
 * checked against the type; for DES both 16 and 24 bytes are refused but 16.
 */
KMS_CHECKED enum kms_status card_keys_clear(const char *name, enum card_key_type type,
	const struct secret keys[CARD_ROLES], struct card_keys **ret_keys, struct kms_err *err);

/*
 * The DEK of a clear set as this use wants it, for a holder that lets another machine encrypt under
 * it. KMS_ERR_UNSUPPORTED for sets of other holders: their keys never come out.
 */
KMS_CHECKED enum kms_status card_keys_clear_dek(struct card_keys *keys, const struct card_dek *dek,
	struct secret *ret_key, struct kms_err *err);

/* Wipes; safe on NULL. */
void card_keys_free(struct card_keys *keys);

#define CARD_KEYS_AUTO __attribute__((cleanup(card_keys_free_pointer)))
static inline void card_keys_free_pointer(struct card_keys **p)
{
	card_keys_free(*p);
}

/* "AES-128", "2TDEA" */
const char *card_key_type_name(enum card_key_type type, size_t key_len);

#endif
