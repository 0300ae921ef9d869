/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/pairs.h"

#include "base/conf.h"
#include "base/near.h"

#include <stdio.h>
#include <string.h>

static const char *const known_values[] = {"custodians", NULL};
static const char *const known_sections[] = {"component", NULL};

/* The number in "component N", or 0 if the section has another name. */
static size_t section_number(const char *section)
{
	static const char prefix[] = "component ";
	size_t len = sizeof(prefix) - 1;

	if (strncmp(section, prefix, len) != 0 || section[len] < '1' || section[len] > '9' ||
		section[len + 1] != 0)
		return 0;
	return (size_t)(section[len] - '0');
}

static enum kms_status bad_section(
	const struct conf *conf, const struct conf_entry *e, size_t count, struct kms_err *err)
{
	size_t number = section_number(e->section);

	if (number) {
		kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: component %zu, but this ceremony has %zu components",
			conf->source, e->line, number, count);
		return kms_hint(err, "make the file and --components agree");
	}
	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown section [%s]", conf->source, e->line,
		e->section);
	return kms_hint(err, "%sthe sections are [component 1] to [component %zu]",
		near_name(e->section, known_sections) ? "did you mean [component N]? " : "", count);
}

static enum kms_status bad_value(
	const struct conf *conf, const struct conf_entry *e, struct kms_err *err)
{
	const char *near = near_name(e->name, known_values);

	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown value '%s' in [%s]", conf->source,
		e->line, e->name, e->section);
	if (near)
		return kms_hint(err, "did you mean '%s'?", near);
	return kms_hint(err, "a section has one value: custodians = NAME, NAME");
}

/* Copies one name, without the blanks around it, and checks it. */
static enum kms_status take_name(const struct conf *conf, const struct conf_entry *e,
	const char *start, size_t len, char ret_name[NAME_MAX_BYTES + 1], struct kms_err *err)
{
	char what[48];
	enum kms_status st;

	while (len && (*start == ' ' || *start == '\t')) {
		start++;
		len--;
	}
	while (len && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	if (len > NAME_MAX_BYTES)
		return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: a name is longer than %d bytes",
			conf->source, e->line, NAME_MAX_BYTES);
	memcpy(ret_name, start, len);
	ret_name[len] = 0;
	snprintf(what, sizeof(what), "a custodian's name in [%s]", e->section);
	st = name_check(ret_name, what, err);
	if (st)
		return kms_prefix(err, "%s, line %d: ", conf->source, e->line);
	return KMS_OK;
}

static enum kms_status take_pair(const struct conf *conf, const struct conf_entry *e,
	struct cer_pair *ret_pair, struct kms_err *err)
{
	const char *comma = strchr(e->value, ',');
	enum kms_status st;

	if (!comma || strchr(comma + 1, ',')) {
		kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: [%s] must have exactly %d custodians, separated by a comma",
			conf->source, e->line, e->section, CER_PAIR_SIZE);
		return kms_hint(err, "custodians = A. Ortiz, B. Lindqvist");
	}
	st = take_name(conf, e, e->value, (size_t)(comma - e->value), ret_pair->names[0], err);
	if (st)
		return st;
	return take_name(conf, e, comma + 1, strlen(comma + 1), ret_pair->names[1], err);
}

static enum kms_status refuse_known(const struct conf *conf, const struct conf_entry *e,
	const struct cer_pairs *pairs, const struct cer_pair *pair, struct kms_err *err)
{
	for (size_t i = 0; i < CER_PAIR_SIZE; i++) {
		size_t other = cer_pairs_find(pairs, pair->names[i]);

		if (other == 0 && (i == 0 || !name_same(pair->names[0], pair->names[1])))
			continue;
		if (other == 0)
			kms_fail(err, KMS_ERR_INVALID, "%s, line %d: %s stands twice in [%s]",
				conf->source, e->line, pair->names[i], e->section);
		else
			kms_fail(err, KMS_ERR_INVALID,
				"%s, line %d: %s stands in [%s] and in [component %zu]",
				conf->source, e->line, pair->names[i], e->section, other);
		return kms_hint(err, "nobody may hold two components of one key: every custodian "
				     "is named once");
	}
	return KMS_OK;
}

static enum kms_status take_entries(
	const struct conf *conf, size_t count, struct cer_pairs *pairs, struct kms_err *err)
{
	enum kms_status st;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_entry *e = &conf->entries[i];
		size_t number = section_number(e->section);
		struct cer_pair pair = {0};

		if (number == 0 || number > count)
			return bad_section(conf, e, count, err);
		if (strcmp(e->name, known_values[0]) != 0)
			return bad_value(conf, e, err);
		st = take_pair(conf, e, &pair, err);
		if (!st)
			st = refuse_known(conf, e, pairs, &pair, err);
		if (st)
			return st;
		pairs->pairs[number - 1] = pair;
	}
	return KMS_OK;
}

enum kms_status cer_pairs_conf(
	const struct conf *conf, size_t count, struct cer_pairs *ret_pairs, struct kms_err *err)
{
	struct cer_pairs pairs = {.count = count};
	enum kms_status st;

	if (count < CER_COMPONENTS_MIN || count > CER_COMPONENTS_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s: a key has %d to %d components, not %zu",
			conf->source, CER_COMPONENTS_MIN, CER_COMPONENTS_MAX, count);
	st = take_entries(conf, count, &pairs, err);
	if (st)
		return st;
	for (size_t i = 0; i < count; i++) {
		if (pairs.pairs[i].names[0][0])
			continue;
		kms_fail(err, KMS_ERR_INVALID, "%s: no custodians for component %zu of %zu",
			conf->source, i + 1, count);
		return kms_hint(
			err, "add a section [component %zu], or make --components agree", i + 1);
	}
	*ret_pairs = pairs;
	return KMS_OK;
}

enum kms_status cer_pairs_parse(const char *source, const char *text, size_t len, size_t count,
	struct cer_pairs *ret_pairs, struct kms_err *err)
{
	CONF_AUTO struct conf conf = {0};
	enum kms_status st;

	st = conf_parse(source, text, len, &conf, err);
	if (st)
		return st;
	return cer_pairs_conf(&conf, count, ret_pairs, err);
}

enum kms_status cer_pairs_load(
	const char *path, size_t count, struct cer_pairs *ret_pairs, struct kms_err *err)
{
	CONF_AUTO struct conf conf = {0};
	enum kms_status st;

	st = conf_load(path, &conf, err);
	if (st)
		return st;
	return cer_pairs_conf(&conf, count, ret_pairs, err);
}

size_t cer_pairs_find(const struct cer_pairs *pairs, const char *person)
{
	for (size_t i = 0; i < pairs->count; i++)
		for (size_t j = 0; j < CER_PAIR_SIZE; j++)
			if (pairs->pairs[i].names[j][0] &&
				name_same(pairs->pairs[i].names[j], person))
				return i + 1;
	return 0;
}
