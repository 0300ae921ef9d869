/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/bulk.h"

#include "keys/cmac.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* What is computed for a chunk. The chains and L are wiped: with the subkeys they would forge MACs. */
struct chunk {
	const struct key_bulk *bulk;
	size_t block;
	size_t keys;
	size_t messages;	    /* of all keys */
	size_t len;		    /* bytes that are derived */
	struct key_recipe *recipes; /* of CMACs */
	unsigned char *chains;	    /* one block a message: what goes into its next encryption */
	unsigned char *in, *out;
};

static void chunk_free(struct chunk *c)
{
	const size_t len = c->messages * c->block;

	if (c->chains)
		secret_wipe(c->chains, len + c->block);
	if (c->in)
		secret_wipe(c->in, len);
	if (c->out)
		secret_wipe(c->out, len);
	free(c->recipes);
	free(c->chains);
	free(c->in);
	free(c->out);
}

static bool in_bulk(const struct key_recipe *recipe)
{
	return (recipe->kind == KEY_RECIPE_ECB || recipe->kind == KEY_RECIPE_CMAC) &&
	       recipe->des_version < 0;
}

static size_t made_len(const struct key_recipe *recipe)
{
	return recipe->kind == KEY_RECIPE_ECB ? recipe->len
					      : recipe->count * key_alg_info(recipe->alg)->block;
}

size_t key_bulk_stride(const struct key_div *div, enum key_alg alg)
{
	static const unsigned char kdd[KEY_DIV_KDD_MAX];
	struct key_recipe recipe;

	if (key_div_fits(div, alg, NULL) ||
		key_div_recipe(div, alg, KEY_ROLE_ENC, kdd, div->kdd_min, &recipe, NULL) ||
		!in_bulk(&recipe) || made_len(&recipe) > KEY_BULK_STRIDE)
		return 0;
	return made_len(&recipe);
}

static enum kms_status recipe_of(const struct chunk *c, const struct key_bulk_card *card,
	size_t stride, struct key_recipe *ret_recipe, struct kms_err *err)
{
	const struct key_bulk *b = c->bulk;
	enum kms_status st =
		key_div_recipe(b->div, b->alg, b->role, card->kdd, card->kdd_len, ret_recipe, err);

	if (!st && (!stride || made_len(ret_recipe) != stride))
		st = kms_fail(err, KMS_ERR_UNSUPPORTED,
			"keys by %s with %s cannot be derived many at a time", b->div->name,
			key_alg_name(b->alg));
	return st;
}

/* ---- CMAC ---- */

static size_t block_count(const struct key_recipe *r, size_t block)
{
	return (r->len + block - 1) / block;
}

static void xor_into(unsigned char *to, const unsigned char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] ^= from[i];
}

static enum kms_status subkeys(
	const struct chunk *c, unsigned char *k1, unsigned char *k2, struct kms_err *err)
{
	static const unsigned char zeros[KEY_CMAC_MAX];
	const struct key_bulk *b = c->bulk;
	unsigned char l[KEY_CMAC_MAX];
	enum kms_status st = KMS_OK;

	if (b->zero->len != c->block) {
		st = hsm_ecb_read(b->hsm, b->master, zeros, c->block, l, err);
		if (!st)
			st = secret_copy(b->zero, l, c->block, err);
		secret_wipe(l, sizeof(l));
	}
	if (!st)
		key_cmac_subkeys(b->zero->data, c->block, k1, k2);
	return st;
}

/* Step number `round` of all messages that have another block after it; how many there were. */
static enum kms_status chain_round(
	struct chunk *c, size_t round, size_t *ret_count, struct kms_err *err)
{
	const size_t block = c->block;
	enum kms_status st = KMS_OK;
	size_t n = 0;

	for (size_t m = 0; m < c->messages; m++) {
		const struct key_recipe *r = &c->recipes[m / c->recipes[0].count];

		if (block_count(r, block) <= round + 1)
			continue;
		memcpy(c->in + n * block, c->chains + m * block, block);
		xor_into(c->in + n * block, r->data[m % r->count] + round * block, block);
		n++;
	}
	if (n)
		st = hsm_ecb_read(c->bulk->hsm, c->bulk->master, c->in, n * block, c->out, err);
	*ret_count = n;
	n = 0;
	for (size_t m = 0; !st && m < c->messages; m++)
		if (block_count(&c->recipes[m / c->recipes[0].count], block) > round + 1)
			memcpy(c->chains + m * block, c->out + n++ * block, block);
	return st;
}

/* The last block of each message, ready for the encryption that makes the key (SP 800-38B 6.2). */
static enum kms_status cmac_blocks(struct chunk *c, struct kms_err *err)
{
	unsigned char k1[KEY_CMAC_MAX], k2[KEY_CMAC_MAX];
	size_t count = 1;
	enum kms_status st = subkeys(c, k1, k2, err);

	for (size_t round = 0; !st && count; round++)
		st = chain_round(c, round, &count, err);
	for (size_t m = 0; !st && m < c->messages; m++) {
		const struct key_recipe *r = &c->recipes[m / c->recipes[0].count];
		const size_t start = (block_count(r, c->block) - 1) * c->block;
		const size_t rest = r->len - start;
		unsigned char *last = c->chains + m * c->block;

		xor_into(last, r->data[m % r->count] + start, rest);
		if (rest < c->block)
			last[rest] ^= 0x80;
		xor_into(last, rest < c->block || r->padded ? k2 : k1, c->block);
	}
	secret_wipe(k1, sizeof(k1));
	secret_wipe(k2, sizeof(k2));
	return st;
}

/* ---- */

size_t key_bulk_padded(size_t len, enum hsm_wrap wrap)
{
	enum { AES_BLOCK = 16 };

	return wrap == HSM_WRAP_CBC ? (len + AES_BLOCK - 1) / AES_BLOCK * AES_BLOCK : len;
}

static enum kms_status fill_ecb(
	struct chunk *c, const struct key_bulk_card *cards, size_t stride, struct kms_err *err)
{
	struct key_recipe recipe;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < c->keys; i++) {
		st = recipe_of(c, &cards[i], stride, &recipe, err);
		if (!st)
			memcpy(c->chains + i * stride, recipe.data[0], stride);
	}
	return st;
}

static enum kms_status fill_cmac(
	struct chunk *c, const struct key_bulk_card *cards, size_t stride, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (c->keys == 0 || c->messages == 0 || c->block == 0)
		return kms_fail(err, KMS_ERR_INTERNAL, "a chunk of no keys");
	c->recipes = calloc(c->keys, sizeof(*c->recipes));
	c->in = calloc(c->messages, c->block);
	c->out = calloc(c->messages, c->block);
	if (!c->recipes || !c->in || !c->out)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < c->keys; i++)
		st = recipe_of(c, &cards[i], stride, &c->recipes[i], err);
	return st ? st : cmac_blocks(c, err);
}

static enum kms_status fill(struct chunk *c, const struct key_bulk_card *cards, struct kms_err *err)
{
	const size_t stride = key_bulk_stride(c->bulk->div, c->bulk->alg);
	struct key_recipe first;
	enum kms_status st = recipe_of(c, &cards[0], stride, &first, err);

	if (st)
		return st;
	c->block = key_alg_info(first.alg)->block;
	c->messages = c->keys * stride / c->block;
	c->len = key_bulk_padded(c->messages * c->block, c->bulk->wrap);
	c->chains = calloc(c->messages + 1, c->block);
	if (!c->chains)
		return kms_nomem(err);
	st = first.kind == KEY_RECIPE_CMAC ? fill_cmac(c, cards, stride, err)
					   : fill_ecb(c, cards, stride, err);
	/* What fills the last block is the last eight bytes again. */
	if (!st && c->len > c->messages * c->block)
		memcpy(c->chains + c->messages * c->block, c->chains + (c->messages - 1) * c->block,
			c->block);
	return st;
}

static enum kms_status derive_and_wrap(
	struct chunk *c, struct buf *ret_wrapped, struct kms_err *err)
{
	const struct key_bulk *b = c->bulk;
	const size_t len = c->len;
	const struct hsm_temp temp = {HSM_RAW, len, b->made_as};
	const size_t room = len + 8;
	unsigned char *wrapped = malloc(room);
	struct hsm_key keys = {0};
	size_t wrapped_len;
	enum kms_status st;

	if (!wrapped)
		return kms_nomem(err);
	st = hsm_derive_ecb(b->hsm, b->master, c->chains, len, &temp, &keys, err);
	if (!st)
		st = hsm_wrap(b->hsm, b->under, &keys, b->wrap, false, wrapped, room, &wrapped_len,
			NULL, err);
	hsm_key_drop(b->hsm, &keys);
	if (!st && wrapped_len != len + (b->wrap == HSM_WRAP_AES_KW ? 8 : 0))
		st = kms_fail(err, KMS_ERR_UNSUPPORTED,
			"the token wraps %zu bytes of keys as %zu bytes by %s", len, wrapped_len,
			hsm_wrap_name(b->wrap));
	if (!st)
		st = buf_append(ret_wrapped, wrapped, wrapped_len, err);
	free(wrapped);
	return st;
}

enum kms_status key_bulk_wrap(const struct key_bulk *bulk, const struct key_bulk_card *cards,
	size_t count, struct buf *ret_wrapped, struct kms_err *err)
{
	struct chunk c __attribute__((cleanup(chunk_free))) = {.bulk = bulk, .keys = count};
	enum kms_status st;

	if (!count || count > KEY_BULK_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "a chunk of %zu cards", count);
	st = fill(&c, cards, err);
	return st ? st : derive_and_wrap(&c, ret_wrapped, err);
}

/* ---- trying ---- */

/* With odd parity, so that it is the same TDEA key on every token. */
static const unsigned char known_key[32] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE,
	0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0x13, 0x25, 0x37, 0x49, 0x5B, 0x6D, 0x7F, 0x91,
	0xA2, 0xB3, 0xC4, 0xD5, 0xE6, 0xF7, 0x08, 0x19};

static enum kms_status import_known(struct hsm *hsm, enum key_alg alg, enum hsm_role role,
	struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_temp temp = {key_alg_to_hsm(alg), 0, role};
	SECRET_AUTO struct secret value = {0};
	enum kms_status st = secret_copy(&value, known_key, key_alg_info(alg)->length, err);

	return st ? st : hsm_temp_import(hsm, &temp, &value, ret_key, err);
}

static void known_card(size_t i, const struct key_div *div, struct key_bulk_card *card)
{
	*card = (struct key_bulk_card){.kdd_len = div->kdd_min};
	for (size_t k = 0; k < card->kdd_len; k++)
		card->kdd[k] = (unsigned char)(i >> (k % 2) * 8) ^ (unsigned char)k;
}

/* The whole chunk, as OpenSSL makes it. */
static enum kms_status known_plain(const struct key_bulk *b, const struct key_bulk_card *cards,
	size_t count, unsigned char *out, struct kms_err *err)
{
	const size_t stride = key_bulk_stride(b->div, b->alg);
	SECRET_AUTO struct secret master = {0};
	enum kms_status st = secret_copy(&master, known_key, key_alg_info(b->alg)->length, err);

	for (size_t i = 0; !st && i < count; i++) {
		SECRET_AUTO struct secret key = {0};
		struct key_recipe recipe;

		st = key_div_recipe(
			b->div, b->alg, b->role, cards[i].kdd, cards[i].kdd_len, &recipe, err);
		recipe.out_len = stride;
		if (!st)
			st = key_div_clear(&recipe, &master, &key, err);
		if (!st)
			memcpy(out + i * stride, key.data, stride);
	}
	if (!st && key_bulk_padded(count * stride, b->wrap) > count * stride)
		memcpy(out + count * stride, out + count * stride - 8, 8);
	return st;
}

static enum kms_status known_wrapped(const struct key_bulk *b, unsigned char *data, size_t len,
	int *ret_len, struct kms_err *err)
{
	static const unsigned char zero_iv[16];
	const bool kw = b->wrap == HSM_WRAP_AES_KW;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool done = false;
	int rest = 0;

	if (!ctx)
		return kms_nomem(err);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	done = EVP_EncryptInit_ex(ctx, kw ? EVP_aes_256_wrap() : EVP_aes_256_cbc(), NULL, known_key,
		       kw ? NULL : zero_iv) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	       EVP_EncryptUpdate(ctx, data, ret_len, data, (int)len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, data + *ret_len, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	*ret_len += rest;
	return done ? KMS_OK
		    : kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL cannot wrap %zu bytes", len);
}

/* What the token says to so many keys; *ret_same: and it is what OpenSSL says. */
static enum kms_status try_chunk(
	struct key_bulk *b, size_t count, bool *ret_same, struct kms_err *err)
{
	const size_t len = key_bulk_padded(count * key_bulk_stride(b->div, b->alg), b->wrap);
	FREE_AUTO struct key_bulk_card *cards = calloc(count, sizeof(*cards));
	FREE_AUTO unsigned char *expected = malloc(len + 16);
	BUF_AUTO struct buf wrapped = {0};
	int got = 0;
	enum kms_status st;

	if (!cards || !expected)
		return kms_nomem(err);
	for (size_t i = 0; i < count; i++)
		known_card(i, b->div, &cards[i]);
	st = key_bulk_wrap(b, cards, count, &wrapped, err);
	/* What the token cannot do, or refuses, is an answer. */
	if (st == KMS_ERR_UNSUPPORTED || st == KMS_ERR_HSM) {
		kms_err_clear(err);
		*ret_same = false;
		return KMS_OK;
	}
	if (!st)
		st = known_plain(b, cards, count, expected, err);
	if (!st)
		st = known_wrapped(b, expected, len, &got, err);
	if (!st)
		*ret_same = (size_t)got == wrapped.len &&
			    memcmp(expected, wrapped.data, wrapped.len) == 0;
	return st;
}

enum kms_status key_bulk_limit(struct hsm *hsm, const struct key_div *div, enum key_alg alg,
	enum hsm_wrap wrap, size_t *ret_keys, struct kms_err *err)
{
	SECRET_AUTO struct secret zero = {0};
	struct hsm_key master = {0}, under = {0};
	struct key_bulk bulk = {.hsm = hsm,
		.div = div,
		.alg = alg,
		.role = KEY_ROLE_MAC,
		.made_as = HSM_TEMP_CARD,
		.master = &master,
		.zero = &zero,
		.under = &under,
		.wrap = wrap};
	const size_t stride = key_bulk_stride(div, alg);
	const size_t sizes[] = {KEY_BULK_MAX, stride ? KEY_BULK_SMALL / stride : 0};
	size_t found = 1;
	enum kms_status st;

	if (!stride) {
		*ret_keys = found;
		return KMS_OK;
	}
	st = import_known(hsm, alg, HSM_TEMP_DERIVE, &master, err);
	if (!st)
		st = import_known(hsm, KEY_AES256, HSM_TEMP_KEK, &under, err);
	for (size_t i = 0; !st && found == 1 && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bool same = false;

		st = try_chunk(&bulk, sizes[i], &same, err);
		if (!st && same)
			found = sizes[i];
	}
	hsm_key_drop(hsm, &under);
	hsm_key_drop(hsm, &master);
	if (!st)
		*ret_keys = found;
	return st;
}
