/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ceremony rehearse: what a ceremony file says is done on throw-away sites, by the same steps in the same
 * room. What must be there before (a partner, keys, a package) is made first, without people.
 */
#include "cli/rehearse.h"
#include "cli/ceremony.h"
#include "cli/commands.h"
#include "cli/front.h"

#include "base/file.h"
#include "tui/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a kind of ceremony needs beside this site and its officers. */
enum need {
	NEED_HSM = 1 << 0,	  /* set up */
	NEED_PARTNER = 1 << 1,	  /* each knows the other */
	NEED_KEYS = 1 << 2,	  /* a key set here */
	NEED_THEIR_KEYS = 1 << 3, /* a key set at the partner */
	NEED_THEIR_TK = 1 << 4,	  /* the partner made a transport key, and its sheets are here */
	NEED_TK = 1 << 5,	  /* one made here, typed in there */
	NEED_TYPED_TK = 1 << 6,	  /* one made there, typed in here */
	NEED_REQUEST = 1 << 7,	  /* of the partner */
	NEED_PACKAGE = 1 << 8,	  /* for this site */
	NEED_SITE_KEY = 1 << 9,
	NEED_BACKUP = 1 << 10,
	NEED_LOST_SITE_KEY = 1 << 11, /* made, and lost with its HSM: the sheets are here */
	NEED_LOST_KEYS = 1 << 12,     /* all keys lost but the site key, typed in already */
	NEED_HSM_2 = 1 << 13,	      /* a production HSM with a zone key */
};

static const unsigned needs[CER_PLAN_KINDS] = {
	[CER_PLAN_HSM_SETUP] = 0,
	[CER_PLAN_HSM_UPDATE] = NEED_HSM,
	[CER_PLAN_SITE_KEY_CREATE] = NEED_HSM,
	[CER_PLAN_SITE_KEY_RESTORE] = NEED_HSM | NEED_SITE_KEY | NEED_LOST_SITE_KEY,
	[CER_PLAN_TRANSPORT_CREATE] = NEED_HSM | NEED_PARTNER,
	[CER_PLAN_TRANSPORT_IMPORT] = NEED_HSM | NEED_PARTNER | NEED_THEIR_TK,
	[CER_PLAN_EXPORT] = NEED_HSM | NEED_PARTNER | NEED_KEYS | NEED_TK | NEED_REQUEST,
	[CER_PLAN_IMPORT] = NEED_HSM | NEED_PARTNER | NEED_THEIR_KEYS | NEED_THEIR_TK |
			    NEED_TYPED_TK | NEED_PACKAGE,
	[CER_PLAN_BACKUP] = NEED_HSM | NEED_KEYS | NEED_SITE_KEY,
	[CER_PLAN_RESTORE] = NEED_HSM | NEED_KEYS | NEED_SITE_KEY | NEED_BACKUP |
			     NEED_LOST_SITE_KEY | NEED_LOST_KEYS,
	[CER_PLAN_REPLICATE] = NEED_HSM | NEED_KEYS | NEED_HSM_2,
	[CER_PLAN_DESTROY] = NEED_HSM | NEED_PARTNER | NEED_TK,
};

static const char key_set[] = "Rehearsal1", here_name[] = "This site (rehearsal)";
static const char their_officers[] = "Partner officer one,Partner officer two";
static const char usual_algorithm[] = "aes256", usual_site_key[] = "RehearsalSiteKey";

struct stage {
	struct cli *cli;
	struct cer_plan *plan;
	struct rehearsal *r;
	struct cer_pairs pairs; /* of the file, or made up */
	char plan_path[PATH_MAX], request[PATH_MAX], package[PATH_MAX], receipt[PATH_MAX],
		backup[PATH_MAX];
};

static bool takes_keys_in(enum cer_plan_kind kind)
{
	return kind == CER_PLAN_TRANSPORT_IMPORT || kind == CER_PLAN_IMPORT;
}

static const char *partner_name(const struct stage *s)
{
	const char *name = s->plan->fields[CER_PLAN_PARTNER];

	return name ? name : "The partner (rehearsal)";
}

static struct op_components components(const struct stage *s, const char *label)
{
	const char *algorithm = s->plan->fields[CER_PLAN_ALGORITHM];

	return (struct op_components){.label = label,
		.algorithm = algorithm ? algorithm : usual_algorithm,
		.pairs = &s->pairs,
		.components = s->pairs.count};
}

static const char *site_key_label(const struct stage *s)
{
	const char *label = s->plan->fields[CER_PLAN_LABEL];

	return label ? label : usual_site_key;
}

/* ---- what must be there before ---- */

static enum kms_status make_sites(struct stage *s, struct kms_err *err)
{
	static const char *const theirs[] = {"Partner officer one", "Partner officer two"};
	const char *const ours[] = {s->plan->officers.names[0], s->plan->officers.names[1]};
	const bool in = takes_keys_in(s->plan->kind);
	enum kms_status st = rehearsal_site(
		s->r, "here", here_name, in ? "issuer" : "manufacturer", ours, &s->r->here, err);

	if (!st && (needs[s->plan->kind] & NEED_PARTNER))
		st = rehearsal_site(s->r, "there", partner_name(s), in ? "manufacturer" : "issuer",
			theirs, &s->r->there, err);
	if (!st)
		s->r->here->officers = s->r->here_officers;
	if (!st && s->r->there)
		s->r->there->officers = their_officers;
	return st;
}

static enum kms_status write_key_plan(struct stage *s, const char *customer, struct kms_err *err)
{
	BUF_AUTO struct buf text = {0};
	enum kms_status st = buf_printf(&text, err,
		"[plan]\nname = rehearsal\n[keyset \"%s\"]\ncustomer = %s\nalgorithm = aes256\n"
		"diversification = kdf3\nkey-version = 0x20\nexport = partner\n",
		key_set, customer);

	return st ? st : file_write(s->plan_path, 0600, text.data, text.len, err);
}

static enum kms_status set_up(
	struct stage *s, struct op_site *site, bool keys, const char *customer, struct kms_err *err)
{
	struct op_hsm_setup setup = {.plan_path = keys ? s->plan_path : NULL};
	enum kms_status st = keys ? write_key_plan(s, customer, err) : KMS_OK;

	return st ? st : op_hsm_setup(site, &setup, NULL, err);
}

/* `to` gets the identity of `from`, whose fingerprint nobody needs to compare. */
static enum kms_status introduce(struct stage *s, struct op_site *from, struct op_site *to,
	const char *file, struct kms_err *err)
{
	JS_AUTO json_t *identity = NULL;
	char path[PATH_MAX];
	enum kms_status st;

	if (!rehearsal_path(s->r, file, path))
		return kms_fail(err, KMS_ERR_IO, "the path of '%s' is too long", s->r->dir);
	st = op_identity_export(from, path, &identity, err);
	return st ? st
		  : op_partner_add(to, path,
			    json_string_value(json_object_get(identity, "fingerprint")), NULL, err);
}

static enum kms_status make_transport(
	struct stage *s, struct op_site *maker, const char *partner, struct kms_err *err)
{
	JS_AUTO json_t *report = NULL;
	struct op_transport t = {.key = components(s, s->plan->fields[CER_PLAN_LABEL]),
		.partner = partner,
		.wrapping = s->plan->fields[CER_PLAN_WRAPPING]};
	enum kms_status st;

	rehearsal_make(s->r, &t.key);
	st = op_transport_create(maker, &t, &report, err);
	return st ? st : rehearsal_made(s->r, report, err);
}

static enum kms_status type_transport(
	struct stage *s, struct op_site *taker, const char *partner, struct kms_err *err)
{
	struct op_transport t = {
		.key = components(s, s->plan->fields[CER_PLAN_LABEL]), .partner = partner};

	rehearsal_type(s->r, &t.key);
	return op_transport_import(taker, &t, NULL, err);
}

static enum kms_status ask_for_keys(
	struct stage *s, struct op_site *asks, const char *of, struct kms_err *err)
{
	char name[sizeof(key_set)];
	char *const sets[] = {name};

	memcpy(name, key_set, sizeof(name));
	return op_exchange_request(asks, of, sets, 1, s->request, NULL, err);
}

static enum kms_status make_package(struct stage *s, struct kms_err *err)
{
	enum kms_status st = ask_for_keys(s, s->r->here, partner_name(s), err);

	return st ? st
		  : op_exchange_export(s->r->there,
			    &(struct op_export){.request_path = s->request,
				    .transport_key = s->plan->fields[CER_PLAN_LABEL],
				    .path = s->package},
			    NULL, err);
}

static enum kms_status make_site_key(struct stage *s, bool zone, struct kms_err *err)
{
	JS_AUTO json_t *report = NULL;
	struct op_site_key k = {
		.key = components(s, zone ? "RehearsalZone" : site_key_label(s)), .zone = zone};
	enum kms_status st;

	rehearsal_make(s->r, &k.key);
	st = op_site_key_create(s->r->here, &k, &report, err);
	return st ? st : rehearsal_made(s->r, report, err);
}

static enum kms_status type_site_key(
	struct stage *s, bool zone, const char *hsm, struct kms_err *err)
{
	struct op_site_key k = {.key = components(s, zone ? "RehearsalZone" : site_key_label(s)),
		.zone = zone,
		.hsm = hsm};

	rehearsal_type(s->r, &k.key);
	return op_site_key_restore(s->r->here, &k, NULL, err);
}

static enum kms_status lose_hsm(struct stage *s, struct kms_err *err)
{
	struct op_hsm_setup setup = {.rebuild = true};
	enum kms_status st;

	op_site_close(s->r->here);
	s->r->here = NULL;
	st = rehearsal_lose_tokens(s->r, err);
	if (!st)
		st = rehearsal_reopen(s->r, "here", s->r->here_officers, &s->r->here, err);
	return st ? st : op_hsm_setup(s->r->here, &setup, NULL, err);
}

static enum kms_status add_hsm(struct stage *s, struct kms_err *err)
{
	const char *name = s->plan->fields[CER_PLAN_HSM];
	FREE_AUTO char *uri = rehearsal_uri(s->r, "production", err);
	enum kms_status st;

	if (!uri)
		return err->code;
	st = op_hsm_add(s->r->here,
		&(struct op_hsm_add){.name = name, .uri = uri, .kind = "production"}, NULL, err);
	if (!st)
		st = make_site_key(s, true, err);
	return st ? st : type_site_key(s, true, name, err);
}

static enum kms_status make_needs(struct stage *s, struct kms_err *err)
{
	const unsigned need = needs[s->plan->kind];
	struct rehearsal *r = s->r;
	const char *partner = partner_name(s);
	enum kms_status st = make_sites(s, err);

	if (!st && (need & NEED_HSM))
		st = set_up(s, r->here, need & NEED_KEYS, partner, err);
	if (!st && (need & NEED_PARTNER))
		st = set_up(s, r->there, need & NEED_THEIR_KEYS, here_name, err);
	if (!st && (need & NEED_PARTNER))
		st = introduce(s, r->here, r->there, "here.id", err);
	if (!st && (need & NEED_PARTNER))
		st = introduce(s, r->there, r->here, "there.id", err);
	if (!st && (need & NEED_THEIR_TK))
		st = make_transport(s, r->there, here_name, err);
	if (!st && (need & NEED_TYPED_TK))
		st = type_transport(s, r->here, partner, err);
	if (!st && (need & NEED_TK))
		st = make_transport(s, r->here, partner, err);
	if (!st && (need & NEED_REQUEST))
		st = ask_for_keys(s, r->there, here_name, err);
	if (!st && (need & NEED_PACKAGE))
		st = make_package(s, err);
	if (!st && (need & NEED_SITE_KEY))
		st = make_site_key(s, false, err);
	if (!st && (need & NEED_BACKUP))
		st = op_backup_create(r->here, s->backup, NULL, NULL, err);
	if (!st && (need & NEED_LOST_SITE_KEY))
		st = lose_hsm(s, err);
	if (!st && (need & NEED_LOST_KEYS))
		st = type_site_key(s, false, NULL, err);
	if (!st && (need & NEED_HSM_2))
		st = add_hsm(s, err);
	return st ? kms_prefix(err, "cannot make ready for the rehearsal: ") : KMS_OK;
}

/* ---- the file, about throw-away things ---- */

static enum kms_status make_paths(struct stage *s, struct kms_err *err)
{
	if (rehearsal_path(s->r, "plan.ini", s->plan_path) &&
		rehearsal_path(s->r, "request", s->request) &&
		rehearsal_path(s->r, "package", s->package) &&
		rehearsal_path(s->r, "receipt", s->receipt) &&
		rehearsal_path(s->r, "backup", s->backup))
		return KMS_OK;
	return kms_fail(err, KMS_ERR_IO, "the path of '%s' is too long", s->r->dir);
}

static void make_pairs(struct stage *s)
{
	s->pairs = s->plan->pairs;
	if (s->pairs.count)
		return;
	s->pairs.count = CER_COMPONENTS_MIN;
	for (size_t i = 0; i < s->pairs.count; i++)
		for (size_t j = 0; j < CER_PAIR_SIZE; j++)
			snprintf(s->pairs.pairs[i].names[j], sizeof(s->pairs.pairs[i].names[j]),
				"Rehearsal custodian %zu%c", i + 1, "AB"[j]);
}

/* It need be neither the day nor the room. */
static void turn(struct stage *s)
{
	const char **f = s->plan->fields;

	s->plan->conditions = 0;
	if (f[CER_PLAN_REQUEST])
		f[CER_PLAN_REQUEST] = s->request;
	if (f[CER_PLAN_PACKAGE])
		f[CER_PLAN_PACKAGE] = s->package;
	if (f[CER_PLAN_RECEIPT])
		f[CER_PLAN_RECEIPT] = s->receipt;
	if (f[CER_PLAN_BACKUP_FILE])
		f[CER_PLAN_BACKUP_FILE] = s->backup;
	if (f[CER_PLAN_CHECK_VALUE])
		f[CER_PLAN_CHECK_VALUE] = s->r->sheets.check_value;
}

/* ---- test sheets, to be typed ---- */

static bool has_to_type(const struct stage *s)
{
	return s->plan->fields[CER_PLAN_CHECK_VALUE];
}

/* Test components are no secret: a file will do, and a printer. */
static enum kms_status write_sheets(struct stage *s, struct kms_err *err)
{
	const char *dir = cli_value(s->cli, "--test-sheets");
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < s->r->sheets.count && has_to_type(s) && !st; i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s-%zu.txt", dir,
			    s->plan->fields[CER_PLAN_LABEL], i + 1) >= (int)sizeof(path))
			return kms_fail(err, KMS_ERR_IO, "the path of the sheets is too long");
		st = file_create(
			path, 0600, s->r->sheets.text[i].data, s->r->sheets.text[i].len, err);
	}
	return st;
}

static enum kms_status need_folder(const struct stage *s, struct kms_err *err)
{
	if (!has_to_type(s) || cli_value(s->cli, "--test-sheets"))
		return KMS_OK;
	kms_fail(err, KMS_ERR_USAGE, "where shall the sheets go whose components are to be typed?");
	return kms_hint(err, "name a folder for the test sheets: --test-sheets DIR");
}

/* ---- holding it ---- */

static enum kms_status say_what_it_is(const struct stage *s, struct kms_err *err)
{
	const char *dir = cli_value(s->cli, "--test-sheets");
	BUF_AUTO struct buf text = {0};
	enum kms_status st;

	st = buf_puts(&text,
		"Nothing of this is real: HSM, site, partner and components are thrown away at\n"
		"the end. Real components and passphrases must not be typed here.\n\n"
		"PIN and passphrase of everybody: " REHEARSAL_WORD "\n",
		err);
	if (!st && has_to_type(s))
		st = buf_printf(&text, err, "The sheets to type from are in %s.\n", dir);
	if (st)
		return st;
	if (!s->cli->screen) {
		cli_say("%s", buf_text(&text));
		return KMS_OK;
	}
	tui_banner(s->cli->screen, " REHEARSAL ");
	tui_people(s->cli->screen, "the security officer; everybody is in the room", "nobody");
	tui_page(s->cli->screen, "This is a rehearsal", buf_text(&text));
	return tui_wait(s->cli->screen, "Press Enter to begin. ", err);
}

static enum kms_status hold(struct stage *s, const char *text, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	turn(s);
	s->r->here->front = cli_front(s->cli);
	if (!cli_value(s->cli, "--sheets"))
		st = cli_ceremony_screen_on(s->cli, err);
	if (!st)
		st = say_what_it_is(s, err);
	if (!st)
		st = cli_ceremony_hold(s->cli, s->r->here, s->plan, text, err);
	cli_ceremony_screen_off(s->cli);
	return st;
}

/* Logins and handles of what was made before are not those of the people. */
static enum kms_status start_afresh(struct stage *s, struct kms_err *err)
{
	op_site_close(s->r->here);
	s->r->here = NULL;
	return rehearsal_reopen(s->r, "here", s->r->here_officers, &s->r->here, err);
}

enum kms_status cli_ceremony_rehearse(struct cli *cli, struct kms_err *err)
{
	CER_PLAN_AUTO struct cer_plan plan = {0};
	BUF_AUTO struct buf text = {0};
	REHEARSAL_AUTO struct rehearsal r = {0};
	struct stage s = {.cli = cli, .plan = &plan, .r = &r};
	enum kms_status st = cli_ceremony_read(cli->positional[0], &text, &plan, err);

	if (!st)
		st = cli_ceremony_printer(cli, &plan, err);
	if (!st)
		st = need_folder(&s, err);
	if (st)
		return st;
	r.here_officers = cli_ceremony_officers(&plan, err);
	if (!r.here_officers)
		return err->code;
	make_pairs(&s);
	st = rehearsal_open(cli_value(cli, "--module"), &r, err);
	if (!st)
		st = make_paths(&s, err);
	if (!st)
		cli_say("making ready for the rehearsal");
	if (!st)
		st = make_needs(&s, err);
	if (!st)
		st = write_sheets(&s, err);
	if (!st)
		st = start_afresh(&s, err);
	return st ? st : hold(&s, buf_text(&text), err);
}
