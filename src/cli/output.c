/* SPDX-License-Identifier: Apache-2.0 */
/* What a command reports, as JSON or as text. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 18, JSON_FORMAT_VERSION = 1 };

static int exit_code(enum kms_status st)
{
	switch (st) {
	case KMS_OK:
		return 0;
	case KMS_ERR_USAGE:
		return 2;
	case KMS_ERR_MISMATCH:
		return 3;
	default:
		return 1;
	}
}

/* A message may quote what was typed, or have been cut within a character: JSON takes only UTF-8. */
static json_t *error_object(enum kms_status st, const struct kms_err *err)
{
	char msg[sizeof(err->msg)], hint[sizeof(err->hint)];

	if (st == KMS_OK)
		return json_null();
	text_clean(err->msg, msg, sizeof(msg));
	text_clean(err->hint, hint, sizeof(hint));
	return json_pack("{s:s, s:s?, s:s, s:s?}", "code", kms_status_name(st), "native",
		err->native[0] ? err->native : NULL, "message", msg, "hint", hint[0] ? hint : NULL);
}

/* False if stdout did not take it: a caller must not think that all was well. */
static bool print_json(struct cli *cli, enum kms_status st, const struct kms_err *err)
{
	json_t *result = cli->result ? json_incref(cli->result) : json_null();
	JS_AUTO json_t *object = json_pack("{s:i, s:s, s:b, s:o, s:o}", "cardkms",
		JSON_FORMAT_VERSION, "command", cli->command ? cli->command->path : "", "ok",
		st == KMS_OK, "result", result, "error", error_object(st, err));
	BUF_AUTO struct buf text = {0};

	if (!object || js_line(object, &text, NULL))
		return false;
	return fprintf(stdout, "%s\n", buf_text(&text)) > 0;
}

int cli_finish(struct cli *cli, enum kms_status st, const struct kms_err *err)
{
	bool written = true;

	if (cli->json)
		written = print_json(cli, st, err);
	else if (st) {
		cli_say("cardkms: %s", err->msg);
		if (err->native[0])
			cli_say("         (%s)", err->native);
		if (err->hint[0])
			cli_say("         %s", err->hint);
	}
	if (fflush(stdout) != 0 || ferror(stdout) || !written) {
		cli_say("cardkms: cannot write to standard output");
		return 1;
	}
	return exit_code(st);
}

/* Text of others (documents, tokens, the store) on one line, without what a terminal obeys. */
static void clean_text(const char *text, struct buf *out)
{
	FREE_AUTO char *clean = malloc(strlen(text) + 1);

	if (!clean)
		return;
	text_clean(text, clean, strlen(text) + 1);
	(void)!buf_puts(out, clean, NULL);
}

/* A member as text; numbers and truth values too, a list with commas. */
static void value_text(const json_t *value, struct buf *out)
{
	const json_t *item;
	size_t i;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		clean_text(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		(void)!buf_printf(out, NULL, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_TRUE:
		(void)!buf_puts(out, "yes", NULL);
		break;
	case JSON_FALSE:
		(void)!buf_puts(out, "no", NULL);
		break;
	case JSON_ARRAY:
		json_array_foreach(value, i, item)
		{
			if (i)
				(void)!buf_puts(out, ", ", NULL);
			value_text(item, out);
		}
		break;
	default:
		(void)!buf_puts(out, "-", NULL);
	}
}

/* Columns on a terminal: characters, not bytes, of UTF-8. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xC0) != 0x80;
	return width;
}

/* Copies the next word of a blank-separated list; false at its end. */
static bool next_word(const char **list, char *word, size_t size)
{
	size_t len;

	*list += strspn(*list, " ");
	len = strcspn(*list, " ");
	if (len == 0 || len >= size)
		return false;
	memcpy(word, *list, len);
	word[len] = 0;
	*list += len;
	return true;
}

/* The member's name as people read it: "check_value" is "check value". */
static void spell(char *name)
{
	for (; *name; name++)
		if (*name == '_')
			*name = ' ';
}

void cli_print_fields(struct cli *cli, const json_t *object, const char *names)
{
	char name[64];

	if (cli->json || cli->screen)
		return;
	while (next_word(&names, name, sizeof(name))) {
		const json_t *value = json_object_get(object, name);
		BUF_AUTO struct buf text = {0};

		if (!value || json_is_null(value))
			continue;
		value_text(value, &text);
		spell(name);
		printf("%-*s  %s\n", NAME_WIDTH, name, buf_text(&text));
	}
}

static void print_cell(const char *text, size_t width, bool last)
{
	fputs(text, stdout);
	if (last) {
		putchar('\n');
		return;
	}
	for (size_t i = text_width(text); i < width + 2; i++)
		putchar(' ');
}

void cli_print_table(struct cli *cli, const json_t *array, const char *names)
{
	enum { COLUMNS_MAX = 16 };
	char column[COLUMNS_MAX][64];
	size_t width[COLUMNS_MAX];
	size_t columns = 0, i;
	const json_t *row;

	if (cli->json || cli->screen)
		return;
	while (columns < COLUMNS_MAX && next_word(&names, column[columns], sizeof(column[0]))) {
		width[columns] = strlen(column[columns]);
		json_array_foreach(array, i, row)
		{
			BUF_AUTO struct buf text = {0};

			value_text(json_object_get(row, column[columns]), &text);
			if (text_width(buf_text(&text)) > width[columns])
				width[columns] = text_width(buf_text(&text));
		}
		columns++;
	}
	for (size_t c = 0; c < columns; c++) {
		char title[sizeof(column[0])];

		memcpy(title, column[c], sizeof(title));
		spell(title);
		print_cell(title, width[c], c + 1 == columns);
	}
	json_array_foreach(array, i, row)
	{
		for (size_t c = 0; c < columns; c++) {
			BUF_AUTO struct buf text = {0};

			value_text(json_object_get(row, column[c]), &text);
			print_cell(buf_text(&text), width[c], c + 1 == columns);
		}
	}
}

KMS_PRINTF(2, 0)
static void put_lines(FILE *to, const char *fmt, va_list args)
{
	FREE_AUTO char *clean = NULL;
	FREE_AUTO char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	clean = text ? text_clean_lines(text) : NULL;
	fprintf(to, "%s\n", clean ? clean : "(out of memory)");
}

void cli_print(struct cli *cli, const char *fmt, ...)
{
	va_list args;

	if (cli->json || cli->screen)
		return;
	va_start(args, fmt);
	put_lines(stdout, fmt, args);
	va_end(args);
}

void cli_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_lines(stderr, fmt, args);
	va_end(args);
}
