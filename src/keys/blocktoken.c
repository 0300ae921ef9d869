/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/blocktoken.h"

#include "keys/des.h"
#include "keys/token.h"

#include <string.h>

struct token_engine {
	struct hsm *hsm;
	struct hsm_key kbek; /* ENCRYPT, DECRYPT */
	struct hsm_key kbak; /* DERIVE: its CMAC is composed, which any token can that derived it */
};

static enum kms_status token_mac(
	void *ctx, const struct secret *data, unsigned char *ret_mac, struct kms_err *err)
{
	struct token_engine *t = ctx;
	const struct hsm_message message = {.data = data->data, .len = data->len};
	SECRET_AUTO struct secret mac = {0};
	enum kms_status st;

	st = hsm_derive_cmac_secret(t->hsm, &t->kbak, NULL, &message, 1, true, &mac, err);
	if (!st)
		memcpy(ret_mac, mac.data, mac.len);
	return st;
}

static enum kms_status token_crypt(void *ctx, bool encrypt, const unsigned char *iv,
	const unsigned char *data, size_t len, unsigned char *out, struct kms_err *err)
{
	struct token_engine *t = ctx;

	return encrypt ? hsm_encrypt(t->hsm, &t->kbek, iv, data, len, out, err)
		       : hsm_decrypt(t->hsm, &t->kbek, iv, data, len, out, err);
}

/* zero: E(0) under the KBPK, from one derivation to the next. */
static enum kms_status derive(struct token_engine *t, struct hsm_key *kbpk, struct secret *zero,
	enum key_alg alg, bool mac, struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_temp temp = {kbpk->alg, 0, mac ? HSM_TEMP_DERIVE : HSM_TEMP_CIPHER};
	unsigned char bytes[KEY_BLOCK_DERIVE_MAX][KEY_BLOCK_DERIVE_LEN];
	struct hsm_message messages[KEY_BLOCK_DERIVE_MAX];
	size_t count = key_block_derivation(alg, mac, bytes);

	for (size_t i = 0; i < count; i++)
		messages[i] = (struct hsm_message){bytes[i], KEY_BLOCK_DERIVE_LEN, false};
	return hsm_derive_cmac(t->hsm, kbpk, zero, messages, count, &temp, ret_key, err);
}

static enum kms_status open_engine(struct token_engine *t, struct hsm_key *kbpk, bool allow_host,
	struct key_block_engine *ret_engine, struct kms_err *err)
{
	enum key_alg alg = key_alg_from_hsm(kbpk->alg);
	SECRET_AUTO struct secret zero = {0};
	enum kms_status st = KMS_OK;

	if (!allow_host)
		return kms_fail(err, KMS_ERR_DENIED,
			"a key block under '%s' is not made or opened inside the token, and keys "
			"may "
			"not pass through this host",
			kbpk->label);
	if (!(kbpk->usage & HSM_CAN_DERIVE) || !key_block_version(alg))
		return kms_fail(err, KMS_ERR_UNSUPPORTED, "'%s' is no key that protects key blocks",
			kbpk->label);
	st = derive(t, kbpk, &zero, alg, false, &t->kbek, err);
	if (!st)
		st = derive(t, kbpk, &zero, alg, true, &t->kbak, err);
	if (!st)
		*ret_engine = (struct key_block_engine){alg, t, token_mac, token_crypt};
	return st;
}

static void close_engine(struct token_engine *t)
{
	hsm_key_drop(t->hsm, &t->kbek);
	hsm_key_drop(t->hsm, &t->kbak);
}

enum kms_status key_block_wrap_hsm(struct hsm *hsm, struct hsm_key *kbpk, struct hsm_key *target,
	enum key_alg alg, const struct key_block_fields *fields, bool allow_host,
	struct buf *ret_text, struct kms_err *err)
{
	struct token_engine t __attribute__((cleanup(close_engine))) = {.hsm = hsm};
	SECRET_AUTO struct secret value = {0};
	struct key_block_engine engine;
	enum kms_status st = open_engine(&t, kbpk, allow_host, &engine, err);

	if (!st)
		st = hsm_key_read(hsm, target, allow_host, &value, err);
	return st ? st : key_block_seal(fields, &engine, alg, &value, ret_text, err);
}

enum kms_status key_block_unwrap_hsm(struct hsm *hsm, struct hsm_key *kbpk,
	const struct key_block *block, const struct hsm_new *spec, bool allow_host,
	struct hsm_made *ret_made, struct kms_err *err)
{
	struct token_engine t __attribute__((cleanup(close_engine))) = {.hsm = hsm};
	enum key_alg alg = key_alg_from_hsm(spec->alg);
	SECRET_AUTO struct secret value = {0};
	struct key_block_engine engine;
	enum kms_status st = open_engine(&t, kbpk, allow_host, &engine, err);

	if (!st)
		st = key_block_open(block, &engine, &value, err);
	if (!st && value.len != key_alg_info(alg)->length)
		st = kms_fail(err, KMS_ERR_INVALID,
			"the key block holds a key of %zu bits, '%s' is %s", value.len * 8,
			spec->label, key_alg_name(alg));
	if (!st)
		st = key_check_material(alg, &value, "the key in the key block", err);
	return st ? st : hsm_key_import(hsm, spec, &value, ret_made, err);
}
