/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/packagekeys.h"

#include "exchange/internal.h"

#include <stdlib.h>
#include <string.h>

const struct doc_keys_form doc_package_form = {.what = "package",
	.set_what = "package's key set",
	.key_what = "package's key",
	.sets_max = DOC_KEYSETS_MAX,
	.keys_max = DOC_KEYS_MAX};

/* These members, the form's further ones, and no others. */
static enum kms_status only(const json_t *object, const char *what, const char *const *members,
	const char *const *more, struct kms_err *err)
{
	const char *all[32];
	size_t count = 0;

	while (*members && count < sizeof(all) / sizeof(all[0]) - 1)
		all[count++] = *members++;
	while (more && *more && count < sizeof(all) / sizeof(all[0]) - 1)
		all[count++] = *more++;
	all[count] = NULL;
	return js_only(object, what, all, err);
}

static enum kms_status read_div(
	const json_t *object, const char *set_what, struct key_div *ret_div, struct kms_err *err)
{
	char again[KEY_DIV_TEXT_SIZE];
	struct key_div div = {0};
	const char *text;
	enum kms_status st;

	st = js_get_text(object, set_what, "diversification", &text, err);
	if (st)
		return st;
	st = key_div_parse(text, &div, err);
	if (st) {
		kms_prefix(err, "%s: ", set_what);
		return st;
	}
	key_div_print(&div, again);
	if (strcmp(again, text) != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: 'diversification' is not spelt as cardkms spells it", set_what);
	*ret_div = div;
	return KMS_OK;
}

static enum kms_status read_period(const json_t *object, const char *set_what,
	struct key_period *ret_period, struct kms_err *err)
{
	char again[KEY_PERIOD_TEXT_SIZE];
	struct key_period period = {0};
	const char *text;
	enum kms_status st;

	st = js_get_text(object, set_what, "cryptoperiod", &text, err);
	if (st)
		return st;
	st = key_period_parse(text, &period, err);
	if (st) {
		kms_prefix(err, "%s: ", set_what);
		return st;
	}
	key_period_print(&period, again);
	if (strcmp(again, text) != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: 'cryptoperiod' is not spelt as cardkms spells it", set_what);
	*ret_period = period;
	return KMS_OK;
}

static enum kms_status read_export(
	const json_t *object, const char *set_what, bool *ret_exportable, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, set_what, "export", &text, err);

	if (st)
		return st;
	if (strcmp(text, "partner") != 0 && strcmp(text, "never") != 0)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: 'export' is not never or partner", set_what);
	*ret_exportable = strcmp(text, "partner") == 0;
	return KMS_OK;
}

static enum kms_status read_keyset(const json_t *object, const struct doc_keys_form *form,
	struct doc_keyset *keyset, struct kms_err *err)
{
	static const char *const members[] = {"cryptoperiod", "customer", "diversification",
		"export", "key_version", "name", "order", NULL};
	const char *set_what = form->set_what;
	int64_t kvn;
	enum kms_status st;

	if ((st = only(object, set_what, members, form->set_members, err)) ||
		(st = js_get_text(object, set_what, "name", &keyset->name, err)) ||
		(st = key_set_name_check(keyset->name, err)) ||
		(st = doc_read_name(object, set_what, "customer", true, &keyset->customer, err)) ||
		(st = doc_read_name(object, set_what, "order", true, &keyset->order, err)) ||
		(st = read_div(object, set_what, &keyset->div, err)) ||
		(st = js_get_int(object, set_what, "key_version", KEY_VERSION_MIN, KEY_VERSION_MAX,
			 &kvn, err)) ||
		(st = read_export(object, set_what, &keyset->exportable, err)))
		return st;
	keyset->kvn = (unsigned)kvn;
	return read_period(object, set_what, &keyset->period, err);
}

/* What is known of a key set from the keys read so far. */
struct seen {
	unsigned roles; /* one bit each */
	enum key_alg alg;
};

static enum kms_status check_place(const struct doc_keys_form *form,
	const struct doc_package *package, const struct doc_key *key, int64_t kvn,
	struct seen *seen, struct kms_err *err)
{
	const struct doc_keyset *keyset = NULL;
	char label[KEY_LABEL_MAX + 1];
	size_t i;
	enum kms_status st;

	for (i = 0; i < package->keyset_count && !keyset; i++)
		if (strcmp(package->keysets[i].name, key->keyset) == 0)
			keyset = &package->keysets[i];
	if (!keyset)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: the key '%s' is of the key set '%s', which is not in it", form->what,
			key->label, key->keyset);
	seen += i - 1;
	st = key_label(key->keyset, key->role, label, err);
	if (st)
		return st;
	if (strcmp(label, key->label) != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: the %s key of '%s' is labelled '%s', not '%s'", form->what,
			key_role_name(key->role), key->keyset, key->label, label);
	if (seen->roles & 1u << key->role)
		return kms_fail(err, KMS_ERR_INVALID, "%s: the key '%s' is in it twice", form->what,
			key->label);
	if (seen->roles && seen->alg != key->alg)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: the keys of '%s' are not all of one algorithm", form->what,
			key->keyset);
	if ((uint64_t)kvn != keyset->kvn)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' and its key set have different key versions", form->what,
			key->label);
	seen->roles |= 1u << key->role;
	seen->alg = key->alg;
	return key_div_fits(&keyset->div, key->alg, err);
}

/* What the block's header must say for its key is for whoever opens it. */
static enum kms_status read_key_block(const json_t *object, const struct doc_keys_form *form,
	const struct doc_package *package, struct doc_key *key, struct kms_err *err)
{
	struct key_block block;
	const char *text;
	enum kms_status st = js_get_text(object, form->key_what, "block", &text, err);

	if (st)
		return st;
	if (package->wrapping != key_wrapping_block(package->transport.alg) ||
		strlen(text) > sizeof(key->block))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: the key block of '%s' is not one of %s under a key of %s", form->what,
			key->label, key_wrapping_name(package->wrapping),
			key_alg_name(package->transport.alg));
	st = key_block_parse(text, strlen(text), &block, err);
	if (st)
		return kms_prefix(err, "%s: '%s': ", form->what, key->label);
	memcpy(key->block, text, strlen(text));
	key->block_len = strlen(text);
	return KMS_OK;
}

static enum kms_status read_block(const json_t *object, const struct doc_keys_form *form,
	const struct doc_package *package, struct doc_key *key, struct kms_err *err)
{
	const char *key_what = form->key_what;
	size_t length = key_alg_info(key->alg)->length;
	size_t len = key_wrapped_len(package->wrapping, package->transport.alg, length);
	int64_t said;
	enum kms_status st;

	st = js_get_int(object, key_what, "length", (int64_t)length, (int64_t)length, &said, err);
	if (st || key_wrapping_is_block(package->wrapping))
		return st ? st : read_key_block(object, form, package, key, err);
	if (len == 0 || len > sizeof(key->block))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: an %s key cannot be wrapped under an %s key by %s", form->what,
			key_alg_name(key->alg), key_alg_name(package->transport.alg),
			key_wrapping_name(package->wrapping));
	st = doc_read_hex(object, key_what, "block", key->block, len, err);
	if (!st)
		key->block_len = len;
	return st;
}

static enum kms_status read_key(const json_t *object, const struct doc_keys_form *form,
	const struct doc_package *package, struct seen *seen, struct doc_key *key,
	struct kms_err *err)
{
	const char *key_what = form->key_what;
	static const char *const members[] = {"algorithm", "block", "check_method", "check_value",
		"key_version", "keyset", "label", "length", "role", NULL};
	const char *role;
	int64_t kvn;
	enum kms_status st;

	if ((st = only(object, key_what, members, form->key_members, err)) ||
		(st = doc_read_label(object, key_what, "label", &key->label, err)) ||
		(st = js_get_text(object, key_what, "keyset", &key->keyset, err)) ||
		(st = js_get_text(object, key_what, "role", &role, err)) ||
		(st = key_role_parse(role, &key->role, err)) ||
		(st = doc_read_alg(object, key_what, &key->alg, err)) ||
		(st = doc_read_kcv(object, key_what, key->alg, &key->kcv, err)) ||
		(st = js_get_int(object, key_what, "key_version", KEY_VERSION_MIN, KEY_VERSION_MAX,
			 &kvn, err)))
		return st;
	if (!key_role_is_master(key->role))
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: '%s' is a key of role %s; a %s holds enc, mac and kek", form->what,
			key->label, role, form->what);
	st = read_block(object, form, package, key, err);
	return st ? st : check_place(form, package, key, kvn, seen, err);
}

static enum kms_status read_keysets(const json_t *object, const struct doc_keys_form *form,
	struct doc_package *package, struct kms_err *err)
{
	FREE_AUTO const char **names = NULL;
	struct doc_keyset *keysets;
	json_t *list, *member;
	size_t i, count;
	enum kms_status st;

	st = doc_read_list(object, form->what, "keysets", 1, form->sets_max, &list, err);
	if (st)
		return st;
	count = json_array_size(list);
	keysets = calloc(count, sizeof(*keysets));
	names = calloc(count, sizeof(*names));
	package->keysets = keysets;
	if (!keysets || !names)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		st = read_keyset(member, form, &keysets[i], err);
		if (st)
			return st;
		names[i] = keysets[i].name;
	}
	package->keyset_count = count;
	return doc_check_distinct(form->what, names, count, err);
}

enum kms_status doc_read_package_keys(const json_t *object, const struct doc_keys_form *form,
	struct doc_package *package, struct kms_err *err)
{
	FREE_AUTO struct seen *seen = NULL;
	struct doc_key *keys;
	json_t *list, *member;
	size_t i;
	enum kms_status st;

	if ((st = read_keysets(object, form, package, err)) ||
		(st = doc_read_list(object, form->what, "keys", 1, form->keys_max, &list, err)))
		return st;
	keys = calloc(json_array_size(list), sizeof(*keys));
	seen = calloc(package->keyset_count, sizeof(*seen));
	package->keys = keys;
	if (!keys || !seen)
		return kms_nomem(err);
	json_array_foreach(list, i, member)
	{
		st = read_key(member, form, package, seen, &keys[i], err);
		if (st)
			return st;
	}
	package->key_count = json_array_size(list);
	for (i = 0; i < package->keyset_count; i++)
		if (!seen[i].roles)
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: the key set '%s' has no key in it", form->what,
				package->keysets[i].name);
	return KMS_OK;
}

static json_t *keyset_json(const struct doc_keyset *keyset)
{
	char div[KEY_DIV_TEXT_SIZE], period[KEY_PERIOD_TEXT_SIZE];

	key_div_print(&keyset->div, div);
	key_period_print(&keyset->period, period);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s}", "name", keyset->name, "customer",
		keyset->customer, "order", keyset->order, "diversification", div, "key_version",
		(int)keyset->kvn, "export", keyset->exportable ? "partner" : "never",
		"cryptoperiod", period);
}

json_t *doc_keysets_json(const struct doc_package *package)
{
	json_t *list = json_array();

	for (size_t i = 0; i < package->keyset_count; i++)
		if (json_array_append_new(list, keyset_json(&package->keysets[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static unsigned version_of(const struct doc_package *package, const struct doc_key *key)
{
	for (size_t i = 0; i < package->keyset_count && key->keyset; i++)
		if (package->keysets[i].name && strcmp(package->keysets[i].name, key->keyset) == 0)
			return package->keysets[i].kvn;
	return 0;
}

static json_t *block_json(const struct doc_package *package, const struct doc_key *key)
{
	size_t len = key->block_len <= sizeof(key->block) ? key->block_len : 0;

	return key_wrapping_is_block(package->wrapping)
		       ? json_stringn((const char *)key->block, len)
		       : doc_hex(key->block, len);
}

static json_t *key_json(const struct doc_package *package, const struct doc_key *key)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:s, s:o}", "label", key->label,
		"keyset", key->keyset, "role", key_role_name(key->role), "algorithm",
		key_alg_name(key->alg), "length", (int)key_alg_info(key->alg)->length,
		"key_version", (int)version_of(package, key), "check_value", doc_kcv_hex(&key->kcv),
		"check_method", key_kcv_method_name(key->kcv.method), "block",
		block_json(package, key));
}

json_t *doc_keys_json(const struct doc_package *package)
{
	json_t *list = json_array();

	for (size_t i = 0; i < package->key_count; i++)
		if (json_array_append_new(list, key_json(package, &package->keys[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}
