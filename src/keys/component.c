/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/component.h"

#include "keys/des.h"

#include <openssl/crypto.h>

static bool zero(enum key_alg alg, const struct secret *s)
{
	static const unsigned char none[KEY_MAX_LEN];

	if (key_alg_is_tdes(alg))
		return key_des_same(s->data, none, s->len);
	return CRYPTO_memcmp(s->data, none, s->len) == 0;
}

enum kms_status key_component_check(
	enum key_alg alg, const struct secret *component, unsigned index, struct kms_err *err)
{
	const struct key_alg_info *info = key_alg_info(alg);

	if (!info->length)
		return kms_fail(err, KMS_ERR_INVALID, "%s keys have no components", info->name);
	if (component->len != info->length)
		return kms_fail(err, KMS_ERR_INVALID,
			"component %u has %zu bytes, components of %s keys have %zu", index,
			component->len, info->name, info->length);
	if (zero(alg, component))
		return kms_fail(
			err, KMS_ERR_INVALID, "component %u is refused: it is all zero", index);
	return KMS_OK;
}

static enum kms_status check_each(
	enum key_alg alg, const struct secret *components, size_t count, struct kms_err *err)
{
	if (count < KEY_COMPONENTS_MIN || count > KEY_COMPONENTS_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%zu components: a key has %d to %d of them",
			count, KEY_COMPONENTS_MIN, KEY_COMPONENTS_MAX);
	for (size_t i = 0; i < count; i++) {
		enum kms_status st = key_component_check(alg, &components[i], (unsigned)i + 1, err);

		if (st)
			return st;
		for (size_t j = 0; j < i; j++)
			if (key_same(alg, &components[i], &components[j]))
				return kms_fail(err, KMS_ERR_INVALID,
					"components %zu and %zu are refused: they are equal", j + 1,
					i + 1);
	}
	return KMS_OK;
}

enum kms_status key_combine(enum key_alg alg, const struct secret *components, size_t count,
	struct secret *ret_key, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	enum kms_status st;

	st = check_each(alg, components, count, err);
	if (st)
		return st;
	st = secret_copy(&key, components[0].data, components[0].len, err);
	if (st)
		return st;
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < key.len; j++)
			key.data[j] ^= components[i].data[j];
	if (zero(alg, &key))
		return kms_fail(err, KMS_ERR_INVALID,
			"the components are refused: together they give zero");
	if (key_alg_is_tdes(alg))
		key_des_set_parity(key.data, key.len);
	st = key_check_material(alg, &key, "the combined key", err);
	if (st)
		return st;
	secret_take(ret_key, &key);
	return KMS_OK;
}

enum kms_status key_components_check(
	enum key_alg alg, const struct secret *components, size_t count, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};

	return key_combine(alg, components, count, &key, err);
}
