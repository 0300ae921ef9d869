/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands twice is found, and nothing else, also where the filter alone would say more. */
#include "base/twice.h"
#include "support/expect.h"

#include <stdio.h>

static struct kms_err err;

enum { ITEMS = 1000000, FIRST = 17, AGAIN = 999990 };

/* Item number i; two of them are the same. */
static size_t item(int64_t i, char out[32])
{
	return (size_t)snprintf(out, 32, "card %lld", (long long)(i == AGAIN ? FIRST : i));
}

static void test_found(void **state)
{
	TWICE_AUTO struct twice *t = NULL;
	char text[32];
	int64_t found = 0, before = 0;
	bool full = false;

	(void)state;
	expect_ok(&err, twice_new(&t, &err));
	for (int64_t i = 1; i <= ITEMS; i++) {
		size_t len = item(i, text);

		expect_ok(&err, twice_seen(t, 0, text, len, true, &full, &err));
		assert_false(full);
	}
	twice_settle(t);
	assert_true(twice_suspects(t) >= 1);
	/* A filter that suspects everything would be no filter. */
	assert_true(twice_suspects(t) < 1000);
	for (int64_t i = 1; i <= ITEMS; i++) {
		size_t len = item(i, text);
		int64_t place = twice_again(t, 0, text, len, i);

		if (place) {
			found++;
			before = place;
		}
	}
	assert_int_equal(found, 1);
	assert_int_equal(before, FIRST);
	twice_clear(t);
	assert_int_equal(twice_suspects(t), 0);
}

/* The same bytes as another kind are another item; and a window that is over knows nothing. */
static void test_kinds_and_windows(void **state)
{
	TWICE_AUTO struct twice *t = NULL;
	bool full;

	(void)state;
	expect_ok(&err, twice_new(&t, &err));
	expect_ok(&err, twice_seen(t, 0, "a", 1, true, &full, &err));
	expect_ok(&err, twice_seen(t, 1, "a", 1, true, &full, &err));
	expect_ok(&err, twice_seen(t, 0, "b", 1, false, &full, &err));
	expect_ok(&err, twice_seen(t, 0, "b", 1, true, &full, &err));
	twice_settle(t);
	assert_int_equal(twice_suspects(t), 0);
	expect_ok(&err, twice_seen(t, 0, "b", 1, false, &full, &err));
	twice_settle(t);
	assert_int_equal(twice_suspects(t), 1);
	twice_forget(t);
	expect_ok(&err, twice_seen(t, 0, "a", 1, true, &full, &err));
	twice_settle(t);
	assert_int_equal(twice_suspects(t), 1);
	assert_int_equal(twice_again(t, 0, "b", 1, 3), 0);
	assert_int_equal(twice_again(t, 0, "a", 1, 4), 0);
	assert_int_equal(twice_again(t, 0, "b", 1, 5), 3);
	expect_err(&err, twice_seen(t, 0, (char[65]){0}, 65, true, &full, &err), KMS_ERR_INTERNAL,
		"65 bytes");
}

/* All the same: it says in time that a second reading is due. */
static void test_full(void **state)
{
	TWICE_AUTO struct twice *t = NULL;
	char text[32];
	bool full = false;
	int64_t n = 0;

	(void)state;
	expect_ok(&err, twice_new(&t, &err));
	for (int round = 0; round < 2; round++)
		for (n = 0; !full && n < TWICE_SUSPECTS + 100; n++) {
			size_t len = item(1000 + n, text);

			expect_ok(&err, twice_seen(t, 0, text, len, true, &full, &err));
		}
	assert_true(full);
	assert_true(n <= TWICE_SUSPECTS);
	twice_settle(t);
	assert_true(twice_suspects(t) <= TWICE_SUSPECTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_kinds_and_windows),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
