/* SPDX-License-Identifier: Apache-2.0 */
/* CAP files, made here: what a good one says, and each way in which one can be bad. */
#include "card/cap.h"
#include "support/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <zip.h>

static struct kms_err err;

static const char *const names[] = {"Header", "Directory", "Import", "Applet", "Class", "Method",
	"StaticField", "Export", "ConstantPool", "RefLocation", "Descriptor"};

/* Contents without tag and size; NULL: left out. */
struct part {
	unsigned char tag;
	unsigned char bytes[64];
	size_t len;
};

/* Package A00000000101 2.1, imports A0000000620101 1.6, applet A0000000010101. */
static const struct part good[CAP_COMPONENTS] = {
	{1, {0xDE, 0xCA, 0xFF, 0xED, 2, 2, 4, 1, 2, 6, 0xA0, 0, 0, 0, 1, 1}, 16},
	{2, {0, 16, 0, 31, 0, 11, 0, 11, 0, 2, 0, 1, 0, 3, 0, 10, 0, 4, 0, 0, 0, 5}, 31},
	{4, {1, 6, 1, 7, 0xA0, 0, 0, 0, 0x62, 1, 1}, 11},
	{3, {1, 7, 0xA0, 0, 0, 0, 1, 1, 1, 0, 5}, 11},
	{6, {0}, 1},
	{7, {0, 1, 2}, 3},
	{8, {0}, 10},
	{0, {0}, 0},
	{5, {0}, 2},
	{9, {0}, 4},
	{11, {0}, 5},
};

struct zipfile {
	zip_source_t *source;
	zip_t *archive;
	char store[CAP_COMPONENTS + 4][80];
	size_t used;
};

static void zip_begin(struct zipfile *z)
{
	*z = (struct zipfile){.source = zip_source_buffer_create(NULL, 0, 0, NULL)};
	assert_non_null(z->source);
	zip_source_keep(z->source);
	z->archive = zip_open_from_source(z->source, ZIP_TRUNCATE, NULL);
	assert_non_null(z->archive);
}

static void zip_put(struct zipfile *z, const char *name, const void *data, size_t len)
{
	zip_source_t *s = zip_source_buffer(z->archive, data, len, 0);

	assert_non_null(s);
	assert_true(zip_file_add(z->archive, name, s, ZIP_FL_ENC_UTF_8) >= 0);
}

static void zip_parts(struct zipfile *z, const char *folder, const struct part *parts)
{
	for (size_t i = 0; i < CAP_COMPONENTS; i++) {
		char name[64];
		char *at = z->store[z->used++];

		if (!parts[i].tag)
			continue;
		at[0] = (char)parts[i].tag;
		at[1] = 0;
		at[2] = (char)parts[i].len;
		memcpy(at + 3, parts[i].bytes, parts[i].len);
		snprintf(name, sizeof(name), "%s/javacard/%s.cap", folder, names[i]);
		zip_put(z, name, at, 3 + parts[i].len);
	}
}

static void zip_end(struct zipfile *z, struct buf *ret)
{
	zip_stat_t st;

	assert_int_equal(zip_close(z->archive), 0);
	assert_int_equal(zip_source_open(z->source), 0);
	assert_int_equal(zip_source_stat(z->source, &st), 0);
	ret->data = malloc(st.size);
	assert_non_null(ret->data);
	assert_int_equal(zip_source_read(z->source, ret->data, st.size), st.size);
	ret->len = st.size;
	zip_source_close(z->source);
	zip_source_free(z->source);
}

/* A CAP file of these components, and a manifest that is passed over. */
static void make(const struct part *parts, struct buf *ret)
{
	struct zipfile z;

	zip_begin(&z);
	zip_put(&z, "META-INF/MANIFEST.MF", "x\n", 2);
	zip_parts(&z, "org/example", parts);
	zip_end(&z, ret);
}

static void refused(const struct part *parts, const char *text)
{
	BUF_AUTO struct buf file = {0};
	struct cap cap;

	make(parts, &file);
	expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID, text);
}

static void test_good(void **state)
{
	static const unsigned char applet[] = {0xA0, 0, 0, 0, 1, 1, 1};
	unsigned char hash[HASH_SIZE], want[HASH_SIZE];
	BUF_AUTO struct buf file = {0};
	CAP_AUTO struct cap cap = {0};

	(void)state;
	make(good, &file);
	expect_ok(&err, cap_read(file.data, file.len, &cap, &err));
	assert_int_equal(cap.package.aid.len, 6);
	assert_int_equal(cap.package.major, 2);
	assert_int_equal(cap.package.minor, 1);
	assert_int_equal(cap.import_count, 1);
	assert_int_equal(cap.imports[0].major, 1);
	assert_int_equal(cap.imports[0].minor, 6);
	assert_int_equal(cap.applet_count, 1);
	assert_int_equal(cap.applets[0].len, sizeof(applet));
	assert_memory_equal(cap.applets[0].bytes, applet, sizeof(applet));
	assert_int_equal(cap.sizes[CAP_EXPORT], 0);
	assert_int_equal(cap.code.len, cap.code_len + 8);
	/* Import (04) before Applet (03): order of loading, not of tags. */
	assert_int_equal(cap.code.data[19 + 34], 4);
	assert_int_equal(cap.code.data[19 + 34 + 14], 3);
	expect_ok(&err, cap_hash(&cap, false, hash, &err));
	expect_ok(&err, hash_sha256(cap.code.data, cap.code_len, want, &err));
	assert_memory_equal(hash, want, HASH_SIZE);
}

static void test_truncated(void **state)
{
	BUF_AUTO struct buf file = {0};
	struct cap cap;

	(void)state;
	make(good, &file);
	for (size_t len = 0; len < file.len; len++)
		assert_int_equal(cap_read(file.data, len, &cap, &err), KMS_ERR_INVALID);
}

static void test_components(void **state)
{
	struct part parts[CAP_COMPONENTS];

	(void)state;
	memcpy(parts, good, sizeof(parts));
	parts[CAP_METHOD].len = 4;
	refused(parts, "component Method has 4 bytes, Directory says 3");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_METHOD].tag = 0;
	refused(parts, "component Method is missing");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_METHOD].tag = 6;
	refused(parts, "component Method has tag 06, not 07");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_HEADER].bytes[0] = 0;
	refused(parts, "DECAFFED");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_HEADER].bytes[6] = 0;
	refused(parts, "Header says that it has none");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_IMPORT].bytes[0] = 2;
	refused(parts, "Import ends in the middle");
	memcpy(parts, good, sizeof(parts));
	parts[CAP_APPLET].bytes[1] = 4;
	assert_int_equal(parts[CAP_APPLET].bytes[1], 4);
	refused(parts, "Applet");
}

static void test_size_field(void **state)
{
	static const char method[] = {7, 0, 9, 0};
	BUF_AUTO struct buf file = {0};
	struct part parts[CAP_COMPONENTS];
	struct zipfile z;
	struct cap cap;

	(void)state;
	memcpy(parts, good, sizeof(parts));
	parts[CAP_METHOD].tag = 0;
	zip_begin(&z);
	zip_parts(&z, "a", parts);
	zip_put(&z, "a/javacard/Method.cap", method, sizeof(method));
	zip_end(&z, &file);
	expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
		"component Method says it has 9 bytes, and has 1");
}

static void test_archive(void **state)
{
	static const char *const paths[] = {
		"../evil", "/etc/evil", "a/../../evil", "a\\evil", "x/.."};
	struct cap cap;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		BUF_AUTO struct buf file = {0};
		struct zipfile z;

		zip_begin(&z);
		zip_parts(&z, "a", good);
		zip_put(&z, paths[i], "x", 1);
		zip_end(&z, &file);
		expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
			"leads out of the archive");
	}
	{
		BUF_AUTO struct buf file = {0};
		struct zipfile z;

		zip_begin(&z);
		zip_parts(&z, "a", good);
		zip_put(&z, "b/javacard/Export.cap", "\x0A\0\0", 3);
		zip_end(&z, &file);
		expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
			"components of two packages");
	}
}

/* No library writes a name twice: another name of the same length is changed in its two headers. */
static void test_twice(void **state)
{
	static const char spare[] = "a/javacard/Mezhod.cap";
	BUF_AUTO struct buf file = {0};
	struct zipfile z;
	struct cap cap;
	unsigned patched = 0;

	(void)state;
	zip_begin(&z);
	zip_parts(&z, "a", good);
	zip_put(&z, spare, "\x07\0\0", 3);
	zip_end(&z, &file);
	for (size_t i = 0; i + strlen(spare) <= file.len; i++) {
		if (memcmp(file.data + i, spare, strlen(spare)) != 0)
			continue;
		file.data[i + strlen("a/javacard/Me")] = 't';
		patched++;
	}
	assert_int_equal(patched, 2);
	expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
		"File already exists");
}

static void test_two_folders(void **state)
{
	BUF_AUTO struct buf file = {0};
	struct zipfile z;
	struct cap cap;

	(void)state;
	zip_begin(&z);
	zip_parts(&z, "a", good);
	zip_put(&z, "b/javacard/Method.cap", "\x07\0\0", 3);
	zip_end(&z, &file);
	expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
		"component Method is in it twice");
}

/* Each one that a package must have. */
static void test_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < CAP_COMPONENTS; i++) {
		struct part parts[CAP_COMPONENTS];
		char text[64];

		if (i == CAP_APPLET || i == CAP_EXPORT || i == CAP_DESCRIPTOR)
			continue;
		memcpy(parts, good, sizeof(parts));
		parts[i].tag = 0;
		snprintf(text, sizeof(text), "component %s is missing", names[i]);
		refused(parts, text);
	}
}

/* 8 MiB of zeros pack into some 8 KiB. */
static void test_bomb(void **state)
{
	const size_t len = 8u << 20;
	BUF_AUTO struct buf file = {0};
	FREE_AUTO char *zeros = calloc(1, len);
	struct zipfile z;
	struct cap cap;

	(void)state;
	assert_non_null(zeros);
	zip_begin(&z);
	zip_put(&z, "a/javacard/Method.cap", zeros, len);
	zip_end(&z, &file);
	assert_true(file.len < 32 * 1024);
	expect_err(&err, cap_read(file.data, file.len, &cap, &err), KMS_ERR_INVALID,
		"more than 65538 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_size_field),
		cmocka_unit_test(test_archive),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_two_folders),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
