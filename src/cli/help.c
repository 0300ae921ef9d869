/* SPDX-License-Identifier: Apache-2.0 */
/* Help, man page and bash completion: three renderings of the command table. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *noun, *about;
} nouns[] = {
	{"site", "this organisation: its folder, its identity, its state"},
	{"partner", "the other organisations that keys are exchanged with"},
	{"officer", "the people who approve"},
	{"approval", "what officers approve beforehand"},
	{"quorum", "officers who open the principal HSM together"},
	{"hsm", "the principal HSM: set up, update, check; others that hold copies"},
	{"key", "the keys and their states"},
	{"transport-key", "keys made of components, in a ceremony"},
	{"site-key", "the key that backups are wrapped under, made of components"},
	{"zone-key", "keys that copies travel under, made of components"},
	{"backup", "master and content keys in one file, wrapped, sealed and signed"},
	{"exchange", "requests, packages and receipts"},
	{"ceremony", "the record of key ceremonies"},
	{"custody", "where the sheets of components are, and who may hold them"},
	{"audit", "the log of all that happened, and its proofs"},
	{"app", "applications for cards"},
	{"card", "keys on cards: injected, replaced, proved"},
	{"shipment", "which cards go from a manufacturer to an issuer"},
	{"batch", "many cards from a file, by several workers"},
	{"worker", "one of them"},
	{"agent", "operator PINs in locked memory, for unattended work on cards"},
	{"unlock", "give a PIN to the agent"},
	{"lock", "make the agent forget all of them"},
	{"store", "where the registry is"},
	{"doctor", "settle what an interrupted operation left"},
	{"help", "this help; also of a command"},
	{"version", "the program's version"},
};

static const char *const exit_codes[][2] = {
	{"0", "done"},
	{"1", "error: nothing was changed, or what was begun is undone by the next operation"},
	{"2", "the words of the call are wrong"},
	{"3", "the call is valid, its answer is no: a check failed, a value differs"},
};

/* Whether path begins with the words of prefix. */
static bool under(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	return len == 0 || (strncmp(path, prefix, len) == 0 && (!path[len] || path[len] == ' '));
}

/* "LABEL --algorithm A [--sheets DIR]" */
static void print_synopsis(const struct cli_command *c)
{
	for (size_t i = 0; i < CLI_POSITIONAL_MAX && c->positional[i].name; i++)
		printf(" %s", c->positional[i].name);
	for (size_t i = 0; i < CLI_OPTIONS_MAX && c->options[i].name; i++) {
		const struct cli_option *o = &c->options[i];
		bool required = o->kind == OPTION_REQUIRED;

		printf(" %s%s%s%s%s%s", required ? "" : "[", o->name, o->value ? " " : "",
			o->value ? o->value : "", required ? "" : "]",
			o->kind == OPTION_REPEATED ? "…" : "");
	}
}

static void print_option(const char *name, const char *value, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", name, value ? " " : "", value ? value : "");
	if (strlen(left) > 24)
		printf("  %s\n  %-24s  %s\n", left, "", help);
	else
		printf("  %-24s  %s\n", left, help);
}

static void print_flags(const struct cli_command *c)
{
	if (c->flags & CLI_OFFICERS)
		printf("\nNeeds two different officers: --officers A,B.\n");
	if (c->flags & CLI_CHANGES)
		printf("\nTakes --dry-run: everything is checked, nothing is changed.\n");
}

static void help_command(const struct cli_command *c)
{
	printf("cardkms %s: %s\n\nusage: cardkms %s%s", c->path, c->summary,
		c->flags & CLI_NO_SITE ? "" : "-s DIR ", c->path);
	print_synopsis(c);
	printf("\n");
	if (c->details)
		printf("\n%s\n", c->details);
	if (c->positional[0].name || c->options[0].name)
		printf("\n");
	for (size_t i = 0; i < CLI_POSITIONAL_MAX && c->positional[i].name; i++)
		print_option(c->positional[i].name, NULL, c->positional[i].help);
	for (size_t i = 0; i < CLI_OPTIONS_MAX && c->options[i].name; i++)
		print_option(c->options[i].name, c->options[i].value, c->options[i].help);
	print_flags(c);
	printf("\nOptions that every command takes: cardkms help\n");
}

static void help_top(void)
{
	printf("cardkms: open key management for the keys that protect smart cards\n\n"
	       "usage: cardkms [-s DIR] [option…] NOUN VERB …\n\n");
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		print_option(nouns[i].noun, NULL, nouns[i].about);
	printf("\nOptions that every command takes:\n");
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		print_option(o->name, o->value, o->help);
	printf("\nExit codes:\n");
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		print_option(exit_codes[i][0], NULL, exit_codes[i][1]);
	printf("\n'cardkms help NOUN' lists its commands, 'cardkms help NOUN VERB' explains "
	       "one.\n");
}

bool cli_help(const char *path)
{
	const struct cli_command *only = NULL;
	size_t found = 0;

	if (!*path) {
		help_top();
		return true;
	}
	for (const struct cli_command *c = cli_commands; c->path; c++)
		if (under(c->path, path)) {
			found++;
			only = c;
		}
	if (found == 1) {
		help_command(only);
		return true;
	}
	for (const struct cli_command *c = cli_commands; found && c->path; c++)
		if (under(c->path, path)) {
			printf("cardkms %s", c->path);
			print_synopsis(c);
			printf("\n    %s\n", c->summary);
		}
	return found > 0;
}

/* Text for roff: a dot or quote that begins a line, backslashes and hyphens are escaped. */
static void roff(const char *text)
{
	for (const char *start = text; *text; text++) {
		if ((*text == '.' || *text == '\'') && (text == start || text[-1] == '\n'))
			printf("\\&");
		if (*text == '\\')
			printf("\\e");
		else if (*text == '-')
			printf("\\-");
		else if (*text == '\n')
			printf("%s", text[1] == '\n' ? "\n" : "\n.br\n");
		else
			putchar(*text);
	}
}

static void man_option(const char *name, const char *value, const char *help)
{
	printf(".TP\n\\fB");
	roff(name);
	printf("\\fR");
	if (value)
		printf(" \\fI%s\\fR", value);
	printf("\n");
	roff(help);
	printf("\n");
}

static void man_command(const struct cli_command *c)
{
	printf(".SS \"cardkms %s\"\n", c->path);
	printf("\\fBcardkms %s\\fR", c->path);
	for (size_t i = 0; i < CLI_POSITIONAL_MAX && c->positional[i].name; i++)
		printf(" \\fI%s\\fR", c->positional[i].name);
	for (size_t i = 0; i < CLI_OPTIONS_MAX && c->options[i].name; i++) {
		const struct cli_option *o = &c->options[i];
		bool required = o->kind == OPTION_REQUIRED;

		printf(" %s\\fB", required ? "" : "[");
		roff(o->name);
		printf("\\fR%s%s%s", o->value ? " " : "", o->value ? o->value : "",
			required ? "" : "]");
	}
	printf("\n.PP\n");
	roff(c->summary);
	printf(".\n");
	if (c->details) {
		printf(".PP\n");
		roff(c->details);
		printf("\n");
	}
	for (size_t i = 0; i < CLI_POSITIONAL_MAX && c->positional[i].name; i++)
		man_option(c->positional[i].name, NULL, c->positional[i].help);
	for (size_t i = 0; i < CLI_OPTIONS_MAX && c->options[i].name; i++)
		man_option(c->options[i].name, c->options[i].value, c->options[i].help);
	if (c->flags & CLI_OFFICERS)
		printf(".PP\nNeeds two different officers (\\fB\\-\\-officers\\fR).\n");
}

void cli_help_man(void)
{
	printf(".TH CARDKMS 1 \"2026-11-23\" \"cardkms " CARDKMS_VERSION "\" \"User commands\"\n"
	       ".SH NAME\ncardkms \\- key management for the keys that protect smart cards\n"
	       ".SH SYNOPSIS\n\\fBcardkms\\fR [\\fB\\-s\\fR \\fIDIR\\fR] [\\fIoption\\fR...] "
	       "\\fINOUN\\fR \\fIVERB\\fR ...\n.SH DESCRIPTION\n"
	       "\\fBcardkms\\fR keeps the master keys of GlobalPlatform smart cards in an HSM, and "
	       "exchanges them between a card manufacturer and a card issuer under a transport key "
	       "that exists outside an HSM only as components, each held by a pair of people.\n"
	       ".PP\nStandard output is data, standard error is talk. Secrets come from a prompt "
	       "or "
	       "from \\fB\\-\\-pin\\-fd\\fR, never from arguments or the environment.\n"
	       ".SH OPTIONS\n");
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		man_option(o->name, o->value, o->help);
	printf(".SH COMMANDS\n");
	for (const struct cli_command *c = cli_commands; c->path; c++)
		man_command(c);
	printf(".SH \"EXIT STATUS\"\n");
	for (size_t i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		man_option(exit_codes[i][0], NULL, exit_codes[i][1]);
	printf(".SH ENVIRONMENT\n");
	man_option("CARDKMS_SITE", NULL, "The site's folder, where -s is not given.");
	printf(".SH FILES\n");
	man_option("DIR/site.ini", NULL,
		"Who the site is, where its token is, what its policy allows.");
	man_option("DIR/cardkms.db", NULL, "Registry, journal and audit log (SQLite).");
	man_option("DIR/cardkms.lock", NULL, "Held while an operation changes something.");
}

enum { PATH_WORDS_MAX = 3 };

static int words_in(const char *path)
{
	int words = 1;

	for (; *path; path++)
		words += *path == ' ';
	return words;
}

void cli_help_bash(void)
{
	printf("# bash completion for cardkms, written by 'cardkms help --bash-completion'\n"
	       "_cardkms()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal path= word i\n\tCOMPREPLY=()\n\tcase $prev in\n"
	       "\t-s|--sheets)\n\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n\t\treturn "
	       ";;\n"
	       "\t-o|--plan|--pairs|--request|--receipt|--identity|--listing)\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\t\treturn ;;\n"
	       "\t--algorithm)\n\t\tmapfile -t COMPREPLY < <(compgen -W "
	       "\"tdea2 tdea3 aes128 aes192 aes256\" -- \"$cur\")\n\t\treturn ;;\n\tesac\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tword=${COMP_WORDS[i]}\n"
	       "\t\tcase $word in\n");
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		if (o->value)
			printf("\t\t%s) ((i++)) ;;\n", o->name);
	printf("\t\t-*) ;;\n\t\t*) path+=\" $word\" ;;\n\t\tesac\n\tdone\n\tcase $path in\n");
	/* Longest first: 'site identity export' is also a 'site identity' with one more word. */
	for (int words = PATH_WORDS_MAX; words > 0; words--)
		for (const struct cli_command *c = cli_commands; c->path; c++) {
			if (words_in(c->path) != words)
				continue;
			printf("\t' %s'|' %s '*)\n\t\tset --", c->path, c->path);
			for (size_t i = 0; i < CLI_OPTIONS_MAX && c->options[i].name; i++)
				printf(" %s", c->options[i].name);
			printf(" ;;\n");
		}
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
		bool verbs = false;

		for (const struct cli_command *c = cli_commands; c->path; c++)
			if (under(c->path, nouns[i].noun) && strchr(c->path, ' ')) {
				const char *verb = strchr(c->path, ' ') + 1;

				if (!verbs)
					printf("\t' %s')\n\t\tset --", nouns[i].noun);
				verbs = true;
				printf(" %.*s", (int)strcspn(verb, " "), verb);
			}
		if (verbs)
			printf(" ;;\n");
	}
	printf("\t'')\n\t\tset --");
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		printf(" %s", nouns[i].noun);
	printf(" ;;\n\t*) set -- ;;\n\tesac\n\t[[ $cur == -* ]] && set -- \"$@\"");
	for (const struct cli_option *o = cli_global_options; o->name; o++)
		printf(" %s", o->name);
	printf("\n\tmapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$cur\")\n"
	       "\t[[ -z $cur || ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f "
	       "-- "
	       "\"$cur\")\n}\ncomplete -F _cardkms cardkms\n");
}

/* Letters that differ, with insertions and deletions (Levenshtein), for short words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32];
	size_t len = strlen(b);

	if (len >= sizeof(row) / sizeof(row[0]))
		return 99;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t above = row[j];
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[len];
}

const char *cli_nearest(const char *word)
{
	const char *best = NULL;
	size_t best_distance = 3;

	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (distance(word, nouns[i].noun) < best_distance) {
			best = nouns[i].noun;
			best_distance = distance(word, best);
		}
	return best;
}
