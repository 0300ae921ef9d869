/* SPDX-License-Identifier: Apache-2.0 */
/* The site's folder: made, read, opened; its token found and logged in to. */
#include "ops/site.h"
#include "ops/agent.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/utf8.h"
#include "ops/hsms.h"
#include "ops/meta.h"
#include "ops/officer_lock.h"
#include "ops/period.h"
#include "ops/quorum.h"
#include "ops/token.h"
#include "store/auditlog.h"
#include "store/keys.h"
#include "store/lock.h"
#include "store/people.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SITE_INI_MAX = 64 * 1024,
	SITE_INI_LINE = 160,
	LOCK_WAIT_SECONDS = 10,
	HSM_WAIT_SECONDS = 5
};

static const struct {
	const char *word;
	enum op_dual bit;
} dual_words[] = {
	{"import", DUAL_IMPORT},
	{"export", DUAL_EXPORT},
	{"destroy", DUAL_DESTROY},
	{"override", DUAL_OVERRIDE},
	{"generate", DUAL_GENERATE},
	{"enrol", DUAL_ENROL},
	{"backup", DUAL_BACKUP},
	{"state", DUAL_STATE},
	{"unlock", DUAL_UNLOCK},
};

enum { DUAL_WORDS = sizeof(dual_words) / sizeof(dual_words[0]) };

/* These four can't be switched off: what leaves, enters or ends is never one person's work. */
static const unsigned dual_always = DUAL_IMPORT | DUAL_EXPORT | DUAL_DESTROY | DUAL_OVERRIDE;

enum kms_status op_site_path(
	const struct op_site *site, const char *file, char **ret_path, struct kms_err *err)
{
	char *path;

	if (asprintf(&path, "%s/%s", site->dir, file) < 0)
		return kms_nomem(err);
	free(*ret_path);
	*ret_path = path;
	return KMS_OK;
}

static enum kms_status take_text(char **to, const char *from, struct kms_err *err)
{
	char *copy = strdup(from);

	if (!copy)
		return kms_nomem(err);
	free(*to);
	*to = copy;
	return KMS_OK;
}

/* A URI may be folded over lines: white space is no part of one (in a value it is %20). p11-kit
 * leaves it out as well. */
static enum kms_status take_uri(char **to, const char *from, struct kms_err *err)
{
	enum kms_status st = take_text(to, from, err);
	char *out = *to;

	if (st)
		return st;
	for (const char *p = *to; *p; p++)
		if (*p != ' ' && *p != '\t')
			*out++ = *p;
	*out = 0;
	return KMS_OK;
}

/* Where the registry is: a file of the folder, or a database of a server. */
static enum kms_status registry_path(
	const struct op_site *site, char **ret_path, struct kms_err *err)
{
	return site->store_url ? take_text(ret_path, site->store_url, err)
			       : op_site_path(site, "cardkms.db", ret_path, err);
}

static enum kms_status policy_words(
	const struct conf_entry *e, const char *source, unsigned *ret, struct kms_err *err)
{
	const char *p = e->value + strspn(e->value, " ,");
	unsigned bits = dual_always;

	while (*p) {
		size_t len = strcspn(p, " ,"), i = 0;

		while (i < DUAL_WORDS && (strlen(dual_words[i].word) != len ||
						 strncmp(dual_words[i].word, p, len) != 0))
			i++;
		if (i == DUAL_WORDS)
			return kms_fail(err, KMS_ERR_INVALID,
				"%s, line %d: two-officers knows import, export, destroy, "
				"override, generate, enrol, backup and state, not '%.*s'",
				source, e->line, (int)len, p);
		bits |= dual_words[i].bit;
		p += len;
		p += strspn(p, " ,");
	}
	*ret = bits;
	return KMS_OK;
}

static enum kms_status policy_choice(const struct conf_entry *e, const char *source,
	const char *const *words, int *ret, struct kms_err *err)
{
	BUF_AUTO struct buf list = {0};

	for (int i = 0; words[i]; i++) {
		if (strcmp(words[i], e->value) == 0) {
			*ret = i;
			return KMS_OK;
		}
		if (buf_printf(&list, err, "%s'%s'", i ? " or " : "", words[i]))
			return KMS_ERR_NOMEM;
	}
	return kms_fail(err, KMS_ERR_INVALID, "%s, line %d: %s must be %s", source, e->line,
		e->name, buf_text(&list));
}

static enum kms_status policy_number(const struct conf_entry *e, const char *source, unsigned min,
	unsigned max, unsigned *ret, struct kms_err *err)
{
	char *end;
	unsigned long n = strtoul(e->value, &end, 10);

	if (e->value[0] < '0' || e->value[0] > '9' || *end || n < min || n > max)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s, line %d: %s must be a number from %u to %u", source, e->line, e->name,
			min, max);
	*ret = (unsigned)n;
	return KMS_OK;
}

static enum kms_status parse_entry(
	const char *source, const struct conf_entry *e, struct op_site *site, struct kms_err *err)
{
	static const char *const tdea2[] = {"allow", "ask", "forbid", NULL};
	static const char *const allow[] = {"forbid", "allow", NULL};
	static const char *const vault[] = {"online", "offline", NULL};
	enum kms_status st;
	int choice;

	if (strcmp(e->section, "site") == 0 && strcmp(e->name, "name") == 0)
		return take_text(&site->name, e->value, err);
	if (strcmp(e->section, "site") == 0 && strcmp(e->name, "role") == 0)
		return take_text(&site->role, e->value, err);
	if (strcmp(e->section, "site") == 0 && strcmp(e->name, "store") == 0) {
		st = take_uri(&site->store_url, e->value, err);
		if (!st)
			st = store_url_check(site->store_url, err);
		return st ? (kms_prefix(err, "%s, line %d: ", source, e->line), st) : KMS_OK;
	}
	if (strcmp(e->section, "hsm") == 0 && strcmp(e->name, "uri") == 0)
		return take_uri(&site->hsm_uri, e->value, err);
	if (strcmp(e->section, "hsm") == 0 && strcmp(e->name, "init-args") == 0)
		return take_text(&site->init_args, e->value, err);
	if (strcmp(e->section, "policy") == 0) {
		bool *allowed = strcmp(e->name, "host-assisted") == 0 ? &site->policy.host_assisted
				: strcmp(e->name, "key-blocks") == 0  ? &site->policy.key_blocks
								      : NULL;

		if (strcmp(e->name, "two-officers") == 0)
			return policy_words(e, source, &site->policy.two_officers, err);
		if (allowed) {
			st = policy_choice(e, source, allow, &choice, err);
			if (!st)
				*allowed = choice == 1;
			return st;
		}
		if (strcmp(e->name, "passphrase-tries") == 0)
			return policy_number(e, source, 1, OFFICER_TRIES_MAX,
				&site->policy.passphrase_tries, err);
		if (strcmp(e->name, "vault") == 0) {
			st = policy_choice(e, source, vault, &choice, err);
			if (!st)
				site->policy.vault_offline = choice == 1;
			return st;
		}
		if (strcmp(e->name, "tdea2") == 0) {
			st = policy_choice(e, source, tdea2, &choice, err);
			if (!st)
				site->policy.tdea2 = (enum op_tdea2)choice;
			return st;
		}
	}
	kms_fail(err, KMS_ERR_INVALID, "%s, line %d: unknown setting '%s' in [%s]", source, e->line,
		e->name, e->section);
	return kms_hint(err, "known are [site] name, role, store; [hsm] uri, init-args; "
			     "[policy] two-officers, host-assisted, key-blocks, tdea2, vault, "
			     "passphrase-tries");
}

static enum kms_status check_role(const char *role, struct kms_err *err)
{
	if (strcmp(role, "manufacturer") == 0 || strcmp(role, "issuer") == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_INVALID,
		"a site's role is 'manufacturer' or 'issuer', not '%s'", role);
}

enum kms_status op_site_parse(
	const char *source, const char *text, size_t len, struct op_site *site, struct kms_err *err)
{
	CONF_AUTO struct conf conf = {0};
	enum kms_status st;

	site->policy = (struct op_policy){.two_officers = dual_always,
		.host_assisted = true,
		.tdea2 = TDEA2_ASK,
		.passphrase_tries = OFFICER_TRIES};
	st = conf_parse(source, text, len, &conf, err);
	for (size_t i = 0; !st && i < conf.count; i++)
		st = parse_entry(source, &conf.entries[i], site, err);
	if (st)
		return st;
	if (!site->name || !site->role || !site->hsm_uri)
		return kms_fail(err, KMS_ERR_INVALID, "%s: %s is missing", source,
			!site->name   ? "[site] name"
			: !site->role ? "[site] role"
				      : "[hsm] uri");
	st = name_check(site->name, "the site's name", err);
	if (!st)
		st = check_role(site->role, err);
	if (!st)
		st = hsm_uri_check(site->hsm_uri, err);
	return st ? (kms_prefix(err, "%s: ", source), st) : KMS_OK;
}

/* name = value, folded where libinih's line limit asks for it. Breaks a URI anywhere, arguments at
 * blanks. */
enum kms_status op_site_put_setting(
	struct buf *out, const char *name, const char *value, bool anywhere, struct kms_err *err)
{
	enum kms_status st = buf_printf(out, err, "%s = ", name);

	while (!st && strlen(value) > SITE_INI_LINE) {
		size_t cut = SITE_INI_LINE;

		while (!anywhere && cut > 1 && value[cut] != ' ')
			cut--;
		if (!anywhere && value[cut] != ' ')
			return kms_fail(err, KMS_ERR_INVALID,
				"%s: a word is longer than %d characters", name, SITE_INI_LINE);
		st = buf_append(out, value, cut, err);
		value += cut;
		value += strspn(value, " ");
		if (!st)
			st = buf_puts(out, "\n  ", err);
	}
	if (!st)
		st = buf_puts(out, value, err);
	return st ? st : buf_puts(out, "\n", err);
}

static enum kms_status site_ini_text(
	const struct op_site_options *o, struct buf *out, struct kms_err *err)
{
	enum kms_status st;

	st = buf_printf(out, err,
		"; Written by 'cardkms site init'. docs/formats/site.md explains each line.\n"
		"[site]\nname = %s\nrole = %s\n",
		o->name, o->role);
	if (!st && o->store_url)
		st = op_site_put_setting(out, "store", o->store_url, true, err);
	if (!st)
		st = buf_puts(out, "\n[hsm]\n", err);
	if (!st)
		st = op_site_put_setting(out, "uri", o->hsm_uri, true, err);
	if (!st && o->init_args)
		st = op_site_put_setting(out, "init-args", o->init_args, false, err);
	return st ? st
		  : buf_puts(out,
			    "\n[policy]\ntwo-officers = import export destroy override\n"
			    "host-assisted = allow\nkey-blocks = forbid\ntdea2 = ask\n",
			    err);
}

static enum kms_status make_folder(const char *dir, struct kms_err *err)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return kms_fail(
			err, KMS_ERR_IO, "cannot make the folder '%s': %s", dir, strerror(errno));
	return file_sync_folder(dir, err);
}

static enum kms_status first_entries(struct op_site *site, struct kms_err *err)
{
	JS_AUTO json_t *details = json_pack(
		"{s:s, s:s, s:s}", "name", site->name, "role", site->role, "hsm", site->hsm_uri);
	char now[CLOCK_TEXT_SIZE];
	enum kms_status st;

	clock_format(site->now(), now);
	st = store_begin(site->store, err);
	if (st)
		return st;
	st = store_meta_set(site->store, META_NAME, site->name, err);
	if (!st)
		st = store_meta_set(site->store, META_ROLE, site->role, err);
	if (!st)
		st = store_meta_set(site->store, META_CREATED, now, err);
	if (!st)
		st = op_log(
			site, NULL, "site.init", AUDIT_OUTCOME, site->name, "done", details, err);
	return store_end(site->store, st, err);
}

static enum kms_status site_exists(const char *dir, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_EXISTS, "'%s' holds a site already", dir);
	return kms_hint(err, "choose another folder; nothing was changed");
}

/*
 * A registry without site.ini is what an interrupted init leaves, since site.ini is written last: it
 * knows of nothing but its own beginning, and may go. Any other belongs to somebody.
 */
static enum kms_status only_begun(
	const char *dir, const char *db, bool dry_run, struct kms_err *err)
{
	const struct store_options how = {.path = db, .create = !dry_run, .readonly = dry_run};
	const struct store_key_filter any = {0};
	STORE_AUTO(officer_list) struct store_officer_list officers = {0};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	STORE_CLOSE_AUTO struct store *store = NULL;
	int64_t entries = 0;
	enum kms_status st = store_open(&how, &store, err);

	if (!st)
		st = store_audit_size(store, &entries, err);
	if (!st)
		st = store_officers(store, &officers, err);
	if (!st)
		st = store_keys(store, &any, &keys, err);
	if (st || (entries <= 1 && officers.count == 0 && keys.count == 0))
		return st;
	kms_fail(
		err, KMS_ERR_EXISTS, "'%s' holds the registry of a site without its site.ini", dir);
	return kms_hint(err, "bring that site.ini back, or choose another folder; nothing was "
			     "changed");
}

static void remove_registry(const char *db)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char path[PATH_MAX];

		if ((size_t)snprintf(path, sizeof(path), "%s%s", db, ends[i]) < sizeof(path))
			unlink(path);
	}
}

/* Of a database on a server nothing is ever removed, not even what an interrupted init left. */
static enum kms_status database_unused(struct store *store, struct kms_err *err)
{
	int64_t entries = 0;
	enum kms_status st = store_audit_size(store, &entries, err);

	if (st || entries == 0)
		return st;
	kms_fail(err, KMS_ERR_EXISTS, "the database holds the registry of a site already");
	return kms_hint(err, "name an empty database, or bring that site's site.ini here; nothing "
			     "was changed");
}

/* The registry first and site.ini last, whole by its rename: from then on there is a site. */
static enum kms_status make_site(struct op_site *draft, const char *ini, const char *db,
	const struct buf *text, struct kms_err *err)
{
	const struct store_options how = {.path = db, .create = true};
	STORE_LOCK_AUTO struct store_lock *lock = NULL;
	FREE_AUTO char *lock_path = NULL;
	enum kms_status st = make_folder(draft->dir, err);

	if (!st)
		st = op_site_path(draft, "cardkms.lock", &lock_path, err);
	if (!st)
		st = store_lock_take(lock_path, LOCK_WAIT_SECONDS, &lock, err);
	if (!st && access(ini, F_OK) == 0)
		st = site_exists(draft->dir, err);
	if (!st && !draft->store_url && access(db, F_OK) == 0) {
		st = only_begun(draft->dir, db, false, err);
		if (!st)
			remove_registry(db);
	}
	if (st)
		return st;
	st = store_open(&how, &draft->store, err);
	if (!st && draft->store_url)
		st = database_unused(draft->store, err);
	if (!st)
		st = first_entries(draft, err);
	store_close(draft->store);
	draft->store = NULL;
	if (!st)
		st = file_write(ini, 0600, text->data, text->len, err);
	/* Nothing has been acknowledged: leave no half-made site behind. */
	if (st && !draft->store_url && access(ini, F_OK) != 0)
		remove_registry(db);
	return st;
}

enum kms_status op_site_init(const char *dir, const struct op_site_options *options,
	const struct op_front *front, bool dry_run, json_t **ret_report, struct kms_err *err)
{
	struct op_site draft
		__attribute__((cleanup(op_site_clear))) = {.dir = strdup(dir), .now = clock_now};
	FREE_AUTO char *ini = NULL, *db = NULL;
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if (!draft.dir)
		return kms_nomem(err);
	if (front)
		draft.front = *front;
	st = site_ini_text(options, &text, err);
	if (!st)
		st = op_site_path(&draft, "site.ini", &ini, err);
	if (!st)
		st = op_site_parse("site.ini", text.data, text.len, &draft, err);
	if (!st)
		st = registry_path(&draft, &db, err);
	/* What the INI reader cuts off (a comment sign in a name) must not change unnoticed. */
	if (!st && (strcmp(draft.name, options->name) != 0 ||
			   strcmp(draft.hsm_uri, options->hsm_uri) != 0 ||
			   strcmp(draft.store_url ? draft.store_url : "",
				   options->store_url ? options->store_url : "") != 0))
		st = kms_fail(err, KMS_ERR_INVALID,
			"the name, the HSM URI or the store's URI holds characters that site.ini "
			"cannot hold");
	if (st)
		return st;
	if (access(ini, F_OK) == 0)
		return site_exists(dir, err);
	if (!dry_run)
		st = make_site(&draft, ini, db, &text, err);
	else if (!draft.store_url && access(db, F_OK) == 0)
		st = only_begun(dir, db, true, err);
	if (st)
		return st;
	*ret_report = json_pack("{s:s, s:s, s:s, s:s, s:b}", "site", dir, "name", options->name,
		"role", options->role, "hsm", options->hsm_uri, "dry_run", dry_run);
	return *ret_report ? KMS_OK : kms_nomem(err);
}

enum kms_status op_site_open(const char *dir, const struct op_front *front,
	struct op_site **ret_site, struct kms_err *err)
{
	struct op_site *site __attribute__((cleanup(op_site_close_pointer))) =
		calloc(1, sizeof(*site));
	struct store_options how = {0};
	FREE_AUTO char *ini = NULL, *db = NULL;
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	if (!site)
		return kms_nomem(err);
	site->now = clock_now;
	if (front)
		site->front = *front;
	st = take_text(&site->dir, dir, err);
	if (!st)
		st = op_site_path(site, "site.ini", &ini, err);
	if (!st)
		st = file_read(ini, SITE_INI_MAX, &text, err);
	if (st == KMS_ERR_NOT_FOUND) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "'%s' is no site: it has no site.ini", dir);
		return kms_hint(err, "make one with 'cardkms site init %s …'", dir);
	}
	if (!st)
		st = op_site_parse(ini, text.data, text.len, site, err);
	if (!st)
		st = registry_path(site, &db, err);
	if (st)
		return st;
	how.path = db;
	/* From read-only media, or as an auditor, a site can be read. A change says what is wrong. */
	how.readonly =
		!site->store_url && access(db, W_OK) != 0 && (errno == EROFS || errno == EACCES);
	st = store_open(&how, &site->store, err);
	if (st)
		return st;
	*ret_site = site;
	site = NULL;
	return KMS_OK;
}

void op_site_clear(struct op_site *site)
{
	op_quorum_free(site->quorum);
	op_hsms_close(site);
	hsm_close(site->hsm);
	store_close(site->store);
	free(site->dir);
	free(site->name);
	free(site->role);
	free(site->hsm_uri);
	free(site->init_args);
	free(site->store_url);
	*site = (struct op_site){0};
}

void op_site_close(struct op_site *site)
{
	if (!site)
		return;
	op_site_clear(site);
	free(site);
}

enum kms_status op_site_hsm(struct op_site *site, struct kms_err *err)
{
	FREE_AUTO char *serial = NULL;
	struct hsm_token_info info;
	enum kms_status st;

	if (!site->hsm) {
		st = op_token_open(site, site->hsm_uri, site->init_args, &site->hsm, err);
		if (st)
			return st;
	}
	if (site->token_found)
		return KMS_OK;
	st = hsm_find_token(site->hsm, err);
	if (!st)
		st = hsm_token_info(site->hsm, &info, err);
	if (st)
		return st;
	st = op_meta_find(site, META_HSM_SERIAL, &serial, err);
	if (st)
		return st;
	if (serial && strcmp(serial, info.serial) != 0) {
		kms_fail(err, KMS_ERR_MISMATCH,
			"the token '%s' has serial %s, but this site was set up with serial %s",
			info.label, info.serial, serial);
		return kms_hint(err, "connect the site's own HSM; nothing was changed");
	}
	site->token_found = true;
	return KMS_OK;
}

/* Whatever command a PIN is tried by, the audit log shows it. */
static void log_wrong_pin(struct op_site *site, char *token, const struct kms_err *why)
{
	static const struct op_kind kind = {.name = "hsm.login"};
	struct op op = {.site = site, .kind = &kind, .subject = token};

	if (!op_new_id(op.id, NULL))
		op_log_failure(site, &op, why);
}

static enum kms_status login_with(struct op_site *site, struct hsm *hsm,
	struct hsm_token_info *info, const struct secret *pin, struct kms_err *err)
{
	enum kms_status st = hsm_login(hsm, pin, err);

	if (st == KMS_ERR_AUTH && !site->in_operation)
		log_wrong_pin(site, info->label, err);
	return st ? st : op_caps_restore(site, hsm, info, err);
}

enum kms_status op_token_login_asked(struct op_site *site, struct hsm *hsm, const char *pin_name,
	const char *whose, struct secret *ret_pin, struct kms_err *err)
{
	struct hsm_token_info info;
	char prompt[160];
	enum kms_status st = hsm_token_info(hsm, &info, err);

	if (st)
		return st;
	snprintf(prompt, sizeof(prompt), "operator PIN of the %stoken '%s'", whose, info.label);
	st = op_ask_last_try(site, &info, err);
	if (!st)
		st = op_ask_secret(site, pin_name, prompt, ret_pin, err);
	return st ? st : login_with(site, hsm, &info, ret_pin, err);
}

/* With the PIN that the agent holds. One that the token refuses is forgotten there, before the next
 * program tries it. */
static enum kms_status login_held(struct op_site *site, struct hsm *hsm, const char *pin_name,
	const struct secret *pin, struct kms_err *err)
{
	struct hsm_token_info info;
	struct kms_err ignored = {0};
	enum kms_status st = hsm_token_info(hsm, &info, err);

	if (!st)
		st = op_ask_last_try(site, &info, err);
	if (!st)
		st = login_with(site, hsm, &info, pin, err);
	if (st == KMS_ERR_AUTH) {
		kms_prefix(err, "with the PIN that the agent held: ");
		kms_hint(err,
			agent_forget(site->dir, pin_name, &ignored)
				? "stop the agent, or others try that PIN too"
				: "the agent has forgotten it: 'cardkms unlock' gives it another");
	}
	return st;
}

enum kms_status op_token_login(struct op_site *site, struct hsm *hsm, const char *pin_name,
	const char *whose, struct kms_err *err)
{
	SECRET_AUTO struct secret pin = {0};
	struct kms_err why = {0};
	bool held = false;

	if (agent_get(site->dir, pin_name, &pin, &held, &why))
		op_say(site, "note: %s", why.msg);
	return held ? login_held(site, hsm, pin_name, &pin, err)
		    : op_token_login_asked(site, hsm, pin_name, whose, &pin, err);
}

enum kms_status op_site_login(struct op_site *site, struct kms_err *err)
{
	bool by_quorum = false;
	enum kms_status st;

	if (site->logged_in)
		return KMS_OK;
	st = op_site_hsm(site, err);
	if (!st)
		st = op_quorum_login(site, &by_quorum, err);
	if (!st && !by_quorum)
		st = op_token_login(site, site->hsm, "pin", "", err);
	if (st)
		return st;
	site->logged_in = true;
	op_period_warn(site);
	return KMS_OK;
}
