/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in secret memory: for tests, and for the initial keys that a vendor hands over in clear. */
#include "card/keys.h"

#include "card/crypt.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clear {
	struct card_keys base;
	struct secret keys[CARD_ROLES];
};

static const struct card_keys_ops clear_ops;

const char *card_key_type_name(enum card_key_type type, size_t key_len)
{
	if (type == CARD_KEY_DES)
		return key_len == 24 ? "3TDEA" : "2TDEA";
	return key_len == 16 ? "AES-128" : key_len == 24 ? "AES-192" : "AES-256";
}

static enum kms_status clear_session_cbc(struct card_keys *base, enum card_role role,
	const unsigned char data[CARD_CBC_DATA], struct secret *ret_key, struct kms_err *err)
{
	struct clear *c = (struct clear *)base;
	SECRET_AUTO struct secret key = {0};
	enum kms_status st;

	if (base->type != CARD_KEY_DES)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' are no DES keys", base->name);
	st = secret_alloc(&key, CARD_CBC_DATA, err);
	if (!st)
		st = card_cipher(CARD_KEY_DES, CARD_CBC, true, &c->keys[role], NULL, data,
			CARD_CBC_DATA, key.data, err);
	if (!st)
		secret_take(ret_key, &key);
	return st;
}

static enum kms_status clear_session_kdf(struct card_keys *base, enum card_role role,
	const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context, size_t context_len,
	size_t len, struct secret *ret_key, struct kms_err *err)
{
	struct clear *c = (struct clear *)base;

	if (base->type != CARD_KEY_AES)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' are no AES keys", base->name);
	return card_kdf(&c->keys[role], fixed, context, context_len, len, ret_key, err);
}

static enum kms_status clear_kcv(struct card_keys *base, enum card_role role,
	unsigned char ret_kcv[CARD_KCV_SIZE], struct kms_err *err)
{
	struct clear *c = (struct clear *)base;
	bool des = base->type == CARD_KEY_DES;
	unsigned char block[CARD_AES_BLOCK];
	enum kms_status st;

	/* GPCS 2.3.1 clause B.6: zeros under DES, '01' under AES. */
	memset(block, des ? 0x00 : 0x01, sizeof(block));
	st = card_cipher(base->type, CARD_ECB, true, &c->keys[role], NULL, block,
		des ? CARD_DES_BLOCK : CARD_AES_BLOCK, block, err);
	if (!st)
		memcpy(ret_kcv, block, CARD_KCV_SIZE);
	return st;
}

/* The DEK under which new keys go: the static one, or the session's. */
static enum kms_status take_dek(
	struct clear *c, const struct card_dek *dek, struct secret *ret_key, struct kms_err *err)
{
	if (dek->use == CARD_DEK_SESSION_ECB)
		return clear_session_cbc(&c->base, CARD_DEK, dek->data, ret_key, err);
	return secret_copy(ret_key, c->keys[CARD_DEK].data, c->keys[CARD_DEK].len, err);
}

static enum kms_status encrypt_under(const struct secret *dek, enum card_key_type dek_type,
	enum card_mode mode, const struct secret *key, struct card_key_block *b,
	struct kms_err *err)
{
	size_t block = dek_type == CARD_KEY_DES ? CARD_DES_BLOCK : CARD_AES_BLOCK;
	SECRET_AUTO struct secret plain = {0};
	enum kms_status st;

	b->len = (key->len + block - 1) / block * block;
	st = secret_alloc(&plain, b->len, err);
	if (st)
		return st;
	memcpy(plain.data, key->data, key->len);
	/* Amendment D 1.2 clause 6.2.8: arbitrary bytes fill the last block. */
	if (b->len > key->len && RAND_bytes(plain.data + key->len, (int)(b->len - key->len)) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL has no random bytes");
	return card_cipher(dek_type, mode, true, dek, NULL, plain.data, b->len, b->block, err);
}

static enum kms_status clear_wrap(struct card_keys *base, const struct card_dek *dek,
	struct card_keys *fresh, enum card_role role, struct card_key_block *ret_block,
	struct kms_err *err)
{
	bool session = dek->use == CARD_DEK_SESSION_ECB;
	struct clear *c = (struct clear *)base;
	SECRET_AUTO struct secret key = {0};
	struct card_key_block block = {0};
	enum kms_status st;

	if (fresh->ops != &clear_ops) {
		kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot encrypt '%s' under '%s': the keys are not in this program's memory",
			fresh->name, base->name);
		return kms_hint(err, "hand over the initial keys to the HSM as session objects");
	}
	st = take_dek(c, dek, &key, err);
	if (!st)
		st = encrypt_under(&key, base->type, session ? CARD_ECB : CARD_CBC,
			&((struct clear *)fresh)->keys[role], &block, err);
	if (!st)
		st = clear_kcv(fresh, role, block.kcv, err);
	if (!st)
		*ret_block = block;
	return st;
}

static void clear_free(struct card_keys *base)
{
	struct clear *c = (struct clear *)base;

	for (size_t i = 0; i < CARD_ROLES; i++)
		secret_free(&c->keys[i]);
	free(c);
}

static const struct card_keys_ops clear_ops = {
	clear_session_cbc, clear_session_kdf, clear_wrap, clear_kcv, clear_free};

enum kms_status card_keys_clear(const char *name, enum card_key_type type,
	const struct secret keys[CARD_ROLES], struct card_keys **ret_keys, struct kms_err *err)
{
	size_t len = keys[CARD_ENC].len;
	struct clear *c;
	enum kms_status st = KMS_OK;

	if (type != CARD_KEY_DES && type != CARD_KEY_AES)
		return kms_fail(err, KMS_ERR_INVALID, "key type %02X is no DES or AES", type);
	if (len != keys[CARD_MAC].len || len != keys[CARD_DEK].len)
		return kms_fail(
			err, KMS_ERR_INVALID, "'%s': three keys of different lengths", name);
	if (len != 16 && (type == CARD_KEY_DES || (len != 24 && len != 32)))
		return kms_fail(err, KMS_ERR_INVALID, "'%s': keys of %zu bytes are no %s keys",
			name, len, type == CARD_KEY_DES ? "2TDEA" : "AES");
	c = calloc(1, sizeof(*c));
	if (!c)
		return kms_nomem(err);
	c->base.ops = &clear_ops;
	c->base.type = type;
	c->base.key_len = len;
	snprintf(c->base.name, sizeof(c->base.name), "%s", name);
	for (size_t i = 0; !st && i < CARD_ROLES; i++)
		st = secret_copy(&c->keys[i], keys[i].data, len, err);
	if (st) {
		clear_free(&c->base);
		return st;
	}
	*ret_keys = &c->base;
	return KMS_OK;
}

enum kms_status card_keys_clear_dek(struct card_keys *keys, const struct card_dek *dek,
	struct secret *ret_key, struct kms_err *err)
{
	if (keys->ops != &clear_ops)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the keys '%s' are not in this program's memory", keys->name);
	return take_dek((struct clear *)keys, dek, ret_key, err);
}

void card_keys_free(struct card_keys *keys)
{
	if (keys)
		keys->ops->free(keys);
}
