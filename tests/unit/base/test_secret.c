/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"
#include "support/expect.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kms_err err;

/* Before the heap is open there is no secret: run first. */
static void test_closed(void **state)
{
	struct secret s = {0};

	(void)state;
	expect_err(&err, secret_alloc(&s, 16, &err), KMS_ERR_NOMEM, "16 secret bytes");
	assert_null(s.data);
}

/* Where memory cannot be locked there are no secrets either. Root may lock all it likes. */
static void test_no_memlock(void **state)
{
	const struct rlimit none = {0, 0};
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) || (geteuid() == 0 && setuid(65534)))
			_exit(9);
		_exit(secret_heap_open(&err) == KMS_ERR_IO && strstr(err.hint, "memlock") ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_open(void **state)
{
	struct rlimit core;

	(void)state;
	expect_ok(&err, secret_heap_open(&err));
	expect_ok(&err, secret_heap_open(&err));
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &core), 0);
	assert_int_equal(core.rlim_max, 0);
}

static void test_life(void **state)
{
	SECRET_AUTO struct secret a = {0}, b = {0};

	(void)state;
	expect_ok(&err, secret_alloc(&a, 16, &err));
	assert_int_equal(a.len, 16);
	assert_true(CRYPTO_secure_allocated(a.data));
	for (size_t i = 0; i <= 16; i++) /* the zero byte after it too */
		assert_int_equal(a.data[i], 0);
	expect_ok(&err, secret_copy(&b, "0123456789ABCDEF", 16, &err));
	assert_false(secret_equal(&a, &b));
	expect_ok(&err, secret_copy(&a, b.data, 16, &err));
	assert_true(secret_equal(&a, &b));
	for (int i = 0; i < 20; i++)
		expect_ok(&err, secret_append(&a, "0123456789", 10, &err));
	assert_int_equal(a.len, 216);
	assert_memory_equal(a.data, "0123456789ABCDEF0123456789", 26);
	assert_memory_equal(a.data + 206, "0123456789", 11);
	assert_true(CRYPTO_secure_allocated(a.data));
	assert_false(secret_equal(&a, &b));
	secret_take(&b, &a);
	assert_null(a.data);
	assert_int_equal(b.len, 216);
	secret_take(&b, &b);
	assert_int_equal(b.len, 216);
	assert_true(secret_equal(&a, &(struct secret){0}));
	secret_free(&a);
	secret_free(&a);
	expect_ok(&err, secret_alloc(&a, 0, &err));
	assert_non_null(a.data);
	assert_int_equal(a.len, 0);
}

static void test_wiped_when_freed(void **state)
{
	SECRET_AUTO struct secret s = {0};
	unsigned char *where;
	unsigned char block[32];

	(void)state;
	memset(block, 0xA7, sizeof(block));
	expect_ok(&err, secret_copy(&s, block, sizeof(block), &err));
	where = s.data;
	secret_free(&s);
	/* The arena is still mapped: what is left there must not be the secret. */
	for (size_t i = 0; i < sizeof(block); i++)
		if (where[i] == 0xA7 && where[(i + 1) % sizeof(block)] == 0xA7)
			fail_msg("byte %zu is still there", i);
	secret_wipe(block, sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++)
		assert_int_equal(block[i], 0);
}

static void test_too_much(void **state)
{
	SECRET_AUTO struct secret s = {0};

	(void)state;
	expect_ok(&err, secret_copy(&s, "kept", 4, &err));
	expect_err(&err, secret_alloc(&s, 1 << 20, &err), KMS_ERR_NOMEM, "locked memory");
	assert_int_equal(s.len, 4);
	assert_memory_equal(s.data, "kept", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_no_memlock),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_wiped_when_freed),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
