/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers and MACs of the secure channels, by OpenSSL. Keys come as bytes of a struct secret. */
#ifndef CARD_CRYPT_H
#define CARD_CRYPT_H

#include "base/secret.h"
#include "card/keys.h"

enum { CARD_DES_BLOCK = 8, CARD_AES_BLOCK = 16 };

enum card_mode { CARD_ECB, CARD_CBC };

/* 16-byte DES keys are 2TDEA. iv: one block, NULL is zero. len: whole blocks; out may be data. */
KMS_CHECKED enum kms_status card_cipher(enum card_key_type type, enum card_mode mode, bool encrypt,
	const struct secret *key, const unsigned char *iv, const void *data, size_t len, void *out,
	struct kms_err *err);

/* One block under single DES with the first 8 bytes of the key (GPCS 2.3.1 clause E.3.4). */
KMS_CHECKED enum kms_status card_des_block(const struct secret *key,
	const unsigned char in[CARD_DES_BLOCK], unsigned char out[CARD_DES_BLOCK],
	struct kms_err *err);

/* "Single DES plus final triple DES MAC" with padding '80' (GPCS 2.3.1 clauses B.1.2.2, B.1.3). */
KMS_CHECKED enum kms_status card_retail_mac(const struct secret *key,
	const unsigned char icv[CARD_DES_BLOCK], const void *data, size_t len,
	unsigned char ret_mac[CARD_DES_BLOCK], struct kms_err *err);

/* "Full triple DES MAC" with padding '80' and ICV 0 (clause B.1.2.1). len at most 256. */
KMS_CHECKED enum kms_status card_full_mac(const struct secret *key, const void *data, size_t len,
	unsigned char ret_mac[CARD_DES_BLOCK], struct kms_err *err);

struct card_part {
	const void *data;
	size_t len;
};

/* AES-CMAC of the parts one after the other (clause B.2.2). */
KMS_CHECKED enum kms_status card_cmac(const struct secret *key, const struct card_part *parts,
	size_t count, unsigned char ret_mac[CARD_AES_BLOCK], struct kms_err *err);

/* The KDF of Amendment D 1.2 clause 4.1.5: len bytes into secret memory. */
KMS_CHECKED enum kms_status card_kdf(const struct secret *key,
	const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context, size_t context_len,
	size_t len, struct secret *ret_out, struct kms_err *err);

/* '80' and zeros up to a whole block (clauses B.1.3, B.2.3): the new length. data has room. */
size_t card_pad(unsigned char *data, size_t len, size_t block);
/*
 * The other way; false if there is no '80' before the zeros. They may fill more than one block: the
 * recorded answers of a card (tests: SCP03 Aes128S8, Aes192S8) do.
 */
bool card_unpad(const unsigned char *data, size_t len, size_t *ret_len);

/* In constant time. */
bool card_same(const void *a, const void *b, size_t len);

#endif
