/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <signal.h>
#include <string.h>

static void cli_clear(struct cli *cli)
{
	pinfd_free(&cli->secrets);
	json_decref(cli->result);
}

/* What some command asks for; one file of secrets may serve several. */
static bool is_known(const char *name)
{
	static const char *const known[] = {"so-pin", "pin", "token-label"};
	static const char *const numbered[] = {"officer.", "new-passphrase.", "component.",
		"check-value.", "ceremony.", "so-pin.", "pin."};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++)
		if (strncmp(name, numbered[i], strlen(numbered[i])) == 0)
			return true;
	return false;
}

/* A name that no command knows is a slip: said, without its value. */
static void warn_unknown(const struct cli *cli)
{
	const char *name;
	size_t pos = 0;

	while ((name = pinfd_unused(&cli->secrets, &pos)))
		if (!is_known(name))
			cli_say("note: no command asks for '%s' of --pin-fd", name);
}

static enum kms_status run(struct cli *cli, struct kms_err *err)
{
	enum kms_status st;

	if (cli->pin_fd >= 0) {
		st = pinfd_read(cli->pin_fd, &cli->secrets, err);
		if (st)
			return st;
	}
	st = cli->command->run(cli, err);
	warn_unknown(cli);
	return st;
}

static int print_version(struct cli *cli)
{
	struct kms_err err = {0};
	enum kms_status st = cli_version(cli, &err);

	return cli_finish(cli, st, &err);
}

int main(int argc, char **argv)
{
	struct cli cli __attribute__((cleanup(cli_clear))) = {.pin_fd = -1};
	struct kms_err err = {0};
	enum kms_status st;

	/* A reader that goes away is an error to report, not a reason to die between two steps. */
	signal(SIGPIPE, SIG_IGN);
	st = secret_heap_open(&err);
	if (!st)
		st = cli_parse(&cli, argc, argv, &err);
	if (cli.version)
		return print_version(&cli);
	if (cli.help && cli_help(cli.command ? cli.command->path : cli.help_on)) {
		cli.json = false; /* help is text */
		return cli_finish(&cli, KMS_OK, &err);
	}
	if (!st)
		st = run(&cli, &err);
	return cli_finish(&cli, st, &err);
}
