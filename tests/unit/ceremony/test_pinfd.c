/* SPDX-License-Identifier: Apache-2.0 */
/* cli/ is a program, not a library: its files are compiled in here. */
#include "cli/pinfd.c"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

static enum kms_status read_text(
	const char *text, size_t len, struct pinfd *secrets, struct kms_err *err)
{
	int fd = memfd_create("secrets", MFD_CLOEXEC);
	enum kms_status st;

	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	st = pinfd_read(fd, secrets, err);
	close(fd);
	return st;
}

static void is(struct pinfd *secrets, const char *name, const char *value)
{
	const struct secret *got = pinfd_get(secrets, name);

	assert_non_null(got);
	assert_int_equal(got->len, strlen(value));
	assert_string_equal((const char *)got->data, value);
}

static void test_values(void **state)
{
	static const char text[] = "so-pin=1234=5678\n"
				   "\n"
				   "officer.A. Ortiz= leading and trailing blank \r\n"
				   "empty=\n"
				   "component.2=8D1F 04C2\n"
				   "check-value.2=3FA2B1";
	PINFD_AUTO struct pinfd s = {0};
	const struct secret *value = NULL;
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(read_text(text, strlen(text), &s, &err), KMS_OK);
	is(&s, "so-pin", "1234=5678");
	is(&s, "officer.A. Ortiz", " leading and trailing blank ");
	is(&s, "empty", "");
	assert_string_equal(
		(const char *)pinfd_get_numbered(&s, "component", 2)->data, "8D1F 04C2");
	assert_int_equal(pinfd_need(&s, "check-value.2", &value, &err), KMS_OK);
	assert_string_equal((const char *)value->data, "3FA2B1");
	assert_null(pinfd_get(&s, "pin"));
	assert_null(pinfd_get_numbered(&s, "component", 1));
	assert_int_equal(pinfd_need(&s, "component.1", &value, &err), KMS_ERR_INVALID);
	assert_string_equal(err.msg, "--pin-fd has no line 'component.1=...'");
}

static void test_unused_names(void **state)
{
	static const char text[] = "pin=1\nofficer.B=2\nsecret stuff=3\npn=4\n";
	PINFD_AUTO struct pinfd s = {0};
	size_t pos = 0;

	(void)state;
	assert_int_equal(read_text(text, strlen(text), &s, NULL), KMS_OK);
	is(&s, "pin", "1");
	assert_string_equal(pinfd_unused(&s, &pos), "officer.B");
	/* May be a secret typed on the wrong side: not shown. */
	assert_string_equal(pinfd_unused(&s, &pos), "(a name that is none of ours)");
	assert_string_equal(pinfd_unused(&s, &pos), "pn");
	assert_null(pinfd_unused(&s, &pos));
}

static void refused(const char *text, size_t len, const char *message)
{
	PINFD_AUTO struct pinfd s = {0};
	struct kms_err err = {0};

	if (read_text(text, len, &s, &err) != KMS_ERR_INVALID || !strstr(err.msg, message))
		fail_msg("'%s'", err.msg);
	assert_null(s.entries);
	assert_null(strstr(err.msg, "5F5F"));
	assert_null(strstr(err.hint, "5F5F"));
}

static void test_refusals(void **state)
{
	static char many[20000];
	size_t len = 0;

	(void)state;
	refused("pin=1\n5F5F5F5F\n", 16, "--pin-fd, line 2: not name=value");
	refused("=5F5F\n", 6, "line 1: not name=value");
	refused("a\0b=5F5F\n", 9, "line 1: not name=value");
	refused("pin=5F5F\nx=1\npin=5F5F\n", 22, "line 3: the same name as in line 1 ('pin')");
	refused("5F5F=pin\n5F5F=pin\n", 18, "line 2: the same name as in line 1");
	memset(many, 'x', sizeof(many));
	refused(many, PINFD_NAME_MAX + 1, "line 1: not name=value");
	many[PINFD_NAME_MAX + 1] = '=';
	refused(many, PINFD_NAME_MAX + 10, "line 1: not name=value");
	for (int i = 0; i <= PINFD_LINES_MAX; i++)
		len += (size_t)sprintf(many + len, "n%d=v\n", i);
	refused(many, len, "line 257: more than 256 secrets");
	memset(many, '\n', sizeof(many));
	refused(many, PINFD_MAX + 1, "holds more than 16000 bytes");
}

static void test_limit_itself_is_fine(void **state)
{
	static char text[PINFD_MAX];
	PINFD_AUTO struct pinfd s = {0};
	struct kms_err err = {0};

	(void)state;
	memset(text, 'v', sizeof(text));
	memcpy(text, "long=", 5);
	assert_int_equal(read_text(text, sizeof(text), &s, &err), KMS_OK);
	assert_int_equal(pinfd_get(&s, "long")->len, sizeof(text) - 5);
}

static void test_closed_fd(void **state)
{
	PINFD_AUTO struct pinfd s = {0};
	struct kms_err err = {0};

	(void)state;
	assert_int_equal(pinfd_read(1000, &s, &err), KMS_ERR_IO);
	assert_non_null(strstr(err.msg, "cannot read the secrets from --pin-fd 1000"));
}

/* A pipe gives its bytes in pieces. */
static void test_pipe(void **state)
{
	PINFD_AUTO struct pinfd s = {0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	if (fork() == 0) {
		for (const char *p = "pin=secret\nso-pin=other\n"; *p; p++)
			if (write(fds[1], p, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(pinfd_read(fds[0], &s, NULL), KMS_OK);
	close(fds[0]);
	is(&s, "pin", "secret");
	is(&s, "so-pin", "other");
}

static int open_heap(void **state)
{
	(void)state;
	return secret_heap_open(NULL) != KMS_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unused_names),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limit_itself_is_fine),
		cmocka_unit_test(test_closed_fd),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
