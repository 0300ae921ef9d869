/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: rows, columns, and every refusal with its place. */
#include "base/csv.h"
#include "support/expect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum kms_status open_text(
	const char *text, size_t len, struct csv **ret_csv, struct kms_err *err)
{
	FILE *stream = fmemopen((void *)(uintptr_t)text, len, "r");

	assert_non_null(stream);
	return csv_open_stream(stream, "cards.csv", ret_csv, err);
}

/* What reading it all ends with: the rows that were read before. */
static size_t read_all(const char *text, size_t len, struct kms_err *err)
{
	CSV_AUTO struct csv *csv = NULL;
	size_t rows = 0;

	if (open_text(text, len, &csv, err))
		return rows;
	while (csv_next(csv, err) == KMS_OK)
		rows++;
	return rows;
}

static void rows_and_columns(void **state)
{
	static const char text[] = "\xEF\xBB\xBFreader,card,kdd\r\n"
				   "\"a, \"\"b\"\"\",K\xC3\xA4rt,0102\n"
				   "\"\",,";
	CSV_AUTO struct csv *csv = NULL;
	struct kms_err err = {0};
	size_t reader, card, kdd;

	(void)state;
	assert_int_equal(open_text(text, sizeof(text) - 1, &csv, &err), KMS_OK);
	assert_int_equal(csv_columns(csv), 3);
	assert_string_equal(csv_name(csv, 2), "kdd");
	assert_int_equal(csv_column(csv, "kdd", &kdd, &err), KMS_OK);
	assert_int_equal(csv_column(csv, "card", &card, &err), KMS_OK);
	assert_int_equal(csv_column(csv, "reader", &reader, &err), KMS_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(csv_next(csv, &err), KMS_OK);
		assert_int_equal(csv_line(csv), 2);
		assert_string_equal(csv_field(csv, reader), "a, \"b\"");
		assert_int_equal(csv_length(csv, reader), 6);
		assert_string_equal(csv_field(csv, card), "K\xC3\xA4rt");
		assert_string_equal(csv_field(csv, kdd), "0102");
		assert_int_equal(csv_next(csv, &err), KMS_OK);
		assert_int_equal(csv_line(csv), 3);
		for (size_t i = 0; i < 3; i++)
			assert_string_equal(csv_field(csv, i), "");
		assert_int_equal(csv_fail(csv, kdd, &err, "%d bytes", 0), KMS_ERR_INVALID);
		assert_string_equal(err.msg, "cards.csv, line 3, column 'kdd': 0 bytes");
		assert_int_equal(csv_next(csv, &err), KMS_ERR_NOT_FOUND);
		assert_int_equal(csv_rewind(csv, &err), KMS_OK);
	}
	assert_int_equal(csv_column(csv, "Card", &card, &err), KMS_ERR_INVALID);
	assert_string_equal(err.msg, "cards.csv, line 1: no column 'Card' in the header");
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *message;
		size_t rows;
	} cases[] = {
		{"a,a\n", "line 1: column 'a' stands twice", 0},
		{"a,,b\n", "line 1: column 2 has no name", 0},
		{"\n", "line 1: empty", 0},
		{"a,b\n1,2\n1\n", "line 3: 1 field, the header has 2", 1},
		{"a,b\n1,2,3\n", "line 2: 3 fields, the header has 2", 0},
		{"a,b\n\n", "line 2: empty", 0},
		{"a,b\n1,2\n\xC3\xA4,\"2\n", "line 3, character 3: a quote that is not closed", 1},
		{"a,b\n\"1\"x,2\n", "line 2, character 4: text after the closing quote", 0},
		{"a,b\n1,2\"3\"\n", "line 2, character 4: a quote inside a field", 0},
		{"a,b\n1,\t2\n", "line 2, character 3: a control character", 0},
		{"a,b\n1\r,2\n", "line 2, character 2: a control character", 0},
		{"a,b\n1,\xC3(\n", "line 2: not valid UTF-8", 0},
	};
	struct kms_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = (struct kms_err){0};
		assert_int_equal(
			read_all(cases[i].text, strlen(cases[i].text), &err), cases[i].rows);
		assert_int_equal(err.code, KMS_ERR_INVALID);
		assert_non_null(strstr(err.msg, cases[i].message));
	}
	assert_int_equal(read_all("a,b\n1,\0\n", 8, &err), 0);
	assert_non_null(strstr(err.msg, "line 2, character 3: a control character"));
}

static void bounds(void **state)
{
	static char text[CSV_LINE_MAX + 8];
	struct kms_err err = {0};

	(void)state;
	memcpy(text, "a\n", 2);
	memset(text + 2, 'x', CSV_LINE_MAX + 1);
	assert_int_equal(read_all(text, CSV_LINE_MAX + 2, &err), 1);
	assert_int_equal(err.code, KMS_OK);
	assert_int_equal(read_all(text, CSV_LINE_MAX + 3, &err), 0);
	assert_string_equal(err.msg, "cards.csv, line 2: longer than 65536 bytes");
	memset(text, ',', CSV_COLUMNS_MAX + 1);
	assert_int_equal(read_all(text, CSV_COLUMNS_MAX, &err), 0);
	assert_string_equal(err.msg, "cards.csv, line 1, character 257: more than 256 fields");
}

/* What is left of a line that was too long is not taken for another. */
static void after_a_wrong_line(void **state)
{
	static char text[3 * CSV_LINE_MAX];
	const size_t len = sizeof(text);
	CSV_AUTO struct csv *csv = NULL;
	struct kms_err err = {0};

	(void)state;
	memset(text, 'x', len);
	memcpy(text, "a\n", 2);
	memcpy(text + len - 6, "\n1,2\n3", 6);
	assert_int_equal(open_text(text, len, &csv, &err), KMS_OK);
	for (int64_t round = 0; round < 2; round++) {
		assert_int_equal(csv_next(csv, &err), KMS_ERR_INVALID);
		assert_string_equal(err.msg, "cards.csv, line 2: longer than 65536 bytes");
		assert_int_equal(csv_next(csv, &err), KMS_ERR_INVALID);
		assert_string_equal(err.msg, "cards.csv, line 3: 2 fields, the header has 1");
		assert_int_equal(csv_next(csv, &err), KMS_OK);
		assert_string_equal(csv_field(csv, 0), "3");
		assert_int_equal(csv_next(csv, &err), KMS_ERR_NOT_FOUND);
		assert_int_equal(csv_rewind(csv, &err), KMS_OK);
	}
	csv_close(&csv);
	assert_int_equal(open_text(text, len - 6, &csv, &err), KMS_OK);
	assert_int_equal(csv_next(csv, &err), KMS_ERR_INVALID);
	assert_int_equal(csv_next(csv, &err), KMS_ERR_NOT_FOUND);
}

/* A stream that counts what is read from it. */
struct counted {
	size_t rows, at, read;
};
enum { COUNTED_ROW = 10 };

static ssize_t counted_read(void *cookie, char *out, size_t size)
{
	struct counted *c = cookie;
	const size_t len = c->rows * COUNTED_ROW;
	size_t n = 0;

	for (; n < size && c->at < len; n++, c->at++) {
		char row[32];

		snprintf(row, sizeof(row), "%09zu\n", c->at / COUNTED_ROW + 1);
		out[n] = row[c->at % COUNTED_ROW];
	}
	c->read += n;
	return (ssize_t)n;
}

static int counted_seek(void *cookie, off64_t *io_at, int whence)
{
	struct counted *c = cookie;

	if (whence != SEEK_SET)
		return -1;
	c->at = (size_t)*io_at;
	return 0;
}

static void row_is(struct csv *csv, int64_t line)
{
	struct kms_err err = {0};

	assert_int_equal(csv_go_to(csv, line, &err), KMS_OK);
	assert_int_equal(csv_line(csv), line);
	assert_int_equal(atoll(csv_field(csv, 0)), line);
}

/* As many rows as there may be, in their order: each byte is read once. Back: from the start, once more. */
static void rows_by_line(void **state)
{
	static const cookie_io_functions_t io = {.read = counted_read, .seek = counted_seek};
	struct counted c = {.rows = 100000};
	FILE *stream = fopencookie(&c, "r", io);
	const size_t size = c.rows * COUNTED_ROW;
	CSV_AUTO struct csv *csv = NULL;
	struct kms_err err = {0};

	(void)state;
	assert_non_null(stream);
	assert_int_equal(csv_open_stream(stream, "counted", &csv, &err), KMS_OK);
	for (int64_t line = 2; line <= (int64_t)c.rows; line += 1 + line % 3)
		row_is(csv, line);
	row_is(csv, (int64_t)c.rows);
	assert_in_range(c.read, size, size);
	assert_int_equal(csv_go_to(csv, (int64_t)c.rows + 1, &err), KMS_ERR_NOT_FOUND);
	assert_int_equal(err.code, KMS_OK);
	row_is(csv, 7);
	row_is(csv, 7);
	row_is(csv, (int64_t)c.rows);
	assert_in_range(c.read, 2 * size, 2 * size + 3 * CSV_LINE_MAX);
}

/* Lines before it may be wrong; it may not. */
static void rows_among_wrong_ones(void **state)
{
	static const char text[] = "a,b\n1\n\n3,4\n5\n6,7\n";
	CSV_AUTO struct csv *csv = NULL;
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(open_text(text, sizeof(text) - 1, &csv, &err), KMS_OK);
	assert_int_equal(csv_go_to(csv, 4, &err), KMS_OK);
	assert_int_equal(err.code, KMS_OK);
	assert_string_equal(csv_field(csv, 1), "4");
	assert_int_equal(csv_go_to(csv, 5, &err), KMS_ERR_INVALID);
	assert_string_equal(err.msg, "cards.csv, line 5: 1 field, the header has 2");
	assert_int_equal(csv_go_to(csv, 2, &err), KMS_ERR_INVALID);
	err = (struct kms_err){0};
	assert_int_equal(csv_go_to(csv, 6, &err), KMS_OK);
	assert_string_equal(csv_field(csv, 0), "6");
	assert_int_equal(csv_go_to(csv, 7, &err), KMS_ERR_NOT_FOUND);
}

static void files(void **state)
{
	CSV_AUTO struct csv *csv = NULL;
	char path[] = "/tmp/cardkms-csv-XXXXXX";
	struct kms_err err = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(csv_open(path, &csv, &err), KMS_ERR_INVALID);
	assert_non_null(strstr(err.msg, "not even a header line"));
	assert_int_equal(write(fd, "a\n1\n", 4), 4);
	assert_int_equal(csv_open(path, &csv, &err), KMS_OK);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	unlink(path);
	assert_int_equal(csv_rewind(csv, &err), KMS_ERR_IO);
	csv_close(&csv);
	assert_int_equal(csv_open(path, &csv, &err), KMS_ERR_NOT_FOUND);
	assert_int_equal(csv_open("/dev/null", &csv, &err), KMS_ERR_INVALID);
	assert_int_equal(csv_open("/", &csv, NULL), KMS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_columns),
		cmocka_unit_test(refusals),
		cmocka_unit_test(bounds),
		cmocka_unit_test(after_a_wrong_line),
		cmocka_unit_test(rows_by_line),
		cmocka_unit_test(rows_among_wrong_ones),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
