/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/plan.h"

#include "base/buf.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/near.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const char *const section_words[] = {"plan", "keyset", "diversification", NULL};
static const char *const plan_words[] = {"name", NULL};
static const char *const set_words[] = {
	"algorithm", "customer", "cryptoperiod", "diversification", "export", "key-version", NULL};
static const char *const div_words[] = {"data", "des-key-version", "kdd-length", "primitive", NULL};

enum { SECTION_MAX = 49 }; /* libinih cuts longer ones off */

/* What is being read; the entries of one section stand together (base/conf). */
struct reader {
	const struct conf *conf;
	struct key_div *divs;
	size_t div_count;
	struct key_plan *plan;
	struct kms_err *err;
};

/* The entries of one section: conf->entries[first … end - 1]. */
struct section {
	const char *kind;  /* "plan", "keyset", "diversification" */
	char name[64];	   /* the text in quotes */
	const char *title; /* as in the file */
	size_t first, end;
};

#define FAIL(r, line, ...) fail_at((r), (line), kms_fail((r)->err, KMS_ERR_INVALID, __VA_ARGS__))

/* "FILE, line N: " before the message just recorded. */
static enum kms_status fail_at(const struct reader *r, int line, enum kms_status st)
{
	(void)kms_prefix(r->err, "%s, line %d: ", r->conf->source, line);
	return st;
}

static enum kms_status unknown(const struct reader *r, int line, const char *what, const char *word,
	const char *where, const char *const *words)
{
	const char *near = near_name(word, words);
	char list[160] = "";

	FAIL(r, line, "unknown %s '%.60s'%s%s", what, word, *where ? " in " : "", where);
	if (near)
		return kms_hint(r->err, "did you mean '%s'?", near);
	for (; *words; words++) {
		if (*list)
			strcat(list, ", ");
		strcat(list, *words);
	}
	return kms_hint(r->err, "known here: %s", list);
}

static const struct conf_entry *entry(
	const struct reader *r, const struct section *s, const char *name)
{
	for (size_t i = s->first; i < s->end; i++)
		if (strcmp(r->conf->entries[i].name, name) == 0)
			return &r->conf->entries[i];
	return NULL;
}

static enum kms_status required(const struct reader *r, const struct section *s, const char *name,
	const struct conf_entry **ret_entry)
{
	const struct conf_entry *e = entry(r, s, name);

	if (!e)
		return FAIL(r, r->conf->entries[s->first].line, "[%s] lacks '%s'", s->title, name);
	*ret_entry = e;
	return KMS_OK;
}

/* `kind "NAME"` or `kind`. */
static enum kms_status read_title(const struct reader *r, struct section *s)
{
	const struct conf_entry *e = &r->conf->entries[s->first];
	const char *quote = strchr(e->section, '"');
	size_t word_len = strcspn(e->section, " \""), len = strlen(e->section), name_len;
	char word[32];

	s->title = e->section;
	if (len >= SECTION_MAX)
		return FAIL(r, e->line, "[%s…]: that section's name is too long", s->title);
	if (word_len >= sizeof(word))
		word_len = sizeof(word) - 1;
	memcpy(word, e->section, word_len);
	word[word_len] = 0;
	for (size_t i = 0; section_words[i]; i++)
		if (strcmp(section_words[i], word) == 0)
			s->kind = section_words[i];
	if (!s->kind)
		return unknown(r, e->line, "section", e->section, "", section_words);
	if (strcmp(s->kind, "plan") == 0) {
		if (strcmp(e->section, "plan") != 0)
			return FAIL(r, e->line, "[%s]: the section [plan] has no name", s->title);
		return KMS_OK;
	}
	name_len = quote ? strcspn(quote + 1, "\"") : 0;
	if (!quote || quote != e->section + word_len + 1 || e->section[word_len] != ' ' ||
		quote + name_len + 2 != e->section + len || name_len == 0) {
		FAIL(r, e->line, "[%s] lacks its name in double quotes", s->title);
		return kms_hint(r->err, "as in [%s \"NAME\"]", s->kind);
	}
	if (name_len >= sizeof(s->name))
		return FAIL(r, e->line, "[%s]: that name is too long", s->title);
	memcpy(s->name, quote + 1, name_len);
	s->name[name_len] = 0;
	return KMS_OK;
}

static enum kms_status check_words(const struct reader *r, const struct section *s)
{
	const char *const *words = strcmp(s->kind, "plan") == 0	    ? plan_words
				   : strcmp(s->kind, "keyset") == 0 ? set_words
								    : div_words;

	for (size_t i = s->first; i < s->end; i++) {
		const struct conf_entry *e = &r->conf->entries[i];
		bool known = false;

		for (size_t j = 0; words[j]; j++)
			known |= strcmp(words[j], e->name) == 0;
		if (!known)
			return unknown(r, e->line, "entry", e->name, s->title, words);
	}
	return KMS_OK;
}

/* 0x20 or 32, nothing else. False if out of range too. */
static bool parse_number(const char *text, unsigned max, unsigned *ret_value)
{
	bool hex = strncmp(text, "0x", 2) == 0;
	const char *p = hex ? text + 2 : text;
	size_t len = strlen(p);
	unsigned long value;

	if (len == 0 || len > 4 || strspn(p, hex ? "0123456789ABCDEFabcdef" : "0123456789") != len)
		return false;
	value = strtoul(p, NULL, hex ? 16 : 10);
	if (value > max)
		return false;
	*ret_value = (unsigned)value;
	return true;
}

static enum kms_status read_plan(struct reader *r, const struct section *s)
{
	const struct conf_entry *e = NULL;
	enum kms_status st;

	st = required(r, s, "name", &e);
	if (st)
		return st;
	st = name_check(e->value, "plan name", r->err);
	if (st)
		return fail_at(r, e->line, st);
	r->plan->name = strdup(e->value);
	return r->plan->name ? KMS_OK : kms_nomem(r->err);
}

static enum kms_status read_div(struct reader *r, const struct section *s)
{
	const struct conf_entry *primitive = NULL, *data, *kdd, *version;
	unsigned kdd_len = 0, des_version = 0;
	struct key_div *grown;
	enum kms_status st;

	st = required(r, s, "primitive", &primitive);
	if (st)
		return st;
	data = entry(r, s, "data");
	kdd = entry(r, s, "kdd-length");
	version = entry(r, s, "des-key-version");
	if (!data && strcmp(primitive->value, "an10922") != 0)
		return FAIL(r, primitive->line, "[%s] lacks 'data'", s->title);
	if (kdd && (!parse_number(kdd->value, KEY_DIV_KDD_MAX, &kdd_len) || !kdd_len))
		return FAIL(r, kdd->line, "'%.20s' is no kdd-length: 1 to %d bytes", kdd->value,
			KEY_DIV_KDD_MAX);
	if (version && !parse_number(version->value, 0xFF, &des_version))
		return FAIL(r, version->line, "'%.20s' is no DES key version: 0x00 to 0xFF",
			version->value);
	for (size_t i = 0; i < r->div_count; i++)
		if (key_label_same(r->divs[i].name, s->name))
			return FAIL(r, primitive->line,
				"diversification '%s' is declared twice (case does not count)",
				s->name);
	if (r->div_count == KEY_PLAN_DIVS_MAX)
		return FAIL(r, primitive->line, "more than %d diversifications are declared",
			KEY_PLAN_DIVS_MAX);
	grown = reallocarray(r->divs, r->div_count + 1, sizeof(*grown));
	if (!grown)
		return kms_nomem(r->err);
	r->divs = grown;
	st = key_div_declare(s->name, primitive->value, kdd ? (int)kdd_len : -1,
		version ? (int)des_version : -1, data ? data->value : "", &grown[r->div_count],
		r->err);
	if (st)
		return fail_at(r, (data ? data : primitive)->line, st);
	r->div_count++;
	return KMS_OK;
}

static enum kms_status read_method(struct reader *r, const struct section *s,
	const struct conf_entry *e, struct key_plan_set *set)
{
	const char *words[KEY_PLAN_DIVS_MAX + 16] = {0};
	const struct key_div *div = key_div_find(e->value);
	size_t count = 0;
	enum kms_status st;

	for (; key_div_at(count); count++)
		words[count] = key_div_at(count)->name;
	for (size_t i = 0; i < r->div_count; i++) {
		words[count++] = r->divs[i].name;
		if (strcmp(r->divs[i].name, e->value) == 0)
			div = &r->divs[i];
	}
	if (!div) {
		const char *near = near_name(e->value, words);

		FAIL(r, e->line, "[%s]: '%.40s' is no diversification method", s->title, e->value);
		return kms_hint(r->err,
			"%s%s%s"
			"built in: none, emv, visa2, visa, kdf3, an10922; others are declared by "
			"[diversification \"NAME\"]",
			near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
	}
	st = key_div_fits(div, set->alg, r->err);
	if (st)
		return fail_at(r, e->line, st);
	set->div = *div;
	return KMS_OK;
}

static enum kms_status read_customer(
	struct reader *r, const struct conf_entry *e, struct key_plan_set *set)
{
	enum kms_status st;

	if (!e)
		return KMS_OK;
	st = name_check(e->value, "customer", r->err);
	if (st)
		return fail_at(r, e->line, st);
	set->customer = strdup(e->value);
	return set->customer ? KMS_OK : kms_nomem(r->err);
}

static enum kms_status read_options(
	struct reader *r, const struct section *s, struct key_plan_set *set)
{
	const struct conf_entry *version = NULL, *export = entry(r, s, "export");
	const struct conf_entry *period = entry(r, s, "cryptoperiod");
	enum kms_status st;

	st = required(r, s, "key-version", &version);
	if (st)
		return st;
	if (!parse_number(version->value, KEY_VERSION_MAX, &set->key_version) ||
		set->key_version < KEY_VERSION_MIN) {
		FAIL(r, version->line, "[%s]: '%.20s' is no key version", s->title, version->value);
		return kms_hint(r->err, "GlobalPlatform key versions are 0x01 to 0x7F (1 to 127)");
	}
	if (export && strcmp(export->value, "partner") != 0 &&
		strcmp(export->value, "never") != 0) {
		FAIL(r, export->line, "[%s]: export = '%.20s'", s->title, export->value);
		return kms_hint(r->err, "never or partner");
	}
	set->exportable = export && strcmp(export->value, "partner") == 0;
	if (period) {
		st = key_period_parse(period->value, &set->period, r->err);
		if (st)
			return fail_at(r, period->line, st);
	}
	return read_customer(r, entry(r, s, "customer"), set);
}

static enum kms_status read_set(struct reader *r, const struct section *s)
{
	const struct conf_entry *algorithm = NULL, *method = NULL;
	int line = r->conf->entries[s->first].line;
	struct key_plan_set *grown, *set;
	enum kms_status st;

	st = key_set_name_check(s->name, r->err);
	if (st)
		return fail_at(r, line, st);
	for (size_t i = 0; i < r->plan->count; i++)
		if (key_label_same(r->plan->sets[i].name, s->name))
			return FAIL(r, line,
				"key set '%s' would get the labels of '%s' in line %d (case does "
				"not count)",
				s->name, r->plan->sets[i].name, r->plan->sets[i].line);
	if (r->plan->count == KEY_PLAN_SETS_MAX)
		return FAIL(r, line, "more than %d key sets", KEY_PLAN_SETS_MAX);
	grown = reallocarray(r->plan->sets, r->plan->count + 1, sizeof(*grown));
	if (!grown)
		return kms_nomem(r->err);
	r->plan->sets = grown;
	set = &grown[r->plan->count++];
	*set = (struct key_plan_set){.line = line};
	memcpy(set->name, s->name, strlen(s->name) + 1);
	st = required(r, s, "algorithm", &algorithm);
	if (st)
		return st;
	st = key_alg_parse(algorithm->value, &set->alg, r->err);
	if (st)
		return fail_at(r, algorithm->line, st);
	if (!key_alg_info(set->alg)->length)
		return FAIL(r, algorithm->line, "[%s]: masters cannot be %s keys", s->title,
			algorithm->value);
	st = required(r, s, "diversification", &method);
	if (!st)
		st = read_method(r, s, method, set);
	return st ? st : read_options(r, s, set);
}

/* Calls read for each section of that kind; with kind NULL only titles and words are checked. */
static enum kms_status each_section(struct reader *r, const char *kind,
	enum kms_status (*read)(struct reader *r, const struct section *s))
{
	const struct conf *conf = r->conf;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < conf->count;) {
		struct section s = {.first = i};

		while (i < conf->count &&
			strcmp(conf->entries[i].section, conf->entries[s.first].section) == 0)
			i++;
		s.end = i;
		st = read_title(r, &s);
		if (!st && !kind)
			st = check_words(r, &s);
		if (!st && kind && strcmp(s.kind, kind) == 0)
			st = read(r, &s);
	}
	return st;
}

static enum kms_status read_all(struct reader *r)
{
	enum kms_status st;

	st = each_section(r, NULL, NULL);
	if (!st)
		st = each_section(r, "plan", read_plan);
	if (!st)
		st = each_section(r, "diversification", read_div);
	if (!st)
		st = each_section(r, "keyset", read_set);
	if (st)
		return st;
	if (!r->plan->name)
		return kms_fail(r->err, KMS_ERR_INVALID, "%s: no [plan] section with a name",
			r->conf->source);
	if (!r->plan->count)
		return kms_fail(
			r->err, KMS_ERR_INVALID, "%s: no [keyset \"NAME\"]", r->conf->source);
	return KMS_OK;
}

enum kms_status key_plan_parse(const char *source, const char *text, size_t len,
	struct key_plan *ret_plan, struct kms_err *err)
{
	KEY_PLAN_AUTO struct key_plan plan = {0};
	CONF_AUTO struct conf conf = {0};
	struct reader r = {.conf = &conf, .plan = &plan, .err = err};
	enum kms_status st;

	st = conf_parse(source, text, len, &conf, err);
	if (st)
		return st;
	if (EVP_Digest(text, len, plan.digest, NULL, EVP_sha256(), NULL) != 1)
		return kms_fail(err, KMS_ERR_INTERNAL, "OpenSSL failed in SHA-256");
	plan.source = strdup(source);
	if (!plan.source)
		return kms_nomem(err);
	st = read_all(&r);
	free(r.divs);
	if (st)
		return st;
	key_plan_free(ret_plan);
	*ret_plan = plan;
	plan = (struct key_plan){0};
	return KMS_OK;
}

enum kms_status key_plan_load(const char *path, struct key_plan *ret_plan, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	st = file_read(path, KEY_PLAN_FILE_MAX, &text, err);
	return st ? st : key_plan_parse(path, buf_text(&text), text.len, ret_plan, err);
}

void key_plan_free(struct key_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->sets[i].customer);
	free(plan->sets);
	free(plan->source);
	free(plan->name);
	*plan = (struct key_plan){0};
}

size_t key_plan_count_alg(const struct key_plan *plan, enum key_alg alg)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->sets[i].alg == alg;
	return count;
}

const struct key_plan_set *key_plan_find(const struct key_plan *plan, const char *set_name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (key_label_same(plan->sets[i].name, set_name))
			return &plan->sets[i];
	return NULL;
}
