/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one const table of commands (commands.c) that yields parsing, help, bash
 * completion and the man page. A command calls one operation of ops/, gets its report as a JSON
 * object, and prints it: whole under --json, else as the lines or the table its entry asks for.
 *
 * stdout is data, stderr is talk. Exit codes: 0 done, 1 error, 2 usage, 3 valid but negative.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "base/js.h"
#include "cli/pinfd.h"
#include "tui/screen.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	CLI_OPTIONS_MAX = 16, /* options of one command */
	CLI_REPEAT_MAX = 32,  /* values of one repeated option */
	CLI_POSITIONAL_MAX = 3,
};

struct cli_option {
	const char *name;  /* "--plan", "-o" */
	const char *value; /* placeholder, NULL for a switch */
	const char *help;
	enum { OPTION_OPTIONAL, OPTION_REQUIRED, OPTION_REPEATED } kind;
};

struct cli_positional {
	const char *name; /* "LABEL" */
	const char *help;
};

struct cli;

struct cli_command {
	const char *path; /* "site identity export" */
	const char *summary;
	const char *details; /* further paragraphs for help and the man page, or NULL */
	enum {
		CLI_READS = 0,
		CLI_CHANGES = 1,  /* takes --dry-run */
		CLI_OFFICERS = 2, /* needs --officers */
		CLI_NO_SITE = 4,  /* runs without -s */
	} flags;
	struct cli_positional positional[CLI_POSITIONAL_MAX]; /* ends with a NULL name */
	struct cli_option options[CLI_OPTIONS_MAX];	      /* ends with a NULL name */
	enum kms_status (*run)(struct cli *cli, struct kms_err *err);
};

/* What was called, and what came of it. */
struct cli {
	const struct cli_command *command;
	const char *site;
	bool json;
	bool dry_run;
	bool yes;
	bool help;
	bool version;
	const char *help_on; /* the noun that --help was asked of, where there is no command */
	const char *officers;
	const char *override_reason;
	const char *digest; /* of --digest */
	int pin_fd;	    /* -1 when not given */

	const char *positional[CLI_POSITIONAL_MAX];
	const char *values[CLI_OPTIONS_MAX][CLI_REPEAT_MAX]; /* by place in command->options */
	size_t value_count[CLI_OPTIONS_MAX];

	const char *print;    /* where the ceremony file says that sheets are printed, or NULL */
	struct pinfd secrets; /* of --pin-fd */
	struct tui *screen;   /* NULL, or the full screen: then nothing else is printed */
	json_t *result;	      /* owned: what the command reports */
};

/* ---- args.c ---- */

/* Fills cli from argv. KMS_ERR_USAGE names the word that is wrong and how to get help. */
KMS_CHECKED enum kms_status cli_parse(struct cli *cli, int argc, char **argv, struct kms_err *err);

/* The value of an option of this command, or NULL. The name must be in its table entry. */
const char *cli_value(const struct cli *cli, const char *option);
bool cli_switch(const struct cli *cli, const char *option);

/* All values of a repeated option, each also split at commas; *ret_count of them, to be freed. */
KMS_CHECKED enum kms_status cli_values(const struct cli *cli, const char *option,
	char ***ret_values, size_t *ret_count, struct kms_err *err);
/* As they were given, for file names: borrowed. */
const char *const *cli_words(const struct cli *cli, const char *option, size_t *ret_count);
void cli_values_free(char **values, size_t count);

/* A whole number in those bounds; `otherwise` if it was not given. */
KMS_CHECKED enum kms_status cli_number(const struct cli *cli, const char *option, long least,
	long most, long otherwise, long *ret_number, struct kms_err *err);
/* "0x20" or "20": key versions are written in hex everywhere else, too. 0 if it was not given. */
KMS_CHECKED enum kms_status cli_key_version(const struct cli *cli, const char *option, unsigned max,
	unsigned *ret_version, struct kms_err *err);

/* ---- commands.c ---- */

/* The table, in the order of the help; ends with a NULL path. */
extern const struct cli_command cli_commands[];
/* Options that every command takes; ends with a NULL name. */
extern const struct cli_option cli_global_options[];

/* ---- help.c ---- */

/* Help for "", a noun or a whole path; false if there is no such command. */
bool cli_help(const char *path);
void cli_help_man(void);
void cli_help_bash(void);
/* The nearest known command word, for "did you mean"; NULL if none is near. */
const char *cli_nearest(const char *word);

/* ---- output.c ---- */

/* Prints the outcome on stdout (and, without --json, an error on stderr); returns the exit code. */
int cli_finish(struct cli *cli, enum kms_status st, const struct kms_err *err);

/*
 * Prints members of an object as lines, or of an array's objects as a table with a header. names
 * is a blank-separated list of members; nothing is printed under --json.
 */
void cli_print_fields(struct cli *cli, const json_t *object, const char *names);
void cli_print_table(struct cli *cli, const json_t *array, const char *names);
/* One line of text on stdout, unless --json. */
void cli_print(struct cli *cli, const char *fmt, ...) KMS_PRINTF(2, 3);
/* Talk on stderr. */
void cli_say(const char *fmt, ...) KMS_PRINTF(1, 2);

#endif
