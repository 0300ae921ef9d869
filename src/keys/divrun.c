/* SPDX-License-Identifier: Apache-2.0 */
/* Runs recipes on clear bytes. */
#include "keys/cipher.h"
#include "keys/cmac.h"
#include "keys/div.h"
#include "keys/mix.h"

#include <string.h>

static void put_version(unsigned char *key, unsigned version)
{
	for (unsigned i = 0; i < 8; i++)
		key[i] = (unsigned char)((key[i] & 0xFE) | (version >> (7 - i) & 1));
}

bool key_recipe_needs_host(const struct key_recipe *recipe)
{
	return recipe->kind == KEY_RECIPE_MIX ||
	       (recipe->kind == KEY_RECIPE_CMAC && recipe->des_version >= 0);
}

void key_recipe_fill_blocks(struct key_recipe *recipe)
{
	enum { AES_BLOCK = 16 };

	if (recipe->kind != KEY_RECIPE_COPY)
		recipe->out_len = (recipe->out_len + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK;
}

void key_recipe_finish(const struct key_recipe *recipe, struct secret *blocks)
{
	unsigned char *p = blocks->data;

	if (recipe->kind == KEY_RECIPE_MIX) {
		for (size_t i = 0; i < 8; i++)
			p[8 + i] ^= p[16 + i];
		memmove(p + 16, p + 24, 8);
	}
	if (recipe->des_version >= 0)
		put_version(p, (unsigned)recipe->des_version);
	secret_wipe(p + recipe->out_len, blocks->len - recipe->out_len);
	blocks->len = recipe->out_len;
}

/* CMAC of an already padded message: K1 ⊕ K2 turns the K1 that CMAC will use into the K2 it should. */
static enum kms_status padded_cmac(const struct key_recipe *recipe, const struct secret *master,
	const unsigned char *message, struct secret *ret_mac, struct kms_err *err)
{
	size_t block = key_alg_info(recipe->alg)->block;
	unsigned char l[KEY_CMAC_MAX] = {0}, k1[KEY_CMAC_MAX], k2[KEY_CMAC_MAX];
	unsigned char data[KEY_DIV_DATA_MAX];
	enum kms_status st;

	st = key_cipher(recipe->alg, KEY_CIPHER_ECB, true, master, l, block, l, err);
	if (st)
		return st;
	key_cmac_subkeys(l, block, k1, k2);
	memcpy(data, message, recipe->len);
	for (size_t i = 0; i < block; i++)
		data[recipe->len - block + i] ^= k1[i] ^ k2[i];
	st = key_cmac_secret(recipe->alg, master, data, recipe->len, ret_mac, err);
	secret_wipe(l, sizeof(l));
	secret_wipe(k1, sizeof(k1));
	secret_wipe(k2, sizeof(k2));
	secret_wipe(data, sizeof(data));
	return st;
}

static enum kms_status run_cmac(const struct key_recipe *recipe, const struct secret *master,
	struct secret *ret_blocks, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < recipe->count; i++) {
		SECRET_AUTO struct secret mac = {0};

		st = recipe->padded ? padded_cmac(recipe, master, recipe->data[i], &mac, err)
				    : key_cmac_secret(recipe->alg, master, recipe->data[i],
					      recipe->len, &mac, err);
		if (!st)
			st = secret_append(ret_blocks, mac.data, mac.len, err);
	}
	return st;
}

enum kms_status key_div_clear(const struct key_recipe *recipe, const struct secret *master,
	struct secret *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret blocks = {0};
	enum kms_status st;

	st = key_cipher_check(recipe->alg, master, err);
	if (st)
		return st;
	switch (recipe->kind) {
	case KEY_RECIPE_COPY:
		st = secret_copy(&blocks, master->data, master->len, err);
		break;
	case KEY_RECIPE_ECB:
		st = secret_alloc(&blocks, recipe->len, err);
		if (!st)
			st = key_cipher(recipe->alg, KEY_CIPHER_ECB, true, master, recipe->data[0],
				recipe->len, blocks.data, err);
		break;
	case KEY_RECIPE_CMAC:
	case KEY_RECIPE_MIX:
		st = run_cmac(recipe, master, &blocks, err);
		break;
	}
	if (st)
		return st;
	key_recipe_finish(recipe, &blocks);
	secret_take(ret_key, &blocks);
	return KMS_OK;
}
