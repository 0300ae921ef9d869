/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/settings.h"

#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_BOOL,   /* bool: yes, no */
	KIND_WORD,   /* an enum: one of words */
	KIND_NUMBER, /* uint32_t, decimal, from min to max */
	KIND_HEX,    /* uint32_t, hexadecimal, to max */
	KIND_I,	     /* int: two hexadecimal digits of words, or none (-1) */
	KIND_BYTES,  /* from min to max bytes with a length (len_offset), or none */
	KIND_FIXED,  /* max bytes */
};

struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
	size_t len_offset;
	uint32_t min, max;
	const char *const *words;
};

static const char *const version_words[] = {"2.1.1", "2.3.1", NULL};
static const char *const rule_words[] = {"consume", "replace", "add", NULL};
static const char *const limit_words[] = {"block", "lock", "terminate", NULL};
static const char *const block_words[] = {"both", "length", "plain", NULL};
/* GPCS Table E-1: explicit, three keys, modified APDU; the others are not simulated. */
static const char *const scp02_words[] = {"05", "15", "35", "55", "75", NULL};
/* AmdD Table 5-1. */
static const char *const scp03_words[] = {
	"00", "10", "20", "30", "60", "70", "01", "11", "21", "31", "61", "71", NULL};

#define AT(field) offsetof(struct sim_config, field)

static const struct setting settings[] = {
	{"version", KIND_WORD, AT(version), 0, 0, 0, version_words},
	{"scp02", KIND_I, AT(scp02), 0, 0, 0, scp02_words},
	{"scp03", KIND_I, AT(scp03), 0, 0, 0, scp03_words},
	{"atr", KIND_BYTES, AT(atr), AT(atr_len), 2, 33, NULL},
	{"kdd", KIND_FIXED, AT(kdd), 0, 0, 10, NULL},
	{"cplc", KIND_BYTES, AT(cplc), AT(cplc_len), 42, 42, NULL},
	{"kdd-object", KIND_BOOL, AT(kdd_object), 0, 0, 0, NULL},
	{"key-template", KIND_BOOL, AT(key_template), 0, 0, 0, NULL},
	{"rule", KIND_WORD, AT(rule), 0, 0, 0, rule_words},
	{"key-sets", KIND_NUMBER, AT(sets_max), 0, 1, 16, NULL},
	{"delete-last", KIND_BOOL, AT(delete_last), 0, 0, 0, NULL},
	{"key-block", KIND_WORD, AT(key_block), 0, 0, 0, block_words},
	{"retry-limit", KIND_NUMBER, AT(retry_limit), 0, 0, 255, NULL},
	{"on-limit", KIND_WORD, AT(on_limit), 0, 0, 0, limit_words},
	{"blocked-sw", KIND_HEX, AT(blocked_sw), 0, 0x6000, 0x6FFF, NULL},
	{"count-updates", KIND_BOOL, AT(count_updates), 0, 0, 0, NULL},
	{"inherit", KIND_BOOL, AT(inherit), 0, 0, 0, NULL},
	{"min-level", KIND_HEX, AT(min_level), 0, 0, 0x03, NULL},
	{"channels", KIND_NUMBER, AT(channels), 0, 1, SIM_CHANNELS_MAX, NULL},
	{"t0", KIND_BOOL, AT(t0), 0, 0, 0, NULL},
	{"challenge", KIND_BYTES, AT(challenge), AT(challenge_len), 6, 16, NULL},
};

enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]) };

const char *sim_setting_name(size_t i)
{
	return i < SETTING_COUNT ? settings[i].name : NULL;
}

void sim_settings_default(struct sim_config *config)
{
	memset(config, 0, sizeof(*config));
	config->scp02 = -1;
	config->scp03 = -1;
	config->kdd_object = true;
	config->key_template = true;
	config->sets_max = 8;
	config->retry_limit = 10;
	config->blocked_sw = 0x6983;
	config->inherit = true;
	config->channels = 4;
}

static int word_index(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static enum kms_status refuse(const struct setting *setting, const char *text, struct kms_err *err)
{
	char all[200] = "";

	for (size_t i = 0; setting->words && setting->words[i]; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "",
			setting->words[i]);
	if (setting->words)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' cannot be '%.40s': it is one of %s",
			setting->name, text, all);
	if (setting->kind == KIND_BOOL)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' cannot be '%.40s': it is yes or no",
			setting->name, text);
	return kms_fail(err, KMS_ERR_INVALID,
		setting->kind == KIND_BYTES || setting->kind == KIND_FIXED
			? "'%s' cannot be '%.40s': it has %u to %u bytes in hexadecimal"
		: setting->kind == KIND_HEX
			? "'%s' cannot be '%.40s': it goes from %04X to %04X, hexadecimal"
			: "'%s' cannot be '%.40s': it goes from %u to %u",
		setting->name, text, setting->kind == KIND_FIXED ? setting->max : setting->min,
		setting->max);
}

static bool parse_number(const char *text, int base, uint32_t min, uint32_t max, uint32_t *ret)
{
	char *end = NULL;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, base);
	if (errno || end == text || *end || text[0] == '-' || value < min || value > max)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool set_bytes(
	const struct setting *setting, unsigned char *at, size_t *at_len, const char *text)
{
	unsigned char bytes[64];
	size_t len = 0;
	uint32_t min = setting->kind == KIND_FIXED ? setting->max : setting->min;

	if (setting->kind == KIND_BYTES && strcmp(text, "none") == 0) {
		*at_len = 0;
		return true;
	}
	if (hex_decode(text, strlen(text), setting->name, bytes, sizeof(bytes), &len, NULL) ||
		len < min || len > setting->max)
		return false;
	memcpy(at, bytes, len);
	if (at_len)
		*at_len = len;
	return true;
}

static bool set_value(const struct setting *setting, struct sim_config *config, const char *text)
{
	unsigned char *at = (unsigned char *)config + setting->offset;
	bool yes = strcmp(text, "yes") == 0;
	uint32_t number;
	int index;

	switch (setting->kind) {
	case KIND_BOOL:
		memcpy(at, &yes, sizeof(yes));
		return yes || strcmp(text, "no") == 0;
	case KIND_WORD:
		index = word_index(setting->words, text);
		if (index >= 0)
			memcpy(at, &index, sizeof(index));
		return index >= 0;
	case KIND_I:
		index = -1;
		if (strcmp(text, "none") != 0) {
			if (word_index(setting->words, text) < 0)
				return false;
			index = (int)strtol(text, NULL, 16);
		}
		memcpy(at, &index, sizeof(index));
		return true;
	case KIND_NUMBER:
	case KIND_HEX:
		if (!parse_number(text, setting->kind == KIND_HEX ? 16 : 10, setting->min,
			    setting->max, &number))
			return false;
		memcpy(at, &number, sizeof(number));
		return true;
	case KIND_BYTES:
		return set_bytes(setting, at,
			(size_t *)(void *)((unsigned char *)config + setting->len_offset), text);
	case KIND_FIXED:
		return set_bytes(setting, at, NULL, text);
	}
	return false;
}

enum kms_status sim_setting_set(
	struct sim_config *config, const char *name, const char *text, struct kms_err *err)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		return set_value(&settings[i], config, text) ? KMS_OK
							     : refuse(&settings[i], text, err);
	}
	return kms_fail(err, KMS_ERR_INVALID, "there is no setting '%.60s'", name);
}

static void get_bytes(const unsigned char *bytes, size_t len, char *text)
{
	if (len == 0)
		strcpy(text, "none");
	else
		hex_encode(bytes, len, text);
}

void sim_setting_get(const struct sim_config *config, size_t i, char text[SIM_SETTING_MAX])
{
	const struct setting *setting = &settings[i];
	const unsigned char *at = (const unsigned char *)config + setting->offset;
	uint32_t number = 0;
	bool yes = false;
	int index = 0;
	size_t len;

	switch (setting->kind) {
	case KIND_BOOL:
		memcpy(&yes, at, sizeof(yes));
		strcpy(text, yes ? "yes" : "no");
		break;
	case KIND_WORD:
		memcpy(&index, at, sizeof(index));
		strcpy(text, setting->words[index]);
		break;
	case KIND_I:
		memcpy(&index, at, sizeof(index));
		if (index < 0)
			strcpy(text, "none");
		else
			snprintf(text, SIM_SETTING_MAX, "%02X", (unsigned)index);
		break;
	case KIND_NUMBER:
	case KIND_HEX:
		memcpy(&number, at, sizeof(number));
		snprintf(text, SIM_SETTING_MAX, setting->kind == KIND_HEX ? "%04X" : "%u", number);
		break;
	case KIND_BYTES:
		memcpy(&len, (const unsigned char *)config + setting->len_offset, sizeof(len));
		get_bytes(at, len, text);
		break;
	case KIND_FIXED:
		get_bytes(at, setting->max, text);
		break;
	}
}
