/* SPDX-License-Identifier: Apache-2.0 */
#include "card/profile.h"

#include "base/conf.h"
#include "base/hex.h"
#include "base/near.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TITLE_MAX = 100, NOT_A_LINE = 0 };

struct reader {
	const struct conf *conf;
	struct card_profile *p;
	struct kms_err *err;
};

struct word {
	const char *name;
	unsigned value;
};

static const struct word initial_sets[] = {{"ff-consumed", CARD_FF_CONSUMED},
	{"replace", CARD_REPLACE}, {"add-delete", CARD_ADD_DELETE}, {NULL, 0}};
static const struct word kdd_sources[] = {{"initialize-update", CARD_KDD_INITIALIZE_UPDATE},
	{"cplc", CARD_KDD_CPLC}, {"iin-cin", CARD_KDD_IIN_CIN}, {NULL, 0}};
static const struct word key_blocks[] = {
	{"inner-length", GP_BLOCK_INNER_LENGTH}, {"plain", GP_BLOCK_PLAIN}, {NULL, 0}};
static const struct word key_lengths[] = {
	{"2tdea", 16}, {"aes128", 16}, {"aes192", 24}, {"aes256", 32}, {NULL, 0}};
static const struct word quirk_words[] = {{"no-key-information", CARD_QUIRK_NO_E0},
	{"no-recognition-data", CARD_QUIRK_NO_RECOGNITION},
	{"counts-initialize-update", CARD_QUIRK_COUNTS_INIT},
	{"keeps-last-set", CARD_QUIRK_KEEPS_LAST_SET}, {"extended-length", CARD_QUIRK_EXTENDED},
	{"no-delete-key", CARD_QUIRK_NO_DELETE_KEY}, {NULL, 0}};

const char *card_initial_set_name(enum card_initial_set rule)
{
	return initial_sets[rule].name;
}

/* "FILE, line N: " before the message just recorded. */
static enum kms_status at_line(const struct reader *r, int line, enum kms_status st)
{
	if (line != NOT_A_LINE)
		(void)kms_prefix(r->err, "%s, line %d: ", r->conf->source, line);
	else
		(void)kms_prefix(r->err, "%s: ", r->conf->source);
	return st;
}

#define FAIL(r, line, ...) at_line((r), (line), kms_fail((r)->err, KMS_ERR_INVALID, __VA_ARGS__))

/* ---- values ---- */

static enum kms_status word_value(const struct reader *r, const struct conf_entry *e,
	const struct word *words, unsigned *ret_value)
{
	char list[200] = "";

	for (const struct word *w = words; w->name; w++) {
		if (strcmp(w->name, e->value) == 0) {
			*ret_value = w->value;
			return KMS_OK;
		}
		if (*list)
			strcat(list, ", ");
		strcat(list, w->name);
	}
	FAIL(r, e->line, "%s is '%.40s'", e->name, e->value);
	return kms_hint(r->err, "one of: %s", list);
}

/* Two hex digits to one byte, or four to two. */
static enum kms_status hex_value(const struct reader *r, const struct conf_entry *e,
	const char *text, size_t digits, unsigned min, unsigned max, unsigned *ret_value)
{
	unsigned value = 0;
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		if (hex_digit(text[i]) < 0 || n != digits)
			return FAIL(r, e->line, "%s must have %zu hex digits", e->name, digits);
		value = value << 4 | (unsigned)hex_digit(text[i]);
	}
	if (n != digits || value < min || value > max)
		return FAIL(r, e->line, "%s must be %0*X to %0*X", e->name, (int)digits, min,
			(int)digits, max);
	*ret_value = value;
	return KMS_OK;
}

static enum kms_status number(const struct reader *r, const struct conf_entry *e, const char *text,
	unsigned max, unsigned *ret_value)
{
	unsigned value = 0;

	if (*text == 0 || strlen(text) > 4 || strspn(text, "0123456789") != strlen(text))
		return FAIL(r, e->line, "%s: '%.20s' is no number", e->name, text);
	for (; *text; text++)
		value = 10 * value + (unsigned)(*text - '0');
	if (value > max)
		return FAIL(r, e->line, "%s: %u is more than %u", e->name, value, max);
	*ret_value = value;
	return KMS_OK;
}

/* "A-B" apart. */
static bool split_range(const char *text, char a[8], char b[8])
{
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : 0;

	if (len == 0 || len > 7 || strlen(dash + 1) > 7)
		return false;
	memcpy(a, text, len);
	a[len] = 0;
	strcpy(b, dash + 1);
	return true;
}

/* ---- the fields of [card] ---- */

static enum kms_status set_isd(const struct reader *r, const struct conf_entry *e)
{
	enum kms_status st = gp_aid_parse(e->value, e->name, &r->p->isd, r->err);

	return st ? at_line(r, e->line, st) : KMS_OK;
}

static enum kms_status set_scp(const struct reader *r, const struct conf_entry *e)
{
	return hex_value(r, e, e->value, 2, 2, 3, &r->p->scp);
}

static enum kms_status set_i(const struct reader *r, const struct conf_entry *e)
{
	return hex_value(r, e, e->value, 2, 0, 0x7F, &r->p->i);
}

static enum kms_status set_keys(const struct reader *r, const struct conf_entry *e)
{
	unsigned len = 0;
	enum kms_status st = word_value(r, e, key_lengths, &len);

	r->p->key_len = len;
	return st;
}

static enum kms_status set_kdd(const struct reader *r, const struct conf_entry *e)
{
	unsigned value = 0;
	enum kms_status st = word_value(r, e, kdd_sources, &value);

	r->p->kdd_source = (enum card_kdd_source)value;
	return st;
}

static enum kms_status set_kdd_bytes(const struct reader *r, const struct conf_entry *e)
{
	unsigned first = 0, last = 0;
	char a[8], b[8];
	enum kms_status st;

	if (!split_range(e->value, a, b))
		return FAIL(r, e->line, "%s is not FIRST-LAST", e->name);
	st = number(r, e, a, 127, &first);
	if (!st)
		st = number(r, e, b, 127, &last);
	if (st)
		return st;
	if (last < first || last - first + 1 > CARD_KDD_MAX)
		return FAIL(r, e->line, "%s: not 1 to %d bytes", e->name, CARD_KDD_MAX);
	r->p->kdd_offset = first;
	r->p->kdd_len = last - first + 1;
	return KMS_OK;
}

static enum kms_status set_default_version(const struct reader *r, const struct conf_entry *e)
{
	if (strcmp(e->value, "unknown") == 0)
		return KMS_OK;
	return hex_value(r, e, e->value, 2, 1, 0xFF, &r->p->default_version);
}

static enum kms_status set_versions(const struct reader *r, const struct conf_entry *e)
{
	char a[8], b[8];
	enum kms_status st;

	if (!split_range(e->value, a, b))
		return FAIL(r, e->line, "%s is not FIRST-LAST", e->name);
	st = hex_value(r, e, a, 2, 0x01, 0x7F, &r->p->versions_min);
	if (!st)
		st = hex_value(r, e, b, 2, 0x01, 0x7F, &r->p->versions_max);
	if (!st && r->p->versions_max < r->p->versions_min)
		st = FAIL(r, e->line, "%s ends before it begins", e->name);
	return st;
}

static enum kms_status set_initial(const struct reader *r, const struct conf_entry *e)
{
	unsigned value = 0;
	enum kms_status st = word_value(r, e, initial_sets, &value);

	r->p->initial_set = (enum card_initial_set)value;
	return st;
}

static enum kms_status set_block(const struct reader *r, const struct conf_entry *e)
{
	unsigned value = 0;
	enum kms_status st = word_value(r, e, key_blocks, &value);

	r->p->key_block = (enum gp_key_block)value;
	return st;
}

static enum kms_status set_retry(const struct reader *r, const struct conf_entry *e)
{
	if (strcmp(e->value, "unknown") == 0)
		return KMS_OK;
	return number(r, e, e->value, 255, &r->p->retry_limit);
}

static enum kms_status set_budget(const struct reader *r, const struct conf_entry *e)
{
	return number(r, e, e->value, 255, &r->p->init_budget);
}

static enum kms_status set_quirks(const struct reader *r, const struct conf_entry *e)
{
	const char *at = e->value;

	if (strcmp(at, "none") == 0)
		return KMS_OK;
	while (*at) {
		char one[40];
		size_t len = strcspn(at, " ,");
		struct conf_entry word = *e;
		unsigned quirk = 0;
		enum kms_status st;

		snprintf(one, sizeof(one), "%.*s", (int)(len < sizeof(one) ? len : 39), at);
		word.value = one;
		st = word_value(r, &word, quirk_words, &quirk);
		if (st)
			return st;
		if (r->p->quirks & quirk)
			return FAIL(r, e->line, "%s: '%s' twice", e->name, one);
		r->p->quirks |= quirk;
		at += len;
		at += strspn(at, " ,");
	}
	return KMS_OK;
}

struct field {
	const char *name;
	enum kms_status (*set)(const struct reader *r, const struct conf_entry *e);
};

static const struct field card_fields[] = {
	{"isd-aid", set_isd},
	{"scp", set_scp},
	{"i", set_i},
	{"keys", set_keys},
	{"kdd", set_kdd},
	{"kdd-bytes", set_kdd_bytes},
	{"default-key-version", set_default_version},
	{"key-versions", set_versions},
	{"initial-set", set_initial},
	{"key-block", set_block},
	{"retry-limit", set_retry},
	{"initialize-update-budget", set_budget},
	{"quirks", set_quirks},
};

enum { CARD_FIELDS = sizeof(card_fields) / sizeof(card_fields[0]) };

/* ---- the other sections ---- */

static enum kms_status set_name(const struct reader *r, const struct conf_entry *e)
{
	size_t len = strlen(e->value);

	if (len == 0 || len > CARD_PROFILE_NAME_MAX ||
		strspn(e->value, "abcdefghijklmnopqrstuvwxyz0123456789-.") != len)
		return FAIL(r, e->line, "the name of a profile has small letters, digits, - and .");
	strcpy(r->p->name, e->value);
	return KMS_OK;
}

static enum kms_status set_title(const struct reader *r, const struct conf_entry *e)
{
	if (!*e->value || !text_printable(e->value, TITLE_MAX))
		return FAIL(r, e->line, "a title has 1 to %d bytes", TITLE_MAX);
	r->p->title = strdup(e->value);
	return r->p->title ? KMS_OK : kms_nomem(r->err);
}

static enum kms_status set_fabricator(const struct reader *r, const struct conf_entry *e)
{
	r->p->has_match = true;
	return hex_value(r, e, e->value, 4, 1, 0xFFFF, &r->p->match_fabricator);
}

static enum kms_status set_os(const struct reader *r, const struct conf_entry *e)
{
	r->p->has_match = true;
	return hex_value(r, e, e->value, 4, 1, 0xFFFF, &r->p->match_os);
}

static enum kms_status set_test_version(const struct reader *r, const struct conf_entry *e)
{
	r->p->has_test_keys = true;
	return hex_value(r, e, e->value, 2, 1, 0xFF, &r->p->test_version);
}

static enum kms_status set_test_type(const struct reader *r, const struct conf_entry *e)
{
	static const struct word types[] = {
		{"des", CARD_KEY_DES}, {"aes", CARD_KEY_AES}, {NULL, 0}};
	unsigned value = 0;
	enum kms_status st = word_value(r, e, types, &value);

	r->p->test_type = (enum card_key_type)value;
	return st;
}

static enum kms_status set_test_key(
	const struct reader *r, const struct conf_entry *e, enum card_role role)
{
	size_t len = strlen(e->value);

	if ((len != 32 && len != 48 && len != 64) ||
		strspn(e->value, "0123456789ABCDEFabcdef") != len)
		return FAIL(r, e->line, "%s is not 16, 24 or 32 bytes in hex", e->name);
	r->p->test_keys[role] = strdup(e->value);
	return r->p->test_keys[role] ? KMS_OK : kms_nomem(r->err);
}

static enum kms_status set_test_enc(const struct reader *r, const struct conf_entry *e)
{
	return set_test_key(r, e, CARD_ENC);
}

static enum kms_status set_test_mac(const struct reader *r, const struct conf_entry *e)
{
	return set_test_key(r, e, CARD_MAC);
}

static enum kms_status set_test_dek(const struct reader *r, const struct conf_entry *e)
{
	return set_test_key(r, e, CARD_DEK);
}

static enum kms_status set_source(const struct reader *r, const struct conf_entry *e)
{
	if (!*e->value)
		return FAIL(r, e->line, "the source of %s is empty", e->name);
	return KMS_OK;
}

static const struct field profile_fields[] = {{"name", set_name}, {"title", set_title}};
static const struct field match_fields[] = {{"ic-fabricator", set_fabricator}, {"os-id", set_os}};
static const struct field test_fields[] = {{"version", set_test_version}, {"type", set_test_type},
	{"enc", set_test_enc}, {"mac", set_test_mac}, {"dek", set_test_dek}};

struct section {
	const char *name;
	const struct field *fields;
	size_t count;
};

static const struct section sections[] = {
	{"profile", profile_fields, 2},
	{"match", match_fields, 2},
	{"card", card_fields, CARD_FIELDS},
	{"test-keys", test_fields, 5},
};

static const struct field *field_find(const struct field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static enum kms_status unknown_name(const struct reader *r, const struct conf_entry *e,
	const struct field *fields, size_t count)
{
	const char *names[CARD_FIELDS + 2] = {NULL}, *near;

	for (size_t i = 0; i < count; i++)
		names[i] = fields[i].name;
	near = near_name(e->name, names);
	FAIL(r, e->line, "unknown name '%.40s' in [%.40s]", e->name, e->section);
	return near ? kms_hint(r->err, "did you mean '%s'?", near) : KMS_ERR_INVALID;
}

/* [sources] has the names of [card], and test-keys for all of [test-keys]. */
static enum kms_status read_source(const struct reader *r, const struct conf_entry *e)
{
	if (strcmp(e->name, "test-keys") != 0 && !field_find(card_fields, CARD_FIELDS, e->name))
		return unknown_name(r, e, card_fields, CARD_FIELDS);
	return set_source(r, e);
}

static enum kms_status read_entry(const struct reader *r, const struct conf_entry *e)
{
	if (strcmp(e->section, "sources") == 0)
		return read_source(r, e);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const struct field *field;

		if (strcmp(sections[i].name, e->section) != 0)
			continue;
		field = field_find(sections[i].fields, sections[i].count, e->name);
		return field ? field->set(r, e)
			     : unknown_name(r, e, sections[i].fields, sections[i].count);
	}
	return FAIL(r, e->line, "unknown section [%.40s]", e->section);
}

static enum kms_status complete(const struct reader *r, const struct section *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!conf_get(r->conf, s->name, s->fields[i].name))
			return FAIL(r, NOT_A_LINE, "[%s] lacks %s", s->name, s->fields[i].name);
	return KMS_OK;
}

static enum kms_status all_there(const struct reader *r)
{
	enum kms_status st = complete(r, &sections[0]);

	if (!st)
		st = complete(r, &sections[2]);
	if (!st && r->p->has_test_keys)
		st = complete(r, &sections[3]);
	for (size_t i = 0; !st && i < CARD_FIELDS; i++)
		if (!conf_get(r->conf, "sources", card_fields[i].name))
			st = FAIL(r, NOT_A_LINE, "[sources] does not say where %s was read",
				card_fields[i].name);
	if (!st && r->p->has_test_keys && !conf_get(r->conf, "sources", "test-keys"))
		st = FAIL(r, NOT_A_LINE, "[sources] does not say where test-keys was read");
	return st;
}

/* What fits together only seen as a whole. */
static enum kms_status consistent(const struct reader *r)
{
	static const unsigned kdd_max[] = {SCP_KDD_SIZE, GP_CPLC_SIZE, 2 * GP_ID_MAX};
	const struct card_profile *p = r->p;
	bool des = strcmp(conf_get(r->conf, "card", "keys"), "2tdea") == 0;
	enum kms_status st = scp_option_check(p->scp, p->i, r->err);

	if (st)
		return at_line(r, NOT_A_LINE, st);
	if (des != (p->scp == 2))
		return FAIL(r, NOT_A_LINE, "SCP%02X does not go with keys of %s", p->scp,
			conf_get(r->conf, "card", "keys"));
	if (p->kdd_offset + p->kdd_len > kdd_max[p->kdd_source])
		return FAIL(r, NOT_A_LINE, "kdd-bytes go beyond what %s has",
			kdd_sources[p->kdd_source].name);
	if (p->key_len == 24 && p->key_block == GP_BLOCK_PLAIN)
		return FAIL(r, NOT_A_LINE, "AES-192 keys need key-block = inner-length");
	if (p->initial_set == CARD_FF_CONSUMED && p->default_version != 0xFF)
		return FAIL(r, NOT_A_LINE, "ff-consumed needs default-key-version = FF");
	if (p->init_budget == 0)
		return FAIL(r, NOT_A_LINE, "initialize-update-budget must be 1 at least");
	for (size_t i = 0; p->has_test_keys && i < CARD_ROLES; i++)
		if (strlen(p->test_keys[i]) != strlen(p->test_keys[0]) ||
			(p->test_type == CARD_KEY_DES && strlen(p->test_keys[i]) != 32))
			return FAIL(r, NOT_A_LINE, "[test-keys] have lengths that do not fit");
	return KMS_OK;
}

enum kms_status card_profile_parse(const char *source, const char *text, size_t len,
	struct card_profile *ret_profile, struct kms_err *err)
{
	CONF_AUTO struct conf conf = {0};
	CARD_PROFILE_AUTO struct card_profile profile = {0};
	const struct reader r = {&conf, &profile, err};
	enum kms_status st = conf_parse(source, text, len, &conf, err);

	for (size_t i = 0; !st && i < conf.count; i++)
		st = read_entry(&r, &conf.entries[i]);
	if (!st)
		st = all_there(&r);
	if (!st)
		st = consistent(&r);
	if (st)
		return st;
	*ret_profile = profile;
	memset(&profile, 0, sizeof(profile));
	return KMS_OK;
}

void card_profile_free(struct card_profile *profile)
{
	free(profile->title);
	for (size_t i = 0; i < CARD_ROLES; i++)
		free(profile->test_keys[i]);
	memset(profile, 0, sizeof(*profile));
}
