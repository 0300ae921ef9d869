/* SPDX-License-Identifier: Apache-2.0 */
/* Files, configuration, JSON. */
#include "base/conf.h"
#include "base/file.h"
#include "base/js.h"
#include "support/expect.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kms_err err;
static char folder[] = "/tmp/cardkms-base-XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails if anything was left behind */
}

static void test_write(void **state)
{
	BUF_AUTO struct buf data = {0};
	struct stat info;

	(void)state;
	expect_ok(&err, file_write(path, 0600, "one\0two", 7, &err));
	expect_ok(&err, file_read(path, 7, &data, &err));
	assert_int_equal(data.len, 7);
	assert_memory_equal(data.data, "one\0two", 8);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	expect_err(&err, file_read(path, 6, &data, &err), KMS_ERR_INVALID,
		"is larger than the 6 bytes");
	assert_int_equal(data.len, 7);
	expect_ok(&err, file_write(path, 0600, "", 0, &err));
	expect_ok(&err, file_read(path, 0, &data, &err));
	assert_int_equal(data.len, 0);
	assert_non_null(data.data);
	expect_err(&err, file_create(path, 0600, "x", 1, &err), KMS_ERR_EXISTS, path);
	unlink(path);
	expect_ok(&err, file_create(path, 0640, "new", 3, &err));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 3);
}

static void test_write_fails_whole(void **state)
{
	BUF_AUTO struct buf data = {0};
	char missing[100], full[] = "/dev/full";

	(void)state;
	snprintf(missing, sizeof(missing), "%s/no/such", folder);
	expect_err(&err, file_write(missing, 0600, "x", 1, &err), KMS_ERR_IO, missing);
	expect_err(&err, file_create(missing, 0600, "x", 1, &err), KMS_ERR_IO, missing);
	expect_err(&err, file_read(missing, 10, &data, &err), KMS_ERR_NOT_FOUND, missing);
	expect_err(&err, file_read(folder, 10, &data, &err), KMS_ERR_IO, "it is a folder");
	expect_err(&err, file_write(full, 0600, "x", 1, &err), KMS_ERR_IO, "/dev/full");
	expect_err(&err, file_sync_folder(missing, &err), KMS_ERR_IO, "cannot sync");
	expect_ok(&err, file_write("/dev/null", 0600, "x", 1, &err));
}

static void conf_is_bad(const char *text, size_t len, const char *says)
{
	struct conf conf = {0};

	expect_err(&err, conf_parse("site.ini", text, len, &conf, &err), KMS_ERR_INVALID, says);
	assert_null(conf.entries);
}

static void test_conf(void **state)
{
	static const char text[] = "; a comment\n\n[site]\nname = Example Bank\r\n# another\n"
				   "uri = pkcs11:token=x;y ; said later\n[key \"A b\"]\nx=\ny = "
				   "one\n  two\n\tthree ; no comment\n";
	CONF_AUTO struct conf conf = {0};

	(void)state;
	expect_ok(&err, conf_parse("site.ini", text, sizeof(text) - 1, &conf, &err));
	assert_int_equal(conf.count, 4);
	assert_string_equal(conf_get(&conf, "site", "name"), "Example Bank");
	assert_string_equal(conf_get(&conf, "site", "uri"), "pkcs11:token=x;y");
	assert_string_equal(conf.entries[2].section, "key \"A b\"");
	assert_string_equal(conf.entries[2].value, "");
	assert_string_equal(conf.entries[3].value, "one two three ; no comment");
	assert_int_equal(conf.entries[0].line, 4);
	assert_int_equal(conf.entries[2].line, 8);
	assert_null(conf_get(&conf, "site", "Name"));
	assert_null(conf_get(&conf, "other", "name"));
}

static void test_conf_refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"a = 1\n", "site.ini, line 1: a value before the first [section]"},
		{"[s]\n= 1\n", "line 2: a value without a name"},
		{"[s]\na = 1\na = 2\n", "line 3: 'a' stands twice in [s] (first in line 2)"},
		{"[s]\na = 1\n[t]\nb = 1\n[s]\nc = 1\n", "section [s] stands twice"},
		{"[s]\n[t]\na = 1\n", "line 1: a section without any values"},
		{"[s]\na = 1\n[t]\n", "line 3: a section without any values"},
		{"[s]\nrubbish\n", "line 2: neither [section] nor name = value"},
		{"[s\na = 1\n", "line 2: a value before the first [section]"},
		{"[s]\n  a = 1\nrubbish\n", "line 3: neither [section] nor"},
		{"[s]\na = \xFF\n", "not a text file in UTF-8"},
	};
	char long_line[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		conf_is_bad(rows[i].text, strlen(rows[i].text), rows[i].says);
	conf_is_bad("[s]\na = 1\0\n", 11, "not a text file");
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "[s]\na = ", 8);
	conf_is_bad(long_line, sizeof(long_line), "line 2: longer than");
}

static void test_conf_load(void **state)
{
	CONF_AUTO struct conf conf = {0};

	(void)state;
	expect_ok(&err, file_write(path, 0600, "[s]\na = 1", 9, &err));
	expect_ok(&err, conf_load(path, &conf, &err));
	assert_string_equal(conf.source, path);
	assert_string_equal(conf_get(&conf, "s", "a"), "1");
	assert_int_not_equal(conf_load("/nonexistent/site.ini", &conf, &err), KMS_OK);
	assert_int_equal(conf.count, 1);
}

static const char canonical[] = "{\n  \"a\": [\n    1,\n    true\n  ],\n  \"b\": {},\n"
				"  \"c\": \"\xC3\xA9\\n\"\n}\n";

static void test_js_forms(void **state)
{
	BUF_AUTO struct buf text = {0};
	JS_AUTO json_t *value = NULL;

	(void)state;
	expect_ok(&err, js_parse_canonical("doc", canonical, sizeof(canonical) - 1, &value, &err));
	expect_ok(&err, js_canonical(value, &text, &err));
	assert_string_equal(buf_text(&text), canonical);
	expect_ok(&err, js_line(value, &text, &err));
	assert_string_equal(buf_text(&text), "{\"a\":[1,true],\"b\":{},\"c\":\"\xC3\xA9\\n\"}");
	/* The same in another spelling is read only where spelling does not count. */
	expect_err(&err, js_parse_canonical("doc", text.data, text.len, &value, &err),
		KMS_ERR_INVALID, "not in the form cardkms writes");
	expect_ok(&err, js_parse_object("doc", text.data, text.len, &value, &err));
	expect_err(&err, js_parse_canonical("doc", canonical, sizeof(canonical) - 2, &value, &err),
		KMS_ERR_INVALID, "not in the form");
}

static void test_js_refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"", "doc: not readable"},
		{"[]", "not an object"},
		{"{\"a\":1.0}", "not whole"},
		{"{\"a\":[{\"b\":1e3}]}", "not whole"},
		{"{\"a\":1,\"a\":2}", "duplicate"},
		{"{\"a\":1} x", "doc: not readable, line 1"},
		{"{\"a\":\"\\u0000\"}", "doc: not readable"},
		{"{\"a\":\"\xFF\"}", "doc: not readable"},
		{"{\"a\":99999999999999999999}", "doc: not readable"},
	};
	char deep[5001];
	json_t *value = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_err(&err,
			js_parse_object("doc", rows[i].text, strlen(rows[i].text), &value, &err),
			KMS_ERR_INVALID, rows[i].says);
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"a\":", 5);
	expect_err(&err, js_parse_object("doc", deep, sizeof(deep), &value, &err), KMS_ERR_INVALID,
		"depth");
	assert_null(value);
	expect_err(&err, js_canonical(NULL, &(struct buf){0}, &err), KMS_ERR_INTERNAL, "JSON");
}

static void test_js_get(void **state)
{
	static const char *const names[] = {"list", "map", "n", "text", NULL};
	static const char text[] = "{\"text\":\"t\",\"n\":7,\"list\":[],\"map\":{},\"more\":null}";
	JS_AUTO json_t *doc = NULL;
	json_t *member = NULL;
	const char *t = NULL;
	int64_t n = 0;

	(void)state;
	expect_ok(&err, js_parse_object("doc", text, sizeof(text) - 1, &doc, &err));
	expect_ok(&err, js_get_text(doc, "doc", "text", &t, &err));
	assert_string_equal(t, "t");
	expect_ok(&err, js_get_int(doc, "doc", "n", 7, 7, &n, &err));
	assert_int_equal(n, 7);
	expect_ok(&err, js_get_array(doc, "doc", "list", &member, &err));
	expect_ok(&err, js_get_object(doc, "doc", "map", &member, &err));
	expect_err(&err, js_get_text(doc, "doc", "n", &t, &err), KMS_ERR_INVALID, "no text 'n'");
	expect_err(&err, js_get_text(doc, "doc", "none", &t, &err), KMS_ERR_INVALID, "'none'");
	expect_err(&err, js_get_int(doc, "doc", "n", 8, 9, &n, &err), KMS_ERR_INVALID,
		"no number 'n' from 8 to 9");
	expect_err(
		&err, js_get_int(doc, "doc", "n", 0, 6, &n, &err), KMS_ERR_INVALID, "from 0 to 6");
	expect_err(&err, js_get_int(doc, "doc", "text", 0, 6, &n, &err), KMS_ERR_INVALID, "'text'");
	expect_err(&err, js_get_array(doc, "doc", "map", &member, &err), KMS_ERR_INVALID,
		"no list 'map'");
	expect_err(&err, js_get_object(doc, "doc", "list", &member, &err), KMS_ERR_INVALID,
		"no object 'list'");
	expect_err(
		&err, js_only(doc, "doc", names, &err), KMS_ERR_INVALID, "unknown member 'more'");
	assert_int_equal(json_object_del(doc, "more"), 0);
	expect_ok(&err, js_only(doc, "doc", names, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_fails_whole),
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_conf_refuses),
		cmocka_unit_test(test_conf_load),
		cmocka_unit_test(test_js_forms),
		cmocka_unit_test(test_js_refuses),
		cmocka_unit_test(test_js_get),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
