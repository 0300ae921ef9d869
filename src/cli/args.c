/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to struct cli, by the command table. */
#include "cli/cli.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option *find_option(const struct cli_option *options, const char *word)
{
	for (; options->name; options++)
		if (strcmp(options->name, word) == 0)
			return options;
	return NULL;
}

static size_t path_words(const char *path)
{
	size_t words = 1;

	for (; *path; path++)
		words += *path == ' ';
	return words;
}

/* Whether the words that are not options start with this command's path. */
static bool path_matches(const char *path, char *const *words, size_t count)
{
	for (size_t i = 0; *path; i++) {
		size_t len = strcspn(path, " ");

		if (i == count || strlen(words[i]) != len || strncmp(words[i], path, len) != 0)
			return false;
		path += len + (path[len] == ' ');
	}
	return true;
}

static const struct cli_command *find_command(char *const *words, size_t count)
{
	const struct cli_command *best = NULL;

	for (const struct cli_command *c = cli_commands; c->path; c++)
		if (path_matches(c->path, words, count) &&
			(!best || path_words(c->path) > path_words(best->path)))
			best = c;
	return best;
}

/* Splits "--name=value"; true if there was a '='. */
static bool split_assignment(char *word, char **ret_value)
{
	char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;

	if (!equals)
		return false;
	*equals = 0;
	*ret_value = equals + 1;
	return true;
}

/*
 * Which words are not options. Before the command is known, an option that takes a value can only
 * be a global one: any other stands after the command's words.
 */
static size_t bare_words(int argc, char **argv, char **words)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		const struct cli_option *option;

		if (argv[i][0] != '-' || !argv[i][1]) {
			words[count++] = argv[i];
			continue;
		}
		option = find_option(cli_global_options, argv[i]);
		if (option && option->value)
			i++;
	}
	return count;
}

static enum kms_status usage_hint(const struct cli *cli, struct kms_err *err)
{
	return kms_hint(err, "see 'cardkms help%s%s'", cli->command ? " " : "",
		cli->command ? cli->command->path : "");
}

static enum kms_status set_global(
	struct cli *cli, const char *name, const char *value, struct kms_err *err)
{
	char *end;

	if (strcmp(name, "-s") == 0) {
		cli->site = value;
	} else if (strcmp(name, "--json") == 0) {
		cli->json = true;
	} else if (strcmp(name, "--dry-run") == 0) {
		cli->dry_run = true;
	} else if (strcmp(name, "--yes") == 0) {
		cli->yes = true;
	} else if (strcmp(name, "--help") == 0) {
		cli->help = true;
	} else if (strcmp(name, "--version") == 0) {
		cli->version = true;
	} else if (strcmp(name, "--officers") == 0) {
		cli->officers = value;
	} else if (strcmp(name, "--override") == 0) {
		cli->override_reason = value;
	} else if (strcmp(name, "--digest") == 0) {
		cli->digest = value;
	} else if (strcmp(name, "--pin-fd") == 0) {
		long fd = strtol(value, &end, 10);

		if (!*value || *end || fd < 0 || fd > 1 << 20)
			return kms_fail(err, KMS_ERR_USAGE,
				"--pin-fd takes the number of an open file, not '%s'", value);
		cli->pin_fd = (int)fd;
	}
	return KMS_OK;
}

static enum kms_status set_option(
	struct cli *cli, const struct cli_option *option, const char *value, struct kms_err *err)
{
	size_t place = (size_t)(option - cli->command->options);
	size_t max = option->kind == OPTION_REPEATED ? CLI_REPEAT_MAX : 1;

	if (cli->value_count[place] == max)
		return kms_fail(err, KMS_ERR_USAGE, "%s is given %s", option->name,
			max == 1 ? "twice" : "too often");
	cli->values[place][cli->value_count[place]++] = value ? value : "";
	return KMS_OK;
}

/* A bare word after the path: the next positional, or one more value of the option before it. */
static enum kms_status set_word(struct cli *cli, const struct cli_option *last, const char *word,
	size_t *positionals, struct kms_err *err)
{
	if (*positionals < CLI_POSITIONAL_MAX && cli->command->positional[*positionals].name) {
		cli->positional[(*positionals)++] = word;
		return KMS_OK;
	}
	if (last && last->kind == OPTION_REPEATED)
		return set_option(cli, last, word, err);
	return kms_fail(err, KMS_ERR_USAGE, "'%s' is one word too many for 'cardkms %s'", word,
		cli->command->path);
}

static enum kms_status check_complete(
	const struct cli *cli, size_t positionals, struct kms_err *err)
{
	const struct cli_command *command = cli->command;

	if (positionals < CLI_POSITIONAL_MAX && command->positional[positionals].name &&
		command->positional[positionals].name[0] != '[')
		return kms_fail(err, KMS_ERR_USAGE, "'cardkms %s' needs %s", command->path,
			command->positional[positionals].name);
	for (size_t i = 0; i < CLI_OPTIONS_MAX && command->options[i].name; i++)
		if (command->options[i].kind == OPTION_REQUIRED && !cli->value_count[i])
			return kms_fail(err, KMS_ERR_USAGE, "'cardkms %s' needs %s %s",
				command->path, command->options[i].name, command->options[i].value);
	if (cli->dry_run && !(command->flags & CLI_CHANGES))
		return kms_fail(err, KMS_ERR_USAGE, "'cardkms %s' changes nothing: no --dry-run",
			command->path);
	return KMS_OK;
}

static enum kms_status parse_words(
	struct cli *cli, int argc, char **argv, size_t path_left, struct kms_err *err)
{
	const struct cli_option *last = NULL;
	size_t positionals = 0;
	bool only_words = false;
	enum kms_status st;

	for (int i = 1; i < argc; i++) {
		const struct cli_option *option;
		char *value = NULL;
		bool global;

		if (only_words || argv[i][0] != '-' || !argv[i][1]) {
			if (path_left) {
				path_left--;
				continue;
			}
			st = set_word(cli, last, argv[i], &positionals, err);
			if (st)
				return st;
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			only_words = true;
			continue;
		}
		split_assignment(argv[i], &value);
		option = find_option(cli_global_options, argv[i]);
		global = option != NULL;
		if (!option)
			option = find_option(cli->command->options, argv[i]);
		if (!option)
			return kms_fail(err, KMS_ERR_USAGE, "'cardkms %s' has no option '%s'",
				cli->command->path, argv[i]);
		if (option->value && !value) {
			if (++i == argc)
				return kms_fail(err, KMS_ERR_USAGE, "%s needs a value (%s)",
					option->name, option->value);
			value = argv[i];
		} else if (!option->value && value) {
			return kms_fail(err, KMS_ERR_USAGE, "%s takes no value", option->name);
		}
		if (global) {
			st = set_global(cli, option->name, value, err);
		} else {
			st = set_option(cli, option, value, err);
			last = option;
		}
		if (st)
			return st;
	}
	return cli->help || cli->version ? KMS_OK : check_complete(cli, positionals, err);
}

enum kms_status cli_parse(struct cli *cli, int argc, char **argv, struct kms_err *err)
{
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	size_t count;
	enum kms_status st;

	if (!words)
		return kms_nomem(err);
	count = bare_words(argc, argv, words);
	cli->command = find_command(words, count);
	if (!cli->command) {
		const char *near = count ? cli_nearest(words[0]) : NULL;

		cli->help_on = count ? words[0] : "";
		/* --json and --help must be seen even so: they decide how the answer looks. */
		for (int i = 1; i < argc; i++) {
			cli->json |= strcmp(argv[i], "--json") == 0;
			cli->help |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
			cli->version |= strcmp(argv[i], "--version") == 0;
		}
		if (count == 0)
			st = kms_fail(err, KMS_ERR_USAGE, "no command given");
		else
			st = kms_fail(err, KMS_ERR_USAGE, "there is no command '%s%s%s'", words[0],
				count > 1 ? " " : "", count > 1 ? words[1] : "");
		if (near && strcmp(near, words[0]) != 0)
			kms_hint(err, "did you mean '%s'? See 'cardkms help'", near);
		else
			kms_hint(err, "see 'cardkms help%s%s'", near ? " " : "", near ? near : "");
	} else {
		st = parse_words(cli, argc, argv, path_words(cli->command->path), err);
		if (st)
			usage_hint(cli, err);
	}
	free(words);
	return st;
}

static size_t option_place(const struct cli *cli, const char *option)
{
	for (size_t i = 0; i < CLI_OPTIONS_MAX && cli->command->options[i].name; i++)
		if (strcmp(cli->command->options[i].name, option) == 0)
			return i;
	abort(); /* a command asks for an option that its table entry lacks */
}

const char *cli_value(const struct cli *cli, const char *option)
{
	return cli->values[option_place(cli, option)][0];
}

bool cli_switch(const struct cli *cli, const char *option)
{
	return cli->value_count[option_place(cli, option)] > 0;
}

enum kms_status cli_values(const struct cli *cli, const char *option, char ***ret_values,
	size_t *ret_count, struct kms_err *err)
{
	size_t place = option_place(cli, option);
	char **values = NULL;
	size_t count = 0;

	for (size_t i = 0; i < cli->value_count[place]; i++) {
		const char *p = cli->values[place][i];

		while (*p) {
			size_t len = strcspn(p, ",");
			char **grown = reallocarray(values, count + 1, sizeof(*values));

			if (grown) {
				values = grown;
				values[count] = strndup(p, len);
			}
			if (!grown || !values[count]) {
				cli_values_free(values, count);
				return kms_nomem(err);
			}
			count++;
			p += len + (p[len] == ',');
			p += strspn(p, " ");
		}
	}
	*ret_values = values;
	*ret_count = count;
	return KMS_OK;
}

enum kms_status cli_number(const struct cli *cli, const char *option, long least, long most,
	long otherwise, long *ret_number, struct kms_err *err)
{
	const char *text = cli_value(cli, option);
	char *end;

	*ret_number = text ? strtol(text, &end, 10) : otherwise;
	if (text && (*end || !*text || *ret_number < least || *ret_number > most))
		return kms_fail(err, KMS_ERR_USAGE, "%s is a number from %ld to %ld, not '%s'",
			option, least, most, text);
	return KMS_OK;
}

enum kms_status cli_key_version(const struct cli *cli, const char *option, unsigned max,
	unsigned *ret_version, struct kms_err *err)
{
	const char *text = cli_value(cli, option);
	unsigned long value;
	char *end;

	*ret_version = 0;
	if (!text)
		return KMS_OK;
	value = strtoul(text, &end, 16);
	if (hex_digit(text[0]) < 0 || *end || value < 1 || value > max)
		return kms_fail(err, KMS_ERR_USAGE,
			"%s is a key version in hex, 01 to %02X, not '%s'", option, max, text);
	*ret_version = (unsigned)value;
	return KMS_OK;
}

const char *const *cli_words(const struct cli *cli, const char *option, size_t *ret_count)
{
	const size_t place = option_place(cli, option);

	*ret_count = cli->value_count[place];
	return cli->values[place];
}

void cli_values_free(char **values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(values[i]);
	free(values);
}
