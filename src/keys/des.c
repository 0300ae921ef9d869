/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/des.h"

#include <openssl/crypto.h>
#include <string.h>

/*
 * The 4 weak and 12 semi-weak keys of DES, with odd parity. tests/unit/keys/test_des proves each:
 * a weak key undoes itself, a semi-weak key is undone by its partner in the next line.
 */
static const unsigned char weak_keys[16][DES_KEY_LEN] = {
	{0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01},
	{0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE, 0xFE},
	{0x1F, 0x1F, 0x1F, 0x1F, 0x0E, 0x0E, 0x0E, 0x0E},
	{0xE0, 0xE0, 0xE0, 0xE0, 0xF1, 0xF1, 0xF1, 0xF1},
	{0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE},
	{0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01},
	{0x1F, 0xE0, 0x1F, 0xE0, 0x0E, 0xF1, 0x0E, 0xF1},
	{0xE0, 0x1F, 0xE0, 0x1F, 0xF1, 0x0E, 0xF1, 0x0E},
	{0x01, 0xE0, 0x01, 0xE0, 0x01, 0xF1, 0x01, 0xF1},
	{0xE0, 0x01, 0xE0, 0x01, 0xF1, 0x01, 0xF1, 0x01},
	{0x1F, 0xFE, 0x1F, 0xFE, 0x0E, 0xFE, 0x0E, 0xFE},
	{0xFE, 0x1F, 0xFE, 0x1F, 0xFE, 0x0E, 0xFE, 0x0E},
	{0x01, 0x1F, 0x01, 0x1F, 0x01, 0x0E, 0x01, 0x0E},
	{0x1F, 0x01, 0x1F, 0x01, 0x0E, 0x01, 0x0E, 0x01},
	{0xE0, 0xFE, 0xE0, 0xFE, 0xF1, 0xFE, 0xF1, 0xFE},
	{0xFE, 0xE0, 0xFE, 0xE0, 0xFE, 0xF1, 0xFE, 0xF1},
};

static unsigned odd_parity_bit(unsigned char byte)
{
	unsigned v = byte >> 1;

	v ^= v >> 4;
	v ^= v >> 2;
	v ^= v >> 1;
	return ~v & 1;
}

void key_des_set_parity(unsigned char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		key[i] = (unsigned char)((key[i] & 0xFE) | odd_parity_bit(key[i]));
}

bool key_des_parity_ok(const unsigned char *key, size_t len)
{
	unsigned bad = 0;

	for (size_t i = 0; i < len; i++)
		bad |= (key[i] & 1u) ^ odd_parity_bit(key[i]);
	return bad == 0;
}

bool key_des_same(const unsigned char *a, const unsigned char *b, size_t len)
{
	unsigned differ = 0;

	for (size_t i = 0; i < len; i++)
		differ |= (a[i] ^ b[i]) & 0xFEu;
	return differ == 0;
}

bool key_des_weak(const unsigned char key[DES_KEY_LEN])
{
	unsigned found = 0;

	for (size_t i = 0; i < sizeof(weak_keys) / sizeof(weak_keys[0]); i++)
		found |= key_des_same(key, weak_keys[i], DES_KEY_LEN);
	return found != 0;
}

bool key_same(enum key_alg alg, const struct secret *a, const struct secret *b)
{
	if (!key_alg_is_tdes(alg))
		return secret_equal(a, b);
	return a->len == b->len && key_des_same(a->data, b->data, a->len);
}

static bool all_zero(enum key_alg alg, const struct secret *key)
{
	static const unsigned char zero[KEY_MAX_LEN];

	if (key_alg_is_tdes(alg))
		return key_des_same(key->data, zero, key->len);
	return CRYPTO_memcmp(key->data, zero, key->len) == 0;
}

static enum kms_status check_parts(
	enum key_alg alg, const struct secret *key, const char *what, struct kms_err *err)
{
	unsigned parts = key_alg_info(alg)->parts;

	for (unsigned i = 0; i < parts; i++) {
		if (key_des_weak(key->data + DES_KEY_LEN * i))
			return kms_fail(err, KMS_ERR_INVALID,
				"%s is refused: part %u is a weak or semi-weak DES key", what,
				i + 1);
		for (unsigned j = 0; j < i; j++)
			if (key_des_same(key->data + DES_KEY_LEN * i, key->data + DES_KEY_LEN * j,
				    DES_KEY_LEN))
				return kms_fail(err, KMS_ERR_INVALID,
					"%s is refused: DES parts %u and %u are equal", what, j + 1,
					i + 1);
	}
	return KMS_OK;
}

enum kms_status key_check_material(
	enum key_alg alg, const struct secret *key, const char *what, struct kms_err *err)
{
	const struct key_alg_info *info = key_alg_info(alg);

	if (!info->length)
		return kms_fail(err, KMS_ERR_INVALID, "%s: %s keys are not made of bytes", what,
			info->name);
	if (key->len != info->length)
		return kms_fail(err, KMS_ERR_INVALID, "%s has %zu bytes, %s keys have %zu", what,
			key->len, info->name, info->length);
	if (all_zero(alg, key))
		return kms_fail(err, KMS_ERR_INVALID, "%s is refused: it is all zero", what);
	return check_parts(alg, key, what, err);
}
