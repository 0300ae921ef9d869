/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptography of key blocks, over whoever holds the two derived keys. */
#include "keys/keyblock.h"

#include "base/hex.h"
#include "keys/cipher.h"
#include "keys/cmac.h"
#include "keys/des.h"
#include "keys/kcv.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

enum {
	LENGTH_LEN = 2, /* the key's length in bits, before the key */
	TDEA_LONGEST = 24,
	AES_LONGEST = 32,
	MAC_MAX = 16,
};

size_t key_block_derivation(enum key_alg kbpk, bool mac,
	unsigned char ret_messages[KEY_BLOCK_DERIVE_MAX][KEY_BLOCK_DERIVE_LEN])
{
	const struct key_alg_info *info = key_alg_info(kbpk);
	unsigned bits = (unsigned)info->length * 8;
	unsigned algorithm = kbpk == KEY_TDEA2	  ? 0
			     : kbpk == KEY_TDEA3  ? 1
			     : kbpk == KEY_AES128 ? 2
			     : kbpk == KEY_AES192 ? 3
						  : 4;
	size_t count = info->block ? (info->length + info->block - 1) / info->block : 0;

	/* Counter, what the key is for (two bytes), a separator, for which algorithm, how long. */
	for (size_t i = 0; i < count; i++) {
		const unsigned char message[KEY_BLOCK_DERIVE_LEN] = {(unsigned char)(i + 1), 0,
			mac ? 1 : 0, 0, 0, (unsigned char)algorithm, (unsigned char)(bits >> 8),
			(unsigned char)bits};

		memcpy(ret_messages[i], message, sizeof(message));
	}
	return count;
}

/* ---- clear bytes ---- */

static enum kms_status derive(enum key_alg alg, const struct secret *kbpk, bool mac,
	struct secret *ret_key, struct kms_err *err)
{
	unsigned char messages[KEY_BLOCK_DERIVE_MAX][KEY_BLOCK_DERIVE_LEN];

	(void)key_block_derivation(alg, mac, messages);
	return key_kdf_counter(alg, kbpk, NULL, 0, messages[0] + 1, KEY_BLOCK_DERIVE_LEN - 1,
		key_alg_info(alg)->length, ret_key, err);
}

static enum kms_status clear_mac(
	void *ctx, const struct secret *data, unsigned char *ret_mac, struct kms_err *err)
{
	const struct key_block_clear *clear = ctx;

	return key_cmac(clear->kbpk, &clear->kbak, data->data, data->len, ret_mac, err);
}

static enum kms_status clear_crypt(void *ctx, bool encrypt, const unsigned char *iv,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err)
{
	const struct key_block_clear *clear = ctx;

	return key_cipher_iv(clear->kbpk, encrypt, &clear->kbek, iv, data, len, out, err);
}

enum kms_status key_block_clear(enum key_alg kbpk_alg, const struct secret *kbpk,
	struct key_block_clear *clear, struct key_block_engine *ret_engine, struct kms_err *err)
{
	enum kms_status st = key_cipher_check(kbpk_alg, kbpk, err);

	clear->kbpk = kbpk_alg;
	if (!st)
		st = derive(kbpk_alg, kbpk, false, &clear->kbek, err);
	if (!st)
		st = derive(kbpk_alg, kbpk, true, &clear->kbak, err);
	if (!st)
		*ret_engine = (struct key_block_engine){kbpk_alg, clear, clear_mac, clear_crypt};
	return st;
}

void key_block_clear_free(struct key_block_clear *clear)
{
	secret_free(&clear->kbek);
	secret_free(&clear->kbak);
}

/* ---- out ---- */

/* The key as it is encrypted: its length does not show, up to the longest of its algorithm. */
static enum kms_status fill_payload(
	struct secret *data, size_t at, const struct secret *key, struct kms_err *err)
{
	unsigned char *p = data->data + at;
	size_t used = LENGTH_LEN + key->len;

	p[0] = (unsigned char)(key->len * 8 >> 8);
	p[1] = (unsigned char)(key->len * 8);
	memcpy(p + LENGTH_LEN, key->data, key->len);
	if (RAND_priv_bytes(p + used, (int)(data->len - at - used)) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL gives no random bytes");
	return KMS_OK;
}

static enum kms_status seal_rules(const struct key_block_fields *f, enum key_alg kbpk,
	enum key_alg alg, const struct secret *key, struct kms_err *err)
{
	enum kms_status st = key_block_fields_check(f, err);

	if (!st)
		st = key_cipher_check(alg, key, err);
	if (st)
		return st;
	if (f->version != key_block_version(kbpk))
		return kms_fail(err, KMS_ERR_INVALID,
			"a key block of version %c cannot be made under a key of %s", f->version,
			key_alg_name(kbpk));
	if (f->algorithm != key_block_algorithm(alg))
		return kms_fail(err, KMS_ERR_INVALID,
			"a key block of algorithm %c cannot hold a key of %s", f->algorithm,
			key_alg_name(alg));
	return KMS_OK;
}

enum kms_status key_block_seal(const struct key_block_fields *f,
	const struct key_block_engine *engine, enum key_alg alg, const struct secret *key,
	struct buf *ret_text, struct kms_err *err)
{
	const size_t block = key_alg_info(engine->kbpk)->block;
	const size_t longest = key_alg_is_aes(alg) ? AES_LONGEST : TDEA_LONGEST;
	const size_t payload = (LENGTH_LEN + longest + block - 1) / block * block;
	const size_t text_len = KEY_BLOCK_HEADER + 2 * (payload + block);
	char text[KEY_BLOCK_MASTER_MAX + 1];
	unsigned char mac[MAC_MAX];
	SECRET_AUTO struct secret data = {0};
	BUF_AUTO struct buf out = {0};
	enum kms_status st = seal_rules(f, engine->kbpk, alg, key, err);

	if (!st)
		st = secret_alloc(&data, KEY_BLOCK_HEADER + payload, err);
	if (st)
		return st;
	snprintf(text, sizeof(text), "%c%04zu%.2s%c%c%.2s%c00%c0", f->version, text_len, f->usage,
		f->algorithm, f->mode, f->number, f->exportability, f->context);
	memcpy(data.data, text, KEY_BLOCK_HEADER);
	st = fill_payload(&data, KEY_BLOCK_HEADER, key, err);
	if (!st)
		st = engine->mac(engine->ctx, &data, mac, err);
	if (!st)
		st = engine->crypt(engine->ctx, true, mac, data.data + KEY_BLOCK_HEADER, payload,
			data.data + KEY_BLOCK_HEADER, err);
	if (st)
		return st;
	hex_encode(data.data + KEY_BLOCK_HEADER, payload, text + KEY_BLOCK_HEADER);
	hex_encode(mac, block, text + text_len - 2 * block);
	st = buf_append(&out, text, text_len, err);
	if (st)
		return st;
	buf_free(ret_text);
	*ret_text = out;
	out = (struct buf){0};
	return KMS_OK;
}

/* ---- in ---- */

/* Of digits that key_block_parse has seen. */
static void from_hex(const char *text, unsigned char *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
}

static enum kms_status wrong_length(struct kms_err *err, unsigned bits)
{
	return kms_fail(err, KMS_ERR_INVALID,
		"key block: the key in it has %u bits, which is no length that the block can hold",
		bits);
}

static enum key_alg alg_of(char algorithm, size_t len)
{
	for (enum key_alg alg = KEY_TDEA2; alg <= KEY_AES256; alg++)
		if (key_block_algorithm(alg) == algorithm && key_alg_info(alg)->length == len)
			return alg;
	return KEY_ALG_NONE;
}

/*
 * KC: 00 and the leftmost bytes of the encrypted zeros, or 01 and those of a CMAC. Of what is no TDEA
 * or AES key (single DES) it is not known here.
 */
static enum kms_status check_kc(
	const struct key_block *block, const struct secret *key, struct kms_err *err)
{
	const struct key_block_option *kc = key_block_option(block, "KC");
	const enum key_alg alg = alg_of(block->fields.algorithm, key->len);
	unsigned char said[6];
	struct key_kcv kcv;
	enum kms_status st;
	size_t len;

	if (!kc || alg == KEY_ALG_NONE)
		return KMS_OK;
	len = kc->len / 2 - 1;
	from_hex(kc->data, said, len + 1);
	if (said[0] > 1)
		return kms_fail(
			err, KMS_ERR_INVALID, "key block: optional block KC is by no known method");
	st = key_kcv(alg,
		said[0]		      ? KEY_KCV_CMAC
		: key_alg_is_aes(alg) ? KEY_KCV_AES_ZERO
				      : KEY_KCV_TDES_ZERO,
		key, &kcv, err);
	if (st)
		return st;
	if (len > kcv.len || memcmp(said + 1, kcv.bytes, len) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"key block: the key does not have the check value that optional block KC "
			"says");
	return KMS_OK;
}

static enum kms_status take_key(const struct key_block *block, const unsigned char *payload,
	struct secret *ret_key, struct kms_err *err)
{
	unsigned bits = (unsigned)payload[0] << 8 | payload[1];
	SECRET_AUTO struct secret key = {0};
	enum kms_status st;

	if (bits == 0 || bits % 8 || bits / 8 > block->payload_len - LENGTH_LEN)
		return wrong_length(err, bits);
	st = secret_copy(&key, payload + LENGTH_LEN, bits / 8, err);
	if (!st)
		st = check_kc(block, &key, err);
	if (!st)
		secret_take(ret_key, &key);
	return st;
}

enum kms_status key_block_open(const struct key_block *block, const struct key_block_engine *engine,
	struct secret *ret_key, struct kms_err *err)
{
	const char *payload = block->text + block->header_len;
	unsigned char said[MAC_MAX], mac[MAC_MAX] = {0};
	SECRET_AUTO struct secret data = {0};
	unsigned char *clear;
	enum kms_status st;

	if (block->fields.version != 'B' && block->fields.version != 'D') {
		kms_fail(err, KMS_ERR_UNSUPPORTED, "key blocks of version %c are not taken",
			block->fields.version);
		return kms_hint(err, "have it sent as version D, or B under a TDEA key");
	}
	if (block->fields.version != key_block_version(engine->kbpk))
		return kms_fail(err, KMS_ERR_INVALID,
			"a key block of version %c is not under a key of %s", block->fields.version,
			key_alg_name(engine->kbpk));
	st = secret_alloc(&data, block->header_len + block->payload_len, err);
	if (st)
		return st;
	memcpy(data.data, block->text, block->header_len);
	clear = data.data + block->header_len;
	from_hex(payload, clear, block->payload_len);
	from_hex(payload + 2 * block->payload_len, said, block->mac_len);
	/* The MAC is over the key in clear, so decryption comes first; nothing of it is used yet. */
	st = engine->crypt(engine->ctx, false, said, clear, block->payload_len, clear, err);
	if (!st)
		st = engine->mac(engine->ctx, &data, mac, err);
	if (st)
		return st;
	if (CRYPTO_memcmp(mac, said, block->mac_len) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the key block is not intact, or was made under another key: its MAC is "
			"wrong");
	return take_key(block, clear, ret_key, err);
}
