/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state.h"

#include "sim/keys.h"
#include "sim/settings.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/js.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 2: public keys, and how many receipts each domain has given. 1 is read as well: there were none. */
enum { STATE_MAX = 1 << 20, FORMAT = 2 };

/* ---- writing ---- */

static json_t *hex_text(const void *data, size_t len)
{
	char text[2 * 300 + 1];
	json_t *value;

	hex_encode(data, len, text);
	value = json_string(text);
	secret_wipe(text, sizeof(text));
	return value;
}

static json_t *aid_text(const struct sim_aid *aid)
{
	return hex_text(aid->data, aid->len);
}

static json_t *config_object(const struct sim_config *config)
{
	json_t *object = json_object();
	char text[SIM_SETTING_MAX];

	for (size_t i = 0; object && sim_setting_name(i); i++) {
		sim_setting_get(config, i, text);
		json_object_set_new(object, sim_setting_name(i), json_string(text));
	}
	return object;
}

static json_t *answers_array(const struct sim_config *config)
{
	json_t *array = json_array();

	for (size_t i = 0; i < config->answer_count; i++) {
		const struct sim_answer *answer = &config->answers[i];

		json_array_append_new(
			array, json_pack("{s:o,s:o}", "command",
				       hex_text(answer->command, answer->command_len), "response",
				       hex_text(answer->response, answer->response_len)));
	}
	return array;
}

static json_t *keys_array(const struct sim_entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->key_count; i++) {
		const struct sim_key *key = &entry->keys[i];

		json_array_append_new(
			array, json_pack("{s:i,s:i,s:i,s:o}", "kid", key->kid, "kvn", key->kvn,
				       "type", key->type, "value", hex_text(key->value, key->len)));
	}
	return array;
}

static json_t *sets_array(const struct sim_entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->set_count; i++)
		json_array_append_new(array, json_pack("{s:i,s:I,s:I}", "kvn", entry->sets[i].kvn,
						     "counter", (json_int_t)entry->sets[i].counter,
						     "fails", (json_int_t)entry->sets[i].fails));
	return array;
}

static json_t *objects_array(const struct sim_entry *entry)
{
	json_t *array = json_array();

	for (size_t i = 0; i < entry->object_count; i++)
		json_array_append_new(
			array, json_pack("{s:i,s:o}", "tag", (int)entry->objects[i].tag, "data",
				       hex_text(entry->objects[i].data, entry->objects[i].len)));
	return array;
}

static json_t *entries_array(const struct sim_nv *nv)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nv->entry_count; i++) {
		const struct sim_entry *entry = &nv->entries[i];

		json_array_append_new(array,
			json_pack("{s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:I}", "aid",
				aid_text(&entry->aid), "life", entry->life, "privileges",
				hex_text(entry->privileges, 3), "domain", aid_text(&entry->domain),
				"elf", aid_text(&entry->elf), "module", aid_text(&entry->module),
				"keys", keys_array(entry), "sets", sets_array(entry), "put-keys",
				(json_int_t)entry->put_keys, "objects", objects_array(entry),
				"confirmations", (json_int_t)entry->confirmations));
	}
	return array;
}

static json_t *elfs_array(const struct sim_nv *nv)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nv->elf_count; i++) {
		const struct sim_elf *elf = &nv->elfs[i];
		json_t *modules = json_array();

		for (size_t k = 0; k < elf->module_count; k++)
			json_array_append_new(modules, aid_text(&elf->modules[k]));
		json_array_append_new(
			array, json_pack("{s:o,s:o,s:o,s:o}", "aid", aid_text(&elf->aid), "domain",
				       aid_text(&elf->domain), "version", hex_text(elf->version, 2),
				       "modules", modules));
	}
	return array;
}

/* As file_write of base, without the two fsyncs: they are what would make a bulk test slow. */
static enum kms_status write_fast(
	const char *path, const char *text, size_t len, struct kms_err *err)
{
	FREE_AUTO char *temp = NULL;
	enum kms_status st;
	int fd;

	if (asprintf(&temp, "%s.new", path) < 0) {
		temp = NULL;
		return kms_nomem(err);
	}
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot write %s: %s", temp, strerror(errno));
	st = file_write_fd(fd, temp, text, len, err);
	if (close(fd) < 0 && !st)
		st = kms_fail(err, KMS_ERR_IO, "cannot write %s: %s", temp, strerror(errno));
	if (!st && rename(temp, path) < 0)
		st = kms_fail(err, KMS_ERR_IO, "cannot write %s: %s", path, strerror(errno));
	if (st)
		unlink(temp);
	return st;
}

enum kms_status sim_state_save(
	const char *path, const struct sim_nv *nv, bool sync, struct kms_err *err)
{
	JS_AUTO json_t *state = json_pack("{s:i,s:o,s:o,s:i,s:o,s:o}", "cardsim", FORMAT, "config",
		config_object(&nv->config), "answers", answers_array(&nv->config), "life", nv->life,
		"entries", entries_array(nv), "load-files", elfs_array(nv));
	char *text = state ? json_dumps(state, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	enum kms_status st;
	size_t len;

	if (!text)
		return kms_nomem(err);
	len = strlen(text);
	if (sync)
		st = file_write(path, 0600, text, len, err);
	else
		st = write_fast(path, text, len, err);
	secret_wipe(text, len);
	free(text);
	return st;
}

/* ---- reading ---- */

static enum kms_status get_hex(const json_t *object, const char *what, const char *name,
	unsigned char *out, size_t max, size_t *ret_len, struct kms_err *err)
{
	const char *text;
	enum kms_status st = js_get_text(object, what, name, &text, err);

	if (!st && hex_decode(text, strlen(text), name, out, max, ret_len, err))
		return kms_prefix(err, "%s: ", what);
	return st;
}

static enum kms_status get_aid(const json_t *object, const char *what, const char *name,
	struct sim_aid *ret_aid, struct kms_err *err)
{
	return get_hex(object, what, name, ret_aid->data, SIM_AID_MAX, &ret_aid->len, err);
}

static enum kms_status get_exact(const json_t *object, const char *what, const char *name,
	unsigned char *out, size_t len, struct kms_err *err)
{
	size_t got = 0;
	enum kms_status st = get_hex(object, what, name, out, len, &got, err);

	if (!st && got != len)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: '%s' must have %zu bytes", what, name, len);
	return st;
}

static enum kms_status get_byte(const json_t *object, const char *what, const char *name,
	unsigned char *ret, struct kms_err *err)
{
	int64_t value;
	enum kms_status st = js_get_int(object, what, name, 0, 255, &value, err);

	if (!st)
		*ret = (unsigned char)value;
	return st;
}

/* The array `name` of at most max things. */
static enum kms_status get_list(const json_t *object, const char *what, const char *name,
	size_t max, json_t **ret_array, struct kms_err *err)
{
	enum kms_status st = js_get_array(object, what, name, ret_array, err);

	if (!st && json_array_size(*ret_array) > max)
		return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' holds %zu, more than %zu", what,
			name, json_array_size(*ret_array), max);
	return st;
}

static enum kms_status load_config(
	const json_t *state, const char *what, struct sim_config *config, struct kms_err *err)
{
	json_t *object, *answers, *value;
	enum kms_status st = js_get_object(state, what, "config", &object, err);
	const char *name;
	size_t i;

	if (st)
		return st;
	sim_settings_default(config);
	json_object_foreach(object, name, value)
	{
		if (!json_is_string(value))
			return kms_fail(err, KMS_ERR_INVALID, "%s: '%s' is not text", what, name);
		st = sim_setting_set(config, name, json_string_value(value), err);
		if (st)
			return kms_prefix(err, "%s: ", what);
	}
	st = get_list(state, what, "answers", SIM_ANSWERS_MAX, &answers, err);
	if (st)
		return st;
	json_array_foreach(answers, i, value)
	{
		struct sim_answer *answer = &config->answers[config->answer_count++];

		st = get_hex(value, what, "command", answer->command, sizeof(answer->command),
			&answer->command_len, err);
		if (!st)
			st = get_hex(value, what, "response", answer->response,
				sizeof(answer->response), &answer->response_len, err);
		if (st)
			return st;
		if (answer->command_len < 4 || answer->response_len < 2)
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: answer %zu is too short", what, i + 1);
	}
	return KMS_OK;
}

static enum kms_status load_keys(
	const json_t *object, const char *what, struct sim_entry *entry, struct kms_err *err)
{
	json_t *array, *value;
	enum kms_status st = get_list(object, what, "keys", SIM_KEYS_MAX, &array, err);
	size_t i;

	if (st)
		return st;
	json_array_foreach(array, i, value)
	{
		struct sim_key *key = &entry->keys[entry->key_count++];

		st = get_byte(value, what, "kid", &key->kid, err);
		if (!st)
			st = get_byte(value, what, "kvn", &key->kvn, err);
		if (!st)
			st = get_byte(value, what, "type", &key->type, err);
		if (!st)
			st = get_hex(value, what, "value", key->value, sizeof(key->value),
				&key->len, err);
		if (!st && !sim_key_form_is_good(key))
			st = kms_fail(err, KMS_ERR_INVALID,
				"%s: key %u of version %02X has %zu bytes, which its type %02X "
				"has not",
				what, key->kid, key->kvn, key->len, key->type);
		if (st)
			return st;
	}
	return KMS_OK;
}

static enum kms_status load_sets(
	const json_t *object, const char *what, struct sim_entry *entry, struct kms_err *err)
{
	json_t *array, *value;
	enum kms_status st = get_list(object, what, "sets", SIM_KEYS_MAX, &array, err);
	int64_t counter = 0, fails = 0;
	size_t i;

	if (st)
		return st;
	json_array_foreach(array, i, value)
	{
		struct sim_set *set = &entry->sets[entry->set_count++];

		st = get_byte(value, what, "kvn", &set->kvn, err);
		if (!st)
			st = js_get_int(value, what, "counter", 0, 0xFFFFFF, &counter, err);
		if (!st)
			st = js_get_int(value, what, "fails", 0, UINT32_MAX, &fails, err);
		if (st)
			return st;
		set->counter = (uint32_t)counter;
		set->fails = (uint32_t)fails;
	}
	return KMS_OK;
}

/* Not there in states of before it was counted. */
static enum kms_status load_put_keys(
	const json_t *object, const char *what, struct sim_entry *entry, struct kms_err *err)
{
	int64_t count = 0;
	enum kms_status st =
		json_object_get(object, "put-keys")
			? js_get_int(object, what, "put-keys", 0, UINT32_MAX, &count, err)
			: KMS_OK;

	entry->put_keys = (uint32_t)count;
	return st;
}

/* Not there in format 1: that card gave no receipts. GPCS C.5: 16 bits. */
static enum kms_status load_confirmations(const json_t *object, const char *what, int64_t format,
	struct sim_entry *entry, struct kms_err *err)
{
	int64_t count = 0;
	enum kms_status st =
		format >= 2 ? js_get_int(object, what, "confirmations", 0, 0xFFFF, &count, err)
			    : KMS_OK;

	entry->confirmations = (uint32_t)count;
	return st;
}

static enum kms_status load_objects(
	const json_t *object, const char *what, struct sim_entry *entry, struct kms_err *err)
{
	json_t *array, *value;
	enum kms_status st = get_list(object, what, "objects", SIM_OBJECTS_MAX, &array, err);
	int64_t tag = 0;
	size_t i;

	if (st)
		return st;
	json_array_foreach(array, i, value)
	{
		struct sim_object *data = &entry->objects[entry->object_count++];

		st = js_get_int(value, what, "tag", 0, 0xFFFF, &tag, err);
		if (!st)
			st = get_hex(
				value, what, "data", data->data, SIM_OBJECT_MAX, &data->len, err);
		if (st)
			return st;
		data->tag = (unsigned)tag;
	}
	return KMS_OK;
}

static enum kms_status load_entry(const json_t *object, const char *what, int64_t format,
	struct sim_entry *entry, struct kms_err *err)
{
	enum kms_status st = get_aid(object, what, "aid", &entry->aid, err);

	if (!st)
		st = get_byte(object, what, "life", &entry->life, err);
	if (!st)
		st = get_exact(object, what, "privileges", entry->privileges, 3, err);
	if (!st)
		st = get_aid(object, what, "domain", &entry->domain, err);
	if (!st)
		st = get_aid(object, what, "elf", &entry->elf, err);
	if (!st)
		st = get_aid(object, what, "module", &entry->module, err);
	if (!st)
		st = load_keys(object, what, entry, err);
	if (!st)
		st = load_sets(object, what, entry, err);
	if (!st)
		st = load_put_keys(object, what, entry, err);
	if (!st)
		st = load_confirmations(object, what, format, entry, err);
	return st ? st : load_objects(object, what, entry, err);
}

static enum kms_status load_elf(
	const json_t *object, const char *what, struct sim_elf *elf, struct kms_err *err)
{
	json_t *modules = NULL, *value;
	enum kms_status st = get_aid(object, what, "aid", &elf->aid, err);
	size_t i;

	if (!st)
		st = get_aid(object, what, "domain", &elf->domain, err);
	if (!st)
		st = get_exact(object, what, "version", elf->version, 2, err);
	if (!st)
		st = get_list(object, what, "modules", SIM_MODULES_MAX, &modules, err);
	if (st)
		return st;
	json_array_foreach(modules, i, value)
	{
		struct sim_aid *module = &elf->modules[elf->module_count++];
		const char *text = json_string_value(value);

		st = hex_decode(text ? text : "?", strlen(text ? text : "?"), "module",
			module->data, SIM_AID_MAX, &module->len, err);
		if (st)
			return st;
	}
	return KMS_OK;
}

static enum kms_status load_all(
	const json_t *state, const char *what, struct sim_nv *nv, struct kms_err *err)
{
	json_t *entries = NULL, *elfs = NULL, *value;
	int64_t format;
	size_t i;
	enum kms_status st = js_get_int(state, what, "cardsim", 1, FORMAT, &format, err);

	if (!st)
		st = load_config(state, what, &nv->config, err);
	if (!st)
		st = get_byte(state, what, "life", &nv->life, err);
	if (!st)
		st = get_list(state, what, "entries", SIM_ENTRIES_MAX, &entries, err);
	if (!st)
		st = get_list(state, what, "load-files", SIM_ELFS_MAX, &elfs, err);
	if (st)
		return st;
	json_array_foreach(entries, i, value)
	{
		st = load_entry(value, what, format, &nv->entries[nv->entry_count++], err);
		if (st)
			return st;
	}
	json_array_foreach(elfs, i, value)
	{
		st = load_elf(value, what, &nv->elfs[nv->elf_count++], err);
		if (st)
			return st;
	}
	if (nv->entry_count == 0 || !(nv->entries[0].privileges[0] & 0x80))
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: there is no issuer security domain", what);
	return KMS_OK;
}

enum kms_status sim_state_parse(const char *source, const void *text, size_t len,
	struct sim_nv *ret_nv, struct kms_err *err)
{
	JS_AUTO json_t *state = NULL;
	struct sim_nv *nv = calloc(1, sizeof(*nv));
	enum kms_status st;

	if (!nv)
		return kms_nomem(err);
	st = js_parse_object(source, text, len, &state, err);
	if (!st)
		st = load_all(state, source, nv, err);
	if (!st)
		*ret_nv = *nv;
	secret_wipe(nv, sizeof(*nv));
	free(nv);
	return st;
}

enum kms_status sim_state_load(const char *path, struct sim_nv *ret_nv, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, STATE_MAX, &text, err);

	if (st)
		return st;
	st = sim_state_parse(path, text.data, text.len, ret_nv, err);
	secret_wipe(text.data, text.len);
	return st;
}
