/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/token.h"

#include "keys/mix.h"

#include <string.h>

enum hsm_alg key_alg_to_hsm(enum key_alg alg)
{
	switch (alg) {
	case KEY_TDEA2:
		return HSM_TDEA2;
	case KEY_TDEA3:
		return HSM_TDEA3;
	case KEY_AES128:
		return HSM_AES128;
	case KEY_AES192:
		return HSM_AES192;
	case KEY_AES256:
		return HSM_AES256;
	case KEY_P256:
		return HSM_EC_P256;
	case KEY_ALG_NONE:
		break;
	}
	return HSM_ALG_NONE;
}

enum key_alg key_alg_from_hsm(enum hsm_alg alg)
{
	for (enum key_alg k = KEY_TDEA2; k <= KEY_P256; k++)
		if (key_alg_to_hsm(k) == alg)
			return k;
	return KEY_ALG_NONE;
}

enum hsm_check key_kcv_to_hsm(enum key_kcv_method method)
{
	switch (method) {
	case KEY_KCV_TDES_ZERO:
		return HSM_CHECK_TDES_ZERO;
	case KEY_KCV_AES_GP:
		return HSM_CHECK_AES_GP;
	case KEY_KCV_AES_ZERO:
		return HSM_CHECK_AES_ZERO;
	case KEY_KCV_CMAC:
		return HSM_CHECK_CMAC;
	case KEY_KCV_NONE:
		break;
	}
	return HSM_CHECK_NONE;
}

enum hsm_wrap key_wrapping_to_hsm(enum key_wrapping wrapping)
{
	switch (wrapping) {
	case KEY_WRAP_AES_KW:
		return HSM_WRAP_AES_KW;
	case KEY_WRAP_AES_KWP:
		return HSM_WRAP_AES_KWP;
	case KEY_WRAP_ECB:
		return HSM_WRAP_ECB;
	case KEY_WRAP_CBC:
		return HSM_WRAP_CBC;
	case KEY_WRAP_X9143_B:
	case KEY_WRAP_X9143_D:
		return HSM_WRAP_BLOCK;
	case KEY_WRAP_NONE:
		break;
	}
	return HSM_WRAP_NONE;
}

static enum kms_status kcv_of(const unsigned char *bytes, size_t len, enum key_kcv_method method,
	struct key_kcv *ret_kcv, struct kms_err *err)
{
	if (len == 0 || len != key_kcv_len(method))
		return kms_fail(err, KMS_ERR_INTERNAL, "a check value of %zu bytes by method %s",
			len, key_kcv_method_name(method));
	*ret_kcv = (struct key_kcv){.method = method, .len = len};
	memcpy(ret_kcv->bytes, bytes, len);
	return KMS_OK;
}

enum kms_status key_kcv_of_made(const struct hsm_made *made, enum key_kcv_method method,
	struct key_kcv *ret_kcv, struct kms_err *err)
{
	return kcv_of(made->check, made->check_len, method, ret_kcv, err);
}

enum kms_status key_kcv_hsm(struct hsm *hsm, struct hsm_key *key, enum key_kcv_method method,
	struct key_kcv *ret_kcv, struct kms_err *err)
{
	unsigned char bytes[HSM_CHECK_MAX];
	enum kms_status st;
	size_t len = 0;

	st = hsm_check_value(hsm, key, key_kcv_to_hsm(method), bytes, &len, err);
	return st ? st : kcv_of(bytes, len, method, ret_kcv, err);
}

/* The bytes of the CMACs must be changed before they are a key: in secret memory. */
static enum kms_status through_host(const struct key_recipe *recipe, struct hsm *hsm,
	struct hsm_key *master, struct secret *zero, const struct hsm_message *messages,
	const struct hsm_temp *temp, bool allow_host, struct hsm_key *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret blocks = {0};
	enum kms_status st;

	st = hsm_derive_cmac_secret(
		hsm, master, zero, messages, recipe->count, allow_host, &blocks, err);
	if (st)
		return st;
	if (blocks.len != recipe->count * key_alg_info(recipe->alg)->block)
		return kms_fail(err, KMS_ERR_INTERNAL, "%zu bytes of CMAC", blocks.len);
	key_recipe_finish(recipe, &blocks);
	return hsm_temp_import(hsm, temp, &blocks, ret_key, err);
}

static enum kms_status run_cmac(const struct key_recipe *recipe, struct hsm *hsm,
	struct hsm_key *master, struct secret *zero, const struct hsm_temp *temp, bool allow_host,
	struct hsm_key *ret_key, enum hsm_where *ret_where, struct kms_err *err)
{
	struct hsm_message messages[KEY_DIV_BLOCKS_MAX];
	/* The version bits are parity bits: they matter only in bytes that go to a card. */
	bool inside = recipe->kind == KEY_RECIPE_CMAC &&
		      (temp->alg != HSM_RAW || !key_recipe_needs_host(recipe));
	enum kms_status st;

	for (size_t i = 0; i < recipe->count; i++)
		messages[i] = (struct hsm_message){recipe->data[i], recipe->len, recipe->padded};
	if (inside) {
		st = hsm_derive_cmac(
			hsm, master, zero, messages, recipe->count, temp, ret_key, err);
		if (!st)
			*ret_where = HSM_IN_HSM;
		return st;
	}
	st = through_host(recipe, hsm, master, zero, messages, temp, allow_host, ret_key, err);
	if (!st)
		*ret_where = HSM_HOST_ASSISTED;
	return st;
}

enum kms_status key_div_hsm(const struct key_recipe *recipe, struct hsm *hsm,
	struct hsm_key *master, struct secret *zero, enum hsm_role role, bool allow_host,
	struct hsm_key *ret_key, enum hsm_where *ret_where, struct kms_err *err)
{
	struct hsm_temp temp = {key_alg_to_hsm(recipe->alg), 0, role};
	enum kms_status st;

	if (master->alg != temp.alg)
		return kms_fail(err, KMS_ERR_INVALID,
			"'%s' is of algorithm %s, the diversification is for %s", master->label,
			hsm_alg_name(master->alg), key_alg_name(recipe->alg));
	if (role == HSM_TEMP_CARD || role == HSM_TEMP_BULK) {
		temp.alg = HSM_RAW;
		temp.len = recipe->out_len;
	}
	switch (recipe->kind) {
	case KEY_RECIPE_COPY:
		st = hsm_key_session_copy(hsm, master, ret_key, err);
		break;
	case KEY_RECIPE_ECB:
		st = hsm_derive_ecb(hsm, master, recipe->data[0], recipe->len, &temp, ret_key, err);
		break;
	default:
		return run_cmac(
			recipe, hsm, master, zero, &temp, allow_host, ret_key, ret_where, err);
	}
	if (!st)
		*ret_where = HSM_IN_HSM;
	return st;
}
