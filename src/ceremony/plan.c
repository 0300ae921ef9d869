/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/plan.h"

#include "base/file.h"
#include "base/near.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 64 * 1024, TEXT_MAX = 190 };

#define KIND(name) (1U << CER_PLAN_##name)
#define COMPONENTS                                                                 \
	(KIND(SITE_KEY_CREATE) | KIND(SITE_KEY_RESTORE) | KIND(TRANSPORT_CREATE) | \
		KIND(TRANSPORT_IMPORT))
/* A new HSM may get its site key on the same day. */
#define MAY_COMPONENTS (COMPONENTS | KIND(HSM_SETUP))
#define EVERY	       ((1U << CER_PLAN_KINDS) - 1)

static const char *const kind_names[] = {
	[CER_PLAN_HSM_SETUP] = "hsm-setup",
	[CER_PLAN_HSM_UPDATE] = "hsm-update",
	[CER_PLAN_SITE_KEY_CREATE] = "site-key-create",
	[CER_PLAN_SITE_KEY_RESTORE] = "site-key-restore",
	[CER_PLAN_TRANSPORT_CREATE] = "transport-key-create",
	[CER_PLAN_TRANSPORT_IMPORT] = "transport-key-import",
	[CER_PLAN_EXPORT] = "export",
	[CER_PLAN_IMPORT] = "import",
	[CER_PLAN_BACKUP] = "backup",
	[CER_PLAN_RESTORE] = "restore",
	[CER_PLAN_REPLICATE] = "replicate",
	[CER_PLAN_DESTROY] = "destroy",
	[CER_PLAN_KINDS] = NULL,
};

/* Which kinds must say it, and which may. */
static const struct {
	const char *section, *name;
	unsigned required, allowed;
} fields[CER_PLAN_FIELDS] = {
	[CER_PLAN_TITLE] = {"ceremony", "title", EVERY, EVERY},
	[CER_PLAN_DATE] = {"ceremony", "date", EVERY, EVERY},
	[CER_PLAN_PLACE] = {"ceremony", "place", 0, EVERY},
	[CER_PLAN_LABEL] = {"key", "label",
		COMPONENTS | KIND(EXPORT) | KIND(IMPORT) | KIND(DESTROY),
		MAY_COMPONENTS | KIND(EXPORT) | KIND(IMPORT) | KIND(DESTROY) | KIND(BACKUP) |
			KIND(REPLICATE)},
	[CER_PLAN_ALGORITHM] = {"key", "algorithm", COMPONENTS, MAY_COMPONENTS},
	[CER_PLAN_WRAPPING] = {"key", "wrapping", 0,
		KIND(TRANSPORT_CREATE) | KIND(TRANSPORT_IMPORT)},
	[CER_PLAN_PARTNER] = {"key", "partner", KIND(TRANSPORT_CREATE) | KIND(TRANSPORT_IMPORT),
		KIND(TRANSPORT_CREATE) | KIND(TRANSPORT_IMPORT)},
	[CER_PLAN_CHECK_VALUE] = {"key", "check-value",
		KIND(TRANSPORT_IMPORT) | KIND(SITE_KEY_RESTORE),
		KIND(TRANSPORT_IMPORT) | KIND(SITE_KEY_RESTORE)},
	[CER_PLAN_HSM] = {"key", "hsm", KIND(REPLICATE), KIND(REPLICATE)},
	[CER_PLAN_KEY_PLAN] = {"files", "plan", KIND(HSM_SETUP) | KIND(HSM_UPDATE),
		KIND(HSM_SETUP) | KIND(HSM_UPDATE)},
	[CER_PLAN_REQUEST] = {"files", "request", KIND(EXPORT), KIND(EXPORT)},
	[CER_PLAN_PACKAGE] = {"files", "package", KIND(EXPORT) | KIND(IMPORT),
		KIND(EXPORT) | KIND(IMPORT)},
	[CER_PLAN_RECEIPT] = {"files", "receipt", KIND(IMPORT), KIND(IMPORT)},
	[CER_PLAN_BACKUP_FILE] = {"files", "backup", KIND(BACKUP) | KIND(RESTORE),
		KIND(BACKUP) | KIND(RESTORE)},
	[CER_PLAN_PRINT] = {"files", "print", 0,
		KIND(TRANSPORT_CREATE) | KIND(SITE_KEY_CREATE) | KIND(HSM_SETUP)},
};

static const struct {
	const char *name;
	unsigned bit;
} conditions[] = {
	{"no-swap", CER_PLAN_NO_SWAP},
	{"no-network", CER_PLAN_NO_NETWORK},
	{"no-core", CER_PLAN_NO_CORE},
	{"clock", CER_PLAN_CLOCK},
};

bool cer_plan_may_say(enum cer_plan_kind kind, enum cer_plan_field field)
{
	return fields[field].allowed & 1U << kind;
}

const char *cer_plan_kind_name(enum cer_plan_kind kind)
{
	return kind < CER_PLAN_KINDS ? kind_names[kind] : "?";
}

bool cer_plan_has_components(enum cer_plan_kind kind)
{
	return kind < CER_PLAN_KINDS && (COMPONENTS & 1U << kind);
}

void cer_plan_free(struct cer_plan *plan)
{
	conf_free(&plan->conf);
	*plan = (struct cer_plan){0};
}

static enum kms_status bad(
	const struct conf *conf, const struct conf_entry *e, struct kms_err *err, const char *why)
{
	return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: %s", conf->source, e->line, why);
}

/* ---- kind ---- */

static enum kms_status read_kind(struct cer_plan *plan, struct kms_err *err)
{
	const char *text = conf_get(&plan->conf, "ceremony", "kind");
	const char *near;

	if (!text) {
		kms_fail(err, KMS_ERR_INVALID, "%s: [ceremony] has no kind", plan->conf.source);
		return kms_hint(err, "kind = transport-key-create, for example");
	}
	for (unsigned i = 0; i < CER_PLAN_KINDS; i++)
		if (strcmp(text, kind_names[i]) == 0) {
			plan->kind = (enum cer_plan_kind)i;
			return KMS_OK;
		}
	near = near_name(text, kind_names);
	kms_fail(err, KMS_ERR_INVALID, "%s: there is no ceremony of the kind '%.40s'",
		plan->conf.source, text);
	return near ? kms_hint(err, "did you mean '%s'?", near)
		    : kms_hint(err, "kinds are listed in docs/formats/ceremony.md");
}

/* ---- people ---- */

static bool named_in(const struct cer_people *people, const char *name)
{
	for (size_t i = 0; i < people->count; i++)
		if (name_same(people->names[i], name))
			return true;
	return false;
}

/* Somebody who is named is named once: in one list, or as custodian of one component. */
static enum kms_status is_new(const struct cer_plan *plan, const struct conf_entry *e,
	const char *name, struct kms_err *err)
{
	const struct cer_people *const lists[] = {
		&plan->officers, &plan->witnesses, &plan->attendees};
	size_t component = cer_pairs_find(&plan->pairs, name);

	if (component) {
		kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: %s is custodian of component %zu as well", plan->conf.source,
			e->line, name, component);
		return kms_hint(err, "a custodian of the key has no other part in its ceremony");
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (named_in(lists[i], name)) {
			kms_fail(err, KMS_ERR_INVALID, "%s, line %d: %s is named twice",
				plan->conf.source, e->line, name);
			return kms_hint(err, "everybody has one part in a ceremony");
		}
	return KMS_OK;
}

static enum kms_status add_person(struct cer_plan *plan, const struct conf_entry *e,
	struct cer_people *people, const char *start, size_t len, struct kms_err *err)
{
	char name[NAME_MAX_BYTES + 1];
	enum kms_status st;

	if (people->count == CER_PEOPLE_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: more than %d names",
			plan->conf.source, e->line, CER_PEOPLE_MAX);
	for (; len && *start == ' '; start++)
		len--;
	while (len && start[len - 1] == ' ')
		len--;
	if (len > NAME_MAX_BYTES)
		return bad(&plan->conf, e, err, "a name is too long");
	memcpy(name, start, len);
	name[len] = 0;
	st = name_check(name, "a person's name", err);
	if (st)
		return kms_prefix(err, "%s, line %d: ", plan->conf.source, e->line);
	st = is_new(plan, e, name, err);
	if (!st)
		memcpy(people->names[people->count++], name, len + 1);
	return st;
}

static enum kms_status read_people(struct cer_plan *plan, const struct conf_entry *e,
	struct cer_people *people, struct kms_err *err)
{
	const char *at = e->value;
	enum kms_status st;

	do {
		size_t len = strcspn(at, ",");

		st = add_person(plan, e, people, at, len, err);
		at += len + (at[len] == ',');
	} while (!st && *at);
	return st;
}

static struct cer_people *people_list(struct cer_plan *plan, const char *name)
{
	if (strcmp(name, "officers") == 0)
		return &plan->officers;
	if (strcmp(name, "witnesses") == 0)
		return &plan->witnesses;
	return strcmp(name, "attendees") == 0 ? &plan->attendees : NULL;
}

/* ---- one entry ---- */

static enum kms_status read_condition(
	struct cer_plan *plan, const struct conf_entry *e, struct kms_err *err)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		if (strcmp(e->name, conditions[i].name) != 0)
			continue;
		if (strcmp(e->value, "no") == 0)
			plan->conditions &= ~conditions[i].bit;
		else if (strcmp(e->value, "yes") != 0)
			return bad(&plan->conf, e, err, "a precondition is yes or no");
		return KMS_OK;
	}
	bad(&plan->conf, e, err, "unknown precondition");
	return kms_hint(err, "preconditions are no-swap, no-network, no-core and clock");
}

static enum kms_status unknown(
	const struct cer_plan *plan, const struct conf_entry *e, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown value '%s' in [%s]", plan->conf.source,
		e->line, e->name, e->section);
	return kms_hint(err, "docs/formats/ceremony.md lists what a ceremony file may say");
}

static enum kms_status read_field(
	struct cer_plan *plan, const struct conf_entry *e, struct kms_err *err)
{
	for (unsigned i = 0; i < CER_PLAN_FIELDS; i++) {
		if (strcmp(e->section, fields[i].section) != 0 ||
			strcmp(e->name, fields[i].name) != 0)
			continue;
		if (!(fields[i].allowed & 1U << plan->kind)) {
			kms_fail(err, KMS_ERR_INVALID,
				"%s, line %d: a ceremony of the kind %s has "
				"no use for '%s'",
				plan->conf.source, e->line, kind_names[plan->kind], e->name);
			return kms_hint(err, "take the line out, or another kind");
		}
		if (!*e->value || !text_printable(e->value, TEXT_MAX))
			return bad(&plan->conf, e, err, "the value is empty or not printable");
		plan->fields[i] = e->value;
		return KMS_OK;
	}
	return unknown(plan, e, err);
}

static enum kms_status read_entry(
	struct cer_plan *plan, const struct conf_entry *e, struct kms_err *err)
{
	struct cer_people *people;

	if (strcmp(e->section, "ceremony") == 0 && strcmp(e->name, "kind") == 0)
		return KMS_OK;
	if (strncmp(e->section, "component ", 10) == 0)
		return KMS_OK; /* read_pairs */
	if (strcmp(e->section, "preconditions") == 0)
		return read_condition(plan, e, err);
	if (strcmp(e->section, "people") != 0)
		return read_field(plan, e, err);
	people = people_list(plan, e->name);
	return people ? read_people(plan, e, people, err) : unknown(plan, e, err);
}

/* ---- the whole ---- */

/* The sections [component N] are those of a pairs file (ceremony/pairs.h). */
static enum kms_status read_pairs(struct cer_plan *plan, struct kms_err *err)
{
	struct conf part = {.source = plan->conf.source};
	struct conf_entry entries[CER_COMPONENTS_MAX + 1];

	for (size_t i = 0; i < plan->conf.count; i++) {
		const struct conf_entry *e = &plan->conf.entries[i];

		if (strncmp(e->section, "component ", 10) != 0)
			continue;
		if (!(MAY_COMPONENTS & 1U << plan->kind))
			return bad(
				&plan->conf, e, err, "a ceremony of this kind has no components");
		if (part.count == CER_COMPONENTS_MAX + 1)
			break;
		entries[part.count++] = *e;
	}
	part.entries = entries;
	if (!cer_plan_has_components(plan->kind) && !part.count)
		return KMS_OK;
	return cer_pairs_conf(&part, part.count, &plan->pairs, err);
}

static enum kms_status nothing_missing(const struct cer_plan *plan, struct kms_err *err)
{
	/* All of a site key, or nothing of one. */
	bool site_key = plan->pairs.count || plan->fields[CER_PLAN_LABEL] ||
			plan->fields[CER_PLAN_ALGORITHM];

	if (plan->kind == CER_PLAN_HSM_SETUP && site_key &&
		!(plan->pairs.count && plan->fields[CER_PLAN_LABEL] &&
			plan->fields[CER_PLAN_ALGORITHM])) {
		kms_fail(err, KMS_ERR_INVALID, "%s: the site key is not said in full",
			plan->conf.source);
		return kms_hint(err,
			"it has [key] label and algorithm, and sections [component N]; or there is "
			"none");
	}
	for (unsigned i = 0; i < CER_PLAN_FIELDS; i++)
		if ((fields[i].required & 1U << plan->kind) && !plan->fields[i]) {
			kms_fail(err, KMS_ERR_INVALID, "%s: [%s] does not say '%s'",
				plan->conf.source, fields[i].section, fields[i].name);
			return kms_hint(
				err, "a ceremony of the kind %s needs it", kind_names[plan->kind]);
		}
	if (plan->officers.count == 2)
		return KMS_OK;
	kms_fail(err, KMS_ERR_INVALID, "%s: [people] must name two officers, not %zu",
		plan->conf.source, plan->officers.count);
	return kms_hint(err, "officers = M. Keller, P. Duarte");
}

static enum kms_status date_is_one(const struct cer_plan *plan, struct kms_err *err)
{
	const char *date = plan->fields[CER_PLAN_DATE];
	unsigned year, month, day;
	char again[16];

	if (sscanf(date, "%4u-%2u-%2u", &year, &month, &day) == 3 && month >= 1 && month <= 12 &&
		day >= 1 && day <= 31) {
		snprintf(again, sizeof(again), "%04u-%02u-%02u", year % 10000, month, day);
		if (strcmp(again, date) == 0)
			return KMS_OK;
	}
	kms_fail(err, KMS_ERR_INVALID, "%s: '%.40s' is no date", plan->conf.source, date);
	return kms_hint(err, "date = 2026-11-30");
}

enum kms_status cer_plan_parse(const char *source, const char *text, size_t len,
	struct cer_plan *ret_plan, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {.conditions = CER_PLAN_NO_SWAP | CER_PLAN_NO_NETWORK |
							    CER_PLAN_NO_CORE | CER_PLAN_CLOCK};
	enum kms_status st = conf_parse(source, text, len, &plan.conf, err);

	if (!st)
		st = hash_sha256(text, len, plan.hash, err);
	if (!st)
		st = read_kind(&plan, err);
	if (!st)
		st = read_pairs(&plan, err);
	for (size_t i = 0; !st && i < plan.conf.count; i++)
		st = read_entry(&plan, &plan.conf.entries[i], err);
	if (!st)
		st = nothing_missing(&plan, err);
	if (!st)
		st = date_is_one(&plan, err);
	if (st)
		return st;
	*ret_plan = plan;
	plan = (struct cer_plan){0};
	return KMS_OK;
}

enum kms_status cer_plan_load(const char *path, struct cer_plan *ret_plan, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = file_read(path, FILE_MAX, &text, err);

	return st ? st : cer_plan_parse(path, buf_text(&text), text.len, ret_plan, err);
}
