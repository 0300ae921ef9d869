/* SPDX-License-Identifier: Apache-2.0 */
/* The set of one card, derived from masters on the token. */
#include "ops/cardkeys_int.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AES_BLOCK = 16, CONTEXT_MAX = 32, KDF_MESSAGE_MAX = CARD_KDF_FIXED + 1 + CONTEXT_MAX };

static const enum key_role roles[CARD_ROLES] = {
	[CARD_ENC] = KEY_ROLE_ENC, [CARD_MAC] = KEY_ROLE_MAC, [CARD_DEK] = KEY_ROLE_KEK};

void op_card_note_host(struct derived *d, const char *purpose)
{
	size_t used = strlen(d->host);

	if (!strstr(d->host, purpose))
		snprintf(d->host + used, sizeof(d->host) - used, "%s%s", used ? ", " : "", purpose);
}

/* ---- objects ---- */

static enum kms_status derive(struct derived *d, enum card_role role,
	const struct key_recipe *recipe, enum hsm_role how, struct hsm_key *ret_key,
	struct kms_err *err)
{
	struct op_card_masters *m = d->masters;
	enum hsm_where where;
	enum kms_status st = key_div_hsm(recipe, m->site->hsm, &m->copy[role], &m->zero[role], how,
		m->site->policy.host_assisted, ret_key, &where, err);

	if (!st && where == HSM_HOST_ASSISTED)
		op_card_note_host(d, "diversification");
	return st;
}

enum kms_status op_card_make(struct derived *d, enum card_role role,
	const struct key_recipe *recipe, enum hsm_role how, struct hsm_key *ret_key,
	struct kms_err *err)
{
	enum kms_status st = derive(d, role, recipe, how, ret_key, err);

	if (st != KMS_ERR_STATE || d->masters->copy[role].token)
		return st;
	/* The connection was lost since the masters were copied. */
	kms_err_clear(err);
	st = op_card_masters_copy(d->masters, err);
	return st ? st : derive(d, role, recipe, how, ret_key, err);
}

enum kms_status op_card_used(
	struct derived *d, enum card_role role, struct hsm_key **ret_key, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (!d->used[role].handle)
		st = op_card_make(d, role, &d->recipe[role], HSM_TEMP_STATIC, &d->used[role], err);
	if (!st)
		*ret_key = &d->used[role];
	return st;
}

/* ---- struct card_keys_ops ---- */

static enum kms_status derived_session_cbc(struct card_keys *base, enum card_role role,
	const unsigned char data[CARD_CBC_DATA], struct secret *ret_key, struct kms_err *err)
{
	struct derived *d = (struct derived *)base;
	struct hsm_key *key;
	enum kms_status st;

	if (base->type != CARD_KEY_DES)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' are no DES keys", base->name);
	st = op_card_used(d, role, &key, err);
	return st ? st
		  : hsm_session_cbc(d->masters->site->hsm, key, data, CARD_CBC_DATA, ret_key, err);
}

static enum kms_status derived_session_kdf(struct card_keys *base, enum card_role role,
	const unsigned char fixed[CARD_KDF_FIXED], const unsigned char *context, size_t context_len,
	size_t len, struct secret *ret_key, struct kms_err *err)
{
	struct derived *d = (struct derived *)base;
	unsigned char message[2][KDF_MESSAGE_MAX];
	struct hsm_message messages[2];
	size_t count = (len + AES_BLOCK - 1) / AES_BLOCK;
	SECRET_AUTO struct secret key = {0};
	struct hsm_key *used;
	enum kms_status st;

	if (base->type != CARD_KEY_AES)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' are no AES keys", base->name);
	if (!count || count > 2 || context_len > CONTEXT_MAX)
		return kms_fail(
			err, KMS_ERR_INTERNAL, "a KDF of %zu bytes from %zu", len, context_len);
	for (size_t i = 0; i < count; i++) {
		memcpy(message[i], fixed, CARD_KDF_FIXED);
		message[i][CARD_KDF_FIXED] = (unsigned char)(i + 1);
		memcpy(message[i] + CARD_KDF_FIXED + 1, context, context_len);
		messages[i] =
			(struct hsm_message){message[i], CARD_KDF_FIXED + 1 + context_len, false};
	}
	st = op_card_used(d, role, &used, err);
	if (!st)
		st = hsm_session_cmac(d->masters->site->hsm, used, messages, count, &key, err);
	return st ? st : secret_copy(ret_key, key.data, len, err);
}

static enum kms_status derived_kcv(struct card_keys *base, enum card_role role,
	unsigned char ret_kcv[CARD_KCV_SIZE], struct kms_err *err)
{
	struct derived *d = (struct derived *)base;
	enum key_kcv_method method =
		base->type == CARD_KEY_DES ? KEY_KCV_TDES_ZERO : KEY_KCV_AES_GP;
	struct hsm_key *key;
	struct key_kcv kcv;
	enum kms_status st = KMS_OK;

	if (!d->has_kcv[role]) {
		st = op_card_used(d, role, &key, err);
		if (!st)
			st = key_kcv_hsm(d->masters->site->hsm, key, method, &kcv, err);
		if (st)
			return st;
		memcpy(d->kcv[role], kcv.bytes, CARD_KCV_SIZE);
		d->has_kcv[role] = true;
	}
	memcpy(ret_kcv, d->kcv[role], CARD_KCV_SIZE);
	return KMS_OK;
}

static void derived_free(struct card_keys *base)
{
	struct derived *d = (struct derived *)base;
	struct hsm *hsm = d->masters->site->hsm;

	for (enum card_role role = CARD_ENC; role < CARD_ROLES; role++)
		hsm_key_drop(hsm, &d->used[role]);
	hsm_key_drop(hsm, &d->dek.key);
	free(d);
}

static const struct card_keys_ops derived_ops = {
	derived_session_cbc, derived_session_kdf, op_card_wrap, derived_kcv, derived_free};

struct derived *op_card_derived(const struct card_keys *keys)
{
	return keys->ops == &derived_ops ? (struct derived *)(uintptr_t)keys : NULL;
}

/* ---- */

static void name_set(struct derived *d, const unsigned char *kdd, size_t len)
{
	char hex[2 * KEY_DIV_KDD_MAX + 1];

	if (d->masters->div.primitive == KEY_DIV_PRIM_NONE) {
		snprintf(d->base.name, sizeof(d->base.name), "%s, not diversified",
			d->masters->row.name);
		return;
	}
	hex_encode(kdd, len, hex);
	snprintf(d->base.name, sizeof(d->base.name), "%s for %.32s", d->masters->row.name, hex);
}

enum kms_status op_card_keys_derive(struct op_card_masters *masters, const void *kdd,
	size_t kdd_len, struct card_keys **ret_keys, struct kms_err *err)
{
	struct derived *d = calloc(1, sizeof(*d));
	enum kms_status st = KMS_OK;

	if (!d)
		return kms_nomem(err);
	d->masters = masters;
	d->base.ops = &derived_ops;
	d->base.type = masters->info.type;
	d->base.key_len = masters->info.key_len;
	for (enum card_role role = CARD_ENC; !st && role < CARD_ROLES; role++)
		st = key_div_recipe(&masters->div, masters->info.alg, roles[role], kdd, kdd_len,
			&d->recipe[role], err);
	if (st) {
		kms_prefix(err, "cannot derive a card's keys from '%s': ", masters->row.name);
		free(d);
		return st;
	}
	name_set(d, kdd, kdd_len);
	*ret_keys = &d->base;
	return KMS_OK;
}
