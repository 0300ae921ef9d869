/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls go down only: every #include of src/ names a header of the same layer or of one that
 * src/CMakeLists.txt declares below it (LAYERS: "base= hsm=base …"). cli may use all of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LAYERS_MAX = 32, NAME_SIZE = 32, PATH_SIZE = 4096, LINE_SIZE = 1024 };

struct layer {
	char name[NAME_SIZE];
	char uses[512]; /* ",base,hsm," */
};

struct table {
	struct layer layers[LAYERS_MAX];
	size_t count;
};

struct scan {
	const struct table *table;
	size_t files;
	size_t includes;
	size_t complaints;
};

static void table_parse(const char *text, struct table *ret_table)
{
	char *copy = strdup(text), *save = NULL;

	assert_non_null(copy);
	ret_table->count = 0;
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		struct layer *layer = &ret_table->layers[ret_table->count++];
		char *equals = strchr(word, '=');

		assert_true(ret_table->count <= LAYERS_MAX);
		assert_non_null(equals);
		*equals = 0;
		snprintf(layer->name, sizeof(layer->name), "%s", word);
		snprintf(layer->uses, sizeof(layer->uses), ",%s,", equals + 1);
	}
	free(copy);
}

static const struct layer *table_find(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->layers[i].name, name) == 0)
			return &table->layers[i];
	return NULL;
}

static bool may_include(const struct table *table, const char *from, const char *to)
{
	const struct layer *layer = table_find(table, from);
	char word[NAME_SIZE + 2];

	if (strcmp(from, to) == 0)
		return true;
	if (strcmp(from, "cli") == 0)
		return table_find(table, to) != NULL;
	if (!layer)
		return false;
	snprintf(word, sizeof(word), ",%s,", to);
	return strstr(layer->uses, word) != NULL;
}

static void complain(struct scan *scan, const char *path, int line, const char *what)
{
	print_error("%s:%d: %s\n", path, line, what);
	scan->complaints++;
}

/* Reads the NAME of `#include "NAME"`; false for any other line. */
static bool parse_include(const char *line, char ret_name[LINE_SIZE])
{
	const char *start, *end;

	line += strspn(line, " \t");
	if (*line != '#')
		return false;
	line += 1 + strspn(line + 1, " \t");
	if (strncmp(line, "include", 7) != 0)
		return false;
	start = strchr(line, '"');
	end = start ? strchr(start + 1, '"') : NULL;
	if (!end || end - start > LINE_SIZE - 1)
		return false;
	memcpy(ret_name, start + 1, (size_t)(end - start - 1));
	ret_name[end - start - 1] = 0;
	return true;
}

static void check_include(
	struct scan *scan, const char *folder, const char *path, int line, const char *name)
{
	char file[PATH_SIZE], to[NAME_SIZE], what[LINE_SIZE * 2];
	const char *slash = strchr(name, '/');
	struct stat st;

	scan->includes++;
	snprintf(file, sizeof(file), "%s/%s", SRC_DIR, name);
	if (!slash || strstr(name, "..") || stat(file, &st)) {
		snprintf(what, sizeof(what), "\"%s\" is no header of src/ written as FOLDER/NAME.h",
			name);
		complain(scan, path, line, what);
		return;
	}
	snprintf(to, sizeof(to), "%.*s", (int)(slash - name), name);
	if (!may_include(scan->table, folder, to)) {
		snprintf(what, sizeof(what), "%s/ may not include \"%s\": %s/ is not below it",
			folder, name, to);
		complain(scan, path, line, what);
	}
}

/* Whether the line calls or names `word` as a whole identifier. */
static bool has_word(const char *line, const char *word)
{
	static const char part[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at += len) {
		bool starts = at == line || !strchr(part, at[-1]);

		if (starts && (!at[len] || !strchr(part, at[len])))
			return true;
	}
	return false;
}

/* Only cli/ and tui/ speak to people: no other layer may name these. */
static void check_talk(struct scan *scan, const char *path, int line, const char *text)
{
	static const char *const words[] = {"printf", "vprintf", "puts", "putchar", "perror",
		"stdout", "stderr", "syslog", "dprintf", "getenv"};
	char what[128];

	text += strspn(text, " \t");
	if (*text == '*' || strncmp(text, "/*", 2) == 0 || strncmp(text, "//", 2) == 0)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		/* printf is also the name of an attribute's argument: format(printf, …). */
		if (!has_word(text, words[i]) || strstr(text, "format("))
			continue;
		snprintf(what, sizeof(what),
			"%s: only cli/ and tui/ print and read the environment", words[i]);
		complain(scan, path, line, what);
	}
}

static void check_file(struct scan *scan, const char *folder, const char *path)
{
	char line[LINE_SIZE], name[LINE_SIZE];
	FILE *file = fopen(path, "r");
	int number = 0;

	assert_non_null(file);
	scan->files++;
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (parse_include(line, name))
			check_include(scan, folder, path, number, name);
		else if (strcmp(folder, "cli") != 0 && strcmp(folder, "tui") != 0)
			check_talk(scan, path, number, line);
	}
	fclose(file);
}

static void check_folder(struct scan *scan, const char *folder)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", SRC_DIR, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", SRC_DIR, folder, entry->d_name);
		if (dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0))
			check_file(scan, folder, path);
	}
	closedir(dir);
}

static void test_includes_go_down(void **state)
{
	struct table table;
	struct scan scan = {.table = &table};
	char path[PATH_SIZE];
	struct dirent *entry;
	struct stat st;
	DIR *src = opendir(SRC_DIR);

	(void)state;
	table_parse(LAYERS, &table);
	assert_non_null(src);
	while ((entry = readdir(src))) {
		snprintf(path, sizeof(path), "%s/%s", SRC_DIR, entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		if (strcmp(entry->d_name, "cli") != 0 && !table_find(&table, entry->d_name))
			complain(&scan, path, 0, "no layer of src/CMakeLists.txt");
		else
			check_folder(&scan, entry->d_name);
	}
	closedir(src);
	print_message("%zu includes in %zu files\n", scan.includes, scan.files);
	assert_true(scan.files > 10);
	assert_true(scan.includes > 10);
	assert_int_equal(scan.complaints, 0);
}

/* The declaration itself must have no way up: a layer uses only layers declared before it. */
static void test_layers_have_an_order(void **state)
{
	struct table table;

	(void)state;
	table_parse(LAYERS, &table);
	assert_true(table.count >= 8);
	assert_string_equal(table.layers[0].name, "base");
	assert_string_equal(table.layers[0].uses, ",,");
	for (size_t i = 0; i < table.count; i++) {
		assert_false(may_include(&table, table.layers[i].name, "cli"));
		for (size_t above = i + 1; above < table.count; above++)
			assert_false(may_include(
				&table, table.layers[i].name, table.layers[above].name));
	}
}

/* What the design promises of single layers, whatever the table says. */
static void test_promises(void **state)
{
	static const char *const alone[] = {"hsm", "store", "audit"};
	static const char *const pure[] = {"ceremony", "exchange"};
	struct table table;

	(void)state;
	table_parse(LAYERS, &table);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(table_find(&table, alone[i])->uses, ",base,");
	for (size_t i = 0; i < 2; i++) {
		assert_false(may_include(&table, pure[i], "store"));
		assert_false(may_include(&table, pure[i], "audit"));
		assert_false(may_include(&table, pure[i], "hsm"));
	}
}

/* The scanner itself finds what it is there to find. */
static void test_scanner(void **state)
{
	struct table table;
	struct scan scan = {.table = &table};
	char name[LINE_SIZE];

	(void)state;
	table_parse("base= hsm=base", &table);
	assert_true(parse_include("#include \"base/err.h\"\n", name));
	assert_string_equal(name, "base/err.h");
	assert_true(parse_include(" # include \"x\"", name));
	assert_false(parse_include("#include <stdio.h>", name));
	assert_true(may_include(&table, "hsm", "base"));
	assert_false(may_include(&table, "base", "hsm"));
	check_include(&scan, "hsm", "(wanted)", 1, "base/err.h");
	assert_int_equal(scan.complaints, 0);
	check_include(&scan, "base", "(wanted)", 2, "hsm/hsm.h");
	assert_int_equal(scan.complaints, 1);
	check_include(&scan, "hsm", "(wanted)", 3, "err.h");
	assert_int_equal(scan.complaints, 2);
	check_include(&scan, "hsm", "(wanted)", 4, "hsm/../base/err.h");
	assert_int_equal(scan.complaints, 3);
	check_talk(&scan, "(wanted)", 5, "\tsnprintf(a, b, \"c\");");
	check_talk(&scan, "(wanted)", 6, " * as printf does");
	assert_int_equal(scan.complaints, 3);
	check_talk(&scan, "(wanted)", 7, "\tprintf(\"x\");");
	assert_int_equal(scan.complaints, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_includes_go_down),
		cmocka_unit_test(test_layers_have_an_order),
		cmocka_unit_test(test_promises),
		cmocka_unit_test(test_scanner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
