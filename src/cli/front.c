/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/front.h"

#include "tui/term.h"

#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX = 256 };

static enum kms_status nobody(const char *name, const char *prompt, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_IO, "there is no terminal to ask for the %s", prompt);
	return kms_hint(err, "give it by --pin-fd N, as a line %s=…", name);
}

/* A passphrase is its officer's alone, a PIN that of whoever is trusted with it. */
static enum kms_status screen_ask(struct tui *screen, const char *name, const char *prompt,
	bool choose, struct secret *ret_value, struct kms_err *err)
{
	static const char officer[] = "officer.";
	enum kms_status st;

	tui_people(screen,
		strncmp(name, officer, strlen(officer)) == 0 ? name + strlen(officer)
							     : "the security officer",
		"nobody; all others look away");
	st = choose ? tui_ask_new_secret(screen, prompt, SECRET_MAX, ret_value, err)
		    : tui_ask_secret(screen, prompt, SECRET_MAX, ret_value, err);
	tui_people(screen, NULL, NULL);
	return st;
}

static enum kms_status screen_confirm(
	struct tui *screen, const char *question, const char *expected, struct kms_err *err)
{
	tui_people(screen, "the security officer; everybody is in the room", "nobody");
	return tui_confirm(screen, question, expected, err);
}

static enum kms_status ask(struct cli *cli, const char *name, const char *prompt, bool choose,
	struct secret *ret_value, struct kms_err *err)
{
	const struct secret *given = pinfd_get(&cli->secrets, name);
	TERM_AUTO struct term term = TERM_CLOSED;
	enum kms_status st;

	if (given)
		return secret_copy(ret_value, given->data, given->len, err);
	if (cli->screen)
		return screen_ask(cli->screen, name, prompt, choose, ret_value, err);
	if (!term_available())
		return nobody(name, prompt, err);
	st = term_open(&term, err);
	if (st)
		return st;
	return choose ? term_ask_new_secret(&term, prompt, SECRET_MAX, ret_value, err)
		      : term_ask_secret(&term, prompt, SECRET_MAX, ret_value, err);
}

static enum kms_status front_secret(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	return ask(ctx, name, prompt, false, ret_value, err);
}

static enum kms_status front_new_secret(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	return ask(ctx, name, prompt, true, ret_value, err);
}

static enum kms_status front_confirm(void *ctx, const char *question, struct kms_err *err)
{
	struct cli *cli = ctx;
	TERM_AUTO struct term term = TERM_CLOSED;
	bool yes = false;
	enum kms_status st;

	if (cli->yes)
		return KMS_OK;
	if (cli->screen)
		return screen_confirm(cli->screen, question, "Yes", err);
	if (!term_available()) {
		kms_fail(err, KMS_ERR_CANCELLED, "%s? There is no terminal to ask", question);
		return kms_hint(err, "answer yes beforehand with --yes; nothing was changed");
	}
	st = term_open(&term, err);
	if (!st)
		st = term_ask_yes(&term, question, &yes, err);
	if (!st && !yes)
		st = kms_fail(err, KMS_ERR_CANCELLED, "not confirmed: nothing was changed");
	return st;
}

/* --yes is not enough here: what is lost must be named. */
static enum kms_status front_type(void *ctx, const char *question, const char *name,
	const char *expected, struct kms_err *err)
{
	struct cli *cli = ctx;
	const struct secret *given = pinfd_get(&cli->secrets, name);
	TERM_AUTO struct term term = TERM_CLOSED;
	enum kms_status st;

	if (given && given->len == strlen(expected) &&
		memcmp(given->data, expected, given->len) == 0)
		return KMS_OK;
	if (given) {
		kms_fail(err, KMS_ERR_CANCELLED, "%s Not confirmed: '%s' was not given as %s",
			question, expected, name);
		return kms_hint(err, "nothing was changed");
	}
	if (cli->screen)
		return screen_confirm(cli->screen, question, expected, err);
	if (!term_available()) {
		kms_fail(err, KMS_ERR_CANCELLED, "%s There is no terminal to confirm it", question);
		return kms_hint(err, "confirm by --pin-fd N with the line %s=%s", name, expected);
	}
	st = term_open(&term, err);
	return st ? st : term_confirm_typed(&term, question, expected, "this", err);
}

static void front_say(void *ctx, const char *text)
{
	const struct cli *cli = ctx;

	if (cli->screen)
		tui_say(cli->screen, text);
	else
		cli_say("%s", text);
}

struct op_front cli_front(struct cli *cli)
{
	return (struct op_front){
		.ctx = cli,
		.secret = front_secret,
		.new_secret = front_new_secret,
		.confirm = front_confirm,
		.type_to_confirm = front_type,
		.say = front_say,
	};
}

enum kms_status cli_open_site(struct cli *cli, struct op_site **ret_site, struct kms_err *err)
{
	const struct op_front front = cli_front(cli);
	const char *dir = cli->site ? cli->site : getenv("CARDKMS_SITE");
	enum kms_status st;

	if (!dir || !*dir) {
		kms_fail(err, KMS_ERR_USAGE, "which site?");
		return kms_hint(err, "name its folder: cardkms -s DIR %s … (or set CARDKMS_SITE)",
			cli->command->path);
	}
	st = op_site_open(dir, &front, ret_site, err);
	if (st)
		return st;
	(*ret_site)->officers = cli->officers;
	(*ret_site)->override_reason = cli->override_reason;
	(*ret_site)->digest = cli->digest;
	(*ret_site)->dry_run = cli->dry_run;
	return KMS_OK;
}
