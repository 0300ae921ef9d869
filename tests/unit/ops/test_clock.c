/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that was set back: nothing is done before the time of the last audit entry, and what the
 * log says stays in order. The machine's own clock is left alone: the site has one to be injected.
 */
#include "base/clock.h"
#include "ops/meta.h"
#include "ops/ops.h"
#include "store/auditlog.h"
#include "support/softhsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { DAY = 24 * 3600 };

/* A test's clock has no argument: what it says stands here. */
static int64_t time_now;

static int64_t told(void)
{
	return time_now;
}

static enum kms_status give_passphrase(void *ctx, const char *name, const char *prompt,
	struct secret *ret_value, struct kms_err *err)
{
	(void)ctx;
	(void)prompt;
	if (strcmp(name, "pin") == 0)
		return secret_copy(ret_value, "87654321", 8, err);
	if (strcmp(name, "so-pin") == 0)
		return secret_copy(ret_value, "12345678", 8, err);
	return secret_copy(ret_value, "correct horse", 13, err);
}

struct fixture {
	struct softhsm token;
	char dir[128];
	struct op_site *site;
	struct kms_err err;
};

#define OK(call)                                                                 \
	do {                                                                     \
		if ((call) != KMS_OK)                                            \
			fail_msg("%s: %s (%s)", #call, f->err.msg, f->err.hint); \
	} while (0)

static void reopen(struct fixture *f)
{
	const struct op_front front = {.secret = give_passphrase, .new_secret = give_passphrase};

	op_site_close(f->site);
	f->site = NULL;
	OK(op_site_open(f->dir, &front, &f->site, &f->err));
	f->site->now = told;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct op_site_options options = {.name = "Card Maker",
		.role = "manufacturer",
		.hsm_uri = "pkcs11:token=clock?module-path=" SOFTHSM_MODULE};
	json_t *report = NULL;

	assert_non_null(f);
	assert_int_equal(secret_heap_open(&f->err), KMS_OK);
	softhsm_open(&f->token);
	snprintf(f->dir, sizeof(f->dir), "%s/site", f->token.dir);
	OK(op_site_init(f->dir, &options, NULL, false, &report, &f->err));
	json_decref(report);
	/* site init has no clock to inject: its entry bears the machine's time, so all else is later. */
	time_now = clock_now() + DAY;
	reopen(f);
	report = NULL;
	OK(op_hsm_setup(f->site, &(struct op_hsm_setup){0}, &report, &f->err));
	json_decref(report);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	op_site_close(f->site);
	softhsm_close(&f->token);
	free(f);
	return 0;
}

static int64_t entries(struct fixture *f)
{
	int64_t size = -1;

	OK(store_audit_size(f->site->store, &size, &f->err));
	return size;
}

static enum kms_status add_officer(struct fixture *f, const char *name)
{
	json_t *report = NULL;
	enum kms_status st = op_officer_add(f->site, name, "custodian", &report, &f->err);

	json_decref(report);
	return st;
}

static size_t officers(struct fixture *f)
{
	json_t *list = NULL;
	size_t count;

	OK(op_officer_list(f->site, &list, &f->err));
	count = json_array_size(list);
	json_decref(list);
	return count;
}

static void a_clock_set_back_stops_every_change(void **state)
{
	struct fixture *f = *state;
	const int64_t before = entries(f), now = time_now;
	const size_t people = officers(f);
	char text[CLOCK_TEXT_SIZE];
	json_t *report = NULL;

	time_now = now - DAY;
	reopen(f);
	assert_int_equal(add_officer(f, "ana"), KMS_ERR_STATE);
	assert_non_null(strstr(f->err.msg, "but the last audit entry was made at"));
	clock_format(now, text);
	assert_non_null(strstr(f->err.msg, text));
	clock_format(time_now, text);
	assert_non_null(strstr(f->err.msg, text));
	assert_non_null(strstr(f->err.hint, "set the machine's clock right"));
	assert_int_equal(officers(f), people);
	/* Neither an intent nor a failure dated before its predecessor. */
	assert_int_equal(entries(f), before);

	/* What changes nothing can still be read, and the log still verifies. */
	OK(op_audit_verify(f->site, NULL, &report, &f->err));
	json_decref(report);
	report = NULL;
	OK(op_key_list(f->site, NULL, NULL, &report, &f->err));
	json_decref(report);
	report = NULL;
	assert_int_equal(op_audit_checkpoint(f->site, &report, &f->err), KMS_ERR_STATE);
	assert_null(report);

	time_now = now;
	reopen(f);
	OK(add_officer(f, "ana"));
	assert_int_equal(officers(f), people + 1);
}

static void a_correction_of_seconds_does_not(void **state)
{
	struct fixture *f = *state;
	STORE_AUTO(entry) struct store_entry last = {0};
	const int64_t now = time_now;
	json_t *report = NULL;

	time_now = now - 3;
	reopen(f);
	OK(add_officer(f, "ben"));
	/* The entry is dated with the one before it, not before it. */
	OK(store_audit_get(f->site->store, entries(f) - 1, &last, &f->err));
	assert_int_equal(last.time, now);
	OK(op_audit_verify(f->site, NULL, &report, &f->err));
	json_decref(report);
	time_now = now;
}

static void a_clock_set_forward_is_believed(void **state)
{
	struct fixture *f = *state;

	/* Nobody can tell it from the truth; the way back is then what is refused. */
	time_now += 30LL * DAY;
	reopen(f);
	OK(add_officer(f, "cem"));
	time_now -= 30LL * DAY;
	reopen(f);
	assert_int_equal(add_officer(f, "dan"), KMS_ERR_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_set_back_stops_every_change),
		cmocka_unit_test(a_correction_of_seconds_does_not),
		cmocka_unit_test(a_clock_set_forward_is_believed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
