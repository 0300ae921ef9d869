/* SPDX-License-Identifier: Apache-2.0 */
/* What is on paper, read back by pdftotext and zbarimg. */
#include "base/buf.h"
#include "ceremony/sheet.h"
#include "paper/child.h"
#include "paper/report.h"
#include "paper/sheet.h"

#include "support/cer_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

static const char pdf[] = "page.pdf";

static int fresh(void)
{
	int fd = open(pdf, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	return fd;
}

/* What a command prints, in memory that the caller frees. */
static char *output(const char *command)
{
	FILE *f = popen(command, "r");
	char *text = calloc(1, 1 << 20);
	size_t len;

	assert_non_null(f);
	assert_non_null(text);
	len = fread(text, 1, (1 << 20) - 1, f);
	text[len] = 0;
	assert_int_equal(pclose(f), 0);
	return text;
}

static char *page_text(void)
{
	return output("pdftotext -layout page.pdf - 2>/dev/null");
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

static void make_sheet(struct secret *ret_text, enum key_alg alg, const char *name)
{
	struct cer_pairs pairs = cer_fixture_pairs(3);
	struct cer_setup setup = cer_fixture_setup(CER_CREATE, alg, &pairs);
	CER_SHEET_AUTO struct cer_sheet sheet = {
		.serial = 17,
		.ceremony = "7F3K-22QD",
		.purpose = "transport key",
		.label = "TK-EXAMPLE-2026",
		.alg = alg,
		.component = 2,
		.components = 3,
		.custodians = pairs.pairs[1],
		.here = setup.here,
		.partner = setup.partner_identity,
		.has_partner = true,
	};
	struct kms_err err = {0};

	if (name)
		strcpy(sheet.custodians.names[1], name);
	cer_fixture_component(alg, 7, 2, &sheet.bytes);
	cer_fixture_must(key_kcv_default(alg, &sheet.bytes, &sheet.kcv, &err), &err);
	cer_fixture_must(cer_sheet_render(&sheet, ret_text, &err), &err);
}

/* The lines of the sheet's component, and how many of their groups of four digits are in text. */
static void groups_in(
	const struct secret *sheet, const char *text, unsigned *ret_lines, unsigned *ret_found)
{
	*ret_lines = *ret_found = 0;
	for (const char *line = (const char *)sheet->data; (line = strchr(line, '\n'));) {
		line++;
		if (line[0] < '1' || line[0] > '9' || line[1] != ':')
			continue;
		(*ret_lines)++;
		for (int g = 0; g < 4; g++)
			*ret_found += memmem(text, strlen(text), line + 4 + 5 * g, 4) != NULL;
	}
}

/* Everything that stands on the text sheet stands on paper, digits in the same groups. */
static void sheet_says_what_the_text_says(void **state)
{
	static const enum key_alg algs[] = {KEY_TDEA2, KEY_TDEA3, KEY_AES256};
	(void)state;

	for (size_t a = 0; a < sizeof(algs) / sizeof(*algs); a++) {
		SECRET_AUTO struct secret sheet = {0};
		FREE_AUTO char *text = NULL;
		struct kms_err err = {0};
		unsigned lines, found;
		int fd = fresh();

		make_sheet(&sheet, algs[a], NULL);
		assert_int_equal(paper_sheet(&sheet, fd, pdf, &err), KMS_OK);
		close(fd);
		text = page_text();
		groups_in(&sheet, text, &lines, &found);
		assert_int_equal(found, 4 * lines);
		assert_int_equal(lines, key_alg_info(algs[a])->length / 8);
		has(text, "000017");
		has(text, "7F3K-22QD");
		has(text, "TK-EXAMPLE-2026");
		has(text, "2 of 3");
		has(text, "C. Haddad");
		has(text, "D. Novak");
		has(text, "0001 0203");
		has(text, "aardvark adviser accrue");
		has(text, "Zulu yesteryear willow");
		has(text, "tamper-evident bag number");
		has(text, key_kcv_method_name(key_alg_info(algs[a])->kcv));
	}
}

/* A name that the font cannot show is refused by name of the character; nothing comes out. */
static void missing_characters_are_refused(void **state)
{
	SECRET_AUTO struct secret sheet = {0};
	struct kms_err err = {0};
	int fd = fresh();

	(void)state;
	make_sheet(&sheet, KEY_AES128, "D. 諾瓦克");
	assert_int_equal(paper_sheet(&sheet, fd, pdf, &err), KMS_ERR_INVALID);
	has(err.msg, "U+8AFE");
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	secret_free(&sheet);
	make_sheet(&sheet, KEY_AES128, "Đ. Łukasz-Ñandú");
	fd = fresh();
	assert_int_equal(paper_sheet(&sheet, fd, pdf, &err), KMS_OK);
	close(fd);
}

static void printer_that_takes_nothing(void **state)
{
	SECRET_AUTO struct secret sheet = {0};
	struct kms_err err = {0};
	unsigned lines, found;
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	make_sheet(&sheet, KEY_AES128, NULL);
	assert_int_equal(paper_sheet(&sheet, full, "/dev/full", &err), KMS_ERR_IO);
	has(err.msg, "/dev/full");
	groups_in(&sheet, err.msg, &lines, &found);
	assert_int_equal(found, 0);
	close(full);
}

static void text_that_is_no_sheet(void **state)
{
	SECRET_AUTO struct secret sheet = {0};
	struct kms_err err = {0};
	int fd = fresh();

	(void)state;
	assert_int_equal(secret_copy(&sheet, "hello\n", 6, &err), KMS_OK);
	assert_int_equal(paper_sheet(&sheet, fd, pdf, &err), KMS_ERR_INVALID);
	close(fd);
}

static enum kms_status die(const void *ctx, struct kms_err *err)
{
	(void)err;
	raise(*(const int *)ctx);
	pause();
	return KMS_OK;
}

static void child_that_dies_is_an_error(void **state)
{
	const int kill = SIGKILL, wait = 0;
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(paper_in_child(die, &kill, 10, &err), KMS_ERR_IO);
	has(err.msg, "signal 9");
	assert_int_equal(paper_in_child(die, &wait, 1, &err), KMS_ERR_IO);
	has(err.msg, "longer than 1 s");
	has(err.hint, "void");
}

static void report_is_read_back(void **state)
{
	static const struct report_column columns[] = {
		{"time", 20}, {"component", 15}, {"what", 65}};
	static const char *const names[] = {"M. Keller", "P. Duarte", ""};
	static const char qr[] = "cardkms minutes 7F3K-22QD 504A77 aes-gp";
	REPORT_AUTO struct report *r = NULL;
	FREE_AUTO char *text = NULL;
	FREE_AUTO char *code = NULL;
	struct kms_err err = {0};
	char row[400];
	int fd = fresh();

	(void)state;
	assert_int_equal(report_open("Minutes", "Key ceremony 7F3K-22QD", &r, &err), KMS_OK);
	assert_int_equal(report_heading(r, "Steps", &err), KMS_OK);
	assert_int_equal(report_field(r, "program",
				 "7B01380166539F4FBBDBAF1CCCD1B3EDEEE4D8D86475561114FB6819D451460B"
				 "7B01380166539F4FBBDBAF1CCCD1B3EDEEE4D8D86475561114FB6819D451460B",
				 &err),
		KMS_OK);
	assert_int_equal(report_table(r, columns, 3, &err), KMS_OK);
	for (int i = 0; i < 90; i++) {
		const char *cells[] = {"2026-11-26 10:00", "2", row};

		snprintf(row, sizeof(row),
			"event number %d: the pair has confirmed, by retyping it from the paper, "
			"the check value of its component",
			i);
		assert_int_equal(report_row(r, cells, &err), KMS_OK);
	}
	assert_int_equal(report_signatures(r, names, 3, &err), KMS_OK);
	assert_int_equal(report_qr(r, qr, "what is said above, for machines", &err), KMS_OK);
	assert_int_equal(report_write(r, fd, pdf, &err), KMS_OK);
	close(fd);
	text = page_text();
	has(text, "event number 0:");
	has(text, "event number 89:");
	has(text, "page 1 of 5");
	has(text, "page 5 of 5");
	has(text, "P. Duarte");
	code = output("pdftoppm -r 150 -f 5 -png page.pdf qr 2>/dev/null && "
		      "zbarimg -q --raw -Sdisable -Sqrcode.enable qr-5.png 2>/dev/null");
	assert_string_equal(strtok(code, "\n"), qr);
}

static int heap(void **state)
{
	struct kms_err err;

	(void)state;
	return secret_heap_open(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sheet_says_what_the_text_says),
		cmocka_unit_test(missing_characters_are_refused),
		cmocka_unit_test(printer_that_takes_nothing),
		cmocka_unit_test(text_that_is_no_sheet),
		cmocka_unit_test(child_that_dies_is_an_error),
		cmocka_unit_test(report_is_read_back),
	};

	return cmocka_run_group_tests(tests, heap, NULL);
}
